//! One sealed file under check.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clsecrets::config::{Rule as CreationRule, RulesFile, guard};
use clsecrets::envelope::{EnvelopeError, OpenOptions, Sealed};
use clsecrets::error::quoted;
use clsecrets::format::Format;
use clsecrets::keys::{self, identity, label};
use clsecrets::metadata::Metadata;
use clsecrets::scan::data_key::NEW_DATA_KEY;
use clsecrets::scan::{Finding, Severity, checks};
use clsecrets::secret::DataKey;
use clsecrets::{Code, Error};

use super::super::Context;
use super::super::data_keys::{self, Renewal, Version};
use super::super::git::history::{self, Committed};
use super::super::guarding::Guarding;
use super::super::input::{Input, Naming};
use super::super::opening::Opener;
use super::super::sealing::rule_of;
use super::from_top;
use super::standing::{Reader, Standing};

/// How files are looked at.
pub(super) struct Look<'a> {
    pub(super) online: bool,
    pub(super) max_age: Option<u32>,
    pub(super) guarding: &'a Guarding,
    pub(super) opener: &'a Opener<'a>,
    pub(super) root: &'a Path,
    /// What is not as HEAD has it, from the top.
    pub(super) changed: BTreeSet<PathBuf>,
    pub(super) context: &'a Context,
}

/// What was seen.
pub(super) struct Looked {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
    pub(super) unjudged: Vec<String>,
    pub(super) standing: Standing,
}

/// Days after which a data key is worth a word.
const OLD: i64 = 365;
const DAY: i64 = 86_400;

impl Look<'_> {
    /// The path that reports have.
    pub(super) fn shown(&self, file: &Path) -> String {
        let absolute = self.context.settings.absolute(file);
        // As the structure names it: without `.` and `..`.
        let plain: PathBuf = absolute.components().collect();
        from_top(&plain, self.root)
    }

    pub(super) fn at(&self, file: &Path) -> Result<Looked, Error> {
        let settings = &self.context.settings;
        let input = Input::read(file, &Naming::default(), settings)?;
        let shown = self.shown(file);
        let mut looked = Looked {
            findings: Vec::new(),
            notes: Vec::new(),
            unjudged: Vec::new(),
            standing: Standing::of(&shown),
        };
        let text = input.text.clone();
        let sealed = match Sealed::parse(input.format, text) {
            Ok(sealed) => sealed,
            Err(EnvelopeError::NotSealed) => {
                let hint = format!("clsecrets encrypt -i {}", quoted(&shown));
                let message = "this file is not sealed".to_owned();
                let finding = checks::NOT_SEALED.finding(&shown, Severity::Error, message, hint);
                looked.findings.push(finding);
                return Ok(looked);
            }
            Err(error) => return Err(error.about(&input.name, true)),
        };
        let metadata = sealed.metadata();
        self.rule(file, &shown, metadata, input.format.has_keys(), &mut looked)?;
        looked.standing.keeps_layout = metadata.layout.is_some();
        twice(&shown, metadata, &mut looked);
        self.age(&shown, metadata, &mut looked);
        self.readers(metadata, &mut looked);
        let is_changed = self.changed.contains(Path::new(&shown));
        let text = is_changed.then(|| input.text.clone());
        let format = input.format;
        let key = if self.online {
            self.open(input, metadata, &shown, &mut looked)?
        } else {
            None
        };
        if let Some(text) = text {
            let now = Version {
                text: &text,
                key: key.as_ref(),
            };
            self.data_key(file, &shown, format, now, &mut looked);
        }
        Ok(looked)
    }

    /// Against the data key that it has at HEAD.
    fn data_key(
        &self,
        file: &Path,
        shown: &str,
        format: &'static dyn Format,
        now: Version<'_>,
        looked: &mut Looked,
    ) {
        let path = self.context.settings.absolute(file);
        let Committed::Text(text) = history::at(&path, "HEAD") else {
            return;
        };
        let key = match now.key {
            Some(_) => self.opener.data_key(format, text.clone()),
            None => None,
        };
        let then = Version {
            text: &text,
            key: key.as_ref(),
        };
        if let Some(certainty) = data_keys::compare(shown, now, then) {
            let Renewal { message, hint, .. } = Renewal::since_head(&path, shown, certainty);
            let finding = NEW_DATA_KEY.finding(shown, Severity::Warning, message, hint);
            looked.findings.push(finding);
        }
    }

    /// Against the creation rule that covers it.
    fn rule(
        &self,
        file: &Path,
        shown: &str,
        metadata: &Metadata,
        has_keys: bool,
        looked: &mut Looked,
    ) -> Result<(), Error> {
        let path = self.context.settings.absolute(file);
        let (rules, owned) = self.guarding.rules(&path, self.context)?;
        let path = owned.as_deref().unwrap_or(&path);
        let rule = match &rules {
            Some(rules) => rules.rule_for(path)?,
            None => None,
        };
        let (Some(rules), Some(rule)) = (&rules, rule) else {
            looked.standing.rule = None;
            if let (Some(rules), Some(_)) = (&rules, &owned) {
                let place = from_top(rules.path(), self.root);
                looked.findings.push(checks::RECIPIENTS.finding(
                    shown,
                    Severity::Error,
                    format!("no creation rule of {place} covers it, and an environment names it"),
                    format!("add a creation rule for it to {place}"),
                ));
            }
            return Ok(());
        };
        let place = from_top(rules.path(), self.root);
        looked.standing.rule = Some(format!("rule {} of {place}", rule.number));
        let follow = format!("clsecrets updatekeys {}", quoted(shown));
        match rule.seal_for(rules) {
            Ok(ruled) => {
                if let Err(differs) = guard(Some(&ruled), &metadata.key_groups) {
                    let error = differs.about(shown, &place);
                    let details = error.details.iter().map(|line| line.replace("  ", " "));
                    let message = format!(
                        "its recipients are not those of rule {} of {place}: {}",
                        rule.number,
                        details.collect::<Vec<_>>().join("; ")
                    );
                    let check = checks::RECIPIENTS;
                    looked.findings.push(check.finding(
                        shown,
                        Severity::Error,
                        message,
                        follow.clone(),
                    ));
                }
            }
            Err(error) => looked.unjudged.push(error.to_string()),
        }
        if has_keys && (rule.selection.is_some() || owned.is_some()) {
            selection(rules, &rule, metadata, shown, follow, looked)?;
        }
        Ok(())
    }

    fn age(&self, shown: &str, metadata: &Metadata, looked: &mut Looked) {
        let made = metadata.key_groups.recipients().filter_map(|one| {
            let made: jiff::Timestamp = one.fields.text("created_at")?.parse().ok()?;
            let seconds = made.as_second();
            Some((self.context.settings.now - seconds).max(0) / DAY)
        });
        let Some(days) = made.max() else { return };
        looked.standing.days = Some(days);
        let (limit, severity) = match self.max_age {
            Some(limit) => (i64::from(limit), Severity::Error),
            None => (OLD, Severity::Warning),
        };
        if days > limit {
            let message = format!("its data key is {days} days old, and {limit} are the limit");
            let hint = format!("clsecrets rotate -i {}", quoted(shown));
            looked
                .findings
                .push(checks::AGE.finding(shown, severity, message, hint));
        }
    }

    /// Who can open it, and with what credentials that would be.
    fn readers(&self, metadata: &Metadata, looked: &mut Looked) {
        let settings = &self.context.settings;
        let groups = &metadata.key_groups;
        looked.standing.threshold = groups.are_shared().then(|| groups.threshold());
        for (group, members) in groups.groups().iter().enumerate() {
            for recipient in &members.recipients {
                let is_at_hand = self.opener.keyring().is_at_hand(recipient, settings);
                looked
                    .standing
                    .readers
                    .push(Reader::of(recipient, group, is_at_hand, settings));
            }
        }
    }

    fn open(
        &self,
        input: Input,
        metadata: &Metadata,
        shown: &str,
        looked: &mut Looked,
    ) -> Result<Option<DataKey>, Error> {
        let keyring = self.opener.keyring();
        let trying = keyring.try_each(&metadata.key_groups, &self.context.settings);
        for (tried, reader) in keys::block_on(trying)?
            .into_iter()
            .zip(&mut looked.standing.readers)
        {
            if tried.is_divided {
                let message = format!(
                    "{} {} holds another data key than the others, so what it opens is not this file",
                    reader.kind, reader.label
                );
                let hint = format!("git log -p -- {}    # who has put it in?", quoted(shown));
                let check = checks::DIVIDED;
                looked
                    .findings
                    .push(check.finding(shown, Severity::Error, message, hint));
            }
            reader.outcome = Some(
                tried
                    .failure
                    .map_or(Ok(()), |failure| Err((failure.reason, failure.hint))),
            );
        }
        let (name, text) = (input.name, input.text);
        match self
            .opener
            .open_text(&name, input.format, text, OpenOptions::default())
        {
            Ok((opened, key)) => {
                looked.standing.opened = Some(true);
                for warning in &opened.warnings {
                    looked.notes.push(format!("{shown}: {warning}"));
                }
                if let Some(note) = opened.layout_note() {
                    looked.notes.push(format!("{shown}: {note}"));
                }
                return Ok(Some(key));
            }
            Err(error) if matches!(error.code, Code::Mac | Code::Token) => {
                looked.standing.opened = Some(false);
                let hint = error.hints.first().cloned().unwrap_or_default();
                let check = checks::OPENS;
                looked
                    .findings
                    .push(check.finding(shown, Severity::Error, error.message, hint));
            }
            Err(error) => {
                looked.standing.opened = Some(false);
                let details = error.details.join("; ");
                looked.unjudged.push(if details.is_empty() {
                    error.message
                } else {
                    format!("{}: {details}", error.message)
                });
            }
        }
        Ok(None)
    }
}

fn selection(
    rules: &RulesFile,
    rule: &CreationRule,
    metadata: &Metadata,
    shown: &str,
    follow: String,
    looked: &mut Looked,
) -> Result<(), Error> {
    let ruled = rule_of(rule)?;
    if ruled == metadata.rule && rule.mac_only_encrypted == metadata.mac_only_encrypted {
        return Ok(());
    }
    let said =
        |rule: &clsecrets::metadata::Rule| format!("{}: {}", rule.kind().field(), rule.argument());
    let message = if ruled == metadata.rule {
        format!(
            "mac_only_encrypted is {}, and rule {} says otherwise",
            metadata.mac_only_encrypted, rule.number
        )
    } else {
        format!(
            "it was sealed by {}, and rule {} of {} says {}",
            said(&metadata.rule),
            rule.number,
            rules.path().file_name().unwrap_or_default().display(),
            said(&ruled)
        )
    };
    let finding = checks::SELECTION.finding(shown, Severity::Error, message, follow);
    looked.findings.push(finding);
    Ok(())
}

fn twice(shown: &str, metadata: &Metadata, looked: &mut Looked) {
    for group in metadata.key_groups.groups() {
        let mut seen = BTreeSet::new();
        for recipient in &group.recipients {
            if !seen.insert(identity(recipient)) {
                let message = format!("{} {} is named twice", recipient.kind, label(recipient));
                let hint = format!("clsecrets updatekeys {}", quoted(shown));
                let finding = checks::TWICE.finding(shown, Severity::Error, message, hint);
                looked.findings.push(finding);
            }
        }
    }
}

//! What the rule of a file asks for that the file does not have. Nothing is opened for it.

use std::path::{Path, PathBuf};

use clsecrets::config::{Rule as CreationRule, RulesFile};
use clsecrets::envelope::Sealed;
use clsecrets::error::quoted;
use clsecrets::keys::label;
use clsecrets::metadata::{KeyGroups, Rule};
use clsecrets::{Code, Error};

use super::super::input::{Input, Naming, missing_is};
use super::super::kinds::KINDS;
use super::super::rewrapping::{differs, drop_named, shown};
use super::super::sealing::rule_of;
use super::super::{Context, Outcome, trees};
use super::{Following, SEALED};

/// What the rule of a file asks for that the file does not have.
pub(super) struct Difference {
    pub(super) input: Input,
    pub(super) path: PathBuf,
    pub(super) old: KeyGroups,
    /// As they will be, not wrapped for yet.
    pub(super) key_groups: KeyGroups,
    /// Another selection, if the rule has one.
    pub(super) selection: Option<(Rule, bool)>,
}

/// Says which files do not follow their rules, and in what; opens and writes none. Status 1 if any.
pub(crate) fn compare(files: &[PathBuf], args: &Following, context: &Context) -> Outcome {
    let files = trees::files(files, &SEALED, context)?;
    let compared = trees::each(files, "comparing with the rules", context, |file| {
        args.compare(file, context)
    });
    let (status, compared) = trees::summarize(compared, "compared with their rules", context);
    let mut differ = 0;
    for difference in compared
        .into_iter()
        .filter_map(|(_, difference)| difference)
    {
        differ += 1;
        let name = &difference.input.name;
        context.ui.line(&format!("{name}:"))?;
        context.ui.lines(difference.plan())?;
    }
    if differ == 0 {
        return Ok(status);
    }
    let files = if differ == 1 { "file does" } else { "files do" };
    context
        .ui
        .note(&format!("{differ} {files} not follow the rules"));
    context
        .ui
        .note("hint: clsecrets keys apply    # makes them");
    Ok(if status == 0 { 1 } else { status })
}

impl Following {
    /// What the rule of a file asks for that it does not have; nothing is opened.
    pub(super) fn compare(
        &self,
        file: &Path,
        context: &Context,
    ) -> Result<Option<Difference>, Error> {
        let naming = Naming {
            input_type: self.input_type.clone(),
            ..Naming::default()
        };
        let input =
            Input::read(file, &naming, &context.settings).map_err(missing_is(Code::Failed))?;
        let path = context.settings.absolute(file);
        let sealed = Sealed::parse(input.format, input.text.clone())
            .map_err(|error| error.about(&input.name, true))?;
        let metadata = sealed.metadata();
        let (rules, rule, is_owned) = self.rule(&path, &input.name, context)?;
        let old = metadata.key_groups.clone();
        let key_groups = self.wanted(&old, &rule, &rules, &input.name, context)?;
        // A rule without a word about it leaves that to the file, but for one of an environment.
        let has_selection = rule.selection.is_some() || is_owned;
        let selection = if has_selection && input.format.has_keys() {
            Some(rule_of(&rule)?)
        } else {
            None
        };
        let is_mac_changed =
            has_selection && rule.mac_only_encrypted != metadata.mac_only_encrypted;
        let is_reselected = selection
            .as_ref()
            .is_some_and(|rule| *rule != metadata.rule);
        // Somebody whom the rule names and nobody has wrapped for is to be wrapped for.
        let is_idle = old.recipients().any(|one| !one.is_wrapped());
        if !differs(&old, &key_groups) && !is_idle && !is_reselected && !is_mac_changed {
            return Ok(None);
        }
        let selection = selection
            .filter(|_| is_reselected || is_mac_changed)
            .map(|selection| (selection, rule.mac_only_encrypted));
        Ok(Some(Difference {
            input,
            path,
            old,
            key_groups,
            selection,
        }))
    }

    fn rule(
        &self,
        path: &Path,
        name: &str,
        context: &Context,
    ) -> Result<(RulesFile, CreationRule, bool), Error> {
        let (rules, owned) = self.guarding.rules(path, context)?;
        let is_owned = owned.is_some();
        let path = owned.as_deref().unwrap_or(path);
        let none = || {
            Error::new(Code::Failed, format!("no creation rule covers {name}"))
                .hint("add a rule to .sops.yaml whose path_regex matches it")
        };
        let rules = rules.ok_or_else(none)?;
        let rule = rules.rule_for(path)?.ok_or_else(none)?;
        Ok((rules, rule, is_owned))
    }

    /// The groups of the rule, and in them who the rule could not name.
    fn wanted(
        &self,
        old: &KeyGroups,
        rule: &CreationRule,
        rules: &RulesFile,
        name: &str,
        context: &Context,
    ) -> Result<KeyGroups, Error> {
        let ruled = rule.seal_for(rules)?;
        if ruled.recipients().next().is_none() {
            return Err(Error::new(
                Code::Failed,
                format!("the rule that covers {name} names no recipient"),
            )
            .hint(format!(
                "name them in {}",
                quoted(&rules.path().display().to_string())
            )));
        }
        // In place, so that what else the file says of its groups stays.
        let mut new = old.clone();
        while new.groups().len() > ruled.groups().len() {
            new.remove(new.groups().len() - 1);
        }
        for (at, group) in ruled.groups().iter().enumerate() {
            let mut members = group.recipients.clone();
            let Some(before) = new.groups_mut().get_mut(at) else {
                new.push(members);
                continue;
            };
            let is_foreign = |kind: &str| !KINDS.iter().any(|(field, _, _)| *field == kind);
            for recipient in before.recipients.iter().filter(|one| is_foreign(&one.kind)) {
                context.ui.note(&format!(
                    "{name}: {} stays; rules know no recipients of kind {}",
                    label(recipient),
                    recipient.kind
                ));
                members.push(recipient.clone());
            }
            before.recipients = members;
        }
        drop_named(&mut new, &self.drop_recipient, name, context);
        let count = i64::try_from(new.groups().len()).unwrap_or(i64::MAX);
        let given = self
            .shamir_secret_sharing_threshold
            .filter(|given| *given != 0);
        let ruled = (rule.shamir_threshold != 0).then_some(rule.shamir_threshold);
        let threshold = match given.or(ruled) {
            Some(threshold) => threshold,
            None => old.threshold().min(count),
        };
        Ok(new.with_threshold(threshold))
    }
}

impl Difference {
    fn plan(&self) -> Vec<String> {
        let mut plan = shown(&self.old, &self.key_groups);
        if let Some((rule, _)) = &self.selection {
            plan.push(format!("{}: {}", rule.kind().field(), rule.argument()));
        }
        plan
    }
}

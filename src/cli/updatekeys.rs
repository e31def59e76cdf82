//! `clsecrets updatekeys`: makes sealed files follow their creation rules.
//!
//! Every file is looked at first; what is to change is opened and its MAC checked, so that the plan is
//! sure. Then one question, and only then writing. Recipients alone change only the metadata. The
//! surprise: the rule's selection is followed as well, if the rule has one, since a value that it has
//! come to cover would stay in clear otherwise.

mod difference;

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{EnvelopeError, OpenOptions, Opened, Reselected, Text};
use clsecrets::error::quoted;
use clsecrets::fs::{self, Privacy, Stamp};
use clsecrets::metadata::{KeyGroups, Metadata, Rule};
use clsecrets::secret::DataKey;
use clsecrets::{Code, Error};

use super::face::Face;
use super::guarding::Guarding;
use super::opening::Opener;
use super::question::{is_answered, is_confirmed};
use super::rewrapping::{removed, shown, tell_of_the_past, wrap_all, wrap_new};
use super::trees::{self, Search};

use super::{Context, Outcome, hook};
pub(crate) use difference::compare;

/// Make sealed files follow their creation rules.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets updatekeys secrets.yaml
  clsecrets updatekeys --yes secrets/          every sealed file below a directory
  clsecrets updatekeys --rotate a.yaml         with a new data key, since somebody is to lose access")]
pub(crate) struct Args {
    /// Sealed files, directories, or patterns in quotes.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    following: Following,
}

/// Options that say how files are made to follow their rules.
#[derive(Debug, ClapArgs)]
pub(crate) struct Following {
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Make a new data key, too, and seal every value anew.
    #[arg(long)]
    rotate: bool,
    /// Format of the input, whatever the name says.
    #[arg(long, value_name = "FORMAT")]
    input_type: Option<String>,
    /// How many of several key groups are needed to open [default: what the rule or the file says].
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    shamir_secret_sharing_threshold: Option<i64>,
    /// Take away a recipient of a kind that rules do not know, by its name or kind.
    #[arg(long, value_name = "NAME")]
    drop_recipient: Vec<String>,
    /// Follow a rule that selects no value.
    #[arg(long)]
    allow_cleartext: bool,
    #[command(flatten)]
    guarding: Guarding,
}

/// A file that does not follow its rule.
struct Change {
    name: String,
    path: PathBuf,
    stamp: Option<Stamp>,
    opened: Opened,
    data_key: DataKey,
    /// As they will be, not wrapped for yet.
    key_groups: KeyGroups,
    /// Another selection, if the rule has one.
    selection: Option<(Rule, bool, Reselected)>,
    removed: Vec<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    follow(&args.files, &args.following, context)
}

const SEALED: Search<'static> = Search {
    takes: &trees::is_sealed,
    with_ignored: false,
};

/// Makes files follow their rules.
pub(crate) fn follow(files: &[PathBuf], args: &Following, context: &Context) -> Outcome {
    let files = trees::files(files, &SEALED, context)?;
    let is_only = files.len() == 1;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let looks = trees::each(files, "comparing with the rules", context, |file| {
        args.look(file, &opener, context)
    });
    let (status, looked) = trees::summarize(looks, "compared with their rules", context);
    let mut changes = Vec::new();
    for (file, change) in looked {
        match change {
            Some(change) => changes.push((file, change)),
            None => context
                .ui
                .note(&format!("{} is up to date", file.display())),
        }
    }
    if changes.is_empty() {
        return Ok(status);
    }
    for (_, change) in &changes {
        let title = if is_only {
            "The following changes will be made to the file's groups:".to_owned()
        } else {
            format!("{}:", change.name)
        };
        context.ui.line(&title)?;
        context.ui.lines(change.plan(args.rotate))?;
    }
    if !args.yes && !is_confirmed(context)? {
        context.ui.note("nothing was written");
        return Ok(status);
    }
    let rotates = args.rotate || args.is_new_key_wanted(&changes, context)?;
    let mut by_file: Vec<(PathBuf, Change)> = changes;
    by_file.sort_by(|(a, _), (b, _)| a.cmp(b));
    let names = by_file.iter().map(|(file, _)| file.clone()).collect();
    let of = |file: &Path| {
        let at = by_file.binary_search_by(|(name, _)| name.as_path().cmp(file));
        at.ok()
            .and_then(|at| by_file.get(at))
            .map(|(_, change)| change)
    };
    let outcomes = trees::each(names, "wrapping", context, |file| match of(file) {
        Some(change) => change.write(args, rotates, &opener, context),
        None => Err(Error::internal("a plan without its file")),
    });
    let (failed, _) = trees::summarize(outcomes, "follow their rules now", context);
    Ok(if status == 0 { failed } else { status })
}

impl Following {
    /// Where somebody is to lose access, a person is offered a new data key as well.
    fn is_new_key_wanted(
        &self,
        changes: &[(PathBuf, Change)],
        context: &Context,
    ) -> Result<bool, Error> {
        let loses = changes.iter().any(|(_, change)| !change.removed.is_empty());
        if self.yes || !loses || context.face == Face::Sops || !context.ui.is_interactive() {
            return Ok(false);
        }
        context.ui.note(
            "who is taken away still knows the data key; with a new one, what is written from now on \
             is closed to them",
        );
        is_answered("Make a new data key, too? (y/n):", context)
    }

    /// What a file has to change to follow its rule.
    fn look(
        &self,
        file: &Path,
        opener: &Opener<'_>,
        context: &Context,
    ) -> Result<Option<Change>, Error> {
        let Some(difference) = self.compare(file, context)? else {
            return Ok(None);
        };
        let (name, stamp) = (
            difference.input.name.clone(),
            difference.input.stamp.clone(),
        );
        let removed = removed(&difference.old, &difference.key_groups);
        let (opened, data_key) = opener.open(difference.input, OpenOptions::default())?;
        let selection = difference.selection.map(|(selection, mac_only_encrypted)| {
            let reselected = opened.reselect(&selection);
            (selection, mac_only_encrypted, reselected)
        });
        if let Some((rule, _, reselected)) = &selection {
            self.refuse_opening(rule, reselected, &name)?;
        }
        Ok(Some(Change {
            name,
            path: difference.path,
            stamp,
            opened,
            data_key,
            key_groups: difference.key_groups,
            selection,
            removed,
        }))
    }

    /// A rule that has come to leave values in clear is followed only if a person has seen that.
    fn refuse_opening(
        &self,
        rule: &Rule,
        reselected: &Reselected,
        name: &str,
    ) -> Result<(), Error> {
        if reselected.opened.is_empty() || self.allow_cleartext || !self.yes {
            return Ok(());
        }
        let error = Error::new(
            Code::Encrypt,
            format!(
                "{name}: {} of its rule would put into clear what is sealed now",
                rule.kind().field()
            ),
        );
        let paths = reselected.opened.iter();
        let error = paths.fold(error, |error, path| error.detail(path.to_string()));
        Err(error.hint("correct the rule, or pass --allow-cleartext if that is meant"))
    }
}

impl Change {
    fn plan(&self, rotates: bool) -> Vec<String> {
        let mut plan = shown(&self.opened.metadata().key_groups, &self.key_groups);
        if let Some((rule, _, reselected)) = &self.selection {
            plan.push(format!("{}: {}", rule.kind().field(), rule.argument()));
            for (paths, what) in [
                (&reselected.sealed, "will be sealed"),
                (&reselected.opened, "will stand in clear"),
            ] {
                for path in paths {
                    plan.push(format!("    {path} {what}"));
                }
            }
        }
        if rotates {
            plan.push("a new data key".to_owned());
        }
        plan
    }

    fn write(
        &self,
        args: &Following,
        rotates: bool,
        opener: &Opener<'_>,
        context: &Context,
    ) -> Result<(), Error> {
        let (name, old) = (&self.name, &self.opened.metadata().key_groups);
        args.guarding
            .check_file(&self.key_groups, &self.path, name, context)?;
        args.guarding
            .vouch(&self.key_groups, opener.keyring(), &self.path, context)?;
        let new_key = rotates
            .then(DataKey::generate)
            .transpose()
            .map_err(|_| Error::new(Code::Failed, "the operating system gave no random bytes"))?;
        let text = if let Some(data_key) = &new_key {
            let mut key_groups = self.key_groups.clone();
            wrap_all(&mut key_groups, data_key, name, opener, context)?;
            self.rotated(key_groups, data_key, context)
        } else {
            let key_groups = self.key_groups.clone();
            let key_groups = wrap_new(key_groups, old, &self.data_key, name, opener, context)?;
            self.rewrapped(key_groups, args.allow_cleartext, context)
        };
        let text = text.map_err(|error| error.about(name, false))?;
        let made = (self.opened.format(), text.bytes.as_slice());
        args.guarding.check_rule(made, &self.path, name, context)?;
        let _lock = context.lock(&self.path)?;
        fs::replace(&self.path, &text.bytes, Privacy::Umask, self.stamp.as_ref())?;
        let (format, data_key) = (self.opened.format(), new_key.as_ref());
        let data_key = data_key.unwrap_or(&self.data_key);
        hook::learn_sealed(context, &self.path, format, &text.bytes, data_key);
        context.ui.note(&format!("{name} follows its rule now"));
        tell_of_the_past(&self.removed, name, context);
        if !self.removed.is_empty() && !rotates {
            context.ui.note(&format!(
                "{name}: its data key is still the one that they know; to make a new one: clsecrets \
                 rotate -i {}",
                quoted(name)
            ));
        }
        Ok(())
    }

    fn metadata(&self, key_groups: KeyGroups) -> Metadata {
        let mut metadata = self.opened.metadata().clone();
        metadata.key_groups = key_groups;
        if let Some((rule, mac_only_encrypted, _)) = &self.selection {
            metadata.rule = rule.clone();
            metadata.mac_only_encrypted = *mac_only_encrypted;
        }
        metadata
    }

    fn rotated(
        &self,
        key_groups: KeyGroups,
        data_key: &DataKey,
        context: &Context,
    ) -> Result<Text, EnvelopeError> {
        let (nonces, now) = (&mut SystemNonces::default(), context.settings.now);
        self.opened
            .rotated(self.metadata(key_groups), data_key, nonces, now)
    }

    fn rewrapped(
        &self,
        key_groups: KeyGroups,
        allow_cleartext: bool,
        context: &Context,
    ) -> Result<Text, EnvelopeError> {
        if self.selection.is_none() {
            return self.opened.with_recipients(key_groups, &self.data_key);
        }
        let (nonces, now) = (&mut SystemNonces::default(), context.settings.now);
        let metadata = self.metadata(key_groups);
        self.opened
            .reselected(metadata, &self.data_key, nonces, now, allow_cleartext)
    }
}

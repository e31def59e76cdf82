//! `clsecrets groups`: key groups of a sealed file come and go.
//!
//! The data key stays and is shared anew, so every member of every group is wrapped for again. All of
//! that succeeds or nothing is written. The surprise: more groups do not raise the number that is
//! needed, as they do with the reference, which locks readers out.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use clsecrets::envelope::OpenOptions;
use clsecrets::fs::Privacy;
use clsecrets::metadata::{KeyGroups, Recipient};
use clsecrets::{Code, Error};

use super::guarding::Guarding;
use super::input::{Destination, Input, Naming, missing_is};
use super::kinds::{KINDS, recipients};
use super::opening::Opener;
use super::rewrapping::{drop_named, refuse_idle, removed, shown, tell_of_the_past, wrap_all};
use super::sealing::with_options;
use super::{Context, Outcome, hook};

/// Add a key group to a sealed file, or take one away.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets groups add -i --file secrets.yaml --age age1…
  clsecrets groups delete -i --file secrets.yaml 1")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<AddArgs>),
    Delete(Box<DeleteArgs>),
}

/// Add a group: opening takes one recipient of it, too, if as many groups are needed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets groups add -i --file secrets.yaml --age age1… --kms arn:aws:kms:…
  clsecrets groups add --file a.yaml --age age1… --shamir-secret-sharing-threshold 2")]
struct AddArgs {
    /// Age recipients of the new group.
    #[arg(long, value_name = "RECIPIENT")]
    age: Vec<String>,
    /// AWS KMS keys of the new group.
    #[arg(long, value_name = "ARN")]
    kms: Vec<String>,
    /// PGP keys of the new group.
    #[arg(long, value_name = "FINGERPRINT")]
    pgp: Vec<String>,
    #[arg(long, hide = true)]
    gcp_kms: Vec<String>,
    #[arg(long, hide = true)]
    hckms: Vec<String>,
    #[arg(long, hide = true)]
    azure_kv: Vec<String>,
    #[arg(long, hide = true)]
    hc_vault_transit: Vec<String>,
    /// The AWS profile to note for these KMS keys.
    #[arg(long, value_name = "NAME")]
    aws_profile: Option<String>,
    /// The encryption context for these KMS keys.
    #[arg(long, value_name = "KEY:VALUE,…")]
    encryption_context: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Take a group away, by its number counted from 0.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets groups delete -i --file secrets.yaml 1")]
struct DeleteArgs {
    /// The group, counted from 0.
    #[arg(allow_negative_numbers = true)]
    index: i64,
    #[command(flatten)]
    common: Common,
}

/// Options of both.
#[derive(Debug, ClapArgs)]
struct Common {
    /// The sealed file.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Format of the input, whatever the name says.
    #[arg(long, value_name = "FORMAT")]
    input_type: Option<String>,
    /// How many groups are needed to open [default: as many as so far, at least 2 of several].
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    shamir_secret_sharing_threshold: Option<i64>,
    /// Take away a recipient by its name or kind, where this build does not have the kind.
    #[arg(long, value_name = "NAME")]
    drop_recipient: Vec<String>,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    guarding: Guarding,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    match &args.action {
        Action::Add(add) => {
            let new = add.recipients()?;
            if new.is_empty() {
                return Err(Error::new(Code::Failed, "the new group has no recipients")
                    .hint("name them: --age age1… or --kms arn:aws:kms:…"));
            }
            add.common.rewrite(&new, context, |groups| {
                groups.push(new.clone());
                Ok(())
            })
        }
        Action::Delete(delete) => delete.common.rewrite(&[], context, |groups| {
            let count = groups.groups().len();
            let at = usize::try_from(delete.index).unwrap_or(usize::MAX);
            if count < 2 {
                return Err(
                    Error::new(Code::Failed, "the only group cannot be taken away")
                        .hint("clsecrets updatekeys changes its recipients"),
                );
            }
            match groups.remove(at) {
                Some(_) => Ok(()),
                None => Err(Error::new(
                    Code::Failed,
                    format!("there is no group {}", delete.index),
                )
                .hint(format!("groups are counted from 0 to {}", count - 1))),
            }
        }),
    }
}

impl AddArgs {
    fn recipients(&self) -> Result<Vec<Recipient>, Error> {
        let mut found = Vec::new();
        for (field, option, _) in KINDS {
            let words = match field {
                "kms" => &self.kms,
                "gcp_kms" => &self.gcp_kms,
                "hckms" => &self.hckms,
                "azure_kv" => &self.azure_kv,
                "hc_vault" => &self.hc_vault_transit,
                "pgp" => &self.pgp,
                _ => &self.age,
            };
            for word in words {
                found.extend(recipients(field, option, word)?);
            }
        }
        let context = self.encryption_context.as_deref();
        with_options(found, context, self.aws_profile.as_deref())
    }
}

impl Common {
    fn rewrite(
        &self,
        added: &[Recipient],
        context: &Context,
        change: impl FnOnce(&mut KeyGroups) -> Result<(), Error>,
    ) -> Outcome {
        let naming = Naming {
            input_type: self.input_type.clone(),
            ..Naming::default()
        };
        let opener = Opener::new(&context.settings, &context.ui, None)?;
        self.destination.check(&self.file)?;
        let _lock = self.destination.lock(&self.file, context)?;
        let input =
            Input::read(&self.file, &naming, &context.settings).map_err(missing_is(Code::Input))?;
        let (name, stamp) = (input.name.clone(), input.stamp.clone());
        let (opened, data_key) = opener.open(input, OpenOptions::default())?;
        let old = opened.metadata().key_groups.clone();
        let mut new = old.clone();
        change(&mut new).map_err(|error| Error {
            message: format!("{name}: {}", error.message),
            ..error
        })?;
        drop_named(&mut new, &self.drop_recipient, &name, context);
        let count = i64::try_from(new.groups().len()).unwrap_or(i64::MAX);
        let given = self
            .shamir_secret_sharing_threshold
            .filter(|given| *given != 0);
        let threshold = match given {
            Some(given) => given,
            None if count == 1 => 0,
            None => old.threshold().clamp(2, count.max(2)),
        };
        let mut new = new.with_threshold(threshold);
        let file = context.settings.absolute(&self.file);
        self.guarding.check_file(&new, &file, &name, context)?;
        refuse_idle(&old, &new, &name)?;
        opener.keyring().vouch_for(added);
        self.guarding
            .vouch(&new, opener.keyring(), &file, context)?;
        wrap_all(&mut new, &data_key, &name, &opener, context)?;
        let (plan, gone) = (shown(&old, &new), removed(&old, &new));
        let text = opened
            .with_recipients(new, &data_key)
            .map_err(|error| error.about(&name, false))?;
        let made = (opened.format(), text.bytes.as_slice());
        self.guarding.check_rule(made, &file, &name, context)?;
        self.destination.write(
            &self.file,
            &text.bytes,
            Privacy::Umask,
            stamp.as_ref(),
            context,
        )?;
        if let Some(place) = self.destination.place(&self.file) {
            let place = context.settings.absolute(place);
            hook::learn_sealed(context, &place, opened.format(), &text.bytes, &data_key);
        }
        for line in plan {
            context.ui.note(&format!("{name}: {line}"));
        }
        if count > 1 {
            context.ui.note(&format!(
                "{name}: opening it takes one recipient each of {threshold} of its {count} groups"
            ));
        }
        tell_of_the_past(&gone, &name, context);
        Ok(0)
    }
}

//! `clsecrets rotate`: a new data key, and every value sealed anew with it.
//!
//! Whoever kept the old data key cannot open what is written from now on. The surprise: a recipient of
//! a kind that this build does not have cannot be given the new key, so the command stops there.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{Draft, OpenOptions, Opened, Text};
use clsecrets::fs::Privacy;
use clsecrets::keys::{self, identity, label};
use clsecrets::metadata::{KeyGroups, Metadata, Recipient};
use clsecrets::secret::DataKey;
use clsecrets::{Code, Error};

use super::conversion::check_in_place;
use super::guarding::Guarding;
use super::input::{Destination, Input, Naming, missing_is};
use super::kinds::{is_named, recipients};
use super::opening::{Opener, Opening};
use super::question::is_confirmed;
use super::rewrapping::{drop_named, refuse_idle, removed, shown, tell_of_the_past, wrap_all};
use super::trees::{self, Search};
use super::{Context, Outcome, hook};

/// Make a new data key and seal every value anew.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets rotate -i secrets.yaml
  clsecrets rotate -i --rm-age age1… secrets.yaml     and take a recipient away
  clsecrets rotate -i --yes secrets/                 every sealed file below a directory")]
pub(crate) struct Args {
    /// Sealed files, directories, or patterns in quotes.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Do not ask before several files are changed.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    changing: Changing,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    guarding: Guarding,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    opening: Opening,
}

/// Recipients that come and go.
#[derive(Debug, ClapArgs)]
struct Changing {
    /// Add these age recipients, comma separated.
    #[arg(long, value_name = "RECIPIENT,…")]
    add_age: Option<String>,
    /// Take these age recipients away.
    #[arg(long, value_name = "RECIPIENT,…")]
    rm_age: Option<String>,
    /// Add these AWS KMS keys.
    #[arg(long, value_name = "ARN,…")]
    add_kms: Option<String>,
    /// Take these AWS KMS keys away.
    #[arg(long, value_name = "ARN,…")]
    rm_kms: Option<String>,
    /// Add these PGP keys.
    #[arg(long, value_name = "FINGERPRINT,…")]
    add_pgp: Option<String>,
    /// Take these PGP keys away.
    #[arg(long, value_name = "FINGERPRINT,…")]
    rm_pgp: Option<String>,
    #[arg(long, hide = true)]
    add_gcp_kms: Option<String>,
    /// Take these GCP KMS keys away.
    #[arg(long, value_name = "ID,…")]
    rm_gcp_kms: Option<String>,
    #[arg(long, hide = true)]
    add_hckms: Option<String>,
    /// Take these Huawei Cloud KMS keys away.
    #[arg(long, value_name = "ID,…")]
    rm_hckms: Option<String>,
    #[arg(long, hide = true)]
    add_azure_kv: Option<String>,
    /// Take these Azure Key Vault keys away.
    #[arg(long, value_name = "URL,…")]
    rm_azure_kv: Option<String>,
    #[arg(long, hide = true)]
    add_hc_vault_transit: Option<String>,
    /// Take these Vault transit keys away.
    #[arg(long, value_name = "URI,…")]
    rm_hc_vault_transit: Option<String>,
    /// The encryption context for KMS keys that are added.
    #[arg(long, value_name = "KEY:VALUE,…")]
    encryption_context: Option<String>,
    /// Take away a recipient by its name or kind, where this build does not have the kind.
    #[arg(long, value_name = "NAME")]
    drop_recipient: Vec<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let opener = Opener::new(
        &context.settings,
        &context.ui,
        args.opening.decryption_order.as_deref(),
    )?;
    if !trees::are_several(&args.files, context) {
        let Some(file) = args.files.first() else {
            return Err(Error::new(Code::NoFile, "no file given"));
        };
        args.destination.check(file)?;
        let _lock = args.destination.lock(file, context)?;
        args.rotate(file, &opener, false, context)?;
        return Ok(0);
    }
    if !args.destination.in_place {
        return Err(
            Error::new(Code::Conflict, "several files can only be rotated in place")
                .hint("add --in-place"),
        );
    }
    let search = Search {
        takes: &trees::is_sealed,
        with_ignored: false,
    };
    let files = trees::files(&args.files, &search, context)?;
    if !args.yes {
        context.ui.line(&format!(
            "These {} files get a new data key, and every value in them is sealed anew:",
            files.len()
        ))?;
        context
            .ui
            .lines(files.iter().map(|file| format!("  {}", file.display())))?;
        if !is_confirmed(context)? {
            context.ui.note("nothing was written");
            return Ok(0);
        }
    }
    let outcomes = trees::each(files, "rotating", context, |file| {
        // Files of one folder would wait for each other's key services under its lock; what changes
        // meanwhile is noticed all the same.
        args.rotate(file, &opener, true, context)
    });
    Ok(trees::summarize(outcomes, "rotated", context).0)
}

impl Args {
    fn rotate(
        &self,
        file: &Path,
        opener: &Opener<'_>,
        locks_late: bool,
        context: &Context,
    ) -> Result<(), Error> {
        let input =
            Input::read(file, &self.naming, &context.settings).map_err(missing_is(Code::Input))?;
        let (name, stamp, output) = (input.name.clone(), input.stamp.clone(), input.output);
        let (path, is_converted) = (input.path.clone(), input.is_converted());
        check_in_place(&self.destination, file, output)?;
        let options = OpenOptions {
            ignore_mac: self.opening.ignore_mac,
        };
        let (opened, _) = opener.open(input, options)?;
        let old = opened.metadata().key_groups.clone();
        let mut new = self.changing.changed(&old, &name, opener, context)?;
        let written = self.destination.place(file).unwrap_or(&path);
        let written = context.settings.absolute(written);
        self.guarding.check_file(&new, &written, &name, context)?;
        self.guarding
            .vouch(&new, opener.keyring(), &written, context)?;
        let data_key = DataKey::generate()
            .map_err(|_| Error::new(Code::Failed, "the operating system gave no random bytes"))?;
        refuse_idle(&old, &new, &name)?;
        wrap_all(&mut new, &data_key, &name, opener, context)?;
        let gone = removed(&old, &new);
        if super::rewrapping::differs(&old, &new) {
            for line in shown(&old, &new) {
                context.ui.note(&format!("{name}: {line}"));
            }
        }
        let mut metadata = opened.metadata().clone();
        metadata.key_groups = new;
        let format = is_converted.then_some(output);
        let text = sealed(&opened, metadata, &data_key, format, context)
            .map_err(|error| error.about(&name, false))?;
        let (bytes, privacy) = (&text.bytes, Privacy::Umask);
        self.guarding
            .check_rule((output, bytes), &written, &name, context)?;
        let _lock = locks_late
            .then(|| self.destination.lock(file, context))
            .transpose()?;
        self.destination
            .write(file, bytes, privacy, stamp.as_ref(), context)?;
        if self.destination.place(file).is_some() {
            hook::learn_sealed(context, &written, output, bytes, &data_key);
        }
        tell_of_the_past(&gone, &name, context);
        Ok(())
    }
}

fn sealed(
    opened: &Opened,
    metadata: Metadata,
    data_key: &DataKey,
    format: Option<&'static dyn clsecrets::format::Format>,
    context: &Context,
) -> Result<Text, clsecrets::envelope::EnvelopeError> {
    let (nonces, now) = (&mut SystemNonces::default(), context.settings.now);
    match format {
        None => opened.rotated(metadata, data_key, nonces, now),
        Some(format) => {
            let mut draft = Draft::parse(opened.format(), opened.clear_text()?)?;
            draft.narrow(format, true)?;
            draft.seal_in(format, metadata, data_key, nonces, now, true)
        }
    }
}

impl Changing {
    /// The options of each kind: its list, what is added, what is taken away.
    fn lists(&self) -> [(&'static str, &'static str, Option<&str>, Option<&str>); 7] {
        [
            (
                "kms",
                "add-kms",
                self.add_kms.as_deref(),
                self.rm_kms.as_deref(),
            ),
            (
                "gcp_kms",
                "add-gcp-kms",
                self.add_gcp_kms.as_deref(),
                self.rm_gcp_kms.as_deref(),
            ),
            (
                "hckms",
                "add-hckms",
                self.add_hckms.as_deref(),
                self.rm_hckms.as_deref(),
            ),
            (
                "azure_kv",
                "add-azure-kv",
                self.add_azure_kv.as_deref(),
                self.rm_azure_kv.as_deref(),
            ),
            (
                "hc_vault",
                "add-hc-vault-transit",
                self.add_hc_vault_transit.as_deref(),
                self.rm_hc_vault_transit.as_deref(),
            ),
            (
                "pgp",
                "add-pgp",
                self.add_pgp.as_deref(),
                self.rm_pgp.as_deref(),
            ),
            (
                "age",
                "add-age",
                self.add_age.as_deref(),
                self.rm_age.as_deref(),
            ),
        ]
    }

    fn changed(
        &self,
        old: &KeyGroups,
        name: &str,
        opener: &Opener<'_>,
        context: &Context,
    ) -> Result<KeyGroups, Error> {
        let mut new = old.clone();
        for (field, option, add, rm) in self.lists() {
            let mut added = match add {
                Some(text) => recipients(field, option, text)?,
                None => Vec::new(),
            };
            if let Some(text) = &self.encryption_context {
                let context = keys::parse_context(text).map_err(|_| {
                    Error::new(
                        Code::Context,
                        format!("--encryption-context {text} is malformed"),
                    )
                    .hint("write it as KEY:VALUE,KEY:VALUE")
                })?;
                keys::apply_context(&mut added, &context);
            }
            opener.keyring().vouch_for(&added);
            for recipient in added {
                let is_it = |one: &Recipient| identity(one) == identity(&recipient);
                // An entry that nobody has wrapped for is no recipient yet.
                for group in new.groups_mut() {
                    group
                        .recipients
                        .retain(|one| one.is_wrapped() || !is_it(one));
                }
                if new.recipients().any(is_it) {
                    context.ui.note(&format!(
                        "{name}: {} is a recipient already",
                        label(&recipient)
                    ));
                } else if let Some(first) = new.groups_mut().first_mut() {
                    first.recipients.push(recipient);
                }
            }
            let words = rm.iter().flat_map(|text| text.split(','));
            for word in words.map(str::trim).filter(|word| !word.is_empty()) {
                if !new.recipients().any(|one| is_named(one, field, word)) {
                    context
                        .ui
                        .warn(&format!("{name}: {word} is no recipient of it"));
                }
                for group in new.groups_mut() {
                    group.recipients.retain(|one| !is_named(one, field, word));
                }
            }
        }
        drop_named(&mut new, &self.drop_recipient, name, context);
        Ok(new)
    }
}

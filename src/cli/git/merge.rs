//! `clsecrets git merge`: the driver by which Git merges sealed files.
//!
//! Three files are opened in memory, one is written, sealed. Whatever goes wrong, ours stays as it
//! was and Git is told that there is a conflict. So it is where the merged file would have a reader, key
//! groups or a rule that only one side wants: what is written then does without.

use std::path::Path;

use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::merge::{Cause, Conflict, Dispute, Merged, Readers, Trusted, Versions};
use clsecrets::envelope::{OpenOptions, Opened, Sealed};
use clsecrets::error::quoted;
use clsecrets::format::{self, Format};
use clsecrets::fs::{self, Privacy, Stamp};
use clsecrets::keys;
use clsecrets::secret::DataKey;
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::super::Context;
use super::super::opening::Opener;
use super::super::rewrapping::wrap_all;
use super::trust::trusted;

pub(super) type Args = super::Versions;

/// Merged, conflicts, not merged.
const STATUSES: [u8; 3] = [0, 1, 2];

pub(super) fn run(args: &Args, context: &Context) -> u8 {
    let [done, conflicts, failed] = STATUSES;
    match merge(args, context) {
        Ok(true) => done,
        Ok(false) => conflicts,
        Err(error) => {
            context.ui.fail(&error);
            let name = args.path.display();
            context
                .ui
                .note(&format!("{name}: not merged; ours is kept"));
            failed
        }
    }
}

/// One version of the file.
struct Version {
    /// For messages: what Git calls it.
    name: String,
    text: Zeroizing<Vec<u8>>,
    stamp: Stamp,
}

/// A version that was opened, with its data key.
type Known = (Opened, DataKey);

/// Whether nothing is left for a person to decide.
fn merge(args: &Args, context: &Context) -> Result<bool, Error> {
    let name = args.path.display().to_string();
    let format = format::of_name(&name);
    let target = context.settings.absolute(&args.ours);
    let _lock = context.lock(&target)?;
    let read = |path: &Path, what: &str| read(path, format!("{name} ({what})"), context);
    let base = read(&args.base, "common ancestor")?;
    let ours = read(&args.ours, "ours")?;
    let theirs = read(&args.theirs, "theirs")?;
    let stamp = ours.stamp.clone();
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    // Git has no ancestor to give where both sides have added the file.
    let has_base = !base.text.is_empty();
    let mut versions = vec![ours, theirs];
    versions.extend(has_base.then_some(base));
    let mut opened = open(versions, format, &opener)?.into_iter();
    let (Some((ours, our_key)), Some((theirs, their_key))) = (opened.next(), opened.next()) else {
        return Err(Error::internal("a version was lost"));
    };
    let base = opened.next();
    let has_ours = |key: &DataKey| our_key.ct_eq(key);
    let versions = Versions {
        base: base.as_ref().map(|(base, _)| base),
        ours: &ours,
        theirs: &theirs,
        shares_key: has_ours(&their_key) && base.as_ref().is_none_or(|(_, key)| has_ours(key)),
    };
    let trusted = trusted(&context.settings.absolute(&args.path), context)?;
    let mut readers = versions
        .readers(&trusted)
        .map_err(|disputes| irreconcilable(&name, &disputes))?;
    let mut key_groups = ours.metadata().key_groups.clone();
    if !readers.needs_new_key {
        let wrapping =
            opener
                .keyring()
                .wrap_missing(&mut readers.key_groups, &our_key, &context.settings);
        keys::block_on(wrapping)?.map_err(|error| error.about(&name))?;
        key_groups = readers.key_groups.clone();
    }
    let mut merged = versions
        .merge(key_groups, &our_key)
        .map_err(|error| error.about(&name, true))?;
    let selection = versions
        .selection(merged.opened.tree(), &trusted)
        .map_err(|disputes| irreconcilable(&name, &disputes))?;
    readers.disputes.extend(selection.disputes.iter().cloned());
    let disputes = readers.disputes.iter().map(|dispute| Conflict {
        document: 0,
        path: clsecrets::tree::Path::root(),
        cause: Cause::Disputed(dispute.what.clone()),
    });
    merged.conflicts.splice(0..0, disputes);
    let is_new_key = readers.needs_new_key || !versions.keeps_rule(&selection);
    let told = Told::of(&merged, &readers, &trusted, is_new_key);
    let (nonces, now) = (&mut SystemNonces::default(), context.settings.now);
    let text = if is_new_key {
        let data_key = DataKey::generate()
            .map_err(|_| Error::new(Code::Failed, "the operating system gave no random bytes"))?;
        let mut key_groups = readers.key_groups.clone();
        wrap_all(&mut key_groups, &data_key, &name, &opener, context)?;
        versions.seal_anew(merged, key_groups, &selection, &data_key, nonces, now)
    } else {
        versions.seal(merged, &our_key, nonces, now)
    };
    let text = text.map_err(|error| error.about(&name, false))?;
    fs::replace(&target, &text.bytes, Privacy::Umask, Some(&stamp))?;
    told.tell(&name, context);
    Ok(told.conflicts.is_empty())
}

/// No merged file gives nothing away: a person has to make the versions agree first.
fn irreconcilable(name: &str, disputes: &[Dispute]) -> Error {
    let error = Error::new(
        Code::Failed,
        format!(
            "cannot merge {name}: nobody but the versions says who can open it, or what is sealed"
        ),
    );
    let error = disputes
        .iter()
        .fold(error, |error, dispute| error.detail(dispute.what.clone()));
    error
        .hint("git merge --abort    # or rebase --abort, cherry-pick --abort, am --abort")
        .hint(format!(
            "clsecrets updatekeys {}    # on each of the two branches, by one .sops.yaml; then merge again",
            quoted(name)
        ))
}

fn read(path: &Path, name: String, context: &Context) -> Result<Version, Error> {
    let content = fs::read(&context.settings.absolute(path)).map_err(|error| {
        let reason = fs::plain(&error);
        Error::new(Code::Input, format!("cannot read {name}: {reason}"))
    })?;
    Ok(Version {
        name,
        text: content.bytes,
        stamp: content.stamp,
    })
}

/// Opens all versions. One that names nobody who is here may still have the data key of another:
/// recipients change more often than keys.
fn open(
    versions: Vec<Version>,
    format: &'static dyn Format,
    opener: &Opener<'_>,
) -> Result<Vec<Known>, Error> {
    let mut opened: Vec<Option<Known>> = Vec::new();
    let mut shut = Vec::new();
    for (at, version) in versions.into_iter().enumerate() {
        let text = version.text.clone();
        match opener.open_text(&version.name, format, text, OpenOptions::default()) {
            Ok(known) => opened.push(Some(known)),
            Err(error) if error.code == Code::NoDataKey => {
                opened.push(None);
                shut.push((at, version, error));
            }
            Err(error) => return Err(error),
        }
    }
    for (at, version, error) in shut {
        let keys: Vec<DataKey> = opened
            .iter()
            .flatten()
            .map(|(_, key)| key.duplicate())
            .collect();
        let known = keys.into_iter().find_map(|key| {
            let sealed = Sealed::parse(format, version.text.clone()).ok()?;
            let opened = sealed.open(&key, OpenOptions::default()).ok()?;
            Some((opened, key))
        });
        match (known, opened.get_mut(at)) {
            (Some(known), Some(place)) => *place = Some(known),
            _ => return Err(error),
        }
    }
    Ok(opened.into_iter().flatten().collect())
}

/// What a person is told of a merge that was done.
struct Told {
    added: Vec<String>,
    removed: Vec<String>,
    disputes: Vec<Dispute>,
    conflicts: Vec<Conflict>,
    left_out: Vec<usize>,
    is_ruled: bool,
    is_new_key: bool,
}

impl Told {
    fn of(merged: &Merged, readers: &Readers, trusted: &[Trusted], is_new_key: bool) -> Self {
        Self {
            added: readers.added.clone(),
            removed: readers.removed.clone(),
            disputes: readers.disputes.clone(),
            conflicts: merged.conflicts.clone(),
            left_out: merged.left_out.clone(),
            is_ruled: !trusted.is_empty(),
            is_new_key,
        }
    }

    fn tell(&self, name: &str, context: &Context) {
        let ui = &context.ui;
        for label in &self.added {
            ui.note(&format!(
                "{name}: {label} can open it now, as the creation rule says"
            ));
        }
        for label in &self.removed {
            ui.note(&format!(
                "{name}: {label}, who could open ours, cannot open it"
            ));
        }
        if self.is_new_key {
            ui.note(&format!(
                "{name}: it has a new data key, which none of the versions had"
            ));
        }
        if !self.left_out.is_empty() {
            let lines: Vec<String> = self.left_out.iter().map(usize::to_string).collect();
            ui.warn(&format!(
                "{name}: values are merged, but comments of the other version are left out: its line {}",
                lines.join(", ")
            ));
        }
        for conflict in &self.conflicts {
            ui.note(&format!("{name}: conflict: {conflict}"));
        }
        if self.conflicts.is_empty() {
            return;
        }
        let count = match self.conflicts.len() {
            1 => "1 conflict".to_owned(),
            many => format!("{many} conflicts"),
        };
        let file = quoted(name);
        let mut error = Error::new(
            Code::Failed,
            format!("{count} in {name}: ours is kept there, all else is merged and sealed"),
        );
        let of_values = self.conflicts.iter().find(|one| !one.path.is_root());
        if let Some(first) = of_values {
            let path = quoted(&first.path.to_string());
            error = error
                .hint(format!(
                    "git show MERGE_HEAD:{file} | clsecrets decrypt --filename-override {file} --extract {path} -    # theirs"
                ))
                .hint(format!("clsecrets set {file} {path} --prompt    # to take another value"));
        }
        if !self.disputes.is_empty() {
            error = self.settling(error, &file);
        }
        ui.fail(&error.hint(format!("git add {file}    # when it is as it should be")));
    }

    /// How a person does on purpose what no version may do.
    fn settling(&self, error: Error, file: &str) -> Error {
        let error = error.hint(format!(
            "clsecrets updatekeys {file}    # if .sops.yaml, as it is now, says what is meant"
        ));
        if self.is_ruled {
            return error;
        }
        let newcomers = self.disputes.iter().filter_map(|one| one.newcomer.as_ref());
        newcomers.fold(error, |error, one| {
            let option = match one.kind.as_str() {
                "age" => "--add-age",
                "kms" => "--add-kms",
                "pgp" => "--add-pgp",
                _ => return error,
            };
            error.hint(format!(
                "clsecrets rotate -i {option} {} {file}    # to let this one in",
                quoted(&keys::label(one))
            ))
        })
    }
}

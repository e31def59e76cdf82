//! `clsecrets git merge`: the driver by which Git merges sealed files.
//!
//! Three files are opened in memory, one is written, sealed. Whatever goes wrong, ours stays as it
//! was and Git is told that there is a conflict.

use std::path::Path;

use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::merge::{Cause, Conflict, Merged, Readers, Side, Versions};
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
    let is_old = |key: &DataKey| base.as_ref().is_none_or(|(_, base)| base.ct_eq(key));
    // A key that was changed on one side only was changed for a reason.
    let keeper = if is_old(&our_key) && !is_old(&their_key) {
        Side::Theirs
    } else {
        Side::Ours
    };
    let data_key = match keeper {
        Side::Ours => &our_key,
        Side::Theirs => &their_key,
    };
    let versions = Versions {
        base: base.as_ref().map(|(base, _)| base),
        ours: &ours,
        theirs: &theirs,
        keeper,
        shares_key: our_key.ct_eq(&their_key) && is_old(&our_key),
    };
    let mut readers = versions.readers();
    let wrapping =
        opener
            .keyring()
            .wrap_missing(&mut readers.key_groups, data_key, &context.settings);
    keys::block_on(wrapping)?.map_err(|error| error.about(&name))?;
    let mut merged = versions
        .merge(readers.key_groups.clone(), data_key)
        .map_err(|error| error.about(&name, true))?;
    if readers.is_conflict {
        merged.conflicts.push(Conflict {
            document: 0,
            path: clsecrets::tree::Path::root(),
            cause: Cause::Recipients,
        });
    }
    let rotated = keeper == Side::Theirs || !is_old(&our_key);
    tell(&name, &merged, &readers, rotated, context);
    let is_clean = merged.conflicts.is_empty();
    let text = merged
        .opened
        .seal(
            data_key,
            &mut SystemNonces::default(),
            context.settings.now,
            // What a side has in clear is in clear in its own file already.
            true,
        )
        .map_err(|error| error.about(&name, false))?;
    fs::replace(&target, &text.bytes, Privacy::Umask, Some(&stamp))?;
    Ok(is_clean)
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

fn tell(name: &str, merged: &Merged, readers: &Readers, rotated: bool, context: &Context) {
    let ui = &context.ui;
    for label in &readers.added {
        ui.note(&format!("{name}: {label} can open it now, as theirs says"));
    }
    for label in &readers.removed {
        ui.note(&format!(
            "{name}: {label} is no recipient any more, as theirs says"
        ));
    }
    if !readers.removed.is_empty() && !rotated {
        ui.warn(&format!(
            "{name}: whoever was removed knows its data key: clsecrets rotate -i {}",
            quoted(name)
        ));
    }
    if !merged.left_out.is_empty() {
        let lines: Vec<String> = merged.left_out.iter().map(usize::to_string).collect();
        ui.warn(&format!(
            "{name}: values are merged, but comments of the other version are left out: its line {}",
            lines.join(", ")
        ));
    }
    for conflict in &merged.conflicts {
        ui.note(&format!("{name}: conflict: {conflict}"));
    }
    let Some(first) = merged.conflicts.first() else {
        return;
    };
    let count = match merged.conflicts.len() {
        1 => "1 conflict".to_owned(),
        many => format!("{many} conflicts"),
    };
    let file = quoted(name);
    let mut error = Error::new(
        Code::Failed,
        format!("{count} in {name}: ours is kept there, all else is merged and sealed"),
    );
    if !first.path.is_root() {
        let path = quoted(&first.path.to_string());
        error = error
            .hint(format!(
                "git show MERGE_HEAD:{file} | clsecrets decrypt --filename-override {file} --extract {path} -    # theirs"
            ))
            .hint(format!("clsecrets set {file} {path} --prompt    # to take another value"));
    }
    ui.fail(&error.hint(format!("git add {file}    # when it is as it should be")));
}

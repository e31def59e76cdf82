//! Whose each file is: a record for each object, of names only.
//!
//! It is written before the files that it is about, under its lock, so that two repositories that
//! share a folder do not forget each other. What is not in it was written before there was a record.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{cannot, local, not_plain, stat};
use crate::fs::{self, Privacy, Stamp};
use crate::sync::observed::Writer;
use crate::sync::ownership::Owner;
use crate::sync::{Fault, TargetError};

/// The folder of the records; no object can be called so.
pub(super) const RECORDS: &str = ".clsecrets-owners";

/// For each key who wrote it, as the field manager of a cluster says it.
pub(super) type Owners = BTreeMap<String, String>;

/// Who wrote a file, as far as is known.
pub(super) fn writer(owners: &Owners, key: &str, us: &Owner) -> Writer {
    let mut writer = Writer::default();
    if let Some(manager) = owners.get(key) {
        writer.add(us.of_manager(manager), || "another program".to_owned());
    } else {
        writer.is_us = true;
        writer.is_unmarked = us.is_marked();
    }
    writer
}

/// The record of an object.
pub(super) fn read(root: &Path, object: &str) -> Result<Owners, TargetError> {
    Ok(load(&place(root, object))?.0)
}

/// Notes that these keys are ours.
pub(super) fn note<'a>(
    root: &Path,
    object: &str,
    keys: impl Iterator<Item = &'a String>,
    us: &Owner,
) -> Result<(), TargetError> {
    let manager = us.manager();
    change(root, object, |owners| {
        owners.extend(keys.map(|key| (key.clone(), manager.clone())));
    })
}

/// Notes that these keys are gone.
pub(super) fn forget(root: &Path, object: &str, keys: &[String]) -> Result<(), TargetError> {
    change(root, object, |owners| {
        owners.retain(|key, _| !keys.contains(key));
    })
}

fn change(root: &Path, object: &str, change: impl FnOnce(&mut Owners)) -> Result<(), TargetError> {
    let path = place(root, object);
    load(&path)?;
    fs::create_private_dir(&root.join(RECORDS)).map_err(local)?;
    let _lock = fs::lock(&path).map_err(local)?;
    let (before, stamp) = load(&path)?;
    let mut owners = before.clone();
    change(&mut owners);
    if owners == before {
        return Ok(());
    }
    if owners.is_empty() {
        return fs::remove(&path).map_err(local);
    }
    let text = serde_json::to_vec(&owners).unwrap_or_default();
    fs::replace(&path, &text, Privacy::Private, Some(&stamp)).map_err(local)
}

fn place(root: &Path, object: &str) -> PathBuf {
    root.join(RECORDS).join(format!("{object}.json"))
}

/// The record as it is. Neither it nor its folder is a link: a checkout can bring one.
fn load(path: &Path) -> Result<(Owners, Stamp), TargetError> {
    let folder = path.parent().unwrap_or(path);
    if let Some(found) = stat(folder)?
        && !found.is_dir()
    {
        return Err(not_plain(folder, "folder"));
    }
    if let Some(found) = stat(path)?
        && !found.is_file()
    {
        return Err(not_plain(path, "file"));
    }
    match fs::read(path) {
        Ok(content) => {
            if let Ok(owners) = serde_json::from_slice(&content.bytes) {
                Ok((owners, content.stamp))
            } else {
                let reason = format!("{} does not say whose the files are", path.display());
                let hint = "remove it: then --prune takes nothing of them without --adopt";
                Err(TargetError::new(Fault::Refused, reason).hint(hint))
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((Owners::default(), Stamp::ABSENT))
        }
        Err(error) => Err(cannot("read", path, &error)),
    }
}

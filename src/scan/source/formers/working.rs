//! The same for files of the working tree, against HEAD.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::super::super::git;
use super::super::{Heir, Index, SourceError};
use super::named::{environments_of, is_environments, namings, renamed};
use super::{Content, Wish};

/// Lends each sealed file of the working tree that may follow another one than the one that HEAD has in
/// its place.
pub(in super::super) fn lend(
    root: &Path,
    files: &[&Path],
    each: &mut dyn FnMut(Heir<'_>),
) -> Result<(), SourceError> {
    // Without a repository there is nothing to compare with.
    if root.join(".git").symlink_metadata().is_err() || !git::exists(root, "HEAD") {
        return Ok(());
    }
    let mut index = Index::without_entries(root);
    let changes = git::changed(root)?;
    let deleted = changes.iter().filter(|entry| is_gone(root, &entry.path));
    let gone: Vec<(Vec<u8>, String)> = deleted
        .filter_map(|entry| Some((entry.path.as_bytes().to_vec(), entry.before.clone()?)))
        .collect();
    let mut configurations = environments_of(&changes);
    let given = files.iter().map(|file| file.as_os_str());
    configurations.extend(
        given
            .filter(|file| is_environments(file))
            .map(|file| file.as_bytes().to_vec()),
    );
    configurations.sort();
    configurations.dedup();
    let old = index.namings(&configurations, b"HEAD:")?;
    let mut new = Vec::new();
    for file in &configurations {
        if let Some(text) = content(root, OsStr::from_bytes(file)) {
            new.extend(namings(file, &text));
        }
    }
    let mut named = BTreeMap::new();
    for one in renamed(&old, &new) {
        named
            .entry(one.path.clone().into_bytes())
            .or_insert_with(Vec::new)
            .extend(one.at("HEAD"));
    }
    let mut wishes = Vec::new();
    for file in files {
        let path = file.as_os_str().as_bytes().to_vec();
        if path.contains(&b'\n') {
            continue;
        }
        let at_head = [b"HEAD:".as_slice(), &path].concat();
        let is_followed = index.looks_sealed(&String::from_utf8_lossy(&at_head))?;
        let named = named.remove(&path).unwrap_or_default();
        let Some(bytes) = content(root, file.as_os_str()) else {
            continue;
        };
        if super::super::looks_sealed(&bytes) && (!is_followed || !named.is_empty()) {
            wishes.push(Wish {
                named,
                bases: vec!["HEAD".to_owned()],
                gone: if is_followed {
                    Vec::new()
                } else {
                    gone.clone()
                },
                ..Wish::new(path, Content::Bytes(bytes))
            });
        }
    }
    index.fulfil(wishes, each)
}

fn is_gone(root: &Path, path: &OsStr) -> bool {
    root.join(path).symlink_metadata().is_err()
}

fn content(root: &Path, path: &OsStr) -> Option<Zeroizing<Vec<u8>>> {
    let file = root.join(path);
    let is_read = file
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() <= git::LIMIT);
    is_read
        .then(|| crate::fs::read(&file).ok())
        .flatten()
        .map(|read| read.bytes)
}

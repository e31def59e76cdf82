//! Environments that name other sealed files than before.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::super::super::git::Entry;
use super::super::super::policy::{ENVIRONMENTS, sealed_paths};

/// The sealed files that an environment of a `clsecrets.yaml` names.
#[derive(Debug)]
pub(super) struct Naming {
    pub(super) file: Vec<u8>,
    pub(super) environment: String,
    pub(super) paths: Vec<String>,
}

/// A path that an environment names anew, and what it named before.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) environment: String,
    pub(super) path: String,
    pub(super) formers: Vec<String>,
}

impl Renamed {
    /// Environment, path and commit of each file that it named before.
    pub(super) fn at(&self, base: &str) -> Vec<(String, Vec<u8>, String)> {
        let formers = self.formers.iter();
        let at = |former: &String| {
            let path = former.clone().into_bytes();
            (self.environment.clone(), path, base.to_owned())
        };
        formers.map(at).collect()
    }
}

pub(super) fn environments_of(entries: &[Entry]) -> Vec<Vec<u8>> {
    let paths = entries.iter().map(|entry| entry.path.as_os_str());
    let files = paths.filter(|path| is_environments(path));
    files.map(|path| path.as_bytes().to_vec()).collect()
}

pub(super) fn is_environments(path: &OsStr) -> bool {
    std::path::Path::new(path).file_name() == Some(OsStr::new(ENVIRONMENTS))
}

pub(super) fn namings(file: &[u8], text: &[u8]) -> Vec<Naming> {
    // What cannot be read is told where rules are read.
    let named = sealed_paths(&String::from_utf8_lossy(file), text).unwrap_or_default();
    let naming = |(environment, paths)| Naming {
        file: file.to_vec(),
        environment,
        paths,
    };
    named.into_iter().map(naming).collect()
}

/// Of environments that name other sealed files than before: each new path, with what was named in
/// its place.
pub(super) fn renamed(old: &[Naming], new: &[Naming]) -> Vec<Renamed> {
    let is_same = |one: &Naming, other: &Naming| {
        one.file == other.file && one.environment == other.environment
    };
    let mut found = Vec::new();
    for naming in new {
        // One that is new may be one that had another name, or stood in another file.
        let others: Vec<&Naming> = match old.iter().find(|other| is_same(naming, other)) {
            Some(one) => vec![one],
            None => old
                .iter()
                .filter(|other| !new.iter().any(|one| is_same(one, other)))
                .collect(),
        };
        let has = |path: &String| others.iter().any(|other| other.paths.contains(path));
        let before = others.iter().flat_map(|other| &other.paths);
        let formers: Vec<String> = before
            .filter(|path| !naming.paths.contains(path))
            .cloned()
            .collect();
        found.extend(
            naming
                .paths
                .iter()
                .filter(|path| !has(path))
                .map(|path| Renamed {
                    environment: naming.environment.clone(),
                    path: path.clone(),
                    formers: formers.clone(),
                }),
        );
    }
    found
}

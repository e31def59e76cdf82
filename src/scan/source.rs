//! Where content to be checked comes from: the index, or files that were named.
//!
//! A commit is made of the index, so the working tree is never looked at for it. One file is in
//! memory at a time, and only if its path says that it is worth reading.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

mod commits;
mod files;

pub use commits::{Commit, Remote};
pub use files::{Files, Given};

use super::git::{self, Entry, Kind, Listings, Object, Objects, Staged};
pub(super) use super::policy::Configuration;
use super::policy::ENVIRONMENTS;
use crate::format;

/// Whether a path is worth reading.
pub(super) type Want<'a> = dyn Fn(&str) -> bool + 'a;

/// Where content comes from.
pub trait Source: fmt::Debug {
    /// The files of these names in every directory above what is checked, and those that speak of
    /// files elsewhere, in each version that counts.
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError>;
    /// The waivers that are about to be in force.
    fn waivers(&mut self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;
    /// Lends files that are not checked and may be sealed: those that are about to vanish, and those
    /// that a rule governs.
    fn elsewhere(
        &mut self,
        governed: &dyn Fn(&str) -> bool,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError>;
    /// Lends every file; of those that are not wanted, the path only.
    fn visit(
        &mut self,
        wanted: &dyn Fn(&str) -> bool,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError>;
}

/// One file. Lent only for the call.
#[derive(Clone, Copy)]
pub struct Blob<'a> {
    /// From the top of the repository; what is no UTF-8 in it is replaced.
    pub path: &'a str,
    /// Its content; `None` if it cannot be read.
    pub bytes: Option<&'a [u8]>,
    /// What stood there before, if that looks sealed.
    pub before: Option<&'a [u8]>,
    /// Whether nothing of this name stood there before.
    pub is_new: bool,
    /// Why there is no content.
    pub why_absent: &'static str,
    /// What kind of thing it is.
    pub form: Form,
    /// The commit that made it so, as it is kept, where commits are looked at.
    pub commit: Option<&'a Commit>,
}

/// What kind of thing is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A file.
    File,
    /// A symbolic link, whose content is where it leads, or a submodule, which has none.
    Link,
    /// A commit or an annotated tag, whose content is who made it and its message.
    Record,
}

/// Which part of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What a commit would change.
    Staged,
    /// Everything.
    Tracked,
    /// What the commits of a range change: `A..B`.
    Range,
    /// Every content of every commit.
    History,
}

/// The index of a repository.
#[derive(Debug)]
pub struct Index {
    scope: Scope,
    entries: Vec<Entry>,
    objects: Objects,
    directory: PathBuf,
    /// The lists that are under way.
    listings: Option<Listings>,
    /// Objects by their paths in the index and at HEAD, once they are listed.
    listed: Option<[BTreeMap<Vec<u8>, String>; 2]>,
    /// Versions whose configuration counts: how an object is asked for, and whether it is replaced.
    versions: Vec<(Vec<u8>, bool)>,
}

/// Why content cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no `git`.
    #[error("git cannot be started")]
    NoGit(#[source] io::Error),
    /// `git` refused; its words are about the repository.
    #[error("git {command} failed: {reason}")]
    Refused {
        /// Its command.
        command: String,
        /// Its own first line.
        reason: String,
    },
    /// It said something that is not understood.
    #[error("git gave an answer that is not understood")]
    Answer,
    /// It ended in the middle, as it does where it may not fetch what a clone lacks.
    #[error(
        "git ended before it had answered; for a partial clone: git fetch --refetch --no-filter"
    )]
    Broken(#[source] io::Error),
    /// A `.sops.yaml` or `clsecrets.yaml` is there and cannot be read.
    #[error("a .sops.yaml or clsecrets.yaml cannot be read")]
    Configuration,
    /// What is called a range is none.
    #[error("{0} is no range of commits")]
    Range(String),
    /// A directory's name has a line end in it.
    #[error("a directory with a line end in its name cannot be looked up")]
    Name,
}

impl SourceError {
    /// Whether these are the words of `git`, which speaks English to us.
    pub(super) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused { reason, .. } if reason == words)
    }
}

impl<'a> Blob<'a> {
    /// A file that was read.
    pub fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            path,
            bytes: Some(bytes),
            before: None,
            is_new: false,
            why_absent: "",
            form: Form::File,
            commit: None,
        }
    }

    /// A symbolic link, or a submodule, which leads nowhere.
    pub fn link(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            form: Form::Link,
            ..Self::new(path, bytes)
        }
    }

    /// A file that cannot be read.
    pub fn absent(path: &'a str, why_absent: &'static str) -> Self {
        Self {
            bytes: None,
            why_absent,
            ..Self::new(path, &[])
        }
    }
}

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Lists the index of the repository that a directory belongs to.
    pub fn open(directory: &Path, scope: Scope) -> Result<Self, SourceError> {
        let staged = matches!(scope, Scope::Staged | Scope::Range)
            .then(|| Staged::begin(directory))
            .transpose()?;
        // They take their time beside the other question.
        let listings = (scope != Scope::Tracked)
            .then(|| Listings::begin(directory))
            .transpose()?;
        let entries = match (staged, scope) {
            (Some(staged), _) => staged.finish(directory)?,
            (None, Scope::History) => Self::history(directory)?.entries,
            (None, _) => git::tracked(directory)?,
        };
        // What a commit replaces still counts for it; in a look at everything there is no commit.
        let mut versions = vec![(b":0:".to_vec(), false)];
        if scope == Scope::Staged {
            versions.push((b"HEAD:".to_vec(), true));
        }
        Ok(Self {
            scope,
            entries,
            objects: Objects::of(directory),
            directory: directory.to_path_buf(),
            listings,
            listed: None,
            versions,
        })
    }

    /// The content of an entry, with what stood there before.
    fn lend(
        &mut self,
        entry: &Entry,
        object: Object,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        let path = entry.path.to_string_lossy();
        match object {
            Object::Bytes(bytes) => {
                let before = match &entry.before {
                    Some(before)
                        if entry.kind == Kind::File && format::by_extension(&path).is_some() =>
                    {
                        self.objects.read(before.as_bytes())?
                    }
                    _ => Object::Missing,
                };
                let commit = match (&entry.commit, &before) {
                    (Some(commit), Object::Bytes(_)) => Some(self.commit(commit)?),
                    _ => None,
                };
                each(Blob {
                    before: match &before {
                        Object::Bytes(before) => Some(before),
                        _ => None,
                    },
                    is_new: entry.before.is_none() && self.scope == Scope::Staged,
                    form: match entry.kind {
                        Kind::Link => Form::Link,
                        _ => Form::File,
                    },
                    commit: commit.as_ref(),
                    ..Blob::new(&path, &bytes)
                });
            }
            Object::Record(bytes) => each(Blob {
                form: Form::Record,
                ..Blob::new(&path, &bytes)
            }),
            Object::TooBig => each(Blob::absent(&path, "it has more than 64 MiB")),
            Object::Missing => each(Blob::absent(&path, LACKING)),
            Object::Other => {}
        }
        Ok(())
    }

    /// Who has made a commit.
    fn commit(&mut self, name: &str) -> Result<Commit, SourceError> {
        Ok(match self.objects.read(name.as_bytes())? {
            Object::Record(record) => Commit::of(name, &record),
            _ => Commit::of(name, b""),
        })
    }

    /// What a path holds in a version.
    fn version(&mut self, prefix: &[u8], path: &[u8]) -> Result<Object, SourceError> {
        let list = match (&self.listed, prefix) {
            (Some([index, _]), b":0:") => Some(index),
            (Some([_, head]), b"HEAD:") => Some(head),
            _ => None,
        };
        let name = match list.map(|list| list.get(path)) {
            Some(None) => return Ok(Object::Missing),
            Some(Some(object)) => object.as_bytes().to_vec(),
            None => [prefix, path].concat(),
        };
        self.objects.read(&name)
    }

    /// Environment files wherever they are: they may name files beside and above them. A
    /// `.sops.yaml` governs only what is below it, so that of these no others count.
    fn beside(&mut self) -> Result<BTreeSet<Vec<u8>>, SourceError> {
        let is_one = |path: &OsStr| Path::new(path).file_name() == Some(OsStr::new(ENVIRONMENTS));
        let listed = match self.listings.take() {
            Some(listings) => {
                let (mut index, head) = listings.finish(&mut self.objects)?;
                let by_path = |entries: &[Entry]| {
                    let whole = entries.iter().filter(|entry| entry.kind != Kind::Unmerged);
                    whole
                        .map(|entry| (entry.path.as_bytes().to_vec(), entry.object.clone()))
                        .collect()
                };
                self.listed = Some([by_path(&index), by_path(&head)]);
                index.extend(head);
                index
            }
            None => self.entries.clone(),
        };
        let regular = listed
            .into_iter()
            .filter(|entry| entry.kind == Kind::File && is_one(&entry.path));
        Ok(regular.map(|entry| entry.path.into_vec()).collect())
    }
}

impl Source for Index {
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError> {
        let mut paths = self.beside()?;
        for directory in directories(self.entries.iter().map(|entry| entry.path.as_os_str())) {
            for name in names {
                paths.insert([directory.as_slice(), name.as_bytes()].concat());
            }
        }
        let mut found = Vec::new();
        let versions = self.versions.clone();
        for path in paths {
            for (prefix, is_replaced) in &versions {
                let text = match self.version(prefix, &path)? {
                    Object::Bytes(text) => text.to_vec(),
                    Object::Missing | Object::Other | Object::Record(_) => continue,
                    Object::TooBig => return Err(SourceError::Configuration),
                };
                found.push(Configuration {
                    path: String::from_utf8_lossy(&path).into_owned(),
                    text,
                    is_replaced: *is_replaced,
                });
            }
        }
        Ok(found)
    }

    fn waivers(&mut self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let Some((prefix, _)) = self.versions.first().cloned() else {
            return Ok(None);
        };
        match self.version(&prefix, path.as_bytes())? {
            Object::Bytes(text) => Ok(Some(text.to_vec())),
            Object::Missing | Object::Other | Object::Record(_) => Ok(None),
            Object::TooBig => Err(SourceError::Configuration),
        }
    }

    fn elsewhere(
        &mut self,
        governed: &Want<'_>,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        let mut others = git::deleted(&self.directory)?;
        let tracked = git::tracked(&self.directory)?;
        let governed = |entry: &Entry| governed(&entry.path.to_string_lossy());
        others.extend(
            tracked
                .into_iter()
                .filter(|entry| entry.kind == Kind::File && governed(entry)),
        );
        for entry in others {
            let path = entry.path.to_string_lossy();
            if format::by_extension(&path).is_some()
                && let Object::Bytes(bytes) = self.objects.read(entry.object.as_bytes())?
            {
                each(Blob::new(&path, &bytes));
            }
        }
        Ok(())
    }

    fn visit(
        &mut self,
        wanted: &Want<'_>,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        // A pipe holds the names of so many objects.
        const AHEAD: usize = 256;
        let entries = std::mem::take(&mut self.entries);
        let is_read = |entry: &Entry| match entry.kind {
            Kind::File => wanted(&entry.path.to_string_lossy()),
            Kind::Link | Kind::Record => true,
            Kind::Module | Kind::Unmerged | Kind::Lacking => false,
        };
        // One that is compared with what stood there needs two answers, and is asked for alone.
        let (many, others): (Vec<&Entry>, Vec<&Entry>) = entries
            .iter()
            .partition(|entry| is_read(entry) && entry.before.is_none());
        for part in many.chunks(AHEAD) {
            self.objects
                .ask(part.iter().map(|entry| entry.object.as_bytes()))?;
            for entry in part {
                let object = self.objects.answer()?;
                self.lend(entry, object, each)?;
            }
        }
        for entry in others {
            let path = entry.path.to_string_lossy();
            match entry.kind {
                Kind::Module => each(Blob::link(&path, &[])),
                Kind::Lacking => each(Blob::absent(&path, LACKING)),
                Kind::Unmerged if wanted(&path) => {
                    each(Blob::absent(&path, "it is in conflict; resolve it first"));
                }
                Kind::File | Kind::Link | Kind::Record if is_read(entry) => {
                    let object = self.objects.read(entry.object.as_bytes())?;
                    self.lend(entry, object, each)?;
                }
                _ => each(Blob::new(&path, &[])),
            }
        }
        self.entries = entries;
        Ok(())
    }
}

/// Why there is no content of something that is known by its name.
const LACKING: &str = "its content is not in this clone, which is a partial or a damaged one";

/// The directories of some paths and all above them, each with a closing `/`; the top is empty.
fn directories<'a>(paths: impl Iterator<Item = &'a OsStr>) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::from([Vec::new()]);
    for path in paths {
        let mut rest = path.as_bytes();
        while let Some(at) = rest.iter().rposition(|byte| *byte == b'/') {
            let directory = rest.get(..=at).unwrap_or_default();
            if !found.insert(directory.to_vec()) {
                break;
            }
            rest = rest.get(..at).unwrap_or_default();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_above_a_path_is_asked_once() {
        let paths = ["a/b/c.yaml", "a/b/d.yaml", "e", "a/f"].map(OsStr::new);
        let found: Vec<_> = directories(paths.into_iter()).into_iter().collect();

        assert_eq!(found, [b"".to_vec(), b"a/".to_vec(), b"a/b/".to_vec()]);
    }
}

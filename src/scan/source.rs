//! Where content to be checked comes from: the index, or files that were named.
//!
//! A commit is made of the index, so the working tree is never looked at for it. One file is in
//! memory at a time, and only if its path says that it is worth reading.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

mod blob;
mod commits;
mod files;
mod formers;

pub use blob::{Blob, Form};
pub use commits::{Commit, Remote};
pub use files::{Files, Given};
pub use formers::{Former, Heir, Kin};

use super::git::{self, Entry, Kind, Listings, Object, Objects, Staged};
pub(super) use super::policy::Configuration;
use super::policy::ENVIRONMENTS;
use super::waiver::Versions;
use crate::format;

/// Whether a path is worth reading.
pub(super) type Want<'a> = dyn Fn(&str) -> bool + 'a;

/// Where content comes from.
pub trait Source: fmt::Debug {
    /// The files of these names in every directory above what is checked, and those that speak of
    /// files elsewhere, in each version that counts.
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError>;
    /// The waivers that are about to be in force, and those that were.
    fn waivers(&mut self, path: &str) -> Result<Versions, SourceError>;
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
    /// Lends each sealed file that may follow another one than the one in its own place, after all
    /// were visited.
    fn heirs(&mut self, _: &mut dyn FnMut(Heir<'_>)) -> Result<(), SourceError> {
        Ok(())
    }
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
    /// What commits change, with what they delete, oldest first.
    steps: Vec<Entry>,
    /// Where what is looked at begins and ends: commits that are known, and what was made from them.
    stretches: Vec<(String, String)>,
    /// Whether something is known already where they arrive.
    has_past: bool,
    /// Contents that were met, and whether they look sealed.
    seen: HashMap<String, bool>,
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
    /// Two references have one name.
    #[error(
        "{0} is the name of several references; give the whole name, such as refs/remotes/origin/main"
    )]
    Ambiguous(String),
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
            listings,
            versions,
            ..Self::without_entries(directory)
        })
    }

    /// A repository of which nothing is looked at by itself.
    fn without_entries(directory: &Path) -> Self {
        Self {
            scope: Scope::Tracked,
            entries: Vec::new(),
            objects: Objects::of(directory),
            directory: directory.to_path_buf(),
            listings: None,
            listed: None,
            versions: Vec::new(),
            steps: Vec::new(),
            stretches: Vec::new(),
            has_past: false,
            seen: HashMap::new(),
        }
    }

    /// The content of an entry, with what stood there before.
    fn lend(
        &mut self,
        entry: &Entry,
        object: &Object,
        is_again: bool,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        let path = entry.path.to_string_lossy();
        match object {
            Object::Bytes(bytes) => {
                let is_sealed = entry.kind == Kind::File && looks_sealed(bytes);
                self.seen.insert(entry.object.clone(), is_sealed);
                let has_format = || format::by_extension(&path).is_some();
                let before = match &entry.before {
                    Some(before) if entry.kind == Kind::File && (is_sealed || has_format()) => {
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
                    is_again,
                    ..Blob::new(&path, bytes)
                });
            }
            Object::Record(bytes) => each(Blob {
                form: Form::Record,
                ..Blob::new(&path, bytes)
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

    fn waivers(&mut self, path: &str) -> Result<Versions, SourceError> {
        let (mut now, mut before) = (Vec::new(), Vec::new());
        for (prefix, is_replaced) in self.versions.clone() {
            match self.version(&prefix, path.as_bytes())? {
                Object::Bytes(text) if is_replaced => before.push(text.to_vec()),
                Object::Bytes(text) => now.push(text.to_vec()),
                Object::Missing | Object::Other | Object::Record(_) => {}
                Object::TooBig => return Err(SourceError::Configuration),
            }
        }
        let has_past = match self.scope {
            Scope::Staged => !now.is_empty() && git::exists(&self.directory, "HEAD"),
            Scope::Range => self.has_past,
            Scope::Tracked | Scope::History => false,
        };
        Ok(Versions {
            now,
            before: has_past.then_some(before),
        })
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
            Kind::Module | Kind::Unmerged | Kind::Lacking | Kind::Cut => false,
        };
        // One that is compared with what stood there needs two answers, and is asked for alone.
        let (many, others): (Vec<&Entry>, Vec<&Entry>) = entries
            .iter()
            .partition(|entry| is_read(entry) && entry.before.is_none());
        // What stands at several paths is read once.
        let same: Vec<&[&Entry]> = many
            .chunk_by(|one, other| one.object == other.object)
            .collect();
        for part in same.chunks(AHEAD) {
            let firsts = part.iter().filter_map(|entries| entries.first());
            self.objects
                .ask(firsts.map(|entry| entry.object.as_bytes()))?;
            for entries in part {
                let object = self.objects.answer()?;
                for (at, entry) in entries.iter().enumerate() {
                    let is_again = at > 0 && self.scope == Scope::History;
                    self.lend(entry, &object, is_again, each)?;
                }
            }
        }
        for entry in others {
            let path = entry.path.to_string_lossy();
            match entry.kind {
                Kind::Module => each(Blob::link(&path, &[])),
                Kind::Lacking => each(Blob::absent(&path, LACKING)),
                Kind::Cut => each(Blob::absent(&path, CUT)),
                Kind::Unmerged if wanted(&path) => {
                    each(Blob::absent(&path, "it is in conflict; resolve it first"));
                }
                Kind::File | Kind::Link | Kind::Record if is_read(entry) => {
                    let object = self.objects.read(entry.object.as_bytes())?;
                    self.lend(entry, &object, false, each)?;
                }
                _ => each(Blob::new(&path, &[])),
            }
        }
        self.entries = entries;
        Ok(())
    }

    fn heirs(&mut self, each: &mut dyn FnMut(Heir<'_>)) -> Result<(), SourceError> {
        self.lend_heirs(each)
    }
}

/// Whether a content may be a sealed file: all that have metadata say so.
fn looks_sealed(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"sops").is_some()
}

/// Why there is no content of something that is known by its name.
const LACKING: &str = "its content is not in this clone, which is a partial or a damaged one";

/// Why not all is looked at that leads to a commit.
const CUT: &str =
    "what leads to it is not in this clone, which is a shallow one: git fetch --unshallow";

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

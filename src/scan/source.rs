//! Where content to be checked comes from: the index, or files that were named.
//!
//! A commit is made of the index, so the working tree is never looked at for it. One file is in
//! memory at a time, and only if its path says that it is worth reading.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use super::git::{self, Entry, Kind, Object, Objects};
pub(super) use super::policy::Configuration;
use super::policy::ENVIRONMENTS;

/// Whether a path is worth reading.
pub(super) type Want<'a> = dyn Fn(&str) -> bool + 'a;

/// Where content comes from.
pub trait Source: fmt::Debug {
    /// The files of these names in every directory above what is checked, and those that speak of
    /// files elsewhere, in each version that counts.
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError>;
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
    /// Why there is no content.
    pub why_absent: &'static str,
    /// Whether it is a symbolic link or a submodule, which has no content of its own.
    pub is_link: bool,
}

/// Which part of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What a commit would change.
    Staged,
    /// Everything.
    Tracked,
}

/// The index of a repository.
#[derive(Debug)]
pub struct Index {
    scope: Scope,
    entries: Vec<Entry>,
    objects: Objects,
    directory: PathBuf,
}

/// Files of the working tree, by name.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    files: Vec<PathBuf>,
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
    /// It ended in the middle.
    #[error("git ended before it had answered")]
    Broken(#[source] io::Error),
    /// A `.sops.yaml` or `clsecrets.yaml` is there and cannot be read.
    #[error("a .sops.yaml or clsecrets.yaml cannot be read")]
    Configuration,
    /// A directory's name has a line end in it.
    #[error("a directory with a line end in its name cannot be looked up")]
    Name,
}

impl<'a> Blob<'a> {
    /// A file that was read.
    pub fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            path,
            bytes: Some(bytes),
            why_absent: "",
            is_link: false,
        }
    }

    /// A symbolic link or a submodule.
    pub fn link(path: &'a str) -> Self {
        Self {
            is_link: true,
            ..Self::new(path, &[])
        }
    }

    /// A file that cannot be read.
    pub fn absent(path: &'a str, why_absent: &'static str) -> Self {
        Self {
            path,
            bytes: None,
            why_absent,
            is_link: false,
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
        let entries = match scope {
            Scope::Staged => git::staged(directory)?,
            Scope::Tracked => git::tracked(directory)?,
        };
        Ok(Self {
            scope,
            entries,
            objects: Objects::start(directory)?,
            directory: directory.to_path_buf(),
        })
    }

    /// Environment files wherever they are: they may name files beside and above them. A
    /// `.sops.yaml` governs only what is below it, so that of these no others count.
    fn beside(&self) -> Result<BTreeSet<Vec<u8>>, SourceError> {
        let is_one = |path: &OsStr| Path::new(path).file_name() == Some(OsStr::new(ENVIRONMENTS));
        let listed = match self.scope {
            Scope::Staged => git::called(&self.directory, ENVIRONMENTS)?,
            Scope::Tracked => self.entries.clone(),
        };
        let regular = listed
            .into_iter()
            .filter(|entry| entry.kind == Kind::File && is_one(&entry.path));
        Ok(regular.map(|entry| entry.path.into_vec()).collect())
    }
}

impl Source for Index {
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError> {
        // What a commit replaces still counts for it; in a look at everything there is no commit.
        let versions: &[(&[u8], bool)] = match self.scope {
            Scope::Staged => &[(b":0:", false), (b"HEAD:", true)],
            Scope::Tracked => &[(b":0:", false)],
        };
        let mut paths = self.beside()?;
        for directory in directories(self.entries.iter().map(|entry| entry.path.as_os_str())) {
            for name in names {
                paths.insert([directory.as_slice(), name.as_bytes()].concat());
            }
        }
        let mut found = Vec::new();
        for path in paths {
            for (prefix, is_replaced) in versions {
                let text = match self.objects.read(&[*prefix, &path].concat())? {
                    Object::Bytes(text) => text.to_vec(),
                    Object::Missing => continue,
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

    fn visit(
        &mut self,
        wanted: &Want<'_>,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        for entry in &self.entries {
            let path = entry.path.to_string_lossy();
            match entry.kind {
                Kind::Other => {
                    each(Blob::link(&path));
                    continue;
                }
                Kind::Unmerged if wanted(&path) => {
                    each(Blob::absent(&path, "it is in conflict; resolve it first"));
                    continue;
                }
                Kind::File if wanted(&path) => {}
                Kind::Unmerged | Kind::File => {
                    each(Blob::new(&path, &[]));
                    continue;
                }
            }
            match self.objects.read(entry.object.as_bytes())? {
                Object::Bytes(bytes) => each(Blob::new(&path, &bytes)),
                Object::TooBig => each(Blob::absent(&path, "it has more than 64 MiB")),
                Object::Missing => {
                    each(Blob::absent(&path, "its content is not in the repository"));
                }
            }
        }
        Ok(())
    }
}

impl Files {
    /// Files as they were named in a directory.
    pub fn new(directory: &Path, files: &[PathBuf]) -> Self {
        // The nearest repository upward; a path is judged from its top.
        let root = directory
            .ancestors()
            .find(|above| above.join(".git").exists())
            .unwrap_or(directory)
            .to_path_buf();
        let files = files
            .iter()
            .map(|file| plain(&directory.join(file)))
            .collect();
        Self { root, files }
    }

    fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.root).unwrap_or(file)
    }
}

impl Source for Files {
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError> {
        let inside = self
            .files
            .iter()
            .map(|file| self.relative(file).as_os_str());
        let mut found = Vec::new();
        for directory in directories(inside) {
            for name in names {
                let path = [directory.as_slice(), name.as_bytes()].concat();
                let file = self.root.join(OsStr::from_bytes(&path));
                match crate::fs::read(&file) {
                    Ok(content) => found.push(Configuration {
                        path: String::from_utf8_lossy(&path).into_owned(),
                        text: content.bytes.to_vec(),
                        is_replaced: false,
                    }),
                    Err(error) if is_absent(error.kind()) => {}
                    Err(_) => return Err(SourceError::Configuration),
                }
            }
        }
        Ok(found)
    }

    fn visit(
        &mut self,
        wanted: &Want<'_>,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        for file in &self.files {
            let path = self.relative(file).to_string_lossy();
            match crate::fs::read(file) {
                Ok(content) if wanted(&path) => each(Blob::new(&path, &content.bytes)),
                Ok(_) => each(Blob::new(&path, &[])),
                Err(error) => each(Blob::absent(
                    &path,
                    match error.kind() {
                        io::ErrorKind::NotFound => "there is no such file",
                        io::ErrorKind::IsADirectory => "it is a directory; name its files",
                        _ => "it cannot be read",
                    },
                )),
            }
        }
        Ok(())
    }
}

fn is_absent(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Takes out `.` and `..`, so that a path compares with the top of its repository.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

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

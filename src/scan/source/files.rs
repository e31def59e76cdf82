//! Files of the working tree, and content that is no file.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::super::git;
use super::super::waiver::Versions;
use super::formers::working;
use super::{Blob, Configuration, Form, Heir, Source, SourceError, Want, directories};

/// Content without a file.
#[derive(Debug)]
pub struct Given<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The content.
    pub bytes: &'a [u8],
    /// What kind of thing it is.
    pub form: Form,
}

/// Files of the working tree, by name.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    named: Vec<PathBuf>,
    /// Symbolic links that were met; what they lead to is met elsewhere, or is not theirs.
    links: Vec<PathBuf>,
    /// Whether they are compared with what they follow at HEAD.
    is_compared: bool,
}

impl Files {
    /// The repository that a path is judged in.
    pub fn root(&self) -> &Path {
        &self.root
    }

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
        Self {
            root,
            named: files,
            links: Vec::new(),
            is_compared: false,
        }
    }

    /// Files as they were named, and all files below the directories among them that Git would not
    /// ignore; `all` takes those as well.
    pub fn below(directory: &Path, named: &[PathBuf], all: bool) -> Self {
        let mut files = Vec::new();
        let mut links = Vec::new();
        for path in named {
            let path = plain(&directory.join(path));
            if !path.is_dir() {
                files.push(path);
                continue;
            }
            let walk = ignore::WalkBuilder::new(&path)
                .hidden(false)
                .ignore(false)
                .git_ignore(!all)
                .git_global(!all)
                .git_exclude(!all)
                .filter_entry(|entry| entry.file_name() != ".git")
                .sort_by_file_name(Ord::cmp)
                .build();
            for entry in walk.flatten() {
                match entry.file_type() {
                    Some(kind) if kind.is_file() => files.push(entry.into_path()),
                    Some(kind) if kind.is_symlink() => links.push(entry.into_path()),
                    _ => {}
                }
            }
        }
        Self {
            links,
            ..Self::new(directory, &files)
        }
    }

    /// The same, compared with what they follow at HEAD.
    #[must_use]
    pub fn compared(self) -> Self {
        Self {
            is_compared: true,
            ..self
        }
    }

    fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.root).unwrap_or(file)
    }
}

impl Source for Files {
    fn configuration(&mut self, names: &[&str]) -> Result<Vec<Configuration>, SourceError> {
        let inside = self
            .named
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

    fn waivers(&mut self, path: &str) -> Result<Versions, SourceError> {
        match crate::fs::read(&self.root.join(path)) {
            Ok(content) => Ok(Versions {
                now: vec![content.bytes.to_vec()],
                before: None,
            }),
            Err(error) if is_absent(error.kind()) => Ok(Versions::default()),
            Err(_) => Err(SourceError::Configuration),
        }
    }

    fn elsewhere(&mut self, _: &Want<'_>, _: &mut dyn FnMut(Blob<'_>)) -> Result<(), SourceError> {
        Ok(())
    }

    fn visit(
        &mut self,
        wanted: &Want<'_>,
        each: &mut dyn FnMut(Blob<'_>),
    ) -> Result<(), SourceError> {
        for file in &self.named {
            let path = self.relative(file).to_string_lossy();
            // What is never read into memory cannot exhaust it.
            if std::fs::metadata(file)
                .is_ok_and(|found| found.is_file() && found.len() > git::LIMIT)
            {
                each(Blob::absent(&path, "it has more than 64 MiB"));
                continue;
            }
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
        for link in &self.links {
            let path = self.relative(link).to_string_lossy();
            match std::fs::read_link(link) {
                Ok(target) => each(Blob::link(&path, target.as_os_str().as_bytes())),
                Err(_) => each(Blob::absent(&path, "it cannot be read")),
            }
        }
        Ok(())
    }

    fn heirs(&mut self, each: &mut dyn FnMut(Heir<'_>)) -> Result<(), SourceError> {
        if !self.is_compared {
            return Ok(());
        }
        let files: Vec<&Path> = self.named.iter().map(|file| self.relative(file)).collect();
        match working::lend(&self.root, &files, each) {
            // Without Git there is nothing to compare with.
            Err(SourceError::NoGit(_)) => Ok(()),
            lent => lent,
        }
    }
}

impl Source for Given<'_> {
    fn configuration(&mut self, _: &[&str]) -> Result<Vec<Configuration>, SourceError> {
        Ok(Vec::new())
    }

    fn waivers(&mut self, _: &str) -> Result<Versions, SourceError> {
        Ok(Versions::default())
    }

    fn elsewhere(&mut self, _: &Want<'_>, _: &mut dyn FnMut(Blob<'_>)) -> Result<(), SourceError> {
        Ok(())
    }

    fn visit(&mut self, _: &Want<'_>, each: &mut dyn FnMut(Blob<'_>)) -> Result<(), SourceError> {
        each(Blob {
            form: self.form,
            ..Blob::new(self.name, self.bytes)
        });
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

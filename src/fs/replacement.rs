//! One replacement: a temporary file gets the content and the attributes, is synced, and takes the
//! place of the old one, if that still is what was read.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use super::temporary::Temporary;
use super::{Privacy, Stamp, attributes, cannot, changed, in_place, plain, sync_directory};
use crate::error::{Code, Error, Result};

/// What is to be done; paths are resolved.
#[derive(Debug)]
pub(super) struct Replacement<'a> {
    pub(super) path: &'a Path,
    pub(super) directory: &'a Path,
    pub(super) bytes: &'a [u8],
    pub(super) privacy: Privacy,
    pub(super) old: Option<&'a Metadata>,
    pub(super) read: Option<&'a Stamp>,
}

impl Replacement<'_> {
    /// Does it. Whatever fails, the temporary file is gone on every way out.
    pub(super) fn run(&self) -> Result<()> {
        // Opened first: a directory that cannot be synced later should fail before anything is done.
        let directory = File::open(self.directory).map_err(|error| self.failed(&error))?;
        match self.attempt(true) {
            Err(Failure::Nameless) => self.attempt(false),
            done => done,
        }
        .map_err(|failure| match failure {
            Failure::Error(error) => error,
            Failure::Nameless => Error::internal("a named file has no name"),
        })?;
        sync_directory(&directory).map_err(|error| {
            let (path, directory) = (self.path.display(), self.directory.display());
            Error::new(
                Code::Failed,
                format!(
                    "{path} is written, but {directory} cannot be synced: {}",
                    plain(&error)
                ),
            )
            .detail("after a power failure the old file can be back")
        })
    }

    fn attempt(&self, is_unnamed: bool) -> std::result::Result<(), Failure> {
        let failed = |error: io::Error| Failure::Error(self.failed(&error));
        let (temporary, keeps_owner) = self.prepare(is_unnamed).map_err(failed)?;
        let can_be_nameless = temporary.is_unnamed();
        let named = |error: io::Error| match Errno::from_io_error(&error) {
            Some(errno) if can_be_nameless && NAMES_NO_FILE.contains(&errno) => Failure::Nameless,
            _ => Failure::Error(self.failed(&error)),
        };
        self.compare()?;
        let Some(old) = self.old else {
            return temporary.appear(self.path).map_err(|error| {
                if error.kind() == io::ErrorKind::AlreadyExists {
                    return Failure::Error(changed(self.path));
                }
                named(error)
            });
        };
        let temporary = temporary.named(self.directory).map_err(named)?;
        let (temporary, reason) = if keeps_owner {
            let (error, temporary) = match temporary.take_place_of(self.path) {
                Ok(()) => return Ok(()),
                Err(given_back) => given_back,
            };
            match Errno::from_io_error(&error) {
                Some(Errno::BUSY | Errno::XDEV) => (temporary, IS_MOUNT.to_owned()),
                _ => return Err(failed(error)),
            }
        } else {
            let (user, group) = (old.uid(), old.gid());
            let reason = format!("a new file could not have its owner ({user}:{group})");
            (temporary, reason)
        };
        if self.privacy == Privacy::Private {
            return Err(Error::new(
                Code::Failed,
                format!("{} cannot be replaced: {reason}", self.path.display()),
            )
            .detail("cleartext is never written over a file, only into a new one")
            .hint("write to another file with --output")
            .into());
        }
        let was = Stamp::of(old);
        let read = self.read.unwrap_or(&was);
        in_place::overwrite(self.path, self.bytes, temporary, read, &reason)?;
        Ok(())
    }

    /// The new file, whole and synced, and whether it has the old one's owner.
    fn prepare(&self, is_unnamed: bool) -> io::Result<(Temporary, bool)> {
        let mode = match (self.old, self.privacy) {
            (Some(_), _) | (None, Privacy::Private) => 0o600,
            (None, Privacy::Umask) => 0o666,
            (None, Privacy::Executable) => 0o777,
        };
        let mut temporary = Temporary::new(self.directory, mode, is_unnamed)?;
        let file = temporary.file();
        file.write_all(self.bytes)?;
        let keeps_owner = match self.old {
            Some(old) => attributes::keep(file, self.path, old)?,
            None => true,
        };
        file.sync_all()?;
        Ok((temporary, keeps_owner))
    }

    /// Whether the file still is what was read.
    fn compare(&self) -> Result<()> {
        let Some(read) = self.read else {
            return Ok(());
        };
        let now = match std::fs::symlink_metadata(self.path) {
            Ok(now) => Stamp::of(&now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Stamp::ABSENT,
            Err(error) => return Err(cannot("look at", self.path, &error)),
        };
        if now == *read {
            Ok(())
        } else {
            Err(changed(self.path))
        }
    }

    fn failed(&self, error: &io::Error) -> Error {
        let is_denied = matches!(
            Errno::from_io_error(error),
            Some(Errno::ACCESS | Errno::ROFS)
        );
        match cannot("write", self.path, error) {
            error if is_denied => error.detail(format!(
                "{} has to be writable: files are replaced, never overwritten",
                self.directory.display()
            )),
            error => error,
        }
    }
}

const IS_MOUNT: &str = "it is mounted by itself, so that no file can take its place";

/// What `linkat` answers where a file without a name can never have one.
const NAMES_NO_FILE: &[Errno] = &[
    Errno::PERM,
    Errno::XDEV,
    Errno::OPNOTSUPP,
    Errno::INVAL,
    Errno::NOSYS,
    Errno::NOENT,
];

/// Why an attempt came to nothing.
enum Failure {
    /// Files without a name cannot get one here: once more, with a name from the start.
    Nameless,
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

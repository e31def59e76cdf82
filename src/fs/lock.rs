//! The lock on a directory: one writer of its files at a time.
//!
//! A lock on the file would die with the rename, so that two writers could each hold one. Where the
//! file system has no locks the work goes on without, and whoever asked is told; the comparison just
//! before a write then has to do.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{cannot, in_place, parent, plain, resolve, temporary};
use crate::error::{Code, Error, Result};

/// How long to wait for another writer.
const WAIT: Duration = Duration::from_secs(20);

/// Held while a file is read, changed and replaced; released on drop.
#[derive(Debug)]
pub struct Lock {
    _directory: File,
    missing: Option<String>,
}

impl Lock {
    /// Why there is none in truth, if the file system has no locks.
    pub fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }
}

/// Waits for the other writers of this file's directory, and clears away what killed ones left.
pub fn lock(path: &Path) -> Result<Lock> {
    let path = resolve(path);
    let (file, directory) = open(&path)?;
    let missing = wait(&file, &directory)?;
    locked(&path, file, &directory, missing)
}

/// The same without waiting; `None` if another writer is there.
pub fn try_lock(path: &Path) -> Result<Option<Lock>> {
    let path = resolve(path);
    let (file, directory) = open(&path)?;
    let missing = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => None,
        Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
        Err(error) => Some(error.into()),
    };
    locked(&path, file, &directory, missing).map(Some)
}

fn open(path: &Path) -> Result<(File, PathBuf)> {
    let directory = parent(path);
    let file = File::open(&directory).map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::NoFile,
            _ => Code::Input,
        };
        Error {
            code,
            ..cannot("open", &directory, &error)
        }
    })?;
    Ok((file, directory))
}

fn locked(path: &Path, file: File, directory: &Path, missing: Option<io::Error>) -> Result<Lock> {
    let missing = missing.map(|error| {
        let reason = plain(&error);
        format!(
            "the file system of {} has no locks: {reason}",
            directory.display()
        )
    });
    if missing.is_none() {
        temporary::sweep(directory, &file);
    }
    in_place::admit_left_over(path)?;
    Ok(Lock {
        _directory: file,
        missing,
    })
}

/// Takes the lock of an open file or directory; the error that a file system without locks gives.
pub(super) fn wait(file: &File, path: &Path) -> Result<Option<io::Error>> {
    let deadline = Instant::now() + WAIT;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(Error::new(
                    Code::Failed,
                    format!("{} is locked by another process", path.display()),
                )
                .hint("wait for the other command to end, then run this one again"));
            }
            Err(error) => return Ok(Some(error.into())),
        }
    }
}

//! A file that is about to take the place of another.
//!
//! It has no name while it is written, where the file system has such files, so that a process that
//! is killed leaves nothing behind; elsewhere its name has the fixed beginning. The surprise: a file
//! without a name cannot replace one, so it gets a temporary name for the moment before the rename.
//! What is left of that is recognised by its lock, which dies with the process.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, OFlags, flock};
use tempfile::TempPath;

use super::TEMPORARY_PREFIX;

/// How many characters follow [`TEMPORARY_PREFIX`] in the name of a temporary file.
const RANDOM: usize = 12;

/// A temporary file; it goes when it is dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    name: Option<TempPath>,
}

/// A temporary file that has a name; it goes when it is dropped.
#[derive(Debug)]
pub(super) struct Named {
    // Holds the lock until the name is gone.
    file: File,
    name: TempPath,
}

impl Temporary {
    /// Makes one in a directory; the umask is taken from `mode`. `is_unnamed`: without a name, where
    /// there are such files.
    pub(super) fn new(directory: &Path, mode: u32, is_unnamed: bool) -> io::Result<Self> {
        if let Some(file) = is_unnamed.then(|| unnamed(directory, mode)).flatten() {
            return Ok(Self { file, name: None });
        }
        let made = builder().make_in(directory, |name| {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(name)
        })?;
        let (file, name) = made.into_parts();
        keep_from_others(&file);
        let name = Some(name);
        Ok(Self { file, name })
    }

    /// The file, to be written.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Whether it can still fail to get a name because this file system names no file later.
    pub(super) fn is_unnamed(&self) -> bool {
        self.name.is_none()
    }

    /// Gives it a temporary name in its directory.
    pub(super) fn named(self, directory: &Path) -> io::Result<Named> {
        let name = if let Some(name) = self.name {
            name
        } else {
            // Before it has a name, so that nobody takes it for a left-over.
            keep_from_others(&self.file);
            builder()
                .make_in(directory, |name| link(&self.file, name))?
                .into_temp_path()
        };
        let file = self.file;
        Ok(Named { file, name })
    }

    /// Gives it a name that nothing has yet; it stays.
    pub(super) fn appear(self, path: &Path) -> io::Result<()> {
        match self.name {
            Some(name) => name.persist_noclobber(path).map_err(|error| error.error),
            None => link(&self.file, path),
        }
    }
}

impl Named {
    /// Puts it in the place of a path of the same directory; gives it back where that fails.
    pub(super) fn take_place_of(self, path: &Path) -> Result<(), (io::Error, Self)> {
        let file = self.file;
        self.name.persist(path).map_err(|error| {
            let name = error.path;
            (error.error, Self { file, name })
        })
    }

    /// Gives it another name that nothing has yet; it stays.
    pub(super) fn stay_as(self, path: &Path) -> io::Result<()> {
        let stayed = self.name.persist_noclobber(path);
        stayed.map_err(|error| error.error)
    }
}

/// Removes what a killed process has left in a directory. The caller holds the directory's lock.
pub(super) fn sweep(directory: &Path, open: &File) {
    // The standard library's reader panics where a directory cannot be closed.
    let Ok(entries) = rustix::fs::Dir::read_from(open) else {
        return;
    };
    for entry in entries.flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        // Some file systems do not tell the kind here.
        let is_file = matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown);
        if !is_file || !is_temporary(name) {
            continue;
        }
        let path = directory.join(name);
        // A name that does not lead to a file of ours, such as a link or a pipe, stays.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&path);
        let is_left = opened.is_ok_and(|file| keep_from_others(&file));
        if is_left {
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn is_temporary(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.strip_prefix(TEMPORARY_PREFIX))
        .is_some_and(|rest| {
            rest.len() == RANDOM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// Whether nobody else has it.
fn keep_from_others(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).rand_bytes(RANDOM);
    builder
}

/// `None` where there are no such files, or where they could not get a name later.
#[cfg(target_os = "linux")]
fn unnamed(directory: &Path, mode: u32) -> Option<File> {
    use rustix::fs::Mode;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory, flags, Mode::from_raw_mode(mode)).ok()?;
    let file = File::from(file);
    std::fs::symlink_metadata(descriptor(&file)).ok()?;
    Some(file)
}

#[cfg(target_os = "linux")]
fn link(file: &File, name: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD};
    let link = rustix::fs::linkat(CWD, descriptor(file), CWD, name, AtFlags::SYMLINK_FOLLOW);
    Ok(link?)
}

#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path, _: u32) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_takes_the_place_of_another_and_leaves_no_name_behind() {
        for is_unnamed in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            std::fs::write(&path, "old").unwrap();
            let mut temporary = Temporary::new(folder.path(), 0o600, is_unnamed).unwrap();
            temporary.file().write_all(b"new").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
            let named = temporary.named(folder.path()).unwrap();
            named.take_place_of(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_new_file_takes_no_name_that_is_taken() {
        for is_unnamed in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            let make = || Temporary::new(folder.path(), 0o600, is_unnamed).unwrap();
            make().appear(&path).unwrap();
            let error = make().appear(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        for is_unnamed in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mut temporary = Temporary::new(folder.path(), 0o600, is_unnamed).unwrap();
            temporary.file().write_all(b"new").unwrap();
            drop(temporary);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_is_left_is_swept_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = |rest: &str| format!("{TEMPORARY_PREFIX}{rest}");
        for left in ["abcdefGHI012", "abc", "backup-a.yaml"] {
            std::fs::write(folder.path().join(name(left)), "old").unwrap();
        }
        let outside = folder.path().join("outside");
        std::fs::write(&outside, "mine").unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join(name("linklinklink"))).unwrap();
        let used = Temporary::new(folder.path(), 0o600, true).unwrap();
        let used = used.named(folder.path()).unwrap();
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(count(), 6);
        sweep(folder.path(), &File::open(folder.path()).unwrap());
        assert_eq!(count(), 5);
        assert!(!folder.path().join(name("abcdefGHI012")).exists());
        assert!(outside.exists());
        drop(used);
        assert_eq!(count(), 4);
    }
}

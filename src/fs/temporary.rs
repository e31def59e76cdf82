//! A file that is about to take the place of another.
//!
//! It has no name while it is written, where the file system has such files, so that a process that
//! is killed leaves nothing behind; elsewhere its name has the fixed beginning. The surprise: a file
//! without a name cannot replace one, so it gets a temporary name for the moment before the rename.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tempfile::TempPath;

use super::TEMPORARY_PREFIX;

/// Letters and digits behind the fixed beginning of a name.
const RANDOM: usize = 12;

/// Whether a temporary file took the place that it was made for.
#[derive(Debug)]
pub(super) enum Place {
    /// It did.
    Taken,
    /// It could not: the file there is mounted by itself. This is the temporary file's name.
    Mounted(TempPath),
}

/// A temporary file; it goes when it is dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    name: Option<TempPath>,
}

impl Temporary {
    /// Makes one in a directory; the umask is taken from `mode`.
    pub(super) fn new(directory: &Path, mode: u32) -> io::Result<Self> {
        if let Some(file) = unnamed(directory, mode) {
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
        let name = Some(name);
        Ok(Self { file, name })
    }

    /// The file, to be written.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts it in the place of a path of the same directory.
    pub(super) fn take_place_of(self, path: &Path, directory: &Path) -> io::Result<Place> {
        let name = match self.name {
            Some(name) => name,
            None => builder()
                .make_in(directory, |name| link(&self.file, name))?
                .into_temp_path(),
        };
        match name.persist(path) {
            Ok(()) => Ok(Place::Taken),
            Err(failed) => match failed.error.kind() {
                io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => {
                    Ok(Place::Mounted(failed.path))
                }
                _ => Err(failed.error),
            },
        }
    }
}

/// Removes what a process left that was killed between naming a file and renaming it. Only under the
/// directory's lock: what stands there then belongs to nobody.
pub(super) fn sweep(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name
            .to_str()
            .and_then(|name| name.strip_prefix(TEMPORARY_PREFIX));
        let is_ours = rest.is_some_and(|rest| {
            rest.len() == RANDOM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // One that cannot go is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).rand_bytes(RANDOM);
    builder
}

/// `None` where there are no such files, or where they could not get a name later.
#[cfg(target_os = "linux")]
fn unnamed(directory: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "old").unwrap();
        let mut temporary = Temporary::new(folder.path(), 0o600).unwrap();
        temporary.file().write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        temporary.take_place_of(&path, folder.path()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut temporary = Temporary::new(folder.path(), 0o600).unwrap();
        temporary.file().write_all(b"new").unwrap();
        drop(temporary);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

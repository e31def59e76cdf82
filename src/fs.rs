//! Files: read with a limit, replaced atomically under a lock, private where they hold cleartext.
//!
//! The only module that writes; no function of it is called like one of the standard library, so
//! that a stray call of those is noticed. A replacement is a temporary file in the same directory,
//! synced and renamed; the lock is on the directory, because a lock on the file dies with the
//! rename.

mod attributes;
mod ground;
mod in_place;
mod lock;
mod private;
mod replacement;
mod state;
mod temporary;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result, quoted};
pub use lock::{Lock, lock, try_lock};
pub use private::{Pipe, PrivateDir, clear_away, clear_left_over};
use replacement::Replacement;
pub use state::state_folder;

/// The beginning of the name of every temporary file; `init` ignores it and the hook refuses it.
pub const TEMPORARY_PREFIX: &str = ".clsecrets-tmp-";

/// What a new file may be read by; an existing file keeps its mode and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// 0600: it holds cleartext or a key.
    Private,
    /// As the umask says: it is sealed, or holds no secret.
    Umask,
    /// As the umask says, and whoever may read it may run it: a hook of `git`.
    Executable,
}

/// What a file was when it was read, to notice that somebody else has written since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The content of a file that was read, with its stamp.
#[derive(Debug)]
pub struct Content {
    /// The bytes; zeroed on drop.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What the file was.
    pub stamp: Stamp,
}

impl Stamp {
    /// Of a file that was not there.
    pub const ABSENT: Self = Self {
        inode: 0,
        size: 0,
        modified: (0, 0),
        changed: (0, 0),
    };

    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Reads a whole file.
pub fn read(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let size = usize::try_from(metadata.size()).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.read_to_end(&mut bytes)?;
    Ok(Content {
        bytes,
        stamp: Stamp::of(&metadata),
    })
}

/// Whether a path is a pipe, a terminal or another device: nothing that can be replaced.
pub fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Writes to a pipe or a device.
pub fn write_stream(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(reason) = ground::planted(path) {
        return Err(no_file(path, reason));
    }
    let opened = OpenOptions::new().write(true).open(path);
    let written = opened.and_then(|mut file| {
        // Another user can have put a file there since somebody looked; it would be overwritten.
        if file.metadata()?.is_file() {
            return Err(io::Error::other("it is no pipe or device any more"));
        }
        file.write_all(bytes)
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            Code::Output,
            format!("cannot write {}: {}", path.display(), plain(&error)),
        )),
        _ => Ok(()),
    }
}

/// Replaces a file, or makes it. The caller holds a [`Lock`] when it has read the file before and
/// passes the stamp of that reading; a file that changed since then is left alone.
pub fn replace(path: &Path, bytes: &[u8], privacy: Privacy, read: Option<&Stamp>) -> Result<()> {
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(no_file(path, "is no file"));
    }
    if let Some(reason) = ground::planted(path) {
        return Err(no_file(path, reason));
    }
    let path = resolve(path);
    let old = match fs::symlink_metadata(&path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot("look at", &path, &error)),
    };
    if let Some(old) = &old {
        admit(&path, old)?;
    }
    Replacement {
        path: &path,
        directory: &parent(&path),
        bytes,
        privacy,
        old: old.as_ref(),
        read,
    }
    .run()
}

/// Refuses a file that an interrupted write may have left in parts, before it is read.
pub fn refuse_interrupted(path: &Path) -> Result<()> {
    in_place::refuse_left_over(&resolve(path)).map(drop)
}

/// Makes a directory that only the user can enter, with its parents.
pub fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| cannot("create", path, &error))
}

/// Makes a directory as the umask says, with its parents.
pub fn create_shared_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))
}

/// Gives a file another name in the same directory; a symbolic link itself, not what it points to.
/// Nothing that has this name already is lost.
pub fn give_name(path: &Path, name: &Path) -> Result<()> {
    if fs::symlink_metadata(name).is_ok() {
        return Err(Error::new(
            Code::Output,
            format!("{} exists already", name.display()),
        ));
    }
    fs::rename(path, name).map_err(|error| cannot("rename", path, &error))
}

/// Removes a file; one that is not there is no error.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory that has nothing in it; another one stays.
pub fn drop_empty_dir(path: &Path) {
    let _ = fs::remove_dir(path);
}

/// Adds bytes at the end of a file, in one write, and waits until they are stored; makes it for the
/// user alone. A link is not followed, and neither is a second name of another file.
pub fn append_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let opened = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path);
    let written = opened.and_then(|mut file| {
        let found = file.metadata()?;
        if !found.is_file() || found.nlink() > 1 {
            return Err(io::Error::other("it is no ordinary file with one name"));
        }
        file.write_all(bytes)?;
        file.sync_data()
    });
    written.map_err(|error| cannot("write", path, &error))
}

/// Refuses what is no ordinary file with one name.
fn admit(path: &Path, old: &fs::Metadata) -> Result<()> {
    if old.is_symlink() {
        return Err(
            no_file(path, "is a symbolic link that leads nowhere").hint(format!(
                "rm {}    # removes the link only",
                quoted(&path.display().to_string())
            )),
        );
    }
    if !old.is_file() {
        return Err(no_file(path, "is no file"));
    }
    if old.nlink() > 1 {
        return Err(Error::new(
            Code::Failed,
            format!(
                "{} has several hard links; replacing it would part them",
                path.display()
            ),
        )
        .hint("write to another file with --output, or remove the other links"));
    }
    Ok(())
}

/// A rename holds only when its directory is synced; some file systems have nothing to sync there.
fn sync_directory(directory: &File) -> io::Result<()> {
    match rustix::fs::fsync(directory) {
        Ok(()) | Err(Errno::INVAL | Errno::BADF | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Follows symbolic links of the file itself, so that the link stays and its target is replaced.
fn resolve(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn no_file(path: &Path, what: &str) -> Error {
    Error::new(Code::Output, format!("{} {what}", path.display()))
}

fn changed(path: &Path) -> Error {
    Error::new(
        Code::Failed,
        format!("{} changed while it was worked on", path.display()),
    )
    .detail("nothing was written; the other change is kept")
    .hint("run the command again")
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let code = if what == "write" {
        Code::Failed
    } else {
        Code::Input
    };
    Error::new(
        code,
        format!("cannot {what} {}: {}", path.display(), plain(error)),
    )
}

/// The system's words without the number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_not_there_when_it_was_looked_for_is_not_covered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"first", Privacy::Umask, Some(&Stamp::ABSENT)).unwrap();
        let error = replace(&path, b"second", Privacy::Umask, Some(&Stamp::ABSENT)).unwrap_err();
        assert!(error.message.contains("changed while"), "{error}");
        assert_eq!(*read(&path).unwrap().bytes, b"first");
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
    fn what_is_no_ordinary_file_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (file, name) = (folder.path().join("a"), folder.path().join("b"));
        append_private(&file, b"first").unwrap();
        assert!(write_stream(&file, b"over").is_err());
        fs::hard_link(&file, &name).unwrap();
        assert!(append_private(&name, b"second").is_err());
        fs::remove_file(&name).unwrap();
        std::os::unix::fs::symlink(&file, &name).unwrap();
        assert!(append_private(&name, b"second").is_err());
        fs::remove_file(&name).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &name, mode).unwrap();
        assert!(append_private(&name, b"second").is_err());
        assert_eq!(*read(&file).unwrap().bytes, b"first");
    }

    #[test]
    fn a_file_that_is_gone_since_it_was_read_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"first", Privacy::Umask, None).unwrap();
        let stamp = read(&path).unwrap().stamp;
        remove(&path).unwrap();
        assert!(replace(&path, b"second", Privacy::Umask, Some(&stamp)).is_err());
        assert!(!path.exists());
    }
}

//! Files: read with a limit, replaced atomically under a lock, private where they hold cleartext.
//!
//! The only module that writes; no function of it is called like one of the standard library, so
//! that a stray call of those is noticed. A replacement is a temporary file in the same directory,
//! synced and renamed; the lock is on the directory, because a lock on the file dies with the
//! rename.

mod in_place;
mod temporary;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result, quoted};
use in_place::Written;
use temporary::{Place, Temporary};

/// The beginning of the name of every temporary file; `init` ignores it and the hook refuses it.
pub const TEMPORARY_PREFIX: &str = ".clsecrets-tmp-";

/// How long to wait for another writer.
const LOCK_WAIT: Duration = Duration::from_secs(20);

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

/// Held while a file is read, changed and replaced; released on drop.
#[derive(Debug)]
pub struct Lock {
    _directory: File,
}

impl Stamp {
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

/// Waits for the other writers of this file's directory.
pub fn lock(path: &Path) -> Result<Lock> {
    let directory = parent(&resolve(path));
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
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::new(
                    Code::Failed,
                    format!("{} is locked by another process", directory.display()),
                )
                .hint("wait for the other command to end, then run this one again"));
            }
            Ok(()) => {
                temporary::sweep(&directory);
                return Ok(Lock { _directory: file });
            }
            // On a file system without locks the comparison just before the rename has to do.
            Err(_) => return Ok(Lock { _directory: file }),
        }
    }
}

/// Whether a path is a pipe, a terminal or another device: nothing that can be replaced.
pub fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Writes to a pipe or a device.
pub fn write_stream(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes));
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
    let path = resolve(path);
    let old = match fs::symlink_metadata(&path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot("look at", &path, &error)),
    };
    if let Some(old) = &old {
        if !old.is_file() {
            return Err(Error::new(
                Code::Output,
                format!("{} is no file", path.display()),
            ));
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
    }
    refuse_interrupted(&path)?;
    let replaced = write_temporary(&path, bytes, privacy, old.as_ref(), read).map_err(|error| {
        let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
        match cannot("write", &path, &error) {
            error if is_denied => error.detail(format!(
                "{} has to be writable: files are replaced, never overwritten",
                parent(&path).display()
            )),
            error => error,
        }
    })?;
    match replaced {
        Replaced::Whole => Ok(()),
        Replaced::Changed => Err(Error::new(
            Code::Failed,
            format!("{} changed while it was worked on", path.display()),
        )
        .detail("nothing was written; the other change is kept")
        .hint("run the command again")),
        Replaced::Mounted => Err(Error::new(
            Code::Failed,
            format!("cannot replace {}: it is mounted by itself", path.display()),
        )
        .detail("nothing was written: cleartext is never written over a file")
        .hint("mount its folder instead, or write elsewhere with --output")),
        Replaced::InPart { backup, cause } => Err(cannot("write", &path, &cause)
            .detail("the file may be in parts now; the backup holds the new content whole")
            .hint(restore(&path, &backup))),
    }
}

/// Refuses a file that an interrupted write may have left in parts, before it is read or written.
pub fn refuse_interrupted(path: &Path) -> Result<()> {
    let backup = in_place::backup_of(path);
    if fs::symlink_metadata(&backup).is_err() {
        return Ok(());
    }
    Err(Error::new(
        Code::Failed,
        format!("a write of {} was interrupted", path.display()),
    )
    .detail(format!(
        "{} holds what was to be written, sealed",
        backup.display()
    ))
    .hint(restore(path, &backup)))
}

/// The order that ends an interrupted write.
fn restore(path: &Path, backup: &Path) -> String {
    let word = |path: &Path| quoted(&path.display().to_string());
    let (path, backup) = (word(path), word(backup));
    format!("cp {backup} {path} && rm {backup}")
}

/// What became of a file that was to be replaced.
enum Replaced {
    Whole,
    /// It is not what was read; nothing was written.
    Changed,
    /// It cannot be replaced, and what it was to hold is not to be written over it.
    Mounted,
    /// It was written over, and that failed half-way.
    InPart {
        backup: PathBuf,
        cause: io::Error,
    },
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

/// The temporary file is gone on every way out, but for the backup of a file in parts.
fn write_temporary(
    path: &Path,
    bytes: &[u8],
    privacy: Privacy,
    old: Option<&fs::Metadata>,
    read: Option<&Stamp>,
) -> io::Result<Replaced> {
    let directory = parent(path);
    let mut temporary = Temporary::new(&directory, 0o600)?;
    let file = temporary.file();
    file.write_all(bytes)?;
    let mode = match (old, privacy) {
        (Some(old), _) => old.mode() & 0o7777,
        (None, Privacy::Private) => 0o600,
        (None, Privacy::Umask) => 0o666 & !umask(&directory)?,
        (None, Privacy::Executable) => {
            let readable = 0o666 & !umask(&directory)?;
            readable | ((readable & 0o444) >> 2)
        }
    };
    if let Some(old) = old {
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(&*file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    if let Some(read) = read {
        match fs::metadata(path) {
            Ok(now) if Stamp::of(&now) == *read => {}
            _ => return Ok(Replaced::Changed),
        }
    }
    let place = temporary.take_place_of(path, &directory)?;
    let directory = File::open(&directory)?;
    let temporary = match place {
        Place::Taken => {
            directory.sync_all()?;
            return Ok(Replaced::Whole);
        }
        Place::Mounted(_) if privacy == Privacy::Private => return Ok(Replaced::Mounted),
        Place::Mounted(temporary) => temporary,
    };
    Ok(
        match in_place::write_over(path, temporary, &directory, bytes)? {
            Written::Whole => Replaced::Whole,
            Written::InPart { backup, cause } => Replaced::InPart { backup, cause },
        },
    )
}

/// The umask, asked of the kernel by making a file: reading it would mean setting it.
fn umask(directory: &Path) -> io::Result<u32> {
    let mut probe = Temporary::new(directory, 0o666)?;
    Ok(0o666 & !(probe.file().metadata()?.mode() & 0o666))
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

//! Writing over a file where no other can take its place: a file that is a mount of its own, as in
//! a container, or one whose owner a new file could not have.
//!
//! Only for content that may be read by anybody. What is to be written lies beside the file first,
//! whole and synced, so that whatever happens, the file or this backup is whole. The surprise: the
//! backup is the new content and not the old, which can be cleartext that is just being sealed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;

use super::temporary::Named;
use super::{Stamp, TEMPORARY_PREFIX, cannot, changed, lock, parent, sync_directory};
use crate::error::{Code, Error, Result, quoted};

/// Writes `bytes` over a file; `whole` is a file beside it that holds them already, and `reason`
/// why it cannot just take the file's place.
pub(super) fn overwrite(
    path: &Path,
    bytes: &[u8],
    whole: Named,
    read: &Stamp,
    reason: &str,
) -> Result<()> {
    admit_left_over(path)?;
    let mut file = OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| cannot("write", path, &error).detail(reason))?;
    // Other directories can lead to the same file, each with a lock of its own.
    lock::wait(&file, path)?;
    let found = file
        .metadata()
        .map_err(|error| cannot("write", path, &error))?;
    if Stamp::of(&found) != *read {
        return Err(changed(path));
    }
    let backup = backup_of(path);
    whole
        .stay_as(&backup)
        .map_err(|error| cannot("write", &backup, &error).detail(reason))?;
    let prepared = File::open(parent(path))
        .and_then(|directory| sync_directory(&directory))
        .and_then(|()| reserve(&file, bytes.len()));
    if let Err(error) = prepared {
        let _ = fs::remove_file(&backup);
        return Err(cannot("write", path, &error).detail(reason));
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    file.write_all(bytes)
        .and_then(|()| file.set_len(length))
        .and_then(|()| file.sync_all())
        .map_err(|error| {
            let error = cannot("write", path, &error).detail(reason);
            with_ways_out(error.detail("it can be written in part"), path, &backup)
        })?;
    // The next command takes it away if this does not.
    let _ = fs::remove_file(&backup);
    Ok(())
}

/// Takes away the backup of a write that came to its end; refuses to go on over one that did not.
pub(super) fn admit_left_over(path: &Path) -> Result<()> {
    match refuse_left_over(path)? {
        Some(backup) => super::remove(&backup),
        None => Ok(()),
    }
}

/// Refuses a file whose write did not come to its end; the backup of one that did.
pub(super) fn refuse_left_over(path: &Path) -> Result<Option<PathBuf>> {
    let Some(backup) = left_over(path) else {
        return Ok(None);
    };
    if let (Ok(file), Ok(whole)) = (super::read(path), super::read(&backup))
        && file.bytes == whole.bytes
    {
        return Ok(Some(backup));
    }
    let error = Error::new(
        Code::Failed,
        format!("a write of {} was interrupted", path.display()),
    );
    Err(with_ways_out(error, path, &backup).hint(format!(
        "rm {}    # gives it up, if the file is whole",
        shown(&backup)
    )))
}

/// The backup that an interrupted write of this file has left.
fn left_over(path: &Path) -> Option<PathBuf> {
    let backup = backup_of(path);
    fs::symlink_metadata(&backup)
        .is_ok_and(|found| found.is_file())
        .then_some(backup)
}

/// Where the whole content is, and how to go on.
fn with_ways_out(error: Error, path: &Path, backup: &Path) -> Error {
    error
        .detail(format!("its new content is whole in {}", backup.display()))
        .hint(finish(path, backup))
}

/// The order that finishes an interrupted write. Not `mv`: nothing can take the file's place.
fn finish(path: &Path, backup: &Path) -> String {
    let (path, backup) = (shown(path), shown(backup));
    format!("cp {backup} {path} && rm {backup}    # finishes the write")
}

fn backup_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(TEMPORARY_PREFIX);
    name.push("backup-");
    name.push(path.file_name().unwrap_or_default());
    parent(path).join(name)
}

/// Asks for the room first, so that a full disk is noticed before a byte is changed. Where that
/// cannot be asked for, the backup has to do.
fn reserve(file: &File, length: usize) -> io::Result<()> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, length) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::IO)) => Err(error.into()),
        _ => Ok(()),
    }
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

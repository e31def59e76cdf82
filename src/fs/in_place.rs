//! Writing over a file that cannot be replaced: one that is mounted by itself, into a container say.
//!
//! Only for what holds no cleartext. The new content is written whole to a file beside it first and
//! synced; that is the backup while the file itself is in parts, and it goes when all is done. The
//! surprise: the backup is the new content, not the old, because the old may be cleartext.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::TEMPORARY_PREFIX;

/// How writing over a file ended.
#[derive(Debug)]
pub(super) enum Written {
    /// All of it.
    Whole,
    /// In part, or who knows; the backup holds it whole.
    InPart {
        /// The backup.
        backup: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
}

/// The backup of a file, wherever one was left.
pub(super) fn backup_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(TEMPORARY_PREFIX);
    name.push("backup-");
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// Writes `bytes` over a file. `temporary` holds the same bytes, synced, in the same directory.
pub(super) fn write_over(
    path: &Path,
    temporary: TempPath,
    directory: &File,
    bytes: &[u8],
) -> io::Result<Written> {
    let file = OpenOptions::new().write(true).open(path)?;
    let backup = backup_of(path);
    temporary
        .persist_noclobber(&backup)
        .map_err(|error| error.error)?;
    // Not before the backup's name is on the disk may anything of the old content go.
    if let Err(error) = directory.sync_all() {
        std::fs::remove_file(&backup)?;
        return Err(error);
    }
    let written = over(file, bytes);
    Ok(match written {
        Ok(()) => {
            std::fs::remove_file(&backup)?;
            directory.sync_all()?;
            Written::Whole
        }
        Err(cause) => Written::InPart { backup, cause },
    })
}

fn over(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_len(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

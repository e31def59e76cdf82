//! A directory that only the user can enter, for cleartext that another program has to read.
//!
//! In memory unless the caller says otherwise: what was on a disk can be found there later. It goes
//! when it is dropped, with all that programs have put beside. The surprise: a process that is killed
//! cannot do that, so the name tells others what may be cleared away.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Gid, Mode, Uid};
use tempfile::TempDir;

use super::{cannot, plain};
use crate::error::{Code, Error, Result};
use crate::settings::Settings;

/// The beginning of the name of such a directory.
const PREFIX: &str = "clsecrets-open-";

/// A private directory.
#[derive(Debug)]
pub struct PrivateDir(TempDir);

impl PrivateDir {
    /// Makes one in memory: below `XDG_RUNTIME_DIR`, or in `/dev/shm`.
    pub fn in_memory(settings: &Settings) -> Result<Self> {
        let places = [settings.var("XDG_RUNTIME_DIR"), Some("/dev/shm")];
        let mut places = places.into_iter().flatten().map(Path::new);
        places
            .find_map(|place| is_in_memory(place).then(|| Self::below(place).ok())?)
            .ok_or_else(|| {
                Error::new(
                    Code::Failed,
                    "there is no place in memory for cleartext that another program reads",
                )
                .detail("neither XDG_RUNTIME_DIR nor /dev/shm is a file system in memory that can be written")
            })
    }

    /// Makes one where temporary files go, whatever is behind that.
    pub fn on_disk(settings: &Settings) -> Result<Self> {
        Self::below(Path::new(settings.var("TMPDIR").unwrap_or("/tmp")))
    }

    fn below(place: &Path) -> Result<Self> {
        tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place)
            .map(Self)
            .map_err(|error| cannot("create a directory in", place, &error))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a new file into it.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.join(name);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        made.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| cannot("write", &path, &error))?;
        Ok(path)
    }

    /// Makes a pipe in it.
    pub fn pipe(&self, name: &str) -> Result<PathBuf> {
        let path = self.join(name);
        rustix::fs::mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)
            .map_err(|error| cannot("create", &path, &error.into()))?;
        Ok(path)
    }

    /// Gives the directory and what is in it to another user.
    pub fn hand_over(&self, user: u32, group: u32) -> Result<()> {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        let entries = std::fs::read_dir(self.path()).into_iter().flatten();
        let inside = entries.flatten().map(|entry| entry.path());
        for path in inside.chain([self.path().to_path_buf()]) {
            rustix::fs::chown(&path, Some(user), Some(group))
                .map_err(|error| cannot("hand over", &path, &error.into()))?;
        }
        Ok(())
    }
}

/// Writes to a pipe once somebody reads it, and takes the pipe away: who reads it again is told that
/// it is not there, rather than waiting for ever.
pub fn feed(pipe: &Path, bytes: &[u8]) -> Result<()> {
    let opened = OpenOptions::new().write(true).open(pipe);
    let written = opened.and_then(|mut open: File| {
        let _ = std::fs::remove_file(pipe);
        open.write_all(bytes)
    });
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::new(
            Code::Failed,
            format!("cannot write {}: {}", pipe.display(), plain(&error)),
        )),
        _ => Ok(()),
    }
}

/// Clears away a private directory that its process has left; anything else stays.
pub fn clear_away(path: &Path) {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let is_named = name.is_some_and(|name| name.starts_with(PREFIX));
    let is_ours = std::fs::symlink_metadata(path).is_ok_and(|found| {
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw()
            || found.is_dir() && rustix::process::geteuid().is_root()
    });
    if is_named && is_ours {
        let _ = std::fs::remove_dir_all(path);
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(place: &Path) -> bool {
    const TMPFS: rustix::fs::FsWord = 0x0102_1994;
    place.is_absolute() && rustix::fs::statfs(place).is_ok_and(|found| found.f_type == TMPFS)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(runtime: &Path) -> Settings {
        let runtime = runtime.display().to_string();
        let vars = [
            ("XDG_RUNTIME_DIR".to_owned(), runtime.clone()),
            ("TMPDIR".to_owned(), runtime),
        ];
        Settings::new(vars, PathBuf::from("/"), 0)
    }

    #[test]
    fn it_is_private_and_goes_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = PrivateDir::on_disk(&settings(folder.path())).unwrap();
        let path = made.path().to_path_buf();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        let file = made.put("a.yaml", b"a: 1\n").unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(made.put("a.yaml", b"").is_err());
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn what_has_another_name_is_not_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        super::super::create_private_dir(&other).unwrap();
        clear_away(&other);
        assert!(other.exists());
        let left = folder.path().join(format!("{PREFIX}x"));
        super::super::create_private_dir(&left.join("deeper")).unwrap();
        clear_away(&left);
        assert!(!left.exists());
    }
}

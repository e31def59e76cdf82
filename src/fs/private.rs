//! A folder that only the user can enter, for cleartext that another program has to read.
//!
//! In memory unless the caller says otherwise: what was on a disk can be found there later. It goes
//! when it is dropped, with all that programs have put beside. A process that is killed cannot do
//! that, so a lock tells others whether somebody still uses it. The surprise: the folder stays ours
//! when another user reads from it; whoever owned it could put a link in the place of what we write.

mod left;

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, Uid, chownat, fchmod, fchown, flock,
    fstat, mkfifoat, open, openat, statat, unlinkat,
};
use rustix::io::Errno;
use tempfile::TempDir;

use super::ground::is_firm;
use super::{cannot, plain};
use crate::error::{Code, Error, Result};
use crate::settings::Settings;
pub use left::{clear_away, clear_left_over};

/// The beginning of the name of such a folder.
const PREFIX: &str = "clsecrets-open-";
/// How many characters follow it.
const RANDOM: usize = 12;
/// Its mode.
const OWN: u32 = 0o700;
/// Its mode when another user reads from it: to be entered by that user's group, not to be listed.
const HANDED_OVER: u32 = 0o710;
/// In memory on every Linux, and to be entered by every user.
const IN_MEMORY: &str = "/dev/shm";
/// Where temporary files go if nothing else is said.
const ON_DISK: &str = "/tmp";

/// A private folder.
#[derive(Debug)]
pub struct PrivateDir {
    // Goes first: the lock is held until there is nothing left.
    folder: TempDir,
    open: File,
}

/// A pipe in a private folder, which is fed once.
#[derive(Debug)]
pub struct Pipe {
    /// Where it is.
    pub path: PathBuf,
    name: String,
    folder: File,
    /// Device and inode.
    identity: (u64, u64),
}

impl PrivateDir {
    /// Makes one in memory: below `XDG_RUNTIME_DIR`, or in `/dev/shm`. Other users cannot come to the
    /// first, so `for_others` leaves it out.
    pub fn in_memory(settings: &Settings, for_others: bool) -> Result<Self> {
        let own = settings.var("XDG_RUNTIME_DIR").filter(|_| !for_others);
        let mut places = [own, Some(IN_MEMORY)].into_iter().flatten().map(Path::new);
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
        Self::below(Path::new(settings.var("TMPDIR").unwrap_or(ON_DISK)))
    }

    fn below(place: &Path) -> Result<Self> {
        if !is_firm(place) {
            let place = place.display();
            return Err(Error::new(
                Code::Failed,
                format!("{place} is no place for cleartext: other users can change what is in it"),
            )
            .hint("TMPDIR=/tmp    # or another folder that is yours or sticky"));
        }
        let make = || {
            let folder = tempfile::Builder::new()
                .prefix(PREFIX)
                .rand_bytes(RANDOM)
                .permissions(Permissions::from_mode(OWN))
                .tempdir_in(place)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let open = File::from(open(folder.path(), flags, Mode::empty())?);
            Ok::<_, io::Error>(Self { folder, open })
        };
        loop {
            let made = make().map_err(|error| cannot("create a folder in", place, &error))?;
            if made.is_held() {
                return Ok(made);
            }
        }
    }

    /// Takes the lock. `false`: another command took the new folder for one that was left, and has
    /// cleared it away.
    fn is_held(&self) -> bool {
        // Where there are no locks, nobody clears anything away.
        if let Err(Errno::WOULDBLOCK | Errno::INTR) =
            flock(&self.open, FlockOperation::NonBlockingLockExclusive)
        {
            return false;
        }
        let here = self.open.metadata().map(|found| (found.dev(), found.ino()));
        let there = std::fs::symlink_metadata(self.path());
        let there = there.map(|found| (found.dev(), found.ino()));
        matches!((here, there), (Ok(here), Ok(there)) if here == there)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Puts a new file into it.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.join(name);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.open, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(io::Error::from)
            .and_then(|file| File::from(file).write_all(bytes))
            .map_err(|error| cannot("write", &path, &error))?;
        Ok(path)
    }

    /// Makes a pipe in it.
    pub fn pipe(&self, name: &str) -> Result<Pipe> {
        let path = self.join(name);
        let make = || {
            mkfifoat(&self.open, name, Mode::RUSR | Mode::WUSR)?;
            let made = statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok::<_, io::Error>((self.open.try_clone()?, identity(&made)))
        };
        let (folder, identity) = make().map_err(|error| cannot("create", &path, &error))?;
        Ok(Pipe {
            path,
            name: name.to_owned(),
            folder,
            identity,
        })
    }

    /// Lets another user read an entry. The entry becomes theirs; the folder stays ours, so that they
    /// can put nothing in its place.
    pub fn hand_over(&self, entry: &Path, user: u32, group: u32) -> Result<()> {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        let name = entry.file_name().unwrap_or_default();
        // The folder opens last: until then nobody else can have touched what is in it.
        chownat(
            &self.open,
            name,
            Some(user),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .and_then(|()| fchown(&self.open, None, Some(group)))
        .and_then(|()| fchmod(&self.open, Mode::from_raw_mode(HANDED_OVER)))
        .map_err(|error| cannot("hand over", entry, &error.into()))
    }
}

impl Pipe {
    /// Writes once somebody reads, and takes the pipe away: who reads it again is told that it is not
    /// there, rather than waiting for ever.
    pub fn feed(&self, bytes: &[u8]) -> Result<()> {
        match self.try_feed(bytes) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
                Code::Failed,
                format!("cannot write {}: {}", self.path.display(), plain(&error)),
            )),
            _ => Ok(()),
        }
    }

    fn try_feed(&self, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&self.folder, &self.name, flags, Mode::empty())?;
        let found = fstat(&opened)?;
        let is_pipe = FileType::from_raw_mode(found.st_mode) == FileType::Fifo;
        if !is_pipe || identity(&found) != self.identity {
            return Err(io::Error::other(
                "something else is in the place of the pipe",
            ));
        }
        let _ = unlinkat(&self.folder, &self.name, AtFlags::empty());
        File::from(opened).write_all(bytes)
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "not the same types on every system"
)]
fn identity(found: &rustix::fs::Stat) -> (u64, u64) {
    (found.st_dev as u64, found.st_ino as u64)
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
#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
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
    fn a_place_that_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let error = PrivateDir::on_disk(&settings(&open)).unwrap_err();
        assert!(error.message.contains("other users can change"), "{error}");
        assert_eq!(std::fs::read_dir(&open).unwrap().count(), 0);
    }

    #[test]
    fn what_stands_in_the_place_of_a_pipe_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let made = PrivateDir::on_disk(&settings(folder.path())).unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "").unwrap();
        let pipe = made.pipe("p").unwrap();
        std::fs::remove_file(&pipe.path).unwrap();
        std::os::unix::fs::symlink(&target, &pipe.path).unwrap();
        assert!(pipe.feed(b"canary").is_err());
        std::fs::remove_file(&pipe.path).unwrap();
        std::fs::write(&pipe.path, "").unwrap();
        assert!(pipe.feed(b"canary").is_err());
        for path in [&target, &pipe.path] {
            assert_eq!(std::fs::read(path).unwrap(), b"");
        }
    }
}

//! What a killed process has left: private folders that no living process holds the lock of.
//!
//! The lock dies with the process, so nothing is guessed from numbers of processes or from ages. Only
//! folders of this user go, by the name that we give and by owner and mode; links are not followed.
//! The surprise: a process that has just ended may hold its lock for a moment longer, so who waits for
//! the end of one has patience.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, open};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::super::ground::is_firm;
use super::{HANDED_OVER, OWN, PREFIX, RANDOM};
use crate::settings::Settings;

/// How long a process that has ended may take to let go of its lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clears away what killed commands of this user have left, in memory and where temporary files go.
pub fn clear_left_over(settings: &Settings) {
    let own = format!("/run/user/{}", geteuid().as_raw());
    let mut places: Vec<PathBuf> = [
        settings.var("XDG_RUNTIME_DIR"),
        Some(&own),
        Some(super::IN_MEMORY),
        Some(settings.var("TMPDIR").unwrap_or(super::ON_DISK)),
    ]
    .into_iter()
    .flatten()
    .map(PathBuf::from)
    .collect();
    places.sort();
    places.dedup();
    for place in places {
        for name in named_so(&place) {
            let _ = clear(&place.join(name));
        }
    }
}

/// Clears away a private folder whose process has just ended; anything else stays.
pub fn clear_away(path: &Path) {
    let until = Instant::now() + PATIENCE;
    while clear(path) == Found::InUse && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    InUse,
    Other,
}

/// Removes a folder, if it is one of ours and nobody holds it.
fn clear(path: &Path) -> Found {
    let is_named_so = path.file_name().is_some_and(is_ours_by_name);
    let Some(place) = path.parent().filter(|_| is_named_so) else {
        return Found::Other;
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(folder) = open(path, flags, Mode::empty()).map(File::from) else {
        return Found::Other;
    };
    let is_ours = fstat(&folder).is_ok_and(|found| {
        let mode = found.st_mode & 0o777;
        found.st_uid == geteuid().as_raw() && [OWN, HANDED_OVER].contains(&mode)
    });
    if !is_ours || !is_firm(place) {
        return Found::Other;
    }
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        // The path still leads here: nobody else can change a folder that is firm.
        Ok(()) => {
            let _ = std::fs::remove_dir_all(path);
            Found::Other
        }
        Err(Errno::WOULDBLOCK | Errno::INTR) => Found::InUse,
        Err(_) => Found::Other,
    }
}

fn named_so(place: &Path) -> Vec<std::ffi::OsString> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The standard library's reader panics where a directory cannot be closed.
    let entries = open(place, flags, Mode::empty()).and_then(rustix::fs::Dir::new);
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
        .filter(|name| is_ours_by_name(name))
        .collect()
}

fn is_ours_by_name(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.strip_prefix(PREFIX))
        .is_some_and(|rest| {
            rest.len() == RANDOM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
mod tests {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};

    use super::super::PrivateDir;
    use super::*;

    fn settings(place: &Path) -> Settings {
        let place = place.display().to_string();
        let vars = ["XDG_RUNTIME_DIR", "TMPDIR"].map(|name| (name.to_owned(), place.clone()));
        Settings::new(vars, PathBuf::from("/"), 0)
    }

    fn make(place: &Path, name: &str, mode: u32) -> PathBuf {
        let path = place.join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .unwrap();
        std::fs::write(path.join("a.yaml"), "a: 1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn only_what_is_ours_and_held_by_nobody_goes() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let name = |rest: &str| format!("{PREFIX}{rest}");
        let left = make(place, &name("abcdefGHI012"), 0o700);
        let handed = make(place, &name("abcdefGHI013"), 0o710);
        let staying = [
            make(place, "other", 0o700),
            make(place, &name("abc"), 0o700),
            make(place, &name("abcdefGHI014"), 0o755),
        ];
        let target = make(place, "target", 0o700);
        let link = place.join(name("abcdefGHI015"));
        symlink(&target, &link).unwrap();
        let file = place.join(name("abcdefGHI016"));
        std::fs::write(&file, "").unwrap();
        let living = PrivateDir::on_disk(&settings(place)).unwrap();
        living.put("a.yaml", b"a: 1\n").unwrap();
        clear_left_over(&settings(place));
        assert!(!left.exists() && !handed.exists());
        for path in staying.iter().chain([&target]) {
            assert!(path.join("a.yaml").exists(), "{}", path.display());
        }
        assert!(link.exists() && file.exists() && living.join("a.yaml").exists());
    }

    #[test]
    fn nothing_goes_where_others_could_plant_it() {
        let place = tempfile::tempdir().unwrap();
        let open = place.path().join("open");
        std::fs::create_dir(&open).unwrap();
        let left = make(&open, &format!("{PREFIX}abcdefGHI012"), 0o700);
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        clear_left_over(&settings(&open));
        assert!(left.exists());
    }

    #[test]
    fn the_folder_of_a_process_that_ends_meanwhile_goes() {
        let place = tempfile::tempdir().unwrap();
        let left = make(place.path(), &format!("{PREFIX}abcdefGHI012"), 0o700);
        let held = File::open(&left).unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        let ends = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(held);
        });
        clear_away(&left);
        assert!(!left.exists());
        ends.join().unwrap();
    }
}

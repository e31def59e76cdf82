//! Whether other users can change what a path leads to.
//!
//! Whoever may write to a folder may put another one, or a link, in the place of what is in it, unless
//! the folder is sticky, as `/tmp` is. A folder that a variable names, `XDG_RUNTIME_DIR` say, can be that
//! of somebody else, after `sudo -E` for example.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Whether a folder, and each above it, can be changed by its user and by root alone. In a sticky one
/// others make entries of their own, but cannot touch ours.
pub(super) fn is_firm(folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else {
        return false;
    };
    folder.ancestors().all(|one| {
        fs::symlink_metadata(one)
            .is_ok_and(|found| is_root_or_own(&found) && is_closed_to_others(&found))
    })
}

/// Whether it belongs to root or to whoever runs this.
pub(super) fn is_root_or_own(found: &Metadata) -> bool {
    // In a user namespace root can have another number.
    let root = fs::symlink_metadata("/").map_or(0, |found| found.uid());
    [0, root, geteuid().as_raw()].contains(&found.uid())
}

/// Whether nobody but its owner can put something in the place of what is in it.
pub(super) fn is_closed_to_others(folder: &Metadata) -> bool {
    let mode = folder.mode();
    folder.is_dir() && (mode & WRITABLE_BY_OTHERS == 0 || mode & STICKY != 0)
}

/// Why a path is not written to: in a folder where everybody makes entries of their own, such as `/tmp`,
/// somebody else has put something there, and would have what is written, or choose where it goes.
pub(super) fn planted(path: &Path) -> Option<&'static str> {
    let folder = fs::metadata(super::parent(path)).ok()?;
    let entry = fs::symlink_metadata(path).ok()?;
    let is_shared = folder.mode() & STICKY != 0 && folder.mode() & 0o002 != 0;
    let is_known = is_root_or_own(&entry) || entry.uid() == folder.uid();
    (is_shared && !is_known)
        .then_some("belongs to another user, in a folder that everybody can write to")
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_another_user_has_put_into_a_shared_folder_is_not_written_to() {
        if !geteuid().is_root() {
            return;
        }
        let world = tempfile::tempdir().unwrap();
        let folder = world.path().join("shared");
        fs::create_dir(&folder).unwrap();
        let (own, theirs, link) = (
            folder.join("own"),
            folder.join("theirs"),
            folder.join("link"),
        );
        for path in [&own, &theirs] {
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(&own, &link).unwrap();
        for path in [&theirs, &link] {
            std::os::unix::fs::lchown(path, Some(65534), None).unwrap();
        }
        let set = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        set(0o1777);
        assert!(planted(&theirs).is_some() && planted(&link).is_some());
        assert!(planted(&own).is_none() && planted(&folder.join("new")).is_none());
        set(0o755);
        assert!(planted(&theirs).is_none());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_firm_unless_it_is_sticky() {
        let world = tempfile::tempdir().unwrap();
        let folder = world.path().join("a/b");
        fs::create_dir_all(&folder).unwrap();
        let above = world.path().join("a");
        for (mode, is_firm_then) in [
            (0o700, true),
            (0o755, true),
            (0o775, false),
            (0o777, false),
            (0o1777, true),
        ] {
            fs::set_permissions(&above, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_firm(&folder), is_firm_then, "{mode:o}");
        }
        assert!(!is_firm(&world.path().join("none")));
        if geteuid().is_root() {
            std::os::unix::fs::chown(&above, Some(65534), None).unwrap();
            assert!(!is_firm(&folder));
        }
    }
}

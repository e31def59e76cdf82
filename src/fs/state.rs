//! The folder in which this program remembers things between runs.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ground::{is_closed_to_others, is_root_or_own};
use crate::error::{Code, Error, Result};
use crate::settings::Settings;

/// The folder for local state, `clsecrets` below [`Settings::state_dir`]; it need not exist yet. `None`
/// if neither `XDG_STATE_HOME` nor `HOME` is set.
///
/// # Errors
/// If another user can change what is in it: what it says of earlier deliveries, and the key that is
/// kept in it, would then be theirs.
pub fn state_folder(settings: &Settings) -> Result<Option<PathBuf>> {
    let Some(folder) = settings.state_dir().map(|state| state.join("clsecrets")) else {
        return Ok(None);
    };
    match changeable_by_others(&folder) {
        None => Ok(Some(folder)),
        Some(place) => Err(Error::new(
            Code::Failed,
            format!(
                "local state in {} is neither read nor written: another user can change {}",
                folder.display(),
                place.display()
            ),
        )
        .hint("set XDG_STATE_HOME to a folder that only you can change")),
    }
}

/// The first folder on the way to a path, as far as it exists, that another user can change.
fn changeable_by_others(path: &Path) -> Option<PathBuf> {
    let existing = path.ancestors().find(|one| one.is_dir())?;
    let Ok(existing) = fs::canonicalize(existing) else {
        return Some(existing.to_path_buf());
    };
    let mut folders = existing.ancestors();
    let found = folders.find(|one| {
        !fs::symlink_metadata(one).is_ok_and(|found| {
            is_root_or_own(&found) && (is_closed_to_others(&found) || is_for_own_group(&found))
        })
    });
    found.map(Path::to_path_buf)
}

/// Whether only a group that has nobody else in it may write, as where each user has a group of the
/// same number and the umask is 002.
fn is_for_own_group(folder: &Metadata) -> bool {
    folder.is_dir() && folder.mode() & 0o002 == 0 && folder.gid() == folder.uid()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_others_can_change_keeps_nothing_of_ours() {
        let world = tempfile::tempdir().unwrap();
        let state = world.path().join("state");
        let folder = || {
            let var = ("XDG_STATE_HOME".to_owned(), state.display().to_string());
            state_folder(&Settings::new([var], PathBuf::from("/"), 0))
        };
        // Neither there yet, nor below a folder of ours.
        assert_eq!(folder().unwrap(), Some(state.join("clsecrets")));
        fs::create_dir(&state).unwrap();
        assert!(folder().is_ok());
        for (mode, is_taken) in [(0o755, true), (0o1777, true), (0o777, false)] {
            fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(folder().is_ok(), is_taken, "{mode:o}");
        }
        let error = folder().unwrap_err();
        assert!(error.message.contains("another user can change"), "{error}");
        // A link is followed to where it leads.
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
        let theirs = world.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::set_permissions(&theirs, fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink(&theirs, state.join("clsecrets")).unwrap();
        assert!(folder().is_err());
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&theirs, fs::Permissions::from_mode(0o755)).unwrap();
            assert!(folder().is_ok());
            std::os::unix::fs::chown(&theirs, Some(65534), None).unwrap();
            assert!(folder().is_err());
        }
    }

    #[test]
    fn without_a_home_there_is_none() {
        let settings = Settings::new([], PathBuf::from("/"), 0);
        assert_eq!(state_folder(&settings).unwrap(), None);
    }
}

//! What a file keeps when another takes its place: mode, owner, and who else may read it.
//!
//! The new file is readable by nobody else until all of this is settled. The surprise: a directory
//! can have a default list of users, which each new file gets; a file that has no such list, or
//! another one, must not end up with it.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Gives the attributes of the file at `path` to a new one. `false`: this user cannot give it that
/// owner; then it stays private.
pub(super) fn keep(new: &File, path: &Path, old: &Metadata) -> io::Result<bool> {
    let found = new.metadata()?;
    if (found.uid(), found.gid()) != (old.uid(), old.gid()) {
        let group = (found.gid() != old.gid()).then_some(old.gid());
        let owner = (found.uid() != old.uid()).then_some(old.uid());
        match std::os::unix::fs::fchown(new, owner, group) {
            // An owner that this user namespace does not know is invalid, not forbidden.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
                ) =>
            {
                return Ok(false);
            }
            done => done?,
        }
    }
    let list = access_list::of(path)?;
    if list.is_none() {
        access_list::remove(new)?;
    }
    // Behind the owner, because a change of owner takes bits away.
    fs::File::set_permissions(new, Permissions::from_mode(old.mode() & 0o7777))?;
    if let Some(list) = list {
        access_list::set(new, &list)?;
    }
    labels::keep(new, path);
    Ok(true)
}

/// POSIX access control lists (`setfacl`).
#[cfg(target_os = "linux")]
mod access_list {
    use super::{File, Path, io};
    use rustix::fs::{XattrFlags, fremovexattr, fsetxattr};
    use rustix::io::Errno;

    const NAME: &str = "system.posix_acl_access";

    pub(super) fn of(path: &Path) -> io::Result<Option<Vec<u8>>> {
        match super::labels::read(path, NAME) {
            Ok(list) => Ok(Some(list)),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn remove(file: &File) -> io::Result<()> {
        match fremovexattr(file, NAME) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn set(file: &File, list: &[u8]) -> io::Result<()> {
        Ok(fsetxattr(file, NAME, list, XattrFlags::empty())?)
    }
}

/// Extended attributes of users and of `SELinux`: kept where that is allowed. Nothing opens by them
/// that mode and list do not open.
#[cfg(target_os = "linux")]
mod labels {
    use super::{File, Path};
    use rustix::fs::{XattrFlags, fsetxattr, lgetxattr, llistxattr};
    use rustix::io::Errno;

    /// The kernel's limit for one attribute, and for the list of their names.
    const LONGEST: usize = 1 << 16;

    pub(super) fn keep(new: &File, path: &Path) {
        let mut names = vec![0; LONGEST];
        let Ok(length) = llistxattr(path, names.as_mut_slice()) else {
            return;
        };
        names.truncate(length);
        for name in names.split(|&byte| byte == 0) {
            if (name.starts_with(b"user.") || name == b"security.selinux")
                && let Ok(value) = read(path, name)
            {
                let _ = fsetxattr(new, name, &value, XattrFlags::empty());
            }
        }
    }

    pub(super) fn read(path: &Path, name: impl rustix::path::Arg) -> Result<Vec<u8>, Errno> {
        let mut value = vec![0; LONGEST];
        let length = lgetxattr(path, name, value.as_mut_slice())?;
        value.truncate(length);
        Ok(value)
    }
}

#[cfg(not(target_os = "linux"))]
mod access_list {
    use super::{File, Path, io};

    pub(super) fn of(_: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    pub(super) fn remove(_: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn set(_: &File, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod labels {
    pub(super) fn keep(_: &super::File, _: &super::Path) {}
}

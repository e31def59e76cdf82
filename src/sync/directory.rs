//! A folder on this machine: `<path>/<object>/<key>`, as a node mounts it.
//!
//! Folders are 0700, files 0600, and an ignore file keeps all of it out of Git. A folder that has
//! content and not our ignore file is left alone, so that a wrong path overwrites nobody's work.
//! A file system remembers no writer, so a record in the folder says whose each file is.

mod owners;

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::limits::admit_files;
use super::observed::{Blocked, Content, Item, Observed};
use super::{
    DirectoryConfig, Fault, Identity, Links, Step, Target, TargetConfig, TargetError, TargetKind,
    Written,
};
use crate::chainlink::Desired;
use crate::error::quoted;
use crate::fs::{self, Privacy, Stamp};
use crate::keys::Task;
use crate::secret::SecretBytes;
use crate::settings::Settings;

/// The kind's entry in [`super::TARGET_KINDS`].
pub const KIND: TargetKind = TargetKind {
    name: "directory",
    connect,
};

/// The ignore file's name.
pub const IGNORE_FILE: &str = ".gitignore";
/// Its content; it also says whose the folder is.
pub const IGNORE: &[u8] = b"# made by clsecrets: cleartext, never commit\n*\n";

#[derive(Debug)]
struct Directory {
    config: DirectoryConfig,
}

fn connect<'a>(
    config: &'a TargetConfig,
    _settings: &'a Settings,
    _links: &'a Links,
) -> Task<'a, Box<dyn Target>, TargetError> {
    Box::pin(async move {
        match config {
            TargetConfig::Directory(config) => Ok(Box::new(Directory {
                config: config.clone(),
            }) as Box<dyn Target>),
            _ => Err(TargetError::new(Fault::Configuration, "no directory")),
        }
    })
}

impl Target for Directory {
    fn label(&self) -> String {
        format!("directory {}", self.config.shown)
    }

    fn identify(&self) -> Task<'_, Identity, TargetError> {
        Box::pin(async move {
            self.admit_root()?;
            Ok(Identity {
                place: self.config.path.display().to_string(),
                actor: None,
            })
        })
    }

    fn admit(&self, desired: &Desired) -> Result<(), TargetError> {
        admit_files(desired)
    }

    fn observe<'a>(
        &'a self,
        names: &'a [String],
    ) -> Task<'a, Vec<Result<Option<Observed>, TargetError>>, TargetError> {
        Box::pin(async move { Ok(names.iter().map(|name| self.look(name)).collect()) })
    }

    fn ours(&self) -> Task<'_, Option<Vec<String>>, TargetError> {
        Box::pin(async move { self.folders().map(Some) })
    }

    fn check<'a>(&'a self, _step: &'a Step<'a>) -> Task<'a, (), TargetError> {
        Box::pin(async { Ok(()) })
    }

    fn apply<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, Written, TargetError> {
        Box::pin(async move {
            self.write(step)?;
            Ok(Written {
                version: String::new(),
            })
        })
    }
}

impl Directory {
    /// The folder must be ours, or nobody's.
    fn admit_root(&self) -> Result<(), TargetError> {
        let root = &self.config.path;
        self.admit_way()?;
        let entries = match std::fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot("read", root, &error)),
        };
        let is_ours = fs::read(&root.join(IGNORE_FILE))
            .is_ok_and(|content| content.bytes.as_slice() == IGNORE);
        // What a run that was killed left behind is nobody's content.
        let is_left_over = |entry: io::Result<std::fs::DirEntry>| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                name.as_encoded_bytes()
                    .starts_with(fs::TEMPORARY_PREFIX.as_bytes())
            })
        };
        if is_ours || entries.into_iter().all(is_left_over) {
            return admit_owner(root);
        }
        Err(TargetError::new(
            Fault::Refused,
            format!(
                "{} has content that clsecrets did not put there",
                root.display()
            ),
        )
        .hint("give the target a path of its own, or move the content away"))
    }

    /// Neither the folder nor, below the directory of `clsecrets.yaml`, one above it is a link:
    /// a checkout must not lead values out of itself.
    fn admit_way(&self) -> Result<(), TargetError> {
        let DirectoryConfig { path, base, .. } = &self.config;
        let above = path.ancestors().skip(1);
        let inside = above.take_while(|above| *above != base && above.starts_with(base));
        for folder in [path.as_path()].into_iter().chain(inside) {
            if stat(folder)?.is_some_and(|found| found.is_symlink()) {
                return Err(TargetError::new(
                    Fault::Refused,
                    format!(
                        "{} is a symbolic link, and no value is written through one",
                        folder.display()
                    ),
                )
                .hint("give the target the path that the link leads to, or a folder of its own"));
            }
        }
        Ok(())
    }

    /// All objects, whosever they are.
    fn folders(&self) -> Result<Vec<String>, TargetError> {
        let root = &self.config.path;
        let entries = match std::fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(cannot("read", root, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", root, &error))?;
            let name = entry.file_name().into_string();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_object = |name: &String| is_folder && name != owners::RECORDS;
            names.extend(name.ok().filter(is_object));
        }
        names.sort();
        Ok(names)
    }

    fn look(&self, name: &str) -> Result<Option<Observed>, TargetError> {
        let folder = self.config.path.join(name);
        let Some(metadata) = stat(&folder)? else {
            return Ok(None);
        };
        let mut blocked = None;
        if !metadata.is_dir() {
            return Err(not_plain(&folder, "folder"));
        }
        if metadata.mode() & 0o077 != 0 {
            blocked = Some(open_to_others(&folder, "700"));
        }
        let mut items = Vec::new();
        let owners = owners::read(&self.config.path, name)?;
        let entries =
            std::fs::read_dir(&folder).map_err(|error| cannot("read", &folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", &folder, &error))?;
            let Ok(key) = entry.file_name().into_string() else {
                continue;
            };
            if key.starts_with(fs::TEMPORARY_PREFIX) {
                continue;
            }
            let path = folder.join(&key);
            let Some(metadata) = stat(&path)? else {
                continue;
            };
            if !metadata.is_file() {
                blocked = Some(not_plain(&path, "file"));
                continue;
            }
            if metadata.mode() & 0o077 != 0 {
                blocked = Some(open_to_others(&path, "600"));
            }
            // A file keeps its mode when it is written, and what is run must never be a value.
            if metadata.mode() & 0o111 != 0 {
                blocked = Some(executable(&path));
            }
            items.push(Item {
                writer: owners::writer(&owners, &key, &self.config.owner),
                value: read(&path)?,
                key,
            });
        }
        items.sort_by(|a, b| a.key.cmp(&b.key));
        let mut seen = Observed::new(Content::Data(items), "");
        seen.blocked = blocked.map(Blocked::Refused);
        Ok(Some(seen))
    }

    fn write(&self, step: &Step<'_>) -> Result<(), TargetError> {
        let root = &self.config.path;
        self.admit_root()?;
        let name = &step.desired.name;
        if !step.changes.removed.is_empty() {
            self.remove(step)?;
            owners::forget(root, name, &step.changes.removed)?;
        }
        if step.desired.entries.is_empty() {
            return Ok(());
        }
        fs::create_private_dir(root).map_err(local)?;
        let ignore = root.join(IGNORE_FILE);
        // Before any value: a folder that Git sees never holds one.
        if fs::read(&ignore).is_err() {
            fs::replace(&ignore, IGNORE, Privacy::Private, None).map_err(local)?;
        }
        // Before the values, too: what was begun is known to be ours.
        let is_left = |key: &String| step.changes.equal_of_others.contains(key);
        let written = step.desired.entries.iter().map(|entry| &entry.key);
        let written = written.filter(|key| step.allowed.adopt || !is_left(key));
        owners::note(root, name, written, &self.config.owner)?;
        let folder = root.join(name);
        fs::create_private_dir(&folder).map_err(local)?;
        for entry in &step.desired.entries {
            let is_new = step.changes.added.contains(&entry.key);
            if is_new || step.changes.changed.contains(&entry.key) {
                write_key(&folder.join(&entry.key), &entry.value, step, &entry.key)?;
            }
        }
        Ok(())
    }
}

impl Directory {
    /// Takes keys away, and the folder with the last of them.
    fn remove(&self, step: &Step<'_>) -> Result<(), TargetError> {
        let folder = self.config.path.join(&step.desired.name);
        for key in &step.changes.removed {
            let path = folder.join(key);
            let _lock = fs::lock(&path).map_err(local)?;
            as_seen(&path, step, key)?;
            fs::remove(&path).map_err(local)?;
        }
        if step.desired.entries.is_empty() {
            // What somebody else put there stays, and the folder with it.
            fs::drop_empty_dir(&folder);
        }
        Ok(())
    }
}

/// Nobody else may read what is written there, or put something else in its place.
fn admit_owner(root: &Path) -> Result<(), TargetError> {
    let Some(found) = stat(root)? else {
        return Ok(());
    };
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(TargetError::new(
            Fault::Refused,
            format!("{} belongs to another user", root.display()),
        )
        .hint("give the target a folder of your own"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(open_to_others(root, "700"));
    }
    Ok(())
}

/// Writes one file, if it still is what was observed.
fn write_key(
    path: &Path,
    value: &SecretBytes,
    step: &Step<'_>,
    key: &str,
) -> Result<(), TargetError> {
    let _lock = fs::lock(path).map_err(local)?;
    let stamp = as_seen(path, step, key)?;
    fs::replace(path, value.expose(), Privacy::Private, Some(&stamp)).map_err(local)
}

/// The file as it is, if that is how it was observed.
fn as_seen(path: &Path, step: &Step<'_>, key: &str) -> Result<Stamp, TargetError> {
    let seen = match step.seen.map(|seen| &seen.content) {
        Some(Content::Data(items)) => items.iter().find(|item| item.key == key),
        _ => None,
    };
    let now = match fs::read(path) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot("read", path, &error)),
    };
    let is_as_seen = match (&now, seen) {
        (None, None) => true,
        (Some(now), Some(seen)) => SecretBytes::copy_of(&now.bytes).ct_eq(&seen.value),
        _ => false,
    };
    if !is_as_seen {
        return Err(TargetError::new(
            Fault::Conflict,
            format!("{} changed while it was worked on", path.display()),
        )
        .hint("run the command again"));
    }
    Ok(now.map_or(Stamp::ABSENT, |now| now.stamp))
}

fn read(path: &Path) -> Result<SecretBytes, TargetError> {
    let mut content = fs::read(path).map_err(|error| cannot("read", path, &error))?;
    Ok(SecretBytes::new(std::mem::take(&mut *content.bytes)))
}

/// Of the thing itself: a link is not followed, so that nothing is read or written elsewhere.
fn stat(path: &Path) -> Result<Option<Metadata>, TargetError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("look at", path, &error)),
    }
}

fn not_plain(path: &Path, what: &str) -> TargetError {
    let name = path.display().to_string();
    let (from, to) = (quoted(&name), quoted(&format!("{name}.old")));
    TargetError::new(Fault::Refused, format!("{name} is not a {what}"))
        .hint(format!("move it away: mv {from} {to}"))
}

fn open_to_others(path: &Path, mode: &str) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!("{} is open to other users", path.display()),
    )
    .hint(format!(
        "chmod {mode} {}",
        quoted(&path.display().to_string())
    ))
}

fn executable(path: &Path) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!("{} is executable, so it is not for values", path.display()),
    )
    .hint("give the target a folder of its own")
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> TargetError {
    let reason = format!("cannot {what} {}: {}", path.display(), fs::plain(error));
    TargetError::new(Fault::Denied, reason)
}

fn local(error: crate::Error) -> TargetError {
    TargetError {
        fault: Fault::Denied,
        reason: error.message,
        hint: error.hints.into_iter().next(),
        is_lost: false,
    }
}

#[cfg(test)]
mod tests;

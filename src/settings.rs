//! What came from outside: environment variables, folders, the terminal, the clock.
//!
//! Only the command line fills it in; everything below takes it as plain values, so that tests
//! never read the caller's home, profile or clock.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::secret::{Secret, SecretBytes};

/// The process's surroundings, read once.
pub struct Settings {
    /// Environment variables that are valid UTF-8; values can be secrets (`SOPS_AGE_KEY`).
    vars: BTreeMap<String, Secret<String>>,
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// Seconds since 1970 (UTC) when the command started.
    pub now: i64,
}

impl Settings {
    /// Takes a snapshot that the caller has read.
    pub fn new(vars: impl IntoIterator<Item = (String, String)>, cwd: PathBuf, now: i64) -> Self {
        let vars = vars
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect();
        Self { vars, cwd, now }
    }

    /// An environment variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(|value| value.expose().as_str())
            .filter(|value| !value.is_empty())
    }

    /// The same, taken into custody.
    pub fn secret(&self, name: &str) -> Option<SecretBytes> {
        self.var(name)
            .map(|value| SecretBytes::copy_of(value.as_bytes()))
    }

    /// The user's home directory (`HOME`).
    pub fn home(&self) -> Option<&Path> {
        self.var("HOME").map(Path::new)
    }

    /// Where the user's configuration lives: `XDG_CONFIG_HOME`, else `~/.config`.
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// Where local state lives: `XDG_STATE_HOME`, else `~/.local/state`.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.xdg("XDG_STATE_HOME", ".local/state")
    }

    /// A path as the user wrote it, made absolute.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.cwd.join(path)
    }

    fn xdg(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        match self.var(name) {
            Some(dir) => Some(PathBuf::from(dir)),
            None => self.home().map(|home| home.join(below_home)),
        }
    }
}

/// Variables that hold identities, lead to them or protect them.
pub const IDENTITIES: [&str; 6] = [
    "SOPS_AGE_KEY",
    "SOPS_AGE_KEY_FILE",
    "SOPS_AGE_KEY_CMD",
    "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
    "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
    "SOPS_AGE_RECIPIENT",
];

/// Takes identities out of a program's environment.
pub fn without_identities(command: &mut Command) {
    for name in IDENTITIES {
        command.env_remove(name);
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

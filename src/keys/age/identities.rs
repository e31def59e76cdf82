//! Where identities (private keys) come from: variables, files, commands, the default places.
//!
//! All sources are merged, as the reference does. A source that fails is a reason, told only when
//! nothing opened the file. The surprise: what needs a passphrase is kept back until everything
//! else was tried, so that nobody is asked in vain.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::locked::{Locked, MOST_ROUNDS, Protected, Unlocked, rounds};
use super::plugin::{Faults, PluginIdentity, Until};
use crate::deadline::{Deadline, Timed};
use crate::keys::{Ask, KeyError, words};
use crate::secret::SecretBytes;
use crate::settings::Settings;

/// A private key that needs no passphrase any more.
pub(super) type Key = Box<dyn age::Identity + Send + Sync>;

/// The identities of a run; read when the first age recipient is to be opened.
#[derive(Default)]
pub(in crate::keys) struct Identities {
    fixed: Mutex<Option<Found>>,
    /// Names of plugins that the user or a creation rule has named.
    vouched: Mutex<BTreeSet<String>>,
}

/// What the sources gave.
#[derive(Default)]
pub(super) struct Found {
    keys: Keys,
    locked: Vec<Locked>,
    /// Names of the sources, in the order of the search.
    searched: Vec<String>,
    /// What is wrong with a source, with its name.
    faults: Vec<String>,
    /// Whether a passphrase was needed and nobody could be asked.
    is_locked_out: bool,
}

/// Identities without a passphrase.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) ready: Vec<Key>,
    /// Those that a program has to be started for.
    pub(super) plugins: Vec<PluginIdentity>,
    /// What is wrong with these programs.
    faults: Faults,
}

impl Identities {
    /// Offers candidates, those without a passphrase first, until `try_open` is content. What it
    /// returns explains why nothing was found.
    pub(super) fn visit(
        &self,
        settings: &Settings,
        recipient: &str,
        ask: Option<&dyn Ask>,
        deadline: &Deadline,
        mut try_open: impl FnMut(&[&dyn age::Identity]) -> bool,
    ) -> Found {
        let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = fixed.get_or_insert_with(|| Found::of_variables_and_files(settings));
        if found.keys.offer(deadline, &mut try_open) {
            return Found::default();
        }
        // Commands learn which recipient is asked for, so their answers are not kept.
        let mut answered = Found::of_commands(settings, recipient, deadline);
        if answered.keys.offer(deadline, &mut try_open) {
            return Found::default();
        }
        let mut opened = Keys::default();
        for locked in found.locked.iter().chain(&answered.locked) {
            match locked.unlock(recipient, ask) {
                Unlocked::Irrelevant => {}
                Unlocked::NobodyToAsk => answered.is_locked_out = true,
                Unlocked::Fault(fault) => answered.faults.push(fault),
                Unlocked::Open(mut keys) => {
                    let has_opened = keys.offer(deadline, &mut try_open);
                    opened.ready.append(&mut keys.ready);
                    opened.plugins.append(&mut keys.plugins);
                    answered.faults.extend(keys.faults.all());
                    if has_opened {
                        found.keys.append(opened);
                        return Found::default();
                    }
                }
            }
        }
        found.keys.append(opened);
        answered
            .searched
            .splice(0..0, found.searched.iter().cloned());
        answered.faults.splice(0..0, found.faults.iter().cloned());
        answered.faults.extend(found.keys.faults.all());
        answered.faults.extend(answered.keys.faults.all());
        answered
    }

    /// Remembers that somebody else than a file names a plugin.
    pub(super) fn vouch(&self, name: &str) {
        let mut vouched = self.vouched.lock().unwrap_or_else(PoisonError::into_inner);
        vouched.insert(name.to_owned());
    }

    /// Whether somebody else than a file names a plugin: the user's identities, or whoever was
    /// remembered.
    pub(super) fn is_vouched(&self, name: &str, settings: &Settings) -> bool {
        let vouched = self.vouched.lock().unwrap_or_else(PoisonError::into_inner);
        if vouched.contains(name) {
            return true;
        }
        let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = fixed.get_or_insert_with(|| Found::of_variables_and_files(settings));
        found
            .keys
            .plugins
            .iter()
            .any(|plugin| plugin.name() == name)
    }
}

impl Identities {
    /// Offers only what needs neither a command nor a passphrase.
    pub(super) fn offer<T>(
        &self,
        settings: &Settings,
        try_open: impl FnOnce(&[&dyn age::Identity]) -> Option<T>,
    ) -> Option<T> {
        let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = fixed.get_or_insert_with(|| Found::of_variables_and_files(settings));
        try_open(&found.keys.ready())
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities([redacted])")
    }
}

impl Keys {
    pub(super) fn of(key: Key) -> Self {
        Self {
            ready: vec![key],
            ..Self::default()
        }
    }

    fn ready(&self) -> Vec<&dyn age::Identity> {
        let ready = self.ready.iter();
        ready
            .map(|key| key.as_ref() as &dyn age::Identity)
            .collect()
    }

    /// Offers first what is here, then what a program has to be started for.
    fn offer(
        &self,
        deadline: &Deadline,
        try_open: &mut impl FnMut(&[&dyn age::Identity]) -> bool,
    ) -> bool {
        if try_open(&self.ready()) {
            return true;
        }
        let plugins = self.plugins.iter();
        let plugins: Vec<Until<'_>> = plugins.map(|key| key.until(deadline)).collect();
        let plugins: Vec<_> = plugins
            .iter()
            .map(|key| key as &dyn age::Identity)
            .collect();
        !plugins.is_empty() && try_open(&plugins)
    }

    fn append(&mut self, mut other: Self) {
        self.ready.append(&mut other.ready);
        self.plugins.append(&mut other.plugins);
    }
}

impl Found {
    fn of_variables_and_files(settings: &Settings) -> Self {
        let mut found = Self::default();
        if let Some(path) = settings.var("SOPS_AGE_SSH_PRIVATE_KEY_FILE") {
            found.file("SOPS_AGE_SSH_PRIVATE_KEY_FILE", settings, Path::new(path));
        }
        if let Some(home) = settings.home() {
            found.default_file("~/.ssh/id_ed25519", &home.join(".ssh/id_ed25519"));
            found.default_file("~/.ssh/id_rsa", &home.join(".ssh/id_rsa"));
        }
        if let Some(content) = settings.secret("SOPS_AGE_KEY") {
            found.take("SOPS_AGE_KEY", content);
        }
        if let Some(path) = settings.var("SOPS_AGE_KEY_FILE") {
            found.file("SOPS_AGE_KEY_FILE", settings, Path::new(path));
        }
        if let Some(directory) = settings.config_dir() {
            let path = directory.join("sops/age/keys.txt");
            found.default_file(&path.display().to_string(), &path);
        }
        found
    }

    fn of_commands(settings: &Settings, recipient: &str, deadline: &Deadline) -> Self {
        let mut found = Self::default();
        for variable in ["SOPS_AGE_SSH_PRIVATE_KEY_CMD", "SOPS_AGE_KEY_CMD"] {
            let Some(command) = settings.var(variable) else {
                continue;
            };
            found.searched.push(variable.to_owned());
            match run(command, recipient, &settings.cwd, deadline) {
                Ok(content) => found.parse(variable, content),
                Err(why) => found.faults.push(format!("{variable}: {why}")),
            }
        }
        found
    }

    /// A file that a variable names has to be there.
    fn file(&mut self, variable: &str, settings: &Settings, path: &Path) {
        let path = settings.absolute(path);
        match read(&path) {
            Ok(content) => self.take(variable, content),
            Err(error) => {
                self.searched.push(variable.to_owned());
                let why = crate::fs::plain(&error);
                let path = path.display();
                self.faults.push(format!("{variable}: {path}: {why}"));
            }
        }
    }

    /// A file in a default place may be missing.
    fn default_file(&mut self, place: &str, path: &Path) {
        match read(path) {
            Ok(content) => self.take(place, content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.searched.push(place.to_owned());
            }
            Err(error) => {
                self.searched.push(place.to_owned());
                self.faults
                    .push(format!("{place}: {}", crate::fs::plain(&error)));
            }
        }
    }

    fn take(&mut self, place: &str, content: SecretBytes) {
        self.searched.push(place.to_owned());
        self.parse(place, content);
    }

    /// A source holds one SSH key, or a passphrase-protected age file, or lines of identities.
    fn parse(&mut self, place: &str, content: SecretBytes) {
        let Ok(text) = std::str::from_utf8(content.expose()) else {
            self.faults.push(format!("{place}: it is no text"));
            return;
        };
        let text = text.trim_start();
        if text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----")
            || text.starts_with("age-encryption.org/")
        {
            self.locked
                .push(Locked::new(Protected::File(content), place));
        } else if text.starts_with("-----BEGIN ") {
            self.ssh(place, text);
        } else {
            let faults = parse_lines(text, &mut self.keys);
            self.faults
                .extend(faults.into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }

    fn ssh(&mut self, place: &str, text: &str) {
        match age::ssh::Identity::from_buffer(text.as_bytes(), Some(place.to_owned())) {
            Ok(key @ age::ssh::Identity::Unencrypted(_)) => self.keys.ready.push(Box::new(key)),
            Ok(age::ssh::Identity::Encrypted(_))
                if rounds(text).is_some_and(|n| n > MOST_ROUNDS) =>
            {
                self.faults.push(format!(
                    "{place}: its passphrase takes more than the {MOST_ROUNDS} rounds (of bcrypt) that \
                     are allowed"
                ));
            }
            Ok(key @ age::ssh::Identity::Encrypted(_)) => self
                .locked
                .push(Locked::new(Protected::Ssh(Box::new(key)), place)),
            Ok(age::ssh::Identity::Unsupported(_)) => self.faults.push(format!(
                "{place}: this type or encryption of SSH key is not supported"
            )),
            Err(_) => self
                .faults
                .push(format!("{place}: it is no SSH private key")),
        }
    }

    /// Why a recipient could not be opened.
    pub(super) fn missing(&self, recipient: &str) -> KeyError {
        let mut searched = format!(" (searched: {}", self.searched.join(", "));
        for fault in &self.faults {
            searched.push_str("; ");
            searched.push_str(fault);
        }
        searched.push(')');
        if self.searched.is_empty() {
            searched.clear();
        }
        if self.is_locked_out {
            return KeyError::Refused {
                reason: "its identity needs a passphrase and nobody can be asked for it".to_owned(),
                hint: Some("run the command in a terminal".to_owned()),
            };
        }
        let hint = if recipient.starts_with("ssh-") {
            format!("set SOPS_AGE_SSH_PRIVATE_KEY_FILE to the private key of {recipient}")
        } else {
            format!("set SOPS_AGE_KEY_FILE to the file with the identity of {recipient}")
        };
        KeyError::NoIdentity {
            searched,
            hint: Some(hint),
        }
    }
}

/// One identity a line, or several with blanks between them (as variables often hold them). Faults
/// name the line, never its text.
pub(super) fn parse_lines(text: &str, keys: &mut Keys) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        for word in line.split_whitespace() {
            let fault = if let Ok(identity) = word.parse::<age::x25519::Identity>() {
                keys.ready.push(Box::new(identity));
                continue;
            } else if word.starts_with("AGE-SECRET-KEY-PQ-") {
                "hybrid (post-quantum) identities are not supported yet"
            } else if let Ok(identity) = word.parse::<age::plugin::Identity>() {
                let faults = keys.faults.clone();
                keys.plugins.push(PluginIdentity::new(&identity, faults));
                continue;
            } else {
                "it holds no identity"
            };
            faults.push(format!("line {}: {fault}", number + 1));
            break;
        }
    }
    faults
}

/// Room for what a command says; nothing is moved while it is read.
const ANSWER: usize = 1 << 16;

fn read(path: &Path) -> io::Result<SecretBytes> {
    let mut content = crate::fs::read(path)?;
    Ok(SecretBytes::new(std::mem::take(&mut *content.bytes)))
}

/// Runs a command without a shell; its output is the identity, its errors go to the terminal.
fn run(
    command: &str,
    recipient: &str,
    cwd: &Path,
    deadline: &Deadline,
) -> Result<SecretBytes, String> {
    let words = words::split(command).ok_or("a quote in it is not closed")?;
    let (program, arguments) = words.split_first().ok_or("it is empty")?;
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::TimedOut => format!("{program} has not ended within {}", deadline.words()),
        _ => format!("cannot run {program}: {}", crate::fs::plain(error)),
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(cwd)
        .env("SOPS_AGE_RECIPIENT", recipient)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| failed(&error))?;
    let mut content = Zeroizing::new(Vec::with_capacity(ANSWER));
    let output = child.stdout.take();
    let read = output.map(|output| Timed::new(output, deadline.clone()).read_to_end(&mut content));
    // One that is late is killed here.
    let status = deadline.end(&mut child).map_err(|error| failed(&error))?;
    if let Some(Err(error)) = read {
        return Err(failed(&error));
    }
    let content = SecretBytes::new(std::mem::take(&mut *content));
    match (status.success(), status.code()) {
        (true, _) => Ok(content),
        (false, Some(status)) => Err(format!("{program} ended with status {status}")),
        (false, None) => Err(format!("{program} was killed")),
    }
}

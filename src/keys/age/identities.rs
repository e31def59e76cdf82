//! Where identities (private keys) come from: variables, files, commands, the default places.
//!
//! All sources are merged, as the reference does. A source that fails is a reason, told only when
//! nothing opened the file. The surprise: what needs a passphrase is kept back until everything
//! else was tried, so that nobody is asked in vain.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use age::secrecy::SecretString;
use age::{Callbacks, Decryptor, NoCallbacks, armor::ArmoredReader};
use zeroize::Zeroizing;

use crate::keys::{Ask, KeyError, words};
use crate::secret::{Secret, SecretBytes};
use crate::settings::Settings;

/// A private key that needs no passphrase any more.
type Key = Box<dyn age::Identity + Send + Sync>;

/// The identities of a run; read when the first age recipient is to be opened.
#[derive(Default)]
pub(in crate::keys) struct Identities {
    fixed: Mutex<Option<Found>>,
}

/// What the sources gave.
#[derive(Default)]
pub(super) struct Found {
    ready: Vec<Key>,
    locked: Vec<Locked>,
    /// Names of the sources, in the order of the search.
    searched: Vec<String>,
    /// What is wrong with a source, with its name.
    faults: Vec<String>,
    /// Whether a passphrase was needed and nobody could be asked.
    is_locked_out: bool,
}

/// An identity behind a passphrase.
enum Locked {
    Ssh {
        key: Box<age::ssh::Identity>,
        place: String,
    },
    File {
        content: SecretBytes,
        place: String,
    },
}

impl Identities {
    /// Offers candidates, those without a passphrase first, until `try_open` is content. What it
    /// returns explains why nothing was found.
    pub(super) fn visit(
        &self,
        settings: &Settings,
        recipient: &str,
        ask: Option<&dyn Ask>,
        mut try_open: impl FnMut(&[&dyn age::Identity]) -> bool,
    ) -> Found {
        let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = fixed.get_or_insert_with(|| Found::of_variables_and_files(settings));
        if try_open(&found.candidates()) {
            return Found::default();
        }
        // Commands learn which recipient is asked for, so their answers are not kept.
        let mut answered = Found::of_commands(settings, recipient);
        if try_open(&answered.candidates()) {
            return Found::default();
        }
        for locked in found.locked.iter().chain(&answered.locked) {
            match locked.unlock(recipient, ask) {
                Unlocked::Irrelevant => {}
                Unlocked::NobodyToAsk => answered.is_locked_out = true,
                Unlocked::Fault(fault) => answered.faults.push(fault),
                Unlocked::Open(identities) => {
                    if try_open(&borrowed(&identities)) {
                        found.ready.extend(identities);
                        return Found::default();
                    }
                }
            }
        }
        answered
            .searched
            .splice(0..0, found.searched.iter().cloned());
        answered.faults.splice(0..0, found.faults.iter().cloned());
        answered
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
        try_open(&found.candidates())
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities([redacted])")
    }
}

fn borrowed(keys: &[Key]) -> Vec<&dyn age::Identity> {
    keys.iter()
        .map(|key| key.as_ref() as &dyn age::Identity)
        .collect()
}

impl Found {
    fn candidates(&self) -> Vec<&dyn age::Identity> {
        borrowed(&self.ready)
    }

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

    fn of_commands(settings: &Settings, recipient: &str) -> Self {
        let mut found = Self::default();
        for variable in ["SOPS_AGE_SSH_PRIVATE_KEY_CMD", "SOPS_AGE_KEY_CMD"] {
            let Some(command) = settings.var(variable) else {
                continue;
            };
            found.searched.push(variable.to_owned());
            match run(command, recipient, &settings.cwd) {
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
            let place = place.to_owned();
            self.locked.push(Locked::File { content, place });
        } else if text.starts_with("-----BEGIN ") {
            self.ssh(place, text);
        } else {
            let faults = parse_lines(text, &mut self.ready);
            self.faults
                .extend(faults.into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }

    fn ssh(&mut self, place: &str, text: &str) {
        match age::ssh::Identity::from_buffer(text.as_bytes(), Some(place.to_owned())) {
            Ok(key @ age::ssh::Identity::Unencrypted(_)) => self.ready.push(Box::new(key)),
            Ok(key @ age::ssh::Identity::Encrypted(_)) => self.locked.push(Locked::Ssh {
                key: Box::new(key),
                place: place.to_owned(),
            }),
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

enum Unlocked {
    /// It cannot be the identity of this recipient.
    Irrelevant,
    NobodyToAsk,
    Fault(String),
    Open(Vec<Key>),
}

impl Locked {
    fn unlock(&self, recipient: &str, ask: Option<&dyn Ask>) -> Unlocked {
        let place = match self {
            Self::Ssh { key, place } => {
                if !is_key_of(key, recipient) {
                    return Unlocked::Irrelevant;
                }
                place
            }
            Self::File { place, .. } => place,
        };
        let Some(ask) = ask else {
            return Unlocked::NobodyToAsk;
        };
        let Some(passphrase) = ask.passphrase(&format!("passphrase of {place}")) else {
            return Unlocked::NobodyToAsk;
        };
        match self {
            Self::Ssh { key, .. } => {
                let key = key.as_ref().clone().with_callbacks(Once::new(&passphrase));
                Unlocked::Open(vec![Box::new(key)])
            }
            Self::File { content, .. } => match open_file(content, &passphrase) {
                Ok(identities) => Unlocked::Open(identities),
                Err(why) => Unlocked::Fault(format!("{place}: {why}")),
            },
        }
    }
}

/// Answers with the passphrase that was asked for before.
#[derive(Clone)]
struct Once(SecretString);

impl Once {
    fn new(passphrase: &Secret<String>) -> Self {
        Self(secret_string(passphrase))
    }
}

impl Callbacks for Once {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _: &str) -> Option<SecretString> {
        Some(self.0.clone())
    }
}

fn secret_string(passphrase: &Secret<String>) -> SecretString {
    SecretString::from(passphrase.expose().clone())
}

/// Compares the type and the key, not the comment behind them.
fn is_key_of(key: &age::ssh::Identity, recipient: &str) -> bool {
    let Ok(public) = age::ssh::Recipient::try_from(key.clone()) else {
        return false;
    };
    let public = public.to_string();
    public
        .split_whitespace()
        .take(2)
        .eq(recipient.split_whitespace().take(2))
}

fn open_file(content: &SecretBytes, passphrase: &Secret<String>) -> Result<Vec<Key>, String> {
    let no_file = |_| "it is no age file".to_owned();
    let decryptor = Decryptor::new(ArmoredReader::new(content.expose())).map_err(no_file)?;
    let mut identity = age::scrypt::Identity::new(secret_string(passphrase));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(|_| "the passphrase is wrong".to_owned())?;
    let mut text = Zeroizing::new(String::with_capacity(content.len() + 1));
    reader
        .take(SIZE_LIMIT)
        .read_to_string(&mut text)
        .map_err(|_| "it holds no identities".to_owned())?;
    let mut identities = Vec::new();
    match parse_lines(&text, &mut identities).into_iter().next() {
        Some(fault) if identities.is_empty() => Err(fault),
        _ => Ok(identities),
    }
}

/// One identity a line, or several with blanks between them (as variables often hold them). Faults
/// name the line, never its text.
fn parse_lines(text: &str, ready: &mut Vec<Key>) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        for word in line.split_whitespace() {
            let fault = if let Ok(identity) = word.parse::<age::x25519::Identity>() {
                ready.push(Box::new(identity));
                continue;
            } else if word.starts_with("AGE-SECRET-KEY-PQ-") {
                "hybrid (post-quantum) identities are not supported yet"
            } else if let Ok(identity) = word.parse::<age::plugin::Identity>() {
                let name = identity.plugin().to_owned();
                match age::plugin::IdentityPluginV1::new(&name, &[identity], NoCallbacks) {
                    Ok(plugin) => {
                        ready.push(Box::new(plugin));
                        continue;
                    }
                    Err(_) => "its plugin is not installed",
                }
            } else {
                "it holds no identity"
            };
            faults.push(format!("line {}: {fault}", number + 1));
            break;
        }
    }
    faults
}

fn read(path: &Path) -> io::Result<SecretBytes> {
    let mut content = crate::fs::read(path)?;
    Ok(SecretBytes::new(std::mem::take(&mut *content.bytes)))
}

/// Runs a command without a shell; its output is the identity, its errors go to the terminal.
fn run(command: &str, recipient: &str, cwd: &Path) -> Result<SecretBytes, String> {
    let words = words::split(command).ok_or("a quote in it is not closed")?;
    let (program, arguments) = words.split_first().ok_or("it is empty")?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(cwd)
        .env("SOPS_AGE_RECIPIENT", recipient)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {program}: {}", crate::fs::plain(&error)))?;
    let content = SecretBytes::new(output.stdout);
    match (output.status.success(), output.status.code()) {
        (true, _) => Ok(content),
        (false, Some(status)) => Err(format!("{program} ended with status {status}")),
        (false, None) => Err(format!("{program} was killed")),
    }
}

/// Bytes of an identity file behind a passphrase.
const SIZE_LIMIT: u64 = 1 << 20;

/// About a minute of work on a slow machine; an identity file cannot make us work for ever.
const MAX_WORK_FACTOR: u8 = 22;

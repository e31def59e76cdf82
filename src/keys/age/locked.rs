//! Identities behind a passphrase: keys of SSH, and age files with identities in them.
//!
//! Somebody is asked once in a run for each, however many entries a file has. What a passphrase costs is
//! bounded: an age file and a key of SSH say themselves how much work it is.

use std::io::Read;
use std::sync::OnceLock;

use age::secrecy::SecretString;
use age::{Callbacks, DecryptError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::header;
use super::identities::{Keys, parse_lines};
use crate::keys::Ask;
use crate::secret::{Secret, SecretBytes};

/// An identity behind a passphrase.
pub(super) struct Locked {
    what: Protected,
    place: String,
    /// The passphrase: asked for once in a run, however many entries a file has.
    answer: OnceLock<Option<Secret<String>>>,
}

pub(super) enum Protected {
    Ssh(Box<age::ssh::Identity>),
    File(SecretBytes),
}

pub(super) enum Unlocked {
    /// It cannot be the identity of this recipient.
    Irrelevant,
    NobodyToAsk,
    Fault(String),
    Open(Keys),
}

impl Locked {
    pub(super) fn new(what: Protected, place: &str) -> Self {
        Self {
            what,
            place: place.to_owned(),
            answer: OnceLock::new(),
        }
    }

    pub(super) fn unlock(&self, recipient: &str, ask: Option<&dyn Ask>) -> Unlocked {
        let place = &self.place;
        if let Protected::Ssh(key) = &self.what
            && !is_key_of(key, recipient)
        {
            return Unlocked::Irrelevant;
        }
        let Some(ask) = ask else {
            return Unlocked::NobodyToAsk;
        };
        let answer = self
            .answer
            .get_or_init(|| ask.passphrase(&format!("passphrase of {place}")));
        let Some(passphrase) = answer else {
            return Unlocked::NobodyToAsk;
        };
        match &self.what {
            Protected::Ssh(key) => {
                let key = key.as_ref().clone().with_callbacks(Once::new(passphrase));
                Unlocked::Open(Keys::of(Box::new(key)))
            }
            Protected::File(content) => match open_file(content, passphrase) {
                Ok(keys) => Unlocked::Open(keys),
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

fn open_file(content: &SecretBytes, passphrase: &Secret<String>) -> Result<Keys, String> {
    let decryptor =
        header::decryptor(content.expose()).map_err(|_| "it is no age file".to_owned())?;
    let mut identity = age::scrypt::Identity::new(secret_string(passphrase));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(|error| match error {
            DecryptError::ExcessiveWork { required, .. } => format!(
                "its passphrase has a work factor of {required} (scrypt, 2^{required}), and at most \
                 {MAX_WORK_FACTOR} is allowed"
            ),
            _ => "the passphrase is wrong".to_owned(),
        })?;
    let mut text = Zeroizing::new(String::with_capacity(content.len() + 1));
    reader
        .take(SIZE_LIMIT)
        .read_to_string(&mut text)
        .map_err(|_| "it holds no identities".to_owned())?;
    let mut keys = Keys::default();
    match parse_lines(&text, &mut keys).into_iter().next() {
        Some(fault) if keys.ready.is_empty() && keys.plugins.is_empty() => Err(fault),
        _ => Ok(keys),
    }
}

/// Bytes of an identity file behind a passphrase.
const SIZE_LIMIT: u64 = 1 << 20;

/// About a minute of work on a slow machine; an identity file cannot make us work for ever.
const MAX_WORK_FACTOR: u8 = 22;

/// Rounds of bcrypt for the passphrase of an SSH key; `ssh-keygen` makes 24, or what `-a` says.
pub(super) const MOST_ROUNDS: u32 = 4096;

/// The rounds that an SSH key with a passphrase asks for.
pub(super) fn rounds(key: &str) -> Option<u32> {
    let lines = key.lines().map(str::trim);
    let body: Zeroizing<String> = Zeroizing::new(
        lines
            .skip(1)
            .take_while(|line| !line.starts_with('-'))
            .collect(),
    );
    let bytes = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let (_cipher, rest) = field(rest)?;
    let (kdf, rest) = field(rest)?;
    let (options, _) = field(rest)?;
    let (_salt, rounds) = field(options)?;
    let rounds = rounds
        .first_chunk()
        .map(|rounds| u32::from_be_bytes(*rounds));
    rounds.filter(|_| kdf == b"bcrypt")
}

/// Bytes behind their length, and what follows them.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_of_a_key_are_read_before_anything_is_derived() {
        let locked = include_str!("../../../fixtures/keys/age/throwaway_locked");
        let found = rounds(locked).unwrap();
        assert!((1..=MOST_ROUNDS).contains(&found), "{found}");
        let clear = include_str!("../../../fixtures/keys/age/throwaway_ed25519");
        assert_eq!(rounds(clear), None);
        assert_eq!(rounds("-----BEGIN X-----\nnothing"), None);
        let mut key = b"openssh-key-v1\0".to_vec();
        for part in [
            b"aes256-ctr".as_slice(),
            b"bcrypt",
            &[0, 0, 0, 1, 7, 0xff, 0xff, 0xff, 0xff],
        ] {
            key.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            key.extend(part);
        }
        let text = format!("-----BEGIN\n{}\n-----END", STANDARD.encode(&key));
        assert_eq!(rounds(&text), Some(u32::MAX));
    }
}

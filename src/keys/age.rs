//! The `age` kind: public keys of age and of SSH.
//!
//! Each recipient gets an armored age file of its own, as the reference makes them. Nothing here
//! is a service: wrapping needs no connection, unwrapping needs an identity of [`Identities`].

mod header;
mod identities;
mod locked;
mod plugin;

pub(super) use identities::Identities;

use std::io::{Read, Write};

use age::armor::{ArmoredWriter, Format};
use age::{DecryptError, Encryptor};
use zeroize::Zeroizing;

use header::{Fault, MOST_STANZAS};
use plugin::PluginRecipient;

use super::{Ask, Connections, KeyError, KeyKind, MasterKey, Task};
use crate::metadata::Recipient;
use crate::secret::Portion;
use crate::settings::Settings;
use crate::tree::Fields;

/// The `age` list of a file.
pub(super) static KIND: KeyKind = KeyKind {
    field: "age",
    flag: "age",
    env: "SOPS_AGE_RECIPIENTS",
    name: "recipient",
    is_dated: false,
    parse,
    at_hand: Some(at_hand),
    connect: |recipient, settings, connections| {
        Box::pin(async move {
            let key = AgeKey::new(recipient, settings, connections)?;
            Ok(Box::new(key) as Box<dyn MasterKey>)
        })
    },
};

/// A public key that data keys are wrapped for.
enum Public {
    X25519(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
    Plugin(PluginRecipient),
}

#[derive(Debug)]
struct AgeKey<'a> {
    recipient: String,
    settings: &'a Settings,
    connections: &'a Connections,
}

impl<'a> AgeKey<'a> {
    fn new(
        recipient: &Recipient,
        settings: &'a Settings,
        connections: &'a Connections,
    ) -> Result<Self, KeyError> {
        let recipient = recipient
            .fields
            .text("recipient")
            .ok_or_else(|| malformed("", "its entry names no public key"))?
            .trim()
            .to_owned();
        Ok(Self {
            recipient,
            settings,
            connections,
        })
    }

    fn seal(&self, portion: &Portion) -> Result<String, KeyError> {
        let public = Public::parse(&self.recipient)?;
        let recipient: &dyn age::Recipient = match &public {
            Public::X25519(key) => key,
            Public::Ssh(key) => key,
            Public::Plugin(key) => {
                let name = key.name();
                if !self.connections.identities.is_vouched(name, self.settings) {
                    return Err(unvouched(name));
                }
                if !plugin::is_installed(name, self.settings) {
                    return Err(no_plugin(name));
                }
                key
            }
        };
        let failed = |_| refused("the age file could not be made");
        let encryptor = Encryptor::with_recipients(std::iter::once(recipient))
            .map_err(|_| refused("age refused the public key"))?;
        let mut armored = Vec::new();
        let armor = ArmoredWriter::wrap_output(&mut armored, Format::AsciiArmor).map_err(failed)?;
        let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
        writer.write_all(portion.expose()).map_err(failed)?;
        writer
            .finish()
            .and_then(ArmoredWriter::finish)
            .map_err(failed)?;
        String::from_utf8(armored).map_err(|_| refused("the age file could not be made"))
    }

    fn open(&self, wrapped: &str) -> Result<Portion, KeyError> {
        if self.recipient.starts_with("age1pq1") {
            return Err(malformed(&self.recipient, HYBRID));
        }
        let identities = &self.connections.identities;
        let ask: Option<&dyn Ask> = self.connections.ask.as_deref();
        let mut opened = None;
        // One source after the other, so that nobody is asked while a key lies in a file.
        let found = identities.visit(
            self.settings,
            &self.recipient,
            ask,
            &self.connections.deadline,
            |candidates| match decrypt(wrapped, candidates) {
                Err(Fault::Age(DecryptError::NoMatchingKeys)) => false,
                outcome => {
                    opened = Some(outcome);
                    true
                }
            },
        );
        match opened {
            Some(Ok(portion)) => portion.ok_or(KeyError::NoDataKey),
            Some(Err(fault)) => Err(refused(&reason(&fault))),
            None => Err(found.missing(&self.recipient)),
        }
    }
}

impl MasterKey for AgeKey<'_> {
    fn label(&self) -> String {
        self.recipient.clone()
    }

    fn wrap<'a>(&'a self, portion: &'a Portion) -> Task<'a, String, KeyError> {
        Box::pin(async move { self.seal(portion) })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a str) -> Task<'a, Portion, KeyError> {
        Box::pin(async move { self.open(wrapped) })
    }
}

impl Public {
    fn parse(text: &str) -> Result<Self, KeyError> {
        if text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-") {
            return match text.parse() {
                Ok(key) => Ok(Self::Ssh(key)),
                Err(age::ssh::ParseRecipientKeyError::RsaModulusTooSmall) => {
                    Err(malformed(text, "an RSA key needs at least 2048 bits"))
                }
                Err(age::ssh::ParseRecipientKeyError::Unsupported(_)) => Err(malformed(
                    text,
                    "of the SSH keys only ssh-ed25519 and ssh-rsa can be recipients",
                )),
                Err(_) => Err(malformed(text, "it is no SSH public key")),
            };
        }
        if text.to_ascii_uppercase().starts_with("AGE-") {
            // A private key given by mistake must not be repeated in a message.
            return Err(malformed(
                "the text that begins with AGE-",
                "it is a private key; the public key begins with age1",
            ));
        }
        if text.starts_with("age1pq1") {
            return Err(malformed(text, HYBRID));
        }
        if let Ok(key) = text.parse() {
            return Ok(Self::X25519(key));
        }
        match text.parse::<age::plugin::Recipient>() {
            Ok(key) => Ok(Self::Plugin(PluginRecipient(key))),
            Err(_) if text.starts_with("age1") => Err(malformed(
                text,
                "it is mistyped or cut off: its check digits are wrong",
            )),
            Err(_) => Err(malformed(
                text,
                "a recipient begins with age1, ssh-ed25519 or ssh-rsa",
            )),
        }
    }
}

fn parse(text: &str) -> Result<Recipient, KeyError> {
    let text = text.trim();
    Public::parse(text)?;
    Ok(Recipient {
        kind: KIND.field.to_owned(),
        fields: Fields::from([("recipient", text)]),
    })
}

/// Tries the identities that are loaded, or lie in a file or a variable.
fn at_hand(
    recipient: &Recipient,
    settings: &Settings,
    connections: &Connections,
) -> Option<Portion> {
    let wrapped = recipient.wrapped()?;
    connections
        .identities
        .offer(settings, |candidates| decrypt(wrapped, candidates).ok()?)
}

/// `Ok(None)`: it opened, and holds neither a data key nor a share of one.
fn decrypt(wrapped: &str, identities: &[&dyn age::Identity]) -> Result<Option<Portion>, Fault> {
    let decryptor = header::decryptor(wrapped.trim_start().as_bytes())?;
    if decryptor.is_scrypt() {
        return Err(DecryptError::UnknownFormat.into());
    }
    let reader = decryptor.decrypt(identities.iter().copied())?;
    // More than a portion has is never read, and no reallocation leaves a copy behind.
    let limit = Portion::MAX + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit * 2));
    reader
        .take(limit as u64)
        .read_to_end(&mut bytes)
        .map_err(DecryptError::Io)?;
    Ok(Portion::from_bytes(&bytes))
}

fn reason(fault: &Fault) -> String {
    let error = match fault {
        Fault::Stanzas(found) => {
            return format!(
                "its wrapped key is an age file with {found} stanzas, and at most {MOST_STANZAS} are tried"
            );
        }
        Fault::Length => return "its wrapped key is longer than any age file of one".to_owned(),
        Fault::Age(error) => error,
    };
    match error {
        DecryptError::KeyDecryptionFailed => {
            "the passphrase of its identity was wrong or not given"
        }
        DecryptError::ExcessiveWork { .. } => "the passphrase of its identity costs too much work",
        DecryptError::InvalidHeader | DecryptError::UnknownFormat | DecryptError::Io(_) => {
            "its wrapped key is no age file"
        }
        _ => "its wrapped key does not open: it was changed, or made for another key",
    }
    .to_owned()
}

fn malformed(label: &str, reason: &str) -> KeyError {
    KeyError::Malformed {
        label: label.to_owned(),
        reason: reason.to_owned(),
    }
}

fn refused(reason: &str) -> KeyError {
    KeyError::Refused {
        reason: reason.to_owned(),
        hint: None,
    }
}

/// What a file says about itself starts no program.
fn unvouched(name: &str) -> KeyError {
    KeyError::Refused {
        reason: format!(
            "only the file names the program age-plugin-{name}, and what a file names is not run"
        ),
        hint: Some(
            "if it is wanted, name the recipient in the creation rule that covers the file"
                .to_owned(),
        ),
    }
}

/// Remembers which programs were named by the user or a creation rule.
pub(super) fn vouch(connections: &Connections, recipient: &Recipient) {
    if let Some(name) = plugin_of(recipient) {
        connections.identities.vouch(&name);
    }
}

/// Whether nothing but the file names the program that it takes to wrap for a recipient.
pub(super) fn is_unvouched(
    connections: &Connections,
    recipient: &Recipient,
    settings: &Settings,
) -> bool {
    plugin_of(recipient).is_some_and(|name| !connections.identities.is_vouched(&name, settings))
}

fn plugin_of(recipient: &Recipient) -> Option<String> {
    if recipient.kind != KIND.field {
        return None;
    }
    match Public::parse(recipient.fields.text("recipient")?.trim()) {
        Ok(Public::Plugin(key)) => Some(key.name().to_owned()),
        _ => None,
    }
}

fn no_plugin(name: &str) -> KeyError {
    KeyError::Refused {
        reason: format!("the plugin age-plugin-{name} is not installed"),
        hint: Some(format!(
            "install age-plugin-{name} into a directory of PATH"
        )),
    }
}

const HYBRID: &str = "hybrid (post-quantum) keys are not supported yet";

#[cfg(test)]
mod tests;

//! Master keys: they wrap and unwrap the data key of a file, or the shares of it.
//!
//! A recipient is data, a master key is a connection: reading or rewriting a file never needs
//! credentials, only this module opens connections. Async behind boxed futures, so that the rest
//! of the library is not. The surprise: a connection is made per recipient, but what is dear about
//! it (clients, identities, answers to prompts) lives in [`Connections`] and is shared in a run.

#[cfg(feature = "age")]
mod age;
#[cfg(feature = "aws")]
pub(crate) mod aws;
#[cfg(feature = "aws")]
mod aws_kms;
mod connections;
mod failure;
mod keyring;
mod opening;
mod pgp;
mod recipients;
mod runtime;
mod sealing;
pub mod shamir;
mod trying;
mod words;

pub use connections::{Ask, Connections};
pub use failure::{Failure, GroupReport, KeysError};
pub use keyring::{Keyring, decryption_order};
pub use recipients::{
    apply_context, apply_profile, deduplicate, identity, is_supported, kind, label, parse_context,
    recipients_from,
};
pub use runtime::block_on;
pub use trying::Tried;
pub use words::split as command_words;

#[cfg(feature = "age")]
pub mod identity_file;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::metadata::Recipient;
use crate::secret::Portion;
use crate::settings::Settings;

/// A boxed future: the one async shape that seams use, so that they stay object safe.
pub type Task<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Makes a master key of a recipient.
pub type Connect = for<'a> fn(
    &'a Recipient,
    &'a Settings,
    &'a Connections,
) -> Task<'a, Box<dyn MasterKey + 'a>, KeyError>;

/// Unwraps what a recipient holds where that takes no call, no command and no question.
pub type AtHand = fn(&Recipient, &Settings, &Connections) -> Option<Portion>;

/// A connected recipient.
pub trait MasterKey: fmt::Debug + Send + Sync {
    /// What people know it by: an ARN, a public key.
    fn label(&self) -> String;
    /// Wraps a data key or a share: the text of the `enc` field.
    fn wrap<'a>(&'a self, portion: &'a Portion) -> Task<'a, String, KeyError>;
    /// Unwraps the text of an `enc` field.
    fn unwrap<'a>(&'a self, wrapped: &'a str) -> Task<'a, Portion, KeyError>;
}

/// A kind of master key. Adding one is one line in [`KEY_KINDS`] and one file.
#[derive(Debug)]
pub struct KeyKind {
    /// Its list under `sops:`, and its field in a creation rule.
    pub field: &'static str,
    /// Its command line option, without the dashes.
    pub flag: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// The field of an entry that people know it by.
    pub name: &'static str,
    /// Whether an entry says when it was made.
    pub is_dated: bool,
    /// Reads one entry of the option, the variable or the creation rule.
    pub parse: fn(&str) -> Result<Recipient, KeyError>,
    /// For a kind that works on this machine: the quick way. `None` for a service.
    pub at_hand: Option<AtHand>,
    /// Makes the connection.
    pub connect: Connect,
}

/// Every kind, in the order of a group in the file.
pub const KEY_KINDS: &[&KeyKind] = &[
    #[cfg(feature = "aws")]
    &aws_kms::KIND,
    &pgp::KIND,
    #[cfg(feature = "age")]
    &age::KIND,
];

/// Why a master key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is no recipient of this kind.
    #[error("{label} is no valid recipient: {reason}")]
    Malformed {
        /// What was given; recipients are public.
        label: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service or the identity refused; `reason` is a code or our own words, never the text of a server.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// The service could not be reached, in bounded time.
    #[error("{reason}")]
    Unreachable {
        /// What was tried.
        reason: String,
    },
    /// No identity for it was given.
    #[error("no identity for it was given{searched}")]
    NoIdentity {
        /// Where one was looked for, in brackets; or nothing.
        searched: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// It answered with something that is no data key.
    #[error("answered without a data key")]
    NoDataKey,
    /// It answered with something that is no share of a data key.
    #[error("answered without a share of the data key")]
    NoShare,
}

impl KeyError {
    /// What to do next, if anything can be said.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused { hint, .. } | Self::NoIdentity { hint, .. } => hint.as_deref(),
            Self::Unreachable { .. } => {
                Some("look at the network and the proxy variables, then run the command again")
            }
            Self::Malformed { .. } | Self::NoDataKey | Self::NoShare => None,
        }
    }
}

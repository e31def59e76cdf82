//! Master keys: they wrap and unwrap the data key of a file.
//!
//! A recipient is data, a master key is a connection: reading or rewriting a file never needs
//! credentials, only this module opens connections. Async behind boxed futures, so that the rest
//! of the library is not.

#[cfg(feature = "age")]
pub mod identity_file;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::metadata::Recipient;
use crate::secret::DataKey;
use crate::settings::Settings;

/// A boxed future: the one async shape that seams use, so that they stay object safe.
pub type Task<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Makes a master key of a recipient.
pub type Connect =
    for<'a> fn(&'a Recipient, &'a Settings) -> Task<'a, Box<dyn MasterKey>, KeyError>;

/// A connected recipient.
pub trait MasterKey: fmt::Debug + Send + Sync {
    /// What people know it by: an ARN, a public key.
    fn label(&self) -> String;
    /// Wraps a data key: the text of the `enc` field.
    fn wrap<'a>(&'a self, data_key: &'a DataKey) -> Task<'a, String, KeyError>;
    /// Unwraps the text of an `enc` field.
    fn unwrap<'a>(&'a self, wrapped: &'a str) -> Task<'a, DataKey, KeyError>;
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
    /// Reads one entry of the option, the variable or the creation rule.
    pub parse: fn(&str) -> Result<Recipient, KeyError>,
    /// Makes the connection.
    pub connect: Connect,
}

/// Every kind, in the order of a group in the file.
pub const KEY_KINDS: &[&KeyKind] = &[];

/// Why a master key cannot be used.
#[derive(Debug, thiserror::Error)]
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
    #[error("no identity for it was given")]
    NoIdentity {
        /// What to do next.
        hint: Option<String>,
    },
    /// It answered with something that is no data key.
    #[error("answered without a data key")]
    NoDataKey,
}

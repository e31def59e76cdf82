//! What a Chainlink node needs: which credentials a sealed file holds, and the objects that they
//! become.
//!
//! Pure: takes opened trees and configuration as plain values and gives [`Desired`] objects with
//! exact bytes. Errors name keys and files, never values. The surprise: a credential that YAML
//! reads as a number is refused, because its digits may already be lost.

mod adapters;
mod credentials;
mod database;
mod desired;
mod trackit;

pub use credentials::{Adapter, Credentials};
pub use database::{Database, SSL_MODES};
pub use desired::{Desired, Entry, Form, Place, Projection, Skipped, WHOLE};
pub use trackit::{Trackit, is_field};

use crate::error::{Code, Error};

/// One environment of `clsecrets.yaml`, as far as the objects depend on it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Its name: `dev`.
    pub name: String,
    /// The name that object names begin with: `chainlink`.
    pub prefix: String,
    /// The email address of the node's API user.
    pub user_email: Option<String>,
    /// Where the node's database is.
    pub database: Option<Database>,
    /// What the database's password comes from, if not from a sealed file, for people.
    pub password_from: Option<String>,
    /// The external adapters; `None` means those that the sealed file has.
    pub adapters: Option<Vec<String>>,
}

/// Why credentials cannot be delivered. Names keys and files, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainlinkError {
    /// YAML gave it another type than text.
    #[error("{key} in {file} is no string but {article} {found}; {remedy}", article = article(found), remedy = remedy(key, found))]
    NotAString {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// The type that it has.
        found: &'static str,
    },
    /// There is nothing in it.
    #[error("{key} in {file} is empty; give it a value, or remove the key")]
    Empty {
        /// The file.
        file: String,
        /// The key.
        key: String,
    },
    /// It would not arrive as it is.
    #[error("{key} in {file} {what}")]
    Shape {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// One key in two files.
    #[error("{key} is in {first} and in {second}; keep one of them")]
    Twice {
        /// The key.
        key: String,
        /// The first file.
        first: String,
        /// The second file.
        second: String,
    },
    /// Two sources of one credential.
    #[error("{first} and {second} exclude one another; keep one of them")]
    Excluded {
        /// One key.
        first: String,
        /// The other.
        second: String,
    },
    /// `database_url` would not be understood as it is meant.
    #[error("database_url {reason}")]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A field of `clsecrets.yaml` is missing or wrong.
    #[error("{field} of environment {environment} {reason}")]
    Setting {
        /// The environment.
        environment: String,
        /// The field, as a path.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ChainlinkError {
    /// Whether `clsecrets.yaml` has to change, not a sealed file.
    fn is_setting(&self) -> bool {
        matches!(self, Self::Setting { .. })
    }
}

/// All that is wrong with an environment, as one error.
pub fn refuse(environment: &str, problems: &[ChainlinkError]) -> Error {
    // Status 1 is for the configuration, 4 for an environment whose values are refused.
    let code = if problems.iter().all(ChainlinkError::is_setting) {
        Code::Failed
    } else {
        Code::Other(4)
    };
    let error = Error::new(
        code,
        format!("the credentials of environment {environment} cannot be delivered"),
    );
    problems
        .iter()
        .fold(error, |error, problem| error.detail(problem.to_string()))
}

/// A scalar needs quotes; of several values nobody knows which is meant.
fn remedy(key: &str, found: &str) -> String {
    match found {
        "map" | "list" => "give it one text".to_owned(),
        _ => format!("quote it: {key}: '…'"),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

//! What a Chainlink node needs: which credentials a sealed file holds, and the objects that they
//! become.
//!
//! Pure: takes opened trees and configuration as plain values and gives [`Desired`] objects with
//! exact bytes. Findings name keys and places, never values. The surprise: a credential that YAML
//! reads as a number is refused, because its digits may already be lost.

pub mod catalogue;
mod composition;
mod credentials;
mod database;
mod desired;
mod environment;
mod files;
mod finding;
mod generate;
pub(crate) mod json;
mod keystore;
pub mod model;
mod node;
mod part;
mod profiles;
pub mod rules;
pub mod schema;
mod toml;
mod version;

pub use composition::{Composition, Dsn, ObjectSpec};
pub use credentials::{Credentials, Slot, Unknown};
pub use database::{Database, SSL_MODES};
pub use desired::{Desired, Entry, Form, Mark, Marks, Place, Possible, Projection, Skipped, WHOLE};
pub use environment::{Environment, NodeSettings, Profile};
pub use finding::{At, Finding, refuse};
pub use generate::generate;
pub use part::{Part, Taken, UrlPart, take};
pub use profiles::Objects;
pub use version::Version;

/// Whether something is kept in the sealed file and never delivered.
fn is_kept(path: &str) -> bool {
    path.starts_with("backup/") || path.contains("/backup/")
}

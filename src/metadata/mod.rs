//! The metadata branch of a sealed file: who can open it, which values are sealed, its MAC.
//!
//! Parsing needs no credentials. A recipient is data in the words of the file; a kind that this
//! build does not know stays an ordinary record that no one claims, kept by every command.

pub mod pattern;

use crate::tree::Fields;

/// One entry of the metadata: who may open the file, in the words of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The list it stands in: `kms`, `age`, …
    pub kind: String,
    /// Its fields; `enc` is the wrapped data key.
    pub fields: Fields,
}

impl Recipient {
    /// The wrapped data key, if there is one.
    pub fn wrapped(&self) -> Option<&str> {
        self.fields.text("enc")
    }
}

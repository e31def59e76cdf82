//! The metadata branch of a sealed file: who can open it, which values are sealed, its MAC.
//!
//! Parsing needs no credentials. A recipient is data in the words of the file; a kind that this
//! build does not know stays an ordinary record that no one claims, kept by every command.

mod groups;
mod limits;
mod parse;
pub mod pattern;
mod probe;
mod render;
mod selection;

pub use groups::{Group, KeyGroups};
pub use limits::MOST_RECIPIENTS;
pub use parse::MetadataError;
pub use selection::{Rule, RuleKind, Selector};

use crate::tree::Fields;

/// The version that we write into files: the reference whose form they have.
pub const FORMAT_VERSION: &str = "3.13.3";

/// The field that keeps the layout of the clear text; a name that no other tool has.
pub const LAYOUT_FIELD: &str = "clsecrets_layout";

/// What the branch says.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// Who can open the file.
    pub key_groups: KeyGroups,
    /// When values were last sealed, RFC 3339 in seconds: bound into the MAC.
    pub last_modified: String,
    /// The sealed MAC; `None` when the file has none.
    pub mac: Option<String>,
    /// Which values are sealed.
    pub rule: Rule,
    /// Whether clear values are left out of the MAC.
    pub mac_only_encrypted: bool,
    /// The version of the tool that made the file; it changes nothing.
    pub version: String,
    /// The sealed layout of the clear text, where opening cannot rebuild it. Empty where the file has
    /// something else under its name, which fits nothing.
    pub layout: Option<String>,
    /// Every field as it stands in the file, unknown ones included.
    fields: Fields,
}

/// One entry of the metadata: who may open the file, in the words of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The list it stands in: `kms`, `age`, …
    pub kind: String,
    /// Its fields; `enc` is the wrapped data key, or the wrapped share of it.
    pub fields: Fields,
}

impl Recipient {
    /// The text of `enc`, if there is one.
    pub fn wrapped(&self) -> Option<&str> {
        self.fields.text("enc")
    }

    /// Whether somebody has wrapped the data key, or a share of it, for this recipient. What stands in
    /// `enc` cannot be judged without the recipient's own key.
    pub fn is_wrapped(&self) -> bool {
        self.wrapped().is_some_and(|text| !text.trim().is_empty())
    }
}

impl Metadata {
    /// Metadata of a file that is sealed for the first time.
    pub fn new(key_groups: impl Into<KeyGroups>, rule: Rule, mac_only_encrypted: bool) -> Self {
        Self {
            key_groups: key_groups.into(),
            last_modified: String::new(),
            mac: None,
            rule,
            mac_only_encrypted,
            version: FORMAT_VERSION.to_owned(),
            layout: None,
            fields: Fields::default(),
        }
    }
}

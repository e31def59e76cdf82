//! What shall be at a target: names, data keys, exact bytes, and where each came from.

use crate::secret::SecretBytes;

/// The name that stands for the content of an object that has no data keys.
pub const WHOLE: &str = "value";

/// How an object holds its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Data keys beside one another: a Kubernetes secret, a folder of files.
    Data,
    /// One text; the one entry is called [`WHOLE`].
    Text,
    /// One text: a flat JSON object whose fields are the entries.
    Json,
}

/// An object as it shall be. Holds cleartext, zeroed on drop.
#[derive(Debug)]
pub struct Desired {
    /// Its name at the target.
    pub name: String,
    /// How it holds its entries.
    pub form: Form,
    /// The entries, by ascending key.
    pub entries: Vec<Entry>,
}

/// One data key of an object.
#[derive(Debug)]
pub struct Entry {
    /// The data key.
    pub key: String,
    /// Its exact bytes.
    pub value: SecretBytes,
    /// The keys of the sealed files that it is made of.
    pub sources: Vec<String>,
}

/// A data key of an object at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The object.
    pub object: String,
    /// The data key, or the field of the JSON text.
    pub key: String,
}

/// Something that a profile could deliver and that this environment has no source for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The object.
    pub object: String,
    /// The data key; `None` for the whole object.
    pub key: Option<String>,
    /// What is missing.
    pub reason: String,
}

/// What a profile makes of an environment for one target.
#[derive(Debug, Default)]
pub struct Projection {
    /// The objects.
    pub objects: Vec<Desired>,
    /// What is left out, and why.
    pub skipped: Vec<Skipped>,
    /// Where the keystore password goes, whether or not this run delivers it.
    pub wallet: Vec<Place>,
    /// Names of all objects that the profile could produce: where an object of an earlier
    /// environment is looked for, and nowhere else.
    pub possible: Vec<String>,
}

impl Desired {
    /// The entry of a data key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Entry {
    /// An entry that is one credential as it is.
    pub fn of(key: &str, value: &SecretBytes, source: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.duplicate(),
            sources: vec![source.to_owned()],
        }
    }
}

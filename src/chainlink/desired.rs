//! What shall be at a target: names, data keys, exact bytes, and where each came from.

use std::collections::BTreeMap;
use std::fmt;

use super::part::Part;
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
    /// What it is in a cluster besides its data.
    pub marks: Marks,
}

/// Something that a secret of a cluster has besides its data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// What it is for: `kubernetes.io/tls`. No existing secret changes it.
    Type,
    /// A label of this name.
    Label(String),
    /// An annotation of this name.
    Annotation(String),
}

/// All of that, with the values. No secrets; what is not said stays as it is.
pub type Marks = BTreeMap<Mark, String>;

impl fmt::Display for Mark {
    /// As a plan names it: no data key can be called so.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type => f.write_str("(type)"),
            Self::Label(name) => write!(f, "(label {name})"),
            Self::Annotation(name) => write!(f, "(annotation {name})"),
        }
    }
}

impl Mark {
    /// Whether a name in a plan is that of a mark, and not of a data key.
    pub fn is_named(name: &str) -> bool {
        name.starts_with('(')
    }
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

/// Where a keystore password goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node whose key ring it opens; empty if there is only one.
    pub node: String,
    /// The object.
    pub object: String,
    /// The data key, or the field of the JSON text.
    pub key: String,
    /// The steps to it in the value; none if it is the whole value.
    pub parts: Vec<Part>,
}

impl Place {
    /// The whole value of a data key.
    pub fn whole(node: &str, object: &str, key: &str) -> Self {
        Self {
            node: node.to_owned(),
            object: object.to_owned(),
            key: key.to_owned(),
            parts: Vec::new(),
        }
    }
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
    /// Where an object of an earlier environment is looked for, and nowhere else.
    pub possible: Possible,
}

/// The objects that a profile could have made at a target before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possible {
    /// A closed set of names.
    Names(Vec<String>),
    /// Whatever the target knows to be ours: it is asked for a list.
    Ours,
}

impl Default for Possible {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl Projection {
    /// Adds an object, if it has entries; by ascending key.
    pub(super) fn add(&mut self, name: &str, form: Form, mut entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        self.objects.push(Desired::new(name, form, entries));
    }

    /// Says that something is left out.
    pub(super) fn skip(&mut self, object: &str, key: Option<&str>, reason: &str) {
        self.skipped.push(Skipped {
            object: object.to_owned(),
            key: key.map(str::to_owned),
            reason: reason.to_owned(),
        });
    }
}

impl Desired {
    /// An object that has entries and nothing besides.
    pub fn new(name: &str, form: Form, entries: Vec<Entry>) -> Self {
        Self {
            name: name.to_owned(),
            form,
            entries,
            marks: Marks::new(),
        }
    }

    /// The entry of a data key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Entry {
    /// An entry of several sources.
    pub fn made(key: &str, value: SecretBytes, sources: Vec<String>) -> Self {
        Self {
            key: key.to_owned(),
            value,
            sources,
        }
    }

    /// Whether nothing of it is from a sealed file: it is read from elsewhere.
    pub fn is_given(&self) -> bool {
        let is_elsewhere =
            |source: &String| source.starts_with("file ") || source.starts_with("secretsmanager ");
        !self.sources.is_empty() && self.sources.iter().all(is_elsewhere)
    }

    /// An entry that is one credential as it is.
    pub fn of(key: &str, value: &SecretBytes, source: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.duplicate(),
            sources: vec![source.to_owned()],
        }
    }
}

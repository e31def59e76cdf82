//! A file's content as the SOPS format sees it: ordered entries, typed scalars, comments.
//!
//! Pure data; no text and no cryptography. A tree says *what* a file holds; where it stands in the
//! text is known by the [`Site`] numbers, which only the format that read it understands. The
//! surprise: comments are entries of their own, because the format seals them one by one.

mod branch;
mod path;
mod put;
mod rewrite;
pub mod time;
mod trail;
mod walk;

pub use branch::{Field, Fields};
pub use path::{Element, Path, PathError};
pub use rewrite::{Rewrite, rewrite};
pub use trail::Trail;
pub use walk::{Step, Steps, walk, walk_node};

use std::fmt;

use zeroize::Zeroize;

use crate::secret::SecretBytes;

/// The documents of one file. Only YAML can have more than one.
#[derive(Debug, Default)]
pub struct Tree {
    /// In the order of the file; each top level is a map.
    pub documents: Vec<Map>,
}

/// A map: entries in the order of the file.
#[derive(Debug, Default)]
pub struct Map {
    /// Pairs and comments.
    pub entries: Vec<Entry>,
    /// Where it stands.
    pub site: Site,
}

/// What may stand in a map.
#[derive(Debug)]
pub enum Entry {
    /// A comment line, or a comment behind a value.
    Comment(Comment),
    /// A key with its value.
    Pair(Pair),
}

/// A key with its value.
#[derive(Debug)]
pub struct Pair {
    /// The key; keys are never sealed.
    pub key: String,
    /// Its value.
    pub value: Node,
}

/// A value: a scalar, or a collection.
#[derive(Debug)]
pub enum Node {
    /// A scalar.
    Leaf(Leaf),
    /// A map.
    Map(Map),
    /// A list.
    List(List),
}

/// A list: items in the order of the file.
#[derive(Debug, Default)]
pub struct List {
    /// Values and comments.
    pub items: Vec<Item>,
    /// Where it stands.
    pub site: Site,
}

/// What may stand in a list.
#[derive(Debug)]
pub enum Item {
    /// A comment line, or a comment behind an item.
    Comment(Comment),
    /// A value.
    Node(Node),
}

/// A scalar and where it stands.
#[derive(Debug)]
pub struct Leaf {
    /// Its typed value.
    pub value: Value,
    /// Where it stands.
    pub site: Site,
}

/// One comment line, without its marker.
#[derive(Debug)]
pub struct Comment {
    /// The text after the marker, with its leading blank.
    pub text: SecretBytes,
    /// Whether it stands behind a value on the same line.
    pub inline: bool,
    /// Where it stands.
    pub site: Site,
}

/// A scalar with the type that the format gives it.
pub enum Value {
    /// Nothing; never sealed and not in the MAC.
    Null,
    /// Text, or bytes that are no text.
    Str(SecretBytes),
    /// A 64-bit integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A timestamp as RFC 3339, fraction without trailing zeros, offset kept.
    Time(String),
}

/// The number of a place in a document's text; [`Site::NEW`] for a node that is in no text yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(pub u32);

impl Site {
    /// A node that no text holds yet.
    pub const NEW: Self = Self(u32::MAX);
}

impl Default for Site {
    fn default() -> Self {
        Self::NEW
    }
}

impl Map {
    /// The value of the first pair with this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.pairs()
            .find(|pair| pair.key == key)
            .map(|pair| &pair.value)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find_map(|entry| match entry {
            Entry::Pair(pair) if pair.key == key => Some(&mut pair.value),
            _ => None,
        })
    }

    /// The pairs, without the comments.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Pair(pair) => Some(pair),
            Entry::Comment(_) => None,
        })
    }

    /// The comments, without the pairs.
    pub fn comments(&self) -> impl Iterator<Item = &Comment> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Comment(comment) => Some(comment),
            Entry::Pair(_) => None,
        })
    }

    /// Appends a pair that is in no text yet.
    pub fn push(&mut self, key: impl Into<String>, value: Node) {
        self.entries.push(Entry::Pair(Pair {
            key: key.into(),
            value,
        }));
    }

    /// Appends a text that is in no text yet.
    pub fn push_text(&mut self, key: impl Into<String>, text: &str) {
        self.push(key, Node::text(text));
    }
}

impl List {
    /// The comments, without the values.
    pub fn comments(&self) -> impl Iterator<Item = &Comment> {
        self.items.iter().filter_map(|item| match item {
            Item::Comment(comment) => Some(comment),
            Item::Node(_) => None,
        })
    }

    /// The values, without the comments; the positions that `["a"][0]` counts.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.items.iter().filter_map(|item| match item {
            Item::Node(node) => Some(node),
            Item::Comment(_) => None,
        })
    }
}

impl Node {
    /// A new scalar.
    pub fn new_leaf(value: Value) -> Self {
        Self::Leaf(Leaf {
            value,
            site: Site::NEW,
        })
    }

    /// A new text.
    pub fn text(text: &str) -> Self {
        Self::new_leaf(Value::text(text))
    }

    /// Makes a second custody of the same node, which is in no text; without its comments.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Leaf(leaf) => Self::new_leaf(leaf.value.duplicate()),
            Self::Map(map) => {
                let mut copy = Map::default();
                for pair in map.pairs() {
                    copy.push(pair.key.clone(), pair.value.duplicate());
                }
                Self::Map(copy)
            }
            Self::List(list) => Self::List(List {
                items: list
                    .nodes()
                    .map(|node| Item::Node(node.duplicate()))
                    .collect(),
                ..List::default()
            }),
        }
    }

    /// The scalar, if it is one.
    pub fn as_value(&self) -> Option<&Value> {
        match self {
            Self::Leaf(leaf) => Some(&leaf.value),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Str(SecretBytes::copy_of(text.as_bytes()))
    }

    /// The bytes, if it is a string.
    pub fn as_str(&self) -> Option<&SecretBytes> {
        match self {
            Self::Str(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is null or an empty string: what is never sealed.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Str(bytes) => bytes.is_empty(),
            _ => false,
        }
    }

    /// Takes the value out, leaving null.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Null)
    }

    /// The name of the type, as people say it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Str(_) => "string",
            Self::Int(_) => "integer",
            Self::Float(_) => "float",
            Self::Bool(_) => "boolean",
            Self::Time(_) => "timestamp",
        }
    }

    /// Makes a second custody of the same value; named, so that a copy is never an accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Str(bytes) => Self::Str(bytes.duplicate()),
            Self::Int(number) => Self::Int(*number),
            Self::Float(number) => Self::Float(*number),
            Self::Bool(flag) => Self::Bool(*flag),
            Self::Time(time) => Self::Time(time.clone()),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        match self {
            Self::Null | Self::Str(_) => {}
            Self::Int(number) => number.zeroize(),
            Self::Float(number) => number.zeroize(),
            Self::Bool(flag) => flag.zeroize(),
            Self::Time(time) => time.zeroize(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", self.type_name())
    }
}

//! Clear structured data beside the tree: the metadata branch of a sealed file.
//!
//! Nothing in it is secret, so it prints and compares freely. Order is kept, and so is every field
//! that nobody here knows.

use super::{Item, List, Map, Node, Value};

/// One value of the branch.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// A timestamp that the text does not quote; the reference refuses it where it wants text.
    Time(String),
    /// A list.
    List(Vec<Field>),
    /// A map.
    Map(Fields),
}

impl Field {
    fn to_node(&self) -> Node {
        Node::new_leaf(match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::text(text),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Time(time) => Value::Time(time.clone()),
            Self::Map(fields) => return Node::Map(fields.to_map()),
            Self::List(fields) => {
                let items = fields.iter().map(|field| Item::Node(field.to_node()));
                return Node::List(List {
                    items: items.collect(),
                    ..List::default()
                });
            }
        })
    }
}

/// An ordered map of fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Field)>);

impl Fields {
    /// The same as a map of a tree, to be written like any other.
    pub fn to_map(&self) -> Map {
        let mut map = Map::default();
        for (name, field) in &self.0 {
            map.push(name.clone(), field.to_node());
        }
        map
    }

    /// The field of this name, in any case of letters: the reference matches so.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, field)| field)
    }

    /// The text of a field, if it is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Field::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Sets a field in its place, or appends it.
    pub fn set(&mut self, name: &str, field: Field) {
        match self
            .0
            .iter_mut()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = field,
            None => self.0.push((name.to_owned(), field)),
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) -> Option<Field> {
        let at = self
            .0
            .iter()
            .position(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(at).1)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), Field::Text((*text).to_owned())))
                .collect(),
        )
    }
}

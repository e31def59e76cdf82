//! Which node an alias repeats: the nearest one before it, in the same document, with its name.

use std::collections::HashMap;

/// The anchors of a text, numbered in its order.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    /// The latest of each name in this document.
    names: HashMap<String, usize>,
    /// Whether the node of each number is read to its end.
    is_whole: Vec<bool>,
}

impl Anchors {
    /// Forgets the names: an anchor holds in its own document only. (The reference lets it hold in
    /// later ones, which other readers of YAML do not.)
    pub(super) fn next_document(&mut self) {
        self.names.clear();
    }

    /// A node with an anchor begins.
    pub(super) fn begin(&mut self, name: String) -> usize {
        let number = self.is_whole.len();
        self.names.insert(name, number);
        self.is_whole.push(false);
        number
    }

    /// That node ends.
    pub(super) fn end(&mut self, number: usize) {
        if let Some(is_whole) = self.is_whole.get_mut(number) {
            *is_whole = true;
        }
    }

    /// The node that an alias repeats, or why there is none.
    pub(super) fn find(&self, name: &str) -> Result<usize, &'static str> {
        let number = self.names.get(name).copied();
        let number = number.ok_or("no anchor of this name stands before it in this document")?;
        match self.is_whole.get(number) {
            Some(true) => Ok(number),
            _ => Err("an alias inside of what it repeats"),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.is_whole.len()
    }
}

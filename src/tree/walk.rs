//! The one walk that every pass over a tree shares: sealing, opening, the MAC, searching.
//!
//! Depth first, documents, entries and items in the order of the file; comments where they stand.

use std::slice::Iter;

use super::{Comment, Entry, Item, Leaf, Map, Node, Tree};

/// What the walk meets. Lent only for the call.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// A map begins; the document's top level too.
    EnterMap,
    /// A list begins.
    EnterList,
    /// The innermost open map or list ends.
    Leave,
    /// The next node in a map has this key.
    Key(&'a str),
    /// A comment of the innermost open container.
    Comment(&'a Comment),
    /// A scalar.
    Leaf(&'a Leaf),
}

/// Visits every node; stops at the first error of `visit`.
pub fn walk<'a, E>(
    tree: &'a Tree,
    visit: &mut impl FnMut(Step<'a>) -> Result<(), E>,
) -> Result<(), E> {
    Steps::of(tree).try_for_each(visit)
}

/// Visits one node and what is below it.
pub fn walk_node<'a, E>(
    node: &'a Node,
    visit: &mut impl FnMut(Step<'a>) -> Result<(), E>,
) -> Result<(), E> {
    Steps::below(node).try_for_each(visit)
}

/// The walk, one step at a time: for who follows another text at the same pace.
#[derive(Debug)]
pub struct Steps<'a> {
    documents: Iter<'a, Map>,
    /// The open collections, outermost first.
    open: Vec<Open<'a>>,
    /// The value of the key that was visited last.
    value: Option<&'a Node>,
}

#[derive(Debug)]
enum Open<'a> {
    Map(Iter<'a, Entry>),
    List(Iter<'a, Item>),
}

impl<'a> Steps<'a> {
    /// Begins before the first document.
    pub fn of(tree: &'a Tree) -> Self {
        Self {
            documents: tree.documents.iter(),
            open: Vec::new(),
            value: None,
        }
    }

    /// Begins before one node.
    pub fn below(node: &'a Node) -> Self {
        Self {
            documents: [].iter(),
            open: Vec::new(),
            value: Some(node),
        }
    }

    fn enter_map(&mut self, map: &'a Map) -> Step<'a> {
        self.open.push(Open::Map(map.entries.iter()));
        Step::EnterMap
    }

    fn node(&mut self, node: &'a Node) -> Step<'a> {
        match node {
            Node::Leaf(leaf) => Step::Leaf(leaf),
            Node::Map(map) => self.enter_map(map),
            Node::List(list) => {
                self.open.push(Open::List(list.items.iter()));
                Step::EnterList
            }
        }
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if let Some(value) = self.value.take() {
            return Some(self.node(value));
        }
        let next = match self.open.last_mut() {
            None => {
                let document = self.documents.next()?;
                return Some(self.enter_map(document));
            }
            Some(Open::Map(entries)) => entries.next().map(|entry| match entry {
                Entry::Comment(comment) => Step::Comment(comment),
                Entry::Pair(pair) => {
                    self.value = Some(&pair.value);
                    Step::Key(&pair.key)
                }
            }),
            Some(Open::List(items)) => match items.next() {
                Some(Item::Node(node)) => return Some(self.node(node)),
                Some(Item::Comment(comment)) => Some(Step::Comment(comment)),
                None => None,
            },
        };
        Some(next.unwrap_or_else(|| {
            self.open.pop();
            Step::Leave
        }))
    }
}

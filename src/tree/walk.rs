//! The one walk that every pass over a tree shares: sealing, opening, the MAC, searching.
//!
//! Depth first, documents, entries and items in the order of the file; comments where they stand.

use super::{Comment, Entry, Item, Leaf, List, Map, Node, Tree};

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
    tree.documents
        .iter()
        .try_for_each(|document| walk_map(document, visit))
}

fn walk_map<'a, E>(
    map: &'a Map,
    visit: &mut impl FnMut(Step<'a>) -> Result<(), E>,
) -> Result<(), E> {
    visit(Step::EnterMap)?;
    for entry in &map.entries {
        match entry {
            Entry::Comment(comment) => visit(Step::Comment(comment))?,
            Entry::Pair(pair) => {
                visit(Step::Key(&pair.key))?;
                walk_node(&pair.value, visit)?;
            }
        }
    }
    visit(Step::Leave)
}

fn walk_list<'a, E>(
    list: &'a List,
    visit: &mut impl FnMut(Step<'a>) -> Result<(), E>,
) -> Result<(), E> {
    visit(Step::EnterList)?;
    for item in &list.items {
        match item {
            Item::Comment(comment) => visit(Step::Comment(comment))?,
            Item::Node(node) => walk_node(node, visit)?,
        }
    }
    visit(Step::Leave)
}

/// Visits one node and what is below it.
pub fn walk_node<'a, E>(
    node: &'a Node,
    visit: &mut impl FnMut(Step<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match node {
        Node::Leaf(leaf) => visit(Step::Leaf(leaf)),
        Node::Map(map) => walk_map(map, visit),
        Node::List(list) => walk_list(list, visit),
    }
}

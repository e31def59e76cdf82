//! Aliases written out: the text of what they repeat, on one line.
//!
//! Comments of what is repeated stay where they are and are not repeated.

use std::collections::HashSet;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::tree::{Entry, Item, Map, Node, Site};

use super::super::{Change, Document, Edits};
use super::layout::{CopyPlace, Layout, Place};
use super::scalar::{Written, write, write_key};
use super::tokens::Style;

/// The text of each alias that an edit names.
pub(super) fn aliases(
    document: &Document,
    layout: &Layout,
    edits: &Edits,
) -> Vec<(Range<usize>, Zeroizing<String>)> {
    let named =
        edits
            .places
            .iter()
            .filter_map(|(site, change)| match (change, layout.place(*site)) {
                (Change::Expand, Some(Place::Copy(place))) => Some(place.alias.start),
                _ => None,
            });
    let mut expanding = Expanding {
        layout,
        named: named.collect(),
        texts: Vec::new(),
    };
    if !expanding.named.is_empty() {
        for map in &document.tree.documents {
            expanding.map(map);
        }
    }
    expanding.texts
}

struct Expanding<'a> {
    layout: &'a Layout,
    /// Where the aliases begin that are not written out yet.
    named: HashSet<usize>,
    texts: Vec<(Range<usize>, Zeroizing<String>)>,
}

impl Expanding<'_> {
    fn map(&mut self, map: &Map) {
        for pair in map.pairs() {
            self.node(&pair.value);
        }
    }

    fn node(&mut self, node: &Node) {
        if let Some(copy) = self.copy(node) {
            // The first node of a copy is the whole of it.
            if self.named.remove(&copy.alias.start) {
                let mut text = Zeroizing::new(String::new());
                write_node(node, copy.is_in_flow, &mut text);
                self.texts.push((copy.alias.clone(), text));
            }
            return;
        }
        match node {
            Node::Map(map) => self.map(map),
            Node::List(list) => list.nodes().for_each(|node| self.node(node)),
            Node::Leaf(_) => {}
        }
    }

    fn copy(&self, node: &Node) -> Option<CopyPlace> {
        let site: Site = match node {
            Node::Leaf(leaf) => leaf.site,
            Node::Map(map) => map.site,
            Node::List(list) => list.site,
        };
        match self.layout.place(site) {
            Some(Place::Copy(place)) => Some(place.clone()),
            _ => None,
        }
    }
}

fn write_node(node: &Node, is_in_flow: bool, text: &mut String) {
    let mut is_first = true;
    let mut separate = |text: &mut String| {
        if !is_first {
            text.push_str(", ");
        }
        is_first = false;
    };
    match node {
        Node::Leaf(leaf) => {
            let written = match write(&leaf.value, Style::Plain, is_in_flow, false) {
                Written::Block(_) => write(&leaf.value, Style::DoubleQuoted, true, false),
                inline @ Written::Inline(_) => inline,
            };
            if let Written::Inline(written) = written {
                text.push_str(&written);
            }
        }
        Node::Map(map) => {
            text.push('{');
            for entry in &map.entries {
                let Entry::Pair(pair) = entry else { continue };
                separate(text);
                // A merge key is one without quotes only.
                match pair.key.as_str() {
                    "<<" => text.push_str("<<"),
                    key => text.push_str(&write_key(key, Style::Plain, true)),
                }
                text.push_str(": ");
                write_node(&pair.value, true, text);
            }
            text.push('}');
        }
        Node::List(list) => {
            text.push('[');
            for item in &list.items {
                let Item::Node(node) = item else { continue };
                separate(text);
                write_node(node, true, text);
            }
            text.push(']');
        }
    }
}

//! Values that a positive rule leaves in clear: a mistyped key is the likely reason, so they are
//! named.

use std::collections::HashSet;

use crate::tree::{Element, Item, List, Map, Node, Path, Site, Tree};

/// The paths of values that are not empty and not sealed.
pub(super) fn left_in_clear(tree: &Tree, sealed: &HashSet<Site>) -> Vec<Path> {
    let mut found = Found {
        sealed,
        path: Path::root(),
        paths: Vec::new(),
    };
    for document in &tree.documents {
        found.map(document);
    }
    found.paths
}

struct Found<'a> {
    sealed: &'a HashSet<Site>,
    path: Path,
    paths: Vec<Path>,
}

impl Found<'_> {
    fn map(&mut self, map: &Map) {
        for pair in map.pairs() {
            self.path.push(Element::Key(pair.key.clone()));
            self.node(&pair.value);
            self.path.pop();
        }
    }

    fn list(&mut self, list: &List) {
        let nodes = list.items.iter().filter_map(|item| match item {
            Item::Node(node) => Some(node),
            Item::Comment(_) => None,
        });
        for (index, node) in nodes.enumerate() {
            self.path.push(Element::Index(index));
            self.node(node);
            self.path.pop();
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => {
                if !leaf.value.is_empty() && !self.sealed.contains(&leaf.site) {
                    self.paths.push(self.path.clone());
                }
            }
            Node::Map(map) => self.map(map),
            Node::List(list) => self.list(list),
        }
    }
}

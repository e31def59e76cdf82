//! Which values of a new text are those of a sealed file, by position, so that they keep their
//! tokens and a diff shows only what changed.

use std::collections::{HashMap, VecDeque};

use crate::cipher::{Type, with_plain};
use crate::format::Format;
use crate::secret::SecretBytes;
use crate::tree::{Comment, List, Map, Node, Site, Tree, Value};

use super::align::align;
use super::{Draft, Opened, Tokens};

/// Keys of a file that a new text adds, changes or leaves out; names only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Paths that are new.
    pub added: Vec<String>,
    /// Paths whose value differs.
    pub changed: Vec<String>,
    /// Paths that are gone.
    pub removed: Vec<String>,
}

impl Draft {
    /// The tokens of `old` that this document's unchanged values and comments keep.
    pub fn tokens_of(&self, old: &Opened) -> Tokens {
        let mut matching = Matching {
            old,
            tokens: Tokens::default(),
        };
        for (new, old) in self
            .document
            .tree
            .documents
            .iter()
            .zip(&old.document.tree.documents)
        {
            matching.map(new, old);
        }
        matching.tokens
    }

    /// What this document changes in `old`.
    pub fn changes_of(&self, old: &Opened) -> Changes {
        let mut changes = Changes::default();
        for (new, old) in self
            .document
            .tree
            .documents
            .iter()
            .zip(&old.document.tree.documents)
        {
            compare_maps(new, old, "", &mut changes);
        }
        changes
    }
}

struct Matching<'a> {
    old: &'a Opened,
    tokens: Tokens,
}

impl Matching<'_> {
    fn take(&mut self, new: Site, old: Site) {
        if let Some(token) = self.old.tokens.get(old) {
            self.tokens
                .insert(new, SecretBytes::copy_of(token.as_bytes()));
        }
    }

    fn map(&mut self, new: &Map, old: &Map) {
        // A key may stand several times, each with a value of its own.
        let mut known: HashMap<&str, VecDeque<&Node>> = HashMap::new();
        for pair in old.pairs() {
            known.entry(&pair.key).or_default().push_back(&pair.value);
        }
        for pair in new.pairs() {
            let values = known.get_mut(pair.key.as_str());
            if let Some(value) = values.and_then(VecDeque::pop_front) {
                self.node(&pair.value, value);
            }
        }
        self.comments(new.comments(), old.comments());
    }

    fn list(&mut self, new: &List, old: &List) {
        let (items, before): (Vec<&Node>, Vec<&Node>) =
            (new.nodes().collect(), old.nodes().collect());
        let is_same = |a: &&Node, b: &&Node| same_nodes(a, b);
        let matched = align(&items, &before, is_same, |a, b| shared(a, b));
        for (new, old) in items.iter().zip(matched) {
            if let Some(old) = old.and_then(|at| before.get(at)) {
                self.node(new, old);
            }
        }
        self.comments(new.comments(), old.comments());
    }

    fn node(&mut self, new: &Node, old: &Node) {
        match (new, old) {
            (Node::Leaf(new), Node::Leaf(old)) if same(&new.value, &old.value) => {
                self.take(new.site, old.site);
            }
            (Node::Map(new), Node::Map(old)) => self.map(new, old),
            (Node::List(new), Node::List(old)) => self.list(new, old),
            _ => {}
        }
    }

    /// In order; one that is new or gone does not part the others.
    fn comments<'c>(
        &mut self,
        new: impl Iterator<Item = &'c Comment>,
        old: impl Iterator<Item = &'c Comment>,
    ) {
        let mut left: Vec<&Comment> = old.collect();
        for comment in new {
            if let Some(at) = left.iter().position(|old| old.text.ct_eq(&comment.text)) {
                let old = left.remove(at);
                self.take(comment.site, old.site);
            }
        }
    }
}

/// How many values two nodes share at the same places.
fn shared(a: &Node, b: &Node) -> usize {
    match (a, b) {
        (Node::Leaf(a), Node::Leaf(b)) => usize::from(same(&a.value, &b.value)),
        (Node::Map(a), Node::Map(b)) => {
            let known = by_key(b);
            let pairs = a.pairs();
            pairs
                .filter_map(|pair| Some(shared(&pair.value, known.get(pair.key.as_str())?)))
                .sum()
        }
        (Node::List(a), Node::List(b)) => a.nodes().zip(b.nodes()).map(|(a, b)| shared(a, b)).sum(),
        _ => 0,
    }
}

/// Same type, same value.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    let bytes = |value| with_plain(value, SecretBytes::copy_of);
    matches!(a, Value::Null) == matches!(b, Value::Null)
        && Type::of(a) == Type::of(b)
        && bytes(a).ct_eq(&bytes(b))
}

/// Whether two trees hold the same keys, values and types, whatever their comments.
pub(super) fn same_values(a: &Tree, b: &Tree) -> bool {
    same_trees(a, b, &same)
}

/// The same of a text that was written and read again; what the format does not have has become
/// what it has.
pub(super) fn reads_back(again: &Tree, expected: &Tree, format: &dyn Format) -> bool {
    same_trees(again, expected, &|again, expected| {
        same_in(format, again, expected)
    })
}

/// Same type, same value, as far as a format has the type.
pub(super) fn same_in(format: &dyn Format, again: &Value, expected: &Value) -> bool {
    let other = || format.reads_as(expected);
    same(again, expected) || other().is_some_and(|other| same(again, &other))
}

/// Same shape, same values.
pub(super) fn same_nodes(a: &Node, b: &Node) -> bool {
    like_nodes(a, b, &same)
}

fn same_trees(a: &Tree, b: &Tree, same: &dyn Fn(&Value, &Value) -> bool) -> bool {
    a.documents.len() == b.documents.len()
        && a.documents
            .iter()
            .zip(&b.documents)
            .all(|(a, b)| same_maps(a, b, same))
}

fn same_maps(a: &Map, b: &Map, same: &dyn Fn(&Value, &Value) -> bool) -> bool {
    let (mut a, mut b) = (a.pairs(), b.pairs());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.key == b.key && like_nodes(&a.value, &b.value, same) => {}
            _ => return false,
        }
    }
}

fn like_nodes(a: &Node, b: &Node, same: &dyn Fn(&Value, &Value) -> bool) -> bool {
    match (a, b) {
        (Node::Leaf(a), Node::Leaf(b)) => same(&a.value, &b.value),
        (Node::Map(a), Node::Map(b)) => same_maps(a, b, same),
        (Node::List(a), Node::List(b)) => {
            a.nodes().count() == b.nodes().count()
                && a.nodes()
                    .zip(b.nodes())
                    .all(|(a, b)| like_nodes(a, b, same))
        }
        _ => false,
    }
}

/// The first value of each key: a map of many keys is not searched for each of them.
fn by_key(map: &Map) -> HashMap<&str, &Node> {
    let mut known = HashMap::new();
    for pair in map.pairs() {
        known.entry(pair.key.as_str()).or_insert(&pair.value);
    }
    known
}

fn compare_maps(new: &Map, old: &Map, path: &str, changes: &mut Changes) {
    let child = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    let (before, after) = (by_key(old), by_key(new));
    for pair in new.pairs() {
        let at = child(&pair.key);
        match (before.get(pair.key.as_str()), &pair.value) {
            (None, _) => changes.added.push(at),
            (Some(Node::Map(old)), Node::Map(new)) => compare_maps(new, old, &at, changes),
            (Some(old), new) if !same_nodes(new, old) => changes.changed.push(at),
            _ => {}
        }
    }
    for pair in old.pairs() {
        if !after.contains_key(pair.key.as_str()) {
            changes.removed.push(child(&pair.key));
        }
    }
}

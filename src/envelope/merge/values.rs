//! Three versions of what a file holds, merged by the paths of its values.
//!
//! A value that one side has changed is that side's; what both have changed otherwise is a conflict,
//! and ours stays. Order of keys and comments mean nothing here.

use std::collections::HashSet;

use crate::format::Format;
use crate::tree::{Element, Item, List, Map, Node, Path, Tree};

use super::super::reuse::{same, same_in, same_values};
use super::{Cause, Conflict};

/// What the merged file has to hold.
pub(super) struct Wanted {
    pub(super) documents: Vec<Map>,
    pub(super) conflicts: Vec<Conflict>,
}

/// What has to happen to a document.
pub(super) enum Step {
    Put(Path, Node),
    Remove(Path),
}

/// Without an ancestor, everything counts as added.
pub(super) fn merge(base: Option<&Tree>, ours: &Tree, theirs: &Tree) -> Wanted {
    let count = |tree: &Tree| tree.documents.len();
    let mut merging = Merging::default();
    let as_many = base.is_none_or(|base| count(base) == count(ours));
    if !as_many || count(ours) != count(theirs) {
        let is_base = |side: &Tree| base.is_some_and(|base| same_values(base, side));
        if !is_base(ours) && !is_base(theirs) && !same_values(ours, theirs) {
            merging.conflict(Cause::Changed);
        }
        let wanted = if is_base(ours) { theirs } else { ours };
        return merging.done(wanted.documents.iter().map(duplicate).collect());
    }
    let none = Map::default();
    let mut documents = Vec::new();
    for (at, (ours, theirs)) in ours.documents.iter().zip(&theirs.documents).enumerate() {
        merging.document = at;
        let base = base.and_then(|base| base.documents.get(at));
        documents.push(match merging.map(base.unwrap_or(&none), ours, theirs) {
            Some(merged) => merged,
            None => duplicate(ours),
        });
    }
    merging.done(documents)
}

#[derive(Default)]
struct Merging {
    document: usize,
    path: Path,
    conflicts: Vec<Conflict>,
}

impl Merging {
    fn done(self, documents: Vec<Map>) -> Wanted {
        let conflicts = self.conflicts;
        Wanted {
            documents,
            conflicts,
        }
    }

    fn conflict(&mut self, cause: Cause) {
        self.conflicts.push(Conflict {
            document: self.document,
            path: self.path.clone(),
            cause,
        });
    }

    fn node(
        &mut self,
        base: Option<&Node>,
        ours: Option<&Node>,
        theirs: Option<&Node>,
    ) -> Option<Node> {
        let copy = |node: Option<&Node>| node.map(Node::duplicate);
        if are_alike(ours, theirs) || are_alike(base, theirs) {
            return copy(ours);
        }
        if are_alike(base, ours) {
            return copy(theirs);
        }
        match (base, ours, theirs) {
            (base, Some(Node::Map(one)), Some(Node::Map(other))) => {
                let none = Map::default();
                let base = base.and_then(Node::as_map).unwrap_or(&none);
                match self.map(base, one, other) {
                    Some(map) => Some(Node::Map(map)),
                    None => copy(ours),
                }
            }
            (Some(Node::List(base)), Some(Node::List(one)), Some(Node::List(other))) => {
                match self.list(base, one, other) {
                    Some(list) => Some(Node::List(list)),
                    None => copy(ours),
                }
            }
            (base, ours, theirs) => {
                self.conflict(match (base, ours, theirs) {
                    (_, None, _) => Cause::RemovedHere,
                    (_, _, None) => Cause::RemovedThere,
                    (None, ..) => Cause::Added,
                    _ => Cause::Changed,
                });
                copy(ours)
            }
        }
    }

    /// `None`: it cannot be told which of several equal keys is which.
    fn map(&mut self, base: &Map, ours: &Map, theirs: &Map) -> Option<Map> {
        if [base, ours, theirs].into_iter().any(repeats_a_key) {
            self.conflict(Cause::Repeated);
            return None;
        }
        let mut merged = Map::default();
        let new = theirs.pairs().filter(|pair| ours.get(&pair.key).is_none());
        for pair in ours.pairs().chain(new) {
            let key = pair.key.as_str();
            self.path.push(Element::Key(key.to_owned()));
            if let Some(node) = self.node(base.get(key), ours.get(key), theirs.get(key)) {
                merged.push(key, node);
            }
            self.path.pop();
        }
        Some(merged)
    }

    fn list(&mut self, base: &List, ours: &List, theirs: &List) -> Option<List> {
        let nodes = |list: &'_ List| list.nodes().map(Node::duplicate).collect::<Vec<_>>();
        let (base, ours, theirs) = (nodes(base), nodes(ours), nodes(theirs));
        let mut merged = Vec::new();
        if base.len() == ours.len() && base.len() == theirs.len() {
            for (at, ((base, one), other)) in base.iter().zip(&ours).zip(&theirs).enumerate() {
                self.path.push(Element::Index(at));
                merged.extend(self.node(Some(base), Some(one), Some(other)));
                self.path.pop();
            }
        } else {
            let (one, other) = (Changed::of(&base, ours), Changed::of(&base, theirs));
            let (early, late) = if one.start <= other.start {
                (one, other)
            } else {
                (other, one)
            };
            // What touches counts as the same place: nobody knows which comes first.
            if early.end >= late.start {
                self.conflict(Cause::Changed);
                return None;
            }
            let (early_end, late_start, late_end) = (early.end, late.start, late.end);
            let kept = |from: usize, to: usize| base.get(from..to).unwrap_or_default();
            merged.extend(kept(0, early.start).iter().map(Node::duplicate));
            merged.extend(early.new);
            merged.extend(kept(early_end, late_start).iter().map(Node::duplicate));
            merged.extend(late.new);
            merged.extend(kept(late_end, base.len()).iter().map(Node::duplicate));
        }
        Some(List {
            items: merged.into_iter().map(Item::Node).collect(),
            ..List::default()
        })
    }
}

/// The items between the first and the last that a side has changed.
struct Changed {
    start: usize,
    end: usize,
    new: Vec<Node>,
}

impl Changed {
    fn of(base: &[Node], side: Vec<Node>) -> Self {
        let same = |(a, b): &(&Node, &Node)| are_alike(Some(a), Some(b));
        let start = base.iter().zip(&side).take_while(same).count();
        let rest = base.len().min(side.len()) - start;
        let tail = base.iter().rev().zip(side.iter().rev());
        let tail = tail.take(rest).take_while(same).count();
        let new_end = side.len() - tail;
        Self {
            start,
            end: base.len() - tail,
            new: side.into_iter().take(new_end).skip(start).collect(),
        }
    }
}

/// Whether a tree holds what it should, as far as its format can say it.
pub(super) fn holds(tree: &Tree, wanted: &[Map], format: &dyn Format) -> bool {
    let agrees = |found: &Map, wanted: &Map| {
        maps_agree(found, wanted, &|a, b| match (a, b) {
            (Node::Leaf(a), Node::Leaf(b)) => same_in(format, &a.value, &b.value),
            _ => false,
        })
    };
    let documents = &tree.documents;
    documents.len() == wanted.len() && documents.iter().zip(wanted).all(|(a, b)| agrees(a, b))
}

/// What turns the first document of a tree into what is wanted; `None` where others differ.
pub(super) fn steps(tree: &Tree, wanted: &[Map]) -> Option<Vec<Step>> {
    let documents = &tree.documents;
    let mut later = documents.iter().zip(wanted).skip(1);
    let is_alike = |(a, b): (&Map, &Map)| maps_agree(a, b, &leaves_agree);
    if documents.len() != wanted.len() || !later.all(is_alike) {
        return None;
    }
    let mut steps = Vec::new();
    if let (Some(from), Some(to)) = (documents.first(), wanted.first()) {
        map_steps(from, to, &Path::root(), &mut steps);
    }
    Some(steps)
}

fn map_steps(from: &Map, to: &Map, path: &Path, steps: &mut Vec<Step>) {
    for pair in from.pairs() {
        if to.get(&pair.key).is_none() {
            steps.push(Step::Remove(path.key(&pair.key)));
        }
    }
    for pair in to.pairs() {
        node_steps(
            from.get(&pair.key),
            &pair.value,
            &path.key(&pair.key),
            steps,
        );
    }
}

fn node_steps(from: Option<&Node>, to: &Node, path: &Path, steps: &mut Vec<Step>) {
    match (from, to) {
        (from, to) if are_alike(from, Some(to)) => {}
        (Some(Node::Map(from)), Node::Map(to)) if to.pairs().next().is_some() => {
            map_steps(from, to, path, steps);
        }
        (Some(Node::List(from)), Node::List(to)) if from.nodes().count() == to.nodes().count() => {
            for (at, (from, to)) in from.nodes().zip(to.nodes()).enumerate() {
                let mut path = path.clone();
                path.push(Element::Index(at));
                node_steps(Some(from), to, &path, steps);
            }
        }
        (_, to) => steps.push(Step::Put(path.clone(), to.duplicate())),
    }
}

fn are_alike(a: Option<&Node>, b: Option<&Node>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => nodes_agree(a, b, &leaves_agree),
        (None, None) => true,
        _ => false,
    }
}

fn leaves_agree(a: &Node, b: &Node) -> bool {
    matches!((a, b), (Node::Leaf(a), Node::Leaf(b)) if same(&a.value, &b.value))
}

fn nodes_agree(a: &Node, b: &Node, leaves: &dyn Fn(&Node, &Node) -> bool) -> bool {
    match (a, b) {
        (Node::Map(a), Node::Map(b)) => maps_agree(a, b, leaves),
        (Node::List(a), Node::List(b)) => {
            a.nodes().count() == b.nodes().count()
                && a.nodes()
                    .zip(b.nodes())
                    .all(|(a, b)| nodes_agree(a, b, leaves))
        }
        (a, b) => leaves(a, b),
    }
}

/// The same keys, in whatever order; those of a map that repeats one in the same order.
fn maps_agree(a: &Map, b: &Map, leaves: &dyn Fn(&Node, &Node) -> bool) -> bool {
    if a.pairs().count() != b.pairs().count() {
        return false;
    }
    if repeats_a_key(a) || repeats_a_key(b) {
        let mut both = a.pairs().zip(b.pairs());
        return both.all(|(a, b)| a.key == b.key && nodes_agree(&a.value, &b.value, leaves));
    }
    a.pairs().all(|pair| {
        b.get(&pair.key)
            .is_some_and(|other| nodes_agree(&pair.value, other, leaves))
    })
}

fn repeats_a_key(map: &Map) -> bool {
    let mut seen = HashSet::new();
    map.pairs().any(|pair| !seen.insert(pair.key.as_str()))
}

fn duplicate(map: &Map) -> Map {
    let mut copy = Map::default();
    for pair in map.pairs() {
        copy.push(pair.key.clone(), pair.value.duplicate());
    }
    copy
}

#[cfg(test)]
mod tests;

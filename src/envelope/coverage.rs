//! What one rule seals and another one leaves in clear.

use std::collections::HashSet;

use crate::metadata::{Rule, Selector};
use crate::tree::{Path, Site, Step, Steps, Tree};

use super::clear::left_in_clear;

/// What a rule leaves in clear although another one seals it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncovered {
    /// Paths of values.
    pub paths: Vec<Path>,
    /// How many comments.
    pub comments: usize,
}

/// Places of a document that a rule selects.
pub(super) struct Selected {
    pub(super) leaves: HashSet<Site>,
    pub(super) comments: HashSet<Site>,
}

impl Uncovered {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.comments == 0
    }
}

/// What `actual` leaves in clear of a document although `ruled` seals it.
pub(super) fn uncovered(tree: &Tree, actual: &Rule, ruled: &Rule) -> Uncovered {
    if actual == ruled {
        return Uncovered::default();
    }
    let (actual, ruled) = (selected(tree, actual), selected(tree, ruled));
    let comments = ruled.comments.difference(&actual.comments).count();
    Uncovered {
        paths: only_in(tree, &ruled.leaves, &actual.leaves),
        comments,
    }
}

/// Paths of values that are in one set and not in the other.
pub(super) fn only_in(tree: &Tree, one: &HashSet<Site>, other: &HashSet<Site>) -> Vec<Path> {
    let leaves = Steps::of(tree).filter_map(|step| match step {
        Step::Leaf(leaf) => Some(leaf.site),
        _ => None,
    });
    let others = leaves.filter(|site| !one.contains(site) || other.contains(site));
    left_in_clear(tree, &others.collect())
}

/// What a rule selects.
pub(super) fn selected(tree: &Tree, rule: &Rule) -> Selected {
    let mut selector = Selector::new(rule);
    let mut found = Selected {
        leaves: HashSet::new(),
        comments: HashSet::new(),
    };
    for step in Steps::of(tree) {
        match step {
            Step::EnterMap | Step::EnterList => selector.enter(),
            Step::Leave => selector.leave(),
            Step::Key(key) => selector.key(key),
            Step::Comment(comment) => {
                if selector.comment(comment.text.expose()) && !comment.text.is_empty() {
                    found.comments.insert(comment.site);
                }
            }
            Step::Leaf(leaf) => {
                if selector.value() {
                    found.leaves.insert(leaf.site);
                }
                selector.value_done();
            }
        }
    }
    found
}

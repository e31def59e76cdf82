//! Which values of the merged file are sealed.
//!
//! No version loosens that alone: where the rules differ, the one counts that leaves nothing in clear
//! which another one seals, and a person is told. And whatever the rules say, what is sealed in a
//! version stays sealed, or nothing is merged.

use std::collections::HashSet;

use crate::metadata::Rule;
use crate::tree::{Element, Item, List, Map, Node, Path, Step, Steps, Tree};

use super::super::coverage::{selected, uncovered};
use super::{Dispute, Opened, Trusted, Versions};
use crate::envelope::EnvelopeError;

/// The rule of the merged file.
#[derive(Debug)]
pub struct Selection {
    /// Which values are sealed.
    pub rule: Rule,
    /// Whether the MAC leaves clear values out.
    pub mac_only_encrypted: bool,
    /// What a person has to decide.
    pub disputes: Vec<Dispute>,
}

impl Versions<'_> {
    /// The rule that the merged file needs; an error where none seals what all of them seal.
    pub fn selection(&self, merged: &Tree, trusted: &[Trusted]) -> Result<Selection, Vec<Dispute>> {
        let (ours, theirs) = (self.ours.metadata(), self.theirs.metadata());
        let binding: Vec<&Trusted> = trusted.iter().filter(|one| one.is_environment).collect();
        let mut disputes = Vec::new();
        if ours.rule != theirs.rule {
            disputes.push(Dispute::about(&format!(
                "the rule that says which values are sealed: {} in ours, {} in theirs",
                said(&ours.rule),
                said(&theirs.rule)
            )));
        }
        if ours.mac_only_encrypted != theirs.mac_only_encrypted {
            disputes.push(Dispute::about(&format!(
                "mac_only_encrypted: {} in ours, {} in theirs",
                ours.mac_only_encrypted, theirs.mac_only_encrypted
            )));
        }
        let has_keys = self.ours.format().has_keys();
        let ruled: Vec<&Rule> = binding
            .iter()
            .map(|one| &one.rule)
            .filter(|_| has_keys)
            .collect();
        // Of rules that seal the same of this document, the one that nobody has changed counts.
        let base = self.base.map(|base| &base.metadata().rule);
        let sides = [&ours.rule, &theirs.rule];
        let unchanged = sides.into_iter().filter(|rule| Some(*rule) == base);
        let candidates: Vec<&Rule> = unchanged
            .chain(sides)
            .chain(ruled.iter().copied())
            .collect();
        let seals_all = |one: &&Rule| {
            let mut others = candidates.iter();
            others.all(|other| uncovered(merged, one, other).is_empty())
                && ruled.iter().all(|other| one.leaves_out(other).is_none())
        };
        let Some(rule) = candidates.iter().copied().find(seals_all) else {
            for one in binding {
                disputes.push(Dispute::about(&format!(
                    "{} says {}",
                    one.place,
                    said(&one.rule)
                )));
            }
            return Err(disputes);
        };
        let mut mac_only_encrypted = ours.mac_only_encrypted && theirs.mac_only_encrypted;
        for one in binding {
            let is_loose = |rule: &Rule| has_keys && !covers(merged, rule, &one.rule);
            for (who, metadata) in [("ours", ours), ("theirs", theirs)] {
                if is_loose(&metadata.rule) {
                    disputes.push(Dispute::about(&format!(
                        "{who} was sealed by {}, which seals less than {}: {}",
                        said(&metadata.rule),
                        one.place,
                        said(&one.rule)
                    )));
                }
                if metadata.mac_only_encrypted && !one.mac_only_encrypted {
                    disputes.push(Dispute::about(&format!(
                        "{who} has mac_only_encrypted, and {} does not",
                        one.place
                    )));
                }
            }
            mac_only_encrypted &= one.mac_only_encrypted;
        }
        Ok(Selection {
            rule: rule.clone(),
            mac_only_encrypted,
            disputes,
        })
    }

    /// What is sealed in a version and would stand in clear in the merged file is an error.
    pub(super) fn refuse_opening(&self, merged: &Tree, rule: &Rule) -> Result<(), EnvelopeError> {
        let is_sealed = selected(merged, rule);
        let mut clear = Vec::new();
        each_leaf(merged, &mut |document, path, node| {
            if let Node::Leaf(leaf) = node
                && !leaf.value.is_empty()
                && !is_sealed.leaves.contains(&leaf.site)
            {
                clear.push((document, path.clone()));
            }
        });
        let mut sealed = HashSet::new();
        for side in [self.ours, self.theirs] {
            each_leaf(side.tree(), &mut |document, path, node| {
                if let Node::Leaf(leaf) = node
                    && side.tokens.has(leaf.site)
                {
                    sealed.insert((document, path.to_string()));
                }
            });
        }
        clear.retain(|(document, path)| sealed.contains(&(*document, path.to_string())));
        if !clear.is_empty() {
            let paths = clear.into_iter().map(|(_, path)| path).collect();
            return Err(EnvelopeError::WouldOpen(paths));
        }
        let comments = Steps::of(merged).filter_map(|step| match step {
            Step::Comment(comment) => Some(comment),
            _ => None,
        });
        let open: Vec<_> = comments
            .filter(|comment| !is_sealed.comments.contains(&comment.site))
            .collect();
        let was_sealed = |side: &Opened| {
            Steps::of(side.tree()).any(|step| match step {
                Step::Comment(comment) => {
                    side.tokens.has(comment.site)
                        && !comment.text.is_empty()
                        && open.iter().any(|one| one.text.ct_eq(&comment.text))
                }
                _ => false,
            })
        };
        if was_sealed(self.ours) || was_sealed(self.theirs) {
            return Err(EnvelopeError::WouldOpen(Vec::new()));
        }
        Ok(())
    }
}

/// Whether a rule seals all that another one seals: of this document and of what may come.
fn covers(tree: &Tree, one: &Rule, other: &Rule) -> bool {
    one.leaves_out(other).is_none() && uncovered(tree, one, other).is_empty()
}

fn said(rule: &Rule) -> String {
    format!("{}: {}", rule.kind().field(), rule.argument())
}

fn each_leaf(tree: &Tree, visit: &mut dyn FnMut(usize, &Path, &Node)) {
    for (at, document) in tree.documents.iter().enumerate() {
        in_map(document, &mut Path::root(), &mut |path, node| {
            visit(at, path, node);
        });
    }
}

fn in_map(map: &Map, path: &mut Path, visit: &mut dyn FnMut(&Path, &Node)) {
    for pair in map.pairs() {
        path.push(Element::Key(pair.key.clone()));
        in_node(&pair.value, path, visit);
        path.pop();
    }
}

fn in_list(list: &List, path: &mut Path, visit: &mut dyn FnMut(&Path, &Node)) {
    let nodes = list.items.iter().filter_map(|item| match item {
        Item::Node(node) => Some(node),
        Item::Comment(_) => None,
    });
    for (at, node) in nodes.enumerate() {
        path.push(Element::Index(at));
        in_node(node, path, visit);
        path.pop();
    }
}

fn in_node(node: &Node, path: &mut Path, visit: &mut dyn FnMut(&Path, &Node)) {
    match node {
        Node::Leaf(_) => visit(path, node),
        Node::Map(map) => in_map(map, path, visit),
        Node::List(list) => in_list(list, path, visit),
    }
}

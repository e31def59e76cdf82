//! Aliases of sealed values are written out, because each copy is sealed under its own path.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::format::{Change, Document, Edits};
use crate::metadata::{Rule, Selector};
use crate::tree::{Site, Step, Tree, Value, walk};

use super::reuse::same_values;
use super::{Draft, EnvelopeError};

impl Draft {
    /// Writes out every alias that repeats something at a place that the rule seals; the lines of
    /// those aliases, from 1.
    pub fn expand_aliases(&mut self, rule: &Rule) -> Result<Vec<usize>, EnvelopeError> {
        let places = aliases_of_sealed(&self.document, rule);
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut lines: Vec<usize> = places
            .iter()
            .map(|(site, _)| self.document.position(*site).0)
            .collect();
        lines.sort_unstable();
        let edits = Edits {
            places: &places,
            ..Edits::default()
        };
        let text = self.format.apply(&self.document, &edits)?;
        let again = Self::parse(self.format, text).map_err(|_| EnvelopeError::SelfCheck)?;
        if !same_values(&self.document.tree, &again.document.tree) {
            return Err(EnvelopeError::SelfCheck);
        }
        // Comments are not repeated, and a rule can go by them.
        let before = selected(&self.document.tree, rule);
        let after = selected(&again.document.tree, rule);
        let is_value = |found: &&Place| !found.is_comment;
        let (before, after) = (
            before.iter().filter(is_value),
            after.iter().filter(is_value),
        );
        for (before, after) in before.zip(after) {
            if before.is_sealed != after.is_sealed {
                let line = self.document.position(before.site).0;
                return Err(EnvelopeError::CommentOfAlias(line));
            }
        }
        let original = Zeroizing::new(self.wanted().to_vec());
        *self = again;
        self.original = Some(original);
        Ok(lines)
    }
}

/// The aliases that repeat something at a place that the rule seals, each as an edit that writes it out.
pub(super) fn aliases_of_sealed(document: &Document, rule: &Rule) -> Vec<(Site, Change<'static>)> {
    let mut aliases = HashSet::new();
    let sealed = selected(&document.tree, rule);
    let sealed = sealed.into_iter().filter(|found| {
        found.is_sealed
            && document
                .alias(found.site)
                .is_some_and(|alias| aliases.insert(alias))
    });
    sealed.map(|found| (found.site, Change::Expand)).collect()
}

/// A value or comment, and whether the rule seals it.
struct Place {
    site: Site,
    is_sealed: bool,
    is_comment: bool,
}

/// What stands in a tree, but for what is never sealed.
fn selected(tree: &Tree, rule: &Rule) -> Vec<Place> {
    let mut selector = Selector::new(rule);
    let mut found = Vec::new();
    let walked: Result<(), std::convert::Infallible> = walk(tree, &mut |step| {
        match step {
            Step::EnterMap | Step::EnterList => selector.enter(),
            Step::Leave => selector.leave(),
            Step::Key(key) => selector.key(key),
            Step::Comment(comment) => {
                let is_sealed = selector.comment(comment.text.expose());
                found.push(Place {
                    site: comment.site,
                    is_sealed: is_sealed && !comment.text.is_empty(),
                    is_comment: true,
                });
            }
            Step::Leaf(leaf) => {
                let is_empty = match &leaf.value {
                    Value::Null => true,
                    value => value
                        .as_str()
                        .is_some_and(crate::secret::SecretBytes::is_empty),
                };
                found.push(Place {
                    site: leaf.site,
                    is_sealed: selector.value() && !is_empty,
                    is_comment: false,
                });
                selector.value_done();
            }
        }
        Ok(())
    });
    match walked {
        Ok(()) => found,
    }
}

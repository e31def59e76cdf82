//! Tokens that stood without quotes in the sealed file, whatever style their value opens in: those of
//! the reference do. Sealed again with an unchanged value they stay so, else each would be a line of
//! the diff.

use std::collections::HashSet;
use std::convert::Infallible;

use crate::format::Change;
use crate::tree::{Site, Step, Tree, walk};

use super::Opened;

impl Opened {
    /// Marks the places whose token stands without quotes in this file.
    pub(super) fn keep_bare<'v>(&self, tree: &'v Tree, places: &mut [(Site, Change<'v>)]) {
        let tokens = self.tokens.iter();
        let bare: HashSet<&str> = tokens
            .filter(|(site, _)| self.document.is_bare(*site))
            .map(|(_, token)| token)
            .collect();
        let mut values = std::collections::HashMap::new();
        let collected: Result<(), Infallible> = walk(tree, &mut |step| {
            if let Step::Leaf(leaf) = step {
                values.insert(leaf.site, &leaf.value);
            }
            Ok(())
        });
        match collected {
            Ok(()) => {}
        }
        for (site, change) in places {
            if let Change::Seal(token) = change
                && bare.contains(token.as_str())
                && let Some(value) = values.get(site)
            {
                *change = Change::SealBare(std::mem::take(token), value);
            }
        }
    }
}

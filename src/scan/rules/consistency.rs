//! H011 and H012: sealed files that were changed without the key, which their MAC would show to
//! whoever has it.
//!
//! Every save makes a new MAC, and a nonce that is used once; so much can be seen without a key.

use std::collections::HashMap;

use super::super::{Finding, Leaf, Rule, Sealed, Sealing, Standing, Subject};
use super::structure;

/// H011.
#[derive(Debug)]
pub(super) struct Stale;

/// H012.
#[derive(Debug)]
pub(super) struct Moved;

impl Rule for Stale {
    fn id(&self) -> &'static str {
        "H011"
    }

    fn summary(&self) -> &'static str {
        "A sealed file was changed and its MAC was not."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let (Sealing::Sealed(now), Some(Sealing::Sealed(before))) =
            (subject.sealing, subject.before)
        else {
            return;
        };
        if now.mac != Standing::Token {
            return;
        }
        let is_same_mac = now.mac_text == before.mac_text;
        let is_same_time = now.last_modified == before.last_modified;
        let counts = |leaf: &&Leaf| !now.mac_only_encrypted || leaf.token.is_some();
        let old: Vec<_> = before
            .leaves
            .iter()
            .filter(counts)
            .map(|leaf| (&leaf.bound, leaf.mark))
            .collect();
        let new: Vec<_> = now.leaves.iter().filter(counts).collect();
        let changed = new
            .iter()
            .enumerate()
            .find(|(at, leaf)| old.get(*at) != Some(&(&leaf.bound, leaf.mark)))
            .map(|(_, leaf)| (leaf.line, leaf.column));
        let changed = changed.or_else(|| (new.len() < old.len()).then_some((now.mac_line, 1)));
        let message = if let (true, Some(_)) = (is_same_mac, changed) {
            "this value was changed, added, moved or removed without the key: the MAC of the file is the one of HEAD"
        } else if is_same_mac && !is_same_time || !is_same_mac && is_same_time && changed.is_none()
        {
            // Two saves within a second have one time, and then values differ as well.
            "the MAC and the time that it is bound to do not change together: one of them was edited by hand"
        } else {
            return;
        };
        let place = changed.filter(|_| is_same_mac).unwrap_or((now.mac_line, 1));
        found.push(structure(self, subject, place, message.to_owned()));
    }
}

impl Rule for Moved {
    fn id(&self) -> &'static str {
        "H012"
    }

    fn summary(&self) -> &'static str {
        "A token was moved or copied to another place, or a nonce was used twice."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(now) = subject.sealing else {
            return;
        };
        let mut told = Vec::new();
        let mut seen: HashMap<&str, (&str, &str)> = HashMap::new();
        for leaf in &now.leaves {
            let Some((token, nonce)) = token_of(leaf) else {
                continue;
            };
            let first = *seen.entry(nonce).or_insert((token, &leaf.bound));
            // Equal values of one list may share a token: the reference keeps them so.
            if first != (token, leaf.bound.as_str()) {
                told.push(leaf);
                let message = if first.0 == token {
                    format!(
                        "the token at {} stands at another key as well; it opens at one place only",
                        leaf.path
                    )
                } else {
                    format!("the token at {} has the nonce of another one", leaf.path)
                };
                found.push(structure(self, subject, (leaf.line, leaf.column), message));
            }
        }
        if let Some(Sealing::Sealed(before)) = subject.before {
            for leaf in moved(now, before) {
                if !told.iter().any(|other| std::ptr::eq(*other, leaf)) {
                    let message = format!(
                        "the token at {} stood at another key before; it opens at its own place only",
                        leaf.path
                    );
                    found.push(structure(self, subject, (leaf.line, leaf.column), message));
                }
            }
        }
    }
}

/// Tokens that stood at another key and not at this one.
fn moved<'a>(now: &'a Sealed, before: &Sealed) -> Vec<&'a Leaf> {
    let mut old: HashMap<&str, Vec<&str>> = HashMap::new();
    for leaf in &before.leaves {
        if let Some(token) = &leaf.token {
            old.entry(token).or_default().push(&leaf.bound);
        }
    }
    now.leaves
        .iter()
        .filter(|leaf| {
            let places = leaf.token.as_deref().and_then(|token| old.get(token));
            places.is_some_and(|places| !places.contains(&leaf.bound.as_str()))
        })
        .collect()
}

fn token_of(leaf: &Leaf) -> Option<(&str, &str)> {
    let token = leaf.token.as_deref()?;
    let (_, rest) = token.split_once(",iv:")?;
    Some((token, rest.split_once(',')?.0))
}

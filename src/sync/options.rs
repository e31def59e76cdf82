//! What the operator allows in a run, and how it is bounded.

use std::sync::Arc;
use std::time::Duration;

use super::limits::Limits;
use super::links::Links;
use super::patience::Patience;
use super::progress::Progress;
use super::verdict::Allowed;

/// What the operator allows.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// Objects that are taken over from other writers.
    pub adopt: Vec<String>,
    /// All of them are.
    pub adopt_all: bool,
    /// Objects that cannot be changed may be deleted and made anew.
    pub replace: bool,
    /// What is ours and no longer desired is removed.
    pub prune: bool,
    /// The key ring was made anew; the wallet guard stands aside.
    pub replace_wallet: bool,
    /// Only objects of these names, `*` for any part; all if empty.
    pub only: Vec<String>,
    /// The values are those of before, and a version that has them is made current again.
    pub rollback: bool,
    /// Settings of what is there are made as configured.
    pub settings: bool,
    /// How much may happen.
    pub limits: Limits,
    /// What happens to workloads.
    pub restarting: Restarting,
    /// Nothing is to be written: what can be looked at is, whatever else cannot.
    pub is_look: bool,
    /// Where it is told how far the run came.
    pub progress: Arc<Progress>,
    /// What its targets share.
    pub links: Arc<Links>,
    /// How long it may take.
    pub patience: Patience,
}

/// What happens to workloads that use a written object.
#[derive(Debug, Clone, Default)]
pub struct Restarting {
    /// Nothing.
    pub is_off: bool,
    /// How long their rollout is followed; not at all without.
    pub wait: Option<Duration>,
}

impl Options {
    /// What may happen to one object.
    pub(super) fn allowed(&self, object: &str) -> Allowed {
        Allowed {
            adopt: self.adopt_all || self.adopt.iter().any(|name| name == object),
            replace: self.replace,
            prune: self.prune,
            rollback: self.rollback,
            settings: self.settings,
        }
    }

    /// Whether the run is about an object of this name.
    pub(super) fn selects(&self, object: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| matches(pattern, object))
    }
}

/// Whether a name is one of a pattern, in which `*` stands for any part.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name) in [
            ("a", "a"),
            ("*", "a"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*c*e", "abcde"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("a", "ab"),
            ("a*", "ba"),
            ("*c", "ca"),
            ("a*c*e", "abde"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}

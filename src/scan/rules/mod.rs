//! The table of rules. An id never changes its meaning; a new rule is one file and one line.

mod cleartext;
mod envelope;
pub(super) mod path;
pub(super) mod token;
pub(super) mod unsealed;

use super::{Finding, Rule, Severity, Subject};

/// Every rule, in the order of the ids.
pub const RULES: &[&dyn Rule] = &[
    &path::ClearPath,
    &unsealed::Unsealed,
    &cleartext::Cleartext,
    &envelope::Envelope,
    &envelope::Mac,
];

/// A finding that refuses the commit.
fn finding(
    rule: &dyn Rule,
    subject: &Subject<'_>,
    (line, column): (usize, usize),
    message: String,
    hint: String,
) -> Finding {
    Finding {
        rule: rule.id(),
        path: subject.path.to_owned(),
        line,
        column,
        severity: Severity::Error,
        message,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<_> = RULES.iter().map(|rule| rule.id()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }
}

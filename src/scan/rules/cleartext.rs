//! H003: a sealed file in which a value is in clear that its own rule says is sealed.

use super::super::{Finding, Rule, Sealing, Standing, Subject};
use super::finding;
use crate::error::quoted;

/// H003.
#[derive(Debug)]
pub(super) struct Cleartext;

impl Rule for Cleartext {
    fn id(&self) -> &'static str {
        "H003"
    }

    fn summary(&self) -> &'static str {
        "A sealed file holds a value in clear that its own rule says is sealed."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        for leaf in &sealed.leaves {
            // A whole document that was added is told once.
            let is_added = |(from, to): &(usize, usize)| (*from..*to).contains(&leaf.line);
            if sealed.uncovered.iter().any(is_added) {
                continue;
            }
            // Nothing, the empty text and empty collections are not sealed by the format either.
            if let (true, Standing::Clear(kind)) = (leaf.is_selected, leaf.standing) {
                let message = format!(
                    "the {kind} at {} is in clear in a sealed file; take it out of the commit \
                     and enter it with `clsecrets set`",
                    leaf.path
                );
                let hint = format!("git restore --staged -- {}", quoted(subject.path));
                found.push(finding(
                    self,
                    subject,
                    (leaf.line, leaf.column),
                    message,
                    hint,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, sealed};
    use super::*;

    #[test]
    fn only_a_selected_value_in_clear_is_refused_and_where_it_stands_is_told() {
        let count = |is_selected, standing| {
            let sealing = sealed(is_selected, standing, Standing::Token);
            check(&Cleartext, "a.yaml", &sealing, None, None)
        };
        let found = count(true, Standing::Clear("integer"));
        assert_eq!((found[0].line, found[0].column), (3, 7));
        assert!(found[0].message.contains("integer at a "));
        for (is_selected, standing) in [
            (true, Standing::Token),
            (true, Standing::Empty),
            (false, Standing::Clear("string")),
            (true, Standing::Malformed("")),
        ] {
            assert!(count(is_selected, standing).is_empty());
        }
    }
}

//! H009: a document of a sealed file that has no metadata of its own.

use super::super::{Finding, Rule, Sealing, Subject};
use super::structure;

/// H009.
#[derive(Debug)]
pub(super) struct Coverage;

impl Rule for Coverage {
    fn id(&self) -> &'static str {
        "H009"
    }

    fn summary(&self) -> &'static str {
        "A document of a sealed file has no metadata of its own."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        for (line, _) in &sealed.uncovered {
            let message = "the document that begins here was added to a sealed file by hand: it has no metadata";
            found.push(structure(self, subject, (*line, 1), message.to_owned()));
        }
    }
}

//! H008: what a merge or a careless hand leaves in a sealed file: conflict markers, keys that stand
//! there twice.

use super::super::text::Mark;
use super::super::{Finding, Rule, Sealing, Subject};
use super::structure;

/// H008.
#[derive(Debug)]
pub(super) struct Merging;

impl Rule for Merging {
    fn id(&self) -> &'static str {
        "H008"
    }

    fn summary(&self) -> &'static str {
        "A sealed file holds conflict markers, or a key twice."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let is_sealed = !matches!(subject.sealing, Sealing::Clear);
        if !is_sealed && subject.governor.is_none() {
            return;
        }
        let text = subject.text;
        let begins = |at: usize| text.line(text.line_at(at)).start == at;
        if let Some(at) = text.marks(Mark::Conflict).find(|at| begins(*at)) {
            let message = "this file has the markers of an unresolved merge";
            found.push(structure(
                self,
                subject,
                text.position(at),
                message.to_owned(),
            ));
        } else if let Sealing::Unknown {
            repeated: Some(place),
            ..
        } = subject.sealing
        {
            let message =
                "a key stands twice in this sealed file; readers disagree on which one counts";
            found.push(structure(self, subject, *place, message.to_owned()));
        }
    }
}

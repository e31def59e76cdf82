//! H020: a value of a sealed file that stands in clear somewhere else.

use super::super::{Finding, Rule, Sealing, Subject};
use super::value;

/// H020.
#[derive(Debug)]
pub(super) struct Known;

impl Rule for Known {
    fn id(&self) -> &'static str {
        "H020"
    }

    fn summary(&self) -> &'static str {
        "A value of a sealed file stands in clear, in base64 or in another form; needs `hook index`."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Some(known) = subject.known else { return };
        // The sealed file itself, in clear, is told as such.
        if subject.clear.is_some() && matches!(subject.sealing, Sealing::Clear) {
            return;
        }
        for (span, path, name) in known.find(subject.text.bytes()) {
            let message = format!("the value of {name} in {path} stands here");
            let hint = "take it out, refer to the sealed file instead, and replace the value if this was published";
            found.push(value(self, subject, span, message, hint));
        }
    }
}

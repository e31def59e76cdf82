//! H014: who can open a sealed file, against who should.

use super::super::{Finding, Rule, Sealing, Severity, Subject};
use super::{finding, structure};
use crate::error::quoted;

/// H014.
#[derive(Debug)]
pub(super) struct Recipients;

impl Rule for Recipients {
    fn id(&self) -> &'static str {
        "H014"
    }

    fn summary(&self) -> &'static str {
        "A sealed file can be opened by somebody whom no creation rule names; one whom it named can still open it."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        let allowed = &subject.expected.recipients;
        let rules = subject.expected.paths.first().map_or("", String::as_str);
        for recipient in &sealed.recipients {
            let is_allowed = allowed.contains(&(recipient.kind, recipient.name.clone()));
            if !allowed.is_empty() && !is_allowed {
                let line = subject
                    .text
                    .line_of(recipient.name.as_bytes())
                    .unwrap_or(sealed.mac_line);
                let message = format!(
                    "{} {} can open this file, but the creation rule of {rules} does not name it",
                    recipient.kind, recipient.name
                );
                found.push(structure(self, subject, (line, 1), message));
            }
        }
        let Some(Sealing::Sealed(before)) = subject.before else {
            return;
        };
        let stays = |name: &str| {
            sealed
                .recipients
                .iter()
                .any(|recipient| recipient.name == name)
        };
        let removed = before
            .recipients
            .iter()
            .find(|recipient| !stays(&recipient.name));
        // A rotated data key is wrapped anew for everybody.
        let is_same_key = sealed.recipients.iter().any(|recipient| {
            !recipient.wrapped.is_empty()
                && before
                    .recipients
                    .iter()
                    .any(|old| old.wrapped == recipient.wrapped)
        });
        if let (Some(removed), true) = (removed, is_same_key) {
            let message = format!(
                "{} {} was removed, but the data key is the old one: whoever had it can still open this file",
                removed.kind, removed.name
            );
            let hint = format!(
                "sops rotate --in-place {}    # and change the values themselves",
                quoted(subject.path)
            );
            let mut told = finding(self, subject, (sealed.mac_line, 1), message, hint);
            told.severity = Severity::Warning;
            found.push(told);
        }
    }
}

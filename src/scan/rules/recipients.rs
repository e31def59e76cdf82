//! H014: who can open a sealed file, against who should.

use super::super::checks::Check;
use super::super::policy::Expected;
use super::super::{Finding, Heir, Kin, Rule, Sealing, Severity, Subject};
use super::data_key::is_moved;
use super::{finding, shown, structure};
use crate::error::quoted;

/// H014.
#[derive(Debug)]
pub(super) struct Recipients;

const READERS: &Check = &Check {
    id: "H014",
    summary: "A sealed file can be opened by somebody whom no creation rule names; one whom it named can still open it.",
};

/// What is found in a sealed file that is another one moved, to where no creation rule says who may open
/// it. Git merges a file that a branch has moved by its new path, where no merge driver may be set.
pub(in crate::scan) fn of_heir(heir: &Heir<'_>, expected: &Expected) -> Option<Finding> {
    if !expected.recipients.is_empty() {
        return None;
    }
    let Sealing::Sealed(now) = Sealing::of(heir.path, heir.bytes, &[]) else {
        return None;
    };
    let gone = heir.formers.iter().filter(|one| one.kin == Kin::Gone);
    gone.into_iter().find_map(|former| {
        let Sealing::Sealed(before) = Sealing::of(&former.path, &former.bytes, &[]) else {
            return None;
        };
        if !is_moved((heir.path, &now), (&former.path, &before)) {
            return None;
        }
        let is_new = |name: &str| before.recipients.iter().all(|one| one.name != name);
        let reader = now.recipients.iter().find(|one| is_new(&one.name))?;
        let (kind, name) = (reader.kind, &reader.name);
        let old = shown(former.path.as_bytes());
        let message = format!(
            "{kind} {name} can open this file, and could not when it was {old}; \
             no creation rule says who may"
        );
        let hint = "add a creation rule for it, or move it in a commit of its own".to_owned();
        Some(READERS.finding(heir.path, Severity::Error, message, hint))
    })
}

impl Rule for Recipients {
    fn id(&self) -> &'static str {
        READERS.id
    }

    fn summary(&self) -> &'static str {
        READERS.summary
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
        if let Some(environment) = &subject.expected.unruled {
            let message = format!(
                "no creation rule covers this file of environment {environment}, so nothing says who may \
                 open it and what it has to seal"
            );
            found.push(structure(self, subject, (sealed.mac_line, 1), message));
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

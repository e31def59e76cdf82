//! H013 and H015: files that were sealed, and are no longer.

use super::super::{Finding, Rule, Sealing, Severity, Subject};
use super::{finding, structure};
use crate::error::quoted;

/// H013.
#[derive(Debug)]
pub(super) struct Stripped;

/// H015. Copies of sealed files under another name are found by `scan::copies`, which sees all files.
#[derive(Debug)]
pub(in crate::scan) struct Decrypted;

impl Rule for Stripped {
    fn id(&self) -> &'static str {
        "H013"
    }

    fn summary(&self) -> &'static str {
        "A file holds tokens, but the metadata that belongs to them is gone."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Stripped(line, column) = subject.sealing else {
            return;
        };
        let message =
            "tokens stand in this file, but its metadata is gone: nobody can open them any more";
        found.push(structure(
            self,
            subject,
            (*line, *column),
            message.to_owned(),
        ));
    }
}

impl Rule for Decrypted {
    fn id(&self) -> &'static str {
        "H015"
    }

    fn summary(&self) -> &'static str {
        "A file that was sealed is in clear now, under its own name or another one."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        // One that has to be sealed by a rule, or whose name says clear, is refused as such.
        let is_told = subject.governor.is_some() || subject.clear.is_some();
        if let (Sealing::Clear, Some(Sealing::Sealed(_)), false) =
            (subject.sealing, subject.before, is_told)
        {
            let path = quoted(subject.path);
            let message = "this file was sealed before this commit, and is in clear now".to_owned();
            let hint = format!(
                "git restore --staged -- {path}    # seal it again: clsecrets encrypt --in-place {path}"
            );
            found.push(finding(self, subject, (1, 1), message, hint));
        }
    }
}

impl Decrypted {
    /// A file in clear that has the keys of a sealed one.
    pub(in crate::scan) fn copy(path: &str, sealed: &str) -> Finding {
        Finding {
            rule: Self.id(),
            path: path.to_owned(),
            line: 1,
            column: 1,
            severity: Severity::Error,
            message: format!(
                "this file in clear has the keys of {sealed}, which is sealed: it looks like its cleartext"
            ),
            hint: format!("git rm --cached -f -- {}", quoted(path)),
            line_mark: String::new(),
            span: 0..0,
        }
    }
}

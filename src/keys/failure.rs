//! Why no recipient, or not every recipient, could be used: one line each.

use std::collections::BTreeSet;
use std::fmt;

use super::{KeyError, label};
use crate::error::{Code, Error};
use crate::metadata::Recipient;

/// One recipient that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What people know it by.
    pub label: String,
    /// Why, in our words.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// What failed for a file's recipients as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysError {
    /// None of the recipients gave the data key.
    Unwrap(Vec<Failure>),
    /// Some recipients could not wrap the data key, so nothing was made.
    Wrap {
        /// Those that failed.
        failures: Vec<Failure>,
        /// How many there are.
        total: usize,
    },
}

impl Failure {
    pub(super) fn new(recipient: &Recipient, error: &KeyError) -> Self {
        let label = label(recipient);
        // The line begins with the label already.
        let reason = match error {
            KeyError::Malformed { reason, .. } => format!("is no valid recipient: {reason}"),
            other => other.to_string(),
        };
        Self {
            label,
            reason,
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl KeysError {
    /// The recipients that failed.
    pub fn failures(&self) -> &[Failure] {
        match self {
            Self::Unwrap(failures) | Self::Wrap { failures, .. } => failures,
        }
    }

    /// The error that a person reads, with the file that it is about.
    pub fn about(&self, subject: impl fmt::Display) -> Error {
        let (code, verb) = match self {
            Self::Unwrap(_) => (Code::NoDataKey, "open"),
            Self::Wrap { .. } => (Code::Failed, "seal"),
        };
        self.explain(Error::new(
            code,
            format!("cannot {verb} {subject}: {}", self.summary()),
        ))
    }

    fn summary(&self) -> String {
        match self {
            Self::Unwrap(failures) => match failures.len() {
                0 => "it has no recipients".to_owned(),
                1 => "its only recipient is not usable".to_owned(),
                many => format!("none of its {many} recipients is usable"),
            },
            Self::Wrap { total: 0, .. } => "it has no recipients".to_owned(),
            Self::Wrap { total: 1, .. } => "its only recipient is not usable".to_owned(),
            Self::Wrap { failures, total } => match failures.len() {
                1 => format!("1 of its {total} recipients is not usable"),
                many => format!("{many} of its {total} recipients are not usable"),
            },
        }
    }

    fn explain(&self, mut error: Error) -> Error {
        let width = self
            .failures()
            .iter()
            .map(|failure| failure.label.chars().count())
            .max()
            .unwrap_or(0);
        let mut hints = BTreeSet::new();
        for failure in self.failures() {
            error = error.detail(format!("{:width$}  {}", failure.label, failure.reason));
            if let Some(hint) = &failure.hint
                && hints.insert(hint)
            {
                error = error.hint(hint);
            }
        }
        error
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwrap(_) => write!(f, "no data key: {}", self.summary()),
            Self::Wrap { .. } => write!(f, "the data key was not wrapped: {}", self.summary()),
        }
    }
}

impl std::error::Error for KeysError {}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        error.about("the file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(label: &str, reason: &str, hint: Option<&str>) -> Failure {
        Failure {
            label: label.to_owned(),
            reason: reason.to_owned(),
            hint: hint.map(str::to_owned),
        }
    }

    #[test]
    fn each_recipient_has_its_line_and_each_hint_stands_once() {
        let error = KeysError::Unwrap(vec![
            failure("arn:short", "refused", Some("look")),
            failure("age1longer", "no identity for it was given", Some("look")),
        ])
        .about("a.yaml");
        assert_eq!(error.code, Code::NoDataKey);
        assert_eq!(
            error.to_string(),
            "cannot open a.yaml: none of its 2 recipients is usable\n  \
             arn:short   refused\n  \
             age1longer  no identity for it was given\n\
             hint: look"
        );
    }

    #[test]
    fn a_failed_wrap_says_how_many_failed() {
        let failures = vec![failure("a", "refused", None)];
        let error = KeysError::Wrap { failures, total: 3 }.about("b.yaml");
        assert_eq!(error.code, Code::Failed);
        assert_eq!(
            error.message,
            "cannot seal b.yaml: 1 of its 3 recipients is not usable"
        );
    }
}

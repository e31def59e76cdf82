//! Why no recipient, or not every recipient, could be used: one line each, with its key group where
//! there are several.

use std::collections::BTreeSet;
use std::fmt;

use super::shamir::{MOST, SharesError};
use super::{KeyError, label};
use crate::error::{Code, Error, quoted};
use crate::metadata::{MOST_RECIPIENTS, Recipient};

/// One recipient that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its key group, counted from 1, where there are several.
    pub group: Option<usize>,
    /// What people know it by.
    pub label: String,
    /// Why, in our words.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// What became of one of several key groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// Who opened it.
    pub opened_by: Option<String>,
    /// Those of its recipients that failed.
    pub failures: Vec<Failure>,
}

/// What failed for a file's recipients as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysError {
    /// None of the recipients gave the data key.
    Unwrap(Vec<Failure>),
    /// Too few of the key groups gave their share.
    Groups {
        /// How many are needed.
        needed: usize,
        /// Each group in its order.
        reports: Vec<GroupReport>,
    },
    /// More groups are asked for than there are.
    Unreachable {
        /// How many there are.
        groups: usize,
        /// How many are asked for.
        threshold: i64,
    },
    /// The shares do not make a data key.
    Shares(SharesError),
    /// Some recipients could not wrap the data key, so nothing was made.
    Wrap {
        /// Those that failed.
        failures: Vec<Failure>,
        /// How many there are.
        total: usize,
    },
    /// More than a file is read with.
    TooMany {
        /// How many there are.
        recipients: usize,
    },
    /// Nobody is there to be sealed for.
    Empty {
        /// The key group, counted from 1, where there are several.
        group: Option<usize>,
    },
    /// The data key cannot be shared so.
    Unshareable {
        /// Why.
        source: SharesError,
        /// How many groups there are.
        groups: usize,
        /// How many of them are to be needed.
        threshold: i64,
    },
}

impl Failure {
    pub(super) fn new(recipient: &Recipient, error: &KeyError, group: Option<usize>) -> Self {
        let label = label(recipient);
        // The line begins with the label already.
        let reason = match error {
            KeyError::Malformed { reason, .. } => format!("is no valid recipient: {reason}"),
            other => other.to_string(),
        };
        Self {
            group,
            label,
            reason,
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl KeysError {
    /// The recipients that failed.
    pub fn failures(&self) -> Vec<&Failure> {
        match self {
            Self::Unwrap(failures) | Self::Wrap { failures, .. } => failures.iter().collect(),
            // What failed in a group that opened all the same needs no remedy.
            Self::Groups { reports, .. } => {
                let shut = reports.iter().filter(|report| report.opened_by.is_none());
                shut.flat_map(|report| &report.failures).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The error that a person reads, with the file that it is about.
    pub fn about(&self, subject: impl fmt::Display) -> Error {
        let (code, verb) = if self.is_about_opening() {
            (Code::NoDataKey, "open")
        } else {
            (Code::Failed, "seal")
        };
        let message = format!("cannot {verb} {subject}: {}", self.summary());
        let error = self.explain(Error::new(code, message));
        match self {
            Self::Unreachable { .. } | Self::Shares(_) => error.hint(format!(
                "git log -p -- {}    # find the last commit that is sound",
                quoted(&subject.to_string())
            )),
            Self::Empty { group: Some(_) } => {
                error.hint("each group of key_groups in the creation rule names a recipient")
            }
            Self::Unshareable { source, groups, .. } if *groups <= MOST => {
                let range = match groups {
                    2 => "2".to_owned(),
                    more => format!("a number from 2 to {more}"),
                };
                let error = error.hint(format!(
                    "shamir_threshold of the creation rule, or --shamir-secret-sharing-threshold, is {range}"
                ));
                match source {
                    SharesError::LowThreshold => error
                        .hint("to let each recipient open the file alone, put all into one group"),
                    _ => error,
                }
            }
            _ => error,
        }
    }

    fn is_about_opening(&self) -> bool {
        match self {
            Self::Unwrap(_) | Self::Groups { .. } | Self::Unreachable { .. } | Self::Shares(_) => {
                true
            }
            Self::Wrap { .. }
            | Self::TooMany { .. }
            | Self::Empty { .. }
            | Self::Unshareable { .. } => false,
        }
    }

    fn summary(&self) -> String {
        match self {
            Self::Unwrap(failures) => match failures.len() {
                0 => "it has no recipients".to_owned(),
                1 => "its only recipient is not usable".to_owned(),
                many => format!("none of its {many} recipients is usable"),
            },
            Self::Groups { needed, reports } => {
                let opened = reports.iter().filter(|report| report.opened_by.is_some());
                let opened = match opened.count() {
                    0 => "none".to_owned(),
                    some => some.to_string(),
                };
                let all = reports.len();
                format!("{opened} of its {all} key groups opened, and {needed} are needed")
            }
            Self::Unreachable { groups, threshold } => {
                format!("it has {groups} key groups, and its shamir_threshold asks for {threshold}")
            }
            Self::Shares(error) => error.to_string(),
            Self::Wrap { total: 1, .. } => "its only recipient is not usable".to_owned(),
            Self::Wrap { failures, total } => match failures.len() {
                1 => format!("1 of its {total} recipients is not usable"),
                many => format!("{many} of its {total} recipients are not usable"),
            },
            Self::TooMany { recipients } => format!(
                "it would have {recipients} recipients, and at most {MOST_RECIPIENTS} are read"
            ),
            Self::Empty { group: None } => "it has no recipients".to_owned(),
            Self::Empty { group: Some(group) } => format!("key group {group} has no recipients"),
            Self::Unshareable {
                source,
                groups,
                threshold,
            } => match source {
                SharesError::LowThreshold => format!(
                    "the threshold is {threshold}, and with several key groups it is at least 2"
                ),
                SharesError::HighThreshold => {
                    format!("the threshold is {threshold}, and there are only {groups} key groups")
                }
                other => other.to_string(),
            },
        }
    }

    fn explain(&self, mut error: Error) -> Error {
        let failures = self.failures();
        let labels = failures.iter().map(|failure| failure.label.chars().count());
        let width = labels.max().unwrap_or(0);
        if let Self::Groups { reports, .. } = self {
            for (number, report) in (1..).zip(reports) {
                match &report.opened_by {
                    Some(label) => {
                        error = error.detail(format!("group {number}  opened by {label}"));
                    }
                    None if report.failures.is_empty() => {
                        error = error.detail(format!("group {number}  has no recipients"));
                    }
                    None => {
                        for failure in &report.failures {
                            let line = failure.line(width);
                            error = error.detail(format!("group {number}  {line}"));
                        }
                    }
                }
            }
        } else {
            for failure in &failures {
                let line = failure.line(width);
                error = error.detail(match failure.group {
                    Some(number) => format!("group {number}  {line}"),
                    None => line,
                });
            }
        }
        let mut hints = BTreeSet::new();
        for failure in failures {
            if let Some(hint) = &failure.hint
                && hints.insert(hint)
            {
                error = error.hint(hint);
            }
        }
        error
    }
}

impl Failure {
    fn line(&self, width: usize) -> String {
        format!("{:width$}  {}", self.label, self.reason)
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_about_opening() {
            "no data key"
        } else {
            "the data key was not wrapped"
        };
        write!(f, "{what}: {}", self.summary())
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
            group: None,
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

    #[test]
    fn each_group_is_reported_and_how_many_opened_of_how_many_needed() {
        let shut = |failures: Vec<Failure>| GroupReport {
            opened_by: None,
            failures,
        };
        let reports = vec![
            GroupReport {
                opened_by: Some("age1mine".to_owned()),
                failures: vec![failure("arn:of-mine", "refused", Some("not needed"))],
            },
            shut(vec![
                failure("age1other", "no identity for it was given", Some("look")),
                failure("arn:x", "refused", Some("look")),
            ]),
            shut(Vec::new()),
        ];
        let error = KeysError::Groups { needed: 2, reports }.about("a.yaml");
        assert_eq!(error.code, Code::NoDataKey);
        assert_eq!(
            error.to_string(),
            "cannot open a.yaml: 1 of its 3 key groups opened, and 2 are needed\n  \
             group 1  opened by age1mine\n  \
             group 2  age1other  no identity for it was given\n  \
             group 2  arn:x      refused\n  \
             group 3  has no recipients\n\
             hint: look"
        );
    }

    #[test]
    fn a_threshold_that_cannot_be_is_told_with_the_numbers() {
        let text = |source, threshold| {
            let groups = 2;
            let error = KeysError::Unshareable {
                source,
                groups,
                threshold,
            };
            error.about("a").message
        };
        assert_eq!(
            text(SharesError::HighThreshold, 3),
            "cannot seal a: the threshold is 3, and there are only 2 key groups"
        );
        assert_eq!(
            text(SharesError::LowThreshold, -1),
            "cannot seal a: the threshold is -1, and with several key groups it is at least 2"
        );
    }
}

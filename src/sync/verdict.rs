//! What has to happen to an object. Pure: compares values in constant time; what it returns holds
//! none.
//!
//! Ownership is judged by data key: what another writer made last is in sync if the bytes are
//! equal, and refused if not. Keys that are not desired stay, unless ours are to be pruned.

mod comparison;

use super::observed::{Blocked, Content, Halfway, Observed, OwnFields, Setting, Writer};
use super::{Fault, TargetError};
use crate::chainlink::{Desired, Form, json};
use comparison::Comparison;
#[cfg(feature = "kubernetes")]
pub(super) use comparison::MAKE_ANEW;
pub(super) use comparison::WHOLE_TEXT;

/// What the operator allows to happen to an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Allowed {
    /// To take over keys of other writers.
    pub adopt: bool,
    /// To delete it and make it anew.
    pub replace: bool,
    /// To remove what is ours and no longer desired.
    pub prune: bool,
    /// To make a version of before current again.
    pub rollback: bool,
    /// To change settings of what is there.
    pub settings: bool,
}

/// What has to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    InSync,
    /// It is not there.
    Create,
    /// It differs, and what differs is ours.
    Update,
    /// It differs, and what differs is taken over from others, as told.
    Adopt {
        /// From whom.
        from: Vec<String>,
    },
    /// It differs and cannot be changed: it is deleted and made anew, as told; or that was begun, and
    /// is finished.
    Replace,
    /// It is scheduled for deletion: it is restored, and then brought into the desired state.
    Restore,
    /// It is ours and no longer desired: it goes, as told.
    Remove,
    /// It is ours and no longer desired, and stays.
    Keep,
    /// clsecrets wrote it, and nothing says that it was this repository and environment: it stays.
    Unclaimed,
    /// What differs was written by others: a drift, and not ours to end.
    Foreign {
        /// By whom.
        writers: Vec<String>,
        /// Which keys.
        keys: Vec<String>,
        /// What of theirs would be gone if it were taken over.
        lost: Vec<String>,
    },
    /// It may not be written.
    Refuse(TargetError),
}

/// The data keys of an object, by what happens to them; and its marks in a cluster, by their names in
/// a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Not there yet.
    pub added: Vec<String>,
    /// There with other bytes.
    pub changed: Vec<String>,
    /// Ours, no longer desired, and removed; or a part of a text that is replaced as a whole.
    pub removed: Vec<String>,
    /// Ours and no longer desired; they stay.
    pub kept: Vec<String>,
    /// Written by clsecrets, and nothing says that it was this repository and environment; they stay.
    pub unclaimed: Vec<String>,
    /// Of others; they stay.
    pub foreign: Vec<String>,
    /// Equal, but written by others; they stay theirs.
    pub equal_of_others: Vec<String>,
    /// Settings that are changed, as told.
    pub settings: Vec<Setting>,
}

impl Changes {
    /// Whether data, or a mark of it, has to be written.
    pub(super) fn has_data(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty())
    }
}

/// A verdict and its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What has to happen.
    pub verdict: Verdict,
    /// The keys that it is about.
    pub changes: Changes,
}

/// Decides what has to happen to one object.
pub fn verdict(desired: &Desired, seen: Option<&Observed>, allowed: Allowed) -> Judgement {
    let Some(seen) = seen else {
        let keys = desired.entries.iter().map(|entry| entry.key.clone());
        return Judgement {
            verdict: Verdict::Create,
            changes: Changes {
                added: keys.collect(),
                ..Changes::default()
            },
        };
    };
    let mut comparison = Comparison::default();
    match (&seen.content, desired.form) {
        (Content::Data(items), _) => comparison.data(desired, items, allowed),
        (Content::Text { value, writer }, Form::Json) => {
            comparison.json(
                desired,
                value,
                writer,
                &seen.own,
                allowed.prune && may_go(writer, allowed),
            );
        }
        (Content::Text { value, writer }, Form::Data | Form::Text) => {
            for entry in &desired.entries {
                comparison.text(&entry.key, &entry.value, value, writer);
            }
        }
        (Content::Hidden(writer), _) => {
            let keys: Vec<String> = desired.entries.iter().map(|e| e.key.clone()).collect();
            let verdict = if writer.is_us || allowed.adopt {
                Verdict::Restore
            } else {
                Verdict::Refuse(scheduled(&desired.name, writer))
            };
            let changes = Changes {
                added: keys,
                ..Changes::default()
            };
            return Judgement { verdict, changes };
        }
    }
    if let Content::Text { writer, .. } = &seen.content
        && allowed.settings
        && (writer.is_us || allowed.adopt)
    {
        comparison.settings(&seen.settings);
    }
    if let Some(standing) = &seen.standing {
        comparison.marks(&desired.marks, standing, seen.halfway, allowed);
    }
    comparison.judge(&desired.name, seen, allowed)
}

/// Decides what has to happen to an object that the profile could produce and that is not desired;
/// nothing if no part of it is ours.
pub fn leftover(name: &str, seen: &Observed, allowed: Allowed) -> Option<Judgement> {
    let mut changes = Changes::default();
    match &seen.content {
        Content::Hidden(_) => return None,
        Content::Text { writer, .. } if !writer.is_us && !writer.is_another => return None,
        Content::Text { writer, .. } if !writer.is_us || !may_go(writer, allowed) => {
            return Some(Judgement {
                verdict: Verdict::Unclaimed,
                changes,
            });
        }
        Content::Text { value, writer } if json::is_like_object(value) => {
            let none = Desired::new(name, Form::Json, Vec::new());
            let mut comparison = Comparison::default();
            comparison.json(
                &none,
                value,
                writer,
                &seen.own,
                allowed.prune && may_go(writer, allowed),
            );
            changes = comparison.changes;
            let is_ours = !(changes.removed.is_empty() && changes.kept.is_empty());
            match seen.own {
                OwnFields::Unknown if allowed.prune => {
                    let verdict = Verdict::Refuse(unmarked(name));
                    return Some(Judgement { verdict, changes });
                }
                // Only others' fields are left of it.
                OwnFields::Noted(_) if !is_ours => return None,
                _ => {}
            }
        }
        Content::Text { .. } => {}
        Content::Data(items) => {
            let none = Desired::new(name, Form::Data, Vec::new());
            let mut comparison = Comparison::default();
            comparison.data(&none, items, allowed);
            changes = comparison.changes;
            if changes.removed.is_empty() && changes.kept.is_empty() {
                let others = items.iter().filter(|item| item.writer.is_another);
                changes
                    .unclaimed
                    .extend(others.map(|item| item.key.clone()));
                changes
                    .foreign
                    .retain(|key| !changes.unclaimed.contains(key));
                let verdict = Verdict::Unclaimed;
                let is_said = !changes.unclaimed.is_empty();
                return is_said.then_some(Judgement { verdict, changes });
            }
        }
    }
    let is_gone = seen.halfway == Some(Halfway::Gone);
    let verdict = match &seen.blocked {
        _ if !allowed.prune => Verdict::Keep,
        _ if is_gone && !(changes.foreign.is_empty() && changes.unclaimed.is_empty()) => {
            let keys = changes.foreign.iter().chain(&changes.unclaimed);
            let keys: Vec<&str> = keys.map(String::as_str).collect();
            Verdict::Refuse(only_in_copy(name, &keys))
        }
        // What cannot be changed can be deleted.
        Some(Blocked::Fixed(_)) | None
            if changes.foreign.is_empty() && changes.unclaimed.is_empty() =>
        {
            Verdict::Remove
        }
        Some(Blocked::Fixed(reason) | Blocked::Refused(reason)) => Verdict::Refuse(reason.clone()),
        None => Verdict::Update,
    };
    Some(Judgement { verdict, changes })
}

fn only_in_copy(name: &str, keys: &[&str]) -> TargetError {
    let reason = format!(
        "{name} was deleted by a replacement that was stopped; {} in its copy belongs to others",
        keys.join(", ")
    );
    TargetError::new(Fault::Refused, reason).hint(format!(
        "look at it: kubectl get secret {name}.clsecrets-copy"
    ))
}

fn unmarked(name: &str) -> TargetError {
    let reason = format!(
        "{name} is no longer desired, but was written by a version of clsecrets that did not note \
         which of its fields are ours, so it is not removed"
    );
    TargetError::new(Fault::Refused, reason).hint(format!(
        "look whether others keep fields in it; if not: aws secretsmanager delete-secret \
         --secret-id {name}"
    ))
}

/// Whether what is ours as far as can be told may go: what has no mark only if that is said.
fn may_go(writer: &Writer, allowed: Allowed) -> bool {
    !writer.is_unmarked || (allowed.prune && allowed.adopt)
}

fn scheduled(name: &str, writer: &Writer) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!(
            "{name} is scheduled for deletion and was written last by {}",
            writer.names().join(", ")
        ),
    )
    .hint(format!(
        "to restore it and take it over, add --adopt {name}"
    ))
}

impl Verdict {
    /// Whether something is to be written.
    pub fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Update
                | Self::Adopt { .. }
                | Self::Replace
                | Self::Restore
                | Self::Remove
        )
    }

    /// The word in a plan and in a report.
    pub fn word(&self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt { .. } => "adopt",
            Self::Replace => "replace",
            Self::Restore => "restore",
            Self::Remove => "remove",
            Self::Keep => "keep",
            Self::Unclaimed => "unclaimed",
            Self::Foreign { .. } => "foreign",
            Self::Refuse(_) => "refuse",
        }
    }

    /// Why this verdict stops a run, if it does.
    pub fn refusal(&self, object: &str) -> Option<TargetError> {
        match self {
            Self::Refuse(reason) => Some(reason.clone()),
            Self::Foreign {
                writers,
                keys,
                lost,
            } => {
                let adopt = format!("add --adopt {object}");
                let hint = if lost.is_empty() {
                    format!("compare the two; to take it over, {adopt}")
                } else {
                    format!(
                        "compare the two; taking it over would delete {} of theirs; if nobody needs \
                         that, {adopt}",
                        lost.join(", ")
                    )
                };
                let reason = format!(
                    "{} differs and was written last by {}",
                    keys.join(", "),
                    writers.join(", ")
                );
                Some(TargetError::new(Fault::Refused, reason).hint(hint))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

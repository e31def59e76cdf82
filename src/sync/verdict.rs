//! What has to happen to an object. Pure: compares values in constant time; what it returns holds
//! none.
//!
//! Ownership is judged by data key: what another writer made last is in sync if the bytes are
//! equal, and refused if not. Keys that are not desired stay, unless ours are to be pruned.

use super::observed::{Blocked, Content, Item, Observed, Writer};
use super::{Fault, TargetError};
use crate::chainlink::{Desired, Form, could_be_field, json};
use crate::secret::SecretBytes;

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
    /// It differs and cannot be changed: it is deleted and made anew, as told.
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
    },
    /// It may not be written.
    Refuse(TargetError),
}

/// The data keys of an object, by what happens to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Not there yet.
    pub added: Vec<String>,
    /// There with other bytes.
    pub changed: Vec<String>,
    /// Ours, no longer desired, and removed.
    pub removed: Vec<String>,
    /// Ours and no longer desired; they stay.
    pub kept: Vec<String>,
    /// Written by clsecrets, and nothing says that it was this repository and environment; they stay.
    pub unclaimed: Vec<String>,
    /// Of others; they stay.
    pub foreign: Vec<String>,
    /// Equal, but written by others; they stay theirs.
    pub equal_of_others: Vec<String>,
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
            comparison.json(desired, value, writer, allowed);
        }
        (Content::Text { value, writer }, Form::Data | Form::Text) => {
            for entry in &desired.entries {
                comparison.value(&entry.key, &entry.value, value, writer);
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
        Content::Text { .. } => {}
        Content::Data(items) => {
            let none = Desired {
                name: name.to_owned(),
                form: Form::Data,
                entries: Vec::new(),
            };
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
    let verdict = match &seen.blocked {
        _ if !allowed.prune => Verdict::Keep,
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

#[derive(Default)]
struct Comparison {
    changes: Changes,
    /// Keys that differ and are not ours alone, and whose they are.
    contested: Vec<String>,
    writers: Vec<String>,
    /// Who wrote what is equal.
    equal_to: Vec<String>,
}

impl Comparison {
    fn data(&mut self, desired: &Desired, items: &[Item], allowed: Allowed) {
        for entry in &desired.entries {
            match items.iter().find(|item| item.key == entry.key) {
                Some(item) => self.value(&entry.key, &entry.value, &item.value, &item.writer),
                None => self.changes.added.push(entry.key.clone()),
            }
        }
        for item in items {
            if desired.entry(&item.key).is_none() {
                let list = if !item.writer.is_us {
                    &mut self.changes.foreign
                } else if !may_go(&item.writer, allowed) {
                    &mut self.changes.unclaimed
                } else if allowed.prune && item.writer.is_us_alone() {
                    &mut self.changes.removed
                } else {
                    // What somebody else applies too would stay anyway.
                    &mut self.changes.kept
                };
                list.push(item.key.clone());
            }
        }
    }

    fn json(&mut self, desired: &Desired, value: &SecretBytes, writer: &Writer, allowed: Allowed) {
        let Some(fields) = json::read(value) else {
            // No object of texts: all of it would be replaced.
            for entry in &desired.entries {
                self.differs(&entry.key, writer);
            }
            return;
        };
        for entry in &desired.entries {
            match fields.get(&entry.key) {
                Some(field) => self.value(&entry.key, &entry.value, field, writer),
                None if writer.is_us => self.changes.added.push(entry.key.clone()),
                None => {
                    // A text has one writer: a field more would replace what they wrote.
                    self.changes.added.push(entry.key.clone());
                    self.contest(&entry.key, writer);
                }
            }
        }
        // A text has one writer, who may have kept fields of others in it: only what a profile could
        // have put there goes.
        let is_ours = writer.is_us && may_go(writer, allowed);
        let becomes_ours = is_ours || (allowed.adopt && !self.contested.is_empty());
        for key in fields.keys().filter(|key| desired.entry(key).is_none()) {
            let list = if becomes_ours && allowed.prune && could_be_field(key) {
                &mut self.changes.removed
            } else if writer.is_us {
                &mut self.changes.kept
            } else {
                &mut self.changes.foreign
            };
            list.push(key.clone());
        }
    }

    fn value(&mut self, key: &str, desired: &SecretBytes, seen: &SecretBytes, writer: &Writer) {
        if !desired.ct_eq(seen) {
            self.differs(key, writer);
        } else if !writer.is_us {
            self.changes.equal_of_others.push(key.to_owned());
            self.name(writer, |this| &mut this.equal_to);
        }
    }

    fn differs(&mut self, key: &str, writer: &Writer) {
        self.changes.changed.push(key.to_owned());
        if !writer.is_us_alone() {
            self.contest(key, writer);
        }
    }

    fn contest(&mut self, key: &str, writer: &Writer) {
        self.contested.push(key.to_owned());
        self.name(writer, |this| &mut this.writers);
    }

    fn name(&mut self, writer: &Writer, list: fn(&mut Self) -> &mut Vec<String>) {
        let list = list(self);
        for name in writer.names() {
            if !list.contains(&name) {
                list.push(name);
            }
        }
    }

    fn judge(self, name: &str, seen: &Observed, allowed: Allowed) -> Judgement {
        let Self {
            changes,
            contested,
            mut writers,
            equal_to,
        } = self;
        let Changes {
            added,
            changed,
            removed,
            foreign,
            unclaimed,
            equal_of_others,
            ..
        } = &changes;
        let is_equal = added.is_empty() && changed.is_empty() && removed.is_empty();
        let is_taken_over = allowed.adopt && !equal_of_others.is_empty();
        if is_taken_over {
            for name in equal_to {
                if !writers.contains(&name) {
                    writers.push(name);
                }
            }
        }
        let verdict = match &seen.blocked {
            _ if is_equal && !is_taken_over => Verdict::InSync,
            Some(Blocked::Refused(reason)) => Verdict::Refuse(reason.clone()),
            _ if !contested.is_empty() && !allowed.adopt => Verdict::Foreign {
                writers,
                keys: contested,
            },
            // Its bytes stay; only the server's record of whose they are changes.
            Some(Blocked::Fixed(_)) if is_equal => Verdict::Adopt { from: writers },
            Some(Blocked::Fixed(_))
                if allowed.replace
                    && !(foreign.is_empty() && unclaimed.is_empty())
                    && !allowed.adopt =>
            {
                let keys: Vec<String> = foreign.iter().chain(unclaimed).cloned().collect();
                Verdict::Refuse(shared(name, &keys))
            }
            Some(Blocked::Fixed(_)) if allowed.replace => Verdict::Replace,
            Some(Blocked::Fixed(reason)) => Verdict::Refuse(reason.clone()),
            None if !contested.is_empty() || is_taken_over => Verdict::Adopt { from: writers },
            None => Verdict::Update,
        };
        Judgement { verdict, changes }
    }
}

fn shared(name: &str, keys: &[String]) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!(
            "{name} would have to be made anew, and {} in it belongs to others",
            keys.join(", ")
        ),
    )
    .hint(format!("to take that over as well, add --adopt {name}"))
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
            Self::Foreign { writers, keys } => Some(
                TargetError::new(
                    Fault::Refused,
                    format!(
                        "{} differs and was written last by {}",
                        keys.join(", "),
                        writers.join(", ")
                    ),
                )
                .hint(format!(
                    "compare the two; to take it over, add --adopt {object}"
                )),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

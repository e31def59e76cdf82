//! What is desired beside what is there, key by key.

use super::super::observed::{Blocked, Item, Observed, OwnFields, Writer};
use super::super::{Fault, TargetError};
use super::{Allowed, Changes, Judgement, Verdict, may_go};
use crate::chainlink::Desired;
use crate::chainlink::json::{self, Field};
use crate::secret::SecretBytes;

/// What goes of a text that has no fields.
pub(in crate::sync) const WHOLE_TEXT: &str = "(the whole text, which is no JSON object)";

/// What differs between the two, and whose it is.
#[derive(Default)]
pub(super) struct Comparison {
    pub(super) changes: Changes,
    /// Keys that differ and are not ours alone, and whose they are.
    contested: Vec<String>,
    writers: Vec<String>,
    /// Why nothing may be written, whatever is allowed.
    unfit: Option<&'static str>,
    /// Who wrote what is equal.
    equal_to: Vec<String>,
}

impl Comparison {
    pub(super) fn data(&mut self, desired: &Desired, items: &[Item], allowed: Allowed) {
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

    pub(super) fn json(
        &mut self,
        desired: &Desired,
        value: &SecretBytes,
        writer: &Writer,
        own: &OwnFields,
        prune: bool,
    ) {
        let Some(object) = json::read(value) else {
            // No object: all of it would be replaced.
            for entry in &desired.entries {
                self.differs(&entry.key, writer);
            }
            if json::is_like_object(value) {
                self.unfit = Some("holds a JSON text that cannot be read");
            } else if !value.is_empty() {
                self.changes.removed.push(WHOLE_TEXT.to_owned());
            }
            return;
        };
        for entry in &desired.entries {
            match object.field(&entry.key) {
                Field::Text(text) => self.value(&entry.key, &entry.value, text, writer),
                Field::Other => {
                    if object.is_twice(&entry.key) {
                        self.unfit = Some("has a field of ours twice");
                    }
                    self.differs(&entry.key, writer);
                }
                Field::Absent if writer.is_us => self.changes.added.push(entry.key.clone()),
                Field::Absent => {
                    // A text has one writer: a field more is a change of what they wrote.
                    self.changes.added.push(entry.key.clone());
                    self.contest(&entry.key, writer);
                }
            }
        }
        // A text has one writer, who may have kept fields of others in it: only what was noted as
        // ours goes.
        let names = object.names().enumerate();
        for (at, key) in names.filter(|(_, key)| desired.entry(key).is_none()) {
            let is_ours = writer.is_us && own.has(at) && !object.is_twice(key);
            let list = if !is_ours {
                &mut self.changes.foreign
            } else if prune {
                &mut self.changes.removed
            } else {
                &mut self.changes.kept
            };
            list.push(key.to_owned());
        }
    }

    /// A text as a whole. Where it has fields, those that the new one has not go with it.
    pub(super) fn text(
        &mut self,
        key: &str,
        desired: &SecretBytes,
        seen: &SecretBytes,
        writer: &Writer,
    ) {
        self.value(key, desired, seen, writer);
        if desired.ct_eq(seen) {
            return;
        }
        let (Some(seen), new) = (json::read(seen), json::read(desired)) else {
            return;
        };
        let goes = |name: &&str| {
            let new = new.as_ref();
            new.is_none_or(|new| matches!(new.field(name), Field::Absent))
        };
        let shown = |name: &str| name.chars().filter(|c| !c.is_control()).collect();
        let gone = seen.names().filter(goes).map(shown);
        self.changes.removed.extend(gone);
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

    pub(super) fn judge(self, name: &str, seen: &Observed, allowed: Allowed) -> Judgement {
        let Self {
            changes,
            contested,
            mut writers,
            unfit,
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
            _ if unfit.is_some() => Verdict::Refuse(unfit_for(name, unfit.unwrap_or_default())),
            _ if !contested.is_empty() && !allowed.adopt => Verdict::Foreign {
                writers,
                keys: contested,
                lost: removed.clone(),
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

fn unfit_for(name: &str, why: &str) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!("{name} {why}, so that what others keep in it could be lost"),
    )
    .hint(format!(
        "mend it: aws secretsmanager get-secret-value --secret-id {name}"
    ))
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

//! What is desired beside what is there, key by key.

use super::super::observed::{
    Blocked, Halfway, Item, Observed, OwnFields, Setting, SettingChange, Standing, Writer,
};
use super::super::{Fault, TargetError, printable};
use super::{Allowed, Changes, Judgement, Verdict, may_go};
use crate::chainlink::json::{self, Field};
use crate::chainlink::{Desired, Mark, Marks};
use crate::secret::SecretBytes;

/// What goes of a text that has no fields.
pub(in crate::sync) const WHOLE_TEXT: &str = "(the whole text, which is no JSON object)";

/// What allows that something is made anew.
pub(in crate::sync) const MAKE_ANEW: &str = "to delete and recreate it, add --replace-immutable";

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
    /// Why it would have to be made anew.
    fixed: Option<TargetError>,
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
                        self.unfit = Some("has one of our fields twice");
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

    /// Settings that are to be as configured; what nobody tells cannot be changed.
    pub(super) fn settings(&mut self, settings: &[Setting]) {
        let known = settings.iter();
        let known = known.filter(|setting| setting.change != SettingChange::Unknown);
        self.changes.settings.extend(known.cloned());
    }

    /// What a secret is besides its data. Of others' marks only those count that are desired.
    pub(super) fn marks(
        &mut self,
        desired: &Marks,
        standing: &Standing,
        halfway: Option<Halfway>,
        allowed: Allowed,
    ) {
        for (mark, value) in desired {
            let name = mark.to_string();
            match standing.marks.get(mark) {
                Some((seen, _)) if *mark == Mark::Type => {
                    if seen != value {
                        self.changes.changed.push(name);
                        self.fixed = Some(of_another_type(seen, value));
                    }
                }
                Some((seen, writer)) if seen == value => {
                    if !writer.is_us {
                        self.changes.equal_of_others.push(name);
                        self.name(writer, |this| &mut this.equal_to);
                    }
                }
                Some((_, writer)) => self.differs(&name, writer),
                None => self.changes.added.push(name),
            }
        }
        for (mark, (_, writer)) in &standing.marks {
            // What a replacement has not given back yet is ours in name only.
            if halfway.is_some()
                || *mark == Mark::Type
                || desired.contains_key(mark)
                || !writer.is_us
            {
                continue;
            }
            let list = if !may_go(writer, allowed) {
                &mut self.changes.unclaimed
            } else if allowed.prune && writer.is_us_alone() {
                &mut self.changes.removed
            } else {
                &mut self.changes.kept
            };
            list.push(mark.to_string());
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
            fixed,
        } = self;
        let Changes {
            added,
            changed,
            removed,
            foreign,
            unclaimed,
            equal_of_others,
            settings,
            ..
        } = &changes;
        let is_equal = !changes.has_data() && settings.is_empty();
        let is_taken_over = allowed.adopt && !equal_of_others.is_empty();
        if is_taken_over {
            for name in equal_to {
                if !writers.contains(&name) {
                    writers.push(name);
                }
            }
        }
        // Labels of what is immutable can be changed.
        let mut differing = added.iter().chain(changed).chain(removed);
        let is_equal_data = fixed.is_none() && differing.all(|key| Mark::is_named(key));
        let is_gone = seen.halfway == Some(Halfway::Gone);
        let fixed = fixed.map(Blocked::Fixed);
        let blocked = match &seen.blocked {
            Some(Blocked::Refused(_)) => seen.blocked.as_ref(),
            blocked => fixed.as_ref().or(blocked.as_ref()),
        };
        let verdict = match blocked {
            _ if is_equal && !is_taken_over && seen.halfway.is_none() => Verdict::InSync,
            Some(Blocked::Refused(reason)) => Verdict::Refuse(reason.clone()),
            _ if unfit.is_some() => Verdict::Refuse(unfit_for(name, unfit.unwrap_or_default())),
            _ if !contested.is_empty() && !allowed.adopt => Verdict::Foreign {
                writers,
                keys: contested,
                lost: removed.clone(),
            },
            _ if is_gone => Verdict::Replace,
            // Its bytes stay; only the server's record of whose they are changes, or its labels.
            Some(Blocked::Fixed(_))
                if is_equal_data && (!contested.is_empty() || is_taken_over) =>
            {
                Verdict::Adopt { from: writers }
            }
            Some(Blocked::Fixed(_)) if is_equal_data => Verdict::Update,
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

fn of_another_type(seen: &str, desired: &str) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!(
            "is of type {} and not {desired}; it would have to be deleted and recreated",
            printable(seen)
        ),
    )
    .hint(MAKE_ANEW)
}

fn unfit_for(name: &str, why: &str) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!("{name} {why}, so that what others keep in it could be lost"),
    )
    .hint(format!(
        "look at it and repair it: aws secretsmanager get-secret-value --secret-id {name}"
    ))
}

fn shared(name: &str, keys: &[String]) -> TargetError {
    TargetError::new(
        Fault::Refused,
        format!(
            "{name} would have to be recreated, and {} in it belongs to others",
            keys.join(", ")
        ),
    )
    .hint(format!("to take that over as well, add --adopt {name}"))
}

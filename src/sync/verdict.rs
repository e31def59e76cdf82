//! What has to happen to an object. Pure: compares values in constant time; what it returns holds
//! none.
//!
//! Ownership is judged by data key: what another writer made last is in sync if the bytes are
//! equal, and refused if not. Keys that are not desired stay.

use super::json;
use super::observed::{Content, Item, Observed, Writer};
use super::{Fault, TargetError};
use crate::chainlink::{Desired, Form};
use crate::secret::SecretBytes;

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
    /// Ours and no longer desired; they stay.
    pub kept: Vec<String>,
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

impl Verdict {
    /// Whether something is to be written.
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Adopt { .. })
    }

    /// The word in a plan and in a report.
    pub fn word(&self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt { .. } => "adopt",
            Self::Foreign { .. } => "foreign",
            Self::Refuse(_) => "refuse",
        }
    }
}

/// Decides what has to happen to one object.
pub fn verdict(desired: &Desired, seen: Option<&Observed>, adopt: bool) -> Judgement {
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
        (Content::Data(items), _) => comparison.data(desired, items),
        (Content::Text { value, writer }, Form::Json) => {
            comparison.json(desired, value, writer);
        }
        (Content::Text { value, writer }, Form::Data | Form::Text) => {
            for entry in &desired.entries {
                comparison.value(&entry.key, &entry.value, value, writer);
            }
        }
    }
    comparison.judge(seen, adopt)
}

#[derive(Default)]
struct Comparison {
    changes: Changes,
    /// Keys that differ and are not ours alone, and whose they are.
    contested: Vec<String>,
    writers: Vec<String>,
}

impl Comparison {
    fn data(&mut self, desired: &Desired, items: &[Item]) {
        for entry in &desired.entries {
            match items.iter().find(|item| item.key == entry.key) {
                Some(item) => self.value(&entry.key, &entry.value, &item.value, &item.writer),
                None => self.changes.added.push(entry.key.clone()),
            }
        }
        for item in items {
            if desired.entry(&item.key).is_none() {
                let list = if item.writer.is_us {
                    &mut self.changes.kept
                } else {
                    &mut self.changes.foreign
                };
                list.push(item.key.clone());
            }
        }
    }

    fn json(&mut self, desired: &Desired, value: &SecretBytes, writer: &Writer) {
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
        let extra = fields.keys().filter(|key| desired.entry(key).is_none());
        let list = if writer.is_us {
            &mut self.changes.kept
        } else {
            &mut self.changes.foreign
        };
        list.extend(extra.cloned());
    }

    fn value(&mut self, key: &str, desired: &SecretBytes, seen: &SecretBytes, writer: &Writer) {
        if !desired.ct_eq(seen) {
            self.differs(key, writer);
        } else if !writer.is_us {
            self.changes.equal_of_others.push(key.to_owned());
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
        for name in writer.names() {
            if !self.writers.contains(&name) {
                self.writers.push(name);
            }
        }
    }

    fn judge(self, seen: &Observed, adopt: bool) -> Judgement {
        let Self {
            changes,
            contested,
            writers,
        } = self;
        let verdict = if changes.added.is_empty() && changes.changed.is_empty() {
            Verdict::InSync
        } else if let Some(reason) = &seen.blocked {
            Verdict::Refuse(reason.clone())
        } else if contested.is_empty() {
            Verdict::Update
        } else if adopt {
            Verdict::Adopt { from: writers }
        } else {
            Verdict::Foreign {
                writers,
                keys: contested,
            }
        };
        Judgement { verdict, changes }
    }
}

impl Verdict {
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
mod tests {
    use super::*;
    use crate::chainlink::Entry;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    fn desired(form: Form, pairs: &[(&str, &str)]) -> Desired {
        let entries = pairs.iter();
        Desired {
            name: "o".to_owned(),
            form,
            entries: entries
                .map(|(key, value)| Entry::of(key, &secret(value), "k"))
                .collect(),
        }
    }

    fn data(items: &[(&str, &str, Writer)]) -> Observed {
        let items = items.iter().map(|(key, value, writer)| Item {
            key: (*key).to_owned(),
            value: secret(value),
            writer: writer.clone(),
        });
        Observed {
            content: Content::Data(items.collect()),
            version: "1".to_owned(),
            blocked: None,
        }
    }

    fn text(value: &str, writer: Writer) -> Observed {
        Observed {
            content: Content::Text {
                value: secret(value),
                writer,
            },
            version: "1".to_owned(),
            blocked: None,
        }
    }

    #[test]
    fn an_absent_object_is_created() {
        let judged = verdict(&desired(Form::Data, &[("a", "1")]), None, false);
        assert_eq!(judged.verdict, Verdict::Create);
        assert_eq!(judged.changes.added, ["a"]);
    }

    #[test]
    fn equal_bytes_are_in_sync_whoever_wrote_them() {
        for writer in [Writer::us(), Writer::other("Helm"), Writer::default()] {
            let seen = data(&[("a", "1", writer)]);
            let judged = verdict(&desired(Form::Data, &[("a", "1")]), Some(&seen), false);
            assert_eq!(judged.verdict, Verdict::InSync);
        }
    }

    #[test]
    fn our_own_other_bytes_are_updated_and_only_they_are_named() {
        let seen = data(&[("a", "1", Writer::us()), ("b", "2", Writer::us())]);
        let want = desired(Form::Data, &[("a", "1"), ("b", "3"), ("c", "4")]);
        let judged = verdict(&want, Some(&seen), false);
        assert_eq!(judged.verdict, Verdict::Update);
        assert_eq!(judged.changes.added, ["c"]);
        assert_eq!(judged.changes.changed, ["b"]);
    }

    #[test]
    fn other_bytes_of_another_writer_are_refused_until_adopted() {
        let shared = Writer {
            is_us: true,
            others: vec!["Helm".to_owned()],
        };
        for writer in [Writer::other("Helm"), shared] {
            let seen = data(&[("a", "1", writer)]);
            let want = desired(Form::Data, &[("a", "2")]);
            let judged = verdict(&want, Some(&seen), false);
            let refusal = judged.verdict.refusal("o").unwrap();
            assert_eq!(refusal.reason, "a differs and was written last by Helm");
            assert!(refusal.hint.unwrap().ends_with("--adopt o"));
            let judged = verdict(&want, Some(&seen), true);
            assert_eq!(
                judged.verdict,
                Verdict::Adopt {
                    from: vec!["Helm".to_owned()]
                }
            );
        }
        let seen = data(&[("a", "1", Writer::default())]);
        let judged = verdict(&desired(Form::Data, &[("a", "2")]), Some(&seen), false);
        assert!(judged.verdict.refusal("o").is_some());
    }

    #[test]
    fn keys_that_are_not_desired_stay_and_are_named_by_whose_they_are() {
        let seen = data(&[
            ("a", "1", Writer::us()),
            ("old", "2", Writer::us()),
            ("theirs", "3", Writer::other("kubectl")),
        ]);
        let judged = verdict(&desired(Form::Data, &[("a", "1")]), Some(&seen), false);
        assert_eq!(judged.verdict, Verdict::InSync);
        assert_eq!(judged.changes.kept, ["old"]);
        assert_eq!(judged.changes.foreign, ["theirs"]);
    }

    #[test]
    fn a_json_text_is_compared_by_field_and_not_by_spelling() {
        let want = desired(Form::Json, &[("a", "x&y"), ("b", "2")]);
        let other = Writer::other("Terraform");
        let seen = text("{ \"b\": \"2\", \"a\": \"x\\u0026y\" }", other.clone());
        assert_eq!(verdict(&want, Some(&seen), false).verdict, Verdict::InSync);

        let seen = text(r#"{"a":"x&y","c":"3"}"#, Writer::us());
        let judged = verdict(&want, Some(&seen), false);
        assert_eq!(judged.verdict, Verdict::Update);
        assert_eq!(
            (judged.changes.added, judged.changes.kept),
            (vec!["b".to_owned()], vec!["c".to_owned()])
        );

        // A field more in a text of others is a change of their text.
        let seen = text(r#"{"a":"x&y"}"#, other);
        assert!(
            verdict(&want, Some(&seen), false)
                .verdict
                .refusal("o")
                .is_some()
        );
    }

    #[test]
    fn a_blocked_object_is_refused_only_if_it_would_be_written() {
        let mut seen = data(&[("a", "1", Writer::us())]);
        seen.blocked = Some(TargetError::new(Fault::Refused, "it is immutable"));
        let same = verdict(&desired(Form::Data, &[("a", "1")]), Some(&seen), true);
        assert_eq!(same.verdict, Verdict::InSync);
        let other = verdict(&desired(Form::Data, &[("a", "2")]), Some(&seen), true);
        assert!(matches!(other.verdict, Verdict::Refuse(_)));
    }
}

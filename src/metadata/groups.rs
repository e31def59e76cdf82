//! Who can open a file: one group whose members each hold the data key, or several that hold one
//! share of it each.
//!
//! In a file, the flat lists count where one of them has an entry, and `key_groups` else; a single
//! group is always written flat. Fields of a group that nobody here knows stay in it.

use crate::tree::{Field, Fields};

use super::Recipient;
use super::parse::{KINDS, MetadataError, group, holds_recipients, number, problem};

/// The groups, and how many of them are needed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyGroups {
    groups: Vec<Group>,
    /// As it stands in the file, where 0 is as good as nothing.
    threshold: i64,
}

/// Recipients of which each can give what the group holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// The members.
    pub recipients: Vec<Recipient>,
    /// The group as it stands in the file.
    fields: Fields,
}

impl KeyGroups {
    /// Groups that share a data key; a threshold of 0 means all of them.
    pub fn new(groups: Vec<Vec<Recipient>>, threshold: i64) -> Self {
        let groups: Vec<Group> = groups.into_iter().map(Group::new).collect();
        Self { groups, threshold }.with_threshold(threshold)
    }

    /// The same groups with another threshold.
    #[must_use]
    pub fn with_threshold(mut self, threshold: i64) -> Self {
        self.threshold = match i64::try_from(self.groups.len()) {
            Ok(all) if threshold == 0 && all > 1 => all,
            _ => threshold,
        };
        self
    }

    /// The groups in their order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The groups, to be changed.
    pub fn groups_mut(&mut self) -> &mut [Group] {
        &mut self.groups
    }

    /// Adds a group.
    pub fn push(&mut self, recipients: Vec<Recipient>) {
        self.groups.push(Group::new(recipients));
    }

    /// Takes a group away, counted from 0, if it is there.
    pub fn remove(&mut self, at: usize) -> Option<Group> {
        (at < self.groups.len()).then(|| self.groups.remove(at))
    }

    /// All recipients, group by group.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.groups.iter().flat_map(|group| &group.recipients)
    }

    /// Whether each group holds a share, rather than all of the data key.
    pub fn are_shared(&self) -> bool {
        self.groups.len() > 1
    }

    /// How many groups the file says are needed; it does not say so credibly below 2.
    pub fn threshold(&self) -> i64 {
        self.threshold
    }

    pub(super) fn parse(fields: &Fields) -> Result<Self, MetadataError> {
        let threshold = number(fields, "shamir_threshold")?;
        let flat = group(fields)?;
        let mut groups = if flat.is_empty() {
            listed(fields)?
        } else {
            vec![Group::new(flat)]
        };
        if groups.iter().all(|group| group.recipients.is_empty()) {
            groups.clear();
        }
        Ok(Self { groups, threshold })
    }

    /// Puts the groups into a branch that is to be written.
    pub(super) fn render(&self, fields: &mut Fields) {
        forget_recipients(fields);
        let was_listed = fields.remove("key_groups").is_some();
        match self.groups.as_slice() {
            [only] => {
                // What else the group said goes where the group goes.
                for (name, field) in &only.fields.0 {
                    if was_listed && fields.get(name).is_none() && !is_known(name) {
                        fields.set(name, field.clone());
                    }
                }
                only.render(fields);
            }
            several => {
                let several = several.iter().map(|group| {
                    let mut fields = group.fields.clone();
                    forget_recipients(&mut fields);
                    // The reference writes these two also where there is nothing in them.
                    for name in ["age", "hc_vault"] {
                        fields.set(name, Field::List(Vec::new()));
                    }
                    group.render(&mut fields);
                    Field::Map(sorted(fields))
                });
                fields.set("key_groups", Field::List(several.collect()));
            }
        }
        // Without groups to share it has no effect, but the reference keeps it.
        match self.threshold {
            0 => drop(fields.remove("shamir_threshold")),
            threshold => fields.set("shamir_threshold", Field::Int(threshold)),
        }
    }
}

impl From<Vec<Recipient>> for KeyGroups {
    /// One group.
    fn from(recipients: Vec<Recipient>) -> Self {
        Self::new(vec![recipients], 0)
    }
}

impl Group {
    fn new(recipients: Vec<Recipient>) -> Self {
        let fields = Fields::default();
        Self { recipients, fields }
    }

    fn render(&self, fields: &mut Fields) {
        let mut kinds: Vec<&str> = Vec::new();
        for recipient in &self.recipients {
            if !kinds.contains(&recipient.kind.as_str()) {
                kinds.push(&recipient.kind);
            }
        }
        for kind in kinds {
            let of_kind = self.recipients.iter().filter(|one| one.kind == kind);
            let entries = of_kind.map(|one| Field::Map(sorted(one.fields.clone())));
            fields.set(kind, Field::List(entries.collect()));
        }
    }
}

/// Takes out every list of recipients, also of kinds that nobody here knows.
fn forget_recipients(fields: &mut Fields) {
    for name in KINDS {
        fields.remove(name);
    }
    fields.0.retain(|(_, field)| !holds_recipients(field));
}

/// Names in order, as the reference writes them.
pub(super) fn sorted(mut fields: Fields) -> Fields {
    fields.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields
}

fn is_known(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(name))
}

/// The groups of `key_groups`. An empty one is a group too: it counts, and never opens.
fn listed(fields: &Fields) -> Result<Vec<Group>, MetadataError> {
    let list = match fields.get("key_groups") {
        None | Some(Field::Null) => return Ok(Vec::new()),
        Some(Field::List(list)) => list.as_slice(),
        Some(map @ Field::Map(_)) => std::slice::from_ref(map),
        Some(_) => return Err(problem("key_groups", "is no list")),
    };
    list.iter()
        .map(|one| match one {
            Field::Null => Ok(Group::default()),
            Field::Map(fields) => Ok(Group {
                recipients: group(fields)?,
                fields: fields.clone(),
            }),
            _ => Err(problem("key_groups", "holds something that is no map")),
        })
        .collect()
}

#[cfg(test)]
mod tests;

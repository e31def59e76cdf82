//! Who can open the merged file: those of ours and theirs, but for those that either has removed.

use std::collections::{BTreeMap, BTreeSet};

use crate::keys;
use crate::metadata::{Group, KeyGroups, Recipient};

use super::{Opened, Versions};

/// The recipients of a merged file.
#[derive(Debug)]
pub struct Readers {
    /// All of them. Those that do not hold the key of the merged file yet have no wrapped key.
    pub key_groups: KeyGroups,
    /// Labels of those that are not among ours.
    pub added: Vec<String>,
    /// Labels of ours that are not among them.
    pub removed: Vec<String>,
    /// Whether a person has to decide; they are ours then.
    pub is_conflict: bool,
}

impl Versions<'_> {
    /// Merges the recipients.
    pub fn readers(&self) -> Readers {
        let (ours, theirs) = (groups(self.ours), groups(self.theirs));
        let base = self.base.map(groups);
        let is_base = |side| base.is_some_and(|base| names(base) == names(side));
        let (chosen, is_conflict) = if names(ours) == names(theirs) {
            (groups(self.kept()).clone(), false)
        } else if is_base(theirs) {
            (ours.clone(), false)
        } else if is_base(ours) {
            (theirs.clone(), false)
        } else {
            match base.and_then(|base| union(base, ours, theirs)) {
                Some(union) => (union, false),
                None => (ours.clone(), true),
            }
        };
        let (before, after) = (labels(ours), labels(&chosen));
        Readers {
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
            key_groups: self.holding(chosen),
            is_conflict,
        }
    }

    /// Gives each recipient what it holds of the key of the merged file, if it does.
    fn holding(&self, mut chosen: KeyGroups) -> KeyGroups {
        let (kept, other) = (groups(self.kept()), groups(self.other()));
        let sources = [Some(kept), Some(other).filter(|_| self.shares_key)];
        if chosen.are_shared() {
            // Shares fit together only as they were made.
            if !sources.contains(&Some(&chosen)) {
                members(&mut chosen).for_each(|one| drop(one.fields.remove("enc")));
            }
            return chosen;
        }
        let mut holders: BTreeMap<String, &Recipient> = BTreeMap::new();
        for source in sources.into_iter().flatten() {
            if !source.are_shared() {
                for one in source.recipients() {
                    holders.entry(keys::identity(one)).or_insert(one);
                }
            }
        }
        for one in members(&mut chosen) {
            match holders.get(&keys::identity(one)) {
                Some(holder) => *one = (*holder).clone(),
                None => drop(one.fields.remove("enc")),
            }
        }
        chosen
    }
}

fn groups(opened: &Opened) -> &KeyGroups {
    &opened.metadata().key_groups
}

fn members(groups: &mut KeyGroups) -> impl Iterator<Item = &mut Recipient> {
    groups
        .groups_mut()
        .iter_mut()
        .flat_map(|group| &mut group.recipients)
}

/// One group: ours in their order, then those that theirs has added. `None` if nobody is left, or if
/// there are several groups.
fn union(base: &KeyGroups, ours: &KeyGroups, theirs: &KeyGroups) -> Option<KeyGroups> {
    if [base, ours, theirs].into_iter().any(KeyGroups::are_shared) {
        return None;
    }
    let all = |groups: &KeyGroups| {
        groups
            .recipients()
            .map(keys::identity)
            .collect::<BTreeSet<_>>()
    };
    let (before, here, there) = (all(base), all(ours), all(theirs));
    let mut merged = ours.clone();
    let group = merged.groups_mut().first_mut()?;
    group.recipients.retain(|one| {
        let identity = keys::identity(one);
        there.contains(&identity) || !before.contains(&identity)
    });
    let new = theirs.recipients().filter(|one| {
        let identity = keys::identity(one);
        !here.contains(&identity) && !before.contains(&identity)
    });
    group.recipients.extend(new.cloned());
    (!group.recipients.is_empty()).then_some(merged)
}

/// What makes two sets of groups the same, whatever their members hold.
fn names(groups: &KeyGroups) -> (Vec<BTreeSet<String>>, i64) {
    let of = |group: &Group| group.recipients.iter().map(keys::identity).collect();
    let threshold = if groups.are_shared() {
        groups.threshold()
    } else {
        0
    };
    (groups.groups().iter().map(of).collect(), threshold)
}

fn labels(groups: &KeyGroups) -> BTreeSet<String> {
    groups.recipients().map(keys::label).collect()
}

//! Who can open the merged file.
//!
//! No version decides that alone: each may be the work of somebody who wants to read what the other one
//! holds, and `git rebase` swaps ours and theirs. For a file of an environment the creation rule of the
//! trusted commits decides; for any other, a reader is one of both versions, or one that only one
//! version has and the trusted rule names. Whatever else a version asks for is in dispute, and the
//! merged file goes without it. The surprise: an entry for whom nobody has wrapped the key is no
//! reader, whatever it says.

use std::collections::BTreeSet;

use crate::keys;
use crate::metadata::{Group, KeyGroups, Recipient, Rule};

use super::{Opened, Versions};

/// What a commit that is trusted says of the file.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// For messages: `rule 2 of .sops.yaml in HEAD`.
    pub place: String,
    /// For whom the file is to be sealed.
    pub key_groups: KeyGroups,
    /// Which values are.
    pub rule: Rule,
    /// Whether the MAC may leave clear values out.
    pub mac_only_encrypted: bool,
    /// Whether an environment names the file, so that the rule decides whatever the versions say.
    pub is_environment: bool,
}

/// Something that a version asks for and nobody else vouches for.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    /// In words; names only.
    pub what: String,
    /// Who would come in by it.
    pub newcomer: Option<Recipient>,
}

/// The recipients of a merged file.
#[derive(Debug)]
pub struct Readers {
    /// All of them. Those that do not hold the key of the merged file yet have no wrapped key.
    pub key_groups: KeyGroups,
    /// Labels of those that are not among ours.
    pub added: Vec<String>,
    /// Labels of ours that are not among them.
    pub removed: Vec<String>,
    /// What a person has to decide; nothing of it has been done.
    pub disputes: Vec<Dispute>,
    /// Whether the data key has to be a new one: the versions do not have the same, or somebody knows
    /// it who is not to open the merged file.
    pub needs_new_key: bool,
}

/// The versions' readers: those that hold something.
struct Sides {
    base: Option<KeyGroups>,
    ours: KeyGroups,
    theirs: KeyGroups,
}

impl Versions<'_> {
    /// Who can open the merged file; an error where there is nobody, or no one structure that gives
    /// nothing away.
    pub fn readers(&self, trusted: &[Trusted]) -> Result<Readers, Vec<Dispute>> {
        let sides = Sides {
            base: self.base.map(holders),
            ours: holders(self.ours),
            theirs: holders(self.theirs),
        };
        let mut disputes = idle(self.ours, "ours");
        disputes.extend(idle(self.theirs, "theirs"));
        let ruled = common(trusted);
        let chosen = if trusted.iter().any(|one| one.is_environment) {
            let ruled = ruled.map_err(|dispute| vec![dispute])?;
            disputes.extend(sides.against(&ruled, trusted));
            ruled
        } else {
            let ruled = ruled.ok().filter(|_| !trusted.is_empty());
            sides.agreed(ruled.as_ref(), &mut disputes)?
        };
        let has_nobody = |group: &Group| group.recipients.is_empty();
        if chosen.groups().is_empty() || chosen.groups().iter().any(has_nobody) {
            disputes.push(Dispute::about(
                "no recipient is left that could open the merged file",
            ));
            return Err(disputes);
        }
        let all = [Some(&sides.ours), Some(&sides.theirs), sides.base.as_ref()];
        let is_known_to_others = |side: &KeyGroups| !is_within(side, &chosen);
        let needs_new_key = !self.shares_key || all.into_iter().flatten().any(is_known_to_others);
        let (before, after) = (labels(&sides.ours), labels(&chosen));
        Ok(Readers {
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
            key_groups: holding(chosen, &sides.ours, needs_new_key),
            disputes,
            needs_new_key,
        })
    }
}

impl Sides {
    /// What the versions would have for readers: those of both, those that one has added, without those
    /// that one has taken away. `None` where that cannot be told of groups.
    fn proposal(&self) -> Option<KeyGroups> {
        let (ours, theirs) = (&self.ours, &self.theirs);
        let is_base = |side| self.base.as_ref().is_some_and(|base| same(base, side));
        if same(ours, theirs) || is_base(theirs) {
            return Some(ours.clone());
        }
        if is_base(ours) {
            return Some(theirs.clone());
        }
        let none = KeyGroups::default();
        let base = self.base.as_ref().unwrap_or(&none);
        if [base, ours, theirs].into_iter().any(KeyGroups::are_shared) {
            return None;
        }
        let stays = |one: &Recipient, other: &KeyGroups| has(other, one) || !has(base, one);
        let mut all: Vec<Recipient> = Vec::new();
        for (side, other) in [(ours, theirs), (theirs, ours)] {
            for one in side.recipients().filter(|one| stays(one, other)) {
                if !all.iter().any(|there| is_same(there, one)) {
                    all.push(one.clone());
                }
            }
        }
        Some(KeyGroups::from(all))
    }

    /// In what the versions differ from the rule of an environment.
    fn against(&self, ruled: &KeyGroups, trusted: &[Trusted]) -> Vec<Dispute> {
        let places = places(trusted);
        let regrouped = |who: &str| {
            Dispute::about(&format!(
                "the key groups of {who}, or how many of them are needed, are not those of {places}"
            ))
        };
        let Some(proposal) = self.proposal() else {
            let sides = [("ours", &self.ours), ("theirs", &self.theirs)];
            let others = sides.into_iter().filter(|(_, side)| !same(side, ruled));
            return others.map(|(who, _)| regrouped(who)).collect();
        };
        let mut disputes = Vec::new();
        for one in distinct(&proposal).filter(|one| !has(ruled, one)) {
            let (label, who) = (keys::label(one), self.who_has(one));
            let by = trusted.iter().filter(|rule| !has(&rule.key_groups, one));
            let by: Vec<&str> = by.map(|rule| rule.place.as_str()).collect();
            disputes.push(Dispute {
                what: format!(
                    "{label} can open {who}, and {} does not name it",
                    by.join(" and ")
                ),
                newcomer: Some(one.clone()),
            });
        }
        for one in distinct(ruled).filter(|one| !has(&proposal, one)) {
            disputes.push(Dispute::about(&format!(
                "{} cannot open {}, and {places} names it",
                keys::label(one),
                self.who_lacks(one)
            )));
        }
        if disputes.is_empty() && !same(&proposal, ruled) {
            let who = if same(&self.ours, ruled) {
                "theirs"
            } else {
                "ours"
            };
            disputes.push(regrouped(who));
        }
        disputes
    }

    /// Those that both versions have; one that a single version has added stays out, unless the rule
    /// names it, too.
    fn agreed(
        &self,
        ruled: Option<&KeyGroups>,
        disputes: &mut Vec<Dispute>,
    ) -> Result<KeyGroups, Vec<Dispute>> {
        let (ours, theirs) = (&self.ours, &self.theirs);
        let sides = [Some(ours), Some(theirs), self.base.as_ref()];
        if same(ours, theirs) {
            return Ok(ours.clone());
        }
        if sides.into_iter().flatten().any(KeyGroups::are_shared) {
            return self.regrouped(ruled, disputes);
        }
        let mut all: Vec<Recipient> = Vec::new();
        for one in distinct(ours).chain(distinct(theirs).filter(|one| !has(ours, one))) {
            if has(ours, one) && has(theirs, one) {
                all.push(one.clone());
                continue;
            }
            // Taken away by the other version.
            if self.base.as_ref().is_some_and(|base| has(base, one)) {
                continue;
            }
            if ruled.is_some_and(|ruled| !ruled.are_shared() && has(ruled, one)) {
                all.push(one.clone());
                continue;
            }
            let who = self.who_has(one);
            disputes.push(Dispute {
                what: format!("{} is a recipient of {who} only", keys::label(one)),
                newcomer: Some(one.clone()),
            });
        }
        Ok(KeyGroups::from(all))
    }

    /// Groups that whoever opens the merged file could open both versions with.
    fn regrouped(
        &self,
        ruled: Option<&KeyGroups>,
        disputes: &mut Vec<Dispute>,
    ) -> Result<KeyGroups, Vec<Dispute>> {
        let proposal = self.proposal();
        if let (Some(proposal), Some(ruled)) = (proposal, ruled)
            && same(&proposal, ruled)
        {
            return Ok(proposal);
        }
        let (ours, theirs) = (&self.ours, &self.theirs);
        disputes.push(Dispute::about(
            &match (ours.threshold(), theirs.threshold()) {
                (here, there) if here != there && ours.groups().len() == theirs.groups().len() => {
                    format!("shamir_threshold is {here} in ours, and {there} in theirs")
                }
                _ => "the key groups of ours are not those of theirs".to_owned(),
            },
        ));
        if ours.groups().len() != theirs.groups().len() {
            return Err(std::mem::take(disputes));
        }
        let threshold = ours.threshold().max(theirs.threshold());
        let mut merged = ours.clone();
        for (group, other) in merged.groups_mut().iter_mut().zip(theirs.groups()) {
            let is_there = |one: &Recipient| other.recipients.iter().any(|it| is_same(it, one));
            group.recipients.retain(is_there);
        }
        Ok(merged.with_threshold(threshold))
    }

    fn who_has(&self, one: &Recipient) -> &'static str {
        match (has(&self.ours, one), has(&self.theirs, one)) {
            (true, true) => "both versions",
            (true, false) => "ours",
            _ => "theirs",
        }
    }

    fn who_lacks(&self, one: &Recipient) -> &'static str {
        match (has(&self.ours, one), has(&self.theirs, one)) {
            (false, false) => "either version",
            (false, true) => "ours",
            _ => "theirs",
        }
    }
}

impl Dispute {
    pub(super) fn about(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            newcomer: None,
        }
    }
}

/// What all trusted commits say: of recipients without groups those that each of them names, of the
/// same groups the higher threshold.
fn common(trusted: &[Trusted]) -> Result<KeyGroups, Dispute> {
    let mut all = trusted.iter();
    let Some(first) = all.next() else {
        return Ok(KeyGroups::default());
    };
    let mut common = first.key_groups.clone();
    for other in all {
        let other_groups = &other.key_groups;
        if common.are_shared() || other_groups.are_shared() {
            if members(&common) != members(other_groups) {
                return Err(Dispute::about(&format!(
                    "the key groups of {} are not those of {}",
                    first.place, other.place
                )));
            }
            let threshold = common.threshold().max(other_groups.threshold());
            common = common.with_threshold(threshold);
            continue;
        }
        for group in common.groups_mut() {
            group.recipients.retain(|one| has(other_groups, one));
        }
    }
    Ok(common)
}

fn places(trusted: &[Trusted]) -> String {
    let places: Vec<&str> = trusted.iter().map(|one| one.place.as_str()).collect();
    places.join(" and ")
}

/// Gives each recipient what it holds in ours already, if the key stays.
fn holding(mut chosen: KeyGroups, ours: &KeyGroups, needs_new_key: bool) -> KeyGroups {
    if !needs_new_key && same(&chosen, ours) {
        return ours.clone();
    }
    let is_flat = !chosen.are_shared() && !ours.are_shared();
    if is_flat {
        // In the order of ours, so that a reader who comes in is one more entry.
        for group in chosen.groups_mut() {
            let place = |one: &Recipient| ours.recipients().position(|it| is_same(it, one));
            group
                .recipients
                .sort_by_key(|one| place(one).unwrap_or(usize::MAX));
        }
    }
    for group in chosen.groups_mut() {
        for one in &mut group.recipients {
            let mut holders = ours.recipients();
            match holders.find(|it| is_same(it, one)) {
                Some(holder) if is_flat && !needs_new_key => *one = holder.clone(),
                _ => drop(one.fields.remove("enc")),
            }
        }
    }
    chosen
}

/// Recipients that hold the data key, or a share of it, as far as the file says.
fn holders(opened: &Opened) -> KeyGroups {
    let mut groups = opened.metadata().key_groups.clone();
    for group in groups.groups_mut() {
        group.recipients.retain(Recipient::is_wrapped);
    }
    groups
}

/// Entries for which nobody has wrapped the key.
fn idle(opened: &Opened, who: &str) -> Vec<Dispute> {
    let all = opened.metadata().key_groups.recipients();
    all.filter(|one| !one.is_wrapped())
        .map(|one| Dispute {
            what: format!(
                "{} stands in {who} without a wrapped data key, and gets none",
                keys::label(one)
            ),
            newcomer: Some(one.clone()),
        })
        .collect()
}

/// Whether everybody who can open a version can open what has these recipients.
fn is_within(side: &KeyGroups, chosen: &KeyGroups) -> bool {
    if chosen.are_shared() {
        return same(side, chosen);
    }
    side.recipients().all(|one| has(chosen, one))
}

fn distinct(groups: &KeyGroups) -> impl Iterator<Item = &Recipient> {
    let mut seen = BTreeSet::new();
    groups
        .recipients()
        .filter(move |one| seen.insert(keys::identity(one)))
}

fn is_same(one: &Recipient, other: &Recipient) -> bool {
    keys::identity(one) == keys::identity(other)
}

fn has(groups: &KeyGroups, one: &Recipient) -> bool {
    groups.recipients().any(|other| is_same(other, one))
}

/// The same groups of the same members, and as many of them needed; their order means nothing.
fn same(one: &KeyGroups, other: &KeyGroups) -> bool {
    let threshold = |groups: &KeyGroups| groups.are_shared().then(|| groups.threshold());
    members(one) == members(other) && threshold(one) == threshold(other)
}

fn members(groups: &KeyGroups) -> Vec<BTreeSet<String>> {
    let of = |group: &Group| group.recipients.iter().map(keys::identity).collect();
    let mut members: Vec<BTreeSet<String>> = groups.groups().iter().map(of).collect();
    members.sort();
    members
}

fn labels(groups: &KeyGroups) -> BTreeSet<String> {
    groups.recipients().map(keys::label).collect()
}

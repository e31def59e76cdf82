//! Wraps a data key for all recipients of a file at once: all of them, or nothing is changed.
//!
//! With several key groups, what the members of a group wrap is the group's share.

use futures_util::future::join_all;

use super::{Failure, KeyKind, Keyring, KeysError, shamir};
use crate::metadata::{KeyGroups, MOST_RECIPIENTS, Recipient};
use crate::secret::{DataKey, Portion};
use crate::settings::Settings;
use crate::tree::Field;

impl Keyring {
    /// Wraps the data key, or the shares of it, for every recipient at once, or changes nothing.
    pub async fn wrap_all(
        &self,
        key_groups: &mut KeyGroups,
        data_key: &DataKey,
        settings: &Settings,
    ) -> Result<(), KeysError> {
        let portions = portions(key_groups, data_key)?;
        let is_shared = key_groups.are_shared();
        let groups = key_groups.groups().iter().zip(&portions);
        let members: Vec<(usize, &Recipient, &Portion)> = (1..)
            .zip(groups)
            .flat_map(|(number, (group, portion))| {
                let members = group.recipients.iter();
                members.map(move |recipient| (number, recipient, portion))
            })
            .collect();
        let outcomes = join_all(
            members
                .iter()
                .map(|(_, recipient, portion)| self.wrap(recipient, portion, settings)),
        )
        .await;
        let total = members.len();
        let mut wrapped = Vec::with_capacity(total);
        let mut failures = Vec::new();
        for ((number, recipient, _), outcome) in members.iter().zip(outcomes) {
            match outcome {
                Ok(done) => wrapped.push(done),
                Err(error) => {
                    let group = is_shared.then_some(*number);
                    failures.push(Failure::new(recipient, &error, group));
                }
            }
        }
        if !failures.is_empty() {
            return Err(KeysError::Wrap { failures, total });
        }
        let mut wrapped = wrapped.into_iter();
        for (group, portion) in key_groups.groups_mut().iter_mut().zip(&portions) {
            for (recipient, (kind, enc)) in group.recipients.iter_mut().zip(&mut wrapped) {
                stamp(recipient, kind, enc, settings.now);
                self.remember(recipient, portion);
            }
        }
        Ok(())
    }

    /// Wraps for those recipients who hold nothing yet; shares are dealt to all of them anew.
    pub async fn wrap_missing(
        &self,
        key_groups: &mut KeyGroups,
        data_key: &DataKey,
        settings: &Settings,
    ) -> Result<(), KeysError> {
        let lacks = |recipient: &Recipient| recipient.wrapped().is_none();
        if !key_groups.recipients().any(lacks) {
            return Ok(());
        }
        if key_groups.are_shared() {
            return self.wrap_all(key_groups, data_key, settings).await;
        }
        let missing: Vec<Recipient> = key_groups
            .recipients()
            .filter(|one| lacks(one))
            .cloned()
            .collect();
        let mut wrapped = KeyGroups::from(missing);
        self.wrap_all(&mut wrapped, data_key, settings).await?;
        let mut wrapped = wrapped.recipients();
        for group in key_groups.groups_mut() {
            for recipient in group.recipients.iter_mut().filter(|one| lacks(one)) {
                if let Some(done) = wrapped.next() {
                    *recipient = done.clone();
                }
            }
        }
        Ok(())
    }
}

/// What each group holds.
fn portions(key_groups: &KeyGroups, data_key: &DataKey) -> Result<Vec<Portion>, KeysError> {
    let recipients = key_groups.recipients().count();
    if recipients > MOST_RECIPIENTS {
        return Err(KeysError::TooMany { recipients });
    }
    let groups = key_groups.groups();
    if let Some(at) = groups.iter().position(|group| group.recipients.is_empty()) {
        return Err(KeysError::Empty {
            group: key_groups.are_shared().then_some(at + 1),
        });
    }
    match groups.len() {
        0 => Err(KeysError::Empty { group: None }),
        1 => Ok(vec![Portion::Whole(data_key.duplicate())]),
        all => {
            let threshold = key_groups.threshold();
            let shares = usize::try_from(threshold)
                .map_err(|_| shamir::SharesError::LowThreshold)
                .and_then(|threshold| shamir::split(data_key, all, threshold));
            let shares = shares.map_err(|source| KeysError::Unshareable {
                source,
                groups: all,
                threshold,
            })?;
            Ok(shares.into_iter().map(Portion::Share).collect())
        }
    }
}

/// Fills in what a wrap made; fields stand sorted, as the reference writes them.
fn stamp(recipient: &mut Recipient, kind: &KeyKind, enc: String, now: i64) {
    let fields = &mut recipient.fields;
    fields.set("enc", Field::Text(enc));
    if kind.is_dated {
        let now = jiff::Timestamp::from_second(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        fields.set("created_at", Field::Text(now.to_string()));
    }
    fields.0.sort_by(|(a, _), (b, _)| a.cmp(b));
}

#[cfg(test)]
mod tests;

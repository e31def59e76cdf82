//! Opens a file's data key: by one recipient, or by one of each of as many groups as are needed.
//!
//! What costs nothing comes first, in all groups: what this run knows, and identities that are
//! loaded. Then commands are run and people asked, one after the other. Only then services are
//! called, in as many groups at once as are still needed. The surprise: a service that is slow does
//! not hold up the others; after [`PATIENCE`] the next group is called as well, and what is still
//! under way when enough groups are open is dropped.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use super::{Failure, GroupReport, KeyError, Keyring, KeysError, kind, label, shamir};
use crate::metadata::{KeyGroups, Recipient};
use crate::secret::{DataKey, Portion, Share};
use crate::settings::Settings;

impl Keyring {
    /// Unwraps the data key with as few recipients as can be: within a group, kinds in `order`
    /// first, then as stored.
    pub async fn unwrap_any(
        &self,
        key_groups: &KeyGroups,
        order: &[String],
        settings: &Settings,
    ) -> Result<DataKey, KeysError> {
        let goal = Goal::of(key_groups)?;
        let mut attempts: Vec<Attempt<'_>> = key_groups
            .groups()
            .iter()
            .map(|group| Attempt::new(in_order(&group.recipients, order), goal.is_shared()))
            .collect();
        for attempt in &mut attempts {
            attempt.recall(self);
        }
        if !goal.is_reached(&attempts) {
            for attempt in &mut attempts {
                attempt.take_at_hand(self, settings);
            }
        }
        for at in 0..attempts.len() {
            if goal.is_reached(&attempts) {
                break;
            }
            if let Some(attempt) = attempts.get_mut(at) {
                attempt.work_here(self, settings).await;
            }
        }
        let attempts = self.call(&goal, attempts, settings).await;
        goal.put_together(attempts)
    }

    /// Calls services, in as many groups at once as are missing.
    async fn call<'a>(
        &self,
        goal: &Goal,
        attempts: Vec<Attempt<'a>>,
        settings: &Settings,
    ) -> Vec<Attempt<'a>> {
        let (mut done, waiting): (Vec<_>, Vec<_>) = (1..)
            .zip(attempts)
            .partition(|(_, attempt): &(usize, Attempt<'_>)| attempt.is_at_its_end());
        let mut waiting = waiting.into_iter();
        let mut running = FuturesUnordered::new();
        let start = |(number, mut attempt): (usize, Attempt<'a>)| async move {
            attempt.work(self, settings).await;
            (number, attempt)
        };
        loop {
            let missing = goal.missing(done.iter().map(|(_, attempt)| attempt));
            if missing == 0 {
                break;
            }
            while running.len() < missing
                && let Some(next) = waiting.next()
            {
                running.push(start(next));
            }
            tokio::select! {
                ended = running.next() => match ended {
                    Some(ended) => done.push(ended),
                    None => break,
                },
                () = sleep(PATIENCE), if waiting.len() > 0 => {
                    running.extend(waiting.next().map(start));
                }
            }
        }
        drop(running);
        done.extend(waiting);
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, attempt)| attempt).collect()
    }
}

/// How much has to be opened.
struct Goal {
    groups: usize,
    /// `None`: the file does not say credibly how many it takes, so all are tried.
    needed: Option<usize>,
}

impl Goal {
    fn of(key_groups: &KeyGroups) -> Result<Self, KeysError> {
        let groups = key_groups.groups().len();
        if !key_groups.are_shared() {
            let needed = Some(1);
            return Ok(Self { groups, needed });
        }
        let threshold = key_groups.threshold();
        let needed = usize::try_from(threshold)
            .ok()
            .filter(|needed| *needed >= 2);
        if needed.is_some_and(|needed| needed > groups) {
            return Err(KeysError::Unreachable { groups, threshold });
        }
        Ok(Self { groups, needed })
    }

    fn is_shared(&self) -> bool {
        self.groups > 1
    }

    /// How many groups are missing.
    fn missing<'a, 'b: 'a>(&self, attempts: impl Iterator<Item = &'a Attempt<'b>>) -> usize {
        let opened = attempts.filter(|attempt| attempt.opened.is_some()).count();
        self.needed.unwrap_or(self.groups).saturating_sub(opened)
    }

    fn is_reached(&self, attempts: &[Attempt<'_>]) -> bool {
        self.missing(attempts.iter()) == 0
    }

    fn put_together(&self, attempts: Vec<Attempt<'_>>) -> Result<DataKey, KeysError> {
        let is_enough = self.missing(attempts.iter()) == 0;
        let opened = || {
            attempts
                .iter()
                .filter_map(|attempt| attempt.opened.as_ref())
        };
        if !self.is_shared() {
            if let Some((_, Portion::Whole(data_key))) = opened().next() {
                return Ok(data_key.duplicate());
            }
            let failures = attempts.into_iter().flat_map(|attempt| attempt.failures);
            return Err(KeysError::Unwrap(failures.collect()));
        }
        let shares: Vec<&Share> = opened()
            .filter_map(|(_, portion)| match portion {
                Portion::Share(share) => Some(share),
                Portion::Whole(_) => None,
            })
            .collect();
        let is_enough = is_enough || (self.needed.is_none() && shares.len() >= 2);
        if is_enough {
            return shamir::combine(&shares).map_err(KeysError::Shares);
        }
        Err(KeysError::Groups {
            needed: self.needed.unwrap_or(2),
            reports: attempts.into_iter().map(Attempt::report).collect(),
        })
    }
}

/// One group on its way.
struct Attempt<'a> {
    /// In the order in which they are tried.
    recipients: Vec<&'a Recipient>,
    /// How many of them have been tried.
    tried: usize,
    is_shared: bool,
    failures: Vec<Failure>,
    /// Who opened it, and what came out.
    opened: Option<(String, Portion)>,
}

impl<'a> Attempt<'a> {
    fn new(recipients: Vec<&'a Recipient>, is_shared: bool) -> Self {
        Self {
            recipients,
            tried: 0,
            is_shared,
            failures: Vec::new(),
            opened: None,
        }
    }

    fn is_at_its_end(&self) -> bool {
        self.opened.is_some() || self.tried == self.recipients.len()
    }

    /// Takes what this run knows already.
    fn recall(&mut self, keyring: &Keyring) {
        let mut recipients = self.recipients.iter();
        self.opened = recipients.find_map(|recipient| {
            let portion = self.fitting(keyring.known(recipient)?).ok()?;
            Some((label(recipient), portion))
        });
    }

    /// Takes what loaded identities open, of those whose turn comes before that of a service.
    fn take_at_hand(&mut self, keyring: &Keyring, settings: &Settings) {
        if self.opened.is_none() {
            let mut here = self.recipients.iter().take_while(|one| is_here(one));
            self.opened = here.find_map(|recipient| {
                let portion = self.fitting(keyring.at_hand(recipient, settings)?).ok()?;
                Some((label(recipient), portion))
            });
        }
    }

    /// Tries what needs no service, up to the first recipient that does.
    async fn work_here(&mut self, keyring: &Keyring, settings: &Settings) {
        while let Some(recipient) = self.next().filter(|one| is_here(one)) {
            self.attempt(recipient, keyring, settings).await;
        }
    }

    /// Tries all that is left.
    async fn work(&mut self, keyring: &Keyring, settings: &Settings) {
        while let Some(recipient) = self.next() {
            self.attempt(recipient, keyring, settings).await;
        }
    }

    fn next(&self) -> Option<&'a Recipient> {
        let next = self.recipients.get(self.tried).copied();
        next.filter(|_| self.opened.is_none())
    }

    async fn attempt(&mut self, recipient: &Recipient, keyring: &Keyring, settings: &Settings) {
        self.tried += 1;
        let outcome = keyring.unwrap(recipient, settings).await;
        match outcome.and_then(|portion| self.fitting(portion)) {
            Ok(portion) => self.opened = Some((label(recipient), portion)),
            Err(error) => self.failures.push(Failure::new(recipient, &error, None)),
        }
    }

    /// A group of several holds a share, an only one the whole key.
    fn fitting(&self, portion: Portion) -> Result<Portion, KeyError> {
        match (&portion, self.is_shared) {
            (Portion::Whole(_), false) | (Portion::Share(_), true) => Ok(portion),
            (_, false) => Err(KeyError::NoDataKey),
            (_, true) => Err(KeyError::NoShare),
        }
    }

    fn report(self) -> GroupReport {
        GroupReport {
            opened_by: self.opened.map(|(label, _)| label),
            failures: self.failures,
        }
    }
}

/// Whether it is opened on this machine, if at all.
fn is_here(recipient: &Recipient) -> bool {
    kind(&recipient.kind).is_none_or(|kind| kind.at_hand.is_some())
}

fn in_order<'a>(recipients: &'a [Recipient], order: &[String]) -> Vec<&'a Recipient> {
    let mut sorted: Vec<&Recipient> = recipients.iter().collect();
    sorted.sort_by_key(|recipient| {
        order
            .iter()
            .position(|kind| *kind == recipient.kind)
            .unwrap_or(order.len())
    });
    sorted
}

/// How long an answer is waited for before the next group is called as well.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;

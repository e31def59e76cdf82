//! Each recipient of a file tried by itself: what `check --online` tells.

use futures_util::future::join_all;

use super::{Failure, Keyring};
use crate::metadata::{KeyGroups, Recipient};
use crate::secret::Portion;
use crate::settings::Settings;

/// What came of one recipient.
#[derive(Debug)]
pub struct Tried {
    /// Its key group, counted from 0.
    pub group: usize,
    /// Its place in the group.
    pub place: usize,
    /// Why it gave nothing.
    pub failure: Option<Failure>,
    /// Whether it holds something else than the first of its group that gave anything.
    pub is_divided: bool,
}

impl Keyring {
    /// Asks every recipient, services all at once.
    pub async fn try_each(&self, key_groups: &KeyGroups, settings: &Settings) -> Vec<Tried> {
        let members: Vec<(usize, usize, &Recipient)> = (0..)
            .zip(key_groups.groups())
            .flat_map(|(group, members)| {
                let members = (0..).zip(&members.recipients);
                members.map(move |(place, recipient)| (group, place, recipient))
            })
            .collect();
        let tries = members
            .iter()
            .map(|(_, _, recipient)| self.unwrap(recipient, settings));
        let outcomes = join_all(tries).await;
        let is_shared = key_groups.are_shared();
        let mut firsts: Vec<(usize, Portion)> = Vec::new();
        let mut tried = Vec::new();
        for ((group, place, recipient), outcome) in members.into_iter().zip(outcomes) {
            let (failure, is_divided) = match outcome {
                Ok(portion) => {
                    let first = firsts.iter().find(|(of, _)| *of == group);
                    let is_divided = first.is_some_and(|(_, first)| !first.ct_eq(&portion))
                        || matches!(portion, Portion::Share(_)) != is_shared;
                    if first.is_none() {
                        firsts.push((group, portion));
                    }
                    (None, is_divided)
                }
                Err(error) => {
                    let number = is_shared.then_some(group + 1);
                    (Some(Failure::new(recipient, &error, number)), false)
                }
            };
            tried.push(Tried {
                group,
                place,
                failure,
                is_divided,
            });
        }
        tried
    }

    /// Whether an identity that is loaded opens it: without a call, a command or a question.
    pub fn is_at_hand(&self, recipient: &Recipient, settings: &Settings) -> bool {
        self.at_hand(recipient, settings).is_some()
    }
}

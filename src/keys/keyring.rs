//! The keys of one run: one recipient wraps or unwraps, and what it gave is remembered.
//!
//! The surprise: a data key, or a share of one, stays in custody here until the run ends, so that
//! ten files which share a wrapped key, or a file that is read again, cost one call; also when they are
//! opened at the same time, and when it fails.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use super::{Ask, Connections, KeyError, KeyKind, identity, kind};
use crate::deadline::Deadline;
use crate::error::{Code, Error};
use crate::metadata::Recipient;
use crate::secret::Portion;
use crate::settings::Settings;

/// Connections, data keys and shares of one run.
#[derive(Default)]
pub struct Keyring {
    connections: Connections,
    /// By recipient and wrapped text.
    opened: Mutex<BTreeMap<Place, Portion>>,
    /// Wrapped keys under way, and how the last try of each failed.
    tries: Mutex<BTreeMap<Place, Try>>,
}

/// A recipient and what it has wrapped.
type Place = (String, String);

/// Held by whoever tries; those who have waited for it take what came of that.
type Try = Arc<AsyncMutex<Option<KeyError>>>;

impl Keyring {
    /// A key ring that cannot ask anybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// A key ring that asks for passphrases.
    pub fn asking(ask: Arc<dyn Ask>) -> Self {
        Self {
            connections: Connections::asking(ask),
            ..Self::default()
        }
    }

    /// The same, waiting for services and programs no longer than until then.
    #[must_use]
    pub fn until(mut self, deadline: Deadline) -> Self {
        self.connections.deadline = deadline;
        self
    }

    /// Notes that a person or a creation rule names these recipients, not a file alone: programs that it
    /// takes to wrap for them may be started.
    #[cfg_attr(
        not(feature = "age"),
        allow(
            unused_variables,
            clippy::unused_self,
            clippy::needless_pass_by_value,
            reason = "only age has such programs"
        )
    )]
    pub fn vouch_for<'r>(&self, recipients: impl IntoIterator<Item = &'r Recipient>) {
        #[cfg(feature = "age")]
        for recipient in recipients {
            super::age::vouch(&self.connections, recipient);
        }
    }

    /// Whether a recipient takes a program that nobody but the file names.
    #[cfg_attr(
        not(feature = "age"),
        allow(
            unused_variables,
            clippy::unused_self,
            reason = "only age has such programs"
        )
    )]
    pub fn is_unvouched(&self, recipient: &Recipient, settings: &Settings) -> bool {
        #[cfg(feature = "age")]
        return super::age::is_unvouched(&self.connections, recipient, settings);
        #[cfg(not(feature = "age"))]
        false
    }

    /// The kind and the text of `enc`.
    pub(super) async fn wrap(
        &self,
        recipient: &Recipient,
        portion: &Portion,
        settings: &Settings,
    ) -> Result<(&'static KeyKind, String), KeyError> {
        let kind = kind(&recipient.kind).ok_or_else(|| unknown(recipient))?;
        let key = (kind.connect)(recipient, settings, &self.connections).await?;
        Ok((kind, key.wrap(portion).await?))
    }

    /// Unwraps, with whatever that takes.
    pub(super) async fn unwrap(
        &self,
        recipient: &Recipient,
        settings: &Settings,
    ) -> Result<Portion, KeyError> {
        let kind = kind(&recipient.kind).ok_or_else(|| unknown(recipient))?;
        let wrapped = recipient
            .wrapped()
            .filter(|wrapped| !wrapped.trim().is_empty())
            .ok_or_else(|| KeyError::Refused {
                reason: "its entry holds no wrapped data key".to_owned(),
                hint: None,
            })?;
        let under_way = self.under_way(recipient, wrapped);
        let (mut failed, has_waited) = match under_way.try_lock() {
            Ok(failed) => (failed, false),
            Err(_) => (under_way.lock().await, true),
        };
        if let Some(portion) = self.known(recipient) {
            return Ok(portion);
        }
        if let (Some(error), true) = (&*failed, has_waited) {
            return Err(error.clone());
        }
        let unwrapping = async {
            let key = (kind.connect)(recipient, settings, &self.connections).await?;
            key.unwrap(wrapped).await
        };
        let deadline = &self.connections.deadline;
        let unwrapped = deadline.of(unwrapping).await.unwrap_or_else(|_| {
            let reason = format!("has not answered within {}", deadline.words());
            Err(KeyError::Unreachable { reason })
        });
        match unwrapped {
            Ok(portion) => {
                self.remember(recipient, &portion);
                Ok(portion)
            }
            Err(error) => {
                *failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn under_way(&self, recipient: &Recipient, wrapped: &str) -> Try {
        let place = (identity(recipient), wrapped.to_owned());
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tries.entry(place).or_default())
    }

    /// Unwraps if that takes no call, no command and no question.
    pub(super) fn at_hand(&self, recipient: &Recipient, settings: &Settings) -> Option<Portion> {
        let at_hand = kind(&recipient.kind)?.at_hand?;
        let portion = at_hand(recipient, settings, &self.connections)?;
        self.remember(recipient, &portion);
        Some(portion)
    }

    /// What this recipient gave before in this run.
    pub(super) fn known(&self, recipient: &Recipient) -> Option<Portion> {
        let place = (identity(recipient), recipient.wrapped()?.to_owned());
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(&place).map(Portion::duplicate)
    }

    pub(super) fn remember(&self, recipient: &Recipient, portion: &Portion) {
        if let Some(wrapped) = recipient.wrapped() {
            let place = (identity(recipient), wrapped.to_owned());
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.insert(place, portion.duplicate());
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

/// The kinds to try first: what was given, else `SOPS_DECRYPTION_ORDER`, else age and pgp.
pub fn decryption_order(given: Option<&str>, settings: &Settings) -> Result<Vec<String>, Error> {
    let text = given
        .or_else(|| settings.var("SOPS_DECRYPTION_ORDER"))
        .unwrap_or("age,pgp");
    let mut order: Vec<String> = Vec::new();
    for kind in text
        .split(',')
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
    {
        if order.iter().any(|other| other == kind) {
            return Err(Error::new(
                Code::Other(112),
                format!("the decryption order names {kind} twice"),
            )
            .hint("name each kind once: --decryption-order age,kms"));
        }
        order.push(kind.to_owned());
    }
    Ok(order)
}

fn unknown(recipient: &Recipient) -> KeyError {
    KeyError::Refused {
        reason: format!(
            "this build cannot use recipients of kind {}",
            recipient.kind
        ),
        hint: None,
    }
}

#[cfg(test)]
mod tests;

//! The keys of one run: data keys wrapped for all recipients, and unwrapped once.
//!
//! Wrapping is all or nothing; unwrapping stops at the first recipient that answers. The surprise:
//! a data key stays in custody here until the run ends, so that ten files which share a wrapped
//! key, or a file that is read again, cost one call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;

use super::{Ask, Connections, Failure, KeyError, KeyKind, KeysError, identity, kind};
use crate::error::{Code, Error};
use crate::metadata::Recipient;
use crate::secret::DataKey;
use crate::settings::Settings;
use crate::tree::Field;

/// Connections and data keys of one run.
#[derive(Default)]
pub struct Keyring {
    connections: Connections,
    /// By recipient and wrapped text.
    opened: Mutex<BTreeMap<(String, String), Arc<DataKey>>>,
}

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

    /// Unwraps the data key with the first recipient that can: kinds in `order` first, then as
    /// stored.
    pub async fn unwrap_any(
        &self,
        recipients: &[Recipient],
        order: &[String],
        settings: &Settings,
    ) -> Result<DataKey, KeysError> {
        let sorted = in_order(recipients, order);
        if let Some(data_key) = sorted.iter().find_map(|recipient| self.known(recipient)) {
            return Ok(data_key);
        }
        let mut failures = Vec::new();
        for recipient in sorted {
            match self.unwrap(recipient, settings).await {
                Ok(data_key) => return Ok(data_key),
                Err(error) => failures.push(Failure::new(recipient, &error)),
            }
        }
        Err(KeysError::Unwrap(failures))
    }

    /// Wraps the data key for every recipient at once, or changes nothing.
    pub async fn wrap_all(
        &self,
        recipients: &mut [Recipient],
        data_key: &DataKey,
        settings: &Settings,
    ) -> Result<(), KeysError> {
        let total = recipients.len();
        let outcomes = join_all(
            recipients
                .iter()
                .map(|recipient| self.wrap(recipient, data_key, settings)),
        )
        .await;
        let mut wrapped = Vec::with_capacity(total);
        let mut failures = Vec::new();
        for (recipient, outcome) in recipients.iter().zip(outcomes) {
            match outcome {
                Ok(done) => wrapped.push(done),
                Err(error) => failures.push(Failure::new(recipient, &error)),
            }
        }
        if total == 0 || !failures.is_empty() {
            return Err(KeysError::Wrap { failures, total });
        }
        for (recipient, (kind, enc)) in recipients.iter_mut().zip(wrapped) {
            stamp(recipient, kind, enc, settings.now);
            self.remember(recipient, data_key);
        }
        Ok(())
    }

    async fn wrap(
        &self,
        recipient: &Recipient,
        data_key: &DataKey,
        settings: &Settings,
    ) -> Result<(&'static KeyKind, String), KeyError> {
        let kind = kind(&recipient.kind).ok_or_else(|| unknown(recipient))?;
        let key = (kind.connect)(recipient, settings, &self.connections).await?;
        Ok((kind, key.wrap(data_key).await?))
    }

    async fn unwrap(
        &self,
        recipient: &Recipient,
        settings: &Settings,
    ) -> Result<DataKey, KeyError> {
        let kind = kind(&recipient.kind).ok_or_else(|| unknown(recipient))?;
        let wrapped = recipient
            .wrapped()
            .filter(|wrapped| !wrapped.trim().is_empty())
            .ok_or_else(|| KeyError::Refused {
                reason: "its entry holds no wrapped data key".to_owned(),
                hint: None,
            })?;
        let key = (kind.connect)(recipient, settings, &self.connections).await?;
        let data_key = key.unwrap(wrapped).await?;
        self.remember(recipient, &data_key);
        Ok(data_key)
    }

    fn known(&self, recipient: &Recipient) -> Option<DataKey> {
        let place = (identity(recipient), recipient.wrapped()?.to_owned());
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(&place).and_then(|known| copy(known))
    }

    fn remember(&self, recipient: &Recipient, data_key: &DataKey) {
        if let (Some(wrapped), Some(copy)) = (recipient.wrapped(), copy(data_key)) {
            let place = (identity(recipient), wrapped.to_owned());
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.insert(place, Arc::new(copy));
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

/// Wraps the data key for every recipient with connections of its own; see [`Keyring::wrap_all`].
pub async fn wrap_all(
    recipients: &mut [Recipient],
    data_key: &DataKey,
    settings: &Settings,
) -> Result<(), KeysError> {
    Keyring::new()
        .wrap_all(recipients, data_key, settings)
        .await
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

fn unknown(recipient: &Recipient) -> KeyError {
    KeyError::Refused {
        reason: format!(
            "this build cannot use recipients of kind {}",
            recipient.kind
        ),
        hint: None,
    }
}

fn copy(data_key: &DataKey) -> Option<DataKey> {
    DataKey::from_bytes(data_key.expose())
}

#[cfg(test)]
mod tests;

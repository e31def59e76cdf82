//! The wallet guard: the password that opens the node's key ring does not change by accident.
//!
//! Nobody can open the keys in the node's database with another password, so a `wallet_password`
//! that differs from what is in use, or that vanished, is refused. Where nothing can be compared,
//! nothing that receives it is written.

use super::observed::{Content, Observed};
use super::{Fault, TargetError};
use crate::chainlink::{Part, Place, WHOLE, json, keystore_of};
use crate::secret::SecretBytes;

/// What the guard knows about the password of one key ring.
#[derive(Debug)]
pub struct Wallet {
    /// The node whose key ring it opens; empty if there is only one.
    pub node: String,
    /// `wallet_password` as it shall be; `None` if the sealed files have none.
    pub desired: Option<SecretBytes>,
    /// `wallet_password` in the sealed files at HEAD.
    pub previous: Previous,
}

/// A value that was in use before.
#[derive(Debug)]
pub enum Previous {
    /// It was this.
    Value(SecretBytes),
    /// It could be looked up, and there was none.
    Absent,
    /// It could not be looked up; why, in our words.
    Unreadable(String),
}

/// One place where the password was looked for.
pub(crate) struct Evidence<'a> {
    /// The node whose password belongs there.
    pub(crate) node: String,
    /// The place, for a message.
    pub(crate) place: String,
    /// What was found.
    pub(crate) found: Found<'a>,
}

/// What was found there.
pub(crate) enum Found<'a> {
    Value(&'a SecretBytes),
    Taken(SecretBytes),
    Absent,
    Unreadable,
}

impl Found<'_> {
    fn value(&self) -> Option<&SecretBytes> {
        match self {
            Self::Value(value) => Some(value),
            Self::Taken(value) => Some(value),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Looks for the password in an observed object.
pub(crate) fn find<'a>(place: &Place, seen: Option<&'a Observed>) -> Found<'a> {
    match seen.map(|seen| &seen.content) {
        None => Found::Absent,
        Some(Content::Data(items)) => items
            .iter()
            .find(|item| item.key == place.key)
            .map_or(Found::Absent, |item| part(&place.part, &item.value)),
        // It is guarded again when it is restored.
        Some(Content::Hidden(_)) => Found::Unreadable,
        Some(Content::Text { value, .. }) if place.key == WHOLE => part(&place.part, value),
        Some(Content::Text { value, .. }) => match json::read(value) {
            None => Found::Unreadable,
            Some(mut fields) => match (fields.remove(&place.key), &place.part) {
                (None, _) => Found::Absent,
                (Some(field), Part::Whole) => Found::Taken(field),
                (Some(_), _) => Found::Unreadable,
            },
        },
    }
}

/// The part of a value that is the password.
fn part<'a>(part: &Part, value: &'a SecretBytes) -> Found<'a> {
    match part {
        Part::Whole => Found::Value(value),
        Part::Toml => keystore_of(value).map_or(Found::Unreadable, Found::Taken),
        Part::Json(field) => match json::read(value) {
            None => Found::Unreadable,
            Some(mut fields) => fields.remove(field).map_or(Found::Absent, Found::Taken),
        },
        Part::Within => Found::Unreadable,
    }
}

/// Judges the password against all that was found.
pub(crate) fn judge(
    wallet: &Wallet,
    evidence: &[Evidence<'_>],
    is_delivered: bool,
    replace: bool,
) -> Result<(), TargetError> {
    if replace {
        return Ok(());
    }
    let head = match &wallet.previous {
        Previous::Value(value) => Found::Value(value),
        Previous::Absent => Found::Absent,
        Previous::Unreadable(_) => Found::Unreadable,
    };
    let head = Evidence {
        node: wallet.node.clone(),
        place: "the sealed file at HEAD".to_owned(),
        found: head,
    };
    let own = |item: &&Evidence<'_>| item.node == wallet.node;
    let all = || evidence.iter().filter(own).chain([&head]);
    let of = if wallet.node.is_empty() {
        String::new()
    } else {
        format!(" of {}", wallet.node)
    };
    let differing: Vec<&str> = all()
        .filter(|item| match (item.found.value(), &wallet.desired) {
            (Some(found), Some(desired)) => !found.ct_eq(desired),
            (found, _) => found.is_some(),
        })
        .map(|item| item.place.as_str())
        .collect();
    let places = differing.join(", ");
    if !differing.is_empty() {
        let reason = if wallet.desired.is_some() {
            format!("wallet_password{of} differs from {places}")
        } else {
            format!("wallet_password{of} is gone from the sealed file, but is in {places}")
        };
        return Err(TargetError::new(
            Fault::Refused,
            format!("{reason}; the node's key ring would no longer open"),
        )
        .hint(
            "restore the old value; only if the key ring was made anew, add \
             --replace-wallet-password",
        ));
    }
    let is_known = all().any(|item| !matches!(item.found, Found::Unreadable));
    if is_delivered && !is_known {
        let why = match &wallet.previous {
            Previous::Unreadable(why) => format!(" ({why})"),
            _ => String::new(),
        };
        return Err(TargetError::new(
            Fault::Refused,
            format!(
                "no target and no commit tells which wallet_password{of} is in use{why}, so nothing \
                 that receives it is written"
            ),
        )
        .hint("make one of them readable, or add --replace-wallet-password"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    fn judged(desired: Option<&str>, previous: Previous, found: Found<'_>) -> Option<String> {
        let wallet = Wallet {
            node: String::new(),
            desired: desired.map(secret),
            previous,
        };
        let evidence = [Evidence {
            node: String::new(),
            place: "kubernetes dev/default api-secrets".to_owned(),
            found,
        }];
        let first = judge(&wallet, &evidence, desired.is_some(), false);
        assert_eq!(judge(&wallet, &evidence, true, true), Ok(()));
        first.err().map(|error| error.reason)
    }

    #[test]
    fn the_same_password_and_a_first_delivery_pass() {
        let known = || Previous::Value(secret("old"));
        assert_eq!(
            judged(Some("old"), known(), Found::Taken(secret("old"))),
            None
        );
        assert_eq!(judged(Some("old"), known(), Found::Absent), None);
        assert_eq!(judged(Some("old"), Previous::Absent, Found::Absent), None);
        let unknown = Previous::Unreadable("no repository".to_owned());
        assert_eq!(judged(Some("old"), unknown, Found::Absent), None);
        assert_eq!(judged(None, Previous::Absent, Found::Absent), None);
    }

    #[test]
    fn another_password_is_refused_wherever_the_old_one_is() {
        let at_head = judged(
            Some("new"),
            Previous::Value(secret("old")),
            Found::Taken(secret("new")),
        );
        assert!(
            at_head
                .unwrap()
                .contains("differs from the sealed file at HEAD;")
        );
        let in_cluster = judged(Some("new"), Previous::Absent, Found::Taken(secret("old")));
        assert!(
            in_cluster
                .unwrap()
                .contains("kubernetes dev/default api-secrets;")
        );
    }

    #[test]
    fn a_password_that_vanished_is_refused() {
        let gone = judged(None, Previous::Value(secret("old")), Found::Absent);
        assert!(gone.unwrap().contains("is gone"));
    }

    #[test]
    fn if_nothing_can_be_read_nothing_is_delivered() {
        let unknown = || Previous::Unreadable("no repository".to_owned());
        let blind = judged(Some("w"), unknown(), Found::Unreadable).unwrap();
        assert!(blind.contains("(no repository)"), "{blind}");
        assert_eq!(judged(None, unknown(), Found::Unreadable), None);
    }
}

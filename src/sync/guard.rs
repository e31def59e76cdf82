//! The wallet guard: the password that opens the node's key ring does not change by accident.
//!
//! Nobody can open the keys in the node's database with another password, so a `wallet_password`
//! that differs from what is in use, or that vanished, is refused. It fails closed: a place that is
//! to be overwritten and cannot be read is a refusal, whatever other places say; and where nothing
//! can be compared, nothing that receives the password is written.

use super::observed::{Content, Observed};
use super::{Fault, TargetError};
use crate::chainlink::json::{self, Field};
use crate::chainlink::{Desired, Part, Place, Taken, WHOLE, take};
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
pub(crate) struct Evidence {
    /// The node whose password belongs there.
    pub(crate) node: String,
    /// The place, for a message.
    pub(crate) place: String,
    /// What was found.
    pub(crate) found: Taken,
    /// Whether the run writes something else there, or takes it away.
    pub(crate) is_overwritten: bool,
}

/// Looks for the password in an observed object.
pub(crate) fn find(place: &Place, seen: Option<&Observed>) -> Taken {
    match seen.map(|seen| &seen.content) {
        None => Taken::Absent,
        Some(Content::Data(items)) => items
            .iter()
            .find(|item| item.key == place.key)
            .map_or(Taken::Absent, |item| take(&item.value, &place.parts)),
        // It is guarded again when it is restored.
        Some(Content::Hidden(_)) => Taken::Unreadable,
        Some(Content::Text { value, .. }) if place.key == WHOLE => take(value, &place.parts),
        Some(Content::Text { value, .. }) => {
            let mut parts = vec![Part::Json(place.key.clone())];
            parts.extend(place.parts.iter().cloned());
            take(value, &parts)
        }
    }
}

/// Whether a write would put another password into a place, or cannot be known not to.
pub(crate) fn is_replaced(place: &Place, seen: Option<&Observed>, desired: &Desired) -> bool {
    let wanted = desired.entry(&place.key);
    let wanted = wanted.map(|entry| take(&entry.value, &place.parts));
    match (find(place, seen), wanted) {
        (Taken::Absent, _) => false,
        (Taken::Value(found), Some(Taken::Value(wanted))) => !found.ct_eq(&wanted),
        _ => true,
    }
}

/// Whether an object would lose a keystore password, or get another one, under a key that no place
/// is known for: one that comes from elsewhere than a sealed file, or of a node that is gone.
pub(crate) fn is_lost(
    content: &Content,
    goes: impl Fn(&str) -> bool,
    becomes: impl Fn(&str) -> Option<Becoming>,
) -> bool {
    let is_lost = |key: &str, value: &SecretBytes| {
        if goes(key) {
            return keystore(key, value, true).is_some();
        }
        let Some(Becoming {
            value: new,
            by_name,
        }) = becomes(key)
        else {
            return false;
        };
        let now = keystore(key, &new, by_name);
        let before = keystore(key, value, by_name);
        before.is_some_and(|before| now.is_none_or(|now| !now.ct_eq(&before)))
    };
    match content {
        Content::Hidden(_) => false,
        Content::Data(items) => items.iter().any(|item| is_lost(&item.key, &item.value)),
        Content::Text { value, .. } => {
            let object = json::read(value);
            let in_fields = object.is_some_and(|object| {
                object.names().any(|name| match object.field(name) {
                    Field::Text(text) => is_lost(name, text),
                    Field::Absent | Field::Other => false,
                })
            });
            in_fields || is_lost(WHOLE, value)
        }
    }
}

/// What a value becomes.
pub(crate) struct Becoming {
    /// This.
    pub(crate) value: SecretBytes,
    /// Whether the name of its key tells what it is: it may be made of something that has nothing to
    /// do with a key ring.
    pub(crate) by_name: bool,
}

/// The keystore password in a value: by the name of its key, or because it is a node's secrets.
fn keystore(key: &str, value: &SecretBytes, by_name: bool) -> Option<SecretBytes> {
    if by_name && matches!(key, ".password" | "wallet_password") {
        return Some(value.duplicate());
    }
    match take(value, &[Part::Toml]) {
        Taken::Value(keystore) => Some(keystore),
        _ => None,
    }
}

/// Judges the password against all that was found.
pub(crate) fn judge(
    wallet: &Wallet,
    evidence: &[Evidence],
    is_delivered: bool,
    replace: bool,
) -> Result<(), TargetError> {
    if replace {
        return Ok(());
    }
    let head = match &wallet.previous {
        Previous::Value(value) => Taken::Value(value.duplicate()),
        Previous::Absent => Taken::Absent,
        Previous::Unreadable(_) => Taken::Unreadable,
    };
    let head = Evidence {
        node: wallet.node.clone(),
        place: "the sealed file at HEAD".to_owned(),
        found: head,
        is_overwritten: false,
    };
    let own = |item: &&Evidence| item.node == wallet.node;
    let all = || evidence.iter().filter(own).chain([&head]);
    let of = if wallet.node.is_empty() {
        String::new()
    } else {
        format!(" of {}", wallet.node)
    };
    let differing: Vec<&str> = all()
        .filter(|item| match (&item.found, &wallet.desired) {
            (Taken::Value(found), Some(desired)) => !found.ct_eq(desired),
            (found, None) => matches!(found, Taken::Value(_)),
            _ => false,
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
            "restore the old value; only if the key ring was recreated, add \
             --replace-wallet-password",
        ));
    }
    let is_unreadable = |item: &Evidence| matches!(item.found, Taken::Unreadable);
    let blind: Vec<&str> = all()
        .filter(|item| item.is_overwritten && is_unreadable(item))
        .map(|item| item.place.as_str())
        .collect();
    if !blind.is_empty() {
        return Err(TargetError::new(
            Fault::Refused,
            format!(
                "the wallet_password{of} that is in use cannot be read in {}, which would be \
                 overwritten",
                blind.join(", ")
            ),
        )
        .hint(
            "look there which password it is; only if it is the one in the sealed file, add \
             --replace-wallet-password",
        ));
    }
    let is_known = all().any(|item| !is_unreadable(item));
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

    fn judged(desired: Option<&str>, previous: Previous, found: Taken) -> Option<String> {
        let wallet = Wallet {
            node: String::new(),
            desired: desired.map(secret),
            previous,
        };
        let evidence = [Evidence {
            node: String::new(),
            place: "kubernetes dev/default api-secrets".to_owned(),
            found,
            is_overwritten: false,
        }];
        let first = judge(&wallet, &evidence, desired.is_some(), false);
        assert_eq!(judge(&wallet, &evidence, true, true), Ok(()));
        first.err().map(|error| error.reason)
    }

    #[test]
    fn the_same_password_and_a_first_delivery_pass() {
        let known = || Previous::Value(secret("old"));
        assert_eq!(
            judged(Some("old"), known(), Taken::Value(secret("old"))),
            None
        );
        assert_eq!(judged(Some("old"), known(), Taken::Absent), None);
        assert_eq!(judged(Some("old"), Previous::Absent, Taken::Absent), None);
        let unknown = Previous::Unreadable("no repository".to_owned());
        assert_eq!(judged(Some("old"), unknown, Taken::Absent), None);
        assert_eq!(judged(None, Previous::Absent, Taken::Absent), None);
    }

    #[test]
    fn another_password_is_refused_wherever_the_old_one_is() {
        let at_head = judged(
            Some("new"),
            Previous::Value(secret("old")),
            Taken::Value(secret("new")),
        );
        assert!(
            at_head
                .unwrap()
                .contains("differs from the sealed file at HEAD;")
        );
        let in_cluster = judged(Some("new"), Previous::Absent, Taken::Value(secret("old")));
        assert!(
            in_cluster
                .unwrap()
                .contains("kubernetes dev/default api-secrets;")
        );
    }

    #[test]
    fn a_password_that_vanished_is_refused() {
        let gone = judged(None, Previous::Value(secret("old")), Taken::Absent);
        assert!(gone.unwrap().contains("is gone"));
    }

    #[test]
    fn if_nothing_can_be_read_nothing_is_delivered() {
        let unknown = || Previous::Unreadable("no repository".to_owned());
        let blind = judged(Some("w"), unknown(), Taken::Unreadable).unwrap();
        assert!(blind.contains("(no repository)"), "{blind}");
        assert_eq!(judged(None, unknown(), Taken::Unreadable), None);
    }

    #[test]
    fn what_is_overwritten_has_to_be_readable_whatever_other_places_say() {
        let wallet = |desired: Option<&str>| Wallet {
            node: String::new(),
            desired: desired.map(secret),
            previous: Previous::Value(secret("w")),
        };
        let place = |found, is_overwritten| Evidence {
            node: String::new(),
            place: "store o".to_owned(),
            found,
            is_overwritten,
        };
        let known = || place(Taken::Value(secret("w")), true);
        let judge = |evidence: &[Evidence]| judge(&wallet(Some("w")), evidence, true, false);
        let blind = judge(&[known(), place(Taken::Unreadable, true)]).unwrap_err();
        assert!(
            blind.reason.contains("cannot be read in store o,"),
            "{blind}"
        );
        // What is left alone tells nothing.
        assert_eq!(judge(&[known(), place(Taken::Unreadable, false)]), Ok(()));
    }
}

use std::path::PathBuf;

use super::*;
use crate::keys::block_on;
use crate::tree::Fields;

#[cfg(feature = "age")]
const IDENTITY: &str = "AGE-SECRET-KEY-1V74GU4CLWGUFHRRT2P0URMJSKNTFML6SD9CKXZT4M6C95629UG3QV9UXWF";

fn settings(vars: &[(&str, &str)]) -> Settings {
    let vars = vars
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(vars, PathBuf::from("/"), 1_704_153_600)
}

fn pgp() -> Recipient {
    Recipient {
        kind: "pgp".to_owned(),
        fields: Fields::from([("fp", "ABCD"), ("enc", "x")]),
    }
}

#[test]
fn a_kind_that_this_build_does_not_have_is_named() {
    let error = block_on(Keyring::new().unwrap_any(&[pgp()], &[], &settings(&[])))
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.about("a.yaml").to_string(),
        "cannot open a.yaml: its only recipient is not usable\n  \
         ABCD  this build cannot use recipients of kind pgp"
    );
}

#[test]
fn a_file_without_recipients_cannot_be_sealed() {
    let key = DataKey::from_bytes(&[1; 32]).unwrap();
    let error = block_on(wrap_all(&mut [], &key, &settings(&[])))
        .unwrap()
        .unwrap_err();
    assert!(error.about("a").message.ends_with("it has no recipients"));
}

#[test]
fn kinds_of_the_decryption_order_come_first_and_the_rest_as_stored() {
    let entry = |kind: &str, name: &str| Recipient {
        kind: kind.to_owned(),
        fields: Fields::from([("arn", name)]),
    };
    let stored = [
        entry("kms", "1"),
        entry("age", "2"),
        entry("kms", "3"),
        entry("pgp", "4"),
    ];
    let order = decryption_order(None, &settings(&[])).unwrap();
    let names = |order: &[String]| -> Vec<String> {
        in_order(&stored, order)
            .iter()
            .map(|recipient| recipient.fields.text("arn").unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&order), ["2", "4", "1", "3"]);
    let order = decryption_order(Some("kms"), &settings(&[])).unwrap();
    assert_eq!(names(&order), ["1", "3", "2", "4"]);
}

#[test]
fn a_kind_named_twice_in_the_order_is_refused() {
    let vars = settings(&[("SOPS_DECRYPTION_ORDER", "age, kms,age")]);
    let error = decryption_order(None, &vars).unwrap_err();
    assert_eq!(error.code.status(), 112);
}

#[cfg(feature = "age")]
mod with_age {
    use super::*;
    use crate::keys::recipients_from;

    fn recipients(count: usize) -> Vec<Recipient> {
        let public: Vec<String> =
            std::iter::once(IDENTITY.parse::<age::x25519::Identity>().unwrap())
                .chain(std::iter::repeat_with(age::x25519::Identity::generate))
                .take(count)
                .map(|identity| identity.to_public().to_string())
                .collect();
        let kind = kind("age").unwrap();
        recipients_from(kind, &public.join(", ")).unwrap()
    }

    #[test]
    fn a_failed_recipient_leaves_all_of_them_as_they_were() {
        let key = DataKey::from_bytes(&[1; 32]).unwrap();
        let mut all = recipients(1);
        all.push(pgp());
        let before = all.clone();
        let error = block_on(wrap_all(&mut all, &key, &settings(&[])))
            .unwrap()
            .unwrap_err();
        assert_eq!(error.failures().len(), 1);
        assert_eq!(all, before);
    }

    #[test]
    fn any_of_several_recipients_opens() {
        let key = DataKey::from_bytes(&[2; 32]).unwrap();
        let mut all = recipients(3);
        all.reverse();
        block_on(wrap_all(&mut all, &key, &settings(&[])))
            .unwrap()
            .unwrap();
        let vars = settings(&[("SOPS_AGE_KEY", IDENTITY)]);
        let opened = block_on(Keyring::new().unwrap_any(&all, &[], &vars))
            .unwrap()
            .unwrap();
        assert!(opened.ct_eq(&key));
    }

    #[test]
    fn a_wrapped_key_that_was_seen_is_not_opened_again() {
        let key = DataKey::from_bytes(&[3; 32]).unwrap();
        let mut all = recipients(1);
        let ring = Keyring::new();
        block_on(ring.wrap_all(&mut all, &key, &settings(&[])))
            .unwrap()
            .unwrap();
        // No identity is given, so only what is remembered can answer.
        let opened = block_on(ring.unwrap_any(&all, &[], &settings(&[])))
            .unwrap()
            .unwrap();
        assert!(opened.ct_eq(&key));
        assert!(
            block_on(Keyring::new().unwrap_any(&all, &[], &settings(&[])))
                .unwrap()
                .is_err()
        );
    }

    #[test]
    fn an_age_entry_has_two_fields_and_no_date() {
        let key = DataKey::from_bytes(&[4; 32]).unwrap();
        let mut all = recipients(1);
        block_on(wrap_all(&mut all, &key, &settings(&[])))
            .unwrap()
            .unwrap();
        let names: Vec<&str> = all[0]
            .fields
            .0
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["enc", "recipient"]);
    }
}

#[cfg(feature = "aws")]
#[test]
fn a_kms_entry_is_stamped_in_the_order_of_the_reference() {
    let kind = kind("kms").unwrap();
    let text = "arn:aws:kms:eu-west-1:1:key/x+arn:aws:iam::1:role/r";
    let mut recipient = (kind.parse)(text).unwrap();
    let context = crate::tree::Field::Map(Fields::from([("a", "b")]));
    recipient.fields.set("context", context);
    stamp(&mut recipient, kind, "AAA=".to_owned(), 1_704_153_600);
    let names: Vec<&str> = recipient
        .fields
        .0
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["arn", "aws_profile", "context", "created_at", "enc", "role"]
    );
    assert_eq!(
        recipient.fields.text("created_at"),
        Some("2024-01-02T00:00:00Z")
    );
}

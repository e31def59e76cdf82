use std::path::PathBuf;

use super::*;
use crate::keys::{block_on, decryption_order};
use crate::tree::Fields;

fn settings(vars: &[(&str, &str)]) -> Settings {
    let vars = vars
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(vars, PathBuf::from("/"), 1_704_153_600)
}

fn foreign() -> Recipient {
    Recipient {
        kind: "gcp_kms".to_owned(),
        fields: Fields::from([("resource_id", "ABCD"), ("enc", "x")]),
    }
}

fn open(ring: &Keyring, groups: &KeyGroups, vars: &Settings) -> Result<DataKey, KeysError> {
    block_on(ring.unwrap_any(groups, &[], vars)).unwrap()
}

#[test]
fn a_kind_that_this_build_does_not_have_is_named() {
    let groups = KeyGroups::from(vec![foreign()]);
    let error = open(&Keyring::new(), &groups, &settings(&[])).unwrap_err();
    assert_eq!(
        error.about("a.yaml").to_string(),
        "cannot open a.yaml: its only recipient is not usable\n  \
         ABCD  this build cannot use recipients of kind gcp_kms"
    );
}

#[test]
fn more_groups_than_there_are_cannot_be_opened() {
    let groups = KeyGroups::new(vec![vec![foreign()], vec![foreign()]], 3);
    let error = open(&Keyring::new(), &groups, &settings(&[])).unwrap_err();
    assert_eq!(
        error.about("a.yaml").to_string(),
        "cannot open a.yaml: it has 2 key groups, and its shamir_threshold asks for 3\n\
         hint: git log -p -- a.yaml    # find the last commit that is sound"
    );
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

#[cfg(feature = "age")]
mod with_age {
    use age::secrecy::ExposeSecret;
    use age::x25519::Identity;

    use super::*;

    fn key() -> DataKey {
        DataKey::from_bytes(&[3; 32]).unwrap()
    }

    /// Identities, and a key sealed to one group for each list of them.
    fn sealed(shape: &[usize], threshold: i64) -> (Vec<Vec<Identity>>, KeyGroups) {
        let identities: Vec<Vec<Identity>> = shape
            .iter()
            .map(|count| {
                std::iter::repeat_with(Identity::generate)
                    .take(*count)
                    .collect()
            })
            .collect();
        let parse = kind("age").unwrap().parse;
        let group = |identities: &Vec<Identity>| {
            let public = identities.iter().map(|one| one.to_public().to_string());
            public.map(|public| parse(&public).unwrap()).collect()
        };
        let mut groups = KeyGroups::new(identities.iter().map(group).collect(), threshold);
        block_on(Keyring::new().wrap_all(&mut groups, &key(), &settings(&[])))
            .unwrap()
            .unwrap();
        (identities, groups)
    }

    fn holding(identities: &[&Identity]) -> Settings {
        let texts = identities
            .iter()
            .map(|one| one.to_string().expose_secret().to_owned());
        let text = texts.collect::<Vec<_>>().join("\n");
        settings(&[("SOPS_AGE_KEY", text.as_str())])
    }

    #[test]
    fn any_of_several_recipients_opens() {
        let (identities, groups) = sealed(&[3], 0);
        for identity in &identities[0] {
            let opened = open(&Keyring::new(), &groups, &holding(&[identity])).unwrap();
            assert!(opened.ct_eq(&key()));
        }
    }

    #[test]
    fn any_member_of_as_many_groups_as_are_needed_opens() {
        let (identities, groups) = sealed(&[1, 2, 1], 2);
        for (held, opens) in [
            (vec![&identities[0][0], &identities[1][0]], true),
            (vec![&identities[1][1], &identities[2][0]], true),
            (vec![&identities[2][0], &identities[0][0]], true),
            (vec![&identities[1][0], &identities[1][1]], false),
            (vec![&identities[0][0]], false),
            (vec![], false),
        ] {
            match open(&Keyring::new(), &groups, &holding(&held)) {
                Ok(opened) => assert!(opens && opened.ct_eq(&key())),
                Err(KeysError::Groups { needed: 2, reports }) => {
                    assert!(!opens);
                    let opened = reports.iter().filter(|one| one.opened_by.is_some());
                    assert_eq!((reports.len(), opened.count()), (3, held.len().min(1)));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn all_shares_that_are_at_hand_are_used() {
        let (identities, groups) = sealed(&[1, 1, 1], 3);
        let all: Vec<&Identity> = identities.iter().flatten().collect();
        // A threshold that was lowered, or lost, since: what is there still makes the key.
        for threshold in [2, 1, -5] {
            let lowered = groups.clone().with_threshold(threshold);
            let opened = open(&Keyring::new(), &lowered, &holding(&all)).unwrap();
            assert!(opened.ct_eq(&key()));
            let two = holding(&all[..2]);
            if let Ok(other) = open(&Keyring::new(), &lowered, &two) {
                assert!(!other.ct_eq(&key()));
            }
        }
        let lowered = groups.clone().with_threshold(1);
        let alone = open(&Keyring::new(), &lowered, &holding(&all[..1]));
        assert!(matches!(alone, Err(KeysError::Groups { needed: 2, .. })));
    }

    #[test]
    fn a_share_that_stands_in_two_groups_is_refused() {
        let (identities, mut groups) = sealed(&[1, 1, 1], 2);
        let copy = groups.groups()[0].clone();
        groups.groups_mut()[1] = copy;
        let all: Vec<&Identity> = identities.iter().flatten().collect();
        let error = open(&Keyring::new(), &groups, &holding(&all)).unwrap_err();
        assert_eq!(error, KeysError::Shares(shamir::SharesError::Twice));
        let message = error.about("a").message;
        assert_eq!(
            message,
            "cannot open a: two of its key groups hold the same share"
        );
    }

    #[test]
    fn a_data_key_is_no_share_and_a_share_no_data_key() {
        let (identities, mut groups) = sealed(&[1, 1], 2);
        let all: Vec<&Identity> = identities.iter().flatten().collect();
        let share = groups.groups()[0].recipients.clone();
        let error = open(&Keyring::new(), &KeyGroups::from(share), &holding(&all)).unwrap_err();
        assert_eq!(error.failures()[0].reason, "answered without a data key");

        let (whole, flat) = sealed(&[1], 0);
        groups.groups_mut()[1] = flat.groups()[0].clone();
        let all = [&identities[0][0], &whole[0][0]];
        let error = open(&Keyring::new(), &groups, &holding(&all)).unwrap_err();
        let reason = "answered without a share of the data key";
        assert_eq!(error.failures()[0].reason, reason);
    }

    #[test]
    fn what_was_seen_is_not_opened_again() {
        let parse = kind("age").unwrap().parse;
        let recipient = || parse(&Identity::generate().to_public().to_string()).unwrap();
        for groups in [
            vec![vec![recipient()]],
            vec![vec![recipient()], vec![recipient()]],
        ] {
            let mut groups = KeyGroups::new(groups, 0);
            let ring = Keyring::new();
            block_on(ring.wrap_all(&mut groups, &key(), &settings(&[])))
                .unwrap()
                .unwrap();
            // No identity is given, so only what is remembered can answer.
            let opened = open(&ring, &groups, &settings(&[])).unwrap();
            assert!(opened.ct_eq(&key()));
            assert!(open(&Keyring::new(), &groups, &settings(&[])).is_err());
        }
    }
}

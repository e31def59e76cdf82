use std::path::PathBuf;

use super::*;
use crate::keys::block_on;
use crate::tree::Fields;

fn settings() -> Settings {
    Settings::new(std::iter::empty(), PathBuf::from("/"), 1_704_153_600)
}

fn seal(key_groups: &mut KeyGroups) -> Result<(), KeysError> {
    let key = DataKey::from_bytes(&[1; 32]).unwrap();
    block_on(Keyring::new().wrap_all(key_groups, &key, &settings())).unwrap()
}

fn foreign() -> Recipient {
    Recipient {
        kind: "gcp_kms".to_owned(),
        fields: Fields::from([("resource_id", "ABCD")]),
    }
}

#[test]
fn a_file_without_recipients_cannot_be_sealed() {
    for mut nobody in [KeyGroups::default(), KeyGroups::from(Vec::new())] {
        let error = seal(&mut nobody).unwrap_err();
        assert!(error.about("a").message.ends_with("it has no recipients"));
    }
    let mut half = KeyGroups::new(vec![vec![foreign()], vec![]], 2);
    let error = seal(&mut half).unwrap_err().about("a");
    assert_eq!(
        error.message,
        "cannot seal a: key group 2 has no recipients"
    );
}

#[test]
fn a_threshold_that_no_sharing_has_is_refused_before_anything_is_wrapped() {
    for threshold in [-1, 1, 3] {
        let mut groups = KeyGroups::new(vec![vec![foreign()], vec![foreign()]], threshold);
        assert!(matches!(
            seal(&mut groups),
            Err(KeysError::Unshareable { groups: 2, .. })
        ));
    }
    // One group shares nothing, whatever the threshold is.
    let mut one = KeyGroups::new(vec![vec![foreign()]], 5);
    assert!(matches!(seal(&mut one), Err(KeysError::Wrap { .. })));
}

#[test]
fn a_failure_names_its_group_where_there_are_several() {
    let mut groups = KeyGroups::new(vec![vec![foreign()], vec![foreign()]], 2);
    assert_eq!(
        seal(&mut groups).unwrap_err().about("a.yaml").to_string(),
        "cannot seal a.yaml: 2 of its 2 recipients are not usable\n  \
         group 1  ABCD  this build cannot use recipients of kind gcp_kms\n  \
         group 2  ABCD  this build cannot use recipients of kind gcp_kms"
    );
}

#[cfg(feature = "age")]
mod with_age {
    use super::*;
    use crate::keys::kind;

    fn recipient() -> Recipient {
        let public = age::x25519::Identity::generate().to_public().to_string();
        (kind("age").unwrap().parse)(&public).unwrap()
    }

    #[test]
    fn a_failed_recipient_leaves_all_of_them_as_they_were() {
        for groups in [
            vec![vec![recipient(), foreign()]],
            vec![vec![recipient()], vec![recipient(), foreign()]],
        ] {
            let mut groups = KeyGroups::new(groups, 0);
            let before = groups.clone();
            assert_eq!(seal(&mut groups).unwrap_err().failures().len(), 1);
            assert_eq!(groups, before);
        }
    }

    #[test]
    fn an_age_entry_has_two_fields_and_no_date() {
        let mut all = KeyGroups::from(vec![recipient()]);
        seal(&mut all).unwrap();
        let recipient = all.recipients().next().unwrap();
        let names = recipient.fields.0.iter().map(|(name, _)| name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["enc", "recipient"]);
    }
}

#[cfg(feature = "aws")]
#[test]
fn a_kms_entry_is_stamped_in_the_order_of_the_reference() {
    let kind = crate::keys::kind("kms").unwrap();
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

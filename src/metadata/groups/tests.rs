use super::*;
use crate::metadata::{Metadata, Rule};

fn entry(public: &str) -> Field {
    Field::Map(Fields::from([("recipient", public), ("enc", "wrapped")]))
}

fn list(entries: &[Field]) -> Field {
    Field::List(entries.to_vec())
}

fn map(pairs: &[(&str, Field)]) -> Field {
    let pairs = pairs
        .iter()
        .map(|(name, field)| ((*name).to_owned(), field.clone()));
    Field::Map(Fields(pairs.collect()))
}

fn branch(extra: &[(&str, Field)]) -> Fields {
    let mut fields = Fields::from([
        ("lastmodified", "2026-01-31T12:00:00Z"),
        ("mac", "ENC[x]"),
        ("version", "3.13.3"),
    ]);
    for (name, field) in extra {
        fields.set(name, field.clone());
    }
    fields
}

fn recipient(public: &str) -> Recipient {
    Recipient {
        kind: "age".to_owned(),
        fields: Fields::from([("recipient", public), ("enc", "wrapped")]),
    }
}

/// The recipients of each group.
fn members(groups: &KeyGroups) -> Vec<Vec<&str>> {
    groups
        .groups()
        .iter()
        .map(|group| {
            let names = group.recipients.iter();
            names
                .map(|one| one.fields.text("recipient").unwrap())
                .collect()
        })
        .collect()
}

#[test]
fn groups_count_where_no_flat_list_has_an_entry() {
    let two = list(&[
        map(&[("age", list(&[entry("a")]))]),
        map(&[("AGE", entry("b"))]),
    ]);
    let grouped = branch(&[
        ("Key_Groups", two.clone()),
        ("age", list(&[])),
        ("shamir_threshold", Field::Text("2".into())),
    ]);
    let groups = KeyGroups::parse(&grouped).unwrap();
    assert_eq!(members(&groups), [vec!["a"], vec!["b"]]);
    assert!(groups.are_shared());
    assert_eq!(groups.threshold(), 2);

    let flat = branch(&[("key_groups", two), ("age", list(&[entry("c")]))]);
    let groups = KeyGroups::parse(&flat).unwrap();
    assert_eq!(members(&groups), [vec!["c"]]);
    assert!(!groups.are_shared());
}

#[test]
fn one_group_is_as_good_as_a_flat_list_and_an_empty_one_is_a_group() {
    let one = branch(&[("key_groups", map(&[("age", list(&[entry("a")]))]))]);
    assert!(!KeyGroups::parse(&one).unwrap().are_shared());
    let with_empty = list(&[Field::Null, map(&[("age", list(&[entry("a")]))])]);
    let groups = KeyGroups::parse(&branch(&[("key_groups", with_empty)])).unwrap();
    assert_eq!(members(&groups), [vec![], vec!["a"]]);
    let nobody = branch(&[("key_groups", list(&[map(&[]), Field::Null]))]);
    assert!(matches!(
        Metadata::parse(nobody),
        Err(MetadataError::NoRecipients)
    ));
}

#[test]
fn what_is_no_group_is_refused() {
    for (name, field) in [
        ("key_groups", Field::Text("x".into())),
        ("key_groups", list(&[Field::Int(1)])),
        (
            "key_groups",
            list(&[map(&[("age", Field::Text("x".into()))])]),
        ),
        ("shamir_threshold", Field::Text("two".into())),
    ] {
        assert!(KeyGroups::parse(&branch(&[(name, field)])).is_err());
    }
}

#[test]
fn groups_are_written_as_the_reference_writes_them() {
    let groups = KeyGroups::new(vec![vec![recipient("a")], vec![recipient("b")]], 0);
    let metadata = Metadata::new(groups, Rule::default(), false);
    let fields = metadata.render();
    let group = |public: &str| {
        let entry = Field::Map(Fields::from([("enc", "wrapped"), ("recipient", public)]));
        map(&[("age", list(&[entry])), ("hc_vault", list(&[]))])
    };
    assert_eq!(
        fields.get("key_groups"),
        Some(&list(&[group("a"), group("b")]))
    );
    assert_eq!(fields.get("shamir_threshold"), Some(&Field::Int(2)));
    assert_eq!(fields.get("age"), None);
}

#[test]
fn a_single_group_is_written_flat_with_its_threshold() {
    let groups = KeyGroups::new(vec![vec![recipient("a")]], 5);
    let fields = Metadata::new(groups, Rule::default(), false).render();
    assert!(fields.get("age").is_some());
    assert_eq!(fields.get("key_groups"), None);
    assert_eq!(fields.get("shamir_threshold"), Some(&Field::Int(5)));
    let groups = KeyGroups::from(vec![recipient("a")]);
    let fields = Metadata::new(groups, Rule::default(), false).render();
    assert_eq!(fields.get("shamir_threshold"), None);
}

#[test]
fn what_nobody_knows_survives_in_its_group() {
    let quantum = list(&[map(&[("enc", Field::Text("q".into()))])]);
    let odd = map(&[
        ("age", list(&[entry("a")])),
        ("note", Field::Text("ours".into())),
        ("quantum", quantum.clone()),
    ]);
    let other = map(&[("age", list(&[entry("b")]))]);
    let fields = branch(&[
        ("key_groups", list(&[odd.clone(), other])),
        ("shamir_threshold", Field::Int(2)),
    ]);
    let metadata = Metadata::parse(fields).unwrap();
    assert_eq!(metadata.key_groups.recipients().count(), 3);
    let written = metadata.render();
    let Some(Field::List(groups)) = written.get("key_groups") else {
        panic!("no groups");
    };
    let Field::Map(first) = &groups[0] else {
        panic!("no map");
    };
    assert_eq!(first.text("note"), Some("ours"));
    assert_eq!(first.get("quantum"), Some(&quantum));
    let names: Vec<&str> = first.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["age", "hc_vault", "note", "quantum"]);

    // Alone it is written flat, with all that it said.
    let alone = Metadata::parse(branch(&[("key_groups", list(&[odd]))])).unwrap();
    let written = alone.render();
    assert_eq!(written.text("note"), Some("ours"));
    assert_eq!(written.get("quantum"), Some(&quantum));
    assert_eq!(written.get("key_groups"), None);
}

use zeroize::Zeroizing;

use super::*;
use crate::format::Format;
use crate::format::json::Json;

fn tree(text: &str) -> Tree {
    Json.parse(Zeroizing::new(text.as_bytes().to_vec()))
        .unwrap()
        .tree
}

/// Merges, and says whether the result holds this; answers with the conflicts.
#[track_caller]
fn merged(base: &str, ours: &str, theirs: &str, expected: &str) -> Vec<String> {
    let wanted = merge(Some(&tree(base)), &tree(ours), &tree(theirs));
    assert!(
        holds(&tree(expected), &wanted.documents, &Json),
        "not {expected}"
    );
    let named = wanted.conflicts.iter().map(ToString::to_string);
    named.collect()
}

#[test]
fn each_side_gives_what_it_has_changed() {
    for (ours, theirs, expected) in [
        (
            r#"{"a":2,"b":{"c":1}}"#,
            r#"{"a":1,"b":{"c":2}}"#,
            r#"{"a":2,"b":{"c":2}}"#,
        ),
        (
            r#"{"b":{"c":1}}"#,
            r#"{"a":1,"b":{"c":1,"d":4}}"#,
            r#"{"b":{"c":1,"d":4}}"#,
        ),
        (
            r#"{"a":3,"b":{"c":1}}"#,
            r#"{"b":{"c":1},"a":3}"#,
            r#"{"a":3,"b":{"c":1}}"#,
        ),
        (
            r#"{"a":1,"b":{"c":1,"x":1}}"#,
            r#"{"a":1,"b":{"c":1,"y":2}}"#,
            r#"{"a":1,"b":{"c":1,"x":1,"y":2}}"#,
        ),
        (r#"{"a":1}"#, r#"{"a":1,"b":{"c":1}}"#, r#"{"a":1}"#),
    ] {
        assert_eq!(
            merged(r#"{"a":1,"b":{"c":1}}"#, ours, theirs, expected),
            [""; 0],
            "{ours} {theirs}"
        );
    }
}

#[test]
fn a_conflict_is_named_by_its_path_and_ours_stays() {
    let base = r#"{"a":{"b":1},"c":1,"l":[1]}"#;
    for (ours, theirs, conflict) in [
        (
            r#"{"a":{"b":2},"c":1,"l":[1]}"#,
            r#"{"a":{"b":3},"c":1,"l":[1]}"#,
            "[\"a\"][\"b\"] was changed on both sides",
        ),
        (
            r#"{"a":{"b":1},"l":[1]}"#,
            r#"{"a":{"b":1},"c":2,"l":[1]}"#,
            "[\"c\"] was removed here and changed there",
        ),
        (
            r#"{"a":{"b":1},"c":2,"l":[1]}"#,
            r#"{"a":{"b":1},"l":[1]}"#,
            "[\"c\"] was changed here and removed there",
        ),
        (
            r#"{"a":{"b":1},"c":1,"l":[1],"n":1}"#,
            r#"{"a":{"b":1},"c":1,"l":[1],"n":2}"#,
            "[\"n\"] was added on both sides, with other values",
        ),
        (
            r#"{"a":{"b":1},"c":1,"l":[1,2]}"#,
            r#"{"a":{"b":1},"c":1,"l":[1,3]}"#,
            "[\"l\"] was changed on both sides",
        ),
        (
            r#"{"a":{"b":1},"c":1,"l":[2]}"#,
            r#"{"a":{"b":1},"c":1,"l":[3]}"#,
            "[\"l\"][0] was changed on both sides",
        ),
        (
            r#"{"a":{"b":1,"b":2},"c":1,"l":[1]}"#,
            r#"{"a":{"b":3},"c":1,"l":[1]}"#,
            "[\"a\"] holds a key more than once",
        ),
    ] {
        assert_eq!(merged(base, ours, theirs, ours), [conflict]);
    }
}

#[test]
fn lists_that_were_changed_at_different_places_are_merged() {
    for (base, ours, theirs, expected) in [
        ("[1,2,3]", "[0,1,2,3]", "[1,2,4]", "[0,1,2,4]"),
        ("[1,2,3]", "[1,2,3,4]", "[2,3]", "[2,3,4]"),
        ("[1,2,3]", "[9,2,3]", "[1,2,8]", "[9,2,8]"),
    ] {
        let list = |items: &str| format!("{{\"l\":{items}}}");
        assert_eq!(
            merged(&list(base), &list(ours), &list(theirs), &list(expected)),
            [""; 0]
        );
    }
}

#[test]
fn without_an_ancestor_everything_was_added() {
    let wanted = merge(None, &tree(r#"{"a":1,"b":2}"#), &tree(r#"{"b":3,"c":4}"#));
    assert!(holds(
        &tree(r#"{"a":1,"b":2,"c":4}"#),
        &wanted.documents,
        &Json
    ));
    assert_eq!(wanted.conflicts.len(), 1);
}

#[test]
fn steps_lead_from_one_tree_to_the_other() {
    let from = tree(r#"{"a":1,"b":{"c":1,"d":2},"l":[1,2]}"#);
    let to = tree(r#"{"a":1,"b":{"c":3},"l":[1,5],"n":{"x":1}}"#);
    let shown: Vec<String> = steps(&from, &to.documents)
        .unwrap()
        .iter()
        .map(|step| match step {
            Step::Put(path, _) => format!("+{path}"),
            Step::Remove(path) => format!("-{path}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "-[\"b\"][\"d\"]",
            "+[\"b\"][\"c\"]",
            "+[\"l\"][1]",
            "+[\"n\"]"
        ]
    );
}

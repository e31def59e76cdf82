use super::super::observed::Item;
use super::*;
use crate::chainlink::Entry;
use crate::secret::SecretBytes;

const ADOPT: Allowed = Allowed {
    adopt: true,
    replace: false,
    prune: false,
    rollback: false,
    settings: false,
};
const PRUNE: Allowed = Allowed {
    adopt: false,
    replace: false,
    prune: true,
    rollback: false,
    settings: false,
};

fn secret(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

fn desired(form: Form, pairs: &[(&str, &str)]) -> Desired {
    let entries = pairs.iter();
    Desired::new(
        "o",
        form,
        entries
            .map(|(key, value)| Entry::of(key, &secret(value), "k"))
            .collect(),
    )
}

fn data(items: &[(&str, &str, Writer)]) -> Observed {
    let items = items.iter().map(|(key, value, writer)| Item {
        key: (*key).to_owned(),
        value: secret(value),
        writer: writer.clone(),
    });
    Observed::new(Content::Data(items.collect()), "1")
}

fn text(value: &str, writer: Writer) -> Observed {
    let value = secret(value);
    let mut seen = Observed::new(Content::Text { value, writer }, "1");
    seen.own = OwnFields::All;
    seen
}

#[test]
fn an_absent_object_is_created() {
    let judged = verdict(
        &desired(Form::Data, &[("a", "1")]),
        None,
        Allowed::default(),
    );
    assert_eq!(judged.verdict, Verdict::Create);
    assert_eq!(judged.changes.added, ["a"]);
}

#[test]
fn equal_bytes_are_in_sync_whoever_wrote_them() {
    for writer in [Writer::us(), Writer::other("Helm"), Writer::default()] {
        let seen = data(&[("a", "1", writer)]);
        let judged = verdict(
            &desired(Form::Data, &[("a", "1")]),
            Some(&seen),
            Allowed::default(),
        );
        assert_eq!(judged.verdict, Verdict::InSync);
    }
}

#[test]
fn our_own_other_bytes_are_updated_and_only_they_are_named() {
    let seen = data(&[("a", "1", Writer::us()), ("b", "2", Writer::us())]);
    let want = desired(Form::Data, &[("a", "1"), ("b", "3"), ("c", "4")]);
    let judged = verdict(&want, Some(&seen), Allowed::default());
    assert_eq!(judged.verdict, Verdict::Update);
    assert_eq!(judged.changes.added, ["c"]);
    assert_eq!(judged.changes.changed, ["b"]);
}

#[test]
fn other_bytes_of_another_writer_are_refused_until_adopted() {
    let shared = Writer {
        is_us: true,
        others: vec!["Helm".to_owned()],
        ..Writer::default()
    };
    for writer in [Writer::other("Helm"), shared] {
        let seen = data(&[("a", "1", writer)]);
        let want = desired(Form::Data, &[("a", "2")]);
        let judged = verdict(&want, Some(&seen), Allowed::default());
        let refusal = judged.verdict.refusal("o").unwrap();
        assert_eq!(refusal.reason, "a differs and was written last by Helm");
        assert!(refusal.hint.unwrap().ends_with("--adopt o"));
        let judged = verdict(&want, Some(&seen), ADOPT);
        assert_eq!(
            judged.verdict,
            Verdict::Adopt {
                from: vec!["Helm".to_owned()]
            }
        );
    }
    let seen = data(&[("a", "1", Writer::default())]);
    let judged = verdict(
        &desired(Form::Data, &[("a", "2")]),
        Some(&seen),
        Allowed::default(),
    );
    assert!(judged.verdict.refusal("o").is_some());
}

#[test]
fn keys_that_are_not_desired_stay_and_are_named_by_whose_they_are() {
    let seen = data(&[
        ("a", "1", Writer::us()),
        ("old", "2", Writer::us()),
        ("theirs", "3", Writer::other("kubectl")),
    ]);
    let judged = verdict(
        &desired(Form::Data, &[("a", "1")]),
        Some(&seen),
        Allowed::default(),
    );
    assert_eq!(judged.verdict, Verdict::InSync);
    assert_eq!(judged.changes.kept, ["old"]);
    assert_eq!(judged.changes.foreign, ["theirs"]);
}

#[test]
fn a_json_text_is_compared_by_field_and_not_by_spelling() {
    let want = desired(Form::Json, &[("a", "x&y"), ("b", "2")]);
    let other = Writer::other("Terraform");
    let seen = text("{ \"b\": \"2\", \"a\": \"x\\u0026y\" }", other.clone());
    assert_eq!(
        verdict(&want, Some(&seen), Allowed::default()).verdict,
        Verdict::InSync
    );

    let seen = text(r#"{"a":"x&y","c":"3"}"#, Writer::us());
    let judged = verdict(&want, Some(&seen), Allowed::default());
    assert_eq!(judged.verdict, Verdict::Update);
    assert_eq!(
        (judged.changes.added, judged.changes.kept),
        (vec!["b".to_owned()], vec!["c".to_owned()])
    );

    // A field more in a text of others is a change of their text.
    let seen = text(r#"{"a":"x&y"}"#, other);
    assert!(
        verdict(&want, Some(&seen), Allowed::default())
            .verdict
            .refusal("o")
            .is_some()
    );
}

#[test]
fn a_blocked_object_is_refused_only_if_it_would_be_written() {
    let mut seen = data(&[("a", "1", Writer::us())]);
    let why = TargetError::new(Fault::Refused, "it is immutable");
    seen.blocked = Some(Blocked::Fixed(why));
    let same = verdict(&desired(Form::Data, &[("a", "1")]), Some(&seen), ADOPT);
    assert_eq!(same.verdict, Verdict::InSync);
    let other = verdict(&desired(Form::Data, &[("a", "2")]), Some(&seen), ADOPT);
    assert!(matches!(other.verdict, Verdict::Refuse(_)));
}

#[test]
fn what_cannot_be_changed_is_replaced_only_if_told_and_never_with_keys_of_others() {
    let replace = Allowed {
        replace: true,
        ..Allowed::default()
    };
    let want = desired(Form::Data, &[("a", "2")]);
    let mut seen = data(&[("a", "1", Writer::us())]);
    let why = TargetError::new(Fault::Refused, "it is immutable");
    seen.blocked = Some(Blocked::Fixed(why.clone()));
    assert_eq!(
        verdict(&want, Some(&seen), replace).verdict,
        Verdict::Replace
    );

    let mut seen = data(&[("a", "1", Writer::us()), ("b", "2", Writer::other("x"))]);
    seen.blocked = Some(Blocked::Fixed(why));
    let judged = verdict(&want, Some(&seen), replace).verdict;
    assert!(matches!(judged, Verdict::Refuse(_)));
    let both = Allowed {
        adopt: true,
        ..replace
    };
    assert_eq!(verdict(&want, Some(&seen), both).verdict, Verdict::Replace);
}

#[test]
fn pruning_removes_what_is_ours_alone_and_nothing_else() {
    let shared = Writer {
        is_us: true,
        others: vec!["Helm".to_owned()],
        ..Writer::default()
    };
    let seen = data(&[
        ("a", "1", Writer::us()),
        ("old", "2", Writer::us()),
        ("shared", "2", shared),
        ("theirs", "3", Writer::other("kubectl")),
    ]);
    let judged = verdict(&desired(Form::Data, &[("a", "1")]), Some(&seen), PRUNE);
    assert_eq!(judged.verdict, Verdict::Update);
    assert_eq!(judged.changes.removed, ["old"]);
    assert_eq!(judged.changes.kept, ["shared"]);
    assert_eq!(judged.changes.foreign, ["theirs"]);
}

#[test]
fn of_a_text_only_fields_that_were_noted_as_ours_are_pruned() {
    let want = desired(Form::Json, &[("tiingo_api_key", "1")]);
    let all = r#"{"tiingo_api_key":"1","bea_api_key":"2","theirs":3,"twice":"4","twice":"5"}"#;
    let mut seen = text(all, Writer::us());
    seen.own = OwnFields::Noted(vec![true, true, false, true, true]);
    let judged = verdict(&want, Some(&seen), PRUNE);
    assert_eq!(judged.changes.removed, ["bea_api_key"]);
    assert_eq!(judged.changes.foreign, ["theirs", "twice", "twice"]);
    let judged = verdict(&want, Some(&seen), Allowed::default());
    assert_eq!(judged.verdict, Verdict::InSync);
    assert_eq!(judged.changes.kept, ["bea_api_key"]);
    // What is not noted is nobody's that we know, whatever it is called.
    seen.own = OwnFields::Unknown;
    let judged = verdict(&want, Some(&seen), PRUNE);
    assert_eq!(judged.verdict, Verdict::InSync);
    assert_eq!(judged.changes.foreign.len(), 4);
    let judged = verdict(&want, Some(&text(all, Writer::other("x"))), PRUNE);
    assert_eq!(judged.verdict, Verdict::InSync);
}

#[test]
fn a_field_of_another_type_is_no_reason_to_lose_the_others() {
    let want = desired(Form::Json, &[("password", "new")]);
    let theirs = r#"{"username":"u","engine":"postgres","port":5432,"password":"old"}"#;
    let seen = text(theirs, Writer::other("RDS"));
    let judged = verdict(&want, Some(&seen), Allowed::default());
    let refusal = judged.verdict.refusal("o").unwrap();
    assert!(!refusal.hint.unwrap().contains("delete"));
    let judged = verdict(&want, Some(&seen), ADOPT);
    assert_eq!(judged.changes.changed, ["password"]);
    assert_eq!(judged.changes.foreign, ["username", "engine", "port"]);
    assert!(judged.changes.removed.is_empty());
}

#[test]
fn what_would_go_with_a_text_is_named_and_what_cannot_be_read_is_refused() {
    let want = desired(Form::Json, &[("a", "1")]);
    let other = || Writer::other("x");
    let judged = verdict(&want, Some(&text("theirs", other())), Allowed::default());
    let hint = judged.verdict.refusal("o").unwrap().hint.unwrap();
    assert!(hint.contains("would delete (the whole text"), "{hint}");
    let judged = verdict(&want, Some(&text("theirs", other())), ADOPT);
    assert_eq!(judged.changes.removed, [WHOLE_TEXT]);
    for unfit in [r#"{"a":1e999}"#, r#"{"a""#, r#"{"a":"2","a":"1"}"#] {
        for writer in [Writer::us(), other()] {
            let judged = verdict(&want, Some(&text(unfit, writer)), ADOPT);
            assert!(matches!(judged.verdict, Verdict::Refuse(_)), "{unfit}");
        }
    }
    let whole = desired(Form::Text, &[("value", "postgres://h")]);
    let judged = verdict(&whole, Some(&text(r#"{"u":"1","p":2}"#, other())), ADOPT);
    assert_eq!(judged.changes.removed, ["u", "p"]);
}

#[test]
fn of_a_text_of_several_owners_only_our_fields_go() {
    let mut seen = text(r#"{"a":"1","b":2}"#, Writer::us());
    let judge = |seen: &Observed, allowed| leftover("o", seen, allowed);
    assert_eq!(judge(&seen, PRUNE).unwrap().verdict, Verdict::Remove);
    seen.own = OwnFields::Noted(vec![true, false]);
    let judged = judge(&seen, PRUNE).unwrap();
    assert_eq!(judged.verdict, Verdict::Update);
    assert_eq!(judged.changes.removed, ["a"]);
    let judged = judge(&seen, Allowed::default()).unwrap();
    assert_eq!(
        (judged.verdict, judged.changes.kept),
        (Verdict::Keep, vec!["a".to_owned()])
    );
    seen.own = OwnFields::Noted(vec![false, false]);
    assert_eq!(judge(&seen, PRUNE), None);
    seen.own = OwnFields::Unknown;
    assert!(matches!(
        judge(&seen, PRUNE).unwrap().verdict,
        Verdict::Refuse(_)
    ));
}

#[test]
fn an_object_that_is_no_longer_desired_goes_only_if_it_is_ours_and_told() {
    let judge = |seen: &Observed, allowed| leftover("o", seen, allowed).map(|j| j.verdict);
    let ours = data(&[("a", "1", Writer::us())]);
    assert_eq!(judge(&ours, Allowed::default()), Some(Verdict::Keep));
    assert_eq!(judge(&ours, PRUNE), Some(Verdict::Remove));
    let theirs = data(&[("a", "1", Writer::other("Helm"))]);
    assert_eq!(judge(&theirs, PRUNE), None);
    // Of an object of several writers only our keys go.
    let mixed = data(&[("a", "1", Writer::us()), ("b", "1", Writer::other("Helm"))]);
    assert_eq!(judge(&mixed, PRUNE), Some(Verdict::Update));
    assert_eq!(
        judge(&text("x", Writer::us()), PRUNE),
        Some(Verdict::Remove)
    );
    assert_eq!(judge(&text("x", Writer::other("x")), PRUNE), None);
    let gone = Observed::new(Content::Hidden(Writer::us()), "1");
    assert_eq!(judge(&gone, PRUNE), None);
}

#[test]
fn what_is_scheduled_for_deletion_is_restored_if_it_was_ours() {
    let want = desired(Form::Json, &[("a", "1")]);
    let hidden = |writer| Observed::new(Content::Hidden(writer), "1");
    let judge = |seen: &Observed, allowed| verdict(&want, Some(seen), allowed).verdict;
    let ours = hidden(Writer::us());
    assert_eq!(judge(&ours, Allowed::default()), Verdict::Restore);
    let theirs = hidden(Writer::other("another writer"));
    let refused = judge(&theirs, Allowed::default()).refusal("o").unwrap();
    assert!(refused.hint.unwrap().ends_with("--adopt o"));
    assert_eq!(judge(&theirs, ADOPT), Verdict::Restore);
}

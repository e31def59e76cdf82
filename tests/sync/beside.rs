//! What others keep in the JSON text of a secret: it stays, in its place and in its spelling, whatever
//! is adopted, updated or pruned.

use serde_json::{Value, json};

use super::ops;
use super::secrets_manager::{REGION, Store};
use crate::servers::moto;

/// As Terraform or a person may have written it: every type, and fields that profiles use, too.
const THEIRS: &str = "{ \"username\" : \"u\",\n \"engine\":\"postgres\", \"port\": 5432, \"ratio\":1.0, \
     \"big\":123456789012345678901234567890, \"e\":1e5, \"n\":null, \"on\":true,\n \
     \"nested\": {\"a\":[1, {\"b\":\"\\u0041\"}], \"tiingo_api_key\":\"x\"}, \"dup\":1, \"dup\":\"2\", \
     \"sops\":{\"x\":1}, \"OTHER_KEY\":\"<&>\", \"tiingo_api_key\":\"old\" }\n";

fn put(id: &str, value: &str) {
    let body = json!({"SecretId": id, "SecretString": value});
    Store::call("PutSecretValue", &body);
}

#[test]
fn adopting_a_text_keeps_every_field_of_others_as_it_is_spelled() {
    let store = Store::new();
    let id = store.id("api-keys");
    let body = json!({"Name": id, "SecretString": THEIRS});
    Store::call("CreateSecret", &body);
    let run = store.world.sync("-y").fails(4);
    run.stderr_has("written last by another writer")
        .stderr_has(&format!("to take it over, add --adopt {id}"));
    let plan = store
        .world
        .sync(&format!("--dry-run --adopt {id}"))
        .fails(2);
    assert!(!plan.out().contains("-username"), "{}", plan.out());
    store.world.sync(&format!("-y --adopt {id}")).succeeds();
    let text = store.get("api-keys", "SecretString");
    let rest = THEIRS.strip_suffix("\"old\" }\n").unwrap();
    assert!(text.starts_with(rest), "{text}");
    for own in ["tg_01&23", "\"cryptocompare_api_key\":"] {
        assert!(text.contains(own), "{text}");
    }
    let again = store.world.apply();
    assert_eq!(again["summary"]["in_sync"], 3);
}

#[test]
fn pruning_removes_our_fields_and_nobody_elses() {
    let mut store = Store::new();
    let id = store.id("api-keys");
    let body = json!({"Name": id, "SecretString": THEIRS});
    Store::call("CreateSecret", &body);
    store.world.sync(&format!("-y --adopt {id}")).succeeds();
    store.world.set("cryptocompare_api_key", None);
    let report = store.world.apply();
    let kept = ops(&report).remove(0);
    assert!(kept.contains("kept cryptocompare_api_key"), "{kept}");
    assert!(kept.contains("foreign username"), "{kept}");
    // A version in between keeps what is known about the fields.
    store.world.set("tiingo_api_key", Some("changed-key-000"));
    store.world.apply();
    let before = store.get("api-keys", "SecretString");
    store.world.sync("-y --prune").succeeds();
    let text = store.get("api-keys", "SecretString");
    let comma = before.replace(",\"cryptocompare_api_key\":\"cc_0123456789abcdef\"", "");
    let blank = before.replace(", \"cryptocompare_api_key\":\"cc_0123456789abcdef\"", "");
    let spaced = before.replace(", \"cryptocompare_api_key\": \"cc_0123456789abcdef\"", "");
    assert!([comma, blank, spaced].contains(&text), "{before}\n{text}");
    assert_ne!(text, before);
    store
        .world
        .sync("--prune")
        .succeeds()
        .stdout_has("nothing to do");

    // And with the last of them the secret stays, for it is not ours alone.
    store.world.set("tiingo_api_key", None);
    store.world.sync("-y --prune").succeeds();
    let text = store.get("api-keys", "SecretString");
    assert!(
        text.contains("\"OTHER_KEY\":\"<&>\"") && !text.contains("changed-key"),
        "{text}"
    );
    assert!(
        text.contains("\"nested\": {\"a\":[1, {\"b\":\"\\u0041\"}]"),
        "{text}"
    );
    store
        .world
        .sync("--prune")
        .succeeds()
        .stdout_has("nothing to do");
}

#[test]
fn what_is_no_longer_known_to_be_ours_is_not_pruned() {
    let mut store = Store::new();
    store.world.apply();
    let id = store.id("api-keys");
    let text = store.get("api-keys", "SecretString");
    // As a version before wrote it: its id says whose it is, and nothing about the fields.
    let version = store.get("api-keys", "VersionId");
    let token = format!("{}00000000", &version[..51]);
    let body = json!({"SecretId": id, "SecretString": text, "ClientRequestToken": token});
    Store::call("PutSecretValue", &body);
    store.world.set("cryptocompare_api_key", None);
    store.world.sync("-y --prune").succeeds();
    assert_eq!(store.get("api-keys", "SecretString"), text);
    store.world.set("tiingo_api_key", None);
    store
        .world
        .sync("-y --prune")
        .fails(4)
        .stderr_has("did not note which of its fields are ours");
    assert_eq!(store.get("api-keys", "SecretString"), text);
}

#[test]
fn a_text_that_would_go_is_named_before() {
    let store = Store::new();
    store.world.apply();
    let id = store.id("api-keys");
    for (text, lost) in [
        ("theirs", true),
        ("[1]", true),
        ("{\"a\":1e999}", false),
        ("{\"a\":", false),
    ] {
        put(&id, text);
        let run = store.world.sync("--check");
        let run = run.fails(if lost { 6 } else { 4 });
        if lost {
            run.stderr_has("taking it over would delete (the whole text, which is no JSON object)");
            let plan = store
                .world
                .sync(&format!("--dry-run --adopt {id}"))
                .fails(2);
            assert!(plan.out().contains("-(the whole text"), "{}", plan.out());
        } else {
            store
                .world
                .sync(&format!("-y --adopt {id}"))
                .fails(4)
                .stderr_has("cannot be read");
        }
        assert_eq!(store.get("api-keys", "SecretString"), text);
    }
    let url = store.id("psql-url");
    put(&id, "{}");
    put(&url, "{\"username\":\"u\",\"port\":1}");
    store
        .world
        .sync("--check")
        .fails(6)
        .stderr_has("taking it over would delete username, port of theirs");
    let plan = store
        .world
        .sync(&format!("--dry-run --adopt {url} --adopt {id}"))
        .fails(2);
    assert!(plan.out().contains("-username -port"), "{}", plan.out());
}

#[test]
fn a_field_of_ours_that_stands_there_twice_is_left_to_people() {
    let store = Store::new();
    store.world.apply();
    let id = store.id("api-keys");
    let text = "{\"tiingo_api_key\":\"a\",\"tiingo_api_key\":\"b\"}";
    put(&id, text);
    store
        .world
        .sync(&format!("-y --adopt {id}"))
        .fails(4)
        .stderr_has("has one of our fields twice");
    let now = moto().secret(REGION, &id).unwrap();
    assert_eq!(now["SecretString"], Value::from(text));
}

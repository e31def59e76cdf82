//! What cannot be changed is made anew: at whatever request a run is killed, the next one knows what
//! the secret was, and nothing of anybody's is lost.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::faults::behind_a_proxy;
use super::kubernetes::Place;
use crate::servers::{Fault, Proxy};

/// An immutable secret with a key and a label of others, whose value is to change.
fn immutable() -> (Place, Proxy) {
    let (mut place, proxy) = behind_a_proxy();
    place.world.apply();
    let theirs = json!({
        "immutable": true,
        "metadata": {"name": "tiingo", "labels": {"by": "somebody"}, "annotations": {"their/note": "1"}},
        "data": {"theirs": "eA=="},
    });
    place.patch("tiingo", &theirs);
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    proxy.calls();
    (place, proxy)
}

/// Runs a replacement until so many calls of this name were answered, and kills it in the next one.
fn killed(place: &Place, proxy: &Proxy, call: &str, before: usize, fault: Fault, words: &[&str]) {
    proxy.after(call, before, 1, fault);
    let words = ["sync", "--env", "dev", "-y"].iter().chain(words);
    let mut run = place.world.scene.cmd(words).start();
    let begin = Instant::now();
    while proxy.count(call) <= before {
        assert!(begin.elapsed() < Duration::from_mins(1), "{call} {before}");
        assert!(
            run.try_wait().unwrap().is_none(),
            "it has ended before {call} {before}"
        );
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(150));
    run.kill().unwrap();
    run.wait().unwrap();
    proxy.heal();
}

const FLAGS: [&str; 3] = ["--replace-immutable", "--adopt", "tiingo"];

#[test]
fn a_replacement_that_is_killed_at_any_request_loses_nothing() {
    let (place, proxy) = immutable();
    let line = format!("-y {}", FLAGS.join(" "));
    place.world.sync(&line).succeeds();
    let calls = proxy.calls();
    let writes = ["PATCH secrets", "DELETE secrets"];
    let made: Vec<&String> = calls
        .iter()
        .filter(|call| writes.contains(&call.as_str()))
        .collect();
    // Nothing is asked between the deletion and the making.
    let deleted = calls
        .iter()
        .position(|call| call == "DELETE secrets")
        .unwrap();
    assert_eq!(calls[deleted + 1], "PATCH secrets", "{calls:?}");
    assert!(made.len() >= 6, "{made:?}");

    for write in writes {
        let count = made.iter().filter(|call| **call == write).count();
        for before in 0..count {
            // Done and not answered, or never done.
            for fault in [Fault::Stall, Fault::Hang(Duration::from_mins(1))] {
                let (place, proxy) = immutable();
                killed(&place, &proxy, write, before, fault, &FLAGS);
                let is_gone = place.namespace.secret("tiingo").is_none();
                let words = if is_gone { "-y" } else { line.as_str() };
                place.world.sync(words).succeeds();
                let stored = place.namespace.secret("tiingo").unwrap();
                let what = format!("{write} {before}: {stored}");
                assert_eq!(stored["immutable"], true, "{what}");
                assert_eq!(
                    stored["metadata"]["labels"],
                    json!({"by": "somebody"}),
                    "{what}"
                );
                assert_eq!(
                    stored["metadata"]["annotations"],
                    json!({"their/note": "1"}),
                    "{what}"
                );
                assert_eq!(
                    place.managers_of_mark("tiingo", "f:labels", "by"),
                    ["test"],
                    "{what}"
                );
                assert_eq!(
                    place.value("tiingo", "api-key"),
                    "changed-key-000",
                    "{what}"
                );
                assert_eq!(place.value("tiingo", "theirs"), "x", "{what}");
                let before = place.versions();
                assert_eq!(before.len(), 4, "no copy is left: {before:?}");
                place
                    .world
                    .sync("-y")
                    .succeeds()
                    .stdout_has("nothing to do");
                assert_eq!(place.versions(), before);
            }
        }
    }
}

#[test]
fn what_was_deleted_and_not_made_is_said_and_guarded() {
    let (mut place, proxy) = behind_a_proxy();
    place.world.apply();
    place.patch("api-secrets", &json!({"immutable": true}));
    place
        .world
        .set("user_password", Some("another-password-001"));
    proxy.calls();
    killed(
        &place,
        &proxy,
        "DELETE secrets",
        0,
        Fault::Stall,
        &["--replace-immutable"],
    );
    assert!(place.namespace.secret("api-secrets").is_none());

    // The copy still has the wallet password: another one is refused.
    place
        .world
        .set("wallet_password", Some("another-wallet-passphrase"));
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("--replace-wallet-password");
    place
        .world
        .set("wallet_password", Some("a-long-wallet-passphrase-2"));
    place.world.sync("--check").fails(2).stdout_has(
        "api-secrets: a replacement was stopped when the old secret was gone; this finishes it",
    );
    place.world.sync("-y").succeeds();
    let stored = place.namespace.secret("api-secrets").unwrap();
    assert_eq!(stored["immutable"], true);
    place.world.leaks_nothing(&[]);
}

#[test]
fn what_was_deleted_and_is_no_longer_desired_goes_with_its_copy() {
    let (mut place, proxy) = immutable();
    killed(&place, &proxy, "DELETE secrets", 0, Fault::Stall, &FLAGS);
    place.world.set("tiingo_api_key", None);
    place
        .world
        .sync("-y")
        .succeeds()
        .stdout_has("tiingo is no longer in the sealed file");
    assert_eq!(place.versions().len(), 4);
    // Somebody else's key is in it.
    place.world.sync("-y --prune").fails(4).stderr_has("theirs");
}

#[test]
fn what_a_server_would_refuse_is_not_deleted_first() {
    let (mut place, _proxy) = behind_a_proxy();
    place.world.apply();
    place.patch("tiingo", &json!({"immutable": true, "metadata": {"name": "tiingo", "finalizers": ["example.com/x"]}}));
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    let before = place.versions();
    place
        .world
        .sync("-y --replace-immutable")
        .fails(4)
        .stderr_has("nothing was written")
        .stderr_has("belongs to another object of the cluster");
    assert_eq!(place.versions(), before);
    place.patch(
        "tiingo",
        &json!({"immutable": true, "metadata": {"name": "tiingo", "finalizers": []}}),
    );
}

#[test]
fn a_secret_of_others_with_the_name_of_a_copy_is_left_alone() {
    let (place, _proxy) = immutable();
    let name = "tiingo.clsecrets-copy";
    place
        .namespace
        .put_secret(name, &[("theirs", "x")], "somebody");
    let before = place.versions();
    let run = place
        .world
        .sync("-y --replace-immutable --adopt tiingo")
        .fails(4);
    run.stderr_has("nothing was written")
        .stderr_has("is no copy that clsecrets made");
    assert_eq!(place.versions(), before);

    // It is no copy of what is not there, either.
    let path = place.namespace.secret_path("tiingo");
    place.namespace.admin().must("DELETE", &path, None);
    place.world.sync("-y").succeeds();
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");
    assert_eq!(place.value(name, "theirs"), "x");
}

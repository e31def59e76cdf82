//! What a secret is in a cluster besides its data: type, labels, annotations; ours, and others'.

use serde_json::{Value, json};

use super::kubernetes::{Place, owner};
use super::{ops, text};

impl Place {
    /// Under profile `custom`, with these objects, one a line.
    pub(super) fn with_objects(objects: &[&str]) -> Self {
        let place = Self::new();
        let lines: Vec<String> = objects
            .iter()
            .map(|object| format!("      - {object}\n"))
            .collect();
        let custom = format!("profile: custom\n    objects:\n{}", lines.concat());
        place.world.rewrite("profile: trackit\n", &custom);
        place
    }

    /// Who set a label or an annotation.
    pub(super) fn managers_of_mark(&self, name: &str, part: &str, mark: &str) -> Vec<String> {
        let stored = self.namespace.secret(name).unwrap();
        let entries = stored["metadata"]["managedFields"].as_array().unwrap();
        let field = format!("f:{mark}");
        let has = |entry: &&Value| !entry["fieldsV1"]["f:metadata"][part][&field].is_null();
        let managers = entries.iter().filter(has);
        managers
            .map(|entry| text(&entry["manager"]).to_owned())
            .collect()
    }
}

const LOGIN: &str = "{ name: login, type: kubernetes.io/basic-auth, labels: { app: node }, \
                     annotations: { example.com/note: \"x y\" }, keys: { password: user_password } }";

#[test]
fn type_labels_and_annotations_are_as_configured_and_others_keep_theirs() {
    let place = Place::with_objects(&[LOGIN]);
    place.world.apply();
    let stored = place.namespace.secret("login").unwrap();
    assert_eq!(stored["type"], "kubernetes.io/basic-auth");
    assert_eq!(stored["metadata"]["labels"], json!({"app": "node"}));
    assert_eq!(
        stored["metadata"]["annotations"],
        json!({"example.com/note": "x y"})
    );
    let before = place.versions();
    assert_eq!(place.world.apply()["summary"]["in_sync"], 1);
    assert_eq!(place.versions(), before);

    // Others add a label, and change one of ours.
    let theirs = json!({"metadata": {"name": "login", "labels": {"team": "ops", "app": "theirs"}}});
    place.patch("login", &theirs);
    place.world.sync("--check").fails(6);
    let run = place.world.sync("-y").fails(4);
    run.stderr_has("(label app) differs and was written last by test")
        .stdout_has("~(label app)  (from clsecrets, test)");
    place.world.sync("-y --adopt login").succeeds();
    let labels =
        |place: &Place| place.namespace.secret("login").unwrap()["metadata"]["labels"].clone();
    assert_eq!(labels(&place), json!({"app": "node", "team": "ops"}));

    // A change of ours alone is written, and what is no longer configured stays until --prune.
    place.world.rewrite("app: node", "app: node-a, tier: x");
    assert_eq!(
        ops(&place.world.apply()),
        ["login: update [added (label tier), changed (label app)]"]
    );
    place.world.rewrite("app: node-a, tier: x", "app: node-a");
    // Something else is written: the label that is omitted is applied as it is.
    place
        .world
        .rewrite("password: user_password", "password: tiingo_api_key");
    place.world.sync("-y").succeeds();
    assert_eq!(
        labels(&place),
        json!({"app": "node-a", "team": "ops", "tier": "x"})
    );
    place.world.sync("--dry-run").stdout_has(
        "(label tier) of login is no longer in clsecrets.yaml; it stays there until --prune",
    );
    place.world.sync("-y --prune").succeeds();
    assert_eq!(labels(&place), json!({"app": "node-a", "team": "ops"}));
    let before = place.versions();
    place.world.sync("-y --prune").succeeds();
    assert_eq!(place.versions(), before);
}

#[test]
fn another_type_is_a_replacement_that_is_said_and_keeps_what_is_others() {
    let place = Place::with_objects(&[LOGIN]);
    place.world.apply();
    let theirs = json!({"metadata": {"name": "login", "labels": {"team": "ops"},
                        "annotations": {"their/note": "1"}}});
    place.patch("login", &theirs);
    place.world.rewrite("kubernetes.io/basic-auth", "Opaque");
    let before = place.versions();
    let run = place.world.sync("-y").fails(4);
    run.stderr_has("is of type kubernetes.io/basic-auth and not Opaque")
        .stderr_has("--replace-immutable");
    assert_eq!(place.versions(), before);
    place
        .world
        .sync("--dry-run --replace-immutable")
        .fails(2)
        .stdout_has("replace login  ~(type)");
    place.world.sync("-y --replace-immutable").succeeds();
    let stored = place.namespace.secret("login").unwrap();
    assert_eq!(stored["type"], "Opaque");
    let metadata = &stored["metadata"];
    assert_eq!(metadata["labels"], json!({"app": "node", "team": "ops"}));
    assert_eq!(metadata["annotations"]["their/note"], "1");
    // They are theirs as before: nothing of ours takes them away.
    assert_eq!(
        place.managers_of_mark("login", "f:labels", "team"),
        ["test"]
    );
    assert_eq!(
        place.managers_of_mark("login", "f:annotations", "their/note"),
        ["test"]
    );
    assert_eq!(
        place.managers_of_mark("login", "f:labels", "app"),
        [owner().manager()]
    );
    place
        .world
        .sync("-y --prune")
        .succeeds()
        .stdout_has("nothing to do");
    place.world.rewrite("app: node", "app: node-b");
    place.world.apply();
    let stored = place.namespace.secret("login").unwrap();
    assert_eq!(
        stored["metadata"]["labels"],
        json!({"app": "node-b", "team": "ops"})
    );
}

#[test]
fn an_adopted_secret_keeps_its_type_and_its_labels() {
    let place = Place::with_objects(&["{ name: login, keys: { password: user_password } }"]);
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth",
        "metadata": {"name": "login", "labels": {"team": "ops"}},
        "stringData": {"username": "u", "password": "by hand"},
    });
    let path = format!("/api/v1/namespaces/{}/secrets", place.namespace.name);
    place.namespace.admin().must("POST", &path, Some(&body));
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("password differs");
    place.world.sync("-y --adopt login").succeeds();
    let stored = place.namespace.secret("login").unwrap();
    assert_eq!(stored["type"], "kubernetes.io/basic-auth");
    assert_eq!(stored["metadata"]["labels"], json!({"team": "ops"}));
    assert_eq!(place.value("login", "username"), "u");
    assert_eq!(place.value("login", "password"), "correct-horse-battery-1");
    assert_eq!(place.world.apply()["summary"]["in_sync"], 1);
}

#[test]
fn what_a_type_demands_is_asked_before_the_first_write_and_is_what_the_server_demands() {
    let keys = [
        ("Opaque", "a: user_password", ""),
        ("example.com/own", "a: user_password", ""),
        (
            "kubernetes.io/basic-auth",
            "username: user_password",
            "a: user_password",
        ),
        (
            "kubernetes.io/ssh-auth",
            "ssh-privatekey: user_password",
            "a: user_password",
        ),
        (
            "kubernetes.io/tls",
            "tls.crt: user_password, tls.key: user_password",
            "tls.crt: user_password",
        ),
        (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson: { json: { auths: user_password } }",
            ".dockerconfigjson: user_password",
        ),
        (
            "kubernetes.io/dockercfg",
            ".dockercfg: { json: { auths: user_password } }",
            "a: user_password",
        ),
    ];
    let object = |at: usize, kind: &str, keys: &str| {
        format!("{{ name: o{at}, type: {kind}, keys: {{ {keys} }} }}")
    };
    let good = keys.iter().enumerate();
    let good: Vec<String> = good
        .map(|(at, (kind, keys, _))| object(at, kind, keys))
        .collect();
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let place = Place::with_objects(&good);
    place.world.apply();
    for (at, (kind, _, _)) in keys.iter().enumerate() {
        assert_eq!(
            place.namespace.secret(&format!("o{at}")).unwrap()["type"],
            *kind
        );
    }
    for (at, (kind, _, bad)) in keys
        .iter()
        .enumerate()
        .filter(|(_, (_, _, bad))| !bad.is_empty())
    {
        let place = Place::with_objects(&[
            "{ name: fine, keys: { a: user_password } }",
            &object(at, kind, bad),
        ]);
        let run = place.world.sync("-y").fails(4);
        run.stderr_has(&format!("which secrets of type {kind} need"));
        assert!(place.versions().is_empty());
    }
}

#[test]
fn labels_of_an_immutable_secret_change_in_place() {
    let place = Place::with_objects(&[LOGIN]);
    place.world.apply();
    place.patch("login", &json!({"immutable": true}));
    place.world.rewrite("app: node", "app: node-c");
    place.world.apply();
    let stored = place.namespace.secret("login").unwrap();
    assert_eq!(stored["metadata"]["labels"]["app"], "node-c");
    assert_eq!(stored["immutable"], true);
}

#[test]
fn labels_that_were_written_before_the_identity_get_one_owner() {
    let place = Place::with_objects(&[LOGIN]);
    place.world.identify(None);
    place.world.apply();
    place.world.identify(Some(super::IDENTITY));
    place.world.rewrite("app: node", "app: node-d");
    place.world.apply();
    assert_eq!(
        place.managers_of_mark("login", "f:labels", "app"),
        [owner().manager()]
    );
    assert_eq!(
        place.managers_of_mark("login", "f:annotations", "example.com/note"),
        [owner().manager()]
    );
}

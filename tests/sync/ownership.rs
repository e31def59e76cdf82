//! Several repositories in one place: each is called `chainlink` and has an environment `dev`, as
//! `init` leaves it, and none removes or overwrites what another one wrote.

use serde_json::{Value, json};

use super::kubernetes::{Place, owner};
use super::secrets_manager::{REGION, Store};
use super::{IDENTITY, World, text};
use crate::servers::moto;
use crate::support::Scene;

/// The identity of the other repository.
const OTHER: &str = "othertestothertest";

impl Place {
    /// Another repository that writes to the same namespace, with these adapters only.
    pub(super) fn neighbour(&self, identity: Option<&str>, keys: &[&str]) -> World {
        let target = format!(
            "{{ kind: kubernetes, context: test, namespace: {} }}",
            self.namespace.name
        );
        let scene = Scene::with_age();
        let kubeconfig = self.world.scene.home("kubeconfig").display().to_string();
        let scene = scene.env("KUBECONFIG", kubeconfig);
        let mut world = World::new(scene, &[&target]);
        for key in keys {
            world.set(key, Some(&format!("{key}-of-the-neighbour")));
        }
        for key in super::SECRETS.map(|(key, _)| key) {
            world.set(key, None);
        }
        world.identify(identity);
        world
    }

    /// The managers of each data key.
    pub(super) fn managers(&self, name: &str, key: &str) -> Vec<String> {
        let stored = self.namespace.secret(name).unwrap();
        let entries = stored["metadata"]["managedFields"].as_array().unwrap();
        let field = format!("f:{key}");
        let has = |entry: &&Value| !entry["fieldsV1"]["f:data"][&field].is_null();
        let managers = entries.iter().filter(has);
        managers
            .map(|entry| text(&entry["manager"]).to_owned())
            .collect()
    }
}

#[test]
fn another_repository_of_the_same_name_keeps_what_it_wrote() {
    let place = Place::new();
    let other = place.neighbour(Some(OTHER), &["bea_api_key", "coingecko_api_key"]);
    other.apply();
    let theirs = place.versions();

    // Nothing of it is offered for removal, and all of it is named.
    place.world.sync("-y").succeeds();
    let run = place.world.sync("-y --prune").succeeds();
    run.stdout_has("bea, coingecko: another repository's?");
    assert_eq!(
        place.value("bea", "api-key"),
        "bea_api_key-of-the-neighbour"
    );
    for version in &theirs {
        assert!(place.versions().contains(version), "{version}");
    }
    let report = place.world.sync("--check --json").succeeds().json();
    assert_eq!(report["summary"]["unclaimed"], 2);
    assert_eq!(report["summary"]["keep"], 0);

    // The same the other way around, and with the same object in both.
    let mut other = other;
    other.set("bea_api_key", None);
    other.sync("-y --prune").succeeds();
    assert!(place.namespace.secret("bea").is_none());
    assert!(place.namespace.secret("tiingo").is_some());
    other.set("tiingo_api_key", Some("another-value-000"));
    other
        .sync("-y")
        .fails(4)
        .stderr_has("written last by clsecrets of another repository or environment");
    assert_eq!(place.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
}

#[test]
fn another_repository_without_an_identity_keeps_what_it_wrote() {
    let place = Place::new();
    let other = place.neighbour(None, &["bea_api_key"]);
    other.sync("-y").succeeds();
    let run = place.world.sync("-y --prune").succeeds();
    run.stdout_has("bea: another repository's?")
        .stdout_has("--prune --adopt bea");
    assert!(place.namespace.secret("bea").is_some());
    // Who says that it is of this repository takes it away.
    place.world.sync("-y --prune --adopt bea").succeeds();
    assert!(place.namespace.secret("bea").is_none());
}

#[test]
fn nothing_is_pruned_without_an_identity_and_a_command_writes_it() {
    let mut place = Place::new();
    place.world.identify(None);
    place.world.apply();
    place.world.set("tiingo_api_key", None);
    let before = place.versions();
    place
        .world
        .sync("-y --prune")
        .fails(1)
        .stderr_has("--prune needs an identity in clsecrets.yaml")
        .stderr_has("clsecrets init --identity");
    assert_eq!(place.versions(), before);

    let scene = &place.world.scene;
    let text = scene.read("clsecrets.yaml");
    scene
        .run("init --identity")
        .succeeds()
        .stdout_has("extended");
    let with = scene.read("clsecrets.yaml");
    let line = with.lines().find(|line| line.starts_with("identity: "));
    let line = line.unwrap().to_owned() + "\n";
    assert_eq!(with.replacen(&line, "", 1), text);
    scene.run("init --identity").succeeds().stdout_has("kept");
    assert_eq!(scene.read("clsecrets.yaml"), with);

    // What was there before it is in sync, and nothing is written for the name's sake.
    let run = place.world.sync("-y --prune").succeeds();
    run.stdout_has("tiingo: another repository's?");
    assert_eq!(place.versions(), before);
    place.world.sync("-y --prune --adopt tiingo").succeeds();
    assert!(place.namespace.secret("tiingo").is_none());
}

#[test]
fn what_was_written_before_the_identity_gets_one_owner_when_it_is_written_next() {
    let mut place = Place::new();
    place.world.identify(None);
    place.world.apply();
    assert_eq!(
        place.managers("tiingo", "api-key"),
        ["clsecrets-chainlink-dev"]
    );
    place.world.identify(Some(IDENTITY));
    let before = place.versions();
    assert_eq!(place.world.apply()["summary"]["in_sync"], 4);
    assert_eq!(place.versions(), before, "no version for the name's sake");

    place.world.set("tiingo_api_key", Some("changed-key-000"));
    place.world.set("user_password", None);
    place
        .world
        .set("user_password", Some("another-horse-battery"));
    let report = place.world.apply();
    assert_eq!(report["summary"]["update"], 2);
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");
    let ours = owner().manager();
    for (name, key) in [
        ("tiingo", "api-key"),
        ("api-secrets", ".api"),
        ("api-secrets", ".password"),
    ] {
        assert_eq!(place.managers(name, key), [ours.as_str()], "{name} {key}");
    }
    assert_eq!(
        place.managers("chainlink", "db-url"),
        ["clsecrets-chainlink-dev"]
    );
    // From now on it is ours and goes when it is told to.
    place.world.set("tiingo_api_key", None);
    place.world.sync("-y --prune").succeeds();
    assert!(place.namespace.secret("tiingo").is_none());
}

#[test]
fn equal_bytes_of_others_are_adopted_on_purpose_and_have_one_owner_then() {
    let mut place = Place::new();
    let data = [("api-key", "cc_0123456789abcdef")];
    place.namespace.put_secret("cryptocompare", &data, "helm");
    place.world.apply();
    assert_eq!(place.world.apply()["summary"]["in_sync"], 4);
    let report = place
        .world
        .sync("-y --adopt cryptocompare --json")
        .succeeds()
        .json();
    assert_eq!(report["summary"]["adopt"], 1);
    assert_eq!(
        place.managers("cryptocompare", "api-key"),
        [owner().manager()]
    );
    let before = place.versions();
    place.world.sync("-y --adopt cryptocompare").succeeds();
    assert_eq!(place.versions(), before);
    place
        .world
        .set("cryptocompare_api_key", Some("ours-from-now-on"));
    place.world.sync("-y").succeeds();
    assert_eq!(place.value("cryptocompare", "api-key"), "ours-from-now-on");
}

#[test]
fn a_secret_of_another_repository_in_secrets_manager_is_not_overwritten() {
    let mut store = Store::new();
    store.world.apply();
    let before = store.versions();
    store.world.identify(Some(OTHER));
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
    store.world.set("tiingo_api_key", Some("changed-key-000"));
    store
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("written last by clsecrets of another repository or environment");
    store.world.identify(Some(IDENTITY));
    assert_eq!(store.versions(), before);
    store.world.apply();
    assert_eq!(store.versions()[1..], before[1..]);
}

/// Whether a secret is scheduled for deletion.
fn is_gone(name: &str) -> bool {
    let body = json!({"SecretId": name});
    let (status, answer) = moto().ask(REGION, "secretsmanager.GetSecretValue", &body);
    status == 400 && answer["__type"] == "InvalidRequestException"
}

#[test]
fn nested_prefixes_of_two_repositories_are_two_places() {
    let scene = |prefix: &str, identity: Option<&str>, keys: &[&str]| {
        let scene = Scene::with_age().envs(moto().env());
        let scene = scene.env("AWS_ENDPOINT_URL", moto().url());
        let identity = identity.map(|identity| format!("identity: {identity}\n"));
        let mut text = format!(
            "version: 1\nname: chainlink\n{}environments:\n  dev:\n    profile: custom\n    \
             sealed: sealed.yaml\n    targets:\n      - {{ kind: secretsmanager, region: {REGION}, \
             prefix: {prefix} }}\n    objects:\n",
            identity.unwrap_or_default()
        );
        let objects = keys.iter();
        let objects =
            objects.map(|key| format!("      - {{ name: {key}, value: tiingo_api_key }}\n"));
        text.push_str(&objects.collect::<Vec<_>>().concat());
        let mut world = World::new(scene, &[]);
        world.set("database_password", None);
        world.scene.write("clsecrets.yaml", text);
        world
    };
    for (ours, theirs) in [(Some(IDENTITY), Some(OTHER)), (Some(IDENTITY), None)] {
        let team = crate::servers::unique("team") + "-";
        let nested = format!("{team}b-");
        let outer = scene(&team, ours, &["one", "two"]);
        let inner = scene(&nested, theirs, &["three"]);
        outer.sync("-y").succeeds();
        inner.sync("-y").succeeds();
        let run = outer.sync("-y --prune").succeeds();
        run.stdout_has("another repository's?");
        let id = format!("{nested}three");
        assert!(moto().secret(REGION, &id).is_some(), "{id}");
        // Its own left-overs go.
        let fewer = scene(&team, ours, &["one"]);
        fewer
            .scene
            .write("sealed.yaml", outer.scene.bytes("sealed.yaml"));
        fewer.sync("-y --prune").succeeds();
        assert!(is_gone(&format!("{team}two")));
    }
}

#[test]
fn drift_in_secrets_manager_is_told_with_its_writer() {
    let store = Store::new();
    let theirs = store.id("psql-url");
    let body = json!({"Name": theirs, "SecretString": "never ours"});
    Store::call("CreateSecret", &body);
    store.world.sync("-y").fails(4);
    store
        .world
        .sync("-y --only *api-keys --only *node-credentials")
        .succeeds();
    // The console, the CLI and SDKs make UUIDs.
    let uuid = "1a2b3c4d-1111-4222-8333-444455556666";
    let body =
        json!({"SecretId": store.id("api-keys"), "SecretString": "{}", "ClientRequestToken": uuid});
    Store::call("PutSecretValue", &body);
    let token = "terraform-20261129070000000000000001";
    let body = json!({"SecretId": store.id("node-credentials"), "SecretString": "{}", "ClientRequestToken": token});
    Store::call("PutSecretValue", &body);

    let status = store.world.scene.run("status --json").fails(6).json();
    let objects = status["environments"][0]["targets"][0]["objects"]
        .as_array()
        .unwrap();
    let states: Vec<String> = objects
        .iter()
        .map(|object| format!("{} by {}", text(&object["state"]), text(&object["by"][0])))
        .collect();
    assert_eq!(
        states[0],
        "drifted by another writer (an AWS client, version 1a2b3c4d)"
    );
    assert_eq!(states[1], format!("drifted by Terraform (version {token})"));
    assert!(
        states[2].starts_with("foreign by another writer"),
        "{states:?}"
    );
}

//! Kubernetes: what is written, by whom, and what is left alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clsecrets::Settings;
use clsecrets::chainlink::{Desired, Entry, Form};
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{self, Fault, KubernetesConfig, Owner, TargetConfig};
use serde_json::{Value, json};

use super::{DATABASE_URL, World, ops, text};
use crate::servers::{Namespace, closed_port, cluster, silent_port};
use crate::support::Scene;

/// An environment whose one target is a namespace of its own.
pub(super) struct Place {
    pub(super) namespace: Namespace,
    pub(super) world: World,
}

/// Who writes for a world.
pub(super) fn owner() -> Owner {
    Owner::new("chainlink", Some(super::IDENTITY), "dev", [])
}

impl Place {
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// With more fields of the target.
    pub(super) fn with(more: &str) -> Self {
        let namespace = cluster().namespace();
        let target = format!(
            "{{ kind: kubernetes, context: test, namespace: {}{more} }}",
            namespace.name
        );
        let scene = Scene::with_age();
        let kubeconfig = scene.home("kubeconfig").display().to_string();
        let scene = scene.env("KUBECONFIG", kubeconfig);
        let place = Self {
            world: World::new(scene, &[&target]),
            namespace,
        };
        place.log_in(&place.namespace.admin().kubeconfig());
        place
    }

    pub(super) fn log_in(&self, kubeconfig: &str) {
        std::fs::write(self.world.scene.home("kubeconfig"), kubeconfig).unwrap();
    }

    /// `name=resourceVersion` of each secret.
    pub(super) fn versions(&self) -> Vec<String> {
        let path = format!("/api/v1/namespaces/{}/secrets", self.namespace.name);
        let list = self.namespace.admin().must("GET", &path, None);
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                let metadata = &item["metadata"];
                format!(
                    "{}={}",
                    text(&metadata["name"]),
                    text(&metadata["resourceVersion"])
                )
            })
            .collect()
    }

    pub(super) fn value(&self, name: &str, key: &str) -> String {
        let secret = self.namespace.secret(name).unwrap();
        let bytes = STANDARD.decode(text(&secret["data"][key])).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Applies more of a secret as somebody else.
    pub(super) fn patch(&self, name: &str, more: &Value) {
        let mut body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let path = format!(
            "{}?fieldManager=test&force=true",
            self.namespace.secret_path(name)
        );
        self.namespace.admin().must("PATCH", &path, Some(&body));
    }
}

#[test]
fn a_first_run_creates_a_second_writes_nothing_and_a_change_writes_one_object() {
    let mut place = Place::new();
    assert_eq!(place.world.apply()["summary"]["create"], 4);
    assert_eq!(
        place.value("api-secrets", ".api"),
        "ops@example.com\ncorrect-horse-battery-1"
    );
    assert_eq!(
        place.value("api-secrets", ".password"),
        "a-long-wallet-passphrase-2"
    );
    assert_eq!(place.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
    assert_eq!(place.value("chainlink", "db-url"), DATABASE_URL);
    let stored = place.namespace.secret("tiingo").unwrap();
    assert_eq!(stored["type"], "Opaque");
    let metadata = &stored["metadata"];
    assert!(metadata["labels"].is_null() && metadata["annotations"].is_null());
    assert_eq!(
        metadata["managedFields"][0]["manager"],
        owner().manager().as_str()
    );

    let before = place.versions();
    assert_eq!(place.world.apply()["summary"]["in_sync"], 4);
    assert_eq!(place.versions(), before);

    place.world.set("tiingo_api_key", Some("changed-key-000"));
    place.world.sync("--check").fails(2);
    place.world.sync("--dry-run").fails(2);
    assert_eq!(place.versions(), before);
    assert_eq!(
        ops(&place.world.apply()),
        [
            "api-secrets: in sync []",
            "cryptocompare: in sync []",
            "tiingo: update [changed api-key]",
            "chainlink: in sync []",
        ]
    );
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");
    let after = place.versions();
    assert_eq!(
        after
            .iter()
            .filter(|version| !before.contains(version))
            .count(),
        1
    );
    place.world.leaks_nothing(&[]);
}

#[test]
fn what_another_writer_made_is_in_sync_if_equal_and_refused_if_not() {
    let mut place = Place::new();
    let data = [("api-key", "cc_0123456789abcdef")];
    place.namespace.put_secret("cryptocompare", &data, "helm");
    let before = place.versions();
    let report = place.world.apply();
    assert_eq!(
        (&report["summary"]["create"], &report["summary"]["in_sync"]),
        (&json!(3), &json!(1))
    );
    assert!(place.versions().contains(before.first().unwrap()));

    place
        .world
        .set("cryptocompare_api_key", Some("another-key-000"));
    place.world.set("tiingo_api_key", Some("another-key-111"));
    let before = place.versions();
    place.world.sync("--check").fails(6);
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("cryptocompare: api-key differs and was written last by Helm (helm)");
    assert_eq!(place.versions(), before, "not even what is ours is written");

    // The server notes the time of a write in seconds; of two in one second, the foreign one counts.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    place.world.sync("-y --adopt cryptocompare").succeeds();
    assert_eq!(place.value("cryptocompare", "api-key"), "another-key-000");
    place
        .world
        .set("cryptocompare_api_key", Some("ours-from-now-on"));
    place.world.sync("-y").succeeds();
}

#[test]
fn a_foreign_change_of_our_key_is_drift_and_keys_of_others_stay() {
    let mut place = Place::new();
    place.world.apply();
    place
        .namespace
        .put_secret("tiingo", &[("theirs", "x")], "somebody");
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    assert!(
        ops(&place.world.apply())
            .contains(&"tiingo: update [changed api-key, foreign theirs]".to_owned())
    );
    assert_eq!(place.value("tiingo", "theirs"), "x");

    let data = [("theirs", "x"), ("api-key", "by hand")];
    place.namespace.put_secret("tiingo", &data, "HashiCorp");
    place.world.sync("--check").fails(6);
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("Terraform (HashiCorp)");
    assert_eq!(place.value("tiingo", "api-key"), "by hand");
}

#[test]
fn a_key_that_is_no_longer_desired_stays() {
    let mut place = Place::new();
    place.world.apply();
    place.world.set("user_password", None);
    assert_eq!(
        ops(&place.world.apply()).first().unwrap(),
        "api-secrets: in sync [kept .api]"
    );

    // Something else in the same object is written: the omitted key is applied as it is.
    place
        .world
        .set("wallet_password", Some("another-wallet-passphrase"));
    place.world.sync("-y --replace-wallet-password").succeeds();
    assert_eq!(
        place.value("api-secrets", ".api"),
        "ops@example.com\ncorrect-horse-battery-1"
    );
    assert_eq!(
        place.value("api-secrets", ".password"),
        "another-wallet-passphrase"
    );
}

#[test]
fn the_wallet_password_of_the_cluster_is_guarded() {
    let mut place = Place::new();
    place.world.apply();
    let before = place.versions();
    for value in [Some("another-wallet-passphrase"), None] {
        place.world.set("wallet_password", value);
        place
            .world
            .sync("-y")
            .fails(4)
            .stderr_has("--replace-wallet-password");
        assert_eq!(place.versions(), before);
    }
}

#[test]
fn an_immutable_object_is_refused_only_if_it_would_change() {
    let mut place = Place::new();
    place.world.apply();
    place.patch("tiingo", &json!({"immutable": true}));
    place.world.sync("-y").succeeds();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("is immutable")
        .stderr_has("--replace-immutable");

    // Made anew, with what others have marked it with, and immutable as it was.
    let label =
        json!({"immutable": true, "metadata": {"name": "tiingo", "labels": {"by": "somebody"}}});
    place.patch("tiingo", &label);
    let report = place
        .world
        .sync("-y --replace-immutable --json")
        .succeeds()
        .json();
    assert_eq!(report["summary"]["replace"], 1);
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");
    let stored = place.namespace.secret("tiingo").unwrap();
    assert_eq!(stored["metadata"]["labels"]["by"], "somebody");
    assert_eq!(stored["immutable"], true);
    assert_eq!(place.world.apply()["summary"]["in_sync"], 4);
}

#[test]
fn a_secret_that_holds_keys_of_others_is_recreated_only_if_they_are_adopted() {
    let mut place = Place::new();
    place.world.apply();
    place.patch(
        "tiingo",
        &json!({"immutable": true, "data": {"theirs": "eA=="}}),
    );
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    let before = place.versions();
    place
        .world
        .sync("-y --replace-immutable")
        .fails(4)
        .stderr_has("tiingo would have to be recreated, and theirs in it belongs to others");
    assert_eq!(place.versions(), before);
    place
        .world
        .sync("-y --replace-immutable --adopt tiingo")
        .succeeds();
    assert_eq!(place.value("tiingo", "theirs"), "x");
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");
}

#[test]
fn pruning_deletes_what_is_ours_and_leaves_what_is_not() {
    let mut place = Place::new();
    place.world.apply();
    place
        .namespace
        .put_secret("cryptocompare", &[("theirs", "x")], "somebody");
    let data = [("api-key", "x")];
    place.namespace.put_secret("coingecko", &data, "helm");
    place
        .namespace
        .put_secret("unknown", &data, &owner().manager());
    for key in ["tiingo_api_key", "cryptocompare_api_key", "user_password"] {
        place.world.set(key, None);
    }
    let rights: &[&str] = &["get", "list", "create", "patch"];
    let user = place.namespace.user(&[("", "secrets", rights)]);
    place.log_in(&user.kubeconfig());
    let before = place.versions();
    place
        .world
        .sync("-y --prune")
        .fails(4)
        .stderr_has("not allowed to delete secret tiingo");
    assert_eq!(place.versions(), before);
    place.log_in(&place.namespace.admin().kubeconfig());
    place.world.sync("-y --prune").succeeds();
    assert!(place.namespace.secret("tiingo").is_none());
    let left = place.namespace.secret("cryptocompare").unwrap();
    assert_eq!(left["data"].as_object().unwrap().len(), 1);
    assert!(place.namespace.secret("coingecko").is_some());
    assert!(place.namespace.secret("unknown").is_some());
    let api = place.namespace.secret("api-secrets").unwrap();
    assert_eq!(api["data"].as_object().unwrap().len(), 1);
    place
        .world
        .sync("--prune")
        .succeeds()
        .stdout_has("nothing to do");
}

#[test]
fn what_rbac_forbids_is_told_before_the_first_write() {
    let place = Place::new();
    let name = &place.namespace.name;
    place.log_in(&place.namespace.user(&[]).kubeconfig());
    place.world.sync("-y").fails(4).stderr_has(&format!(
        "not allowed to get secret api-secrets in namespace {name} (403 Forbidden)"
    ));
    let reader = place.namespace.user(&[("", "secrets", &["get"])]);
    place.log_in(&reader.kubeconfig());
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("not allowed to create secret api-secrets");
    assert_eq!(place.versions(), Vec::<String>::new());
    let writer = place
        .namespace
        .user(&[("", "secrets", &["get", "create", "patch"])]);
    place.log_in(&writer.kubeconfig());
    place.world.sync("-y").succeeds();
}

#[test]
fn a_cluster_that_cannot_be_used_is_told_by_its_cause() {
    let place = Place::new();
    let world = &place.world;
    let original = world.scene.read("clsecrets.yaml");
    let change = |from: &str, to: &str| {
        world
            .scene
            .write("clsecrets.yaml", original.replace(from, to));
    };
    change(&place.namespace.name, "absent");
    world
        .sync("-y")
        .fails(1)
        .stderr_has("the namespace absent does not exist");
    change("context: test", "context: prod");
    world
        .sync("-y")
        .fails(1)
        .stderr_has("has no context prod; it has test");
    change(
        "context: test",
        "context: test, expect_server: \"https://prod.example.net\"",
    );
    world
        .sync("-y")
        .fails(4)
        .stderr_has("not to https://prod.example.net");
    world.scene.write("clsecrets.yaml", &original);

    let admin = place.namespace.admin();
    let kubeconfig: Value = serde_json::from_str(&admin.kubeconfig()).unwrap();
    let mut stranger = kubeconfig.clone();
    stranger["users"][0]["user"] = json!({"token": "wrong"});
    place.log_in(&stranger.to_string());
    world.sync("-y").fails(4).stderr_has("(401 Unauthorized)");

    let mut elsewhere = kubeconfig;
    let closed = format!("https://127.0.0.1:{}", closed_port());
    elsewhere["clusters"][0]["cluster"]["server"] = json!(closed);
    place.log_in(&elsewhere.to_string());
    let run = world.sync("-y").fails(8).stderr_has("refuses connections");
    assert!(run.took.as_secs() < 10);

    let silent = format!("https://127.0.0.1:{}", silent_port());
    elsewhere["clusters"][0]["cluster"]["server"] = json!(silent);
    place.log_in(&elsewhere.to_string());
    world
        .sync("-y")
        .fails(8)
        .stderr_has("does not answer in time");

    std::fs::remove_file(world.scene.home("kubeconfig")).unwrap();
    world
        .sync("-y")
        .fails(1)
        .stderr_has("there is not a kubeconfig");
}

#[test]
fn an_unreachable_target_stops_the_run_before_any_other_is_written() {
    let place = Place::new();
    let target = format!(
        "{{ kind: kubernetes, context: test, namespace: {} }}",
        place.namespace.name
    );
    let scene = Scene::with_age();
    let kubeconfig = scene.home("kubeconfig").display().to_string();
    let scene = scene.env("KUBECONFIG", kubeconfig);
    let world = World::new(scene, &["{ kind: directory, path: out }", &target]);
    let text = place.namespace.admin().kubeconfig();
    let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
    let closed = format!("https://127.0.0.1:{}", closed_port());
    kubeconfig["clusters"][0]["cluster"]["server"] = json!(closed);
    std::fs::write(world.scene.home("kubeconfig"), kubeconfig.to_string()).unwrap();
    world.sync("-y").fails(8);
    assert!(!world.scene.has("out"));
}

#[test]
fn a_failure_after_the_first_write_leaves_the_others_done_and_a_repeat_finishes() {
    let place = Place::new();
    // Room for two: each write alone would pass, so only the writes themselves can tell.
    let path = format!("/api/v1/namespaces/{}/resourcequotas", place.namespace.name);
    let admin = place.namespace.admin();
    let quota = json!({"metadata": {"name": "few"}, "spec": {"hard": {"secrets": "2"}}});
    admin.must("POST", &path, Some(&quota));
    let status = json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "status": {"hard": {"secrets": "2"}, "used": {"secrets": "0"}},
    });
    let status_path = format!("{path}/few/status?fieldManager=test&force=true");
    admin.must("PATCH", &status_path, Some(&status));
    let run = place.world.sync("-y --json").fails(3);
    let report = run.json();
    assert_eq!(
        (&report["summary"]["create"], &report["summary"]["failed"]),
        (&json!(2), &json!(2))
    );
    run.stdout_has("a quota of namespace");

    admin.must("DELETE", &format!("{path}/few"), None);
    let report = place.world.apply();
    assert_eq!(
        (&report["summary"]["create"], &report["summary"]["in_sync"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn a_write_on_the_basis_of_an_old_version_is_a_conflict() {
    let place = Place::new();
    place.world.apply();
    let kubeconfig = place.world.scene.home("kubeconfig").display().to_string();
    let settings = Settings::new([("KUBECONFIG".to_owned(), kubeconfig)], "/".into(), 0);
    let config = TargetConfig::Kubernetes(KubernetesConfig {
        context: "test".to_owned(),
        namespace: place.namespace.name.clone(),
        expect_server: None,
        owner: owner(),
        restart: None,
        first: Vec::new(),
    });
    let desired = Desired::new(
        "tiingo",
        Form::Data,
        vec![Entry::of("api-key", &SecretBytes::copy_of(b"new"), "k")],
    );
    let write = |happens: &dyn Fn()| {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let target = runtime
            .block_on(sync::connect(&config, &settings, &sync::Links::default()))
            .unwrap();
        let names = [desired.name.clone()];
        let mut seen = runtime.block_on(target.observe(&names)).unwrap();
        let seen = seen.pop().unwrap().unwrap();
        let judged = sync::verdict(&desired, seen.as_ref(), sync::Allowed::default());
        happens();
        runtime.block_on(target.apply(&sync::Step {
            verdict: &judged.verdict,
            desired: &desired,
            seen: seen.as_ref(),
            changes: &judged.changes,
            allowed: sync::Allowed::default(),
        }))
    };
    let label = json!({"metadata": {"name": "tiingo", "labels": {"by": "somebody"}}});
    let late = write(&|| place.patch("tiingo", &label));
    assert_eq!(late.unwrap_err().fault, Fault::Conflict);
    assert_eq!(place.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
    assert!(write(&|| ()).is_ok());
    assert_eq!(place.value("tiingo", "api-key"), "new");
}

#[test]
fn a_plugin_of_the_kubeconfig_logs_in_and_its_failure_is_told_without_its_words() {
    let place = Place::new();
    let scene = &place.world.scene;
    let whole: Value = serde_json::from_str(&place.namespace.admin().kubeconfig()).unwrap();
    let token = text(&whole["users"][0]["user"]["token"]).to_owned();
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token},
    });
    let plugin = |script: &str| {
        let path = scene.home("plugin");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        let mut kubeconfig = whole.clone();
        kubeconfig["users"][0]["user"] = json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": path, "interactiveMode": "Never",
        }});
        place.log_in(&kubeconfig.to_string());
    };
    let seen = scene.home("seen");
    plugin(&format!("env > {}; echo '{credential}'", seen.display()));
    place.world.sync("-y").succeeds();
    // It logs in, and opens no files.
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("HOME=") && !seen.contains("SOPS_AGE"),
        "{seen}"
    );
    plugin("echo canary-of-a-plugin >&2; exit 1");
    let run = place.world.sync("-y").fails(4);
    run.stderr_has("cannot log in")
        .stderr_lacks("canary-of-a-plugin");
}

#[test]
fn a_token_that_is_no_longer_good_stops_the_run_before_the_first_write() {
    let place = Place::new();
    let rights: &[&str] = &["get", "create", "patch", "list"];
    let user = place.namespace.user(&[("", "secrets", rights)]);
    place.log_in(&user.kubeconfig());
    place.world.apply();
    let accounts = format!(
        "/api/v1/namespaces/{}/serviceaccounts",
        place.namespace.name
    );
    place.namespace.admin().must("DELETE", &accounts, None);
    let before = place.versions();
    // The server remembers a token that was good for some seconds.
    for _ in 0..60 {
        if place.world.sync("--check").status == 4 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let run = place.world.sync("-y").fails(4);
    run.stderr_has("does not know the user of the context test (401 Unauthorized)");
    assert_eq!(place.versions(), before);
}

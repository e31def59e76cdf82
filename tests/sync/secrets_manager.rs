//! Secrets Manager: what is written, by whom, and what is left alone.

use serde_json::{Value, json};

use super::{DATABASE_URL, World, ops, text};
use crate::servers::{Fault, Proxy, moto, unique};
use crate::support::Scene;

const REGION: &str = "us-east-2";

/// An environment whose one target is a prefix of its own, behind a proxy that counts calls.
struct Store {
    prefix: String,
    proxy: Proxy,
    world: World,
}

impl Store {
    fn new() -> Self {
        Self::with("")
    }

    /// With more fields of the target.
    fn with(more: &str) -> Self {
        let prefix = unique("chainlink-test") + "-";
        let target =
            format!("{{ kind: secretsmanager, region: {REGION}, prefix: {prefix}{more} }}");
        let proxy = Proxy::to(moto().port());
        let scene = Scene::with_age().envs(moto().env());
        let scene = scene.env("AWS_ENDPOINT_URL", proxy.url());
        Self {
            world: World::new(scene, &[&target]),
            prefix,
            proxy,
        }
    }

    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn get(&self, name: &str, field: &str) -> String {
        let secret = moto().secret(REGION, &self.id(name)).unwrap();
        text(&secret[field]).to_owned()
    }

    fn versions(&self) -> Vec<String> {
        ["api-keys", "node-credentials", "psql-url"]
            .map(|name| self.get(name, "VersionId"))
            .into()
    }

    /// Calls something of the service as somebody else.
    fn call(action: &str, body: &Value) {
        moto().call(REGION, &format!("secretsmanager.{action}"), body);
    }

    /// Calls of the last run that write.
    fn writes(&self) -> Vec<String> {
        let calls = self.proxy.calls().into_iter();
        calls
            .filter(|call| {
                call.contains(".Create") || call.contains(".Put") || call.contains(".Update")
            })
            .collect()
    }
}

#[test]
fn a_first_run_creates_a_second_writes_nothing_and_a_change_writes_one_object() {
    let mut store = Store::new();
    assert_eq!(store.world.apply()["summary"]["create"], 3);
    assert_eq!(
        store.get("api-keys", "SecretString"),
        r#"{"cryptocompare_api_key":"cc_0123456789abcdef","tiingo_api_key":"tg_01&23<45\"6\\789é"}"#
    );
    assert_eq!(
        store.get("node-credentials", "SecretString"),
        r#"{"user_email":"ops@example.com","user_password":"correct-horse-battery-1","wallet_password":"a-long-wallet-passphrase-2"}"#
    );
    assert_eq!(store.get("psql-url", "SecretString"), DATABASE_URL);
    assert_eq!(store.writes().len(), 3);

    let before = store.versions();
    let is_ours = |id: &String| id.starts_with("clsecrets-") && id.len() == 42;
    assert!(before.iter().all(is_ours));
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
    let calls = store.proxy.calls();
    assert_eq!(calls, ["sts", "secretsmanager.BatchGetSecretValue"]);
    assert_eq!(store.versions(), before);

    store.world.set("tiingo_api_key", Some("changed-key-000"));
    store.world.sync("--check").fails(2);
    assert_eq!(store.writes(), Vec::<String>::new());
    let report = store.world.apply();
    let first = ops(&report).remove(0);
    assert!(
        first.ends_with("api-keys: update [changed tiingo_api_key]"),
        "{first}"
    );
    let after = store.versions();
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1..], before[1..]);
    store.world.leaks_nothing(&[]);
}

#[test]
fn what_another_writer_made_is_in_sync_if_equal_and_refused_if_not() {
    let store = Store::new();
    let id = store.id("api-keys");
    // The same fields, spelled as Terraform's jsonencode does and in another order.
    let same = r#"{ "tiingo_api_key": "tg_01\u002623\u003c45\"6\\789é", "cryptocompare_api_key": "cc_0123456789abcdef" }"#;
    Store::call("CreateSecret", &json!({"Name": id, "SecretString": same}));
    let report = store.world.apply();
    assert_eq!(
        (&report["summary"]["create"], &report["summary"]["in_sync"]),
        (&json!(2), &json!(1))
    );

    Store::call(
        "PutSecretValue",
        &json!({"SecretId": id, "SecretString": "{}"}),
    );
    store.world.sync("--check").fails(6);
    store
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("written last by another writer");
    assert_eq!(store.get("api-keys", "SecretString"), "{}");

    store.world.sync(&format!("-y --adopt {id}")).succeeds();
    assert!(store.get("api-keys", "VersionId").starts_with("clsecrets-"));
}

#[test]
fn a_secret_without_a_value_is_filled_and_one_in_deletion_is_restored() {
    let store = Store::new();
    Store::call("CreateSecret", &json!({"Name": store.id("psql-url")}));
    store.world.apply();
    assert_eq!(store.get("psql-url", "SecretString"), DATABASE_URL);

    let id = store.id("api-keys");
    Store::call("DeleteSecret", &json!({"SecretId": id}));
    let before = store.get("node-credentials", "VersionId");
    let report = store.world.apply();
    assert_eq!(
        (&report["summary"]["restore"], &report["summary"]["in_sync"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(store.get("node-credentials", "VersionId"), before);
    assert!(store.get("api-keys", "SecretString").contains("tg_01"));
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
}

#[test]
fn what_somebody_else_deleted_after_a_write_of_theirs_is_restored_only_if_adopted() {
    let store = Store::new();
    store.world.apply();
    let id = store.id("api-keys");
    let body = json!({"SecretId": id, "SecretString": "theirs"});
    Store::call("PutSecretValue", &body);
    Store::call("DeleteSecret", &json!({"SecretId": id}));
    store
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("is scheduled for deletion and was written last by another writer")
        .stderr_has(&format!("--adopt {id}"));
    store.world.sync(&format!("-y --adopt {id}")).succeeds();
    assert!(store.get("api-keys", "VersionId").starts_with("clsecrets-"));
}

#[test]
fn a_restored_secret_with_another_wallet_password_is_not_overwritten() {
    let mut store = Store::new();
    store.world.apply();
    let id = store.id("node-credentials");
    Store::call("DeleteSecret", &json!({"SecretId": id}));
    store
        .world
        .set("wallet_password", Some("another-wallet-passphrase"));
    let scene = &store.world.scene;
    scene.git("init -q").succeeds();
    for line in [
        "add sealed.yaml",
        "-c user.name=t -c user.email=t@example.com commit -qm one",
    ] {
        scene.git(line).succeeds();
    }
    store
        .world
        .sync("-y")
        .fails(3)
        .stderr_has("was restored and holds another wallet_password");
    let text = store.get("node-credentials", "SecretString");
    assert!(text.contains("a-long-wallet-passphrase-2"));
}

#[test]
fn the_wallet_password_of_the_store_is_guarded() {
    let mut store = Store::new();
    store.world.apply();
    let before = store.versions();
    for value in [Some("another-wallet-passphrase"), None] {
        store.world.set("wallet_password", value);
        store
            .world
            .sync("-y")
            .fails(4)
            .stderr_has("--replace-wallet-password");
    }
    assert_eq!(store.versions(), before);
}

#[test]
fn a_target_that_is_not_selected_still_guards_the_wallet_password() {
    let prefix = unique("chainlink-test") + "-";
    let store = format!("{{ kind: secretsmanager, region: {REGION}, prefix: {prefix} }}");
    let folder = "{ kind: directory, path: out/dev }";
    let scene = Scene::with_age().in_git().envs(moto().env());
    let mut world = World::new(scene, &[folder, &store]);
    world.apply();
    world.set("wallet_password", Some("another-wallet-passphrase"));
    world.scene.git("add sealed.yaml clsecrets.yaml").succeeds();
    world.scene.git("commit -qm one").succeeds();
    std::fs::remove_dir_all(world.scene.path("out")).unwrap();

    world
        .sync("-y --target directory")
        .fails(4)
        .stderr_has("wallet_password differs from secretsmanager ");
    assert!(!world.scene.has("out"));

    // What cannot be read tells nothing: HEAD agrees, and the operator is told.
    let text = world.scene.read("clsecrets.yaml");
    let wrong = format!("prefix: {prefix}, expect_account: \"999999999999\" }}");
    let text = text.replace(&format!("prefix: {prefix} }}"), &wrong);
    world.scene.write("clsecrets.yaml", text);
    world
        .sync("-y --target directory")
        .succeeds()
        .stderr_has("could not look at a target that is not selected");
    assert!(world.scene.has("out"));
}

#[test]
fn another_account_is_refused_before_anything_is_read() {
    let store = Store::with(", expect_account: \"999999999999\"");
    store
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("belong to account 123456789012, not to 999999999999");
    assert_eq!(store.proxy.calls(), ["sts"]);
}

#[test]
fn a_field_that_is_no_longer_desired_stays_in_the_text() {
    let mut store = Store::new();
    store.world.apply();
    store.world.set("tiingo_api_key", None);
    let first = ops(&store.world.apply()).remove(0);
    assert!(
        first.ends_with("api-keys: in sync [kept tiingo_api_key]"),
        "{first}"
    );
    store
        .world
        .set("cryptocompare_api_key", Some("changed-key-000"));
    store.world.apply();
    assert!(store.get("api-keys", "SecretString").contains("tg_01"));
}

#[test]
fn where_the_batch_is_not_allowed_secrets_are_read_one_by_one() {
    let store = Store::new();
    store.world.apply();
    let denied = || Fault::error("AccessDeniedException");
    store
        .proxy
        .on("secretsmanager.BatchGetSecretValue", denied());
    store.proxy.calls();
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
    let single = "secretsmanager.GetSecretValue";
    let calls = store.proxy.calls();
    assert_eq!(calls.iter().filter(|call| *call == single).count(), 3);

    store.proxy.on(single, denied());
    store.world.sync("-y").fails(4).stderr_has(&format!(
        "not allowed to secretsmanager:GetSecretValue on {} (AccessDeniedException)",
        store.id("api-keys")
    ));
}

#[test]
fn a_write_whose_answer_is_lost_is_the_same_write_when_repeated() {
    let store = Store::new();
    store
        .proxy
        .on("secretsmanager.CreateSecret", Fault::LoseAnswer);
    // Each try loses its answer, so the run cannot know; it may not make a second version either.
    store.world.sync("-y");
    store.proxy.heal();
    let before = store.versions();
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
    assert_eq!(store.versions(), before);
    for name in ["api-keys", "node-credentials", "psql-url"] {
        let body = json!({"SecretId": store.id(name)});
        let listed = moto().call(REGION, "secretsmanager.ListSecretVersionIds", &body);
        assert_eq!(listed["Versions"].as_array().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn throttling_is_safe_to_repeat() {
    let store = Store::new();
    let throttled = Fault::error("ThrottlingException");
    store
        .proxy
        .on("secretsmanager.BatchGetSecretValue", throttled);
    store
        .world
        .sync("-y")
        .fails(8)
        .stderr_has("ThrottlingException");
    store.proxy.heal();
    store.world.sync("-y").succeeds();
}

//! Secrets Manager: what is written, by whom, and what is left alone.

use serde_json::{Value, json};

use super::{DATABASE_URL, World, ops, text};
use crate::servers::{Fault, Proxy, moto, unique};
use crate::support::Scene;

pub(super) const REGION: &str = "us-east-2";

/// An environment whose one target is a prefix of its own, behind a proxy that counts calls.
pub(super) struct Store {
    prefix: String,
    pub(super) proxy: Proxy,
    pub(super) world: World,
}

impl Store {
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// With more fields of the target.
    pub(super) fn with(more: &str) -> Self {
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

    pub(super) fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn get(&self, name: &str, field: &str) -> String {
        let secret = moto().secret(REGION, &self.id(name)).unwrap();
        text(&secret[field]).to_owned()
    }

    pub(super) fn versions(&self) -> Vec<String> {
        ["api-keys", "node-credentials", "psql-url"]
            .map(|name| self.get(name, "VersionId"))
            .into()
    }

    /// Calls something of the service as somebody else.
    pub(super) fn call(action: &str, body: &Value) {
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
    let is_ours = |id: &String| id.starts_with("clsecrets-") && id.len() == 61;
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

#[test]
fn a_rotated_secret_is_refused_and_policies_and_tags_of_others_stay() {
    let mut store = Store::new();
    store.world.apply();
    let id = store.id("api-keys");
    let tags = json!({"SecretId": id, "Tags": [{"Key": "team", "Value": "node"}]});
    Store::call("TagResource", &tags);
    let policy =
        json!({"SecretId": id, "ResourcePolicy": "{\"Version\":\"2012-10-17\",\"Statement\":[]}"});
    Store::call("PutResourcePolicy", &policy);
    store.world.set("tiingo_api_key", Some("changed-key-000"));
    store.world.apply();
    let described = moto().call(
        REGION,
        "secretsmanager.DescribeSecret",
        &json!({"SecretId": id}),
    );
    assert_eq!(described["Tags"], tags["Tags"]);
    let kept = moto().call(
        REGION,
        "secretsmanager.GetResourcePolicy",
        &json!({"SecretId": id}),
    );
    assert_eq!(kept["ResourcePolicy"], policy["ResourcePolicy"]);
    let allowed = [
        "sts",
        "secretsmanager.BatchGetSecretValue",
        "secretsmanager.CreateSecret",
        "secretsmanager.DescribeSecret",
        "secretsmanager.PutSecretValue",
    ];
    for call in store.proxy.calls() {
        assert!(allowed.contains(&call.as_str()), "{call}");
    }
}

#[test]
fn pruning_schedules_for_deletion_what_is_ours_and_a_return_restores_it() {
    let mut store = Store::new();
    store.world.apply();
    store.world.set("database_password", None);
    store.world.set("tiingo_api_key", None);
    assert_eq!(store.world.apply()["summary"]["keep"], 1);
    let report = store.world.sync("-y --prune --json").succeeds().json();
    assert_eq!(
        (&report["summary"]["remove"], &report["summary"]["update"]),
        (&json!(1), &json!(1))
    );
    let described = json!({"SecretId": store.id("psql-url")});
    let described = moto().call(REGION, "secretsmanager.DescribeSecret", &described);
    assert!(described["DeletedDate"].is_number());
    assert!(!store.get("api-keys", "SecretString").contains("tiingo"));
    store
        .world
        .sync("--prune")
        .succeeds()
        .stdout_has("nothing to do");

    store
        .world
        .set("database_password", Some("p4ss#with/odd%chars@16"));
    assert_eq!(store.world.apply()["summary"]["restore"], 1);
    assert_eq!(store.get("psql-url", "SecretString"), DATABASE_URL);
    store.world.leaks_nothing(&[]);
}

#[test]
fn what_others_wrote_last_is_not_pruned() {
    let mut store = Store::new();
    store.world.apply();
    let body = json!({"SecretId": store.id("psql-url"), "SecretString": "theirs"});
    Store::call("PutSecretValue", &body);
    store.world.set("database_password", None);
    store
        .world
        .sync("--prune")
        .succeeds()
        .stdout_has("nothing to do");
    assert_eq!(store.get("psql-url", "SecretString"), "theirs");
}

#[test]
fn new_secrets_have_the_key_and_the_replicas_of_the_target_and_go_with_them() {
    let key = moto().key(REGION);
    let mut store = Store::with(&format!(", kms_key: \"{key}\", replicas: [eu-central-1]"));
    store.world.apply();
    let described = json!({"SecretId": store.id("psql-url")});
    let described = moto().call(REGION, "secretsmanager.DescribeSecret", &described);
    assert_eq!(described["KmsKeyId"], key);
    assert_eq!(described["ReplicationStatus"][0]["Region"], "eu-central-1");
    store.world.set("database_password", None);
    store.world.sync("-y --prune").succeeds();
    let described = json!({"SecretId": store.id("psql-url")});
    let described = moto().call(REGION, "secretsmanager.DescribeSecret", &described);
    assert!(described["DeletedDate"].is_number());
}

#[test]
fn a_rollback_makes_the_version_of_before_current_again() {
    let mut store = Store::new();
    let scene = &store.world.scene;
    scene.git("init -q").succeeds();
    let commit = |world: &World| {
        world.scene.git("add sealed.yaml").succeeds();
        let author = "-c user.name=t -c user.email=t@example.com";
        world
            .scene
            .git(&format!("{author} commit -qm m"))
            .succeeds();
    };
    commit(&store.world);
    store.world.apply();
    let first = store.versions();
    store.world.set("tiingo_api_key", Some("second-key-000"));
    commit(&store.world);
    store.world.apply();
    assert_ne!(store.versions(), first);
    store.world.sync("-y --rollback").succeeds();
    assert_eq!(store.versions(), first, "no new version is made");
    assert!(store.get("api-keys", "SecretString").contains("tg_01"));
    // And forth again: that is a version of before, too, but nobody asked to go back.
    assert_eq!(store.world.apply()["summary"]["update"], 1);
    assert!(
        store
            .get("api-keys", "SecretString")
            .contains("second-key-000")
    );
}

#[test]
fn a_database_password_can_stay_with_whoever_keeps_it() {
    let mut store = Store::new();
    let name = unique("rds!cluster-");
    let rds =
        |password: &str| json!({"username": "u", "password": password, "port": 5432}).to_string();
    let create = json!({"Name": name, "SecretString": rds("kept-by#rds-1")});
    Store::call("CreateSecret", &create);
    store.world.set("database_password", None);
    let original = store.world.scene.read("clsecrets.yaml");
    let from = |more: &str| {
        let with =
            format!("sslmode: require, password_from: {{ secretsmanager: \"{name}\"{more} }} }}");
        let text = original.replace("sslmode: require }", &with);
        store.world.scene.write("clsecrets.yaml", text);
    };
    from(", field: password");
    let report = store.world.apply();
    let url = |store: &Store| store.get("psql-url", "SecretString");
    assert!(url(&store).contains("kept-by%23rds-1@"));
    let sources = &report["targets"][0]["objects"][2]["sources"][0];
    assert_eq!(*sources, json!(format!("password_from {name}")));

    // It is refreshed on each run, and never written.
    let put = json!({"SecretId": name, "SecretString": rds("kept-by#rds-2")});
    Store::call("PutSecretValue", &put);
    assert_eq!(store.world.apply()["summary"]["update"], 1);
    assert!(url(&store).contains("kept-by%23rds-2@"));

    from("");
    store
        .world
        .sync("-y")
        .fails(1)
        .stderr_has("has several fields; say which");
    from(", field: pass");
    store
        .world
        .sync("-y")
        .fails(1)
        .stderr_has("has no field pass");
    from(", field: password");
    store
        .world
        .set("database_password", Some("another-password-1"));
    store
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("keep one of them");
    let own = format!("{{ secretsmanager: \"{}\" }}", store.id("psql-url"));
    let text = original.replace(
        "sslmode: require }",
        &format!("sslmode: require, password_from: {own} }}"),
    );
    store.world.scene.write("clsecrets.yaml", text);
    store
        .world
        .sync("-y")
        .fails(1)
        .stderr_has("names the object that is made of it");
    let absent = original.replace(
        "sslmode: require }",
        "sslmode: require, password_from: { secretsmanager: absent, region: us-east-2 } }",
    );
    store.world.scene.write("clsecrets.yaml", absent);
    store
        .world
        .sync("-y")
        .fails(1)
        .stderr_has("there is no secret absent in us-east-2");
    let leaks = store
        .world
        .scene
        .leaks(&["kept-by#rds-1", "kept-by#rds-2"], &[]);
    assert_eq!(leaks, Vec::<String>::new());
}

#[test]
fn a_pod_delivers_under_the_role_of_its_service_account() {
    let store = Store::new();
    let scene = &store.world.scene;
    scene.write("token", "a-projected-service-account-token");
    let role = "arn:aws:iam::123456789012:role/clsecrets";
    let run = scene
        .cmd(["sync", "--env", "dev", "-y", "--json"])
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .env(
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            scene.path("token").display().to_string(),
        )
        .env("AWS_ROLE_ARN", role)
        .env("AWS_ROLE_SESSION_NAME", "sync")
        .run()
        .succeeds();
    let actor = run.json()["targets"][0]["actor"].clone();
    let actor = text(&actor);
    assert!(actor.contains(":assumed-role/clsecrets/sync"), "{actor}");
    let leaks = scene.leaks(&["a-projected-service-account-token"], &["token"]);
    assert_eq!(leaks, Vec::<String>::new());
}

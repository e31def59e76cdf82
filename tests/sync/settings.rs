//! The KMS key and the replicas of secrets that are there: compared where they are configured, said, and
//! changed only as told.

use serde_json::{Value, json};

use super::secrets_manager::{REGION, Store};
use crate::servers::{Fault, moto};

impl Store {
    /// The KMS key and the regions of a secret.
    fn settings(&self, name: &str) -> (Value, Vec<Value>) {
        let body = json!({"SecretId": self.id(name)});
        let described = moto().call(REGION, "secretsmanager.DescribeSecret", &body);
        let replicas = described["ReplicationStatus"].as_array().cloned();
        let replicas = replicas.unwrap_or_default().into_iter();
        let regions = replicas.map(|replica| replica["Region"].clone());
        (described["KmsKeyId"].clone(), regions.collect())
    }
}

#[test]
fn settings_that_differ_are_said_and_changed_only_with_the_flag() {
    let store = Store::new();
    store.world.apply();
    let before = store.versions();
    store.proxy.calls();
    // Where nothing is configured, nobody looks.
    store.world.sync("--check").succeeds();
    let described = |store: &Store| store.proxy.count("secretsmanager.DescribeSecret");
    assert_eq!(described(&store), 0);

    let key = moto().key(REGION);
    let configured = format!("kms_key: \"{key}\", replicas: [eu-central-1], prefix: ");
    store.world.rewrite("prefix: ", &configured);
    let key_line =
        "psql-url: its kms_key is not the configured one; to change it, add --apply-settings";
    let replica_line =
        "psql-url: it has no replica eu-central-1; to give it one, add --apply-settings";
    for words in ["--check", "--dry-run", "-y"] {
        let run = store.world.sync(words).succeeds();
        run.stdout_has(key_line)
            .stdout_has(replica_line)
            .stdout_has("nothing to do (3 objects in sync)");
    }
    let run = store.world.scene.run("status --env dev").succeeds();
    run.stdout_has(key_line)
        .stdout_has("environment dev: in sync");
    assert_eq!(store.settings("psql-url").1, Vec::<Value>::new());

    // With the flag it is something to do, and the value stays as it is.
    let report = store
        .world
        .sync("--check --json --apply-settings")
        .fails(2)
        .json();
    super::schema::is_valid(&store.world.scene, &report);
    let run = store.world.sync("--dry-run --apply-settings").fails(2);
    run.stdout_has("psql-url  ~kms_key +replica eu-central-1");
    store.world.sync("-y --apply-settings").succeeds();
    for name in ["psql-url", "api-keys", "node-credentials"] {
        assert_eq!(
            store.settings(name),
            (json!(key), vec![json!("eu-central-1")])
        );
    }
    assert_eq!(store.versions(), before);
    let run = store.world.sync("-y --apply-settings").succeeds();
    run.stdout("environment dev: nothing to do (3 objects in sync)\n");

    // A replica that goes is counted among what is deleted.
    store
        .world
        .rewrite("replicas: [eu-central-1]", "replicas: []");
    let run = store.world.sync("-y").succeeds();
    run.stdout_has(
        "its replica eu-central-1 is not configured; to remove it, add --apply-settings",
    );
    let run = store
        .world
        .sync("-y --apply-settings --max-deletes 2")
        .fails(4);
    run.stderr_has("3 objects or keys would be deleted");
    store.world.sync("-y --apply-settings").succeeds();
    assert_eq!(store.settings("psql-url").1, Vec::<Value>::new());
    assert_eq!(store.versions(), before);
}

#[test]
fn settings_of_others_secrets_are_left_to_them_and_what_nobody_tells_is_said() {
    let store = Store::new();
    let same = r#"{"cryptocompare_api_key":"cc_0123456789abcdef","tiingo_api_key":"tg_01&23<45\"6\\789é"}"#;
    let theirs = json!({"Name": store.id("api-keys"), "SecretString": same});
    Store::call("CreateSecret", &theirs);
    store
        .world
        .rewrite("prefix: ", "replicas: [eu-central-1], prefix: ");
    store.world.sync("-y --apply-settings").succeeds();
    assert_eq!(store.settings("api-keys").1, Vec::<Value>::new());
    assert_eq!(store.settings("psql-url").1.len(), 1);
    let adopt = format!("-y --apply-settings --adopt {}", store.id("api-keys"));
    store.world.sync(&adopt).succeeds();
    assert_eq!(store.settings("api-keys").1.len(), 1);

    let denied = Fault::error("AccessDeniedException");
    store.proxy.on("secretsmanager.DescribeSecret", denied);
    let run = store.world.sync("--check").succeeds();
    run.stdout_has("psql-url: not known whether replicas is as configured");
}

#[test]
fn a_setting_whose_answer_is_lost_is_found_out_and_a_plan_is_held_to_settings() {
    let store = Store::new();
    store.world.apply();
    store
        .world
        .rewrite("prefix: ", "replicas: [eu-central-1], prefix: ");
    store.world.sync("--out plan --apply-settings").fails(2);
    let replicate = "secretsmanager.ReplicateSecretToRegions";
    store.proxy.after(replicate, 0, 1, Fault::LoseAnswer);
    store.world.scene.run("sync --plan plan").succeeds();
    assert_eq!(store.settings("psql-url").1.len(), 1);
    // What was planned has happened: the plan is out of date.
    let again = store.world.scene.run("sync --plan plan").fails(7);
    again.stderr_has("is not as it was");
}

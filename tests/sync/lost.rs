//! Writes whose answers are lost: what is said is true, whether they arrived or not.

use serde_json::{Value, json};

use super::faults::behind_a_proxy;
use super::secrets_manager::{REGION, Store};
use crate::servers::{Fault, moto};
use crate::support::Scene;

/// The last line of the user's own journal.
fn end(scene: &Scene) -> Value {
    let path = scene.home(".local/state/clsecrets/journal.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn writes_to_a_cluster_that_nobody_answers_are_not_said_to_be_nothing() {
    for fault in [Fault::LoseAnswer, Fault::Cut(20), Fault::Drop] {
        let (place, proxy) = behind_a_proxy();
        proxy.on("PATCH secrets", fault.clone());
        // The first look is one list; nobody is there for the second.
        proxy.after("GET secrets", 1, usize::MAX, Fault::Drop);
        let run = place.world.sync("-y").fails(3);
        run.stderr_has("not known whether 4 writes arrived; repeat to find out")
            .stderr_lacks("nothing was written");
        let journal = end(&place.world.scene);
        assert_eq!(
            (&journal["event"], &journal["unknown"]),
            (&json!("end"), &json!(4))
        );
        proxy.heal();
        let report = place.world.apply();
        let done = if matches!(fault, Fault::Drop) {
            "create"
        } else {
            "in_sync"
        };
        assert_eq!(report["summary"][done], 4, "{fault:?}");
    }
}

#[test]
fn what_turns_out_to_have_arrived_is_done() {
    let (place, proxy) = behind_a_proxy();
    proxy.on("PATCH secrets", Fault::LoseAnswer);
    let report = place.world.apply();
    assert_eq!(
        (&report["status"], &report["summary"]["create"]),
        (&json!(0), &json!(4))
    );
    proxy.heal();
    assert_eq!(place.world.apply()["summary"]["in_sync"], 4);
}

#[test]
fn a_write_that_was_refused_is_known_not_to_have_arrived() {
    let (place, proxy) = behind_a_proxy();
    proxy.on("PATCH secrets", Fault::Refuse(403, "Forbidden", None));
    let run = place.world.sync("-y").fails(4);
    run.stderr_has("nothing was written");
    assert_eq!(end(&place.world.scene)["unknown"], 0);
}

#[test]
fn writes_to_secrets_manager_that_nobody_answers_are_not_said_to_be_nothing() {
    let mut store = Store::new();
    let lose = |store: &Store, action: &str| {
        store.proxy.on(action, Fault::LoseAnswer);
        let batch = "secretsmanager.BatchGetSecretValue";
        store.proxy.after(batch, 1, usize::MAX, Fault::Drop);
        store.proxy.on("secretsmanager.GetSecretValue", Fault::Drop);
    };
    lose(&store, "secretsmanager.CreateSecret");
    let run = store.world.sync("-y").fails(3);
    run.stderr_has("not known whether 3 writes arrived; repeat to find out")
        .stderr_lacks("nothing was written");
    assert_eq!(end(&store.world.scene)["unknown"], 3);
    store.proxy.heal();
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);

    // With one of several it is a part; found out at once where that can be.
    store.world.set("tiingo_api_key", Some("changed-key-000"));
    store
        .proxy
        .on("secretsmanager.PutSecretValue", Fault::LoseAnswer);
    let report = store.world.apply();
    assert_eq!(
        (&report["status"], &report["summary"]["update"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn a_restart_that_nobody_answers_is_perhaps_done() {
    let (place, proxy) = behind_a_proxy();
    place.deployment("tiingo");
    proxy.on("PATCH deployments", Fault::LoseAnswer);
    let run = place.world.sync("-y --json").fails(3);
    let report = run.json();
    assert_eq!(report["targets"][0]["restarts"][0]["state"], "unknown");
    assert_eq!(report["summary"]["unknown"], 1);
    proxy.heal();
    place.world.sync("-y").succeeds();
}

#[test]
fn two_syncs_at_once_write_no_needless_version() {
    let mut store = Store::new();
    store.world.apply();
    for key in ["tiingo_api_key", "user_password", "database_password"] {
        store.world.set(key, Some(&format!("changed-{key}")));
    }
    let describe = "secretsmanager.DescribeSecret";
    store
        .proxy
        .on(describe, Fault::Slow(std::time::Duration::from_millis(700)));
    let start = || {
        store
            .world
            .scene
            .cmd(["sync", "--env", "dev", "-y"])
            .start()
    };
    let runs = [start(), start(), start()];
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    for name in ["api-keys", "node-credentials", "psql-url"] {
        let body = json!({"SecretId": store.id(name)});
        let listed = moto().call(REGION, "secretsmanager.ListSecretVersionIds", &body);
        assert_eq!(listed["Versions"].as_array().unwrap().len(), 2, "{name}");
    }
}

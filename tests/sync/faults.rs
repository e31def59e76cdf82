//! Servers that fail, and runs that are killed: nothing is lost, nothing is written twice, and the
//! next run finishes what the last one began.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::World;
use super::kubernetes::Place;
use super::secrets_manager::{REGION, Store};
use crate::servers::{Cluster, Fault, Proxy, User, moto};
use crate::support::Scene;

/// A place behind a proxy.
pub(super) fn behind_a_proxy() -> (Place, Proxy) {
    let place = Place::new();
    let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
    let user = place.namespace.admin().at(&proxy.url());
    place.log_in(&user.kubeconfig());
    (place, proxy)
}

/// Runs `sync`, and kills it once the proxy has seen more than `calls` of this name.
fn killed_after(scene: &Scene, proxy: &Proxy, call: &str, calls: usize) {
    let mut run = scene.cmd(["sync", "--env", "dev", "-y"]).start();
    let begin = Instant::now();
    while proxy.count(call) <= calls {
        assert!(begin.elapsed() < Duration::from_secs(30), "{call} {calls}");
        thread::sleep(Duration::from_millis(5));
    }
    // So that the server has done what it was asked for.
    thread::sleep(Duration::from_millis(100));
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn a_cluster_that_is_busy_for_a_moment_is_asked_again_after_the_time_that_it_names() {
    let (place, proxy) = behind_a_proxy();
    for call in ["GET secrets", "PATCH secrets dry", "PATCH secrets"] {
        proxy.after(call, 0, 1, Fault::Refuse(429, "TooManyRequests", Some(1)));
    }
    let run = place.world.sync("-y").succeeds();
    assert!(run.took >= Duration::from_secs(3), "{:?}", run.took);
    assert_eq!(place.versions().len(), 4);

    proxy.on(
        "GET secrets",
        Fault::Refuse(503, "ServiceUnavailable", None),
    );
    place
        .world
        .sync("-y")
        .fails(8)
        .stderr_has("the cluster failed (503 ServiceUnavailable)");
}

#[test]
fn a_write_whose_answer_is_lost_or_cut_is_the_same_write_when_repeated() {
    for fault in [
        Fault::LoseAnswer,
        Fault::Cut(0),
        Fault::Cut(40),
        Fault::Cut(150),
    ] {
        let (place, proxy) = behind_a_proxy();
        proxy.after("PATCH secrets", 1, 1, fault);
        place.world.sync("-y").succeeds();
        let before = place.versions();
        assert_eq!(place.world.apply()["summary"]["in_sync"], 4);
        assert_eq!(place.versions(), before);
    }
}

#[test]
fn a_conflict_is_looked_at_once_more_and_a_denial_is_not_repeated() {
    let (mut place, proxy) = behind_a_proxy();
    place.world.apply();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    proxy.after("PATCH secrets", 0, 1, Fault::Refuse(409, "Conflict", None));
    place.world.sync("-y").succeeds();
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");

    place.world.set("tiingo_api_key", Some("changed-key-001"));
    place
        .world
        .set("cryptocompare_api_key", Some("changed-key-002"));
    proxy.calls();
    proxy.after("PATCH secrets", 0, 1, Fault::Refuse(403, "Forbidden", None));
    let run = place.world.sync("-y --json").fails(3);
    let run = run.stdout_has("not allowed to patch secret ");
    assert_eq!(proxy.count("PATCH secrets"), 2);
    assert_eq!(run_summary(&run), (1, 1));
    assert_eq!(place.world.apply()["summary"]["update"], 1);
}

/// How many were updated, and how many failed.
fn run_summary(run: &crate::support::Run) -> (u64, u64) {
    let summary = run.json()["summary"].clone();
    (
        summary["update"].as_u64().unwrap(),
        summary["failed"].as_u64().unwrap(),
    )
}

#[test]
fn a_server_that_goes_away_in_the_middle_is_finished_when_it_is_back() {
    let (place, proxy) = behind_a_proxy();
    proxy.after("PATCH secrets", 2, usize::MAX, Fault::Drop);
    let run = place.world.sync("-y").fails(3);
    run.stderr_has("was synced in part");
    assert_eq!(place.versions().len(), 2);
    proxy.heal();
    let report = place.world.apply();
    assert_eq!(
        (&report["summary"]["create"], &report["summary"]["in_sync"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn a_secret_that_is_deleted_in_the_middle_is_made_again_by_the_next_run() {
    let (mut place, proxy) = behind_a_proxy();
    place.world.apply();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    proxy.on("PATCH secrets", Fault::Slow(Duration::from_millis(1500)));
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y"])
        .start();
    while proxy.count("PATCH secrets") == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let path = place.namespace.secret_path("tiingo");
    place.namespace.admin().must("DELETE", &path, None);
    let output = run.wait_with_output().unwrap();
    proxy.heal();
    // The write was made for a version that is gone; looked at again, it is a creation.
    assert!([Some(0), Some(3)].contains(&output.status.code()));
    place.world.apply();
    assert_eq!(place.value("tiingo", "api-key"), "changed-key-000");
}

#[test]
fn a_run_that_is_killed_after_any_write_to_a_cluster_is_finished_by_the_next() {
    for calls in 0..4 {
        let (mut place, proxy) = behind_a_proxy();
        proxy.after("PATCH secrets", calls, 1, Fault::Stall);
        killed_after(&place.world.scene, &proxy, "PATCH secrets", calls);
        proxy.heal();
        let left = place.versions();
        assert!(!left.is_empty());
        place.world.apply();
        let now = place.versions();
        assert_eq!(now.len(), 4);
        // What was there was written once.
        assert!(
            left.iter().all(|version| now.contains(version)),
            "{left:?} {now:?}"
        );

        // And the same for changes.
        for key in [
            "tiingo_api_key",
            "cryptocompare_api_key",
            "user_password",
            "database_password",
        ] {
            place.world.set(key, Some(&format!("changed-{key}")));
        }
        proxy.calls();
        proxy.after("PATCH secrets", calls, 1, Fault::Stall);
        killed_after(&place.world.scene, &proxy, "PATCH secrets", calls);
        proxy.heal();
        let left = place.versions();
        let report = place.world.apply();
        let changed = now.iter().filter(|version| left.contains(version)).count();
        assert_eq!(report["summary"]["update"], changed);
        assert_eq!(place.value("tiingo", "api-key"), "changed-tiingo_api_key");
    }
}

#[test]
fn a_run_that_is_killed_after_any_write_to_secrets_manager_is_finished_by_the_next() {
    let count = |store: &Store| {
        let names = ["api-keys", "node-credentials", "psql-url"];
        names.map(|name| {
            let body = json!({"SecretId": store.id(name)});
            let listed = moto().call(REGION, "secretsmanager.ListSecretVersionIds", &body);
            listed["Versions"].as_array().unwrap().len()
        })
    };
    for calls in 0..3 {
        let mut store = Store::new();
        let create = "secretsmanager.CreateSecret";
        store.proxy.after(create, calls, 1, Fault::Stall);
        killed_after(&store.world.scene, &store.proxy, create, calls);
        store.proxy.heal();
        store.world.apply();
        assert_eq!(count(&store), [1, 1, 1], "no needless version");

        for key in ["tiingo_api_key", "user_password", "database_password"] {
            store.world.set(key, Some(&format!("changed-{key}")));
        }
        store.proxy.calls();
        let put = "secretsmanager.PutSecretValue";
        store.proxy.after(put, calls, 1, Fault::Stall);
        killed_after(&store.world.scene, &store.proxy, put, calls);
        store.proxy.heal();
        store.world.apply();
        assert_eq!(count(&store), [2, 2, 2], "no needless version");
        assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
    }
}

#[test]
fn calls_to_secrets_manager_that_fail_for_a_moment_are_repeated() {
    let store = Store::new();
    for (action, fault) in [
        ("BatchGetSecretValue", Fault::error("ThrottlingException")),
        (
            "CreateSecret",
            Fault::Error(500, "InternalServiceError".to_owned()),
        ),
    ] {
        store
            .proxy
            .after(&format!("secretsmanager.{action}"), 0, 2, fault);
    }
    store.world.sync("-y").succeeds();
    assert_eq!(store.world.apply()["summary"]["in_sync"], 3);
}

#[test]
fn a_person_sees_how_far_a_slow_run_came_and_a_script_does_not() {
    let (mut place, proxy) = behind_a_proxy();
    proxy.on("PATCH secrets", Fault::Slow(Duration::from_millis(900)));
    let run = place.world.scene.cmd(["sync", "--env", "dev"]);
    let run = run.env("TERM", "xterm").on_terminal(&[("[y/N]", "y")]);
    let run = run.run().succeeds();
    // The line goes again.
    run.stdout_has("0 of 4 written")
        .stdout_has("\r\u{1b}[2K")
        .stdout_has("4 created");
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    place
        .world
        .sync("-y")
        .succeeds()
        .stderr_lacks(" of 1 written");
}

#[test]
fn what_somebody_else_writes_right_after_us_is_noticed() {
    let (mut place, proxy) = behind_a_proxy();
    place.world.apply();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    proxy.calls();
    // The first look is one list; the second is at what was written.
    proxy.after(
        "GET secrets",
        1,
        1,
        Fault::Slow(Duration::from_millis(1500)),
    );
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y"])
        .start();
    while proxy.count("PATCH secrets") == 0 || proxy.count("GET secrets") < 2 {
        thread::sleep(Duration::from_millis(5));
    }
    place
        .namespace
        .put_secret("tiingo", &[("api-key", "by hand")], "kubectl-edit");
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("tiingo: was written, but what is there now differs"),
        "{said}"
    );
}

#[test]
fn a_workload_is_not_restarted_with_half_of_its_secrets() {
    let (place, proxy) = behind_a_proxy();
    place.deployment("tiingo");
    proxy.on("PATCH secrets", Fault::Refuse(403, "Forbidden", None));
    let run = place.world.sync("-y --json");
    assert_eq!(run.json()["targets"][0]["restarts"][0]["state"], "held");
    assert_eq!(proxy.count("PATCH deployments"), 0);
    proxy.heal();
    let report = place.world.apply();
    assert_eq!(report["targets"][0]["restarts"][0]["state"], "restarted");
}

#[test]
fn what_somebody_else_writes_right_before_us_is_not_overwritten() {
    let mut store = Store::new();
    store.world.apply();
    store.world.set("tiingo_api_key", Some("changed-key-000"));
    let describe = "secretsmanager.DescribeSecret";
    store
        .proxy
        .on(describe, Fault::Slow(Duration::from_millis(1500)));
    store.proxy.calls();
    let run = store
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y"])
        .start();
    while store.proxy.count(describe) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let body = json!({"SecretId": store.id("api-keys"), "SecretString": "theirs"});
    Store::call("PutSecretValue", &body);
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("written last by another writer"), "{said}");
    assert_eq!(store.get("api-keys", "SecretString"), "theirs");
}

#[test]
fn a_server_that_is_killed_in_the_middle_and_started_again_has_all_in_the_end() {
    let mut cluster = Cluster::start();
    let namespace = cluster.namespace();
    let target = format!(
        "{{ kind: kubernetes, context: test, namespace: {} }}",
        namespace.name
    );
    let scene = Scene::with_age();
    let kubeconfig = scene.home("kubeconfig");
    let scene = scene.env("KUBECONFIG", kubeconfig.display().to_string());
    let world = World::new(scene, &[&target]);
    let proxy = Proxy::to_cluster(cluster.admin().upstream());
    let log_in = |user: &User| std::fs::write(&kubeconfig, user.kubeconfig()).unwrap();
    log_in(&cluster.admin().at(&proxy.url()));
    proxy.after(
        "PATCH secrets",
        2,
        usize::MAX,
        Fault::Hang(Duration::from_secs(2)),
    );
    let run = world.scene.cmd(["sync", "--env", "dev", "-y"]).start();
    while proxy.count("PATCH secrets") < 4 {
        thread::sleep(Duration::from_millis(5));
    }
    cluster.kill();
    let output = run.wait_with_output().unwrap();
    assert!([Some(3), Some(8)].contains(&output.status.code()));

    cluster.start_again();
    log_in(cluster.admin());
    let report = world.apply();
    let count = |op: &str| report["summary"][op].as_u64().unwrap();
    assert_eq!(count("create") + count("in_sync"), 4);
    assert_eq!(world.apply()["summary"]["in_sync"], 4);
}

//! What uses a written secret is started anew, once; no controllers run here, so that the tests
//! write the status that a controller would.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::kubernetes::Place;
use super::text;

const REVISION: &str = "clsecrets.dev/revision";

impl Place {
    /// Makes a workload whose pods mount or refer to a secret.
    fn workload(&self, kind: &str, name: &str, pod: &Value) {
        let mut spec = json!({
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        });
        if kind == "StatefulSet" {
            spec["serviceName"] = json!(name);
        }
        let body = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let path = self.apps(kind, "");
        self.namespace.admin().must("POST", &path, Some(&body));
    }

    /// A deployment whose pods refer to the key of an adapter.
    pub(super) fn deployment(&self, adapter: &str) {
        self.workload("Deployment", adapter, &referring(adapter));
    }

    fn apps(&self, kind: &str, name: &str) -> String {
        let namespace = &self.namespace.name;
        let kind = format!("{}s", kind.to_lowercase());
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{kind}/{name}");
        path.trim_end_matches('/').to_owned()
    }

    /// What the pods were started with.
    fn revision(&self, kind: &str, name: &str) -> Option<String> {
        let stored = self
            .namespace
            .admin()
            .must("GET", &self.apps(kind, name), None);
        let annotations = &stored["spec"]["template"]["metadata"]["annotations"];
        annotations[REVISION].as_str().map(str::to_owned)
    }

    /// Says what a controller would say.
    fn controller_says(&self, kind: &str, name: &str, status: &Value) {
        let admin = self.namespace.admin();
        let mut stored = admin.must("GET", &self.apps(kind, name), None);
        let mut status = status.clone();
        status["observedGeneration"] = stored["metadata"]["generation"].clone();
        stored["status"] = status;
        let path = format!("{}/status", self.apps(kind, name));
        admin.must("PUT", &path, Some(&stored));
    }
}

fn mounting(secret: &str) -> Value {
    json!({
        "volumes": [{"name": "s", "secret": {"secretName": secret}}],
        "containers": [{"name": "c", "image": "example.com/node"}],
    })
}

fn referring(secret: &str) -> Value {
    let reference = json!({"secretKeyRef": {"name": secret, "key": "api-key"}});
    json!({"containers": [{
        "name": "c", "image": "example.com/adapter", "env": [{"name": "API_KEY", "valueFrom": reference}],
    }]})
}

/// The server notes times in seconds.
fn next_second() {
    thread::sleep(Duration::from_millis(1100));
}

#[test]
fn what_uses_a_written_secret_restarts_once_and_nothing_else_does() {
    let mut place = Place::new();
    place.workload("StatefulSet", "chainlink", &mounting("api-secrets"));
    place.workload("Deployment", "tiingo", &referring("tiingo"));
    place.workload("Deployment", "unrelated", &mounting("other"));
    let plan = place.world.sync("--dry-run").fails(2);
    plan.stdout_has("  restart statefulset/chainlink  (uses api-secrets)")
        .stdout_has("  restart deployment/tiingo  (uses tiingo)");
    assert_eq!(place.revision("Deployment", "tiingo"), None);
    let report = place.world.apply();
    assert_eq!(report["summary"]["restart"], 2);
    assert_eq!(report["targets"][0]["restarts"][0]["state"], "restarted");
    let node = place.revision("StatefulSet", "chainlink").unwrap();
    let stored = place.namespace.secret("api-secrets").unwrap();
    let version = text(&stored["metadata"]["resourceVersion"]);
    assert!(
        node.ends_with(&format!("Z api-secrets={version}")),
        "{node}"
    );
    assert_eq!(place.revision("Deployment", "unrelated"), None);

    assert_eq!(place.world.apply()["summary"]["restart"], 0);
    next_second();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    place
        .world
        .sync("-y")
        .succeeds()
        .stdout_has("1 updated, 3 in sync, deployment/tiingo restarted");
    assert_eq!(place.revision("StatefulSet", "chainlink").unwrap(), node);

    // Neither a mark nor a key of somebody else restarts a node.
    next_second();
    let theirs = json!({"metadata": {"name": "api-secrets", "labels": {"by": "x"}}, "stringData": {"theirs": "y"}});
    place.patch("api-secrets", &theirs);
    assert_eq!(place.world.apply()["summary"]["restart"], 0);
    place.world.leaks_nothing(&[]);
}

#[test]
fn a_workload_behind_a_hundred_others_is_found() {
    let place = Place::new();
    for number in 0..100 {
        let name = format!("other-{number:03}");
        place.workload("Deployment", &name, &mounting("other"));
    }
    place.deployment("tiingo");
    let report = place.world.apply();
    assert_eq!(
        report["targets"][0]["restarts"][0]["workload"],
        "deployment/tiingo"
    );
    assert!(place.revision("Deployment", "tiingo").is_some());
}

#[test]
fn a_restart_that_an_interrupted_run_left_out_is_made_up_for() {
    let mut place = Place::new();
    place.workload("Deployment", "tiingo", &referring("tiingo"));
    place.world.apply();
    let first = place.revision("Deployment", "tiingo").unwrap();
    next_second();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    place.world.sync("-y --no-restart").succeeds();
    assert_eq!(place.revision("Deployment", "tiingo").unwrap(), first);
    place.world.sync("--check").fails(2);
    let report = place.world.apply();
    assert_eq!(
        (&report["summary"]["restart"], &report["summary"]["in_sync"]),
        (&json!(1), &json!(4))
    );
    assert_ne!(place.revision("Deployment", "tiingo").unwrap(), first);
    place.world.sync("").succeeds().stdout_has("nothing to do");
}

#[test]
fn named_workloads_restart_however_they_get_their_secrets() {
    let place = Place::with(", restart: [statefulset/chainlink]");
    place
        .world
        .sync("-y")
        .fails(1)
        .stderr_has("there is no statefulset chainlink in namespace");
    assert_eq!(place.versions(), Vec::<String>::new());
    place.workload("StatefulSet", "chainlink", &mounting("other"));
    place.workload("Deployment", "tiingo", &referring("tiingo"));
    place.world.sync("-y").succeeds();
    assert!(place.revision("StatefulSet", "chainlink").is_some());
    assert_eq!(place.revision("Deployment", "tiingo"), None);

    let none = Place::with(", restart: []");
    none.workload("Deployment", "tiingo", &referring("tiingo"));
    none.world.sync("-y").succeeds();
    assert_eq!(none.revision("Deployment", "tiingo"), None);
    let wrong = Place::with(", restart: [pod/chainlink]");
    wrong
        .world
        .sync("-y")
        .fails(1)
        .stderr_has("is not a workload that can be restarted");
}

#[test]
fn whoever_may_not_restart_is_told_before_the_first_write() {
    let place = Place::new();
    place.workload("Deployment", "tiingo", &referring("tiingo"));
    let secrets: &[&str] = &["get", "create", "patch"];
    let blind = place.namespace.user(&[("", "secrets", secrets)]);
    place.log_in(&blind.kubeconfig());
    place
        .world
        .sync("-y --only cryptocompare")
        .succeeds()
        .stderr_has("not allowed to list deployments, statefulsets, daemonsets");

    let lists: &[&str] = &["list"];
    let all = ["deployments", "statefulsets", "daemonsets"].map(|kind| ("apps", kind, lists));
    let mut rules = vec![("", "secrets", secrets)];
    rules.extend(all);
    let looker = place.namespace.user(&rules);
    place.log_in(&looker.kubeconfig());
    let before = place.versions();
    place
        .world
        .sync("-y")
        .fails(4)
        .stderr_has("not allowed to patch deployment tiingo")
        .stderr_has("--no-restart");
    assert_eq!(place.versions(), before);
    place.world.sync("-y --no-restart").succeeds();
}

#[test]
fn a_run_that_waits_ends_when_all_pods_are_new_or_says_why_not() {
    let mut place = Place::new();
    place.workload("Deployment", "tiingo", &referring("tiingo"));
    let ready =
        json!({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1});
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y", "--wait=30s"])
        .start();
    while place.revision("Deployment", "tiingo").is_none() {
        thread::sleep(Duration::from_millis(50));
    }
    place.controller_says("Deployment", "tiingo", &ready);
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());

    // A pod that cannot start gives the reason.
    next_second();
    let pods = format!("/api/v1/namespaces/{}/pods", place.namespace.name);
    let account = json!({"metadata": {"name": "default"}});
    let accounts = format!(
        "/api/v1/namespaces/{}/serviceaccounts",
        place.namespace.name
    );
    place
        .namespace
        .admin()
        .request("POST", &accounts, Some(&account));
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tiingo-1", "labels": {"app": "tiingo"}},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "c", "image": "example.com/adapter"}]},
    });
    let admin = place.namespace.admin();
    let mut made = admin.must("POST", &pods, Some(&pod));
    made["status"] = json!({"containerStatuses": [{
        "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "canary of a pod"}},
    }]});
    admin.must("PUT", &format!("{pods}/tiingo-1/status"), Some(&made));
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y", "--wait=4s"])
        .start();
    let before = place.revision("Deployment", "tiingo");
    while place.revision("Deployment", "tiingo") == before {
        thread::sleep(Duration::from_millis(50));
    }
    let old =
        json!({"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1});
    place.controller_says("Deployment", "tiingo", &old);
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("is not ready in time: 1 of 1 pods are new, 1 are ready (CrashLoopBackOff)"),
        "{said}"
    );
    assert!(
        said.contains("--rollback") && !said.contains("canary"),
        "{said}"
    );

    let stuck = json!({"replicas": 1, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]});
    next_second();
    place.world.set("tiingo_api_key", Some("changed-key-001"));
    let before = place.revision("Deployment", "tiingo");
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y", "--wait"])
        .start();
    while place.revision("Deployment", "tiingo") == before {
        thread::sleep(Duration::from_millis(50));
    }
    place.controller_says("Deployment", "tiingo", &stuck);
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("its controller gave up (ProgressDeadlineExceeded)"),
        "{said}"
    );
}

//! Profiles in a cluster: what is written and pruned there, and what `validate --live` sees.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CLEAR, ENVIRONMENTS, TWO_NODES, prod, rich, said};
use crate::servers::{Namespace, cluster};
use crate::support::Scene;

/// The environment of two nodes, delivered to a namespace of its own.
fn world(profile: &str, lines: &str) -> (Scene, Namespace) {
    let namespace = cluster().namespace();
    let target = format!(
        "{{ kind: kubernetes, context: test, namespace: {} }}",
        namespace.name
    );
    let scene = prod(profile, lines, &[&target], &rich());
    let kubeconfig = scene.home("kubeconfig").display().to_string();
    std::fs::write(&kubeconfig, namespace.admin().kubeconfig()).unwrap();
    (scene.env("KUBECONFIG", kubeconfig), namespace)
}

fn names(namespace: &Namespace) -> Vec<String> {
    let path = format!("/api/v1/namespaces/{}/secrets", namespace.name);
    let list = namespace.admin().must("GET", &path, None);
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

fn findings(scene: &Scene, status: i32) -> Vec<String> {
    let json = scene
        .run("validate --env prod --live --json")
        .fails(status)
        .json();
    let found = json["findings"].as_array().unwrap().iter();
    found
        .map(|found| {
            format!(
                "{} {}",
                found["rule"].as_str().unwrap(),
                found["message"].as_str().unwrap()
            )
        })
        .filter(|found| !found.starts_with("V090") && !found.starts_with("V044"))
        .collect()
}

#[test]
fn nodes_and_adapters_are_delivered_and_what_is_ours_is_pruned() {
    let (scene, namespace) = world("node-v2", TWO_NODES);
    // Another environment's object and somebody's own are in the same namespace.
    namespace.put_secret(
        "adapter-of-others",
        &[("API_KEY", "x")],
        "clsecrets-chainlink-dev",
    );
    namespace.put_secret("theirs", &[("k", "x")], "kubectl");
    scene.run("sync --env prod -y").succeeds();
    assert_eq!(
        names(&namespace),
        [
            "adapter-cfbenchmarks",
            "adapter-cryptocompare",
            "adapter-harmony",
            "adapter-of-others",
            "adapter-tiingo",
            "node-a-config-rpc",
            "node-a-secrets",
            "node-b-secrets",
            "theirs",
        ]
    );
    let stored = namespace.secret("node-a-secrets").unwrap();
    let toml = STANDARD
        .decode(stored["data"]["secrets.toml"].as_str().unwrap())
        .unwrap();
    let toml: toml::Table = String::from_utf8(toml).unwrap().parse().unwrap();
    assert_eq!(
        toml["Password"]["VRF"].as_str().unwrap(),
        "Canary-node-a-vrf-#01"
    );
    scene.run("sync --env prod -y").succeeds();
    scene.run("sync --env prod --check").succeeds();

    let clear = scene.read(CLEAR);
    let line = "  harmony: { PRIVATE_KEY: 'canary-0xsigns-money' }\n";
    scene.write(CLEAR, clear.replace(line, ""));
    scene.run("encrypt --env prod --overwrite").succeeds();
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(said(&run).contains("adapter-harmony"), "{run}");
    assert!(namespace.secret("adapter-harmony").is_some());
    scene.run("sync --env prod --prune -y").succeeds();
    let left = names(&namespace);
    assert!(!left.contains(&"adapter-harmony".to_owned()));
    assert!(left.contains(&"adapter-of-others".to_owned()) && left.contains(&"theirs".to_owned()));

    // A node that is gone takes its keystore password with it only if told.
    let text = scene.read(ENVIRONMENTS);
    let line = TWO_NODES
        .lines()
        .find(|line| line.contains("node-b"))
        .unwrap();
    scene.write(ENVIRONMENTS, text.replace(&format!("{line}\n"), ""));
    scene.run("sync --env prod --prune -y").fails(4);
    assert!(namespace.secret("node-b-secrets").is_some());
}

#[test]
fn whoever_may_not_list_secrets_delivers_and_is_told_what_is_not_looked_for() {
    let (scene, namespace) = world("node-v2", TWO_NODES);
    let user = namespace.user(&[("", "secrets", &["get", "create", "patch"])]);
    std::fs::write(scene.home("kubeconfig"), user.kubeconfig()).unwrap();
    let run = scene.run("sync --env prod -y --no-restart").succeeds();
    assert!(
        said(&run).contains("not allowed to list secrets, so leftovers cannot be found"),
        "{run}"
    );
}

#[test]
fn v063_is_about_variables_that_override_what_is_delivered() {
    let (scene, namespace) = world("node-v2", TWO_NODES);
    scene.run("sync --env prod -y").succeeds();
    assert_eq!(findings(&scene, 0), [""; 0]);
    let pod = json!({"containers": [{
        "name": "node", "image": "x",
        "env": [{"name": "CL_DATABASE_URL", "value": "postgresql://stale"}, {"name": "OTHER", "value": "x"}],
    }]});
    workload(&namespace, "node-a", &pod);
    let found = findings(&scene, 0);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("V063")
            && found[0]
                .ends_with("statefulset/node-a sets CL_DATABASE_URL, which overrides Database.URL")
    );
}

#[test]
fn v071_v072_and_v083_are_about_what_is_there() {
    let (scene, namespace) = world("node-v2", TWO_NODES);
    namespace.put_secret("adapter-tiingo", &[("API_KEY", "another")], "helm");
    let found = findings(&scene, 1);
    assert!(
        found
            .iter()
            .any(|found| found.starts_with("V071") && found.contains("adapter-tiingo")),
        "{found:?}"
    );
    scene
        .run("sync --env prod -y --adopt adapter-tiingo")
        .succeeds();
    assert_eq!(findings(&scene, 0), [""; 0]);

    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "adapter-cfbenchmarks"}, "immutable": true});
    let path = format!(
        "{}?fieldManager=test&force=true",
        namespace.secret_path("adapter-cfbenchmarks")
    );
    namespace.admin().must("PATCH", &path, Some(&body));
    let clear = scene
        .read(CLEAR)
        .replace("canary-cf-pass", "canary-cf-pass-2");
    scene.write(CLEAR, clear);
    scene.run("encrypt --env prod --overwrite").succeeds();
    let found = findings(&scene, 1);
    assert!(
        found
            .iter()
            .any(|found| found.starts_with("V072") && found.contains("immutable")),
        "{found:?}"
    );

    let text = scene.read(ENVIRONMENTS).replace(
        "context: test,",
        "context: test, expect_server: \"https://other\",",
    );
    scene.write(ENVIRONMENTS, text);
    let json = scene.run("validate --env prod --live --json").json();
    assert!(json["findings"].to_string().contains("V083"), "{json}");
}

pub(super) fn workload(namespace: &Namespace, name: &str, pod: &Value) {
    let body = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    });
    let path = format!(
        "/apis/apps/v1/namespaces/{}/statefulsets/{name}?fieldManager=test",
        namespace.name
    );
    namespace.admin().must("PATCH", &path, Some(&body));
}

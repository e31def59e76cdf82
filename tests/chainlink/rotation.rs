//! The steps of docs/rotate.md, up to the changed pod template: no node runs here, so what a node does with
//! it is not shown.

use serde_json::json;

use super::live::workload;
use super::{SEALED, prod, said};
use crate::servers::cluster;

/// Two nodes of one database: one stands in for the other.
const PAIR: &str = "    nodes:
      node-a: { workload: statefulset/node-a }
      node-b: { failover_of: node-a, workload: statefulset/node-b }
";
const CLEAR: &str = "user_password: 'Correct-horse-battery-1'\nwallet_password: 'a-long-Wallet-passphrase-2'\n\
                     database_password: 'Quite-another-secret-3'\ntiingo_api_key: 'tg_0123456789abcdef'\n";

#[test]
fn a_database_password_reaches_both_nodes_and_the_one_that_stands_in_first() {
    let namespace = cluster().namespace();
    let target = format!(
        "{{ kind: kubernetes, context: test, namespace: {} }}",
        namespace.name
    );
    let scene = prod("node-v2", PAIR, &[&target], CLEAR);
    let kubeconfig = scene.home("kubeconfig").display().to_string();
    std::fs::write(&kubeconfig, namespace.admin().kubeconfig()).unwrap();
    let scene = scene.env("KUBECONFIG", kubeconfig);
    scene.run("sync --env prod -y").succeeds();
    for node in ["node-a", "node-b"] {
        let pod = json!({
            "containers": [{"name": "node", "image": "x", "volumeMounts": [{"name": "s", "mountPath": "/s"}]}],
            "volumes": [{"name": "s", "secret": {"secretName": format!("{node}-secrets")}}],
        });
        workload(&namespace, node, &pod);
    }
    scene
        .run("gen database_password --env prod --replace")
        .succeeds();
    let plan = scene.run("sync --env prod --dry-run").fails(2);
    let text = said(&plan);
    let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{text}"));
    assert!(
        at("restart statefulset/node-b") < at("restart statefulset/node-a"),
        "{text}"
    );
    scene.run("sync --env prod -y").succeeds();
    for node in ["node-a", "node-b"] {
        let path = format!(
            "/apis/apps/v1/namespaces/{}/statefulsets/{node}",
            namespace.name
        );
        let found = namespace.admin().must("GET", &path, None);
        let annotations = &found["spec"]["template"]["metadata"]["annotations"];
        let revision = annotations["clsecrets.dev/revision"].as_str().unwrap();
        assert!(revision.contains(&format!("{node}-secrets=")), "{revision}");
    }
    scene.run("sync --env prod --check").succeeds();
    scene
        .run("validate --env prod --skip V090 --strict")
        .succeeds();
}

#[test]
fn another_password_of_the_api_user_prints_the_step_that_the_node_needs() {
    let out = "{ kind: directory, path: out }";
    let scene = prod("trackit", "", &[out], CLEAR).in_git();
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(!said(&run).contains("chpass"), "{run}");
    scene.git(&format!("add -f {SEALED}")).succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    scene
        .run("gen user_password --env prod --replace")
        .succeeds();
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(said(&run).contains("chainlink admin chpass"), "{run}");
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(!said(&run).contains("chpass"), "{run}");
}

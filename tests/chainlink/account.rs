//! Nodes and adapters in Secrets Manager: names, fields, and what is pruned there.

use serde_json::{Value, json};

use super::{CLEAR, TWO_NODES, prod, rich, said};
use crate::servers::{moto, unique};
use crate::support::Scene;

const REGION: &str = "us-east-2";

/// The environment of two nodes behind a prefix of its own.
fn world() -> (Scene, String) {
    let prefix = unique("nodes") + "/prod/";
    let target = format!("{{ kind: secretsmanager, region: {REGION}, prefix: {prefix} }}");
    let scene = prod("node-v2", TWO_NODES, &[&target], &rich());
    (scene.envs(moto().env()), prefix)
}

fn fields(name: &str) -> Value {
    let secret = moto()
        .secret(REGION, name)
        .unwrap_or_else(|| panic!("{name}"));
    serde_json::from_str(secret["SecretString"].as_str().unwrap()).unwrap()
}

#[test]
fn credentials_are_flat_json_and_what_is_ours_is_pruned() {
    let (scene, prefix) = world();
    // Somebody's own, and another environment's, behind the same prefix.
    for (name, set) in [("theirs", None), ("of-dev", Some("chainlink-dev"))] {
        let tags: Vec<Value> = set
            .iter()
            .map(|set| json!({"Key": "clsecrets.dev/set", "Value": set}))
            .collect();
        let body = json!({
            "Name": format!("{prefix}{name}"), "SecretString": "x", "Tags": tags,
            "ClientRequestToken": format!("clsecrets-{:032x}", name.len()),
        });
        moto().call(REGION, "secretsmanager.CreateSecret", &body);
    }
    scene.run("sync --env prod -y").succeeds();
    let database = fields(&format!("{prefix}node-a/database"));
    assert_eq!(database["username"], "cl_a");
    assert_eq!(database["password"], "Canary node-a db: & 001");
    assert_eq!(database["port"], "5432");
    assert!(
        database["url"]
            .as_str()
            .unwrap()
            .starts_with("postgresql://cl_a:Canary%20node-a")
    );
    let credentials = fields(&format!("{prefix}node-b/credentials"));
    assert_eq!(credentials["wallet_password"], "Canary-keystore\\0001 #x");
    assert_eq!(credentials["user_email"], "b@example.com");
    let adapter = format!("{prefix}adapters/harmony");
    assert_eq!(
        fields(&adapter),
        json!({"PRIVATE_KEY": "canary-0xsigns-money"})
    );
    scene.run("sync --env prod -y").succeeds();
    scene.run("sync --env prod --check").succeeds();

    let clear = scene
        .read(CLEAR)
        .replace("  harmony: { PRIVATE_KEY: 'canary-0xsigns-money' }\n", "");
    scene.write(CLEAR, clear);
    scene.run("encrypt --env prod --overwrite").succeeds();
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(said(&run).contains("adapters/harmony"), "{run}");
    assert!(
        !said(&run).contains("of-dev") && !said(&run).contains("theirs"),
        "{run}"
    );
    let run = scene.run("sync --env prod --prune -y").succeeds();
    assert!(said(&run).contains("remove"), "{run}");
    for name in ["theirs", "of-dev"] {
        assert!(moto().secret(REGION, &format!("{prefix}{name}")).is_some());
    }
    let body = json!({"SecretId": adapter});
    let (status, _) = moto().ask(REGION, "secretsmanager.GetSecretValue", &body);
    assert_eq!(status, 400);
    // What comes back is restored.
    scene.write(CLEAR, rich());
    scene.run("encrypt --env prod --overwrite").succeeds();
    let found = scene.run("validate --env prod --live --json").json();
    assert!(found["findings"].to_string().contains("V082"), "{found}");
    scene.run("sync --env prod -y").succeeds();
    assert_eq!(
        fields(&adapter),
        json!({"PRIVATE_KEY": "canary-0xsigns-money"})
    );
}

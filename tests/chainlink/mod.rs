//! Environments of Chainlink nodes, from the clear file to what a node reads: profiles, rules, passwords,
//! and the way from TrackIt. The binary with real peers: a parser in Go, a database, an API server,
//! Terraform and Helm.

#[cfg(feature = "aws")]
mod account;
mod canary;
#[cfg(feature = "kubernetes")]
mod live;
#[cfg(feature = "kubernetes")]
mod migration;
mod passwords;
mod postgres;
mod profiles;
#[cfg(feature = "kubernetes")]
mod rotation;
mod schemas;
mod validating;

use crate::support::{RECIPIENT, Run, Scene};

const ENVIRONMENTS: &str = "clsecrets.yaml";
const CLEAR: &str = "secrets/prod/clear-secrets.yaml";
const SEALED: &str = "secrets/prod/encrypted-secrets.yaml";

/// A key as the node exports it; it is the key of nobody. Opened by [`EXPORT_PASSWORD`].
const EXPORTED: &str = include_str!("../../fixtures/chainlink/exported-key.json");
const EXPORT_PASSWORD: &str = "an-export-password-01";

/// Two nodes with everything that a node can have.
const TWO_NODES: &str = "    nodes:
      node-a: { user_email: a@example.com, database: { user: cl_a, name: cl_a, port: 5432 }, workload: statefulset/node-a }
      node-b: { user_email: b@example.com, database: { user: cl_b, name: cl_b }, workload: statefulset/node-b }
";

/// An environment `prod` of this profile, with more lines of its settings; sealed.
fn prod(profile: &str, lines: &str, targets: &[&str], clear: &str) -> Scene {
    let scene = unsealed(profile, lines, targets, clear);
    scene.run("encrypt --env prod").succeeds();
    scene
}

fn unsealed(profile: &str, lines: &str, targets: &[&str], clear: &str) -> Scene {
    let targets: Vec<String> = targets
        .iter()
        .map(|one| format!("      - {one}\n"))
        .collect();
    let version = if profile == "trackit" { "1.8" } else { "2.26" };
    let text = format!(
        "version: 1\nname: chainlink\nenvironments:\n  prod:\n    profile: {profile}\n    sealed: {SEALED}\n    \
         clear: {CLEAR}\n    node: {{ version: \"{version}\", user_email: ops@example.com }}\n    \
         database: {{ user: chainlink, host: db.prod.example.net, name: chainlink, sslmode: verify-full }}\n\
         {lines}    targets:\n{}identity: chainlinktestrepo\n",
        targets.concat()
    );
    Scene::with_age()
        .file(
            ".sops.yaml",
            format!("creation_rules:\n  - age: {RECIPIENT}\n"),
        )
        .file(ENVIRONMENTS, text)
        .file(CLEAR, clear)
}

/// All that the long form has, with values that no encoding leaves as they are.
fn rich() -> String {
    let exported = serde_json::to_string(EXPORTED.trim()).unwrap();
    format!(
        r#"schema_unencrypted: "1"
user_password: 'Canary-api "pass" 0001'
wallet_password: 'Canary-keystore\0001 #x'
tiingo_api_key: 'canary-tg%2F0123456789'
database:
  password: 'Canary/p4ss#with@odd%chars'
nodes:
  node-a:
    wallet_password: 'Canary-node-a "keystore" \ 01'
    vrf_password: 'Canary-node-a-vrf-#01'
    database: {{ password: 'Canary node-a db: & 001', backup_url: 'postgresql://b:Canary-backup-url-01@replica/cl_a?sslmode=require' }}
    prometheus_auth_token: 'canary-prometheus"token'
    pyroscope_auth_token: 'canary-pyroscope\token'
    threshold_key_share: 'canary-threshold=share'
    oidc_client_secret: 'canary-oidc-secret'
    ldap: {{ server_address: 'ldaps://ldap.example.net', user: 'canary-ldap-user', password: 'canary-ldap-pass' }}
    streams: {{ api_key: 'canary-streams-key', api_secret: 'canary-streams-secret' }}
    mercury:
      "streams prod": {{ url: 'https://streams.example.net', username: 'canary-op-1', password: 'canary-mercury-pass' }}
    rpc:
      "11155111":
        primary: {{ ws_url: 'wss://rpc.example.net/ws/canary-token', http_url: 'https://rpc.example.net/canary-token' }}
    keys:
      evm:
        - {{ chain_id: "11155111", json: {exported}, password: '{EXPORT_PASSWORD}' }}
    backup:
      kept: {{ json: {exported}, password: 'Canary-never-delivered-1' }}
  node-b:
    user_password: 'Canary-api-of-node-b-01'
adapters:
  cfbenchmarks: {{ API_USERNAME: 'canary-cf-user', API_PASSWORD: 'canary-cf-pass' }}
  cryptocompare: {{ API_KEY: 'canary-cc-rest', WS_API_KEY: 'canary-cc-ws' }}
  harmony: {{ PRIVATE_KEY: 'canary-0xsigns-money' }}
"#
    )
}

/// All that a run has said.
fn said(run: &Run) -> String {
    run.out() + &run.err()
}

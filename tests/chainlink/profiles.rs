//! What each profile delivers, byte for byte, into a directory.

use super::{EXPORT_PASSWORD, EXPORTED, TWO_NODES, prod, rich, said};
use crate::support::Scene;

const OUT: &str = "{ kind: directory, path: out }";

fn delivered(scene: &Scene) -> Vec<String> {
    let files = scene.files().into_iter();
    files
        .filter_map(|path| path.strip_prefix("out/").map(str::to_owned))
        // What keeps Git out, and whose each file is.
        .filter(|path| path != ".gitignore" && !path.starts_with(".clsecrets-owners/"))
        .collect()
}

#[test]
fn node_v2_has_files_of_nodes_and_variables_of_adapters() {
    let scene = prod("node-v2", TWO_NODES, &[OUT], &rich());
    scene.run("sync --env prod -y").succeeds();
    assert_eq!(
        delivered(&scene),
        [
            "adapter-cfbenchmarks/API_PASSWORD",
            "adapter-cfbenchmarks/API_USERNAME",
            "adapter-cryptocompare/API_KEY",
            "adapter-cryptocompare/WS_API_KEY",
            "adapter-cryptocompare/api-key",
            "adapter-harmony/PRIVATE_KEY",
            "adapter-tiingo/API_KEY",
            "adapter-tiingo/api-key",
            "node-a-config-rpc/rpc.toml",
            "node-a-secrets/.api",
            "node-a-secrets/.password",
            "node-a-secrets/.vrf",
            "node-a-secrets/secrets.toml",
            "node-b-secrets/.api",
            "node-b-secrets/.password",
            "node-b-secrets/secrets.toml",
        ]
    );
    assert_eq!(
        scene.read("out/node-a-secrets/.api"),
        "a@example.com\nCanary-api \"pass\" 0001"
    );
    assert_eq!(
        scene.read("out/node-b-secrets/.api"),
        "b@example.com\nCanary-api-of-node-b-01"
    );
    assert_eq!(
        scene.read("out/node-b-secrets/.password"),
        "Canary-keystore\\0001 #x"
    );

    let a: toml::Table = scene
        .read("out/node-a-secrets/secrets.toml")
        .parse()
        .unwrap();
    assert_eq!(
        a["Database"]["URL"].as_str().unwrap(),
        "postgresql://cl_a:Canary%20node-a%20db%3A%20%26%20001@db.prod.example.net:5432/cl_a?sslmode=verify-full"
    );
    assert_eq!(
        a["Password"]["Keystore"].as_str().unwrap(),
        "Canary-node-a \"keystore\" \\ 01"
    );
    assert_eq!(
        a["WebServer"]["OIDC"]["ClientSecret"].as_str().unwrap(),
        "canary-oidc-secret"
    );
    let mercury = &a["Mercury"]["Credentials"]["streams prod"];
    assert_eq!(mercury["Password"].as_str().unwrap(), "canary-mercury-pass");
    let key = &a["EVM"]["Keys"][0];
    assert_eq!(key["ID"].as_integer().unwrap(), 11_155_111);
    assert_eq!(key["JSON"].as_str().unwrap(), EXPORTED.trim());
    assert_eq!(key["Password"].as_str().unwrap(), EXPORT_PASSWORD);
    // What only node-a has is not node-b's.
    let b: toml::Table = scene
        .read("out/node-b-secrets/secrets.toml")
        .parse()
        .unwrap();
    let sections: Vec<&str> = b.keys().map(String::as_str).collect();
    assert_eq!(sections, ["Database", "Password"]);

    scene.run("sync --env prod -y").succeeds();
    scene.run("sync --env prod --check").succeeds();
    let backup = "Canary-never-delivered-1";
    for path in delivered(&scene) {
        assert!(
            !scene.read(&format!("out/{path}")).contains(backup),
            "{path}"
        );
    }
}

#[test]
fn cll_cluster_has_the_objects_of_the_chart() {
    let scene = prod("cll-cluster", TWO_NODES, &[OUT], &rich());
    scene.run("sync --env prod -y").succeeds();
    let nodes: Vec<String> = delivered(&scene)
        .into_iter()
        .filter(|path| path.starts_with("node-"))
        .collect();
    assert_eq!(
        nodes,
        [
            "node-a-config-rpc/rpc.toml",
            "node-a-db/POSTGRES_DB",
            "node-a-db/POSTGRES_HOST",
            "node-a-db/POSTGRES_PORT",
            "node-a-db/POSTGRES_USER",
            "node-a-usr-v2/keys.toml",
            "node-a-usr-v2/mercury.toml",
            "node-a-v2/.api",
            "node-a-v2/secret.toml",
            "node-b-db/POSTGRES_DB",
            "node-b-db/POSTGRES_HOST",
            "node-b-db/POSTGRES_PORT",
            "node-b-db/POSTGRES_USER",
            "node-b-v2/.api",
            "node-b-v2/secret.toml",
        ]
    );
    // The node refuses a field that two of its files have.
    let mut seen = std::collections::BTreeSet::new();
    for file in [
        "node-a-v2/secret.toml",
        "node-a-usr-v2/keys.toml",
        "node-a-usr-v2/mercury.toml",
    ] {
        let table: toml::Table = scene.read(&format!("out/{file}")).parse().unwrap();
        for (name, _) in table {
            assert!(seen.insert(name.clone()), "{name} is in two files");
        }
    }
}

#[test]
fn custom_objects_are_what_the_file_spells_out() {
    let objects = r#"    objects:
      - name: node
        keys:
          .password: wallet_password
          .api: { lines: [ { literal: ops@example.com }, user_password ] }
          db-url: { dsn: {} }
          replica: { dsn: { scheme: postgres, user: { literal: reader }, password: node.reader, host: { literal: "2001:db8::1" }, port: 6432, sslmode: require } }
          both.json: { json: { user: { literal: ops }, password: user_password } }
          ca.pem: { file: ca.pem }
          gone: { key: not.there, optional: true }
"#;
    let clear = "wallet_password: 'Canary-keystore-0001'\nuser_password: 'Canary-api-pass-0001'\n\
                 database_password: 'Canary/p4ss#with@odd'\nnode: { reader: 'Canary reader 00001' }\n";
    let scene = prod("custom", objects, &[OUT], clear).file("ca.pem", "-----BEGIN\n");
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(!said(&run).contains("is not delivered"), "{run}");
    let read = |key: &str| scene.read(&format!("out/node/{key}"));
    assert_eq!(read(".password"), "Canary-keystore-0001");
    assert_eq!(read(".api"), "ops@example.com\nCanary-api-pass-0001");
    assert_eq!(
        read("db-url"),
        "postgresql://chainlink:Canary%2Fp4ss%23with%40odd@db.prod.example.net/chainlink?sslmode=verify-full"
    );
    assert_eq!(
        read("replica"),
        "postgres://reader:Canary%20reader%2000001@[2001:db8::1]:6432/chainlink?sslmode=require"
    );
    assert_eq!(
        read("both.json"),
        r#"{"password":"Canary-api-pass-0001","user":"ops"}"#
    );
    assert_eq!(read("ca.pem"), "-----BEGIN\n");
    assert!(!scene.has("out/node/gone"));
}

#[test]
fn a_file_outside_of_the_repository_is_not_delivered() {
    let objects = "    objects: [ { name: x, keys: { f: { file: ../outside } } } ]\n";
    let scene = prod("custom", objects, &[OUT], "a: b\n");
    std::os::unix::fs::symlink("/etc/hostname", scene.path("link")).unwrap();
    let run = scene.run("sync --env prod -y").fails(1);
    assert!(said(&run).contains("file ../outside"), "{run}");
    let text = scene
        .read(super::ENVIRONMENTS)
        .replace("../outside", "link");
    scene.write(super::ENVIRONMENTS, text);
    let run = scene.run("sync --env prod -y").fails(1);
    assert!(said(&run).contains("lies outside"), "{run}");
}

#[test]
fn what_is_no_longer_desired_goes_with_prune_and_a_keystore_password_does_not() {
    let scene = prod("node-v2", TWO_NODES, &[OUT], &rich());
    scene.run("sync --env prod -y").succeeds();
    let clear = scene.read(super::CLEAR);
    scene.write(
        super::CLEAR,
        clear.replace("  harmony: { PRIVATE_KEY: 'canary-0xsigns-money' }\n", ""),
    );
    scene.run("encrypt --env prod --overwrite").succeeds();
    let run = scene.run("sync --env prod -y").succeeds();
    assert!(said(&run).contains("adapter-harmony"), "{run}");
    assert!(scene.has("out/adapter-harmony/PRIVATE_KEY"));
    scene.run("sync --env prod --prune -y").succeeds();
    assert!(!scene.has("out/adapter-harmony/PRIVATE_KEY"));

    let text = scene.read(super::ENVIRONMENTS);
    let line = TWO_NODES
        .lines()
        .find(|line| line.contains("node-b"))
        .unwrap();
    scene.write(super::ENVIRONMENTS, text.replace(&format!("{line}\n"), ""));
    let run = scene.run("sync --env prod --prune -y").fails(4);
    assert!(
        said(&run).contains("wallet_password that no sealed file has"),
        "{run}"
    );
    assert!(scene.has("out/node-b-secrets/.password"));
    scene
        .run("sync --env prod --prune --replace-wallet-password -y")
        .succeeds();
    assert!(!scene.has("out/node-b-secrets/.password"));
    assert!(scene.has("out/node-a-secrets/.password"));
}

#[test]
fn the_wallet_guard_compares_the_field_and_not_the_file() {
    let scene = prod("cll-cluster", TWO_NODES, &[OUT], &rich());
    scene.run("sync --env prod -y").succeeds();
    // Another token changes the file and not the password in it.
    let set = |path: &str, value: &str| {
        let value = serde_json::to_string(value).unwrap();
        scene
            .cmd(["set", super::SEALED, path, value.as_str()])
            .run()
            .succeeds();
    };
    set(
        r#"["nodes"]["node-a"]["prometheus_auth_token"]"#,
        "another-token",
    );
    scene.run("sync --env prod -y").succeeds();
    set(
        r#"["nodes"]["node-a"]["wallet_password"]"#,
        "Another-node-a-keystore",
    );
    let run = scene.run("sync --env prod -y").fails(4);
    assert!(
        said(&run).contains("wallet_password of node-a differs"),
        "{run}"
    );
    assert!(!said(&run).contains("node-b"), "{run}");
}

#[test]
fn render_shows_exactly_what_would_be_delivered() {
    let scene = prod("node-v2", TWO_NODES, &[OUT], &rich());
    let masked = scene.run("render --env prod").succeeds();
    assert!(!said(&masked).to_lowercase().contains("canary"), "{masked}");
    let shown = scene
        .cmd(["render", "--env", "prod", "--show"])
        .reveals()
        .run()
        .succeeds();
    scene.run("sync --env prod -y").succeeds();
    let mut expected = Vec::new();
    for (object, key) in [("node-a-secrets", ".api"), ("node-a-secrets", ".password")] {
        let value = scene.read(&format!("out/{object}/{key}"));
        let length = value.len();
        expected.push(format!(
            "--- directory out {object} {key} ({length} bytes)\n{value}\n"
        ));
    }
    for part in expected {
        assert!(
            String::from_utf8_lossy(&shown.stdout).contains(&part),
            "{part}"
        );
    }
    let hex = scene
        .cmd(["render", "--env", "prod", "--show", "--hex"])
        .reveals()
        .run()
        .succeeds();
    let line = "00000000  61 40 65 78 61 6d 70 6c 65 2e 63 6f 6d 0a 43 61  |a@example.com.Ca|\n";
    assert!(String::from_utf8_lossy(&hex.stdout).contains(line));
}

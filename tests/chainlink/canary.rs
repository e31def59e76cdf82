//! No value of any profile, in any encoding, is where it should not be; a backup is nowhere.

use super::{CLEAR, EXPORT_PASSWORD, TWO_NODES, prod, rich};
use crate::support::Scene;

const OUT: &str = "{ kind: directory, path: out }";

/// Every value of the long form, and what is made of them.
fn values() -> Vec<String> {
    let text = rich();
    let mut values: Vec<String> = text
        .split('\'')
        .filter(|part| part.to_lowercase().contains("canary") && !part.contains('\n'))
        .map(str::to_owned)
        .collect();
    values.push(EXPORT_PASSWORD.to_owned());
    values.push("Canary%20node-a%20db%3A%20%26%20001".to_owned());
    assert!(values.len() > 25, "{values:?}");
    values
}

fn custom() -> String {
    "    objects:\n      - { name: node, keys: { .password: wallet_password, db-url: { dsn: {} }, all.json: { json: { a: user_password } } } }\n".to_owned()
}

#[track_caller]
fn leaks_nothing(scene: &Scene) {
    let values = values();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut allowed: Vec<String> = scene.files();
    allowed.retain(|path| path.starts_with("out/"));
    allowed.push(CLEAR.to_owned());
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    assert_eq!(scene.leaks(&values, &allowed), [""; 0]);
}

#[test]
fn no_profile_and_no_command_leaves_a_value_where_it_should_not_be() {
    for (profile, lines) in [
        ("trackit", String::new()),
        ("node-v2", TWO_NODES.to_owned()),
        ("cll-cluster", TWO_NODES.to_owned()),
        ("custom", custom()),
    ] {
        let scene = prod(profile, &lines, &[OUT], &rich());
        for line in [
            "validate --env prod --deep --scan",
            "validate --env prod --clear --json",
            "validate --env prod --format sarif",
            "render --env prod",
            "render --env prod --json",
            "sync --env prod --dry-run",
            "sync --env prod -y --json --journal journal.jsonl",
            "sync --env prod --check",
            "status",
            "gen wallet_password --env prod",
            "gen nodes.node-b.vrf_password --env prod",
        ] {
            scene
                .cmd(line.split(' '))
                .env("RUST_LOG", "trace")
                .env("RUST_BACKTRACE", "1")
                .run();
        }
        assert!(scene.has("out"), "{profile}");
        leaks_nothing(&scene);
        for path in scene.files().iter().filter(|path| path.starts_with("out/")) {
            let text = scene.read(path);
            assert!(
                !text.contains("Canary-never-delivered-1"),
                "{profile}: {path}"
            );
        }
    }
}

#[test]
fn credentials_of_a_wallet_have_an_object_of_their_own() {
    let scene = prod("node-v2", TWO_NODES, &[OUT], &rich());
    scene.run("sync --env prod -y").succeeds();
    let holders: Vec<String> = scene
        .files()
        .into_iter()
        .filter(|path| {
            path.starts_with("out/") && scene.read(path).contains("canary-0xsigns-money")
        })
        .collect();
    assert_eq!(holders, ["out/adapter-harmony/PRIVATE_KEY"]);
}

//! `validate` as people and machines see it, and `sync` that asks it first. Each rule has its tests beside
//! the rules; here are places, formats, and the rules about files and targets.

use super::{CLEAR, ENVIRONMENTS, EXPORTED, SEALED, TWO_NODES, prod, rich, said, unsealed};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene};

const OUT: &str = "{ kind: directory, path: out }";

/// Credentials that every rule is content with.
const SOUND: &str = "user_password: 'Correct-horse-battery-1'\nwallet_password: 'a-long-Wallet-passphrase-2'\n\
                     tiingo_api_key: 'tg_0123456789abcdef'\ndatabase_password: 'Quite-another-secret-3'\n";

/// A sound environment that two can open.
fn sound() -> Scene {
    let scene = unsealed("trackit", "", &[OUT], SOUND).file(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n"),
    );
    scene.run("encrypt --env prod").succeeds();
    scene
}

fn rules(scene: &Scene, line: &str, status: i32) -> Vec<String> {
    let json = scene.run(&format!("{line} --json")).fails(status).json();
    let found = json["findings"].as_array().unwrap().iter();
    found
        .map(|found| {
            let text = |name: &str| found[name].as_str().unwrap();
            format!("{} {}:{}", text("rule"), text("path"), found["line"])
        })
        .collect()
}

#[test]
fn a_sound_environment_has_nothing_to_refuse() {
    let scene = sound();
    let run = scene.run("validate --env prod").succeeds();
    assert_eq!(said(&run), "nothing to refuse: 0 errors, 0 warnings\n");
    scene.run("validate --env prod --clear --strict").succeeds();
    scene.run("validate --all --deep --scan").succeeds();
    assert_eq!(
        scene.leaks(&["a-long-Wallet-passphrase-2"], &[CLEAR]),
        [""; 0]
    );
}

#[test]
fn findings_have_file_line_rule_and_remedy_in_every_format() {
    let scene = sound();
    scene.write(
        CLEAR,
        SOUND
            .replace("'tg_0123456789abcdef'", "0123")
            .replace("a-long-Wallet-passphrase-2", "short"),
    );
    let text = scene.run("validate --env prod --clear").fails(1);
    assert_eq!(
        text.out(),
        format!(
            "{CLEAR}:2:1: V020 wallet_password has 5 bytes, the node wants 16\n  fix: if the key ring is older than \
             this rule: node.allow_legacy_keystore: true; else clsecrets gen\n\
             {CLEAR}:2:1: warning: V025 wallet_password has too few different characters for its length\n  fix: clsecrets gen\n\
             {CLEAR}:3:1: V004 tiingo_api_key is no string but an integer; its digits may be lost\n"
        )
        .replace("; its digits may be lost\n", "\n  fix: quote it: tiingo_api_key: '…'\n")
    );
    let expected = [
        format!("V020 {CLEAR}:2"),
        format!("V025 {CLEAR}:2"),
        format!("V004 {CLEAR}:3"),
    ];
    assert_eq!(rules(&scene, "validate --env prod --clear", 1), expected);
    let sarif = scene
        .run("validate --env prod --clear --format sarif")
        .fails(1)
        .json();
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], "V020");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"]["startLine"],
        2
    );
    let driver = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(driver.iter().any(|rule| rule["id"] == "V092"));
    let skipped = "validate --env prod --clear --skip V004 --skip V020";
    scene.run(skipped).succeeds();
    scene.run(&format!("{skipped} --strict")).fails(1);
    scene.run("validate --env prod --skip V999").fails(3);
}

#[test]
fn a_setting_is_found_at_its_line() {
    let scene = sound();
    let text = scene
        .read(ENVIRONMENTS)
        .replace("ops@example.com", "nobody");
    scene.write(ENVIRONMENTS, text);
    assert_eq!(
        rules(&scene, "validate --env prod", 1),
        ["V023 clsecrets.yaml:8"]
    );
    let line = scene.read(ENVIRONMENTS).lines().nth(7).unwrap().to_owned();
    assert!(line.contains("user_email"), "{line}");
}

#[test]
fn sync_refuses_what_validate_refuses_unless_the_rule_is_skipped() {
    let scene = sound();
    let path = "[\"wallet_password\"]";
    scene
        .cmd(["set", SEALED, path, "\"short\""])
        .run()
        .succeeds();
    let run = scene.run("sync --env prod -y").fails(4);
    assert!(
        said(&run).contains("encrypted-secrets.yaml:2: V020 wallet_password has 5 bytes"),
        "{run}"
    );
    assert!(!scene.has("out"));
    let run = scene
        .run("sync --env prod -y --skip-validate V999")
        .fails(1);
    assert!(said(&run).contains("there is no such rule"), "{run}");
    scene
        .run("sync --env prod -y --skip-validate V030")
        .fails(1);
    scene
        .run("sync --env prod -y --skip-validate V020")
        .succeeds();
    assert_eq!(scene.read("out/api-secrets/.password"), "short");
}

#[test]
fn v001_to_v003_are_about_the_sealed_file() {
    let scene = sound();
    let sealed = scene.read(SEALED);
    scene.write(SEALED, SOUND);
    assert_eq!(
        rules(&scene, "validate --env prod", 1),
        [format!("V001 {SEALED}:1")]
    );
    let lines: Vec<&str> = sealed.lines().collect();
    let in_clear = sealed.replace(lines[2], "tiingo_api_key: clear");
    scene.write(SEALED, in_clear);
    assert_eq!(
        rules(&scene, "validate --env prod", 1),
        [format!("V002 {SEALED}:3")]
    );
    let without = sealed.replace(&format!("{}\n", lines[2]), "");
    scene.write(SEALED, without);
    assert_eq!(
        rules(&scene, "validate --env prod", 1),
        [format!("V003 {SEALED}:1")]
    );
    // Without a key nothing can be judged.
    scene.write(SEALED, &sealed);
    let run = scene
        .cmd(["validate", "--env", "prod"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .fails(2);
    assert!(said(&run).contains("could not be checked"), "{run}");
    std::fs::remove_file(scene.path(SEALED)).unwrap();
    scene.run("validate --env prod").fails(2);
}

#[test]
fn v064_is_about_tokens_in_urls_beside_the_configuration() {
    let scene = sound().file(
        "config.toml",
        "[[EVM.Nodes]]\nWSURL = 'wss://rpc.example.net/ws/0123456789abcdef0123'\n",
    );
    let scene = scene.file(
        "envs/dev.tfvars",
        "eth_url = \"wss://user:pass@rpc.example.net/\"\nname = \"chainlink\"\n",
    );
    assert_eq!(
        rules(&scene, "validate --env prod --scan", 0),
        ["V064 config.toml:2", "V064 envs/dev.tfvars:1"]
    );
    assert_eq!(rules(&scene, "validate --env prod", 0), [""; 0]);
}

#[test]
fn v070_v080_and_v081_are_about_what_targets_hold() {
    let manager = "{ kind: secretsmanager, region: us-east-2, prefix: 'a b/' }";
    let scene = prod(
        "node-v2",
        "",
        &[OUT, manager],
        &format!("{SOUND}adapters: {{ 'Up/per': {{ API_KEY: something }} }}\n"),
    );
    let found = rules(&scene, "validate --env prod", 1);
    let has = |rule: &str| found.iter().any(|found| found.starts_with(rule));
    assert!(has("V080 clsecrets.yaml") && has("V041"), "{found:?}");
    let objects = "    objects: [ { name: No_Name, keys: { k: wallet_password } } ]\n";
    let custom = prod("custom", objects, &[OUT], SOUND);
    let named = rules(&custom, "validate --env prod", 1);
    assert!(
        named
            .iter()
            .any(|found| found.starts_with("V070 clsecrets.yaml")),
        "{named:?}"
    );
    let text = scene.read(ENVIRONMENTS).replace("a b/", "chainlink-");
    scene.write(ENVIRONMENTS, text);
    let clear = format!(
        "{SOUND}adapters: {{ data-engine: {{ API_USERNAME: someone, API_PASSWORD: something }} }}\n"
    );
    scene.write(CLEAR, clear);
    scene.run("encrypt --env prod --overwrite").succeeds();
    // The one adapter that ends like an ARN is written with an underline there.
    let found = rules(&scene, "validate --env prod", 0);
    assert!(
        !found.iter().any(|found| found.starts_with("V08")),
        "{found:?}"
    );
    let objects = "    objects: [ { name: my-wallet, value: wallet_password } ]\n";
    let manager = "{ kind: secretsmanager, region: us-east-2 }";
    let scene = prod("custom", objects, &[manager], SOUND);
    let found = rules(&scene, "validate --env prod", 1);
    assert!(
        found
            .iter()
            .any(|found| found.starts_with("V081 clsecrets.yaml")),
        "{found:?}"
    );
}

#[test]
fn v090_and_v091_are_about_who_can_open_it() {
    let scene = sound();
    assert_eq!(rules(&scene, "validate --env prod", 0), [""; 0]);
    let scene = prod("trackit", "", &[OUT], SOUND);
    assert_eq!(
        rules(&scene, "validate --env prod", 0),
        [format!("V090 {SEALED}:1")]
    );
    // Age recipients have no date; a KMS entry beside one of ours has.
    let sealed = scene.read(SEALED);
    let entry = "sops:\n    kms:\n        - arn: arn:aws:kms:us-east-2:111122223333:key/x\n          \
                 created_at: \"2020-01-01T00:00:00Z\"\n          enc: x\n          aws_profile: \"\"\n";
    scene.write(SEALED, sealed.replacen("sops:\n", entry, 1));
    let found = rules(&scene, "validate --env prod", 0);
    assert_eq!(found, [format!("V091 {SEALED}:1")]);
}

#[test]
fn v092_is_about_a_clear_file_that_git_has() {
    let scene = sound().in_git();
    assert_eq!(
        rules(&scene, "validate --env prod", 1),
        [format!("V092 {CLEAR}:1")]
    );
    scene.git(&format!("add -f {CLEAR}")).succeeds();
    let run = scene.run("validate --env prod").fails(1);
    assert!(said(&run).contains("Git has this file in clear"), "{run}");
    scene
        .git(&format!("rm --quiet --cached {CLEAR}"))
        .succeeds();
    scene.write(".gitignore", "clear-*.yaml\n");
    scene.run("validate --env prod").succeeds();
}

#[test]
fn exported_keys_are_opened_if_asked_to() {
    let scene = prod("node-v2", TWO_NODES, &[OUT], &rich());
    let found = rules(&scene, "validate --env prod --deep", 1);
    // The backup has the right shape and another password.
    assert!(
        found.iter().any(|found| found.starts_with("V051")),
        "{found:?}"
    );
    let shallow = rules(&scene, "validate --env prod", 0);
    assert!(
        !shallow.iter().any(|found| found.starts_with("V051")),
        "{shallow:?}"
    );
    let good = rich().replace("Canary-never-delivered-1", "an-export-password-01");
    scene.write(CLEAR, good);
    scene.run("encrypt --env prod --overwrite").succeeds();
    scene.run("validate --env prod --deep").succeeds();
    assert!(EXPORTED.contains("scrypt"));
}

#[test]
fn two_environments_with_one_password_are_found() {
    let scene = sound();
    let text = scene.read(ENVIRONMENTS);
    let text = text.replace("identity: chainlinktestrepo\n", "");
    let (head, prod) = text.split_once("  prod:\n").unwrap();
    let dev = prod
        .replace("secrets/prod", "secrets/dev")
        .replace("path: out", "path: out-dev");
    scene.write(ENVIRONMENTS, format!("{head}  dev:\n{dev}  prod:\n{prod}"));
    scene.write(
        "secrets/dev/clear-secrets.yaml",
        SOUND.replace("Quite", "Other"),
    );
    scene.run("encrypt --env dev").succeeds();
    let found = rules(&scene, "validate --all", 0);
    assert_eq!(
        found,
        [format!("V009 {SEALED}:1"), format!("V009 {SEALED}:2")]
    );
}

#[test]
fn the_rules_are_listed() {
    let run = sound().run("validate --rules").succeeds();
    assert!(run.out().lines().count() > 45);
    assert!(
        run.out().starts_with("V001  error    the sealed file"),
        "{run}"
    );
}

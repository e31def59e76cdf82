//! Master keys: KMS on a real server, by way of a proxy that counts and fails, and every source of
//! age identities.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use super::{CLEAR, CLEAR_FILE, RULES, SEALED, SECRETS, environment, line, seal};
use crate::servers::{Fault, Proxy, closed_port, moto, silent_port};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, fixture};

const ENCRYPT: &str = "TrentService.Encrypt";
const DECRYPT: &str = "TrentService.Decrypt";

/// A world whose AWS is moto behind a proxy.
fn with_kms() -> (Scene, Proxy) {
    let proxy = Proxy::to(moto().port());
    let scene = Scene::new()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .file("a.yaml", CLEAR);
    (scene, proxy)
}

#[test]
fn a_kms_key_costs_one_call_each_way() {
    let (scene, proxy) = with_kms();
    let key = moto().key("eu-west-1");
    scene
        .run(&format!("encrypt -i --kms {key} a.yaml"))
        .succeeds()
        .stderr("a.yaml: 6 values sealed, 0 left in clear\n");
    assert_eq!(proxy.calls(), [ENCRYPT]);
    let text = scene.read("a.yaml");
    assert_eq!(line(&text, "- arn"), key);
    assert_eq!(line(&text, "aws_profile"), "\"\"");
    assert!(line(&text, "created_at").starts_with("\"20"));

    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    assert_eq!(proxy.calls(), [DECRYPT]);
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    assert_eq!(proxy.calls(), [DECRYPT]);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn keys_of_two_regions_are_asked_where_they_are_and_each_is_enough() {
    let (scene, proxy) = with_kms();
    let keys = [moto().key("us-east-1"), moto().key("ap-southeast-2")];
    scene
        .run(&format!("encrypt -i --kms {} a.yaml", keys.join(",")))
        .succeeds();
    assert_eq!(proxy.calls(), [ENCRYPT, ENCRYPT]);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    assert_eq!(proxy.calls(), [DECRYPT]);

    // The first one is gone; the second opens it.
    let id = keys[0].rsplit('/').next().unwrap().to_owned();
    let body = serde_json::json!({"KeyId": id});
    moto().call("us-east-1", "TrentService.DisableKey", &body);
    let ours = scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    assert_eq!(ours.err(), "");
}

#[test]
fn an_alias_stays_an_alias_in_the_file() {
    let (scene, _proxy) = with_kms();
    let alias = moto().alias("us-east-1", &moto().key("us-east-1"));
    scene
        .run(&format!("encrypt -i --kms {alias} a.yaml"))
        .succeeds();
    assert_eq!(line(&scene.read("a.yaml"), "- arn"), alias);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn an_encryption_context_is_bound_to_the_wrapped_key() {
    let (scene, _proxy) = with_kms();
    let key = moto().key("us-east-1");
    scene
        .run(&format!(
            "encrypt -i --kms {key} --encryption-context env:dev,app:node a.yaml"
        ))
        .succeeds();
    let text = scene.read("a.yaml");
    assert_eq!(line(&text, "env"), "dev");
    assert_eq!(line(&text, "app"), "node");
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();

    scene.write("a.yaml", text.replace("env: dev", "env: prod"));
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stdout("")
        .matches(&scene, "kms-wrong-context");
}

#[test]
fn a_role_is_assumed_once_and_kept_in_the_file() {
    let (scene, proxy) = with_kms();
    let key = moto().key("us-east-1");
    let role = "arn:aws:iam::123456789012:role/sealer";
    scene
        .run(&format!("encrypt -i --kms {key}+{role} a.yaml"))
        .succeeds();
    assert_eq!(proxy.calls(), ["sts", ENCRYPT]);
    assert_eq!(line(&scene.read("a.yaml"), "role"), role);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    assert_eq!(proxy.calls(), ["sts", DECRYPT]);
}

#[test]
fn a_profile_of_the_file_is_used_for_its_key() {
    let (scene, _proxy) = with_kms();
    let key = moto().key("us-east-1");
    let run = scene.run(&format!("encrypt -i --kms {key} --aws-profile node a.yaml"));
    run.fails(1).stdout("").matches(&scene, "kms-no-profile");
    assert_eq!(scene.read("a.yaml"), CLEAR);

    fs::create_dir(scene.home(".aws")).unwrap();
    let credentials = "[node]\naws_access_key_id = test\naws_secret_access_key = test\n";
    fs::write(scene.home(".aws/credentials"), credentials).unwrap();
    scene
        .run(&format!("encrypt -i --kms {key} --aws-profile node a.yaml"))
        .succeeds();
    assert_eq!(line(&scene.read("a.yaml"), "aws_profile"), "node");
    let alone = scene.cmd(["decrypt", "a.yaml"]);
    alone
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .run()
        .succeeds()
        .stdout(CLEAR);
}

#[test]
fn the_variable_and_the_rules_name_kms_keys_as_well() {
    let (scene, _proxy) = with_kms();
    let (one, other) = (moto().key("us-east-1"), moto().key("us-east-1"));
    let run = scene.cmd(["encrypt", "a.yaml"]).env("SOPS_KMS_ARN", &one);
    assert_eq!(line(&run.run().succeeds().out(), "- arn"), one);
    let rules = format!(
        "creation_rules:\n  - key_groups:\n      - kms:\n          - arn: {other}\n            context: {{ env: dev }}\n        age:\n          - {RECIPIENT}\n"
    );
    scene.write(".sops.yaml", rules);
    let text = scene.run("encrypt a.yaml").succeeds().out();
    assert_eq!(line(&text, "- arn"), other);
    assert_eq!(line(&text, "env"), "dev");
    assert_eq!(line(&text, "recipient"), RECIPIENT);
}

#[test]
fn the_service_has_an_endpoint_variable_of_its_own() {
    let proxy = Proxy::to(moto().port());
    let scene = Scene::new()
        .envs(moto().env())
        .env(
            "AWS_ENDPOINT_URL",
            format!("http://127.0.0.1:{}", closed_port()),
        )
        .env("AWS_ENDPOINT_URL_KMS", proxy.url())
        .file("a.yaml", CLEAR);
    let key = moto().key("us-east-1");
    scene.run(&format!("encrypt --kms {key} a.yaml")).succeeds();
    assert_eq!(proxy.calls(), [ENCRYPT]);
}

#[test]
fn a_refusal_names_each_recipient_its_reason_and_who_to_ask() {
    let (scene, proxy) = with_kms();
    let keys = [moto().key("us-east-1"), moto().key("eu-west-1")].join(",");
    proxy.on(ENCRYPT, Fault::error("AccessDeniedException"));
    let run = scene.run(&format!("encrypt -i --kms {keys} --age {RECIPIENT} a.yaml"));
    run.fails(1)
        .stdout("")
        .matches(&scene, "kms-denied-sealing");
    assert_eq!(scene.read("a.yaml"), CLEAR);
    proxy.heal();

    scene
        .run(&format!(
            "encrypt -i --kms {keys} --age {OTHER_RECIPIENT} a.yaml"
        ))
        .succeeds();
    let before = scene.bytes("a.yaml");
    proxy.on(DECRYPT, Fault::error("AccessDeniedException"));
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stdout("")
        .matches(&scene, "kms-denied-opening");
    scene.run("set a.yaml '[\"user\"]' '\"x\"'").fails(128);
    assert_eq!(scene.bytes("a.yaml"), before);
}

#[test]
fn a_key_that_is_not_there_and_one_that_is_disabled_are_told_apart() {
    let (scene, proxy) = with_kms();
    let absent = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000";
    scene
        .run(&format!("encrypt --kms {absent} a.yaml"))
        .fails(1)
        .matches(&scene, "kms-absent");
    let key = moto().key("us-east-1");
    proxy.on(ENCRYPT, Fault::error("DisabledException"));
    scene
        .run(&format!("encrypt --kms {key} a.yaml"))
        .fails(1)
        .matches(&scene, "kms-disabled");
}

#[test]
fn an_unreachable_service_is_told_in_bounded_time() {
    let (scene, _proxy) = with_kms();
    let keys = [moto().key("us-east-1"), moto().key("eu-west-1")].join(",");
    scene
        .run(&format!("encrypt -i --kms {keys} a.yaml"))
        .succeeds();
    for (name, port) in [("refused", closed_port()), ("silent", silent_port())] {
        let run = scene
            .cmd(["decrypt", "a.yaml"])
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .run()
            .fails(128)
            .stdout("");
        assert!(run.took < Duration::from_secs(25), "{name}: {:?}", run.took);
        run.matches(&scene, &format!("kms-unreachable-{name}"));
    }
}

#[test]
fn a_moment_of_trouble_is_passed_over_and_a_lasting_one_is_told() {
    let (scene, proxy) = with_kms();
    let key = moto().key("us-east-1");
    proxy.on(
        ENCRYPT,
        Fault::Error(500, "KMSInternalException".to_owned()),
    );
    scene
        .run(&format!("encrypt --kms {key} a.yaml"))
        .fails(1)
        .matches(&scene, "kms-overloaded");
    let tries = proxy.calls();
    assert!((2..=5).contains(&tries.len()), "{tries:?}");
}

#[test]
fn without_credentials_the_ways_to_give_some_are_named() {
    let (scene, _proxy) = with_kms();
    let key = moto().key("us-east-1");
    scene
        .cmd(["encrypt", "--kms", &key, "a.yaml"])
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .run()
        .fails(1)
        .stdout("")
        .matches(&scene, "kms-no-credentials");
}

#[test]
fn a_wrapped_key_is_unwrapped_once_in_a_run() {
    let proxy = Proxy::to(moto().port());
    let key = moto().key("us-east-1");
    let world = environment()
        .in_git()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url());
    world.write(".sops.yaml", format!("creation_rules:\n  - kms: {key}\n"));
    world.run("encrypt --env dev").succeeds();
    world
        .git("add .sops.yaml clsecrets.yaml secrets/dev/encrypted-secrets.yaml")
        .succeeds();
    world.git("commit --quiet -m sealed").succeeds();
    let path = "[\"tiingo_api_key\"]";
    world
        .cmd(["set", SEALED, path, "\"changed\""])
        .run()
        .succeeds();
    proxy.calls();

    // The file of the working tree and that of HEAD share a data key.
    let report = world.run("sync --env dev -y --json").succeeds().json();
    assert_eq!(report["summary"]["create"], Value::from(4));
    assert_eq!(proxy.calls(), [DECRYPT]);
    world.run("encrypt --env dev --overwrite").succeeds();
    assert_eq!(proxy.calls(), [DECRYPT]);
    proxy.on(DECRYPT, Fault::error("AccessDeniedException"));
    world
        .run("sync --env dev -y")
        .fails(5)
        .stdout("")
        .matches(&world, "sync-kms-denied");
    assert_eq!(world.read(CLEAR_FILE), SECRETS);
}

#[test]
fn age_is_tried_before_kms_unless_told_otherwise() {
    let proxy = Proxy::to(moto().port());
    let scene = Scene::with_age()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .file("a.yaml", CLEAR);
    let key = moto().key("us-east-1");
    scene
        .run(&format!("encrypt -i --kms {key} --age {RECIPIENT} a.yaml"))
        .succeeds();
    proxy.calls();
    scene.run("decrypt a.yaml").succeeds();
    assert_eq!(proxy.calls(), [""; 0]);
    scene
        .run("decrypt --decryption-order kms a.yaml")
        .succeeds();
    assert_eq!(proxy.calls(), [DECRYPT]);
    let ordered = scene.cmd(["decrypt", "a.yaml"]);
    ordered
        .env("SOPS_DECRYPTION_ORDER", "kms,age")
        .run()
        .succeeds();
    assert_eq!(proxy.calls(), [DECRYPT]);
    scene
        .run("decrypt --decryption-order age,age a.yaml")
        .fails(112)
        .matches(&scene, "decryption-order-twice");
}

#[test]
fn every_source_of_identities_opens_a_file() {
    let scene = Scene::new().file("a.yaml", CLEAR);
    seal(&scene, "a.yaml");
    let key = fs::read_to_string(fixture("vectors/keys/age-A.txt")).unwrap();
    let opens = |name: &str, value: &str| {
        let run = scene.cmd(["decrypt", "a.yaml"]).env(name, value).run();
        assert_eq!(
            (run.status, run.out()),
            (0, CLEAR.to_owned()),
            "{name}: {run}"
        );
    };
    scene.run("decrypt a.yaml").fails(128);
    opens("SOPS_AGE_KEY", &key);
    let secret = key
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"))
        .unwrap();
    opens("SOPS_AGE_KEY", secret);
    scene.write("key.txt", &key);
    opens("SOPS_AGE_KEY_FILE", "key.txt");
    opens("SOPS_AGE_KEY_CMD", "cat key.txt");
    scene.write(
        "print-key",
        "#!/bin/sh\ntest \"$SOPS_AGE_RECIPIENT\" = \"$1\" && cat key.txt\n",
    );
    fs::set_permissions(scene.path("print-key"), fs::Permissions::from_mode(0o755)).unwrap();
    opens("SOPS_AGE_KEY_CMD", &format!("./print-key '{RECIPIENT}'"));

    for place in [".config/sops/age", "xdg/sops/age"] {
        let folder = scene.home(place);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("keys.txt"), &key).unwrap();
        let config = if place.starts_with("xdg") {
            scene.home("xdg")
        } else {
            scene.home(".config")
        };
        opens("XDG_CONFIG_HOME", &config.display().to_string());
        if place.starts_with(".config") {
            scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
        }
        fs::remove_file(folder.join("keys.txt")).unwrap();
    }
    scene.run("decrypt a.yaml").fails(128);
}

#[test]
fn ssh_keys_open_what_is_sealed_for_them() {
    let public = fs::read_to_string(fixture("keys/age/throwaway_ed25519.pub")).unwrap();
    let private = fixture("keys/age/throwaway_ed25519");
    let scene = Scene::new().file("a.yaml", CLEAR);
    scene
        .cmd(["encrypt", "-i", "--age", public.trim(), "a.yaml"])
        .run()
        .succeeds();
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .matches(&scene, "ssh-no-key");
    let with = |name: &str, value: String| scene.cmd(["decrypt", "a.yaml"]).env(name, value).run();
    let path = private.display().to_string();
    with("SOPS_AGE_SSH_PRIVATE_KEY_FILE", path.clone())
        .succeeds()
        .stdout(CLEAR);
    with("SOPS_AGE_SSH_PRIVATE_KEY_CMD", format!("cat '{path}'"))
        .succeeds()
        .stdout(CLEAR);
    fs::create_dir(scene.home(".ssh")).unwrap();
    fs::copy(&private, scene.home(".ssh/id_ed25519")).unwrap();
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_locked_ssh_key_asks_for_its_passphrase_once() {
    let public = fs::read_to_string(fixture("keys/age/throwaway_locked.pub")).unwrap();
    let scene = Scene::new()
        .env(
            "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
            fixture("keys/age/throwaway_locked").display().to_string(),
        )
        .file("a.yaml", "a: b\n");
    scene
        .cmd(["encrypt", "-i", "--age", public.trim(), "a.yaml"])
        .run()
        .succeeds();
    let asked = scene
        .cmd(["decrypt", "a.yaml"])
        .on_terminal(&[("Enter the passphrase", "throwaway")])
        .run()
        .succeeds();
    assert_eq!(
        asked.out(),
        "Enter the passphrase of SOPS_AGE_SSH_PRIVATE_KEY_FILE: \na: b\n"
    );
    scene
        .other("setsid", ["--wait", "clsecrets", "decrypt", "a.yaml"])
        .run()
        .fails(128)
        .stdout("")
        .matches(&scene, "ssh-locked-nobody-to-ask");
}

#[test]
fn a_broken_source_is_told_only_when_nothing_opened_the_file() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    seal(&scene, "a.yaml");
    let broken = |age: bool| {
        let act = scene
            .cmd(["decrypt", "a.yaml"])
            .env("SOPS_AGE_KEY", "AGE-SECRET-KEY-1CANARY")
            .env("SOPS_AGE_KEY_CMD", "false")
            .env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "missing");
        if age {
            act
        } else {
            act.without("SOPS_AGE_KEY_FILE")
        }
        .run()
    };
    broken(true).succeeds().stdout(CLEAR).stderr("");
    broken(false)
        .fails(128)
        .stderr_lacks("CANARY")
        .matches(&scene, "age-broken-sources");
}

#[test]
fn a_rule_with_a_key_that_is_no_recipient_of_this_user_still_seals() {
    let scene = Scene::new()
        .file(".sops.yaml", RULES.replace(RECIPIENT, OTHER_RECIPIENT))
        .file("a.yaml", CLEAR);
    scene.run("encrypt -i a.yaml").succeeds();
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stderr_has(OTHER_RECIPIENT);
}

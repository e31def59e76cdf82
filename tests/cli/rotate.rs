//! `rotate`: a new key for everybody, or nothing at all.

use super::{CLEAR, sealed};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, THIRD_RECIPIENT, words};

#[test]
fn every_token_and_the_wrapped_key_are_new_and_the_text_stays() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    scene.run("rotate -i a.yaml").succeeds().stdout("");
    let after = scene.read("a.yaml");
    let tokens = |text: &str| -> Vec<String> {
        let parts = text.split("ENC[").skip(1);
        parts
            .map(|part| part.split(']').next().unwrap().to_owned())
            .collect()
    };
    let (old, new) = (tokens(&before), tokens(&after));
    assert_eq!(old.len(), new.len());
    assert!(new.iter().all(|token| !old.contains(token)));
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn what_somebody_has_changed_gets_no_new_mac() {
    let scene = sealed("a_unencrypted: one\nsecret: hunter2-canary\nlast: x\n");
    let text = scene.read("a.yaml").replace(": one", ": two");
    scene.write("a.yaml", &text);
    for command in [
        "rotate a.yaml".to_owned(),
        "rotate -i a.yaml".to_owned(),
        format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml"),
        "unset a.yaml '[\"last\"]'".to_owned(),
        "edit a.yaml".to_owned(),
        format!("groups add --file a.yaml -i --age {OTHER_RECIPIENT}"),
    ] {
        let run = scene
            .cmd(words(&command))
            .env("EDITOR", "touch edited")
            .run();
        run.fails(51).stdout("");
        assert_eq!(scene.read("a.yaml"), text, "{command}");
    }
    assert!(!scene.has("edited"));
}

#[test]
fn recipients_come_and_go_and_who_goes_is_named() {
    let scene = sealed(CLEAR);
    let run = scene.run(&format!(
        "rotate -i --add-age {OTHER_RECIPIENT},{THIRD_RECIPIENT} a.yaml"
    ));
    run.succeeds().stderr_has(&format!("+++ {OTHER_RECIPIENT}"));
    scene
        .run(&format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml"))
        .succeeds()
        .stderr_has("is a recipient already");
    assert_eq!(scene.read("a.yaml").matches("recipient:").count(), 3);
    let run = scene.run(&format!("rotate -i --rm-age {OTHER_RECIPIENT} a.yaml"));
    run.succeeds().matches(&scene, "rotate-removed");
    assert_eq!(scene.read("a.yaml").matches("recipient:").count(), 2);
    scene
        .run(&format!("rotate -i --rm-age {OTHER_RECIPIENT} a.yaml"))
        .succeeds()
        .stderr_has(&format!(
            "warning: a.yaml: {OTHER_RECIPIENT} is no recipient of it"
        ));
    let before = scene.read("a.yaml");
    let all = format!("{RECIPIENT},{THIRD_RECIPIENT}");
    let run = scene
        .run(&format!("rotate -i --rm-age {all} a.yaml"))
        .fails(1);
    run.matches(&scene, "rotate-nobody-left");
    assert_eq!(scene.read("a.yaml"), before);
}

/// A file with a recipient of a kind that nobody knows.
fn with_unknown() -> Scene {
    let scene = sealed(CLEAR);
    let text = scene.read("a.yaml").replace(
        "    lastmodified:",
        "    quantum:\n        - enc: w\n          name: cat-1\n    lastmodified:",
    );
    scene.write("a.yaml", text);
    scene
}

#[test]
fn a_recipient_of_an_unknown_kind_stops_it_and_survives_everything_else() {
    let scene = with_unknown();
    let before = scene.read("a.yaml");
    let run = scene.run("rotate -i a.yaml").fails(1);
    run.matches(&scene, "rotate-unknown-kind");
    assert_eq!(scene.read("a.yaml"), before);
    let rules = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
    scene.write(".sops.yaml", rules);
    for line in [
        "set a.yaml '[\"user\"]' '\"bob\"'",
        "unset a.yaml '[\"user\"]'",
        "updatekeys -y a.yaml",
    ] {
        scene.run(line).succeeds();
        assert!(scene.read("a.yaml").contains("name: cat-1"), "{line}");
    }
    let edit = scene
        .cmd(["edit", "a.yaml"])
        .env("EDITOR", "sed -i s/5432/5433/");
    edit.run().succeeds();
    assert!(scene.read("a.yaml").contains("name: cat-1"));
    // A share of the key cannot be given to it either.
    scene
        .run(&format!("groups add -i -f a.yaml --age {THIRD_RECIPIENT}"))
        .fails(1)
        .stderr_has("cat-1 (kind quantum)");
    scene
        .run("rotate -i --drop-recipient cat-1 a.yaml")
        .succeeds();
    assert!(!scene.read("a.yaml").contains("cat-1"));
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_kind_that_is_not_there_yet_is_refused_by_its_name() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    for kind in ["gcp-kms", "azure-kv", "hckms", "hc-vault-transit"] {
        let field = match kind {
            "hc-vault-transit" => "hc_vault".to_owned(),
            kind => kind.replace('-', "_"),
        };
        for line in [
            format!("rotate -i --add-{kind} x a.yaml"),
            format!("groups add -i -f a.yaml --{kind} x"),
        ] {
            scene
                .run(&line)
                .fails(1)
                .stdout("")
                .stderr_has(&format!("recipients of kind {field} are not supported yet"));
        }
    }
    scene.write("clear.yaml", "a: 1\n");
    scene
        .cmd(["encrypt", "-i", "--age", RECIPIENT, "clear.yaml"])
        .env("SOPS_GCP_KMS_IDS", "projects/x")
        .run()
        .fails(1)
        .stderr_has("SOPS_GCP_KMS_IDS names recipients of it");
    assert_eq!(scene.read("clear.yaml"), "a: 1\n");
    assert_eq!(scene.read("a.yaml"), before);
}

#[test]
fn a_tree_is_rotated_after_one_question() {
    let scene = Scene::with_age();
    for file in ["t/a.yaml", "t/deep/b.json", "t/c.env"] {
        let text = match file.rsplit('.').next().unwrap() {
            "json" => "{\"a\": 1}\n",
            "env" => "A=1\n",
            _ => "a: 1\n",
        };
        scene.write(file, text);
        super::seal(&scene, file);
    }
    scene.write("t/clear.yaml", "a: 1\n");
    scene.write("t/.git/x.yaml", scene.read("t/a.yaml"));
    let before = scene.read("t/a.yaml");
    scene.run("rotate t").fails(8).stderr_has("add --in-place");
    scene
        .run("rotate -i t")
        .fails(1)
        .stderr_has("nobody answered");
    scene
        .cmd(["rotate", "-i", "t"])
        .stdin("n\n")
        .run()
        .succeeds();
    assert_eq!(scene.read("t/a.yaml"), before);
    let run = scene.cmd(["rotate", "-i", "t"]).stdin("y\n").run();
    run.succeeds()
        .stdout("These 3 files get a new data key, and every value in them is sealed anew:\n  t/a.yaml\n  t/c.env\n  t/deep/b.json\n")
        .stderr_has("3 files rotated");
    assert_ne!(scene.read("t/a.yaml"), before);
    assert_eq!(scene.read("t/.git/x.yaml"), before);
    // One that cannot be opened does not keep the others.
    let broken = scene.read("t/a.yaml").replacen("data:", "data:A", 1);
    scene.write("t/a.yaml", &broken);
    let env = scene.read("t/c.env");
    let run = scene.run("rotate -i -y t").fails(25);
    run.stderr_has("2 of 3 files rotated, 1 failed")
        .stderr_has("t/a.yaml");
    assert_eq!(scene.read("t/a.yaml"), broken);
    assert_ne!(scene.read("t/c.env"), env);
    scene.run("rotate -i -y 't/**/*.json'").succeeds();
    scene.run("rotate -i -y 't/*.nothing'").fails(100);
}

#[test]
fn a_file_that_was_changed_is_not_rotated() {
    let scene = sealed(CLEAR);
    let text = scene.read("a.yaml").replacen("user", "login", 1);
    scene.write("a.yaml", &text);
    scene.run("rotate -i a.yaml").fails(25);
    scene.run("rotate -i --ignore-mac a.yaml").fails(25);
    assert_eq!(scene.read("a.yaml"), text);
}

//! `encrypt FILE`: destinations, names, rules and recipients, as scripts that know the reference
//! expect them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{CLEAR, RULES, differing_lines, line, seal, sealed};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene};

#[test]
fn the_result_goes_to_standard_output_and_the_file_stays() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    let run = scene
        .run(&format!("encrypt --age {RECIPIENT} a.yaml"))
        .succeeds()
        .stderr("a.yaml: 6 values sealed, 0 left in clear\n");
    let text = run.out();
    assert!(text.starts_with("#ENC[AES256_GCM,data:"), "{text}");
    assert!(line(&text, "port").ends_with(",type:int]"));
    assert!(line(&text, "password").starts_with("\"ENC["));
    assert_eq!(line(&text, "empty"), "\"\"");
    assert_eq!(line(&text, "nothing"), "null");
    assert_eq!(line(&text, "version"), "3.13.3");
    assert_eq!(scene.read("a.yaml"), CLEAR);
    assert_eq!(scene.files(), ["a.yaml"]);

    scene.write("b.yaml", text);
    scene.run("decrypt b.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn in_place_keeps_the_mode_and_leaves_nothing_beside_the_file() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    fs::set_permissions(scene.path("a.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    scene
        .run(&format!("encrypt --in-place --age {RECIPIENT} a.yaml"))
        .succeeds()
        .stdout("")
        .stderr("a.yaml: 6 values sealed, 0 left in clear\n");
    assert_eq!(scene.mode("a.yaml"), 0o640);
    assert_eq!(scene.files(), ["a.yaml"]);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn options_may_stand_behind_the_file_as_the_reference_allows() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    scene
        .run(&format!("encrypt a.yaml --age {RECIPIENT} -i"))
        .succeeds()
        .stdout("");
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_sealed_file_that_output_makes_follows_the_umask() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    for (umask, mode) in [("022", 0o644), ("027", 0o640), ("077", 0o600)] {
        let output = format!("sealed-{umask}.yaml");
        let script = format!(
            "umask {umask} && exec clsecrets encrypt --age {RECIPIENT} --output {output} a.yaml"
        );
        scene
            .other("/bin/sh", ["-c", &script])
            .run()
            .succeeds()
            .stdout("");
        assert_eq!(scene.mode(&output), mode, "{umask}");
        scene
            .run(&format!("decrypt {output}"))
            .succeeds()
            .stdout(CLEAR);
    }
}

#[test]
fn standard_input_is_named_by_the_override_which_rules_and_format_follow() {
    let scene = Scene::with_age().file(
        "prod/.sops.yaml",
        format!(
            "creation_rules:\n  - path_regex: ^node\\.yaml$\n    age: {RECIPIENT}\n    encrypted_regex: ^pass\n"
        ),
    );
    let run = scene
        .cmd(["encrypt", "--filename-override", "prod/node.yaml", "-"])
        .stdin("user: alice\npass: hunter2\n")
        .run()
        .succeeds()
        .stderr("standard input: 1 value sealed, 1 left in clear\n");
    assert!(run.out().starts_with("user: alice\npass: ENC["));
    assert_eq!(line(&run.out(), "encrypted_regex"), "^pass");

    let nameless = scene.cmd(["encrypt", "--age", RECIPIENT, "-"]);
    nameless
        .stdin("a: b\n")
        .run()
        .fails(8)
        .stdout("")
        .matches(&scene, "encrypt-stdin-without-name");
    let typed = scene.cmd(["encrypt", "--age", RECIPIENT, "--input-type", "yaml", "-"]);
    typed.stdin("a: b\n").run().succeeds();
}

#[test]
fn the_rules_are_those_above_the_file_then_those_above_the_working_directory() {
    let far = format!("creation_rules:\n  - age: {OTHER_RECIPIENT}\n");
    let scene = Scene::with_age()
        .file("near/.sops.yaml", RULES)
        .file("near/deep/a.yaml", "a: b\n")
        .file("here/.sops.yaml", &far)
        .file("elsewhere/a.yaml", "a: b\n");

    let encrypt = |file: &str| {
        let run = scene.cmd(["encrypt", file]).cwd("here").run().succeeds();
        line(&run.out(), "recipient").to_owned()
    };
    assert_eq!(encrypt("../near/deep/a.yaml"), RECIPIENT);
    assert_eq!(encrypt("../elsewhere/a.yaml"), OTHER_RECIPIENT);
}

#[test]
fn given_rules_win_over_those_that_would_be_found() {
    let other = format!("creation_rules:\n  - age: {OTHER_RECIPIENT}\n");
    let scene = Scene::with_age()
        .file(".sops.yaml", RULES)
        .file("other.yaml", &other)
        .file("a.yaml", "a: b\n");
    let run = scene.run("encrypt --config other.yaml a.yaml").succeeds();
    assert_eq!(line(&run.out(), "recipient"), OTHER_RECIPIENT);
    let run = scene.cmd(["encrypt", "a.yaml"]);
    let run = run.env("SOPS_CONFIG", "other.yaml").run().succeeds();
    assert_eq!(line(&run.out(), "recipient"), OTHER_RECIPIENT);
}

#[test]
fn recipients_of_flags_and_variables_replace_those_of_the_rule_but_not_its_selection() {
    let rules = RULES.to_owned() + "    encrypted_regex: ^pass\n";
    let scene = Scene::with_age()
        .file(".sops.yaml", rules)
        .file("a.yaml", "user: alice\npass: hunter2\n");
    for run in [
        scene.cmd(["encrypt", "--age", OTHER_RECIPIENT, "a.yaml"]),
        scene
            .cmd(["encrypt", "a.yaml"])
            .env("SOPS_AGE_RECIPIENTS", OTHER_RECIPIENT),
    ] {
        let text = run.run().succeeds().out();
        assert_eq!(line(&text, "recipient"), OTHER_RECIPIENT);
        assert!(!text.contains(RECIPIENT));
        assert_eq!(line(&text, "user"), "alice");
    }
}

#[test]
fn several_recipients_can_each_open_it() {
    let scene = Scene::with_age().file("a.yaml", "a: b\n");
    scene
        .run(&format!(
            "encrypt -i --age {OTHER_RECIPIENT},{RECIPIENT} a.yaml"
        ))
        .succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout("a: b\n");
    let other = crate::support::fixture("vectors/keys/age-B.txt");
    scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_AGE_KEY_FILE", other.display().to_string())
        .run()
        .succeeds()
        .stdout("a: b\n");
}

#[test]
fn each_selection_option_is_kept_in_the_file_and_obeyed() {
    let text = "user: alice\npass_secret: hunter2\n# seal\ntoken: abcdef\n";
    for (option, field, in_clear) in [
        (
            "--encrypted-suffix _secret",
            "encrypted_suffix: _secret",
            vec!["user", "token"],
        ),
        (
            "--unencrypted-suffix ser",
            "unencrypted_suffix: ser",
            vec!["user"],
        ),
        (
            "--encrypted-regex ^pass",
            "encrypted_regex: ^pass",
            vec!["user", "token"],
        ),
        (
            "--unencrypted-regex ^user$",
            "unencrypted_regex: ^user$",
            vec!["user"],
        ),
        (
            "--encrypted-comment-regex seal",
            "encrypted_comment_regex: seal",
            vec!["user", "pass_secret"],
        ),
        (
            "--unencrypted-comment-regex seal",
            "unencrypted_comment_regex: seal",
            vec!["token"],
        ),
    ] {
        let scene = Scene::with_age().file("a.yaml", text);
        let all = ["user", "pass_secret", "token"];
        let run = scene
            .run(&format!("encrypt -i --age {RECIPIENT} {option} a.yaml"))
            .succeeds();
        let (clear, total) = (in_clear.len(), all.len());
        let values = if total - clear == 1 {
            "value"
        } else {
            "values"
        };
        run.stderr(format!(
            "a.yaml: {} {values} sealed, {clear} left in clear\n",
            total - clear
        ));
        let sealed = scene.read("a.yaml");
        assert!(
            sealed.contains(&format!("\n    {field}\n")),
            "{option}: {sealed}"
        );
        for key in all {
            let is_clear = !line(&sealed, key).starts_with("ENC[");
            assert_eq!(is_clear, in_clear.contains(&key), "{option}: {key}");
        }
        scene.run("decrypt a.yaml").succeeds().stdout(text);
        let theirs = scene.sops("decrypt a.yaml").succeeds().out();
        assert_eq!(theirs, text, "{option}");
    }
}

#[test]
fn a_mac_over_sealed_values_only_lets_clear_ones_change() {
    let scene = Scene::with_age().file("a.yaml", "user_unencrypted: alice\npass: hunter2\n");
    scene
        .run(&format!(
            "encrypt -i --mac-only-encrypted --age {RECIPIENT} a.yaml"
        ))
        .succeeds();
    let text = scene.read("a.yaml");
    assert_eq!(line(&text, "mac_only_encrypted"), "true");
    scene.write("a.yaml", text.replace("alice", "bob"));
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("user_unencrypted: bob\npass: hunter2\n");
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_document_without_any_value_may_be_sealed() {
    let scene = Scene::with_age().file("a.yaml", "a: {}\nb: []\nc: \"\"\n");
    seal(&scene, "a.yaml");
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("a: {}\nb: []\nc: \"\"\n");
}

#[test]
fn onto_keeps_the_tokens_of_unchanged_values_and_names_what_changes() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    let changed = CLEAR.replace("alice", "bob").replace("- one", "- uno");
    scene.write("clear.yaml", changed.clone() + "new: here\n");

    scene
        .run("encrypt --onto a.yaml clear.yaml")
        .succeeds()
        .stdout("")
        .matches(&scene, "encrypt-onto");
    let after = scene.read("a.yaml");
    let (old, new) = differing_lines(&before, &after);
    let of = |lines: &[&str]| -> Vec<String> {
        let word = |line: &&str| line.trim().split("ENC[").next().unwrap().to_owned();
        lines.iter().map(word).collect()
    };
    let metadata = "lastmodified: \"".to_owned();
    let is_same_second = line(&before, "lastmodified") == line(&after, "lastmodified");
    let without_time = |words: Vec<String>| -> Vec<String> {
        words
            .into_iter()
            .filter(|word| !word.starts_with(&metadata))
            .collect()
    };
    assert_eq!(without_time(of(&old)), ["user: ", "- ", "mac: "]);
    assert_eq!(without_time(of(&new)), ["user: ", "- ", "new: ", "mac: "]);
    assert!(is_same_second || of(&new).iter().any(|word| word.starts_with(&metadata)));
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(changed + "new: here\n");
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml"]);
}

#[test]
fn onto_writes_nothing_when_nothing_changed_and_refuses_keys_that_vanish() {
    let scene = sealed(CLEAR).file("same.yaml", CLEAR);
    let before = scene.bytes("a.yaml");
    let inode = |scene: &Scene| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(scene.path("a.yaml")).unwrap().ino()
    };
    let file = inode(&scene);
    scene
        .run("encrypt --onto a.yaml same.yaml")
        .succeeds()
        .stderr("a.yaml: nothing changed, nothing was written\n");
    assert_eq!(
        (scene.bytes("a.yaml"), inode(&scene)),
        (before.clone(), file)
    );

    scene.write("less.yaml", CLEAR.replace("user: alice\n", ""));
    scene
        .run("encrypt --onto a.yaml less.yaml")
        .fails(1)
        .matches(&scene, "encrypt-onto-vanishing-key");
    assert_eq!((scene.bytes("a.yaml"), inode(&scene)), (before, file));
    scene
        .run("encrypt --onto a.yaml --overwrite less.yaml")
        .succeeds();
    let text = scene.run("decrypt a.yaml").succeeds().out();
    assert!(!text.contains("user"), "{text}");
}

#[test]
fn onto_a_file_that_is_not_there_seals_it_anew() {
    let scene = Scene::with_age()
        .file(".sops.yaml", RULES)
        .file("clear.yaml", CLEAR);
    scene
        .run("encrypt --onto new.yaml clear.yaml")
        .succeeds()
        .stderr("new.yaml: 6 values sealed, 0 left in clear\n");
    scene.run("decrypt new.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn the_form_without_a_subcommand_seals() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    let to_stdout = scene
        .run(&format!("-e --age {RECIPIENT} a.yaml"))
        .succeeds();
    assert!(to_stdout.out().contains("\nsops:\n"));
    scene
        .run(&format!("--encrypt --in-place --age {RECIPIENT} a.yaml"))
        .succeeds()
        .stdout("");
    scene.run("-d a.yaml").succeeds().stdout(CLEAR);
    scene
        .run(&format!("--age {RECIPIENT} -e a.yaml"))
        .fails(203);
}

#[test]
fn destinations_that_exclude_each_other_are_refused() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    for line in [
        format!("encrypt -i --output b.yaml --age {RECIPIENT} a.yaml"),
        format!("encrypt -i --age {RECIPIENT} --filename-override a.yaml -"),
    ] {
        scene.run(&line).fails(8).stdout("");
    }
    scene.run("encrypt --nonsense a.yaml").fails(1).stdout("");
    scene
        .run(&format!("encrypt --age {RECIPIENT} missing.yaml"))
        .fails(100)
        .matches(&scene, "encrypt-missing-file");
    assert_eq!(scene.read("a.yaml"), CLEAR);
    assert_eq!(scene.files(), ["a.yaml"]);
}

#[test]
fn output_may_be_the_file_itself() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    scene
        .run(&format!("encrypt --age {RECIPIENT} --output a.yaml a.yaml"))
        .succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn a_misnamed_rules_file_is_pointed_out() {
    let scene = Scene::with_age()
        .file(".sops.yml", RULES)
        .file("a.yaml", CLEAR);
    scene
        .run("encrypt a.yaml")
        .fails(1)
        .stdout("")
        .matches(&scene, "encrypt-misnamed-rules");
}

#[test]
fn a_file_that_is_not_filled_in_yet_is_sealed_with_a_note() {
    let scene = Scene::with_age();
    scene.run("init --env dev").succeeds();
    scene.run("encrypt --env dev").succeeds().stdout("").stderr(
        "secrets/dev/encrypted-secrets.yaml: 0 values sealed, 0 left in clear\n\
         note: nothing in it has a value yet; empty ones stay as they are\n",
    );
    scene.run("sync --env dev -y").fails(4).stderr_has(
        "encrypted-secrets.yaml:6: V043 wallet_password is empty; give it a value, or remove the key\n",
    );
}

//! A file of an environment seals what its creation rule seals, whatever rule stands in its metadata, and
//! an entry that nobody has wrapped for gets no key by the way.

use super::{CLEAR_FILE, SEALED, SECRETS, seal, sealed_environment};
use crate::support::{Act, OTHER_RECIPIENT, RECIPIENT, Scene};

const LOOSE: &str = "unencrypted_regex: ^fresh_secret$";
const VALUE: &str = "fresh-6620";

/// The environment with a rule in the metadata of its file that leaves a new value in clear. The MAC
/// does not notice it, since it selects the same so far.
fn loosened(rule: &str) -> Scene {
    let scene = sealed_environment();
    replace(&scene, SEALED, "unencrypted_suffix: _unencrypted", rule);
    scene.run(&format!("decrypt {SEALED}")).succeeds();
    scene
}

fn replace(scene: &Scene, file: &str, from: &str, to: &str) {
    let text = scene.read(file);
    assert!(text.contains(from), "{text}");
    scene.write(file, text.replace(from, to));
}

/// Prepares a run of one command that writes a sealed file.
type Write = for<'s> fn(&'s Scene) -> Act<'s>;

const WRITES: [(&str, Write); 9] = [
    ("set", |scene| {
        scene.cmd(["set", SEALED, "[\"fresh_secret\"]", "\"fresh-6620\""])
    }),
    ("set of another key", |scene| {
        scene.cmd(["set", SEALED, "[\"user_password\"]", "\"fresh-6620\""])
    }),
    ("unset", |scene| {
        scene.cmd(["unset", SEALED, "[\"tiingo_api_key\"]"])
    }),
    ("encrypt --env", |scene| {
        scene.write(CLEAR_FILE, format!("{SECRETS}fresh_secret: fresh-6620\n"));
        scene.cmd(["encrypt", "--overwrite", "--env", "dev"])
    }),
    ("encrypt --onto", |scene| {
        scene.write("new.yaml", format!("{SECRETS}fresh_secret: fresh-6620\n"));
        scene.cmd(["encrypt", "--overwrite", "--onto", SEALED, "new.yaml"])
    }),
    ("edit", |scene| {
        scene.cmd(["edit", SEALED]).env(
            "EDITOR",
            "sh -c 'echo \"fresh_secret: fresh-6620\" >> \"$1\"' x",
        )
    }),
    ("rotate", |scene| scene.cmd(["rotate", "-i", SEALED])),
    ("groups add", |scene| {
        scene.cmd([
            "groups",
            "add",
            "-i",
            "--force-recipients",
            "--file",
            SEALED,
            "--age",
            OTHER_RECIPIENT,
        ])
    }),
    ("gen", |scene| {
        scene.cmd(["gen", "user_password", "--env", "dev", "--replace"])
    }),
];

#[test]
fn no_command_writes_a_file_whose_own_rule_seals_less() {
    for rule in [
        LOOSE,
        "encrypted_regex: ^(user_password|wallet_password|cryptocompare_api_key|tiingo_api_key|database_password)$",
        "unencrypted_suffix: _secret",
        "unencrypted_comment_regex: public",
    ] {
        for (command, write) in WRITES {
            let scene = loosened(rule);
            let before = scene.bytes(SEALED);
            let run = write(&scene).run();
            assert_eq!(scene.bytes(SEALED), before, "{command}");
            // A new value that a positive rule leaves in clear has always been refused.
            if rule.starts_with("encrypted_regex") && run.status == 23 {
                continue;
            }
            let run = run.fails(1);
            run.stderr_has(&format!("the rule in {SEALED} seals less than rule 1 of "))
                .stderr_has(&format!("{rule}  in the file"))
                .stderr_has("unencrypted_suffix: _unencrypted  by the rule")
                .stderr_has(&format!("clsecrets updatekeys {SEALED}"))
                .stderr_has("--force-rule");
        }
    }
}

#[test]
fn a_new_secret_that_would_stand_in_clear_is_named_and_force_rule_writes_it() {
    let scene = loosened(LOOSE);
    let set = ["set", SEALED, "[\"fresh_secret\"]", "\"fresh-6620\""];
    scene
        .cmd(set)
        .run()
        .fails(1)
        .stderr_has("[\"fresh_secret\"] would stand in clear");
    assert!(!scene.read(SEALED).contains(VALUE));
    let forced = scene
        .cmd(set.iter().chain(&["--force-rule"]))
        .run()
        .succeeds();
    forced.stderr_has("as --force-rule allows");
    assert!(scene.read(SEALED).contains(VALUE));
    // What the hint says makes it right, and it is written again without a word.
    scene.run(&format!("updatekeys --yes {SEALED}")).succeeds();
    assert!(!scene.read(SEALED).contains(VALUE));
    assert!(
        scene
            .read(SEALED)
            .contains("unencrypted_suffix: _unencrypted")
    );
    scene
        .cmd(["set", SEALED, "[\"user_password\"]", "\"other-6620\""])
        .run()
        .succeeds()
        .stderr_lacks("rule");
    scene.sops(&format!("decrypt {SEALED}")).succeeds();
}

#[test]
fn a_mac_that_leaves_out_what_the_rule_has_in_it_is_refused_too() {
    let scene = sealed_environment();
    let rules = scene
        .read(".sops.yaml")
        .replace("  - age", "  - mac_only_encrypted: true\n    age");
    let strict = scene.read(".sops.yaml");
    scene.write(".sops.yaml", rules);
    scene.run(&format!("updatekeys --yes {SEALED}")).succeeds();
    assert!(scene.read(SEALED).contains("mac_only_encrypted: true"));
    scene.write(".sops.yaml", strict);
    scene
        .run(&format!("rotate -i {SEALED}"))
        .fails(1)
        .stderr_has("mac_only_encrypted: true  in the file only");
    scene
        .run(&format!("check {SEALED}"))
        .fails(1)
        .stdout_has("mac_only_encrypted");
    scene.run(&format!("updatekeys --yes {SEALED}")).succeeds();
    assert!(!scene.read(SEALED).contains("mac_only_encrypted: true"));
    scene.run(&format!("rotate -i {SEALED}")).succeeds();
}

#[test]
fn a_new_file_of_an_environment_takes_no_looser_rule_from_the_command_line() {
    let scene = super::environment();
    for options in [
        "--encrypted-regex ^wallet",
        "--unencrypted-suffix _key",
        "--mac-only-encrypted",
    ] {
        let line = format!("encrypt --env dev {options}");
        scene
            .run(&line)
            .fails(1)
            .stderr_has("seals less than rule 1 of ");
        assert!(!scene.has(SEALED));
    }
    scene
        .run("encrypt --env dev --force-rule --encrypted-regex ^wallet")
        .succeeds();
}

#[test]
fn a_rule_that_seals_more_than_the_creation_rule_is_no_fault() {
    let scene = sealed_environment();
    let narrow = "  - encrypted_regex: (password|key)$\n    age";
    scene.write(
        ".sops.yaml",
        scene.read(".sops.yaml").replace("  - age", narrow),
    );
    scene
        .cmd(["set", SEALED, "[\"user_password\"]", "\"other-6620\""])
        .run()
        .succeeds();
    scene.run(&format!("rotate -i {SEALED}")).succeeds();
}

#[test]
fn outside_of_environments_a_difference_is_told_before_the_write() {
    let scene = Scene::with_age().file("a.yaml", "user: alice\n");
    seal(&scene, "a.yaml");
    scene
        .cmd(["set", "a.yaml", "[\"user\"]", "\"bob\""])
        .run()
        .succeeds()
        .stderr("a.yaml: [\"user\"] is set\n");
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT}\n"),
    );
    replace(&scene, "a.yaml", "unencrypted_suffix: _unencrypted", LOOSE);
    let words = format!("note: a.yaml is sealed by {LOOSE}, and rule 1 of ");
    for line in [
        "set a.yaml '[\"user\"]' '\"carol\"'",
        "set a.yaml '[\"more\"]' '\"x\"'",
        "unset a.yaml '[\"more\"]'",
        "rotate -i a.yaml",
    ] {
        scene.run(line).succeeds().stderr_has(&words);
    }
}

#[test]
fn an_entry_without_a_wrapped_key_gets_none_by_the_way() {
    let planted = format!("    age:\n        - recipient: {OTHER_RECIPIENT}\n");
    for command in [
        "rotate -i a.yaml",
        "rotate a.yaml",
        "groups add -i --file a.yaml --age age105hhzcnk2j9p7cnxrjv3xwkf2k9ztxk4ea99rxlexlypwncv0atqgwhlze",
    ] {
        let scene = Scene::with_age().file("a.yaml", "user: alice\n");
        seal(&scene, "a.yaml");
        replace(&scene, "a.yaml", "    age:\n", &planted);
        let before = scene.bytes("a.yaml");
        scene
            .run(command)
            .fails(1)
            .stdout("")
            .stderr_has("it names recipients for whom nobody has wrapped its data key")
            .stderr_has(OTHER_RECIPIENT);
        assert_eq!(scene.bytes("a.yaml"), before, "{command}");
        // The first hint takes it away.
        let hint = format!("rotate -i --drop-recipient {OTHER_RECIPIENT} a.yaml");
        scene.run(&hint).succeeds();
        assert!(!scene.read("a.yaml").contains(OTHER_RECIPIENT));
        // Let in on purpose.
        scene
            .run(&format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml"))
            .succeeds();
        scene.sops("decrypt a.yaml").succeeds();
        assert_eq!(scene.read("a.yaml").matches("BEGIN AGE").count(), 2);
    }
    // Other writes pass it by.
    let scene = Scene::with_age().file("a.yaml", "user: alice\n");
    seal(&scene, "a.yaml");
    replace(&scene, "a.yaml", "    age:\n", &planted);
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    let edit = scene
        .cmd(["edit", "--show-master-keys", "a.yaml"])
        .env("EDITOR", "sed -i s/bob/carol/");
    edit.run()
        .fails(1)
        .stderr_has("nobody has wrapped its data key");
    assert_eq!(scene.read("a.yaml").matches("BEGIN AGE").count(), 1);
    // The rule decides: whom it does not name goes, whom it names is wrapped for.
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT}\n"),
    );
    let shown = scene.run("updatekeys --yes a.yaml").succeeds();
    shown.stdout_has(&format!("--- {OTHER_RECIPIENT}"));
    assert!(!scene.read("a.yaml").contains(OTHER_RECIPIENT));
    replace(&scene, "a.yaml", "    age:\n", &planted);
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n"),
    );
    let shown = scene.run("updatekeys --yes a.yaml").succeeds();
    shown.stdout_has(&format!("+++ {OTHER_RECIPIENT}"));
    assert_eq!(scene.read("a.yaml").matches("BEGIN AGE").count(), 2);
}

#[test]
fn edit_with_master_keys_lets_nobody_into_a_file_of_an_environment() {
    let scene = sealed_environment();
    let before = scene.bytes(SEALED);
    let script = format!("sed -i 's/    age:/    age:\\n        - recipient: {OTHER_RECIPIENT}/'");
    let edit = scene
        .cmd(["edit", "--show-master-keys", SEALED])
        .env("EDITOR", script);
    edit.run()
        .fails(1)
        .stderr_has(&format!("{OTHER_RECIPIENT}  is not in the rule"));
    assert_eq!(scene.bytes(SEALED), before);
}

//! `encrypt --env`, `decrypt --env` and the guard of an environment's recipients.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::{
    CLEAR_FILE, ENVIRONMENTS, RULES, SEALED, SECRETS, differing_lines, environment, line,
    sealed_environment,
};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, fixture};

#[test]
fn the_clear_file_is_sealed_onto_the_sealed_one() {
    let scene = environment();
    scene
        .run("encrypt --env dev")
        .succeeds()
        .stdout("")
        .stderr(format!("{SEALED}: 5 values sealed, 0 left in clear\n"));
    assert_eq!(scene.read(CLEAR_FILE), SECRETS);
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(SECRETS);
    scene.sops(&format!("decrypt {SEALED}")).succeeds();
    assert_eq!(
        scene.files(),
        [".sops.yaml", "clsecrets.yaml", CLEAR_FILE, SEALED]
    );
    // What it remembers is a digest of what is sealed.
    let memory: Vec<_> = fs::read_dir(scene.home(".local/state/clsecrets/sealed"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(memory.len(), 1);
    assert_eq!(fs::metadata(&memory[0]).unwrap().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&memory[0]).unwrap();
    assert!(text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn nothing_changed_is_nothing_written() {
    let scene = sealed_environment();
    let (before, inode) = (scene.bytes(SEALED), inode(&scene, SEALED));
    scene
        .run("encrypt --env dev")
        .succeeds()
        .stdout("")
        .stderr(format!("{SEALED}: nothing changed, nothing was written\n"));
    assert_eq!(
        (scene.bytes(SEALED), self::inode(&scene, SEALED)),
        (before, inode)
    );
}

#[test]
fn a_changed_value_is_named_and_the_others_keep_their_tokens() {
    let scene = sealed_environment();
    let before = scene.read(SEALED);
    let clear = SECRETS.replace("cc_0123456789abcdef", "cc_new") + "bea_api_key: bea_1234\n";
    scene.write(CLEAR_FILE, &clear);
    scene
        .run("encrypt --env dev")
        .succeeds()
        .stdout("")
        .matches(&scene, "encrypt-env-changed");
    let after = scene.read(SEALED);
    let (old, new) = differing_lines(&before, &after);
    let keys = |lines: &[&str]| -> Vec<String> {
        let keys = lines
            .iter()
            .map(|line| line.trim().split(':').next().unwrap().to_owned());
        keys.filter(|key| key != "lastmodified").collect()
    };
    assert_eq!(keys(&old), ["cryptocompare_api_key", "mac"]);
    assert_eq!(keys(&new), ["cryptocompare_api_key", "bea_api_key", "mac"]);
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(clear);
}

#[test]
fn a_key_that_would_vanish_is_refused_unless_meant() {
    let scene = sealed_environment();
    let before = scene.bytes(SEALED);
    let clear = SECRETS.replace("tiingo_api_key: \"tg_01&23<45'6\"\n", "");
    scene.write(CLEAR_FILE, &clear);
    scene
        .run("encrypt --env dev")
        .fails(1)
        .stdout("")
        .matches(&scene, "encrypt-env-vanishing-key");
    assert_eq!(scene.bytes(SEALED), before);

    scene.run("encrypt --env dev --overwrite").succeeds();
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(clear);
}

#[test]
fn an_old_clear_file_does_not_undo_what_came_since() {
    let scene = sealed_environment();
    let path = "[\"tiingo_api_key\"]";
    scene
        .cmd(["set", SEALED, path, "\"set since\""])
        .run()
        .succeeds();
    let before = scene.bytes(SEALED);
    scene
        .run("encrypt --env dev")
        .fails(1)
        .stdout("")
        .matches(&scene, "encrypt-env-stale");
    assert_eq!(scene.bytes(SEALED), before);
    scene
        .run("decrypt --env dev")
        .fails(1)
        .stdout("")
        .matches(&scene, "decrypt-env-differs");
    assert_eq!(scene.read(CLEAR_FILE), SECRETS);

    scene.run("decrypt --env dev --overwrite").succeeds();
    assert_eq!(
        line(&scene.read(CLEAR_FILE), "tiingo_api_key"),
        "\"set since\""
    );
    let clear = scene
        .read(CLEAR_FILE)
        .replace("cc_0123456789abcdef", "cc_new");
    scene.write(CLEAR_FILE, &clear);
    scene.run("encrypt --env dev").succeeds();
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(clear);
}

#[test]
fn a_clear_file_from_elsewhere_is_stale_until_it_is_said_to_be_right() {
    let scene = sealed_environment();
    fs::remove_dir_all(scene.home(".local")).unwrap();
    scene
        .run("encrypt --env dev")
        .succeeds()
        .stderr(format!("{SEALED}: nothing changed, nothing was written\n"));
    fs::remove_dir_all(scene.home(".local")).unwrap();
    scene.write(CLEAR_FILE, SECRETS.replace("cc_0123456789abcdef", "cc_new"));
    scene
        .run("encrypt --env dev")
        .fails(1)
        .stderr_has("it is not what it was when this clear file was made or last sealed");
    scene.run("encrypt --env dev --overwrite").succeeds();
}

#[test]
fn a_state_that_cannot_be_remembered_is_a_warning() {
    let scene = environment();
    fs::write(scene.home(".local"), "no directory").unwrap();
    scene
        .run("encrypt --env dev")
        .succeeds()
        .matches(&scene, "encrypt-env-not-remembered");
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(SECRETS);
}

#[test]
fn the_clear_file_is_made_private_and_left_alone_when_it_is_right() {
    let scene = sealed_environment();
    fs::remove_file(scene.path(CLEAR_FILE)).unwrap();
    scene
        .run("decrypt --env dev")
        .succeeds()
        .stdout("")
        .stderr(format!(
            "{CLEAR_FILE} holds the cleartext now; keep it out of Git\n"
        ));
    assert_eq!(scene.read(CLEAR_FILE), SECRETS);
    assert_eq!(scene.mode(CLEAR_FILE), 0o600);
    let inode = inode(&scene, CLEAR_FILE);
    scene
        .run("decrypt --env dev")
        .succeeds()
        .stderr(format!("{CLEAR_FILE} is up to date\n"));
    assert_eq!(self::inode(&scene, CLEAR_FILE), inode);
}

#[test]
fn cleartext_is_not_written_through_a_link() {
    let scene = sealed_environment();
    let clear = scene.path(CLEAR_FILE);
    let _ = fs::remove_file(&clear);
    std::os::unix::fs::symlink(scene.home("elsewhere"), &clear).unwrap();
    for more in ["", " --overwrite"] {
        scene
            .run(&format!("decrypt --env dev{more}"))
            .fails(3)
            .stdout("")
            .stderr_has(&format!("{CLEAR_FILE} is a symbolic link"))
            .stderr_has(&format!("rm {CLEAR_FILE}"));
        assert!(!scene.home("elsewhere").exists());
    }
}

#[test]
fn it_works_from_below_and_for_several_files() {
    let two = ENVIRONMENTS
        .replace(SEALED, &format!("[{SEALED}, secrets/dev/more.yaml]"))
        .replace(
            CLEAR_FILE,
            &format!("[{CLEAR_FILE}, secrets/dev/clear-more.yaml]"),
        );
    let scene = environment().file("clsecrets.yaml", two).file(
        "secrets/dev/clear-more.yaml",
        "coingecko_api_key: cg_1234\n",
    );
    scene
        .cmd(["encrypt", "--env", "dev"])
        .cwd("secrets/dev")
        .run()
        .succeeds();
    for file in [CLEAR_FILE, "secrets/dev/clear-more.yaml"] {
        fs::remove_file(scene.path(file)).unwrap();
    }
    scene
        .cmd(["decrypt", "--env", "dev"])
        .cwd("secrets")
        .run()
        .succeeds();
    assert_eq!(scene.read(CLEAR_FILE), SECRETS);
    assert_eq!(
        scene.read("secrets/dev/clear-more.yaml"),
        "coingecko_api_key: cg_1234\n"
    );
}

#[test]
fn an_exported_key_does_not_become_a_reader() {
    let scene = environment();
    for exported in [
        OTHER_RECIPIENT.to_owned(),
        format!("{RECIPIENT},{OTHER_RECIPIENT}"),
    ] {
        let seal = scene.cmd(["encrypt", "--env", "dev"]);
        let name = if exported.contains(',') {
            "guard-added"
        } else {
            "guard-replaced"
        };
        seal.env("SOPS_AGE_RECIPIENTS", &exported)
            .run()
            .fails(1)
            .stdout("")
            .matches(&scene, name);
    }
    for line in [
        format!("encrypt --env dev --age {OTHER_RECIPIENT}"),
        format!(
            "encrypt --output {SEALED} --filename-override {SEALED} --age {OTHER_RECIPIENT} {CLEAR_FILE}"
        ),
        format!("encrypt -i --age {OTHER_RECIPIENT} {CLEAR_FILE}"),
    ] {
        scene.run(&line).fails(1).stderr_has("--force-recipients");
    }
    assert!(!scene.has(SEALED));
    assert_eq!(scene.read(CLEAR_FILE), SECRETS);

    // Sealed already, it keeps its own recipients.
    scene.run("encrypt --env dev").succeeds();
    scene.write(CLEAR_FILE, SECRETS.replace("cc_0123456789abcdef", "cc_new"));
    scene
        .cmd(["encrypt", "--env", "dev"])
        .env("SOPS_AGE_RECIPIENTS", OTHER_RECIPIENT)
        .run()
        .succeeds();
    assert!(!scene.read(SEALED).contains(OTHER_RECIPIENT));
}

#[test]
fn the_guard_goes_with_the_file_that_is_written_whatever_it_is_called() {
    let scene = sealed_environment().file("other.yaml", "a: b\n");
    let before = scene.bytes(SEALED);
    std::os::unix::fs::symlink(SEALED, scene.path("link.yaml")).unwrap();
    for line in [
        format!("encrypt --output {SEALED} --age {OTHER_RECIPIENT} other.yaml"),
        format!("encrypt --output link.yaml --age {OTHER_RECIPIENT} other.yaml"),
        format!("encrypt --output ./secrets/../{SEALED} --age {OTHER_RECIPIENT} other.yaml"),
    ] {
        scene.run(&line).fails(1).stderr_has("--force-recipients");
        assert_eq!(scene.bytes(SEALED), before, "{line}");
    }
    // In place, through a link, under another name for the rules.
    scene.write(SEALED, "a: b\n");
    let name = "--filename-override elsewhere.yaml";
    scene
        .run(&format!(
            "encrypt -i {name} --age {OTHER_RECIPIENT} link.yaml"
        ))
        .fails(1)
        .stderr_has("--force-recipients");
    assert_eq!(scene.read(SEALED), "a: b\n");
}

#[test]
fn recipients_that_are_forced_are_said_aloud() {
    let scene = environment();
    scene
        .run(&format!(
            "encrypt --env dev --force-recipients --age {RECIPIENT},{OTHER_RECIPIENT}"
        ))
        .succeeds()
        .matches(&scene, "guard-forced");
    scene
        .cmd(["decrypt", SEALED])
        .env(
            "SOPS_AGE_KEY_FILE",
            fixture("vectors/keys/age-B.txt").display().to_string(),
        )
        .run()
        .succeeds()
        .stdout(SECRETS);
}

#[test]
fn a_reader_that_came_with_the_file_stops_every_command_that_writes_it() {
    let scene = environment();
    let both = format!("{RECIPIENT},{OTHER_RECIPIENT}");
    let sealed = scene
        .sops(&format!(
            "encrypt --age {both} --filename-override x.yaml {CLEAR_FILE}"
        ))
        .succeeds();
    scene.write(SEALED, &sealed.stdout);
    let before = scene.bytes(SEALED);
    scene.write(CLEAR_FILE, SECRETS.replace("cc_0123456789abcdef", "cc_new"));
    scene
        .run("encrypt --env dev --overwrite")
        .fails(1)
        .stdout("")
        .matches(&scene, "guard-in-the-file");
    let path = "[\"tiingo_api_key\"]";
    let set = scene.cmd(["set", SEALED, path, "\"new\""]).run();
    set.fails(1)
        .stderr_has(&format!("{OTHER_RECIPIENT}  is not in the rule"));
    assert_eq!(scene.bytes(SEALED), before);

    scene
        .cmd(["set", "--force-recipients", SEALED, path, "\"new\""])
        .run()
        .succeeds();
    scene
        .run("encrypt --env dev --overwrite --force-recipients")
        .succeeds();
}

#[test]
fn only_the_rules_beside_the_environments_count() {
    let other = format!("creation_rules:\n  - age: {OTHER_RECIPIENT}\n");
    let scene = environment().file("secrets/dev/.sops.yaml", &other);
    scene
        .run("encrypt --env dev")
        .fails(1)
        .stdout("")
        .matches(&scene, "guard-nearer-rules");
    fs::remove_file(scene.path("secrets/dev/.sops.yaml")).unwrap();
    scene.write("other.yaml", &other);
    scene.run("encrypt --env dev --config other.yaml").fails(1);
    scene
        .cmd(["encrypt", "--env", "dev"])
        .env("SOPS_CONFIG", "other.yaml")
        .run()
        .fails(1)
        .stderr_has("other.yaml does not count");
    assert!(!scene.has(SEALED));
    scene
        .run("encrypt --env dev --config .sops.yaml")
        .succeeds();
}

#[test]
fn without_a_rule_the_named_recipients_are_taken_with_a_note() {
    let scene = environment();
    fs::remove_file(scene.path(".sops.yaml")).unwrap();
    scene
        .run("encrypt --env dev")
        .fails(1)
        .stderr_has("no recipients");
    scene
        .run(&format!("encrypt --env dev --age {RECIPIENT}"))
        .succeeds()
        .matches(&scene, "guard-without-rule");
}

#[test]
fn faults_of_the_environments_file_name_their_line_and_what_was_meant() {
    let scene = environment();
    for command in ["encrypt", "decrypt", "sync", "render"] {
        let run = scene.run(&format!("{command} --env pord"));
        run.fails(1)
            .stdout("")
            .stderr_has("known environments: dev");
    }
    scene
        .run("encrypt --env dve")
        .matches(&scene, "environment-unknown");
    for (name, from, to) in [
        ("environment-unknown-key", "    sealed:", "    seald:"),
        ("environment-no-version", "version: 1\n", ""),
        ("environment-bad-version", "version: 1\n", "version: 2\n"),
        (
            "environment-bad-yaml",
            "environments:\n",
            "environments: [\n",
        ),
        (
            "environment-bad-target",
            "kind: directory",
            "kind: directroy",
        ),
        ("environment-same-files", CLEAR_FILE, SEALED),
        (
            "environment-no-clear",
            &format!("    clear: {CLEAR_FILE}\n"),
            "",
        ),
    ] {
        assert!(ENVIRONMENTS.contains(from), "{name}");
        scene.write("clsecrets.yaml", ENVIRONMENTS.replace(from, to));
        scene
            .run("encrypt --env dev")
            .fails(1)
            .stdout("")
            .matches(&scene, name);
    }
    fs::remove_file(scene.path("clsecrets.yaml")).unwrap();
    scene
        .run("encrypt --env dev")
        .fails(1)
        .matches(&scene, "environment-none");
    assert!(!scene.has(SEALED));
}

#[test]
fn a_missing_clear_or_sealed_file_says_how_to_make_it() {
    let scene = environment();
    scene
        .run("decrypt --env dev")
        .fails(100)
        .matches(&scene, "decrypt-env-nothing-sealed");
    fs::remove_file(scene.path(CLEAR_FILE)).unwrap();
    scene
        .run("encrypt --env dev")
        .fails(100)
        .matches(&scene, "encrypt-env-nothing-clear");
}

#[test]
fn rules_that_cover_other_files_only_are_named() {
    let rules = RULES.replace("- age", "- path_regex: ^other/\n    age");
    let scene = Scene::with_age()
        .file(".sops.yaml", rules)
        .file("a.yaml", "a: b\n");
    scene
        .run("encrypt a.yaml")
        .fails(1)
        .stdout("")
        .matches(&scene, "rules-cover-others");
}

fn inode(scene: &Scene, file: &str) -> u64 {
    fs::metadata(scene.path(file)).unwrap().ino()
}

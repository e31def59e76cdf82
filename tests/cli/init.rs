//! `init`: what it makes is what the other commands, and the reference, read.

use std::fs;

use super::{CLEAR_FILE, SEALED, SECRETS, line};
use crate::servers::moto;
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, THIRD_RECIPIENT};

const TRACKIT: &str = "tf/secrets/dev/encrypted-secrets.yaml";

#[test]
fn an_empty_directory_is_ready_to_seal_and_deliver() {
    let scene = Scene::new().in_git();
    scene
        .run("init")
        .succeeds()
        .stderr("")
        .matches(&scene, "init-empty");
    assert_eq!(
        scene.files(),
        [".gitignore", ".sops.yaml", "clsecrets.yaml", CLEAR_FILE]
    );
    assert_eq!(scene.mode(CLEAR_FILE), 0o600);
    assert!(scene.path(".git/hooks/pre-commit").is_file());

    scene.write(CLEAR_FILE, SECRETS);
    scene.run("encrypt --env dev").succeeds();
    scene.run("sync --env dev -y").succeeds();
    assert_eq!(scene.read("out/dev/tiingo/api-key"), "tg_01&23<45'6");
    scene.git("add .").succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    let committed = scene.git("ls-files").succeeds().out();
    assert_eq!(
        committed,
        format!(".gitignore\n.sops.yaml\nclsecrets.yaml\n{SEALED}\n")
    );
    assert_eq!(
        scene.leaks(
            &["correct-horse-battery-1"],
            &[CLEAR_FILE, "out/dev/api-secrets/.api"]
        ),
        [""; 0]
    );

    // The same rules and the same identity serve the reference.
    let theirs = scene
        .sops(&format!("encrypt {CLEAR_FILE}"))
        .succeeds()
        .out();
    assert_eq!(
        line(&theirs, "recipient"),
        line(&scene.read(SEALED), "recipient")
    );
    scene.sops(&format!("decrypt {SEALED}")).succeeds();
}

#[test]
fn a_second_run_keeps_everything() {
    let scene = Scene::new();
    scene.run("init --env prod").succeeds();
    let read = |scene: &Scene| -> Vec<_> {
        let files = scene.files();
        files
            .iter()
            .map(|file| (file.clone(), scene.bytes(file)))
            .collect()
    };
    let before = read(&scene);
    let key = fs::read(scene.home(".config/sops/age/keys.txt")).unwrap();
    scene
        .run("init --env prod")
        .succeeds()
        .matches(&scene, "init-again");
    assert_eq!(read(&scene), before);
    assert_eq!(
        fs::read(scene.home(".config/sops/age/keys.txt")).unwrap(),
        key
    );
}

#[test]
fn given_recipients_are_those_of_the_rule() {
    let scene = Scene::with_age();
    scene
        .run(&format!("init --age {RECIPIENT},{OTHER_RECIPIENT}"))
        .succeeds();
    assert!(!scene.home(".config").exists());
    scene.write(CLEAR_FILE, SECRETS);
    scene.run("encrypt --env dev").succeeds();
    let text = scene.read(SEALED);
    assert!(text.contains(RECIPIENT) && text.contains(OTHER_RECIPIENT));
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(SECRETS);
    let theirs = scene
        .sops(&format!("encrypt {CLEAR_FILE}"))
        .succeeds()
        .out();
    assert!(theirs.contains(RECIPIENT) && theirs.contains(OTHER_RECIPIENT));
}

#[test]
fn a_kms_key_takes_the_place_of_an_identity() {
    let scene = Scene::new().envs(moto().env());
    let key = moto().key("us-east-1");
    scene.run(&format!("init --kms {key}")).succeeds();
    scene.write(CLEAR_FILE, SECRETS);
    scene.run("encrypt --env dev").succeeds();
    assert_eq!(line(&scene.read(SEALED), "- arn"), key);
    scene
        .run(&format!("decrypt {SEALED}"))
        .succeeds()
        .stdout(SECRETS);
    assert!(!scene.home(".config").exists());
}

#[test]
fn a_trackit_repository_keeps_its_layout_its_sealed_file_and_its_readers() {
    let scene = Scene::new()
        .in_git()
        .envs(moto().env())
        .file("x.yaml", SECRETS);
    let key = moto().key("us-east-1");
    let sealed = scene
        .sops(&format!("encrypt --kms {key} x.yaml"))
        .succeeds();
    fs::remove_file(scene.path("x.yaml")).unwrap();
    scene.write(TRACKIT, &sealed.stdout);
    scene.write("tf/main.tf", "# theirs\n");
    scene.write(".gitignore", ".terraform\n");

    scene.run("init").succeeds().matches(&scene, "init-trackit");
    assert_eq!(scene.bytes(TRACKIT), sealed.stdout);
    let rules = scene.read(".sops.yaml");
    assert_eq!(line(&rules, "kms"), key);
    assert!(!scene.home(".config").exists());

    scene.run("decrypt --env dev").succeeds();
    let clear = "tf/secrets/dev/clear-secrets.yaml";
    assert_eq!(scene.mode(clear), 0o600);
    let text = scene.read(clear);
    scene
        .run("encrypt --env dev")
        .succeeds()
        .stderr_has("nothing changed");
    assert_eq!(scene.bytes(TRACKIT), sealed.stdout);
    scene.write(clear, text.replace("cc_0123456789abcdef", "cc_new"));
    scene
        .run("encrypt --env dev")
        .succeeds()
        .stderr_has("~ cryptocompare_api_key");
    scene.run("sync --env dev -y").succeeds();
    scene.git("add .").succeeds();
    let staged = scene.git("diff --cached --name-only").succeeds().out();
    assert!(
        !staged.contains("clear") && !staged.contains("out/"),
        "{staged}"
    );
}

#[test]
fn the_key_groups_of_a_sealed_file_become_those_of_its_rule() {
    let scene = Scene::holding("AC");
    let group = |recipient: &str| format!("{{ age: [{recipient}] }}");
    let groups = [RECIPIENT, OTHER_RECIPIENT, THIRD_RECIPIENT]
        .map(group)
        .join(", ");
    scene.write(
        "rules.yaml",
        format!("creation_rules: [{{ shamir_threshold: 2, key_groups: [{groups}] }}]\n"),
    );
    scene.write("x.yaml", SECRETS);
    let sealed = scene.sops("--config rules.yaml encrypt x.yaml").succeeds();
    for file in ["x.yaml", "rules.yaml"] {
        fs::remove_file(scene.path(file)).unwrap();
    }
    scene.write(TRACKIT, &sealed.stdout);
    scene.run("init --no-hook").succeeds();
    assert_eq!(line(&scene.read(".sops.yaml"), "shamir_threshold"), "2");

    // The guard finds the file as the rule says, and what is sealed anew has the same form.
    let set = ["set", TRACKIT, "[\"tiingo_api_key\"]", "\"new\""];
    scene.cmd(set).run().succeeds();
    scene.run("decrypt --env dev").succeeds();
    fs::remove_file(scene.path(TRACKIT)).unwrap();
    scene.run("encrypt --env dev").succeeds();
    scene.sops(&format!("decrypt {TRACKIT}")).succeeds();
    assert_eq!(line(&scene.read(TRACKIT), "shamir_threshold"), "2");
}

#[test]
fn what_init_cannot_use_is_refused_before_anything_is_made() {
    for (name, line) in [
        ("init-bad-arn", "init --kms alias/dev".to_owned()),
        ("init-bad-age", "init --age age1nonsense".to_owned()),
        ("init-bad-name", "init --env ../prod".to_owned()),
        ("init-no-repository", "init --hook".to_owned()),
    ] {
        let scene = Scene::new();
        scene.run(&line).fails(1).matches(&scene, name);
        assert_eq!(scene.files(), [""; 0], "{line}");
        assert!(!scene.home(".config").exists(), "{line}");
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.other("true", [""; 0]).unprivileged().run().succeeds();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o555)).unwrap();
    let run = scene.cmd(["init", "--age", RECIPIENT]).unprivileged().run();
    run.fails(1).matches(&scene, "init-read-only");
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(scene.files(), [""; 0]);
}

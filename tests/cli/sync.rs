//! `sync` and `render` as a person sees them: whole outputs for a directory. What the targets hold
//! afterwards, and what services answer, is tested in `tests/sync`.

use super::{CLEAR_FILE, SEALED, SECRETS, sealed_environment};

#[test]
fn a_first_run_a_second_and_a_change_as_a_person_sees_them() {
    let scene = sealed_environment();
    scene
        .run("sync --env dev --dry-run")
        .fails(2)
        .matches(&scene, "sync-dry-run");
    assert!(!scene.has("out"));
    scene
        .run("sync --env dev")
        .fails(4)
        .matches(&scene, "sync-no-answer");
    assert!(!scene.has("out"));
    scene
        .run("sync --env dev -y")
        .succeeds()
        .matches(&scene, "sync-first");
    scene
        .run("sync --env dev -y")
        .succeeds()
        .matches(&scene, "sync-second");
    scene.run("sync --env dev --check").succeeds();
    let path = "[\"tiingo_api_key\"]";
    scene.cmd(["set", SEALED, path, "\"new\""]).run().succeeds();
    scene
        .run("sync --env dev --check")
        .fails(2)
        .matches(&scene, "sync-check");
    scene
        .run("sync --env dev -y")
        .succeeds()
        .matches(&scene, "sync-change");
    scene
        .run("render --env dev")
        .succeeds()
        .matches(&scene, "render");
}

#[test]
fn what_has_no_source_is_named() {
    let scene = sealed_environment();
    scene.write(CLEAR_FILE, "tiingo_api_key: tg_01\nbea: x\n");
    scene.run("encrypt --env dev --overwrite").succeeds();
    scene
        .run("sync --env dev -y")
        .succeeds()
        .matches(&scene, "sync-skipped");
    scene
        .run("render --env dev")
        .succeeds()
        .matches(&scene, "render-skipped");
}

#[test]
fn a_key_that_is_gone_stays_and_is_named() {
    let scene = sealed_environment();
    scene.run("sync --env dev -y").succeeds();
    scene.write(
        CLEAR_FILE,
        SECRETS.replace("database_password: p4ss#with/odd%chars@16\n", ""),
    );
    scene.run("encrypt --env dev --overwrite").succeeds();
    scene
        .run("sync --env dev -y")
        .succeeds()
        .matches(&scene, "sync-kept");
    assert!(scene.has("out/dev/chainlink/db-url"));
}

#[test]
fn another_wallet_password_is_refused_with_the_way_out() {
    let scene = sealed_environment().in_git();
    scene
        .git("add clsecrets.yaml .sops.yaml secrets/dev/encrypted-secrets.yaml")
        .succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    let path = "[\"wallet_password\"]";
    scene
        .cmd(["set", SEALED, path, "\"another-long-passphrase\""])
        .run()
        .succeeds();
    scene
        .run("sync --env dev -y")
        .fails(4)
        .matches(&scene, "sync-wallet");
    assert!(!scene.has("out"));
}

#[test]
fn a_file_in_the_place_of_the_target_is_named() {
    let scene = sealed_environment().file("out", "theirs\n");
    scene
        .run("sync --env dev -y")
        .fails(4)
        .matches(&scene, "sync-target-is-a-file");
    assert_eq!(scene.read("out"), "theirs\n");
}

#[test]
fn values_that_a_node_could_not_use_are_refused_by_name() {
    for (name, from, to) in [
        ("number", "cc_0123456789abcdef", "12345"),
        ("empty", "cc_0123456789abcdef", "\"\""),
        ("map", "cc_0123456789abcdef", "{ key: value }"),
        ("line-end", "cc_0123456789abcdef", "\"cc_0123\\n\""),
    ] {
        let scene = sealed_environment();
        scene.write(CLEAR_FILE, SECRETS.replace(from, to));
        scene.run("encrypt --env dev --overwrite").succeeds();
        let run = scene.run("sync --env dev -y");
        run.fails(4)
            .matches(&scene, &format!("sync-bad-value-{name}"));
        assert!(!scene.has("out"), "{name}");
    }
}

#[test]
fn a_sealed_file_that_is_missing_or_does_not_open_writes_nothing() {
    let scene = sealed_environment();
    scene
        .cmd(["sync", "--env", "dev", "-y"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .fails(5)
        .matches(&scene, "sync-no-identity");
    std::fs::remove_file(scene.path(SEALED)).unwrap();
    scene
        .run("sync --env dev -y")
        .fails(1)
        .matches(&scene, "sync-nothing-sealed");
    assert!(!scene.has("out"));
}

#[test]
fn the_question_is_asked_on_a_terminal() {
    let scene = sealed_environment();
    let ask = |answer| {
        let run = scene.cmd(["sync", "--env", "dev"]);
        run.on_terminal(&[("[y/N]", answer)]).run()
    };
    ask("").fails(2).matches(&scene, "sync-declined");
    assert!(!scene.has("out"));
    ask("yes").succeeds();
}

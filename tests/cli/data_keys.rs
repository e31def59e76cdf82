//! A sealed file that somebody else has made: whoever has only the public keys can make one, and
//! every command that can see that the data key is another one says so.

use super::{CLEAR_FILE, SEALED, sealed_environment};
use crate::support::{RECIPIENT, Run, Scene};

const CLEAR: &str = "user: alice\npassword: zebra-lagoon-quartz-91\n";

/// What somebody with the public key alone makes of the file.
fn replace(scene: &Scene, path: &str, clear: &str) {
    scene.write(path, clear);
    scene
        .cmd(["encrypt", "-i", "--age", RECIPIENT, path])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .succeeds();
}

fn commit(scene: &Scene, author: &str) -> String {
    scene.git("add --force .").succeeds();
    let words = [
        "commit",
        "--quiet",
        "--no-verify",
        "-m",
        "x",
        "--author",
        author,
    ];
    scene.other("git", words).run().succeeds();
    scene
        .git("rev-parse --short=12 HEAD")
        .out()
        .trim()
        .to_owned()
}

fn sealed() -> Scene {
    let scene = Scene::with_age().in_git().file("a.yaml", CLEAR);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    commit(&scene, "Alice <alice@example.com>");
    scene
}

const MALLORY: &str = "Mallory <mallory@example.com>";

fn is_silent(run: &Run) -> bool {
    !run.out().contains("H016") && !run.out().contains("data key")
}

#[test]
fn the_hook_names_the_commit_and_its_author() {
    let scene = sealed();
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    commit(&scene, "Alice <alice@example.com>");
    assert!(is_silent(
        &scene.run("hook --range HEAD~1..HEAD").succeeds()
    ));

    replace(&scene, "a.yaml", CLEAR);
    let by = commit(&scene, MALLORY);
    let range = "hook --range HEAD~1..HEAD";
    let said = format!("H016 a new data key since commit {by} by {MALLORY} (most probably");
    let run = scene.run(range).succeeds().stdout_has(&said);
    run.stdout_has("clsecrets rotate -i a.yaml");
    scene
        .run(&format!("{range} --strict"))
        .fails(1)
        .stdout_has(&said);
    // It is the change that is told, and not what was before.
    scene.write("b.yaml", "a: b\n");
    commit(&scene, "Alice <alice@example.com>");
    assert!(is_silent(&scene.run(range).succeeds()));

    // Nobody can tell it from a colleague's own.
    scene.run("rotate -i a.yaml").succeeds();
    let by = commit(&scene, "Bob <bob@example.com>");
    scene
        .run(range)
        .succeeds()
        .stdout_has(&format!("since commit {by} by Bob <bob@example.com>"));
}

#[test]
fn a_file_that_is_wrapped_anew_has_its_data_key() {
    let scene = sealed();
    let other = crate::support::OTHER_RECIPIENT;
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{other}\n"),
    );
    scene.run("updatekeys --yes a.yaml").succeeds();
    assert!(is_silent(&scene.run("check a.yaml").succeeds()));
    commit(&scene, "Alice <alice@example.com>");
    assert!(is_silent(
        &scene.run("hook --range HEAD~1..HEAD").succeeds()
    ));
    scene.run("rotate -i a.yaml").succeeds();
    scene.run("check a.yaml").succeeds().stdout_has("H016");
}

#[test]
fn check_compares_the_working_tree_with_head() {
    let scene = sealed();
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    assert!(is_silent(&scene.run("check a.yaml").succeeds()));
    scene.git("checkout --quiet a.yaml").succeeds();
    assert!(is_silent(&scene.run("check --online a.yaml").succeeds()));

    replace(&scene, "a.yaml", CLEAR);
    scene
        .run("check a.yaml")
        .succeeds()
        .stdout_has("H016 a new data key since HEAD (")
        .stdout_has("not committed (most probably");
    scene
        .run("check --online .")
        .succeeds()
        .stdout_has("not committed (both were unwrapped and compared)");
    scene.run("check --strict a.yaml").fails(1);
    scene.git("add .").succeeds();
    scene
        .run("hook")
        .succeeds()
        .stdout_has("H016 a new data key since HEAD");
}

/// With one value, that was changed, and every key wrapped anew, nothing of before is left to see.
#[test]
fn what_looks_new_is_not_said_where_the_keys_are_the_same() {
    let scene = Scene::with_age().in_git().file("a.yaml", "user: alice\n");
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    commit(&scene, "Alice <alice@example.com>");
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    let other = crate::support::OTHER_RECIPIENT;
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{other}\n"),
    );
    scene.sops("updatekeys --yes a.yaml").succeeds();
    scene
        .run("check a.yaml")
        .succeeds()
        .stdout_has("most probably");
    assert!(is_silent(&scene.run("check --online a.yaml").succeeds()));
}

#[test]
fn status_and_sync_name_what_was_not_delivered_with_this_key() {
    let scene = sealed_environment().in_git();
    commit(&scene, "Alice <alice@example.com>");
    scene.run("sync --env dev -y").succeeds();
    assert!(is_silent(&scene.run("status")));

    let clear = scene.run(&format!("decrypt {SEALED}")).out();
    let changed = clear.replacen("tg_01", "tg_02", 1);
    replace(&scene, SEALED, &changed);
    let compared = "(both were unwrapped and compared)";
    scene
        .run("status")
        .stdout_has("a new data key since HEAD (")
        .stdout_has(compared);
    let by = commit(&scene, MALLORY);
    scene.write(CLEAR_FILE, "");
    let said = format!("made by commit {by} by {MALLORY} {compared}");
    scene
        .run("status")
        .stdout_has("since the last delivery")
        .stdout_has(&said);
    let plan = scene.run("sync --env dev --dry-run");
    plan.stderr_has(&said).stderr_has("clsecrets rotate -i");
    scene
        .run("sync --env dev -y --strict")
        .fails(4)
        .stderr_has(&said);
    scene.run("status --strict").fails(4);
    let report = scene.run("status --json").json();
    let warnings = report["environments"][0]["warnings"].as_array().unwrap();
    assert!(
        warnings[0].as_str().unwrap().contains(&said),
        "{warnings:?}"
    );

    // Once it is delivered it is known.
    scene.run("sync --env dev -y").succeeds();
    assert!(is_silent(&scene.run("status")));
    scene.run("sync --env dev -y --strict").succeeds();

    // The same values under a new key: nothing is to be written, and that was told as well.
    scene.run(&format!("rotate -i {SEALED}")).succeeds();
    let by = commit(&scene, "Bob <bob@example.com>");
    let said = format!("made by commit {by} by Bob <bob@example.com> {compared}");
    scene.run("sync --env dev --check").stderr_has(&said);
    scene.run("sync --env dev -y").succeeds().stderr_has(&said);
    assert!(is_silent(&scene.run("status")));
}

/// In a file of one line everything stands where the warning does.
#[test]
fn the_warning_hides_no_error_on_its_line() {
    let clear =
        r#"{"user": "alice", "url_unencrypted": "postgres://cl:zebra-lagoon-91@db.prod/cl"}"#;
    let scene = Scene::with_age().in_git();
    replace(&scene, "a.json", clear);
    commit(&scene, "Alice <alice@example.com>");
    replace(&scene, "a.json", clear);
    let sealed = scene.read("a.json");
    let value: serde_json::Value = serde_json::from_str(&sealed).unwrap();
    scene.write("a.json", value.to_string());
    scene.git("add .").succeeds();
    scene
        .run("hook")
        .fails(1)
        .stdout_has("H016")
        .stdout_has("H030");
}

//! A sealed file that somebody else has made, brought on a way on which the commit before has nothing to
//! compare it with: deleted and made anew, moved, behind a link, in a merge, named by an environment.

use std::os::unix::fs::symlink;

use super::{ENVIRONMENTS, SEALED, sealed_environment};
use crate::support::{RECIPIENT, Run, Scene};

const CLEAR: &str = "user: alice\npassword: zebra-lagoon-quartz-91\n";
const OTHERS: &str = "host: db\nport: 5432\nname: node\n";
const SAID: &str = "H016 a new data key since ";

/// What somebody with the public key alone makes of a file.
fn seal(scene: &Scene, path: &str, clear: &str) {
    scene.write(path, clear);
    scene
        .cmd(["encrypt", "-i", "--age", RECIPIENT, path])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .succeeds();
}

fn commit(scene: &Scene) -> String {
    scene.git("add --all --force .").succeeds();
    scene
        .git("commit --quiet --no-verify --allow-empty -m x")
        .succeeds();
    name(scene, "HEAD")
}

fn name(scene: &Scene, revision: &str) -> String {
    scene
        .git(&format!("rev-parse {revision}"))
        .out()
        .trim()
        .to_owned()
}

/// A repository with a sealed file in its first commit, which is the branch `base`.
fn sealed() -> Scene {
    let scene = Scene::with_age().in_git();
    seal(&scene, "a.yaml", CLEAR);
    commit(&scene);
    scene.git("branch base").succeeds();
    scene
}

/// What is said of a range, and of a push of it.
fn told(scene: &Scene) -> [Run; 2] {
    let (old, new) = (name(scene, "base"), name(scene, "HEAD"));
    let line = format!("refs/heads/x {new} refs/heads/x {old}\n");
    [
        scene.run("hook --range base..HEAD --strict"),
        scene
            .cmd(["hook", "--pushed", "--strict"])
            .stdin(line)
            .run(),
    ]
}

fn is_told(scene: &Scene, path: &str) {
    for run in told(scene) {
        run.fails(1).stdout_has(&format!("{path}:1:1: {SAID}"));
    }
}

fn is_not_told(scene: &Scene) {
    for run in told(scene) {
        assert!(!run.succeeds().out().contains("H016"));
    }
}

#[test]
fn a_file_that_is_deleted_and_made_anew_follows_itself() {
    let scene = sealed();
    let kept = scene.bytes("a.yaml");
    scene.git("rm --quiet a.yaml").succeeds();
    commit(&scene);
    // The file itself may come back.
    scene.write("a.yaml", &kept);
    commit(&scene);
    is_not_told(&scene);
    scene.git("reset --quiet --hard HEAD~1").succeeds();

    seal(&scene, "a.yaml", CLEAR);
    scene.git("add a.yaml").succeeds();
    scene
        .run("hook --strict")
        .fails(1)
        .stdout_has(&format!("{SAID}HEAD"))
        .stdout_has("compared with what it was before");
    scene.run("check --strict a.yaml").fails(1).stdout_has(SAID);
    let by = commit(&scene);
    is_told(&scene, "a.yaml");
    for run in told(&scene) {
        run.stdout_has(&format!("{SAID}commit {}", &by[..12]));
    }
    // A push of its own does not help: what its path held is in the history.
    scene
        .run("hook --range HEAD~1..HEAD --strict")
        .fails(1)
        .stdout_has(SAID);
    // Nor does a branch with a root of its own, or the whole history in one go.
    scene
        .run("hook --range HEAD --strict")
        .fails(1)
        .stdout_has(SAID);
}

#[test]
fn a_file_that_is_moved_follows_the_one_that_is_gone() {
    for (to, commits) in [
        ("b/a.yaml", 1),
        ("other.yaml", 1),
        ("a.json", 1),
        ("other.yaml", 2),
    ] {
        let scene = sealed();
        let kept = scene.bytes("a.yaml");
        scene.write("bystander.yaml", "a: b\n");
        scene.git("rm --quiet a.yaml").succeeds();
        if commits == 2 {
            commit(&scene);
        }
        if to == "a.json" {
            let clear = r#"{"user": "alice", "password": "zebra-lagoon-quartz-91"}"#;
            seal(&scene, to, clear);
        } else {
            scene.write(to, &kept);
            commit(&scene);
            is_not_told(&scene);
            scene.git("reset --quiet --hard HEAD~1").succeeds();
            let _ = std::fs::remove_file(scene.path("a.yaml"));
            seal(&scene, to, CLEAR);
        }
        if commits == 1 {
            scene.git("add --all .").succeeds();
            let run = scene.run("hook --strict").fails(1);
            run.stdout_has(&format!("{to}:1:1: {SAID}HEAD"))
                .stdout_has("compared with a.yaml, which is gone");
            scene
                .run(&format!("check --strict {to}"))
                .fails(1)
                .stdout_has(SAID);
        }
        commit(&scene);
        is_told(&scene, to);
    }
}

#[test]
fn moving_away_and_back_hides_nothing() {
    let scene = sealed();
    scene.git("mv a.yaml b.yaml").succeeds();
    commit(&scene);
    scene.git("mv b.yaml a.yaml").succeeds();
    commit(&scene);
    is_not_told(&scene);
    scene.git("mv a.yaml b.yaml").succeeds();
    commit(&scene);
    scene.git("rm --quiet b.yaml").succeeds();
    seal(&scene, "a.yaml", CLEAR);
    commit(&scene);
    is_told(&scene, "a.yaml");
}

#[test]
fn what_stood_in_between_hides_nothing() {
    let between: [&dyn Fn(&Scene); 3] = [
        &|scene| symlink("nowhere", scene.path("a.yaml")).unwrap(),
        &|scene| scene.write("a.yaml", "note: nothing\n"),
        &|scene| scene.write("a.yaml/file", "a directory\n"),
    ];
    for place in between {
        let scene = sealed();
        std::fs::remove_file(scene.path("a.yaml")).unwrap();
        place(&scene);
        commit(&scene);
        scene.git("rm -r --quiet a.yaml").succeeds();
        seal(&scene, "a.yaml", CLEAR);
        scene.git("add a.yaml").succeeds();
        scene.run("hook --strict").fails(1).stdout_has(SAID);
        scene.run("check --strict a.yaml").fails(1).stdout_has(SAID);
        commit(&scene);
        let run = scene.run("hook --range base..HEAD --strict");
        run.fails(1).stdout_has(SAID);
        let run = scene.run("hook --range HEAD~1..HEAD --strict");
        run.fails(1).stdout_has(SAID);
    }
}

#[test]
fn a_merge_hides_nothing() {
    // A branch that makes it anew.
    let scene = sealed();
    scene.git("checkout --quiet -b side").succeeds();
    scene.git("rm --quiet a.yaml").succeeds();
    commit(&scene);
    seal(&scene, "a.yaml", CLEAR);
    commit(&scene);
    scene.git("checkout --quiet base").succeeds();
    scene.git("merge --quiet --no-ff -m m side").succeeds();
    let one = "hook --range base~1..base --strict";
    scene.run(one).fails(1).stdout_has(SAID);

    // One without any commit in common.
    let scene = sealed();
    scene.git("checkout --quiet --orphan side").succeeds();
    seal(&scene, "a.yaml", CLEAR);
    commit(&scene);
    scene.git("checkout --quiet base").succeeds();
    scene
        .git("merge --quiet --no-ff --allow-unrelated-histories -X theirs -m m side")
        .succeeds();
    scene.run(one).fails(1).stdout_has(SAID);

    // A merge that brings it by itself, also where neither side has the file any more.
    for is_gone in [false, true] {
        let scene = sealed();
        scene.git("checkout --quiet -b side").succeeds();
        if is_gone {
            scene.git("rm --quiet a.yaml").succeeds();
        }
        scene.write("side.txt", "x\n");
        commit(&scene);
        scene.git("checkout --quiet base").succeeds();
        if is_gone {
            scene.git("rm --quiet a.yaml").succeeds();
        }
        scene.write("base.txt", "x\n");
        commit(&scene);
        scene
            .git("merge --quiet --no-ff --no-commit side")
            .succeeds();
        seal(&scene, "a.yaml", CLEAR);
        commit(&scene);
        scene.run(one).fails(1).stdout_has(SAID);
    }

    // One that takes the branch's file, which has the data key of before the rotation.
    let scene = sealed();
    scene.git("checkout --quiet -b side").succeeds();
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    commit(&scene);
    scene.git("checkout --quiet base").succeeds();
    scene.run("rotate -i a.yaml").succeeds();
    commit(&scene);
    scene
        .git("merge --quiet --no-ff --no-commit -s ours side")
        .succeeds();
    scene.git("checkout --quiet side -- a.yaml").succeeds();
    commit(&scene);
    scene.run(one).fails(1).stdout_has(SAID);
}

#[test]
fn what_main_has_rotated_is_not_told_of_a_branch_that_merges_it() {
    let scene = sealed();
    scene.git("checkout --quiet -b side").succeeds();
    scene.write("side.txt", "x\n");
    commit(&scene);
    scene.git("checkout --quiet base").succeeds();
    scene.run("rotate -i a.yaml").succeeds();
    commit(&scene);
    scene.git("checkout --quiet side").succeeds();
    is_not_told(&scene);
    scene.git("merge --quiet --no-ff -m m base").succeeds();
    is_not_told(&scene);
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    commit(&scene);
    is_not_told(&scene);
}

#[test]
fn files_that_have_nothing_to_do_with_each_other_do_not_follow() {
    let scene = sealed();
    seal(&scene, "new.yaml", CLEAR);
    commit(&scene);
    scene.git("rm --quiet a.yaml").succeeds();
    seal(&scene, "unlike.yaml", OTHERS);
    commit(&scene);
    let run = scene.run("hook --range HEAD~1..HEAD --strict").succeeds();
    assert!(!run.out().contains("H016"));
}

/// A file without a known ending is sealed as a whole.
#[test]
fn a_file_of_any_name_is_compared() {
    let scene = Scene::with_age().in_git();
    seal(&scene, "key.pem", "first\n");
    commit(&scene);
    scene.git("branch base").succeeds();
    seal(&scene, "key.pem", "second\n");
    scene.git("add key.pem").succeeds();
    scene.run("hook --strict").fails(1).stdout_has(SAID);
    commit(&scene);
    for run in told(&scene) {
        run.fails(1).stdout_has(SAID);
    }
}

#[test]
fn an_environment_that_names_another_file_names_what_follows() {
    let scene = sealed_environment().in_git();
    scene.write(".gitignore", "clear-secrets.yaml\nout\n");
    scene
        .git("rm --quiet --cached -r --ignore-unmatch .")
        .succeeds();
    std::fs::remove_file(scene.path("secrets/dev/clear-secrets.yaml")).unwrap();
    commit(&scene);
    // In a push of its own, long before it is named.
    let clear = scene.run(&format!("decrypt {SEALED}")).out();
    seal(&scene, "secrets/dev/encrypted-new.yaml", &clear);
    commit(&scene);
    scene.git("branch base").succeeds();
    scene.write(
        "clsecrets.yaml",
        ENVIRONMENTS.replace(SEALED, "secrets/dev/encrypted-new.yaml"),
    );
    scene.git("add clsecrets.yaml").succeeds();
    let said = format!("compared with {SEALED}, which environment dev named in its place");
    scene.run("hook --strict").fails(1).stdout_has(&said);
    scene
        .run("check --strict secrets")
        .fails(1)
        .stdout_has(&said);
    commit(&scene);
    for run in told(&scene) {
        run.fails(1).stdout_has(&said);
    }
    // The environment may get another name as well.
    scene.git("reset --quiet --hard base").succeeds();
    scene.write(
        "clsecrets.yaml",
        ENVIRONMENTS
            .replace(SEALED, "secrets/dev/encrypted-new.yaml")
            .replace("  dev:", "  prod:"),
    );
    commit(&scene);
    for run in told(&scene) {
        run.fails(1).stdout_has(SAID);
    }
}

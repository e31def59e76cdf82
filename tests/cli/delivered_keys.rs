//! What `sync` and `status` know of the data keys of the last delivery: also where the environment names
//! another file, what was delivered is in no commit, or the change is long ago.

use std::fmt::Write as _;

use super::{CLEAR_FILE, ENVIRONMENTS, SEALED, sealed_environment};
use crate::support::{RECIPIENT, Run, Scene};

const MALLORY: &str = "Mallory <mallory@example.com>";
const NEW: &str = "secrets/other/encrypted-new.yaml";

fn commit(scene: &Scene, author: &str) -> String {
    scene.git("add --all --force .").succeeds();
    let words = [
        "commit",
        "--quiet",
        "--no-verify",
        "--allow-empty",
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

/// An environment that was delivered from a commit.
fn delivered() -> Scene {
    let scene = sealed_environment().in_git();
    scene.write(".gitignore", "out\nclear-secrets.yaml\n");
    std::fs::remove_file(scene.path(CLEAR_FILE)).unwrap();
    commit(&scene, "Alice <alice@example.com>");
    scene.run("sync --env dev -y").succeeds();
    scene
}

/// What somebody with the public key alone makes of the values.
fn replace(scene: &Scene, from: &str, to: &str) {
    let clear = scene.run(&format!("decrypt {from}")).out();
    scene.write(to, clear.replacen("tg_01", "tg_02", 1));
    scene
        .cmd(["encrypt", "-i", "--age", RECIPIENT, to])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .succeeds();
}

fn is_silent(run: &Run) {
    let all = format!("{}{}", run.out(), run.err());
    assert!(!all.contains("data key"), "{all}");
}

#[test]
fn an_environment_that_names_another_file_is_compared_with_the_one_that_was_delivered() {
    let scene = delivered();
    scene.write("clsecrets.yaml", ENVIRONMENTS.replace(SEALED, NEW));
    std::fs::create_dir_all(scene.path("secrets/other")).unwrap();
    // The file itself may be moved.
    scene.git(&format!("mv {SEALED} {NEW}")).succeeds();
    commit(&scene, "Alice <alice@example.com>");
    is_silent(&scene.run("status"));
    is_silent(&scene.run("sync --env dev --dry-run"));
    scene
        .run(&format!("set {NEW} '[\"tiingo_api_key\"]' '\"tg_03\"'"))
        .succeeds();
    is_silent(&scene.run("status"));

    replace(&scene, NEW, NEW);
    let by = commit(&scene, MALLORY);
    let said = format!("made by commit {by} by {MALLORY} (both were unwrapped and compared)");
    scene
        .run("status")
        .stdout_has("a new data key since the last delivery")
        .stdout_has(&said);
    scene.run("sync --env dev --dry-run").stderr_has(&said);
    let refused = scene.run("sync --env dev -y --strict").fails(4);
    refused.stderr_has(&said);

    let report = scene.run("sync --env dev --dry-run --json").json();
    let warning = &report["warnings"][0];
    assert_eq!(warning["rule"], "H016");
    assert_eq!(warning["file"], NEW);
    assert!(warning["message"].as_str().unwrap().contains(&said));
    scene.run("sync --env dev --out plan").fails(2);
    let plan: serde_json::Value = serde_json::from_str(&scene.read("plan")).unwrap();
    assert_eq!(plan["environments"][0]["warnings"][0], *warning);
    // It stops nothing, and then it is known.
    let run = scene.run("sync --plan plan").succeeds();
    run.stderr_has(&said);
    is_silent(&scene.run("status"));
    let report = scene.run("sync --env dev --check --json").json();
    assert_eq!(report["warnings"], serde_json::json!([]));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let scene = delivered();
    // Delivered, and never committed.
    scene
        .run(&format!("set {SEALED} '[\"tiingo_api_key\"]' '\"tg_03\"'"))
        .succeeds();
    scene.run("sync --env dev -y").succeeds();
    scene
        .run(&format!("set {SEALED} '[\"tiingo_api_key\"]' '\"tg_04\"'"))
        .succeeds();
    // It still has the data key of the commit of then, and another one would have been told.
    is_silent(&scene.run("status"));
    commit(&scene, "Alice <alice@example.com>");
    is_silent(&scene.run("status"));
    replace(&scene, SEALED, SEALED);
    commit(&scene, MALLORY);
    let said = "its data key could not be compared with that of the last delivery (of commit";
    scene.run("status").stdout_has(said);
    scene.run("sync --env dev --dry-run").stderr_has(said);
    scene
        .run("sync --env dev -y --strict")
        .fails(4)
        .stderr_has(said);
    scene.run("status --strict").fails(4);

    // A history that was made anew.
    let scene = delivered();
    std::fs::remove_dir_all(scene.path(".git")).unwrap();
    scene.git("init --quiet").succeeds();
    replace(&scene, SEALED, SEALED);
    commit(&scene, MALLORY);
    scene.run("status").stdout_has(said);
}

#[test]
fn what_was_committed_after_it_was_delivered_is_found() {
    let scene = delivered();
    scene.run(&format!("rotate -i {SEALED}")).succeeds();
    scene.run("sync --env dev -y").succeeds();
    commit(&scene, "Alice <alice@example.com>");
    replace(&scene, SEALED, SEALED);
    let by = commit(&scene, MALLORY);
    let said = format!("made by commit {by} by {MALLORY} (both");
    scene.run("status").stdout_has(&said);
}

#[test]
fn the_commit_is_found_behind_many_others() {
    let scene = delivered();
    replace(&scene, SEALED, SEALED);
    let by = commit(&scene, MALLORY);
    // Only the values in clear of a file change, 120 times.
    let text = scene.read(SEALED);
    let mut stream = String::new();
    for number in 0..120 {
        let text = format!("{text}# {number}\n");
        let from = if number == 0 {
            "from refs/heads/main^0\n"
        } else {
            ""
        };
        write!(
            stream,
            "commit refs/heads/main\ncommitter A <a@example.com> {} +0000\ndata 1\nx\n{from}M 100644 inline {SEALED}\ndata {}\n{text}\n",
            1_900_000_000 + number,
            text.len(),
        )
        .unwrap();
    }
    scene
        .other("git", ["fast-import", "--quiet", "--force"])
        .stdin(stream)
        .run()
        .succeeds();
    scene.git("reset --quiet --hard").succeeds();
    let said = format!("made by commit {by} by {MALLORY} (both");
    scene.run("status").stdout_has(&said);
}

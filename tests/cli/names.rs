//! Names that somebody else has chosen do no harm where they are printed: no line of ours is an order
//! to the runner of a workflow or to a terminal, none is forged, and none is turned around.

use super::{CLEAR_FILE, sealed_environment};
use crate::support::{RECIPIENT, Run, Scene, identities};

/// Of files and of keys; what is forged is an order, a message of ours, and a direction.
const FILE: &str = "a\n::error::forged\u{1b}[2J\u{202e}b ##[error].yaml";
const SHOWN: &str = "a\\n::error::forged\\u{1b}[2J\\u{202e}b \\u{23}#[error].yaml";
const KEY: &str = r#""k\n::warning::forged\n##[error]\x1b[2J\u202e\u200b""#;

fn is_hidden(c: char) -> bool {
    c.is_control() || ['\u{200b}', '\u{202e}'].contains(&c)
}

/// Nothing in either output is anything but lines of ours.
#[track_caller]
fn is_harmless(run: &Run) {
    for line in run.out().lines().chain(run.err().lines()) {
        assert!(!line.trim_start().starts_with("::"), "{line:?} in {run}");
        assert!(!line.contains("##["), "{line:?} in {run}");
        assert!(!line.contains(is_hidden), "{line:?} in {run}");
    }
}

fn world() -> Scene {
    Scene::with_age()
        .in_git()
        .file(FILE, "user: alice\n")
        .file(&format!("c{FILE}"), identities("A"))
        .file(
            ".sops.yaml",
            format!("creation_rules:\n  - age: {RECIPIENT}\n"),
        )
}

#[test]
fn a_name_of_a_file_is_one_line_whatever_is_in_it() {
    let scene = world();
    let clear = format!("c{FILE}");
    let none = format!("none{FILE}");
    let path = format!("[\"{}\"]", "k\\n::error::x\\u202e");
    let all: &[&[&str]] = &[
        &["encrypt", "-i", FILE],
        &["encrypt", "-i", FILE],
        &["decrypt", &none],
        &["decrypt", &clear],
        &["decrypt", "--extract", &path, FILE],
        &["decrypt", "--output-type", FILE, FILE],
        &["set", FILE, "[\"user\"]", "\"bob\""],
        &["set", FILE, &path, "\"x\""],
        &["unset", FILE, "[\"none\"]"],
        &["rotate", "-i", FILE],
        &["rotate", "-i", "--add-age", FILE, FILE],
        &["updatekeys", "-y", FILE],
        &["filestatus", &none],
        &["exec-env", FILE, "true"],
        &["exec-env", &none, "true"],
        &["edit", FILE],
        &["keys", "list"],
        &["keys", "apply", "--check"],
        &["keys", "apply", "-y"],
        &["check", "."],
        &["check", "-v", "."],
        &["check", "--format", "sarif", "."],
        &["hook", &clear],
        &["hook", "--all"],
        &["scan", "."],
        &["validate", "--env", FILE],
        &["sync", "--env", FILE],
        &["status", "--env", FILE],
        &["gen", FILE],
        &[FILE],
        &["encrypt", &format!("--{FILE}")],
        &["hook", &format!("--format={FILE}")],
    ];
    let mut told = 0;
    for words in all {
        let run = scene.cmd(*words).env("EDITOR", "true").run();
        is_harmless(&run);
        told += usize::from(run.err().contains(SHOWN) || run.out().contains(SHOWN));
    }
    assert!(told > 15, "only {told} commands named the file");
    for words in [
        &["keys", "list", "--json"][..],
        &["check", "--json", "."],
        &["hook", "--json", &clear],
        &["hook", "--format", "sarif", &clear],
    ] {
        let run = scene.cmd(words).run();
        is_harmless(&run);
        let json = run.json().to_string();
        assert!(json.contains("forged"), "{run}");
    }
}

#[test]
fn annotations_are_as_many_as_there_are_findings() {
    let scene = world();
    let clear = format!("c{FILE}");
    let run = scene.cmd(["hook", "--format", "github", &clear]).run();
    let json = scene.cmd(["hook", "--json", &clear]).run().json();
    let count = json["findings"].as_array().unwrap().len();
    let out = run.out();
    let lines: Vec<&str> = out.lines().collect();
    assert!(count > 0 && lines.len() == count, "{run}");
    for line in lines {
        assert!(
            line.starts_with("::error file=ca%0A%3A%3Aerror%3A%3Aforged"),
            "{line}"
        );
        assert!(!line.contains(is_hidden), "{line:?}");
    }
}

#[test]
fn a_name_of_a_key_is_one_line_whatever_is_in_it() {
    let scene = sealed_environment();
    scene.write(CLEAR_FILE, format!("tiingo_api_key: tg_01\n{KEY}: x\n"));
    let all: &[&[&str]] = &[
        &["encrypt", "--env", "dev", "--overwrite"],
        &["render", "--env", "dev"],
        &["validate", "--env", "dev"],
        &["sync", "--env", "dev", "--dry-run"],
        &["sync", "--env", "dev", "-y", "--journal", "-"],
        &["status"],
        &["decrypt", "--env", "dev", "--overwrite"],
        &["render", "--env", "dev", "--json"],
        &["sync", "--env", "dev", "--dry-run", "--json"],
        &["validate", "--env", "dev", "--json"],
        &["status", "--json"],
    ];
    let mut told = 0;
    for words in all {
        let run = scene.cmd(*words).run();
        is_harmless(&run);
        let both = run.out() + &run.err();
        told += usize::from(both.contains("k\\n::warning::forged"));
        if words.contains(&"--json") {
            run.json();
        }
    }
    assert!(told > 3, "only {told} commands named the key");
    scene.run("status --html page.html");
    let page = scene.read("page.html");
    assert!(
        !page.contains(|c: char| c != '\n' && is_hidden(c)),
        "{page}"
    );
}

#[test]
fn what_a_hint_says_of_an_odd_name_is_right_when_it_is_pasted() {
    let scene = Scene::with_age().file("it's\n$(touch ran).yaml", "a: 1\n");
    let run = scene.cmd(["decrypt", "it's\n$(touch ran).yaml"]).run();
    let err = run.err();
    let hint = err
        .lines()
        .find_map(|line| line.strip_prefix("hint: "))
        .unwrap();
    assert!(hint.starts_with("clsecrets encrypt -i $'"), "{hint}");
    let hint = format!("{hint} --age {RECIPIENT}");
    scene.other("bash", ["-c", &hint]).run().succeeds();
    assert!(!scene.has("ran"));
    assert!(scene.read("it's\n$(touch ran).yaml").contains("sops:"));
}

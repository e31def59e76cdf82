//! Writes that are killed at a random moment: the old file or the new one stands there, and the
//! next command works.

use std::thread;
use std::time::Duration;

use crate::support::{RECIPIENT, Scene};

use super::{TEMPORARY, sealed};

/// How many runs are killed.
const KILLS: u32 = 1000;

/// Where in the time of a whole run the kill falls; most of the writing is in the last part.
fn moment(round: u32) -> f64 {
    // A sequence without a period that a test could be blind to (the golden ratio's).
    let part = (f64::from(round) * 0.618_033_988_75).fract();
    part.mul_add(0.9, 0.15)
}

/// A command of which each run is killed, and what the file may hold then.
struct Case {
    words: Vec<String>,
    before: Vec<u8>,
    /// What opens to this text is the new file; `None`: it is this text.
    new: Result<&'static str, &'static str>,
}

fn case(line: &[&str], before: &[u8], new: Result<&'static str, &'static str>) -> Case {
    Case {
        words: line.iter().map(|word| (*word).to_owned()).collect(),
        before: before.to_vec(),
        new,
    }
}

fn is_new(scene: &Scene, case: &Case, text: &[u8]) -> bool {
    match case.new {
        Err(clear) => text == clear.as_bytes(),
        Ok(opened) => {
            let run = scene.cmd(["decrypt", "a.yaml"]).reveals().run();
            run.status == 0 && run.out() == opened
        }
    }
}

#[test]
fn a_killed_write_leaves_the_old_file_or_the_new_one() {
    let scene = sealed("a: canary-old\n")
        .file("clear.yaml", "a: canary-onto\n")
        .file(".sops.yaml", format!("creation_rules:\n  - age: {RECIPIENT}\n"))
        .file(
            "clsecrets.yaml",
            "version: 1\nname: n\nenvironments:\n  dev:\n    profile: trackit\n    sealed: a.yaml\n    \
             clear: clear.yaml\n    targets: [{ kind: directory, path: out }]\n",
        );
    let old = scene.bytes("a.yaml");
    let cases = [
        case(
            &["set", "a.yaml", "[\"a\"]", "\"new\""],
            &old,
            Ok("a: new\n"),
        ),
        case(
            &["encrypt", "-i", "a.yaml"],
            b"a: canary-clear\n",
            Ok("a: canary-clear\n"),
        ),
        case(&["decrypt", "-i", "a.yaml"], &old, Err("a: canary-old\n")),
        case(
            &["encrypt", "--onto", "a.yaml", "clear.yaml"],
            &old,
            Ok("a: canary-onto\n"),
        ),
        case(
            &["encrypt", "--env", "dev", "--overwrite"],
            &old,
            Ok("a: canary-onto\n"),
        ),
    ];
    let known = scene.files();
    for case in &cases {
        scene.write("a.yaml", &case.before);
        let whole = scene.cmd(&case.words).reveals().run().succeeds().took;
        let (mut left, mut written) = (0, 0);
        for round in 0..KILLS / 5 {
            scene.write("a.yaml", &case.before);
            let mut child = scene.cmd(&case.words).start();
            thread::sleep(whole.mul_f64(moment(round)).max(Duration::from_millis(1)));
            child.kill().unwrap();
            child.wait().unwrap();
            let text = scene.bytes("a.yaml");
            if text == case.before {
                left += 1;
            } else {
                assert!(
                    is_new(&scene, case, &text),
                    "{:?}, round {round}",
                    case.words
                );
                written += 1;
            }
            for file in scene.files() {
                let is_expected = known.contains(&file) || file.starts_with(TEMPORARY);
                assert!(is_expected, "{:?} left {file}", case.words);
            }
        }
        println!(
            "{:?}: {left} times the old file, {written} times the new one",
            case.words
        );
        assert!(
            left > 0,
            "{:?}: no run was stopped early enough",
            case.words
        );
        // What was left is in nobody's way, and goes.
        scene.write("a.yaml", &case.before);
        scene.cmd(&case.words).reveals().run().succeeds();
        assert_eq!(scene.files(), known, "{:?}", case.words);
    }
    scene.write("a.yaml", &old);
    let leaks = scene.leaks(
        &["canary-old", "canary-clear", "canary-onto"],
        &["clear.yaml"],
    );
    assert!(leaks.is_empty(), "{leaks:?}");
}

//! A failure, or a kill, at each system call of a write: the old file or the new one stands there.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::support::{RECIPIENT, Scene, not_run};

use super::{TEMPORARY, sealed};

/// The calls that a write consists of, and those that look before it.
const CALLS: [&str; 16] = [
    "openat",
    "write",
    "fsync",
    "fchmod",
    "fchown",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "flock",
    "ftruncate",
    "statx",
    "newfstatat",
    "fstat",
];

/// A command, the file that it writes, and what that file may hold.
struct Case {
    name: &'static str,
    words: Vec<String>,
    /// What stands in the file before.
    before: Vec<u8>,
    /// Whether the file is the new one.
    is_new: fn(&Scene, &[u8]) -> bool,
    /// Values that stand in no other file.
    secrets: &'static [&'static str],
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

fn cases(scene: &Scene) -> Vec<Case> {
    let before = scene.bytes("a.yaml");
    vec![
        Case {
            name: "set",
            words: words(&["set", "a.yaml", "[\"a\"]", "\"canary-new\""]),
            before: before.clone(),
            is_new: |scene, _| opened(scene, "canary-new"),
            secrets: &["canary-new", "canary-old"],
        },
        Case {
            name: "encrypt",
            words: words(&["encrypt", "-i", "--age", RECIPIENT, "a.yaml"]),
            before: b"a: canary-clear\n".to_vec(),
            is_new: |scene, _| opened(scene, "canary-clear"),
            secrets: &[],
        },
        Case {
            name: "decrypt",
            words: words(&["decrypt", "-i", "a.yaml"]),
            before: before.clone(),
            is_new: |_, text| text == b"a: canary-old\n",
            secrets: &[],
        },
        Case {
            name: "onto",
            words: words(&["encrypt", "--onto", "a.yaml", "clear.yaml"]),
            before,
            is_new: |scene, _| opened(scene, "canary-onto"),
            secrets: &["canary-old"],
        },
    ]
}

fn opened(scene: &Scene, value: &str) -> bool {
    let run = scene
        .cmd(["decrypt", "--extract", "[\"a\"]", "a.yaml"])
        .reveals()
        .run();
    run.status == 0 && run.out() == value
}

/// How often each call is made in an undisturbed run.
fn counted(scene: &Scene, case: &Case) -> BTreeMap<&'static str, usize> {
    let log = scene.root().join("tmp/calls");
    let log_name = log.display().to_string();
    let filter = format!("trace={}", available(&CALLS).join(","));
    let mut line = vec!["-f", "-qq", "-e", &filter, "-o", &log_name, "clsecrets"];
    line.extend(case.words.iter().map(String::as_str));
    scene.other("strace", line).reveals().run().succeeds();
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let call = line.split_whitespace().nth(1).unwrap_or_default();
        let name = call.split('(').next().unwrap_or_default();
        if let Some(known) = CALLS.iter().find(|known| **known == name) {
            *counts.entry(*known).or_default() += 1;
        }
    }
    counts
}

/// Some architectures lack some of the calls.
fn available(calls: &[&'static str]) -> Vec<String> {
    calls.iter().map(|call| format!("?{call}")).collect()
}

#[test]
fn a_failing_or_killing_call_leaves_the_old_file_or_the_new_one() {
    if Command::new("strace")
        .args(["-qq", "true"])
        .output()
        .is_err()
    {
        return not_run("a failure at each system call", "no strace");
    }
    let scene = sealed("a: canary-old\n").file("clear.yaml", "a: canary-onto\n");
    let mut tried = 0;
    for case in cases(&scene) {
        scene.write("a.yaml", &case.before);
        let counts = counted(&scene, &case);
        assert!(counts["fsync"] >= 2, "{}: {counts:?}", case.name);
        let (mut old, mut new) = (0, 0);
        for (call, count) in counts {
            // The first calls belong to the loader; the file is not in sight yet.
            for number in count.saturating_sub(12) + 1..=count {
                for fault in ["error=EIO", "error=ENOSPC", "signal=KILL"] {
                    if fault == "error=ENOSPC" && !["write", "linkat", "openat"].contains(&call) {
                        continue;
                    }
                    scene.write("a.yaml", &case.before);
                    let inject = format!("inject={call}:{fault}:when={number}");
                    let mut line = vec!["-f", "-qq", "-o", "/dev/null", "-e", &inject, "clsecrets"];
                    line.extend(case.words.iter().map(String::as_str));
                    let run = scene.other("strace", line).reveals().run();
                    let text = scene.bytes("a.yaml");
                    let at = format!("{} {inject}: {run}", case.name);
                    if text == case.before {
                        assert_ne!(run.status, 0, "says that it was written: {at}");
                        old += 1;
                    } else {
                        assert!((case.is_new)(&scene, &text), "neither old nor new: {at}");
                        new += 1;
                    }
                    if run.status != 0 && !fault.starts_with("signal") {
                        assert!(!run.err().trim().is_empty(), "{at}");
                    }
                    for file in scene.files() {
                        let is_known = ["a.yaml", "clear.yaml"].contains(&file.as_str());
                        let is_left = file.starts_with(TEMPORARY) && fault == "signal=KILL";
                        assert!(is_known || is_left, "{file} was left: {at}");
                    }
                    let leaks = scene.leaks(case.secrets, &[]);
                    assert!(leaks.is_empty(), "{leaks:?}: {at}");
                    tried += 1;
                }
            }
        }
        assert!(old > 0 && new > 0, "{}: {old} old, {new} new", case.name);
        // What a kill has left goes with the next write.
        scene.write("a.yaml", &case.before);
        scene.cmd(&case.words).reveals().run().succeeds();
        assert_eq!(scene.files(), ["a.yaml", "clear.yaml"], "{}", case.name);
    }
    println!("{tried} disturbed writes");
}

//! Each system call of a write fails once, and the process is killed once at each: the file is the
//! old one or the new one, what went wrong is said, and no cleartext is left beside it.

use std::fs;
use std::process::{Command, Stdio};

use super::TEMPORARY;
use crate::support::{BINARY, OTHER_RECIPIENT, RECIPIENT, Run, Scene, identities, not_run};

/// The calls that are disturbed, each with the errors that it is made to give. A call that this
/// machine does not have is passed by.
const CALLS: &[(&str, &[&str])] = &[
    ("open", &["EIO", "EOPNOTSUPP"]),
    ("openat", &["EIO", "ENOSPC"]),
    ("flock", &["ENOLCK", "EINTR"]),
    ("statx", &["EIO"]),
    ("newfstatat", &["EIO"]),
    ("getdents64", &["EIO"]),
    ("read", &["EIO"]),
    ("write", &["EIO", "ENOSPC"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fchmod", &["EPERM"]),
    ("lgetxattr", &["EIO"]),
    ("llistxattr", &["EIO"]),
    ("fremovexattr", &["EIO", "EOPNOTSUPP"]),
    ("linkat", &["EIO", "EPERM", "ENOSPC"]),
    ("rename", &["EIO", "ENOSPC", "EBUSY"]),
    ("renameat", &["EIO", "ENOSPC", "EBUSY"]),
    ("renameat2", &["EIO", "ENOSPC"]),
    ("fallocate", &["ENOSPC", "EOPNOTSUPP"]),
    ("ftruncate", &["EIO"]),
    ("unlink", &["EIO"]),
    ("unlinkat", &["EIO"]),
    ("close", &["EIO"]),
];

/// What the system says for them.
const WORDS: &[&str] = &[
    "input/output error",
    "no space left on device",
    "operation not permitted",
    "operation not supported",
    "device or resource busy",
    "cannot be replaced",
    "changed while it was worked on",
];

/// One command, and what its file holds before it.
struct Write<'a> {
    file: &'a str,
    args: &'a [&'a str],
    old: Vec<u8>,
    /// Runs the command under `strace` with these options.
    start: &'a dyn Fn(&[String]) -> Run,
}

const OLD: &str = "a: canary-of-old\n";
const NEW: &str = "a: canary-of-new\n";
const CANARIES: &[&str] = &["canary-of-old", "canary-of-new"];

#[test]
fn a_set_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("set") else { return };
    let args = ["set", "a.yaml", "[\"a\"]", "\"canary-of-new\""];
    disturb(&scene, &args, seal(&scene, OLD), NEW, false);
}

#[test]
fn an_encrypt_in_place_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("encrypt -i") else {
        return;
    };
    let args = ["encrypt", "-i", "--age", RECIPIENT, "a.yaml"];
    disturb(&scene, &args, OLD.into(), OLD, false);
}

#[test]
fn a_decrypt_in_place_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("decrypt -i") else {
        return;
    };
    let args = ["decrypt", "-i", "a.yaml"];
    disturb(&scene, &args, seal(&scene, OLD), OLD, true);
}

#[test]
fn a_rotate_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("rotate") else {
        return;
    };
    let args = ["rotate", "-i", "a.yaml"];
    disturb(&scene, &args, seal(&scene, OLD), OLD, false);
}

#[test]
fn an_unset_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("unset") else { return };
    let args = ["unset", "a.yaml", "[\"b\"]"];
    let two = "a: canary-of-old\nb: 1\n";
    disturb(&scene, &args, seal(&scene, two), OLD, false);
}

#[test]
fn an_updatekeys_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("updatekeys") else {
        return;
    };
    let rules = scene.home("rules.yaml").display().to_string();
    let rule = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
    scene.write("../home/rules.yaml", rule);
    let args = ["updatekeys", "-y", "--config", &rules, "a.yaml"];
    disturb(&scene, &args, seal(&scene, OLD), OLD, false);
}

#[test]
fn a_new_group_that_is_disturbed_leaves_the_old_file_or_the_new_one() {
    let Some(scene) = traced("groups add") else {
        return;
    };
    let scene = scene.env("SOPS_AGE_KEY", identities("B"));
    let args = [
        "groups",
        "add",
        "-i",
        "--file",
        "a.yaml",
        "--age",
        OTHER_RECIPIENT,
    ];
    disturb(&scene, &args, seal(&scene, OLD), OLD, false);
}

#[test]
fn a_write_over_a_mounted_file_that_is_disturbed_leaves_it_or_its_backup_whole() {
    let Some(scene) = traced("over a mounted file") else {
        return;
    };
    if super::mounted::is_impossible("a disturbed write over a mounted file") {
        return;
    }
    // Longer than the new one, so that the file is torn until it is cut off.
    let old = seal(&scene, "a: canary-of-old, and a good deal longer\n");
    scene.write("source/a.yaml", &old);
    let args = ["set", "a.yaml", "[\"a\"]", "\"canary-of-new\""];
    let start = |options: &[String]| {
        let script = format!(
            "mount --bind source/a.yaml a.yaml && exec strace {} -- '{BINARY}' \"$@\"",
            options.join(" ")
        );
        let words = ["-m", "/bin/sh", "-c", &script, "sh"];
        scene.other("unshare", words.iter().chain(&args)).run()
    };
    let write = Write {
        file: "source/a.yaml",
        args: &args,
        old,
        start: &start,
    };
    scene.write("a.yaml", "");
    let mut torn = 0;
    for (disturbance, run) in write.each(&scene) {
        let what = format!("{disturbance}\n{run}");
        let backup = format!("{TEMPORARY}backup-a.yaml");
        let file = scene.bytes(write.file);
        if file != write.old && clear_text(&scene, write.file).as_deref() != Some(NEW) {
            // The new content was synced before the first byte of the file was changed.
            torn += 1;
            assert_eq!(clear_text(&scene, &backup).as_deref(), Some(NEW), "{what}");
        }
        if scene.has(&backup) && scene.bytes(&backup) != file && run.status == 1 {
            assert!(run.err().contains(&backup), "{what}");
        }
        assert_eq!(scene.leaks(CANARIES, &[]), [""; 0], "{what}");
        if run.status == 0 {
            assert_eq!(
                clear_text(&scene, write.file).as_deref(),
                Some(NEW),
                "{what}"
            );
        } else {
            write.is_explained(&disturbance, &run);
        }
        for file in scene.files() {
            if file.starts_with(TEMPORARY) {
                fs::remove_file(scene.path(&file)).unwrap();
            }
        }
    }
    println!("{torn} files were torn");
    assert!(torn > 0, "no write was stopped in the middle");
}

#[test]
fn an_encrypt_of_an_environment_that_is_killed_is_no_reason_to_refuse_the_next() {
    let Some(scene) = traced("encrypt --env") else {
        return;
    };
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT}\n"),
    );
    scene.write(
        "clsecrets.yaml",
        "version: 1\nname: n\nenvironments:\n  dev:\n    profile: trackit\n    sealed: a.yaml\n    clear: clear.yaml\n    targets: []\n",
    );
    scene.write("clear.yaml", "a: first\n");
    scene.run("encrypt --env dev").succeeds();
    let mut killed = 0;
    // One at each file and each directory that is synced.
    for nth in 1..10 {
        scene.write("clear.yaml", format!("a: killed-{nth}\n"));
        let inject = format!("inject=fsync:signal=KILL:when={nth}");
        let words = ["-qq", "-o", "/dev/null", "-e", &inject, "--", BINARY];
        let words = words.iter().chain(&["encrypt", "--env", "dev"]);
        let run = scene.other("strace", words).run();
        killed += usize::from(run.status == 128 + 9);
        scene.write("clear.yaml", format!("a: next-{nth}\n"));
        scene.run("encrypt --env dev").succeeds();
        scene
            .run("decrypt a.yaml")
            .succeeds()
            .stdout(format!("a: next-{nth}\n"));
    }
    assert!(killed > 3, "{killed}");
}

/// Disturbs a command that works on `a.yaml`, in every way.
fn disturb(scene: &Scene, args: &[&str], old: Vec<u8>, new: &str, is_clear: bool) {
    let start = |options: &[String]| {
        let words = options.iter().map(String::as_str);
        let words = words.chain(["--", BINARY]).chain(args.iter().copied());
        scene.other("strace", words).run()
    };
    let write = Write {
        file: "a.yaml",
        args,
        old,
        start: &start,
    };
    let (mut kept, mut written) = (0, 0);
    for (disturbance, run) in write.each(scene) {
        let what = format!("{disturbance}\n{run}");
        let is_old = scene.bytes("a.yaml") == write.old;
        if is_old {
            kept += 1;
            assert_ne!(run.status, 0, "{what}");
        } else {
            written += 1;
            let text = if is_clear {
                Some(scene.read("a.yaml"))
            } else {
                clear_text(scene, "a.yaml")
            };
            assert_eq!(text.as_deref(), Some(new), "{what}");
        }
        if run.status != 0 {
            write.is_explained(&disturbance, &run);
            let is_done = run.err().contains("is written, but");
            let is_killed = disturbance.contains("KILL");
            assert!(is_old || is_done || is_killed, "{what}");
        }
        // Only a kill in the one moment when the new file has a name can leave that.
        let left: Vec<String> = scene.files();
        let is_naming = disturbance.contains("rename") && disturbance.contains("KILL");
        if left != ["a.yaml"] {
            assert!(
                is_naming && left.len() == 2 && left[0].starts_with(TEMPORARY),
                "{left:?} {what}"
            );
            scene.cmd(["encrypt", "-i", "a.yaml"]).run();
            assert_eq!(scene.files(), ["a.yaml"], "{what}");
        }
        assert_eq!(scene.leaks(CANARIES, &["a.yaml"]), [""; 0], "{what}");
    }
    println!("{kept} times the old file was kept, {written} times the new one written");
    assert!(kept > 5 && written > 5, "{kept} {written}");
}

impl Write<'_> {
    /// Runs it with each disturbance, from the moment when it takes the lock.
    fn each<'s>(&'s self, scene: &'s Scene) -> impl Iterator<Item = (String, Run)> + 's {
        let calls = self.calls(scene);
        assert!(calls.len() > 20, "{calls:?}");
        let disturbances = calls.into_iter().flat_map(|(name, nth)| {
            let errors = CALLS.iter().find(|(call, _)| *call == name).unwrap().1;
            errors
                .iter()
                .map(|error| format!("error={error}"))
                .chain(["signal=KILL".to_owned()])
                .map(move |what| format!("{name}:{what}:when={nth}"))
                .collect::<Vec<_>>()
        });
        disturbances.map(|disturbance| {
            scene.write(self.file, &self.old);
            let inject = format!("inject={disturbance}");
            let options = ["-qq", "-o", "/dev/null", "-e", &inject].map(str::to_owned);
            let run = (self.start)(&options);
            (disturbance, run)
        })
    }

    /// The calls that it makes, each with how many of its name came before.
    fn calls(&self, scene: &Scene) -> Vec<(String, usize)> {
        scene.write(self.file, &self.old);
        let list = scene.root().join("tmp/calls");
        let names: Vec<String> = CALLS.iter().map(|(name, _)| format!("?{name}")).collect();
        let options = [
            "-qq".to_owned(),
            "-o".to_owned(),
            list.display().to_string(),
            "-s0".to_owned(),
            "-e".to_owned(),
            format!("trace={}", names.join(",")),
        ];
        (self.start)(&options).succeeds();
        let text = fs::read_to_string(&list).unwrap();
        fs::remove_file(list).unwrap();
        let mut calls: Vec<(String, usize)> = Vec::new();
        let mut locked = None;
        for line in text.lines() {
            let Some((name, _)) = line.split_once('(') else {
                continue;
            };
            if name == "flock" && locked.is_none() {
                locked = Some(calls.len());
            }
            let nth = calls.iter().filter(|(call, _)| call == name).count() + 1;
            calls.push((name.to_owned(), nth));
        }
        calls.split_off(locked.expect("it takes no lock"))
    }

    /// A failure names what it happened to and why; a killed process says nothing.
    fn is_explained(&self, disturbance: &str, run: &Run) {
        if disturbance.contains("KILL") {
            assert_eq!(run.status, 128 + 9, "{disturbance}\n{run}");
            return;
        }
        let said = run.err();
        let has_cause = WORDS.iter().any(|words| said.contains(words));
        let has_file =
            said.contains("a.yaml") || said.contains("age.txt") || said.contains("/work");
        assert!(
            has_cause && has_file,
            "{:?} {disturbance}\n{run}",
            self.args
        );
    }
}

fn seal(scene: &Scene, text: &str) -> Vec<u8> {
    scene.write("a.yaml", text);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    scene.bytes("a.yaml")
}

/// What a sealed file holds; `None` if it is none, or torn.
fn clear_text(scene: &Scene, file: &str) -> Option<String> {
    if !scene.has(file) {
        return None;
    }
    let run = scene.cmd(["decrypt", file]).reveals().run();
    (run.status == 0).then(|| run.out())
}

/// A world, if calls can be disturbed on this machine.
fn traced(what: &str) -> Option<Scene> {
    let what = format!("a disturbed write ({what})");
    let trial = Command::new("strace")
        .args([
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=fsync:error=EIO",
            "true",
        ])
        .stdin(Stdio::null())
        .output();
    match trial {
        Ok(output) if output.status.success() => Some(Scene::with_age()),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            not_run(&what, &format!("strace: {}", why.trim()));
            None
        }
        Err(error) => {
            not_run(&what, &format!("no strace: {error}"));
            None
        }
    }
}

//! Writes that are disturbed: by another writer, a full disk, a limit, missing rights, a signal.
//! A file is the old one or the new one, never anything else, and nothing of another writer is lost.

mod failing;
mod kept;
mod killed;
pub(crate) mod mounted;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{RECIPIENT, Scene, not_run};

/// Whether nothing can be mounted here; then it is said that a test does not run.
pub(crate) fn is_mount_impossible(what: &str) -> bool {
    mounted::is_impossible(what)
}

/// The beginning of the name of every temporary file.
const TEMPORARY: &str = ".clsecrets-tmp-";

/// A world with this text sealed as `a.yaml`.
fn sealed(text: &str) -> Scene {
    let scene = Scene::with_age().file("a.yaml", text);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    scene
}

#[test]
fn ten_writers_at_once_lose_nothing() {
    let scene = sealed("start: here\n");
    thread::scope(|scope| {
        for number in 0..10 {
            let scene = &scene;
            scope.spawn(move || {
                let path = format!("[\"key{number}\"]");
                let value = format!("\"value{number}\"");
                scene.cmd(["set", "a.yaml", &path, &value]).run().succeeds();
            });
        }
    });
    let text = scene.run("decrypt a.yaml").succeeds().out();
    for number in 0..10 {
        let line = format!("key{number}: value{number}\n");
        assert!(text.contains(&line), "{line} is lost in\n{text}");
    }
    assert_eq!(scene.files(), ["a.yaml"]);
}

#[test]
fn writers_through_links_and_other_names_take_the_same_lock() {
    let scene = sealed("start: here\n");
    fs::create_dir(scene.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../a.yaml", scene.path("elsewhere/b.yaml")).unwrap();
    thread::scope(|scope| {
        for number in 0..6 {
            let scene = &scene;
            scope.spawn(move || {
                let file = ["a.yaml", "./a.yaml", "elsewhere/b.yaml"][number % 3];
                let path = format!("[\"key{number}\"]");
                scene.cmd(["set", file, &path, "1"]).run().succeeds();
            });
        }
    });
    let text = scene.run("decrypt a.yaml").succeeds().out();
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn a_writer_waits_for_the_one_before_it_but_not_for_ever() {
    let scene = sealed("a: old\n");
    let before = scene.bytes("a.yaml");
    let held = hold_the_lock(&scene, 3);
    let began = Instant::now();
    scene.run("set a.yaml '[\"a\"]' '\"new\"'").succeeds();
    assert!(began.elapsed() > Duration::from_secs(1), "it did not wait");
    drop(held);
    assert_ne!(scene.bytes("a.yaml"), before);

    let before = scene.bytes("a.yaml");
    let held = hold_the_lock(&scene, 40);
    let run = scene.run("set a.yaml '[\"a\"]' '\"newer\"'").fails(1);
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
    run.matches(&scene, "locked");
    assert_eq!(scene.bytes("a.yaml"), before);
    drop(held);
}

#[test]
fn a_file_that_changes_underneath_is_left_alone() {
    let scene = sealed("a: old\n");
    scene.write(
        "wait",
        "#!/bin/sh\ntouch ready\nwhile ! [ -e go ]; do sleep 0.02; done\ncat ../home/age.txt\n",
    );
    fs::set_permissions(scene.path("wait"), fs::Permissions::from_mode(0o755)).unwrap();
    let theirs = scene.read("a.yaml") + "# from an editor\n";
    for command in [
        vec!["set", "a.yaml", "[\"a\"]", "\"new\""],
        vec!["decrypt", "-i", "a.yaml"],
        vec!["encrypt", "--onto", "a.yaml", "clear.yaml"],
    ] {
        // It has read the file when it asks for the identity.
        let original = scene.bytes("a.yaml");
        scene.write("clear.yaml", "a: new\n");
        let run = thread::scope(|scope| {
            let run = scope.spawn(|| {
                scene
                    .cmd(&command)
                    .without("SOPS_AGE_KEY_FILE")
                    .env("SOPS_AGE_KEY_CMD", "./wait")
                    .run()
            });
            while !scene.has("ready") {
                thread::sleep(Duration::from_millis(10));
            }
            scene.write("a.yaml", &theirs);
            scene.write("go", "");
            run.join().unwrap()
        });
        run.fails(1)
            .stdout("")
            .matches(&scene, &format!("changed-underneath-{}", command[0]));
        assert_eq!(scene.read("a.yaml"), theirs, "{command:?}");
        scene.write("a.yaml", original);
        for file in ["ready", "go"] {
            fs::remove_file(scene.path(file)).unwrap();
        }
    }
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml", "wait"]);
}

#[test]
fn a_killed_sync_leaves_whole_files_and_a_repeat_finishes() {
    let scene = Scene::with_age().file(".sops.yaml", format!("creation_rules:\n  - age: {RECIPIENT}\n")).file(
        "clsecrets.yaml",
        "version: 1\nname: n\nenvironments:\n  dev:\n    profile: trackit\n    sealed: encrypted-secrets.yaml\n    clear: clear-secrets.yaml\n    targets: [{ kind: directory, path: out }]\n",
    );
    let value = |round: u32| format!("tiingo-{round}-{}", "y".repeat(100));
    for round in 0..12u32 {
        scene.write(
            "clear-secrets.yaml",
            format!(
                "tiingo_api_key: {}\ncryptocompare_api_key: {0}\n",
                value(round)
            ),
        );
        scene.run("encrypt --env dev").succeeds();
        let mut child = scene.cmd(["sync", "--env", "dev", "-y"]).start();
        thread::sleep(Duration::from_millis(u64::from(round) * 8));
        child.kill().unwrap();
        child.wait().unwrap();
        for file in ["out/tiingo/api-key", "out/cryptocompare/api-key"] {
            if scene.has(file) {
                let text = scene.read(file);
                let is_whole = (0..=round).any(|round| text == value(round));
                assert!(is_whole, "{file}: {text}");
                assert_eq!(scene.mode(file), 0o600);
            }
        }
    }
    scene.run("sync --env dev -y").succeeds();
    assert_eq!(scene.read("out/tiingo/api-key"), value(11));
    scene
        .run("sync --env dev -y")
        .succeeds()
        .stdout_has("nothing to do");
}

#[test]
fn a_limit_on_the_size_of_files_leaves_the_old_file() {
    let scene = sealed(&format!("a: old\nlong: {}\n", "x".repeat(4096)));
    let before = scene.bytes("a.yaml");
    let inode = inode(&scene.path("a.yaml"));
    scene.write("clear.yaml", "z: clear\n");
    for (name, line) in [
        ("set", "set a.yaml '[\"a\"]' '\"new\"'"),
        ("decrypt", "decrypt -i a.yaml"),
        ("output", "decrypt --output new.yaml a.yaml"),
    ] {
        // One block of 1024 bytes; the signal is ignored, so that the write fails instead.
        let script = format!("trap '' XFSZ; ulimit -f 1; exec clsecrets {line}");
        scene
            .other("/bin/bash", ["-c", &script])
            .run()
            .fails(1)
            .stdout("")
            .matches(&scene, &format!("size-limit-{name}"));
    }
    assert_eq!(scene.bytes("a.yaml"), before);
    assert_eq!(self::inode(&scene.path("a.yaml")), inode);
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml"]);

    // Without the trap the signal ends it; the old file stays all the same.
    let script = "ulimit -f 1; exec clsecrets set a.yaml '[\"a\"]' '\"new\"'";
    let run = scene.other("/bin/bash", ["-c", script]).run();
    assert_ne!(run.status, 0, "{run}");
    assert_eq!(scene.bytes("a.yaml"), before);
    if has_files_without_names(&scene) {
        assert_eq!(scene.files(), ["a.yaml", "clear.yaml"]);
    } else {
        not_run(
            "a killed write leaves nothing",
            "the file system has no O_TMPFILE",
        );
    }
}

/// Whether what is written can do without a name until it is whole.
fn has_files_without_names(scene: &Scene) -> bool {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::WRONLY;
    rustix::fs::open(scene.path(""), flags, Mode::RUSR | Mode::WUSR).is_ok()
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    if !mounted::can_mount("a full disk") {
        return;
    }
    let scene = sealed(&format!("a: old\nlong: {}\n", "x".repeat(8192)));
    fs::create_dir(scene.path("disk")).unwrap();
    let script = r#"
set -e
mount -t tmpfs -o size=64k tmpfs disk
cp a.yaml disk/a.yaml
head -c 20000 /dev/zero > disk/ballast
dd if=/dev/zero of=disk/rest bs=1k 2>/dev/null || true
cksum < disk/a.yaml
set +e
clsecrets set disk/a.yaml '["a"]' '"new"'; echo "set: $?"
clsecrets decrypt -i disk/a.yaml; echo "decrypt: $?"
clsecrets decrypt --output disk/clear.yaml disk/a.yaml; echo "output: $?"
cksum < disk/a.yaml
ls -A disk
rm disk/ballast
clsecrets set disk/a.yaml '["a"]' '"new"'; echo "set: $?"
clsecrets decrypt --extract '["a"]' disk/a.yaml; echo
"#;
    let run = scene
        .other("unshare", ["-m", "/bin/bash", "-c", script])
        .run()
        .succeeds();
    let lines: Vec<String> = run.out().lines().map(str::to_owned).collect();
    assert_eq!(lines[1..4], ["set: 1", "decrypt: 1", "output: 1"], "{run}");
    assert_eq!(lines[0], lines[4], "{run}");
    assert_eq!(lines[5..8], ["a.yaml", "ballast", "rest"], "{run}");
    assert_eq!(lines[8..], ["set: 0", "new"], "{run}");
    for line in run.err().lines().filter(|line| line.starts_with("error")) {
        assert!(
            line.contains("cannot write") && line.ends_with("no space left on device"),
            "{run}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let scene = sealed("a: old\n").file("locked/x", "");
    fs::rename(scene.path("a.yaml"), scene.path("locked/a.yaml")).unwrap();
    scene.other("true", [""; 0]).unprivileged().run().succeeds();
    fs::set_permissions(scene.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    let before = scene.bytes("locked/a.yaml");
    for (name, args) in [
        ("set", vec!["set", "locked/a.yaml", "[\"a\"]", "\"new\""]),
        ("in-place", vec!["decrypt", "-i", "locked/a.yaml"]),
        (
            "output",
            vec!["decrypt", "--output", "locked/new.yaml", "locked/a.yaml"],
        ),
        (
            "encrypt",
            vec!["encrypt", "--onto", "locked/a.yaml", "clear.yaml"],
        ),
    ] {
        scene.write("clear.yaml", "a: new\n");
        let run = scene.cmd(args).unprivileged().run().fails(1).stdout("");
        run.matches(&scene, &format!("read-only-directory-{name}"));
    }
    assert_eq!(scene.bytes("locked/a.yaml"), before);
    assert_eq!(scene.files(), ["clear.yaml", "locked/a.yaml", "locked/x"]);
    fs::set_permissions(scene.path("locked"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let scene = sealed("a: old\n");
    scene.other("true", [""; 0]).unprivileged().run().succeeds();
    fs::set_permissions(scene.path("a.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    scene
        .cmd(["decrypt", "a.yaml"])
        .unprivileged()
        .run()
        .fails(2)
        .stdout("")
        .matches(&scene, "unreadable");
}

#[test]
fn an_output_in_a_directory_that_is_not_there_is_named() {
    let scene = sealed("a: old\n");
    for line in [
        "set nowhere/a.yaml '[\"a\"]' 1",
        "decrypt -i nowhere/a.yaml",
        "decrypt nowhere/a.yaml",
    ] {
        scene.run(line).fails(100).stdout("").stderr_has("nowhere");
    }
    scene
        .run("decrypt --output nowhere/b.yaml a.yaml")
        .fails(3)
        .stdout("")
        .matches(&scene, "output-nowhere");
    fs::create_dir(scene.path("folder")).unwrap();
    scene
        .run("decrypt --output folder a.yaml")
        .fails(3)
        .stdout("")
        .matches(&scene, "output-folder");
    assert_eq!(scene.files(), ["a.yaml"]);
}

#[test]
fn a_file_with_several_names_is_not_parted_from_them() {
    let scene = sealed("a: old\n");
    fs::hard_link(scene.path("a.yaml"), scene.path("b.yaml")).unwrap();
    let before = scene.bytes("a.yaml");
    scene
        .run("set a.yaml '[\"a\"]' '\"new\"'")
        .fails(1)
        .matches(&scene, "hard-links");
    assert_eq!(
        (scene.bytes("a.yaml"), scene.bytes("b.yaml")),
        (before.clone(), before)
    );
}

#[test]
fn readers_see_whole_files_while_others_write() {
    let scene = sealed(&format!("a: old\nlong: {}\n", "x".repeat(1 << 18)));
    let whole = |bytes: &[u8]| bytes.ends_with(b"\n") && bytes.len() > 1 << 18;
    let file = scene.path("a.yaml");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..8 {
                let value = round.to_string();
                scene
                    .cmd(["set", "a.yaml", "[\"a\"]", &value])
                    .run()
                    .succeeds();
            }
        });
        let mut seen = 0;
        while !writer.is_finished() {
            assert!(
                whole(&fs::read(&file).unwrap()),
                "a reader saw part of a file"
            );
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    });
}

#[test]
fn owner_and_group_are_kept() {
    if !crate::support::is_root() {
        return not_run(
            "the owner of a file is kept",
            "only root can give files away",
        );
    }
    let scene = sealed("a: old\n");
    std::os::unix::fs::chown(scene.path("a.yaml"), Some(1234), Some(4321)).unwrap();
    scene.run("set a.yaml '[\"a\"]' '\"new\"'").succeeds();
    let metadata = fs::metadata(scene.path("a.yaml")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (1234, 4321));
}

/// Holds the lock on the scene's directory, for at most so many seconds.
fn hold_the_lock(scene: &Scene, seconds: u32) -> impl Drop {
    struct Held(std::process::Child);
    impl Drop for Held {
        fn drop(&mut self) {
            // The group: `flock` and what it runs.
            let group = rustix::process::Pid::from_child(&self.0);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = self.0.wait();
        }
    }
    let marker = scene.root().join("tmp/held");
    let _ = fs::remove_file(&marker);
    let script = format!("touch '{}' && sleep {seconds}", marker.display());
    let child = Command::new("flock")
        .arg(scene.path(""))
        .args(["-c", &script])
        .process_group(0)
        .spawn()
        .unwrap();
    while !marker.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    Held(child)
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn no_core_is_left_and_no_process_of_the_same_user_can_look_inside() {
    let scene = sealed("a: old\n");
    let script = "#!/bin/sh\ngrep core /proc/$PPID/limits > limits\n\
                  cat /proc/$PPID/environ > environ 2>&1\ncat ../home/age.txt\n";
    scene.write("look", script);
    fs::set_permissions(scene.path("look"), fs::Permissions::from_mode(0o755)).unwrap();
    scene
        .cmd(["decrypt", "a.yaml"])
        .unprivileged()
        .without("SOPS_AGE_KEY_FILE")
        .env("SOPS_AGE_KEY_CMD", "./look")
        .run()
        .succeeds()
        .stdout("a: old\n");
    let limits = scene.read("limits");
    let words: Vec<&str> = limits.split_whitespace().collect();
    assert_eq!(words[4], "0", "the limit in force: {limits}");
    let environ = scene.read("environ");
    assert!(environ.contains("Permission denied"), "{environ}");

    // Its own standard input is still there under every name.
    let script =
        "cat a.yaml | unprivileged decrypt --input-type yaml --output-type yaml /dev/stdin";
    let shell = scene.other("/bin/sh", ["-c", script]);
    shell.unprivileged().run().succeeds().stdout("a: old\n");
}

//! Cleartext in a private folder: another user plants nothing in it, and what killed processes leave
//! there is cleared away by the next command.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{sealed, sealed_environment};
use crate::support::{Scene, is_root};

const CLEAR: &str = "TOKEN: canary-of-the-pipe\nCOUNT: 3\n";
const NOBODY: u32 = 65534;

/// A place in memory that no other test has; it goes with the test.
struct Memory(PathBuf);

impl Memory {
    fn of(scene: &Scene) -> Self {
        let path = Path::new("/dev/shm").join(scene.root().file_name().unwrap());
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn entries(&self) -> Vec<PathBuf> {
        let found = std::fs::read_dir(&self.0).unwrap();
        found.map(|entry| entry.unwrap().path()).collect()
    }

    fn variable(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process of another user that is ended with the test.
struct Attacker(Child);

impl Attacker {
    fn start(script: &str, target: &Path) -> Self {
        let child = Command::new("python3")
            .args(["-c", script])
            .arg(target)
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts links in the place of every pipe in a folder that it may change, and of every such folder.
const PLANTER: &str = r#"
import os, sys
target = sys.argv[1]
while True:
    for name in os.listdir("/dev/shm"):
        if not name.startswith("clsecrets-open-"):
            continue
        folder = "/dev/shm/" + name
        try:
            os.rename(folder + "/tmp-file", folder + "/away")
            os.symlink(target, folder + "/tmp-file")
        except OSError:
            pass
"#;

#[test]
fn another_user_cannot_lead_cleartext_elsewhere() {
    if !is_root() {
        return crate::support::not_run("exec-file --user", "the tests do not run as root");
    }
    let scene = sealed(CLEAR);
    scene.write("target", "");
    let target = scene.path("target");
    let _attacker = Attacker::start(PLANTER, &target);
    // The program waits, so that whoever feeds the pipe can fall into the trap.
    let line = "exec-file --user nobody a.yaml 'sleep 0.05; timeout 2 cat {} > /dev/null; true'";
    for round in 0..25 {
        let run = scene
            .cmd(crate::support::words(line))
            .without("XDG_RUNTIME_DIR")
            .run();
        run.succeeds();
        assert_eq!(scene.read("target"), "", "in round {round}");
    }
}

#[test]
fn the_folder_that_another_user_reads_from_stays_ours() {
    if !is_root() {
        return crate::support::not_run("exec-file --user", "the tests do not run as root");
    }
    let scene = sealed(CLEAR);
    let line = r#"d=$(dirname {}); stat -c '%U %a' "$d" {}
        touch "$d/x" 2> /dev/null || echo refused; mv {} "$d/y" 2> /dev/null || echo refused
        ls "$d" 2> /dev/null || echo refused; head -c 5 {}"#;
    for options in [&["exec-file"][..], &["exec-file", "--no-fifo"]] {
        let words = [options, &["--user", "nobody", "a.yaml", line]].concat();
        // Also where the usual place is one that only root can enter.
        let memory = Memory::of(&scene);
        std::fs::set_permissions(&memory.0, Permissions::from_mode(0o700)).unwrap();
        let run = scene
            .cmd(words)
            .env("XDG_RUNTIME_DIR", memory.variable())
            .run();
        run.succeeds()
            .stdout("root 710\nnobody 600\nrefused\nrefused\nrefused\nTOKEN");
    }
}

#[test]
fn no_cleartext_goes_into_a_place_of_somebody_else() {
    if !is_root() {
        return crate::support::not_run("a place of another user", "the tests do not run as root");
    }
    let scene = sealed(CLEAR);
    let memory = Memory::of(&scene);
    chown(&memory.0, Some(NOBODY), Some(NOBODY)).unwrap();
    let words = ["exec-file", "--no-fifo", "a.yaml", "echo {}"];
    let run = scene
        .cmd(words)
        .env("XDG_RUNTIME_DIR", memory.variable())
        .run();
    run.succeeds().stdout_has("/dev/shm/clsecrets-open-");
}

/// The processes that watch over folders in this place.
fn wardens(place: &Path) -> Vec<Pid> {
    let place = place.display().to_string();
    let is_warden = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("clear-away") && line.contains(&place)
    };
    let found = std::fs::read_dir("/proc").unwrap().flatten();
    let found = found.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    found.filter(is_warden).filter_map(Pid::from_raw).collect()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a command that holds cleartext, and waits until its program runs.
fn start(scene: &Scene, memory: &Memory, words: &[&str]) -> Child {
    let _ = std::fs::remove_file(scene.path("ready"));
    let child = scene
        .cmd(words)
        .env("XDG_RUNTIME_DIR", memory.variable())
        .env("EDITOR", "sh -c 'touch ready; exec sleep 60' x")
        .start();
    wait_for("the program does not run", || scene.has("ready"));
    child
}

/// Kills a command, who watches over its folder, and what it runs.
fn kill_all(mut child: Child, memory: &Memory) {
    for warden in wardens(&memory.0) {
        kill_process(warden, Signal::KILL).unwrap();
    }
    wait_for("the warden lives", || wardens(&memory.0).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_a_kill_leaves_is_cleared_away_by_the_next_command() {
    let scene = sealed(CLEAR);
    let memory = Memory::of(&scene);
    let pipes = "touch ready; exec sleep 60";
    for words in [
        &["edit", "a.yaml"][..],
        &["exec-file", "--no-fifo", "a.yaml", pipes],
        &["exec-file", "a.yaml", pipes],
    ] {
        kill_all(start(&scene, &memory, words), &memory);
        assert_eq!(memory.entries().len(), 1, "{words:?}");
        let next = scene.cmd(["filestatus", "a.yaml"]);
        next.env("XDG_RUNTIME_DIR", memory.variable())
            .run()
            .succeeds();
        assert_eq!(memory.entries(), [""; 0].map(PathBuf::from), "{words:?}");
    }
    assert_eq!(scene.leaks(&["canary-of-the-pipe"], &[]), [""; 0]);
}

#[test]
fn what_a_living_process_uses_stays() {
    let scene = sealed(CLEAR);
    let memory = Memory::of(&scene);
    let mut living = start(&scene, &memory, &["edit", "a.yaml"]);
    let [open] = &memory.entries()[..] else {
        panic!("{:?}", memory.entries());
    };
    kill_all_but(&scene, &memory);
    let words = ["exec-file", "--no-fifo", "a.yaml", "cat {}"];
    let run = scene.cmd(words).reveals();
    run.env("XDG_RUNTIME_DIR", memory.variable())
        .run()
        .stdout(CLEAR);
    assert_eq!(memory.entries(), std::slice::from_ref(open));
    assert_eq!(std::fs::read_to_string(open.join("a.yaml")).unwrap(), CLEAR);
    assert_eq!(open.metadata().unwrap().mode() & 0o777, 0o700);
    kill_process(Pid::from_child(&living), Signal::TERM).unwrap();
    living.wait().unwrap();
    wait_for("the cleartext stays", || memory.entries().is_empty());
}

/// A second command that is killed beside a living one: only its folder is left, and goes.
fn kill_all_but(scene: &Scene, memory: &Memory) {
    let before = wardens(&memory.0);
    let words = [
        "exec-file",
        "--no-fifo",
        "a.yaml",
        "touch ready; exec sleep 60",
    ];
    let mut second = start(scene, memory, &words);
    for warden in wardens(&memory.0) {
        if !before.contains(&warden) {
            kill_process(warden, Signal::KILL).unwrap();
        }
    }
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(memory.entries().len(), 2);
}

/// What it says of the last delivery, and the key that is in it, would be theirs.
#[test]
fn local_state_that_others_can_change_is_not_believed() {
    let scene = sealed_environment();
    let state = scene.root().join("state");
    std::fs::create_dir(&state).unwrap();
    let set = |mode| std::fs::set_permissions(&state, Permissions::from_mode(mode)).unwrap();
    let sync = |words: &str| {
        let command = scene.cmd(words.split(' '));
        command
            .env("XDG_STATE_HOME", state.display().to_string())
            .run()
    };
    set(0o777);
    let said = "another user can change";
    let run = sync("sync --env dev -y").succeeds().stderr_has(said);
    assert_eq!(run.err().matches(said).count(), 1, "{run}");
    assert!(!state.join("clsecrets").exists());
    set(0o755);
    std::fs::remove_dir_all(scene.path("out")).unwrap();
    let run = sync("sync --env dev -y").succeeds();
    assert!(!run.err().contains(said), "{run}");
    assert!(state.join("clsecrets/journal.jsonl").exists());
    set(0o777);
    let run = sync("status").stderr_has(said);
    assert!(!run.out().contains("last sync"), "{run}");
    set(0o755);
    sync("status").stdout_has("last sync from here");
}

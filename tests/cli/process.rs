//! The process itself: what the kernel may show of it, and how it meets a closed pipe.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{RECIPIENT, Scene};

#[test]
fn a_running_command_leaves_no_core_file_and_hides_its_memory() {
    // What this machine allows, so that there is something to take away.
    let cores = getrlimit(Resource::Core);
    let all = Rlimit {
        current: cores.maximum,
        ..cores
    };
    setrlimit(Resource::Core, all).unwrap();
    let scene = Scene::new();
    let words = [
        "encrypt",
        "--age",
        RECIPIENT,
        "--filename-override",
        "a.yaml",
        "-",
    ];
    let mut child = scene.cmd(words).unprivileged().start();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"user: alice\n").unwrap();

    // It is hardened before it reads; standard input stays open until it has been looked at.
    let process = format!("/proc/{}", child.id());
    let mut seen = (String::new(), u32::MAX);
    for _ in 0..200 {
        let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
        let cores = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let soft = cores.unwrap().split_whitespace().nth(4).unwrap().to_owned();
        // What belongs to a process that is not dumpable belongs to root.
        seen = (soft, fs::metadata(format!("{process}/mem")).unwrap().uid());
        if seen == ("0".to_owned(), 0) {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(seen, ("0".to_owned(), 0));
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let scene = Scene::new();
    for command in ["completion bash", "--help", "encrypt --help"] {
        // When it prints, nobody has been reading for a while.
        let line = format!("(sleep 0.3; clsecrets {command}; echo $? >status) | true");
        scene
            .other("bash", ["-c", &line])
            .run()
            .succeeds()
            .stderr("");
        assert_eq!(scene.read("status"), "0\n", "{command}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let scene = Scene::new();
    let run = scene
        .other("bash", ["-c", "clsecrets completion bash >/dev/full"])
        .run();
    run.fails(3)
        .stderr("error: cannot write to standard output: no space left on device\n");
}

#[test]
fn the_version_needs_no_home_and_no_working_directory() {
    let scene = Scene::new();
    let line =
        "mkdir gone && cd gone && rmdir ../gone && env -i \"$(command -v clsecrets)\" --version";
    let run = scene.other("bash", ["-c", line]).run().succeeds();
    let run = run.stdout(format!("clsecrets {}\n", env!("CARGO_PKG_VERSION")));
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
}

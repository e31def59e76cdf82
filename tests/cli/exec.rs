//! `exec-env` and `exec-file`: what the program gets, what it does not, and what is left when it or we
//! are ended by any signal.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::sealed;
use crate::support::{Scene, is_root};

const CLEAR: &str =
    "TOKEN: \"t0k#en with 'quotes' and $vars\"\nCOUNT: 3\nLINES: |\n    one\n    two\n";

/// A world that keeps open files in a place in memory of its own.
fn world(text: &str) -> Scene {
    let scene = sealed(text);
    let memory = memory(&scene);
    std::fs::create_dir(&memory).unwrap();
    let memory = memory.display().to_string();
    scene.env("XDG_RUNTIME_DIR", memory)
}

/// Below `/dev/shm`, so that it is in memory; under a name that no other test has.
fn memory(scene: &Scene) -> std::path::PathBuf {
    let name = scene.root().file_name().unwrap();
    Path::new("/dev/shm").join(name)
}

/// What is left of open files, once whoever clears away has had its time.
fn left(scene: &Scene) -> Vec<String> {
    let began = Instant::now();
    loop {
        let found = std::fs::read_dir(memory(scene)).unwrap();
        let found: Vec<String> = found
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect();
        if found.is_empty() || began.elapsed() > Duration::from_secs(5) {
            return found;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The place in memory goes with the test.
struct Cleared<'a>(&'a Scene);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(memory(self.0));
    }
}

#[test]
fn a_program_gets_the_values_and_not_the_identities() {
    let scene = world(CLEAR);
    let _cleared = Cleared(&scene);
    let line = r#"printf '%s|%s|%s|%s|' "$TOKEN" "$COUNT" "$LINES" "$SOPS_AGE_KEY_FILE"; exit 7"#;
    let run = scene.cmd(["exec-env", "a.yaml", line]).reveals().run();
    run.fails(7)
        .stdout("t0k#en with 'quotes' and $vars|3|one\ntwo\n||")
        .stderr("");
    let run = scene
        .cmd([
            "exec-env",
            "a.yaml",
            "--",
            "sh",
            "-c",
            "echo \"$COUNT $1\"",
            "sh",
            "a b",
        ])
        .run();
    run.succeeds().stdout("3 a b\n");
    let run = scene
        .cmd(["exec-env", "--pristine", "a.yaml", "--", "/usr/bin/env"])
        .reveals()
        .run();
    let out = run.succeeds().out();
    assert!(!out.contains("HOME=") && out.contains("COUNT=3\n"), "{out}");
    let run = scene.cmd([
        "exec-env",
        "--keep-identities",
        "a.yaml",
        "echo ${SOPS_AGE_KEY_FILE##*/}",
    ]);
    run.run().succeeds().stdout("age.txt\n");
    let run = scene.cmd([
        "exec-env",
        "--same-process",
        "a.yaml",
        "echo $COUNT$SOPS_AGE_KEY_FILE; exit 3",
    ]);
    run.run().fails(3).stdout("3\n");
    for file in ["exec-file", "exec-env"] {
        let run = scene
            .cmd([file, "a.yaml", "--", "/no/such/program", "x"])
            .run();
        run.fails(1)
            .stderr_has("cannot start the program: no such file or directory");
    }
}

#[test]
fn a_name_that_decides_what_runs_is_refused_unless_allowed() {
    for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "GIT_SSH_COMMAND"] {
        let scene = sealed(&format!("{name}: /evil\nOTHER: x\n"));
        let run = scene.run("exec-env a.yaml 'echo ran'").fails(1).stdout("");
        if name == "LD_PRELOAD" {
            run.matches(&scene, "exec-dangerous-name");
        }
        let line = format!("exec-env --allow-name {name} a.yaml -- /bin/echo ran");
        scene.run(&line).succeeds().stdout("ran\n");
    }
    let scene = sealed("a=b: x\n");
    scene
        .run("exec-env a.yaml true")
        .fails(1)
        .stderr_has("is not a valid variable name");
    let scene = sealed("\"A\\n::error::x\": v\n");
    let run = scene.cmd(["exec-env", "a.yaml", "env"]).run();
    run.fails(1)
        .stdout("")
        .stderr_has("is not a valid variable name");
    let scene = sealed("a:\n    b: x\n");
    scene
        .run("exec-env a.yaml true")
        .fails(1)
        .matches(&scene, "exec-nested");
}

#[test]
fn names_that_lead_programs_elsewhere_are_refused_whatever_program_it_is() {
    let names = "PATH LD_AUDIT BASH_FUNC_ls%% GIT_ASKPASS KUBECONFIG AWS_CONFIG_FILE OPENSSL_CONF \
                 PERLLIB PYTHONUSERBASE DOTNET_STARTUP_HOOKS HTTPS_PROXY https_proxy \
                 NODE_EXTRA_CA_CERTS PAGER EDITOR SSL_CERT_FILE MAVEN_OPTS npm_config_registry \
                 DOCKER_HOST SSH_ASKPASS HOME GNUPGHOME CL_MEDIAN_CMD";
    let text = names
        .split(' ')
        .fold(String::new(), |text, name| text + name + ": /evil\n");
    let scene = sealed(&format!("{text}DATABASE_URL: x\n"));
    for face in ["clsecrets", "sops"] {
        let run = scene
            .cmd(["exec-env", "a.yaml", "echo ran"])
            .called(face)
            .run();
        let err = run.fails(1).stdout("").err();
        for name in names.split(' ') {
            assert!(
                err.contains(&format!("\n  {name} decides ")),
                "{name}: {err}"
            );
        }
        assert!(!err.contains("DATABASE_URL"), "{err}");
    }
    // All of them can be allowed at once.
    let allowed = names.replace(' ', ",");
    let scene = sealed(&text.replace("PATH: /evil", "PATH: /bin"));
    let run = scene.cmd([
        "exec-env",
        "--allow-name",
        &allowed,
        "a.yaml",
        "echo $PAGER",
    ]);
    run.run().succeeds().stdout("/evil\n");
}

#[test]
fn a_clear_value_is_no_variable_unless_it_is_named() {
    let scene = Scene::with_age().file("a.env", "TOKEN=t0k\nHOST=db\nDEBUG=\nUSER=\n");
    let sealing = "encrypt -i --encrypted-regex ^TOKEN$ --age";
    scene
        .run(&format!("{sealing} {} a.env", crate::support::RECIPIENT))
        .succeeds();
    let show = "echo \"$TOKEN|$HOST|$STAGE|$DEBUG|$USER\"";
    let run = |options: &[&str]| {
        let words = [&["exec-env"], options, &["a.env", show]].concat();
        scene.cmd(words).reveals().env("USER", "me").run()
    };
    run(&[])
        .fails(1)
        .stdout("")
        .matches(&scene, "exec-clear-names");
    run(&["--allow-name", "HOST,USER"])
        .succeeds()
        .stdout("t0k|db|||\n");
    run(&["--allow-name", "HOST", "--pristine"])
        .succeeds()
        .stdout("t0k|db|||\n");
    // Renamed without a key: the MAC agrees, and the name is not taken.
    scene.write("a.env", scene.read("a.env").replace("HOST=", "STAGE="));
    scene.run("decrypt a.env").succeeds();
    run(&["--allow-name", "HOST,USER"])
        .fails(1)
        .stderr_has("STAGE is not sealed, so its name can be changed without a key")
        .stderr_has("--allow-name STAGE");
}

#[test]
fn nothing_runs_unless_the_file_is_sound() {
    let scene = sealed("a: x\nb_unencrypted: y\n");
    let text = scene
        .read("a.yaml")
        .replace("_unencrypted: y", "_unencrypted: z");
    scene.write("a.yaml", text);
    for command in ["exec-env", "exec-file"] {
        scene
            .run(&format!("{command} a.yaml 'touch ran'"))
            .fails(51);
        scene.run(&format!("{command} a.txt 'touch ran'")).fails(2);
    }
    assert!(!scene.has("ran"));
    scene
        .run("exec-env --ignore-mac --allow-name b_unencrypted a.yaml 'touch ran'")
        .succeeds();
    assert!(scene.has("ran"));
}

#[test]
fn a_file_is_a_pipe_that_is_read_once_or_stands_in_memory() {
    let scene = world(CLEAR);
    let _cleared = Cleared(&scene);
    let run = scene
        .cmd(["exec-file", "a.yaml", "cat {}; test -e {} || echo gone"])
        .reveals()
        .run();
    run.succeeds().stdout(format!("{CLEAR}gone\n"));
    let run = scene.cmd(["exec-file", "--no-fifo", "--filename", "c.yaml", "a.yaml",
        "cat {} {} | wc -l; stat -c '%a %F' {} $(dirname {}); basename {}; df --output=fstype {} | tail -1"]).run();
    run.succeeds()
        .stdout("10\n600 regular file\n700 directory\nc.yaml\ntmpfs\n");
    let run = scene
        .cmd([
            "exec-file",
            "--output-type",
            "json",
            "a.yaml",
            "--",
            "grep",
            "COUNT",
            "{}",
        ])
        .run();
    run.succeeds().stdout("\t\"COUNT\": 3,\n");
    // Who never reads it does not wait.
    scene.run("exec-file a.yaml 'exit 4'").fails(4);
    for name in ["../x", "a/b", "", "/x"] {
        scene
            .cmd(["exec-file", "--filename", name, "a.yaml", "true"])
            .run()
            .fails(1);
    }
    assert_eq!(left(&scene), [""; 0]);
}

/// Starts a program that says when it is there and ends with the given status on SIGTERM.
fn start(scene: &Scene, words: &[&str]) -> (Child, Pid) {
    let mut child = scene.cmd(words).start();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child.stdout = Some(out.into_inner());
    let pid = Pid::from_child(&child);
    (child, pid)
}

#[test]
fn a_signal_goes_on_to_the_program_and_its_status_comes_back() {
    let scene = world(CLEAR);
    let _cleared = Cleared(&scene);
    let line = "for s in INT TERM HUP QUIT USR1 USR2; do trap \"echo $s >> got\" $s; done; \
                trap 'echo TERM >> got; exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    for command in ["exec-env", "exec-file"] {
        let (mut child, pid) = start(&scene, &[command, "a.yaml", line]);
        let all = [
            Signal::INT,
            Signal::HUP,
            Signal::QUIT,
            Signal::USR1,
            Signal::USR2,
            Signal::TERM,
        ];
        for (count, signal) in all.into_iter().enumerate() {
            kill_process(pid, signal).unwrap();
            let began = Instant::now();
            while !scene.has("got") || scene.read("got").lines().count() <= count {
                assert!(
                    began.elapsed() < Duration::from_secs(10),
                    "{signal:?} did not arrive"
                );
                thread::sleep(Duration::from_millis(5));
            }
        }
        assert_eq!(child.wait().unwrap().code(), Some(9));
        assert_eq!(scene.read("got"), "INT\nHUP\nQUIT\nUSR1\nUSR2\nTERM\n");
        std::fs::remove_file(scene.path("got")).unwrap();
    }
    // A program that a signal ends: as a shell says it, or as the reference does.
    scene.run("exec-env a.yaml 'kill -9 $$'").fails(137);
    let run = scene
        .cmd(["exec-env", "a.yaml", "kill -9 $$"])
        .called("sops")
        .run();
    run.fails(255);
    assert_eq!(left(&scene), [""; 0]);
}

#[test]
fn nothing_is_left_on_any_signal() {
    let scene = world(CLEAR);
    let _cleared = Cleared(&scene);
    let signals = [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::KILL,
        Signal::USR1,
        Signal::ABORT,
    ];
    for signal in signals {
        for options in [&["exec-file"][..], &["exec-file", "--no-fifo"]] {
            let words = [options, &["a.yaml", "echo ready; exec sleep 30"]].concat();
            let (mut child, pid) = start(&scene, &words);
            assert_eq!(std::fs::read_dir(memory(&scene)).unwrap().count(), 1);
            kill_process(pid, signal).unwrap();
            let status = child.wait().unwrap();
            assert!(!status.success() || status.signal().is_some(), "{signal:?}");
            assert_eq!(left(&scene), [""; 0], "{signal:?} {options:?}");
        }
    }
    assert_eq!(scene.leaks(&["t0k#en"], &[]), [""; 0]);
}

#[test]
fn another_user_runs_the_program_with_its_own_groups_and_home() {
    if !is_root() {
        return crate::support::not_run("exec --user", "the tests do not run as root");
    }
    let scene = world(CLEAR);
    let _cleared = Cleared(&scene);
    let line = "id -un; id -G; echo $HOME $USER $COUNT";
    let expected = "nobody\n65534\n/nonexistent nobody 3\n";
    for options in [&["exec-env"][..], &["exec-env", "--same-process"]] {
        let words = [options, &["--user", "nobody", "a.yaml", line]].concat();
        scene.cmd(words).run().succeeds().stdout(expected);
    }
    // The place has to be one that the other user can reach.
    let run = scene.cmd([
        "exec-file",
        "--user",
        "nobody",
        "--no-fifo",
        "a.yaml",
        "id -un; head -c 5 {}",
    ]);
    let run = run.without("XDG_RUNTIME_DIR").run();
    run.succeeds().stdout("nobody\nTOKEN");
    scene
        .run("exec-env --user no-such-user a.yaml true")
        .fails(1)
        .stderr_has("there is no user no-such-user");
}

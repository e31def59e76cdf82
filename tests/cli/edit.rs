//! `edit`: the cleartext is in memory only and gone on every signal; what is typed is not lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{CLEAR, differing_lines, sealed};
use crate::support::{Act, OTHER_RECIPIENT, RECIPIENT, Scene, program};

/// A script that is the editor; `$1` is the file.
fn editor<'a>(scene: &'a Scene, words: &[&str], script: &str) -> Act<'a> {
    let path = scene.root().join("bin/editor");
    std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let words: Vec<&str> = ["edit"].iter().chain(words).copied().collect();
    scene.cmd(words).env("EDITOR", path.display().to_string())
}

/// A place in memory that no other test has.
fn memory(scene: &Scene) -> PathBuf {
    let path = Path::new("/dev/shm").join(scene.root().file_name().unwrap());
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn entries(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

#[test]
fn only_what_was_changed_gets_a_new_token() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    let run = editor(&scene, &["a.yaml"], "sed -i 's/alice/bob/' \"$1\"").run();
    run.succeeds().stdout("").stderr("a.yaml is sealed\n");
    let after = scene.read("a.yaml");
    let (gone, _) = differing_lines(&before, &after);
    // Of the body; the time changes with the second.
    let gone = gone.iter().filter(|line| line.starts_with("user: "));
    assert_eq!(gone.count(), 1);
    let expected = CLEAR.replace("alice", "bob");
    scene.run("decrypt a.yaml").succeeds().stdout(&expected);
    scene.sops("decrypt a.yaml").succeeds();
    editor(&scene, &["a.yaml"], "echo 'more: 1' >> \"$1\"")
        .run()
        .succeeds();
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(expected + "more: 1\n");
}

#[test]
fn nothing_is_written_when_nothing_changed_or_the_editor_failed() {
    let scene = sealed(CLEAR);
    let before = scene.bytes("a.yaml");
    editor(&scene, &["a.yaml"], "true")
        .run()
        .fails(200)
        .matches(&scene, "edit-unchanged");
    editor(&scene, &["a.yaml"], "touch \"$1\"").run().fails(200);
    editor(&scene, &["a.yaml"], "sed -i s/alice/bob/ \"$1\"; exit 1")
        .run()
        .fails(201)
        .matches(&scene, "edit-failed");
    editor(&scene, &["a.yaml"], "rm \"$1\"")
        .run()
        .fails(2)
        .matches(&scene, "edit-removed");
    for (text, words) in [
        ("/no/such/editor", "no such file or directory"),
        ("vim 'x", "its quotes do not match"),
    ] {
        let run = scene.cmd(["edit", "a.yaml"]).env("EDITOR", text).run();
        run.fails(201).stderr_has(words);
    }
    let run = scene.cmd(["edit", "a.yaml"]).env("PATH", "/no").run();
    run.fails(201).matches(&scene, "edit-no-editor");
    assert_eq!(scene.bytes("a.yaml"), before);
    assert_eq!(scene.files(), ["a.yaml"]);
}

#[test]
fn the_editor_is_chosen_as_the_reference_chooses_it() {
    let scene = sealed(CLEAR);
    let first = editor(&scene, &["a.yaml"], "false").env("SOPS_EDITOR", "sed -i 's/alice/a b/'");
    first.run().succeeds();
    scene
        .run("decrypt --extract '[\"user\"]' a.yaml")
        .succeeds()
        .stdout("a b");
    let visual = editor(&scene, &["a.yaml"], "true").env("VISUAL", "sed -i 's/a b/c/'");
    visual.run().fails(200);
}

#[test]
fn a_private_file_in_memory_and_no_identity_for_the_editor() {
    let scene = sealed(CLEAR);
    let memory = memory(&scene);
    let script =
        "stat -c '%a %n' \"$1\" \"$(dirname \"$1\")\" | sed 's/clsecrets-open-[^/]*/DIR/' >&2
        df --output=fstype \"$1\" | tail -1 >&2
        echo \"${SOPS_AGE_KEY_FILE:-none}\" >&2
        test \"$TMPDIR\" = \"$(dirname \"$1\")\" && echo beside >&2";
    let run = editor(&scene, &["a.yaml"], script)
        .env("XDG_RUNTIME_DIR", memory.display().to_string())
        .run()
        .fails(200);
    let place = memory.display();
    let expected = format!("600 {place}/DIR/a.yaml\n700 {place}/DIR\ntmpfs\nnone\nbeside\n");
    assert!(run.err().starts_with(&expected), "{run}");
    assert_eq!(entries(&memory), 0);
    std::fs::remove_dir(memory).unwrap();
}

#[test]
fn a_disk_is_refused_unless_told() {
    if crate::writes::is_mount_impossible("a machine without memory for files") {
        return;
    }
    let scene = sealed(CLEAR);
    let script = |options: &str| {
        format!(
            "mount --bind \"$TMPDIR\" /dev/shm && \
             EDITOR='sed -i s/alice/bob/' clsecrets edit {options} a.yaml"
        )
    };
    let run = |options: &str| {
        let script = script(options);
        scene
            .other("unshare", ["-m", "/bin/sh", "-c", &script])
            .run()
    };
    let before = scene.bytes("a.yaml");
    run("")
        .fails(1)
        .stderr_has("there is no place in memory")
        .stderr_has("--on-disk");
    assert_eq!(scene.bytes("a.yaml"), before);
    run("--on-disk").succeeds();
    scene
        .run("decrypt --extract '[\"user\"]' a.yaml")
        .succeeds()
        .stdout("bob");
    assert_eq!(entries(&scene.root().join("tmp")), 0);
}

#[test]
fn what_cannot_be_sealed_is_opened_again_at_its_line() {
    let scene = sealed(CLEAR);
    // The first time it breaks the file, the second time it says where it was sent and mends it.
    let script = "if [ -e round ]; then echo \"$*\" | sed 's|/.*/||' > round
        file=\"${@: -1}\"; grep -v '^broken' \"$file\" > round.text; sed s/alice/bob/ round.text > \"$file\"; rm round.text
        else touch round; printf 'broken: [\\n' >> \"$1\"; fi";
    let path = scene.root().join("bin/vim");
    std::fs::write(
        &path,
        format!("#!/bin/bash\nwhile [ $# -gt 1 ] && [[ $1 != +* ]]; do shift; done\n{script}\n"),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = scene
        .cmd(["edit", "a.yaml"])
        .env("EDITOR", "vim")
        .stdin("\n")
        .run();
    run.succeeds()
        .stderr_has("error: cannot seal a.yaml: line ")
        .stderr_has("press Enter");
    let lines = CLEAR.lines().count() + 1;
    assert_eq!(scene.read("round"), format!("+{lines} a.yaml\n"));
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(CLEAR.replace("alice", "bob"));
}

#[test]
fn an_edit_that_is_given_up_is_kept_sealed() {
    let scene = sealed(CLEAR);
    let before = scene.bytes("a.yaml");
    for text in [
        "a: [",
        "sops: {}\\nb: typed-canary",
        "a: 1\\na: typed-canary",
    ] {
        let script = format!("printf 'typed-canary: 1\\n{text}' > \"$1\"");
        let run = editor(&scene, &["a.yaml"], &script).run();
        assert_ne!(run.status, 0, "{run}");
        assert!(run.took < Duration::from_secs(20), "{run}");
        run.stderr_has("your edit is kept in a.yaml.edit-");
        let kept = scene
            .files()
            .into_iter()
            .find(|file| file.contains(".edit-"))
            .unwrap();
        let shown = scene
            .cmd(["decrypt", "--input-type", "binary", &kept])
            .reveals()
            .run();
        shown.succeeds().stdout_has("typed-canary");
        assert_eq!(scene.leaks(&["typed-canary"], &[]), [""; 0]);
        std::fs::remove_file(scene.path(&kept)).unwrap();
    }
    assert_eq!(scene.bytes("a.yaml"), before);
}

#[test]
fn what_another_has_written_meanwhile_stays_and_so_does_the_edit() {
    let scene = sealed(CLEAR);
    let script = "clsecrets set a.yaml '[\"user\"]' '\"theirs\"' 2> /dev/null; sed -i 's/alice/mine/' \"$1\"";
    let file = scene.home("age.txt").display().to_string();
    let script = format!("export SOPS_AGE_KEY_FILE={file}; {script}");
    let run = editor(&scene, &["a.yaml"], &script).run().fails(1);
    run.stderr_has("a.yaml changed while it was worked on")
        .stderr_has("your edit is kept in a.yaml.edit-");
    scene
        .run("decrypt --extract '[\"user\"]' a.yaml")
        .succeeds()
        .stdout("theirs");
    let kept = scene
        .files()
        .into_iter()
        .find(|file| file.contains(".edit-"))
        .unwrap();
    assert_eq!(scene.mode(&kept), 0o600);
    let shown = scene
        .cmd(["decrypt", "--input-type", "binary", &kept])
        .reveals()
        .run();
    shown.succeeds().stdout(CLEAR.replace("alice", "mine"));
}

#[test]
fn a_new_value_that_would_stay_in_clear_is_refused() {
    let scene = Scene::with_age().file("a.yaml", "pass: p4ss\nuser: alice\n");
    scene
        .run(&format!(
            "encrypt -i --age {RECIPIENT} --encrypted-regex ^pass$ a.yaml"
        ))
        .succeeds();
    let before = scene.bytes("a.yaml");
    let script = "echo 'api_key: secret' >> \"$1\"";
    let run = editor(&scene, &["a.yaml"], script).run().fails(23);
    run.stderr_has("[\"api_key\"] would stay in clear");
    assert_eq!(scene.bytes("a.yaml"), before);
    let run = editor(&scene, &["--allow-cleartext", "a.yaml"], script).run();
    run.succeeds().stderr_has("[\"api_key\"] stays in clear");
}

#[test]
fn a_new_file_is_made_of_what_is_saved() {
    let scene = Scene::with_age().file(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT}\n"),
    );
    editor(&scene, &["new.yaml"], "true").run().fails(200);
    assert!(!scene.has("new.yaml"));
    editor(&scene, &["new.yaml"], "printf 'a: 1\\n' > \"$1\"")
        .run()
        .succeeds();
    scene.run("decrypt new.yaml").succeeds().stdout("a: 1\n");
    editor(&scene, &["new.json"], "sed -i s/example_value/mine/ \"$1\"")
        .run()
        .succeeds();
    scene.sops("decrypt new.json").succeeds().stdout_has("mine");
    for name in ["new.env", "new.ini", "new.txt"] {
        editor(
            &scene,
            &[name],
            "sed -i s/Welcome/Hello/\\;s/example_value/x/ \"$1\"",
        )
        .run()
        .succeeds();
        scene.sops(&format!("decrypt {name}")).succeeds();
    }
    // Nobody to seal for is told before anything is typed.
    std::fs::remove_file(scene.path(".sops.yaml")).unwrap();
    editor(&scene, &["other.yaml"], "touch ran")
        .run()
        .fails(1)
        .stderr_has("no recipients");
    assert!(!scene.has("ran"));
}

#[test]
fn recipients_that_are_shown_can_be_changed() {
    let scene = sealed(CLEAR);
    scene
        .run(&format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml"))
        .succeeds();
    let before = scene.read("a.yaml");
    let run = editor(&scene, &["-s", "a.yaml"], "grep -q recipient: \"$1\"").run();
    run.fails(200);
    let script = format!(
        "python3 - \"$1\" <<'E'\nimport re,sys\np=sys.argv[1]\nt=open(p).read()\nt=re.sub(r'        - enc: \\|\\n(            .*\\n)+?          recipient: {OTHER_RECIPIENT}\\n','',t)\nopen(p,'w').write(t)\nE"
    );
    editor(&scene, &["-s", "a.yaml"], &script).run().succeeds();
    let after = scene.read("a.yaml");
    assert_eq!(after.matches("recipient:").count(), 1, "{after}");
    assert_eq!(super::line(&after, "user"), super::line(&before, "user"));
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn the_cleartext_is_gone_on_every_signal() {
    let scene = sealed(CLEAR);
    let memory = memory(&scene);
    let place = memory.display().to_string();
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::TERM,
        Signal::QUIT,
        Signal::KILL,
    ] {
        let script = "sed -i s/alice/typed-canary/ \"$1\"; touch ready; exec sleep 30";
        let mut child = editor(&scene, &["a.yaml"], script)
            .env("XDG_RUNTIME_DIR", &place)
            .start();
        let began = Instant::now();
        while !scene.has("ready") {
            assert!(began.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(entries(&memory), 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success());
        let began = Instant::now();
        while entries(&memory) > 0 {
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{signal:?} left the cleartext"
            );
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(
            scene.leaks(&["typed-canary", "p4ss#with"], &[]),
            [""; 0],
            "{signal:?}"
        );
        let kept: Vec<String> = scene
            .files()
            .into_iter()
            .filter(|file| file.contains(".edit-"))
            .collect();
        if signal != Signal::KILL {
            // What was saved before is not lost.
            let shown = scene
                .cmd(["decrypt", "--input-type", "binary", &kept[0]])
                .reveals()
                .run();
            shown.succeeds().stdout_has("typed-canary");
        }
        for file in kept.iter().map(String::as_str).chain(["ready"]) {
            std::fs::remove_file(scene.path(file)).unwrap();
        }
        let run = scene.cmd(["decrypt", "a.yaml"]).reveals().run();
        run.succeeds().stdout(CLEAR);
    }
    std::fs::remove_dir(memory).unwrap();
}

#[test]
fn real_editors_leave_no_copies() {
    let scene = sealed(CLEAR);
    let memory = memory(&scene);
    let place = memory.display().to_string();
    if program("vim").is_none() {
        crate::support::not_run("edit with vim", "there is no vim");
    } else {
        scene.write(
            "../home/.vimrc",
            format!(
                "set backup undofile swapfile backupdir={0} undodir={0} directory={0}\n",
                scene.home("").display()
            ),
        );
        let editor = "vim -es -c '%s/alice/bob/' -c 'wq'";
        let run = scene
            .cmd(["edit", "a.yaml"])
            .env("EDITOR", editor)
            .env("XDG_RUNTIME_DIR", &place)
            .run();
        run.succeeds();
        scene
            .run("decrypt --extract '[\"user\"]' a.yaml")
            .succeeds()
            .stdout("bob");
        assert_eq!(scene.leaks(&["p4ss#with"], &[]), [""; 0]);
    }
    assert_eq!(entries(&memory), 0);
    std::fs::remove_dir(memory).unwrap();
}

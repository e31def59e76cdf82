//! Commands that are killed at any moment: the file is the old one or the new one, nothing that is
//! left beside it holds a value, and the next command goes on.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::thread;
use std::time::Duration;

use super::TEMPORARY;
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, identities};

/// How many commands are killed; `CLSECRETS_TEST_KILLS` says otherwise.
const KILLS: u32 = 300;

/// What all of the values begin with.
const CANARY: &str = "canary-";

/// The commands, each with the file that it writes.
const COMMANDS: &[(&str, &str)] = &[
    ("set", "set.yaml"),
    ("encrypt -i", "clear.yaml"),
    ("decrypt -i", "sealed.yaml"),
    ("encrypt --onto", "onto.yaml"),
    ("encrypt --env", "encrypted-secrets.yaml"),
    ("edit", "edited.yaml"),
    ("unset", "unset.yaml"),
    ("rotate -i", "rotated.yaml"),
    ("updatekeys", "ruled.yaml"),
    ("groups add", "grouped.yaml"),
];

#[test]
fn whatever_is_killed_leaves_the_old_file_or_the_new_one() {
    let kills = std::env::var("CLSECRETS_TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let share = kills.div_ceil(u32::try_from(COMMANDS.len()).unwrap());
    let counts: BTreeMap<&str, (u32, u32)> = thread::scope(|scope| {
        // Two at a time, each in a world of its own: the machine is to be busy, not late.
        let halves = [&COMMANDS[..4], &COMMANDS[4..]];
        let runs = halves.map(|half| {
            scope.spawn(move || {
                let each = |&(command, file)| (command, kill(command, file, share));
                half.iter().map(each).collect::<Vec<_>>()
            })
        });
        runs.into_iter()
            .flat_map(|run| run.join().unwrap())
            .collect()
    });
    println!("{counts:?}: so often was the old file there, and the new one");
    for (command, (old, new)) in counts {
        assert!(old > 0 && new > 0, "{command}: {old} {new}");
    }
}

/// Kills a command this often; how often the old file and the new one was there.
fn kill(command: &str, file: &str, times: u32) -> (u32, u32) {
    let scene = world();
    let clear = |number: u32| format!("a: {CANARY}{number}-{}\nb: 1\n", "x".repeat(2000));
    // What stands in the file, and how long a whole run takes.
    let mut current = 0;
    let mut whole = Duration::ZERO;
    let (mut old, mut new) = (0, 0);
    for round in 0..=times {
        let next = round + 1;
        let before = prepare(
            &scene,
            command,
            file,
            &clear(current),
            &clear(next),
            round == 0,
        );
        if round == 0 {
            let run = act(&scene, command).run().succeeds();
            whole = run.took;
            if is_put_back(command) {
                continue;
            }
            current = next;
            continue;
        }
        let mut child = act(&scene, command).start();
        // On a machine that has become busier, a whole run takes longer.
        let reach = if new == 0 {
            1.2 + f64::from(round) * 0.1
        } else {
            1.2
        };
        thread::sleep(whole.mul_f64(chance() * reach));
        child.kill().unwrap();
        child.wait().unwrap();

        let found = scene.bytes(file);
        let is_old = found == before;
        let what = format!("{command}, round {round}");
        let expected = match command {
            "decrypt -i" => {
                let is_whole = is_old || found == clear(current).as_bytes();
                assert!(is_whole, "{what}: {}", String::from_utf8_lossy(&found));
                None
            }
            "encrypt -i" => (!is_old).then_some(current),
            "unset" => {
                let run = scene.cmd(["decrypt", file]).reveals().run().succeeds();
                let is_whole = run.out() == clear(current)
                    || !is_old && run.out() == clear(current).replace("b: 1\n", "");
                assert!(is_whole, "{what}\n{run}");
                None
            }
            _ if is_put_back(command) => Some(current),
            _ => Some(if is_old { current } else { next }),
        };
        if let Some(expected) = expected {
            let run = scene
                .cmd(["decrypt", file])
                .env("SOPS_AGE_KEY", identities("B"));
            let run = run.reveals().run().succeeds();
            assert_eq!(run.out(), clear(expected), "{what}");
            if !is_put_back(command) {
                current = expected;
            }
        }
        if is_old {
            old += 1;
        } else {
            new += 1;
        }
        check_left_overs(&scene, &what, file);
    }
    // The last of them may have been killed while it held a name.
    scene
        .run(&format!("set set.yaml '[\"b\"]' {times}7"))
        .succeeds();
    let left: Vec<String> = scene.files();
    assert!(
        !left.iter().any(|file| file.contains(TEMPORARY)),
        "{left:?}"
    );
    (old, new)
}

/// Whether the file is what it was before each kill, and not what the last one left.
fn is_put_back(command: &str) -> bool {
    !["set", "encrypt --onto", "encrypt --env", "edit"].contains(&command)
}

/// A world with a sealed file for each command.
fn world() -> Scene {
    let scene = Scene::with_age()
        .file(".sops.yaml", format!("creation_rules:\n  - age: {RECIPIENT}\n"))
        .file(
            "clsecrets.yaml",
            "version: 1\nname: n\nenvironments:\n  dev:\n    profile: trackit\n    sealed: encrypted-secrets.yaml\n    clear: input.yaml\n    targets: []\n",
        );
    scene.write(
        "wider.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n"),
    );
    scene.write("set.yaml", "b: 1\n");
    scene.run("encrypt -i set.yaml").succeeds();
    scene
}

/// Puts the files in place; the bytes of the one that is written.
fn prepare(
    scene: &Scene,
    command: &str,
    file: &str,
    current: &str,
    next: &str,
    is_first: bool,
) -> Vec<u8> {
    match command {
        "encrypt -i" => scene.write(file, current),
        "decrypt -i" | "unset" | "rotate -i" | "updatekeys" | "groups add" => {
            // Sealed once, put back each time.
            if is_first {
                scene.write("kept", current);
                let kept = scene.path("kept");
                scene
                    .run("encrypt -i --filename-override kept.yaml kept")
                    .succeeds();
                fs::rename(kept, scene.root().join("home/kept")).unwrap();
            }
            scene.write(file, fs::read(scene.home("kept")).unwrap());
        }
        "set" | "edit" => {
            if is_first {
                scene.write(file, current);
                scene.run(&format!("encrypt -i {file}")).succeeds();
            }
            let value = next.lines().next().unwrap().trim_start_matches("a: ");
            scene.write("input.yaml", if command == "edit" { next } else { value });
        }
        _ => {
            if is_first {
                scene.write("input.yaml", current);
                act(scene, command).run().succeeds();
            }
            scene.write("input.yaml", next);
        }
    }
    scene.bytes(file)
}

fn act<'a>(scene: &'a Scene, command: &str) -> crate::support::Act<'a> {
    match command {
        "set" => scene.cmd([
            "set",
            "set.yaml",
            "[\"a\"]",
            "--raw",
            "--value-file",
            "input.yaml",
        ]),
        "encrypt -i" => scene.cmd(["encrypt", "-i", "clear.yaml"]),
        "decrypt -i" => scene.cmd(["decrypt", "-i", "sealed.yaml"]),
        "edit" => scene
            .cmd(["edit", "edited.yaml"])
            .env("EDITOR", "cp input.yaml"),
        "unset" => scene.cmd(["unset", "unset.yaml", "[\"b\"]"]),
        "rotate -i" => scene.cmd(["rotate", "-i", "rotated.yaml"]),
        "updatekeys" => scene.cmd(["updatekeys", "-y", "--config", "wider.yaml", "ruled.yaml"]),
        "groups add" => scene.cmd([
            "groups",
            "add",
            "-i",
            "--file",
            "grouped.yaml",
            "--age",
            OTHER_RECIPIENT,
        ]),
        "encrypt --onto" => scene.cmd(["encrypt", "--onto", "onto.yaml", "input.yaml"]),
        _ => scene.cmd(["encrypt", "--env", "dev"]),
    }
}

/// Nothing but the file, and what was clear before, holds a value; what is left over is known by
/// its name, and holds one only if the file itself was to.
fn check_left_overs(scene: &Scene, what: &str, file: &str) {
    let mut allowed = vec!["input.yaml".to_owned(), file.to_owned()];
    for left in scene.files() {
        if left.starts_with(TEMPORARY) {
            assert_eq!(
                scene.mode(&left) & 0o077,
                scene.mode(file) & 0o077,
                "{what}"
            );
            if what.starts_with("decrypt -i") {
                allowed.push(left);
            }
        }
    }
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    assert_eq!(scene.leaks(&[CANARY], &allowed), [""; 0], "{what}");
}

/// From 0 to 1.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap()) / f64::from(u32::MAX)
}

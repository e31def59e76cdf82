//! dotenv and INI files on the command line: what is refused, with its line and status, and what the
//! hook says of sealed ones.

use super::RULES;
use crate::support::{RECIPIENT, Scene};

/// Seals a text in place and expects it to be refused and left as it is.
fn refuses(file: &str, cases: &[(&str, &str, i32)]) {
    for (name, text, status) in cases {
        let scene = Scene::with_age().file(".sops.yaml", RULES).file(file, text);
        let run = scene
            .run(&format!("encrypt -i {file}"))
            .fails(*status)
            .stdout("");
        assert!(!run.err().contains("canary"), "{run}");
        run.matches(&scene, &format!("bad-{name}"));
        assert_eq!(scene.read(file), *text);
        assert_eq!(scene.files(), [".sops.yaml", file]);
    }
}

#[test]
fn dotenv_that_cannot_be_sealed_is_refused_with_its_line() {
    refuses(
        "a.env",
        &[
            ("dotenv-no-equals", "A=1\ncanary\n", 2),
            ("dotenv-indented-comment", "A=1\n  # canary\n", 2),
            ("dotenv-sealed-already", "A=1\nsops_x=canary\n", 203),
        ],
    );
}

#[test]
fn ini_that_cannot_be_sealed_is_refused_with_its_line() {
    refuses(
        "a.ini",
        &[
            ("ini-no-delimiter", "[s]\ncanary\n", 2),
            ("ini-no-bracket", "[canary\n", 2),
            ("ini-no-name", "[s]\n = canary\n", 2),
            ("ini-duplicate-key", "[s]\na = canary\na = canary\n", 2),
            ("ini-open-quote", "[s]\na = `canary\nb = 1\n", 2),
            ("ini-mark", "[s]\na = canary#one\n", 2),
            ("ini-backslash", "[s]\na = canary\\\nb = 1\n", 2),
            ("ini-behind-quote", "[s]\na = `canary` ; canary\n", 2),
            ("ini-behind-bracket", "[s] ; canary [x]\n", 2),
            ("ini-sealed-already", "[s]\n[sops]\nx = canary\n", 203),
        ],
    );
}

#[test]
fn broken_metadata_of_a_sealed_file_is_told_when_it_is_opened() {
    for (file, text) in [("a.env", "A=x\n"), ("a.ini", "[s]\na = x\n")] {
        let scene = Scene::with_age().file(file, text);
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} {file}"))
            .succeeds();
        let sealed = scene.read(file);
        scene.write(file, sealed.replace("age__list_0", "age__list_1"));
        scene
            .run(&format!("decrypt {file}"))
            .fails(1)
            .stdout("")
            .stderr_has("a list in the metadata is incomplete");
        scene.sops(&format!("decrypt {file}")).fails(1);
    }
}

#[test]
fn what_a_value_cannot_be_is_told_by_set() {
    let scene = Scene::with_age()
        .file("a.env", "A=x\n")
        .file("a.ini", "[s]\na = x\n");
    for file in ["a.env", "a.ini"] {
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} {file}"))
            .succeeds();
    }
    for (name, file, path, value, status) in [
        ("dotenv-nested", "a.env", "['A']['b']", "\"x\"", 4),
        ("dotenv-null", "a.env", "['A']", "null", 4),
        ("dotenv-map", "a.env", "['B']", "{\"c\": \"x\"}", 4),
        ("dotenv-key", "a.env", "['B=C']", "\"x\"", 4),
        ("dotenv-metadata", "a.env", "['sops_mac']", "\"x\"", 7),
        ("ini-flat", "a.ini", "['a']", "\"x\"", 4),
        ("ini-nested", "a.ini", "['s']['a']['b']", "\"x\"", 4),
        ("ini-section", "a.ini", "['s']", "{\"c\": \"x\"}", 4),
        ("ini-metadata", "a.ini", "['sops']['mac']", "\"x\"", 7),
    ] {
        let before = scene.read(file);
        let run = scene.cmd(["set", file, path, value]).run();
        run.fails(status)
            .stdout("")
            .matches(&scene, &format!("set-{name}"));
        assert_eq!(scene.read(file), before);
    }
    for (file, path, value, read) in [
        ("a.env", "['N']", "5", "5"),
        ("a.env", "['N']", "true", "true"),
        ("a.ini", "['s']['n']", "1.5", "1.5"),
    ] {
        scene.cmd(["set", file, path, value]).run().succeeds();
        let extract = ["decrypt", "--extract", path, file];
        scene.cmd(extract).run().succeeds().stdout(read);
    }
    scene
        .cmd(["set", "a.ini", "['new']", "{\"k\": \"v\", \"n\": 1}"])
        .run()
        .succeeds();
    scene
        .run("decrypt a.ini")
        .succeeds()
        .stdout("[s]\na = x\nn = 1.5\n\n[new]\nk = v\nn = 1\n");
    scene
        .cmd(["decrypt", "--extract", "['new']", "a.ini"])
        .run()
        .succeeds()
        .stdout("k = v\nn = 1\n");
    scene.sops("decrypt a.ini").succeeds();
}

#[test]
fn the_hook_reads_sealed_files_as_such() {
    for (file, text, clear) in [
        ("encrypted-a.env", "A=x\nB=y\n", "B=in clear\nsops_age"),
        ("encrypted-a.ini", "[s]\na = x\n", "b = in clear\n\n[sops]"),
    ] {
        let scene = Scene::with_age().in_git().file(".sops.yaml", RULES);
        scene.write(file, text);
        scene.git("add .").succeeds();
        let refused = scene.run("hook");
        assert_ne!(refused.status, 0, "{refused}");
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} {file}"))
            .succeeds();
        scene.git("add .").succeeds();
        scene.run("hook").succeeds();
        let before = if file.ends_with("env") {
            "sops_age"
        } else {
            "\n[sops]"
        };
        let mixed = scene.read(file).replacen(before, clear, 1);
        scene.write(file, mixed);
        scene.git("add .").succeeds();
        let run = scene.run("hook").fails(1);
        assert!(!run.out().contains("in clear\n"), "{run}");
        run.stdout_has(file);
    }
}

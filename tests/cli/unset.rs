//! `unset`: what goes, what stays, and what is refused.

use super::{differing_lines, sealed};

const CLEAR: &str = "\
# of the user
user: alice
nested:
    password: p4ss
    port: 5432
list:
    - one
    - two
last: x
";

#[test]
fn one_value_goes_and_every_other_token_stays() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    scene
        .run("unset a.yaml '[\"nested\"][\"port\"]'")
        .succeeds()
        .stdout("")
        .stderr("a.yaml: [\"nested\"][\"port\"] is taken out\n");
    let after = scene.read("a.yaml");
    let (gone, new) = differing_lines(&before, &after);
    assert!(gone[0].trim_start().starts_with("port:"), "{gone:?}");
    // The time, if the second is another one, and the MAC.
    assert!(
        new.len() < 3 && gone.len() == new.len() + 1,
        "{gone:?} {new:?}"
    );
    for line in ["unset a.yaml '[\"list\"][0]'", "unset a.yaml '[\"user\"]'"] {
        scene.run(line).succeeds();
    }
    let expected = CLEAR
        .replace("    port: 5432\n", "")
        .replace("    - one\n", "")
        .replace("user: alice\n", "");
    scene.run("decrypt a.yaml").succeeds().stdout(&expected);
    scene.sops("decrypt a.yaml").succeeds().stdout(&expected);
}

#[test]
fn what_nothing_is_left_of_stays_an_empty_collection() {
    let scene = sealed("map:\n    a: 1\nlist:\n    - 1\n");
    scene.run("unset a.yaml '[\"map\"][\"a\"]'").succeeds();
    scene.run("unset a.yaml '[\"list\"][0]'").succeeds();
    let both = "map: {}\nlist: []\n";
    scene.run("decrypt a.yaml").succeeds().stdout(both);
    scene.sops("decrypt a.yaml").succeeds().stdout(both);
    scene.run("unset a.yaml '[\"map\"]'").succeeds();
    scene.run("unset a.yaml '[\"list\"]'").succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout("{}\n");
}

#[test]
fn what_is_not_there_is_a_failure_or_nothing_at_all() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    let run = scene.run("unset a.yaml '[\"missing\"]'").fails(1);
    run.stdout("").matches(&scene, "unset-missing");
    scene
        .run("unset --idempotent a.yaml '[\"missing\"]'")
        .succeeds()
        .stdout("");
    scene.run("unset a.yaml '[\"list\"][2]'").fails(1);
    scene.run("unset a.yaml '[\"user\"][\"deeper\"]'").fails(1);
    assert_eq!(scene.read("a.yaml"), before);
}

#[test]
fn paths_that_make_no_sense_are_refused() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    for path in ["", "[]", "user", "[\"]", "[-1]", "[\"list\"][-1]"] {
        let run = scene.cmd(["unset", "a.yaml", path]).run();
        run.fails(7).stdout("").stderr_lacks("panicked");
    }
    scene
        .run("unset a.yaml '[\"sops\"]'")
        .fails(7)
        .stderr_has("is the metadata of the file");
    scene.run("unset missing.yaml '[\"a\"]'").fails(2);
    assert_eq!(scene.read("a.yaml"), before);
}

#[test]
fn other_formats_lose_a_line_or_an_entry() {
    let scene = sealed(CLEAR)
        .file("b.json", "{\"a\": 1, \"b\": [1, 2], \"c\": 3}\n")
        .file("c.env", "A=1\n# of b\nB=2\nC=3\n")
        .file("d.ini", "[one]\na = 1\nb = 2\n\n[two]\nc = 3\n")
        .file("e.bin", "bytes");
    for (file, path, expected) in [
        ("b.json", "[\"a\"]", "{\"b\": [1, 2], \"c\": 3}\n"),
        ("b.json", "[\"b\"][1]", "{\"b\": [1], \"c\": 3}\n"),
        ("c.env", "[\"B\"]", "A=1\n# of b\nC=3\n"),
        (
            "d.ini",
            "[\"one\"][\"b\"]",
            "[one]\na = 1\n\n[two]\nc = 3\n",
        ),
        ("d.ini", "[\"two\"]", "[one]\na = 1\n\n"),
    ] {
        if !scene.read(file).contains("ENC[") {
            super::seal(&scene, file);
        }
        scene.cmd(["unset", file, path]).run().succeeds();
        scene
            .cmd(["decrypt", file])
            .run()
            .succeeds()
            .stdout(expected);
        scene.sops(&format!("decrypt {file}")).succeeds();
    }
    super::seal(&scene, "e.bin");
    scene
        .run("unset e.bin '[\"data\"]'")
        .fails(4)
        .stderr_has("a binary file is one value");
}

//! What the format cannot notice: the list of `docs/threats.md`, each entry made to a sealed
//! file without its key. An entry that begins to be noticed leaves the list.

use std::fs;

use crate::support::{
    OTHER_RECIPIENT, RECIPIENT, Scene, THIRD_RECIPIENT, fixture, identities, project,
};

const CLEAR: &str = "\
user: alice
# sealed
a_unencrypted: 1.5
b_unencrypted: z
n_unencrypted: 5
empty: \"\"
list:
    - one
    - two
deep:
    er: three
---
second: four
";

/// A change of the sealed text, and what shows that it was opened all the same.
type Change = (&'static str, fn(&str) -> String, &'static str);

const CHANGES: &[Change] = &[
    (
        "the key of a clear value is renamed",
        |text| text.replace("b_unencrypted", "c_unencrypted"),
        "c_unencrypted: z\n",
    ),
    (
        "neighbouring clear values are split otherwise",
        |text| {
            text.replace("a_unencrypted: 1.5", "a_unencrypted: 1")
                .replace("b_unencrypted: z", "b_unencrypted: .5z")
        },
        "b_unencrypted: .5z\n",
    ),
    (
        "a clear value changes its type and not its text",
        |text| text.replace("n_unencrypted: 5", "n_unencrypted: \"5\""),
        "n_unencrypted: \"5\"\n",
    ),
    (
        "a clear value is spelled otherwise",
        |text| text.replace("n_unencrypted: 5", "n_unencrypted: 0x5"),
        "n_unencrypted: 0x5\n",
    ),
    (
        "lists and documents begin and end elsewhere",
        |text| {
            let block = text.get(text.find("sops:").unwrap()..text.find("\n---\n").unwrap() + 1);
            text.replacen("    - ENC", "    - - ENC", 1)
                .replace("deep:\n", &format!("{}---\ndeep:\n", block.unwrap()))
        },
        "    - - one\n    - two\n---\ndeep:\n",
    ),
    (
        "keys with a colon stand for several",
        |text| text.replace("deep:\n    er:", "deep:er:"),
        "deep:er: three\n",
    ),
    (
        "entries without a value come or go",
        |text| text.replace("empty: \"\"\n", "more: null\nmap: {}\nitems: []\n"),
        "more: null\nmap: {}\nitems: []\n",
    ),
    (
        "a sealed comment goes, moves or is repeated",
        |text| {
            let (comment, rest): (Vec<&str>, Vec<&str>) = text
                .split_inclusive('\n')
                .partition(|line| line.starts_with("#ENC["));
            assert_eq!(comment.len(), 1);
            let twice = format!("{0}{0}list:\n", comment[0]);
            rest.concat().replace("list:\n", &twice)
        },
        "empty: \"\"\n# sealed\n# sealed\nlist:\n",
    ),
    (
        "the type of a token changes",
        |text| text.replacen("type:str]", "type:bytes]", 1),
        "user: alice\n",
    ),
    (
        "the rule becomes another that selects the same",
        |text| {
            text.replace(
                "unencrypted_suffix: _unencrypted",
                "unencrypted_suffix: encrypted",
            )
        },
        "user: alice\n",
    ),
    (
        "version, unknown metadata or the spelling of the time change",
        |text| {
            text.replace("version: 3.13.3", "version: 9.9.9")
                .replace("\nsops:\n", "\nsops:\n    unknown: field\n")
                .replace("Z\"\n", "+00:00\"\n")
        },
        "user: alice\n",
    ),
    (
        "the metadata of a later document changes",
        |text| {
            let (first, second) = text.split_once("\n---\n").unwrap();
            let (body, _) = second.split_once("sops:").unwrap();
            format!("{first}\n---\n{body}sops:\n    mac: none\n")
        },
        "---\nsecond: four\n",
    ),
    (
        "recipients come",
        |text| {
            let entry = "    age:\n        - enc: nothing\n          recipient: somebody\n";
            text.replace("    age:\n", entry)
        },
        "user: alice\n",
    ),
];

fn page() -> Vec<String> {
    let text = fs::read_to_string(project("docs/threats.md")).unwrap();
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| change |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned())
        .collect()
}

#[test]
fn the_page_lists_what_is_tested_and_nothing_else() {
    let mut tested: Vec<&str> = CHANGES.iter().map(|(name, ..)| *name).collect();
    // They have tests of their own, because they need two files or several recipients.
    tested.extend([
        "recipients go",
        "`shamir_threshold` changes",
        "the whole file is an older version",
        "the whole file is made anew",
    ]);
    assert_eq!(page(), tested);
}

#[test]
fn each_of_these_changes_is_opened_as_if_nothing_were() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let sealed = scene.read("a.yaml");
    for (name, change, shows) in CHANGES {
        let changed = change(&sealed);
        assert_ne!(changed, sealed, "{name}");
        scene.write("a.yaml", changed);
        let opened = scene.run("decrypt a.yaml").succeeds();
        opened.stdout_has(shows).stdout_has("alice");
    }
}

#[test]
fn a_recipient_that_goes_is_not_noticed_by_the_others() {
    let other = OTHER_RECIPIENT;
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    scene
        .run(&format!("encrypt -i --age {other},{RECIPIENT} a.yaml"))
        .succeeds();
    let sealed = scene.read("a.yaml");
    let (sealed, second) = sealed.split_once("\n---\n").unwrap();
    let (before, rest) = sealed.split_once("        - ").unwrap();
    let (_, ours) = rest.split_once("        - ").unwrap();
    scene.write("a.yaml", format!("{before}        - {ours}\n---\n{second}"));
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    let key = fs::read_to_string(fixture("vectors/keys/age-B.txt")).unwrap();
    let act = scene
        .cmd(["decrypt", "a.yaml"])
        .without("SOPS_AGE_KEY_FILE");
    act.env("SOPS_AGE_KEY", key).run().fails(128);
}

#[test]
fn a_threshold_is_not_noticed_while_enough_groups_open() {
    let groups =
        [RECIPIENT, OTHER_RECIPIENT, THIRD_RECIPIENT].map(|one| format!("{{ age: [{one}] }}"));
    let rule = format!(
        "{{ shamir_threshold: 2, key_groups: [{}] }}",
        groups.join(", ")
    );
    let scene = Scene::holding("ABC")
        .file(".sops.yaml", format!("creation_rules: [{rule}]\n"))
        .file("a.yaml", CLEAR);
    scene.run("encrypt -i a.yaml").succeeds();
    let sealed = scene.read("a.yaml");
    for threshold in ["3", "1", "-1"] {
        let changed = sealed.replace("threshold: 2", &format!("threshold: {threshold}"));
        assert_ne!(changed, sealed);
        scene.write("a.yaml", changed);
        scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
        let alone = scene.cmd(["decrypt", "a.yaml"]);
        alone.env("SOPS_AGE_KEY", identities("A")).run().fails(128);
    }
}

#[test]
fn an_older_version_of_a_file_is_not_noticed() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let old = scene.read("a.yaml");
    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    scene.write("a.yaml", old);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

/// Whoever has only public keys makes a file, and nobody can tell by it.
#[test]
fn a_file_that_somebody_else_has_made_is_not_noticed() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    let command = format!("encrypt -i --age {RECIPIENT} a.yaml");
    scene.run(&command).succeeds();
    let other = CLEAR.replace("alice", "mallory");
    scene.write("a.yaml", &other);
    let words: Vec<&str> = command.split(' ').collect();
    let act = scene.cmd(words).without("SOPS_AGE_KEY_FILE");
    act.run().succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout(other);
}

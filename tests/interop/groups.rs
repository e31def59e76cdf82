//! Key groups, live: the reference opens what we seal for groups and we open what it seals, in every
//! format, with the shares of any of them.

use std::fmt::Write as _;

use crate::servers::moto;
use crate::support::{
    OTHER_RECIPIENT as B, RECIPIENT as A, Run, Scene, THIRD_RECIPIENT as C, identities,
};

/// A text of each format, and the name of its file.
const TEXTS: [(&str, &str); 3] = [
    ("a.yaml", "user: alice\nport: 5432\n"),
    ("a.json", "{\n\t\"user\": \"alice\",\n\t\"port\": 5432\n}\n"),
    ("a.bin", "any bytes\n"),
];

/// Four groups, one of them with what it merges, of which three are needed.
fn rules(kms: &str) -> String {
    format!(
        "creation_rules:\n  - shamir_threshold: 3\n    key_groups:\n      \
         - age: ['{A}', '{A}']\n      \
         - age: ['{B}']\n        merge:\n          - kms: [{{ arn: '{kms}', context: {{ env: dev }} }}]\n      \
         - age: ['{C}']\n      \
         - kms: [{{ arn: '{kms}' }}]\n"
    )
}

fn world() -> (Scene, String) {
    let kms = moto().key("us-east-1");
    let scene = Scene::new()
        .envs(moto().env())
        .file(".sops.yaml", rules(&kms));
    (scene, kms)
}

/// Runs ours, or the reference, with these identities and without AWS if that is said.
fn decrypt(scene: &Scene, is_ours: bool, file: &str, held: &str, with_aws: bool) -> Run {
    let program = if is_ours {
        crate::support::BINARY.into()
    } else {
        crate::support::peer("sops")
    };
    let mut act = scene.other(program, ["decrypt", file]);
    if !held.is_empty() {
        act = act.env("SOPS_AGE_KEY", identities(held));
    }
    if !with_aws {
        act = act
            .without("AWS_ACCESS_KEY_ID")
            .without("AWS_SECRET_ACCESS_KEY");
    }
    act.run()
}

#[test]
fn each_opens_what_the_other_seals_for_groups() {
    let (scene, _) = world();
    for (name, text) in TEXTS {
        scene.write(name, text);
        let (ours, theirs) = (format!("ours-{name}"), format!("theirs-{name}"));
        let sealed = scene.run(&format!("encrypt {name}")).succeeds();
        scene.write(&ours, &sealed.stdout);
        let sealed = scene.sops(&format!("encrypt {name}")).succeeds();
        scene.write(&theirs, &sealed.stdout);
        for (held, with_aws, opens) in [
            ("ABC", false, true),
            ("A", true, true),
            ("", true, false),
            ("AB", false, false),
        ] {
            for is_ours in [true, false] {
                for file in [&ours, &theirs] {
                    let run = decrypt(&scene, is_ours, file, held, with_aws);
                    if opens {
                        run.succeeds().stdout(text);
                    } else {
                        run.fails(128).stdout("");
                    }
                }
            }
        }
    }
}

/// The lines of a sealed file without what chance and the clock decide.
fn form(text: &str) -> String {
    let mut form = String::new();
    let mut is_armor = false;
    for line in text.lines() {
        is_armor |= line.contains("-----BEGIN AGE");
        let start = line.find("ENC[").or_else(|| line.find("AQIC"));
        let value = start.unwrap_or(line.len());
        let is_chance = ["created_at", "lastmodified", "enc:", "\"enc\""]
            .iter()
            .find_map(|key| line.find(key));
        let end = is_chance.unwrap_or(line.len()).min(value);
        if !is_armor {
            let _ = writeln!(form, "{}", &line[..end]);
        }
        is_armor &= !line.contains("-----END AGE");
    }
    form
}

#[test]
fn groups_are_written_line_for_line_as_the_reference_writes_them() {
    let (scene, _) = world();
    for (name, text) in TEXTS {
        scene.write(name, text);
        let ours = scene.run(&format!("encrypt {name}")).succeeds().out();
        let theirs = scene.sops(&format!("encrypt {name}")).succeeds().out();
        assert_eq!(form(&ours), form(&theirs));
        assert!(form(&ours).contains("hc_vault"), "{ours}");
    }
}

#[test]
fn a_value_set_by_one_in_a_file_of_groups_is_read_by_the_other() {
    let (scene, _) = world();
    let scene = scene.env("SOPS_AGE_KEY", identities("AC"));
    scene.write("a.yaml", TEXTS[0].1);
    scene.sops("encrypt --in-place a.yaml").succeeds();
    let read = "decrypt --extract '[\"user\"]' a.yaml";
    scene.run("set a.yaml '[\"user\"]' '\"ours\"'").succeeds();
    scene.sops(read).succeeds().stdout("ours");
    scene
        .sops("set a.yaml '[\"user\"]' '\"theirs\"'")
        .succeeds();
    scene.run(read).succeeds().stdout("theirs");
}

#[test]
fn what_one_refuses_to_share_the_other_refuses_with_the_same_status() {
    let scene = Scene::holding("A").file("a.yaml", "a: b\n");
    let both = format!("[{{ age: [{A}] }}, {{ age: [{B}] }}]");
    for rule in [
        format!("{{ shamir_threshold: 3, key_groups: {both} }}"),
        format!("{{ shamir_threshold: 1, key_groups: {both} }}"),
        format!("{{ shamir_threshold: -2, key_groups: {both} }}"),
        format!("{{ shamir_threshold: two, key_groups: {both} }}"),
        format!("{{ key_groups: [{{ age: [{A}] }}, {{}}] }}"),
        "{ key_groups: [{}] }".to_owned(),
        format!("{{ age: {A}, key_groups: [{{ age: [] }}] }}"),
        format!("{{ key_groups: [{{ age: {A} }}, {{ age: [{B}] }}] }}"),
    ] {
        scene.write(".sops.yaml", format!("creation_rules: [{rule}]\n"));
        scene.sops("encrypt -i a.yaml").fails(1);
        scene.run("encrypt -i a.yaml").fails(1).stdout("");
        assert_eq!(scene.read("a.yaml"), "a: b\n");
    }
    for rule in [
        format!("{{ age: {A}, key_groups: [] }}"),
        format!("{{ age: {A}, key_groups: [null] }}"),
        format!("{{ age: {A}, shamir_threshold: -3 }}"),
        format!("{{ key_groups: [{{ age: ['{A},{B}'] }}, null] }}"),
        format!("{{ age: {C}, key_groups: [{{ merge: [{{ age: [{A}] }}] }}] }}"),
    ] {
        scene.write(".sops.yaml", format!("creation_rules: [{rule}]\n"));
        let theirs = scene.sops("encrypt a.yaml").succeeds().out();
        let ours = scene.run("encrypt a.yaml").succeeds().out();
        assert_eq!(form(&ours), form(&theirs), "{rule}");
    }
}

#[test]
fn a_file_is_as_readable_as_the_reference_finds_it() {
    let (scene, _) = world();
    let groups = format!("[{{ age: [{A}] }}, {{ age: [{B}] }}, {{ age: [{C}] }}]");
    scene.write(
        ".sops.yaml",
        format!("creation_rules: [{{ shamir_threshold: 2, key_groups: {groups} }}]\n"),
    );
    scene.write("a.yaml", TEXTS[0].1);
    let sealed = scene.run("encrypt a.yaml").succeeds().out();
    let threshold = "shamir_threshold: 2";
    let first = sealed.find("        - age:").unwrap();
    for (what, text) in [
        ("as it is", sealed.clone()),
        ("text", sealed.replace(threshold, "shamir_threshold: \"2\"")),
        (
            "hexadecimal",
            sealed.replace(threshold, "shamir_threshold: \"0x2\""),
        ),
        (
            "a fraction",
            sealed.replace(threshold, "shamir_threshold: 2.7"),
        ),
        ("a word", sealed.replace(threshold, "shamir_threshold: two")),
        ("a list", sealed.replace(threshold, "shamir_threshold: [2]")),
        ("true", sealed.replace(threshold, "shamir_threshold: true")),
        (
            "negative",
            sealed.replace(threshold, "shamir_threshold: -1"),
        ),
        ("nothing", sealed.replace(threshold, "shamir_threshold:")),
        ("gone", sealed.replace(&format!("    {threshold}\n"), "")),
        ("too high", sealed.replace(threshold, "shamir_threshold: 4")),
        ("raised", sealed.replace(threshold, "shamir_threshold: 3")),
        (
            "capitals",
            sealed
                .replace("key_groups", "Key_Groups")
                .replace("- age:", "- AGE:"),
        ),
        ("a group without members", {
            let (before, after) = sealed.split_at(first);
            format!("{before}        - age: []\n{after}")
        }),
        ("a null for a group", {
            let (before, after) = sealed.split_at(first);
            format!("{before}        - null\n{after}")
        }),
        (
            "a flat list beside it",
            sealed.replace("    key_groups:", "    pgp: []\n    key_groups:"),
        ),
        (
            "no list",
            sealed.replace("    key_groups:", "    key_groups: x\n    other:"),
        ),
    ] {
        scene.write("sealed.yaml", &text);
        for held in ["AB", "ABC", "C"] {
            let ours = decrypt(&scene, true, "sealed.yaml", held, false);
            let theirs = decrypt(&scene, false, "sealed.yaml", held, false);
            assert_eq!(
                ours.status, theirs.status,
                "{what}, {held}:\n{ours}\n{theirs}"
            );
        }
    }
}

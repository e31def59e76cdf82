//! Files above the size at which a text is read and checked in other ways, in both directions.

use std::fmt::Write as _;

use crate::support::{RECIPIENT, Scene};

/// Maps and lists of strings and other scalars; about 1.3 MB in clear, more when it is sealed.
fn clear() -> String {
    let mut text = String::new();
    for map in 0..2500_u64 {
        let word = format!("w{:032x}", u128::from(map * 7919_u64).pow(5));
        write!(
            text,
            "node_{map}:\n  password: {word}{word}{word}\n  url: 'https://{word}:8080/#{map}'\n  \
             count: {map}\n  ratio: {map}.5\n  hosts:\n  - {word}-a\n  - \"{word} b\"\n  empty:\n\
             \n  nested:\n      on: yes\n      at: 2024-01-02T03:04:05Z\n      word: {word}{word}\n"
        )
        .unwrap();
    }
    // Above the size, so that opening takes these ways, too.
    assert!(text.len() > 1 << 20, "{}", text.len());
    text
}

#[test]
fn a_large_file_passes_from_one_tool_to_the_other_and_back() {
    let scene = Scene::with_age();
    let text = clear();
    scene.write("clear.yaml", &text);
    let sealed = scene
        .run(&format!("encrypt --age {RECIPIENT} clear.yaml"))
        .succeeds();
    scene.write("ours.yaml", &sealed.stdout);
    let opened = scene.run("decrypt ours.yaml").succeeds();
    assert!(opened.out() == text, "other bytes came back");
    let theirs = scene
        .sops("decrypt --output-type json ours.yaml")
        .succeeds();
    let from_ours: serde_json::Value = theirs.json();
    assert_eq!(from_ours["node_2499"]["count"], 2499);
    assert_eq!(from_ours["node_7"]["hosts"].as_array().unwrap().len(), 2);

    let sealed = scene
        .sops(&format!("encrypt --age {RECIPIENT} clear.yaml"))
        .succeeds();
    scene.write("theirs.yaml", &sealed.stdout);
    let opened = scene.run("decrypt theirs.yaml").succeeds();
    assert_eq!(
        opened.out(),
        scene.sops("decrypt theirs.yaml").succeeds().out()
    );
}

#[test]
fn a_value_of_a_large_file_is_set_alone_and_a_change_without_its_key_is_noticed() {
    let scene = Scene::with_age();
    scene.write("clear.yaml", clear());
    scene
        .run(&format!(
            "encrypt --age {RECIPIENT} --output a.yaml clear.yaml"
        ))
        .succeeds();
    let before = scene.read("a.yaml");
    scene
        .run(r#"set a.yaml '["node_1200"]["nested"]["word"]' '"other"'"#)
        .succeeds();
    let after = scene.read("a.yaml");
    let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
    assert_eq!(changed.count(), 3);
    scene
        .sops(r#"decrypt --extract '["node_1200"]["nested"]["word"]' a.yaml"#)
        .succeeds()
        .stdout("other");

    // Two tokens change their places.
    let token = |node: usize| {
        let from = after.find(&format!("node_{node}:\n")).unwrap();
        let start = from + after[from..].find("ENC[").unwrap();
        start..start + after[start..].find('\n').unwrap()
    };
    let (first, second) = (token(10), token(2000));
    let mut swapped = after[..first.start].to_owned();
    swapped += &after[second.clone()];
    swapped += &after[first.end..second.start];
    swapped += &after[first];
    swapped += &after[second.end..];
    scene.write("swapped.yaml", swapped);
    scene
        .run("decrypt swapped.yaml")
        .fails(25)
        .stdout("")
        .stderr_has(r#"["node_10"]["password"]"#);
    // And an empty line does not matter.
    scene.write("moved.yaml", after.replacen("node_5:\n", "\nnode_5:\n", 1));
    scene.run("decrypt moved.yaml").succeeds();
}

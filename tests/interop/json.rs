//! JSON and binary files, both ways, against the reference.

use super::hold_the_same;
use crate::support::{RECIPIENT, Scene, fixture};

#[test]
fn json_that_one_seals_the_other_opens() {
    let sources = fixture("vectors/src");
    let names = [
        "json-types",
        "json-numbers",
        "json-dupkeys",
        "json-escape",
        "json-unenc",
    ];
    let plain = std::fs::read_to_string(fixture("formats/json/plain.json")).unwrap();
    let mut texts = vec![plain];
    for name in names {
        texts.push(std::fs::read_to_string(sources.join(format!("{name}.json"))).unwrap());
    }
    texts.push("{\n  \"a\": \"<&>\\u2028\", \"b\":{}, \"c\": [ ]\r\n}".to_owned());
    let scene = Scene::with_age();
    let mut pairs = Vec::new();
    for text in &texts {
        scene.write("clear.json", text);
        let seal = format!("encrypt --age {RECIPIENT} clear.json");
        scene.write("ours.json", &scene.run(&seal).succeeds().stdout);
        scene.write("theirs.json", &scene.sops(&seal).succeeds().stdout);
        let ours = scene.sops("decrypt ours.json").succeeds().out();
        let theirs = scene.run("decrypt theirs.json").succeeds().out();
        pairs.push((ours, scene.sops("decrypt theirs.json").succeeds().out()));
        pairs.push((theirs, text.clone()));
    }
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    for (is_same, (ours, theirs)) in hold_the_same(&pairs).iter().zip(&pairs) {
        assert!(is_same, "--- one\n{ours}\n--- the other\n{theirs}");
    }
}

#[test]
fn a_new_block_of_metadata_is_written_as_the_reference_writes_it() {
    let scene = Scene::with_age().file("a.json", "{\n\t\"a\": \"x\"\n}\n");
    let shape = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once("\": \"") {
            Some((key, value)) => format!("{key} = {}", value.ends_with(',')),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>()
    };
    let seal = format!("encrypt --age {RECIPIENT} --encrypted-regex ^a$ a.json");
    let ours = scene.run(&seal).succeeds().out();
    let theirs = scene.sops(&seal).succeeds().out();
    assert_eq!(shape(&ours), shape(&theirs));
}

#[test]
fn binary_files_go_both_ways() {
    let scene = Scene::with_age();
    let every: Vec<u8> = (0..=u8::MAX).collect();
    for bytes in [&b""[..], b"text\n", &every, b"{\"a\": 1}"] {
        scene.write("clear", bytes);
        let seal = format!("encrypt --age {RECIPIENT} clear");
        let ours = scene.run(&seal).succeeds();
        let theirs = scene.sops(&seal).succeeds();
        scene.write("ours", &ours.stdout);
        scene.write("theirs", &theirs.stdout);
        scene.sops("decrypt ours").succeeds().stdout(bytes);
        scene.run("decrypt theirs").succeeds().stdout(bytes);
    }
}

#[test]
fn a_value_that_one_sets_the_other_reads() {
    let scene = Scene::with_age().file("a.json", "{\"a\": {\"b\": 1}, \"l\": []}\n");
    let seal = format!("encrypt -i --age {RECIPIENT} a.json");
    scene.run(&seal).succeeds();
    scene
        .run(r#"set a.json '["a"]["c"]' '{"d":["by us",2.0,true]}'"#)
        .succeeds();
    scene.run(r#"set a.json '["a"]["b"]' '"<b>"'"#).succeeds();
    scene
        .sops(r#"decrypt --extract '["a"]["c"]["d"][0]' a.json"#)
        .succeeds()
        .stdout("by us");
    scene
        .run("decrypt a.json")
        .succeeds()
        .stdout("{\"a\": {\"b\": \"<b>\", \"c\": {\"d\": [\"by us\", 2.0, true]}}, \"l\": []}\n");
    for (path, value) in [
        ("[\"l\"][5]", "\"first\""),
        ("[\"l\"][5]", "{\"k\": null}"),
        ("[\"a\"][\"b\"]", "{\"deep\": [1]}"),
    ] {
        scene.cmd(["set", "a.json", path, value]).run().succeeds();
    }
    let opened = "{\"a\": {\"b\": {\"deep\": [1]}, \"c\": {\"d\": [\"by us\", 2.0, true]}}, \
                  \"l\": [\"first\", {\"k\": null}]}\n";
    scene.run("decrypt a.json").succeeds().stdout(opened);
    let theirs = scene.sops("decrypt a.json").succeeds().out();
    assert_eq!(hold_the_same(&[(&theirs, opened)]), [true]);
    scene.sops(r#"set a.json '["n"]' '"by them"'"#).succeeds();
    scene
        .run(r#"decrypt --extract '["n"]' a.json"#)
        .succeeds()
        .stdout("by them");
}

#[test]
fn extracted_parts_are_printed_as_the_reference_prints_them() {
    let text = r#"{"m": {"k<": [1, {}, [], null, "\u2028é"]}, "n": 5, "t": true, "s": "x\n"}"#;
    let scene = Scene::with_age().file("a.json", text);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.json"))
        .succeeds();
    for path in [
        "[\"m\"]",
        "[\"m\"][\"k<\"]",
        "[\"n\"]",
        "[\"t\"]",
        "[\"s\"]",
        "[\"m\"][\"k<\"][1]",
    ] {
        let extract = format!("decrypt --extract '{path}' a.json");
        let theirs = scene.sops(&extract).succeeds().stdout;
        scene.run(&extract).succeeds().stdout(theirs);
    }
}

#[test]
fn comments_that_came_from_yaml_are_named_and_leave_nothing_behind() {
    let yaml =
        "l:\n    # one\n    - 1\n    # two\n    - {a: 1}\n    # three\nm:\n    # four\n    - x\n";
    let scene = Scene::with_age().file("a.yaml", yaml);
    let convert = format!("encrypt --age {RECIPIENT} --output-type json a.yaml");
    let sealed = scene.sops(&convert).succeeds();
    scene.write("a.json", &sealed.stdout);
    let theirs = scene.sops("decrypt a.json").succeeds().stdout;
    scene
        .run("decrypt a.json")
        .succeeds()
        .stdout(theirs)
        .stderr("warning: a.json: comments are left out, since json has none: line 3, 5, 9, 12\n");
    // A write keeps them.
    scene.run(r#"set a.json '["m"][0]' '"y"'"#).succeeds();
    let opened = scene
        .sops("decrypt --output-type yaml a.json")
        .succeeds()
        .out();
    assert!(
        opened.contains("# two") && opened.contains("- \"y\""),
        "{opened}"
    );
}

#[test]
fn a_type_that_json_does_not_have_is_opened_as_a_string_and_bytes_that_it_cannot_hold_are_refused()
{
    let scene = Scene::with_age().file("a.yaml", "t: 2024-01-02\n");
    let convert = format!("encrypt --age {RECIPIENT} --output-type json a.yaml");
    scene.write("a.json", scene.sops(&convert).succeeds().stdout);
    let theirs = scene.sops("decrypt a.json").succeeds().stdout;
    scene.run("decrypt a.json").succeeds().stdout(theirs);

    scene.write("a.yaml", "t: .inf\n");
    scene.write("a.json", scene.sops(&convert).succeeds().stdout);
    scene.sops("decrypt a.json").fails(4);
    scene.run("decrypt a.json").fails(4).stdout("");
}

//! Files whose name tells no format are binary, on every way in and out.

use super::{RULES, seal};
use crate::support::{RECIPIENT, Scene};

const BYTES: &[u8] = b"key\xFF\x00\r\n{";

#[test]
fn a_file_of_an_unknown_extension_is_sealed_whole_and_comes_back() {
    for name in ["id.pem", "prod.yaml.enc", "UPPER.YAML", "plain"] {
        let scene = Scene::with_age().file(name, BYTES);
        seal(&scene, name);
        assert!(
            scene.read(name).starts_with("{\n\t\"data\": \"ENC["),
            "{name}"
        );
        scene
            .run(&format!("decrypt {name}"))
            .succeeds()
            .stdout(BYTES)
            .stderr("");
        scene
            .run(&format!("decrypt --extract '[\"data\"]' {name}"))
            .succeeds()
            .stdout(BYTES);
        scene
            .run(&format!("decrypt --output {name}.clear {name}"))
            .succeeds();
        assert_eq!(scene.bytes(&format!("{name}.clear")), BYTES);
        scene.run(&format!("decrypt -i {name}")).succeeds();
        assert_eq!(scene.bytes(name), BYTES);
    }
}

#[test]
fn a_type_wins_over_the_name() {
    let scene = Scene::with_age().file("a.yaml", BYTES);
    let seal = format!("encrypt --age {RECIPIENT} --input-type binary --output-type binary a.yaml");
    let sealed = scene.run(&seal).succeeds();
    scene.write("a.json", &sealed.stdout);
    scene
        .run("decrypt --input-type binary a.json")
        .succeeds()
        .stdout(BYTES);
    // Read as JSON it is an object with bytes that JSON cannot hold.
    scene.run("decrypt a.json").fails(4).stdout("");
    scene
        .run("decrypt --extract '[\"data\"]' a.json")
        .succeeds()
        .stdout(BYTES);
}

#[test]
fn standard_input_counts_as_binary_but_what_is_sealed_needs_a_name_or_a_type() {
    let scene = Scene::with_age();
    let encrypt = |args: &[&str]| {
        let args = [&["encrypt", "--age", RECIPIENT], args, &["-"]].concat();
        scene.cmd(args).stdin(BYTES).run()
    };
    encrypt(&[]).fails(8).stdout("");
    for args in [["--input-type", "binary"], ["--filename-override", "key"]] {
        let sealed = encrypt(&args).succeeds();
        let opened = scene.cmd(["decrypt", "-"]).stdin(&sealed.stdout).run();
        opened.succeeds().stdout(BYTES);
    }
    scene
        .cmd(["decrypt", "-"])
        .stdin("a: b\n")
        .run()
        .fails(1)
        .stderr_has("standard input counts as binary; add --input-type yaml");
}

#[test]
fn an_unknown_type_is_refused_where_nothing_else_tells_the_format() {
    let scene = Scene::with_age()
        .file("plain", "a: b\n")
        .file("a.yaml", "a: b\n");
    scene
        .run(&format!("encrypt --age {RECIPIENT} --input-type yml plain"))
        .fails(1)
        .stdout("")
        .matches(&scene, "encrypt-unknown-type");
    // As the reference does.
    let named = format!("encrypt --age {RECIPIENT} --input-type yml --output-type yml a.yaml");
    scene.run(&named).succeeds().stdout_has("a: ENC[");
}

#[test]
fn a_rule_about_keys_does_not_leave_a_binary_file_in_clear() {
    let rules = format!("{RULES}    encrypted_regex: ^pass\n");
    let scene = Scene::with_age()
        .file(".sops.yaml", rules)
        .file("key", BYTES);
    scene
        .run("encrypt -i key")
        .succeeds()
        .stderr_has("warning: key: encrypted_regex does not apply to a binary file")
        .stderr_has("key: 1 value sealed, 0 left in clear\n");
    assert!(!scene.read("key").contains("_regex"));
    scene.run("decrypt key").succeeds().stdout(BYTES);
}

#[test]
fn what_is_sealed_is_not_sealed_again() {
    let scene = Scene::with_age().file("key", BYTES);
    seal(&scene, "key");
    let before = scene.bytes("key");
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} key"))
        .fails(203);
    assert_eq!(scene.bytes("key"), before);
    // The reference does it, and what it makes opens twice.
    let twice = scene
        .sops(&format!("encrypt --age {RECIPIENT} key"))
        .succeeds();
    scene.write("twice", &twice.stdout);
    scene.run("decrypt twice").succeeds().stdout(&before);
}

#[test]
fn the_bytes_are_set_at_data_and_nowhere_else() {
    let scene = Scene::with_age().file("key", "");
    seal(&scene, "key");
    for value in ["from empty", "again"] {
        let set = ["set", "key", "[\"data\"]", "--raw", value];
        scene.cmd(set).run().succeeds();
        scene.run("decrypt key").succeeds().stdout(value);
        scene.sops("decrypt key").succeeds().stdout(value);
    }
    let before = scene.bytes("key");
    let set = scene.cmd(["set", "key", "[\"more\"]", "1"]).run();
    set.fails(4).stderr_has("a binary file holds one string");
    assert_eq!(scene.bytes("key"), before);
}

#[test]
fn the_empty_file_is_sealed_and_comes_back_empty() {
    let scene = Scene::with_age().file("key", "");
    seal(&scene, "key");
    assert!(
        scene
            .read("key")
            .starts_with("{\n\t\"data\": \"\",\n\t\"sops\"")
    );
    scene.run("decrypt key").succeeds().stdout("");
}

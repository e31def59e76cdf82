//! `decrypt FILE`: destinations, `--extract`, the MAC.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{CLEAR, line, sealed};
use crate::support::Scene;

#[test]
fn the_cleartext_is_the_bytes_that_were_sealed() {
    let scene = sealed(CLEAR);
    let before = scene.bytes("a.yaml");
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(CLEAR)
        .stderr("");
    assert_eq!(scene.bytes("a.yaml"), before);
    assert_eq!(scene.files(), ["a.yaml"]);
}

#[test]
fn a_new_clear_file_is_private_whatever_the_umask() {
    let scene = sealed(CLEAR);
    scene
        .other(
            "/bin/sh",
            [
                "-c",
                "umask 000 && exec clsecrets decrypt --output clear.yaml a.yaml",
            ],
        )
        .run()
        .succeeds()
        .stdout("")
        .stderr("");
    assert_eq!(scene.read("clear.yaml"), CLEAR);
    assert_eq!(scene.mode("clear.yaml"), 0o600);
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml"]);
}

#[test]
fn in_place_keeps_the_mode() {
    let scene = sealed(CLEAR);
    fs::set_permissions(scene.path("a.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    scene
        .run("decrypt -i a.yaml")
        .succeeds()
        .stdout("")
        .stderr("");
    assert_eq!(scene.read("a.yaml"), CLEAR);
    assert_eq!(scene.mode("a.yaml"), 0o640);
    assert_eq!(scene.files(), ["a.yaml"]);
}

#[test]
fn standard_input_needs_a_name_or_a_type() {
    let scene = sealed(CLEAR);
    let text = scene.bytes("a.yaml");
    for args in [
        ["decrypt", "--filename-override", "x.yaml", "-"].as_slice(),
        &[
            "decrypt",
            "--input-type",
            "yaml",
            "--output-type",
            "yaml",
            "-",
        ],
        &[
            "decrypt",
            "--input-type",
            "yaml",
            "--output-type",
            "yaml",
            "/dev/stdin",
        ],
        &[
            "-d",
            "--input-type",
            "yaml",
            "--output-type",
            "yaml",
            "/dev/stdin",
        ],
    ] {
        scene.cmd(args).stdin(&text).run().succeeds().stdout(CLEAR);
    }
    scene
        .cmd(["decrypt", "-"])
        .stdin(&text)
        .run()
        .fails(1)
        .stdout("");
    scene
        .cmd(["decrypt", "-i", "--filename-override", "x.yaml", "-"])
        .stdin(&text)
        .run()
        .fails(8);
}

#[test]
fn an_extracted_string_is_raw_and_anything_else_is_a_document() {
    let scene = sealed(CLEAR);
    for (path, expected) in [
        ("[\"user\"]", "alice"),
        ("['nested'][\"password\"]", "p4ss#with/odd%chars@16"),
        ("[\"nested\"][\"port\"]", "5432\n"),
        ("[\"list\"][0]", "one"),
        ("[\"list\"][1]", "2\n"),
        ("[\"list\"][2]", "true\n"),
        ("[\"nothing\"]", "null\n"),
        ("[\"empty\"]", ""),
        ("", CLEAR),
    ] {
        scene
            .cmd(["decrypt", "--extract", path, "a.yaml"])
            .run()
            .succeeds()
            .stdout(expected)
            .stderr("");
    }
    for path in ["[\"list\"]", "[\"nested\"]"] {
        let ours = scene.cmd(["decrypt", "--extract", path, "a.yaml"]).run();
        let theirs = scene.sops(&format!("decrypt --extract '{path}' a.yaml"));
        let pairs = [(ours.succeeds().out(), theirs.succeeds().out())];
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(crate::interop::hold_the_same(&pairs), [true], "{pairs:?}");
    }
}

#[test]
fn a_path_that_leads_nowhere_and_one_that_cannot_be_read_differ() {
    let scene = sealed(CLEAR);
    for path in [
        "[\"missing\"]",
        "[\"list\"][7]",
        "[\"user\"][\"deeper\"]",
        "[\"nested\"][0]",
        "[0]",
    ] {
        let run = scene.cmd(["decrypt", "--extract", path, "a.yaml"]).run();
        run.fails(1).stdout("").stderr_has(path);
    }
    for path in [
        "user",
        "[user]",
        "[\"user\"",
        "[]",
        "[\"]",
        "[\"list\"][-1]",
    ] {
        let run = scene.cmd(["decrypt", "--extract", path, "a.yaml"]).run();
        run.fails(91).stdout("").stderr_has("malformed path");
    }
    scene
        .run("decrypt --extract '[\"missing\"]' a.yaml")
        .matches(&scene, "decrypt-extract-missing");
    scene
        .run("decrypt --extract 'nested.port' a.yaml")
        .matches(&scene, "decrypt-extract-malformed");
}

#[test]
fn an_extracted_value_can_go_to_a_private_file() {
    let scene = sealed(CLEAR);
    scene
        .run("decrypt --extract '[\"user\"]' --output user.txt a.yaml")
        .succeeds()
        .stdout("");
    assert_eq!(scene.read("user.txt"), "alice");
    assert_eq!(scene.mode("user.txt"), 0o600);
}

#[test]
fn nothing_is_shown_or_written_before_the_mac_agrees() {
    let scene = sealed("a_unencrypted: one\nsecret: hunter2-canary\n");
    let text = scene.read("a.yaml").replace(": one", ": two");
    scene.write("a.yaml", &text);
    scene.write("clear.yaml", "before\n");

    scene
        .run("decrypt a.yaml")
        .fails(51)
        .stdout("")
        .matches(&scene, "decrypt-wrong-mac");
    scene
        .run("decrypt --extract '[\"secret\"]' a.yaml")
        .fails(51)
        .stdout("");
    scene.run("decrypt -i a.yaml").fails(51).stdout("");
    scene.run("decrypt --output clear.yaml a.yaml").fails(51);
    scene.run("decrypt --output new.yaml a.yaml").fails(51);
    scene.run("set a.yaml '[\"secret\"]' '\"x\"'").fails(51);
    assert_eq!(scene.read("a.yaml"), text);
    assert_eq!(scene.read("clear.yaml"), "before\n");
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml"]);
    assert_eq!(scene.leaks(&["hunter2-canary"], &[]), [""; 0]);

    scene
        .run("decrypt --ignore-mac a.yaml")
        .succeeds()
        .stdout("a_unencrypted: two\nsecret: hunter2-canary\n");
}

#[test]
fn ignore_mac_still_refuses_what_does_not_open() {
    let scene = sealed("a: hunter2\nb: sesame3\n");
    let text = scene.read("a.yaml");
    let (a, b) = (line(&text, "a").to_owned(), line(&text, "b").to_owned());
    let swapped = text.replace(&a, "TMP").replace(&b, &a).replace("TMP", &b);
    scene.write("a.yaml", swapped);
    scene
        .run("decrypt --ignore-mac a.yaml")
        .fails(25)
        .stdout("");
}

#[test]
fn the_form_without_a_subcommand_opens() {
    let scene = sealed(CLEAR);
    scene.run("-d a.yaml").succeeds().stdout(CLEAR);
    scene
        .run("--decrypt --extract '[\"user\"]' a.yaml")
        .succeeds()
        .stdout("alice");
    scene.run("-i -d a.yaml").succeeds().stdout("");
    assert_eq!(scene.read("a.yaml"), CLEAR);
}

#[test]
fn a_missing_file_and_one_that_is_not_sealed_are_named() {
    let scene = Scene::with_age().file("a.yaml", CLEAR).file("dir/x", "");
    scene
        .run("decrypt missing.yaml")
        .fails(100)
        .matches(&scene, "decrypt-missing-file");
    scene
        .run("decrypt a.yaml")
        .fails(1)
        .stdout("")
        .matches(&scene, "decrypt-not-sealed");
    scene
        .run("decrypt --input-type yaml dir")
        .fails(2)
        .stdout("");
    scene.run("decrypt").fails(1).stdout("");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let scene = sealed(&format!("a: {}\n", "x".repeat(1 << 20)));
    let script = "clsecrets decrypt a.yaml | head -c 3";
    scene
        .other("/bin/sh", ["-c", script])
        .run()
        .succeeds()
        .stdout("a: ")
        .stderr("");
}

#[test]
fn without_an_identity_the_recipients_are_named_with_the_next_step() {
    let scene = sealed(CLEAR);
    scene
        .cmd(["decrypt", "a.yaml"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .fails(128)
        .stdout("")
        .matches(&scene, "decrypt-no-identity");
}

#[test]
fn a_device_takes_the_output_as_it_is() {
    let scene = sealed("a: one\n");
    scene
        .run("decrypt --output /dev/null a.yaml")
        .succeeds()
        .stdout("");
    scene
        .run("decrypt --output /dev/stdout a.yaml")
        .succeeds()
        .stdout("a: one\n");
}

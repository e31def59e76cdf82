//! `set FILE PATH`: one value changes, everything else keeps its bytes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::{CLEAR, differing_lines, line, sealed};
use crate::support::{RECIPIENT, Scene};

#[test]
fn an_existing_value_changes_and_nothing_else() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    scene
        .run("set a.yaml '[\"nested\"][\"password\"]' '\"hunter2\"'")
        .succeeds()
        .stdout("")
        .stderr("a.yaml: [\"nested\"][\"password\"] is set\n");
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(CLEAR.replace("p4ss#with/odd%chars@16", "hunter2"));
    let after = scene.read("a.yaml");
    let (old, new) = differing_lines(&before, &after);
    assert_eq!(old.len(), new.len());
    assert!(
        new.iter()
            .all(|line| is_of(line, &["password", "lastmodified", "mac"])),
        "{new:?}"
    );
}

#[test]
fn the_diff_of_one_value_is_its_line_and_two_of_the_metadata() {
    let scene = sealed(CLEAR).in_git();
    // Sealed in an earlier second, so that the time of the change shows.
    let text = scene.read("a.yaml");
    scene.git("add a.yaml").succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    scene.run("set a.yaml '[\"list\"][1]' 3").succeeds();

    let diff = scene.git("diff --unified=0 a.yaml").succeeds().out();
    let of = |sign: &str| -> Vec<String> {
        let lines = diff.lines().filter(|line| line.starts_with(sign));
        let lines = lines.filter(|line| !line.starts_with(&sign.repeat(3)));
        lines
            .map(|line| {
                line[1..]
                    .trim()
                    .split(['E', '"'])
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(of("-"), ["- ", "lastmodified: ", "mac: "], "{diff}");
    assert_eq!(of("+"), ["- ", "lastmodified: ", "mac: "], "{diff}");
    let stat = scene.git("diff --numstat").succeeds().out();
    assert_eq!(stat, "3\t3\ta.yaml\n");
    assert_ne!(scene.read("a.yaml"), text);
    scene
        .sops("decrypt --extract '[\"list\"][1]' a.yaml")
        .succeeds()
        .stdout("3\n");
}

#[test]
fn a_new_key_is_added_at_the_end_of_its_map() {
    let scene = sealed(CLEAR);
    scene.run("set a.yaml '[\"added\"]' '\"new\"'").succeeds();
    scene
        .run("set a.yaml '[\"nested\"][\"more\"]' 7")
        .succeeds();
    scene
        .run("set a.yaml '[\"db\"][\"url\"]' '\"postgres://x\"'")
        .succeeds();
    let text = scene.run("decrypt a.yaml").succeeds().out();
    let expected = CLEAR.replace("    port: 5432\n", "    port: 5432\n    more: 7\n")
        + "added: new\ndb:\n    url: postgres://x\n";
    assert_eq!(text, expected);
    let theirs = scene.sops("decrypt a.yaml").succeeds().out();
    assert!(theirs.contains("added: new\n"), "{theirs}");
}

#[test]
fn values_are_json_and_keep_their_types() {
    for (json, emitted, kind) in [
        ("\"text\"", "text", "str"),
        ("\"5432\"", "5432", "str"),
        ("5432", "5432\n", "int"),
        ("-5", "-5\n", "int"),
        ("9007199254740993", "9007199254740993\n", "int"),
        ("1.5", "1.5\n", "float"),
        ("true", "true\n", "bool"),
        ("\"two\\nlines\\n\"", "two\nlines\n", "str"),
    ] {
        let scene = sealed("a: old\nb: x\n");
        scene
            .cmd(["set", "a.yaml", "[\"a\"]", json])
            .run()
            .succeeds();
        let text = scene.read("a.yaml");
        let token = text.split(",type:").nth(1).unwrap();
        assert!(token.starts_with(&format!("{kind}]")), "{json}: {text}");
        let extract = scene.run("decrypt --extract '[\"a\"]' a.yaml");
        extract.succeeds().stdout(emitted);
        scene
            .sops("decrypt --extract '[\"a\"]' a.yaml")
            .succeeds()
            .stdout(emitted);
    }
}

#[test]
fn a_value_that_is_there_already_is_not_written_again() {
    let scene = sealed(CLEAR);
    let before = scene.bytes("a.yaml");
    let inode = fs::metadata(scene.path("a.yaml")).unwrap().ino();
    for flag in ["", " --idempotent"] {
        scene
            .run(&format!("set{flag} a.yaml '[\"nested\"][\"port\"]' 5432"))
            .succeeds()
            .stdout("")
            .stderr("a.yaml: [\"nested\"][\"port\"] has this value already; nothing was written\n");
    }
    assert_eq!(scene.bytes("a.yaml"), before);
    assert_eq!(fs::metadata(scene.path("a.yaml")).unwrap().ino(), inode);
}

#[test]
fn the_same_digits_as_another_type_are_a_change() {
    let scene = sealed("a: 5432\n");
    scene.run("set a.yaml '[\"a\"]' '\"5432\"'").succeeds();
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("a: \"5432\"\n");
}

#[test]
fn a_value_comes_from_standard_input_or_a_file() {
    let scene = sealed("a: old\n").file("value.json", "\"from a file\"\n");
    let get = |expected: &str| {
        let run = scene.run("decrypt --extract '[\"a\"]' a.yaml").succeeds();
        assert_eq!(run.out(), expected);
    };
    let path = "[\"a\"]";
    let from_stdin = scene.cmd(["set", "a.yaml", path, "--value-stdin"]);
    from_stdin.stdin("\"from a pipe\"\n").run().succeeds();
    get("from a pipe");
    scene
        .cmd(["set", "--value-file", "value.json", "a.yaml", path])
        .run()
        .succeeds();
    get("from a file");
    let raw = scene.cmd(["set", "a.yaml", path, "--value-stdin", "--raw"]);
    raw.stdin("p4ss \"word\"\\n\n").run().succeeds();
    get("p4ss \"word\"\\n");
    scene.write("raw", "several\nlines\n");
    scene
        .cmd(["set", "a.yaml", path, "--value-file", "raw", "--raw"])
        .run()
        .succeeds();
    get("several\nlines");
    scene
        .cmd(["set", "a.yaml", path, "--raw", "true"])
        .run()
        .succeeds();
    get("true");
}

#[test]
fn a_prompt_takes_the_value_as_it_is_and_does_not_show_it() {
    let scene = sealed("a: old\n");
    let shown = scene
        .cmd(["set", "a.yaml", "[\"a\"]", "--prompt"])
        .on_terminal(&[("Value:", "hunter2 \"quoted\"")])
        .run()
        .succeeds();
    assert_eq!(shown.out(), "Value: \na.yaml: [\"a\"] is set\n");
    scene
        .run("decrypt --extract '[\"a\"]' a.yaml")
        .succeeds()
        .stdout("hunter2 \"quoted\"");
    assert_eq!(shown.err(), "");
}

#[test]
fn a_prompt_without_a_terminal_says_how_else() {
    let scene = sealed("a: old\n");
    let before = scene.bytes("a.yaml");
    let without = [
        "--wait",
        "clsecrets",
        "set",
        "a.yaml",
        "[\"a\"]",
        "--prompt",
    ];
    scene
        .other("setsid", without)
        .stdin("hunter2\n")
        .run()
        .fails(1)
        .matches(&scene, "set-prompt-without-terminal");
    assert_eq!(scene.bytes("a.yaml"), before);
}

#[test]
fn a_key_that_a_positive_rule_leaves_in_clear_is_refused_by_name() {
    let scene = Scene::with_age().file("a.yaml", "user: alice\npass: hunter2\n");
    scene
        .run(&format!(
            "encrypt -i --encrypted-regex ^pass --age {RECIPIENT} a.yaml"
        ))
        .succeeds();
    let before = scene.bytes("a.yaml");
    scene
        .run("set a.yaml '[\"token\"]' '\"canary-value\"'")
        .fails(23)
        .stdout("")
        .stderr_lacks("canary-value")
        .matches(&scene, "set-would-stay-clear");
    assert_eq!(scene.bytes("a.yaml"), before);

    scene
        .run("set a.yaml --allow-cleartext '[\"token\"]' '\"meant-in-clear\"'")
        .succeeds();
    assert_eq!(line(&scene.read("a.yaml"), "token"), "meant-in-clear");
    scene
        .run("set a.yaml '[\"password\"]' '\"sesame\"'")
        .succeeds();
    assert!(line(&scene.read("a.yaml"), "password").starts_with("ENC["));
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn an_existing_value_in_clear_stays_in_clear() {
    let scene = Scene::with_age().file("a.yaml", "user: alice\npass: hunter2\n");
    scene
        .run(&format!(
            "encrypt -i --encrypted-regex ^pass --age {RECIPIENT} a.yaml"
        ))
        .succeeds();
    // A new value is cleartext, whether its key is new or not.
    scene
        .run("set a.yaml '[\"user\"]' '\"canary-value\"'")
        .fails(23)
        .stderr_lacks("canary-value")
        .stderr_has("[\"user\"] would stay in clear");
    scene.run("set a.yaml '[\"user\"]' '\"alice\"'").succeeds();
    scene
        .run("set a.yaml --allow-cleartext '[\"user\"]' '\"bob\"'")
        .succeeds()
        .stderr_has("a.yaml: [\"user\"] stays in clear under the file's rule");
    assert_eq!(line(&scene.read("a.yaml"), "user"), "bob");
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("user: bob\npass: hunter2\n");
}

#[test]
fn a_key_with_an_unencrypted_suffix_says_so_itself() {
    let scene = sealed("a: old\n");
    scene
        .run("set a.yaml '[\"note_unencrypted\"]' '\"hello\"'")
        .succeeds();
    assert_eq!(line(&scene.read("a.yaml"), "note_unencrypted"), "hello");
    scene
        .sops("decrypt a.yaml")
        .succeeds()
        .stdout("a: old\nnote_unencrypted: hello\n");
}

#[test]
fn mode_and_link_are_kept() {
    let scene = sealed("a: old\n");
    fs::set_permissions(scene.path("a.yaml"), fs::Permissions::from_mode(0o604)).unwrap();
    std::os::unix::fs::symlink("a.yaml", scene.path("link.yaml")).unwrap();
    scene.run("set link.yaml '[\"a\"]' '\"new\"'").succeeds();
    assert_eq!(scene.mode("a.yaml"), 0o604);
    assert!(scene.path("link.yaml").is_symlink());
    scene.run("decrypt a.yaml").succeeds().stdout("a: new\n");
    assert_eq!(scene.files(), ["a.yaml", "link.yaml"]);
}

#[test]
fn what_cannot_be_set_is_refused_without_a_trace_of_the_value() {
    let scene = sealed(CLEAR).file("clear.yaml", "a: b\n");
    let before = scene.bytes("a.yaml");
    for (name, line, status) in [
        ("set-no-json", "set a.yaml '[\"user\"]' 'canary value'", 7),
        ("set-bad-path", "set a.yaml user '\"canary-value\"'", 7),
        ("set-empty-path", "set a.yaml '' '\"canary-value\"'", 7),
        ("set-index-first", "set a.yaml '[0]' '\"canary-value\"'", 7),
        (
            "set-key-of-list",
            "set a.yaml '[\"list\"][\"x\"]' '\"canary-value\"'",
            7,
        ),
        (
            "set-position-of-map",
            "set a.yaml '[\"nested\"][0]' '\"canary-value\"'",
            7,
        ),
        ("set-no-value", "set a.yaml '[\"user\"]'", 100),
        (
            "set-missing-file",
            "set missing.yaml '[\"user\"]' '\"canary-value\"'",
            2,
        ),
        (
            "set-not-sealed",
            "set clear.yaml '[\"a\"]' '\"canary-value\"'",
            1,
        ),
        (
            "set-two-sources",
            "set a.yaml '[\"user\"]' '\"x\"' --value-stdin",
            1,
        ),
    ] {
        scene
            .run(line)
            .fails(status)
            .stdout("")
            .matches(&scene, name);
    }
    assert_eq!(scene.bytes("a.yaml"), before);
    assert_eq!(scene.read("clear.yaml"), "a: b\n");
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml"]);
}

fn is_of(line: &str, keys: &[&str]) -> bool {
    keys.iter()
        .any(|key| line.trim().starts_with(&format!("{key}: ")))
}

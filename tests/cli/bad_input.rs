//! Input that must not be taken: the status, the message with its line, cause and next step, and
//! that nothing was lost, half written or shown.

use super::{CLEAR, RULES, line, sealed};
use crate::support::{RECIPIENT, Scene};

#[test]
fn text_that_is_no_document_is_refused_with_its_line() {
    for (name, text, status) in [
        ("malformed", "user: alice\n  pass: canary-one\n", 2),
        ("unclosed-quote", "user: \"canary-one\n", 2),
        ("unclosed-flow", "user: [canary-one, two\n", 2),
        ("tab-indent", "user:\n\tpass: canary-one\n", 2),
        (
            "duplicate-key",
            "user: canary-one\npass: x\nuser: canary-two\n",
            2,
        ),
        (
            "duplicate-key-nested",
            "a:\n  b: 1\n  c:\n    d: 1\n    d: canary-one\n",
            2,
        ),
        ("key-number", "user: alice\n5: canary-one\n", 23),
        ("key-bool", "true: canary-one\n", 23),
        ("key-null", "~: canary-one\n", 23),
        ("key-list", "? [a, b]\n: canary-one\n", 2),
        ("top-list", "- canary-one\n", 2),
        ("top-scalar", "canary-one\n", 2),
        ("empty", "", 92),
        ("only-comments", "# canary-one\n# two\n", 2),
        ("no-text", "user: \u{0}canary-one\n", 2),
        ("unknown-tag", "user: !!int canary-one\n", 2),
        (
            "sealed-already",
            "user: alice\nsops:\n    x: canary-one\n",
            203,
        ),
    ] {
        let scene = Scene::with_age()
            .file(".sops.yaml", RULES)
            .file("a.yaml", text);
        let run = scene.run("encrypt -i a.yaml").fails(status).stdout("");
        assert!(!run.err().contains("canary"), "{run}");
        run.matches(&scene, &format!("bad-{name}"));
        assert_eq!(scene.read("a.yaml"), text);
        assert_eq!(scene.files(), [".sops.yaml", "a.yaml"]);
    }
}

#[test]
fn bytes_that_are_no_utf8_are_refused() {
    let scene = Scene::with_age()
        .file(".sops.yaml", RULES)
        .file("a.yaml", b"user: alice\npass: \xff\xfe\n");
    scene
        .run("encrypt -i a.yaml")
        .fails(2)
        .stdout("")
        .matches(&scene, "bad-utf8");
    assert_eq!(scene.bytes("a.yaml"), b"user: alice\npass: \xff\xfe\n");
}

#[test]
fn aliases_of_sealed_values_are_refused_with_their_lines() {
    let text = "a: &x canary-one\nb: *x\n";
    let scene = Scene::with_age()
        .file(".sops.yaml", RULES)
        .file("a.yaml", text);
    let run = scene.run("encrypt -i a.yaml");
    assert_ne!(run.status, 0, "{run}");
    assert!(!run.err().contains("canary"), "{run}");
    run.stdout("").matches(&scene, "bad-alias");
    assert_eq!(scene.read("a.yaml"), text);
}

#[test]
fn recipients_and_rules_that_cannot_be_used_are_refused() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    let age = format!("--age {RECIPIENT}");
    for (name, options, status) in [
        ("no-recipients", String::new(), 1),
        ("arn", "--kms arn:aws:kms:us-east-1".to_owned(), 1),
        ("arn-alias-only", "--kms alias/dev".to_owned(), 1),
        ("age-key", "--age age1nonsense".to_owned(), 1),
        (
            "age-checksum",
            format!("--age {}x", &RECIPIENT[..RECIPIENT.len() - 1]),
            1,
        ),
        (
            "age-secret",
            "--age AGE-SECRET-KEY-1CANARYCANARYCANARY".to_owned(),
            1,
        ),
        (
            "two-rules",
            format!("{age} --encrypted-regex a --unencrypted-suffix _b"),
            8,
        ),
        ("context", format!("{age} --encryption-context app"), 6),
        (
            "context-colons",
            format!("{age} --encryption-context app:a:b"),
            6,
        ),
        ("regex", format!("{age} --encrypted-regex '(pass'"), 1),
        (
            "regex-backreference",
            format!("{age} --encrypted-regex '(a)\\1'"),
            1,
        ),
        (
            "selects-nothing",
            format!("{age} --encrypted-regex ^passwort$"),
            23,
        ),
    ] {
        let run = scene.run(&format!("encrypt -i {options} a.yaml"));
        let run = run.fails(status).stdout("").stderr_lacks("CANARY");
        run.matches(&scene, &format!("bad-{name}"));
        assert_eq!(scene.read("a.yaml"), CLEAR);
    }
    scene
        .run(&format!(
            "encrypt {age} --encrypted-regex ^passwort$ --allow-cleartext a.yaml"
        ))
        .succeeds()
        .stderr("a.yaml: 0 values sealed, 6 left in clear\n");
}

#[test]
fn rules_of_the_configuration_are_held_to_the_same() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    let age = format!("age: {RECIPIENT}");
    for (name, rules, status) in [
        ("malformed", "creation_rules: [\n".to_owned(), 1),
        (
            "two",
            format!(
                "creation_rules:\n  - {age}\n    encrypted_regex: a\n    encrypted_suffix: b\n"
            ),
            1,
        ),
        (
            "regex",
            format!("creation_rules:\n  - {age}\n    encrypted_regex: '(a'\n"),
            1,
        ),
        (
            "path-regex",
            format!("creation_rules:\n  - path_regex: '(a'\n    {age}\n"),
            1,
        ),
        (
            "recipient",
            "creation_rules:\n  - kms: arn:aws:s3:::bucket\n".to_owned(),
            1,
        ),
        (
            "no-recipient",
            "creation_rules:\n  - path_regex: a\n".to_owned(),
            1,
        ),
        (
            "unknown-kind",
            "creation_rules:\n  - gcp_kms: projects/p\n".to_owned(),
            1,
        ),
        (
            "selects-nothing",
            format!("creation_rules:\n  - {age}\n    encrypted_regex: ^passwort$\n"),
            23,
        ),
    ] {
        scene.write(".sops.yaml", rules);
        let run = scene.run("encrypt -i a.yaml").fails(status).stdout("");
        run.matches(&scene, &format!("bad-config-{name}"));
        assert_eq!(scene.read("a.yaml"), CLEAR);
    }
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - {age}\n    encrypted_regex: a\n"),
    );
    scene
        .run("encrypt --unencrypted-suffix _x a.yaml")
        .fails(8)
        .matches(&scene, "bad-config-and-option");
}

#[test]
fn a_sealed_file_that_was_tampered_with_is_refused_without_its_values() {
    let text = "user: alice-canary\npass: hunter2-canary\nnote_unencrypted: hello\n";
    let scene = sealed(text);
    let good = scene.read("a.yaml");
    let (user, pass) = (
        line(&good, "user").to_owned(),
        line(&good, "pass").to_owned(),
    );
    let mac = line(&good, "mac").to_owned();
    let flipped = {
        let (start, at) = pass.split_at("ENC[AES256_GCM,data:".len());
        let (first, rest) = at.split_at(1);
        format!("{start}{}{rest}", if first == "A" { "B" } else { "A" })
    };
    let swapped = good
        .replace(&user, "TMP")
        .replace(&pass, &user)
        .replace("TMP", &pass);
    let time = line(&good, "lastmodified").to_owned();
    for (name, text, status) in [
        ("moved-token", swapped, 25),
        ("changed-token", good.replace(&pass, &flipped), 25),
        ("clear-value", good.replace(&pass, "sesame-canary"), 25),
        ("clear-number", good.replace(&pass, "31415926"), 25),
        (
            "junk-after-token",
            good.replace(&pass, &format!("{pass}sesame-canary")),
            25,
        ),
        (
            "changed-clear-value",
            good.replace(": hello", ": sesame-canary"),
            51,
        ),
        (
            "removed-value",
            good.replace(&format!("pass: {pass}\n"), ""),
            51,
        ),
        (
            "added-clear-value",
            format!("x_unencrypted: sesame-canary\n{good}"),
            51,
        ),
        (
            "missing-mac",
            good.replace(&format!("    mac: {mac}\n"), ""),
            51,
        ),
        ("empty-mac", good.replace(&mac, "\"\""), 51),
        ("other-mac", good.replace(&mac, &user), 51),
        (
            "other-time",
            good.replace(&time, "\"2020-01-01T00:00:00Z\""),
            51,
        ),
        (
            "unquoted-time",
            good.replace(&time, time.trim_matches('"')),
            1,
        ),
        ("no-version", good.replace("    version: 3.13.3\n", ""), 1),
        ("no-entry", good.replace(RECIPIENT, "age1nonsense"), 0),
        ("metadata-no-map", "user: x\nsops: canary\n".to_owned(), 1),
        ("metadata-empty", format!("user: {user}\nsops: {{}}\n"), 1),
        ("two-rules", format!("{good}    encrypted_regex: ^p\n"), 1),
    ] {
        scene.write("a.yaml", &text);
        let run = scene.run("decrypt a.yaml");
        if name == "no-entry" {
            // The name of a recipient is a label: the identity decides.
            run.succeeds();
            continue;
        }
        let run = run.fails(status).stdout("");
        assert!(
            !run.err().contains("canary") && !run.err().contains("31415926"),
            "{run}"
        );
        run.matches(&scene, &format!("tampered-{name}"));
        let set = scene.cmd(["set", "a.yaml", "[\"user\"]", "\"x\""]).run();
        assert_eq!(set.status, status, "{set}");
        assert_eq!(scene.read("a.yaml"), text);
    }
}

#[test]
fn what_is_tolerated_on_reading_is_refused_on_writing() {
    let scene = Scene::with_age().file("a.yaml", "a_unencrypted: hello\nb: sesame\n");
    super::seal(&scene, "a.yaml");
    let token = line(&scene.read("a.yaml"), "b").to_owned();
    let clear = format!("a_unencrypted: \"{token}\"\nb: sesame\n");
    scene.write("b.yaml", &clear);
    let sealed = scene
        .sops(&format!("encrypt --age {RECIPIENT} b.yaml"))
        .succeeds();
    scene.write("b.yaml", &sealed.stdout);
    let run = scene.run("decrypt b.yaml").succeeds();
    assert!(run.out().contains(&token));
    run.stderr("warning: b.yaml: line 1: what looks like a sealed value stands in a clear place\n");
    let before = scene.bytes("b.yaml");
    scene
        .run("set b.yaml '[\"b\"]' '\"new\"'")
        .fails(1)
        .matches(&scene, "tolerated-not-written");
    assert_eq!(scene.bytes("b.yaml"), before);
}

#[test]
fn metadata_that_this_build_does_not_know_survives_a_change() {
    let scene = sealed("a: old\nb: other\n");
    let text = scene.read("a.yaml");
    let unknown =
        "    quantum:\n        - enc: abc\n          id: q-1\n    future_field: [1, two]\n";
    let text = text.replace("    lastmodified:", &format!("{unknown}    lastmodified:"));
    scene.write("a.yaml", &text);
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("a: old\nb: other\n");
    scene.run("set a.yaml '[\"a\"]' '\"new\"'").succeeds();
    let after = scene.read("a.yaml");
    assert!(after.contains(unknown), "{after}");
    scene.write("clear.yaml", "a: newer\nb: other\n");
    scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
    let after = scene.read("a.yaml");
    assert!(after.contains(unknown), "{after}");
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("a: newer\nb: other\n");
    let newer = scene
        .read("a.yaml")
        .replace("version: 3.13.3", "version: 99.0.0");
    scene.write("a.yaml", newer);
    scene.run("set a.yaml '[\"a\"]' '\"x\"'").succeeds();
    assert_eq!(line(&scene.read("a.yaml"), "version"), "99.0.0");
}

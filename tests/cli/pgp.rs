//! PGP recipients with the real `gpg`, and files that go to the reference tool and come from it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{CLEAR, line};
use crate::support::{RECIPIENT, Scene, fixture, program};

/// The throwaway key of the fixtures, its older subkey and its newer one.
const KEY: &str = "465E5CB8B196081DE3B3B68B09CD34BAB5B7FA71";
const OLDER: &str = "F0D08344BFC770546BD724AD9DF58C0CEC74F5C0";
const NEWER: &str = "A0BBFAE3B98D01FB1B79ADD9500C7EDB9C253C2F";

/// A world with a key ring; its agent ends with it.
struct Ring(Scene);

impl Ring {
    /// With nothing in it.
    fn empty() -> Self {
        assert!(
            program("gpg").is_some(),
            "gpg is not installed: apt-get install gnupg"
        );
        let scene = Scene::new().file("a.yaml", CLEAR);
        let home = scene.home("ring");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        let home = home.display().to_string();
        Self(scene.env("GNUPGHOME", home))
    }

    /// With the throwaway key.
    fn new() -> Self {
        let ring = Self::empty();
        let key = fixture("keys/pgp/throwaway.asc").display().to_string();
        ring.gpg(&["--import", &key]);
        ring
    }

    fn gpg(&self, arguments: &[&str]) -> String {
        let quiet = ["--batch", "--quiet", "--yes"].iter().chain(arguments);
        self.0.other("gpg", quiet).run().succeeds().out()
    }

    /// The subkey that the wrapped key of a sealed text is for.
    fn subkey_of(&self, sealed: &str) -> String {
        let armored = sealed
            .lines()
            .skip_while(|line| !line.contains("BEGIN PGP"))
            .map(str::trim)
            .take_while(|line| !line.contains("END PGP"));
        let message = armored.collect::<Vec<_>>().join("\n") + "\n-----END PGP MESSAGE-----\n";
        let list = ["--batch", "--list-only", "--list-packets"];
        let packets = self
            .0
            .other("gpg", list)
            .stdin(message)
            .run()
            .succeeds()
            .out();
        let (_, id) = packets.split_once("keyid ").unwrap();
        id.split_whitespace().next().unwrap().to_owned()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.0.other("gpgconf", ["--kill", "gpg-agent"]).run();
    }
}

#[test]
fn a_pgp_key_seals_and_opens_and_so_does_the_reference_with_it() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    scene
        .run(&format!("encrypt -i --pgp {KEY} a.yaml"))
        .succeeds();
    let text = scene.read("a.yaml");
    assert_eq!(line(&text, "fp"), KEY);
    assert!(line(&text, "- created_at").starts_with("\"20"));
    assert!(text.contains("-----BEGIN PGP MESSAGE-----"));
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(CLEAR)
        .stderr("");
    let theirs = scene.sops("decrypt a.yaml").succeeds().out();

    scene.run("set a.yaml '[\"user\"]' '\"bob\"'").succeeds();
    assert_eq!(
        scene
            .sops("decrypt --extract '[\"user\"]' a.yaml")
            .succeeds()
            .out(),
        "bob"
    );

    scene.write("b.yaml", CLEAR);
    scene
        .sops(&format!("encrypt -i --pgp {KEY} b.yaml"))
        .succeeds();
    scene.run("decrypt b.yaml").succeeds().stdout(&theirs);
    for (from, to) in [
        ("json", "b.json"),
        ("dotenv", "b.env"),
        ("ini", "b.ini"),
        ("binary", "b.bin"),
    ] {
        scene.write(to, "{}");
        let clear = match from {
            "json" => "{\n\t\"a\": \"x\"\n}\n",
            "ini" => "[s]\na = x\n",
            "dotenv" => "a=x\n",
            _ => "x",
        };
        scene.write(to, clear);
        scene
            .sops(&format!("encrypt -i --pgp {KEY} {to}"))
            .succeeds();
        scene.run(&format!("decrypt {to}")).succeeds().stdout(clear);
        scene.write(to, clear);
        scene
            .run(&format!("encrypt -i --pgp {KEY} {to}"))
            .succeeds();
        scene
            .sops(&format!("decrypt {to}"))
            .succeeds()
            .stdout(clear);
    }
}

#[test]
fn a_file_of_the_fixtures_opens() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    fs::copy(fixture("keys/pgp/sealed.yaml"), scene.path("s.yaml")).unwrap();
    scene
        .run("decrypt s.yaml")
        .succeeds()
        .stdout("user: alice\npass: hunter2\n");
}

#[test]
fn a_subkey_is_meant_alone_with_a_mark_and_else_the_newest_is_taken() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    let sealed = |fp: &str| {
        let text = scene
            .cmd(["encrypt", "--pgp", fp, "a.yaml"])
            .run()
            .succeeds()
            .out();
        scene.write("s.yaml", &text);
        scene.run("decrypt s.yaml").succeeds().stdout(CLEAR);
        scene.sops("decrypt s.yaml").succeeds();
        ring.subkey_of(&text)
    };
    assert!(NEWER.ends_with(&sealed(KEY)));
    assert!(OLDER.ends_with(&sealed(&format!("{OLDER}!"))));
    assert!(NEWER.ends_with(&sealed(OLDER)));
    let spaced: Vec<&str> = (0..10).map(|at| &KEY[at * 4..at * 4 + 4]).collect();
    let run = scene
        .cmd(["encrypt", "--pgp", &spaced.join(" "), "a.yaml"])
        .run();
    assert_eq!(line(&run.succeeds().out(), "fp"), KEY);
}

#[test]
fn the_variable_and_the_rules_name_pgp_keys_as_well() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    let run = scene
        .cmd(["encrypt", "a.yaml"])
        .env("SOPS_PGP_FP", KEY)
        .run();
    assert_eq!(line(&run.succeeds().out(), "fp"), KEY);
    for rule in [
        format!("pgp: {KEY}\n    age: {RECIPIENT}"),
        format!("pgp:\n      - {KEY}\n    age:\n      - {RECIPIENT}"),
        format!("key_groups:\n      - pgp: [{KEY}]\n        age: [{RECIPIENT}]"),
    ] {
        scene.write(".sops.yaml", format!("creation_rules:\n  - {rule}\n"));
        let ours = scene.run("encrypt a.yaml").succeeds().out();
        assert_eq!(line(&ours, "fp"), KEY, "{rule}");
        assert_eq!(line(&ours, "recipient"), RECIPIENT);
        let kinds = |text: &str| text.find("pgp:").unwrap() > text.find("age:").unwrap();
        assert_eq!(
            kinds(&ours),
            kinds(&scene.sops("encrypt a.yaml").succeeds().out())
        );
        scene.write("s.yaml", &ours);
        scene.run("decrypt s.yaml").succeeds().stdout(CLEAR);
    }
}

#[test]
fn groups_of_pgp_and_age_share_the_data_key_and_recipients_can_be_added() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    let rules = format!(
        "creation_rules:\n  - key_groups:\n      - pgp: [{KEY}]\n      - age: [{RECIPIENT}]\n"
    );
    scene.write(".sops.yaml", rules);
    scene.run("encrypt --output s.yaml a.yaml").succeeds();
    let alone = scene.run("decrypt s.yaml").fails(128);
    alone.stderr_has(&format!("group 1  opened by {KEY}"));
    let identity = crate::support::identities("A");
    let decrypt = scene.cmd(["decrypt", "s.yaml"]);
    decrypt
        .env("SOPS_AGE_KEY", &identity)
        .run()
        .succeeds()
        .stdout(CLEAR);
    let theirs = scene.other(crate::support::peer("sops"), ["decrypt", "s.yaml"]);
    theirs.env("SOPS_AGE_KEY", &identity).run().succeeds();

    fs::remove_file(scene.path(".sops.yaml")).unwrap();
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let rotate = scene.cmd(["rotate", "-i", "--add-pgp", KEY, "a.yaml"]);
    rotate.env("SOPS_AGE_KEY", &identity).run().succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene
        .run(&format!("rotate -i --rm-pgp {KEY} a.yaml"))
        .succeeds();
    scene.run("decrypt a.yaml").fails(128);
}

#[test]
fn another_program_can_stand_for_gpg_and_sees_no_value() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    let wrapper = scene.home("my-gpg");
    fs::write(
        &wrapper,
        "#!/bin/sh\necho \"$@\" >>\"$HOME/calls\"\nexec gpg \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let with = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        scene
            .cmd(words)
            .env("SOPS_GPG_EXEC", wrapper.display().to_string())
            .run()
    };
    with(&format!("encrypt -i --pgp {KEY} a.yaml")).succeeds();
    with("decrypt a.yaml").succeeds().stdout(CLEAR);
    let calls = fs::read_to_string(scene.home("calls")).unwrap();
    assert_eq!(calls.lines().count(), 2, "{calls}");
    let missing = scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_GPG_EXEC", "/nowhere/gpg")
        .run();
    missing
        .fails(128)
        .stderr_has("cannot run /nowhere/gpg: no such file")
        .stderr_has("hint: install GnuPG, or set SOPS_GPG_EXEC to its program");
}

#[test]
fn a_key_that_is_not_there_and_one_that_is_expired_are_told_apart() {
    let ring = Ring::new();
    let Ring(scene) = &ring;
    let before = scene.bytes("a.yaml");
    let absent = "0123456789ABCDEF0123456789ABCDEF01234567";
    scene
        .run(&format!("encrypt -i --pgp {KEY},{absent} a.yaml"))
        .fails(1)
        .stdout("")
        .matches(scene, "pgp-absent");
    ring.gpg(&[
        "--faked-system-time",
        "20200101T000000",
        "--passphrase",
        "",
        "--quick-gen-key",
        "old@example.com",
        "rsa2048",
        "default",
        "20200301T000000",
    ]);
    let listed = ring.gpg(&["--list-keys", "--with-colons", "old@example.com"]);
    let mut fields = listed
        .lines()
        .filter_map(|line| line.strip_prefix("fpr:::::::::"));
    let expired = fields.next().unwrap().trim_end_matches(':');
    let run = scene.run(&format!("encrypt -i --pgp {expired} a.yaml"));
    run.fails(1).stderr_has("its key is expired or revoked");
    assert_eq!(scene.bytes("a.yaml"), before);

    scene
        .run(&format!("encrypt -i --pgp {KEY} a.yaml"))
        .succeeds();
    let sealed = scene.read("a.yaml");
    let empty = Ring::empty();
    empty.0.write("a.yaml", &sealed);
    empty
        .0
        .run("decrypt a.yaml")
        .fails(128)
        .stdout("")
        .matches(&empty.0, "pgp-no-secret-key");
    let broken = sealed.replacen(
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN PGP NOTHING-----",
        1,
    );
    scene.write("a.yaml", broken);
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stderr_has("its wrapped key is no OpenPGP message");
}

#[test]
fn what_is_no_fingerprint_is_refused() {
    let scene = Scene::new().file("a.yaml", CLEAR);
    for (name, fp) in [
        ("short", "B5B7FA71"),
        ("mail", "me@example.com"),
        ("option", "--output"),
    ] {
        let run = scene
            .cmd(["encrypt", &format!("--pgp={fp}"), "a.yaml"])
            .run();
        run.fails(1)
            .stdout("")
            .matches(&scene, &format!("bad-pgp-{name}"));
    }
}

#[test]
fn a_passphrase_that_nobody_can_be_asked_for_ends_and_says_so() {
    let ring = Ring::empty();
    let Ring(scene) = &ring;
    let make = [
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "hunter2-5150",
    ];
    let make: Vec<&str> = make
        .into_iter()
        .chain([
            "--quick-gen-key",
            "locked@example.com",
            "default",
            "default",
            "never",
        ])
        .collect();
    ring.gpg(&make);
    let listed = ring.gpg(&["--list-keys", "--with-colons", "locked@example.com"]);
    let mut fields = listed
        .lines()
        .filter_map(|line| line.strip_prefix("fpr:::::::::"));
    let locked = fields.next().unwrap().trim_end_matches(':').to_owned();
    scene
        .run(&format!("encrypt -i --pgp {locked} a.yaml"))
        .succeeds();
    scene
        .other("gpgconf", ["--kill", "gpg-agent"])
        .run()
        .succeeds();
    // A pinentry that is not there stands for one that has no terminal.
    fs::write(
        scene.home("ring/gpg-agent.conf"),
        "pinentry-program /nowhere/pinentry\n",
    )
    .unwrap();
    let run = scene.run("decrypt a.yaml").fails(128);
    run.stderr_has("gpg has its key and could not use it: nobody could be asked for a passphrase")
        .stderr_has("hint: export GPG_TTY=$(tty)");

    scene
        .other("gpgconf", ["--kill", "gpg-agent"])
        .run()
        .succeeds();
    fs::write(scene.home("ring/pass"), "hunter2-5150\n").unwrap();
    let options = format!(
        "pinentry-mode loopback\npassphrase-file {}\nbatch\n",
        scene.home("ring/pass").display()
    );
    fs::write(scene.home("ring/gpg.conf"), options).unwrap();
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

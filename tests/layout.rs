//! The layout of a clear text, kept in the metadata where the sealed text does not tell it: every byte
//! comes back, whatever is done with the file meanwhile, and nothing else than what it holds.

use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene};

/// What a token does not say, in every way that files have it.
const TEXT: &str = "\
# a chart
description: one text
  in several
  lines
version: 0755
ratio: 1.50
enabled: True
day: 2024-01-02
items: [a, b, \"c\"]
folded: >
  one
  two

block: |+
  text

quoted: \"caf\\u00e9\"
list:
    - a text
      on two lines
    - plain # behind
last: >-

  end


";

fn sealed(scene: &Scene, file: &str, text: &str) -> String {
    scene.write(file, text);
    let line = format!("encrypt -i --age {RECIPIENT} {file}");
    scene.run(&line).succeeds();
    scene.read(file)
}

fn token(sealed: &str) -> &str {
    let start = sealed.find("clsecrets_layout").expect("a layout");
    let start = start + sealed[start..].find("ENC[").unwrap();
    &sealed[start..=start + sealed[start..].find(']').unwrap()]
}

fn opens_to(scene: &Scene, file: &str, text: &str) {
    let opened = scene.run(&format!("decrypt {file}")).succeeds();
    assert_eq!(String::from_utf8_lossy(&opened.stdout), text);
    assert!(!opened.err().contains("layout"), "{opened}");
}

#[test]
fn every_byte_comes_back_in_every_format() {
    let scene = Scene::with_age();
    for (file, text) in [
        ("a.yaml", TEXT),
        ("b.yaml", "a: b\n...\n"),
        ("c.yaml", "a: [b, {c: d}, 1.0]\r\nb: one\r\n  two\r\n"),
        ("d.yaml", "{a: b,\n c: 0o7, d: 1_000}"),
        ("a.json", "{\"a\": 1.50, \"b\": -0, \"c\": \"\\u00e9\\/\"}"),
        ("b.json", "\u{feff}{\"a\": \"b\"}\n"),
        ("a.ini", "\u{feff}[a]\nb = c\n"),
        ("b.ini", "; one   \n; two\t\n[a]\nb = c\n"),
    ] {
        let sealed = sealed(&scene, file, text);
        opens_to(&scene, file, text);
        assert!(
            sealed.contains("clsecrets_layout") || file == "b.yaml",
            "{sealed}"
        );
        assert!(!sealed.contains("several"), "{sealed}");
    }
}

#[test]
fn a_file_that_needs_no_layout_has_none() {
    let scene = Scene::with_age();
    for (file, text) in [
        ("a.yaml", "# c\na: b\n\nlist:\n- 'c'\n- \"d\"\nn: 5\n"),
        ("a.json", "{\"a\": 1.5, \"b\": [true, null]}\n"),
        ("a.env", "# c\n\nA=b\nB=\"c\"\n"),
        ("a.ini", "; c\n[a]\nb   = c\n\n"),
        ("a.txt", "anything\u{0}"),
    ] {
        let sealed = sealed(&scene, file, text);
        assert!(!sealed.contains("clsecrets_layout"), "{sealed}");
        opens_to(&scene, file, text);
    }
}

#[test]
fn writes_carry_the_layout_over_what_they_change() {
    let scene = Scene::with_age();
    let before = sealed(&scene, "a.yaml", TEXT);
    scene.run("set a.yaml '[\"ratio\"]' 2.25").succeeds();
    let text = TEXT.replace("1.50", "2.25");
    opens_to(&scene, "a.yaml", &text);
    scene.run("set a.yaml '[\"new\"]' '\"value\"'").succeeds();
    scene.run("unset a.yaml '[\"day\"]'").succeeds();
    let text = text.replace("day: 2024-01-02\n", "");
    let opened = scene.run("decrypt a.yaml").succeeds();
    let opened = String::from_utf8_lossy(&opened.stdout).into_owned();
    assert_eq!(opened.replace("new: value\n", ""), text);
    scene.run("unset a.yaml '[\"new\"]'").succeeds();
    opens_to(&scene, "a.yaml", &text);
    // What nobody has changed keeps its token; so does the layout where nothing changes.
    let now = scene.read("a.yaml");
    let line = |sealed: &str| {
        sealed
            .lines()
            .find(|line| line.starts_with("block"))
            .map(str::to_owned)
    };
    assert_eq!(line(&before), line(&now));
    scene.run("rotate -i a.yaml").succeeds();
    assert_ne!(token(&scene.read("a.yaml")), token(&now));
    opens_to(&scene, "a.yaml", &text);
}

#[test]
fn other_recipients_leave_the_layout_as_it_is() {
    let scene = Scene::with_age();
    let before = sealed(&scene, "a.yaml", TEXT);
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n"),
    );
    scene.run("updatekeys -y a.yaml").succeeds();
    let after = scene.read("a.yaml");
    assert!(after.contains(OTHER_RECIPIENT), "{after}");
    assert_eq!(token(&before), token(&after));
    opens_to(&scene, "a.yaml", TEXT);
}

#[test]
fn sealing_onto_a_file_takes_the_new_layout_and_writes_nothing_where_nothing_changed() {
    let scene = Scene::with_age();
    let before = sealed(&scene, "a.yaml", TEXT);
    scene.write("clear.yaml", TEXT);
    let onto = "encrypt --onto a.yaml clear.yaml";
    scene.run(onto).succeeds();
    assert_eq!(scene.read("a.yaml"), before);
    // A change of the layout alone is one.
    let text = TEXT.replace("in several\n  lines", "in\n  several lines");
    scene.write("clear.yaml", &text);
    scene.run(onto).succeeds();
    opens_to(&scene, "a.yaml", &text);
    let text = text.replace("a text\n", "another\n");
    scene.write("clear.yaml", &text);
    scene.run(onto).succeeds();
    opens_to(&scene, "a.yaml", &text);
}

#[test]
fn a_layout_of_another_text_is_not_used_and_that_is_said() {
    let scene = Scene::with_age();
    let before = sealed(&scene, "a.yaml", TEXT);
    let own = token(&before).to_owned();
    // An older one of the same file.
    scene.run("set a.yaml '[\"enabled\"]' false").succeeds();
    let now = scene.read("a.yaml");
    let broken = own.replace("data:", "data:AAAA");
    for other in [own.as_str(), &broken, "", "hunter2", "ENC[x]"] {
        scene.write("a.yaml", now.replace(token(&now), other));
        let opened = scene.run("decrypt a.yaml").succeeds();
        let opened = opened.stdout_has("description: one text in several lines\nversion: 493\n");
        let says = opened
            .err()
            .contains("the layout that it keeps was made for another text");
        assert!(says, "{opened}");
        assert!(!opened.err().contains("hunter2"), "{opened}");
        // The next write takes it away.
        scene.run("set a.yaml '[\"version\"]' 1").succeeds();
        assert!(!scene.read("a.yaml").contains("clsecrets_layout"));
    }
    // A comment that somebody has put in by hand: all of the layout goes, never a part of it.
    let changed = now.replacen("description:", "# by hand\ndescription:", 1);
    scene.write("a.yaml", changed);
    let opened = scene.run("decrypt a.yaml");
    opened.stdout_has("description: one text in several lines\nversion: 493\n");
}

#[test]
fn the_reference_reads_the_file_and_drops_the_layout() {
    let scene = Scene::with_age();
    for (file, text, value) in [
        ("a.yaml", TEXT, "[\"version\"]"),
        ("a.json", "{\"version\": 493, \"a\": 1.50}", "[\"version\"]"),
        (
            "a.ini",
            "\u{feff}[a]\nversion = 493\n",
            "[\"a\"][\"version\"]",
        ),
    ] {
        sealed(&scene, file, text);
        let ours = scene
            .run(&format!("decrypt --extract '{value}' {file}"))
            .succeeds();
        let theirs = scene
            .sops(&format!("decrypt --extract '{value}' {file}"))
            .succeeds();
        assert_eq!(ours.stdout, theirs.stdout);
        scene
            .sops(&format!("set {file} '{value}' '\"5\"'"))
            .succeeds();
        assert!(!scene.read(file).contains("clsecrets_layout"));
        let ours = scene
            .run(&format!("decrypt --extract '{value}' {file}"))
            .succeeds();
        assert_eq!(ours.stdout, b"5");
    }
}

#[test]
fn a_merge_takes_the_layout_of_both_sides() {
    let scene = Scene::with_age().in_git();
    scene.run("git setup a.yaml").succeeds();
    let text = "first: one\n  two\na: 1\nb: 1\nc: 1\nd: 1\nlast: 0755\n";
    sealed(&scene, "a.yaml", text);
    scene.git("add .").succeeds();
    scene.git("commit -qm base").succeeds();
    scene.git("checkout -qb other").succeeds();
    scene.write("clear.yaml", text.replace("a: 1\n", "a: three\n  four\n"));
    scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
    scene.git("commit -qam other").succeeds();
    scene.git("checkout -q main").succeeds();
    scene.run("set a.yaml '[\"d\"]' 2").succeeds();
    scene.git("commit -qam ours").succeeds();
    scene.git("merge -q other").succeeds();
    let merged = text
        .replace("a: 1\n", "a: three\n  four\n")
        .replace("d: 1", "d: 2");
    opens_to(&scene, "a.yaml", &merged);
}

#[test]
fn comments_that_other_tools_lose_are_sealed_with_the_layout_and_named() {
    let scene = Scene::with_age();
    let text = "a: [ # hunter2\n  x ]\nb: one\n  two\n\nc: d\n";
    scene.write("a.yaml", text);
    let run = scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let _ = run.stderr_has("line 1");
    let leaks = scene.leaks(&["hunter2"], &[]);
    assert!(leaks.is_empty(), "{leaks:?}");
    opens_to(&scene, "a.yaml", text);
    scene.run("set a.yaml '[\"c\"]' '\"e\"'").succeeds();
    opens_to(&scene, "a.yaml", &text.replace("c: d", "c: e"));
    // Sealed onto: the comment stays where it is.
    scene.write("clear.yaml", text);
    scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
    opens_to(&scene, "a.yaml", text);
}

#[test]
fn the_cleartext_in_any_hand_is_the_one_that_was_sealed() {
    let scene = Scene::with_age();
    sealed(&scene, "a.yaml", TEXT);
    let run = scene.run("exec-file a.yaml 'cat {}'").succeeds();
    assert_eq!(String::from_utf8_lossy(&run.stdout), TEXT);
    // An editor that changes one value, with and without the metadata.
    for (words, value) in [("", "2.5"), ("--show-master-keys", "3.5")] {
        let now = scene.run("decrypt a.yaml").succeeds();
        let now = String::from_utf8(now.stdout.clone()).unwrap();
        let edit = scene.cmd(
            ["edit", words, "a.yaml"]
                .into_iter()
                .filter(|word| !word.is_empty()),
        );
        let editor = format!("sed -i 's/^ratio: .*/ratio: {value}/'");
        edit.env("EDITOR", editor).run().succeeds();
        let expected: String = now
            .lines()
            .map(|line| {
                if line.starts_with("ratio:") {
                    format!("ratio: {value}\n")
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        opens_to(&scene, "a.yaml", &expected);
    }
}

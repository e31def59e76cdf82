//! Comments that the reference loses or moves in a round trip of its own: of its files we give back
//! what it gives back, of ours it gives back the same, and of ours we give back every byte.

use crate::support::{RECIPIENT, Scene};

fn comments(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once("# "))
        .map(|(_, comment)| comment.to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn what_the_reference_loses_of_its_own_files_is_lost_nowhere_else() {
    let scene = Scene::with_age();
    for text in [
        "a: {}  # one\nb: 1\n",
        "a:\n  b: {} # one\n  # two\n  c: 1\n",
        "a:\n- b: {} # one\n  # two\n\n  # three\n- c: {} # four\nd: 1\n",
        "a: {} # one\n---\nb: {}\t# two\nc: 1\n",
        "a:\r\n  b: {} # one\r\nc: 1\r\n",
        "a:\n  # one\n  - b: 1 # two\n    c: 2\n  - d\n",
        "a:\n# one\n# two\n- b: 1 # three\n",
        "a:\n  # one\n  - - b # two\n    - c\n",
        "a:\n  # one\n  - # two\n    - b\n",
        "a:\n  - # one\n    b: 1\n  # two\n  - c: 1 # three\n",
        "a:\n  - # one\n    - b: 1 # two\n",
        "a: [] # one\nb:\n  # two\n  - c: {} # three\n",
        "a: [] # one\n# two\nb: 1\n",
        "a: [] # one\nb: 1 # two\n",
        "a: [] # one\nb: 1\nc: [] # two\n\n# three\n",
        "a:\n  b: [] # one\n  # two\n\n  # three\n  c: 1\nd: []\n# four\ne: 2\n",
    ] {
        for rule in [
            "",
            "--encrypted-regex '^[cd]$'",
            "--unencrypted-regex '^a$'",
        ] {
            scene.write("a.yaml", text);
            let options = format!("encrypt --age {RECIPIENT} {rule}");
            let ours = scene
                .run(&format!("{options} --allow-cleartext a.yaml"))
                .succeeds();
            scene.write("ours.yaml", &ours.stdout);
            let theirs = scene.sops(&format!("{options} a.yaml")).succeeds();
            scene.write("theirs.yaml", &theirs.stdout);
            scene.run("decrypt ours.yaml").succeeds().stdout(text);
            let lost = scene.sops("decrypt theirs.yaml").succeeds().out();
            let opened = scene.run("decrypt theirs.yaml").succeeds();
            assert_eq!(comments(&opened.out()), comments(&lost), "{rule}\n{text}");
            let is_said = opened.err().contains("comments are left out");
            let sealed = theirs.out();
            let kept = sealed.matches("type:comment").count() + comments(&sealed).len();
            assert_eq!(
                is_said,
                kept > comments(&lost).len(),
                "{rule}\n{text}{opened}"
            );
            let ours = scene.sops("decrypt ours.yaml").succeeds().out();
            assert_eq!(comments(&ours), comments(&lost), "{rule}\n{text}");
        }
    }
}

#[test]
fn a_comment_below_an_empty_list_stays_below_it() {
    let scene = Scene::with_age();
    let options = format!("encrypt --age {RECIPIENT} --unencrypted-regex '^a$'");
    for (text, opened) in [
        ("a: []\n# one\nb: 1 # two\n", "a: []\n# one\nb: 1 # two\n"),
        // A blank behind the list would say that the comment belongs beside it; the layout keeps it.
        ("a: [] \n# one\nb: 1 # two\n", "a: [] \n# one\nb: 1 # two\n"),
        (
            "x:\r\n  a: []  # one\r\n  b: 1 # two\r\n",
            "x:\r\n  a: []  # one\r\n  b: 1 # two\r\n",
        ),
    ] {
        scene.write("a.yaml", text);
        let sealed = scene.run(&format!("{options} a.yaml")).succeeds();
        scene.write("sealed.yaml", &sealed.stdout);
        scene.run("decrypt sealed.yaml").succeeds().stdout(opened);
    }
}

#[test]
fn a_comment_that_decides_what_is_sealed_is_never_left_out() {
    let scene = Scene::with_age();
    scene.write("a.yaml", "a:\n  # keep\n  - b: 1 # clear\n    c: 2\n");
    let rule =
        format!("creation_rules:\n  - age: {RECIPIENT}\n    unencrypted_comment_regex: clear\n");
    scene.write(".sops.yaml", rule);
    scene.write(
        "sealed.yaml",
        &scene.sops("encrypt a.yaml").succeeds().stdout,
    );
    let opened = scene.run("decrypt sealed.yaml").succeeds();
    opened.stdout_has("# keep").stdout_has("# clear").stderr("");
}

#[test]
fn a_value_goes_into_an_empty_map_with_a_comment() {
    let text = "a: {}  # one\nb: 1\nc: {} # two\n";
    for (path, value, expected) in [
        (
            r#"["a"]["new"]"#,
            "\"x\"",
            "a:  # one\n    new: x\nb: 1\nc: {} # two\n",
        ),
        (r#"["a"]"#, "\"x\"", "a: x  # one\nb: 1\nc: {} # two\n"),
        (r#"["b"]"#, "{}", "a: {}  # one\nb: {}\nc: {} # two\n"),
        (r#"["b"]"#, "2", "a: {}  # one\nb: 2\nc: {} # two\n"),
    ] {
        let scene = Scene::with_age().file("a.yaml", text);
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
            .succeeds();
        let before = scene.read("a.yaml");
        scene.cmd(["set", "a.yaml", path, value]).run().succeeds();
        scene.run("decrypt a.yaml").succeeds().stdout(expected);
        scene.sops("decrypt a.yaml").succeeds();
        let after = scene.read("a.yaml");
        let kept = before.lines().filter(|line| line.starts_with("c: {"));
        for line in kept {
            assert!(after.contains(&format!("{line}\n }}\n")), "{after}");
        }
        // The same bytes sealed onto it change nothing.
        scene.write("clear.yaml", expected);
        scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
        assert_eq!(scene.read("a.yaml"), after);
    }
}

#[test]
fn a_comment_behind_the_key_of_the_metadata_is_opened_like_any_other() {
    let scene = Scene::with_age().file("a.yaml", "a: &n\n  b: x\nc: *n # behind\n");
    let seal = format!("encrypt --age {RECIPIENT} a.yaml");
    let sealed = scene.sops(&seal).succeeds();
    assert!(sealed.out().contains("\nsops: #ENC["), "{}", sealed.out());
    scene.write("sealed.yaml", &sealed.stdout);
    let theirs = scene.sops("decrypt sealed.yaml").succeeds().out();
    scene.run("decrypt sealed.yaml").succeeds().stdout(&theirs);
    scene
        .run(r#"set sealed.yaml '["c"]["b"]' '"w"'"#)
        .succeeds();
    let expected = theirs.replace("c:\n    b: x", "c:\n    b: w");
    scene
        .sops("decrypt sealed.yaml")
        .succeeds()
        .stdout(&expected);
    scene.write("clear.yaml", expected.replace("b: w", "b: z"));
    scene
        .run("encrypt --onto sealed.yaml clear.yaml")
        .succeeds();
    let opened = scene.sops("decrypt sealed.yaml").succeeds().out();
    assert_eq!(opened, expected.replace("b: w", "b: z"));
}

//! Aliases, tags and the rare parts of YAML, with the reference on the other side.

use std::fmt::Write as _;

use crate::support::{RECIPIENT, Scene};

/// Seals a text, which the reference must open; what it gives back.
fn sealed_and_opened(scene: &Scene, text: &str, options: &str) -> (String, String) {
    scene.write("a.yaml", text);
    let sealed = scene
        .run(&format!("encrypt --age {RECIPIENT} {options} a.yaml"))
        .succeeds();
    scene.write("sealed.yaml", &sealed.stdout);
    let theirs = scene.sops("decrypt sealed.yaml").succeeds().out();
    (sealed.out(), theirs)
}

fn refused(scene: &Scene, text: &str, options: &str, why: &str) {
    scene.write("a.yaml", text);
    scene
        .run(&format!("encrypt --age {RECIPIENT} {options} a.yaml"))
        .fails(23)
        .stdout("")
        .stderr_has(why);
}

#[test]
fn aliases_in_clear_places_stay_and_each_copy_is_in_the_mac() {
    let scene = Scene::with_age();
    let text = "base_unencrypted: &b\n  # note\n  host: h # behind\n\
                dev_unencrypted:\n  <<: *b\n  also: [*b, *b ]\nkey: &k secret\n";
    let (sealed, theirs) = sealed_and_opened(&scene, text, "--unencrypted-regex _unencrypted$");
    assert!(
        sealed.contains("  <<: *b\n  also: [*b, *b ]\nkey: &k ENC["),
        "{sealed}"
    );
    assert_eq!(theirs.matches("host: h").count(), 4, "{theirs}");
    scene.run("decrypt sealed.yaml").succeeds().stdout(text);

    // A copy that the reference counts and we do not, or the other way round, breaks the MAC.
    scene.write(
        "other.yaml",
        sealed.replace("also: [*b, *b ]", "also: [*b ]"),
    );
    scene.run("decrypt other.yaml").fails(51);
    scene.sops("decrypt other.yaml").fails(51);
}

#[test]
fn an_alias_of_a_sealed_value_is_refused_or_written_out() {
    let scene = Scene::with_age();
    let copied = "this alias repeats line 1, and its copy is to be sealed";
    refused(&scene, "a: &x s3cret\nb: *x\n", "", copied);
    refused(&scene, "a_unencrypted: &x s3cret\nb: [*x ]\n", "", copied);
    for options in ["", "--expand-aliases"] {
        let shown = "this alias would show in clear what is sealed in line 1";
        refused(
            &scene,
            "a: &x s3cret\nb_unencrypted: *x\nc: d\n",
            options,
            shown,
        );
    }

    let text = "a: &x\n  # note\n  t: \"1\"\n  n: [1, 2.50, ~, true, 2024-01-02]\n  \
                l: |\n    one\n    two\nb:\n  - *x # behind\n  - {<<: *x, c: *x}\n";
    let (sealed, theirs) = sealed_and_opened(&scene, text, "--expand-aliases");
    assert!(
        !sealed.contains("*x") && !sealed.contains("one"),
        "{sealed}"
    );
    scene.run("decrypt sealed.yaml").succeeds().stdout(text);
    let ours = opened_without_layout(&scene, &sealed);
    let copy = r#"{t: "1", "n": [1, 2.5, null, true, 2024-01-02T00:00:00Z], l: "one\ntwo\n"}"#;
    let expected = format!("b:\n  - {copy} # behind\n  - {{<<: {copy}, c: {copy}}}\n");
    assert!(ours.ends_with(&expected), "{ours}");
    assert_eq!(theirs.matches("two\n").count(), 4, "{theirs}");
}

#[test]
fn comments_that_decide_what_is_sealed_are_not_lost_with_an_alias() {
    let scene = Scene::with_age();
    let text = "a: &x\n  # seal\n  b: s3cret\n  c: d\ne: *x\n";
    scene.write("a.yaml", text);
    let options = "--expand-aliases --encrypted-comment-regex seal";
    let run = scene.run(&format!("encrypt --age {RECIPIENT} {options} a.yaml"));
    assert_ne!(run.status, 0, "{run}");
    run.stdout("")
        .stderr_has("line 5: comments of what this alias repeats decide");
}

#[test]
fn as_the_reference_is_called_aliases_are_written_out_with_a_notice() {
    let scene = Scene::with_age().file("a.yaml", "a: &x s3cret\nb: *x\n");
    let notice = "a.yaml: line 2: the alias became a copy";
    let run = scene
        .run(&format!("-e --age {RECIPIENT} a.yaml"))
        .succeeds();
    scene.write("sealed.yaml", &run.stderr_has(notice).stdout);
    scene
        .sops("decrypt sealed.yaml")
        .succeeds()
        .stdout("a: s3cret\nb: s3cret\n");
    scene
        .cmd(["encrypt", "--age", RECIPIENT, "a.yaml"])
        .called("sops")
        .run()
        .succeeds()
        .stderr_has(notice);
}

#[test]
fn a_value_that_an_alias_repeats_is_not_set_alone() {
    let scene = Scene::with_age();
    let text = "a_unencrypted: &x\n  k: 1\nb_unencrypted: *x\nc: d\n";
    scene.write("a.yaml", text);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let before = scene.read("a.yaml");
    for (path, why) in [
        (
            r#"["a_unencrypted"]["k"]"#,
            "the alias in line 3 repeats this value",
        ),
        (
            r#"["b_unencrypted"]["k"]"#,
            "the value here is that of line 2",
        ),
        (
            r#"["a_unencrypted"]["new"]"#,
            "the alias in line 3 repeats this value",
        ),
        (
            r#"["b_unencrypted"]["new"]"#,
            "the value here is that of its anchor; set it there",
        ),
    ] {
        let run = scene.run(&format!("set a.yaml '{path}' 7"));
        assert_ne!(run.status, 0, "{path}: {run}");
        run.stderr_has(why);
        assert_eq!(scene.read("a.yaml"), before);
    }
    scene.run(r#"set a.yaml '["c"]' '"e"'"#).succeeds();
    scene
        .sops(r#"decrypt --extract '["c"]' a.yaml"#)
        .succeeds()
        .stdout("e");
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(text.replace("c: d", "c: e"));
}

#[test]
fn aliases_without_bound_and_nesting_without_end_are_refused_quickly() {
    let scene = Scene::with_age();
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    let mut deep = bomb.clone();
    for at in 1..2000 {
        let last = at - 1;
        let _ = writeln!(bomb, "a{at}: &a{at} [*a{last}, *a{last}, *a{last}]");
        let _ = writeln!(deep, "a{at}: &a{at} [*a{last}]");
    }
    let long = format!(
        "a: &a '{}'\nb: [{}]\n",
        "x".repeat(1 << 20),
        "*a, ".repeat(64)
    );
    let mut block = String::new();
    for at in 0..1000 {
        let _ = writeln!(block, "{}a:", " ".repeat(at));
    }
    let levels =
        |open: &str, close: &str| format!("a:\n {}x{}\n", open.repeat(1000), close.repeat(1000));
    let mixed = format!(
        "a:\n {}{}x{}\n",
        "- ".repeat(500),
        "[".repeat(500),
        "]".repeat(500)
    );
    for (text, why) in [
        (bomb, "line 10, column 15: aliases repeat too much"),
        (deep, "line "),
        (long, "line 2, column 69: aliases repeat too much"),
        (block, "line 401, column 401: "),
        (levels("[", "]"), "line 2, column "),
        (levels("{a: ", "}"), "line 2, column "),
        (levels("- ", ""), "line 2, column "),
        (levels("? ", ""), "line 2, column "),
        (mixed, "line 2, column "),
    ] {
        scene.write("a.yaml", text);
        let run = scene.run(&format!("encrypt --age {RECIPIENT} a.yaml"));
        run.fails(2).stdout("").stderr_has(why);
    }
}

#[test]
fn merge_keys_are_read_and_a_quoted_one_is_an_ordinary_key() {
    let scene = Scene::with_age();
    for (text, theirs) in [
        (
            "d:\n  <<: {a: 'b'}\n",
            "d:\n    !!merge <<:\n        a: b\n",
        ),
        (
            "d:\n  !!merge <<: {a: 'b'}\n",
            "d:\n    !!merge <<:\n        a: b\n",
        ),
        (
            "d:\n  <<: [{a: 'b'}, {c: \"e\"}]\n",
            "d:\n    !!merge <<:\n        - a: b\n        - c: e\n",
        ),
        ("'<<': s3cret\n", "!!merge <<: s3cret\n"),
    ] {
        let (_, opened) = sealed_and_opened(&scene, text, "");
        assert_eq!(opened, theirs);
        scene.run("decrypt sealed.yaml").succeeds().stdout(text);
    }
    // The reference writes a file that it cannot read; we can.
    scene.write("a.yaml", "\"<<\": s3cret\n");
    let sealed = scene
        .sops(&format!("encrypt --age {RECIPIENT} a.yaml"))
        .succeeds();
    scene.write("theirs.yaml", &sealed.stdout);
    assert_ne!(scene.sops("decrypt theirs.yaml").status, 0);
    scene
        .run("decrypt theirs.yaml")
        .succeeds()
        .stdout("!!merge <<: s3cret\n");
}

#[test]
fn what_the_reference_writes_with_line_separators_opens() {
    let scene = Scene::with_age();
    for value in [
        r"\u2028\n",
        r"x\u2028y",
        r"x\ny\u2029\n\n",
        r"\u2028x\n",
        r"x\n\u2028 \ty\n",
        r"it's\u2028\u2028y",
        r"x\u0085y",
        "\u{2028}",
    ] {
        for key in ["a", "a_unencrypted"] {
            let text = format!("{key}: \"{value}\"\nb: 1\n").replace('\u{2028}', r"\L");
            scene.write("a.yaml", &text);
            let sealed = scene
                .sops(&format!("encrypt --age {RECIPIENT} a.yaml"))
                .succeeds();
            scene.write("sealed.yaml", &sealed.stdout);
            let extract = format!(r#"decrypt --extract '["{key}"]' sealed.yaml"#);
            let theirs = scene.sops(&extract).succeeds().out();
            scene.run(&extract).succeeds().stdout(theirs);
            let ours = scene.run("decrypt sealed.yaml").succeeds().out();
            scene.write("again.yaml", ours);
            let again = scene
                .sops(&format!("encrypt --age {RECIPIENT} again.yaml"))
                .succeeds();
            scene.write("again.yaml", &again.stdout);
            let extract = extract.replace("sealed", "again");
            let expected = scene.run(&extract.replace("again", "sealed")).out();
            scene.sops(&extract).succeeds().stdout(expected);
        }
    }
    scene.write("a.yaml", "a: 'x\u{2028}y'\n");
    scene
        .run(&format!("encrypt --age {RECIPIENT} a.yaml"))
        .fails(2)
        .stderr_has("line 1, column 6: a line end that is neither LF nor CRLF");
}

#[test]
fn tags_stay_but_for_those_that_a_token_cannot_have() {
    let scene = Scene::with_age();
    let text = "a: !!str x\nb: !local y\nc: !<tag:example.org,2000:t> 'z'\nd: !!map {e: !!seq [\"1\"]}\n\
                f_unencrypted: !!int 5\ng: !!set {h, i}\nj: !own\n  k: !own |\n    text\n";
    sealed_and_opened(&scene, text, "");
    scene.run("decrypt sealed.yaml").succeeds().stdout(text);

    let text = "a: !!int &x 5\nb: !!float 1.5\nc: !!bool true\nd: !!timestamp 2024-01-02T00:00:00Z\n\
                e: !!null ~\nf: !!binary /w==\n";
    let (sealed, theirs) = sealed_and_opened(&scene, text, "");
    assert!(
        theirs.starts_with("a: 5\nb: 1.5\nc: true\nd: 2024-01-02T00:00:00Z\ne: null\n"),
        "{theirs}"
    );
    scene.run("decrypt sealed.yaml").succeeds().stdout(text);
    let ours = opened_without_layout(&scene, &sealed);
    let expected =
        "a: &x 5\nb: 1.5\nc: true\nd: 2024-01-02T00:00:00Z\ne: !!null ~\nf: !!binary /w==\n";
    assert_eq!(ours, expected);
}

#[test]
fn documents_that_are_null_and_directives_are_what_the_reference_takes_them_for() {
    let scene = Scene::with_age();
    let text =
        "%YAML 1.1\n--- # one\na: 'b'\n...\n---\n~ # nothing\n---\n{c: \"d\"}\n--- &root\ne: f\n";
    let (sealed, theirs) = sealed_and_opened(&scene, text, "");
    assert_eq!(sealed.matches("lastmodified").count(), 4, "{sealed}");
    assert_eq!(
        theirs,
        "# one\na: b\n---\n# nothing\n{}\n---\nc: d\n---\ne: f\n"
    );
    scene.run("decrypt sealed.yaml").succeeds().stdout(text);
    let ours = opened_without_layout(&scene, &sealed);
    assert_eq!(ours, text.replace("~ # nothing\n", " # nothing\n{}\n"));
}

/// What is left when another tool has dropped the layout.
fn opened_without_layout(scene: &Scene, sealed: &str) -> String {
    let lines = sealed.split_inclusive('\n');
    let mut bare: String = lines
        .filter(|line| !line.trim_start().starts_with("clsecrets_layout:"))
        .collect();
    // A document in flow style has it among the rest of its one line.
    while let Some(start) = bare.find("\"clsecrets_layout\": ") {
        let end = start + bare[start..].find("\", ").unwrap() + 3;
        bare.replace_range(start..end, "");
    }
    scene.write("bare.yaml", bare);
    scene.run("decrypt bare.yaml").succeeds().out()
}

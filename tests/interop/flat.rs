//! dotenv and INI files, both ways, against the reference: what it sees in what we seal is what it
//! sees in what it seals itself.

use crate::support::{RECIPIENT, Scene, fixture};

/// Texts that both seal, and what the reference loses of them.
const DOTENV: &[&[u8]] = &[
    b"",
    b"# c\n\nA=\"q\" # x\nexport B=c\nA=again\n  D = e \nE=\n#\nH=\xC3\xA9",
    b"F=a\\nb\\\\n\n=x\nG=a=b\nI=\xFF\n",
    b"A=1\r\n# c\r\nB=\r\n",
    b"\xEF\xBB\xBFA=1\nB_unencrypted=2\n",
];

const INI: &[&str] = &[
    "",
    "; file\n\n; two\n[s] ; behind\n; k1\n\n; k2\na = 1 ; tail\nb : colon\ni =\n[s.sub]\nz = 'q'\n; end\n",
    "top = 1\n[s]\na = `b;q`\nm = \"\"\"x\ny\"\"\" ; c\nk = \"  pad \"\nn = x\"y\n[s]\na = again\n[DEFAULT]\nd = 1\n",
    "[s]\r\n; one\r\n; two\r\na = 1 ; x\r\nb_unencrypted = `c;d`\r\ne = f ; g\r\n",
    "[s]\n\"k=1\" = v\n`a:b` = w\na b = %(x)s\n# h\nc = #d\n",
];

#[test]
fn dotenv_that_one_seals_the_other_opens() {
    let scene = Scene::with_age();
    for text in DOTENV {
        scene.write("clear.env", text);
        let seal = format!("encrypt --age {RECIPIENT} clear.env");
        scene.write("ours.env", &scene.run(&seal).succeeds().stdout);
        scene.write("theirs.env", &scene.sops(&seal).succeeds().stdout);
        let theirs = scene.sops("decrypt theirs.env").succeeds().stdout;
        scene.sops("decrypt ours.env").succeeds().stdout(&theirs);
        scene.run("decrypt theirs.env").succeeds().stdout(&theirs);
        scene.run("decrypt ours.env").succeeds().stdout(text);
    }
}

#[test]
fn what_only_we_read_is_sealed_so_that_the_reference_opens_it() {
    let scene = Scene::with_age();
    for (text, theirs) in [
        ("A=1\r\n\r\nB=2\r\n", "A=1\r\nB=2\r\n"),
        ("\u{FEFF}# c\n\nA=1\n", "# c\n\u{FEFF}A=1\n"),
    ] {
        scene.write("clear.env", text);
        let seal = format!("encrypt --age {RECIPIENT} clear.env");
        scene.sops(&seal).fails(2);
        scene.write("ours.env", &scene.run(&seal).succeeds().stdout);
        scene.sops("decrypt ours.env").succeeds().stdout(theirs);
        scene.run("decrypt ours.env").succeeds().stdout(text);
    }
    // A sealed file with other line ends is ours alone to open, until it is written again.
    scene.write("clear.env", "A=1\n# c\n");
    let seal = format!("encrypt --age {RECIPIENT} clear.env");
    let sealed = scene.run(&seal).succeeds().out().replace('\n', "\r\n");
    scene.write("crlf.env", sealed);
    scene.sops("decrypt crlf.env").fails(1);
    scene
        .run("decrypt crlf.env")
        .succeeds()
        .stdout("A=1\n# c\n");
    scene.run(r#"set crlf.env '["B"]' '"x"'"#).succeeds();
    scene
        .sops("decrypt crlf.env")
        .succeeds()
        .stdout("A=1\n# c\nB=x\n");
}

#[test]
fn ini_that_one_seals_the_other_opens() {
    let scene = Scene::with_age();
    for text in INI {
        scene.write("clear.ini", text);
        let seal = format!("encrypt --age {RECIPIENT} clear.ini");
        scene.write("ours.ini", &scene.run(&seal).succeeds().stdout);
        scene.write("theirs.ini", &scene.sops(&seal).succeeds().stdout);
        let theirs = scene.sops("decrypt theirs.ini").succeeds().out();
        let ours = scene.sops("decrypt ours.ini").succeeds().out();
        // It takes a last comment, which nothing follows, for one of the metadata.
        assert_eq!(ours, theirs, "{text}");
        let json = "decrypt --output-type json theirs.ini";
        let theirs = scene.sops(json).succeeds().stdout;
        scene.write(
            "again.ini",
            scene.run("decrypt theirs.ini").succeeds().stdout,
        );
        let again = seal.replace("clear", "again");
        scene.write("theirs.ini", &scene.sops(&again).succeeds().stdout);
        scene.sops(json).succeeds().stdout(theirs);
        scene.run("decrypt ours.ini").succeeds().stdout(text);
    }
}

#[test]
fn a_value_with_a_mark_in_quotes_reaches_the_reference_whole() {
    let text = "[s]\na = \"p4ss;word\"\nb = 'x # y' ; c\n";
    let scene = Scene::with_age().file("a.ini", text);
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.ini"))
        .succeeds();
    for (key, value) in [("a", "p4ss;word"), ("b", "x # y")] {
        let extract = format!("decrypt --extract '[\"s\"][\"{key}\"]' a.ini");
        scene.sops(&extract).succeeds().stdout(value);
        scene.run(&extract).succeeds().stdout(value);
    }
    scene.run("decrypt a.ini").succeeds().stdout(text);
}

#[test]
fn a_comment_at_which_the_reference_stops_is_sealed_so_that_it_does_not() {
    let text = "########\n# header\n########\n[s]\na = 1\n";
    let scene = Scene::with_age().file("a.ini", text);
    let seal = format!("encrypt --age {RECIPIENT} a.ini");
    scene.write("theirs.ini", scene.sops(&seal).succeeds().stdout);
    scene.sops("decrypt theirs.ini").fails(2);
    scene.write("ours.ini", scene.run(&seal).succeeds().stdout);
    let opened = scene.sops("decrypt ours.ini").succeeds().out();
    assert!(opened.contains("# header\n"), "{opened}");
    scene.run("decrypt ours.ini").succeeds().stdout(text);
}

#[test]
fn new_metadata_is_written_as_the_reference_writes_it() {
    let scene = Scene::with_age()
        .file("a.env", "A=x\n")
        .file("a.ini", "[s]\na = x\n");
    let shape = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((key, value)) if value.len() > 12 => format!("{key}="),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>()
    };
    for file in ["a.env", "a.ini"] {
        let options = "--encrypted-regex ^[aA]$";
        let seal = format!("encrypt --age {RECIPIENT} {options} {file}");
        let ours = scene.run(&seal).succeeds().out();
        let theirs = scene.sops(&seal).succeeds().out();
        assert_eq!(shape(&ours), shape(&theirs));
    }
}

#[test]
fn a_value_that_one_sets_the_other_reads() {
    let scene = Scene::with_age()
        .file("a.env", "# c\nA=1\nB=2\n")
        .file("a.ini", "; c\n[s]\na = 1\nb = 2\n");
    for (file, path) in [("a.env", r#"["N"]"#), ("a.ini", r#"["s"]["n"]"#)] {
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} {file}"))
            .succeeds();
        let set = |value: &str| scene.cmd(["set", file, path, value]).run().succeeds();
        set("\"by us; #\"");
        let extract = format!("decrypt --extract '{path}' {file}");
        scene.sops(&extract).succeeds().stdout("by us; #");
        set("\"two\\nlines\"");
        scene.sops(&extract).succeeds().stdout("two\nlines");
        scene
            .sops(&format!("set {file} '{path}' '\"by them\"'"))
            .succeeds();
        scene.run(&extract).succeeds().stdout("by them");
    }
    for (file, path) in [
        ("a.env", r#"["a"]["b"]"#),
        ("a.ini", r#"["s"]["a"]["b"]"#),
        ("a.ini", r#"["x"]"#),
    ] {
        let run = |scene: &Scene| scene.cmd(["set", file, path, "\"x\""]).run();
        run(&scene).fails(4).stdout("");
    }
}

#[test]
fn unchanged_values_keep_their_tokens() {
    for (name, clear, other) in [
        ("a.env", "# c\nA=1\nB=2\nA=3\n", "# c\nA=1\nB=new\nA=3\n"),
        (
            "a.ini",
            "; c\n; d\n[s]\na = 1\nb = 2\n",
            "; c\n; d\n[s]\na = 1\nb = new\n",
        ),
    ] {
        let scene = Scene::with_age()
            .file(name, clear)
            .file(&format!("new-{name}"), other);
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} {name}"))
            .succeeds();
        let before = scene.read(name);
        scene
            .run(&format!("encrypt --onto {name} new-{name}"))
            .succeeds();
        let after = scene.read(name);
        let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
        let of_time = |line: &str| line.contains("lastmodified");
        let changed = changed.filter(|(a, _)| !of_time(a));
        // The value and the MAC.
        assert_eq!(changed.count(), 2, "{before}\n{after}");
        scene
            .run(&format!("decrypt {name}"))
            .succeeds()
            .stdout(other);
        scene.sops(&format!("decrypt {name}")).succeeds();
    }
}

#[test]
fn recorded_plain_texts_are_what_their_sealed_files_hold() {
    for (name, ending) in [("dotenv", "env"), ("ini", "ini")] {
        let plain = std::fs::read(fixture(&format!("formats/{name}/plain.{ending}"))).unwrap();
        let sealed = std::fs::read(fixture(&format!("formats/{name}/sealed.{ending}"))).unwrap();
        let scene = Scene::with_age();
        scene.write(&format!("sealed.{ending}"), sealed);
        scene
            .run(&format!("decrypt sealed.{ending}"))
            .succeeds()
            .stdout(plain);
        scene.sops(&format!("decrypt sealed.{ending}")).succeeds();
    }
}

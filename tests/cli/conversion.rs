//! Another format on the way out: what is refused, and what is named because it is left out.

use super::{CLEAR, seal, sealed};
use crate::support::{RECIPIENT, Scene, fixture};

const TWO: &str = "# one\na: 1\n---\n# two\na: y\n";

#[test]
fn another_format_is_not_put_under_the_old_name() {
    let scene = sealed(CLEAR);
    let before = scene.bytes("a.yaml");
    scene
        .run("decrypt -i --output-type json a.yaml")
        .fails(8)
        .stdout("")
        .matches(&scene, "conversion-in-place");
    assert_eq!(scene.bytes("a.yaml"), before);
    scene.write("b.json", "{}");
    let seal = format!("encrypt -i --age {RECIPIENT} --output-type yaml b.json");
    scene.run(&seal).fails(8);
    assert_eq!(scene.read("b.json"), "{}");
    // A name that tells no format takes any.
    scene.write("c", "a: x\n");
    let seal = format!("encrypt -i --age {RECIPIENT} --input-type yaml --output-type json c");
    scene.run(&seal).succeeds();
    scene
        .run("decrypt -i --input-type json --output-type yaml c")
        .succeeds();
    assert_eq!(scene.read("c"), "a: x\n");
    scene
        .run("set --output-type json a.yaml '[\"user\"]' 1")
        .fails(8)
        .matches(&scene, "conversion-set");
}

#[test]
fn a_converted_file_is_private() {
    let scene = sealed(CLEAR);
    scene
        .run("decrypt --output-type json --output a.json a.yaml")
        .succeeds()
        .matches(&scene, "conversion-comments");
    assert_eq!(scene.mode("a.json"), 0o600);
    let holds = scene.read("a.json");
    assert!(holds.contains("\t\"port\": 5432\n"), "{holds}");
}

#[test]
fn later_documents_are_refused_unless_the_first_is_asked_for() {
    // Of the reference: its text, and so the number of each line, is always the same.
    let scene = Scene::with_age();
    let recorded = fixture("vectors/enc/yaml-multidoc.yaml");
    scene.write("a.yaml", std::fs::read(recorded).unwrap());
    scene
        .run("decrypt --output-type json a.yaml")
        .fails(4)
        .stdout("")
        .matches(&scene, "conversion-documents");
    let first = "{\n\t\"a\": 1\n}\n";
    let taken = scene.run("decrypt --first-document --output-type json a.yaml");
    taken
        .succeeds()
        .stdout(first)
        .matches(&scene, "conversion-first-document");
    // The form that scripts of the reference use takes it, and says so.
    scene
        .run("-d --output-type json a.yaml")
        .succeeds()
        .stdout(first)
        .stderr_has("only the first document is written");
    scene.write("b.yaml", TWO);
    let seal = format!("encrypt --age {RECIPIENT} --output-type json b.yaml");
    scene.run(&seal).fails(4).stdout("");
    let sealed = scene.run(&format!("{seal} --first-document")).succeeds();
    assert!(sealed.err().contains("left out: line 5"), "{sealed}");
    scene.write("b.json", &sealed.stdout);
    scene.run("decrypt b.json").succeeds().stdout(first);
    // One without a key is no loss.
    scene.write("c.yaml", "a: 1\n---\n{}\n");
    seal_and_convert(&scene, "c.yaml").stdout(first).stderr("");
}

fn seal_and_convert(scene: &Scene, file: &str) -> crate::support::Run {
    seal(scene, file);
    scene
        .run(&format!("decrypt --output-type json {file}"))
        .succeeds()
}

#[test]
fn many_lines_are_counted_and_not_listed() {
    let lines: Vec<String> = (0..30)
        .map(|number| format!("# c{number}\nk{number}: x\n"))
        .collect();
    let lines = lines.concat();
    let scene = Scene::with_age().file("a.yaml", lines);
    seal_and_convert(&scene, "a.yaml").stderr(
        "warning: a.yaml: comments are left out, since json has none: \
         line 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 20 more\n",
    );
}

#[test]
fn what_the_output_cannot_hold_is_refused_with_its_place() {
    for (number, (clear, format)) in [
        ("a: [x, .inf]\n", "json"),
        ("a: {b: !!binary /w==}\n", "json"),
        ("data: 5\n", "binary"),
        ("data: x\nmore: y\n", "binary"),
        ("other: x\n", "binary"),
        ("data: {a: b}\n", "binary"),
    ]
    .into_iter()
    .enumerate()
    {
        let scene = sealed(clear);
        scene
            .run(&format!("decrypt --output-type {format} a.yaml"))
            .fails(4)
            .stdout("")
            .matches(&scene, &format!("conversion-refused-{number}"));
        scene.write("b.yaml", clear);
        scene
            .run(&format!(
                "encrypt --age {RECIPIENT} --output-type {format} b.yaml"
            ))
            .fails(4)
            .stdout("");
    }
    let scene = Scene::with_age().file("a.json", r#"{"a": 1, "a": 2}"#);
    seal(&scene, "a.json");
    scene
        .run("decrypt --output-type yaml a.json")
        .fails(4)
        .stdout("")
        .matches(&scene, "conversion-refused-twice");
}

#[test]
fn a_rule_about_comments_needs_a_format_with_comments() {
    let scene = Scene::with_age().file("a.yaml", "# clear\na: x\nb: y\n");
    let rule = "--unencrypted-comment-regex clear";
    scene
        .run(&format!(
            "encrypt --age {RECIPIENT} {rule} --output-type json a.yaml"
        ))
        .fails(4)
        .stdout("")
        .matches(&scene, "conversion-comment-rule");
}

#[test]
fn a_rule_about_keys_does_not_reach_into_a_binary_file() {
    let scene = Scene::with_age().file("a.yaml", "data: x\n");
    let seal =
        format!("encrypt --age {RECIPIENT} --unencrypted-regex data --output-type binary a.yaml");
    let sealed = scene.run(&seal).succeeds();
    assert!(sealed.err().contains("does not apply"), "{sealed}");
    scene.write("a", &sealed.stdout);
    scene.run("decrypt a").succeeds().stdout("x");
}

#[test]
fn a_part_in_another_format_names_the_comments_that_it_loses() {
    let scene =
        sealed("m:\n  # one\n  a: [1, .inf] # two\n  b: x # three\nn: y\n---\nm: {a: other}\n");
    scene
        .run(r#"decrypt --extract '["m"]["b"]' --output-type json a.yaml"#)
        .succeeds()
        .stdout("x")
        .stderr("");
    scene
        .run(r#"decrypt --extract '["m"]' a.yaml"#)
        .succeeds()
        .stdout("# one\na:\n    # two\n    - 1\n    - .inf\nb: x # three\n");
    scene
        .run(r#"decrypt --extract '["m"]["a"]' --output-type json a.yaml"#)
        .fails(4)
        .stdout("")
        .matches(&scene, "conversion-extract");
    let scene = sealed("m:\n  # one\n  a: 1 # two\nn: y\n");
    scene
        .run(r#"decrypt --extract '["m"]' --output-type json a.yaml"#)
        .succeeds()
        .stdout("{\n\t\"a\": 1\n}\n")
        .stderr("warning: a.yaml: comments are left out, since json has none: line 2, 3\n");
}

#[test]
fn the_first_of_two_equal_keys_is_extracted() {
    let scene = Scene::with_age().file("a.json", r#"{"a": 1, "a": 2}"#);
    seal(&scene, "a.json");
    let extract = r#"decrypt --extract '["a"]' a.json"#;
    let theirs = scene.sops(extract).succeeds().stdout;
    scene.run(extract).succeeds().stdout(theirs);
}

#[test]
fn a_file_is_sealed_onto_one_of_its_own_format_only() {
    let scene = Scene::with_age()
        .file("a.json", r#"{"a": 1}"#)
        .file("b.yaml", "a: 2\n");
    seal(&scene, "a.json");
    let before = scene.bytes("a.json");
    scene
        .run("encrypt --onto a.json b.yaml")
        .fails(8)
        .matches(&scene, "conversion-onto");
    assert_eq!(scene.bytes("a.json"), before);
}

//! Files that pass into another format, against the reference: both tools print the same, and each
//! opens what the other has converted.

use crate::support::{RECIPIENT, Run, Scene, fixture};

/// What every format can hold that has keys, types and nesting.
const NESTED: &str = r#"{
    "s": "text", "odd": "12:30:45", "lines": "one\n  two\n\n", "n": 5, "g": 1.5, "e": 1e-7, "b": true,
    "z": null, "es": "", "em": {}, "el": [], "12": 3, "": "no name", "k: x": "- y",
    "m": {"k": "yes", "l": [1, [2, [3]], {"x": "y", "z": [1]}, [], {}, [{}], "a: b", "x\ny", "-"]},
    "several\nlines": {"a": [1]}, "c_unencrypted": [1.25, 16, "yes", null]
}"#;

/// Seals with the reference, opens into another format with both, and compares the bytes.
fn opens_alike(scene: &Scene, file: &str, more: &str) -> Run {
    let seal = format!("encrypt -i --age {RECIPIENT} {file}");
    scene.sops(&seal).succeeds();
    let open = format!("decrypt {more} {file}");
    let theirs = scene.sops(&open).succeeds();
    scene.run(&open).succeeds().stdout(theirs.stdout)
}

#[test]
fn what_the_reference_has_sealed_is_opened_into_another_format_as_it_does() {
    let scene = Scene::with_age();
    let yaml = "a: x\nl:\n  - 1\n  - b: {c: [true, null]}\nt: 2024-01-02\nbig: 12345678901\n";
    for (file, text, format) in [
        ("a.json", NESTED, "yaml"),
        ("b.yaml", yaml, "json"),
        ("c.json", r#"{"data": "any\ntext"}"#, "binary"),
        ("d.yaml", "data: any text\n", "binary"),
        ("e.yaml", "data: ''\n", "binary"),
        ("f.bin", "any\ntext", "yaml"),
        ("g.bin", "any\ntext", "json"),
    ] {
        scene.write(file, text);
        opens_alike(&scene, file, &format!("--output-type {format}")).stderr("");
    }
    for name in ["json-types", "json-escape", "json-unenc"] {
        let text = std::fs::read(fixture("vectors/src").join(format!("{name}.json"))).unwrap();
        scene.write("v.json", text);
        let seal = format!("encrypt -i --age {RECIPIENT} v.json");
        scene.sops(&seal).succeeds();
        // Both hold the same; floats and strings that readers take for others differ in spelling.
        let ours = scene.run("decrypt --output-type yaml v.json").succeeds();
        scene.write("v.yaml", ours.stdout);
        let again = format!("encrypt --age {RECIPIENT} --output-type json v.yaml");
        scene.write("w.json", scene.sops(&again).succeeds().stdout);
        let theirs = scene.sops("decrypt v.json").succeeds().stdout;
        scene.sops("decrypt w.json").succeeds().stdout(theirs);
    }
}

#[test]
fn what_we_seal_into_another_format_the_reference_opens() {
    let scene = Scene::with_age();
    let yaml = "# head\na: x # here\nl:\n  # in the list\n  - 1\n  - {b: 2.5}\nm:\n  # in the map\n  \
                t: 2024-01-02\n  c_unencrypted: 2024-01-02\n";
    for (file, text, format) in [
        ("a.json", NESTED, "yaml"),
        ("b.yaml", yaml, "json"),
        ("c.yaml", "data: any text\n", "binary"),
        ("d.bin", "any\ntext", "yaml"),
        ("e.bin", "any\ntext", "json"),
        ("f.bin", "", "yaml"),
    ] {
        scene.write(file, text);
        let seal = format!("encrypt --age {RECIPIENT} --output-type {format} {file}");
        scene.write("ours", scene.run(&seal).succeeds().stdout);
        scene.write("theirs", scene.sops(&seal).succeeds().stdout);
        for output in [format, "json"] {
            let open = |sealed: &str| {
                format!("decrypt --input-type {format} --output-type {output} {sealed}")
            };
            let expected = scene.sops(&open("theirs")).succeeds().stdout;
            scene.sops(&open("ours")).succeeds().stdout(&expected);
            scene.run(&open("theirs")).succeeds().stdout(&expected);
            scene.run(&open("ours")).succeeds().stdout(expected);
        }
    }
}

#[test]
fn a_type_that_the_output_does_not_have_is_kept_in_the_sealed_text() {
    let yaml = "t: 2024-01-02\nf: 2.0\nl:\n  # in the list\n  - x\n";
    let scene = Scene::with_age().file("a.yaml", yaml);
    let seal = format!("encrypt --age {RECIPIENT} --output-type json a.yaml");
    scene.write("a.json", scene.run(&seal).succeeds().stdout);
    let back = "t: 2024-01-02T00:00:00Z\nf: 2.0\nl:\n    # in the list\n    - x\n";
    scene
        .run("decrypt --output-type yaml a.json")
        .succeeds()
        .stdout(back)
        .stderr("");
    scene
        .sops("decrypt --output-type yaml a.json")
        .succeeds()
        .stdout(back.replace("2.0", "2"));
}

#[test]
fn a_part_is_printed_in_another_format_as_the_reference_does() {
    let yaml = "m: {k: [1, {}, [], null, é], t: 2024-01-02}\nn: 5\ns: \"x\\n\"\nz: null\ne: {}\n";
    let scene = Scene::with_age()
        .file("a.yaml", yaml)
        .file("b.json", NESTED);
    for (file, format, paths) in [
        ("a.yaml", "json", ["m", "n", "s", "z", "e"]),
        ("b.json", "yaml", ["m", "n", "s", "z", "el"]),
    ] {
        let seal = format!("encrypt -i --age {RECIPIENT} {file}");
        scene.run(&seal).succeeds();
        for path in paths {
            let extract =
                format!(r#"decrypt --extract '["{path}"]' --output-type {format} {file}"#);
            let theirs = scene.sops(&extract).succeeds().stdout;
            scene.run(&extract).succeeds().stdout(theirs);
        }
        for (path, format, status) in [
            (r#"["n"]"#, "binary", 4),
            (r#"["m"]"#, "binary", 4),
            (r#"["none"]"#, format, 1),
            (r#"["m""#, format, 91),
        ] {
            let extract = format!("decrypt --extract '{path}' --output-type {format} {file}");
            scene.sops(&extract).fails(status);
            scene.run(&extract).fails(status).stdout("");
        }
    }
}

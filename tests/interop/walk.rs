//! What the reference sees in a YAML file, and in which order: values, types, comments and the
//! paths that are bound into their ciphertext. Recorded for `fixtures/formats/yaml/walk/`, and live on
//! generated documents with comments in every position.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use clsecrets::cipher::with_plain;
use clsecrets::format::{Format, yaml::Yaml};
use clsecrets::tree::{Step, Trail, Tree, Value, walk};
use zeroize::Zeroizing;

use super::documents::Generator;
use crate::support::{fixture, peer};

/// One line for each value and comment: kind, bound path, type, bytes.
pub(super) fn seen_by_us(text: &str) -> Result<String, String> {
    let document = Yaml
        .parse(Zeroizing::new(text.as_bytes().to_vec()))
        .map_err(|error| error.to_string())?;
    let strays = document.stray_comments();
    if !strays.is_empty() {
        return Err(format!("stray comments at {strays:?}"));
    }
    Ok(shown(&document.tree))
}

fn shown(tree: &Tree) -> String {
    let mut trail = Trail::default();
    let mut lines = String::new();
    let done: Result<(), std::convert::Infallible> = walk(tree, &mut |step| {
        match step {
            Step::EnterMap | Step::EnterList => trail.enter(),
            Step::Leave => trail.leave(),
            Step::Key(key) => trail.key(key),
            Step::Comment(comment) => {
                let kind = if comment.inline { "i" } else { "c" };
                let text = String::from_utf8_lossy(comment.text.expose()).into_owned();
                let _ = writeln!(lines, "{kind} {} comment {text:?}", trail.of_comment());
            }
            Step::Leaf(leaf) => {
                let text = with_plain(&leaf.value, |plain| {
                    String::from_utf8_lossy(plain).into_owned()
                });
                let _ = writeln!(
                    lines,
                    "v {} {} {text:?}",
                    trail.of_value(),
                    kind(&leaf.value)
                );
            }
        }
        Ok(())
    });
    let Ok(()) = done;
    lines
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Str(_) => "string",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::Bool(_) => "bool",
        Value::Time(_) => "time",
    }
}

/// The same of the reference, for each file.
pub(super) fn seen_by_the_reference(files: &[std::path::PathBuf]) -> Vec<Result<String, String>> {
    let output = Command::new(peer("oracle")).args(files).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(error) = json["err"].as_str() {
                return Err(error.to_owned());
            }
            let Some(documents) = json["docs"].as_array() else {
                return Err("no documents".to_owned());
            };
            let mut lines = String::new();
            for item in documents.iter().flat_map(|doc| doc.as_array().unwrap()) {
                let text = |name: &str| item[name].as_str().unwrap().to_owned();
                let path = text("p");
                let path = if path.is_empty() {
                    ":".to_owned()
                } else {
                    path
                };
                let _ = writeln!(lines, "{} {path} {} {:?}", text("k"), text("t"), text("v"));
            }
            Ok(lines)
        })
        .collect()
}

#[test]
fn recorded_documents_are_seen_as_the_reference_sees_them() {
    let folder = fixture("formats/yaml/walk");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() > 20, "the fixtures are missing");
    for path in names {
        let text = std::fs::read_to_string(&path).unwrap();
        let recorded = path.with_extension("walk");
        if std::env::var_os("CLSECRETS_BLESS").is_some() {
            let seen = seen_by_the_reference(std::slice::from_ref(&path))
                .remove(0)
                .unwrap();
            std::fs::write(&recorded, seen).unwrap();
        }
        let recorded = std::fs::read_to_string(&recorded).unwrap();
        assert_eq!(seen_by_us(&text).unwrap(), recorded, "{}", path.display());
    }
}

#[test]
fn generated_documents_are_seen_as_the_reference_sees_them() {
    let count = number("CLSECRETS_WALK_COUNT").unwrap_or(400);
    let seed = number("CLSECRETS_SEED").unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    let mut texts = Vec::new();
    let mut files = Vec::new();
    for at in 0..count {
        let text = Generator::new(seed * 1_000_003 + at).document();
        let path = folder.path().join(format!("{at}.yaml"));
        std::fs::write(&path, &text).unwrap();
        texts.push(text);
        files.push(path);
    }
    let mut differences = String::new();
    let mut compared = 0;
    for ((text, path), theirs) in texts.iter().zip(&files).zip(seen_by_the_reference(&files)) {
        let Ok(theirs) = theirs else { continue };
        compared += 1;
        match seen_by_us(text) {
            Ok(ours) if ours == theirs => {}
            Err(error) if error.starts_with("stray") && lost_alike(text, &error, &theirs) => {}
            ours => {
                let _ = writeln!(
                    differences,
                    "--- {}\n{text}--- ours\n{}--- theirs\n{theirs}",
                    name(path),
                    ours.unwrap_or_else(|error| format!("{error}\n"))
                );
            }
        }
    }
    assert!(
        compared > count / 2,
        "only {compared} of {count} documents were taken"
    );
    println!("{compared} of {count} documents compared");
    assert!(differences.is_empty(), "seed {seed}:\n{differences}");
}

/// Whether the reference, too, does not see the comments that we say are lost.
fn lost_alike(text: &str, error: &str, theirs: &str) -> bool {
    let lines = error
        .strip_prefix("stray comments at [")
        .unwrap_or_default();
    let lines = lines.trim_end_matches(']').split(", ");
    let mut comments = lines.map(|line| {
        let line: usize = line.parse().unwrap();
        let line = text.lines().nth(line - 1).unwrap();
        line.rsplit_once('#').unwrap().1
    });
    // Those of markers and flow maps have no number: another of the same text may be seen.
    let is_numbered = |comment: &str| comment.ends_with(|c: char| c.is_ascii_digit());
    comments
        .all(|comment| !is_numbered(comment) || !theirs.contains(&format!(" comment {comment:?}")))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

pub(super) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

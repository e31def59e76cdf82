//! Every entry of a list of formats, key kinds, targets or rules has its fixtures and its row in the
//! documentation: one new file, one line, one fixture, one row.

use std::fs;

use clsecrets::format::FORMATS;
use clsecrets::keys::KEY_KINDS;

use crate::support::{fixture, project};

#[test]
fn every_format_is_complete() {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
    check(&names, "formats", &["plain", "sealed"], "docs/format.md");
}

#[test]
fn every_key_kind_is_complete() {
    let fields: Vec<&str> = KEY_KINDS.iter().map(|kind| kind.field).collect();
    check(&fields, "keys", &["sealed"], "docs/format.md");
}

#[test]
fn an_incomplete_entry_is_noticed() {
    assert_eq!(
        missing("yaml", "formats", &["plain", "sealed"], "docs/format.md"),
        [""; 0]
    );
    assert_eq!(
        missing("toml", "formats", &["plain"], "docs/format.md").len(),
        2
    );
}

#[track_caller]
fn check(names: &[&str], folder: &str, files: &[&str], page: &str) {
    let found: Vec<String> = names
        .iter()
        .flat_map(|name| missing(name, folder, files, page))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// What an entry lacks: files (by the beginning of their names) in `fixtures/FOLDER/NAME/`, or a
/// table row of the page whose first cell is the name.
fn missing(name: &str, folder: &str, files: &[&str], page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let place = format!("{folder}/{name}");
    let entries: Vec<String> = fs::read_dir(fixture(&place))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for file in files {
        let has_it = |entry: &String| entry.split('.').next() == Some(*file);
        if !entries.iter().any(has_it) {
            found.push(format!("{name}: no fixtures/{place}/{file}.*"));
        }
    }
    let text = fs::read_to_string(project(page)).unwrap_or_default();
    let row = format!("| `{name}` |");
    if !text.lines().any(|line| line.starts_with(&row)) {
        found.push(format!("{name}: no row that begins with {row} in {page}"));
    }
    found
}

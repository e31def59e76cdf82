//! Every entry of a list of formats, key kinds, targets or rules has its fixtures and its row in the
//! documentation: one new file, one line, one fixture, one row.

use std::fs;

use clsecrets::format::FORMATS;
use clsecrets::keys::KEY_KINDS;
use clsecrets::scan::RULES;
use clsecrets::sync::TARGET_KINDS;

use crate::example::example;
use crate::support::{Run, Scene, fixture, project};

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
fn every_kind_of_target_is_complete() {
    let names: Vec<&str> = TARGET_KINDS.iter().map(|kind| kind.name).collect();
    check(&names, "targets", &["target", "rendered"], "docs/sync.md");
}

#[test]
fn every_rule_of_the_hook_is_complete() {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id()).collect();
    check(&ids, "scan", &["bad", "good"], "docs/hook.md");
    let page = fs::read_to_string(project("docs/hook.md")).unwrap();
    for rule in RULES {
        let row = format!("| `{}` | {} |", rule.id(), rule.summary());
        assert!(page.contains(&row), "docs/hook.md lacks\n{row}");
    }
}

/// `target.yaml` has every field of its kind; `rendered.txt` is what the worked example becomes there.
/// `CLSECRETS_BLESS=1` writes the latter anew.
#[test]
fn every_kind_of_target_is_rendered_as_recorded() {
    let whole = fs::read_to_string(project("clsecrets.yaml")).unwrap();
    let (before, _) = whole.split_once("      - {").unwrap();
    for kind in TARGET_KINDS {
        let folder = fixture("targets").join(kind.name);
        let target = fs::read_to_string(folder.join("target.yaml")).unwrap();
        let scene = example().file("clsecrets.yaml", format!("{before}      - {target}"));
        let seen = scene.run("render --env dev").succeeds().stderr("").out();
        let path = folder.join("rendered.txt");
        if std::env::var_os("CLSECRETS_BLESS").is_some() {
            fs::write(&path, &seen).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(seen, expected, "differs from {}", path.display());
    }
}

/// Each file of `bad.txt` but the configuration is refused by this rule and no other; all of
/// `good.txt` passes. A rule whose findings are warnings tells them and refuses nothing.
#[test]
fn every_rule_of_the_hook_refuses_what_is_bad_and_nothing_else() {
    for rule in RULES {
        let (files, run) = hook(rule.id(), "bad");
        let report = run.json();
        let found = report["findings"].as_array().unwrap();
        let refuses = found.iter().any(|finding| finding["severity"] == "error");
        run.fails(i32::from(refuses));
        for file in &files {
            let of_file = found.iter().filter(|finding| finding["path"] == **file);
            assert!(of_file.count() > 0, "{}: {file} passes", rule.id());
        }
        let rules = found
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap());
        let others: Vec<&str> = rules.filter(|id| *id != rule.id()).collect();
        assert_eq!(others, [""; 0], "in the bad fixture of {}", rule.id());

        let (_, run) = hook(rule.id(), "good");
        run.succeeds();
    }
}

/// Runs the hook over a fixture: files, each behind a line `-- PATH --`, in a repository; what stands
/// behind `-- PATH @HEAD --` is committed before. Gives the files that are to be judged.
fn hook(id: &str, name: &str) -> (Vec<String>, Run) {
    let text = fs::read_to_string(fixture(&format!("scan/{id}/{name}.txt"))).unwrap();
    let scene = Scene::with_age().in_git();
    let mut parts = Vec::new();
    for part in text.split("\n-- ").skip(1) {
        let (path, content) = part.split_once(" --\n").unwrap();
        parts.push((path, format!("{}\n", content.trim_end())));
    }
    let old = parts
        .iter()
        .filter_map(|(path, content)| Some((path.strip_suffix(" @HEAD")?, content)));
    let mut has_head = false;
    for (path, content) in old {
        scene.write(path, content);
        has_head = true;
    }
    if has_head {
        scene.git("add --force .").succeeds();
        scene.git("commit --quiet --message before").succeeds();
    }
    if id == "H020" {
        scene.run("hook index").succeeds();
    }
    let mut files = Vec::new();
    for (path, content) in &parts {
        if !path.ends_with(" @HEAD") {
            scene.write(path, content);
            let is_configuration = ["clsecrets.yaml", ".sops.yaml"].contains(path);
            files.extend((!is_configuration).then(|| (*path).to_owned()));
        }
    }
    assert!(!files.is_empty(), "{id}/{name}.txt has no files");
    scene.git("add --force .").succeeds();
    let run = scene.run("hook --json");
    (files, run)
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

//! How much the hook finds, and how often it cries wolf: a corpus of cases that are made like those of
//! repositories for Chainlink nodes, each in a repository of its own.
//!
//! `fixtures/scan/corpus/{bad,good}/CLASS.txt` has cases behind `== NAME`, files behind `-- PATH --`;
//! what stands behind `-- PATH@HEAD --` is committed before. Values were drawn at random.

use std::fs;

use crate::support::{Run, Scene, fixture};

/// One case: a name, and its files.
type Case = (String, Vec<(String, String)>);

#[test]
fn what_is_bad_is_found_and_what_is_good_passes() {
    let (mut found, mut all, mut wrong, mut harmless) = (0, 0, 0, 0);
    let mut lines = Vec::new();
    let mut missed_structure = Vec::new();
    for kind in ["bad", "good"] {
        for (class, cases) in corpus(kind) {
            let mut off = Vec::new();
            for (name, files) in &cases {
                let run = hook(files);
                let report = run.json();
                let errors = report["findings"].as_array().unwrap().iter();
                let refuses = errors
                    .filter(|finding| finding["severity"] == "error")
                    .count()
                    > 0
                    || !report["unjudged"].as_array().unwrap().is_empty();
                if refuses != (kind == "bad") {
                    off.push(name.clone());
                }
            }
            let right = cases.len() - off.len();
            lines.push(format!(
                "{kind:5} {class:10} {right:3} of {:3}  {}",
                cases.len(),
                off.join(", ")
            ));
            if kind == "bad" {
                (found, all) = (found + right, all + cases.len());
                if ["structure", "git", "integrity"].contains(&class.as_str()) {
                    missed_structure.extend(off);
                }
            } else {
                (wrong, harmless) = (wrong + off.len(), harmless + cases.len());
            }
        }
    }
    let table = lines.join("\n");
    println!("{table}\nrecall {found} of {all}, false alarms {wrong} of {harmless}");
    assert!(found * 100 >= all * 97, "recall {found} of {all}\n{table}");
    assert!(
        wrong * 100 <= harmless,
        "{wrong} false alarms in {harmless}\n{table}"
    );
    assert!(missed_structure.is_empty(), "{missed_structure:?}");
}

fn corpus(kind: &str) -> Vec<(String, Vec<Case>)> {
    let mut classes = Vec::new();
    for entry in fs::read_dir(fixture(&format!("scan/corpus/{kind}"))).unwrap() {
        let path = entry.unwrap().path();
        let class = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.strip_prefix("== ").unwrap();
        let cases = text.split("\n== ").map(|case| {
            let (name, files) = case.split_once('\n').unwrap();
            let files = files.strip_prefix("-- ").unwrap().split("\n-- ");
            let files = files.map(|file| {
                let (path, content) = file.split_once(" --\n").unwrap();
                (
                    path.to_owned(),
                    format!("{}\n", content.trim_end_matches('\n')),
                )
            });
            (name.to_owned(), files.collect())
        });
        classes.push((class, cases.collect()));
    }
    classes.sort();
    classes
}

fn hook(files: &[(String, String)]) -> Run {
    let scene = Scene::new().in_git();
    let mut has_head = false;
    for (path, content) in files {
        if let Some(path) = path.strip_suffix("@HEAD") {
            scene.write(path, content);
            has_head = true;
        }
    }
    if has_head {
        scene.git("add --force .").succeeds();
        scene.git("commit --quiet --message before").succeeds();
    }
    for (path, content) in files {
        if !path.ends_with("@HEAD") {
            scene.write(path, content);
        }
    }
    scene.git("add --force .").succeeds();
    scene.run("hook --json")
}

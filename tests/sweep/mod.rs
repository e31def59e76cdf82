//! Files that people have: those of package caches, sealed and opened again. Every byte has to come
//! back. What we refuse is shown to the reference, and counted by what comes of it; a refusal for the
//! place of a comment is a failure.
//!
//! CI takes a sample that its draw chooses; `make bench` takes all of them and prints how many there
//! are of each kind.

mod corpus;
mod judged;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use corpus::{File, files};
use judged::{Outcome, judge};

/// Files of a run in CI.
const SAMPLE: usize = 200;
/// Files that `make bench` wants to have seen.
const WANTED: usize = 5000;

/// Those of our own are few, and made to be difficult: all of them, whatever the draw.
#[test]
fn every_fixture_comes_back_byte_for_byte() {
    let is_fixture = |file: &File| {
        file.path
            .components()
            .any(|part| part.as_os_str() == "fixtures")
    };
    let files: Vec<File> = files().into_iter().filter(is_fixture).collect();
    report(&judged(&files), 20);
}

#[test]
fn a_sample_of_real_files_comes_back_byte_for_byte() {
    let draw = std::env::var("CLSECRETS_DRAW").ok();
    let draw = draw.and_then(|draw| draw.parse().ok()).unwrap_or(1);
    println!("repeat it with CLSECRETS_DRAW={draw}");
    let mut files = files();
    corpus::shuffle(&mut files, draw);
    files.truncate(SAMPLE);
    report(&judged(&files), 0);
}

#[test]
#[ignore = "all files of the package caches, for `make bench`"]
fn all_real_files_come_back_byte_for_byte() {
    let files = files();
    report(&judged(&files), WANTED);
}

type Found = BTreeMap<Outcome, Vec<String>>;

fn judged(files: &[File]) -> Found {
    let found = Mutex::new(Found::new());
    let share = files.len().div_ceil(2).max(1);
    thread::scope(|scope| {
        for share in files.chunks(share) {
            let found = &found;
            scope.spawn(move || {
                for file in share {
                    let outcome = judge(file);
                    let name = file.path.display().to_string();
                    found.lock().unwrap().entry(outcome).or_default().push(name);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Prints how many there are of each kind, and fails where one is not what it should be.
fn report(found: &Found, wanted: usize) {
    let mut failures = Vec::new();
    let mut back = 0;
    for (outcome, files) in found {
        println!("{:6}  {outcome}", files.len());
        if outcome.is_back() {
            back += files.len();
        }
        if outcome.is_failure() {
            failures.extend(
                files
                    .iter()
                    .take(20)
                    .map(|file| format!("{outcome}: {file}")),
            );
        }
    }
    println!("{back:6}  files come back byte for byte");
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
    assert!(back >= wanted, "only {back} files came back");
}

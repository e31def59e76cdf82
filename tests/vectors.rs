//! Replays the recorded files of the reference tool (`fixtures/vectors`) through the binary.
//!
//! Each ends as `exact` (the bytes that the reference prints, or its exit status), `same` (the same
//! data and comments in another layout: fine where ours is closer to the source), `stricter` (the
//! reference accepts damage that we refuse), `better` (the reference cannot open its own file and we
//! can) or as a failure.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use crate::interop::hold_the_same;
use crate::servers::moto;
use crate::support::{Scene, fixture};

/// What the reference refuses and a better reader may take.
const MAY_TAKE: &[&str] = &[
    "bad-yaml12",
    "bad-json-bom",
    "tamper-bom-json",
    "tamper-bom-binary",
    "tamper-bom-dotenv",
    "tamper-crlf-dotenv",
];

#[derive(Deserialize)]
struct Index {
    recipients: BTreeMap<String, String>,
    vectors: Vec<Vector>,
    encrypt_failures: Vec<Refused>,
}

#[derive(Deserialize)]
struct Vector {
    file: String,
    tests: String,
    keys: Vec<String>,
    #[serde(default)]
    kms: bool,
    expect: String,
    plain: Option<String>,
    sops_exit: Option<i32>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Refused {
    source: String,
    tests: String,
    flags: Vec<String>,
    sops_exit: i32,
}

#[derive(Default)]
struct Tally {
    counts: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
}

#[test]
fn recorded_files_open_as_the_reference_opens_them() {
    let mut tally = Tally::default();
    // Pairs of texts that differ: what we printed, what the reference prints, and which vector.
    let mut pairs = Vec::new();
    let index = index();
    for vector in &index.vectors {
        let run = open(vector);
        let has_note = |kind: &str| vector.note.starts_with(kind);
        match &vector.plain {
            Some(plain) if vector.expect == "ok" => {
                let expected = fs::read(fixture("vectors").join(plain)).unwrap();
                if run.status == 0 && run.stdout == expected {
                    tally.count("exact");
                } else if run.status == 0 {
                    let ours = String::from_utf8_lossy(&run.stdout).into_owned();
                    let theirs = String::from_utf8_lossy(&expected).into_owned();
                    if !is_flat(&vector.file) {
                        pairs.push((vector, ours, theirs));
                    } else if lines(&ours) == lines(&theirs) {
                        tally.count("same");
                    } else {
                        tally.fail(&vector.file, &vector.tests, 0, &run.to_string());
                    }
                } else if (has_note("sops gap") || has_note("sops bug"))
                    && [1, 25, 51].contains(&run.status)
                {
                    tally.count("stricter");
                } else {
                    tally.fail(&vector.file, &vector.tests, 0, &run.to_string());
                }
            }
            _ => {
                let expected = vector.sops_exit.unwrap();
                let opens_what_sops_spoilt =
                    has_note("sops bug") && [0, 1, 25].contains(&run.status);
                if run.status == expected {
                    tally.count("exact");
                } else if opens_what_sops_spoilt || run.status == 0 && may_take(&vector.file) {
                    tally.count("better");
                } else {
                    tally.fail(&vector.file, &vector.tests, expected, &run.to_string());
                }
            }
        }
    }
    let texts: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(_, ours, theirs)| (ours.as_str(), theirs.as_str()))
        .collect();
    for ((vector, ours, theirs), is_same) in pairs.iter().zip(hold_the_same(&texts)) {
        if is_same {
            tally.count("same");
        } else {
            let both = format!("--- ours\n{ours}\n--- theirs\n{theirs}");
            tally.fail(&vector.file, &vector.tests, 0, &both);
        }
    }
    tally.report();
}

#[test]
fn what_the_reference_refuses_to_seal_is_refused() {
    let mut tally = Tally::default();
    let index = index();
    let recipient = &index.recipients["A"];
    for refused in &index.encrypt_failures {
        let scene = Scene::new();
        let source = fixture("vectors").join(&refused.source);
        let mut args = vec!["-e", "--age", recipient];
        args.extend(refused.flags.iter().map(String::as_str));
        args.push(source.to_str().unwrap());
        let run = scene.cmd(args).run();
        if run.status == refused.sops_exit {
            tally.count("exact");
        } else if run.status == 0 && may_take(&refused.source) {
            tally.count("better");
        } else {
            tally.fail(
                &refused.source,
                &refused.tests,
                refused.sops_exit,
                &run.to_string(),
            );
        }
    }
    tally.report();
}

fn open(vector: &Vector) -> crate::support::Run {
    let keys: Vec<String> = vector
        .keys
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(fixture("vectors").join(file)).unwrap();
            let is_key = |line: &&str| line.starts_with("AGE-SECRET-KEY-");
            text.lines()
                .filter(is_key)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut scene = Scene::new();
    if vector.kms {
        scene = scene.envs(moto().env());
    }
    if !keys.is_empty() {
        scene = scene.env("SOPS_AGE_KEY", keys.join("\n"));
    }
    let file = fixture("vectors").join(&vector.file);
    let mut args = vec!["-d"];
    args.extend(vector.flags.iter().map(String::as_str));
    args.push(file.to_str().unwrap());
    scene.cmd(args).run()
}

fn index() -> Index {
    let text = fs::read_to_string(fixture("vectors/index.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Whether a file is dotenv or INI, of which lines say everything.
fn is_flat(file: &str) -> bool {
    [".env", ".ini"].iter().any(|ending| file.ends_with(ending))
}

/// Lines without blanks around `=`.
fn lines(text: &str) -> Vec<String> {
    let parts = |line: &str| line.split('=').map(str::trim).collect::<Vec<_>>().join("=");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(parts).collect()
}

fn may_take(file: &str) -> bool {
    MAY_TAKE.iter().any(|word| file.contains(word))
}

impl Tally {
    fn count(&mut self, kind: &'static str) {
        *self.counts.entry(kind).or_default() += 1;
    }

    fn fail(&mut self, file: &str, tests: &str, expected: i32, seen: &str) {
        let line = format!("{file} ({tests}): status {expected} expected\n{seen}");
        self.failures.push(line);
    }

    #[track_caller]
    fn report(&self) {
        println!("{:?}", self.counts);
        let count = self.failures.len();
        assert!(
            count == 0,
            "{count} vectors fail:\n{}",
            self.failures.join("\n")
        );
    }
}

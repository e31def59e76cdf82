//! The tour of the README: its whole output, compared with `tests/demo.expected`.
//!
//! `CLSECRETS_BLESS=1 cargo test` writes the file anew; the change is then read in review.

use std::fs;

use regex::Regex;

use crate::support::{BINARY, Scene, project};

#[test]
fn the_demo_shows_what_the_readme_promises() {
    let scene = Scene::new();
    let script = project("tests/demo.sh");
    let run = scene.other(script, [BINARY]).run().succeeds().stderr("");
    let seen = without_chance(&run.out());

    let path = project("tests/demo.expected");
    if std::env::var_os("CLSECRETS_BLESS").is_some() {
        fs::write(&path, &seen).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(seen, expected, "differs from tests/demo.expected");
}

#[test]
fn what_differs_between_two_runs_of_the_demo_is_left_out() {
    let seen = "age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m /var/tmp/tmp.aB1/home/x 0123456789ab 12 ms";
    assert_eq!(without_chance(seen), "AGE /tmp/demo/home/x HEX TIME");
}

/// Keys, the temporary directory, digests and times.
fn without_chance(text: &str) -> String {
    let replacements = [
        (r"\bage1[a-z0-9]{58}\b", "AGE"),
        (r"/[^\s:'\x22]*/tmp\.[A-Za-z0-9]+", "/tmp/demo"),
        (r"\b[0-9a-f]{12,64}\b", "HEX"),
        (r"\b[0-9.]+ m?s\b", "TIME"),
        (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "DATE"),
    ];
    let mut text = text.to_owned();
    for (pattern, name) in replacements {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, name).into_owned();
    }
    text
}

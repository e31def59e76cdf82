//! Whole outputs, compared with small files in `tests/transcripts/`.
//!
//! `CLSECRETS_BLESS=1 cargo test` writes the files anew; the change is then read in review. What
//! chance decides (the scene's directory, key ids, ports, names of namespaces) stands there as a
//! word in capitals.

use std::fs;

use regex::Regex;

use super::{Run, Scene, project};

impl Run {
    /// Command, status and both outputs are those of `tests/transcripts/NAME.txt`.
    #[track_caller]
    pub(crate) fn matches(self, scene: &Scene, name: &str) -> Self {
        let path = project("tests/transcripts").join(format!("{name}.txt"));
        let root = scene.root().display().to_string();
        let seen = without_chance(&self.to_string().replace(&root, "SCENE"));
        if std::env::var_os("CLSECRETS_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &seen).unwrap();
        }
        let expected = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; seen:\n{seen}", path.display()));
        assert_eq!(seen, expected, "differs from {}", path.display());
        self
    }
}

fn without_chance(text: &str) -> String {
    let replacements = [
        (
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            "KEY",
        ),
        (r"\b127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\b(test|user)-\d+\b", "$1-N"),
        (r"@[0-9a-f]{12}\b", "@HEX"),
    ];
    let mut text = text.to_owned();
    for (pattern, word) in replacements {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, word)
            .into_owned();
    }
    text
}

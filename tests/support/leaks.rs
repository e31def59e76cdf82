//! The search for values in outputs and files, in every encoding that they usually travel in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Forms of values, ready to be searched for.
#[derive(Debug)]
pub(crate) struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    /// Values of fewer than six bytes would be found by chance.
    pub(crate) fn new(values: &[&str]) -> Self {
        let mut needles = Vec::new();
        for value in values {
            assert!(value.len() >= 6, "{value:?} is too short to search for");
            needles.extend(forms(value));
        }
        Self(needles)
    }

    /// The names of the forms that these bytes hold.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(_, needle)| holds(bytes, needle))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Files below a directory that hold one of the forms in content or name; objects of Git count.
pub(crate) fn places_of(needles: &Needles, root: &Path, allowed: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    for path in entries_below(root) {
        if allowed.contains(&path) {
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path);
        for form in needles.found_in(name.as_os_str().as_encoded_bytes()) {
            found.push(format!("name of {}: {form}", name.display()));
        }
        if path.is_file() && !path.is_symlink() && !is_program(name) {
            for form in needles.found_in(&fs::read(&path).unwrap()) {
                found.push(format!("{}: {form}", name.display()));
            }
        }
        if path.join("objects").is_dir() && path.join("HEAD").is_file() {
            for form in needles.found_in(&objects(&path)) {
                found.push(format!("objects of {}: {form}", name.display()));
            }
        }
    }
    found
}

/// Everything below a directory, and the directory; links are not followed.
pub(super) fn entries_below(root: &Path) -> Vec<PathBuf> {
    let mut entries = vec![root.to_owned()];
    if root.is_dir() && !root.is_symlink() {
        for entry in fs::read_dir(root).unwrap() {
            entries.extend(entries_below(&entry.unwrap().path()));
        }
    }
    entries
}

pub(super) fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut entries = entries_below(root);
    entries.retain(|path| path.is_symlink() || !path.is_dir());
    entries
}

/// The copy of our own binary is no place for a value.
fn is_program(name: &Path) -> bool {
    name.starts_with("bin")
}

/// Git keeps its objects compressed; this is all of them, as they are.
fn objects(git_dir: &Path) -> Vec<u8> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(git_dir)
        .args(["-c", "safe.directory=*", "cat-file"])
        .args(["--batch-all-objects", "--batch", "--buffer"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn forms(value: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = value.as_bytes();
    let mut forms = vec![
        ("as it is", value.to_owned()),
        ("percent-encoded", percent(bytes, false)),
        ("percent-encoded in lower case", percent(bytes, true)),
        ("as JSON", inner(&serde_json::to_string(value).unwrap())),
        ("single-quoted", value.replace('\'', "''")),
        ("in hex", hex(bytes).to_lowercase()),
        ("in upper case hex", hex(bytes)),
    ];
    for skipped in 0..3 {
        forms.push(("in base64", base64_core(bytes, skipped, &STANDARD_NO_PAD)));
        forms.push((
            "in URL base64",
            base64_core(bytes, skipped, &URL_SAFE_NO_PAD),
        ));
    }
    let mut distinct: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, form) in forms {
        if !distinct.iter().any(|(_, seen)| seen == form.as_bytes()) {
            distinct.push((format!("{value:?} {name}"), form.into_bytes()));
        }
    }
    distinct
}

/// The characters that depend on the value only, when `skipped` bytes stand before it in a group
/// of three and any bytes after it.
fn base64_core(bytes: &[u8], skipped: usize, engine: &impl Engine) -> String {
    let padded = [&vec![0; skipped], bytes].concat();
    let encoded = engine.encode(&padded);
    let first = (skipped * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap().to_owned()
}

fn percent(bytes: &[u8], lower: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    bytes
        .iter()
        .map(|&byte| match byte {
            byte if plain(byte) => char::from(byte).to_string(),
            byte if lower => format!("%{byte:02x}"),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| format!("{byte:02X}").into_bytes())
        .map(char::from)
        .collect()
}

fn inner(quoted: &str) -> String {
    quoted.trim_matches('"').to_owned()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Scene;

    const VALUE: &str = "p4ss#with/odd%'chars@\"16";

    #[test]
    fn a_value_is_found_in_every_encoding_and_at_every_offset() {
        let needles = Needles::new(&[VALUE]);
        let is_found = |text: &str| !needles.found_in(text.as_bytes()).is_empty();
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "z", "zy"] {
                let text = format!("{before}{VALUE}{after}");
                assert!(is_found(&text));
                assert!(is_found(&STANDARD_NO_PAD.encode(&text)), "{text}");
                assert!(is_found(&URL_SAFE_NO_PAD.encode(&text)), "{text}");
                assert!(is_found(&hex(text.as_bytes())));
                assert!(is_found(&percent(text.as_bytes(), true)));
                assert!(is_found(&serde_json::to_string(&text).unwrap()));
            }
        }
        assert!(!is_found("p4ss#with/odd%'chars@\"17"));
    }

    #[test]
    fn a_value_is_found_in_outputs_names_files_and_commits_but_not_where_it_is_allowed() {
        let scene = Scene::new().in_git().file("clear.yaml", VALUE);
        assert_eq!(scene.leaks(&[VALUE], &["clear.yaml"]), [""; 0]);
        assert_eq!(scene.leaks(&[VALUE], &[]).len(), 1);

        scene.git("add clear.yaml").succeeds();
        let found = scene.leaks(&[VALUE], &["clear.yaml"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("objects of work/.git"), "{found:?}");

        scene.other("cat", ["clear.yaml"]).reveals().run();
        assert_eq!(scene.leaks(&[VALUE], &["clear.yaml"]).len(), 1);
        scene.other("cat", ["clear.yaml"]).run();
        assert_eq!(scene.leaks(&[VALUE], &["clear.yaml"]).len(), 2);
    }
}

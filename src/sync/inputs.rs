//! What decides the bytes of a run besides the sealed files, so that a plan can be held to it: the
//! settings as they were read, files beside them, versions of what others keep, and the tool.
//!
//! Settings and versions are public and stand there as they are. A file can hold anything: of it
//! there is a digest under a key that only whoever opens the sealed file has. That way a plan can be
//! carried out on another machine, and tells nobody else a thing.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::SourceFile;
use crate::secret::{DataKey, SecretBytes};

/// So that the digest is no other use of the data key.
const PURPOSE: &[u8] = b"clsecrets: what a plan is held to";

/// What decides the bytes besides the sealed files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The version of the tool: it puts the objects together.
    tool: String,
    /// The environment of `clsecrets.yaml`.
    settings: Value,
    /// Keyed digests of files that it names.
    files: BTreeMap<String, String>,
    /// Versions of secrets that others keep.
    secrets: BTreeMap<String, String>,
}

impl Inputs {
    /// The settings alone.
    pub fn new(tool: &str, settings: Value) -> Self {
        Self {
            tool: tool.to_owned(),
            settings,
            files: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// Adds a file that is delivered as it is.
    pub fn add_file(&mut self, path: &str, content: &SecretBytes, key: &DataKey) {
        let own = keyed(key.expose(), &[PURPOSE]);
        let digest = keyed(&own, &[path.as_bytes(), &[0], content.expose()]);
        self.files.insert(path.to_owned(), hex(&digest));
    }

    /// Adds a secret that somebody else keeps.
    pub fn add_secret(&mut self, name: &str, version: &str) {
        self.secrets.insert(name.to_owned(), version.to_owned());
    }

    /// One digest of all of it and of the sealed files: what a confirmation names. No value is in it.
    pub fn digest(&self, sources: &[SourceFile]) -> String {
        let mut digest = Sha256::new();
        for source in sources {
            digest.update(source.sha256.as_bytes());
            digest.update(b"\n");
        }
        let all = serde_json::json!([self.tool, self.settings, self.files, self.secrets]);
        digest.update(all.to_string().as_bytes());
        hex(&digest.finalize())
    }

    /// What is not as it was, in the words of whoever wrote it.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut path = Vec::new();
        compare(&self.settings, &now.settings, &mut path, &mut found);
        let mut found: Vec<String> = found
            .into_iter()
            .map(|path| format!("{path} in clsecrets.yaml"))
            .collect();
        for (what, before, now) in [
            ("the file", &self.files, &now.files),
            ("the version of the secret", &self.secrets, &now.secrets),
        ] {
            let names = before.keys().chain(now.keys());
            for name in names.filter(|name| before.get(*name) != now.get(*name)) {
                let line = format!("{what} {name}");
                if !found.contains(&line) {
                    found.push(line);
                }
            }
        }
        if self.tool != now.tool {
            found.push(format!(
                "the version of clsecrets ({} then, {} now)",
                self.tool, now.tool
            ));
        }
        found
    }
}

/// Paths of what differs: `database.host`.
fn compare(before: &Value, now: &Value, path: &mut Vec<String>, found: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            let more = now.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(more) {
                path.push(key.clone());
                let get = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                compare(&get(before), &get(now), path, found);
                path.pop();
            }
        }
        (before, now) if before == now => {}
        _ if path.is_empty() => found.push("something".to_owned()),
        _ => found.push(path.join(".")),
    }
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inputs() -> Inputs {
        let settings = json!({"database": {"host": "a", "port": 5432}, "nodes": {"n": {}}});
        let mut inputs = Inputs::new("1.0", settings);
        let key = DataKey::from_bytes(&[7; 32]).unwrap();
        inputs.add_file("ca.pem", &SecretBytes::copy_of(b"ca"), &key);
        inputs.add_secret("rds", "v1");
        inputs
    }

    #[test]
    fn each_thing_that_moved_is_named() {
        let before = inputs();
        assert_eq!(before.differences(&inputs()), Vec::<String>::new());

        let mut now = inputs();
        now.settings = json!({"database": {"host": "b", "port": 5432}, "protected": true});
        assert_eq!(
            before.differences(&now),
            [
                "database.host in clsecrets.yaml",
                "nodes in clsecrets.yaml",
                "protected in clsecrets.yaml"
            ]
        );
        let mut now = inputs();
        let key = DataKey::from_bytes(&[7; 32]).unwrap();
        now.add_file("ca.pem", &SecretBytes::copy_of(b"cb"), &key);
        now.add_secret("rds", "v2");
        now.tool = "1.1".to_owned();
        assert_eq!(
            before.differences(&now),
            [
                "the file ca.pem",
                "the version of the secret rds",
                "the version of clsecrets (1.0 then, 1.1 now)"
            ]
        );
    }

    #[test]
    fn the_digest_of_a_file_needs_the_data_key() {
        let digest = |key: u8, content: &[u8]| {
            let mut inputs = Inputs::new("1", Value::Null);
            let key = DataKey::from_bytes(&[key; 32]).unwrap();
            inputs.add_file("f", &SecretBytes::copy_of(content), &key);
            inputs.files.remove("f").unwrap()
        };
        assert_eq!(digest(1, b"x"), digest(1, b"x"));
        assert_ne!(digest(1, b"x"), digest(2, b"x"));
        assert_ne!(digest(1, b"x"), digest(1, b"y"));
        let plain = Sha256::digest(b"x");
        assert_ne!(digest(1, b"x"), hex(&plain));
    }

    #[test]
    fn a_confirmation_is_for_all_of_it() {
        let source = |sha256: &str| {
            [SourceFile {
                file: "f".to_owned(),
                sha256: sha256.to_owned(),
            }]
        };
        let whole = inputs().digest(&source("aa"));
        assert_eq!(whole, inputs().digest(&source("aa")));
        assert_ne!(whole, inputs().digest(&source("ab")));
        let mut other = inputs();
        other.add_secret("rds", "v2");
        assert_ne!(whole, other.digest(&source("aa")));
    }
}

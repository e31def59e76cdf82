//! Form A: credentials at the top level of the sealed files.
//!
//! `user_password`, `wallet_password`, `database_password` or `database_url`, and
//! `<adapter>_api_key` for each external adapter. All that is wrong is found in one pass.

use super::ChainlinkError;
use crate::secret::SecretBytes;
use crate::tree::{Map, Node, Tree, Value};

const API_KEY: &str = "_api_key";

/// The credentials of one environment, as the sealed files hold them.
#[derive(Debug, Default)]
pub struct Credentials {
    /// `user_password`: of the node's API user.
    pub user_password: Option<SecretBytes>,
    /// `wallet_password`: it opens the node's key ring.
    pub wallet_password: Option<SecretBytes>,
    /// `database_password`: goes into a URL that is built from parts.
    pub database_password: Option<SecretBytes>,
    /// `database_url`: passed through.
    pub database_url: Option<SecretBytes>,
    /// The adapters, by ascending key.
    pub adapters: Vec<Adapter>,
    /// Keys at the top level that no object is made of.
    pub unused: Vec<String>,
}

/// The API key of one external adapter.
#[derive(Debug)]
pub struct Adapter {
    /// The key in the sealed file: `tiingo_api_key`.
    pub key: String,
    /// The API key.
    pub value: SecretBytes,
}

impl Credentials {
    /// Reads the opened files of an environment; the names are for messages.
    pub fn read(files: &[(&str, &Tree)]) -> Result<Self, Vec<ChainlinkError>> {
        let mut credentials = Self::default();
        let mut problems = Vec::new();
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (file, tree) in files {
            for pair in tree.documents.iter().flat_map(Map::pairs) {
                let key = pair.key.as_str();
                if let Some((_, first)) = seen.iter().find(|(name, _)| *name == key) {
                    problems.push(ChainlinkError::Twice {
                        key: key.to_owned(),
                        first: (*first).to_owned(),
                        second: (*file).to_owned(),
                    });
                    continue;
                }
                seen.push((key, file));
                if let Err(problem) = credentials.take(file, key, &pair.value) {
                    problems.push(problem);
                }
            }
        }
        if credentials.database_password.is_some() && credentials.database_url.is_some() {
            problems.push(ChainlinkError::Excluded {
                first: "database_password".to_owned(),
                second: "database_url".to_owned(),
            });
        }
        credentials.adapters.sort_by(|a, b| a.key.cmp(&b.key));
        if problems.is_empty() {
            Ok(credentials)
        } else {
            Err(problems)
        }
    }

    /// The API key of an adapter, by the adapter's name.
    pub fn adapter(&self, name: &str) -> Option<&Adapter> {
        let key = adapter_key(name);
        self.adapters.iter().find(|adapter| adapter.key == key)
    }

    fn take(&mut self, file: &str, key: &str, node: &Node) -> Result<(), ChainlinkError> {
        let slot = match key {
            "user_password" => &mut self.user_password,
            "wallet_password" => &mut self.wallet_password,
            "database_password" => &mut self.database_password,
            "database_url" => &mut self.database_url,
            _ if key.len() > API_KEY.len() && key.ends_with(API_KEY) => {
                let value = credential(file, key, node)?;
                self.adapters.push(Adapter {
                    key: key.to_owned(),
                    value,
                });
                return Ok(());
            }
            // Clear by its own name: it is no credential.
            _ if key.ends_with("_unencrypted") => return Ok(()),
            _ => {
                self.unused.push(key.to_owned());
                return Ok(());
            }
        };
        *slot = Some(credential(file, key, node)?);
        Ok(())
    }
}

impl Adapter {
    /// The adapter's name as Kubernetes can hold it: `coinbase-prime` of `coinbase_prime_api_key`.
    pub fn name(&self) -> String {
        let stem = self.key.strip_suffix(API_KEY).unwrap_or(&self.key);
        stem.replace('_', "-")
    }
}

/// The key of an adapter in the sealed file; `-` and `.` are written `_` there.
pub(super) fn adapter_key(name: &str) -> String {
    format!("{}{API_KEY}", name.replace(['-', '.'], "_"))
}

/// A value that a node or an adapter takes as it is.
fn credential(file: &str, key: &str, node: &Node) -> Result<SecretBytes, ChainlinkError> {
    let not_a_string = |found| ChainlinkError::NotAString {
        file: file.to_owned(),
        key: key.to_owned(),
        found,
    };
    let empty = || ChainlinkError::Empty {
        file: file.to_owned(),
        key: key.to_owned(),
    };
    let value = match node {
        Node::Leaf(leaf) => match &leaf.value {
            Value::Str(bytes) => bytes,
            Value::Null => return Err(empty()),
            other => return Err(not_a_string(other.type_name())),
        },
        Node::Map(_) => return Err(not_a_string("map")),
        Node::List(_) => return Err(not_a_string("list")),
    };
    match fault(value) {
        None => Ok(value.duplicate()),
        Some(_) if value.is_empty() => Err(empty()),
        Some(what) => Err(ChainlinkError::Shape {
            file: file.to_owned(),
            key: key.to_owned(),
            what,
        }),
    }
}

/// What would keep a value from arriving as it is.
fn fault(value: &SecretBytes) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(value.expose()) else {
        return Some("is no text (UTF-8); the node reads text");
    };
    if text.contains(['\n', '\r', '\0']) {
        // A password file is cut or refused at a line break, and a header with one is no header.
        return Some("contains a line break or a NUL; the node would cut or refuse it");
    }
    if text.trim().len() != text.len() {
        return Some("begins or ends with white space; the node refuses that");
    }
    text.is_empty().then_some("is empty")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Map;

    fn tree(pairs: Vec<(&str, Value)>) -> Tree {
        let mut map = Map::default();
        for (key, value) in pairs {
            map.push(key, Node::new_leaf(value));
        }
        Tree {
            documents: vec![map],
        }
    }

    fn problems(value: Value) -> String {
        let tree = tree(vec![("tiingo_api_key", value)]);
        let problems = Credentials::read(&[("a.yaml", &tree)]).unwrap_err();
        assert_eq!(problems.len(), 1);
        problems.first().unwrap().to_string()
    }

    #[test]
    fn the_flat_keys_are_recognised_and_others_are_named() {
        let tree = tree(vec![
            ("user_password", Value::text("u")),
            ("wallet_password", Value::text("w")),
            ("tiingo_api_key", Value::text("t")),
            ("coinbase_prime_api_key", Value::text("c")),
            ("note", Value::Int(3)),
            ("schema_unencrypted", Value::text("1")),
        ]);
        let read = Credentials::read(&[("a.yaml", &tree)]).unwrap();
        assert!(read.user_password.is_some() && read.wallet_password.is_some());
        let names: Vec<String> = read.adapters.iter().map(Adapter::name).collect();
        assert_eq!(names, ["coinbase-prime", "tiingo"]);
        assert!(read.adapter("coinbase-prime").is_some());
        assert_eq!(read.unused, ["note"]);
    }

    #[test]
    fn a_number_is_refused_with_the_quoted_form() {
        assert_eq!(
            problems(Value::Int(123_456)),
            "tiingo_api_key in a.yaml is no string but an integer; quote it: tiingo_api_key: '…'"
        );
        assert!(problems(Value::Bool(true)).contains("a boolean"));
    }

    #[test]
    fn what_would_not_arrive_is_refused_without_the_value() {
        for (value, says) in [
            ("", "is empty"),
            ("canary\n", "line break"),
            (" canary", "white space"),
            ("can\0ary", "NUL"),
        ] {
            let text = problems(Value::text(value));
            assert!(text.contains(says), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
        assert!(problems(Value::Null).contains("is empty"));
    }

    #[test]
    fn one_key_in_two_files_and_two_sources_of_one_url_are_refused() {
        let one = tree(vec![("wallet_password", Value::text("w"))]);
        let two = tree(vec![
            ("wallet_password", Value::text("w")),
            ("database_password", Value::text("p")),
            ("database_url", Value::text("postgres://u:p@h/d")),
        ]);
        let problems = Credentials::read(&[("a.yaml", &one), ("b.yaml", &two)]).unwrap_err();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "wallet_password is in a.yaml and in b.yaml; keep one of them",
                "database_password and database_url exclude one another; keep one of them",
            ]
        );
    }
}

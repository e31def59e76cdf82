//! What a repository says about a path: has it to be sealed, is it one that holds cleartext.
//!
//! Rules come from every version that counts (HEAD and the index); what one of them governs is
//! governed. The surprise: a creation rule that matches every path governs none here. The
//! reference would seal any file with it, so it would refuse every README; only a rule that
//! names paths, an environment, or a name that begins with `encrypted-` governs.

mod files;
mod names;

use std::collections::BTreeSet;
use std::fmt;

use crate::fs::TEMPORARY_PREFIX;
use crate::metadata::Rule;
use crate::metadata::pattern::Pattern;
use files::{Environment, EnvironmentsFile, Paths, SopsFile, read};
use names::{below, file_name, is_documentation, is_example, join, says_clear, split};
pub(super) use names::{is_stand_in, original};

/// The names of the files that say it.
pub(super) const CONFIGURATIONS: &[&str] = &[SOPS, ENVIRONMENTS];

const SOPS: &str = ".sops.yaml";
pub(super) const ENVIRONMENTS: &str = "clsecrets.yaml";

/// Endings of files whose name alone can say that they are to be sealed.
const DATA: &[&str] = &[".yaml", ".yml", ".json", ".env", ".ini"];

/// All that was said.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<Rules>,
    named: Vec<Named>,
}

/// One configuration file of one version.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Its path from the top of the repository.
    pub path: String,
    /// What it says.
    pub text: Vec<u8>,
    /// The version at HEAD, beside which the one of the index is read too.
    pub is_replaced: bool,
}

/// Who says that a file has to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Governor {
    /// A creation rule of this `.sops.yaml`.
    Rule(String),
    /// This environment.
    Environment(String),
    /// Its own name.
    Name,
}

/// Why a path is one that holds cleartext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clear {
    /// It is the clear file of this environment.
    Environment(String),
    /// It lies in the directory that this environment delivers to.
    Target(String),
    /// A temporary file of ours.
    Temporary,
    /// A copy of a file that has to be sealed.
    Copy,
    /// Its own name.
    Name,
}

/// Why a configuration file cannot be read; nothing of its text is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is no YAML, or has another shape than it should.
    #[error("line {line}: not what {name} should be")]
    Shape {
        /// The file's own name.
        name: &'static str,
        /// Line, from 1.
        line: u64,
    },
    /// A pattern does not compile.
    #[error("the path_regex of creation rule {number} does not compile")]
    Pattern {
        /// Counted from 1.
        number: usize,
    },
}

/// The rules of one `.sops.yaml`.
#[derive(Debug)]
struct Rules {
    path: String,
    directory: String,
    is_replaced: bool,
    /// In order.
    creations: Vec<Creation>,
}

/// One creation rule.
#[derive(Debug)]
struct Creation {
    /// `None` matches every path.
    pattern: Option<Pattern>,
    /// What it says about values, if that can be used.
    selection: Option<Rule>,
    recipients: BTreeSet<(&'static str, String)>,
}

/// What the creation rules of every version say of a sealed file.
#[derive(Debug, Default)]
pub struct Expected {
    /// The files that say it.
    pub paths: Vec<String>,
    /// Which values are sealed, one rule for each version that can be used.
    pub selections: Vec<Rule>,
    /// Who may open it; the recipients of all versions, and none if a version leaves that open.
    pub recipients: BTreeSet<(&'static str, String)>,
    /// The environment that names it, where there are creation rules and none of them covers it.
    pub unruled: Option<String>,
}

/// A path that an environment names.
#[derive(Debug)]
struct Named {
    environment: String,
    path: String,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Sealed,
    Clear,
    Target,
}

impl Policy {
    /// Adds one configuration file of one version.
    pub fn add(&mut self, configuration: &Configuration) -> Result<(), PolicyError> {
        let (directory, name) = split(&configuration.path);
        if name == SOPS {
            let file: SopsFile = read(&configuration.text, SOPS)?;
            let rules = compile(&file)?;
            self.rules.push(Rules {
                path: configuration.path.clone(),
                directory: directory.to_owned(),
                is_replaced: configuration.is_replaced,
                creations: rules,
            });
        } else {
            let file: EnvironmentsFile = read(&configuration.text, ENVIRONMENTS)?;
            for (name, environment) in file.environments.unwrap_or_default() {
                self.add_environment(directory, &name, &environment.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn add_environment(&mut self, directory: &str, name: &str, environment: &Environment) {
        let mut add = |path: &str, role| {
            let joined = join(directory, path);
            // Outside of the repository nothing is committed; its top holds everything.
            if !path.starts_with('/') && !joined.is_empty() {
                self.named.push(Named {
                    environment: name.to_owned(),
                    path: joined,
                    role,
                });
            }
        };
        for path in environment.sealed.iter().flat_map(Paths::all) {
            add(path, Role::Sealed);
        }
        for path in environment.clear.iter().flat_map(Paths::all) {
            add(path, Role::Clear);
        }
        for target in environment.targets.iter().flatten() {
            if let Some(path) = &target.path {
                add(path, Role::Target);
            }
        }
    }

    /// Who says that this file has to be sealed.
    pub fn governor(&self, path: &str) -> Option<Governor> {
        if let Some(named) = self.named(path, Role::Sealed) {
            return Some(Governor::Environment(named.environment.clone()));
        }
        let name = file_name(path);
        if is_example(name) || CONFIGURATIONS.contains(&name) || is_documentation(name) {
            return None;
        }
        if name.starts_with("encrypted-") && DATA.iter().any(|ending| name.ends_with(ending)) {
            return Some(Governor::Name);
        }
        [false, true]
            .into_iter()
            .find_map(|is_replaced| self.rule(path, is_replaced))
            .map(|rules| Governor::Rule(rules.path.clone()))
    }

    /// Whether a creation rule matches this file, be it one that matches every file.
    pub fn has_rule(&self, path: &str) -> bool {
        [false, true]
            .into_iter()
            .any(|is_replaced| self.first_match(path, is_replaced).is_some())
    }

    /// What the creation rules say of this file's values and readers.
    pub fn expected(&self, path: &str) -> Expected {
        let mut expected = Expected::default();
        let mut is_open = false;
        for is_replaced in [false, true] {
            let Some((rules, creation)) = self.first_match(path, is_replaced) else {
                continue;
            };
            expected.paths.push(rules.path.clone());
            expected.selections.extend(creation.selection.clone());
            is_open |= creation.recipients.is_empty();
            expected
                .recipients
                .extend(creation.recipients.iter().cloned());
        }
        if is_open {
            expected.recipients.clear();
        }
        if expected.paths.is_empty() && self.rules.iter().any(|rules| below(path, &rules.directory))
        {
            let named = self.named(path, Role::Sealed);
            expected.unruled = named.map(|named| named.environment.clone());
        }
        expected
    }

    /// Whether anybody says anything of any path.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.named.is_empty()
    }

    /// Why this path is one that holds cleartext.
    pub fn clear(&self, path: &str) -> Option<Clear> {
        if let Some(named) = self.named(path, Role::Clear) {
            return Some(Clear::Environment(named.environment.clone()));
        }
        if let Some(named) = self.named.iter().find(|named| {
            named.role == Role::Target && (path == named.path || below(path, &named.path))
        }) {
            return Some(Clear::Target(named.environment.clone()));
        }
        let name = file_name(path);
        if name.starts_with(TEMPORARY_PREFIX) {
            return Some(Clear::Temporary);
        }
        if is_example(name) {
            return None;
        }
        if let Some(original) = original(path)
            && (self.governor(&original).is_some() || self.clear(&original).is_some())
        {
            return Some(Clear::Copy);
        }
        says_clear(name).then_some(Clear::Name)
    }

    fn named(&self, path: &str, role: Role) -> Option<&Named> {
        self.named
            .iter()
            .find(|named| named.role == role && named.path == path)
    }

    /// The file whose first rule that matches names paths.
    fn rule(&self, path: &str, is_replaced: bool) -> Option<&Rules> {
        let (rules, creation) = self.first_match(path, is_replaced)?;
        let names_paths = creation
            .pattern
            .as_ref()
            .is_some_and(|regex| !regex.is_match(""));
        names_paths.then_some(rules)
    }

    /// The first rule that matches, of the nearest file upward of one version.
    fn first_match(&self, path: &str, is_replaced: bool) -> Option<(&Rules, &Creation)> {
        let nearest = self
            .rules
            .iter()
            .filter(|rules| rules.is_replaced == is_replaced && below(path, &rules.directory))
            .max_by_key(|rules| rules.directory.len())?;
        let inside = path
            .strip_prefix(nearest.directory.as_str())
            .unwrap_or(path)
            .trim_start_matches('/');
        let matches = |rule: &&Creation| {
            let pattern = rule.pattern.as_ref();
            pattern.is_none_or(|regex| regex.is_match(inside))
        };
        nearest
            .creations
            .iter()
            .find(matches)
            .map(|rule| (nearest, rule))
    }
}

impl fmt::Display for Governor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(path) => write!(f, "a creation rule of {path}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Name => f.write_str("its name"),
        }
    }
}

impl fmt::Display for Clear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "the clear file of environment {name}"),
            Self::Target(name) => {
                write!(
                    f,
                    "a file in the directory that environment {name} delivers to"
                )
            }
            Self::Temporary => f.write_str("a temporary file with cleartext"),
            Self::Copy => f.write_str("a copy of a file that has to be sealed"),
            Self::Name => f.write_str("a file of cleartext, by its name"),
        }
    }
}

/// The sealed files that each environment of a `clsecrets.yaml` names, from the top of the repository.
pub(super) fn sealed_paths(
    path: &str,
    text: &[u8],
) -> Result<Vec<(String, Vec<String>)>, PolicyError> {
    let (directory, _) = split(path);
    let file: EnvironmentsFile = read(text, ENVIRONMENTS)?;
    let environments = file.environments.unwrap_or_default().into_iter();
    let named = environments.map(|(name, environment)| {
        let environment = environment.unwrap_or_default();
        let paths = environment.sealed.iter().flat_map(Paths::all);
        (name, paths.map(|path| join(directory, path)).collect())
    });
    Ok(named.collect())
}

fn compile(file: &SopsFile) -> Result<Vec<Creation>, PolicyError> {
    file.creation_rules
        .iter()
        .flatten()
        .enumerate()
        .map(|(at, rule)| {
            let pattern = match rule.path_regex.as_deref() {
                None | Some("") => None,
                Some(pattern) => Some(
                    Pattern::new(pattern).map_err(|_| PolicyError::Pattern { number: at + 1 })?,
                ),
            };
            Ok(Creation {
                pattern,
                selection: rule.selection(),
                recipients: rule.recipients(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(files: &[(&str, &str)]) -> Policy {
        let mut policy = Policy::default();
        for (path, text) in files {
            let configuration = Configuration {
                path: (*path).to_owned(),
                text: text.as_bytes().to_vec(),
                is_replaced: false,
            };
            policy.add(&configuration).unwrap();
        }
        policy
    }

    const ENVS: &str = "version: 1\nname: chainlink\nenvironments:\n  dev:\n    profile: trackit\n    \
        sealed: secrets/dev/sealed.yaml\n    clear: ./secrets/dev/open.yaml\n    targets:\n      \
        - { kind: directory, path: out/dev }\n      - { kind: kubernetes, context: c, namespace: n }\n  \
        prod:\n    sealed: [a.yaml, b.yaml]\n";

    #[test]
    fn an_environment_names_what_is_sealed_and_what_is_clear() {
        let policy = policy(&[("clsecrets.yaml", ENVS)]);
        let dev = || "dev".to_owned();

        assert_eq!(
            policy.governor("secrets/dev/sealed.yaml"),
            Some(Governor::Environment(dev()))
        );
        assert_eq!(
            policy.governor("b.yaml"),
            Some(Governor::Environment("prod".to_owned()))
        );
        assert_eq!(
            policy.clear("secrets/dev/open.yaml"),
            Some(Clear::Environment(dev()))
        );
        assert_eq!(
            policy.clear("out/dev/api-secrets/.password"),
            Some(Clear::Target(dev()))
        );
        assert_eq!(policy.clear("out/developer.txt"), None);
        assert_eq!(policy.governor("c.yaml"), None);
    }

    #[test]
    fn paths_of_a_nested_file_are_read_from_its_directory() {
        let policy = policy(&[("ops/clsecrets.yaml", ENVS)]);

        assert!(policy.governor("ops/secrets/dev/sealed.yaml").is_some());
        assert!(policy.governor("secrets/dev/sealed.yaml").is_none());
    }

    #[test]
    fn the_nearest_file_with_rules_counts_and_its_first_match() {
        let rules = |pattern: &str| {
            format!("creation_rules:\n  - path_regex: {pattern}\n    age: age1x\n  - age: age1y\n")
        };
        let policy = policy(&[
            (".sops.yaml", &rules("^secrets/.*\\.ya?ml$")),
            ("deep/.sops.yaml", &rules("^inner/")),
        ]);

        assert_eq!(
            policy.governor("secrets/a.yaml"),
            Some(Governor::Rule(".sops.yaml".to_owned()))
        );
        assert!(policy.governor("deep/inner/a.txt").is_some());
        assert!(policy.governor("deep/secrets/a.yaml").is_none());
        assert!(policy.governor("secrets/README.md").is_none());
    }

    #[test]
    fn a_rule_for_every_path_governs_none() {
        for pattern in ["", ".*", "''"] {
            let text = format!("creation_rules:\n  - path_regex: {pattern}\n    age: age1x\n");
            assert_eq!(policy(&[(".sops.yaml", &text)]).governor("README"), None);
        }
    }

    #[test]
    fn names_that_say_clear_are_known() {
        let policy = policy(&[("clsecrets.yaml", ENVS)]);
        for path in [
            "clear-secrets.yaml",
            "clear-dev-secrets.yaml",
            "a/Clear-Secrets.txt",
            "clear-node.env",
            "node.yaml.dec",
            "node.dec.yaml",
            "node.clear.toml",
            "secrets/dev/.clsecrets-tmp-x",
            "secrets/dev/sealed.yaml.bak",
            "secrets/dev/sealed.yaml~",
            "secrets/dev/.sealed.yaml.swp",
            "clear-secrets.yaml.orig",
        ] {
            assert!(policy.clear(path).is_some(), "{path}");
        }
        for path in [
            "clear-secrets.example.yaml",
            "clear-secrets.yaml.template",
            "clearance.yaml",
            "README.md.bak",
            "docs/clear-text.md",
        ] {
            assert_eq!(policy.clear(path), None, "{path}");
        }
    }

    #[test]
    fn a_name_that_says_sealed_governs_data_files_only() {
        let policy = Policy::default();
        assert_eq!(
            policy.governor("tf/secrets/dev/encrypted-secrets.yaml"),
            Some(Governor::Name)
        );
        assert_eq!(policy.governor("docs/encrypted-values.md"), None);
        assert_eq!(policy.governor("encrypted-secrets.example.yaml"), None);
    }

    #[test]
    fn what_cannot_be_read_names_the_line_and_nothing_else() {
        let mut policy = Policy::default();
        let error = policy
            .add(&Configuration {
                path: ".sops.yaml".to_owned(),
                text: b"creation_rules:\n  - path_regex: [hunter2\n".to_vec(),
                is_replaced: false,
            })
            .unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");

        let error = policy
            .add(&Configuration {
                path: ".sops.yaml".to_owned(),
                text: b"creation_rules:\n  - path_regex: '('\n".to_vec(),
                is_replaced: false,
            })
            .unwrap_err();
        assert_eq!(error, PolicyError::Pattern { number: 1 });
    }
}

//! Configuration in files: who may open what (`.sops.yaml`), and what the environments are
//! (`clsecrets.yaml`).
//!
//! Neither holds a secret, so messages quote them freely. Only these two files count: there is no
//! configuration of the user or the machine that could add a reader.

mod committed;
mod compared;
pub mod creation_rules;
pub mod environments;
mod groups;
mod guard;
mod search;
mod yaml;

pub use committed::{Committed, committed};
pub use compared::Compared;
pub use creation_rules::{Rule, RulesFile, Selection};
pub use environments::{Environment, Environments};
pub use guard::{Differs, Guarded, guard};
pub use search::{
    ENVIRONMENTS_FILE, Found, Origin, RULES_FILE, Scope, find_environments, find_rules,
    rules_of_environment,
};

use std::path::PathBuf;

use crate::error::{Code, Error};
use crate::keys::KeyError;
use crate::metadata::pattern::PatternError;

/// Why configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The file is not what it should be.
    #[error("{}:{line}:{column}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Counted from 1; 0 where the place is not known.
        line: u64,
        /// Counted from 1.
        column: u64,
        /// What is wrong.
        reason: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// Something in the file contradicts something else, or is not supported yet.
    #[error("{}: {what}: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The rule or environment.
        what: String,
        /// What is wrong.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// A pattern of a rule.
    #[error("{}: rule {rule}: {source}", path.display())]
    Pattern {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        rule: usize,
        /// What is wrong with it.
        source: PatternError,
    },
    /// A recipient of a rule.
    #[error("{}: rule {rule}: {source}", path.display())]
    Recipient {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        rule: usize,
        /// What is wrong with it.
        source: KeyError,
    },
    /// No such environment.
    #[error("{} has no environment {name}", path.display())]
    UnknownEnvironment {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// There is no `clsecrets.yaml`.
    #[error("no {ENVIRONMENTS_FILE} in {} or above it", from.display())]
    NoEnvironments {
        /// Where the search began.
        from: PathBuf,
    },
    /// Rules that do not count for a file of an environment.
    #[error("{} does not count for {}", rules.display(), file.display())]
    OtherRules {
        /// The rules that were found or given.
        rules: PathBuf,
        /// The file.
        file: PathBuf,
        /// The rules that count.
        counts: PathBuf,
    },
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        let this = Self::new(Code::Failed, error.to_string());
        match error {
            ConfigError::Malformed {
                meant: Some(meant), ..
            } => this.hint(format!("did you mean {meant}?")),
            ConfigError::Refused {
                hint: Some(hint), ..
            } => this.hint(hint),
            ConfigError::UnknownEnvironment { known, .. } if known.is_empty() => {
                this.detail("it has none")
            }
            ConfigError::UnknownEnvironment { name, known, .. } => {
                let meant = crate::error::nearest(&name, known.iter().map(String::as_str));
                let this = this.detail(format!("known environments: {}", known.join(", ")));
                match meant {
                    Some(meant) => this.hint(format!("did you mean --env {meant}?")),
                    None => this,
                }
            }
            ConfigError::NoEnvironments { .. } => this.hint("clsecrets init"),
            ConfigError::OtherRules { counts, .. } => this
                .detail(format!(
                    "an environment names this file, so only {} says who may open it",
                    counts.display()
                ))
                .hint("move the rule there"),
            _ => this,
        }
    }
}

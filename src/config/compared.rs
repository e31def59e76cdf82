//! The guard of an environment's files: they seal what the creation rule seals, or more.
//!
//! The rule in a sealed file is part of its metadata. Whoever changes it to one that selects the same
//! today is not noticed by the MAC, and the next new value stands in clear. Pure: the command decides
//! what `--force-rule` allows.

use crate::envelope::{Sealed, Uncovered};
use crate::error::{Code, Error, quoted};
use crate::metadata::{self, Metadata};

use super::{ConfigError, Rule, RulesFile};

/// The rule in a sealed text, and the creation rule.
#[derive(Debug)]
pub struct Compared<'a> {
    name: &'a str,
    metadata: &'a Metadata,
    ruled: metadata::Rule,
    /// The creation rule in words.
    place: String,
    is_mac_wider: bool,
    uncovered: Uncovered,
}

impl<'a> Compared<'a> {
    /// Compares the rule in a sealed text with the creation rule that covers it.
    pub fn of(
        sealed: &'a Sealed,
        rules: &RulesFile,
        creation: &Rule,
        name: &'a str,
    ) -> Result<Self, ConfigError> {
        let metadata = sealed.metadata();
        let ruled = creation.selected().map_err(|source| ConfigError::Pattern {
            path: rules.path().to_path_buf(),
            rule: creation.number,
            source,
        })?;
        let uncovered = if metadata.rule.is_opaque() {
            Uncovered::default()
        } else {
            sealed.uncovered(&ruled)
        };
        Ok(Self {
            name,
            metadata,
            place: format!("rule {} of {}", creation.number, rules.path().display()),
            is_mac_wider: !creation.mac_only_encrypted,
            ruled,
            uncovered,
        })
    }

    /// Whether they are not the same.
    pub fn is_other(&self) -> bool {
        self.metadata.rule != self.ruled || self.is_mac_looser()
    }

    /// Whether the MAC leaves out clear values that it has to cover.
    fn is_mac_looser(&self) -> bool {
        self.metadata.mac_only_encrypted && self.is_mac_wider
    }

    /// The difference, for a file that may have one.
    pub fn told(&self) -> String {
        let (name, place) = (self.name, &self.place);
        if self.metadata.rule == self.ruled {
            return format!("note: {name} has mac_only_encrypted, which {place} does not say");
        }
        format!(
            "note: {name} is sealed by {}, and {place} says {}",
            said(&self.metadata.rule),
            said(&self.ruled)
        )
    }

    /// Why a file that has to follow the rule is not to be written so: it seals less.
    pub fn refusal(&self) -> Option<Error> {
        let example = self.metadata.rule.leaves_out(&self.ruled);
        if example.is_none() && self.uncovered.is_empty() && !self.is_mac_looser() {
            return None;
        }
        let mut error = Error::new(
            Code::Failed,
            format!("the rule in {} seals less than {}", self.name, self.place),
        );
        if self.metadata.rule != self.ruled {
            error = error
                .detail(format!("{}  in the file", said(&self.metadata.rule)))
                .detail(format!("{}  by the rule", said(&self.ruled)));
        }
        if self.is_mac_looser() {
            error = error.detail("mac_only_encrypted: true  in the file only");
        }
        for path in &self.uncovered.paths {
            error = error.detail(format!("{path} would stand in clear"));
        }
        match (self.uncovered.comments, example) {
            (0, Some(key)) if self.uncovered.is_empty() => {
                error = error.detail(format!(
                    "a value at a key such as '{key}' would stand in clear"
                ));
            }
            (0, _) => {}
            (1, _) => error = error.detail("a comment would stand in clear"),
            (many, _) => error = error.detail(format!("{many} comments would stand in clear")),
        }
        let file = quoted(self.name);
        Some(
            error
                .hint(format!(
                    "git log -p -- {file}    # shows who has changed the rule in it"
                ))
                .hint(format!(
                    "clsecrets updatekeys {file}    # makes it follow the creation rule"
                ))
                .hint("to write it all the same: --force-rule"),
        )
    }
}

fn said(rule: &metadata::Rule) -> String {
    format!("{}: {}", rule.kind().field(), rule.argument())
}

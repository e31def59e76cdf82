//! `.sops.yaml`: who may open what, and which values are sealed.
//!
//! Read as the reference reads it: the first rule whose pattern matches wins, unknown fields mean
//! nothing. The surprise: a rule is checked when it is chosen, not when the file is read, so that a
//! fault in a rule for other files does not stop the work on this one.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;
use super::groups::{self, Members, RawGroup};
use super::search::normal;
use super::yaml::{self, OneOrMany};
use crate::keys::KeyError;
use crate::metadata::pattern::{Pattern, PatternError};
use crate::metadata::{self, KeyGroups, Recipient, RuleKind};

/// A rules file that was read.
#[derive(Debug)]
pub struct RulesFile {
    path: PathBuf,
    raw: RawFile,
}

/// The rule that covers a file.
#[derive(Debug)]
pub struct Rule {
    /// Its place in the file, counted from 1.
    pub number: usize,
    /// The pattern of paths, if it has one.
    pub path_regex: Option<String>,
    /// Who may open the file, as far as this build knows the kinds: one group or several.
    pub groups: Vec<Vec<Recipient>>,
    /// Kinds that the rule uses and this build does not have, with the place of the group in
    /// `key_groups` where there are several.
    pub unknown_kinds: Vec<(Option<usize>, String)>,
    /// Which values are sealed, if the rule says so.
    pub selection: Option<Selection>,
    /// Whether the MAC leaves out values in clear.
    pub mac_only_encrypted: bool,
    /// How many groups are needed; 0 if the rule does not say.
    pub shamir_threshold: i64,
}

/// Which values are sealed: the kind of rule and its suffix or pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// `encrypted_regex`, `unencrypted_suffix`, …
    pub kind: RuleKind,
    /// The suffix or pattern.
    pub value: String,
}

#[derive(Debug, Default, Deserialize)]
struct RawFile {
    #[serde(default)]
    creation_rules: Option<Vec<RawRule>>,
    #[serde(default)]
    stores: Option<RawStores>,
}

#[derive(Debug, Default, Deserialize)]
struct RawStores {
    #[serde(default)]
    yaml: Option<RawStore>,
}

#[derive(Debug, Default, Deserialize)]
struct RawStore {
    #[serde(default)]
    indent: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawRule {
    path_regex: Option<String>,
    kms: Option<OneOrMany>,
    aws_profile: Option<String>,
    age: Option<OneOrMany>,
    pgp: Option<OneOrMany>,
    gcp_kms: Option<OneOrMany>,
    hckms: Option<OneOrMany>,
    azure_keyvault: Option<OneOrMany>,
    hc_vault_transit_uri: Option<OneOrMany>,
    key_groups: Option<Vec<Option<RawGroup>>>,
    shamir_threshold: Option<i64>,
    unencrypted_suffix: Option<String>,
    encrypted_suffix: Option<String>,
    unencrypted_regex: Option<String>,
    encrypted_regex: Option<String>,
    unencrypted_comment_regex: Option<String>,
    encrypted_comment_regex: Option<String>,
    mac_only_encrypted: Option<bool>,
}

impl RulesFile {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &yaml::read(path)?)
    }

    /// Reads a text; `path` says what it is the text of.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let raw = yaml::parse(path, text)?;
        let path = normal(path);
        Ok(Self { path, raw })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has rules at all.
    pub fn has_rules(&self) -> bool {
        self.raw.creation_rules.is_some()
    }

    /// How far the reference would indent YAML (`stores.yaml.indent`).
    pub fn yaml_indent(&self) -> Option<i64> {
        self.raw.stores.as_ref()?.yaml.as_ref()?.indent
    }

    /// The first rule that covers a file, given by its absolute path.
    pub fn rule_for(&self, file: &Path) -> Result<Option<Rule>, ConfigError> {
        let file = normal(file);
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        let subject = file.strip_prefix(directory).unwrap_or(&file);
        let subject = subject.to_string_lossy();
        let rules = self.raw.creation_rules.iter().flatten();
        for (number, raw) in (1..).zip(rules) {
            let covers = match raw.path_regex.as_deref() {
                None | Some("") => true,
                Some(pattern) => self.pattern(number, pattern)?.is_match(&subject),
            };
            if covers {
                return self.rule(number, raw).map(Some);
            }
        }
        Ok(None)
    }

    fn rule(&self, number: usize, raw: &RawRule) -> Result<Rule, ConfigError> {
        let members = self.members(number, raw)?;
        let is_shared = members.len() > 1;
        let (groups, kinds): (Vec<_>, Vec<_>) = members
            .into_iter()
            .map(|members| (members.recipients, members.unknown_kinds))
            .unzip();
        let unknown_kinds = (1..).zip(kinds).flat_map(|(number, kinds)| {
            let group = is_shared.then_some(number);
            kinds.into_iter().map(move |kind| (group, kind))
        });
        Ok(Rule {
            number,
            path_regex: raw.path_regex.clone(),
            groups,
            unknown_kinds: unknown_kinds.collect(),
            selection: self.selection(number, raw)?,
            mac_only_encrypted: raw.mac_only_encrypted.unwrap_or(false),
            shamir_threshold: raw.shamir_threshold.unwrap_or(0),
        })
    }

    /// What each group names; the flat fields are one, and count only without `key_groups`.
    fn members(&self, number: usize, raw: &RawRule) -> Result<Vec<Members>, ConfigError> {
        let recipient = |source| ConfigError::Recipient {
            path: self.path.clone(),
            rule: number,
            source,
        };
        let mut all = Vec::new();
        for group in raw.key_groups.iter().flatten().flatten() {
            let mut members = Members::default();
            groups::collect(group, &mut members).map_err(recipient)?;
            all.push(members);
        }
        if all.is_empty() {
            all.push(flat(raw).map_err(recipient)?);
        }
        for members in &mut all {
            crate::keys::deduplicate(&mut members.recipients);
        }
        Ok(all)
    }

    fn selection(&self, number: usize, raw: &RawRule) -> Result<Option<Selection>, ConfigError> {
        let mut found = None;
        for (kind, value) in [
            (RuleKind::UnencryptedSuffix, &raw.unencrypted_suffix),
            (RuleKind::EncryptedSuffix, &raw.encrypted_suffix),
            (RuleKind::UnencryptedRegex, &raw.unencrypted_regex),
            (RuleKind::EncryptedRegex, &raw.encrypted_regex),
            (
                RuleKind::UnencryptedCommentRegex,
                &raw.unencrypted_comment_regex,
            ),
            (
                RuleKind::EncryptedCommentRegex,
                &raw.encrypted_comment_regex,
            ),
        ] {
            let Some(value) = value.clone().filter(|value| !value.is_empty()) else {
                continue;
            };
            if kind.field().ends_with("_regex") {
                self.pattern(number, &value)?;
            }
            if let Some(Selection { kind: other, .. }) = found {
                let (other, field) = (other.field(), kind.field());
                let reason = format!("{other} and {field} exclude one another");
                return Err(self.refuse(number, &reason));
            }
            found = Some(Selection { kind, value });
        }
        Ok(found)
    }

    fn pattern(&self, number: usize, pattern: &str) -> Result<Pattern, ConfigError> {
        Pattern::new(pattern).map_err(|source| ConfigError::Pattern {
            path: self.path.clone(),
            rule: number,
            source,
        })
    }

    fn refuse(&self, number: usize, reason: &str) -> ConfigError {
        ConfigError::Refused {
            path: self.path.clone(),
            what: format!("rule {number}"),
            reason: reason.to_owned(),
            hint: None,
        }
    }
}

fn flat(raw: &RawRule) -> Result<Members, KeyError> {
    let mut members = Members::default();
    for (kind, list) in [
        ("age", &raw.age),
        ("pgp", &raw.pgp),
        ("kms", &raw.kms),
        ("gcp_kms", &raw.gcp_kms),
        ("hckms", &raw.hckms),
        ("azure_keyvault", &raw.azure_keyvault),
        ("hc_vault_transit_uri", &raw.hc_vault_transit_uri),
    ] {
        let entries = list.as_ref().map(OneOrMany::split).unwrap_or_default();
        members.add(kind, &entries)?;
    }
    let profile = raw.aws_profile.as_deref().unwrap_or_default();
    crate::keys::apply_profile(&mut members.recipients, profile);
    Ok(members)
}

impl Rule {
    /// Which values of the file are to be sealed: without a word of the rule, all but those whose keys
    /// say otherwise.
    pub fn selected(&self) -> Result<metadata::Rule, PatternError> {
        match &self.selection {
            Some(selection) => metadata::Rule::new(selection.kind, &selection.value),
            None => Ok(metadata::Rule::default()),
        }
    }

    /// Who the file is to be sealed for; a kind that this build cannot use is an error, because
    /// whoever relies on it would be locked out.
    pub fn seal_for(&self, rules: &RulesFile) -> Result<KeyGroups, ConfigError> {
        if self.unknown_kinds.is_empty() {
            return Ok(KeyGroups::new(self.groups.clone(), self.shamir_threshold));
        }
        let kinds = self.unknown_kinds.iter().map(|(group, kind)| match group {
            Some(group) => format!("{kind} (key group {group})"),
            None => kind.clone(),
        });
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        Err(rules.refuse(
            self.number,
            &format!("this build cannot seal for recipients of kind {kinds}"),
        ))
    }
}

#[cfg(test)]
mod tests;

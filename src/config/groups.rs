//! The recipients of a creation rule: flat lists, or the members of its key groups.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::keys::{self, KeyError};
use crate::metadata::Recipient;
use crate::tree::{Field, Fields};

/// One entry of `key_groups`. Items of a list that are null do not count, as for the reference.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawGroup {
    merge: Option<Vec<Option<RawGroup>>>,
    kms: Option<Vec<Option<RawKms>>>,
    age: Option<Vec<Option<String>>>,
    pgp: Option<Vec<Option<String>>>,
    gcp_kms: Option<Vec<serde::de::IgnoredAny>>,
    hckms: Option<Vec<serde::de::IgnoredAny>>,
    azure_keyvault: Option<Vec<serde::de::IgnoredAny>>,
    hc_vault: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawKms {
    arn: String,
    role: Option<String>,
    context: Option<BTreeMap<String, String>>,
    aws_profile: Option<String>,
}

/// What a rule names, or one of its groups.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) recipients: Vec<Recipient>,
    pub(super) unknown_kinds: Vec<String>,
}

impl Members {
    /// Adds entries of a kind; of one that this build does not have, only its name.
    pub(super) fn add(&mut self, kind: &str, entries: &[String]) -> Result<(), KeyError> {
        if entries.is_empty() {
            return Ok(());
        }
        match keys::kind(kind) {
            Some(kind) => {
                for entry in entries {
                    self.recipients.push((kind.parse)(entry)?);
                }
            }
            None => self.add_unknown(kind),
        }
        Ok(())
    }

    fn add_unknown(&mut self, kind: &str) {
        if !self.unknown_kinds.iter().any(|known| known == kind) {
            self.unknown_kinds.push(kind.to_owned());
        }
    }
}

/// Collects a group: what it merges first, then its own members in the order of the reference.
pub(super) fn collect(group: &RawGroup, members: &mut Members) -> Result<(), KeyError> {
    for merged in group.merge.iter().flatten().flatten() {
        collect(merged, members)?;
    }
    // Alone of the lists of a group, that of age may have several recipients in one text.
    let age = group.age.iter().flatten().flatten();
    let age: Vec<String> = age
        .flat_map(|text| text.split(','))
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    members.add("age", &age)?;
    let pgp: Vec<String> = group.pgp.iter().flatten().flatten().cloned().collect();
    members.add("pgp", &pgp)?;
    for kms in group.kms.iter().flatten().flatten() {
        let entry = match kms.role.as_deref() {
            None | Some("") => kms.arn.clone(),
            Some(role) => format!("{}+{role}", kms.arn),
        };
        let start = members.recipients.len();
        members.add("kms", &[entry])?;
        for recipient in members.recipients.iter_mut().skip(start) {
            if let Some(profile) = &kms.aws_profile {
                let profile = Field::Text(profile.clone());
                recipient.fields.set("aws_profile", profile);
            }
            let context = kms.context.iter().flatten();
            let context: Vec<(String, Field)> = context
                .map(|(key, value)| (key.clone(), Field::Text(value.clone())))
                .collect();
            if !context.is_empty() {
                let context = Field::Map(Fields(context));
                recipient.fields.set("context", context);
            }
        }
    }
    for (kind, list) in [
        ("gcp_kms", &group.gcp_kms),
        ("hckms", &group.hckms),
        ("azure_keyvault", &group.azure_keyvault),
        ("hc_vault", &group.hc_vault),
    ] {
        if list.as_ref().is_some_and(|list| !list.is_empty()) {
            members.add_unknown(kind);
        }
    }
    Ok(())
}

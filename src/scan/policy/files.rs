//! `.sops.yaml` and `clsecrets.yaml` as far as they are asked here.
//!
//! Lenient: `config` reads these files strictly, and a field that it refuses must not switch the
//! check off. An error tells the line and nothing of the text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::PolicyError;
use crate::metadata::{Rule, RuleKind};
use crate::scan::sealed::normal;

#[derive(Debug, Default, Deserialize)]
pub(super) struct SopsFile {
    pub(super) creation_rules: Option<Vec<CreationRule>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CreationRule {
    pub(super) path_regex: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

impl CreationRule {
    /// What it says about values; `None` if that cannot be used, which sealing would refuse.
    pub(super) fn selection(&self) -> Option<Rule> {
        let mut given = RuleKind::ALL.iter().filter_map(|kind| {
            let text = self.rest.get(kind.field())?.as_str()?;
            (!text.is_empty()).then_some((*kind, text))
        });
        match (given.next(), given.next()) {
            (None, _) => Some(Rule::default()),
            (Some((kind, text)), None) => Rule::new(kind, text).ok(),
            _ => None,
        }
    }

    /// Who it lets open files: kind and name, as they compare with those of metadata.
    pub(super) fn recipients(&self) -> BTreeSet<(&'static str, String)> {
        let mut found = BTreeSet::new();
        of_group(&self.rest, &mut found);
        for group in self
            .rest
            .get("key_groups")
            .and_then(|groups| groups.as_array())
            .into_iter()
            .flatten()
        {
            if let Some(group) = group.as_object() {
                let group = group
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()));
                of_group(&group.collect(), &mut found);
            }
        }
        found
    }
}

/// The names of the lists here and in metadata.
const LISTS: &[(&str, &str)] = &[
    ("kms", "kms"),
    ("age", "age"),
    ("pgp", "pgp"),
    ("gcp_kms", "gcp_kms"),
    ("hckms", "hckms"),
    ("azure_keyvault", "azure_kv"),
    ("hc_vault_transit_uri", "hc_vault"),
    ("hc_vault", "hc_vault"),
];

fn of_group(
    group: &BTreeMap<String, serde_json::Value>,
    found: &mut BTreeSet<(&'static str, String)>,
) {
    for (field, kind) in LISTS {
        let mut add = |name: &str| {
            let name = normal(kind, name);
            if !name.is_empty() {
                found.insert((*kind, name));
            }
        };
        match group.get(*field) {
            // An SSH key has blanks and no commas.
            Some(serde_json::Value::String(names)) => names.split(',').for_each(&mut add),
            Some(serde_json::Value::Array(list)) => {
                for entry in list {
                    match entry {
                        serde_json::Value::String(names) => names.split(',').for_each(&mut add),
                        serde_json::Value::Object(fields) => {
                            let names = [
                                "arn",
                                "recipient",
                                "fp",
                                "resource_id",
                                "key_id",
                                "vaultUrl",
                                "key",
                                "version",
                            ];
                            let parts: Vec<&str> = names
                                .iter()
                                .filter_map(|name| fields.get(*name)?.as_str())
                                .collect();
                            add(&parts.join("/"));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct EnvironmentsFile {
    pub(super) environments: Option<BTreeMap<String, Option<Environment>>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Environment {
    pub(super) sealed: Option<Paths>,
    pub(super) clear: Option<Paths>,
    pub(super) targets: Option<Vec<Target>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Paths {
    One(String),
    Several(Vec<String>),
}

impl Paths {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(paths) => paths,
        }
    }
}

pub(super) fn read<T: serde::de::DeserializeOwned + Default>(
    text: &[u8],
    name: &'static str,
) -> Result<T, PolicyError> {
    let shape = |line| PolicyError::Shape { name, line };
    let text = std::str::from_utf8(text).map_err(|_| shape(1))?;
    if text
        .lines()
        .all(|line| line.trim_start().starts_with('#') || line.trim().is_empty())
    {
        return Ok(T::default());
    }
    serde_saphyr::from_str(text)
        .map_err(|error| shape(error.location().map_or(1, |place| place.line())))
}

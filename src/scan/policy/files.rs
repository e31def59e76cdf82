//! `.sops.yaml` and `clsecrets.yaml` as far as they are asked here.
//!
//! Lenient: `config` reads these files strictly, and a field that it refuses must not switch the
//! check off. An error tells the line and nothing of the text.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::PolicyError;

#[derive(Debug, Default, Deserialize)]
pub(super) struct SopsFile {
    pub(super) creation_rules: Option<Vec<CreationRule>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CreationRule {
    pub(super) path_regex: Option<String>,
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

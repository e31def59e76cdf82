//! Typed reading of configuration, with the line of a fault and a guess at what was meant.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ConfigError;
use crate::error::nearest;

/// One text or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// The entries: a text is split at commas where the format does so.
    pub(super) fn split(&self) -> Vec<String> {
        let texts = match self {
            Self::One(text) => vec![text.as_str()],
            Self::Many(list) => list.iter().map(String::as_str).collect(),
        };
        texts
            .iter()
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The entries as they are.
    pub(super) fn list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(list) => list,
        }
    }
}

/// Reads a file's text.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable {
        path: path.to_path_buf(),
        reason,
    };
    let content = crate::fs::read(path).map_err(|error| unreadable(crate::fs::plain(&error)))?;
    String::from_utf8(content.bytes.to_vec()).map_err(|_| unreadable("it is no text".to_owned()))
}

/// Parses a text into a type. An empty file is the type's empty form.
pub(super) fn parse<T: DeserializeOwned + Default>(
    path: &Path,
    text: &str,
) -> Result<T, ConfigError> {
    let is_blank = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    };
    if text.lines().all(is_blank) {
        return Ok(T::default());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| malformed(path, &error))
}

fn malformed(path: &Path, error: &serde_saphyr::Error) -> ConfigError {
    let location = error.location();
    let (reason, meant) = match error {
        serde_saphyr::Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let meant = nearest(field, expected.iter().copied());
            let known = meant
                .is_none()
                .then(|| format!("; known: {}", expected.join(", ")));
            let known = known.unwrap_or_default();
            (format!("unknown key {field}{known}"), meant)
        }
        serde_saphyr::Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("unknown value {variant}; known: {}", expected.join(", ")),
            nearest(variant, expected.iter().copied()),
        ),
        serde_saphyr::Error::SerdeMissingField { field, .. } => {
            (format!("the key {field} is missing"), None)
        }
        other => (first_line(&other.to_string()), None),
    };
    ConfigError::Malformed {
        path: path.to_path_buf(),
        line: location.map_or(0, |location| location.line()),
        column: location.map_or(0, |location| location.column()),
        reason,
        meant,
    }
}

/// What is wrong, without the place, which the message begins with.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let end = line.rfind(" at line ").unwrap_or(line.len());
    line.get(..end).unwrap_or(line).to_owned()
}

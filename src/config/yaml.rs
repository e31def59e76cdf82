//! Typed reading of configuration, with the line of a fault and a guess at what was meant.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ConfigError;

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
        } => (
            format!("unknown key {field}"),
            nearest(field, expected.iter().copied()),
        ),
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

/// The candidate that a mistyped word was probably meant to be.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Insertions, removals and replacements between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, (other, window)) in b.iter().zip(row.windows(2)).enumerate() {
            let (Some(diagonal), Some(above)) = (window.first(), window.get(1)) else {
                continue;
            };
            let left = next.get(j).copied().unwrap_or(usize::MAX - 1);
            let replaced = diagonal + usize::from(letter != *other);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_changes() {
        assert_eq!(distance("sealed", "sealed"), 0);
        assert_eq!(distance("seald", "sealed"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = || ["sealed", "clear", "targets"].into_iter();
        assert_eq!(nearest("seald", known()), Some("sealed".to_owned()));
        assert_eq!(nearest("target", known()), Some("targets".to_owned()));
        assert_eq!(nearest("recipients", known()), None);
    }
}

//! Where a value stands in a tree, and how that is bound into its ciphertext.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// Into a map.
    Key(String),
    /// Into a list, counted from 0, comments left out.
    Index(usize),
}

/// Steps from the top of a document down to a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    elements: Vec<Element>,
}

/// A path expression that cannot be read. It names the position, never the text behind it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("malformed path: {reason} (at character {position}); the form is '[\"key\"][0]'")]
pub struct PathError {
    /// Characters before the fault.
    pub position: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl Path {
    /// The top of a document.
    pub fn root() -> Self {
        Self::default()
    }

    /// Steps in order.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Adds a step.
    pub fn push(&mut self, element: Element) {
        self.elements.push(element);
    }

    /// Removes the last step.
    pub fn pop(&mut self) {
        self.elements.pop();
    }

    /// A copy with one more key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.push(Element::Key(key.to_owned()));
        path
    }

    /// Whether it is this path or leads through it.
    pub fn is_below(&self, other: &Self) -> bool {
        self.elements.starts_with(&other.elements)
    }

    /// Whether this is the top.
    pub fn is_root(&self) -> bool {
        self.elements.is_empty()
    }

    /// The bytes that bind a token to this place: the keys joined by `:` with a closing `:`; list
    /// positions are not in it (SOPS format, additional authenticated data).
    pub fn associated_data(&self) -> String {
        let mut bound = String::new();
        for element in &self.elements {
            if let Element::Key(key) = element {
                bound.push_str(key);
                bound.push(':');
            }
        }
        if bound.is_empty() {
            bound.push(':');
        }
        bound
    }

    /// Reads `["a"]["b"][0]`, the grammar of `--extract` and `set` (no escapes inside quotes).
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut path = Self::root();
        let mut rest = text;
        let fault = |rest: &str, reason| {
            let position = text.chars().count() - rest.chars().count();
            PathError { position, reason }
        };
        while !rest.is_empty() {
            let inner = rest
                .strip_prefix('[')
                .ok_or_else(|| fault(rest, "expected '['"))?;
            let quote = inner
                .chars()
                .next()
                .filter(|first| matches!(first, '"' | '\''));
            if let Some(quote) = quote {
                let body = inner.get(1..).unwrap_or_default();
                let closing = format!("{quote}]");
                let end = body
                    .find(&closing)
                    .ok_or_else(|| fault(rest, "a key is not closed"))?;
                path.push(Element::Key(body.get(..end).unwrap_or_default().to_owned()));
                rest = body.get(end + closing.len()..).unwrap_or_default();
            } else {
                let end = inner
                    .find(']')
                    .ok_or_else(|| fault(inner, "expected ']'"))?;
                let digits = inner.get(..end).unwrap_or_default();
                let index = digits.parse().map_err(|_| {
                    fault(inner, "expected a quoted key, or a position counted from 0")
                })?;
                path.push(Element::Index(index));
                rest = inner.get(end + 1..).unwrap_or_default();
            }
        }
        Ok(path)
    }
}

impl fmt::Display for Path {
    /// In the grammar of [`Path::parse`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.elements.is_empty() {
            return f.write_str("the top level");
        }
        for element in &self.elements {
            match element {
                Element::Key(key) => write!(f, "[\"{key}\"]")?,
                Element::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_as_it_is_read() {
        for text in ["[\"a\"]", "[\"a\"][\"b c\"][0]", "[\"x:y\"][12][\"z]\"]"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Path::parse("['a'][\"b\"]").unwrap().to_string(),
            "[\"a\"][\"b\"]"
        );
        assert!(Path::parse("").unwrap().is_root());
    }

    #[test]
    fn a_malformed_path_names_its_position() {
        for (text, position) in [
            ("a", 0),
            ("[", 1),
            ("[]", 1),
            ("[\"a]", 0),
            ("[\"a\"]x", 5),
            ("[\"a\"][-1]", 6),
            ("[\"]", 0),
        ] {
            assert_eq!(Path::parse(text).unwrap_err().position, position, "{text}");
        }
    }

    #[test]
    fn list_positions_are_not_bound() {
        assert_eq!(
            Path::parse("[\"a\"][3][\"c\"]").unwrap().associated_data(),
            "a:c:"
        );
        assert_eq!(Path::root().associated_data(), ":");
    }
}

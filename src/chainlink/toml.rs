//! TOML for the node: basic strings with every escape, each field once, in a fixed order.
//!
//! Written by hand into memory that is zeroed, because a serializer would leave copies behind. The
//! surprise: no literal strings, which cannot hold every value.

use zeroize::Zeroizing;

use super::credentials::Slot;
use super::node::Made;
use crate::secret::SecretBytes;

/// A text under construction.
#[derive(Debug, Default)]
pub(super) struct Toml {
    text: Zeroizing<String>,
    sources: Vec<String>,
    /// A table that is written before its first field.
    table: Option<String>,
}

impl Toml {
    /// With room for so many bytes of values, so that no reallocation leaves a copy behind.
    pub(super) fn with_room(values: usize) -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(6 * values + 4096)),
            ..Self::default()
        }
    }

    /// Begins a table; written once it has a field.
    pub(super) fn table(&mut self, path: &[&str]) {
        self.table = Some(format!("[{}]\n", joined(path)));
    }

    /// Begins an element of a list of tables.
    pub(super) fn element(&mut self, path: &[&str]) {
        self.table = Some(format!("[[{}]]\n", joined(path)));
    }

    /// A field with a credential, if there is one.
    pub(super) fn credential(&mut self, name: &str, slot: Option<&Slot>) {
        if let Some(slot) = slot {
            self.value(name, &slot.value);
            self.source(&slot.key);
        }
    }

    /// A field with something made of credentials, if it is there.
    pub(super) fn made(&mut self, name: &str, made: Option<&Made>) {
        if let Some((value, sources)) = made {
            self.value(name, value);
            for source in sources {
                self.source(source);
            }
        }
    }

    /// A field with a number or a text that is no secret.
    pub(super) fn plain(&mut self, name: &str, written: &str) {
        self.begin();
        self.text.push_str(name);
        self.text.push_str(" = ");
        self.text.push_str(written);
        self.text.push('\n');
    }

    /// Notes a key that it is made of.
    pub(super) fn source(&mut self, key: &str) {
        if !self.sources.iter().any(|known| known == key) {
            self.sources.push(key.to_owned());
        }
    }

    /// The text and its sources; `None` if it has no field.
    pub(super) fn finish(mut self) -> Option<Made> {
        if self.text.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut *self.text).into_bytes();
        Some((SecretBytes::new(text), self.sources))
    }

    fn value(&mut self, name: &str, value: &SecretBytes) {
        self.begin();
        self.text.push_str(name);
        self.text.push_str(" = ");
        // What is no text is found by a rule before it comes here.
        let value = std::str::from_utf8(value.expose()).unwrap_or_default();
        quote(value, &mut self.text);
        self.text.push('\n');
    }

    fn begin(&mut self) {
        if let Some(table) = self.table.take() {
            self.text.push_str(&table);
        }
    }
}

/// A text as a basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::new();
    quote(text, &mut written);
    written
}

fn quote(text: &str, into: &mut String) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            c if c.is_control() => {
                let digits = b"0123456789ABCDEF";
                into.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    let at = (c as usize >> shift) & 0xf;
                    into.push(char::from(digits.get(at).copied().unwrap_or(b'0')));
                }
            }
            c => into.push(c),
        }
    }
    into.push('"');
}

/// A path of names; those of other letters than a bare key has are quoted.
fn joined(path: &[&str]) -> String {
    let names = path.iter().map(|name| {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !name.is_empty() && name.chars().all(is_bare) {
            (*name).to_owned()
        } else {
            quoted(name)
        }
    });
    names.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_toml_library_reads_every_text_back(value in "\\PC{0,30}[\\x00-\\x7f]{0,30}", name in "\\PC{1,12}") {
            let mut toml = Toml::with_room(value.len());
            toml.table(&["Mercury", "Credentials", &name]);
            let made = (SecretBytes::copy_of(value.as_bytes()), vec!["k".to_owned()]);
            toml.made("Password", Some(&made));
            let (text, sources) = toml.finish().unwrap();
            let text = std::str::from_utf8(text.expose()).unwrap();
            let read: toml::Table = text.parse().unwrap();
            prop_assert_eq!(read["Mercury"]["Credentials"][&name]["Password"].as_str(), Some(value.as_str()));
            prop_assert_eq!(sources, ["k"]);
        }
    }

    #[test]
    fn a_table_without_a_field_is_not_written() {
        let mut toml = Toml::default();
        toml.table(&["Database"]);
        toml.credential("URL", None);
        assert!(toml.finish().is_none());
    }
}

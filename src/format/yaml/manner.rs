//! How a text is laid out, so that new lines look like those beside them: the columns of maps and
//! lists, and the quotes of strings.
//!
//! The metadata does not count: the reference writes it in its own layout into every file.

use super::compose::METADATA_KEY;
use super::grammar::{Content, Raw};
use super::lines::line_start;
use super::tokens::Style;

/// Blanks of one level where a text shows none.
pub(super) const INDENT: usize = 4;

/// The layout that new lines follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// The column of the top level.
    base: usize,
    /// Columns from a map to a map inside it.
    step: usize,
    /// Columns from a map to a list inside it; 0 when dashes stand below the key's first letter.
    list_step: usize,
    /// The quotes of strings, where those beside them have some.
    pub(super) strings: Style,
    /// The quotes of keys.
    pub(super) keys: Style,
}

impl Default for Manner {
    /// The reference's layout.
    fn default() -> Self {
        Self {
            base: 0,
            step: INDENT,
            list_step: INDENT,
            strings: Style::Plain,
            keys: Style::Plain,
        }
    }
}

impl Manner {
    /// The layout of a document.
    pub(super) fn of(text: &str, root: &Raw) -> Self {
        let mut seen = Seen {
            text: text.as_bytes(),
            step: None,
            list_step: None,
        };
        if let Content::Map { pairs, .. } = &root.content {
            for (key, value) in pairs {
                if !is_key(key, METADATA_KEY) {
                    seen.pair(key, value);
                }
            }
        }
        // A header can tell one digit of indentation.
        let fits = |step: &usize| (1..=9).contains(step);
        let step = seen.step.filter(fits);
        let list_step = seen.list_step.filter(|step| *step <= 9);
        let from_list = list_step.filter(fits);
        let step = step.or(from_list).unwrap_or(INDENT);
        Self {
            base: column(seen.text, root.span.start),
            step,
            list_step: list_step.unwrap_or(step),
            ..Self::default()
        }
    }

    /// The column of a map below a key, or of lines below a header, at a column.
    pub(super) fn deeper(&self, column: usize) -> usize {
        let levels = column.saturating_sub(self.base) / self.step;
        (self.base + self.step * (levels + 1)).max(column + 1)
    }

    /// The column of the dashes below a key at a column.
    pub(super) fn dashes(&self, column: usize) -> usize {
        if self.list_step == self.step {
            self.deeper(column)
        } else {
            column + self.list_step
        }
    }

    /// With the quotes of what stands beside: the last key and the last scalar.
    pub(super) fn beside(mut self, key: Option<&Raw>, value: Option<&Raw>) -> Self {
        let quotes = |raw: Option<&Raw>| match raw.map(|raw| &raw.content) {
            Some(Content::Scalar { style, .. }) if !style.is_block() => *style,
            _ => Style::Plain,
        };
        self.keys = quotes(key);
        self.strings = quotes(value);
        self
    }
}

/// The first nesting of each kind.
struct Seen<'a> {
    text: &'a [u8],
    step: Option<usize>,
    list_step: Option<usize>,
}

impl Seen<'_> {
    fn pair(&mut self, key: &Raw, value: &Raw) {
        let from = column(self.text, key.span.start);
        let to = column(self.text, value.span.start);
        match &value.content {
            Content::Map { is_flow: false, .. } => {
                self.step = self.step.or(to.checked_sub(from).filter(|step| *step > 0));
            }
            Content::List { is_flow: false, .. } => {
                self.list_step = self.list_step.or(to.checked_sub(from));
            }
            _ => {}
        }
        self.node(value);
    }

    fn node(&mut self, raw: &Raw) {
        if self.step.is_some() && self.list_step.is_some() {
            return;
        }
        match &raw.content {
            Content::Map { pairs, .. } => {
                for (key, value) in pairs {
                    self.pair(key, value);
                }
            }
            Content::List { items, .. } => items.iter().for_each(|item| self.node(item)),
            _ => {}
        }
    }
}

/// Whether a key has this name.
pub(super) fn is_key(raw: &Raw, name: &str) -> bool {
    matches!(&raw.content, Content::Scalar { text, .. } if text.as_str() == name)
}

/// The column of a byte, from 0.
pub(super) fn column(text: &[u8], at: usize) -> usize {
    at - line_start(text, at)
}

//! Scalars and keys of one line: which ones are simple enough, and what they are.

use std::collections::HashSet;
use std::ops::Range;

use memchr::{memchr, memchr2_iter};
use zeroize::Zeroizing;

use crate::tree::Value;

use super::super::resolve::{Resolved, is_surely_string, resolve};
use super::super::tokens::Style;

/// Bytes of a key: further ones can make it none (YAML 1.1, simple keys).
const LONGEST_KEY: usize = 1000;
/// Pairs of a map up to which keys are compared one by one.
const FEW: usize = 16;

/// A scalar as it stands in the text.
pub(super) struct Scalar<'t> {
    /// With its quotes.
    text: &'t str,
    pub(super) span: Range<usize>,
    pub(super) style: Style,
    /// Of the collection around it.
    pub(super) column: usize,
    /// The dash before it.
    pub(super) dash: Option<usize>,
}

impl<'t> Scalar<'t> {
    /// A text that is the rest of a line, if it is one scalar.
    pub(super) fn new(
        text: &'t str,
        start: usize,
        column: usize,
        dash: Option<usize>,
    ) -> Option<Self> {
        let (style, is_whole) = match text.as_bytes().first()? {
            b'\'' => (Style::SingleQuoted, is_single_quoted(text)),
            b'"' => (Style::DoubleQuoted, is_double_quoted(text)),
            _ => (Style::Plain, is_plain(text.as_bytes())),
        };
        is_whole.then_some(Self {
            text,
            span: start..start + text.len(),
            style,
            column,
            dash,
        })
    }

    /// No text at all.
    pub(super) fn absent(at: usize, column: usize) -> Self {
        Self {
            text: "",
            span: at..at,
            style: Style::Plain,
            column,
            dash: None,
        }
    }

    /// The string that stands there as it is, if its form alone says so.
    pub(super) fn as_string(&self) -> Option<&'t str> {
        let inside = self.text.get(1..self.text.len().saturating_sub(1));
        match self.style {
            Style::SingleQuoted => inside.filter(|text| memchr(b'\'', text.as_bytes()).is_none()),
            Style::DoubleQuoted => inside,
            _ => {
                let first = self.text.bytes().next()?;
                (!may_be_other(first) || is_surely_string(self.text)).then_some(self.text)
            }
        }
    }

    /// Where that string stands.
    pub(super) fn string_span(&self) -> Option<Range<usize>> {
        let quotes = usize::from(self.style != Style::Plain);
        self.as_string()?;
        Some(self.span.start + quotes..self.span.end - quotes)
    }

    /// What it is; `None` for what the format cannot hold.
    pub(super) fn value(&self) -> Option<Value> {
        if let Some(text) = self.as_string() {
            return Some(Value::text(text));
        }
        if self.style == Style::SingleQuoted {
            let inside = self.text.get(1..self.text.len().saturating_sub(1))?;
            return Some(Value::text(&Zeroizing::new(inside.replace("''", "'"))));
        }
        match resolve(self.text) {
            Resolved::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// The keys of one map, to find one that stands there twice.
#[derive(Default)]
pub(super) struct Keys<'t> {
    few: Vec<&'t str>,
    many: HashSet<&'t str>,
}

impl<'t> Keys<'t> {
    /// For the next map.
    pub(super) fn clear(&mut self) {
        self.few.clear();
        self.many.clear();
    }

    /// Whether it is new.
    pub(super) fn insert(&mut self, key: &'t str) -> bool {
        // Keys are mostly told apart by their last letter.
        let last = key.as_bytes().last();
        let is_same = |known: &&&str| known.as_bytes().last() == last && **known == key;
        if self.few.iter().find(is_same).is_some() {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

/// The key that a line begins with, and where its value does: behind the `:`.
pub(super) fn key(line: &str) -> Option<(&str, usize)> {
    let bytes = line.as_bytes();
    let (name, end) = match bytes.first()? {
        quote @ (b'"' | b'\'') => {
            let inside = line.get(1..)?;
            let end = memchr(*quote, inside.as_bytes())?;
            let name = inside.get(..end)?;
            if *quote == b'"' && name.contains('\\') {
                return None;
            }
            (name, end + 2)
        }
        first if may_begin(*first, bytes.get(1)) => {
            let end = plain_key(bytes)?;
            let name = line.get(..end)?;
            if may_be_other(*first) && !is_string(name) {
                return None;
            }
            (name, end)
        }
        _ => return None,
    };
    let is_key = bytes.get(end) == Some(&b':') && matches!(bytes.get(end + 1), None | Some(b' '));
    (is_key && name.len() <= LONGEST_KEY).then_some((name, end + 1))
}

/// Where a plain key ends: at the first `:` that has a blank behind it.
fn plain_key(line: &[u8]) -> Option<usize> {
    for at in memchr2_iter(b':', b'#', line) {
        let before = at.checked_sub(1).and_then(|before| line.get(before));
        match line.get(at) {
            Some(b'#') if before == Some(&b' ') => return None,
            Some(b':') if matches!(line.get(at + 1), None | Some(b' ')) => {
                return (before != Some(&b' ')).then_some(at);
            }
            _ => {}
        }
    }
    None
}

/// Whether a plain scalar may begin so; what is an indicator of YAML may not.
fn may_begin(first: u8, second: Option<&u8>) -> bool {
    match first {
        b'-' | b'.' => second.is_some_and(u8::is_ascii_alphanumeric),
        b'_' | b'/' | b'+' | b'~' | b'$' | b'(' | b'^' | b'<' | b'=' => true,
        _ => first.is_ascii_alphanumeric() || first >= 0x80,
    }
}

/// Whether a text that begins so can be something else than a string.
fn may_be_other(first: u8) -> bool {
    matches!(
        first,
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'.' | b'+' | b'-' | b'<' | b'0'..=b'9'
    )
}

fn is_string(text: &str) -> bool {
    matches!(resolve(text), Resolved::Value(Value::Str(_)))
}

/// A text without quotes, to the end of its line.
fn is_plain(text: &[u8]) -> bool {
    let is_mark = |at: usize| match text.get(at) {
        Some(b':') => matches!(text.get(at + 1), None | Some(b' ')),
        _ => at.checked_sub(1).and_then(|before| text.get(before)) == Some(&b' '),
    };
    text.first()
        .is_some_and(|first| may_begin(*first, text.get(1)))
        && !memchr2_iter(b':', b'#', text).any(is_mark)
}

/// Quotes inside stand in pairs.
fn is_single_quoted(text: &str) -> bool {
    let inside = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    inside.is_some_and(|inside| {
        let mut quotes = memchr::memchr_iter(b'\'', inside.as_bytes());
        while let Some(first) = quotes.next() {
            if quotes.next() != Some(first + 1) {
                return false;
            }
        }
        true
    })
}

/// No quote and no escape inside.
fn is_double_quoted(text: &str) -> bool {
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.is_some_and(|inside| memchr::memchr2(b'"', b'\\', inside.as_bytes()).is_none())
}

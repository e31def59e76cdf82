//! Values in a field of their own: `name: API_KEY` and `value: x` beside it.

use std::ops::Range;

use super::Text;
use super::literal::{Bare, Literal};

const NAMES: &[&[u8]] = &[
    b"name",
    b"key",
    b"variable",
    b"Name",
    b"Key",
    b"field",
    b"title",
    b"id",
];
const VALUES: &[&[u8]] = &[
    b"value",
    b"Value",
    b"default",
    b"stringValue",
    b"text",
    b"plaintext",
];

impl Text<'_> {
    /// If the name is itself the value of such a field: the value of the field beside it.
    pub(super) fn beside(&self, name: &Range<usize>) -> Option<Literal> {
        let number = self.line_at(name.start);
        let line = self.line(number);
        let start = line.start.max(name.start.saturating_sub(200));
        let before = self.slice(start..name.start);
        let before = trimmed(before, b" \t\"'\\");
        let before = before
            .strip_suffix(b":")
            .or_else(|| before.strip_suffix(b"="))
            .map(|before| trimmed(before, b" \t\"'\\"))?;
        let is_name = |word: &&[u8]| {
            before.strip_suffix(*word).is_some_and(|rest| {
                rest.last()
                    .is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
            })
        };
        NAMES.iter().find(|word| is_name(word))?;
        // The rest of the line, the lines after it, the line before it.
        let own = self.value_in(name.end..line.end);
        own.or_else(|| {
            let near = (number + 1..(number + 4).min(self.lines())).chain(number.checked_sub(1));
            near.filter(|other| !self.begins_item(*other) || *other < number)
                .find_map(|other| self.value_in(self.line(other)))
        })
    }

    fn begins_item(&self, number: usize) -> bool {
        let text = self.slice(self.line(number)).trim_ascii_start();
        text.starts_with(b"- ") || text.starts_with(b"{")
    }

    fn value_in(&self, range: Range<usize>) -> Option<Literal> {
        let text = self.slice(range.start..range.end.min(range.start + 4096));
        VALUES.iter().find_map(|word| {
            let at = memchr::memmem::find(text, word)?;
            let is_word = at
                .checked_sub(1)
                .and_then(|before| text.get(before))
                .is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
            let mut end = at + word.len();
            while text.get(end).is_some_and(|byte| b" \t\"'\\".contains(byte)) {
                end += 1;
            }
            let is_field = is_word && text.get(end).is_some_and(|byte| b":=".contains(byte));
            if !is_field {
                return None;
            }
            let bare = if self.dialect().has_bare_values() {
                Bare::Line
            } else {
                Bare::Never
            };
            self.literal(range.start + end + 1, bare)
        })
    }
}

fn trimmed<'a>(mut text: &'a [u8], ends: &[u8]) -> &'a [u8] {
    while let [rest @ .., last] = text
        && ends.contains(last)
    {
        text = rest;
    }
    text
}

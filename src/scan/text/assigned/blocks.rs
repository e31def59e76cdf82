//! Values that stand on other lines than their names: below a key, in the block of a variable.

use std::ops::Range;

use super::super::literal::{Bare, Literal};
use super::super::naming::Kind;
use super::super::{Dialect, Text};
use super::{Assigned, Manner, NEAR};

/// How far a block of an argument is read.
const BLOCK: usize = 24;

/// Members of a collection that are looked at.
const MEMBERS: usize = 64;

/// Members that are about a secret and hold none.
const ABOUT: &[&str] = &[
    "hash", "digest", "checksum", "sha", "id", "arn", "name", "url", "path", "version", "address",
    "commit", "uid",
];

impl<'a> Text<'a> {
    /// `api_keys:` with a line for each: `tiingo: x`.
    pub(super) fn members(&self, name: &Range<usize>) -> Vec<Assigned<'a>> {
        let number = self.line_at(name.start);
        let rest = self.slice(name.end..self.line(number).end.min(name.end + NEAR));
        if self.dialect() != Dialect::Yaml || rest.trim_ascii() != b":" {
            return Vec::new();
        }
        let depth = self.depth(number);
        let below = (number + 1..self.lines())
            .take(MEMBERS)
            .take_while(|below| self.depth(*below) > depth);
        below.filter_map(|below| self.member(below)).collect()
    }

    fn member(&self, number: usize) -> Option<Assigned<'a>> {
        let line = self.line(number);
        let line = line.start..line.end.min(line.start + NEAR);
        let text = self.slice(line.clone());
        let colon = text.iter().position(|byte| *byte == b':')?;
        let indent = text.len() - text.trim_ascii_start().len();
        let name = text.get(indent..colon)?;
        let lower = name.to_ascii_lowercase();
        let is_about = ABOUT.iter().any(|end| lower.ends_with(end.as_bytes()));
        let is_plain = name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.\"'".contains(byte));
        if is_about || !is_plain {
            return None;
        }
        Some(Assigned {
            name,
            kind: Kind::Key,
            manner: Manner::Below,
            value: self.literal(line.start + colon + 1, Bare::Line)?,
        })
    }

    /// The first line of what stands below a key, if it is deeper.
    pub(super) fn below(&self, name: &Range<usize>) -> Option<Literal> {
        if !matches!(
            self.dialect(),
            Dialect::Yaml | Dialect::Prose | Dialect::Other
        ) {
            return None;
        }
        let number = self.line_at(name.start);
        let depth = self.depth(number);
        let next = (number + 1..number + 4)
            .find(|next| !self.slice(self.line(*next)).trim_ascii().is_empty())?;
        if self.depth(next) <= depth {
            return None;
        }
        let line = self.line(next);
        let line = line.start..line.end.min(line.start + NEAR);
        let text = self.slice(line.clone());
        let start = line.start + (text.len() - text.trim_ascii_start().len());
        let rest = self.slice(start..line.end);
        let start = if rest.starts_with(b"- ") {
            start + 2
        } else {
            start
        };
        let rest = self.slice(start..line.end);
        // A key below: only `value` and `default` are this name's own.
        for own in [&b"value:"[..], b"default:", b"plain:"] {
            if rest.starts_with(own) {
                return self.literal(start + own.len(), Bare::Line);
            }
        }
        let colon = memchr::memmem::find(rest, b": ").or_else(|| rest.ends_with(b":").then_some(0));
        if colon.is_some() {
            return None;
        }
        self.literal(start, Bare::Line)
    }

    /// The `default` of `variable "name" {`.
    pub(super) fn argument(&self, name: &Range<usize>) -> Option<Literal> {
        if self.dialect() != Dialect::Hcl {
            return None;
        }
        let number = self.line_at(name.start);
        let line = self.line(number);
        let before = self
            .slice(line.start..name.start.min(line.start + NEAR))
            .trim_ascii();
        if !before.starts_with(b"variable") && !before.starts_with(b"output") {
            return None;
        }
        for next in number..(number + BLOCK).min(self.lines()) {
            let range = self.line(next);
            let mut start = if next == number {
                name.end
            } else {
                range.start
            };
            let range = range.start..range.end.min(start + 4 * NEAR);
            let text = self.slice(start..range.end);
            if next > number && text.starts_with(b"}") {
                return None;
            }
            let mut rest = text;
            for own in [&b"default"[..], b"value"] {
                if let Some(at) = memchr::memmem::find(rest, own) {
                    start += at + own.len();
                    rest = self.slice(start..range.end);
                    if rest.trim_ascii_start().starts_with(b"=") {
                        let equals = rest.len() - rest.trim_ascii_start().len();
                        return self.literal(start + equals + 1, Bare::Never);
                    }
                }
            }
        }
        None
    }
}

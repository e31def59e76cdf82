//! What YAML 1.2 allows and the reference reads otherwise or not at all: refused with its line.
//!
//! Both readings would be in use for one file, so neither is taken.

use super::super::{Fault, FormatError};
use super::extents::Block;
use super::lines::line_start;
use super::tokens::{Kind, Style, Token};

/// Follows the tokens of a text.
#[derive(Debug)]
pub(super) struct Differences<'a> {
    text: &'a str,
    flow_level: usize,
    /// Whether the key of the open pair stands behind `?`.
    is_explicit: bool,
    last_end: usize,
    /// Whether the reference looks for a key at the end of the last token: there it takes no tab.
    awaits_key: bool,
    /// Columns of the open block collections.
    indents: Vec<usize>,
    /// Behind a plain text: the column that its further lines would have.
    plain_indent: Option<usize>,
    /// The first tab that it does not take.
    pub(super) tab: Option<usize>,
}

impl<'a> Differences<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            flow_level: 0,
            is_explicit: false,
            last_end: 0,
            awaits_key: true,
            indents: Vec::new(),
            plain_indent: None,
            tab: None,
        }
    }

    /// Looks at the next token; `last` stands before it.
    pub(super) fn check(&mut self, token: &Token, last: Option<&Token>) -> Result<(), FormatError> {
        if !token.is_virtual() {
            self.gap(token.start);
        }
        match &token.kind {
            Kind::BlockMappingStart | Kind::BlockSequenceStart => {
                let start = line_start(self.text.as_bytes(), token.start);
                self.indents.push(token.start - start);
            }
            Kind::BlockEnd => {
                self.indents.pop();
            }
            Kind::Key => self.is_explicit = !token.is_virtual(),
            Kind::FlowSequenceStart | Kind::FlowMappingStart if !token.is_virtual() => {
                self.flow_level += 1;
            }
            Kind::FlowSequenceEnd | Kind::FlowMappingEnd if !token.is_virtual() => {
                self.flow_level = self.flow_level.saturating_sub(1);
            }
            Kind::Scalar {
                style: Style::Plain,
                text,
                ..
            } if self.flow_level > 0 && (text.contains('?') || text.starts_with(':')) => {
                let reason = "'?' or ':' in a plain text in a flow collection; put it in quotes";
                return self.refuse(token.start, reason);
            }
            Kind::Value if self.flow_level > 0 && self.touches(token.end) && is_plain(last) => {
                let reason = "':' without a blank behind it in a flow collection";
                return self.refuse(token.start, reason);
            }
            Kind::Value if self.flow_level > 0 && !self.is_explicit && self.parts(last, token) => {
                let reason = "a key of several lines in a flow collection";
                return self.refuse(token.start, reason);
            }
            Kind::Scalar {
                style: Style::DoubleQuoted,
                ..
            } => {
                let inside = self.text.get(token.start..token.end).unwrap_or_default();
                if let Some(at) = surrogate(inside) {
                    let reason = "an escaped surrogate; write the character itself, or \\U";
                    return self.refuse(token.start + at, reason);
                }
            }
            _ => {}
        }
        if !token.is_virtual() {
            self.pass(token);
        }
        Ok(())
    }

    /// Notes where a token ends, and whether a key may follow on its line.
    fn pass(&mut self, token: &Token) {
        let indent = self.indents.last().map_or(0, |column| column + 1);
        self.plain_indent = None;
        match &token.kind {
            Kind::Scalar {
                style: Style::Plain,
                ..
            } => {
                self.folded(token.start, token.end, indent);
                self.plain_indent = Some(indent);
            }
            Kind::Scalar {
                block: Some(block), ..
            } => self.block(token, block),
            _ => {}
        }
        (self.last_end, self.awaits_key) = match &token.kind {
            Kind::Scalar {
                block: Some(block), ..
            } => (block.scan_end, true),
            Kind::BlockEntry | Kind::Key => (token.end, true),
            Kind::Value => (token.end, self.is_explicit),
            _ => (token.end, false),
        };
        if matches!(token.kind, Kind::Value) {
            self.is_explicit = false;
        }
    }

    /// Looks for tabs between two tokens. Between two comments the reference takes them.
    fn gap(&mut self, end: usize) {
        let mut rest = self.text.get(self.last_end..end).unwrap_or_default();
        let mut awaits_key = self.awaits_key;
        if let Some(indent) = self.plain_indent {
            // A plain text takes the blanks behind it for the start of a further line.
            let behind = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            let start = end - behind.len();
            self.folded(self.last_end, start, indent);
            awaits_key = rest.len() > behind.len()
                && self
                    .text
                    .get(self.last_end..start)
                    .is_some_and(|blanks| blanks.contains('\n'));
            rest = behind;
        }
        while let Some(c) = rest.chars().next() {
            match c {
                '#' => {
                    let line_end = rest.find('\n').unwrap_or(rest.len());
                    rest = rest.get(line_end..).unwrap_or_default();
                    let next = rest.trim_start_matches([' ', '\t', '\r', '\n']);
                    if awaits_key && next.starts_with('#') {
                        rest = next;
                    }
                    continue;
                }
                '\t' if awaits_key && self.flow_level == 0 => {
                    let at = end - rest.len();
                    self.tab.get_or_insert(at);
                }
                '\n' => awaits_key = true,
                _ => {}
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }

    /// Looks for tabs that stand before the column of a further line.
    fn folded(&mut self, start: usize, end: usize, indent: usize) {
        let text = self.text.get(start..end).unwrap_or_default();
        for (at, _) in text.match_indices('\n') {
            let line = text.get(at + 1..).unwrap_or_default();
            let spaces = line.len() - line.trim_start_matches(' ').len();
            if spaces < indent
                && line
                    .get(spaces..)
                    .is_some_and(|rest| rest.starts_with('\t'))
            {
                self.tab.get_or_insert(start + at + 1 + spaces);
            }
        }
    }

    /// A block whose indentation is that of its first line cannot begin with a tab.
    fn block(&mut self, token: &Token, block: &Block) {
        let header = self.text.get(token.start..block.header_end);
        if header.is_some_and(|header| header.contains(|c: char| c.is_ascii_digit())) {
            return;
        }
        let body = self.text.get(block.body_start..).unwrap_or_default();
        let first = body.trim_start_matches([' ', '\r', '\n']);
        if first.starts_with('\t') && block.body_end > block.body_start {
            self.tab.get_or_insert(self.text.len() - first.len());
        }
    }

    /// Whether a line ends between a key and its `:`.
    fn parts(&self, key: Option<&Token>, colon: &Token) -> bool {
        key.is_some_and(|key| {
            let is_key = matches!(key.kind, Kind::Scalar { .. });
            let between = self.text.get(key.start..colon.start).unwrap_or_default();
            is_key && between.contains('\n')
        })
    }

    fn touches(&self, at: usize) -> bool {
        let next = self.text.as_bytes().get(at);
        matches!(next, Some(b',' | b'[' | b']' | b'{' | b'}'))
    }

    fn refuse(&self, at: usize, reason: &str) -> Result<(), FormatError> {
        Err(FormatError::at(self.text, at, Fault::Unsupported, reason))
    }
}

fn is_plain(last: Option<&Token>) -> bool {
    matches!(
        last.map(|token| &token.kind),
        Some(Kind::Scalar {
            style: Style::Plain,
            ..
        })
    )
}

/// Where half a character of UTF-16 is escaped (`\ud83d`): JSON joins two of them, YAML does not.
fn surrogate(quoted: &str) -> Option<usize> {
    let bytes = quoted.as_bytes();
    let mut at = quoted.find('\\').unwrap_or(bytes.len());
    while let Some(byte) = bytes.get(at) {
        if *byte != b'\\' {
            at += 1;
            continue;
        }
        if let Some([b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F']) =
            bytes.get(at + 1..at + 4)
        {
            return Some(at);
        }
        at += 2;
    }
    None
}

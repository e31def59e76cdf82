//! Where tokens really stand: dashes, and block scalars with their headers.
//!
//! The scanner marks a dash after the blanks that follow it, and a block scalar by its content
//! alone. A splice and the attachment of comments need the places of the text itself.

use super::lines::{BYTE_ORDER_MARK, line_start, next_line};
use super::tokens::{Kind, Token};

/// A scalar whose text stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Behind the indicators of the header, before blanks and a comment.
    pub(super) header_end: usize,
    /// The first byte of the line below the header.
    pub(super) body_start: usize,
    /// Behind the line end of the last line that belongs to the value.
    pub(super) body_end: usize,
    /// Spaces before each line; 0 when there is no line.
    pub(super) indent: usize,
    /// Columns of the collection around it; -1 at the top.
    pub(super) parent_indent: isize,
    /// Where a reader stands after it: trailing empty lines and the next indentation are eaten.
    pub(super) scan_end: usize,
}

/// Follows the tokens of a text and sets right where they stand.
#[derive(Debug)]
pub(super) struct Extents<'a> {
    text: &'a [u8],
    /// The end of the last token that stands in the text.
    last_end: usize,
    /// Columns of the open block collections.
    indents: Vec<usize>,
}

impl<'a> Extents<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.as_bytes();
        let last_end = if text.starts_with(BYTE_ORDER_MARK) {
            3
        } else {
            0
        };
        Self {
            text,
            last_end,
            indents: Vec::new(),
        }
    }

    /// Sets the place of the next token right.
    pub(super) fn mend(&mut self, token: &mut Token) {
        match &mut token.kind {
            Kind::BlockMappingStart | Kind::BlockSequenceStart => {
                // A map that begins with `?` begins there, not at the key behind it.
                let next = after_gap(self.text, self.last_end);
                if next < token.start && self.text.get(next) == Some(&b'?') {
                    (token.start, token.end) = (next, next);
                }
                self.indents
                    .push(token.start - line_start(self.text, token.start));
            }
            Kind::BlockEnd => {
                self.indents.pop();
            }
            Kind::BlockEntry => {
                token.start = after_gap(self.text, self.last_end);
                token.end = token.start + 1;
            }
            Kind::Key if token.start < token.end => {
                token.start = after_gap(self.text, self.last_end);
                token.end = token.start + 1;
            }
            Kind::Value => token.end = token.start + 1,
            Kind::Scalar { style, block, .. } if style.is_block() => {
                token.start = after_gap(self.text, self.last_end);
                let found = self.block(token.start);
                token.end = found.body_end;
                self.last_end = found.scan_end;
                *block = Some(found);
                return;
            }
            _ => {}
        }
        if !token.is_virtual() {
            self.last_end = token.end;
        }
    }

    fn block(&self, header: usize) -> Block {
        let parent_indent = self
            .indents
            .last()
            .map_or(-1, |column| isize::try_from(*column).unwrap_or(isize::MAX));
        let indicators = self.text.get(header + 1..).unwrap_or_default();
        let count = indicators
            .iter()
            .take_while(|byte| matches!(byte, b'+' | b'-' | b'1'..=b'9'));
        let header_end = header + 1 + count.count();
        let indicators = self.text.get(header + 1..header_end).unwrap_or_default();
        let keeps = indicators.contains(&b'+');
        let given = indicators.iter().find(|byte| byte.is_ascii_digit());
        let body_start = next_line(self.text, header);
        let mut indent = given.map(|digit| {
            usize::from(digit - b'0') + usize::try_from(parent_indent).unwrap_or_default()
        });
        let (mut at, mut body_end, mut blank_end) = (body_start, body_start, body_start);
        while at < self.text.len() {
            let next = next_line(self.text, at);
            let line = self.text.get(at..next).unwrap_or_default();
            let spaces = line.iter().take_while(|byte| **byte == b' ').count();
            let is_empty = matches!(line.get(spaces), None | Some(b'\n' | b'\r'));
            if is_empty && indent.is_none_or(|indent| spaces <= indent) {
                blank_end = next;
            } else {
                let least = indent.unwrap_or_else(|| {
                    spaces.max(usize::try_from(parent_indent + 1).unwrap_or_default())
                });
                if spaces < least {
                    break;
                }
                indent = Some(least);
                (body_end, blank_end) = (next, next);
            }
            at = next;
        }
        let last = self.text.get(blank_end..).unwrap_or_default();
        let eaten = last.iter().take_while(|byte| **byte == b' ').count();
        Block {
            header_end,
            body_start,
            body_end: if keeps { blank_end } else { body_end },
            indent: indent.unwrap_or_default(),
            parent_indent,
            scan_end: blank_end + eaten.min(indent.unwrap_or(eaten)),
        }
    }
}

/// The first byte after blanks, line ends and comments.
fn after_gap(text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'#' => at = next_line(text, at),
            _ => break,
        }
    }
    at
}

//! How a JSON text is written: its indentation, line ends and blanks, so that what is new looks like
//! what is there.

use super::scalar::plain_length;

/// The manner of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manner<'a> {
    /// One level of indentation; none when the whole text stands on one line.
    pub(super) unit: Option<&'a str>,
    /// The line end.
    pub(super) end: &'static str,
    /// Behind a colon, and behind a comma on the same line.
    pub(super) blank: &'static str,
}

impl Manner<'static> {
    /// That of the reference.
    pub(super) const REFERENCE: Self = Self {
        unit: Some("\t"),
        end: "\n",
        blank: " ",
    };
}

impl<'a> Manner<'a> {
    /// That of the object at the top of a text.
    pub(super) fn of(text: &'a str, top: &std::ops::Range<usize>) -> Self {
        let bytes = text.as_bytes();
        let gap = text
            .get(top.start + 1..past_blanks(bytes, top.start + 1))
            .unwrap_or_default();
        let end = if gap.contains("\r\n") { "\r\n" } else { "\n" };
        let is_empty = top.start + 1 + gap.len() + 1 == top.end;
        let base = line_indent(text, top.start);
        let unit = match gap.rsplit_once('\n') {
            None => None,
            Some(_) if is_empty => Some("\t"),
            Some((_, indent)) => Some(indent.strip_prefix(base).unwrap_or(indent)),
        };
        // The first colon tells for all.
        let key = top.start + 1 + gap.len() + 1;
        let rest = bytes.get(key..).unwrap_or_default();
        let blank = if is_empty || blank_behind_colon(rest) {
            " "
        } else {
            ""
        };
        Self { unit, end, blank }
    }
}

/// Whether a blank follows the colon behind a key, from behind its first quote on.
fn blank_behind_colon(rest: &[u8]) -> bool {
    let mut at = 0;
    loop {
        at += plain_length(rest.get(at..).unwrap_or_default());
        match rest.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => break,
            _ => return true,
        }
    }
    let colon = past_blanks(rest, at + 1);
    past_blanks(rest, colon + 1) > colon + 1
}

/// The first byte from here on that is no blank.
pub(super) fn past_blanks(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    from + rest.iter().take_while(is_blank).count()
}

/// Behind the last byte before here that is no blank.
pub(super) fn before_blanks(bytes: &[u8], until: usize) -> usize {
    let rest = bytes.get(..until).unwrap_or_default();
    rest.iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .map_or(0, |at| at + 1)
}

/// The blanks before the first character of the line that holds a byte.
pub(super) fn line_indent(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let before = before.strip_prefix('\u{FEFF}').unwrap_or(before);
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    let length = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..length).unwrap_or_default()
}

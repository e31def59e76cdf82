//! A second reader, for large texts in the common layout: block maps and lists, one scalar a line.
//!
//! It reads what the first reader reads, or nothing at all: at the first thing that it does not know
//! (a comment, a tab, an anchor, a flow collection, a text of several lines, an error) it hands the
//! whole text over. What it finds goes to a [`Sink`]: one builds a document, one only looks. The
//! surprise: it does not read the metadata entry, which stands last and is small; that is a text of
//! its own for the first reader, whose places are moved down.

mod agree;
mod build;
mod look;
mod scalar;
#[cfg(test)]
mod tests;

pub use agree::readers_agree;
pub(super) use build::read;
pub(super) use look::look;

use memchr::memchr;

use super::compose::{Composed, METADATA_KEY, compose};
use super::grammar;
use scalar::{Keys, Scalar, key};

/// Levels of nesting; deeper ones are left to the first reader, which has a limit of its own.
const DEPTH: usize = 64;

/// What takes what is read, in the order of the text; `None` stops the reading.
trait Sink<'t> {
    fn enter_map(&mut self, start: usize) -> Option<()>;
    fn enter_list(&mut self, start: usize, behind_indicator: usize) -> Option<()>;
    fn leave(&mut self) -> Option<()>;
    fn key(&mut self, key: &'t str) -> Option<()>;
    fn scalar(&mut self, scalar: Scalar<'t>) -> Option<()>;
}

/// Reads a text whose characters were checked. Gives the metadata entry as a text of its own, with
/// the byte where it begins.
fn run<'t, S: Sink<'t>>(text: &'t str, sink: S) -> Option<(S, Option<(Composed, usize)>)> {
    let bytes = text.as_bytes();
    // Vectorised: it looks at every byte, without a way out.
    let is_odd = |byte: &u8| *byte < b' ' && *byte != b'\n' || *byte == 0x7F || *byte == 0xEF;
    if bytes.iter().fold(false, |odd, byte| odd | is_odd(byte)) || has_separator(text) {
        return None;
    }
    let mut reader = Reader {
        text,
        bytes,
        at: 0,
        column: 0,
        spare: Vec::new(),
        sink,
    };
    reader.advance()?;
    if reader.column != 0 {
        return None;
    }
    reader.map(0, true)?;
    let at = reader.at;
    let entry = match text.get(at..) {
        None | Some("") => None,
        Some(rest) => Some((entry(rest)?, at)),
    };
    Some((reader.sink, entry))
}

/// Line separators of Unicode, which the reference takes for line ends.
fn has_separator(text: &str) -> bool {
    memchr(0xE2, text.as_bytes()).is_some() && text.contains(['\u{2028}', '\u{2029}'])
}

/// The metadata entry, if nothing else follows.
fn entry(text: &str) -> Option<Composed> {
    if memchr(b'#', text.as_bytes()).is_some() {
        return None;
    }
    let parsed = grammar::parse(text).ok()?;
    let composed = compose(text, &parsed).ok()?;
    let is_alone = matches!(composed.tree.documents.as_slice(), [map] if map.entries.is_empty());
    is_alone.then_some(composed)
}

struct Reader<'t, S> {
    text: &'t str,
    bytes: &'t [u8],
    /// The next byte to be read: content, or the end.
    at: usize,
    /// Its column.
    column: usize,
    /// Keys of maps that have ended; their room is used again.
    spare: Vec<Keys<'t>>,
    sink: S,
}

impl<'t, S: Sink<'t>> Reader<'t, S> {
    /// Goes from the start or the end of a line to the next line with content.
    fn advance(&mut self) -> Option<()> {
        let mut start = self.at;
        loop {
            let rest = self.bytes.get(start..)?;
            let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
            match rest.get(blanks) {
                Some(b'\n') => start += blanks + 1,
                Some(_) => {
                    (self.at, self.column) = (start + blanks, blanks);
                    return Some(());
                }
                None => {
                    (self.at, self.column) = (self.bytes.len(), 0);
                    return Some(());
                }
            }
        }
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The line from here on, without its end.
    fn line(&self) -> Option<&'t str> {
        let rest = self.bytes.get(self.at..)?;
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        self.text.get(self.at..self.at + end)
    }

    /// A dash here, with a blank or the end of the line behind it.
    fn is_dash(&self) -> bool {
        let here = (self.bytes.get(self.at), self.bytes.get(self.at + 1));
        matches!(here, (Some(b'-'), None | Some(b' ' | b'\n')))
    }

    /// A map whose first key stands here; afterwards the reader stands at what follows it. The
    /// metadata entry of a root is left unread.
    fn map(&mut self, depth: usize, is_root: bool) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        let column = self.column;
        self.sink.enter_map(self.at)?;
        let mut keys = self.spare.pop().unwrap_or_default();
        self.pairs(column, depth, is_root, &mut keys)?;
        keys.clear();
        self.spare.push(keys);
        self.sink.leave()
    }

    fn pairs(
        &mut self,
        column: usize,
        depth: usize,
        is_root: bool,
        keys: &mut Keys<'t>,
    ) -> Option<()> {
        loop {
            if self.is_dash() {
                return None;
            }
            let line = self.line()?;
            let (key, behind) = key(line)?;
            if is_root && key == METADATA_KEY {
                return Some(());
            }
            if !keys.insert(key) {
                return None;
            }
            self.sink.key(key)?;
            self.value(self.at + behind, self.at + line.len(), column, depth)?;
            if self.is_at_end() || self.column < column {
                return Some(());
            }
            if self.column > column {
                return None;
            }
        }
    }

    /// What stands behind a `:`, on its line or below it.
    fn value(&mut self, colon: usize, line_end: usize, column: usize, depth: usize) -> Option<()> {
        let start = colon + self.blanks(colon, line_end)?;
        if start < line_end {
            return self.scalar(start, line_end, column, None);
        }
        self.at = line_end;
        self.advance()?;
        if !self.is_at_end() && self.column >= column && self.is_dash() {
            return self.list(colon, depth + 1);
        }
        if !self.is_at_end() && self.column > column {
            return self.map(depth + 1, false);
        }
        // Nothing; the first reader marks it where the next token stands.
        self.sink.scalar(Scalar::absent(self.at, column))
    }

    /// A list whose first dash stands here.
    fn list(&mut self, behind_indicator: usize, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        let column = self.column;
        self.sink.enter_list(self.at, behind_indicator)?;
        while !self.is_at_end() && self.column == column && self.is_dash() {
            let dash = self.at;
            let line_end = dash + self.line()?.len();
            let blanks = self.blanks(dash + 1, line_end)?;
            let at = dash + 1 + blanks;
            if at == line_end {
                self.at = line_end;
                self.advance()?;
                if self.is_at_end() || self.column <= column {
                    return None;
                }
            } else {
                (self.at, self.column) = (at, column + 1 + blanks);
            }
            if self.is_dash() {
                self.list(dash + 1, depth + 1)?;
            } else if key(self.line()?).is_some() {
                self.map(depth + 1, false)?;
            } else if at == line_end {
                return None;
            } else {
                self.scalar(at, line_end, column, Some(dash))?;
            }
        }
        if !self.is_at_end() && self.column > column {
            return None;
        }
        self.sink.leave()
    }

    fn blanks(&self, start: usize, line_end: usize) -> Option<usize> {
        let rest = self.bytes.get(start..line_end)?;
        Some(rest.iter().take_while(|byte| **byte == b' ').count())
    }

    /// A scalar that is the rest of a line.
    fn scalar(
        &mut self,
        start: usize,
        line_end: usize,
        column: usize,
        dash: Option<usize>,
    ) -> Option<()> {
        let text = self.text.get(start..line_end)?.trim_end_matches(' ');
        self.sink.scalar(Scalar::new(text, start, column, dash)?)?;
        self.at = line_end;
        self.advance()
    }
}

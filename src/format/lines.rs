//! Where the lines of a text begin, found once: many positions are asked for at once, or none.

use std::sync::OnceLock;

/// May stand before the first line; it is no character of it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The first byte of each line, once somebody has asked.
#[derive(Debug, Default)]
pub(super) struct LineStarts(OnceLock<Vec<usize>>);

/// It says of a text only what the text says.
impl PartialEq for LineStarts {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl LineStarts {
    /// Line and column, from 1, of a byte of the text; columns count characters.
    pub(super) fn position(&self, source: &[u8], offset: usize) -> (usize, usize) {
        let (line, start) = self.line(source, offset);
        (line, column(source, start, offset))
    }

    /// Bytes of its line before a byte of the text.
    pub(super) fn before(&self, source: &[u8], offset: usize) -> usize {
        let (_, start) = self.line(source, offset);
        let mark = start == 0 && source.starts_with(BYTE_ORDER_MARK);
        let top = if mark { BYTE_ORDER_MARK.len() } else { start };
        offset.saturating_sub(top)
    }

    fn line(&self, source: &[u8], offset: usize) -> (usize, usize) {
        let lines = self.0.get_or_init(|| {
            let ends = source.iter().enumerate();
            let next = ends.filter_map(|(at, byte)| (*byte == b'\n').then_some(at + 1));
            std::iter::once(0).chain(next).collect()
        });
        let line = lines.partition_point(|start| *start <= offset);
        (
            line,
            lines.get(line.saturating_sub(1)).copied().unwrap_or(0),
        )
    }
}

/// The column, from 1, of a byte of the line that begins at `start`.
pub(super) fn column(source: &[u8], start: usize, offset: usize) -> usize {
    let before = source.get(start..offset).unwrap_or_default();
    let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
    let begins = |byte: &&u8| (**byte & 0xC0) != 0x80;
    before.iter().filter(begins).count() + 1
}

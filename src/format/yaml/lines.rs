//! Lines of a text: where they begin and end, and how they are counted.

/// May stand before the first line; it is no character of it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Line and column, from 1, of a byte of a text; columns count characters.
pub(super) fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.split(|byte| *byte == b'\n').count();
    let start = line_start(text, offset);
    let column = before.get(start..).unwrap_or_default();
    (
        line,
        column.iter().filter(|byte| (**byte & 0xC0) != 0x80).count() + 1,
    )
}

/// The first byte of the line that holds `offset`.
pub(super) fn line_start(text: &[u8], offset: usize) -> usize {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let top = if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len().min(offset)
    } else {
        0
    };
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(top, |at| at + 1)
}

/// The first byte after the line that holds `offset`, line end included.
pub(super) fn next_line(text: &[u8], offset: usize) -> usize {
    let after = text.get(offset.min(text.len())..).unwrap_or_default();
    after
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |at| offset + at + 1)
}

/// Whether only blanks stand between the start of the line and `offset`.
pub(super) fn is_first_on_line(text: &[u8], offset: usize) -> bool {
    let line = text
        .get(line_start(text, offset)..offset)
        .unwrap_or_default();
    line.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// The line end that a text uses: that of its first line.
pub(super) fn line_end(text: &[u8]) -> &'static str {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(at) if at > 0 && text.get(at - 1) == Some(&b'\r') => "\r\n",
        _ => "\n",
    }
}

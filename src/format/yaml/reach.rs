//! How far nodes reach in the text: lines that belong to them, and the indicators before them.

use super::grammar::{Content, Raw};
use super::lines::next_line;

/// Behind the last line that a node stands on.
pub(super) fn last_line_end(text: &str, raw: &Raw) -> usize {
    let bytes = text.as_bytes();
    match &raw.content {
        Content::Map {
            pairs,
            is_flow: false,
        } => pairs
            .last()
            .map_or(raw.span.end, |(key, value)| pair_line_end(text, key, value)),
        Content::List {
            items,
            is_flow: false,
        } => match dashes(text, raw.span.start, items).last().zip(items.last()) {
            Some((dash, item)) => item_line_end(text, *dash, item),
            None => raw.span.end,
        },
        Content::Scalar {
            block: Some(block), ..
        } => block.body_end,
        // An absent value is marked at the token that follows it; its indicator tells more.
        Content::Absent => raw.span.start,
        _ => next_line(bytes, raw.span.end),
    }
}

/// Behind the last line of a pair of a block map.
pub(super) fn pair_line_end(text: &str, key: &Raw, value: &Raw) -> usize {
    let colon = next_line(text.as_bytes(), behind_colon(text, key, value));
    match value.content {
        Content::Absent => colon,
        _ => last_line_end(text, value).max(colon),
    }
}

/// Behind the last line of an item of a block list.
pub(super) fn item_line_end(text: &str, dash: usize, item: &Raw) -> usize {
    match item.content {
        Content::Absent => next_line(text.as_bytes(), dash),
        _ => last_line_end(text, item),
    }
}

/// Where the dashes of a block list stand; the first is its start.
pub(super) fn dashes(text: &str, start: usize, items: &[Raw]) -> Vec<usize> {
    let mut found = Vec::with_capacity(items.len());
    let mut at = start;
    for item in items {
        let Some(dash) = next_dash(text.as_bytes(), at) else {
            break;
        };
        found.push(dash);
        at = item_line_end(text, dash, item);
    }
    found
}

/// Behind the `:` of a pair; behind the key, if it has none.
pub(super) fn behind_colon(text: &str, key: &Raw, value: &Raw) -> usize {
    let bytes = text.as_bytes();
    let mut at = key.span.end;
    // A comment behind an explicit key may hold colons of its own.
    while at < value.span.start {
        match bytes.get(at) {
            Some(b':') => return at + 1,
            Some(b'#') => at = next_line(bytes, at),
            _ => at += 1,
        }
    }
    key.span.end
}

/// The next dash, over blanks and comments.
pub(super) fn next_dash(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'-' => return Some(at),
            b'#' => at = next_line(text, at),
            _ => at += 1,
        }
    }
}

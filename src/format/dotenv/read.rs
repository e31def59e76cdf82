//! A dotenv text to a tree and its spans, line by line.

use std::ops::Range;

use super::layout::{Entry as MetadataEntry, Layout, Place};
use super::{BYTE_ORDER_MARK, FormatError, PREFIX};
use crate::secret::SecretBytes;
use crate::tree::{Comment, Entry, Leaf, Map, Node, Pair, Value};

/// Reads a text. Lines of the metadata are in the layout only.
pub(super) fn read(source: &[u8]) -> Result<(Map, Layout), FormatError> {
    let is_sealed = metadata_lines(source).next().is_some();
    // No line of the metadata ends in a carriage return by itself.
    let has_foreign_ends = is_sealed && metadata_lines(source).all(|line| line.ends_with(b"\r"));
    let mut layout = Layout::default();
    // Of the first key, when it stands before something else.
    let mut mark = "";
    let mut top = Map::default();
    let mut start = 0;
    for whole in source.split_inclusive(|byte| *byte == b'\n') {
        let line = start..start + whole.len();
        let mut content = start..line.end - usize::from(whole.ends_with(b"\n"));
        start = line.end;
        let text = |range: Range<usize>| source.get(range).unwrap_or_default();
        if has_foreign_ends && text(content.clone()).ends_with(b"\r") {
            content.end -= 1;
            layout.foreign_ends.push(content.end);
        }
        let behind_mark = text(content.clone()).strip_prefix(BYTE_ORDER_MARK.as_bytes());
        if let (0, Some(b"" | b"\r" | [b'#', ..])) = (line.start, behind_mark) {
            content.start += BYTE_ORDER_MARK.len();
            if is_sealed {
                layout.has_foreign_mark = true;
            } else {
                mark = BYTE_ORDER_MARK;
            }
        }
        match text(content.clone()) {
            b"" | b"\r" => layout.blank.push(content.start..line.end),
            [b'#', ..] => {
                let place = content.start + 1..content.end;
                let comment = SecretBytes::copy_of(text(place.clone()));
                let site = layout.add(Place { text: place, line });
                top.entries.push(Entry::Comment(Comment {
                    text: comment,
                    inline: false,
                    site,
                }));
            }
            bytes => {
                let Some(equals) = bytes.iter().position(|byte| *byte == b'=') else {
                    return Err(layout.fault(source, content.start, NO_EQUALS));
                };
                let Ok(key) = std::str::from_utf8(text(content.start..content.start + equals))
                else {
                    let reason = "this key is not valid UTF-8";
                    return Err(layout.fault(source, content.start, reason));
                };
                let value = content.start + equals + 1..content.end;
                if let Some(name) = key.strip_prefix(PREFIX) {
                    layout.metadata.push(MetadataEntry {
                        name: name.to_owned(),
                        value,
                        line,
                    });
                    continue;
                }
                layout.first_key.get_or_insert(content.start);
                let bytes = SecretBytes::new(unescape(text(value.clone())));
                let site = layout.add(Place { text: value, line });
                top.entries.push(Entry::Pair(Pair {
                    key: format!("{}{key}", std::mem::take(&mut mark)),
                    value: Node::Leaf(Leaf {
                        value: Value::Str(bytes),
                        site,
                    }),
                }));
            }
        }
    }
    Ok((top, layout))
}

const NO_EQUALS: &str =
    "a line that has no '=' and is no comment; a comment has its '#' in column 1";

/// The two characters `\n` are a line end.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\\n") {
        let (before, behind) = rest.split_at(at);
        value.extend_from_slice(before);
        value.push(b'\n');
        rest = behind.get(2..).unwrap_or_default();
    }
    value.extend_from_slice(rest);
    value
}

fn metadata_lines(source: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = source.split(|byte| *byte == b'\n');
    lines.filter(|line| line.starts_with(PREFIX.as_bytes()))
}

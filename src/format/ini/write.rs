//! A tree to new INI text, in the layout of the reference: keys aligned at `=`, a blank line between
//! sections, comments above what they follow in the tree.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::super::untyped;
use super::value::{Reader, Style, spell, text_of};
use super::{DEFAULT, METADATA_KEY, TWO_LEVELS, flat};
use crate::tree::{Comment, Entry, Fields, Map, Node};

/// What INI cannot hold.
pub(super) type Unwritable = &'static str;

/// A key that would be read as something else.
pub(super) const NO_KEY: Unwritable =
    "a key with line ends or outer blanks, or that begins a comment or a section";

const UNSPELLABLE: Unwritable = "a value with backticks and triple quotes, or a line that ends in a backslash, which INI cannot hold";

/// A whole text; with metadata, a sealed one.
pub(super) fn write(top: &Map, metadata: Option<&Fields>) -> Result<Zeroizing<String>, Unwritable> {
    let mut text = Zeroizing::new(String::new());
    let mut above: Vec<&Comment> = Vec::new();
    for entry in &top.entries {
        match entry {
            Entry::Comment(comment) => above.push(comment),
            Entry::Pair(pair) => {
                let Node::Map(section) = &pair.value else {
                    return Err(TWO_LEVELS);
                };
                let is_default = text.is_empty() && above.is_empty() && pair.key == DEFAULT;
                if is_default && section.pairs().next().is_none() {
                    continue;
                }
                part(&mut text);
                // The token of a comment of the top level does not open in a section.
                if metadata.is_none() {
                    comments(&above, &mut text)?;
                }
                above.clear();
                let mut entries = section.entries.as_slice();
                let leading = entries
                    .iter()
                    .take_while(|it| matches!(it, Entry::Comment(_)));
                let leading = leading.count();
                let first = entries.get(..leading).unwrap_or_default();
                entries = entries.get(leading..).unwrap_or_default();
                let first: Vec<&Comment> = first.iter().filter_map(comment).collect();
                comments(&first, &mut text)?;
                if !is_default {
                    text.push_str(&header(&pair.key)?);
                }
                write_keys(entries, &mut text)?;
            }
        }
    }
    if metadata.is_none() {
        comments(&above, &mut text)?;
    }
    if let Some(fields) = metadata {
        part(&mut text);
        text.push_str(&block(fields)?);
    }
    Ok(text)
}

/// The line that begins a section.
pub(super) fn header(name: &str) -> Result<String, Unwritable> {
    if name.is_empty() || name.contains([']', '\n']) || name == METADATA_KEY {
        return Err("a section whose name is empty, 'sops', or has a ']' or a line end in it");
    }
    Ok(format!("[{name}]\n"))
}

/// The keys of a map, without a section.
pub(super) fn keys(map: &Map) -> Result<Zeroizing<String>, Unwritable> {
    let mut text = Zeroizing::new(String::new());
    write_keys(&map.entries, &mut text)?;
    Ok(text)
}

/// The section of the metadata.
pub(super) fn block(fields: &Fields) -> Result<String, Unwritable> {
    let mut section = Map::default();
    for (name, text) in flat::flatten(fields)? {
        section.push_text(name, &flat::escape(&text)?);
    }
    let mut text = Zeroizing::new(format!("[{METADATA_KEY}]\n"));
    write_keys(&section.entries, &mut text)?;
    Ok(std::mem::take(&mut *text))
}

/// A key as the reference writes it; `None` if that would not read back.
pub(super) fn key(name: &str) -> Option<String> {
    let written = if name.contains(['"', '=', ':']) {
        if name.contains('`') {
            return None;
        }
        format!("`{name}`")
    } else if name.contains('`') {
        format!("\"\"\"{name}\"\"\"")
    } else {
        name.to_owned()
    };
    let is_plain = !name.starts_with(['#', ';', '[']) && name != "-" && !name.is_empty();
    let is_trimmed = name.trim() == name && !name.contains('\n');
    (is_trimmed && (is_plain || written != name && !name.is_empty())).then_some(written)
}

fn write_keys(entries: &[Entry], text: &mut Zeroizing<String>) -> Result<(), Unwritable> {
    let mut lines: Vec<(String, Zeroizing<String>, Vec<&Comment>)> = Vec::new();
    for entry in entries {
        match (entry, lines.last_mut()) {
            (Entry::Comment(comment), Some((_, _, comments))) => comments.push(comment),
            (Entry::Comment(_), None) => {}
            (Entry::Pair(pair), _) => {
                let value = match &pair.value {
                    Node::Leaf(leaf) => text_of(&leaf.value)?,
                    _ => return Err(untyped::NO_COLLECTION),
                };
                let key = key(&pair.key);
                let key = key.ok_or(NO_KEY)?;
                let value = spell(&value, Style::Bare, Reader::Reference, "").ok_or(UNSPELLABLE)?;
                lines.push((key, value, Vec::new()));
            }
        }
    }
    // As the reference does, in bytes.
    let width = lines.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
    for (key, value, above) in lines {
        comments(&above, text)?;
        let pad = width - key.len();
        text.push_str(&key);
        text.extend(std::iter::repeat_n(' ', pad));
        text.push_str(" = ");
        text.push_str(&value);
        text.push('\n');
    }
    Ok(())
}

fn comment(entry: &Entry) -> Option<&Comment> {
    match entry {
        Entry::Comment(comment) => Some(comment),
        Entry::Pair(_) => None,
    }
}

fn comments(comments: &[&Comment], text: &mut Zeroizing<String>) -> Result<(), Unwritable> {
    for comment in comments {
        let words = std::str::from_utf8(comment.text.expose())
            .map_err(|_| "a comment that is no text, which INI does not have")?;
        for line in words.split('\n') {
            let line = line.trim();
            match line.chars().next().filter(|mark| matches!(mark, '#' | ';')) {
                Some(mark) => {
                    let rest = line.strip_prefix(mark).unwrap_or_default().trim();
                    let _ = writeln!(**text, "{mark} {rest}");
                }
                None => {
                    let _ = writeln!(**text, "; {line}");
                }
            }
        }
    }
    Ok(())
}

/// A blank line between sections.
fn part(text: &mut Zeroizing<String>) {
    if !text.is_empty() {
        text.push('\n');
    }
}

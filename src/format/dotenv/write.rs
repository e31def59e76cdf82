//! A tree to new dotenv text, in the layout of the reference.

use zeroize::Zeroizing;

use super::super::Change;
use super::read::unescape;
use super::{FormatError, PREFIX, flat, unrepresentable, untyped};
use crate::secret::SecretBytes;
use crate::tree::{Entry, Fields, Map, Node, Value};

/// A whole text; with metadata, a sealed one.
pub(super) fn write(
    top: &Map,
    metadata: Option<&Fields>,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut text = Zeroizing::new(Vec::new());
    for entry in &top.entries {
        match entry {
            Entry::Comment(comment) => {
                text.extend_from_slice(&comment_lines(&comment.text));
                text.push(b'\n');
            }
            Entry::Pair(pair) => {
                let Node::Leaf(leaf) = &pair.value else {
                    return Err(unrepresentable(untyped::NO_COLLECTION));
                };
                let line = line(&pair.key, &leaf.value).map_err(unrepresentable)?;
                text.extend_from_slice(&line);
            }
        }
    }
    if let Some(fields) = metadata {
        text.extend_from_slice(block(fields)?.as_bytes());
    }
    Ok(text)
}

/// A key with its value, line end included.
pub(super) fn line(key: &str, value: &Value) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    if key.contains(['=', '\n']) || key.starts_with('#') {
        return Err("a key with '=' or a line end in it, or a '#' before it");
    }
    if key.starts_with(PREFIX) {
        return Err("a key that begins with 'sops_', as those of the metadata do");
    }
    let mut line = Zeroizing::new(format!("{key}=").into_bytes());
    line.extend_from_slice(&self::value(value)?);
    line.push(b'\n');
    Ok(line)
}

/// A value on one line.
pub(super) fn value(value: &Value) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let Value::Str(text) = value else {
        let text = untyped::text(value).ok_or(untyped::NO_NULL)?;
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    };
    let mut line = Zeroizing::new(Vec::with_capacity(text.len()));
    for (number, part) in text.expose().split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            line.extend_from_slice(b"\\n");
        }
        line.extend_from_slice(part);
    }
    Ok(line)
}

/// A comment; one of several lines is several.
pub(super) fn comment_lines(text: &SecretBytes) -> Zeroizing<Vec<u8>> {
    let mut lines = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    for (number, part) in text.expose().split(|byte| *byte == b'\n').enumerate() {
        lines.extend_from_slice(if number > 0 { b"\n#" } else { b"#" });
        lines.extend_from_slice(part);
    }
    lines
}

/// What a value is when it is read back.
pub(super) fn reads_as(value: &Value) -> Option<Value> {
    match value {
        Value::Str(text) => {
            let is_other = text.expose().windows(2).any(|pair| pair == b"\\n");
            is_other.then(|| Value::Str(SecretBytes::new(unescape(text.expose()))))
        }
        value => untyped::as_string(value),
    }
}

/// Whether what is written ends in a carriage return.
pub(super) fn ends_in_return(change: &Change) -> bool {
    match change {
        Change::Open(Value::Str(text)) => text.expose().ends_with(b"\r"),
        Change::OpenComment(text) => text.expose().ends_with(b"\r"),
        _ => false,
    }
}

/// The lines of the metadata.
pub(super) fn block(fields: &Fields) -> Result<String, FormatError> {
    let mut block = String::new();
    for (name, text) in flat::flatten(fields).map_err(unrepresentable)? {
        if name.contains(['=', '\n']) || text.ends_with('\r') {
            return Err(unrepresentable(
                "a name in the metadata with '=' or a line end, such as one of an encryption context",
            ));
        }
        block.push_str(PREFIX);
        block.push_str(&name);
        block.push('=');
        block.push_str(&flat::escape(&text).map_err(unrepresentable)?);
        block.push('\n');
    }
    Ok(block)
}

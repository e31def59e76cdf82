//! Texts of which it is sure, without a try, that opening rebuilds them from the sealed text: one
//! scalar a line, each in the one spelling that its value has.
//!
//! For large texts, where a try takes time. Whatever is not sure is tried.

use super::super::Document;
use super::layout::{Layout, Place, ScalarPlace};
use super::lines::BYTE_ORDER_MARK;
use super::tokens::Style;
use crate::tree::{Step, Steps, Value};

pub(super) fn is_exact(document: &Document, layout: &Layout) -> bool {
    let source = document.source();
    let ends_well = source.ends_with(b"\n") && !source.ends_with(b"\n\n");
    let is_plain = layout.hollows.is_empty()
        && layout.unattached.is_empty()
        && !layout.has_copies
        && !source.starts_with(BYTE_ORDER_MARK);
    ends_well
        && is_plain
        && Steps::of(&document.tree).all(|step| match step {
            Step::Leaf(leaf) => match layout.place(leaf.site) {
                Some(Place::Scalar(place)) => scalar(place, &leaf.value, source),
                _ => false,
            },
            Step::Comment(_) => false,
            _ => true,
        })
}

fn scalar(place: &ScalarPlace, value: &Value, source: &[u8]) -> bool {
    let text = source.get(place.span.clone()).unwrap_or_default();
    if place.block.is_some() || place.is_tagged || place.is_in_flow {
        return false;
    }
    match (value, place.style) {
        // Nothing is sealed of it.
        (Value::Null, _) => true,
        (Value::Str(value), Style::Plain) => !text.is_empty() && value.expose() == text,
        (Value::Str(value), Style::SingleQuoted | Style::DoubleQuoted) => {
            let inner = text.get(1..text.len().saturating_sub(1));
            let is_odd = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b'\n');
            inner.is_some_and(|inner| value.expose() == inner && !inner.iter().any(is_odd))
        }
        (Value::Int(number), Style::Plain) => number.to_string().as_bytes() == text,
        (Value::Bool(flag), Style::Plain) => flag.to_string().as_bytes() == text,
        _ => false,
    }
}

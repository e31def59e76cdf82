//! Texts of which it is sure, without a try, that opening rebuilds them from the sealed text: each value
//! stands there in the one spelling that it has.
//!
//! For large texts, where a try takes time. Whatever is not sure is tried.

use super::super::Document;
use super::BYTE_ORDER_MARK;
use super::layout::Layout;
use crate::tree::{Step, Steps, Value};

pub(super) fn is_exact(document: &Document, layout: &Layout) -> bool {
    let source = document.source();
    !source.starts_with(BYTE_ORDER_MARK)
        && Steps::of(&document.tree).all(|step| match step {
            Step::Leaf(leaf) => {
                let text = layout.place(leaf.site).and_then(|span| source.get(span));
                text.is_some_and(|text| scalar(&leaf.value, text))
            }
            Step::Comment(_) => false,
            _ => true,
        })
}

fn scalar(value: &Value, text: &[u8]) -> bool {
    match value {
        // Nothing is sealed of it.
        Value::Null => true,
        Value::Str(value) => {
            let inner = text.get(1..text.len().saturating_sub(1));
            inner.is_some_and(|inner| value.expose() == inner && !inner.contains(&b'\\'))
        }
        Value::Int(number) => number.to_string().as_bytes() == text,
        Value::Bool(flag) => flag.to_string().as_bytes() == text,
        Value::Float(_) | Value::Time(_) => false,
    }
}

//! What an alias repeats is edited with all its copies or not at all.

use std::collections::HashMap;

use crate::tree::{Site, Value};

use super::super::{Change, Document, Edits, Fault, FormatError};
use super::grammar::{Content, Parsed, Raw};
use super::layout::{Layout, Place};
use super::lines::position;

/// Refuses edits that an alias does not allow, with the lines of both.
pub(super) fn repeated(
    document: &Document,
    layout: &Layout,
    edits: &Edits,
) -> Result<(), FormatError> {
    if !layout.has_copies {
        return Ok(());
    }
    let source = document.source();
    let fail = |at: usize, fault: Fault, reason: String| {
        let (line, column) = position(source, at);
        Err(FormatError {
            fault,
            line,
            column,
            reason,
        })
    };
    let line = |at: usize| position(source, at).0;
    let mut originals: HashMap<usize, &Change> = HashMap::new();
    let mut copies: HashMap<Site, &Change> = HashMap::new();
    for (site, change) in edits.places {
        match layout.place(*site) {
            Some(Place::Scalar(place)) => {
                originals.insert(place.span.start, change);
            }
            Some(Place::Comment(span)) => {
                originals.insert(span.start, change);
            }
            Some(Place::Copy(_)) => {
                copies.insert(*site, change);
            }
            _ => {}
        }
    }
    for (number, place) in layout.places.iter().enumerate() {
        let Place::Copy(place) = place else { continue };
        let site = Site(u32::try_from(number).unwrap_or(u32::MAX - 1));
        let alias = place.alias.start;
        match (originals.get(&place.original), copies.get(&site)) {
            (None, None | Some(Change::Expand)) => {}
            (Some(old), Some(new)) if opens_alike(old, new) => {}
            (_, Some(Change::Seal(_))) => {
                let reason = format!(
                    "this alias repeats line {}, and its copy is to be sealed under a path of its own",
                    line(place.original)
                );
                return fail(alias, Fault::Repeated, reason);
            }
            (Some(Change::Seal(_)), None) => {
                let reason = format!(
                    "this alias would show in clear what is sealed in line {}",
                    line(place.original)
                );
                return fail(alias, Fault::Parted, reason);
            }
            (None, Some(_)) => {
                let reason = format!("the value here is that of line {}", line(place.original));
                return fail(alias, Fault::Parted, reason);
            }
            (Some(_), _) => {
                let reason = format!("the alias in line {} repeats this value", line(alias));
                return fail(place.original, Fault::Parted, reason);
            }
        }
    }
    Ok(())
}

/// Refuses to put something into what an alias repeats, or through an alias.
pub(super) fn passes(
    text: &str,
    parsed: &Parsed,
    here: &Raw,
    is_end: bool,
) -> Result<(), FormatError> {
    let fail = |reason: &str| {
        Err(FormatError::at(
            text,
            here.span.start,
            Fault::Parted,
            reason,
        ))
    };
    if matches!(here.content, Content::Alias { .. }) && !is_end {
        return fail("the value here is that of its anchor; set it there");
    }
    let Some(anchor) = here.anchor else {
        return Ok(());
    };
    let mut roots = parsed.documents.iter().map(|document| &document.root);
    match roots.find_map(|root| alias_of(root, anchor)) {
        Some(alias) => {
            let line = position(text.as_bytes(), alias).0;
            fail(&format!("the alias in line {line} repeats this value"))
        }
        None => Ok(()),
    }
}

/// Where an alias of this anchor stands in a node.
fn alias_of(raw: &Raw, wanted: usize) -> Option<usize> {
    match &raw.content {
        Content::Alias { anchor } => (*anchor == wanted).then_some(raw.span.start),
        Content::Map { pairs, .. } => pairs
            .iter()
            .find_map(|(key, value)| alias_of(key, wanted).or_else(|| alias_of(value, wanted))),
        Content::List { items, .. } => items.iter().find_map(|item| alias_of(item, wanted)),
        _ => None,
    }
}

/// In one list, where paths are the same, the format lets an alias repeat a token.
fn opens_alike(old: &Change, new: &Change) -> bool {
    match (old, new) {
        (Change::Open(old), Change::Open(new)) => match (old, new) {
            (Value::Str(old), Value::Str(new)) => old.ct_eq(new),
            (Value::Int(old), Value::Int(new)) => old == new,
            (Value::Float(old), Value::Float(new)) => old.to_bits() == new.to_bits(),
            (Value::Bool(old), Value::Bool(new)) => old == new,
            (Value::Time(old), Value::Time(new)) => old == new,
            _ => false,
        },
        (Change::OpenComment(old), Change::OpenComment(new)) => old.ct_eq(new),
        _ => false,
    }
}

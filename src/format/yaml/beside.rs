//! A clear comment beside an empty list, which the reference would lose where the next key has one.
//!
//! It takes `a: [] # c` for a list that holds a comment, writes that below the list, and then the
//! comment behind the next value, which goes above its key, in its place. In a file that it has sealed
//! itself the comment already stands below the list, where it is safe. So it does in what we seal; the blanks that stay behind
//! the list tell that it belongs beside it, and opening puts it back.

use std::collections::HashSet;
use std::ops::Range;

use crate::tree::{Entry, Item, List, Map, Node, Site, Tree};

use super::super::{Change, Edits};
use super::layout::{Layout, Place};
use super::lines::{line_end, line_start};

/// Where the comments of a clear text go down: before which byte, and what is put there.
pub(super) fn down(
    tree: &Tree,
    layout: &Layout,
    source: &[u8],
    edits: &Edits,
) -> Vec<(usize, String)> {
    let mut pairs = Vec::new();
    for map in &tree.documents {
        empty_lists(map, &mut pairs);
    }
    if pairs.is_empty() {
        return Vec::new();
    }
    let sealed = |(site, change): &(Site, Change<'_>)| match change {
        Change::Seal(_) | Change::SealBare(..) => Some(*site),
        _ => None,
    };
    let sealed: HashSet<Site> = edits.places.iter().filter_map(sealed).collect();
    let place = |(list, next): (&List, Option<&Entry>)| {
        let mut comments = list.comments();
        let (Some(comment), None, Some(Entry::Comment(other))) =
            (comments.next(), comments.next(), next)
        else {
            return None;
        };
        // One above the next key is lost with the reference in its own files, too.
        if !other.inline {
            return None;
        }
        let (Some(Place::Comment(span)), Some(Place::List(place))) =
            (layout.place(comment.site), layout.place(list.site))
        else {
            return None;
        };
        let is_beside = blanks_behind(source, place.start)
            .is_some_and(|blanks| !blanks.is_empty() && blanks.end == span.start);
        (is_beside && !sealed.contains(&comment.site)).then(|| {
            let line = line_start(source, place.start);
            let rest = source.get(line..).unwrap_or_default();
            let indent = rest.iter().take_while(|byte| **byte == b' ').count();
            (
                span.start,
                format!("{}{}", line_end(source), " ".repeat(indent)),
            )
        })
    };
    pairs.into_iter().filter_map(place).collect()
}

/// Where the comments of a sealed text go back up: what is taken out.
pub(super) fn up(tree: &Tree, layout: &Layout, source: &[u8]) -> Vec<Range<usize>> {
    let mut pairs = Vec::new();
    for map in &tree.documents {
        empty_lists(map, &mut pairs);
    }
    let gap = |(list, _): (&List, Option<&Entry>)| {
        let Some(Place::List(place)) = layout.place(list.site) else {
            return None;
        };
        let blanks = blanks_behind(source, place.start)?;
        let below = source.get(blanks.end..)?;
        let end = below.iter().position(|byte| *byte == b'\n')? + 1;
        let is_end = matches!(below.get(..end), Some(b"\n" | b"\r\n"));
        let indent = below.get(end..)?;
        let indent = indent.iter().take_while(|byte| **byte == b' ').count();
        let comment = below.get(end + indent..)?;
        let is_clear = comment.starts_with(b"#") && !comment.starts_with(b"#ENC[");
        (!blanks.is_empty() && is_end && is_clear).then(|| blanks.end..blanks.end + end + indent)
    };
    pairs.into_iter().filter_map(gap).collect()
}

/// The blanks behind `[]`, if that stands there.
fn blanks_behind(source: &[u8], start: usize) -> Option<Range<usize>> {
    let behind = source.get(start..)?.strip_prefix(b"[]")?;
    let blanks = behind.iter().take_while(|byte| **byte == b' ').count();
    Some(start + 2..start + 2 + blanks)
}

/// Lists without items that are values of a key with another one below it, and what follows them.
fn empty_lists<'t>(map: &'t Map, found: &mut Vec<(&'t List, Option<&'t Entry>)>) {
    for (at, entry) in map.entries.iter().enumerate() {
        let Entry::Pair(pair) = entry else { continue };
        match &pair.value {
            Node::List(list) if list.nodes().next().is_none() => {
                let rest = map.entries.get(at + 1..).unwrap_or_default();
                let has_next = rest.iter().any(|entry| matches!(entry, Entry::Pair(_)));
                found.extend(has_next.then(|| (list, rest.first())));
            }
            node => in_node(node, found),
        }
    }
}

fn in_node<'t>(node: &'t Node, found: &mut Vec<(&'t List, Option<&'t Entry>)>) {
    match node {
        Node::Map(map) => empty_lists(map, found),
        Node::List(list) => {
            for item in &list.items {
                if let Item::Node(node) = item {
                    in_node(node, found);
                }
            }
        }
        Node::Leaf(_) => {}
    }
}

//! Aliases: what they repeat becomes part of the tree once more, within bounds.
//!
//! The format seals each copy under its own path, so a copy has a place of its own: the alias. It
//! cannot be edited there; `splice` refuses what would change an original or a copy alone.

use std::ops::Range;

use crate::tree::{Node, Site};

use super::super::{Fault, FormatError};
use super::compose::{Around, Composer};
use super::grammar::{Content, Parsed, Raw};
use super::layout::{CopyPlace, Place};

/// Nodes that aliases may add to a text: a few lines can stand for billions.
const NODES: usize = 100_000;
/// Bytes of scalars that they may add.
const BYTES: usize = 16 << 20;

/// What aliases repeat, and how much they have so far.
pub(super) struct Copying<'a> {
    anchored: Vec<Option<&'a Raw>>,
    /// The alias whose copy is being made: the outermost, since that is what the text holds.
    alias: Option<(Range<usize>, bool)>,
    nodes: usize,
    bytes: usize,
}

impl<'a> Copying<'a> {
    pub(super) fn of(parsed: &'a Parsed) -> Self {
        let mut anchored = vec![None; parsed.anchors];
        if !anchored.is_empty() {
            for document in &parsed.documents {
                find(&document.root, &mut anchored);
            }
        }
        Self {
            anchored,
            alias: None,
            nodes: 0,
            bytes: 0,
        }
    }
}

fn find<'a>(raw: &'a Raw, anchored: &mut [Option<&'a Raw>]) {
    if let Some(place) = raw.anchor.and_then(|anchor| anchored.get_mut(anchor)) {
        *place = Some(raw);
    }
    match &raw.content {
        Content::Map { pairs, .. } => {
            for (key, value) in pairs {
                find(key, anchored);
                find(value, anchored);
            }
        }
        Content::List { items, .. } => {
            for item in items {
                find(item, anchored);
            }
        }
        Content::Scalar { .. } | Content::Absent | Content::Alias { .. } => {}
    }
}

impl Composer<'_> {
    /// What an alias repeats, with places of its own.
    pub(super) fn copy(
        &mut self,
        alias: &Raw,
        anchor: usize,
        around: Around,
    ) -> Result<Node, FormatError> {
        let Some(original) = self.copying.anchored.get(anchor).copied().flatten() else {
            return self.fail(alias.span.start, Fault::Syntax, "an alias of nothing");
        };
        let outer = self.copying.alias.clone();
        if outer.is_none() {
            self.copying.alias = Some((alias.span.clone(), around.is_in_flow));
        }
        let node = self.node(original, around, false)?;
        self.copying.alias = outer;
        Ok(node)
    }

    /// Notes a place: its own, or that of the alias which repeats it.
    pub(super) fn add(&mut self, place: Place) -> Site {
        let Some((alias, is_in_flow)) = &self.copying.alias else {
            return self.layout.add(place);
        };
        let original = match &place {
            Place::Scalar(place) => place.span.start,
            Place::Comment(span) => span.start,
            Place::Map(place) => place.start,
            Place::List(place) => place.start,
            Place::Copy(place) => place.original,
        };
        let (alias, is_in_flow) = (alias.clone(), *is_in_flow);
        self.layout.has_copies = true;
        self.layout.add(Place::Copy(CopyPlace {
            alias,
            is_in_flow,
            original,
        }))
    }

    /// Where the alias begins whose copy is being made.
    pub(super) fn alias_start(&self) -> Option<usize> {
        self.copying.alias.as_ref().map(|(alias, _)| alias.start)
    }

    /// Counts what is made for an alias.
    pub(super) fn count(&mut self, raw: &Raw) -> Result<(), FormatError> {
        let Some((alias, _)) = &self.copying.alias else {
            return Ok(());
        };
        self.copying.nodes += 1;
        if let Content::Scalar { text, .. } = &raw.content {
            self.copying.bytes += text.len();
        }
        if self.copying.nodes > NODES || self.copying.bytes > BYTES {
            let at = alias.start;
            return self.fail(at, Fault::Unsupported, "aliases repeat too much");
        }
        Ok(())
    }

    /// A merge key (`<<`) must have maps: the reference reads no file where it has not.
    pub(super) fn merge(&mut self, key: &Raw, value: &Raw) {
        if self.is_merge(key) && !self.is_map(value, true) {
            let reason = "a merge key (<<) without a map or a list of maps; \
                          put it in quotes if it is an ordinary key";
            self.fail_clear(key.span.start, reason);
        }
    }

    fn is_merge(&self, key: &Raw) -> bool {
        let is_plain = self.text.get(key.span.clone()) == Some("<<");
        is_plain || matches!(&key.tag, Some((tag, _)) if tag == "!!merge")
    }

    fn is_map(&self, raw: &Raw, or_list: bool) -> bool {
        match &raw.content {
            Content::Map { .. } => true,
            Content::List { items, .. } => {
                or_list && items.iter().all(|item| self.is_map(item, false))
            }
            Content::Alias { anchor } => {
                let original = self.copying.anchored.get(*anchor).copied().flatten();
                original.is_some_and(|original| matches!(original.content, Content::Map { .. }))
            }
            Content::Scalar { .. } | Content::Absent => false,
        }
    }
}

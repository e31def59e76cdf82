//! Where each site of a JSON document stands in its text: one span, whatever stands there.

use std::ops::Range;

use super::super::lines::{LineStarts, column};
use crate::tree::Site;

/// The places of a document, by site number, and those of its metadata.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    places: Vec<Range<usize>>,
    /// The top level, braces included.
    pub(super) top: Range<usize>,
    /// The metadata entry, if there is one.
    pub(super) entry: Option<EntryPlace>,
    lines: LineStarts,
}

/// The metadata entry.
#[derive(Debug)]
pub(super) struct EntryPlace {
    /// Where its key begins.
    pub(super) start: usize,
    /// Its value.
    pub(super) value: Range<usize>,
    /// Its scalars by name.
    pub(super) scalars: Vec<(String, Range<usize>)>,
}

impl Layout {
    pub(super) fn add(&mut self, span: Range<usize>) -> Site {
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX - 1);
        self.places.push(span);
        Site(number)
    }

    /// A collection takes its number when it begins, and its end when that is known.
    pub(super) fn close(&mut self, site: Site, end: usize) {
        let place = usize::try_from(site.0)
            .ok()
            .and_then(|at| self.places.get_mut(at));
        if let Some(place) = place {
            place.end = end;
        }
    }

    pub(super) fn place(&self, site: Site) -> Option<Range<usize>> {
        self.places.get(usize::try_from(site.0).ok()?).cloned()
    }

    pub(in crate::format) fn position(&self, source: &[u8], site: Site) -> (usize, usize) {
        let offset = self.place(site).map_or(0, |place| place.start);
        self.lines.position(source, offset)
    }
}

/// Line and column, from 1, of a byte of a text; columns count characters.
pub(super) fn position(source: &[u8], offset: usize) -> (usize, usize) {
    let before = source.get(..offset.min(source.len())).unwrap_or(source);
    let line = before.split(|byte| *byte == b'\n').count();
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    (line, column(source, start, offset))
}

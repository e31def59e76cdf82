//! Where each site of a dotenv document stands in its text, and which lines are metadata.

use std::ops::Range;

use super::super::lines::LineStarts;
use super::{Fault, FormatError, PREFIX, flat};
use crate::tree::{Fields, Site};

/// The lines of a document.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The text of each value and comment, by site number, and the line that it stands in.
    places: Vec<Place>,
    /// Lines of the metadata.
    pub(super) metadata: Vec<Entry>,
    /// Lines with nothing in them, line end included.
    pub(super) blank: Vec<Range<usize>>,
    /// Where the first key begins that is none of the metadata.
    pub(super) first_key: Option<usize>,
    /// Carriage returns that a transport has put before the line ends of a sealed file.
    pub(super) foreign_ends: Vec<usize>,
    /// A byte order mark that has come before a sealed file, and belongs to no key.
    pub(super) has_foreign_mark: bool,
    lines: LineStarts,
}

/// A value or a comment.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Its text.
    pub(super) text: Range<usize>,
    /// Its line, line end included.
    pub(super) line: Range<usize>,
}

/// A line of the metadata.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name, without the prefix.
    pub(super) name: String,
    /// Its value.
    pub(super) value: Range<usize>,
    /// The line, line end included.
    pub(super) line: Range<usize>,
}

impl Layout {
    pub(super) fn add(&mut self, place: Place) -> Site {
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX - 1);
        self.places.push(place);
        Site(number)
    }

    pub(super) fn place(&self, site: Site) -> Option<&Place> {
        self.places.get(usize::try_from(site.0).ok()?)
    }

    /// Values and comments, in the order of the text.
    pub(super) fn places(&self) -> impl DoubleEndedIterator<Item = (Site, &Place)> {
        let number = |at| Site(u32::try_from(at).unwrap_or(u32::MAX - 1));
        let places = self.places.iter().enumerate();
        places.map(move |(at, place)| (number(at), place))
    }

    pub(in crate::format) fn position(&self, source: &[u8], site: Site) -> (usize, usize) {
        let offset = self.place(site).map_or(0, |place| place.text.start);
        self.lines.position(source, offset)
    }

    /// A fault at a byte of the text.
    pub(super) fn fault(&self, source: &[u8], at: usize, reason: &str) -> FormatError {
        let (line, column) = self.lines.position(source, at);
        FormatError {
            fault: Fault::Syntax,
            line,
            column,
            reason: reason.to_owned(),
        }
    }

    /// What the metadata says.
    pub(super) fn fields(&self, source: &[u8]) -> Result<Fields, &'static str> {
        flat::unflatten(self.metadata.iter().map(|entry| {
            let text = source.get(entry.value.clone()).unwrap_or_default();
            let text = flat::unescape(&String::from_utf8_lossy(text));
            (entry.name.as_str(), text)
        }))
    }

    /// The lines of the metadata as they stand, with plain line ends.
    pub(super) fn block(&self, source: &[u8]) -> Option<String> {
        let mut block = String::new();
        for entry in &self.metadata {
            let value = source.get(entry.value.clone())?;
            block.push_str(PREFIX);
            block.push_str(&entry.name);
            block.push('=');
            block.push_str(std::str::from_utf8(value).ok()?);
            block.push('\n');
        }
        (!block.is_empty()).then_some(block)
    }
}

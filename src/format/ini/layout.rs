//! Where each site of an INI document stands in its text, its sections, and its metadata.

use std::ops::Range;

use super::super::lines::LineStarts;
use super::comments::{Owner, Unit};
use super::scan::{Key, Section};
use super::value::{Written, slice};
use super::{Fault, FormatError, flat};
use crate::tree::{Fields, Site};

/// The places of a document, by site number, and those of its sections and metadata.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    places: Vec<Place>,
    pub(super) sections: Vec<SectionPlace>,
    /// Where comments begin that nothing follows.
    pub(super) tail: Option<usize>,
    pub(super) metadata: Option<MetadataPlace>,
    lines: LineStarts,
}

/// A value, or a comment and what it belongs to.
#[derive(Debug)]
pub(super) enum Place {
    Value(Written),
    Comment(Unit, Owner),
}

/// A section.
#[derive(Debug)]
pub(super) struct SectionPlace {
    pub(super) name: String,
    /// Where its first line begins.
    pub(super) start: usize,
    /// Behind its last line; of the keys before any section, where they would begin.
    pub(super) end: usize,
    /// The last key: where its name, its delimiter and its value begin.
    pub(super) last_key: Option<LastKey>,
}

/// How the last key of a section is written.
#[derive(Debug)]
pub(super) struct LastKey {
    pub(super) name: Range<usize>,
    pub(super) delimiter: usize,
    pub(super) value: usize,
}

/// The section of the metadata.
#[derive(Debug)]
pub(super) struct MetadataPlace {
    /// Where its header begins.
    pub(super) header: usize,
    /// Its lines, line ends included.
    pub(super) lines: Range<usize>,
    /// Its keys, and the text that each has.
    pub(super) entries: Vec<(String, Written)>,
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

    pub(super) fn places(&self) -> impl Iterator<Item = (Site, &Place)> {
        (0..).map(Site).zip(&self.places)
    }

    pub(super) fn add_section(&mut self, section: &Section, start: usize) {
        let header = section.header.as_ref().map(|header| header.line.end);
        let last = section.keys.last();
        self.sections.push(SectionPlace {
            name: section.name.clone(),
            start: section
                .header
                .as_ref()
                .map_or(start, |header| header.line.start),
            end: last.map(|key| key.lines.end).or(header).unwrap_or(start),
            last_key: last.map(|key| LastKey {
                name: key.written_name.clone(),
                delimiter: key.delimiter,
                value: key.value.span.start,
            }),
        });
    }

    pub(super) fn set_metadata(&mut self, section: Section) {
        let Some(header) = section.header else {
            return;
        };
        let end = section.keys.last().map(|key| key.lines.end);
        let entry = |key: Key| (key.name, key.value);
        self.metadata = Some(MetadataPlace {
            header: header.line.start,
            lines: header.line.start..end.unwrap_or(header.line.end),
            entries: section.keys.into_iter().map(entry).collect(),
        });
    }

    pub(in crate::format) fn position(&self, source: &[u8], site: Site) -> (usize, usize) {
        let offset = match self.place(site) {
            None => 0,
            Some(Place::Value(written)) => written.span.start,
            Some(Place::Comment(unit, _)) => unit.start(),
        };
        self.lines.position(source, offset)
    }

    /// A fault at a byte of the text.
    pub(super) fn fault(
        &self,
        source: &[u8],
        at: usize,
        fault: Fault,
        reason: &str,
    ) -> FormatError {
        let (line, column) = self.lines.position(source, at);
        FormatError {
            fault,
            line,
            column,
            reason: reason.to_owned(),
        }
    }

    /// What the metadata says.
    pub(super) fn fields(&self, source: &[u8]) -> Result<Fields, &'static str> {
        let text = std::str::from_utf8(source).unwrap_or_default();
        let entries = self.metadata.iter().flat_map(|place| &place.entries);
        flat::unflatten(
            entries.map(|(name, value)| (name.as_str(), flat::unescape(value.text(text)))),
        )
    }

    /// The section of the metadata as it stands.
    pub(super) fn block(&self, source: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(source).ok()?;
        let block = slice(text, self.metadata.as_ref()?.lines.clone());
        let mut block = block.replace("\r\n", "\n");
        if !block.ends_with('\n') {
            block.push('\n');
        }
        Some(block)
    }
}

//! Edits into the text of an INI document: every byte that no edit names stays.
//!
//! The metadata is a last section. A missing last line end is missing behind it while the file is
//! sealed. A byte order mark goes: one that a sealed file has got on its way is none of the text.

use std::collections::HashSet;
use std::ops::Range;

use zeroize::Zeroizing;

use super::super::{Change, Document, Edits, Fault, FormatError, MetadataEdit};
use super::comments::{Cut, end_of_line};
use super::layout::{Layout, Place, SectionPlace};
use super::value::{Reader, Style, Written, line_end, slice, spell, text_of};
use super::{METADATA_KEY, TWO_LEVELS, flat, unrepresentable, write};
use crate::tree::{Element, Fields, Map, Node, Path, Site, Value};

/// Writes edits into the source of a document.
pub(super) fn splice(
    document: &Document,
    layout: &Layout,
    edits: &Edits,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    // What stays sealed is read by others, too.
    let reader = match edits.metadata {
        MetadataEdit::Remove => Reader::Clear,
        _ => Reader::Reference,
    };
    let mut splice = Splice::new(document, layout)?;
    for (site, change) in edits.places {
        splice.change(*site, change, reader)?;
    }
    match &edits.metadata {
        MetadataEdit::Keep => {}
        MetadataEdit::Remove => splice.remove_metadata(),
        MetadataEdit::Write(fields) | MetadataEdit::Rewrite(fields) => {
            splice.seal(&block(fields)?, edits.places)?;
        }
        MetadataEdit::Place { blocks, fields } => match blocks.first() {
            Some(text) if text.starts_with('[') => splice.seal(text, edits.places)?,
            _ => splice.seal(&block(fields)?, edits.places)?,
        },
        MetadataEdit::Update(texts) => splice.update(texts)?,
    }
    splice.finish()
}

/// Puts a string at a key of a section, or a new section with its keys.
pub(super) fn put(
    document: &Document,
    layout: &Layout,
    path: &Path,
    node: &Node,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut splice = Splice::new(document, layout)?;
    let top = document.tree.documents.first();
    match (path.elements(), node) {
        ([Element::Key(section), Element::Key(key)], Node::Leaf(leaf)) => {
            let found = layout.sections.iter().find(|place| place.name == *section);
            let old = top
                .and_then(|top| top.at(path))
                .and_then(|node| match node {
                    Node::Leaf(leaf) => Some(leaf.site),
                    _ => None,
                });
            match (old, found) {
                (Some(site), _) => {
                    let change = Change::Open(&leaf.value);
                    splice.change(site, &change, Reader::Reference)?;
                }
                (None, Some(place)) => splice.insert_key(place, key, &leaf.value)?,
                (None, None) => {
                    let mut map = Map::default();
                    map.push(key.clone(), node.duplicate());
                    splice.insert_section(section, &map)?;
                }
            }
        }
        ([Element::Key(section)], Node::Map(map)) => {
            if top.is_some_and(|top| top.get(section).is_some()) {
                let reason = "this section is there already; set its keys one by one";
                return Err(unrepresentable(reason));
            }
            splice.insert_section(section, map)?;
        }
        _ => return Err(unrepresentable(TWO_LEVELS)),
    }
    splice.finish()
}

/// Takes out a key with the rest of its line, or a section.
pub(super) fn take_out(
    document: &Document,
    layout: &Layout,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut splice = Splice::new(document, layout)?;
    let top = document.tree.documents.first();
    let lines = match (path.elements(), top.and_then(|top| top.at(path))) {
        ([Element::Key(_), Element::Key(_)], Some(Node::Leaf(leaf))) => {
            let Some(Place::Value(written)) = layout.place(leaf.site) else {
                return Err(unrepresentable(TWO_LEVELS));
            };
            let start = slice(splice.text, 0..written.span.start).rfind('\n');
            start.map_or(0, |at| at + 1)..line_end(splice.text, written.span.end)
        }
        ([Element::Key(section)], Some(Node::Map(_))) => {
            let mut sections = layout.sections.iter();
            let place = sections.find(|place| place.name == *section);
            let place = place.ok_or_else(|| unrepresentable(TWO_LEVELS))?;
            place.start..place.end
        }
        _ => return Err(unrepresentable(TWO_LEVELS)),
    };
    splice.cut(lines, "");
    splice.finish()
}

fn block(fields: &Fields) -> Result<String, FormatError> {
    write::block(fields).map_err(unrepresentable)
}

struct Splice<'d> {
    text: &'d str,
    layout: &'d Layout,
    cuts: Vec<Cut>,
    /// What comes behind everything.
    tail: String,
    /// The text ends without a line end when all is done.
    is_open_ended: bool,
}

impl<'d> Splice<'d> {
    fn new(document: &'d Document, layout: &'d Layout) -> Result<Self, FormatError> {
        let text = std::str::from_utf8(document.source())
            .map_err(|_| unrepresentable("this document is no INI text"))?;
        let mut splice = Self {
            text,
            layout,
            cuts: Vec::new(),
            tail: String::new(),
            is_open_ended: false,
        };
        if text.starts_with('\u{FEFF}') {
            splice.cut(0..'\u{FEFF}'.len_utf8(), "");
        }
        Ok(splice)
    }

    fn cut(&mut self, range: Range<usize>, text: &str) {
        self.cuts.push((range, Zeroizing::new(text.to_owned())));
    }

    fn fault(&self, at: usize, fault: Fault, reason: &str) -> FormatError {
        self.layout.fault(self.text.as_bytes(), at, fault, reason)
    }

    fn change(&mut self, site: Site, change: &Change, reader: Reader) -> Result<(), FormatError> {
        let Some(place) = self.layout.place(site) else {
            return Err(unrepresentable("an edit of a place that is none"));
        };
        match (place, change) {
            (Place::Value(written), Change::Seal(token) | Change::SealBare(token, _)) => {
                self.cut(written.inner.clone(), token);
            }
            (Place::Value(written), Change::Open(value)) => self.open(written, value, reader)?,
            (Place::Comment(unit, owner), Change::Seal(token) | Change::SealBare(token, _)) => {
                self.cuts.extend(unit.seal(self.text, owner, token));
            }
            (Place::Comment(unit, owner), Change::OpenComment(text)) => {
                let comment = std::str::from_utf8(text.expose()).map_err(|_| {
                    let reason = "a comment that is no text, which INI does not have";
                    self.fault(unit.start(), Fault::Unrepresentable, reason)
                })?;
                self.cuts.extend(unit.open(self.text, owner, comment));
            }
            _ => {
                return Err(unrepresentable("an edit that does not fit its place"));
            }
        }
        Ok(())
    }

    /// A value in the style that stands there, if it can.
    fn open(
        &mut self,
        written: &Written,
        value: &Value,
        reader: Reader,
    ) -> Result<(), FormatError> {
        let refused = |reason| self.fault(written.span.start, Fault::Unrepresentable, reason);
        let text = text_of(value).map_err(refused)?;
        let span = written.span.clone();
        let before = slice(self.text, 0..span.start);
        let behind = slice(self.text, span.end..line_end(self.text, span.end));
        let spelled = spell(&text, written.style, reader, behind);
        let spelled = spelled.ok_or_else(|| {
            refused("INI cannot hold this value; --extract prints it, other formats hold it")
        })?;
        // An empty value has no blanks of its own.
        let needs = |is_missing| {
            if span.is_empty() && is_missing {
                " "
            } else {
                ""
            }
        };
        let before = needs(!before.ends_with([' ', '\t']));
        let behind = needs(behind.starts_with(['#', ';']));
        let text = Zeroizing::new(format!("{before}{}{behind}", *spelled));
        self.cuts.push((span, text));
        Ok(())
    }

    /// Below the last key of a section, and written as that one.
    fn insert_key(
        &mut self,
        section: &SectionPlace,
        key: &str,
        value: &Value,
    ) -> Result<(), FormatError> {
        let text = text_of(value).map_err(unrepresentable)?;
        let key = write::key(key).ok_or_else(|| unrepresentable(write::NO_KEY))?;
        let spelled = spell(&text, Style::Bare, Reader::Reference, "")
            .ok_or_else(|| unrepresentable("INI cannot hold this value"))?;
        let (indent, delimiter) = match &section.last_key {
            None => (String::new(), " = ".to_owned()),
            Some(last) => {
                let before = slice(self.text, 0..last.name.start);
                let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
                let indent = line.trim_start_matches('\u{FEFF}').to_owned();
                let gap = last.delimiter - last.name.end;
                let width = last.name.len() + gap;
                let least = usize::from(gap > 0);
                let pad = " ".repeat(width.saturating_sub(key.len()).max(least));
                let behind = slice(
                    self.text,
                    last.delimiter..last.value.max(last.delimiter + 1),
                );
                (
                    indent,
                    format!("{pad}{}", behind.trim_end_matches(['\r', '\n'])),
                )
            }
        };
        let line = Zeroizing::new(format!("{indent}{key}{delimiter}{}", *spelled));
        self.insert_lines(section.end, &line);
        Ok(())
    }

    fn insert_section(&mut self, name: &str, keys: &Map) -> Result<(), FormatError> {
        let header = write::header(name).map_err(unrepresentable)?;
        let keys = write::keys(keys).map_err(unrepresentable)?;
        let at = match (self.layout.tail, &self.layout.metadata) {
            (Some(tail), _) => tail,
            (None, Some(metadata)) => self.with_blank_line(metadata.lines.start),
            (None, None) => self.text.len(),
        };
        let is_first = slice(self.text, 0..at).trim_matches(BLANKS).is_empty();
        let part = if is_first { "" } else { "\n" };
        let section = Zeroizing::new(format!("{part}{header}{}", *keys));
        self.insert_lines(at, section.trim_end_matches('\n'));
        Ok(())
    }

    /// Whole lines at the beginning of a line.
    fn insert_lines(&mut self, at: usize, lines: &str) {
        let end = end_of_line(self.text);
        let lines = Zeroizing::new(lines.replace('\n', end));
        let before = slice(self.text, 0..at);
        if before.is_empty() || before.ends_with(['\n', '\u{FEFF}']) {
            self.cut(at..at, &lines);
            self.cut(at..at, end);
        } else {
            self.cut(at..at, end);
            self.cut(at..at, &lines);
        }
    }

    /// The metadata comes last. What only people read right cannot stay in clear.
    fn seal(&mut self, block: &str, places: &[(Site, Change)]) -> Result<(), FormatError> {
        let sealed: HashSet<Site> = places.iter().map(|(site, _)| *site).collect();
        for (site, place) in self.layout.places() {
            let (at, reason) = match place {
                Place::Value(written) if written.is_protected => {
                    let reason = "'#' or ';' in quotes begins a comment for other tools, and this \
                                  value stays in clear; put it in backticks";
                    (written.span.start, reason)
                }
                Place::Comment(unit, _) if unit.is_boxed(self.text) => {
                    let reason = "other tools stop at a comment in clear whose first line has no \
                                  words; put some there";
                    (unit.start(), reason)
                }
                _ => continue,
            };
            if !sealed.contains(&site) {
                return Err(self.fault(at, Fault::Unsupported, reason));
            }
        }
        self.remove_metadata();
        let end = end_of_line(self.text);
        let old = self
            .layout
            .metadata
            .as_ref()
            .map_or(0, |place| place.lines.len());
        let mark = if self.text.starts_with('\u{FEFF}') {
            3
        } else {
            0
        };
        let is_empty = self.text.len() == old + mark;
        self.is_open_ended = !is_empty && !self.text.ends_with('\n');
        if self.is_open_ended {
            self.tail.push_str(end);
        }
        if !is_empty {
            self.tail.push_str(end);
        }
        self.tail.push_str(&block.replace('\n', end));
        Ok(())
    }

    /// Where the blank line before the metadata begins.
    fn with_blank_line(&self, start: usize) -> usize {
        let before = slice(self.text, 0..start);
        let Some(before) = before.strip_suffix('\n') else {
            return start;
        };
        let before = before.strip_suffix('\r').unwrap_or(before);
        if before.is_empty() || before.ends_with(['\n', '\u{FEFF}']) {
            before.len()
        } else {
            start
        }
    }

    fn remove_metadata(&mut self) {
        let Some(metadata) = &self.layout.metadata else {
            return;
        };
        let lines = metadata.lines.clone();
        let start = self.with_blank_line(lines.start);
        self.cuts.push((start..lines.end, Zeroizing::default()));
        self.is_open_ended = !self.text.ends_with('\n');
    }

    fn update(&mut self, texts: &[(&'static str, String)]) -> Result<(), FormatError> {
        let Some(metadata) = &self.layout.metadata else {
            return Ok(());
        };
        for (name, text) in texts {
            let mut entries = metadata.entries.iter();
            let Some((_, written)) = entries.find(|(key, _)| key.eq_ignore_ascii_case(name)) else {
                let reason = format!("a field of [{METADATA_KEY}] is missing");
                return Err(self.fault(metadata.header, Fault::Unsupported, &reason));
            };
            let text = flat::escape(text).map_err(unrepresentable)?;
            self.open(written, &Value::text(&text), Reader::Reference)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        self.cuts.sort_by_key(|(range, _)| (range.start, range.end));
        let added: usize = self.cuts.iter().map(|(_, text)| text.len()).sum();
        let length = self.text.len() + added + self.tail.len();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        let mut at = 0;
        for (range, new) in &self.cuts {
            let Some(kept) = self.text.get(at..range.start) else {
                return Err(self.fault(range.start, Fault::Unrepresentable, "edits overlap"));
            };
            text.extend_from_slice(kept.as_bytes());
            text.extend_from_slice(new.as_bytes());
            at = range.end;
        }
        text.extend_from_slice(slice(self.text, at..self.text.len()).as_bytes());
        text.extend_from_slice(self.tail.as_bytes());
        if self.is_open_ended && text.ends_with(b"\n") {
            text.pop();
            if text.ends_with(b"\r") && end_of_line(self.text) == "\r\n" {
                text.pop();
            }
        }
        Ok(text)
    }
}

const BLANKS: [char; 5] = ['\u{FEFF}', ' ', '\t', '\r', '\n'];

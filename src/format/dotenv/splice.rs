//! Edits into the text of a dotenv document: every byte that no edit names stays.
//!
//! A sealed text is always one that the reference reads. It takes no line of a carriage return only,
//! so such a line loses it and gets it back from its neighbour when the file is opened; a byte order
//! mark stands before the first key, not before a comment; and a missing last line end is missing
//! behind the metadata.

use std::collections::HashMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::super::{Change, Document, Edits, Fault, FormatError, MetadataEdit};
use super::layout::Layout;
use super::{BYTE_ORDER_MARK, ONE_LEVEL, PREFIX, flat, unrepresentable, write};
use crate::tree::{Element, Node, Path, Site};

/// Writes edits into the source of a document.
pub(super) fn splice(
    document: &Document,
    layout: &Layout,
    edits: &Edits,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut splice = Splice::new(document, layout);
    for (site, change) in edits.places {
        splice.change(*site, change)?;
    }
    let keeps_metadata = matches!(edits.metadata, MetadataEdit::Keep | MetadataEdit::Update(_));
    splice.undo_transport(keeps_metadata);
    match &edits.metadata {
        MetadataEdit::Keep => {}
        MetadataEdit::Remove => {
            splice.open_mark();
            splice.open_blank_lines(edits);
            splice.remove_metadata();
        }
        MetadataEdit::Write(fields) | MetadataEdit::Rewrite(fields) => {
            splice.seal(&write::block(fields)?);
        }
        MetadataEdit::Place { blocks, fields } => match blocks.first() {
            Some(block) if block.starts_with(PREFIX) => splice.seal(block),
            _ => splice.seal(&write::block(fields)?),
        },
        MetadataEdit::Update(texts) => splice.update(texts)?,
    }
    splice.finish()
}

/// Puts a string at a key: in the place of an empty one, or as a new line below the last one.
pub(super) fn put(
    document: &Document,
    layout: &Layout,
    path: &Path,
    node: &Node,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let ([Element::Key(key)], Node::Leaf(leaf)) = (path.elements(), node) else {
        return Err(unrepresentable(ONE_LEVEL));
    };
    let mut splice = Splice::new(document, layout);
    let top = document.tree.documents.first();
    match top.and_then(|top| top.get(key)) {
        Some(Node::Leaf(old)) => splice.change(old.site, &Change::Open(&leaf.value))?,
        Some(_) => return Err(unrepresentable(ONE_LEVEL)),
        None => {
            let line = write::line(key, &leaf.value).map_err(unrepresentable)?;
            splice.insert(&line);
        }
    }
    splice.undo_transport(true);
    splice.finish()
}

/// Takes out the line of a key.
pub(super) fn take_out(
    document: &Document,
    layout: &Layout,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut splice = Splice::new(document, layout);
    let top = document.tree.documents.first();
    let place = match top.and_then(|top| top.at(path)) {
        Some(Node::Leaf(leaf)) => layout.place(leaf.site),
        _ => None,
    };
    let line = place
        .ok_or_else(|| unrepresentable(ONE_LEVEL))?
        .line
        .clone();
    splice.cut(line, b"");
    splice.undo_transport(true);
    splice.finish()
}

struct Splice<'d> {
    source: &'d [u8],
    layout: &'d Layout,
    cuts: Vec<(Range<usize>, Zeroizing<Vec<u8>>)>,
    /// What comes behind everything.
    tail: String,
    /// The text ends without a line end when all is done.
    is_open_ended: bool,
}

impl<'d> Splice<'d> {
    fn new(document: &'d Document, layout: &'d Layout) -> Self {
        Self {
            source: document.source(),
            layout,
            cuts: Vec::new(),
            tail: String::new(),
            is_open_ended: false,
        }
    }

    fn cut(&mut self, range: Range<usize>, text: &[u8]) {
        self.cuts.push((range, Zeroizing::new(text.to_vec())));
    }

    /// What a sealed file has got on its way: carriage returns, and a mark before a comment. The
    /// reference reads neither.
    fn undo_transport(&mut self, keeps_metadata: bool) {
        let metadata = &self.layout.metadata;
        for at in &self.layout.foreign_ends {
            let behind = metadata.partition_point(|entry| entry.line.start <= *at);
            let entry = behind.checked_sub(1).and_then(|last| metadata.get(last));
            if keeps_metadata || entry.is_none_or(|entry| entry.line.end <= *at) {
                self.cuts.push((*at..at + 1, Zeroizing::default()));
            }
        }
        if self.layout.has_foreign_mark {
            self.cut(0..BYTE_ORDER_MARK.len(), b"");
        }
    }

    fn change(&mut self, site: Site, change: &Change) -> Result<(), FormatError> {
        let Some(place) = self.layout.place(site) else {
            return Err(unrepresentable("an edit of a place that is none"));
        };
        let range = place.text.clone();
        let refused = |reason| FormatError {
            fault: Fault::Unrepresentable,
            ..self.layout.fault(self.source, range.start, reason)
        };
        let text = match change {
            Change::Seal(token) | Change::SealBare(token, _) => {
                Zeroizing::new(token.as_bytes().to_vec())
            }
            Change::Open(value) => write::value(value).map_err(refused)?,
            Change::OpenComment(text) => {
                let lines = write::comment_lines(text);
                Zeroizing::new(lines.get(1..).unwrap_or_default().to_vec())
            }
            Change::Expand | Change::LeaveOut => {
                return Err(refused("an alias or a list, which dotenv does not have"));
            }
        };
        self.cuts.push((range, text));
        Ok(())
    }

    /// Below the last line that says something.
    fn insert(&mut self, line: &[u8]) {
        let last = self.layout.places().next_back();
        let at = last.map_or(0, |(_, place)| place.line.end);
        let before = self.source.get(..at).unwrap_or_default();
        if !before.is_empty() && !before.ends_with(b"\n") {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            self.cut(at..at, b"\n");
            self.cut(at..at, line);
        } else {
            self.cut(at..at, line);
        }
    }

    /// What the reference would not read gives way, and the metadata comes last.
    fn seal(&mut self, block: &str) {
        self.remove_lines();
        for line in &self.layout.blank {
            if self.layout.foreign_ends.is_empty() && self.source.get(line.start) == Some(&b'\r') {
                self.cut(line.start..line.start + 1, b"");
            }
        }
        let first = self.layout.first_key;
        let begins_with_mark = self.source.starts_with(BYTE_ORDER_MARK.as_bytes());
        if begins_with_mark && !self.layout.has_foreign_mark && first != Some(0) {
            self.cut(0..BYTE_ORDER_MARK.len(), b"");
            if let Some(first) = first {
                self.cut(first..first, BYTE_ORDER_MARK.as_bytes());
            }
        }
        self.is_open_ended = !self.source.is_empty() && !self.source.ends_with(b"\n");
        if self.is_open_ended {
            self.tail.push('\n');
        }
        self.tail.push_str(block);
    }

    /// A mark before the first key of a sealed file stood at the beginning.
    fn open_mark(&mut self) {
        let Some(first) = self.layout.first_key.filter(|first| *first > 0) else {
            return;
        };
        let mark = first..first + BYTE_ORDER_MARK.len();
        if self.source.get(mark.clone()) == Some(BYTE_ORDER_MARK.as_bytes()) {
            self.cut(mark, b"");
            self.cut(0..0, BYTE_ORDER_MARK.as_bytes());
        }
    }

    /// Empty lines end as the line before them does, or else the one behind.
    fn open_blank_lines(&mut self, edits: &Edits) {
        if !self.layout.foreign_ends.is_empty() {
            return;
        }
        let opened: HashMap<Site, bool> = edits
            .places
            .iter()
            .map(|(site, change)| (*site, write::ends_in_return(change)))
            .collect();
        let ends: Vec<(usize, bool)> = self
            .layout
            .places()
            .map(|(site, place)| {
                let text = self.source.get(place.text.clone()).unwrap_or_default();
                let is_so = opened.get(&site).copied();
                (
                    place.line.end,
                    is_so.unwrap_or_else(|| text.ends_with(b"\r")),
                )
            })
            .collect();
        for line in &self.layout.blank {
            let behind = ends.partition_point(|(end, _)| *end <= line.start);
            let before = behind.checked_sub(1).and_then(|at| ends.get(at));
            let has_return = before.or(ends.get(behind)).is_some_and(|(_, is_so)| *is_so);
            if has_return && self.source.get(line.start) == Some(&b'\n') {
                self.cuts
                    .push((line.start..line.start, Zeroizing::new(b"\r".to_vec())));
            }
        }
    }

    fn remove_lines(&mut self) {
        for entry in &self.layout.metadata {
            self.cuts.push((entry.line.clone(), Zeroizing::default()));
        }
    }

    fn remove_metadata(&mut self) {
        self.remove_lines();
        self.is_open_ended = !self.source.ends_with(b"\n");
    }

    fn update(&mut self, texts: &[(&'static str, String)]) -> Result<(), FormatError> {
        for (name, text) in texts {
            let mut entries = self.layout.metadata.iter();
            let Some(entry) = entries.find(|entry| entry.name.eq_ignore_ascii_case(name)) else {
                let at = self
                    .layout
                    .metadata
                    .first()
                    .map_or(0, |entry| entry.line.start);
                return Err(FormatError {
                    fault: Fault::Unsupported,
                    ..self.layout.fault(self.source, at, "a field is missing")
                });
            };
            let text = flat::escape(text).map_err(unrepresentable)?;
            self.cut(entry.value.clone(), text.as_bytes());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        self.cuts.sort_by_key(|(range, _)| (range.start, range.end));
        let added: usize = self.cuts.iter().map(|(_, text)| text.len()).sum();
        let length = self.source.len() + added + self.tail.len();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        let mut at = 0;
        for (range, new) in &self.cuts {
            let Some(kept) = self.source.get(at..range.start) else {
                return Err(unrepresentable("edits overlap"));
            };
            text.extend_from_slice(kept);
            text.extend_from_slice(new);
            at = range.end;
        }
        text.extend_from_slice(self.source.get(at..).unwrap_or_default());
        text.extend_from_slice(self.tail.as_bytes());
        if self.is_open_ended && text.ends_with(b"\n") {
            text.pop();
        }
        Ok(text)
    }
}

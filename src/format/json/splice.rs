//! Edits into the text of a JSON document: every byte that no edit names stays.
//!
//! What is new takes the indentation, line ends and blanks of what stands beside it. The surprise: a
//! byte order mark goes when a file is sealed, because the reference cannot read a sealed file that
//! has one.

use std::ops::Range;

use zeroize::Zeroizing;

use super::super::{Change, Document, Edits, Fault, FormatError, METADATA_KEY, MetadataEdit};
use super::BYTE_ORDER_MARK;
use super::emit::{Emitter, Unwritable};
use super::layout::{EntryPlace, Layout, position};
use super::manner::{Manner, before_blanks, line_indent, past_blanks};
use crate::tree::{Element, Fields, List, Map, Node, Path, Site, Value};

/// Writes edits into the source of a document.
pub(in crate::format) fn splice(
    document: &Document,
    layout: &Layout,
    edits: &Edits,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut splice = Splice::new(document, layout)?;
    splice.places(edits.places)?;
    if !matches!(edits.metadata, MetadataEdit::Remove)
        && splice.source().starts_with(BYTE_ORDER_MARK)
    {
        splice.cut(0..BYTE_ORDER_MARK.len(), "");
    }
    match &edits.metadata {
        MetadataEdit::Keep => {}
        MetadataEdit::Remove => splice.remove_metadata(),
        MetadataEdit::Write(fields)
        | MetadataEdit::Rewrite(fields)
        | MetadataEdit::Place { fields, .. } => {
            splice.write_metadata(fields)?;
        }
        MetadataEdit::Update(texts) => splice.update_metadata(texts)?,
    }
    splice.finish()
}

/// Puts a node at a path: in the place of what is there, or as a new one. Missing parents are made,
/// a position behind the end of a list appends to it, and a scalar in the way is replaced.
pub(in crate::format) fn put(
    document: &Document,
    layout: &Layout,
    path: &Path,
    node: Node,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut splice = Splice::new(document, layout)?;
    let Some(top) = document.tree.documents.first() else {
        return splice.fail(0, Fault::Unrepresentable, "there is no object");
    };
    let (mut site, mut rest, mut place) = (top.site, path.elements(), Some(Within::Map(top)));
    while let Some((element, below)) = rest.split_first() {
        let found = match (place, element) {
            (Some(Within::Map(map)), Element::Key(key)) => map.get(key),
            (Some(Within::List(list)), Element::Index(index)) => list.nodes().nth(*index),
            (Some(within), _) if !within.is_empty() => {
                let reason = "a map takes keys, and a list takes positions";
                return splice.fail(0, Fault::Unrepresentable, reason);
            }
            // Nothing is lost when this gives way.
            _ => break,
        };
        let Some(found) = found else {
            let key = match element {
                Element::Key(key) => Some(key.as_str()),
                Element::Index(_) => None,
            };
            splice.insert(site, key, &Node::nested(below, node))?;
            return splice.finish();
        };
        rest = below;
        (site, place) = match found {
            Node::Leaf(leaf) => (leaf.site, None),
            Node::Map(map) => (map.site, Some(Within::Map(map))),
            Node::List(list) => (list.site, Some(Within::List(list))),
        };
    }
    splice.replace(site, &Node::nested(rest, node))?;
    splice.finish()
}

/// A collection on the way down a path.
#[derive(Clone, Copy)]
enum Within<'a> {
    Map(&'a Map),
    List(&'a List),
}

impl Within<'_> {
    fn is_empty(self) -> bool {
        match self {
            Self::Map(map) => map.pairs().next().is_none(),
            Self::List(list) => list.items.is_empty(),
        }
    }
}

/// New text of a range.
enum New<'e> {
    /// A token, to be put in quotes.
    Token(&'e str),
    Text(Zeroizing<String>),
}

struct Splice<'d, 'e> {
    text: &'d str,
    layout: &'d Layout,
    manner: Manner<'d>,
    cuts: Vec<(Range<usize>, New<'e>)>,
}

impl<'d, 'e> Splice<'d, 'e> {
    fn new(document: &'d Document, layout: &'d Layout) -> Result<Self, FormatError> {
        let text = std::str::from_utf8(document.source()).map_err(|error| FormatError {
            fault: Fault::Syntax,
            line: position(document.source(), error.valid_up_to()).0,
            column: 1,
            reason: "not valid UTF-8".to_owned(),
        })?;
        Ok(Self {
            text,
            layout,
            manner: Manner::of(text, &layout.top),
            cuts: Vec::new(),
        })
    }

    fn source(&self) -> &'d [u8] {
        self.text.as_bytes()
    }

    fn cut(&mut self, range: Range<usize>, text: impl Into<String>) {
        let text = Zeroizing::new(text.into());
        self.cuts.push((range, New::Text(text)));
    }

    fn fail<T>(&self, at: usize, fault: Fault, reason: &str) -> Result<T, FormatError> {
        let (line, column) = position(self.source(), at);
        Err(FormatError {
            fault,
            line,
            column,
            reason: reason.to_owned(),
        })
    }

    /// Text that is made by an emitter.
    fn emit(
        &self,
        at: usize,
        write: impl FnOnce(&mut Emitter<'_>) -> Result<(), Unwritable>,
    ) -> Result<Zeroizing<String>, FormatError> {
        let mut emitter = Emitter::new(&self.manner, false);
        match write(&mut emitter) {
            Ok(()) => Ok(emitter.text),
            Err(reason) => self.fail(at, Fault::Unrepresentable, reason),
        }
    }

    fn span(&self, site: Site) -> Result<Range<usize>, FormatError> {
        match self.layout.place(site) {
            Some(span) => Ok(span),
            None => self.fail(0, Fault::Unrepresentable, "an edit of a place that is none"),
        }
    }

    fn places(&mut self, places: &'e [(Site, Change)]) -> Result<(), FormatError> {
        // Where the items go that have only comments before them in their list.
        let mut leading = 0;
        for (site, change) in places {
            let span = self.span(*site)?;
            match change {
                Change::Seal(token) | Change::SealBare(token, _) => {
                    self.cuts.push((span, New::Token(token)));
                }
                Change::Open(value) => {
                    let text = self.emit(span.start, |emitter| emitter.value(value))?;
                    self.cuts.push((span, New::Text(text)));
                }
                Change::Expand => {
                    let reason = "an alias, which JSON does not have";
                    return self.fail(span.start, Fault::Unrepresentable, reason);
                }
                Change::OpenComment(_) | Change::LeaveOut => self.remove_item(&span, &mut leading),
            }
        }
        Ok(())
    }

    /// A sealed comment stood as an item; JSON has no comments, so it goes with one comma.
    fn remove_item(&mut self, span: &Range<usize>, leading: &mut usize) {
        let source = self.source();
        let before = before_blanks(source, span.start);
        let is_first = source.get(before.wrapping_sub(1)) == Some(&b'[');
        if !is_first && span.start != *leading {
            self.cut(before - 1..span.end, "");
            return;
        }
        let behind = past_blanks(source, span.end);
        let end = if source.get(behind) == Some(&b',') {
            past_blanks(source, behind + 1)
        } else {
            behind
        };
        *leading = end;
        self.cut(span.start..end, "");
    }

    /// Appends an entry to a collection.
    fn insert(&mut self, site: Site, key: Option<&str>, node: &Node) -> Result<(), FormatError> {
        let span = self.span(site)?;
        let source = self.source();
        let open = span.start + 1;
        let is_map = source.get(span.start) == Some(&b'{');
        if is_map != key.is_some() {
            let reason = "a map takes keys, and a list takes none";
            return self.fail(span.start, Fault::Unrepresentable, reason);
        }
        let first = past_blanks(source, open);
        let gap = self.text.get(open..first).unwrap_or_default();
        let indent = gap.rsplit_once('\n').map(|(_, indent)| indent);
        let tail = before_blanks(source, span.end.saturating_sub(1));
        let is_empty = tail == open;
        if is_empty {
            return self.insert_first(&span, key, node);
        }
        let blank = self.manner.blank;
        let entry = self.emit(open, |emitter| {
            if let Some(key) = key {
                emitter.key(key);
            }
            emitter.node(node, indent)
        })?;
        let separator = if indent.is_some() { gap } else { blank };
        let metadata = self.layout.entry.as_ref();
        let last = metadata.filter(|entry| span == self.layout.top && entry.value.end == tail);
        let (at, text) = match last {
            // The metadata stays the last entry.
            Some(EntryPlace { start, .. }) => {
                let behind = before_blanks(source, *start);
                if source.get(behind.wrapping_sub(1)) == Some(&b',') {
                    let at = before_blanks(source, behind - 1);
                    (at, format!(",{separator}{}", *entry))
                } else {
                    (*start, format!("{},{separator}", *entry))
                }
            }
            None => (tail, format!(",{separator}{}", *entry)),
        };
        self.cut(at..at, text);
        Ok(())
    }

    /// The first entry of an empty collection.
    fn insert_first(
        &mut self,
        span: &Range<usize>,
        key: Option<&str>,
        node: &Node,
    ) -> Result<(), FormatError> {
        let outer = line_indent(self.text, span.start);
        let indent = self.manner.unit.map(|unit| format!("{outer}{unit}"));
        let text = self.emit(span.start, |emitter| {
            if let Some(indent) = &indent {
                emitter.line(indent);
            }
            if let Some(key) = key {
                emitter.key(key);
            }
            emitter.node(node, indent.as_deref())?;
            if indent.is_some() {
                emitter.line(outer);
            }
            Ok(())
        })?;
        let inside = span.start + 1..span.end.saturating_sub(1);
        self.cuts.push((inside, New::Text(text)));
        Ok(())
    }

    /// A node in the place of another.
    fn replace(&mut self, site: Site, node: &Node) -> Result<(), FormatError> {
        let span = self.span(site)?;
        let line = line_indent(self.text, span.start);
        // Where keys share a line, what is put there does not break it.
        let before = self.text.get(..span.start).unwrap_or_default();
        let before = before.rsplit_once('\n').map_or(before, |(_, line)| line);
        let is_alone = before.trim_start().starts_with('"') || before.trim().is_empty();
        let indent = (self.manner.unit.is_some() && is_alone).then_some(line);
        let text = self.emit(span.start, |emitter| emitter.node(node, indent))?;
        self.cuts.push((span, New::Text(text)));
        Ok(())
    }

    fn remove_metadata(&mut self) {
        let Some(entry) = &self.layout.entry else {
            return;
        };
        let source = self.source();
        let before = before_blanks(source, entry.start);
        let behind = past_blanks(source, entry.value.end);
        let range = if source.get(before.wrapping_sub(1)) == Some(&b',') {
            before - 1..entry.value.end
        } else if source.get(behind) == Some(&b',') {
            entry.start..past_blanks(source, behind + 1)
        } else {
            before..entry.value.end
        };
        self.cut(range, "");
    }

    fn write_metadata(&mut self, fields: &Fields) -> Result<(), FormatError> {
        let node = Node::Map(fields.to_map());
        let top = self.layout.top.clone();
        let outer = line_indent(self.text, top.start);
        let indent = self.manner.unit.map(|unit| format!("{outer}{unit}"));
        let mut emitter = Emitter::new(&self.manner, true);
        if let Some(entry) = &self.layout.entry {
            let written = emitter.node(&node, indent.as_deref());
            let (span, text) = (entry.value.clone(), emitter.text);
            self.cuts.push((span, New::Text(text)));
            return written.or_else(|reason| self.fail(0, Fault::Unrepresentable, reason));
        }
        let tail = before_blanks(self.source(), top.end.saturating_sub(1));
        let is_empty = tail == top.start + 1;
        if !is_empty {
            emitter.text.push(',');
        }
        match &indent {
            Some(indent) => emitter.line(indent),
            None if !is_empty => emitter.text.push_str(self.manner.blank),
            None => {}
        }
        emitter.key(METADATA_KEY);
        let written = emitter.node(&node, indent.as_deref());
        let text = emitter.text;
        self.cuts.push((tail..tail, New::Text(text)));
        written.or_else(|reason| self.fail(0, Fault::Unrepresentable, reason))
    }

    fn update_metadata(&mut self, texts: &[(&'static str, String)]) -> Result<(), FormatError> {
        let Some(entry) = &self.layout.entry else {
            return Ok(());
        };
        for (name, text) in texts {
            let scalar = entry
                .scalars
                .iter()
                .find(|(field, _)| field.eq_ignore_ascii_case(name));
            let Some((_, span)) = scalar else {
                return self.fail(entry.start, Fault::Unsupported, "a field is missing");
            };
            let value = Value::text(text);
            let text = self.emit(span.start, |emitter| emitter.value(&value))?;
            self.cuts.push((span.clone(), New::Text(text)));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        self.cuts.sort_by_key(|(range, _)| (range.start, range.end));
        let length = |new: &New<'_>| match new {
            New::Token(token) => token.len() + 2,
            New::Text(text) => text.len(),
        };
        let added: usize = self.cuts.iter().map(|(_, new)| length(new)).sum();
        let source = self.source();
        let mut text = Zeroizing::new(Vec::with_capacity(source.len() + added));
        let mut at = 0;
        for (range, new) in &self.cuts {
            match source.get(at..range.start) {
                Some(kept) => text.extend_from_slice(kept),
                None => return self.fail(range.start, Fault::Unrepresentable, "edits overlap"),
            }
            match new {
                New::Token(token) => {
                    text.push(b'"');
                    text.extend_from_slice(token.as_bytes());
                    text.push(b'"');
                }
                New::Text(new) => text.extend_from_slice(new.as_bytes()),
            }
            at = range.end;
        }
        text.extend_from_slice(source.get(at..).unwrap_or_default());
        Ok(text)
    }
}

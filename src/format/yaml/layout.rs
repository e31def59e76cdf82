//! Where each site of a YAML document stands in its text.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::tree::{Element, Item, List, Node, Path, Site, Tree};

use super::super::lines::LineStarts;
use super::extents::Block;
use super::hollow::Hollow;
use super::lines::{is_first_on_line, line_start, next_line};
use super::tokens::Style;

/// The places of a document, by site number, and those of its metadata.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Layout {
    pub(super) places: Vec<Place>,
    pub(super) documents: Vec<DocumentPlace>,
    /// Whether any place is a copy.
    pub(super) has_copies: bool,
    /// Comments that no node takes: the reference does not see them either.
    pub(super) unattached: Vec<usize>,
    /// In the order of the text.
    pub(super) hollows: Vec<Hollow>,
    pub(super) lines: LineStarts,
}

/// A place in the text.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    Scalar(ScalarPlace),
    /// From `#` to the end of the line.
    Comment(Range<usize>),
    Map(MapPlace),
    List(ListPlace),
    Copy(CopyPlace),
}

/// A scalar in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScalarPlace {
    pub(super) span: Range<usize>,
    pub(super) style: Style,
    /// Boxed, like the tag: few have one, and there are many scalars.
    pub(super) block: Option<Box<Block>>,
    /// A tag that goes when the value is sealed.
    pub(super) tag: Option<Box<Range<usize>>>,
    /// Whether it has a tag, one that stays included.
    pub(super) is_tagged: bool,
    pub(super) is_in_flow: bool,
    /// Columns of the collection around it; -1 when it is the whole document.
    pub(super) parent_indent: isize,
    /// The dash before it, when it is an item of a block list.
    pub(super) dash: Option<usize>,
}

impl ScalarPlace {
    /// The column of the collection around it.
    pub(super) fn parent(&self) -> usize {
        usize::try_from(self.parent_indent).unwrap_or_default()
    }
}

/// A place that stands in the text once more than its own: an alias repeats it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CopyPlace {
    /// The alias, from `*` to the end of its name.
    pub(super) alias: Range<usize>,
    /// Whether the alias stands in a flow collection.
    pub(super) is_in_flow: bool,
    /// Where the place that it repeats begins.
    pub(super) original: usize,
}

/// A map in the text.
#[derive(Debug, PartialEq)]
pub(super) struct MapPlace {
    pub(super) start: usize,
}

/// A list in the text.
#[derive(Debug, PartialEq)]
pub(super) struct ListPlace {
    pub(super) start: usize,
    /// Behind the `:` or `-` that it stands behind.
    pub(super) behind_indicator: usize,
    /// The items that stand at these sites.
    pub(super) items: Vec<Option<Site>>,
}

/// One document of the text.
#[derive(Debug, PartialEq)]
pub(super) struct DocumentPlace {
    pub(super) root: RootPlace,
    /// The metadata entry, if there is one.
    pub(super) entry: Option<EntryPlace>,
    /// A null that stands for a map without pairs.
    pub(super) null: Option<Range<usize>>,
}

/// How the top level of a document is written.
#[derive(Debug, PartialEq)]
pub(super) enum RootPlace {
    /// Block pairs at this column; a new entry goes to this byte.
    Block { indent: usize, end: usize },
    /// A flow map; a new entry goes behind its brace, where it parts no comment from its value.
    Flow { start: usize, is_empty: bool },
}

/// The metadata entry of a document.
#[derive(Debug, PartialEq)]
pub(super) struct EntryPlace {
    /// What goes when the entry is removed.
    pub(super) span: Range<usize>,
    /// A comment behind its key, which is none of the metadata: the reference writes one there that
    /// stood behind an alias.
    pub(super) comment: Option<Range<usize>>,
    /// Its scalars by name.
    pub(super) scalars: Vec<(String, ScalarPlace)>,
}

impl EntryPlace {
    /// The same entry in a text that has so many bytes before it.
    pub(super) fn below(mut self, bytes: usize) -> Self {
        let down = |range: &mut Range<usize>| {
            range.start += bytes;
            range.end += bytes;
        };
        down(&mut self.span);
        for (_, place) in &mut self.scalars {
            down(&mut place.span);
            place.dash = place.dash.map(|dash| dash + bytes);
            if let Some(block) = &mut place.block {
                block.header_end += bytes;
                block.body_start += bytes;
                block.body_end += bytes;
                block.scan_end += bytes;
            }
        }
        self
    }
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

    pub(in crate::format) fn position(&self, source: &[u8], site: Site) -> (usize, usize) {
        let offset = match self.place(site) {
            Some(Place::Scalar(place)) => place.span.start,
            Some(Place::Comment(span)) => span.start,
            Some(Place::Map(place)) => place.start,
            Some(Place::List(place)) => place.start,
            Some(Place::Copy(place)) => place.alias.start,
            None => 0,
        };
        self.lines.position(source, offset)
    }

    /// Whether a plain scalar stands there that carries no mark.
    pub(in crate::format) fn is_bare(&self, source: &[u8], site: Site) -> bool {
        matches!(self.place(site), Some(Place::Scalar(place))
            if place.style == Style::Plain
                && !place.is_in_flow
                && source.get(place.span.end) != Some(&b' '))
    }

    /// Whether a tag stands before a scalar, which a value of another type could not have.
    pub(in crate::format) fn is_tagged(&self, site: Site) -> bool {
        matches!(self.place(site), Some(Place::Scalar(place)) if place.is_tagged)
    }

    /// The metadata entries that stand as blocks at the first column, with LF as line end.
    pub(super) fn metadata_blocks(&self, source: &[u8]) -> Option<Vec<String>> {
        let block = |place: &DocumentPlace| {
            let is_plain = matches!(place.root, RootPlace::Block { indent: 0, .. });
            let entry = place.entry.as_ref().filter(|_| is_plain)?;
            let span = entry.span.clone();
            if entry.comment.is_some() {
                return None;
            }
            let text = std::str::from_utf8(source.get(span)?).ok()?;
            Some(text.replace("\r\n", "\n"))
        };
        self.documents.iter().map(block).collect()
    }

    /// A path as the text counts: an item that turned out to be a comment is one there.
    pub(super) fn in_text(&self, tree: &Tree, path: &Path) -> Vec<Element> {
        let mut map = tree.documents.first();
        let mut list: Option<&List> = None;
        let mut found = Vec::new();
        for element in path.elements() {
            let below = match (element, map, list) {
                (Element::Key(key), Some(map), _) => map.get(key),
                (Element::Index(index), _, Some(list)) => list.nodes().nth(*index),
                _ => None,
            };
            found.push(match (element, list) {
                (Element::Index(index), Some(list)) => Element::Index(self.index(list, *index)),
                _ => element.clone(),
            });
            map = below.and_then(Node::as_map);
            list = below.and_then(Node::as_list);
        }
        found
    }

    fn index(&self, list: &List, index: usize) -> usize {
        let mut nodes = 0;
        let mut items = 0;
        for item in &list.items {
            match item {
                Item::Node(_) if nodes == index => return items,
                Item::Node(_) => (nodes, items) = (nodes + 1, items + 1),
                Item::Comment(comment) => {
                    items +=
                        usize::from(matches!(self.place(comment.site), Some(Place::Scalar(_))));
                }
            }
        }
        items
    }

    /// Whether a comment stands there as an item of a list, as the reference writes those.
    pub(in crate::format) fn is_item(&self, site: Site) -> bool {
        matches!(self.place(site), Some(Place::Scalar(_)))
    }

    pub(in crate::format) fn alias(&self, site: Site) -> Option<usize> {
        match self.place(site) {
            Some(Place::Copy(place)) => Some(place.alias.start),
            _ => None,
        }
    }

    pub(in crate::format) fn reserved_entry(&self, source: &[u8]) -> Option<usize> {
        let entries = self
            .documents
            .iter()
            .filter_map(|place| place.entry.as_ref());
        let line = |entry: &EntryPlace| self.lines.position(source, entry.span.start).0;
        entries.map(line).next()
    }

    /// Lines of all comments, in the order of the text.
    pub(in crate::format) fn comment_lines(&self, source: &[u8]) -> Vec<usize> {
        let line = |at: &usize| self.lines.position(source, *at).0;
        self.comment_starts().iter().map(line).collect()
    }

    fn comment_starts(&self) -> Vec<usize> {
        let attached = self.places.iter().filter_map(|place| match place {
            Place::Comment(span) => Some(span.start),
            _ => None,
        });
        let mut starts: Vec<usize> = attached.chain(self.unattached.iter().copied()).collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// The text without the comments in these lines, and without the blanks before them; `with_line`
    /// takes lines that hold nothing else.
    pub(super) fn without_comments(
        &self,
        source: &[u8],
        lines: &[usize],
        with_line: bool,
    ) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(Vec::with_capacity(source.len()));
        let mut from = 0;
        for start in self.comment_starts() {
            if !lines.contains(&self.lines.position(source, start).0) {
                continue;
            }
            let line = line_start(source, start)..next_line(source, start);
            let is_alone = is_first_on_line(source, start);
            let text_end = source.get(start..line.end).unwrap_or_default();
            let text_end = start + text_end.trim_ascii_end().len();
            let before = source.get(line.start..start).unwrap_or_default();
            let (begin, end) = match (is_alone, with_line) {
                (true, true) => (line.start, line.end),
                (true, false) => (start, text_end),
                (false, _) => (line.start + before.trim_ascii_end().len(), text_end),
            };
            if begin >= from {
                text.extend_from_slice(source.get(from..begin).unwrap_or_default());
                from = end;
            }
        }
        text.extend_from_slice(source.get(from..).unwrap_or_default());
        text
    }

    pub(in crate::format) fn stray_comments(&self, source: &[u8]) -> Vec<usize> {
        let line = |at: &usize| self.lines.position(source, *at).0;
        self.unattached.iter().map(line).collect()
    }
}

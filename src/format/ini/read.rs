//! An INI text to a tree and its places.

use super::comments::{Kind, Owner, Unit, content_end};
use super::layout::{Layout, Place};
use super::scan::{Section, scan};
use super::value::{Reader, Style, Written};
use super::{DEFAULT, Fault, FormatError, METADATA_KEY};
use crate::secret::SecretBytes;
use crate::tree::{Comment, Entry, Leaf, Map, Node, Pair, Value};

/// Reads a text. The section of the metadata is in the layout only.
pub(super) fn read(source: &[u8], reader: Reader) -> Result<(Map, Layout), FormatError> {
    let at = |at, fault, reason| Layout::default().fault(source, at, fault, reason);
    let text = std::str::from_utf8(source)
        .map_err(|error| at(error.valid_up_to(), Fault::Syntax, "not valid UTF-8"))?;
    let scan = scan(text, reader).map_err(|(place, reason)| at(place, Fault::Syntax, reason))?;
    if let (Reader::Clear, Some((place, reason))) = (reader, scan.doubt) {
        return Err(at(place, Fault::Unsupported, reason));
    }
    let has_default = scan.sections.iter().skip(1).any(|it| it.name == DEFAULT);
    let mut reading = Reading {
        text,
        reader,
        layout: Layout::default(),
        top: Map::default(),
    };
    let mut tails = Vec::new();
    for section in scan.sections {
        if section.name == METADATA_KEY {
            let start = section
                .header
                .as_ref()
                .map_or(0, |header| header.line.start);
            if reading.layout.metadata.is_some() {
                let reason = "the section [sops] stands here twice";
                return Err(at(start, Fault::Syntax, reason));
            }
            tails.push((section.comments.lines.clone(), start));
            reading.layout.set_metadata(section);
        } else if section.header.is_some() || !section.keys.is_empty() || !has_default {
            // Keys before any section have one that is always there, even when it is empty.
            reading.section(section);
        }
    }
    tails.push((scan.tail, text.len()));
    for (lines, start) in tails {
        let first = lines.first().map(|line| line.whole.start);
        reading.layout.tail = reading.layout.tail.or(first);
        let owner = Owner {
            kind: Kind::End,
            start,
            behind: start..start,
        };
        let inline = None;
        let comments = reading.comments(Unit { lines, inline }, &owner);
        reading.top.entries.extend(comments);
    }
    Ok((reading.top, reading.layout))
}

struct Reading<'t> {
    text: &'t str,
    reader: Reader,
    layout: Layout,
    top: Map,
}

impl Reading<'_> {
    fn section(&mut self, section: Section) {
        let start = if self.text.starts_with('\u{FEFF}') {
            3
        } else {
            0
        };
        self.layout.add_section(&section, start);
        let mut map = Map::default();
        if let Some(header) = &section.header {
            let owner = Owner {
                kind: Kind::Closed,
                start: header.line.start,
                behind: header.behind..content_end(self.text, header.line.clone()),
            };
            map.entries.extend(self.comments(section.comments, &owner));
        }
        for key in section.keys {
            let behind = key.value.span.end;
            let kind = match key.value.style {
                Style::Backtick | Style::Triple => Kind::Closed,
                _ => Kind::Open,
            };
            let owner = Owner {
                kind,
                start: key.lines.start,
                behind: behind..content_end(self.text, behind..key.lines.end),
            };
            let value = self.value(key.value);
            let key_name = key.name;
            map.entries.push(Entry::Pair(Pair {
                key: key_name,
                value,
            }));
            map.entries.extend(self.comments(key.comments, &owner));
        }
        self.top.entries.push(Entry::Pair(Pair {
            key: section.name,
            value: Node::Map(map),
        }));
    }

    fn value(&mut self, written: Written) -> Node {
        let text = SecretBytes::copy_of(written.text(self.text).as_bytes());
        let site = self.layout.add(Place::Value(written));
        Node::Leaf(Leaf {
            value: Value::Str(text),
            site,
        })
    }

    fn comments(&mut self, unit: Unit, owner: &Owner) -> Vec<Entry> {
        let units = match self.reader {
            _ if unit.is_empty() => Vec::new(),
            Reader::Reference => unit.parted(self.text),
            Reader::Clear => vec![unit],
        };
        let mut entries = Vec::with_capacity(units.len());
        for unit in units {
            let text = SecretBytes::copy_of(unit.text(self.text).as_bytes());
            let inline = unit.lines.is_empty();
            let site = self.layout.add(Place::Comment(unit, owner.clone()));
            entries.push(Entry::Comment(Comment { text, inline, site }));
        }
        entries
    }
}

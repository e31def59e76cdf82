//! What stands where in an INI text: sections, keys, values, and the comments of each.

use std::collections::HashSet;
use std::ops::Range;

use super::comments::{Line, Unit};
use super::value::{self, Reader, Refused, Written, line_end, slice};

const LONE_RETURN: &str = "a carriage return without a line end, which tools read differently";

/// A whole text.
#[derive(Debug)]
pub(super) struct Scan {
    /// The first one holds the keys before any section.
    pub(super) sections: Vec<Section>,
    /// Comments that nothing follows.
    pub(super) tail: Vec<Line>,
    /// The first place where nobody can know what is meant.
    pub(super) doubt: Option<Refused>,
}

/// A section.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) header: Option<Header>,
    pub(super) comments: Unit,
    pub(super) keys: Vec<Key>,
}

/// A line that begins a section.
#[derive(Debug)]
pub(super) struct Header {
    /// Line end included.
    pub(super) line: Range<usize>,
    /// Behind the bracket.
    pub(super) behind: usize,
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    /// As it is written, with its quotes.
    pub(super) written_name: Range<usize>,
    pub(super) delimiter: usize,
    pub(super) value: Written,
    /// Its lines, line end included.
    pub(super) lines: Range<usize>,
    pub(super) comments: Unit,
}

const DELIMITERS: [char; 2] = ['=', ':'];
const IN_THE_NAME: &str = "for other tools, a section's name goes up to the last ']' of the line; move the comment to a line above";
const BEHIND_BRACKET: &str =
    "what stands behind the ']' is lost to other tools; move a comment to a line above";
const NO_BLANK: &str = "a comment directly behind the ']'; put a blank before it";

/// Finds everything in a text.
pub(super) fn scan(text: &str, reader: Reader) -> Result<Scan, Refused> {
    let mut scan = Scan {
        sections: vec![Section {
            name: super::DEFAULT.to_owned(),
            header: None,
            comments: Unit::default(),
            keys: Vec::new(),
        }],
        tail: Vec::new(),
        doubt: None,
    };
    if text.starts_with("\u{FEFF}\u{FEFF}") {
        return Err((0, "two byte order marks"));
    }
    let is_lone = |at: &usize| {
        text.get(at + 1..)
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('\n'))
    };
    if let Some(at) = memchr::memchr_iter(b'\r', text.as_bytes()).find(is_lone) {
        scan.doubt(true, at, LONE_RETURN);
    }
    let mut names = HashSet::new();
    let mut above = Vec::new();
    let mut at = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
    while at < text.len() {
        let from = at;
        at = line_end(text, from);
        let line = slice(text, from..at).trim_start();
        let start = at - line.len();
        match line.chars().next() {
            None => {}
            Some('#' | ';') => above.push(Line::new(text, from, start, at)),
            Some('[') => {
                names.clear();
                let lines = std::mem::take(&mut above);
                let section = scan.section(text, from..at, start, lines)?;
                scan.sections.push(section);
            }
            Some(_) => {
                let (name, written_name, delimiter) = scan.key_name(text, start, at)?;
                if !names.insert(name.clone()) {
                    return Err((start, "this key stands in its section twice"));
                }
                let read = value::read(text, delimiter + 1, reader)?;
                scan.doubt = scan.doubt.or(read.doubt);
                at = read.next;
                let comments = Unit {
                    lines: std::mem::take(&mut above),
                    inline: read.comment,
                };
                let key = Key {
                    name,
                    written_name,
                    delimiter,
                    value: read.written,
                    lines: from..at,
                    comments,
                };
                if let Some(section) = scan.sections.last_mut() {
                    section.keys.push(key);
                }
            }
        }
    }
    scan.tail = above;
    Ok(scan)
}

impl Scan {
    fn doubt(&mut self, is_in_doubt: bool, at: usize, reason: &'static str) {
        if is_in_doubt {
            self.doubt.get_or_insert((at, reason));
        }
    }

    fn section(
        &mut self,
        text: &str,
        line: Range<usize>,
        start: usize,
        above: Vec<Line>,
    ) -> Result<Section, Refused> {
        let content = slice(text, start..line.end);
        let close = content.rfind(']').ok_or((start, "a section without ']'"))?;
        let name = slice(content, 1..close);
        if name.is_empty() {
            return Err((start, "a section without a name"));
        }
        self.doubt(name.contains(']'), start, IN_THE_NAME);
        let behind = start + close + 1;
        let rest = slice(text, behind..line.end);
        let mark = rest.find(['#', ';']);
        let before = slice(rest, 0..mark.unwrap_or(rest.len()));
        self.doubt(!before.trim().is_empty(), behind, BEHIND_BRACKET);
        self.doubt(mark == Some(0), behind, NO_BLANK);
        Ok(Section {
            name: name.to_owned(),
            header: Some(Header { line, behind }),
            comments: Unit {
                lines: above,
                inline: mark.map(|mark| behind + mark..behind + rest.trim_end().len()),
            },
            keys: Vec::new(),
        })
    }

    /// A key's name, where it stands, and its delimiter.
    fn key_name(
        &mut self,
        text: &str,
        start: usize,
        end: usize,
    ) -> Result<(String, Range<usize>, usize), Refused> {
        let line = slice(text, start..end);
        let quote = if line.len() > 6 && line.starts_with("\"\"\"") {
            "\"\"\""
        } else if line.starts_with('"') {
            "\""
        } else if line.starts_with('`') {
            "`"
        } else {
            ""
        };
        let no_delimiter = (
            start,
            "a line that is no section, no comment and no 'key = value'",
        );
        let inner = slice(line, quote.len()..line.len());
        let (name, behind) = if quote.is_empty() {
            let delimiter = line.find(DELIMITERS).ok_or(no_delimiter)?;
            (slice(line, 0..delimiter).trim(), delimiter)
        } else {
            let close = inner.find(quote);
            let close = close.ok_or((start, "a key whose quote does not end"))?;
            (slice(inner, 0..close).trim(), close + 2 * quote.len())
        };
        let between = slice(line, behind..line.len());
        let delimiter = between.find(DELIMITERS).ok_or(no_delimiter)?;
        let has_more = !slice(between, 0..delimiter).trim().is_empty();
        self.doubt(
            has_more,
            start,
            "something between a key's quote and its '='",
        );
        if name.is_empty() {
            return Err((start, "a key without a name"));
        }
        if name == "-" {
            return Err((
                start,
                "a key '-' becomes a comment in other tools; give it a name",
            ));
        }
        let is_kept = super::write::key(name).is_some();
        self.doubt(
            !is_kept,
            start,
            "other tools cannot write a key of this name",
        );
        let written = slice(line, 0..behind).trim_end();
        Ok((
            name.to_owned(),
            start..start + written.len(),
            start + behind + delimiter,
        ))
    }
}

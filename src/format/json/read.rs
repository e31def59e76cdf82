//! A JSON text to a tree and its spans, in one pass over the bytes.
//!
//! The reader holds the open collections in a list of its own, so the depth of a text costs no
//! stack; it is bounded all the same, because what walks the tree afterwards is recursive.

use std::ops::Range;

use super::super::{Fault, FormatError, METADATA_KEY, Metadata};
use super::layout::{EntryPlace, Layout, position};
use super::scalar::{Refused, number, plain_length, unescape};
use super::{BYTE_ORDER_MARK, DEPTH_LIMIT};
use crate::secret::SecretBytes;
use crate::tree::{Entry, Field, Fields, Item, Leaf, List, Map, Node, Pair, Value};

/// What a text holds.
pub(in crate::format) struct Read {
    pub(in crate::format) top: Map,
    pub(in crate::format) metadata: Option<Metadata>,
    pub(in crate::format) layout: Layout,
}

/// Reads a text.
pub(in crate::format) fn read(source: &[u8]) -> Result<Read, FormatError> {
    let at = |(offset, reason): Refused| {
        let (line, column) = position(source, offset);
        FormatError {
            fault: Fault::Syntax,
            line,
            column,
            reason: reason.to_owned(),
        }
    };
    let text = std::str::from_utf8(source)
        .map_err(|error| at((error.valid_up_to(), "not valid UTF-8")))?;
    let mut reader = Reader {
        text,
        bytes: source,
        at: 0,
        open: Vec::new(),
        layout: Layout::default(),
        metadata: None,
    };
    let top = reader.document().map_err(at)?;
    Ok(Read {
        top,
        metadata: reader.metadata,
        layout: reader.layout,
    })
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    layout: Layout,
    metadata: Option<Metadata>,
}

/// A collection that has begun.
enum Open {
    /// With the key whose value comes next, and where that key begins.
    Map(Map, String, usize),
    List(List),
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Map, Refused> {
        if self.bytes.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len();
        }
        self.blanks();
        if self.peek() != Some(b'{') {
            return Err((self.at, "the top level must be an object"));
        }
        let start = self.at;
        let top = loop {
            let mut done = self.begin()?;
            // One closing bracket may end several collections.
            let top = loop {
                let Some(node) = done.take() else { break None };
                match self.attach(node)? {
                    Attached::More => break None,
                    Attached::Closed(node) if self.open.is_empty() => break Some(node),
                    Attached::Closed(node) => done = Some(node),
                }
            };
            if let Some(top) = top {
                break top;
            }
        };
        self.layout.top = start..self.at;
        self.blanks();
        match top {
            Node::Map(map) if self.at == self.bytes.len() => Ok(map),
            _ => Err((self.at, "something follows the object")),
        }
    }

    /// Reads a scalar or an empty collection whole, or opens a collection up to its first value.
    fn begin(&mut self) -> Result<Option<Node>, Refused> {
        self.blanks();
        let start = self.at;
        match self.peek() {
            Some(b'{') => {
                let site = self.enter(start)?;
                let map = Map {
                    site,
                    ..Map::default()
                };
                if self.is_closed_by(b'}') {
                    self.layout.close(site, self.at);
                    return Ok(Some(Node::Map(map)));
                }
                let (key, key_start) = self.key()?;
                self.open.push(Open::Map(map, key, key_start));
                Ok(None)
            }
            Some(b'[') => {
                let site = self.enter(start)?;
                let list = List {
                    site,
                    ..List::default()
                };
                if self.is_closed_by(b']') {
                    self.layout.close(site, self.at);
                    return Ok(Some(Node::List(list)));
                }
                self.open.push(Open::List(list));
                Ok(None)
            }
            _ => {
                let value = self.scalar()?;
                let site = self.layout.add(start..self.at);
                Ok(Some(Node::Leaf(Leaf { value, site })))
            }
        }
    }

    fn enter(&mut self, start: usize) -> Result<crate::tree::Site, Refused> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err((start, "nested too deeply"));
        }
        self.at += 1;
        Ok(self.layout.add(start..start))
    }

    fn is_closed_by(&mut self, bracket: u8) -> bool {
        self.blanks();
        let is_closed = self.peek() == Some(bracket);
        self.at += usize::from(is_closed);
        is_closed
    }

    /// Puts a value into the innermost collection, and goes on to the next value or to its end.
    fn attach(&mut self, node: Node) -> Result<Attached, Refused> {
        let Some(open) = self.open.pop() else {
            return Ok(Attached::Closed(node));
        };
        self.blanks();
        let next = self.peek();
        match open {
            Open::Map(mut map, key, key_start) => {
                if self.open.is_empty() && key == METADATA_KEY {
                    self.set_metadata(key_start, &node)?;
                } else {
                    map.entries.push(Entry::Pair(Pair { key, value: node }));
                }
                match next {
                    Some(b',') => {
                        self.at += 1;
                        self.blanks();
                        let (key, key_start) = self.key()?;
                        self.open.push(Open::Map(map, key, key_start));
                        Ok(Attached::More)
                    }
                    Some(b'}') => {
                        self.at += 1;
                        self.layout.close(map.site, self.at);
                        Ok(Attached::Closed(Node::Map(map)))
                    }
                    _ => Err(self.expected("expected ',' or '}'")),
                }
            }
            Open::List(mut list) => {
                list.items.push(Item::Node(node));
                match next {
                    Some(b',') => {
                        self.at += 1;
                        self.open.push(Open::List(list));
                        Ok(Attached::More)
                    }
                    Some(b']') => {
                        self.at += 1;
                        self.layout.close(list.site, self.at);
                        Ok(Attached::Closed(Node::List(list)))
                    }
                    _ => Err(self.expected("expected ',' or ']'")),
                }
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<(String, usize), Refused> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("expected a key in double quotes"));
        }
        let span = self.string()?;
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let key = if raw.contains('\\') {
            let bytes = unescape(self.bytes, span.start, span.end)?;
            String::from_utf8(bytes).map_err(|_| (start, "not valid UTF-8"))?
        } else {
            raw.to_owned()
        };
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(self.expected("expected ':'"));
        }
        self.at += 1;
        Ok((key, start))
    }

    fn scalar(&mut self) -> Result<Value, Refused> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        match self.peek() {
            Some(b'"') => {
                let span = self.string()?;
                let raw = self.bytes.get(span.clone()).unwrap_or_default();
                let bytes = if plain_length(raw) == raw.len() {
                    SecretBytes::copy_of(raw)
                } else {
                    SecretBytes::new(unescape(self.bytes, span.start, span.end)?)
                };
                Ok(Value::Str(bytes))
            }
            Some(b'-' | b'0'..=b'9') => {
                let (length, value) = number(rest).map_err(|reason| (start, reason))?;
                self.at += length;
                Ok(value)
            }
            _ => {
                let words = [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ];
                for (word, value) in words {
                    if rest.starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.expected("expected a value"))
            }
        }
    }

    /// Goes over a string; what stands between its quotes.
    fn string(&mut self) -> Result<Range<usize>, Refused> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            at += plain_length(self.bytes.get(at..).unwrap_or_default());
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => return Err((at, "a control character in a string")),
                None => return Err((start - 1, "a string that does not end")),
            }
        }
        self.at = at + 1;
        Ok(start..at)
    }

    fn set_metadata(&mut self, start: usize, node: &Node) -> Result<(), Refused> {
        if self.metadata.is_some() {
            return Err((start, "this key stands here twice"));
        }
        let mut scalars = Vec::new();
        let place = |node: &Node| match node {
            Node::Leaf(leaf) => leaf.site,
            Node::Map(map) => map.site,
            Node::List(list) => list.site,
        };
        let value = self.layout.place(place(node)).unwrap_or(start..start);
        self.metadata = Some(match node {
            Node::Map(map) => {
                for pair in map.pairs() {
                    if let Node::Leaf(leaf) = &pair.value {
                        let span = self.layout.place(leaf.site).unwrap_or_default();
                        scalars.push((pair.key.clone(), span));
                    }
                }
                Metadata::Branch(fields(map))
            }
            _ => Metadata::NotAMap,
        });
        self.layout.entry = Some(EntryPlace {
            start,
            value,
            scalars,
        });
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expected(&self, what: &'static str) -> Refused {
        let ends = self.at >= self.bytes.len();
        (
            self.at,
            if ends {
                "the text ends too early"
            } else {
                what
            },
        )
    }
}

/// What became of a value.
enum Attached {
    /// Another value follows in the same collection.
    More,
    /// The collection is complete.
    Closed(Node),
}

fn fields(map: &Map) -> Fields {
    let field = |pair: &Pair| (pair.key.clone(), field(&pair.value));
    Fields(map.pairs().map(field).collect())
}

fn field(node: &Node) -> Field {
    match node {
        Node::Map(map) => Field::Map(fields(map)),
        Node::List(list) => Field::List(list.nodes().map(field).collect()),
        Node::Leaf(leaf) => match &leaf.value {
            Value::Null => Field::Null,
            Value::Str(bytes) => Field::Text(String::from_utf8_lossy(bytes.expose()).into_owned()),
            Value::Int(number) => Field::Int(*number),
            Value::Float(number) => Field::Float(*number),
            Value::Bool(flag) => Field::Bool(*flag),
            Value::Time(time) => Field::Time(time.clone()),
        },
    }
}

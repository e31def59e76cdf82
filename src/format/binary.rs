//! Binary: a file of any bytes, sealed whole. What is sealed stands in a JSON envelope, as one value
//! called `data` beside the metadata.
//!
//! The surprise: the clear and the sealed text are of two kinds, so a clear one is read by
//! [`Format::parse_clear`]. Keys of the envelope are not the user's, so no rule about keys is written
//! or followed.

use zeroize::Zeroizing;

use super::{Change, Document, Edits, Format, FormatError, MetadataEdit, json, unrepresentable};
use crate::secret::SecretBytes;
use crate::tree::{Element, Entry, Field, Fields, Leaf, Map, Node, Pair, Path, Site, Tree, Value};

/// The binary format.
#[derive(Debug)]
pub struct Binary;

/// What a binary document was read from.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Bytes that are the one value.
    Whole,
    /// A sealed envelope.
    Envelope(json::Layout),
}

/// The key of the one value.
const DATA_KEY: &str = "data";
/// What metadata of a binary file never has: its one value is always sealed.
const RULES: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];
/// The place of the one value of a clear file.
const WHOLE: Site = Site(0);

impl Format for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    /// None: it is the format of names that no other one takes.
    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    fn parse(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        if !is_object(&source) {
            return Ok(whole(source, None));
        }
        let read = json::read::read(&source)?;
        Ok(Document {
            tree: Tree {
                documents: vec![read.top],
            },
            metadata: read.metadata,
            layout: super::Layout::Binary(Layout::Envelope(read.layout)),
            source: source.into(),
        })
    }

    fn parse_clear(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        // What is sealed already says so, and is not sealed once more by accident.
        let metadata = match is_object(&source).then(|| json::read::read(&source)) {
            Some(Ok(read)) if is_envelope(&read.top, read.metadata.as_ref()) => read.metadata,
            _ => None,
        };
        Ok(whole(source, metadata))
    }

    fn is_exact(&self, document: &Document) -> bool {
        matches!(&document.layout, super::Layout::Binary(Layout::Whole))
    }

    fn apply(&self, document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Binary(Layout::Whole) => seal(document, edits),
            super::Layout::Binary(Layout::Envelope(layout)) => match &edits.metadata {
                MetadataEdit::Remove => data(document, edits),
                MetadataEdit::Write(fields)
                | MetadataEdit::Rewrite(fields)
                | MetadataEdit::Place { fields, .. } => {
                    let parted = json::splice::splice(document, layout, edits)?;
                    let read = json::read::read(&parted)?;
                    json::write(&read.top, Some(&without_rules(fields)))
                }
                MetadataEdit::Keep | MetadataEdit::Update(_) => {
                    json::splice::splice(document, layout, edits)
                }
            },
            _ => Err(unrepresentable("this document is not binary")),
        }
    }

    fn put(
        &self,
        document: &Document,
        path: &Path,
        node: Node,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let is_data = matches!(path.elements(), [Element::Key(key)] if key == DATA_KEY);
        match (&document.layout, &node) {
            (super::Layout::Binary(Layout::Envelope(layout)), Node::Leaf(_)) if is_data => {
                json::splice::put(document, layout, path, node)
            }
            _ => Err(unrepresentable(ONE_STRING)),
        }
    }

    fn take_out(&self, _: &Document, _: &Path) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        Err(unrepresentable(
            "a binary file is one value; nothing can be taken out of it",
        ))
    }

    /// What would be a binary file, too: nothing else has a form without keys and types.
    fn emit(&self, node: &Node) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match node {
            Node::Map(map) => bytes_of(map, ONE_STRING),
            _ => Err(unrepresentable(ONE_STRING)),
        }
    }

    /// The bytes of the one value, or the envelope of its token.
    fn write(
        &self,
        tree: &Tree,
        metadata: Option<&Fields>,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let [top] = tree.documents.as_slice() else {
            return Err(unrepresentable("a binary file holds one document"));
        };
        match metadata {
            Some(fields) if one_string(top).is_some() => {
                json::write(top, Some(&without_rules(fields)))
            }
            Some(_) => Err(unrepresentable(ONE_STRING)),
            None => bytes_of(top, ONE_STRING),
        }
    }

    fn keeps_comments(&self) -> bool {
        false
    }

    fn has_keys(&self) -> bool {
        false
    }
}

/// A document whose bytes are its one value.
fn whole(source: Zeroizing<Vec<u8>>, metadata: Option<super::Metadata>) -> Document {
    let value = Value::Str(SecretBytes::copy_of(&source));
    let site = WHOLE;
    let pair = Pair {
        key: DATA_KEY.to_owned(),
        value: Node::Leaf(Leaf { value, site }),
    };
    let top = Map {
        entries: vec![Entry::Pair(pair)],
        ..Map::default()
    };
    Document {
        tree: Tree {
            documents: vec![top],
        },
        metadata,
        layout: super::Layout::Binary(Layout::Whole),
        source: source.into(),
    }
}

fn is_object(source: &[u8]) -> bool {
    let source = source.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(source);
    source.trim_ascii_start().starts_with(b"{")
}

/// Whether it is what sealing makes: `data`, and metadata with a MAC.
fn is_envelope(top: &Map, metadata: Option<&super::Metadata>) -> bool {
    let has_mac = matches!(
        metadata,
        Some(super::Metadata::Branch(fields)) if matches!(fields.get("mac"), Some(Field::Text(_)))
    );
    has_mac && top.pairs().map(|pair| pair.key.as_str()).eq([DATA_KEY])
}

/// The envelope of a clear file.
fn seal(document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let (MetadataEdit::Write(fields) | MetadataEdit::Place { fields, .. }) = &edits.metadata else {
        return Ok(Zeroizing::new(document.source().to_vec()));
    };
    let token = edits.places.iter().find_map(|(_, change)| match change {
        Change::Seal(token) | Change::SealBare(token, _) => Some(token.as_str()),
        _ => None,
    });
    // The empty file is the empty string, which is never sealed.
    if token.is_none() && !document.source().is_empty() {
        return Err(unrepresentable(
            "a file without keys is sealed whole, but the rule leaves it in clear",
        ));
    }
    let mut top = Map::default();
    top.push_text(DATA_KEY, token.unwrap_or_default());
    json::write(&top, Some(&without_rules(fields)))
}

fn without_rules(fields: &Fields) -> Fields {
    let mut fields = fields.clone();
    for name in RULES {
        fields.remove(name);
    }
    fields
}

/// The bytes that an envelope holds.
fn data(document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let opened = edits.places.iter().find_map(|(_, change)| match change {
        Change::Open(Value::Str(bytes)) => Some(bytes),
        _ => None,
    });
    let [top] = document.tree.documents.as_slice() else {
        return Err(unrepresentable(NO_DATA));
    };
    let bytes = bytes_of(top, NO_DATA)?;
    Ok(opened.map_or(bytes, |opened| Zeroizing::new(opened.expose().to_vec())))
}

const NO_DATA: &str = "it holds something else than one string called 'data', so it was not \
                       sealed as a binary file";

const ONE_STRING: &str = "a binary file holds one string, at [\"data\"]";

fn bytes_of(top: &Map, otherwise: &str) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let bytes = one_string(top).ok_or_else(|| unrepresentable(otherwise))?;
    Ok(Zeroizing::new(bytes.expose().to_vec()))
}

/// The string called `data`, if there is nothing else.
fn one_string(top: &Map) -> Option<&SecretBytes> {
    let mut pairs = top.pairs();
    match (pairs.next(), pairs.next()) {
        (Some(pair), None) if pair.key == DATA_KEY => match pair.value.as_value()? {
            Value::Str(bytes) => Some(bytes),
            _ => None,
        },
        _ => None,
    }
}

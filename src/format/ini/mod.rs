//! INI: sections of keys, as the library of the reference reads them.
//!
//! `scan` finds what stands where, `value` reads and spells one value, `comments` knows where the
//! lines of a comment stand, `read` makes the tree, `splice` edits the text, `write` makes a new one.
//! The surprises: comments above a key and behind it are one comment that follows the key; quotes do
//! not keep `#` and `;` from beginning a comment for the reference, so a clear text in which they
//! should is read by what it means, and one in which nobody knows is refused.

mod comments;
mod layout;
mod read;
mod scan;
mod splice;
mod value;
mod write;

use zeroize::Zeroizing;

use super::{
    Document, Edits, Fault, Format, FormatError, METADATA_KEY, Metadata, flat, unrepresentable,
    untyped,
};
use crate::tree::{Element, Fields, Map, Node, Path, Tree, Value};

pub(crate) use layout::Layout;
use value::Reader;

/// The section of keys that stand before any section.
const DEFAULT: &str = "DEFAULT";

/// The INI format.
#[derive(Debug)]
pub struct Ini;

impl Format for Ini {
    fn name(&self) -> &'static str {
        "ini"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[".ini"]
    }

    fn parse(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        let (top, layout) = read::read(&source, Reader::Reference)?;
        let metadata = match &layout.metadata {
            None => None,
            Some(place) => {
                let fields = layout.fields(&source);
                let fault = |reason| layout.fault(&source, place.header, Fault::Syntax, reason);
                Some(Metadata::Branch(fields.map_err(fault)?))
            }
        };
        Ok(document(top, metadata, layout, source))
    }

    /// What has a section of the metadata is sealed already, whatever else is wrong with it.
    fn parse_clear(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        let (top, layout) = read::read(&source, Reader::Clear)?;
        let metadata = layout.metadata.is_some().then(|| {
            let fields = layout.fields(&source);
            fields.map_or(Metadata::NotAMap, Metadata::Branch)
        });
        Ok(document(top, metadata, layout, source))
    }

    fn apply(&self, document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Ini(layout) => splice::splice(document, layout, edits),
            _ => Err(unrepresentable("this document is no INI text")),
        }
    }

    fn put(
        &self,
        document: &Document,
        path: &Path,
        node: Node,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Ini(layout) => splice::put(document, layout, path, &node),
            _ => Err(unrepresentable("this document is no INI text")),
        }
    }

    fn take_out(
        &self,
        document: &Document,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Ini(layout) => splice::take_out(document, layout, path),
            _ => Err(unrepresentable("this document is no INI text")),
        }
    }

    fn metadata_blocks(&self, document: &Document) -> Option<Vec<String>> {
        match &document.layout {
            super::Layout::Ini(layout) => layout.block(document.source()).map(|text| vec![text]),
            _ => None,
        }
    }

    fn emit(&self, node: &Node) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let text = match node {
            Node::Leaf(leaf) => untyped::text(&leaf.value).ok_or(untyped::NO_NULL),
            Node::Map(map) => write::keys(map),
            Node::List(_) => Err(untyped::NO_COLLECTION),
        };
        let text = text.map_err(unrepresentable)?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn write(
        &self,
        tree: &Tree,
        metadata: Option<&Fields>,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let [top] = tree.documents.as_slice() else {
            return Err(unrepresentable("an INI file holds one document"));
        };
        let text = write::write(top, metadata).map_err(unrepresentable)?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn refuses(&self, value: &Value) -> Option<&'static str> {
        value::text_of(value).err()
    }

    fn reads_as(&self, value: &Value) -> Option<Value> {
        untyped::as_string(value)
    }

    fn fit(&self, path: &Path, node: Node) -> Result<Node, FormatError> {
        let fit = || match (path.elements(), node) {
            ([Element::Key(section), Element::Key(key)], node) => {
                write::header(section)?;
                write::key(key).ok_or(write::NO_KEY)?;
                untyped::fit(node)
            }
            ([Element::Key(section)], Node::Map(map)) => {
                write::header(section)?;
                let mut keys = Map::default();
                for pair in map.pairs() {
                    write::key(&pair.key).ok_or(write::NO_KEY)?;
                    keys.push(pair.key.clone(), untyped::fit(pair.value.duplicate())?);
                }
                Ok(Node::Map(keys))
            }
            _ => Err(TWO_LEVELS),
        };
        fit().map_err(unrepresentable)
    }
}

const TWO_LEVELS: &str = "an INI file holds keys in sections, as [\"section\"][\"key\"]; \
                          keys before any section are in [\"DEFAULT\"]";

fn document(
    top: Map,
    metadata: Option<Metadata>,
    layout: Layout,
    source: Zeroizing<Vec<u8>>,
) -> Document {
    Document {
        tree: Tree {
            documents: vec![top],
        },
        metadata,
        layout: super::Layout::Ini(layout),
        source: source.into(),
    }
}

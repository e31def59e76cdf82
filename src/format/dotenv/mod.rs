//! dotenv: one `KEY=value` a line, as the reference reads it: no quotes, no `export`, no blanks cut.
//!
//! `read` makes the tree, `splice` edits the text, `write` makes a new one. The surprises: a carriage
//! return before a line end belongs to the value, unless the whole sealed file has got such line
//! ends; and a byte order mark belongs to the first key.

mod layout;
mod read;
mod splice;
mod write;

use zeroize::Zeroizing;

use super::{
    Document, Edits, Fault, Format, FormatError, Metadata, flat, unrepresentable, untyped,
};
use crate::tree::{Element, Fields, Node, Path, Tree, Value};

pub(crate) use layout::Layout;

/// How the names of the metadata begin.
const PREFIX: &str = "sops_";
/// Stands before a key for the reference, which knows no such mark.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// The dotenv format.
#[derive(Debug)]
pub struct Dotenv;

impl Format for Dotenv {
    fn name(&self) -> &'static str {
        "dotenv"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[".env"]
    }

    fn parse(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        let (top, layout) = read::read(&source)?;
        let metadata = match layout.metadata.first() {
            None => None,
            Some(first) => {
                let fault = |reason| layout.fault(&source, first.line.start, reason);
                Some(Metadata::Branch(layout.fields(&source).map_err(fault)?))
            }
        };
        Ok(document(top, metadata, layout, source))
    }

    /// What has a name of the metadata is sealed already, whatever else is wrong with it.
    fn parse_clear(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        let (top, layout) = read::read(&source)?;
        let has_metadata = !layout.metadata.is_empty();
        let metadata = has_metadata.then(|| {
            let fields = layout.fields(&source);
            fields.map_or(Metadata::NotAMap, Metadata::Branch)
        });
        Ok(document(top, metadata, layout, source))
    }

    fn apply(&self, document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Dotenv(layout) => splice::splice(document, layout, edits),
            _ => Err(unrepresentable("this document is no dotenv text")),
        }
    }

    fn put(
        &self,
        document: &Document,
        path: &Path,
        node: Node,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Dotenv(layout) => splice::put(document, layout, path, &node),
            _ => Err(unrepresentable("this document is no dotenv text")),
        }
    }

    fn take_out(
        &self,
        document: &Document,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Dotenv(layout) => splice::take_out(document, layout, path),
            _ => Err(unrepresentable("this document is no dotenv text")),
        }
    }

    fn metadata_blocks(&self, document: &Document) -> Option<Vec<String>> {
        match &document.layout {
            super::Layout::Dotenv(layout) => layout.block(document.source()).map(|text| vec![text]),
            _ => None,
        }
    }

    fn emit(&self, node: &Node) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match node {
            Node::Leaf(leaf) => write::value(&leaf.value).map_err(unrepresentable),
            Node::Map(map) => write::write(map, None),
            Node::List(_) => Err(unrepresentable(untyped::NO_COLLECTION)),
        }
    }

    fn write(
        &self,
        tree: &Tree,
        metadata: Option<&Fields>,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match tree.documents.as_slice() {
            [top] => write::write(top, metadata),
            _ => Err(unrepresentable("a dotenv file holds one document")),
        }
    }

    fn refuses(&self, value: &Value) -> Option<&'static str> {
        write::value(value).err()
    }

    /// A number, a boolean or a time is a string then, and a backslash before an n a line end.
    fn reads_as(&self, value: &Value) -> Option<Value> {
        write::reads_as(value)
    }

    fn reserves(&self, key: &str) -> bool {
        key.starts_with(PREFIX)
    }

    fn fit(&self, path: &Path, node: Node) -> Result<Node, FormatError> {
        let [Element::Key(key)] = path.elements() else {
            return Err(unrepresentable(ONE_LEVEL));
        };
        let node = untyped::fit(node).map_err(unrepresentable)?;
        if let Some(value) = node.as_value() {
            write::line(key, value).map_err(unrepresentable)?;
        }
        Ok(node)
    }
}

const ONE_LEVEL: &str = "a dotenv file holds one level of keys, as [\"KEY\"]";

fn document(
    top: crate::tree::Map,
    metadata: Option<Metadata>,
    layout: Layout,
    source: Zeroizing<Vec<u8>>,
) -> Document {
    Document {
        tree: Tree {
            documents: vec![top],
        },
        metadata,
        layout: super::Layout::Dotenv(layout),
        source: source.into(),
    }
}

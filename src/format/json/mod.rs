//! JSON: spans over the source text and splices into it.
//!
//! `read` makes the tree in one pass, `splice` edits the text, `emit` writes what is new in the
//! `manner` of what is there. The surprises: keys may stand twice, as the reference keeps both; and
//! a list may hold sealed comments, which come from YAML and vanish when the file is opened.

mod emit;
mod exact;
mod layout;
mod manner;
mod prune;
pub(super) mod read;
mod scalar;
pub(super) mod splice;

use zeroize::Zeroizing;

use super::{Document, Edits, Format, FormatError, METADATA_KEY, unrepresentable};
use crate::tree::{Fields, Map, Node, Path, Tree, Value};

pub(crate) use layout::Layout;

/// May stand before the object; it is no character of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Levels of nesting that are read; the walk is recursive, so this bounds its stack.
const DEPTH_LIMIT: usize = 900;

/// The JSON format.
#[derive(Debug)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[".json"]
    }

    fn parse(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        let read = read::read(&source)?;
        Ok(Document {
            tree: Tree {
                documents: vec![read.top],
            },
            metadata: read.metadata,
            layout: super::Layout::Json(read.layout),
            source: source.into(),
        })
    }

    fn apply(&self, document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Json(layout) => splice::splice(document, layout, edits),
            _ => Err(unrepresentable("this document is no JSON")),
        }
    }

    fn is_exact(&self, document: &Document) -> bool {
        match &document.layout {
            super::Layout::Json(layout) => exact::is_exact(document, layout),
            _ => false,
        }
    }

    fn put(
        &self,
        document: &Document,
        path: &Path,
        node: Node,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Json(layout) => splice::put(document, layout, path, node),
            _ => Err(unrepresentable("this document is no JSON")),
        }
    }

    fn take_out(
        &self,
        document: &Document,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match &document.layout {
            super::Layout::Json(layout) => prune::take_out(document, layout, path),
            _ => Err(unrepresentable("this document is no JSON")),
        }
    }

    fn emit(&self, node: &Node) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let mut emitter = emit::Emitter::new(&manner::Manner::REFERENCE, true);
        emitter.node(node, Some("")).map_err(unrepresentable)?;
        // The reference ends an object with a line, and nothing else.
        if matches!(node, Node::Map(_)) {
            emitter.text.push('\n');
        }
        Ok(Zeroizing::new(emitter.text.as_bytes().to_vec()))
    }

    fn write(
        &self,
        tree: &Tree,
        metadata: Option<&Fields>,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        match tree.documents.as_slice() {
            [top] => write(top, metadata),
            _ => Err(unrepresentable("JSON holds one document")),
        }
    }

    fn refuses(&self, value: &Value) -> Option<&'static str> {
        emit::refuses(value)
    }

    fn keeps_comments(&self) -> bool {
        false
    }

    fn reads_as(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Time(time) => Some(Value::text(time)),
            _ => None,
        }
    }
}

/// A whole text, as the reference writes it.
pub(super) fn write(
    top: &Map,
    metadata: Option<&Fields>,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let mut emitter = emit::Emitter::new(&manner::Manner::REFERENCE, true);
    let metadata = metadata.map(|fields| (METADATA_KEY, Node::Map(fields.to_map())));
    let pairs = top
        .pairs()
        .map(|pair| (pair.key.as_str(), &pair.value))
        .chain(metadata.iter().map(|(key, node)| (*key, node)));
    emitter.pairs(pairs, Some("")).map_err(unrepresentable)?;
    emitter.text.push('\n');
    Ok(Zeroizing::new(emitter.text.as_bytes().to_vec()))
}

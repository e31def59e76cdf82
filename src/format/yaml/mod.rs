//! YAML: spans over the source text and splices into it.
//!
//! From text to tree: `tokens` splits, `comments` attaches, `grammar` nests, `compose` types; back:
//! `splice` edits scalars, `placing` the metadata, `graft` puts nodes, `emit` writes what is new. Large
//! texts in the common layout have a reader of their own, `quick`. What is not supported is refused
//! with its line.

mod anchors;
mod beside;
mod breaks;
mod collections;
mod comments;
mod compose;
mod copies;
mod cuts;
mod differences;
mod emit;
mod entry;
mod exact;
mod expand;
mod extents;
mod graft;
mod grammar;
mod guard;
mod hollow;
mod layout;
mod lines;
mod manner;
mod placing;
mod prune;
mod quick;
mod quoting;
mod reach;
mod resolve;
mod root;
mod scalar;
mod splice;
mod tokens;
mod typed;

use zeroize::Zeroizing;

use super::{Document, Edits, Fault, Format, FormatError, LARGE, Looked, Shown};
use crate::secret::SharedText;
use crate::tree::{Fields, Node, Path, Tree};

pub(crate) use layout::Layout;
pub use quick::readers_agree;

/// The YAML format.
#[derive(Debug)]
pub struct Yaml;

impl Format for Yaml {
    fn name(&self) -> &'static str {
        "yaml"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[".yaml", ".yml"]
    }

    fn parse(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        let source = SharedText::new(source);
        let text = checked(&source)?;
        let is_large = source.len() > LARGE;
        let quickly = is_large.then(|| quick::read(text, &source)).flatten();
        if let Some(composed) = quickly {
            return Ok(document(composed, source));
        }
        let parsed = grammar::parse(text)?;
        if parsed.documents.is_empty() {
            let fault = if source.is_empty() {
                Fault::Empty
            } else {
                Fault::Syntax
            };
            return Err(FormatError::at(text, 0, fault, "no document in it"));
        }
        let composed = compose::compose(text, &parsed)?;
        // The reference writes these into sealed files, but takes them for line ends elsewhere.
        let separator = text
            .find(['\u{2028}', '\u{2029}'])
            .filter(|_| composed.metadata.is_none());
        if let Some(at) = separator {
            let reason = "a line end that is neither LF nor CRLF";
            return Err(FormatError::at(text, at, Fault::Unsupported, reason));
        }
        Ok(document(composed, source))
    }

    fn look(&self, text: &[u8], show: &mut dyn FnMut(Shown<'_>) -> bool) -> Option<Looked> {
        if text.len() <= LARGE {
            return None;
        }
        quick::look(checked(text).ok()?, show)
    }

    fn apply(&self, document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        splice::splice(document, layout_of(document)?, edits)
    }

    fn is_exact(&self, document: &Document) -> bool {
        layout_of(document).is_ok_and(|layout| exact::is_exact(document, layout))
    }

    fn without_comments(
        &self,
        document: &Document,
        lines: &[usize],
        with_line: bool,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let layout = layout_of(document).ok()?;
        Some(layout.without_comments(document.source(), lines, with_line))
    }

    fn metadata_blocks(&self, document: &Document) -> Option<Vec<String>> {
        layout_of(document).ok()?.metadata_blocks(document.source())
    }

    fn put(
        &self,
        document: &Document,
        path: &Path,
        node: Node,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let text = checked(document.source())?;
        let layout = layout_of(document)?;
        let path = layout.in_text(&document.tree, path);
        let joined = layout.joined(text);
        let text = joined.as_ref().map_or(text, |joined| joined.as_str());
        graft::graft(text, &grammar::parse(text)?, &path, node)
    }

    fn take_out(
        &self,
        document: &Document,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let text = checked(document.source())?;
        let layout = layout_of(document)?;
        let path = layout.in_text(&document.tree, path);
        let joined = layout.joined(text);
        let text = joined.as_ref().map_or(text, |joined| joined.as_str());
        prune::take_out(text, &grammar::parse(text)?, &path)
    }

    fn emit(&self, node: &Node) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let mut emitter = emit::Emitter::new("\n");
        emitter.document(node);
        Ok(emitter.into_bytes())
    }

    fn write(
        &self,
        tree: &Tree,
        metadata: Option<&Fields>,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let mut emitter = emit::Emitter::new("\n");
        emitter.documents(tree, metadata);
        Ok(emitter.into_bytes())
    }

    fn holds_documents(&self) -> bool {
        true
    }
}

fn document(composed: compose::Composed, source: SharedText) -> Document {
    Document {
        tree: composed.tree,
        metadata: composed.metadata,
        layout: super::Layout::Yaml(composed.layout),
        source,
    }
}

fn layout_of(document: &Document) -> Result<&Layout, FormatError> {
    match &document.layout {
        super::Layout::Yaml(layout) => Ok(layout),
        _ => Err(FormatError {
            fault: Fault::Unrepresentable,
            line: 1,
            column: 1,
            reason: "this document is no YAML".to_owned(),
        }),
    }
}

/// The text, if it holds only characters that YAML 1.1 and 1.2 read alike.
fn checked(source: &[u8]) -> Result<&str, FormatError> {
    let at_byte = |at: usize, fault, reason: &str| {
        let (line, column) = lines::position(source, at);
        FormatError {
            fault,
            line,
            column,
            reason: reason.to_owned(),
        }
    };
    let text = std::str::from_utf8(source)
        .map_err(|error| at_byte(error.valid_up_to(), Fault::Syntax, "not valid UTF-8"))?;
    // Vectorised: most texts are ASCII without anything odd in them.
    let is_plain = |byte: &u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    if source
        .iter()
        .fold(true, |plain, byte| plain & is_plain(byte))
    {
        return Ok(text);
    }
    for (at, c) in text.char_indices() {
        match c {
            '\n' | '\t' | ' '..='\u{7E}' => {}
            '\r' if source.get(at + 1) == Some(&b'\n') => {}
            '\u{FEFF}' if at == 0 => {}
            '\r' | '\u{85}' => {
                return Err(at_byte(
                    at,
                    Fault::Unsupported,
                    "a line end that is neither LF nor CRLF",
                ));
            }
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => {
                return Err(at_byte(at, Fault::Syntax, "a control character"));
            }
            _ => {}
        }
    }
    Ok(text)
}

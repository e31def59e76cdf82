//! Text to spans, and edits back into the same text.
//!
//! A document keeps its source; its tree's sites point into it. Sealing and opening replace scalars
//! and comments in the text, and every other byte stays. Pure: no file, no key, no clock.

pub mod binary;
pub mod dotenv;
mod flat;
pub mod ini;
pub mod json;
mod lines;
mod untyped;
pub mod yaml;

use std::fmt;

use zeroize::Zeroizing;

use crate::secret::{SecretBytes, SharedText};
use crate::tree::{Fields, Node, Path, Site, Tree, Value};

/// Every format, in the order of `--help`. Adding one is one line here and one file.
pub const FORMATS: &[&dyn Format] = &[
    &yaml::Yaml,
    &json::Json,
    &dotenv::Dotenv,
    &ini::Ini,
    &binary::Binary,
];

/// The name of the metadata.
pub(crate) const METADATA_KEY: &str = "sops";

/// Bytes above which a text is read and checked in ways that are made for its size.
pub(crate) const LARGE: usize = 1 << 20;

/// A file format.
pub trait Format: fmt::Debug + Send + Sync {
    /// The word of `--input-type`.
    fn name(&self) -> &'static str;
    /// Endings of file names, with the dot; matched by case as the reference does.
    fn extensions(&self) -> &'static [&'static str];
    /// Reads a text. The metadata branch, if there is one, is not part of the tree.
    fn parse(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError>;
    /// Reads a text that is known to be clear. Differs where clear and sealed texts are of two kinds.
    fn parse_clear(&self, source: Zeroizing<Vec<u8>>) -> Result<Document, FormatError> {
        self.parse(source)
    }
    /// Shows what a large text holds, in the order of the walk and without keeping it, until `show`
    /// says no. `None` where the text has to be read whole to know.
    fn look(&self, text: &[u8], show: &mut dyn FnMut(Shown<'_>) -> bool) -> Option<Looked> {
        let (_, _) = (text, show);
        None
    }
    /// Writes edits into the source of a document; all else stays byte for byte.
    fn apply(&self, document: &Document, edits: &Edits) -> Result<Zeroizing<Vec<u8>>, FormatError>;
    /// Puts a node at a path of the first document, in the place of what is there or as a new one:
    /// missing parents are made, a position behind the end of a list appends to it, and a scalar in the
    /// way is replaced. All else stays byte for byte.
    fn put(
        &self,
        document: &Document,
        path: &Path,
        node: Node,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError>;
    /// Takes out what stands at a path of the first document. All else stays byte for byte; a comment
    /// on its line goes with it.
    fn take_out(&self, document: &Document, path: &Path)
    -> Result<Zeroizing<Vec<u8>>, FormatError>;
    /// The metadata entries as they are written, if another document can take them over.
    fn metadata_blocks(&self, document: &Document) -> Option<Vec<String>> {
        let _ = document;
        None
    }
    /// Whether it is sure, without a try, that the sealed text opens to this one again. Cheap.
    fn is_exact(&self, document: &Document) -> bool {
        let _ = document;
        false
    }
    /// The text without the comments in these lines, where it has comments that other tools lose; with
    /// `with_line`, a line that holds nothing else goes as a whole.
    fn without_comments(
        &self,
        document: &Document,
        lines: &[usize],
        with_line: bool,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (_, _, _) = (document, lines, with_line);
        None
    }
    /// Writes one node as a text of its own: what `--extract` prints of a map or a list.
    fn emit(&self, node: &Node) -> Result<Zeroizing<Vec<u8>>, FormatError>;
    /// Writes a tree as a new text, in the layout of the reference; with metadata, a sealed one.
    fn write(
        &self,
        _tree: &Tree,
        _metadata: Option<&Fields>,
    ) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        Err(FormatError {
            fault: Fault::Unsupported,
            line: 1,
            column: 1,
            reason: format!("a new {} text is not supported yet", self.name()),
        })
    }
    /// Whether a text of it can hold several documents.
    fn holds_documents(&self) -> bool {
        false
    }
    /// Why a value cannot stand in a text of it; shapes are judged by [`Format::write`].
    fn refuses(&self, value: &Value) -> Option<&'static str> {
        let _ = value;
        None
    }
    /// Whether a text of it has comments; those of a sealed file vanish where it has none.
    fn keeps_comments(&self) -> bool {
        true
    }
    /// What a value is when it is written in clear and read back, if that is something else.
    fn reads_as(&self, value: &Value) -> Option<Value> {
        let _ = value;
        None
    }
    /// Whether keys are the user's, so that a rule about keys means something.
    fn has_keys(&self) -> bool {
        true
    }
    /// Whether a key of the top level belongs to the metadata.
    fn reserves(&self, key: &str) -> bool {
        key == METADATA_KEY
    }
    /// What a node becomes at a path of a text of it, where values are strings or levels are few.
    fn fit(&self, path: &Path, node: Node) -> Result<Node, FormatError> {
        let _ = path;
        Ok(node)
    }
}

/// A file that was read: its text, what it holds, and where.
pub struct Document {
    /// What it holds, without the metadata branch.
    pub tree: Tree,
    /// The branch called `sops` of the first document, if there is one.
    pub metadata: Option<Metadata>,
    /// The text; cleartext for a draft. Values of large ones are parts of it.
    pub(crate) source: SharedText,
    /// Where each site stands; only the format that made it reads it.
    pub(crate) layout: Layout,
}

/// Where each site of a document stands in its text: one kind for each format.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Of a YAML text.
    Yaml(yaml::Layout),
    /// Of a JSON text.
    Json(json::Layout),
    /// Of a dotenv text.
    Dotenv(dotenv::Layout),
    /// Of an INI text.
    Ini(ini::Layout),
    /// Of any bytes, or of the envelope that holds them.
    Binary(binary::Layout),
}

/// The metadata branch as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Metadata {
    /// A map, as it should be.
    Branch(Fields),
    /// An entry called `sops` that is no map.
    NotAMap,
}

/// What is shown of a text, like a [`crate::tree::Step`]; lent only for the call. Not `Debug`: it
/// shows cleartext.
pub enum Shown<'t> {
    /// A map begins; the document's top level too.
    EnterMap,
    /// A list begins.
    EnterList,
    /// The innermost open map or list ends.
    Leave,
    /// The next node in a map has this key.
    Key(&'t str),
    /// A string that stands in the text as it is.
    Text(&'t str),
    /// Any other scalar.
    Value(&'t Value),
}

/// What came of a look.
#[derive(Debug)]
pub struct Looked {
    /// Whether `show` said yes to all of it.
    pub agrees: bool,
    /// The metadata branch, if there is one.
    pub metadata: Option<Metadata>,
}

/// What is to be written over a document.
#[derive(Debug, Default)]
pub struct Edits<'v> {
    /// New content of places that the text has; at most one for each.
    pub places: &'v [(Site, Change<'v>)],
    /// What happens to the metadata branch.
    pub metadata: MetadataEdit,
}

/// What a place in the text becomes. Cleartext is lent: it has one keeper, the tree.
#[derive(Debug)]
pub enum Change<'v> {
    /// The alias that makes this copy is written out: what it repeats stands there by itself.
    Expand,
    /// A token, in the style of what stood there.
    Seal(String),
    /// A token that stood without quotes in the sealed file: it does so again where opening it would
    /// give the text that stands there, which holds this value.
    SealBare(String, &'v Value),
    /// A clear value, in the style that the token's own style tells.
    Open(&'v Value),
    /// A clear comment where a sealed one stood, as a comment or as an item of a list.
    OpenComment(&'v SecretBytes),
    /// A comment goes, and what follows it takes its place.
    LeaveOut,
}

/// What becomes of the metadata branch.
#[derive(Debug, Default)]
pub enum MetadataEdit {
    /// It stays.
    #[default]
    Keep,
    /// It goes.
    Remove,
    /// It is written anew at the end of each document.
    Write(Fields),
    /// The same in a text that stays sealed, of which nothing else is touched.
    Rewrite(Fields),
    /// These texts of another document, of [`Format::metadata_blocks`], are put at the end of each
    /// document; where they do not fit, the fields are written anew.
    Place {
        /// One for each document; the first one's for those without.
        blocks: Vec<String>,
        /// The same content.
        fields: Fields,
    },
    /// Texts of these fields are replaced in place; the rest of the branch stays as it is.
    Update(Vec<(&'static str, String)>),
}

/// What is wrong with a text. Positions count from 1; nothing of the content is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct FormatError {
    /// What kind of fault it is; it decides the exit status.
    pub fault: Fault,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The cause, without any content.
    pub reason: String,
}

/// Kinds of faults of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It does not follow the format's grammar.
    Syntax,
    /// Nothing in it.
    Empty,
    /// It is right, but the SOPS format cannot hold it (a key that is no string).
    NotSealable,
    /// It is right, but not supported here yet.
    Unsupported,
    /// What an alias repeats is to be sealed there, too; the alias can be written out.
    Repeated,
    /// An edit would part a value from what an alias repeats.
    Parted,
    /// It cannot be written in this format.
    Unrepresentable,
}

impl Document {
    /// Line and column, from 1, of a site of this document.
    pub fn position(&self, site: Site) -> (usize, usize) {
        match &self.layout {
            Layout::Yaml(layout) => layout.position(&self.source, site),
            Layout::Json(layout) | Layout::Binary(binary::Layout::Envelope(layout)) => {
                layout.position(&self.source, site)
            }
            Layout::Dotenv(layout) => layout.position(&self.source, site),
            Layout::Ini(layout) => layout.position(&self.source, site),
            Layout::Binary(binary::Layout::Whole) => (1, 1),
        }
    }

    /// Whether a scalar stands there without quotes, on its line.
    pub(crate) fn is_bare(&self, site: Site) -> bool {
        match &self.layout {
            Layout::Yaml(layout) => layout.is_bare(&self.source, site),
            _ => false,
        }
    }

    /// Whether a tag says of which type the scalar there is.
    pub(crate) fn is_tagged(&self, site: Site) -> bool {
        match &self.layout {
            Layout::Yaml(layout) => layout.is_tagged(site),
            _ => false,
        }
    }

    /// The line of an entry called `sops` that stands in a document where it cannot be metadata.
    pub fn reserved_entry(&self) -> Option<usize> {
        if self.metadata.is_some() {
            return None;
        }
        match &self.layout {
            Layout::Yaml(layout) => layout.reserved_entry(&self.source),
            _ => None,
        }
    }

    /// Lines of comments that no value is near enough to own; the reference drops them.
    pub fn stray_comments(&self) -> Vec<usize> {
        match &self.layout {
            Layout::Yaml(layout) => layout.stray_comments(&self.source),
            _ => Vec::new(),
        }
    }

    /// Lines of all comments, in the order of the text.
    pub(crate) fn comment_lines(&self) -> Vec<usize> {
        match &self.layout {
            Layout::Yaml(layout) => layout.comment_lines(&self.source),
            _ => Vec::new(),
        }
    }

    /// Lines of comments that the cleartext will not have, because nobody sees them here.
    pub(crate) fn comments_left_out(&self) -> Vec<usize> {
        match &self.layout {
            Layout::Yaml(layout) => layout.comments_left_out(&self.source),
            _ => Vec::new(),
        }
    }

    /// Whether a comment stands there as an item of a list, in a text that has others, too.
    pub(crate) fn is_item(&self, site: Site) -> bool {
        match &self.layout {
            Layout::Yaml(layout) => layout.is_item(site),
            _ => false,
        }
    }

    /// The alias that a site is a copy of, by the byte where it begins.
    pub(crate) fn alias(&self, site: Site) -> Option<usize> {
        match &self.layout {
            Layout::Yaml(layout) => layout.alias(site),
            _ => None,
        }
    }

    /// The text as it was read.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The same, when nothing else of the document is wanted any more.
    pub(crate) fn into_source(self) -> Zeroizing<Vec<u8>> {
        let Self { tree, source, .. } = self;
        drop(tree);
        SharedText::try_unwrap(source).unwrap_or_else(|source| Zeroizing::clone(&source))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("tree", &self.tree)
            .finish_non_exhaustive()
    }
}

/// A fault of a text that is yet to be written.
fn unrepresentable(reason: &str) -> FormatError {
    FormatError {
        fault: Fault::Unrepresentable,
        line: 1,
        column: 1,
        reason: reason.to_owned(),
    }
}

/// The format of a name: by its ending. `None` is what the reference calls binary.
pub fn by_extension(name: &str) -> Option<&'static dyn Format> {
    FORMATS
        .iter()
        .find(|format| {
            format
                .extensions()
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .copied()
}

/// The format of a file's name: by its ending, else binary.
pub fn of_name(name: &str) -> &'static dyn Format {
    by_extension(name).unwrap_or(&binary::Binary)
}

/// The format of a word of `--input-type`.
pub fn by_name(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().find(|format| format.name() == name).copied()
}

//! The states of a document: [`Draft`] → [`Opened`] ⇄ [`Sealed`].
//!
//! Sealing twice, and printing an opened document by accident, do not compile. Not async: the
//! caller gets a data key from `keys` and hands it over. The surprise: an opened document keeps
//! every token that it was read from, so that an unchanged value keeps its ciphertext.

mod ahead;
mod align;
mod bare;
mod clear;
mod cleartext;
mod convert;
mod cores;
mod coverage;
mod draft;
mod expand;
mod finish;
mod layout;
mod look_back;
mod lost;
pub mod merge;
mod open;
mod pass;
mod renew;
mod reuse;
mod seal;
mod set;
mod strays;
mod tokens;

pub use cleartext::Clear;
pub use convert::Converted;
pub use coverage::Uncovered;
pub use open::OpenOptions;
pub use renew::Reselected;
pub use reuse::Changes;
pub use seal::{Counts, Text};
pub use set::Edit;
pub use tokens::Tokens;

use std::collections::HashSet;
use std::fmt;

use zeroize::Zeroizing;

use crate::cipher::{CipherError, TokenError};
use crate::error::{Code, Error, quoted};
use crate::format::{Document, Edits, Fault, Format, FormatError, MetadataEdit};
use crate::metadata::{Metadata, MetadataError, Rule};
use crate::tree::{Path, Site, Tree};
use coverage::uncovered;
use layout::Layout;

/// Cleartext that was never sealed.
#[derive(Debug)]
pub struct Draft {
    document: Document,
    format: &'static dyn Format,
    /// The text as it was handed over, where the document is of another one: aliases were written out.
    original: Option<Zeroizing<Vec<u8>>>,
}

/// A sealed file, unopened.
#[derive(Debug)]
pub struct Sealed {
    document: Document,
    format: &'static dyn Format,
    metadata: Metadata,
}

/// A sealed file whose values are known and whose MAC agreed.
#[derive(Debug)]
pub struct Opened {
    document: Document,
    format: &'static dyn Format,
    metadata: Metadata,
    /// What each sealed place said in the file.
    tokens: Tokens,
    /// Places whose value has changed since.
    changed: HashSet<Site>,
    /// Paths of the first document that were given another value.
    set: Vec<Path>,
    /// What a reader should know.
    pub warnings: Vec<Warning>,
    /// Lines of comments that were sealed for another place than theirs.
    misplaced: Vec<usize>,
    /// The layout of the clear text that the file keeps, if it fits.
    layout: Option<Layout>,
}

/// Something tolerated on reading and refused on writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Line, from 1.
    pub line: usize,
    /// What was found.
    pub what: &'static str,
}

/// Why a document cannot change its state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The text is wrong.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The metadata is wrong.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// There is no metadata.
    #[error("it is not sealed: it has no metadata (an entry called 'sops')")]
    NotSealed,
    /// There is metadata already.
    #[error("it is sealed already, or has an entry called 'sops' of its own")]
    AlreadySealed,
    /// A later document has an entry of the metadata's name.
    #[error("line {0}: 'sops' is a reserved key; rename it")]
    Reserved(usize),
    /// A value does not open.
    #[error("line {line}: the value at {path} does not open: {cause}")]
    Value {
        /// Line, from 1.
        line: usize,
        /// Where it stands in the tree.
        path: Path,
        /// Why.
        cause: TokenError,
    },
    /// A value in clear, or of a type that no token has, where a token should stand.
    #[error("line {line}: the value at {path} is not sealed, but the file's rule says that it is")]
    ClearValue {
        /// Line, from 1.
        line: usize,
        /// Where it stands in the tree.
        path: Path,
    },
    /// The MAC is missing, does not open or does not agree.
    #[error("the MAC {0}: the file was changed without its data key")]
    Mac(&'static str),
    /// A rule that selects nothing.
    #[error("the rule {field}: {argument} selects no value, so the file would stay in clear")]
    NothingSelected {
        /// The rule's field.
        field: &'static str,
        /// The suffix or pattern.
        argument: String,
    },
    /// A comment that cannot be sealed where it stands.
    #[error("line {0}: a comment here would be lost by other tools; move it to a line above a key")]
    StrayComment(usize),
    /// An alias repeats comments that decide what is sealed.
    #[error(
        "line {0}: comments of what this alias repeats decide what is sealed; write the copy out with them"
    )]
    CommentOfAlias(usize),
    /// A change beside a comment that stands in the layout only, which cannot keep it any more.
    #[error(
        "a comment that only its layout keeps would be lost by this change; move it to a line above a \
         key first, with edit"
    )]
    KeptComment,
    /// A sealed comment would change which values are sealed.
    #[error("line {0}: this comment, once sealed, would match unencrypted_comment_regex")]
    MisleadingComment(usize),
    /// Something that is tolerated on reading only.
    #[error("line {line}: {what}; it is not safe to write this file")]
    NotWritable {
        /// Line, from 1.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// A path that leads nowhere or to something that cannot be replaced.
    #[error("{path} {problem}")]
    Path {
        /// The path.
        path: Path,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Another format holds one document only.
    #[error("line {line}: {format} holds one document, and another one begins here")]
    Documents {
        /// Where the second one begins, from 1.
        line: usize,
        /// The other format.
        format: &'static str,
    },
    /// Another format cannot hold a value.
    #[error("line {line}: the value at {path}: {reason}")]
    Unwritable {
        /// Line, from 1.
        line: usize,
        /// Where it stands in the tree.
        path: Path,
        /// Why, without any content.
        reason: &'static str,
    },
    /// Another format cannot hold what the file holds.
    #[error("it cannot be written as {format}: {reason}")]
    Shape {
        /// The other format.
        format: &'static str,
        /// Why, without any content.
        reason: String,
    },
    /// A value or a path that the file's format does not have.
    #[error("{path}: {reason}")]
    Unfit {
        /// The path.
        path: Path,
        /// Why, without any content.
        reason: String,
    },
    /// A new value that the file's rule would leave in clear.
    #[error("{} would stay in clear under the file's rule", listed(.0))]
    WouldStayClear(Vec<Path>),
    /// Two versions of it that no text holds both of.
    #[error("the changes of both versions cannot be put into one text; a person has to merge them")]
    Unmergeable,
    /// What is sealed in a version of it would stand in clear in the merged file.
    #[error("{} sealed in one version, and the merged file would have it in clear", opened(.0))]
    WouldOpen(Vec<Path>),
    /// Recipients that were changed in the text cannot be sealed for.
    #[error("{0}")]
    Recipients(String),
    /// Sealing failed.
    #[error("cannot seal: {0}")]
    Cipher(TokenError),
    /// The text just written does not hold what it should.
    #[error("the text just made does not read back as it should; nothing was written or printed")]
    SelfCheck,
}

impl From<CipherError> for EnvelopeError {
    fn from(error: CipherError) -> Self {
        Self::Cipher(error.into())
    }
}

impl EnvelopeError {
    /// As an error about a file; `reading` a sealed one, or else a clear one.
    pub fn about(self, file: &str, reading: bool) -> Error {
        let verb = match &self {
            Self::Path { .. } | Self::Unfit { .. } => "set a value of",
            Self::Documents { .. } | Self::Unwritable { .. } | Self::Shape { .. } => "convert",
            Self::Unmergeable | Self::WouldOpen(_) => "merge",
            _ if reading => "open",
            _ => "seal",
        };
        let code = match &self {
            Self::Format(fault) => match fault.fault {
                Fault::Empty => Code::Empty,
                Fault::NotSealable | Fault::Repeated | Fault::Parted if !reading => Code::Encrypt,
                Fault::Unrepresentable => Code::Unrepresentable,
                _ if reading => Code::Failed,
                _ => Code::Input,
            },
            Self::AlreadySealed => Code::AlreadySealed,
            Self::Reserved(_)
            | Self::Documents { .. }
            | Self::Unwritable { .. }
            | Self::Unfit { .. }
            | Self::Shape { .. } => Code::Unrepresentable,
            Self::Value { .. } | Self::ClearValue { .. } => Code::Token,
            Self::Mac(_) => Code::Mac,
            Self::NothingSelected { .. } | Self::WouldStayClear(_) => Code::Encrypt,
            Self::Path { .. } => Code::SetValue,
            _ => Code::Failed,
        };
        let error = Error::new(code, format!("cannot {verb} {file}: {self}"));
        let file = quoted(file);
        match self {
            Self::Format(FormatError {
                fault: Fault::Repeated,
                ..
            }) => error.hint(
                "clsecrets encrypt --expand-aliases …    # writes the copy out in place of the alias",
            ),
            Self::NotSealed => error.hint(format!("clsecrets encrypt -i {file}")),
            Self::AlreadySealed => error.hint(format!("clsecrets decrypt {file}")),
            Self::Mac(_) => error
                .hint(format!(
                    "git log -p -- {file}    # find the last commit that is sound"
                ))
                .hint(format!(
                    "clsecrets decrypt --ignore-mac {file}    # and look at every value"
                )),
            Self::Value { .. } => error.hint(format!(
                "git log -p -- {file}    # find the last commit that is sound"
            )),
            Self::ClearValue { path, .. } => error
                .hint(format!(
                    "git checkout -- {file}    # puts the sealed value back"
                ))
                .hint(format!(
                    "clsecrets set {file} {} --prompt    # to change it",
                    quoted(&path.to_string())
                )),
            Self::NothingSelected { .. } => {
                error.hint("correct the rule, or pass --allow-cleartext if that is meant")
            }
            Self::WouldStayClear(_) => error.hint(
                "pass --allow-cleartext if that is meant, or choose a key that the rule names",
            ),
            Self::NotWritable { .. } => error
                .hint(format!(
                    "clsecrets decrypt {file}    # and look at that line"
                ))
                .hint("then seal the cleartext anew: clsecrets encrypt"),
            Self::Documents { .. } => {
                error.hint("pass --first-document to take that one and leave the others out")
            }
            Self::Unwritable { .. } | Self::Shape { .. } => {
                error.hint("choose another format with --output-type, or leave it away")
            }
            Self::SelfCheck => error.hint("please report this, without any secret"),
            _ => error,
        }
    }
}

impl Draft {
    /// Reads cleartext; what has metadata already is refused.
    pub fn parse(
        format: &'static dyn Format,
        text: Zeroizing<Vec<u8>>,
    ) -> Result<Self, EnvelopeError> {
        let document = format.parse_clear(text)?;
        if document.metadata.is_some() {
            return Err(EnvelopeError::AlreadySealed);
        }
        if let Some(line) = document.reserved_entry() {
            return Err(EnvelopeError::Reserved(line));
        }
        Ok(Self {
            document,
            format,
            original: None,
        })
    }

    /// Reads cleartext that has metadata, which a person may have edited; both apart.
    pub fn parse_with_metadata(
        format: &'static dyn Format,
        text: Zeroizing<Vec<u8>>,
    ) -> Result<(Self, Metadata), EnvelopeError> {
        let sealed = Sealed::parse(format, text)?;
        let edits = Edits {
            metadata: MetadataEdit::Remove,
            ..Edits::default()
        };
        let text = format.apply(&sealed.document, &edits)?;
        Ok((Self::parse(format, text)?, sealed.metadata))
    }

    /// What it holds.
    pub fn tree(&self) -> &Tree {
        &self.document.tree
    }

    /// The text that was handed over.
    fn wanted(&self) -> &[u8] {
        match &self.original {
            Some(original) => original,
            None => self.document.source(),
        }
    }

    /// The line of a place, from 1.
    pub fn line(&self, site: Site) -> usize {
        self.document.position(site).0
    }

    /// The format that it is written in.
    pub fn format(&self) -> &'static dyn Format {
        self.format
    }
}

impl Sealed {
    /// Reads a sealed text.
    pub fn parse(
        format: &'static dyn Format,
        text: Zeroizing<Vec<u8>>,
    ) -> Result<Self, EnvelopeError> {
        let mut document = format.parse(text)?;
        let fields = match document.metadata.take() {
            None => return Err(EnvelopeError::NotSealed),
            Some(crate::format::Metadata::Branch(fields)) => fields,
            Some(crate::format::Metadata::NotAMap) => {
                return Err(MetadataError::Field {
                    field: String::new(),
                    problem: "is no map",
                }
                .into());
            }
        };
        Ok(Self {
            document,
            format,
            metadata: Metadata::parse(fields)?,
        })
    }

    /// Who can open it, and how.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What its rule leaves in clear although another one seals it. A sealed text shows that as well as
    /// an opened one: keys are in clear, and so are the comments that leave something in clear.
    pub fn uncovered(&self, ruled: &Rule) -> Uncovered {
        uncovered(&self.document.tree, &self.metadata.rule, ruled)
    }
}

impl Opened {
    /// What it holds, in clear.
    pub fn tree(&self) -> &Tree {
        &self.document.tree
    }

    /// Who can open it, and how.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The sealed text that it was read from.
    pub fn sealed_text(&self) -> &[u8] {
        self.document.source()
    }

    /// Whether a document of it has something at a path.
    fn has(&self, path: &Path) -> bool {
        let documents = &self.document.tree.documents;
        documents.iter().any(|document| document.at(path).is_some())
    }

    /// The line of a place, from 1.
    pub fn line(&self, site: Site) -> usize {
        self.document.position(site).0
    }

    /// Whether a value was sealed in the file; its key is then as whoever sealed it wrote it.
    pub fn was_sealed(&self, site: Site) -> bool {
        self.tokens.has(site)
    }

    /// The format that it is written in.
    pub fn format(&self) -> &'static dyn Format {
        self.format
    }
}

fn listed(paths: &[Path]) -> String {
    let paths: Vec<String> = paths.iter().map(Path::to_string).collect();
    paths.join(", ")
}

fn opened(paths: &[Path]) -> String {
    match paths {
        [] => "a comment is".to_owned(),
        [one] => format!("{one} is"),
        several => format!("{} are", listed(several)),
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

//! YAML text to tokens with byte offsets: the one module that names the scanner crate.
//!
//! The scanner owns the lexical rules of YAML; grammar, comments and types are ours. The surprise:
//! some tokens stand for nothing in the text ([`Token::is_virtual`]): the start of a block mapping
//! becomes known only at the `:` behind its first key, and its end at the next dedented token.

use granit_parser::{
    ErrorKind, Options, ScalarStyle, ScanError, Scanner, StrInput, Token as Scanned, TokenType,
};
use zeroize::Zeroizing;

use super::super::{Fault, FormatError};
use super::breaks;
use super::differences::Differences;
use super::extents::{Block, Extents};
use super::lines::position;

/// One token: `start..end` are bytes of the text.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a token is.
#[derive(Debug)]
pub(super) enum Kind {
    Directive {
        is_version_1_1: bool,
    },
    /// `%TAG`: a handle and what it stands for.
    TagDirective {
        handle: String,
        prefix: String,
    },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    /// Without a brace in the text when a pair stands alone in a flow sequence.
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias {
        name: String,
    },
    Anchor {
        name: String,
    },
    Tag {
        handle: String,
        suffix: String,
    },
    Scalar {
        style: Style,
        text: Zeroizing<String>,
        block: Option<Block>,
    },
    StreamEnd,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

impl Style {
    /// Whether its text stands on lines of its own below a header.
    pub(super) fn is_block(self) -> bool {
        matches!(self, Self::Literal | Self::Folded)
    }
}

/// Levels of nesting that are read; the walk is recursive, so this bounds its stack.
pub(super) const DEPTH_LIMIT: usize = 400;

/// Splits a text; with the first tab that the reference does not take.
pub(super) fn tokens(text: &str) -> Result<(Vec<Token>, Option<usize>), FormatError> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.block_scalar_eof_without_line_feed = true;
    options.block_nesting_limit = DEPTH_LIMIT;
    options.flow_nesting_limit = DEPTH_LIMIT;
    let mut found: Vec<Token> = Vec::with_capacity(text.len() / 16);
    let masked = breaks::masked(text);
    let scanned_text = masked.as_ref().map_or(text, |masked| masked.as_str());
    let mut extents = Extents::new(scanned_text);
    let mut differences = Differences::new(text);
    for scanned in Scanner::with_options(StrInput::new(scanned_text), options) {
        let scanned = scanned.map_err(|error| fault(text, &error))?;
        if let Some(mut token) = token(text, scanned)? {
            extents.mend(&mut token);
            differences.check(&token, found.last())?;
            found.push(token);
        }
    }
    if masked.is_some() {
        breaks::read(text, &mut found)?;
    }
    Ok((found, differences.tab))
}

fn token(text: &str, scanned: Scanned<'_>) -> Result<Option<Token>, FormatError> {
    let (span, kind) = scanned.into_parts();
    let offsets = span.start.byte_offset().zip(span.end.byte_offset());
    let (start, end) = offsets.unwrap_or((text.len(), text.len()));
    let kind = match kind {
        TokenType::StreamEnd => {
            return Ok(Some(Token {
                kind: Kind::StreamEnd,
                start: text.len(),
                end: text.len(),
            }));
        }
        TokenType::VersionDirective(major, minor) => Kind::Directive {
            is_version_1_1: (major, minor) == (1, 1),
        },
        TokenType::TagDirective(handle, prefix) => Kind::TagDirective {
            handle: handle.into_owned(),
            prefix: prefix.into_owned(),
        },
        TokenType::ReservedDirective(..) => {
            let reason = "a directive other than %YAML and %TAG";
            return Err(FormatError::at(text, start, Fault::Unsupported, reason));
        }
        TokenType::DocumentStart => Kind::DocumentStart,
        TokenType::DocumentEnd => Kind::DocumentEnd,
        TokenType::BlockSequenceStart => Kind::BlockSequenceStart,
        TokenType::BlockMappingStart => Kind::BlockMappingStart,
        TokenType::BlockEnd => Kind::BlockEnd,
        TokenType::FlowSequenceStart => Kind::FlowSequenceStart,
        TokenType::FlowSequenceEnd => Kind::FlowSequenceEnd,
        TokenType::FlowMappingStart => Kind::FlowMappingStart,
        TokenType::FlowMappingEnd => Kind::FlowMappingEnd,
        TokenType::BlockEntry => Kind::BlockEntry,
        TokenType::FlowEntry => Kind::FlowEntry,
        TokenType::Key => Kind::Key,
        TokenType::Value => Kind::Value,
        TokenType::Alias(name) => Kind::Alias {
            name: anchor_name(text, start, &name)?,
        },
        TokenType::Anchor(name) => Kind::Anchor {
            name: anchor_name(text, start, &name)?,
        },
        TokenType::Tag(handle, suffix) => Kind::Tag {
            handle: handle.into_owned(),
            suffix: suffix.into_owned(),
        },
        TokenType::Scalar(style, value) => {
            let text = Zeroizing::new(value.into_owned());
            Kind::Scalar {
                style: style_of(style),
                text,
                block: None,
            }
        }
        // The start of the stream; and comments, which are read from the gaps between tokens, with rules of their own.
        _ => return Ok(None),
    };
    Ok(Some(Token { kind, start, end }))
}

/// Names that every reader takes: YAML 1.2 allows more, the reference does not.
fn anchor_name(text: &str, start: usize, name: &str) -> Result<String, FormatError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.chars().all(is_fit) {
        return Ok(name.to_owned());
    }
    let reason = "an anchor's name has letters, digits, '-' and '_' only";
    Err(FormatError::at(text, start, Fault::Unsupported, reason))
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn fault(text: &str, error: &ScanError) -> FormatError {
    let at = error.marker().byte_offset().unwrap_or(text.len());
    // One message of the scanner quotes a character, which could be one of a value.
    let reason = match error.kind() {
        ErrorKind::UnexpectedCharacter { .. } => "unexpected character".to_owned(),
        kind => kind.to_string(),
    };
    let (line, column) = position(text.as_bytes(), at);
    FormatError {
        fault: Fault::Syntax,
        line,
        column,
        reason,
    }
}

impl Token {
    /// Whether it stands for nothing in the text.
    pub(super) fn is_virtual(&self) -> bool {
        match self.kind {
            Kind::BlockSequenceStart | Kind::BlockMappingStart | Kind::BlockEnd => true,
            Kind::Key | Kind::FlowMappingStart | Kind::FlowMappingEnd => self.start == self.end,
            _ => false,
        }
    }
}

impl FormatError {
    /// A fault at a byte of a text.
    pub(super) fn at(text: &str, offset: usize, fault: Fault, reason: &str) -> Self {
        let (line, column) = position(text.as_bytes(), offset);
        Self {
            fault,
            line,
            column,
            reason: reason.to_owned(),
        }
    }
}

//! Tokens to nodes, with the comments that each node takes.
//!
//! The grammar is that of YAML's block and flow collections; what is not supported yet is refused
//! with its line. The surprise: a node takes what is pending when its first token is *looked at*,
//! so the order of looking is part of the rules (go.yaml.in/yaml/v3 3.0.4).

use std::ops::Range;

use super::super::{Fault, FormatError};
use super::anchors::Anchors;
use super::comments::{Attached, Role, attach};
use super::extents::Block;
use super::tokens::{DEPTH_LIMIT, Kind, Style, Token, tokens};
use zeroize::Zeroizing;

/// A node of the text with its comments, as indexes into [`Parsed::comments`].
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) content: Content,
    /// The whole node without properties.
    pub(super) span: Range<usize>,
    /// An explicit tag: its text and where it stands.
    pub(super) tag: Option<(String, Range<usize>)>,
    /// The number of its anchor, as [`Content::Alias`] names it.
    pub(super) anchor: Option<usize>,
    pub(super) head: Vec<usize>,
    pub(super) line: Vec<usize>,
    pub(super) foot: Vec<usize>,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Content {
    Scalar {
        style: Style,
        text: Zeroizing<String>,
        block: Option<Block>,
    },
    /// Nothing stands there.
    Absent,
    /// The node with this anchor, once more.
    Alias {
        anchor: usize,
    },
    Map {
        pairs: Vec<(Raw, Raw)>,
        is_flow: bool,
    },
    List {
        items: Vec<Raw>,
        is_flow: bool,
    },
}

/// One document of a text.
#[derive(Debug)]
pub(super) struct RawDocument {
    pub(super) root: Raw,
    /// Where a block that is appended goes: before `...`, the next `---`, or the end.
    pub(super) end: usize,
    pub(super) foot: Vec<usize>,
    /// A directive before it that the reference does not read.
    pub(super) odd_version: Option<usize>,
}

/// A text taken apart.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) documents: Vec<RawDocument>,
    /// From `#` to the end of the line.
    pub(super) comments: Vec<Range<usize>>,
    /// The first tab that the reference does not take.
    pub(super) tab: Option<usize>,
    /// How many anchors there are.
    pub(super) anchors: usize,
}

/// Takes a text apart.
pub(super) fn parse(text: &str) -> Result<Parsed, FormatError> {
    let (tokens, tab) = tokens(text)?;
    let attached = attach(text, &tokens);
    let mut parser = Parser::new(text, tokens, attached);
    let documents = parser.stream()?;
    Ok(Parsed {
        documents,
        tab,
        anchors: parser.anchors.count(),
        comments: parser.attached.spans,
    })
}

/// Tokens under way to nodes.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    attached: Attached,
    next_run: usize,
    next_block_end: usize,
    pub(super) head: Vec<usize>,
    line: Vec<usize>,
    foot: Vec<usize>,
    /// Heads of a dash that go to the whole collection behind it.
    pub(super) stem: Vec<usize>,
    depth: usize,
    anchors: Anchors,
    /// What `%TAG` lets handles stand for in this document.
    handles: Vec<(String, String)>,
}

/// What the grammar asks of the next token; an owned copy, so that looking does not borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Directive,
    DocumentStart,
    DocumentEnd,
    BlockSequence,
    BlockMapping,
    BlockEnd,
    FlowSequence,
    FlowSequenceEnd,
    FlowMapping,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Property,
    Scalar,
    End,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, tokens: Vec<Token>, attached: Attached) -> Self {
        Self {
            text,
            tokens: tokens.into_iter().peekable(),
            attached,
            next_run: 0,
            next_block_end: 0,
            head: Vec::new(),
            line: Vec::new(),
            foot: Vec::new(),
            stem: Vec::new(),
            depth: 0,
            anchors: Anchors::default(),
            handles: Vec::new(),
        }
    }

    /// Looks at the next token and takes the comments that wait for it.
    pub(super) fn peek(&mut self) -> Next {
        let Some(token) = self.tokens.peek() else {
            return Next::End;
        };
        let next = match token.kind {
            Kind::Directive { .. } | Kind::TagDirective { .. } => Next::Directive,
            Kind::DocumentStart => Next::DocumentStart,
            Kind::DocumentEnd => Next::DocumentEnd,
            Kind::BlockSequenceStart => Next::BlockSequence,
            Kind::BlockMappingStart => Next::BlockMapping,
            Kind::BlockEnd => Next::BlockEnd,
            Kind::FlowSequenceStart => Next::FlowSequence,
            Kind::FlowSequenceEnd => Next::FlowSequenceEnd,
            Kind::FlowMappingStart => Next::FlowMapping,
            Kind::FlowMappingEnd => Next::FlowMappingEnd,
            Kind::BlockEntry => Next::BlockEntry,
            Kind::FlowEntry => Next::FlowEntry,
            Kind::Key => Next::Key,
            Kind::Value => Next::Value,
            Kind::Alias { .. } => Next::Alias,
            Kind::Anchor { .. } | Kind::Tag { .. } => Next::Property,
            Kind::Scalar { .. } => Next::Scalar,
            Kind::StreamEnd => Next::End,
        };
        let start = match next {
            Next::BlockEnd => self
                .attached
                .block_ends
                .get(self.next_block_end)
                .copied()
                .unwrap_or(token.start),
            _ => token.start,
        };
        while let Some(run) = self.attached.runs.get(self.next_run) {
            if start < run.anchor || (run.role == Role::Head && next == Next::BlockEnd) {
                break;
            }
            match run.role {
                Role::Head => self.head.extend(run.lines.clone()),
                Role::Line => self.line.extend(run.lines.clone()),
                Role::Foot => self.foot.extend(run.lines.clone()),
            }
            self.next_run += 1;
        }
        next
    }

    pub(super) fn take(&mut self) -> Option<Token> {
        let token = self.tokens.next();
        if matches!(
            token,
            Some(Token {
                kind: Kind::BlockEnd,
                ..
            })
        ) {
            self.next_block_end += 1;
        }
        token
    }

    /// Where the next token stands.
    pub(super) fn offset(&mut self) -> usize {
        self.tokens
            .peek()
            .map_or(self.text.len(), |token| token.start)
    }

    pub(super) fn refuse<T>(&mut self, fault: Fault, reason: &str) -> Result<T, FormatError> {
        let at = self.offset();
        Err(FormatError::at(self.text, at, fault, reason))
    }

    /// A node that takes the pending comments.
    pub(super) fn node(&mut self, content: Content, span: Range<usize>) -> Raw {
        self.stem.clear();
        Raw {
            content,
            span,
            tag: None,
            anchor: None,
            head: std::mem::take(&mut self.head),
            line: std::mem::take(&mut self.line),
            foot: std::mem::take(&mut self.foot),
        }
    }

    fn stream(&mut self) -> Result<Vec<RawDocument>, FormatError> {
        let mut documents = Vec::new();
        loop {
            let mut next = self.peek();
            while next == Next::DocumentEnd && !documents.is_empty() {
                self.take();
                next = self.peek();
            }
            if next == Next::End {
                return Ok(documents);
            }
            documents.push(self.document(documents.is_empty())?);
        }
    }

    fn document(&mut self, is_first: bool) -> Result<RawDocument, FormatError> {
        let mut is_explicit = !is_first;
        let mut odd_version = None;
        self.anchors.next_document();
        self.handles.clear();
        while self.peek() == Next::Directive {
            is_explicit = true;
            match self.take() {
                Some(Token {
                    kind: Kind::TagDirective { handle, prefix },
                    ..
                }) => self.handles.push((handle, prefix)),
                Some(Token {
                    kind:
                        Kind::Directive {
                            is_version_1_1: false,
                        },
                    start,
                    ..
                }) => odd_version = Some(start),
                _ => {}
            }
        }
        let has_start = self.peek() == Next::DocumentStart;
        if has_start {
            self.take();
        } else if is_explicit {
            return self.refuse(Fault::Syntax, "expected '---'");
        }
        let root = match self.peek() {
            Next::DocumentEnd if !has_start => {
                return self.refuse(Fault::Syntax, "'...' ends a document, and there is none");
            }
            Next::Directive | Next::DocumentStart | Next::DocumentEnd | Next::End => {
                let at = self.offset();
                absent(at)
            }
            _ => self.value(true, false)?,
        };
        let next = self.peek();
        let end = match next {
            Next::End => self.text.len(),
            Next::Directive | Next::DocumentStart | Next::DocumentEnd => self.offset(),
            _ => return self.refuse(Fault::Syntax, "expected the end of the document"),
        };
        if next == Next::DocumentEnd {
            self.take();
        }
        let mut foot = std::mem::take(&mut self.foot);
        if foot.is_empty() {
            foot = std::mem::take(&mut self.head);
        }
        self.head.clear();
        self.line.clear();
        self.stem.clear();
        Ok(RawDocument {
            root,
            end,
            foot,
            odd_version,
        })
    }

    pub(super) fn value(
        &mut self,
        in_block: bool,
        may_be_indentless: bool,
    ) -> Result<Raw, FormatError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return self.refuse(Fault::Unsupported, "nested too deeply");
        }
        let (mut tag, mut anchor) = (None, None);
        let mut next = self.peek();
        while next == Next::Property {
            if let Some(token) = self.take() {
                let span = token.start..token.end;
                match token.kind {
                    Kind::Tag { handle, suffix } if tag.is_none() => {
                        tag = Some((self.tag(&handle, &suffix), span));
                    }
                    Kind::Anchor { name } if anchor.is_none() => {
                        anchor = Some(self.anchors.begin(name));
                    }
                    _ => return self.refuse(Fault::Syntax, "a second tag or anchor"),
                }
            }
            next = self.peek();
        }
        let mut node = match next {
            Next::Alias if tag.is_some() || anchor.is_some() => {
                return self.refuse(Fault::Syntax, "an alias with a tag or an anchor");
            }
            Next::Alias => self.alias()?,
            Next::BlockEntry if may_be_indentless => self.indentless_list()?,
            Next::Scalar => self.scalar()?,
            Next::FlowSequence => self.flow_list()?,
            Next::FlowMapping => self.flow_map()?,
            Next::BlockSequence if in_block => self.block_list()?,
            Next::BlockMapping if in_block => self.block_map()?,
            _ if tag.is_some() || anchor.is_some() => {
                let at = self.offset();
                absent(at)
            }
            _ => return self.refuse(Fault::Syntax, "expected a value"),
        };
        node.tag = tag;
        node.anchor = anchor;
        if let Some(anchor) = anchor {
            self.anchors.end(anchor);
        }
        self.depth -= 1;
        Ok(node)
    }

    /// A tag as the reference compares it: `!!name` for those of YAML itself.
    fn tag(&self, handle: &str, suffix: &str) -> String {
        let known = self.handles.iter().rev().find(|(known, _)| known == handle);
        let whole = match known {
            Some((_, prefix)) => format!("{prefix}{suffix}"),
            None => format!("{handle}{suffix}"),
        };
        match whole.strip_prefix("tag:yaml.org,2002:") {
            Some(name) => format!("!!{name}"),
            None => whole,
        }
    }

    fn alias(&mut self) -> Result<Raw, FormatError> {
        match self.take() {
            Some(Token {
                kind: Kind::Alias { name },
                start,
                end,
            }) => match self.anchors.find(&name) {
                Ok(anchor) => Ok(self.node(Content::Alias { anchor }, start..end)),
                Err(reason) => Err(FormatError::at(self.text, start, Fault::Syntax, reason)),
            },
            _ => self.refuse(Fault::Syntax, "expected a value"),
        }
    }

    fn scalar(&mut self) -> Result<Raw, FormatError> {
        match self.take() {
            Some(Token {
                kind: Kind::Scalar { style, text, block },
                start,
                end,
            }) => Ok(self.node(Content::Scalar { style, text, block }, start..end)),
            _ => self.refuse(Fault::Syntax, "expected a value"),
        }
    }

    /// What stands behind an indicator: nothing, if the next token ends it.
    pub(super) fn value_or_absent(
        &mut self,
        ends: &[Next],
        block: bool,
    ) -> Result<Raw, FormatError> {
        if ends.contains(&self.peek()) {
            let at = self.offset();
            return Ok(absent(at));
        }
        self.value(block, block && ends.contains(&Next::Key))
    }
}

/// A node without text, where a value could stand; it takes no comments.
pub(super) fn absent(at: usize) -> Raw {
    Raw {
        content: Content::Absent,
        span: at..at,
        tag: None,
        anchor: None,
        head: Vec::new(),
        line: Vec::new(),
        foot: Vec::new(),
    }
}

//! Which comments belong to which token: the rules of go-yaml v3, the reference's reader.
//!
//! Pure: tokens and text in, attached comments out. Where a comment ends up decides the path that
//! is bound into its ciphertext. A run of comment lines before a token is its *head*; behind a
//! token on the same line, its *line* comment; set off by an empty line or a smaller indentation,
//! the *foot* of what stands before. Rules measured on go.yaml.in/yaml/v3 3.0.4.

use super::lines::{BYTE_ORDER_MARK, line_start};
use super::tokens::{Kind, Token};

/// How a run of comments relates to the token it is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Head,
    Line,
    Foot,
}

/// A run of comment lines with the place from which a token takes it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) role: Role,
    /// The first token that starts here or later takes the run.
    pub(super) anchor: usize,
    /// Indexes into [`Attached::spans`].
    pub(super) lines: std::ops::Range<usize>,
    start_column: usize,
    scan_start: usize,
    scan_end: usize,
}

/// All comments of a text.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// From `#` to the end of the line, in the order of the text.
    pub(super) spans: Vec<std::ops::Range<usize>>,
    /// In the order in which tokens take them.
    pub(super) runs: Vec<Run>,
    /// For each end of a block collection, in the order of the tokens: where it counts as standing.
    pub(super) block_ends: Vec<usize>,
}

/// Finds and attaches the comments of a text.
pub(super) fn attach(text: &str, tokens: &[Token]) -> Attached {
    let mut scan = Scan::new(text.as_bytes());
    let mut last: Option<&Token> = None;
    let mut before_last: Option<&Token> = None;
    let mut ends = 0;
    // Tokens without text take effect together with the next token that has one.
    let mut opened = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::BlockEnd => ends += 1,
            Kind::BlockMappingStart | Kind::BlockSequenceStart => opened.push(token.start),
            _ if token.is_virtual() => {}
            _ => {
                scan.gap(last, before_last);
                scan.close_blocks(ends);
                ends = 0;
                scan.enter(token, &opened, last);
                opened.clear();
                before_last = last;
                last = Some(token);
            }
        }
    }
    scan.close_blocks(ends);
    scan.attached
}

/// A reader of the text between tokens.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    /// Line ends since the last character that is no blank.
    newlines: usize,
    indents: Vec<usize>,
    flow_level: usize,
    gap_start: usize,
    attached: Attached,
}

/// Blanks and empty lines that the reference looks ahead for more comments.
const LOOK_AHEAD: usize = 512;

impl<'a> Scan<'a> {
    fn new(text: &'a [u8]) -> Self {
        let start = if text.starts_with(BYTE_ORDER_MARK) {
            3
        } else {
            0
        };
        Self {
            text,
            at: start,
            line: 0,
            line_start: start,
            newlines: 0,
            indents: Vec::new(),
            flow_level: 0,
            gap_start: 0,
            attached: Attached::default(),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn column(&self) -> usize {
        self.at - self.line_start
    }

    /// Goes over one line end.
    fn skip_line(&mut self) {
        let crlf = self.byte(self.at) == Some(b'\r') && self.byte(self.at + 1) == Some(b'\n');
        self.at += if crlf { 2 } else { 1 };
        self.line += 1;
        self.line_start = self.at;
        self.newlines += 1;
    }

    fn is_break(byte: Option<u8>) -> bool {
        matches!(byte, Some(b'\n' | b'\r'))
    }

    /// Reads what stands between the last token and the next.
    fn gap(&mut self, last: Option<&Token>, before_last: Option<&Token>) {
        self.gap_start = self.at;
        let (scan_start, scan_line) = (self.at, self.line);
        loop {
            while matches!(self.byte(self.at), Some(b' ' | b'\t')) {
                self.at += 1;
            }
            if self.byte(self.at) == Some(b'#') {
                self.own_lines(last, before_last, scan_start, scan_line);
            }
            if !Self::is_break(self.byte(self.at)) {
                return;
            }
            self.skip_line();
        }
    }

    /// The block collections that the next token's column ends. Each end moves back before
    /// comments that stand at the indentation of the block around it.
    fn close_blocks(&mut self, count: usize) {
        let mut mark = self.gap_start.checked_sub(1);
        for _ in 0..count {
            let indent = self.indents.pop().unwrap_or_default();
            let mut stop = mark;
            for run in self.attached.runs.iter().rev() {
                if stop.is_some_and(|stop| run.scan_end < stop) {
                    break;
                }
                if run.start_column == indent + 1 {
                    mark = Some(run.first(&self.attached.spans));
                }
                stop = Some(run.scan_start);
            }
            self.attached.block_ends.push(mark.unwrap_or_default());
        }
    }

    /// Goes over a token and looks for a comment behind it.
    fn enter(&mut self, token: &Token, opened: &[usize], last: Option<&Token>) {
        // A comment behind `:` or `,` belongs to what stands before the indicator.
        let follows = match token.kind {
            Kind::Value => self.flow_level == 0,
            Kind::FlowEntry => true,
            _ => false,
        };
        let anchor = last
            .filter(|_| follows)
            .map_or(token.start, |last| last.start);
        self.indents
            .extend(opened.iter().map(|at| at - line_start(self.text, *at)));
        match token.kind {
            Kind::FlowSequenceStart | Kind::FlowMappingStart => self.flow_level += 1,
            Kind::FlowSequenceEnd | Kind::FlowMappingEnd => {
                self.flow_level = self.flow_level.saturating_sub(1);
            }
            _ => {}
        }
        if let Kind::Scalar {
            block: Some(block), ..
        } = &token.kind
        {
            self.move_to(block.header_end);
            self.line_comment(token.start);
            self.move_to(block.scan_end);
            self.newlines = trailing_breaks(self.text, block.scan_end);
            return;
        }
        self.move_to(token.end);
        self.newlines = 0;
        match token.kind {
            Kind::BlockEntry
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::Directive { .. }
            | Kind::TagDirective { .. }
            | Kind::StreamEnd => {}
            _ => self.line_comment(anchor),
        }
    }

    fn move_to(&mut self, at: usize) {
        while self.at < at {
            if Self::is_break(self.byte(self.at)) {
                self.skip_line();
            } else {
                self.at += 1;
                self.newlines = 0;
            }
        }
    }

    /// A comment behind a token, on its line.
    fn line_comment(&mut self, anchor: usize) {
        let blanks = self.text.get(self.at..).unwrap_or_default();
        let blanks = blanks
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let start = self.at + blanks;
        if blanks >= LOOK_AHEAD || self.byte(start) != Some(b'#') {
            return;
        }
        self.take_line(start);
        let line = self.attached.spans.len() - 1;
        self.attached.runs.push(Run {
            role: Role::Line,
            anchor,
            lines: line..line + 1,
            start_column: 0,
            scan_start: 0,
            scan_end: 0,
        });
    }

    /// Reads one comment to the end of its line.
    fn take_line(&mut self, start: usize) {
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = length.map_or(self.text.len(), |length| start + length);
        self.attached.spans.push(start..end);
        self.move_to(end);
        self.newlines = 0;
    }

    /// Comment lines from here on, split into feet of what stands before and a head of what
    /// follows.
    fn own_lines(
        &mut self,
        last: Option<&Token>,
        before_last: Option<&Token>,
        mut scan_start: usize,
        scan_line: usize,
    ) {
        let previous = match last {
            Some(Token {
                kind: Kind::FlowEntry,
                ..
            }) => before_last.or(last),
            other => other,
        };
        let follows_value = previous.is_some_and(|token| matches!(token.kind, Kind::Value));
        let mut anchor = previous.map_or(0, |token| token.start);
        let indent = self.indents.last().copied().unwrap_or_default();
        let mut first_empty = self.newlines <= 1;
        let mut recent_empty = false;
        // The line below the last content: a comment that starts there may still be its foot.
        let foot_line = (scan_line > 0).then(|| {
            let beside = self.newlines == 0 && self.column() > 1;
            self.line + 1 + usize::from(beside) - self.newlines.min(self.line + 1)
        });
        let (mut line, mut column) = (self.line, self.column());
        let mut start = (0, 0);
        let mut run = self.attached.spans.len()..self.attached.spans.len();
        let mut peek = 0;
        while peek < LOOK_AHEAD {
            let byte = self.byte(self.at + peek);
            column += 1;
            if matches!(byte, Some(b' ' | b'\t')) {
                peek += 1;
                continue;
            }
            let closes = self.flow_level > 0 && matches!(byte, Some(b']' | b'}'));
            if closes || byte.is_none() || Self::is_break(byte) {
                if closes || !recent_empty {
                    let is_foot = Some(start.0) == foot_line && !follows_value;
                    let dedented = start.1 < indent + 1;
                    if (closes || first_empty && (is_foot || dedented)) && !run.is_empty() {
                        if dedented {
                            anchor = self.run_start(&run);
                        }
                        let end = self.at + peek;
                        self.push(Role::Foot, anchor, &mut run, start.1, scan_start, end);
                        (scan_start, anchor) = (end, end);
                    }
                }
                if !Self::is_break(byte) {
                    break;
                }
                (first_empty, recent_empty) = (false, true);
                column = 0;
                line += 1;
                peek += 1;
                continue;
            }
            if !run.is_empty() && column < indent + 1 && column != start.1 {
                let end = self.at + peek;
                self.push(Role::Foot, anchor, &mut run, start.1, scan_start, end);
                (scan_start, anchor) = (end, end);
            }
            if byte != Some(b'#') {
                break;
            }
            if run.is_empty() {
                start = (line, column);
            }
            recent_empty = false;
            self.take_line(self.at + peek);
            run.end = self.attached.spans.len();
            // The line end behind the comment is passed over without counting its line; the two
            // bytes of a CRLF so look like an empty line. Both are the reference's ways.
            (peek, column, line) = (1, 0, self.line);
        }
        if !run.is_empty() {
            let anchor = self.run_start(&run);
            let end = (self.at + peek).saturating_sub(1);
            self.push(Role::Head, anchor, &mut run, start.1, scan_start, end);
        }
    }

    fn run_start(&self, run: &std::ops::Range<usize>) -> usize {
        self.attached
            .spans
            .get(run.start)
            .map_or(0, |span| span.start)
    }

    fn push(
        &mut self,
        role: Role,
        anchor: usize,
        lines: &mut std::ops::Range<usize>,
        start_column: usize,
        scan_start: usize,
        scan_end: usize,
    ) {
        let taken = lines.clone();
        lines.start = taken.end;
        self.attached.runs.push(Run {
            role,
            anchor,
            lines: taken,
            start_column,
            scan_start,
            scan_end,
        });
    }
}

impl Run {
    fn first(&self, spans: &[std::ops::Range<usize>]) -> usize {
        spans.get(self.lines.start).map_or(0, |span| span.start)
    }
}

/// Line ends between the last character and a place, indentation left out.
fn trailing_breaks(text: &[u8], end: usize) -> usize {
    let before = text.get(..end).unwrap_or_default();
    let blank = before
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    blank.filter(|byte| **byte == b'\n').count()
}

//! Edits into the text of a document: every byte that no edit names stays.
//!
//! A token takes the style of what stood there, and a value the style of its token. The surprise: a
//! plain string that the reference would write in quotes is sealed with one blank behind its token,
//! so that opening knows that it stood there without them.

use std::borrow::Cow;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::tree::{Site, Value};

use super::super::{Change, Document, Edits, Fault, FormatError, MetadataEdit};
use super::cuts::Cuts;
use super::layout::{Layout, Place, ScalarPlace};
use super::lines::{is_first_on_line, line_end, line_start, next_line, position};
use super::manner::INDENT;
use super::scalar::{Lines, Written, as_it_is, is_quoted_by_reference, write};
use super::tokens::Style;

/// Writes edits into the source of a document.
pub(super) fn splice(
    document: &Document,
    layout: &Layout,
    edits: &Edits,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let source = document.source();
    let mut splice = Splice {
        document,
        layout,
        source,
        end: line_end(source),
        cuts: Cuts::default(),
    };
    super::guard::repeated(document, layout, edits)?;
    for (alias, text) in super::expand::aliases(document, layout, edits) {
        splice.cuts.cut_secret(alias, text);
    }
    for (site, change) in edits.places {
        if matches!(layout.place(*site), Some(Place::Copy(_))) {
            continue;
        }
        splice.place(*site, change)?;
    }
    splice.lists_of_comments(edits);
    let braces = match &edits.metadata {
        MetadataEdit::Keep => Vec::new(),
        MetadataEdit::Remove => layout.join(),
        _ => layout.part(source),
    };
    for (range, text) in braces {
        splice.cuts.cut_secret(range, text);
    }
    match &edits.metadata {
        MetadataEdit::Keep | MetadataEdit::Update(_) | MetadataEdit::Rewrite(_) => {}
        MetadataEdit::Remove => {
            for gap in super::beside::up(&document.tree, layout, source) {
                splice.cut(gap, "");
            }
        }
        MetadataEdit::Write(_) | MetadataEdit::Place { .. } => {
            // Blanks that would tell what is not so.
            for gap in super::beside::up(&document.tree, layout, source) {
                let before = source.get(..gap.start).unwrap_or_default();
                let blanks = before.iter().rev().take_while(|byte| **byte == b' ');
                splice.cut(gap.start - blanks.count()..gap.start, "");
            }
            for (at, text) in super::beside::down(&document.tree, layout, source, edits) {
                splice.cut(at..at, text);
            }
        }
    }
    match &edits.metadata {
        MetadataEdit::Keep => {}
        MetadataEdit::Remove => splice.remove_metadata(true),
        MetadataEdit::Write(fields) | MetadataEdit::Rewrite(fields) => {
            splice.remove_metadata(false);
            splice.write_metadata(fields);
        }
        MetadataEdit::Place { blocks, fields } => {
            splice.remove_metadata(false);
            splice.place_metadata(blocks, fields);
        }
        MetadataEdit::Update(texts) => splice.update_metadata(texts)?,
    }
    splice.finish()
}

/// A text under way to its edits.
pub(super) struct Splice<'a> {
    pub(super) document: &'a Document,
    pub(super) layout: &'a Layout,
    pub(super) source: &'a [u8],
    pub(super) end: &'static str,
    pub(super) cuts: Cuts<'a>,
}

impl<'a> Splice<'a> {
    pub(super) fn cut(&mut self, range: Range<usize>, text: impl Into<Cow<'a, str>>) {
        self.cuts.cut(range, text);
    }

    pub(super) fn fail<T>(&self, at: usize, fault: Fault, reason: &str) -> Result<T, FormatError> {
        let (line, column) = position(self.source, at);
        Err(FormatError {
            fault,
            line,
            column,
            reason: reason.to_owned(),
        })
    }

    fn place(&mut self, site: Site, change: &'a Change) -> Result<(), FormatError> {
        let layout = self.layout;
        match (layout.place(site), change) {
            (Some(Place::Scalar(place)), Change::Seal(token)) => self.seal(place, token),
            (Some(Place::Scalar(place)), Change::SealBare(token, value)) => {
                self.seal_bare(place, token, value);
            }
            (Some(Place::Scalar(place)), Change::Open(value)) => {
                match as_it_is(value, place.style, place.is_in_flow) {
                    Some(text) if place.block.is_none() => self.cut(place.span.clone(), text),
                    _ => self.open(place, value),
                }
            }
            (Some(Place::Scalar(place)), Change::OpenComment(text)) => {
                return self.item_to_comment(place, &String::from_utf8_lossy(text.expose()));
            }
            (Some(Place::Scalar(place)), Change::LeaveOut) => {
                let start = place.dash.unwrap_or(place.span.start);
                self.leave_out(start..place.span.end);
            }
            (Some(Place::Comment(span)), Change::LeaveOut) => self.leave_out(span.clone()),
            (Some(Place::Comment(span)), Change::Seal(token)) => {
                self.cut(span.start + 1..span.end, token.as_str());
            }
            (Some(Place::Comment(span)), Change::OpenComment(text)) => {
                let text = String::from_utf8_lossy(text.expose());
                if text.contains(['\n', '\r']) {
                    return self.fail(
                        span.start,
                        Fault::Unrepresentable,
                        "a comment of several lines",
                    );
                }
                let text = Zeroizing::new(text.into_owned());
                self.cuts.cut_secret(span.start + 1..span.end, text);
            }
            _ => return self.fail(0, Fault::Unrepresentable, "an edit of a place that is none"),
        }
        Ok(())
    }

    fn seal(&mut self, place: &ScalarPlace, token: &'a str) {
        if let Some(tag) = &place.tag {
            let behind = self.source.get(tag.end..).unwrap_or_default();
            let blanks = behind
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t'));
            let end = tag.end + blanks.count();
            self.cut(tag.start..end, "");
        }
        if let Some(block) = &place.block {
            // A block of empty lines only has no indentation yet.
            let least = usize::try_from(place.parent_indent + 1)
                .unwrap_or_default()
                .max(1);
            let line = format!("{}{token}{}", " ".repeat(block.indent.max(least)), self.end);
            self.cut(block.body_start..block.body_end, line);
            return;
        }
        let text: Cow<'a, str> = match place.style {
            // The quotes stay.
            Style::SingleQuoted | Style::DoubleQuoted if place.span.len() > 1 => {
                return self.cut(place.span.start + 1..place.span.end - 1, token);
            }
            _ if place.is_in_flow => format!("\"{token}\"").into(),
            _ => {
                let old = self.source.get(place.span.clone()).unwrap_or_default();
                let is_marked = token.ends_with("type:str]")
                    && !old.is_empty()
                    // Folded lines come back as one line, which says by itself what it is.
                    && !old.contains(&b'\n')
                    && std::str::from_utf8(old).is_ok_and(is_quoted_by_reference);
                if is_marked {
                    format!("{token} ").into()
                } else {
                    token.into()
                }
            }
        };
        let mut span = place.span.clone();
        if self.has_mark(place)
            && self
                .source
                .get(span.clone())
                .is_some_and(|old| old.starts_with(b"ENC["))
        {
            span.end += 1;
        }
        // A value that stood at its key without text has no blank before it.
        let needs_blank = place.span.is_empty()
            && !matches!(
                self.source.get(place.span.start.wrapping_sub(1)),
                Some(b' ')
            );
        self.cut(
            span,
            if needs_blank {
                format!(" {text}").into()
            } else {
                text
            },
        );
    }

    fn seal_bare(&mut self, place: &ScalarPlace, token: &'a str, value: &Value) {
        let source = |range: Range<usize>| self.source.get(range).unwrap_or_default();
        let has_room = !place.is_in_flow && place.tag.is_none();
        match (write(value, Style::Plain, false, false), &place.block) {
            (Written::Inline(text), None)
                if has_room && source(place.span.clone()) == text.as_bytes() =>
            {
                self.cut(place.span.clone(), token);
            }
            (Written::Block(lines), Some(block)) if has_room => {
                let indent = Self::block_indent(place);
                let mut body = Zeroizing::new(String::new());
                lines.push_to(&mut body, indent, self.end);
                let header = lines.header(indent - place.parent());
                if source(place.span.start..block.header_end) == header.as_bytes()
                    && source(block.body_start..block.body_end) == body.as_bytes()
                {
                    self.cut(place.span.start..block.header_end, token);
                    self.cut(block.body_start..block.body_end, "");
                } else {
                    self.seal(place, token);
                }
            }
            _ => self.seal(place, token),
        }
    }

    /// The column of the lines of a block that takes a plain token's place.
    fn block_indent(place: &ScalarPlace) -> usize {
        place.parent() + if place.dash.is_some() { 2 } else { INDENT }
    }

    /// Whether the one blank stands there that marks a string without quotes.
    fn has_mark(&self, place: &ScalarPlace) -> bool {
        let end = place.span.end;
        place.style == Style::Plain
            && self.source.get(end) == Some(&b' ')
            && self.source.get(end + 1) != Some(&b'#')
    }

    pub(super) fn open(&mut self, place: &ScalarPlace, value: &Value) {
        let mut span = place.span.clone();
        let marked = self.has_mark(place)
            && matches!(value, Value::Str(text) if std::str::from_utf8(text.expose()).is_ok_and(is_quoted_by_reference));
        if marked {
            span.end += 1;
        }
        let mut written = write(value, place.style, place.is_in_flow, marked);
        if let Written::Block(lines) = &written
            && self.would_grow(place, lines)
        {
            written = write(value, Style::DoubleQuoted, place.is_in_flow, marked);
        }
        match (written, &place.block) {
            (Written::Inline(text), None) => self.cuts.cut_secret(span, text),
            (Written::Inline(text), Some(block)) => {
                self.cuts
                    .cut_secret(place.span.start..block.header_end, text);
                self.cut(block.body_start..block.body_end, "");
            }
            (Written::Block(lines), block) => {
                let indent = match block {
                    Some(block) if block.indent > 0 => block.indent,
                    _ => Self::block_indent(place),
                };
                let header = lines.header(indent - place.parent());
                let mut body = Zeroizing::new(String::with_capacity(lines.text.len() * 2));
                lines.push_to(&mut body, indent, self.end);
                if let Some(block) = block {
                    if !self.header_says(place.span.start..block.header_end, &lines) {
                        self.cut(place.span.start..block.header_end, header);
                    }
                    self.cuts.cut_secret(block.body_start..block.body_end, body);
                } else {
                    self.cut(span.clone(), header);
                    let below = next_line(self.source, span.end);
                    if self.source.get(below.wrapping_sub(1)) != Some(&b'\n') {
                        body.insert_str(0, self.end);
                    }
                    self.cuts.cut_secret(below..below, body);
                }
            }
        }
    }

    /// Whether what follows in the text would become part of lines that are put there: empty lines
    /// behind a block that keeps them, or a comment that is indented like a new block.
    fn would_grow(&self, place: &ScalarPlace, lines: &Lines) -> bool {
        let below = match &place.block {
            Some(block) => block.body_end,
            None => next_line(self.source, place.span.end),
        };
        let rest = self.source.get(below..).unwrap_or_default();
        let mut following = rest
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii_end);
        let next = following.clone().next();
        if lines.chomping == "+" && next.is_some_and(<[u8]>::is_empty) && !rest.is_empty() {
            return true;
        }
        let next = following.find(|line| !line.is_empty()).unwrap_or_default();
        let column = next.len() - next.trim_ascii_start().len();
        let parent = usize::try_from(place.parent_indent).unwrap_or_default();
        place.block.is_none() && next.trim_ascii_start().starts_with(b"#") && column > parent
    }

    /// Whether a header that stands there says what the lines need, an indentation included.
    fn header_says(&self, header: Range<usize>, lines: &Lines) -> bool {
        let header = self
            .source
            .get(header)
            .and_then(|header| std::str::from_utf8(header).ok());
        header.is_some_and(|header| {
            let tells_indent = header.contains(|c: char| c.is_ascii_digit());
            let chomping = header.trim_start_matches(lines.indicator);
            header.starts_with(lines.indicator)
                && (tells_indent || !lines.tells_indent)
                && chomping.trim_matches(|c: char| c.is_ascii_digit()) == lines.chomping
        })
    }

    /// `- ENC[…]` that holds a comment becomes `#…` at the place of the dash.
    fn item_to_comment(&mut self, place: &ScalarPlace, text: &str) -> Result<(), FormatError> {
        match place.dash {
            Some(dash) if !text.contains(['\n', '\r']) => {
                let text = Zeroizing::new(format!("#{text}"));
                self.cuts.cut_secret(dash..place.span.end, text);
                Ok(())
            }
            _ => self.fail(
                place.span.start,
                Fault::Unrepresentable,
                "a comment inside a flow list",
            ),
        }
    }

    /// Takes something out, up to what follows it, which then stands in its place.
    fn leave_out(&mut self, range: Range<usize>) {
        if is_first_on_line(self.source, range.start) {
            let lines = line_start(self.source, range.start)..next_line(self.source, range.end);
            return self.cut(lines, "");
        }
        let behind = self.source.get(range.end..).unwrap_or_default();
        let blanks = behind.iter().take_while(|byte| byte.is_ascii_whitespace());
        let end = range.end + blanks.count();
        self.cut(range.start..end, "");
    }

    /// A list whose items all become comments, or go, stays a list: an empty one.
    fn lists_of_comments(&mut self, edits: &Edits) {
        let opened: std::collections::HashSet<Site> = edits
            .places
            .iter()
            .filter(|(_, change)| matches!(change, Change::OpenComment(_) | Change::LeaveOut))
            .map(|(site, _)| *site)
            .collect();
        let layout = self.layout;
        for place in &layout.places {
            if let Place::List(list) = place
                && !list.items.is_empty()
                && list
                    .items
                    .iter()
                    .all(|item| item.is_some_and(|site| opened.contains(&site)))
            {
                self.cut(list.behind_indicator..list.behind_indicator, " []");
            }
        }
    }

    fn finish(self) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let Self { cuts, source, .. } = self;
        cuts.apply(source).map_err(|at| {
            let (line, column) = position(source, at);
            FormatError {
                fault: Fault::Unrepresentable,
                line,
                column,
                reason: "edits overlap".to_owned(),
            }
        })
    }
}

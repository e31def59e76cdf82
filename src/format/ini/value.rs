//! One value: how the reference reads it, and how one is spelled so that it reads back.
//!
//! The reference takes `#` and `;` for a comment wherever they stand, but in backticks and triple
//! quotes; it joins a line that ends in a backslash with the next; and it takes off quotes that stand
//! around everything. [`Reader::Clear`] is the same for people: what quotes hold is theirs.

use std::ops::Range;

use zeroize::Zeroizing;

use super::super::untyped;
use crate::tree::Value;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The reference.
    Reference,
    /// Somebody who means by quotes what they say.
    Clear,
}

/// What stands around a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Bare,
    Double,
    Single,
    Backtick,
    Triple,
    /// Several lines, joined by backslashes at their ends.
    Joined,
}

impl Style {
    fn quote(self) -> &'static str {
        match self {
            Self::Bare | Self::Joined => "",
            Self::Double => "\"",
            Self::Single => "'",
            Self::Backtick => "`",
            Self::Triple => TRIPLE,
        }
    }
}

/// Where a value stands and what it is.
#[derive(Debug)]
pub(super) struct Written {
    /// With its quotes.
    pub(super) span: Range<usize>,
    /// Without them.
    pub(super) inner: Range<usize>,
    pub(super) style: Style,
    /// What it is, if that is not what stands there.
    pub(super) joined: Option<Zeroizing<String>>,
    /// Only [`Reader::Clear`] reads it so: the reference sees a comment inside the quotes.
    pub(super) is_protected: bool,
}

/// A value and what belongs to it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) written: Written,
    /// A comment behind it, from its mark on.
    pub(super) comment: Option<Range<usize>>,
    /// Where the next line begins.
    pub(super) next: usize,
    /// Why nobody can know what is meant, or why other tools would lose something.
    pub(super) doubt: Option<Refused>,
}

/// A byte of the text, and what is wrong there.
pub(super) type Refused = (usize, &'static str);

const TRIPLE: &str = "\"\"\"";
const MARKS: [char; 2] = ['#', ';'];
const BEHIND_QUOTE: &str =
    "what stands behind the closing quote is lost to other tools; move a comment to a line above";
const NO_BLANK: &str = "'#' and ';' begin a comment for other tools; put the value in backticks, or a blank before the comment";
const JOINED: &str = "a backslash at the end of a line joins it with the next one; write the value on one line, or in backticks if it ends with a backslash";
const UNCLOSED: &str = "a quote that does not end";

/// Reads the value that begins behind a delimiter at a byte of the text.
pub(super) fn read(text: &str, at: usize, reader: Reader) -> Result<Read, Refused> {
    let next = line_end(text, at);
    let rest = slice(text, at..next);
    let start = next - rest.trim_start().len();
    let line = slice(text, start..next);
    if line.is_empty() {
        let at = at + usize::from(rest.starts_with([' ', '\t']));
        return Ok(Read::new(Written::plain(at..at, Style::Bare), next));
    }
    let style = if line.len() > TRIPLE.len() && line.starts_with(TRIPLE) {
        Some(Style::Triple)
    } else {
        line.starts_with('`').then_some(Style::Backtick)
    };
    if let Some(style) = style {
        return quoted(text, start, next, style);
    }
    let line = line.trim_end();
    if line.ends_with('\\') {
        return Ok(joined(text, start, next));
    }
    let end = start + line.len();
    let Some(mark) = line.find(MARKS) else {
        return Ok(Read::new(surrounded(text, start..end), next));
    };
    let kept = protected(line, mark).filter(|_| reader == Reader::Clear);
    let (written, mark) = if let Some((inner, behind)) = kept {
        let mut written = Written::plain(start..start + inner.end + 1, Style::Bare);
        written.inner = start + inner.start..start + inner.end;
        written.style = style_of(line);
        written.is_protected = true;
        (written, behind)
    } else {
        let body = slice(line, 0..mark).trim_end();
        (surrounded(text, start..start + body.len()), Some(mark))
    };
    let mut read = Read::new(written, next);
    if let Some(mark) = mark {
        let mark = start + mark;
        read.comment = Some(mark..end);
        let is_apart = slice(text, 0..mark).ends_with(char::is_whitespace);
        // Written without the comment behind it, such a value would be joined with the next line.
        let is_joined = !read.written.is_protected && read.written.text(text).ends_with('\\');
        read.doubt = if is_apart {
            is_joined.then_some((start, JOINED))
        } else {
            Some((mark, NO_BLANK))
        };
    }
    Ok(read)
}

impl Written {
    fn plain(span: Range<usize>, style: Style) -> Self {
        let inner = span.start + style.quote().len()..span.end - style.quote().len();
        Self {
            span,
            inner,
            style,
            joined: None,
            is_protected: false,
        }
    }

    /// The value.
    pub(super) fn text<'t>(&'t self, source: &'t str) -> &'t str {
        match &self.joined {
            Some(text) => text,
            None => slice(source, self.inner.clone()),
        }
    }
}

impl Read {
    fn new(written: Written, next: usize) -> Self {
        Self {
            written,
            comment: None,
            next,
            doubt: None,
        }
    }
}

/// In backticks or triple quotes, on one line up to the last such quote, or on several.
fn quoted(text: &str, start: usize, next: usize, style: Style) -> Result<Read, Refused> {
    let quote = style.quote();
    let inner = start + quote.len();
    if let Some(at) = slice(text, inner..next).rfind(quote) {
        let close = inner + at;
        let behind = close + quote.len();
        let mut read = Read::new(Written::plain(start..behind, style), next);
        let has_more = !slice(text, behind..next).trim().is_empty();
        read.doubt = has_more.then_some((behind, BEHIND_QUOTE));
        return Ok(read);
    }
    let mut from = next;
    loop {
        let next = line_end(text, from);
        let line = slice(text, from..next);
        if let Some(at) = line.rfind(quote) {
            let behind = from + at + quote.len();
            let rest = slice(text, behind..next);
            if !rest.trim().ends_with('\\') {
                let mut read = Read::new(Written::plain(start..behind, style), next);
                let mark = rest.find(MARKS);
                let before = slice(rest, 0..mark.unwrap_or(rest.len()));
                if !before.trim().is_empty() {
                    read.doubt = Some((behind, BEHIND_QUOTE));
                }
                if let Some(mark) = mark {
                    read.comment = Some(behind + mark..behind + rest.trim_end().len());
                    if before.is_empty() {
                        read.doubt = Some((behind, NO_BLANK));
                    }
                }
                return Ok(read);
            }
        }
        if !line.ends_with('\n') {
            return Err((start, UNCLOSED));
        }
        from = next;
    }
}

fn joined(text: &str, start: usize, next: usize) -> Read {
    let first = slice(text, start..next).trim_end();
    let mut value = Zeroizing::new(first.strip_suffix('\\').unwrap_or(first).to_owned());
    let (mut end, mut next) = (start + first.len(), next);
    loop {
        let from = next;
        next = line_end(text, from);
        let line = slice(text, from..next).trim();
        if line.is_empty() {
            break;
        }
        end = from + slice(text, from..next).trim_end().len();
        value.push_str(line);
        if !line.ends_with('\\') {
            break;
        }
        value.pop();
    }
    let mut written = Written::plain(start..end, Style::Joined);
    written.joined = Some(value);
    let mut read = Read::new(written, next);
    read.doubt = Some((start, JOINED));
    read
}

/// Quotes that stand around everything, with none of their kind inside, are taken off.
fn surrounded(text: &str, span: Range<usize>) -> Written {
    let value = slice(text, span.clone());
    let style = style_of(value);
    let quote = style.quote();
    let is_around = style != Style::Bare
        && value.len() >= 2
        && value.ends_with(quote)
        && slice(value, 1..value.len()).find(quote) == Some(value.len() - 2);
    Written::plain(span, if is_around { style } else { Style::Bare })
}

fn style_of(value: &str) -> Style {
    match value.chars().next() {
        Some('"') => Style::Double,
        Some('\'') => Style::Single,
        _ => Style::Bare,
    }
}

/// What quotes hold, when the first mark of a comment stands inside of them and nothing but a
/// comment behind them; and where that begins.
fn protected(line: &str, mark: usize) -> Option<(Range<usize>, Option<usize>)> {
    let quote = style_of(line).quote();
    if quote.is_empty() {
        return None;
    }
    let close = 1 + slice(line, 1..line.len()).find(quote)?;
    let behind = slice(line, close + 1..line.len()).trim_start();
    let is_comment = behind.starts_with(MARKS);
    let begins = is_comment.then(|| line.len() - behind.len());
    (mark < close && (behind.is_empty() || is_comment)).then_some((1..close, begins))
}

/// Spells a value: as it was, if that reads back for `reader`, or else as the reference would, or
/// else in any way that reads back. `behind` is what follows on its line.
pub(super) fn spell(
    value: &str,
    was: Style,
    reader: Reader,
    behind: &str,
) -> Option<Zeroizing<String>> {
    let as_it_was = with_quotes(value, was);
    if was != Style::Joined && reads_back(&as_it_was, value, reader, behind) {
        return Some(as_it_was);
    }
    let by_reference = if value.contains(['\n', '`']) {
        Style::Triple
    } else if value.contains(MARKS) {
        Style::Backtick
    } else if value.trim().len() < value.len() {
        Style::Double
    } else {
        Style::Bare
    };
    let others = [Style::Backtick, Style::Triple, Style::Double, Style::Single];
    let styles = || [by_reference, Style::Bare].into_iter().chain(others);
    let spelled = |readers: &[Reader], behind| {
        let mut texts = styles().map(|style| with_quotes(value, style));
        let reads = |text: &str, reader| reads_back(text, value, reader, behind);
        texts.find(|text| readers.iter().all(|reader| reads(text, *reader)))
    };
    let everybody = [Reader::Reference, Reader::Clear];
    spelled(&everybody, behind)
        .or_else(|| spelled(&[reader], behind))
        // A comment behind it is lost to other tools, then; the value is right.
        .or_else(|| spelled(&everybody, ""))
}

fn with_quotes(value: &str, style: Style) -> Zeroizing<String> {
    let quote = style.quote();
    let mut text = Zeroizing::new(String::with_capacity(value.len() + 2 * quote.len()));
    text.push_str(quote);
    text.push_str(value);
    text.push_str(quote);
    text
}

fn reads_back(spelled: &str, value: &str, reader: Reader, behind: &str) -> bool {
    let mut line = Zeroizing::new(String::with_capacity(spelled.len() + 2));
    line.push(' ');
    line.push_str(spelled);
    let is_followed = behind.trim_start().starts_with(MARKS);
    line.push_str(if is_followed { " ;\n" } else { "\n" });
    read(&line, 0, reader).is_ok_and(|read| {
        let is_whole = read.next == line.len() && read.doubt.is_none();
        let has_comment = read.comment.is_some_and(|comment| comment.len() == 1);
        is_whole && has_comment == is_followed && read.written.text(&line) == value
    })
}

/// The text of a value.
pub(super) fn text_of(value: &Value) -> Result<Zeroizing<String>, &'static str> {
    match value {
        Value::Str(bytes) => std::str::from_utf8(bytes.expose())
            .map(|text| Zeroizing::new(text.to_owned()))
            .map_err(|_| "bytes that are no text, which INI does not have"),
        value => untyped::text(value).ok_or(untyped::NO_NULL),
    }
}

/// Behind the line end of the line that holds a byte.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = slice(text, at..text.len());
    rest.find('\n').map_or(text.len(), |end| at + end + 1)
}

pub(super) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

//! Reads the value that stands behind a separator, in quotes or bare, without knowing the language.

use std::ops::Range;

use super::Text;

/// Longer than this is no credential that stands on one line; its beginning is judged.
const LONGEST: usize = 8192;

/// A value where it stands.
#[derive(Debug, Clone)]
pub(in crate::scan) struct Literal {
    /// Its place, without quotes.
    pub(in crate::scan) span: Range<usize>,
    /// Whether it stands in quotes.
    pub(in crate::scan) is_quoted: bool,
    /// Whether it was taken to the end of a line because nothing else ends it.
    pub(in crate::scan) is_rest: bool,
}

/// How a bare value ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// There are none: only quotes count.
    Never,
    /// At the end of the line, or before a comment.
    Line,
    /// At a blank.
    Word,
    /// At a comma or a closing bracket.
    Flow,
    /// At the end of a query's field.
    Query,
}

impl Text<'_> {
    /// The value at an offset, behind blanks; `None` if there is none on this line.
    pub(super) fn literal(&self, from: usize, bare: Bare) -> Option<Literal> {
        let line = self.line(self.line_at(from));
        let end = line.end.min(from + LONGEST);
        let mut at = from;
        while at < end
            && self
                .at(at)
                .is_some_and(|byte| byte == b' ' || byte == b'\t')
        {
            at += 1;
        }
        // `r"`, `f'`, `b"`, `u"`, `@"`, `r#"`: the value is the same. So are casts of constructors.
        let prefix = self.slice(at..end.min(at + 4));
        let skip = prefix
            .iter()
            .position(|byte| b"\"'`\\".contains(byte))
            .filter(|skip| {
                prefix
                    .get(..*skip)
                    .is_some_and(|start| start.iter().all(|byte| b"rRfFbBuU@#$&".contains(byte)))
            });
        if let Some(skip) = skip
            && let Some(found) = self.quoted(at + skip, end)
        {
            return Some(found);
        }
        self.bare(at, end, bare)
    }

    fn quoted(&self, at: usize, end: usize) -> Option<Literal> {
        // A program inside of a string: `\"` stands for a quote.
        let is_escaped = self.at(at) == Some(b'\\');
        let start = at + usize::from(is_escaped);
        let quote = self.at(start).filter(|byte| b"\"'`".contains(byte))?;
        // `"""text"""` and the like.
        let opening = self.slice(start..start + 3);
        let start = if opening == [quote; 3] {
            start + 3
        } else {
            start + 1
        };
        let mut stop = start;
        while stop < end {
            let byte = self.at(stop)?;
            if is_escaped && byte == b'\\' && self.at(stop + 1) == Some(quote) {
                break;
            }
            if !is_escaped && byte == quote {
                break;
            }
            stop += if byte == b'\\' && !is_escaped { 2 } else { 1 };
        }
        let stop = stop.min(end);
        // A quote that nothing closes: a text of several lines, or an apostrophe.
        (stop > start).then_some(Literal {
            span: start..stop,
            is_quoted: true,
            is_rest: false,
        })
    }

    fn bare(&self, at: usize, end: usize, bare: Bare) -> Option<Literal> {
        let rest = self.slice(at..end);
        let length = match bare {
            Bare::Never => return None,
            Bare::Line => {
                let comment = rest
                    .windows(2)
                    .position(|pair| matches!(pair, b" #" | b"\t#"));
                comment.unwrap_or(rest.len())
            }
            Bare::Word => rest
                .iter()
                .position(|byte| b" \t\"'`;<>|\\".contains(byte))
                .unwrap_or(rest.len()),
            Bare::Flow => rest
                .iter()
                .position(|byte| b",}]\"'".contains(byte))
                .unwrap_or(rest.len()),
            Bare::Query => rest
                .iter()
                .position(|byte| b"& \t\"'`<>)\\,;#".contains(byte))
                .unwrap_or(rest.len()),
        };
        let text = rest.get(..length)?.trim_ascii_end();
        (!text.is_empty()).then(|| Literal {
            span: at..at + text.len(),
            is_quoted: false,
            is_rest: bare == Bare::Line,
        })
    }

    pub(super) fn at(&self, offset: usize) -> Option<u8> {
        self.bytes().get(offset).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, bare: Bare) -> Option<String> {
        let text = Text::new("a", text.as_bytes());
        let found = text.literal(0, bare)?;
        Some(String::from_utf8_lossy(text.slice(found.span)).into_owned())
    }

    #[test]
    fn quotes_of_all_kinds_and_bare_words_are_read() {
        for (text, bare, expected) in [
            ("  \"a b\" # c", Bare::Line, "a b"),
            ("'it'", Bare::Never, "it"),
            ("`x`", Bare::Never, "x"),
            ("r#\"x\"#", Bare::Never, "x"),
            ("f'x'", Bare::Never, "x"),
            ("\\\"x\\\",\\n", Bare::Never, "x"),
            ("\"a\\\"b\"", Bare::Never, "a\\\"b"),
            ("a#b c # d", Bare::Line, "a#b c"),
            ("abc --d", Bare::Word, "abc"),
            ("abc, d: e}", Bare::Flow, "abc"),
            ("abc&d=e", Bare::Query, "abc"),
        ] {
            assert_eq!(read(text, bare).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(read("abc", Bare::Never), None);
        assert_eq!(read("", Bare::Line), None);
        assert_eq!(read("\n next", Bare::Line), None);
    }
}

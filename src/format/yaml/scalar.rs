//! Values to YAML text that is read again as the same type and value.
//!
//! A string is written so that readers of YAML 1.1 and of 1.2 both take it for that string. The
//! surprise: what looks plain can be a boolean, a number in base 60 or a date to one of them.

use base64::Engine as _;
use zeroize::Zeroizing;

use crate::tree::Value;

use super::quoting::{self, Quoting};
use super::resolve::{Resolved, resolve};
use super::tokens::Style;

/// The text of a value.
pub(super) enum Written {
    /// On one line.
    Inline(Zeroizing<String>),
    /// Lines below a header; the lines have no indentation yet.
    Block(Lines),
}

/// The lines of a block scalar.
pub(super) struct Lines {
    /// `|` or `>`.
    pub(super) indicator: char,
    /// The first line begins with a blank, so that the indentation must be told.
    pub(super) tells_indent: bool,
    /// `-`, nothing or `+`.
    pub(super) chomping: &'static str,
    /// Each with its line feed.
    pub(super) text: Zeroizing<String>,
}

impl Lines {
    /// A text of several lines as the reference writes it.
    fn literal(text: &str) -> Self {
        let ends = |text: &str| text.ends_with(quoting::is_break);
        let chomping = match text.strip_suffix(quoting::is_break) {
            None => "-",
            Some(rest) if rest.is_empty() || ends(rest) => "+",
            Some(_) => "",
        };
        let mut lines = Zeroizing::new(text.to_owned());
        if !text.ends_with('\n') {
            lines.push('\n');
        }
        Self {
            indicator: '|',
            tells_indent: text.starts_with(|c| c == ' ' || quoting::is_break(c)),
            chomping,
            text: lines,
        }
    }

    /// What stands above them, when they are this many columns deeper than the block around.
    pub(super) fn header(&self, depth: usize) -> String {
        let told = if self.tells_indent {
            depth.to_string()
        } else {
            String::new()
        };
        format!("{}{told}{}", self.indicator, self.chomping)
    }

    /// Appends the lines at an indentation; a line without text gets none.
    pub(super) fn push_to(&self, out: &mut String, indent: usize, line_end: &str) {
        let mut is_at_start = true;
        for c in self.text.chars() {
            match c {
                '\n' => {
                    out.push_str(line_end);
                    is_at_start = true;
                }
                c if quoting::is_break(c) => {
                    out.push(c);
                    is_at_start = true;
                }
                c => {
                    if is_at_start {
                        out.extend(std::iter::repeat_n(' ', indent));
                    }
                    out.push(c);
                    is_at_start = false;
                }
            }
        }
    }
}

/// The text of a string that stands without quotes in a block as it is, so that no copy of it is made.
pub(super) fn as_it_is(value: &Value, wanted: Style, is_in_flow: bool) -> Option<&str> {
    let text = std::str::from_utf8(value.as_str()?.expose()).ok()?;
    let is_plain = wanted == Style::Plain && !is_in_flow;
    (is_plain && !is_quoted_by_reference(text)).then_some(text)
}

/// Writes a value in the wanted style where that can hold it, else in one that can. `keeps_plain`
/// says that the value is known to have stood there without quotes.
pub(super) fn write(value: &Value, wanted: Style, is_in_flow: bool, keeps_plain: bool) -> Written {
    let bytes = match value {
        Value::Null => return inline("null"),
        Value::Bool(flag) => return inline(if *flag { "true" } else { "false" }),
        Value::Int(number) => return inline(&number.to_string()),
        Value::Float(number) => return inline(&float(*number)),
        Value::Time(time) => return inline(time),
        Value::Str(bytes) => bytes.expose(),
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
        return inline(&format!("!!binary {packed}"));
    };
    if wanted.is_block()
        && !is_in_flow
        && let Some(lines) = lines(text, wanted)
    {
        return Written::Block(lines);
    }
    let is_plain_here = || is_plain(text, is_in_flow);
    Written::Inline(match wanted {
        Style::SingleQuoted if fits_single_quotes(text) => single_quoted(text),
        Style::Plain if keeps_plain && is_plain_here() => Zeroizing::new(text.to_owned()),
        Style::Plain if !is_in_flow => return by_reference(text),
        Style::Plain if is_plain_here() && !is_quoted_by_reference(text) => {
            Zeroizing::new(text.to_owned())
        }
        _ => double_quoted(text),
    })
}

/// A string as the reference writes it where a plain token stands in its file.
fn by_reference(text: &str) -> Written {
    match quoting::style_of(text) {
        Quoting::Plain => inline(text),
        Quoting::Merge => inline(&format!("!!merge {text}")),
        Quoting::Single => Written::Inline(single_quoted(text)),
        Quoting::Double => Written::Inline(quoting::double_quoted(text)),
        Quoting::Literal => Written::Block(Lines::literal(text)),
    }
}

/// Whether a plain string of a clear text is written otherwise by the reference, so that opening
/// has to know that it stood there without quotes.
pub(super) fn is_quoted_by_reference(text: &str) -> bool {
    quoting::style_of(text) != Quoting::Plain
}

/// Whether a new string needs quotes so that every reader takes it for that string. A separator of
/// Unicode is a line end to some of them.
pub(super) fn is_ambiguous(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        quoting::is_typed_elsewhere(text) || text.contains(['\u{2028}', '\u{2029}'])
    })
}

/// Bytes of the longest key that can stand before its colon on one line.
const LONGEST_KEY: usize = 128;

/// Whether a key has to stand behind a `?`.
pub(super) fn is_complex(key: &str) -> bool {
    key.len() > LONGEST_KEY || key.contains(quoting::is_break)
}

/// A key that no text holds yet, in the quotes of those beside it.
pub(super) fn write_key(key: &str, wanted: Style, is_in_flow: bool) -> Zeroizing<String> {
    let written = match wanted {
        Style::Plain if is_ambiguous(key.as_bytes()) => return double_quoted(key),
        Style::Plain if !is_in_flow => by_reference(key),
        wanted => write(&Value::text(key), wanted, true, false),
    };
    match written {
        Written::Inline(text) => text,
        Written::Block(_) => quoting::double_quoted(key),
    }
}

fn inline(text: &str) -> Written {
    Written::Inline(Zeroizing::new(text.to_owned()))
}

/// Whether the reference takes a plain scalar for a string.
fn is_string(text: &str) -> bool {
    matches!(resolve(text), Resolved::Value(Value::Str(_)))
}

/// Whether the syntax allows a plain scalar here and it stays a string.
fn is_plain(text: &str, is_in_flow: bool) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let second = chars.next();
    let opens = match first {
        '-' | '?' | ':' => second.is_some_and(|second| second != ' ' && !is_in_flow),
        _ => !"#,[]{}&*!|>'\"%@`".contains(first),
    };
    opens
        && is_string(text)
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !(is_in_flow && text.contains([',', '[', ']', '{', '}', ':', '?']))
        && text.chars().all(is_printable)
}

fn fits_single_quotes(text: &str) -> bool {
    text.chars().all(is_printable)
}

/// Can stand in a text as it is; tabs and line ends cannot everywhere.
fn is_printable(c: char) -> bool {
    match c {
        '\u{20}'..='\u{7E}' => true,
        '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => false,
        _ => c >= '\u{A0}',
    }
}

fn single_quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("'{}'", text.replace('\'', "''")))
}

fn double_quoted(text: &str) -> Zeroizing<String> {
    use std::fmt::Write as _;
    let mut quoted = Zeroizing::new(String::with_capacity(text.len() + 2));
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\0' => quoted.push_str("\\0"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{B}' => quoted.push_str("\\v"),
            '\u{C}' => quoted.push_str("\\f"),
            '\u{1B}' => quoted.push_str("\\e"),
            '\u{85}' => quoted.push_str("\\N"),
            '\u{2028}' => quoted.push_str("\\L"),
            '\u{2029}' => quoted.push_str("\\P"),
            c if is_printable(c) => quoted.push(c),
            c if u32::from(c) < 0x100 => {
                let _ = write!(quoted, "\\x{:02X}", u32::from(c));
            }
            c => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// The text as lines below a header, if they keep it.
fn lines(text: &str, wanted: Style) -> Option<Lines> {
    let body = text.trim_end_matches('\n');
    let feet = text.len() - body.len();
    if body.is_empty() && feet > 0 && wanted == Style::Literal {
        let tells_indent = false;
        return Some(Lines {
            tells_indent,
            ..Lines::literal(text)
        });
    }
    let fits = !body.is_empty()
        && body.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        // A tab at the start of a line could be taken for indentation by some reader.
        && !body.starts_with('\t')
        && body.split('\n').all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty());
    if !fits {
        return None;
    }
    let begins_blank = |line: &str| line.starts_with([' ', '\t']);
    let folds = wanted == Style::Folded
        && !body
            .split('\n')
            .any(|line| line.is_empty() || begins_blank(line));
    let mut written = Zeroizing::new(String::with_capacity(text.len() + 8));
    for line in body.split('\n') {
        if folds && !written.is_empty() {
            written.push('\n');
        }
        written.push_str(line);
        written.push('\n');
    }
    for _ in 1..feet {
        written.push('\n');
    }
    Some(Lines {
        indicator: if folds { '>' } else { '|' },
        tells_indent: body.starts_with([' ', '\n']),
        chomping: match feet {
            0 => "-",
            1 => "",
            _ => "+",
        },
        text: written,
    })
}

/// As the reference spells a float, but one without a fraction keeps a `.0`, so that it stays a
/// float: shortest digits, with an exponent below 1e-4 and from 1e6 on.
fn float(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Value, style: Style) -> String {
        match write(value, style, false, false) {
            Written::Inline(text) => text.to_string(),
            Written::Block(lines) => {
                format!("{}{}\n{}", lines.indicator, lines.chomping, *lines.text)
            }
        }
    }

    #[test]
    fn a_style_stays_where_it_can_hold_the_value() {
        for (text, style, expected) in [
            ("it's", Style::SingleQuoted, "'it''s'"),
            ("tab\there", Style::SingleQuoted, "\"tab\\there\""),
            (
                "é😀 \"x\" \\",
                Style::DoubleQuoted,
                "\"é😀 \\\"x\\\" \\\\\"",
            ),
            ("a\nb\n", Style::Literal, "|\na\nb\n"),
            ("a\nb", Style::Folded, ">-\na\n\nb\n"),
            ("a \n \nb", Style::Literal, "\"a \\n \\nb\""),
            ("plain", Style::Plain, "plain"),
        ] {
            assert_eq!(written(&Value::text(text), style), expected, "{text:?}");
        }
    }

    #[test]
    fn what_stood_without_quotes_stays_so() {
        let value = Value::text("yes");
        let Written::Inline(kept) = write(&value, Style::Plain, false, true) else {
            panic!()
        };
        assert_eq!(*kept, "yes");
        assert_eq!(written(&value, Style::Plain), "\"yes\"");
    }

    #[test]
    fn a_float_stays_a_float() {
        for (number, expected) in [
            (2.0, "2.0"),
            (3.25, "3.25"),
            (100_000.25, "100000.25"),
            (1e6, "1e+06"),
            (1_000_000.5, "1.0000005e+06"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (-0.0, "-0.0"),
            (f64::NEG_INFINITY, "-.inf"),
        ] {
            assert_eq!(float(number), expected);
        }
    }
}

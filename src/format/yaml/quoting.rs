//! How the reference writes a string: without quotes, in either quotes, or as a literal block.
//!
//! A file that the reference has sealed holds plain tokens only, whatever stood there; opened, its
//! strings are written as the reference writes them, so that both print the same bytes. Rules
//! measured on go.yaml.in/yaml/v3 3.0.4.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::tree::Value;

use super::resolve::{Resolved, is_surely_string, resolve};

/// A way to write a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Plain,
    Single,
    Double,
    Literal,
    /// `<<`, which is written with a tag.
    Merge,
}

/// How the reference writes a string as a value in a block.
pub(super) fn style_of(text: &str) -> Quoting {
    if is_word(text) {
        return Quoting::Plain;
    }
    let shape = Shape::of(text);
    if text.contains('\n') {
        // A block that begins with a tab is written by the reference, but not read again.
        let begins_with_tab = text.trim_start_matches('\n').starts_with('\t');
        return if shape.fits_block && !begins_with_tab {
            Quoting::Literal
        } else {
            Quoting::Double
        };
    }
    match resolve(text) {
        Resolved::Merge => return Quoting::Merge,
        Resolved::Value(Value::Str(_)) if !is_old_boolean(text) && !is_base_60(text) => {}
        _ => return Quoting::Double,
    }
    match (shape.fits_plain, shape.fits_single) {
        (true, _) => Quoting::Plain,
        (false, true) => Quoting::Single,
        (false, false) => Quoting::Double,
    }
}

/// Letters and digits that are a string at first sight: most keys and passwords need no closer look.
fn is_word(text: &str) -> bool {
    is_surely_string(text) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What the characters of a string allow.
struct Shape {
    fits_plain: bool,
    fits_single: bool,
    fits_block: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let is_blank = |c: Option<char>| matches!(c, None | Some(' ' | '\t'));
        let starts_document = text.starts_with("---") || text.starts_with("...");
        let (mut has_indicator, mut has_break, mut is_special) = (starts_document, false, false);
        let (mut break_then_space, mut space_then_break, mut has_tab) = (false, false, false);
        let mut before: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let ends_word = is_blank(chars.peek().copied());
            has_indicator |= match (before, c) {
                (None, first) if "#,[]{}&*!|>'\"%@`".contains(first) => true,
                (None, '?' | '-') | (_, ':') => ends_word,
                (Some(last), '#') => is_blank(Some(last)) || is_break(last),
                _ => false,
            };
            has_tab |= c == '\t';
            is_special |= c != '\t' && !is_printable(c);
            has_break |= is_break(c);
            break_then_space |= c == ' ' && before.is_some_and(is_break);
            space_then_break |= is_break(c) && before == Some(' ');
            before = Some(c);
        }
        let is_outer = |c: char| c == ' ' || is_break(c);
        let is_padded = text.starts_with(is_outer) || text.ends_with(is_outer);
        let is_odd = space_then_break || is_special;
        Self {
            fits_plain: !(is_padded || has_indicator || has_break || has_tab || is_odd),
            fits_single: !(break_then_space || has_tab || is_odd),
            fits_block: !(text.is_empty() || text.ends_with(' ') || is_odd),
        }
    }
}

/// Line ends of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(c: char) -> bool {
    match c {
        '\n' | ' '..='~' => true,
        '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => false,
        c => ('\u{A0}'..'\u{10000}').contains(&c),
    }
}

fn is_old_boolean(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
        "OFF",
    ];
    WORDS.contains(&text)
}

/// `190:20:30.15`: a number to readers of YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let is_digits = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let mut count = 0;
    let is_sixty = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    };
    first.starts_with(|c: char| c.is_ascii_digit())
        && is_digits(first)
        && is_digits(fraction)
        && parts.inspect(|_| count += 1).all(is_sixty)
        && count > 0
}

/// Whether a reader of YAML 1.1 or 1.2 takes a string for something else that the reference writes
/// without quotes: `=`, numbers with `_` or beyond 64 bits, times with a zone of their own.
pub(super) fn is_typed_elsewhere(text: &str) -> bool {
    if matches!(text, "=" | "<<") {
        return true;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let after = |prefix| unsigned.strip_prefix(prefix);
    let only = |rest: Option<&str>, fits: fn(u8) -> bool| {
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte == b'_' || fits(byte)))
    };
    only(after("0x"), |byte| byte.is_ascii_hexdigit())
        || only(after("0b"), |byte| matches!(byte, b'0' | b'1'))
        || only(after("0o"), |byte| byte.is_ascii_digit())
        || is_decimal(unsigned)
        || is_like_a_time(text)
}

/// Digits and `_`, perhaps with one point, perhaps with an exponent.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |part: &str| {
        part.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_digit())
    };
    let mut digits = mantissa.bytes().filter(u8::is_ascii_digit);
    digits.next().is_some() && [whole, fraction, exponent].into_iter().all(are_digits)
}

fn is_like_a_time(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let is_number = |part: Option<&str>, most: usize| {
        part.is_some_and(|part| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    is_number(parts.next(), 4)
        && is_number(parts.next(), 2)
        && parts.next().is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest
                    .bytes()
                    .all(|byte| b"0123456789:.+-tTzZ \t".contains(&byte))
        })
}

/// Double quotes with the reference's escapes.
pub(super) fn double_quoted(text: &str) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(String::with_capacity(text.len() + 2));
    quoted.push('"');
    for c in text.chars() {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{B}' => 'v',
            '\u{C}' => 'f',
            '\r' => 'r',
            '\u{1B}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c if is_printable(c) => {
                quoted.push(c);
                continue;
            }
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xFF => write!(quoted, "\\x{code:02X}"),
                    0x100..=0xFFFF => write!(quoted, "\\u{code:04X}"),
                    _ => write!(quoted, "\\U{code:08X}"),
                };
                continue;
            }
        };
        quoted.push('\\');
        quoted.push(short);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_the_reference_writes_them() {
        for (text, expected) in [
            ("plain", Quoting::Plain),
            ("two words", Quoting::Plain),
            ("a#b", Quoting::Plain),
            ("a:b", Quoting::Plain),
            ("=", Quoting::Plain),
            ("yes", Quoting::Double),
            ("12:30:45", Quoting::Double),
            ("190:20:30.15", Quoting::Double),
            ("1:60", Quoting::Plain),
            ("true", Quoting::Double),
            ("12", Quoting::Double),
            ("", Quoting::Double),
            ("2024-01-02", Quoting::Double),
            ("- dash", Quoting::Single),
            ("a: b", Quoting::Single),
            ("a #b", Quoting::Single),
            ("---x", Quoting::Single),
            (" pad ", Quoting::Single),
            ("tab\there", Quoting::Double),
            ("\u{1F600}", Quoting::Double),
            ("a\nb", Quoting::Literal),
            ("\n", Quoting::Literal),
            ("a \nb", Quoting::Double),
            ("<<", Quoting::Merge),
        ] {
            assert_eq!(style_of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_other_readers_take_for_something_else_is_known() {
        for text in [
            "=",
            "<<",
            "1e400",
            "0x1_",
            "0b1",
            "+0xFFFFFFFFFFFFFFFFFF",
            "1_0.5_0",
            "-5.",
            ".5",
            "2024-01-02 03:04:05Z",
            "2024-1-2",
            "2024-01-02t03:04:05 +02:00",
        ] {
            assert!(is_typed_elsewhere(text), "{text}");
        }
        for text in [
            "1.2.3.4",
            "a=b",
            "e5",
            "0xyz",
            "_",
            ".",
            "2024-01",
            "2024-01-02x",
            "a-1-2",
            "",
        ] {
            assert!(!is_typed_elsewhere(text), "{text}");
        }
    }

    #[test]
    fn escapes_are_those_of_the_reference() {
        assert_eq!(
            *double_quoted("\u{1F600}\u{85}\u{7F}"),
            "\"\\U0001F600\\N\\x7F\""
        );
    }
}

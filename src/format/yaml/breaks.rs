//! U+2028 and U+2029, which are line ends to the reference and characters to the scanner.
//!
//! The reference writes them as they are, inside blocks and single quotes. The scanner gets a text
//! of the same length in which other characters stand for them; the scalars that hold them are then
//! read here, by the rules of YAML 1.1. Anywhere else they are refused.

use zeroize::Zeroizing;

use super::super::{Fault, FormatError};
use super::quoting::is_break;
use super::tokens::{Kind, Style, Token};

const SEPARATORS: [char; 2] = ['\u{2028}', '\u{2029}'];

/// The text for the scanner, if it is not the text itself.
pub(super) fn masked(text: &str) -> Option<Zeroizing<String>> {
    text.contains(SEPARATORS).then(|| {
        let mut masked = Zeroizing::new(String::with_capacity(text.len()));
        let mut is_blank = true;
        for c in text.chars() {
            match c {
                // At the start of a line it is an empty line; behind something it ends a line.
                c if SEPARATORS.contains(&c) => {
                    masked.push_str(if is_blank { "   " } else { "___" });
                }
                c => {
                    is_blank = c == '\n' || is_blank && c == ' ';
                    masked.push(c);
                }
            }
        }
        masked
    })
}

/// Reads the scalars that hold separators anew, from the text itself.
pub(super) fn read(text: &str, tokens: &mut [Token]) -> Result<(), FormatError> {
    let mut tokens = tokens.iter_mut();
    let mut read_to = 0;
    for (at, _) in text.match_indices(SEPARATORS) {
        if at < read_to {
            continue;
        }
        let holder = tokens.by_ref().find(|token| at < token.end);
        let value = holder.and_then(|token| match &mut token.kind {
            Kind::Scalar {
                style,
                text: value,
                block,
            } if token.start < at => {
                let read = match (style, block) {
                    (Style::SingleQuoted, _) => single_quoted(text.get(token.start..token.end)?),
                    (Style::Literal, Some(block)) => literal(
                        text.get(token.start..block.header_end)?,
                        text.get(block.body_start..)?,
                        block.parent_indent,
                    ),
                    _ => return None,
                };
                *value = read;
                Some(token.end)
            }
            _ => None,
        });
        let Some(end) = value else {
            let reason = "a line end that is neither LF nor CRLF";
            return Err(FormatError::at(text, at, Fault::Unsupported, reason));
        };
        read_to = end;
    }
    Ok(())
}

/// Splits off the line end that a text begins with, as the value has it.
fn line_end(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix("\r\n") {
        return Some(("\n", rest));
    }
    let c = text.chars().next().filter(|c| is_break(*c))?;
    let (end, rest) = text.split_at(c.len_utf8());
    Some((if SEPARATORS.contains(&c) { end } else { "\n" }, rest))
}

/// A scalar in single quotes: one line feed is a blank, other line ends stay.
fn single_quoted(quoted: &str) -> Zeroizing<String> {
    let mut value = Zeroizing::new(String::new());
    let inside = quoted.strip_prefix('\'').unwrap_or(quoted);
    let mut rest = inside.strip_suffix('\'').unwrap_or(inside);
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("''") {
            value.push('\'');
            rest = after;
        } else if c == ' ' || c == '\t' || is_break(c) {
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let (blanks, after) = rest.split_at(blanks);
            let Some((first, mut after)) = line_end(after) else {
                value.push_str(blanks);
                rest = after;
                continue;
            };
            let mut further = String::new();
            loop {
                after = after.trim_start_matches([' ', '\t']);
                let Some((end, next)) = line_end(after) else {
                    break;
                };
                further.push_str(end);
                after = next;
            }
            match (first, further.is_empty()) {
                ("\n", true) => value.push(' '),
                ("\n", false) => {}
                (first, _) => value.push_str(first),
            }
            value.push_str(&further);
            rest = after;
        } else {
            value.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    value
}

/// A literal block: its header, and the text from the line below it on.
fn literal(header: &str, mut rest: &str, parent_indent: isize) -> Zeroizing<String> {
    let told = header.chars().find_map(|c| c.to_digit(10));
    let least = usize::try_from(parent_indent + 1)
        .unwrap_or_default()
        .max(1);
    let told = told
        .and_then(|told| usize::try_from(told).ok())
        .map(|told| told + usize::try_from(parent_indent).unwrap_or_default());
    let mut empty_lines = String::new();
    let mut indent = told.unwrap_or_default();
    let mut deepest = 0;
    let mut spaces = take_empty(&mut rest, told, &mut empty_lines, &mut deepest);
    if told.is_none() {
        indent = deepest.max(least);
    }
    let mut value = Zeroizing::new(String::new());
    let mut last_end = "";
    while spaces == indent && !rest.is_empty() {
        value.push_str(last_end);
        value.push_str(&empty_lines);
        empty_lines.clear();
        let length = rest.find(is_break).unwrap_or(rest.len());
        let (line, after) = rest.split_at(length);
        value.push_str(line);
        (last_end, rest) = line_end(after).unwrap_or(("", after));
        spaces = take_empty(&mut rest, Some(indent), &mut empty_lines, &mut deepest);
    }
    if !header.contains('-') {
        value.push_str(last_end);
    }
    if header.contains('+') {
        value.push_str(&empty_lines);
    }
    value
}

/// Goes over empty lines and the indentation of the next line; the blanks of that indentation.
fn take_empty(
    rest: &mut &str,
    indent: Option<usize>,
    ends: &mut String,
    deepest: &mut usize,
) -> usize {
    loop {
        let spaces = rest.bytes().take_while(|byte| *byte == b' ').count();
        let spaces = indent.map_or(spaces, |indent| spaces.min(indent));
        *deepest = spaces.max(*deepest);
        *rest = rest.get(spaces..).unwrap_or_default();
        let Some((end, after)) = line_end(rest) else {
            return spaces;
        };
        ends.push_str(end);
        *rest = after;
    }
}

//! Character classes and escapes, read as Go reads them and written without any syntax of their own.
//!
//! Case folding happens inside the `regex` crate, which folds a class before it negates it, as Go
//! does; therefore a negated part is a nested class of its own.

use super::cursor::Cursor;
use super::{Fault, names};

/// A single code point in the words of the `regex` crate.
pub(super) fn code_point(code: u32) -> Result<String, Fault> {
    match char::from_u32(code) {
        Some(letter) if letter.is_ascii_alphanumeric() => Ok(letter.to_string()),
        Some(_) => Ok(format!("\\x{{{code:X}}}")),
        None => Err(Fault::Unsupported("a surrogate code point")),
    }
}

/// `[…]`: the class as one atom.
pub(super) fn bracketed(cursor: &mut Cursor<'_>, folds_case: bool) -> Result<String, Fault> {
    cursor.skip(1);
    let negation = if cursor.eat("^") { "^" } else { "" };
    let mut ranges = String::new();
    let mut is_first = true;
    loop {
        match cursor.peek() {
            None => return Err(Fault::Invalid("a class is not closed")),
            Some(']') if !is_first => break,
            Some(_) => is_first = false,
        }
        if let Some(set) = posix_set(cursor)? {
            ranges.push_str(&set);
        } else if let Some(set) = escaped_set(cursor)? {
            ranges.push_str(&set);
        } else {
            ranges.push_str(&range(cursor)?);
        }
    }
    cursor.skip(1);
    let flag = if folds_case { "i" } else { "" };
    Ok(format!("(?{flag}:[{negation}{ranges}])"))
}

/// `\d`, `\pL`, `\p{^Greek}` and their like, as a nested class.
pub(super) fn escaped_set(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    let mut letters = cursor.rest().chars();
    let (Some('\\'), Some(letter)) = (letters.next(), letters.next()) else {
        return Ok(None);
    };
    if matches!(letter, 'p' | 'P') {
        cursor.skip(2);
        return unicode_set(cursor, letter == 'P').map(Some);
    }
    let Some(ranges) = names::perl(letter.to_ascii_lowercase()) else {
        return Ok(None);
    };
    cursor.skip(2);
    Ok(Some(nested(ranges, letter.is_ascii_uppercase())))
}

fn unicode_set(cursor: &mut Cursor<'_>, mut is_negated: bool) -> Result<String, Fault> {
    let fault = Fault::Invalid("'\\p' is not followed by the name of a class");
    let start = cursor.rest();
    let mut name = match cursor.next() {
        None => return Err(fault),
        Some('{') => cursor.until('}').ok_or(fault)?,
        Some(letter) => start.get(..letter.len_utf8()).unwrap_or_default(),
    };
    if let Some(positive) = name.strip_prefix('^') {
        is_negated = !is_negated;
        name = positive;
    }
    let set = names::unicode(name).ok_or(Fault::Unsupported(
        "a name of a Unicode class that is not a common category or script",
    ))?;
    Ok(nested(&set, is_negated))
}

/// `[:alpha:]` and `[:^alpha:]` inside a class; without its end it is no such set.
fn posix_set(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    let Some(body) = cursor.rest().strip_prefix("[:") else {
        return Ok(None);
    };
    let Some((name, _)) = body.split_once(":]") else {
        return Ok(None);
    };
    let positive = name.strip_prefix('^');
    let ranges = names::posix(positive.unwrap_or(name))
        .ok_or(Fault::Invalid("'[:' is not followed by a known class"))?;
    cursor.skip(name.len() + 4);
    Ok(Some(nested(ranges, positive.is_some())))
}

fn nested(ranges: &str, is_negated: bool) -> String {
    format!("[{}{ranges}]", if is_negated { "^" } else { "" })
}

/// One character, or a range of them.
fn range(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let low = member(cursor)?;
    let rest = cursor.rest();
    let mut high = low;
    // `[a-]` holds the two characters.
    if rest.len() >= 2 && rest.starts_with('-') && !rest.starts_with("-]") {
        cursor.skip(1);
        high = member(cursor)?;
    }
    if high < low {
        return Err(Fault::Invalid("a range is upside down"));
    }
    Ok(format!("{}-{}", code_point(low)?, code_point(high)?))
}

fn member(cursor: &mut Cursor<'_>) -> Result<u32, Fault> {
    match cursor.peek() {
        None => Err(Fault::Invalid("a class is not closed")),
        Some('\\') => escaped_character(cursor),
        Some(letter) => {
            cursor.next();
            Ok(u32::from(letter))
        }
    }
}

/// `\…` that stands for one character.
pub(super) fn escaped_character(cursor: &mut Cursor<'_>) -> Result<u32, Fault> {
    cursor.skip(1);
    let Some(letter) = cursor.next() else {
        return Err(Fault::Invalid("it ends with a backslash"));
    };
    let fault = Fault::Invalid("the escape is unknown");
    match letter {
        'a' => Ok(0x07),
        'f' => Ok(0x0C),
        'n' => Ok(0x0A),
        'r' => Ok(0x0D),
        't' => Ok(0x09),
        'v' => Ok(0x0B),
        '0'..='7' => octal(cursor, letter).ok_or(fault),
        'x' => hexadecimal(cursor).ok_or(fault),
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Ok(u32::from(letter)),
        _ => Err(fault),
    }
}

/// Up to three digits; one digit other than 0 would be a back-reference.
fn octal(cursor: &mut Cursor<'_>, first: char) -> Option<u32> {
    let mut code = first.to_digit(8)?;
    let mut digits = 1;
    while digits < 3 {
        let Some(digit) = cursor.peek().and_then(|next| next.to_digit(8)) else {
            break;
        };
        cursor.next();
        code = code * 8 + digit;
        digits += 1;
    }
    (first == '0' || digits > 1).then_some(code)
}

fn hexadecimal(cursor: &mut Cursor<'_>) -> Option<u32> {
    if cursor.eat("{") {
        let digits = cursor.until('}')?;
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let code = u32::from_str_radix(digits.trim_start_matches('0'), 16);
        // All zeros leave nothing to parse.
        let code = code.unwrap_or(if digits.bytes().all(|digit| digit == b'0') {
            0
        } else {
            u32::MAX
        });
        return (code <= u32::from(char::MAX)).then_some(code);
    }
    let high = cursor.next()?.to_digit(16)?;
    let low = cursor.next()?.to_digit(16)?;
    Some(high * 16 + low)
}

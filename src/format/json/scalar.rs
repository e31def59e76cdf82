//! Strings and numbers as they stand in a JSON text, read as the reference reads them.

use crate::tree::Value;

/// Why a string is refused, and where.
pub(super) type Refused = (usize, &'static str);

/// How many bytes from here on mean themselves inside a string. Eight at a time: a file is mostly
/// strings.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        let found = special(word);
        if found != 0 {
            return at + usize::try_from(found.trailing_zeros() / 8).unwrap_or_default();
        }
        at += 8;
    }
    let rest = words.remainder();
    at + rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F))
        .unwrap_or(rest.len())
}

/// The high bit of the first byte that is a quote, a backslash or a control character; bits of later
/// bytes mean nothing.
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_zero(word ^ (ONES * 0x22)) | is_zero(word ^ (ONES * 0x5C)) | is_control) & HIGH
}

/// The bytes of a string: from behind its first quote to its last, which is at `close`.
pub(super) fn unescape(text: &[u8], from: usize, close: usize) -> Result<Vec<u8>, Refused> {
    // No escape is shorter than what it means, so this never grows.
    let mut bytes = Vec::with_capacity(close - from);
    let mut at = from;
    while at < close {
        let rest = text.get(at..close).unwrap_or_default();
        let length = plain_length(rest);
        bytes.extend_from_slice(rest.get(..length).unwrap_or_default());
        at += length;
        let Some(escape) = text.get(at + 1).filter(|_| at < close) else {
            break;
        };
        let plain = match escape {
            b'"' | b'\\' | b'/' => *escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, length) = unicode(text, at)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
                continue;
            }
            _ => return Err((at, "an escape that JSON does not have")),
        };
        bytes.push(plain);
        at += 2;
    }
    Ok(bytes)
}

/// The character of `\uXXXX`, or of a pair of them, and the bytes that it takes.
fn unicode(text: &[u8], at: usize) -> Result<(char, usize), Refused> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| {
            Some(unit * 16 + char::from(*digit).to_digit(16)?)
        })
    };
    let first = unit(at).ok_or((at, "an escape that JSON does not have"))?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let second = unit(at + 6).filter(|second| (0xDC00..0xE000).contains(second));
    let character = second
        .filter(|_| first < 0xDC00)
        .and_then(|second| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)));
    let half = "half of a surrogate pair, which is no character";
    character.map(|character| (character, 12)).ok_or((at, half))
}

/// The bytes of a number at the beginning of a text, and its value.
pub(super) fn number(text: &str) -> Result<(usize, Value), &'static str> {
    let bytes = text.as_bytes();
    let digits = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let malformed = "a number that JSON does not have";
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || whole > 1 && bytes.get(at) == Some(&b'0') {
        return Err(malformed);
    }
    at += whole;
    let mut is_integer = true;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return Err(malformed);
        }
        (at, is_integer) = (at + 1 + fraction, false);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return Err(malformed);
        }
        (at, is_integer) = (at + 1 + sign + exponent, false);
    }
    let text = text.get(..at).unwrap_or_default();
    if let (true, Ok(number)) = (is_integer, text.parse()) {
        return Ok((at, Value::Int(number)));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((at, Value::Float(number))),
        _ => Err("a number that is too large"),
    }
}

/// A float as the reference prints it, but one that would read back as an integer keeps its point.
pub(super) fn write_float(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return Some(if size > 1.0 {
            text.replace('e', "e+")
        } else {
            text
        });
    }
    let text = number.to_string();
    let is_integer = text.parse::<i64>().is_ok();
    Some(if is_integer { text + ".0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_byte_is_found_at_every_place() {
        for special in (0..=u8::MAX).filter(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)) {
            for before in [
                b'a', 0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x80, 0xA2, 0xDC, 0xFF,
            ] {
                for length in 0..20 {
                    let mut bytes = vec![before; length];
                    assert_eq!(plain_length(&bytes), length);
                    bytes.push(special);
                    bytes.extend([
                        before, special, before, before, before, before, before, before,
                    ]);
                    assert_eq!(plain_length(&bytes), length, "{special} behind {before}");
                }
            }
        }
    }

    #[test]
    fn escapes_mean_what_they_mean() {
        let read = |text: &str| unescape(text.as_bytes(), 0, text.len());
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20AC", "Aé€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\u0000", "\0"),
        ] {
            assert_eq!(read(text).unwrap(), expected.as_bytes(), "{text}");
        }
        for text in [
            r"\ud800",
            r"\ud800x",
            r"\udc00",
            r"\ud800\u0041",
            r"\u12",
            r"\x41",
            r"\ud800\ud800",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_integers_if_they_fit() {
        let read = |text| match number(text) {
            Ok((length, Value::Int(number))) => format!("{length} int {number}"),
            Ok((length, Value::Float(number))) => format!("{length} float {number:?}"),
            Ok(_) => "something else".to_owned(),
            Err(_) => "refused".to_owned(),
        };
        for (text, expected) in [
            ("0,", "1 int 0"),
            ("-0 ", "2 int 0"),
            ("-0.0", "4 float -0.0"),
            ("9223372036854775807", "19 int 9223372036854775807"),
            ("-9223372036854775808", "20 int -9223372036854775808"),
            ("9223372036854775808", "19 float 9.223372036854776e18"),
            ("1e3]", "3 float 1000.0"),
            ("1E+3", "4 float 1000.0"),
            ("1e-400", "6 float 0.0"),
            ("1e400", "refused"),
            ("01", "refused"),
            ("1.", "refused"),
            (".5", "refused"),
            ("1e", "refused"),
            ("-", "refused"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_float_is_printed_as_the_reference_does_and_stays_a_float() {
        for (number, expected) in [
            (1.5, "1.5"),
            (2.0, "2.0"),
            (-0.0, "-0.0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-1.25e-10, "-1.25e-10"),
            (12_345_678_901_234_567_890.0, "12345678901234567000"),
        ] {
            assert_eq!(write_float(number).unwrap(), expected);
        }
        assert_eq!(write_float(f64::NAN), None);
        assert_eq!(write_float(f64::INFINITY), None);
    }
}

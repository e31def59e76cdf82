//! Which type a plain scalar has: the rules of go-yaml v3, not those of YAML 1.2.
//!
//! A clear value enters the MAC in the form that its type gives it, so a wrong type here makes a
//! sealed file unreadable elsewhere. The surprises: `yes` is a string, `012` is octal, `1_000` is
//! an integer, and a date without quotes is a timestamp (go.yaml.in/yaml/v3 3.0.4, resolve.go).

use crate::secret::SecretBytes;
use crate::tree::Value;

use crate::tree::time;

/// What a plain scalar is.
#[derive(Debug)]
pub(super) enum Resolved {
    Value(Value),
    /// An integer from 2^63 to 2^64-1, which the SOPS format cannot hold.
    TooLarge,
    /// A timestamp whose time zone no other reader takes.
    OddZone,
    /// `<<`, the merge key.
    Merge,
}

/// Whether a text is a string at first sight: longer than every word that means something, with a
/// letter that stands in no number and no time.
pub(super) fn is_surely_string(text: &str) -> bool {
    let is_telling =
        |byte: u8| matches!(byte | 0x20, b'g'..=b'n' | b'p'..=b's' | b'u'..=b'w' | b'y');
    text.len() > "false".len() && text.bytes().any(is_telling)
}

/// Resolves a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Resolved {
    let string = || Resolved::Value(Value::Str(SecretBytes::copy_of(text.as_bytes())));
    if is_surely_string(text) {
        return string();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Value(Value::Null),
        "true" | "True" | "TRUE" => return Resolved::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Resolved::Value(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Resolved::Value(Value::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Value(Value::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => {
            return Resolved::Value(Value::Float(f64::NEG_INFINITY));
        }
        "<<" => return Resolved::Merge,
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => match float(&without_separators(text)) {
            Some(number) => Resolved::Value(Value::Float(number)),
            None => string(),
        },
        Some(b'+' | b'-' | b'0'..=b'9') => number(text).unwrap_or_else(string),
        _ => string(),
    }
}

/// A timestamp, an integer or a float, in this order.
fn number(text: &str) -> Option<Resolved> {
    if let Some(time) = time::from_yaml(text) {
        return Some(Resolved::Value(Value::Time(time)));
    }
    if time::has_odd_zone(text) {
        return Some(Resolved::OddZone);
    }
    let plain: std::borrow::Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    match integer(&plain) {
        Some(Integer::Fits(number)) => return Some(Resolved::Value(Value::Int(number))),
        Some(Integer::TooLarge) => return Some(Resolved::TooLarge),
        None => {}
    }
    float(&plain).map(|number| Resolved::Value(Value::Float(number)))
}

/// `.5_0` as `.50`: an underscore between two digits.
fn without_separators(text: &str) -> std::borrow::Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let separates = |at: usize| at.checked_sub(1).is_some_and(is_digit) && is_digit(at + 1);
    let mut found = text.match_indices('_').peekable();
    if found.peek().is_some() && found.all(|(at, _)| separates(at)) {
        text.replace('_', "").into()
    } else {
        text.into()
    }
}

enum Integer {
    Fits(i64),
    TooLarge,
}

/// Signs, and the prefixes `0x`, `0b`, `0o` and `0` (octal).
fn integer(text: &str) -> Option<Integer> {
    let (is_negative, has_sign, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, text.get(1..)?),
        b'+' => (false, true, text.get(1..)?),
        _ => (false, false, text),
    };
    let lower = |prefix: &str| {
        let head = digits.get(..2)?;
        head.eq_ignore_ascii_case(prefix)
            .then(|| digits.get(2..))
            .flatten()
    };
    let (radix, digits) = if let Some(rest) = lower("0x") {
        (16, rest)
    } else if let Some(rest) = lower("0b") {
        (2, rest)
    } else if let Some(rest) = lower("0o") {
        (8, rest)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits)
    } else {
        (10, digits)
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let Ok(magnitude) = u64::from_str_radix(digits, radix) else {
        return None;
    };
    let signed = i128::from(magnitude) * if is_negative { -1 } else { 1 };
    match i64::try_from(signed) {
        Ok(number) => Some(Integer::Fits(number)),
        Err(_) if has_sign => None,
        Err(_) => Some(Integer::TooLarge),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` that is no overflow.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at)?, unsigned.get(at + 1..)),
        None => (unsigned, None),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && is_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    if !well_formed || !exponent_fits {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Value;

    fn shown(text: &str) -> String {
        match resolve(text) {
            Resolved::TooLarge => "too large".to_owned(),
            Resolved::OddZone => "odd zone".to_owned(),
            Resolved::Merge => "merge".to_owned(),
            Resolved::Value(value) => match &value {
                Value::Null => "null".to_owned(),
                Value::Str(_) => "str".to_owned(),
                Value::Int(number) => format!("int {number}"),
                Value::Float(number) => format!("float {number}"),
                Value::Bool(flag) => format!("bool {flag}"),
                Value::Time(time) => format!("time {time}"),
            },
        }
    }

    #[test]
    fn plain_scalars_have_the_types_of_go_yaml() {
        for (text, expected) in [
            ("", "null"),
            ("~", "null"),
            ("nUll", "str"),
            ("yes", "str"),
            ("on", "str"),
            ("True", "bool true"),
            ("012", "int 10"),
            ("08", "float 8"),
            ("0o17", "int 15"),
            ("0b101", "int 5"),
            ("-0x1F", "int -31"),
            ("1_000", "int 1000"),
            ("+5", "int 5"),
            ("-0", "int 0"),
            ("9223372036854775807", "int 9223372036854775807"),
            ("9223372036854775808", "too large"),
            ("-9223372036854775808", "int -9223372036854775808"),
            ("-9223372036854775809", "float -9223372036854776000"),
            ("18446744073709551616", "float 18446744073709552000"),
            ("1e3", "float 1000"),
            ("1.", "float 1"),
            (".5", "float 0.5"),
            (".", "str"),
            ("1e400", "str"),
            ("12:30:45", "str"),
            ("2024-01-02", "time 2024-01-02T00:00:00Z"),
            (
                "2024-1-2T3:4:5.120+02:00",
                "time 2024-01-02T03:04:05.12+02:00",
            ),
            ("2024-01-02 03:04:05", "time 2024-01-02T03:04:05Z"),
            ("2024-01-02 03:04:05Z", "str"),
            (".5_0", "float 0.5"),
            ("._5", "str"),
            (".5_", "str"),
            ("2024-01-02  03:04:05", "time 2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+24:00", "odd zone"),
            ("2024-01-02T03:04:05+25:00", "str"),
            ("2024-01-02T03:04:05+01:60", "odd zone"),
            ("2024-13-02", "str"),
            ("2023-02-29", "str"),
            ("<<", "merge"),
            ("-", "str"),
            ("0x", "str"),
            ("1.2.3", "str"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}

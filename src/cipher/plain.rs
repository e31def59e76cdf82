//! The bytes of a typed value: what is sealed, and what enters the MAC.
//!
//! `True`, a float without an exponent, a timestamp as RFC 3339: every reader must make the same
//! bytes of the same value, or the MAC of files with clear values fails.

use std::fmt;

use zeroize::Zeroizing;

use crate::secret::SecretBytes;
use crate::tree::{Value, time};

/// The word behind `type:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `str`.
    Str,
    /// `int`.
    Int,
    /// `float`.
    Float,
    /// `bool`.
    Bool,
    /// `time`.
    Time,
    /// `comment`.
    Comment,
    /// `bytes`; read only, in very old files.
    Bytes,
}

/// What a token held.
#[derive(Debug)]
pub enum Opened {
    /// A typed value.
    Value(Value),
    /// The text of a comment.
    Comment(SecretBytes),
}

const WORDS: [(Type, &str); 7] = [
    (Type::Str, "str"),
    (Type::Int, "int"),
    (Type::Float, "float"),
    (Type::Bool, "bool"),
    (Type::Time, "time"),
    (Type::Comment, "comment"),
    (Type::Bytes, "bytes"),
];

impl Type {
    /// The type of a value that can be sealed.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Str(_) => Self::Str,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::Bool(_) => Self::Bool,
            Value::Time(_) => Self::Time,
        }
    }

    /// As it stands in a token.
    pub fn word(self) -> &'static str {
        WORDS
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("str", |(_, word)| word)
    }

    /// Reads the word of a token.
    pub fn of_word(word: &str) -> Option<Self> {
        WORDS
            .iter()
            .find(|(_, known)| *known == word)
            .map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Lends the bytes that are sealed and hashed. Null has none.
pub fn with_plain<R>(value: &Value, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    let made = match value {
        Value::Null => return use_bytes(b""),
        Value::Str(bytes) => return use_bytes(bytes.expose()),
        Value::Bool(flag) => return use_bytes(if *flag { b"True" } else { b"False" }),
        Value::Time(time) => return use_bytes(time.as_bytes()),
        Value::Int(number) => Zeroizing::new(number.to_string()),
        Value::Float(number) => Zeroizing::new(float(*number)),
    };
    use_bytes(made.as_bytes())
}

/// Reads opened bytes as a type; `None` when they are no value of it.
pub fn parse(plain: SecretBytes, kind: Type) -> Option<Opened> {
    let value = match kind {
        Type::Str | Type::Bytes => return Some(Opened::Value(Value::Str(plain))),
        Type::Comment => return Some(Opened::Comment(plain)),
        Type::Int => Value::Int(integer(text(&plain)?)?),
        Type::Float => Value::Float(text(&plain)?.parse().ok()?),
        Type::Bool => Value::Bool(match text(&plain)? {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return None,
        }),
        Type::Time => Value::Time(time::from_rfc3339(text(&plain)?)?),
    };
    Some(Opened::Value(value))
}

fn text(plain: &SecretBytes) -> Option<&str> {
    std::str::from_utf8(plain.expose()).ok()
}

fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Shortest digits that give the number back, never an exponent.
fn float(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_bytes_of_the_format() {
        for (value, expected) in [
            (Value::Bool(true), "True"),
            (Value::Int(-5), "-5"),
            (Value::Float(2.0), "2"),
            (Value::Float(1e21), "1000000000000000000000"),
            (Value::Float(1e-7), "0.0000001"),
            (Value::Float(-0.0), "-0"),
            (Value::Float(f64::INFINITY), "+Inf"),
            (Value::Float(f64::NAN), "NaN"),
        ] {
            assert_eq!(with_plain(&value, <[u8]>::to_vec), expected.as_bytes());
        }
    }

    #[test]
    fn opened_bytes_that_are_no_value_of_their_type_are_refused() {
        for (bytes, kind) in [
            ("4x", Type::Int),
            ("", Type::Int),
            ("9223372036854775808", Type::Int),
            ("yes", Type::Bool),
            ("1.5.2", Type::Float),
            ("2024-01-02", Type::Time),
        ] {
            assert!(
                parse(SecretBytes::copy_of(bytes.as_bytes()), kind).is_none(),
                "{bytes}"
            );
        }
        assert!(parse(SecretBytes::copy_of(b"+007"), Type::Int).is_some());
    }
}

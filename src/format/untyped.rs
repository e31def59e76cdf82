//! Scalars in formats that have strings only: a number, a boolean or a time becomes the text that
//! the reference makes of it.

use zeroize::Zeroizing;

use crate::tree::{Node, Value};

/// What such a format cannot hold at all.
pub(super) const NO_NULL: &str = "null, which this format does not have; an empty string may do";
/// The same.
pub(super) const NO_COLLECTION: &str =
    "a map or a list in a place where this format holds a string only";

/// The text of a value that is no string; `None` of a string, and of null, which has none.
pub(super) fn text(value: &Value) -> Option<Zeroizing<String>> {
    let text = match value {
        Value::Null | Value::Str(_) => return None,
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::Bool(flag) => flag.to_string(),
        Value::Time(time) => time.clone(),
    };
    Some(Zeroizing::new(text))
}

/// The string that a value becomes; `None` if it is one.
pub(super) fn as_string(value: &Value) -> Option<Value> {
    text(value).map(|text| Value::text(&text))
}

/// A scalar as a string.
pub(super) fn fit(node: Node) -> Result<Node, &'static str> {
    match &node {
        Node::Leaf(leaf) => match &leaf.value {
            Value::Null => Err(NO_NULL),
            value => Ok(as_string(value).map_or(node, Node::new_leaf)),
        },
        Node::Map(_) | Node::List(_) => Err(NO_COLLECTION),
    }
}

/// The shortest digits that read back as the same; always with a point or an exponent.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:E}");
    let (digits, exponent) = scientific.split_once('E').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let text = number.to_string();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_reference_writes_them() {
        for (number, expected) in [
            (5.0, "5.0"),
            (1.5, "1.5"),
            (-0.0, "-0.0"),
            (0.0001, "0.0001"),
            (0.000_01, "1E-05"),
            (100_000.0, "100000.0"),
            (1_000_000.0, "1E+06"),
            (1_000_000.5, "1.0000005E+06"),
            (1e-300, "1E-300"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(*text(&Value::Float(number)).unwrap(), expected);
        }
        assert_eq!(*text(&Value::Bool(true)).unwrap(), "true");
        assert!(text(&Value::Null).is_none());
    }
}

//! Flat JSON objects of texts: how several credentials travel in one.
//!
//! Read into zeroing memory and written without a copy. The surprise: two texts with the same
//! fields count as equal, whatever their order, blanks and escapes, so that Terraform's spelling
//! of a JSON text is no difference.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::secret::SecretBytes;

/// The fields of a flat JSON object, by ascending name.
pub(crate) type Fields = BTreeMap<String, SecretBytes>;

/// Reads a text; `None` if it is anything but a flat JSON object of strings.
pub(crate) fn read(text: &SecretBytes) -> Option<Fields> {
    let fields: BTreeMap<String, Field> = serde_json::from_slice(text.expose()).ok()?;
    Some(
        fields
            .into_iter()
            .map(|(key, Field(value))| (key, value))
            .collect(),
    )
}

/// Writes fields in the order given; `None` if one of them is no text.
pub(crate) fn write<'a>(
    fields: impl Iterator<Item = (&'a str, &'a SecretBytes)> + Clone,
) -> Option<SecretBytes> {
    written(fields).map(|mut text| SecretBytes::new(std::mem::take(&mut *text)))
}

fn written<'a>(
    fields: impl Iterator<Item = (&'a str, &'a SecretBytes)> + Clone,
) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    // Each byte takes six at most (\u001f); with the room reserved nothing is moved and left behind.
    let room = fields
        .clone()
        .map(|(key, value)| 6 * (key.len() + value.len()) + 8)
        .sum::<usize>();
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(room + 2));
    text.push(b'{');
    for (at, (key, value)) in fields.enumerate() {
        if at > 0 {
            text.push(b',');
        }
        let value = std::str::from_utf8(value.expose()).ok()?;
        serde_json::to_writer(&mut *text, key).ok()?;
        text.push(b':');
        serde_json::to_writer(&mut *text, value).ok()?;
    }
    text.push(b'}');
    Some(text)
}

struct Field(SecretBytes);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field(SecretBytes::copy_of(text.as_bytes())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    #[test]
    fn fields_are_written_in_order_with_the_fewest_escapes() {
        let (a, b) = (secret("x\"\\<&é\u{1}/"), secret("y"));
        let text = write([("b", &b), ("a", &a)].into_iter()).unwrap();
        assert_eq!(
            String::from_utf8(text.expose().to_vec()).unwrap(),
            r#"{"b":"y","a":"x\"\\<&é\u0001/"}"#
        );
        let fields = read(&text).unwrap();
        assert!(fields.get("a").unwrap().ct_eq(&a));
    }

    #[test]
    fn nothing_but_a_flat_object_of_texts_is_read() {
        for text in [
            "",
            "x",
            "[]",
            "{\"a\":1}",
            "{\"a\":{}}",
            "{\"a\":null}",
            "\"a\"",
        ] {
            assert!(read(&secret(text)).is_none(), "{text}");
        }
        assert!(read(&secret("{}")).unwrap().is_empty());
    }

    #[test]
    fn the_longest_escapes_fit_into_the_room_reserved() {
        let value = secret(&"\u{1}".repeat(50));
        let text = write([("k", &value)].into_iter()).unwrap();
        assert!(read(&text).unwrap().get("k").unwrap().ct_eq(&value));
        let text = written([("k", &value)].into_iter()).unwrap();
        assert!(text.capacity() <= 6 * 51 + 8 + 2);
    }
}

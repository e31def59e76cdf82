//! JSON objects of texts: how several credentials travel in one.
//!
//! Read and edited by the format's own layer, in zeroing memory: what others keep in the same object,
//! of whatever type, stays byte for byte. The surprise: two texts with the same fields count as equal,
//! whatever their order, blanks and escapes, so that Terraform's spelling of a JSON text is no
//! difference.

use zeroize::Zeroizing;

use crate::format::json::Json;
use crate::format::{Document, Format, METADATA_KEY};
use crate::secret::SecretBytes;
use crate::tree::{Map, Node, Path, Value};

/// A JSON object as it stands.
#[derive(Debug)]
pub(crate) struct Object {
    document: Document,
}

/// What stands under a name.
pub(crate) enum Field<'a> {
    /// Nothing.
    Absent,
    /// A text.
    Text(&'a SecretBytes),
    /// Something else, or several things.
    Other,
}

/// Reads a text; `None` if it is no JSON object.
pub(crate) fn read(text: &SecretBytes) -> Option<Object> {
    let text = Zeroizing::new(text.expose().to_vec());
    let document = Json.parse(text).ok()?;
    Some(Object { document })
}

/// Whether a text looks like a JSON object, whether or not it can be read as one.
pub(crate) fn is_like_object(text: &SecretBytes) -> bool {
    let text = text.expose();
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    text.trim_ascii_start().starts_with(b"{")
}

/// Whether a text is a JSON object, whatever is in it.
#[expect(
    clippy::zero_sized_map_values,
    reason = "values are cleartext and not kept; a set is read from a list"
)]
pub(crate) fn is_object(text: &SecretBytes) -> bool {
    type Fields<'a> = std::collections::HashMap<std::borrow::Cow<'a, str>, serde::de::IgnoredAny>;
    serde_json::from_slice::<Fields<'_>>(text.expose()).is_ok()
}

impl Object {
    /// The names of the fields, in their order and as often as they stand there. The one that the
    /// format keeps its own data under comes last.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let pairs = self.pairs().map(|(name, _)| name);
        let reserved = self.document.metadata.is_some().then_some(METADATA_KEY);
        pairs.chain(reserved)
    }

    /// What stands under a name.
    pub(crate) fn field(&self, name: &str) -> Field<'_> {
        if name == METADATA_KEY && self.document.metadata.is_some() {
            return Field::Other;
        }
        let mut found = self.pairs().filter(|(own, _)| *own == name);
        match (found.next(), found.next()) {
            (None, _) => Field::Absent,
            (Some((_, node)), None) => match node.as_value() {
                Some(Value::Str(text)) => Field::Text(text),
                _ => Field::Other,
            },
            (Some(_), Some(_)) => Field::Other,
        }
    }

    /// Whether a name stands there more than once, so that readers may differ about its value.
    pub(crate) fn is_twice(&self, name: &str) -> bool {
        self.pairs().filter(|(own, _)| *own == name).count() > 1
    }

    /// With another text under a name, or with a field more; all else stays as it is.
    #[cfg_attr(
        not(feature = "aws"),
        allow(dead_code, reason = "tested in every build")
    )]
    pub(crate) fn put(self, name: &str, value: &SecretBytes) -> Option<Self> {
        let value = Value::Str(value.duplicate());
        let leaf = Node::new_leaf(value);
        let text = Json
            .put(&self.document, &Path::root().key(name), leaf)
            .ok()?;
        Self::of(text)
    }

    /// Without a field.
    #[cfg_attr(
        not(feature = "aws"),
        allow(dead_code, reason = "tested in every build")
    )]
    pub(crate) fn without(self, name: &str) -> Option<Self> {
        let text = Json
            .take_out(&self.document, &Path::root().key(name))
            .ok()?;
        Self::of(text)
    }

    /// The text.
    #[cfg_attr(
        not(feature = "aws"),
        allow(dead_code, reason = "tested in every build")
    )]
    pub(crate) fn text(&self) -> SecretBytes {
        SecretBytes::copy_of(self.document.source())
    }

    #[cfg_attr(
        not(feature = "aws"),
        allow(dead_code, reason = "tested in every build")
    )]
    fn of(text: Zeroizing<Vec<u8>>) -> Option<Self> {
        let document = Json.parse(text).ok()?;
        Some(Self { document })
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &Node)> {
        let top = self.document.tree.documents.first();
        let pairs = top.into_iter().flat_map(Map::pairs);
        pairs.map(|pair| (pair.key.as_str(), &pair.value))
    }
}

/// Writes fields in the order given; `None` if one of them is no text.
pub(crate) fn write<'a>(
    fields: impl Iterator<Item = (&'a str, &'a SecretBytes)> + Clone,
) -> Option<SecretBytes> {
    written(fields).map(|mut text| SecretBytes::new(std::mem::take(&mut *text)))
}

fn written<'a>(
    fields: impl Iterator<Item = (&'a str, &'a SecretBytes)> + Clone,
) -> Option<Zeroizing<Vec<u8>>> {
    // Each byte takes six at most (\u001f); with the room reserved nothing is moved and left behind.
    let room = fields
        .clone()
        .map(|(key, value)| 6 * (key.len() + value.len()) + 8)
        .sum::<usize>();
    let mut text = Zeroizing::new(Vec::with_capacity(room + 2));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    fn shown(value: &SecretBytes) -> String {
        String::from_utf8(value.expose().to_vec()).unwrap()
    }

    fn is_text(object: &Object, name: &str, value: &SecretBytes) -> bool {
        matches!(object.field(name), Field::Text(found) if found.ct_eq(value))
    }

    #[test]
    fn fields_are_written_in_order_with_the_fewest_escapes() {
        let (a, b) = (secret("x\"\\<&é\u{1}/"), secret("y"));
        let text = write([("b", &b), ("a", &a)].into_iter()).unwrap();
        assert_eq!(shown(&text), r#"{"b":"y","a":"x\"\\<&é\u0001/"}"#);
        assert!(is_text(&read(&text).unwrap(), "a", &a));
    }

    #[test]
    fn fields_of_any_type_are_read_and_only_texts_are_texts() {
        for text in [
            "",
            "x",
            "[]",
            "\"a\"",
            "{\"a\":1",
            "{\"a\":1} x",
            "{\"a\":1e999}",
        ] {
            assert!(read(&secret(text)).is_none(), "{text}");
        }
        let text = r#"{"a":1,"sops":{"x":1},"b":null,"c":"t","d":"1","d":"2"}"#;
        let object = read(&secret(text)).unwrap();
        let names: Vec<&str> = object.names().collect();
        assert_eq!(names, ["a", "b", "c", "d", "d", "sops"]);
        assert!(is_text(&object, "c", &secret("t")));
        for name in ["a", "b", "d", "sops"] {
            assert!(matches!(object.field(name), Field::Other), "{name}");
        }
        assert!(matches!(object.field("e"), Field::Absent));
        assert!(object.is_twice("d") && !object.is_twice("c"));
    }

    #[test]
    fn what_is_not_named_keeps_its_place_and_its_spelling() {
        let text = "{ \"engine\" : \"postgres\",\n  \"port\":5432, \"ratio\": 1.0,\"big\":123456789012345678901234567890,\n  \
                    \"e\":1e5,\"n\":null,\"a\":[ 1,{\"b\":\"\\u0041\"} ],\"password\":\"old\",\"t\":true }\n";
        let object = read(&secret(text)).unwrap();
        let object = object.put("password", &secret("n\"w")).unwrap();
        let changed = text.replace("\"old\"", "\"n\\\"w\"");
        assert_eq!(shown(&object.text()), changed);
        let object = object.put("more", &secret("1")).unwrap();
        assert!(is_text(&object, "more", &secret("1")));
        let object = object.without("more").unwrap();
        assert_eq!(shown(&object.text()), changed);
    }

    #[test]
    fn the_longest_escapes_fit_into_the_room_reserved() {
        let value = secret(&"\u{1}".repeat(50));
        let text = write([("k", &value)].into_iter()).unwrap();
        assert!(is_text(&read(&text).unwrap(), "k", &value));
        let text = written([("k", &value)].into_iter()).unwrap();
        assert!(text.capacity() <= 6 * 51 + 8 + 2);
    }
}

//! How much metadata may say: the author of a file decides nothing about how long others work on it.
//!
//! Far above what any file has, so that none is refused for having many recipients.

use crate::tree::{Field, Fields};

use super::{KeyGroups, LAYOUT_FIELD, MetadataError};

/// Recipients of a file, in all groups.
pub const MOST_RECIPIENTS: usize = 1024;
/// Key groups: the number of a share is one byte.
const MOST_GROUPS: usize = 255;
/// Bytes of a wrapped key.
const LONGEST_WRAPPED: usize = 256 << 10;
/// Bytes of any other text: a hybrid or RSA public key has a few thousand.
const LONGEST_TEXT: usize = 16 << 10;
/// Bytes of the layout: what large texts with folded lines in each value have.
const LONGEST_LAYOUT: usize = 3 << 20;
/// Pairs of an encryption context; all of them may have 8 KiB for AWS KMS.
const MOST_PAIRS: usize = 256;
/// Bytes of all texts and names together.
const LONGEST: usize = 4 << 20;
/// Fields of all entries together.
const MOST_FIELDS: usize = 64 << 10;

pub(super) fn check(fields: &Fields, key_groups: &KeyGroups) -> Result<(), MetadataError> {
    let mut total = Total::default();
    total.add(fields)?;
    most("bytes", total.bytes, LONGEST)?;
    most("fields", total.fields, MOST_FIELDS)?;
    most("key groups", key_groups.groups().len(), MOST_GROUPS)?;
    most(
        "recipients",
        key_groups.recipients().count(),
        MOST_RECIPIENTS,
    )?;
    for recipient in key_groups.recipients() {
        if let Some(Field::Map(context)) = recipient.fields.get("context") {
            let what = "pairs in an encryption context";
            most(what, context.0.len(), MOST_PAIRS)?;
        }
    }
    Ok(())
}

fn most(what: &'static str, found: usize, most: usize) -> Result<(), MetadataError> {
    if found <= most {
        return Ok(());
    }
    Err(MetadataError::Limit { what, found, most })
}

#[derive(Default)]
struct Total {
    bytes: usize,
    fields: usize,
}

impl Total {
    fn add(&mut self, fields: &Fields) -> Result<(), MetadataError> {
        let mut open: Vec<(&str, &Field)> = Vec::new();
        open.extend(fields.0.iter().map(|(name, field)| (name.as_str(), field)));
        while let Some((name, field)) = open.pop() {
            self.fields += 1;
            match field {
                Field::Text(text) | Field::Time(text) => {
                    let (what, longest) = if name.eq_ignore_ascii_case("enc") {
                        ("bytes in a wrapped key", LONGEST_WRAPPED)
                    } else if name.eq_ignore_ascii_case(LAYOUT_FIELD) {
                        ("bytes in the layout", LONGEST_LAYOUT)
                    } else {
                        ("bytes in one text", LONGEST_TEXT)
                    };
                    most(what, text.len(), longest)?;
                    self.bytes += text.len();
                }
                Field::List(list) => open.extend(list.iter().map(|field| (name, field))),
                Field::Map(map) => {
                    self.bytes += map.0.iter().map(|(name, _)| name.len()).sum::<usize>();
                    open.extend(map.0.iter().map(|(name, field)| (name.as_str(), field)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metadata;
    use super::*;

    fn branch(name: &str, field: Field) -> Result<Metadata, MetadataError> {
        let mut fields = Fields::from([
            ("lastmodified", "2026-01-31T12:00:00Z"),
            ("version", "3.13.3"),
        ]);
        fields.set("age", Field::List(entries(1, "wrapped")));
        fields.set(name, field);
        Metadata::parse(fields)
    }

    fn entries(number: usize, enc: &str) -> Vec<Field> {
        let entry = Fields::from([("recipient", "age1x"), ("enc", enc)]);
        vec![Field::Map(entry); number]
    }

    fn text(length: usize) -> Field {
        Field::Text("x".repeat(length))
    }

    #[test]
    fn hundreds_of_recipients_are_read_and_more_than_any_file_has_are_refused() {
        let age = |number| branch("age", Field::List(entries(number, "wrapped")));
        let read = age(MOST_RECIPIENTS).unwrap();
        assert_eq!(read.key_groups.recipients().count(), MOST_RECIPIENTS);
        let error = age(MOST_RECIPIENTS + 1).unwrap_err().to_string();
        assert_eq!(error, "it has 1025 recipients, and at most 1024 are read");
    }

    #[test]
    fn groups_are_counted_and_so_are_pairs_fields_and_bytes() {
        let group = Field::Map(Fields(vec![(
            "age".to_owned(),
            Field::List(entries(1, "w")),
        )]));
        let groups = |number| {
            let read = Metadata::parse(Fields(vec![
                (
                    "lastmodified".to_owned(),
                    Field::Text("2026-01-31T12:00:00Z".to_owned()),
                ),
                ("version".to_owned(), Field::Text("3.13.3".to_owned())),
                (
                    "key_groups".to_owned(),
                    Field::List(vec![group.clone(); number]),
                ),
            ]));
            read.map(drop)
        };
        assert!(groups(255).is_ok());
        assert!(groups(256).is_err());

        let pair = |number: usize| (number.to_string(), Field::Text("v".to_owned()));
        let context = |number| {
            let kms = Fields(vec![
                ("arn".to_owned(), Field::Text("a".to_owned())),
                (
                    "context".to_owned(),
                    Field::Map(Fields((0..number).map(pair).collect())),
                ),
            ]);
            branch("kms", Field::List(vec![Field::Map(kms)])).map(drop)
        };
        assert!(context(256).is_ok());
        assert!(context(257).is_err());

        assert!(branch("mac", text(16 << 10)).is_ok());
        assert!(branch("mac", text((16 << 10) + 1)).is_err());
        let wrapped = |length, number| {
            let enc = "x".repeat(length);
            branch("age", Field::List(entries(number, &enc))).map(drop)
        };
        assert!(wrapped(256 << 10, 15).is_ok());
        assert!(wrapped((256 << 10) + 1, 1).is_err());
        assert!(wrapped(256 << 10, 17).is_err());
        assert!(branch("other", Field::List(vec![Field::Null; 64 << 10])).is_err());
    }
}

//! Metadata in formats without nesting: the way down to each text becomes one name, as
//! `age__list_0__map_enc`, and a line end in a text becomes the two characters `\n`.
//!
//! Reads what the reference reads, and refuses what it refuses. The surprise: a position that is no
//! number counts as 0.

use std::collections::BTreeMap;

use crate::tree::{Field, Fields};

const INTO_MAP: &str = "__map_";
const INTO_LIST: &str = "__list_";
/// Levels of nesting that are read; the reference writes five.
const DEPTH_LIMIT: usize = 64;

/// Names and texts, in the order of the fields. Empty lists and maps vanish.
pub(super) fn flatten(fields: &Fields) -> Result<Vec<(String, String)>, &'static str> {
    let mut flat = Vec::new();
    flatten_map(fields, "", &mut flat)?;
    let mut names: Vec<&str> = flat.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.get(1)) {
        return Err("two entries of the metadata get the same name here");
    }
    Ok(flat)
}

fn flatten_map(
    fields: &Fields,
    prefix: &str,
    flat: &mut Vec<(String, String)>,
) -> Result<(), &'static str> {
    for (name, field) in &fields.0 {
        if name.contains(INTO_MAP) || name.contains(INTO_LIST) {
            return Err("a name in the metadata that holds '__map_' or '__list_'");
        }
        flatten_field(field, format!("{prefix}{name}"), flat)?;
    }
    Ok(())
}

fn flatten_field(
    field: &Field,
    name: String,
    flat: &mut Vec<(String, String)>,
) -> Result<(), &'static str> {
    let text = match field {
        // The reference has no null in its metadata, and leaves out what is empty.
        Field::Null => return Ok(()),
        Field::Text(text) | Field::Time(text) => text.clone(),
        Field::Bool(flag) => flag.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Map(fields) => return flatten_map(fields, &format!("{name}{INTO_MAP}"), flat),
        Field::List(items) => {
            for (position, item) in items.iter().enumerate() {
                let before = flat.len();
                flatten_field(item, format!("{name}{INTO_LIST}{position}"), flat)?;
                if flat.len() == before {
                    return Err("a list in the metadata with an empty item");
                }
            }
            return Ok(());
        }
    };
    flat.push((name, text));
    Ok(())
}

/// Text with line ends as one line.
pub(super) fn escape(text: &str) -> Result<String, &'static str> {
    if text.contains("\\n") {
        return Err("a backslash before an n in the metadata, which would become a line end");
    }
    Ok(text.replace('\n', "\\n"))
}

/// The text that a line stands for.
pub(super) fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

/// Names and texts to fields, sorted by name at every level.
pub(super) fn unflatten<'t>(
    flat: impl Iterator<Item = (&'t str, String)>,
) -> Result<Fields, &'static str> {
    let mut root = Branch::default();
    for (name, text) in flat {
        root.place(name, text)?;
    }
    match root.into_field()? {
        Field::Map(fields) => Ok(fields),
        _ => Err("the names in the metadata make no map"),
    }
}

/// What stands below a name.
#[derive(Default)]
struct Branch {
    text: Option<String>,
    keys: BTreeMap<String, Branch>,
    items: BTreeMap<i64, Branch>,
}

impl Branch {
    fn place(&mut self, name: &str, text: String) -> Result<(), &'static str> {
        let (mut rest, mut into, mut levels) = (name, INTO_MAP, 0);
        let mut branch = self;
        loop {
            levels += 1;
            if levels > DEPTH_LIMIT {
                return Err("names in the metadata are nested too deeply");
            }
            let next = [INTO_MAP, INTO_LIST]
                .into_iter()
                .filter_map(|mark| Some((rest.find(mark)?, mark)))
                .min();
            let (part, behind) = match next {
                Some((at, mark)) => (rest.get(..at), rest.get(at + mark.len()..)),
                None => (Some(rest), None),
            };
            let part = part.unwrap_or_default();
            branch = if into == INTO_MAP {
                branch.keys.entry(part.to_owned()).or_default()
            } else {
                branch.items.entry(position(part)).or_default()
            };
            match (next, behind) {
                (Some((_, mark)), Some(behind)) => (rest, into) = (behind, mark),
                _ => break,
            }
        }
        if branch.text.replace(text).is_some() {
            return Err("a name in the metadata stands there twice");
        }
        Ok(())
    }

    fn into_field(self) -> Result<Field, &'static str> {
        let kinds = [
            self.text.is_some(),
            !self.keys.is_empty(),
            !self.items.is_empty(),
        ];
        if kinds.into_iter().filter(|is_there| *is_there).count() > 1 {
            return Err("a name in the metadata has a value and parts, or parts of two kinds");
        }
        if let Some(text) = self.text {
            return Ok(Field::Text(text));
        }
        if self.items.is_empty() {
            let field = |(key, branch): (String, Self)| Ok((key, branch.into_field()?));
            let fields: Result<_, &'static str> = self.keys.into_iter().map(field).collect();
            return Ok(Field::Map(Fields(fields?)));
        }
        let in_order = self.items.keys().zip(0..);
        if in_order.into_iter().any(|(found, wanted)| *found != wanted) {
            return Err("a list in the metadata is incomplete: its positions are not 0, 1, 2, …");
        }
        let items = self.items.into_values().map(Self::into_field);
        Ok(Field::List(items.collect::<Result<_, _>>()?))
    }
}

/// As the reference counts: what is no number is 0, what is too large is the largest.
fn position(text: &str) -> i64 {
    match text.parse() {
        Ok(position) => position,
        Err(error) => match error.kind() {
            std::num::IntErrorKind::PosOverflow => i64::MAX,
            std::num::IntErrorKind::NegOverflow => i64::MIN,
            _ => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Result<Fields, &'static str> {
        unflatten(names.iter().map(|name| (*name, "x".to_owned())))
    }

    #[test]
    fn what_is_flattened_comes_back() {
        let inner = |enc: &str| Field::Map(Fields::from([("enc", enc), ("recipient", "age1")]));
        let mut group = Fields::default();
        group.set("age", Field::List(vec![inner("a\nb\n"), inner("c")]));
        group.set("hc_vault", Field::List(Vec::new()));
        let mut fields = Fields::default();
        fields.set("key_groups", Field::List(vec![Field::Map(group)]));
        fields.set("mac_only_encrypted", Field::Bool(true));
        fields.set("shamir_threshold", Field::Int(2));
        let flat = flatten(&fields).unwrap();
        let names: Vec<&str> = flat.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "key_groups__list_0__map_age__list_0__map_enc",
                "key_groups__list_0__map_age__list_0__map_recipient",
                "key_groups__list_0__map_age__list_1__map_enc",
                "key_groups__list_0__map_age__list_1__map_recipient",
                "mac_only_encrypted",
                "shamir_threshold",
            ]
        );
        let again = unflatten(
            flat.iter()
                .map(|(name, text)| (name.as_str(), text.clone())),
        );
        let again = flatten(&again.unwrap()).unwrap();
        assert_eq!(again, flat);
        assert_eq!(unescape(&escape("a\nb\n").unwrap()), "a\nb\n");
        assert!(escape("a\\nb").is_err());
    }

    #[test]
    fn names_that_make_no_tree_are_refused() {
        for names in [
            &["a__list_1"][..],
            &["a__list_0", "a__list_2"],
            &["a__list_-1"],
            &["a__list_99999999999999999999"],
            &["a", "a"],
            &["a", "a__map_b"],
            &["a__map_b", "a__list_0"],
            &["a__list_x", "a__list_0"],
        ] {
            assert!(read(names).is_err(), "{names:?}");
        }
        assert!(read(&["a__list_x", "a__list_1"]).is_ok());
        assert!(read(&["", "__map_"]).is_err());
        assert!(read(&["__list_0"]).is_ok());
        let deep = format!("a{}", INTO_MAP.repeat(1_000_000));
        assert!(read(&[&deep]).is_err());
    }

    #[test]
    fn what_would_not_come_back_is_not_written() {
        let holed = Field::List(vec![Field::Map(Fields::default()), Field::Int(1)]);
        for field in [("a__map_b", Field::Int(1)), ("a", holed)] {
            let fields = Fields(vec![(field.0.to_owned(), field.1)]);
            assert!(flatten(&fields).is_err());
        }
        let twice = Fields(vec![
            ("a".to_owned(), Field::Int(1)),
            ("a".to_owned(), Field::Int(2)),
        ]);
        assert!(flatten(&twice).is_err());
    }
}

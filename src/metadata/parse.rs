//! Fields to metadata, as tolerant as the reference: names match in any case, types convert weakly,
//! unknown fields are kept.

use crate::error::{Code, Error};
use crate::tree::{Field, Fields, time};

use super::pattern::PatternError;
use super::selection::RuleKind;
use super::{KeyGroups, LAYOUT_FIELD, Metadata, Recipient, Rule, limits};

/// The lists of recipients that the reference knows, in the order of a group.
pub(super) const KINDS: [&str; 7] = [
    "kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp", "age",
];

/// Why a metadata branch cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// A field is not what it should be.
    #[error("{} {problem}", place(field))]
    Field {
        /// Its name.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody can open the file.
    #[error("the metadata names no recipient")]
    NoRecipients,
    /// It says more than is read.
    #[error("it has {found} {what}, and at most {most} are read")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there is.
        found: usize,
        /// How much is read.
        most: usize,
    },
    /// More than one rule.
    #[error("the metadata has two rules ({0} and {1}) that say which values are sealed")]
    TwoRules(&'static str, &'static str),
    /// A pattern that cannot be compiled.
    #[error("sops.{field} cannot be used: {reason}")]
    Pattern {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl MetadataError {
    /// As an error about a file.
    pub fn about(self, file: &str) -> Error {
        Error::new(
            Code::Failed,
            format!("cannot read the metadata of {file}: {self}"),
        )
    }
}

impl Metadata {
    /// Reads the branch called `sops`.
    pub fn parse(fields: Fields) -> Result<Self, MetadataError> {
        let last_modified = text(&fields, "lastmodified")?.unwrap_or_default();
        let last_modified = time::in_seconds(&last_modified).ok_or_else(|| {
            problem(
                "lastmodified",
                "is missing, or no quoted RFC 3339 time like \"2026-01-31T12:00:00Z\"",
            )
        })?;
        let version = text(&fields, "version")?.unwrap_or_default();
        if !is_version(&version) {
            return Err(problem("version", "is missing, or no version number"));
        }
        let key_groups = KeyGroups::parse(&fields)?;
        if key_groups.groups().is_empty() {
            return Err(MetadataError::NoRecipients);
        }
        limits::check(&fields, &key_groups)?;
        Ok(Self {
            key_groups,
            last_modified,
            mac: text(&fields, "mac")?.filter(|mac| !mac.is_empty()),
            rule: rule(&fields)?,
            mac_only_encrypted: flag(&fields, "mac_only_encrypted")?,
            version,
            layout: layout(&fields),
            fields,
        })
    }
}

/// A field as one would write it; the whole branch has no name of its own.
fn place(field: &str) -> String {
    if field.is_empty() {
        "the entry called 'sops'".to_owned()
    } else {
        format!("sops.{field}")
    }
}

pub(super) fn problem(field: &str, problem: &'static str) -> MetadataError {
    MetadataError::Field {
        field: field.to_owned(),
        problem,
    }
}

/// A text, or a scalar that converts to one.
fn text(fields: &Fields, name: &str) -> Result<Option<String>, MetadataError> {
    Ok(match fields.get(name) {
        None | Some(Field::Null) => None,
        Some(Field::Text(text)) => Some(text.clone()),
        Some(Field::Int(number)) => Some(number.to_string()),
        Some(Field::Float(number)) => Some(number.to_string()),
        Some(Field::Bool(flag)) => Some(if *flag { "1" } else { "0" }.to_owned()),
        Some(Field::Time(_)) => return Err(problem(name, "is a timestamp without quotes")),
        Some(Field::List(_) | Field::Map(_)) => return Err(problem(name, "is no text")),
    })
}

/// Nobody depends on it, so whatever stands there keeps no file from being opened.
fn layout(fields: &Fields) -> Option<String> {
    fields.get(LAYOUT_FIELD)?;
    let layout = text(fields, LAYOUT_FIELD).ok().flatten();
    Some(layout.unwrap_or_default())
}

fn flag(fields: &Fields, name: &str) -> Result<bool, MetadataError> {
    match fields.get(name) {
        None | Some(Field::Null) => Ok(false),
        Some(Field::Bool(flag)) => Ok(*flag),
        Some(Field::Int(number)) => Ok(*number != 0),
        Some(Field::Text(text)) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(problem(name, "is neither true nor false")),
        },
        Some(_) => Err(problem(name, "is neither true nor false")),
    }
}

/// A whole number, or what converts to one: a text may say it in hexadecimal, a fraction is cut off.
pub(super) fn number(fields: &Fields, name: &str) -> Result<i64, MetadataError> {
    let no_number = || problem(name, "is no whole number");
    match fields.get(name) {
        None | Some(Field::Null) => Ok(0),
        Some(Field::Int(number)) => Ok(*number),
        Some(Field::Bool(flag)) => Ok(i64::from(*flag)),
        Some(Field::Float(number)) if number.abs() < 1e15 => {
            let whole = format!("{:.0}", number.trunc());
            whole.parse().map_err(|_| no_number())
        }
        Some(Field::Text(text)) => whole(text).ok_or_else(no_number),
        Some(_) => Err(no_number()),
    }
}

fn whole(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [] => return text.is_empty().then_some(0),
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let size = i64::from_str_radix(digits, radix)
        .ok()
        .filter(|_| is_plain)?;
    Some(if is_negative { -size } else { size })
}

/// The recipients of a group: of the kinds that the reference knows, then of any list whose
/// entries hold a wrapped key.
pub(super) fn group(fields: &Fields) -> Result<Vec<Recipient>, MetadataError> {
    let mut found = Vec::new();
    for kind in KINDS {
        found.extend(entries(kind, fields.get(kind))?);
    }
    for (name, field) in &fields.0 {
        let is_known = KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(name));
        if !is_known && holds_recipients(field) {
            found.extend(entries(name, Some(field))?);
        }
    }
    Ok(found)
}

/// Whether a field is a list whose entries hold a wrapped key.
pub(super) fn holds_recipients(field: &Field) -> bool {
    let wraps = |entry: &Field| matches!(entry, Field::Map(map) if map.text("enc").is_some());
    matches!(field, Field::List(list) if !list.is_empty() && list.iter().all(wraps))
}

fn entries(kind: &str, field: Option<&Field>) -> Result<Vec<Recipient>, MetadataError> {
    let recipient = |entry: &Field| match entry {
        Field::Map(fields) => {
            if matches!(fields.get("created_at"), Some(Field::Time(_))) {
                return Err(problem(kind, "has a created_at without quotes"));
            }
            Ok(Recipient {
                kind: kind.to_owned(),
                fields: fields.clone(),
            })
        }
        _ => Err(problem(kind, "holds something that is no map")),
    };
    match field {
        None | Some(Field::Null) => Ok(Vec::new()),
        Some(Field::List(list)) => list.iter().map(recipient).collect(),
        Some(map @ Field::Map(_)) => Ok(vec![recipient(map)?]),
        Some(_) => Err(problem(kind, "is no list")),
    }
}

fn rule(fields: &Fields) -> Result<Rule, MetadataError> {
    let mut found: Option<(RuleKind, String)> = None;
    for kind in RuleKind::ALL {
        let Some(argument) = text(fields, kind.field())?.filter(|text| !text.is_empty()) else {
            continue;
        };
        if let Some((first, _)) = found {
            return Err(MetadataError::TwoRules(first.field(), kind.field()));
        }
        found = Some((kind, argument));
    }
    match found {
        None => Ok(Rule::default()),
        Some((kind, argument)) => match Rule::new(kind, &argument) {
            // The reference may know what it means: the file is readable, but not writable.
            Err(PatternError::Unsupported { .. }) => Ok(Rule::opaque(kind, &argument)),
            Err(error) => {
                let reason = error.to_string();
                Err(MetadataError::Pattern {
                    field: kind.field(),
                    reason,
                })
            }
            Ok(rule) => Ok(rule),
        },
    }
}

/// `3.13.3`, `v3.9.0-rc.1`: three numbers, then what semantic versioning lets follow.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_old = text.starts_with("1.") && parts.iter().all(is_number);
    is_old || (parts.len() == 3 && parts.iter().all(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(extra: &[(&str, Field)]) -> Fields {
        let mut fields = Fields::from([
            ("lastmodified", "2026-01-31T12:00:00Z"),
            ("mac", "ENC[x]"),
            ("version", "3.13.3"),
        ]);
        let entry = Fields::from([("recipient", "age1x"), ("enc", "wrapped")]);
        fields.set("age", Field::List(vec![Field::Map(entry)]));
        for (name, field) in extra {
            fields.set(name, field.clone());
        }
        fields
    }

    #[test]
    fn the_form_of_old_versions_is_read() {
        let empty = Field::List(Vec::new());
        let fields = branch(&[
            ("kms", empty.clone()),
            ("pgp", Field::Null),
            ("unencrypted_suffix", Field::Text("_unencrypted".into())),
            ("version", Field::Text("3.7.3".into())),
        ]);
        let metadata = Metadata::parse(fields).unwrap();
        assert_eq!(metadata.key_groups.recipients().count(), 1);
        assert_eq!(metadata.version, "3.7.3");
    }

    #[test]
    fn names_match_in_any_case_and_one_map_is_a_list() {
        let mut fields = branch(&[]);
        fields.remove("mac");
        fields.set("MAC", Field::Text("ENC[x]".into()));
        let one = Fields::from([("arn", "arn:aws:kms:r:1:key/a"), ("enc", "w")]);
        fields.set("kms", Field::Map(one));
        let metadata = Metadata::parse(fields).unwrap();
        assert!(metadata.mac.is_some());
        assert_eq!(metadata.key_groups.recipients().count(), 2);
    }

    #[test]
    fn a_number_may_come_as_another_type() {
        let read = |field: Field| {
            let fields = Fields(vec![("Shamir_Threshold".to_owned(), field)]);
            number(&fields, "shamir_threshold")
        };
        for (field, expected) in [
            (Field::Int(3), 3),
            (Field::Float(2.0), 2),
            (Field::Float(2.9), 2),
            (Field::Bool(true), 1),
            (Field::Null, 0),
            (Field::Text(String::new()), 0),
            (Field::Text("2".into()), 2),
            (Field::Text("+2".into()), 2),
            (Field::Text("-1".into()), -1),
            (Field::Text("0x2".into()), 2),
            (Field::Text("010".into()), 8),
            (Field::Text("0".into()), 0),
        ] {
            assert_eq!(read(field.clone()), Ok(expected), "{field:?}");
        }
        for field in [
            Field::Text("two".into()),
            Field::Text("2.0".into()),
            Field::Text(" 2".into()),
            Field::Text("-".into()),
            Field::Text("0x-2".into()),
            Field::Float(f64::NAN),
            Field::Float(1e300),
            Field::Time("2026-01-31".into()),
            Field::List(vec![Field::Int(2)]),
        ] {
            assert!(read(field.clone()).is_err(), "{field:?}");
        }
    }

    #[test]
    fn a_branch_that_the_reference_refuses_is_refused() {
        for (name, field) in [
            ("lastmodified", Field::Time("2026-01-31T12:00:00Z".into())),
            ("lastmodified", Field::Text("yesterday".into())),
            ("version", Field::Text("abc".into())),
            ("version", Field::Null),
            ("age", Field::List(Vec::new())),
            ("age", Field::Text("x".into())),
        ] {
            assert!(Metadata::parse(branch(&[(name, field)])).is_err(), "{name}");
        }
        let two = branch(&[
            ("encrypted_regex", Field::Text("a".into())),
            ("unencrypted_suffix", Field::Text("b".into())),
        ]);
        assert!(matches!(
            Metadata::parse(two),
            Err(MetadataError::TwoRules(..))
        ));
        let invalid = branch(&[("encrypted_regex", Field::Text("(".into()))]);
        assert!(matches!(
            Metadata::parse(invalid),
            Err(MetadataError::Pattern { .. })
        ));
    }
}

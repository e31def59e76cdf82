//! Lists of recipients: read from options and rules, named, compared.
//!
//! Nothing here connects. Two entries are the same recipient when they name the same key in the
//! same way; when an entry was made and what it wraps does not count.

use std::collections::BTreeSet;

use super::{KEY_KINDS, KeyError, KeyKind};
use crate::metadata::Recipient;
use crate::tree::{Field, Fields};

/// The kind with this list name, if this build has it.
pub fn kind(field: &str) -> Option<&'static KeyKind> {
    KEY_KINDS.iter().copied().find(|kind| kind.field == field)
}

/// Whether this build can wrap and unwrap with it.
pub fn is_supported(recipient: &Recipient) -> bool {
    kind(&recipient.kind).is_some()
}

/// Reads a comma separated list: the value of an option, a variable or a creation rule.
pub fn recipients_from(kind: &KeyKind, text: &str) -> Result<Vec<Recipient>, KeyError> {
    let mut recipients = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(kind.parse)
        .collect::<Result<Vec<_>, _>>()?;
    deduplicate(&mut recipients);
    Ok(recipients)
}

/// Removes entries that name a recipient already in the list.
pub fn deduplicate(recipients: &mut Vec<Recipient>) {
    let mut seen = BTreeSet::new();
    recipients.retain(|recipient| seen.insert(identity(recipient)));
}

/// What people know a recipient by, also one of a kind that this build does not know.
pub fn label(recipient: &Recipient) -> String {
    let known = kind(&recipient.kind).map(|kind| kind.name);
    known
        .into_iter()
        .chain(NAMES.iter().copied())
        .find_map(|name| recipient.fields.text(name))
        .map_or_else(|| format!("an entry of {}", recipient.kind), str::to_owned)
}

/// A text that is equal for entries that name the same recipient.
pub fn identity(recipient: &Recipient) -> String {
    let mut parts: Vec<String> = recipient
        .fields
        .0
        .iter()
        .filter(|(name, field)| {
            let is_about_the_entry = ["enc", "created_at", "aws_profile"]
                .iter()
                .any(|other| name.eq_ignore_ascii_case(other));
            !is_about_the_entry && !is_empty(field)
        })
        .map(|(name, field)| {
            let value = match field {
                // The comment behind an SSH key is no part of it.
                Field::Text(text) if text.starts_with("ssh-") => text
                    .split_whitespace()
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" "),
                field => canonical(field),
            };
            format!("{}={value}", name.to_ascii_lowercase())
        })
        .collect();
    parts.sort();
    format!("{}:{}", recipient.kind, parts.join(";"))
}

/// Reads the encryption context of the command line, `key:value` pairs separated by commas.
pub fn parse_context(text: &str) -> Result<Fields, KeyError> {
    let mut context = Fields::default();
    for pair in text.split(',') {
        let mut parts = pair.split(':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(key), Some(value), None) if !key.is_empty() => {
                context.set(key.trim(), Field::Text(value.trim().to_owned()));
            }
            _ => {
                return Err(KeyError::Malformed {
                    label: pair.to_owned(),
                    reason: "an encryption context is 'key:value', several separated by commas"
                        .to_owned(),
                });
            }
        }
    }
    Ok(context)
}

/// Gives KMS entries without a context of their own this one.
pub fn apply_context(recipients: &mut [Recipient], context: &Fields) {
    for recipient in recipients.iter_mut().filter(|entry| entry.kind == "kms") {
        if !context.0.is_empty() && recipient.fields.get("context").is_none_or(is_empty) {
            let context = Field::Map(context.clone());
            recipient.fields.set("context", context);
        }
    }
}

/// Gives KMS entries without a profile of their own this one.
pub fn apply_profile(recipients: &mut [Recipient], profile: &str) {
    for recipient in recipients.iter_mut().filter(|entry| entry.kind == "kms") {
        if recipient.fields.get("aws_profile").is_none_or(is_empty) {
            let profile = Field::Text(profile.to_owned());
            recipient.fields.set("aws_profile", profile);
        }
    }
}

fn is_empty(field: &Field) -> bool {
    match field {
        Field::Null => true,
        Field::Text(text) => text.is_empty(),
        Field::List(list) => list.is_empty(),
        Field::Map(map) => map.0.is_empty(),
        _ => false,
    }
}

fn canonical(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Text(text) | Field::Time(text) => format!("{text:?}"),
        Field::Bool(flag) => flag.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::List(list) => {
            let items: Vec<String> = list.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Field::Map(map) => {
            let mut pairs: Vec<String> = map
                .0
                .iter()
                .map(|(key, field)| format!("{key:?}:{}", canonical(field)))
                .collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

/// The fields that name an entry of the kinds that the format has.
const NAMES: &[&str] = &[
    "arn",
    "recipient",
    "fp",
    "resource_id",
    "key_id",
    "vault_url",
    "vault_address",
    "name",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, fields: Fields) -> Recipient {
        Recipient {
            kind: kind.to_owned(),
            fields,
        }
    }

    #[test]
    fn an_unknown_kind_still_has_a_name() {
        let vault = Fields::from([("enc", "x"), ("vault_address", "https://vault")]);
        let vault = entry("hc_vault", vault);
        assert_eq!(label(&vault), "https://vault");
        assert!(!is_supported(&vault));
        assert_eq!(
            label(&entry("quantum", Fields::default())),
            "an entry of quantum"
        );
    }

    #[test]
    fn when_it_was_made_and_what_it_wraps_do_not_make_another_recipient() {
        let a = entry("kms", Fields::from([("arn", "x"), ("aws_profile", "")]));
        let b = entry(
            "kms",
            Fields::from([("enc", "e"), ("created_at", "t"), ("arn", "x")]),
        );
        let c = entry("kms", Fields::from([("arn", "x"), ("role", "r")]));
        let mut all = vec![a.clone(), b, c.clone()];
        deduplicate(&mut all);
        assert_eq!(all, [a, c]);
    }

    #[test]
    fn the_comment_of_an_ssh_key_does_not_make_another_recipient() {
        let ssh = |text: &str| entry("age", Fields::from([("recipient", text)]));
        assert_eq!(
            identity(&ssh("ssh-ed25519 AAAA me@host")),
            identity(&ssh("ssh-ed25519 AAAA"))
        );
        assert_ne!(
            identity(&ssh("ssh-ed25519 AAAA")),
            identity(&ssh("ssh-ed25519 AAAB"))
        );
    }

    #[test]
    fn a_context_is_pairs_with_one_colon_each() {
        let context = parse_context("app:node,env:dev").unwrap();
        assert_eq!(context, Fields::from([("app", "node"), ("env", "dev")]));
        for malformed in ["app", "a:b:c", "a:b,", ":b"] {
            assert!(parse_context(malformed).is_err(), "{malformed}");
        }
    }

    #[test]
    fn options_do_not_overwrite_what_an_entry_says_itself() {
        let own = Fields(vec![
            ("arn".to_owned(), Field::Text("x".to_owned())),
            ("context".to_owned(), Field::Map(Fields::from([("a", "1")]))),
        ]);
        let mut all = vec![
            entry("kms", own),
            entry("kms", Fields::from([("arn", "y")])),
        ];
        apply_context(&mut all, &Fields::from([("b", "2")]));
        apply_profile(&mut all, "dev");
        let context = |at: usize| all[at].fields.get("context").cloned();
        assert_eq!(context(0), Some(Field::Map(Fields::from([("a", "1")]))));
        assert_eq!(context(1), Some(Field::Map(Fields::from([("b", "2")]))));
        assert_eq!(all[0].fields.text("aws_profile"), Some("dev"));
    }
}

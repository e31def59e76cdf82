//! Recipients in words: lists for every kind of key, and what this build says of kinds that it does
//! not have.
//!
//! A kind that the reference knows and this build does not is refused by its name, never passed by:
//! who asks for a recipient must not get a file without it.

use clsecrets::keys::{self, KeyError};
use clsecrets::metadata::Recipient;
use clsecrets::{Code, Error};

use super::Context;

/// Every kind of the reference: its list in a file, its option, its variable.
pub(crate) const KINDS: [(&str, &str, &str); 7] = [
    ("kms", "kms", "SOPS_KMS_ARN"),
    ("gcp_kms", "gcp-kms", "SOPS_GCP_KMS_IDS"),
    ("hckms", "hckms", "SOPS_HUAWEICLOUD_KMS_IDS"),
    ("azure_kv", "azure-kv", "SOPS_AZURE_KEYVAULT_URLS"),
    ("hc_vault", "hc-vault-transit", "SOPS_VAULT_URIS"),
    ("pgp", "pgp", "SOPS_PGP_FP"),
    ("age", "age", "SOPS_AGE_RECIPIENTS"),
];

/// Refuses variables that name recipients of kinds that this build does not have.
pub(crate) fn refuse_variables(context: &Context) -> Result<(), Error> {
    for (field, _, variable) in KINDS {
        if keys::kind(field).is_none() && context.settings.var(variable).is_some() {
            return Err(unsupported(field)
                .detail(format!("{variable} names recipients of it"))
                .hint(format!("unset {variable}    # if they are not wanted")));
        }
    }
    Ok(())
}

/// Recipients of a kind, comma separated.
pub(crate) fn recipients(field: &str, option: &str, text: &str) -> Result<Vec<Recipient>, Error> {
    let kind = keys::kind(field)
        .ok_or_else(|| unsupported(field).detail(format!("--{option} asks for it")))?;
    keys::recipients_from(kind, text).map_err(|error| malformed(option, &error))
}

/// Whether a recipient is the one that a word names: its key, and its role if one is given.
pub(crate) fn is_named(recipient: &Recipient, field: &str, word: &str) -> bool {
    if recipient.kind != field {
        return false;
    }
    let (name, role) = match word.split_once('+') {
        Some((name, role)) if field == "kms" => (name, Some(role)),
        _ => (word, None),
    };
    let label = keys::label(recipient);
    // The comment behind an SSH key is no part of it.
    let bare = |text: &str| match text.strip_prefix("ssh-") {
        Some(_) => text
            .split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" "),
        None => text.trim().to_owned(),
    };
    bare(&label) == bare(name)
        && role.is_none_or(|role| recipient.fields.text("role") == Some(role))
}

/// The error for a kind that this build does not have.
pub(crate) fn unsupported(field: &str) -> Error {
    Error::new(
        Code::Failed,
        format!("recipients of kind {field} are not supported yet"),
    )
}

fn malformed(option: &str, error: &KeyError) -> Error {
    let form = match option.rsplit("add-").next() {
        Some("kms") => "arn:aws:kms:REGION:ACCOUNT:key/ID",
        Some("pgp") => "a fingerprint, as gpg --list-keys shows it",
        Some("age") => "age1… or ssh-ed25519 …",
        _ => "a key of its kind",
    };
    Error::new(Code::Failed, error.to_string()).hint(format!("--{option} takes {form}"))
}

#[cfg(test)]
mod tests {
    use clsecrets::tree::Fields;

    use super::*;

    #[test]
    fn a_recipient_is_named_by_its_key_whatever_else_its_entry_says() {
        let kms = |role: &str| Recipient {
            kind: "kms".to_owned(),
            fields: Fields::from([("arn", "arn:x"), ("role", role), ("enc", "e")]),
        };
        assert!(is_named(&kms(""), "kms", "arn:x"));
        assert!(is_named(&kms("r"), "kms", "arn:x"));
        assert!(is_named(&kms("r"), "kms", "arn:x+r"));
        assert!(!is_named(&kms("r"), "kms", "arn:x+s"));
        assert!(!is_named(&kms(""), "age", "arn:x"));
        let ssh = Recipient {
            kind: "age".to_owned(),
            fields: Fields::from([("recipient", "ssh-ed25519 AAAA me@host")]),
        };
        assert!(is_named(&ssh, "age", "ssh-ed25519 AAAA"));
    }
}

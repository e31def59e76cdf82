//! The guard of an environment's files: their recipients are those of the rule, no more, no fewer.
//!
//! Neither a development key exported in a shell nor a change proposed to a sealed file may add a
//! reader. Pure: the command decides what `--force-recipients` allows.

use std::collections::BTreeMap;

use crate::error::{Code, Error};
use crate::keys;
use crate::metadata::Recipient;

/// Why the recipients of a file may stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// They are those of the rule.
    AsRuled,
    /// There is no rule to compare with; worth a notice.
    WithoutRule,
}

/// The recipients are not those of the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its recipients differ from the rule: {} added, {} missing", added.len(), missing.len())]
pub struct Differs {
    /// They can open the file, or would be able to, and the rule does not name them.
    pub added: Vec<String>,
    /// The rule names them and the file does not.
    pub missing: Vec<String>,
}

/// Compares the recipients of a file, or those given for it, with the rule's.
pub fn guard(rule: Option<&[Recipient]>, actual: &[Recipient]) -> Result<Guarded, Differs> {
    let Some(rule) = rule else {
        return Ok(Guarded::WithoutRule);
    };
    let ruled = by_identity(rule);
    let actual = by_identity(actual);
    let added = only_in(&actual, &ruled);
    let missing = only_in(&ruled, &actual);
    if added.is_empty() && missing.is_empty() {
        Ok(Guarded::AsRuled)
    } else {
        Err(Differs { added, missing })
    }
}

impl Differs {
    /// The error that a person reads, with the file and the rules that it is about.
    pub fn about(&self, file: &str, rules: &str) -> Error {
        let mut error = Error::new(
            Code::Failed,
            format!("the recipients of {file} are not those of {rules}"),
        );
        for label in &self.added {
            error = error.detail(format!("{label}  is not in the rule"));
        }
        for label in &self.missing {
            error = error.detail(format!("{label}  is in the rule only"));
        }
        error
            .hint(format!("name them in {rules}, or leave them out"))
            .hint("to do it all the same: --force-recipients")
    }
}

fn by_identity(recipients: &[Recipient]) -> BTreeMap<String, String> {
    recipients
        .iter()
        .map(|recipient| (keys::identity(recipient), keys::label(recipient)))
        .collect()
}

fn only_in(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    one.iter()
        .filter(|(identity, _)| !other.contains_key(*identity))
        .map(|(_, label)| label.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Fields;

    fn age(public: &str) -> Recipient {
        Recipient {
            kind: "age".to_owned(),
            fields: Fields::from([("recipient", public)]),
        }
    }

    #[test]
    fn the_same_recipients_in_another_order_pass() {
        let mut sealed = age("age1a");
        sealed
            .fields
            .set("enc", crate::tree::Field::Text("x".to_owned()));
        let verdict = guard(Some(&[age("age1b"), age("age1a")]), &[sealed, age("age1b")]);
        assert_eq!(verdict, Ok(Guarded::AsRuled));
    }

    #[test]
    fn an_added_reader_and_a_missing_one_are_named() {
        let differs = guard(Some(&[age("age1a")]), &[age("age1dev")]).unwrap_err();
        assert_eq!(differs.added, ["age1dev"]);
        assert_eq!(differs.missing, ["age1a"]);
        let text = differs.about("prod.yaml", ".sops.yaml").to_string();
        assert!(text.contains("age1dev  is not in the rule"), "{text}");
    }

    #[test]
    fn a_kind_that_this_build_does_not_know_is_compared_too() {
        let pgp = Recipient {
            kind: "pgp".to_owned(),
            fields: Fields::from([("fp", "ABCD")]),
        };
        let differs = guard(Some(&[age("age1a")]), &[age("age1a"), pgp]).unwrap_err();
        assert_eq!(differs.added, ["ABCD"]);
    }

    #[test]
    fn another_encryption_context_or_role_is_another_recipient() {
        let kms = |role: &str| Recipient {
            kind: "kms".to_owned(),
            fields: Fields::from([("arn", "arn:x"), ("role", role)]),
        };
        assert!(guard(Some(&[kms("")]), &[kms("r")]).is_err());
        assert!(guard(Some(&[kms("")]), &[kms("")]).is_ok());
    }

    #[test]
    fn without_a_rule_anything_goes_with_a_notice() {
        assert_eq!(guard(None, &[age("age1a")]), Ok(Guarded::WithoutRule));
    }
}

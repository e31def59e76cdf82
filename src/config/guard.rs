//! The guard of an environment's files: their recipients are those of the rule, no more, no fewer.
//!
//! Neither a development key exported in a shell nor a change proposed to a sealed file may add a
//! reader. Pure: the command decides what `--force-recipients` allows.

use std::collections::BTreeMap;

use crate::error::{Code, Error};
use crate::keys;
use crate::metadata::{Group, KeyGroups, Recipient};

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
    /// Key groups, by their members, that only the file has.
    pub added_groups: Vec<String>,
    /// Key groups that only the rule has.
    pub missing_groups: Vec<String>,
    /// How many groups the file takes, and how many the rule says, if that differs.
    pub thresholds: Option<(i64, i64)>,
}

/// Compares the recipients of a file, or those given for it, with the rule's: who they are, which
/// key groups they make, and how many of these are needed. The order of groups means nothing.
pub fn guard(rule: Option<&KeyGroups>, actual: &KeyGroups) -> Result<Guarded, Differs> {
    let Some(rule) = rule else {
        return Ok(Guarded::WithoutRule);
    };
    let ruled = by_identity(rule.recipients());
    let found = by_identity(actual.recipients());
    let is_shared = rule.are_shared() || actual.are_shared();
    // One group on either side says no more than its recipients do.
    let (added_groups, missing_groups) = if is_shared {
        regrouped(rule, actual)
    } else {
        Default::default()
    };
    let differs = Differs {
        added: only_in(&found, &ruled),
        missing: only_in(&ruled, &found),
        added_groups,
        missing_groups,
        thresholds: (rule.are_shared() && actual.are_shared())
            .then(|| (actual.threshold(), rule.threshold()))
            .filter(|(actual, ruled)| actual != ruled),
    };
    let is_same = differs.added.is_empty()
        && differs.missing.is_empty()
        && differs.added_groups.is_empty()
        && differs.missing_groups.is_empty()
        && differs.thresholds.is_none();
    if is_same {
        Ok(Guarded::AsRuled)
    } else {
        Err(differs)
    }
}

/// The groups that only the file has, and those that only the rule has.
fn regrouped(rule: &KeyGroups, actual: &KeyGroups) -> (Vec<String>, Vec<String>) {
    let named = |members: BTreeMap<String, String>| {
        let labels: Vec<String> = members.into_values().collect();
        labels.join(", ")
    };
    let mut ruled: Vec<_> = rule.groups().iter().map(members).collect();
    let mut others = Vec::new();
    for group in actual.groups() {
        let members = members(group);
        match ruled.iter().position(|one| one.keys().eq(members.keys())) {
            Some(at) => drop(ruled.swap_remove(at)),
            None => others.push(named(members)),
        }
    }
    (others, ruled.into_iter().map(named).collect())
}

fn members(group: &Group) -> BTreeMap<String, String> {
    by_identity(group.recipients.iter())
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
        for labels in &self.added_groups {
            error = error.detail(format!("the key group of {labels}  is not in the rule"));
        }
        for labels in &self.missing_groups {
            error = error.detail(format!("the key group of {labels}  is in the rule only"));
        }
        if let Some((actual, ruled)) = self.thresholds {
            error = error.detail(format!(
                "shamir_threshold is {actual}, and {ruled} by the rule"
            ));
        }
        error
            .hint(format!("name them in {rules}, or leave them out"))
            .hint("to do it all the same: --force-recipients")
    }
}

fn by_identity<'a>(recipients: impl Iterator<Item = &'a Recipient>) -> BTreeMap<String, String> {
    recipients
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

    fn one(recipients: &[Recipient]) -> KeyGroups {
        KeyGroups::from(recipients.to_vec())
    }

    fn groups(groups: &[&[&str]], threshold: i64) -> KeyGroups {
        let recipients = groups
            .iter()
            .map(|group| group.iter().map(|one| age(one)).collect());
        KeyGroups::new(recipients.collect(), threshold)
    }

    #[test]
    fn the_same_recipients_in_another_order_pass() {
        let mut sealed = age("age1a");
        sealed
            .fields
            .set("enc", crate::tree::Field::Text("x".to_owned()));
        let verdict = guard(
            Some(&one(&[age("age1b"), age("age1a")])),
            &one(&[sealed, age("age1b")]),
        );
        assert_eq!(verdict, Ok(Guarded::AsRuled));
    }

    #[test]
    fn an_added_reader_and_a_missing_one_are_named() {
        let differs = guard(Some(&one(&[age("age1a")])), &one(&[age("age1dev")])).unwrap_err();
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
        let differs = guard(Some(&one(&[age("age1a")])), &one(&[age("age1a"), pgp])).unwrap_err();
        assert_eq!(differs.added, ["ABCD"]);
    }

    #[test]
    fn another_encryption_context_or_role_is_another_recipient() {
        let kms = |role: &str| Recipient {
            kind: "kms".to_owned(),
            fields: Fields::from([("arn", "arn:x"), ("role", role)]),
        };
        assert!(guard(Some(&one(&[kms("")])), &one(&[kms("r")])).is_err());
        assert!(guard(Some(&one(&[kms("")])), &one(&[kms("")])).is_ok());
    }

    #[test]
    fn without_a_rule_anything_goes_with_a_notice() {
        assert_eq!(guard(None, &one(&[age("age1a")])), Ok(Guarded::WithoutRule));
    }

    #[test]
    fn the_same_recipients_in_other_groups_are_another_thing() {
        let ruled = groups(&[&["a", "b"], &["c"]], 2);
        for (actual, added, missing) in [
            (
                groups(&[&["a"], &["b", "c"]], 2),
                vec!["a", "b, c"],
                vec!["a, b", "c"],
            ),
            (
                groups(&[&["a", "b", "c"]], 2),
                vec!["a, b, c"],
                vec!["a, b", "c"],
            ),
            (groups(&[&["a", "b"], &["c"], &["c"]], 2), vec!["c"], vec![]),
            (
                groups(&[&["a", "b"], &["b", "a", "c"]], 2),
                vec!["a, b, c"],
                vec!["c"],
            ),
        ] {
            let differs = guard(Some(&ruled), &actual).unwrap_err();
            assert_eq!(differs.added_groups, added);
            assert_eq!(differs.missing_groups, missing);
            assert_eq!((differs.added.len(), differs.missing.len()), (0, 0));
        }
        // A flat file for the rule of groups, and the reverse.
        assert!(guard(Some(&one(&[age("a")])), &groups(&[&["a"], &["a"]], 2)).is_err());
        // A group of the rule that the file does not have, of recipients that it has elsewhere.
        let ruled = groups(&[&["a"], &["a", "b"], &["a"]], 2);
        assert!(guard(Some(&ruled), &groups(&[&["a"], &["a", "b"]], 2)).is_err());
    }

    #[test]
    fn the_order_of_groups_means_nothing_and_the_threshold_does() {
        let ruled = groups(&[&["a"], &["b"], &["c"]], 2);
        let other_order = groups(&[&["c"], &["a"], &["b"]], 2);
        assert_eq!(guard(Some(&ruled), &other_order), Ok(Guarded::AsRuled));
        let all = groups(&[&["a"], &["b"], &["c"]], 0);
        let differs = guard(Some(&ruled), &all).unwrap_err();
        assert_eq!(differs.thresholds, Some((3, 2)));
        let text = differs.about("prod.yaml", ".sops.yaml").to_string();
        assert!(
            text.contains("shamir_threshold is 3, and 2 by the rule"),
            "{text}"
        );
        // A single group has nothing to share.
        let single = groups(&[&["a"]], 5);
        assert_eq!(
            guard(Some(&one(&[age("a")])), &single),
            Ok(Guarded::AsRuled)
        );
    }
}

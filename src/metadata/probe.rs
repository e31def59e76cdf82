//! Whether one rule leaves in clear what another one seals, whatever a document holds today.
//!
//! Patterns are not compared as such. They are tried on keys that are made of both rules' own words and
//! on a few that nobody has a rule for. What that misses is found when a document is written, by what
//! the document holds.

use super::selection::{Rule, Selector};

/// Keys that any rule has to say something about.
const PLAIN: [&str; 8] = [
    "a",
    "key",
    "password",
    "secret",
    "new_secret",
    "api_key",
    "API_KEY",
    "7",
];

impl Rule {
    /// A key, as an example, whose value this rule leaves in clear although the other one seals it.
    /// Nothing is said of a rule that cannot be judged.
    pub fn leaves_out(&self, other: &Self) -> Option<String> {
        if self == other || self.is_opaque() || other.is_opaque() {
            return None;
        }
        let rules = [self, other];
        let words: Vec<String> = rules.iter().flat_map(|rule| words(rule)).collect();
        let keys = PLAIN
            .iter()
            .map(|key| (*key).to_owned())
            .chain(words.clone());
        let is_about_comments = rules.iter().any(|rule| rule.kind().is_about_comments());
        let comments = words.iter().map(Some).filter(|_| is_about_comments);
        let comments: Vec<Option<&String>> = comments.chain([None]).collect();
        for key in keys {
            for comment in &comments {
                let comment = comment.map(String::as_str);
                if other.seals(&key, comment) && !self.seals(&key, comment) {
                    return Some(key);
                }
            }
        }
        None
    }

    fn seals(&self, key: &str, comment: Option<&str>) -> bool {
        let mut selector = Selector::new(self);
        selector.enter();
        if let Some(comment) = comment {
            selector.comment(comment.as_bytes());
        }
        selector.key(key);
        selector.value()
    }
}

/// Texts that a rule may be about: its argument, and the plain words in it.
fn words(rule: &Rule) -> Vec<String> {
    let argument = rule.argument();
    let is_part = |letter: char| letter.is_alphanumeric() || "_- ".contains(letter);
    let parts = argument.split(|letter| !is_part(letter));
    let mut words = vec![argument.to_owned(), format!("a{argument}")];
    for part in parts.filter(|part| !part.is_empty()) {
        words.extend([part.to_owned(), format!("a{part}"), format!("{part}a")]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::RuleKind::{self, *};
    use super::*;

    fn rule(kind: RuleKind, argument: &str) -> Rule {
        Rule::new(kind, argument).unwrap()
    }

    #[test]
    fn a_rule_that_leaves_out_what_another_one_seals_is_noticed() {
        let all = Rule::default();
        for (actual, ruled) in [
            (rule(UnencryptedRegex, "^new_secret$"), all.clone()),
            (rule(UnencryptedRegex, "^fresh"), all.clone()),
            (rule(UnencryptedRegex, "^(user|token)$"), all.clone()),
            (rule(UnencryptedSuffix, "_key"), all.clone()),
            (rule(UnencryptedSuffix, ""), all.clone()),
            (rule(EncryptedSuffix, "_key"), all.clone()),
            (rule(EncryptedRegex, "^pass"), all.clone()),
            (
                rule(EncryptedRegex, "^pass"),
                rule(EncryptedRegex, "^(pass|token)"),
            ),
            (rule(UnencryptedCommentRegex, "public"), all.clone()),
            (rule(EncryptedCommentRegex, "secret"), all.clone()),
            (
                rule(EncryptedCommentRegex, "secret"),
                rule(EncryptedCommentRegex, "secret|private"),
            ),
        ] {
            assert!(actual.leaves_out(&ruled).is_some(), "{actual:?} {ruled:?}");
        }
    }

    #[test]
    fn a_rule_that_seals_more_is_none_of_them() {
        let all = Rule::default();
        for (actual, ruled) in [
            (all.clone(), all.clone()),
            (all.clone(), rule(EncryptedRegex, "^(password|token)$")),
            (
                all.clone(),
                rule(UnencryptedRegex, "^(host|port|.*_unencrypted)$"),
            ),
            (
                rule(EncryptedRegex, "^(pass|token)"),
                rule(EncryptedRegex, "^pass"),
            ),
        ] {
            assert_eq!(actual.leaves_out(&ruled), None, "{actual:?} {ruled:?}");
        }
        assert_eq!(Rule::opaque(UnencryptedRegex, "(").leaves_out(&all), None);
    }
}

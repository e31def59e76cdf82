//! Whose an object is: which repository and which environment wrote it.
//!
//! Everybody's repository is called `chainlink` and has an environment `dev`, so that names tell
//! nothing. `clsecrets.yaml` has a random identity; with the environment it becomes a mark, which
//! the field manager and the id of a version carry. The mark is a digest of public words only.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Fault, TargetError};

/// What the field managers and the ids of the versions of everybody begin with.
const PREFIX: &str = "clsecrets-";
/// Hexadecimal digits of a mark.
const MARK: usize = 16;
/// Hexadecimal digits of a version's id before there were marks, and of its random part since.
const RANDOM: usize = 32;
/// The longest field manager that an API server takes.
const LONGEST_MANAGER: usize = 128;

/// A repository and one of its environments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    name: String,
    environment: String,
    /// Of this environment; none without an identity in `clsecrets.yaml`.
    mark: Option<String>,
    /// Of the other environments of the repository, and what they are called.
    siblings: BTreeMap<String, String>,
}

/// Whose a writer's work is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Of this repository and environment.
    Ours,
    /// Written without a mark, under the same name: by this repository before it had an identity,
    /// or by another one.
    Unmarked,
    /// Of another repository or environment; which, as people know it.
    Another(String),
    /// Of another program.
    Foreign,
}

impl Owner {
    /// An environment of a repository with this name and identity, beside its other environments.
    pub fn new<'a>(
        name: &str,
        identity: Option<&str>,
        environment: &str,
        all: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let others = all.into_iter().filter(|other| *other != environment);
        let siblings = others.filter_map(|other| Some((mark(identity?, other), other.to_owned())));
        Self {
            name: name.to_owned(),
            environment: environment.to_owned(),
            mark: identity.map(|identity| mark(identity, environment)),
            siblings: siblings.collect(),
        }
    }

    /// Whether the repository has an identity, without which nothing is pruned in a shared place.
    pub fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    /// What tells this repository and environment from all others, if there is an identity.
    pub fn mark(&self) -> Option<&str> {
        self.mark.as_deref()
    }

    /// Who we are in `managedFields`.
    pub fn manager(&self) -> String {
        let Some(mark) = &self.mark else {
            return self.unmarked_manager();
        };
        let mut readable = self.unmarked_manager();
        readable.truncate(LONGEST_MANAGER - MARK - 1);
        format!("{readable}-{mark}")
    }

    /// Who we were there before there was an identity.
    fn unmarked_manager(&self) -> String {
        format!("{PREFIX}{}-{}", self.name, self.environment)
    }

    /// A new token for a write to Secrets Manager: it becomes the version's id.
    pub fn token(&self) -> Result<String, TargetError> {
        let mut random = [0; RANDOM / 2];
        getrandom::fill(&mut random).map_err(|_| {
            TargetError::new(Fault::Unexpected, "the system gives no random numbers")
        })?;
        let random = hex(&random);
        Ok(match &self.mark {
            Some(mark) => format!("{PREFIX}{mark}-{random}"),
            None => format!("{PREFIX}{random}"),
        })
    }

    /// The tag of what is made where names do not say whose it is.
    pub fn set(&self) -> String {
        match &self.mark {
            Some(mark) => format!("{}-{mark}", self.unmarked_set()),
            None => self.unmarked_set(),
        }
    }

    /// The same before there was an identity.
    pub fn unmarked_set(&self) -> String {
        format!("{}-{}", self.name, self.environment)
    }

    /// Whether a tag is of what was made under this name, in whatever repository.
    pub fn is_set(&self, tag: &str) -> bool {
        let own = self.unmarked_set();
        let rest = tag.strip_prefix(own.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix('-')
                    .is_some_and(|mark| is_hex(mark, MARK))
        })
    }

    /// Whose a field manager is.
    pub fn of_manager(&self, manager: &str) -> Whose {
        if manager == self.unmarked_manager() {
            return self.unmarked();
        }
        let Some(rest) = manager.strip_prefix(PREFIX) else {
            return Whose::Foreign;
        };
        let mark = rest.rsplit_once('-').map_or(rest, |(_, mark)| mark);
        self.of_mark(Some(mark).filter(|mark| is_hex(mark, MARK)), manager)
    }

    /// Whether a field manager is that of an environment of this name, in whatever repository.
    pub fn is_namesake(&self, manager: &str) -> bool {
        let readable = match manager.rsplit_once('-') {
            Some((readable, mark)) if is_hex(mark, MARK) => readable,
            _ => manager,
        };
        let mut own = self.unmarked_manager();
        own.truncate(LONGEST_MANAGER - MARK - 1);
        readable == own
    }

    /// Whose a version of Secrets Manager is, by its id.
    pub fn of_version(&self, id: &str) -> Whose {
        let Some(rest) = id.strip_prefix(PREFIX) else {
            return Whose::Foreign;
        };
        // Behind it can stand which fields are ours; no hexadecimal digit begins that.
        let rest = rest.rsplit_once("-y").map_or(rest, |(rest, _)| rest);
        if is_hex(rest, RANDOM) {
            return self.unmarked();
        }
        let mark = rest.split_once('-').map(|(mark, _)| mark);
        self.of_mark(mark.filter(|mark| is_hex(mark, MARK)), id)
    }

    /// Without an identity of our own, what has none is ours as far as anybody can tell.
    fn unmarked(&self) -> Whose {
        if self.is_marked() {
            Whose::Unmarked
        } else {
            Whose::Ours
        }
    }

    fn of_mark(&self, mark: Option<&str>, shown: &str) -> Whose {
        if mark.is_some() && mark == self.mark.as_deref() {
            return Whose::Ours;
        }
        let sibling = mark.and_then(|mark| self.siblings.get(mark));
        Whose::Another(match (sibling, mark) {
            (Some(environment), _) => format!("environment {environment} of this repository"),
            (None, Some(mark)) => {
                format!("clsecrets of another repository or environment ({mark})")
            }
            (None, None) => format!(
                "another environment of clsecrets ({})",
                super::printable(shown)
            ),
        })
    }
}

/// Says which repository and environment wrote something, and nothing else.
fn mark(identity: &str, environment: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(b"clsecrets owner\n");
    digest.update(identity.as_bytes());
    digest.update(b"\n");
    digest.update(environment.as_bytes());
    let mut mark = hex(&digest.finalize());
    mark.truncate(MARK);
    mark
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

fn is_hex(text: &str, length: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == length && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 2] = ["dev", "prod"];

    fn owner(identity: Option<&str>, environment: &str) -> Owner {
        Owner::new("chainlink", identity, environment, ALL)
    }

    #[test]
    fn the_same_name_and_environment_of_another_repository_is_another_owner() {
        let ours = owner(Some("aaaabbbbccccdddd"), "dev");
        let theirs = owner(Some("ddddccccbbbbaaaa"), "dev");
        let prod = owner(Some("aaaabbbbccccdddd"), "prod");
        assert_eq!(ours.of_manager(&ours.manager()), Whose::Ours);
        assert_eq!(ours.of_version(&ours.token().unwrap()), Whose::Ours);
        for (manager, version) in [
            (theirs.manager(), theirs.token().unwrap()),
            (prod.manager(), prod.token().unwrap()),
        ] {
            assert!(matches!(ours.of_manager(&manager), Whose::Another(_)));
            assert!(matches!(ours.of_version(&version), Whose::Another(_)));
        }
        assert_eq!(
            ours.of_manager(&prod.manager()),
            Whose::Another("environment prod of this repository".to_owned())
        );
    }

    #[test]
    fn what_was_written_without_an_identity_is_told_apart() {
        let (before, now) = (owner(None, "dev"), owner(Some("aaaabbbbccccdddd"), "dev"));
        assert_eq!(before.manager(), "clsecrets-chainlink-dev");
        assert_eq!(before.of_manager("clsecrets-chainlink-dev"), Whose::Ours);
        assert_eq!(now.of_manager("clsecrets-chainlink-dev"), Whose::Unmarked);
        let token = before.token().unwrap();
        assert_eq!(token.len(), 42);
        assert_eq!(before.of_version(&token), Whose::Ours);
        assert_eq!(now.of_version(&token), Whose::Unmarked);
        // Who has no identity takes nothing of those who have one.
        assert!(matches!(
            before.of_manager(&now.manager()),
            Whose::Another(_)
        ));
        assert!(matches!(
            before.of_version(&now.token().unwrap()),
            Whose::Another(_)
        ));
        assert!(matches!(
            now.of_manager("clsecrets-chainlink-prod"),
            Whose::Another(_)
        ));
    }

    #[test]
    fn namesakes_are_those_of_the_same_name_and_environment() {
        let ours = owner(Some("aaaabbbbccccdddd"), "dev");
        let theirs = owner(Some("ddddccccbbbbaaaa"), "dev");
        let prod = owner(Some("aaaabbbbccccdddd"), "prod");
        assert!(ours.is_namesake(&theirs.manager()));
        assert!(ours.is_namesake("clsecrets-chainlink-dev"));
        assert!(!ours.is_namesake(&prod.manager()));
        assert!(!ours.is_namesake("helm"));
    }

    #[test]
    fn others_are_foreign() {
        let ours = owner(Some("aaaabbbbccccdddd"), "dev");
        for other in ["helm", "", "clsecretsx", "terraform-20261122"] {
            assert_eq!(ours.of_manager(other), Whose::Foreign, "{other}");
            assert_eq!(ours.of_version(other), Whose::Foreign, "{other}");
        }
    }

    #[test]
    fn names_and_ids_keep_to_the_lengths_of_the_servers_and_are_new_each_time() {
        let long = Owner::new(
            &"n".repeat(100),
            Some("aaaabbbbccccdddd"),
            &"e".repeat(63),
            [],
        );
        assert_eq!(long.manager().len(), 128);
        assert_eq!(long.of_manager(&long.manager()), Whose::Ours);
        let (one, two) = (long.token().unwrap(), long.token().unwrap());
        assert!((32..=64).contains(&one.len()) && one != two);
    }
}

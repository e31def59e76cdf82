//! Commits as a source: a range, what is pushed, the whole history.

use std::fmt;
use std::path::Path;

use super::super::git::{self, Asked, Listed, Listings};
use super::{Index, Scope, SourceError};

/// Where something is pushed to, as Git tells a hook before the push.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    /// Its name, or its URL if it has none.
    pub name: &'a str,
    /// Its URL.
    pub url: Option<&'a str>,
}

/// A commit that changed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    name: String,
    author: String,
}

impl Commit {
    /// A commit of this name, as it is kept: `author NAME <MAIL> TIME ZONE` is one of its lines.
    pub fn of(name: &str, record: &[u8]) -> Self {
        let mut lines = record.split(|byte| *byte == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(b"author "));
        let text = String::from_utf8_lossy(line.unwrap_or_default());
        let end = text.rfind('>').map_or(text.len(), |at| at + 1);
        let author = text.get(..end).unwrap_or_default().chars();
        Self {
            name: name.get(..12).unwrap_or(name).to_owned(),
            // What is printed stays on its line, and neither turns around nor steers a terminal.
            author: author
                .filter(|letter| is_shown(*letter))
                .take(100)
                .collect(),
        }
    }
}

fn is_shown(letter: char) -> bool {
    let turns = ['\u{200e}', '\u{200f}', '\u{061c}', '\u{2028}', '\u{2029}'];
    !letter.is_control()
        && !turns.contains(&letter)
        && !('\u{202a}'..='\u{202e}').contains(&letter)
        && !('\u{2066}'..='\u{2069}').contains(&letter)
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit {} by {}", self.name, self.author)
    }
}

impl Index {
    /// Lists what the commits of a range bring: `A..B`, or `B` for all that leads to it. The rules
    /// of its end and of its beginning count.
    pub fn range(directory: &Path, range: &str) -> Result<Self, SourceError> {
        // Variables that are empty make a range that holds nothing.
        if range.trim_matches('.').is_empty() {
            return Err(SourceError::Range(range.to_owned()));
        }
        let (wanted, known) = git::past::ends(directory, range)?;
        let asked = Asked {
            wanted,
            known,
            ..Asked::default()
        };
        let of = |names: &[String], is_replaced: bool| -> Vec<(Vec<u8>, bool)> {
            let prefixes = names.iter().map(|name| format!("{name}:").into_bytes());
            prefixes.map(|prefix| (prefix, is_replaced)).collect()
        };
        let mut versions = of(&asked.wanted, false);
        versions.extend(of(&asked.known, true));
        Self::of_commits(directory, &asked, versions)
    }

    /// Lists what is pushed, from what Git tells a hook: `LOCAL-REF NEW REMOTE-REF OLD` before a push,
    /// `OLD NEW REF` where one arrives. What that remote has already is not looked at again; what
    /// others have is.
    pub fn pushed(
        directory: &Path,
        told: &str,
        remote: Option<Remote<'_>>,
    ) -> Result<Self, SourceError> {
        let mut asked = Asked::default();
        let mut versions = Vec::new();
        let mut arriving = Vec::new();
        for line in told.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (old, new) = match words.as_slice() {
                [_, new, _, old] => (*old, *new),
                [old, new, reference] => {
                    arriving.push(*reference);
                    (*old, *new)
                }
                _ => return Err(SourceError::Range(line.to_owned())),
            };
            if !git::is_name(old) || !git::is_name(new) {
                return Err(SourceError::Range(line.to_owned()));
            }
            if git::is_none(new) {
                continue;
            }
            versions.push((format!("{new}:").into_bytes(), false));
            asked.wanted.push(new.to_owned());
            if !git::is_none(old) && git::exists(directory, old) {
                versions.push((format!("{old}:").into_bytes(), true));
                asked.known.push(old.to_owned());
            }
        }
        if asked.wanted.is_empty() {
            return Self::of_commits(directory, &asked, versions);
        }
        if !arriving.is_empty() {
            // Here is where it arrives, and what other references have is known.
            asked.known.extend(git::all_but(directory, &arriving)?);
        }
        if let Some(remote) = remote {
            let tracked = git::tracked_of(directory, remote.name, remote.url)?;
            asked.known.extend(tracked);
        }
        Self::of_commits(directory, &asked, versions)
    }

    /// Lists every content that any commit of any branch or tag has, once, under one of its paths.
    pub(super) fn history(directory: &Path) -> Result<Listed, SourceError> {
        let asked = Asked {
            is_all: true,
            ..Asked::default()
        };
        git::list(directory, &asked, true)
    }

    fn of_commits(
        directory: &Path,
        asked: &Asked,
        mut versions: Vec<(Vec<u8>, bool)>,
    ) -> Result<Self, SourceError> {
        let listed = match asked.wanted.as_slice() {
            [] => Listed::default(),
            _ => git::list(directory, asked, false)?,
        };
        // A branch that is new is made from something, and does not disarm its rules. Of all commits that
        // are known the newest count, so that older ones do not push them aside.
        let mut stretches = Vec::new();
        for tip in &asked.wanted {
            for base in git::past::bases(directory, tip, &listed.boundary)? {
                let version = (format!("{base}:").into_bytes(), true);
                if !versions.contains(&version) {
                    versions.push(version);
                }
                stretches.push((base, tip.clone()));
            }
        }
        Ok(Self {
            scope: Scope::Range,
            entries: listed.entries,
            listings: Some(Listings::begin(directory)?),
            versions,
            steps: listed.steps,
            stretches,
            has_past: !asked.known.is_empty(),
            ..Self::without_entries(directory)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_shown_in_one_line() {
        let record = b"tree 1\nauthor A\x1b[31m \xe2\x80\xae U <a@b.c> 1700000000 +0100\ncommitter C <c@d> 1 +0\n\nauthor X\n";
        let commit = Commit::of(&"0123456789".repeat(4), record);
        assert_eq!(
            commit.to_string(),
            "commit 012345678901 by A[31m  U <a@b.c>"
        );
        assert_eq!(Commit::of("ab", b"").to_string(), "commit ab by ");
    }
}

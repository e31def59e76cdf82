//! Commits as a source: a range, what is pushed, the whole history.

use std::fmt;
use std::path::Path;

use super::super::git::{self, Asked, Listed, Listings, Objects};
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

/// So many versions of rules before the first commits count.
const MOST_BEFORE: usize = 8;

impl Index {
    /// Lists what the commits of a range bring: `A..B`, or `B` for all that leads to it. The rules
    /// of its end and of its beginning count.
    pub fn range(directory: &Path, range: &str) -> Result<Self, SourceError> {
        let (from, to) = range.split_once("..").unwrap_or(("", range));
        let to = to.trim_start_matches('.');
        // Variables that are empty make a range that holds nothing.
        if from.is_empty() && to.is_empty() {
            return Err(SourceError::Range(range.to_owned()));
        }
        let to = if to.is_empty() { "HEAD" } else { to };
        let asked = Asked {
            wanted: vec![range.to_owned()],
            ..Asked::default()
        };
        let listed = git::list(directory, &asked, false)?;
        let mut versions = vec![(format!("{to}:").into_bytes(), false)];
        if !from.is_empty() && git::exists(directory, from) {
            versions.push((format!("{from}:").into_bytes(), true));
        }
        Self::of_commits(directory, listed, versions)
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
            return Self::of_commits(directory, Listed::default(), versions);
        }
        if !arriving.is_empty() {
            // Here is where it arrives, and what other references have is known.
            asked.known.extend(git::all_but(directory, &arriving)?);
        }
        if let Some(remote) = remote {
            let tracked = git::tracked_of(directory, remote.name, remote.url)?;
            asked.known.extend(tracked);
        }
        let listed = git::list(directory, &asked, false)?;
        Self::of_commits(directory, listed, versions)
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
        listed: Listed,
        mut versions: Vec<(Vec<u8>, bool)>,
    ) -> Result<Self, SourceError> {
        // A branch that is new is made from something, and does not disarm its rules.
        for commit in listed.boundary.iter().take(MOST_BEFORE) {
            let version = (format!("{commit}:").into_bytes(), true);
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        Ok(Self {
            scope: Scope::Range,
            entries: listed.entries,
            objects: Objects::of(directory),
            directory: directory.to_path_buf(),
            listings: Some(Listings::begin(directory)?),
            listed: None,
            versions,
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

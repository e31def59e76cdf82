//! Whether sealed files have the data keys that they had: at HEAD, and when they were delivered last.

use std::path::Path;

use clsecrets::scan::data_key::{Certainty, advice, is_renewed, told};
use clsecrets::scan::{Commit, Sealing};
use clsecrets::secret::DataKey;

use super::git::history::{self, Committed};
use super::sync::journal::Delivered;

/// A sealed file that has another data key than before.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    /// Its path, for messages.
    pub(crate) file: String,
    /// What is said of it.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// One version of a file, with its data key if that is at hand.
#[derive(Clone, Copy)]
pub(crate) struct Version<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) key: Option<&'a DataKey>,
}

/// Whether the data key of a version is another one than that of an older version. Keys are compared,
/// and where one is not at hand, what can be seen without it.
pub(crate) fn compare(shown: &str, now: Version<'_>, then: Version<'_>) -> Option<Certainty> {
    if let (Some(now), Some(then)) = (now.key, then.key) {
        return (!now.ct_eq(then)).then_some(Certainty::Compared);
    }
    looks_renewed(shown, now.text, then.text).then_some(Certainty::Likely)
}

fn looks_renewed(shown: &str, now: &[u8], then: &[u8]) -> bool {
    match (Sealing::of(shown, now, &[]), Sealing::of(shown, then, &[])) {
        (Sealing::Sealed(now), Sealing::Sealed(then)) => is_renewed(&now, &then),
        _ => false,
    }
}

impl Renewal {
    /// What is to be said where the file in the working tree has another one than HEAD.
    pub(crate) fn since_head(path: &Path, shown: &str, certainty: Certainty) -> Self {
        let head = history::head(path).unwrap_or_default();
        let since = format!("HEAD ({}), not committed", short(&head));
        Self {
            file: shown.to_owned(),
            message: told(&since, certainty),
            hint: advice(shown),
        }
    }

    /// What is to be said where a file has another one than when it was delivered, and by whom.
    pub(crate) fn since_delivery(
        path: &Path,
        shown: &str,
        delivered: &Delivered,
        certainty: Certainty,
    ) -> Self {
        let commit = short(&delivered.commit);
        let since = match made_by(path, shown, &delivered.commit) {
            Some(by) => format!("the last delivery (of commit {commit}), made by {by}"),
            None => format!("the last delivery (of commit {commit})"),
        };
        Self {
            file: shown.to_owned(),
            message: told(&since, certainty),
            hint: advice(shown),
        }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.told(), self.hint)
    }

    /// The same without what to do about it.
    pub(crate) fn told(&self) -> String {
        format!("{}: {}", self.file, self.message)
    }
}

/// The commit that brought the data key of now, of those since another one.
fn made_by(path: &Path, shown: &str, from: &str) -> Option<Commit> {
    let text = |revision: &str| match history::at(path, revision) {
        Committed::Text(text) => Some(text),
        Committed::Absent | Committed::Unknown(_) => None,
    };
    let mut before = text(from)?;
    let mut found = None;
    for revision in history::since(path, from) {
        let Some(now) = text(&revision) else { continue };
        if looks_renewed(shown, &now, &before) {
            found = Some(revision);
        }
        before = now;
    }
    history::commit(path, &found?)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

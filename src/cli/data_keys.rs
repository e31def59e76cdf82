//! Whether sealed files have the data keys that they had: at HEAD, and when they were delivered last.

use std::path::Path;

use clsecrets::format;
use clsecrets::scan::data_key::{Certainty, NEW_DATA_KEY, advice, is_renewed, told};
use clsecrets::scan::{Commit, Sealing};
use clsecrets::secret::DataKey;
use clsecrets::sync::Warning;
use zeroize::Zeroizing;

use super::digest;
use super::git::history;
use super::opening::Opener;
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
    fn since_delivery(
        shown: &str,
        delivered: &Last<'_>,
        then: &[u8],
        certainty: Certainty,
    ) -> Self {
        let since = match made_by(delivered, shown, then) {
            Maker::Commit(by) => format!("{}, made by {by}", delivered.told()),
            Maker::Nobody => delivered.told(),
            Maker::TooMany => format!(
                "{}, made by none of the newest {MOST} commits that have changed it",
                delivered.told()
            ),
        };
        Self {
            file: shown.to_owned(),
            message: told(&since, certainty),
            hint: advice(shown),
        }
    }

    /// What is to be said where it is not known which one was delivered.
    fn unknown(shown: &str, delivered: &Last<'_>) -> Self {
        Self {
            file: shown.to_owned(),
            message: format!(
                "its data key could not be compared with that of {}: what was delivered then is in no \
                 commit that this clone has",
                delivered.told()
            ),
            hint: advice(shown),
        }
    }

    /// For machines.
    pub(crate) fn warning(&self) -> Warning {
        Warning {
            rule: NEW_DATA_KEY.id,
            file: self.file.clone(),
            message: self.message.clone(),
            hint: self.hint.clone(),
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

/// The last delivery of an environment, as it is compared with the sealed files of now.
pub(crate) struct Last<'a> {
    pub(crate) delivered: &'a Delivered,
    /// Where paths begin: the folder of `clsecrets.yaml`.
    pub(crate) base: &'a Path,
    /// The sealed files of now.
    pub(crate) files: &'a [String],
}

impl Last<'_> {
    /// Whether a sealed file has another data key than when it was delivered, under this name or under
    /// one that the environment names no more.
    pub(crate) fn compare(
        &self,
        opener: &Opener<'_>,
        shown: &str,
        now: Version<'_>,
        sha256: &str,
    ) -> Option<Renewal> {
        let formers = self.delivered.formers(shown, self.files);
        if formers.iter().any(|(_, known)| *known == sha256) {
            return None;
        }
        let mut found = None;
        for (file, known) in formers {
            let (text, is_it) = match self.text(file, known) {
                Some(text) => (Some(text), true),
                // What was delivered without having been committed is nowhere any more; whether it had
                // another data key than the commit was told then.
                None => (self.committed(file), false),
            };
            let certainty = text.as_ref().map(|text| {
                let format = format::by_extension(file);
                let key = format.and_then(|format| opener.data_key(format, text.clone()));
                let key = key.as_ref();
                compare(shown, now, Version { text, key })
            });
            found = Some(match (text, certainty) {
                (_, Some(None)) => return None,
                (Some(then), Some(Some(certainty))) if is_it => {
                    Renewal::since_delivery(shown, self, &then, certainty)
                }
                // Without Git, then as now, nothing is kept to be compared with.
                _ if self.delivered.commit.is_none() && !history::is_known(self.base) => continue,
                _ => Renewal::unknown(shown, self),
            });
        }
        found
    }

    fn told(&self) -> String {
        match &self.delivered.commit {
            Some(commit) => format!("the last delivery (of commit {})", short(commit)),
            None => "the last delivery (of no commit)".to_owned(),
        }
    }

    fn committed(&self, file: &str) -> Option<Zeroizing<Vec<u8>>> {
        history::text(self.base, file, self.delivered.commit.as_deref()?)
    }

    /// What was delivered, if the commit of then has it, or one that came later.
    fn text(&self, file: &str, known: &str) -> Option<Zeroizing<Vec<u8>>> {
        let is_it = |text: &Zeroizing<Vec<u8>>| digest::sha256(text) == known;
        if let Some(text) = self.committed(file).filter(is_it) {
            return Some(text);
        }
        let from = self.delivered.commit.as_deref()?;
        let later = history::since(self.base, file, from).into_iter().rev();
        let mut texts = later
            .take(MOST)
            .filter_map(|revision| history::text(self.base, file, &revision));
        texts.find(is_it)
    }
}

/// So many commits of a file are looked at.
const MOST: usize = 1000;

/// Who brought a data key.
enum Maker {
    Commit(Commit),
    Nobody,
    /// None of the newest, and older ones were not looked at.
    TooMany,
}

/// The newest commit that brought another data key than the version before had, of those since a
/// delivery.
fn made_by(last: &Last<'_>, shown: &str, then: &[u8]) -> Maker {
    let Some(from) = last.delivered.commit.as_deref() else {
        return Maker::Nobody;
    };
    let since = history::since(last.base, shown, from);
    let mut newer: Option<(String, Zeroizing<Vec<u8>>)> = None;
    let by =
        |revision: &str| history::commit(last.base, revision).map_or(Maker::Nobody, Maker::Commit);
    for revision in since.iter().take(MOST) {
        let Some(text) = history::text(last.base, shown, revision) else {
            continue;
        };
        if let Some((newer, of_newer)) = &newer
            && looks_renewed(shown, of_newer, &text)
        {
            return by(newer);
        }
        newer = Some((revision.clone(), text));
    }
    match newer {
        _ if since.len() > MOST => Maker::TooMany,
        Some((revision, text)) if looks_renewed(shown, &text, then) => by(&revision),
        _ => Maker::Nobody,
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

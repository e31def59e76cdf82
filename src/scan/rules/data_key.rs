//! H016: a sealed file that has another data key than before.
//!
//! Whoever has only the public keys of the recipients can seal a whole file anew, and who made a file
//! knows its data key for ever. The format cannot notice it, and without a key it can only be
//! guessed: a save keeps the tokens of other values and wrapped keys. Where both data keys are at hand they are
//! compared, and no digest of one is kept. A colleague's `rotate` looks the same, so it is a warning.

use std::collections::HashSet;

use super::super::checks::Check;
use super::super::{Finding, Former, Heir, Kin, Rule, Sealed, Sealing, Severity, Subject};
use super::{finding, shown};
use crate::error::quoted;

/// H016.
#[derive(Debug)]
pub(super) struct NewDataKey;

/// H016, for whoever knows more than the hook.
pub const NEW_DATA_KEY: &Check = &Check {
    id: "H016",
    summary: "A sealed file has another data key than before, which whoever made it knows; a warning.",
};

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Both data keys were unwrapped and compared.
    Compared,
    /// Nothing of the old one was found.
    Likely,
}

/// Whether nothing of the data key of before is left: no token in its place, and the recipients
/// that stay have other wrapped keys.
pub fn is_renewed(now: &Sealed, before: &Sealed) -> bool {
    let tokens = |sealed: &Sealed| -> HashSet<(String, String)> {
        let leaves = sealed.leaves.iter().filter(|leaf| leaf.is_selected);
        leaves
            .filter_map(|leaf| Some((leaf.bound.clone(), leaf.token.clone()?)))
            .collect()
    };
    let (old, new) = (tokens(before), tokens(now));
    if !old.is_disjoint(&new) {
        return false;
    }
    let mut stays = false;
    for recipient in &now.recipients {
        let same = |old: &&super::super::sealed::Named| {
            old.kind == recipient.kind && old.name == recipient.name && !old.wrapped.is_empty()
        };
        if let Some(old) = before.recipients.iter().find(same) {
            if old.wrapped.trim() != recipient.wrapped.trim() {
                return true;
            }
            stays = true;
        }
    }
    // One value that was changed leaves the wrapped keys as they are.
    !stays && !old.is_empty() && !new.is_empty()
}

/// Whether a file is the one that disappeared, under another name: it has most of its keys, or its
/// name but for the format.
pub fn is_moved((path, now): (&str, &Sealed), (old, before): (&str, &Sealed)) -> bool {
    let stem = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.rsplit_once('.')
            .map_or(name, |(stem, _)| stem)
            .to_owned()
    };
    let keys = |sealed: &Sealed| -> HashSet<String> {
        let leaves = sealed.leaves.iter().filter(|leaf| leaf.token.is_some());
        leaves.map(|leaf| leaf.bound.clone()).collect()
    };
    let (new, gone) = (keys(now), keys(before));
    let both = new.intersection(&gone).count();
    stem(path) == stem(old) || (both > 0 && both * 2 >= new.len().min(gone.len()))
}

/// What is said of it: `since` names what came before, and who is known to have made the new one.
pub fn told(since: &str, certainty: Certainty) -> String {
    told_of(since, certainty, "")
}

/// The same, with what it was compared with, where that is not the same file in the version before.
pub fn told_of(since: &str, certainty: Certainty, compared: &str) -> String {
    let how = match certainty {
        Certainty::Compared => "both were unwrapped and compared",
        Certainty::Likely => {
            "most probably: no token is left in its place, and the wrapped keys are not those of before"
        }
    };
    let with = if compared.is_empty() {
        String::new()
    } else {
        format!("; compared with {compared}")
    };
    format!(
        "a new data key since {since} ({how}{with}); whoever made it knows it, and every value sealed with it"
    )
}

/// What to do about it.
pub fn advice(path: &str) -> String {
    format!(
        "clsecrets rotate -i {}    # unless you know who made it; look at its values, too",
        quoted(path)
    )
}

/// What is found in a sealed file that may follow another one than the one in its own place.
pub(in crate::scan) fn of_heir(heir: &Heir<'_>) -> Option<Finding> {
    let Sealing::Sealed(now) = Sealing::of(heir.path, heir.bytes, &[]) else {
        return None;
    };
    let formers: Vec<(&Former, Sealed)> = heir
        .formers
        .iter()
        .filter_map(
            |former| match Sealing::of(&former.path, &former.bytes, &[]) {
                Sealing::Sealed(sealed) => Some((former, sealed)),
                _ => None,
            },
        )
        .collect();
    // Of several files that disappeared or were named, one with its data key is the one it follows.
    let is_kept = |kin: &Kin| {
        let mut same = formers.iter().filter(|(former, _)| former.kin == *kin);
        *kin != Kin::Own && same.any(|(_, before)| !is_renewed(&now, before))
    };
    let (former, _) = formers.iter().find(|(former, before)| {
        let is_other =
            former.kin == Kin::Gone && !is_moved((heir.path, &now), (&former.path, before));
        !is_other && !is_kept(&former.kin) && is_renewed(&now, before)
    })?;
    let old = shown_path(&former.path);
    let compared = match &former.kin {
        Kin::Own => "what it was before".to_owned(),
        Kin::Named(environment) => {
            format!(
                "{old}, which environment {} named in its place",
                shown_path(environment)
            )
        }
        Kin::Gone => format!("{old}, which is gone"),
    };
    let since = heir.commit.map_or("HEAD".to_owned(), ToString::to_string);
    Some(NEW_DATA_KEY.finding(
        heir.path,
        Severity::Warning,
        told_of(&since, Certainty::Likely, &compared),
        advice(heir.path),
    ))
}

fn shown_path(path: &str) -> String {
    shown(path.as_bytes())
}

impl Rule for NewDataKey {
    fn id(&self) -> &'static str {
        NEW_DATA_KEY.id
    }

    fn summary(&self) -> &'static str {
        NEW_DATA_KEY.summary
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let (Sealing::Sealed(now), Some(Sealing::Sealed(before))) =
            (subject.sealing, subject.before)
        else {
            return;
        };
        if !is_renewed(now, before) {
            return;
        }
        let since = match subject.commit {
            Some(commit) => commit.to_string(),
            None => "HEAD".to_owned(),
        };
        let message = told(&since, Certainty::Likely);
        let place = (now.mac_line, 1);
        let mut told = finding(self, subject, place, message, advice(subject.path));
        told.severity = Severity::Warning;
        found.push(told);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const TOKENS: [&str; 2] = [
        "ENC[AES256_GCM,data:oiS/qyc=,iv:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=,tag:s9jMet4pi3DzIEWdLNqE0A==,type:str]",
        "ENC[AES256_GCM,data:NcDnGQk=,iv:ffqHAekjLyHygSaHeGl26/zDJ/WTF2UnS6mCm0QG9h8=,tag:+Ikyb/qUku3u7jxmnyvyCA==,type:str]",
    ];

    /// Values by key, and wrapped keys by recipient.
    fn sealed(values: &[(&str, usize)], wrapped: &[(&str, &str)]) -> Sealed {
        let mut text = String::new();
        for (key, token) in values {
            writeln!(text, "{key}: {}", TOKENS[*token]).unwrap();
        }
        text += "sops:\n  age:\n";
        for (name, enc) in wrapped {
            writeln!(text, "  - recipient: {name}\n    enc: {enc}").unwrap();
        }
        writeln!(text, "  mac: {}", TOKENS[0]).unwrap();
        match Sealing::of("a.yaml", text.as_bytes(), &[]) {
            Sealing::Sealed(sealed) => sealed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_in_its_place_or_a_wrapped_key_tells_the_old_data_key() {
        let before = sealed(&[("a", 0)], &[("age1x", "one")]);
        let renewed = |values: &[(&str, usize)], wrapped: &[(&str, &str)]| {
            is_renewed(&sealed(values, wrapped), &before)
        };
        assert!(renewed(&[("a", 1)], &[("age1x", "two")]));
        assert!(renewed(&[("a", 1)], &[("age1y", "two")]));
        // A value was changed; the key was wrapped anew; a recipient came.
        assert!(!renewed(&[("a", 1)], &[("age1x", "one")]));
        assert!(!renewed(&[("a", 0)], &[("age1x", "two")]));
        assert!(!renewed(&[("a", 1)], &[("age1x", "one"), ("age1y", "two")]));
        // What is left elsewhere opens nothing here: in another place, in clear, for another recipient.
        assert!(renewed(&[("b", 0), ("a", 1)], &[("age1x", "two")]));
        assert!(renewed(
            &[("a_unencrypted", 0), ("a", 1)],
            &[("age1x", "two")]
        ));
        assert!(renewed(&[("a", 1)], &[("age1x", "two"), ("age1y", "one")]));
    }

    #[test]
    fn one_wrapped_key_that_was_left_hides_no_other() {
        let before = sealed(&[("a", 0)], &[("age1x", "one"), ("age1y", "one")]);
        let now = sealed(&[("a", 1)], &[("age1x", "one"), ("age1y", "two")]);
        assert!(is_renewed(&now, &before));
    }
}

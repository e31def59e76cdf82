//! What becomes of one file.

use std::fmt;
use std::fs;

use clsecrets::envelope::{Draft, EnvelopeError, OpenOptions, Sealed, Tokens};
use clsecrets::metadata::Rule;
use zeroize::Zeroizing;

use super::corpus::File;
use crate::support::Scene;
use crate::support::sealing::{Counted, NOW, key, metadata};

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Every byte came back; whether that took a layout of its own.
    Back(&'static str, bool),
    /// Sealed, and opened to other bytes.
    Differs(&'static str),
    /// Sealed, and not opened.
    Lost(&'static str, String),
    /// Refused, by us and by the reference.
    Refused(&'static str, String),
    /// Refused by us, taken by the reference, which loses something.
    WouldLose(&'static str, String),
    /// Refused by us, and taken by the reference.
    OnlyOurs(&'static str, String),
}

impl Outcome {
    pub(super) fn is_back(&self) -> bool {
        matches!(self, Self::Back(..))
    }

    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Differs(_) | Self::Lost(..) => true,
            Self::OnlyOurs(_, why) => why.contains("a comment here"),
            _ => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Back(format, true) => write!(f, "{format}: back, with a layout"),
            Self::Back(format, false) => write!(f, "{format}: back"),
            Self::Differs(format) => write!(f, "{format}: other bytes"),
            Self::Lost(format, why) => write!(f, "{format}: does not open: {why}"),
            Self::Refused(format, why) => write!(f, "{format}: refused by both: {why}"),
            Self::WouldLose(format, why) => {
                write!(f, "{format}: refused, since something would be lost: {why}")
            }
            Self::OnlyOurs(format, why) => write!(f, "{format}: refused by us only: {why}"),
        }
    }
}

/// Seals and opens a file, in memory; the reference judges only what we refuse.
pub(super) fn judge(file: &File) -> Outcome {
    let name = file.format.name();
    let Ok(text) = fs::read(&file.path) else {
        return Outcome::Refused(name, "cannot be read".to_owned());
    };
    match sealed(file, &text) {
        Ok(sealed) => {
            let opened = Sealed::parse(file.format, sealed)
                .and_then(|sealed| sealed.open(&key(), OpenOptions::default()))
                .and_then(|opened| Ok((opened.metadata().layout.is_some(), opened.clear_text()?)));
            match opened {
                Ok((has_layout, clear)) if *clear == text => Outcome::Back(name, has_layout),
                Ok(_) => Outcome::Differs(name),
                Err(error) => Outcome::Lost(name, error.to_string()),
            }
        }
        Err(error) => refused(file, &text, &error),
    }
}

fn sealed(file: &File, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let mut draft = Draft::parse(file.format, Zeroizing::new(text.to_vec()))?;
    let rule = Rule::default();
    draft.expand_aliases(&rule)?;
    let (metadata, none) = (metadata(rule, false), Tokens::default());
    let text = draft.seal(metadata, &key(), &mut Counted(0), NOW, true, &none)?;
    Ok(text.bytes)
}

fn refused(file: &File, text: &[u8], error: &EnvelopeError) -> Outcome {
    let name = file.format.name();
    // Without its place, so that the same reasons are counted together.
    let mut why = error.to_string();
    if let Some(at) = why.find(": ").filter(|_| why.starts_with("line ")) {
        why.replace_range(..at + 2, "");
    }
    let scene = Scene::with_age();
    let ending = format!("clear.{}", extension(name));
    scene.write(&ending, text);
    let theirs = scene.sops(&format!(
        "encrypt --age {} {ending}",
        crate::support::RECIPIENT
    ));
    if theirs.status != 0 {
        return Outcome::Refused(name, why);
    }
    scene.write(&format!("sealed.{}", extension(name)), &theirs.stdout);
    let opened = scene.sops(&format!("decrypt sealed.{}", extension(name)));
    let loses = opened.status != 0 || loses(name, text, &opened.stdout);
    if loses {
        Outcome::WouldLose(name, why)
    } else {
        Outcome::OnlyOurs(name, why)
    }
}

/// Whether words of a text are missing in what came of it.
fn loses(format: &str, before: &[u8], after: &[u8]) -> bool {
    let words = |text: &[u8]| -> std::collections::BTreeSet<String> {
        String::from_utf8_lossy(text)
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 3)
            .map(str::to_lowercase)
            .collect()
    };
    let (before, after) = (words(before), words(after));
    format != "json" && before.difference(&after).next().is_some()
}

fn extension(format: &str) -> &str {
    match format {
        "dotenv" => "env",
        other => other,
    }
}

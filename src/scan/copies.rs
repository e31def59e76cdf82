//! Cleartext under another name: a file in clear that has the keys of a sealed one (H015).
//!
//! A rename takes a file out of its rule, and then nothing in it says what it was; but its keys do.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::finding::Report;
use super::policy::Policy;
use super::rules::stripped::Decrypted;
use super::source::{Blob, Source, SourceError};
use super::text::{harmless, naming};
use super::{Sealed, Sealing};
use crate::format;
use crate::tree::{Step, Trail, walk};

/// So many keys have to agree, and so large a part of the sealed ones, in percent.
const LEAST: usize = 2;
const PART: usize = 80;

/// Files in clear that have keys with values, as they were met.
#[derive(Debug, Default)]
pub(super) struct Copies {
    clear: Vec<(String, BTreeSet<String>)>,
}

impl Copies {
    /// Remembers the keys of a new file, if it has a grammar.
    pub(super) fn consider(&mut self, blob: &Blob<'_>, bytes: &[u8]) {
        if !blob.is_new || bytes.len() > 1 << 20 {
            return;
        }
        let Some(format) = format::by_extension(blob.path) else {
            return;
        };
        let Ok(document) = format.parse(Zeroizing::new(bytes.to_vec())) else {
            return;
        };
        let mut keys = BTreeSet::new();
        let mut trail = Trail::default();
        let walked = walk::<std::convert::Infallible>(&document.tree, &mut |step| {
            match step {
                Step::EnterMap | Step::EnterList => trail.enter(),
                Step::Leave => trail.leave(),
                Step::Key(key) => trail.key(key),
                Step::Comment(_) => {}
                Step::Leaf(leaf) => {
                    let text = leaf.value.as_str();
                    if text.is_none_or(|text| !harmless::is_harmless(text.expose(), true))
                        && !leaf.value.is_empty()
                    {
                        keys.insert(trail.of_value().to_owned());
                    }
                }
            }
            Ok(())
        });
        let Ok(()) = walked;
        if keys.len() >= LEAST {
            self.clear.push((blob.path.to_owned(), keys));
        }
    }

    /// Compares them with the sealed files that vanish, and with those that stay.
    pub(super) fn compare(
        self,
        source: &mut dyn Source,
        policy: &Policy,
        report: &mut Report,
    ) -> Result<(), SourceError> {
        if self.clear.is_empty() {
            return Ok(());
        }
        let mut found = Vec::new();
        source.elsewhere(&|path| policy.governor(path).is_some(), &mut |blob| {
            let Some(bytes) = blob.bytes else { return };
            if let Sealing::Sealed(sealed) = Sealing::of(blob.path, bytes, &[]) {
                let telling = telling(&sealed);
                for (path, keys) in &self.clear {
                    if path != blob.path && is_copy(&telling, keys) {
                        found.push(Decrypted::copy(path, blob.path));
                    }
                }
            }
        })?;
        for finding in found {
            let is_told = report
                .findings
                .iter()
                .any(|other| other.path == finding.path && other.rule == finding.rule);
            if !is_told {
                // What stands in a file that must not be in clear needs no list.
                report
                    .findings
                    .retain(|other| other.path != finding.path || other.is_structure());
                report.findings.push(finding);
            }
        }
        Ok(())
    }
}

/// The keys whose values are sealed.
fn telling(sealed: &Sealed) -> BTreeSet<String> {
    sealed
        .leaves
        .iter()
        .filter(|leaf| leaf.token.is_some())
        .map(|leaf| leaf.bound.clone())
        .collect()
}

/// Whether most keys of a sealed file are in clear elsewhere, one that names a secret among them.
fn is_copy(sealed: &BTreeSet<String>, clear: &BTreeSet<String>) -> bool {
    let mut both = sealed.intersection(clear).peekable();
    let names = both.clone().any(|bound| {
        let last = bound
            .trim_end_matches(':')
            .rsplit(':')
            .next()
            .unwrap_or_default();
        naming::kind(last.as_bytes()).is_some()
    });
    both.peek().is_some() && {
        let count = both.count();
        names && count >= LEAST && count * 100 >= sealed.len() * PART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_keys_have_to_agree_and_one_has_to_name_a_secret() {
        let set = |keys: &[&str]| {
            keys.iter()
                .map(|key| (*key).to_owned())
                .collect::<BTreeSet<_>>()
        };
        let sealed = set(&["db:", "wallet_password:", "x:"]);
        assert!(is_copy(
            &sealed,
            &set(&["db:", "wallet_password:", "x:", "more:"])
        ));
        assert!(!is_copy(&sealed, &set(&["db:", "wallet_password:"])));
        assert!(!is_copy(&set(&["a:", "b:"]), &set(&["a:", "b:"])));
        assert!(!is_copy(
            &set(&["wallet_password:"]),
            &set(&["wallet_password:"])
        ));
    }
}

//! Other recipients, another data key or another rule for the values of an opened file.
//!
//! Recipients alone change only the metadata: every token and the MAC stay. A new key or another rule
//! seals anew what it has to. The surprise: a comment or a value that the new rule treats as the old
//! one did keeps its token as long as the data key stays.

use std::collections::HashSet;

use crate::cipher::Nonces;
use crate::format::{Change, Edits, MetadataEdit};
use crate::metadata::{KeyGroups, Metadata, Rule};
use crate::secret::{DataKey, SecretBytes};
use crate::tree::{Path, Site, Step, Steps, walk};

use super::coverage::{only_in, selected};
use super::finish::Finish;
use super::layout::Wanted;
use super::look_back::{Made, look_back};
use super::pass::{Pass, Sealing};
use super::seal::{clear_paths, refuse_nothing, sites};
use super::{Counts, EnvelopeError, Opened, Text, Tokens};

/// Values that another rule treats in another way; names only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reselected {
    /// In clear so far.
    pub sealed: Vec<Path>,
    /// Sealed so far.
    pub opened: Vec<Path>,
}

impl Opened {
    /// The file for other recipients, who hold the same data key already.
    pub fn with_recipients(
        &self,
        key_groups: KeyGroups,
        key: &DataKey,
    ) -> Result<Text, EnvelopeError> {
        self.refuse_doubts()?;
        let mut metadata = self.metadata.clone();
        metadata.key_groups = key_groups;
        // Neither the MAC nor the text changes, so a layout that fits stays as it is.
        metadata.layout = metadata.layout.filter(|_| self.layout.is_some());
        let edits = Edits {
            places: &[],
            metadata: MetadataEdit::Rewrite(metadata.render()),
        };
        let bytes = self.format.apply(&self.document, &edits)?;
        let made = Made::new(&[], &self.tokens);
        let bytes = look_back(self.format, bytes, key, &self.document, made)?.bytes;
        let sealed = self.tokens.count();
        let counts = Counts { sealed, clear: 0 };
        Ok(Text {
            bytes,
            counts,
            ..Text::default()
        })
    }

    /// The file under other metadata, with all tokens made anew by a new data key.
    pub fn rotated(
        &self,
        metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
    ) -> Result<Text, EnvelopeError> {
        // What its rule leaves in clear is in clear already.
        self.sealed_anew(metadata, key, nonces, now, true, false)
    }

    /// The file under another rule and for other recipients, with the same data key.
    pub fn reselected(
        &self,
        metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
    ) -> Result<Text, EnvelopeError> {
        self.sealed_anew(metadata, key, nonces, now, allow_cleartext, true)
    }

    fn sealed_anew(
        &self,
        mut metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
        keeps_tokens: bool,
    ) -> Result<Text, EnvelopeError> {
        self.refuse_doubts()?;
        let none = Tokens::default();
        let kept = if keeps_tokens { &self.tokens } else { &none };
        let mut pass = Pass::new(&self.document, &metadata, key, nonces, kept);
        walk(&self.document.tree, &mut |step| pass.step(step))?;
        let Sealing {
            mut places,
            counts,
            last_modified,
            mac,
        } = pass.finish(now)?;
        let sealed = sites(&places);
        let left_clear = clear_paths(&metadata, &self.document.tree, || sealed.clone());
        if places.is_empty() && counts.clear > 0 && !allow_cleartext {
            refuse_nothing(&metadata.rule)?;
        }
        let mut stay = Tokens::default();
        for (site, token) in kept.iter().filter(|(site, _)| sealed.contains(site)) {
            stay.insert(site, SecretBytes::copy_of(token.as_bytes()));
        }
        places.retain(|(site, _)| !stay.has(*site));
        self.open_others(&sealed, &mut places);
        (metadata.last_modified, metadata.mac) = (last_modified, Some(mac.clone()));
        let write = |layout: Option<&str>| {
            let mut metadata = metadata.clone();
            metadata.layout = layout.map(str::to_owned);
            let edits = Edits {
                places: &places,
                metadata: MetadataEdit::Rewrite(metadata.render()),
            };
            self.format.apply(&self.document, &edits)
        };
        let finish = Finish {
            format: self.format,
            key,
            nonces,
            before: &self.document,
            made: Made::new(&places, &stay),
            mac: &mac,
            wanted: Wanted::Layout(self.layout.as_ref()),
            rule: &metadata.rule,
            must_open_so: false,
        };
        let bytes = finish.text(write)?;
        Ok(Text {
            bytes,
            counts,
            left_clear,
            ..Text::default()
        })
    }

    /// What was sealed and is not sealed any more is written in clear.
    fn open_others<'t>(&'t self, sealed: &HashSet<Site>, places: &mut Vec<(Site, Change<'t>)>) {
        let was_sealed = |site: Site| self.tokens.has(site) && !sealed.contains(&site);
        for step in Steps::of(&self.document.tree) {
            match step {
                Step::Leaf(leaf) if was_sealed(leaf.site) => {
                    places.push((leaf.site, Change::Open(&leaf.value)));
                }
                Step::Comment(comment) if was_sealed(comment.site) => {
                    places.push((comment.site, Change::OpenComment(&comment.text)));
                }
                _ => {}
            }
        }
    }

    /// What is tolerated on reading is not written again.
    pub(super) fn refuse_doubts(&self) -> Result<(), EnvelopeError> {
        match self.warnings.first() {
            Some(warning) => Err(EnvelopeError::NotWritable {
                line: warning.line,
                what: warning.what,
            }),
            None => Ok(()),
        }
    }

    /// What another rule would seal, and what it would leave in clear.
    pub fn reselect(&self, rule: &Rule) -> Reselected {
        let tree = &self.document.tree;
        let (now, then) = (selected(tree, &self.metadata.rule), selected(tree, rule));
        Reselected {
            sealed: only_in(tree, &then.leaves, &now.leaves),
            opened: only_in(tree, &now.leaves, &then.leaves),
        }
    }
}

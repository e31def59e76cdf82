//! Two versions of a sealed file and their common ancestor become one.
//!
//! What the merged file holds is decided by its values and their paths; the text is then merged line
//! by line, which keeps tokens, comments and layout of both sides, or else our text is changed value
//! by value. The surprise: which of them happened does not matter, because either text has to hold
//! what was decided, and its MAC is made anew.
//!
//! No version chooses the data key, the readers or the rule by which values are sealed: see
//! [`Versions::readers`] and [`Versions::selection`].

mod lines;
mod recipients;
mod selection;
mod values;

pub use recipients::{Dispute, Readers, Trusted};
pub use selection::Selection;

use std::fmt;

use zeroize::Zeroizing;

use crate::cipher::Nonces;
use crate::format::{Edits, Format, MetadataEdit};
use crate::metadata::{KeyGroups, Metadata};
use crate::secret::DataKey;
use crate::tree::{Comment, Path, Step as WalkStep, Tree, walk};

use super::layout::Layout;
use super::{EnvelopeError, OpenOptions, Opened, Sealed, Text};
use lines::First;
use values::Step;

/// Three versions of a file, each opened and its MAC checked.
#[derive(Debug)]
pub struct Versions<'a> {
    /// What both come from; `None` where there was nothing.
    pub base: Option<&'a Opened>,
    /// The version that is merged into.
    pub ours: &'a Opened,
    /// The version that is merged.
    pub theirs: &'a Opened,
    /// Whether all of them were sealed with one data key.
    pub shares_key: bool,
}

/// Something that a person has to decide; ours is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The document, from 0.
    pub document: usize,
    /// Where; the top level where it is about all of the file.
    pub path: Path,
    /// What happened there.
    pub cause: Cause,
}

/// Why two versions do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Both have changed it, differently.
    Changed,
    /// Both have added it, differently.
    Added,
    /// Ours has removed it, theirs has changed it.
    RemovedHere,
    /// Theirs has removed it, ours has changed it.
    RemovedThere,
    /// A map has a key twice, so that its values cannot be told apart.
    Repeated,
    /// A version asks for a reader, for key groups or for a rule that nobody else vouches for.
    Disputed(String),
}

/// What came of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The merged file, to be sealed; it is valid whatever conflicts there are.
    pub opened: Opened,
    /// What a person has to decide.
    pub conflicts: Vec<Conflict>,
    /// Lines of comments of the other version that are not in it.
    pub left_out: Vec<usize>,
}

impl Versions<'_> {
    /// Merges the values, for these recipients, who hold the key of ours.
    pub fn merge(&self, key_groups: KeyGroups, key: &DataKey) -> Result<Merged, EnvelopeError> {
        let base = self.base.map(Opened::tree);
        let wanted = values::merge(base, self.ours.tree(), self.theirs.tree());
        let mut metadata = self.ours.metadata().clone();
        metadata.key_groups = key_groups;
        let format = self.ours.format();
        for first in [First::Ours, First::Theirs] {
            let Some(text) = self.by_lines(&metadata, first)? else {
                break;
            };
            let Ok(opened) = reopened(format, text, key) else {
                continue;
            };
            if values::holds(opened.tree(), &wanted.documents, format) {
                return Ok(Merged {
                    opened: self.laid_out(opened)?,
                    conflicts: wanted.conflicts,
                    left_out: Vec::new(),
                });
            }
        }
        let mut opened = reopened(format, self.text(self.ours, &metadata)?, key)?;
        let steps = values::steps(opened.tree(), &wanted.documents);
        for step in steps.ok_or(EnvelopeError::Unmergeable)? {
            match step {
                Step::Put(path, node) => opened.set(&path, node).map(drop)?,
                Step::Remove(path) => opened.unset(&path).map(drop)?,
            }
        }
        if !values::holds(opened.tree(), &wanted.documents, format) {
            return Err(EnvelopeError::SelfCheck);
        }
        let left_out = self.comments_left_out();
        Ok(Merged {
            opened: self.laid_out(opened)?,
            conflicts: wanted.conflicts,
            left_out,
        })
    }

    /// The merged file with what both versions keep of the layout of their cleartext.
    fn laid_out(&self, mut opened: Opened) -> Result<Opened, EnvelopeError> {
        let (ours, theirs) = (self.ours.layout.as_ref(), self.theirs.layout.as_ref());
        opened.layout = None;
        if ours.is_some() || theirs.is_some() {
            opened.write_changes()?;
            let rebuilt = opened.unchecked_text()?;
            let base = self.base.and_then(|base| base.layout.as_ref());
            opened.layout = Layout::merged(base, ours, theirs, rebuilt);
        }
        Ok(opened)
    }

    /// Whether a merged file under this rule has the metadata of ours, so that what is sealed stays as
    /// it is.
    pub fn keeps_rule(&self, selection: &Selection) -> bool {
        let ours = self.ours.metadata();
        let theirs = self.theirs.metadata();
        let has_it = |metadata: &Metadata| {
            metadata.rule == selection.rule
                && metadata.mac_only_encrypted == selection.mac_only_encrypted
        };
        has_it(ours) && has_it(theirs)
    }

    /// The merged file with the data key of ours; untouched values keep their tokens.
    pub fn seal(
        &self,
        merged: Merged,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
    ) -> Result<Text, EnvelopeError> {
        let rule = merged.opened.metadata().rule.clone();
        self.refuse_opening(merged.opened.tree(), &rule)?;
        // What a side has in clear is in clear in its own file already.
        merged.opened.seal(key, nonces, now, true)
    }

    /// The merged file under a data key, a rule and recipients of its own, every value sealed anew.
    pub fn seal_anew(
        &self,
        mut merged: Merged,
        key_groups: KeyGroups,
        selection: &Selection,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
    ) -> Result<Text, EnvelopeError> {
        self.refuse_opening(merged.opened.tree(), &selection.rule)?;
        merged.opened.write_changes()?;
        let mut metadata = merged.opened.metadata().clone();
        metadata.key_groups = key_groups;
        metadata.rule = selection.rule.clone();
        metadata.mac_only_encrypted = selection.mac_only_encrypted;
        merged.opened.rotated(metadata, key, nonces, now)
    }

    /// The sealed texts merged; under another key, equal values have other tokens.
    fn by_lines(
        &self,
        metadata: &Metadata,
        first: First,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, EnvelopeError> {
        let Some(base) = self.base.filter(|_| self.shares_key) else {
            return Ok(None);
        };
        let text = |opened: &Opened| self.text(opened, metadata);
        let (base, ours, theirs) = (text(base)?, text(self.ours)?, text(self.theirs)?);
        Ok(lines::merge(&base, &ours, &theirs, first).map(Zeroizing::new))
    }

    /// A sealed text with the metadata of the merged file, so that versions differ in the rest only.
    fn text(
        &self,
        opened: &Opened,
        metadata: &Metadata,
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let ours = self.ours;
        let stays = metadata.key_groups == ours.metadata().key_groups;
        let text = |opened: &Opened| Zeroizing::new(opened.sealed_text().to_vec());
        if stays && std::ptr::eq(opened, ours) {
            return Ok(text(opened));
        }
        let format = opened.format();
        let fields = metadata.render();
        let blocks = if stays {
            format.metadata_blocks(&format.parse(text(ours))?)
        } else {
            None
        };
        let edits = Edits {
            metadata: match blocks {
                Some(blocks) => MetadataEdit::Place { blocks, fields },
                None => MetadataEdit::Write(fields),
            },
            ..Edits::default()
        };
        Ok(format.apply(&format.parse(text(opened))?, &edits)?)
    }

    /// Lines of comments that the side whose text was not taken has added.
    fn comments_left_out(&self) -> Vec<usize> {
        let none = Tree::default();
        let mut known = comments(self.base.map_or(&none, Opened::tree));
        known.extend(comments(self.ours.tree()));
        let is_new = |comment: &&Comment| !known.iter().any(|old| old.text.ct_eq(&comment.text));
        let all = comments(self.theirs.tree());
        let new = all.into_iter().filter(is_new);
        new.map(|comment| self.theirs.line(comment.site)).collect()
    }
}

/// Opens a text that was put together of opened ones; what it holds is compared afterwards.
fn reopened(
    format: &'static dyn Format,
    text: Zeroizing<Vec<u8>>,
    key: &DataKey,
) -> Result<Opened, EnvelopeError> {
    Sealed::parse(format, text)?.open(key, OpenOptions { ignore_mac: true })
}

fn comments(tree: &Tree) -> Vec<&Comment> {
    let mut found = Vec::new();
    let collected: Result<(), std::convert::Infallible> = walk(tree, &mut |step| {
        if let WalkStep::Comment(comment) = step {
            found.push(comment);
        }
        Ok(())
    });
    match collected {
        Ok(()) => found,
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.document > 0 {
            write!(f, "document {}, ", self.document + 1)?;
        }
        match &self.cause {
            Cause::Disputed(what) => f.write_str(what),
            cause => write!(
                f,
                "{} {}",
                self.path,
                match cause {
                    Cause::Added => "was added on both sides, with other values",
                    Cause::RemovedHere => "was removed here and changed there",
                    Cause::RemovedThere => "was changed here and removed there",
                    Cause::Repeated => "holds a key more than once",
                    _ => "was changed on both sides",
                }
            ),
        }
    }
}

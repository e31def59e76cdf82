//! An opened file to sealed text: what has changed, the MAC under the time, and a look back.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::cipher::Nonces;
use crate::format::{Change, Edits, MetadataEdit};
use crate::metadata::{LAYOUT_FIELD, Metadata, Rule};
use crate::secret::DataKey;
use crate::tree::{Path, Site, Step, Tree, walk};

use super::clear::left_in_clear;
use super::finish::Finish;
use super::layout::Wanted;
use super::look_back::Made;
use super::pass::{Pass, Sealing};
use super::{EnvelopeError, Opened};

/// A sealed text and what is in it.
#[derive(Debug, Default)]
pub struct Text {
    /// The text to be written.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What was sealed and what was not.
    pub counts: Counts,
    /// Values that a positive rule leaves in clear: of a draft all, of an opened file those set, of
    /// a draft sealed onto an opened file those that are new.
    pub left_clear: Vec<Path>,
    /// Lines of comments of the clear text that another format does not hold.
    pub lost_comments: Vec<usize>,
    /// Lines of comments that stand in places where other tools lose them, so that only the layout
    /// keeps them.
    pub kept_comments: Vec<usize>,
}

/// How many values a file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sealed values, comments left out.
    pub sealed: usize,
    /// Values that the rule leaves in clear.
    pub clear: usize,
}

impl Opened {
    /// The metadata as it stands in the file, with other texts of these fields.
    pub(super) fn blocks(
        &self,
        texts: &[(&'static str, String)],
        layout: Option<&str>,
    ) -> Option<Vec<String>> {
        let edits = Edits {
            metadata: MetadataEdit::Update(self.updates(texts, layout)?),
            ..Edits::default()
        };
        let text = self.format.apply(&self.document, &edits).ok()?;
        self.format.metadata_blocks(&self.format.parse(text).ok()?)
    }

    /// The texts that change where the metadata stays otherwise; `None` where a field comes or goes.
    fn updates(
        &self,
        texts: &[(&'static str, String)],
        layout: Option<&str>,
    ) -> Option<Vec<(&'static str, String)>> {
        let mut texts = texts.to_vec();
        match (&self.metadata.layout, layout) {
            (None, None) => {}
            (Some(_), Some(layout)) => texts.push((LAYOUT_FIELD, layout.to_owned())),
            _ => return None,
        }
        Some(texts)
    }

    /// Seals what has changed; everything else keeps its bytes. `allow_cleartext` takes new values
    /// that a positive rule leaves in clear.
    pub fn seal(
        mut self,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
    ) -> Result<Text, EnvelopeError> {
        self.refuse_doubts()?;
        let metadata = self.metadata.clone();
        let mut kept = std::mem::take(&mut self.tokens);
        for site in &self.changed {
            kept.remove(*site);
        }
        let mut pass = Pass::new(&self.document, &metadata, key, nonces, &kept);
        walk(&self.document.tree, &mut |step| pass.step(step))?;
        let Sealing {
            mut places,
            counts,
            last_modified,
            mac,
        } = pass.finish(now)?;
        let sealed = sites(&places);
        let mut left_clear = clear_paths(&metadata, &self.document.tree, || sealed.clone());
        left_clear.retain(|path| self.set.iter().any(|set| path.is_below(set)));
        refuse_clear(&left_clear, allow_cleartext)?;
        places.retain(|(site, _)| !kept.has(*site));
        // Changed values that stay clear are written as they are.
        let changed = |site: Site| self.changed.contains(&site) && !sealed.contains(&site);
        let collected: Result<(), std::convert::Infallible> =
            walk(&self.document.tree, &mut |step| {
                if let Step::Leaf(leaf) = step
                    && changed(leaf.site)
                {
                    places.push((leaf.site, Change::Open(&leaf.value)));
                }
                Ok(())
            });
        match collected {
            Ok(()) => {}
        }
        let texts = [
            ("lastmodified", last_modified.clone()),
            ("mac", mac.clone()),
        ];
        let write = |layout: Option<&str>| {
            let metadata = if let Some(texts) = self.updates(&texts, layout) {
                MetadataEdit::Update(texts)
            } else {
                let mut metadata = self.metadata.clone();
                metadata.last_modified.clone_from(&last_modified);
                metadata.mac = Some(mac.clone());
                metadata.layout = layout.map(str::to_owned);
                MetadataEdit::Rewrite(metadata.render())
            };
            let places = &places;
            self.format
                .apply(&self.document, &Edits { places, metadata })
        };
        let finish = Finish {
            format: self.format,
            key,
            nonces,
            before: &self.document,
            made: Made::new(&places, &kept),
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
}

pub(super) fn sites(places: &[(Site, Change<'_>)]) -> HashSet<Site> {
    places.iter().map(|(site, _)| *site).collect()
}

/// What a positive rule leaves in clear.
pub(super) fn clear_paths(
    metadata: &Metadata,
    tree: &Tree,
    sealed: impl FnOnce() -> HashSet<Site>,
) -> Vec<Path> {
    if metadata.rule.kind().is_positive() {
        left_in_clear(tree, &sealed())
    } else {
        Vec::new()
    }
}

/// A rule that selects no value. A key that carries an unencrypted suffix says so itself; the other
/// rules can be mistyped.
pub(super) fn refuse_nothing(rule: &Rule) -> Result<(), EnvelopeError> {
    if *rule == Rule::default() {
        return Ok(());
    }
    Err(EnvelopeError::NothingSelected {
        field: rule.kind().field(),
        argument: rule.argument().to_owned(),
    })
}

pub(super) fn refuse_clear(paths: &[Path], allow_cleartext: bool) -> Result<(), EnvelopeError> {
    if paths.is_empty() || allow_cleartext {
        return Ok(());
    }
    Err(EnvelopeError::WouldStayClear(paths.to_vec()))
}

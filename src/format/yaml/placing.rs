//! The metadata entries of a text: taken out, put at the end of each document, or changed in place.

use crate::tree::{Fields, Value};

use super::super::{Fault, FormatError};
use super::compose::METADATA_KEY;
use super::emit::{Emitter, flow_of};
use super::layout::RootPlace;
use super::splice::Splice;

impl Splice<'_> {
    /// `is_all`: nothing takes its place.
    pub(super) fn remove_metadata(&mut self, is_all: bool) {
        let layout = self.layout;
        for (number, place) in layout.documents.iter().enumerate() {
            let Some(entry) = &place.entry else { continue };
            // A document of which nothing is left would be none.
            let is_last = self
                .document
                .tree
                .documents
                .get(number)
                .is_some_and(|map| map.pairs().next().is_none());
            let is_block = matches!(place.root, RootPlace::Block { .. });
            let rest = if is_last && is_block && is_all {
                format!("{{}}{}", self.end)
            } else {
                String::new()
            };
            match &entry.comment {
                Some(comment) if is_block => {
                    self.cut(entry.span.start..comment.start, "");
                    self.cut(comment.end..entry.span.end, format!("{}{rest}", self.end));
                }
                _ => self.cut(entry.span.clone(), rest),
            }
        }
    }

    pub(super) fn write_metadata(&mut self, fields: &Fields) {
        self.place_metadata(&[], fields);
    }

    pub(super) fn place_metadata(&mut self, blocks: &[String], fields: &Fields) {
        let layout = self.layout;
        let count = layout.documents.len();
        // The last cut that ends at a byte, so that many documents are not searched for each.
        let block_ends = layout
            .documents
            .iter()
            .filter_map(|place| match place.root {
                RootPlace::Block { end, .. } => Some(end),
                RootPlace::Flow { .. } => None,
            });
        let mut wanted: Vec<usize> = block_ends.collect();
        wanted.sort_unstable();
        let ends = self.cuts.ends(&wanted);
        for (number, place) in layout.documents.iter().enumerate() {
            let cut_before = |end: usize| match &place.null {
                Some(null) if null.end == end && !null.is_empty() => Some((null.start, "")),
                _ => self.cuts.get(*ends.get(&end)?),
            };
            let lacks_line_end = match place.root {
                RootPlace::Block { end, .. } => self.lacks_line_end(end, cut_before(end)),
                RootPlace::Flow { .. } => false,
            };
            if let Some(null) = &place.null {
                self.cut(null.clone(), "");
            }
            match place.root {
                RootPlace::Block { indent: 0, end } if !blocks.is_empty() => {
                    let mut text = String::new();
                    if lacks_line_end {
                        text.push_str(self.end);
                    }
                    let block = blocks.get(number).or(blocks.first());
                    let block = block.map(String::as_str).unwrap_or_default();
                    text.push_str(&block.replace('\n', self.end));
                    if number + 1 < count && !block.ends_with('\n') {
                        text.push_str(self.end);
                    }
                    self.cut(end..end, text);
                }
                RootPlace::Flow { start, is_empty } => {
                    let comma = if is_empty { "" } else { "," };
                    let entry = format!("\"{METADATA_KEY}\": {}{comma}", flow_of(fields));
                    self.cut(start..start, entry);
                }
                RootPlace::Block { indent, end } => {
                    let mut emitter = Emitter::new(self.end);
                    if lacks_line_end {
                        emitter.text.push_str(self.end);
                    }
                    emitter.text.extend(std::iter::repeat_n(' ', indent));
                    emitter.text.push_str(METADATA_KEY);
                    emitter.text.push(':');
                    emitter.behind_colon(&crate::tree::Node::Map(fields.to_map()), indent);
                    self.cuts.cut_secret(end..end, emitter.text);
                }
            }
        }
    }

    /// Whether the line before a byte has no end, in the text as it is going to be.
    fn lacks_line_end(&self, end: usize, cut: Option<(usize, &str)>) -> bool {
        match cut {
            Some((_, text)) if !text.is_empty() => !text.ends_with('\n'),
            Some((start, _)) => start
                .checked_sub(1)
                .is_some_and(|before| self.source.get(before) != Some(&b'\n')),
            None => end > 0 && self.source.get(end - 1) != Some(&b'\n'),
        }
    }

    pub(super) fn update_metadata(
        &mut self,
        texts: &[(&'static str, String)],
    ) -> Result<(), FormatError> {
        let layout = self.layout;
        for place in &layout.documents {
            let Some(entry) = &place.entry else { continue };
            for (name, text) in texts {
                match entry.scalars.iter().find(|(field, _)| field == name) {
                    // The reference's reader wants these quoted or plain as it writes them.
                    Some((_, place)) => self.open(place, &Value::text(text)),
                    None => {
                        return self.fail(
                            entry.span.start,
                            Fault::Unsupported,
                            "a field is missing",
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

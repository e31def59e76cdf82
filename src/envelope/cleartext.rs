//! The cleartext of an opened file: rebuilt from the sealed text, then in the layout that it keeps.

use zeroize::Zeroizing;

use crate::format::{Edits, Fault, MetadataEdit};

use super::layout::Said;
use super::{EnvelopeError, Opened, Tokens, look_back, open, reuse};

/// A cleartext, and what a reader of it should know.
#[derive(Debug)]
pub struct Clear {
    /// The text.
    pub text: Zeroizing<Vec<u8>>,
    /// Why the layout that the file keeps was not used.
    pub note: Option<&'static str>,
}

impl Opened {
    /// The cleartext, as it was sealed: in the layout that the file keeps, if it fits and says the
    /// same.
    pub fn clear_text(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        Ok(self.clear()?.text)
    }

    /// The same, with what is to be told of it.
    pub fn clear(&self) -> Result<Clear, EnvelopeError> {
        let rebuilt = self.unchecked_text()?;
        let Some(layout) = &self.layout else {
            let text = self.checked(rebuilt)?;
            return Ok(Clear { text, note: None });
        };
        let laid_out = layout.lay_out(&rebuilt, self.said());
        Ok(match laid_out {
            Some(text) => Clear { text, note: None },
            None => Clear {
                text: self.checked(rebuilt)?,
                note: Some("the layout that it keeps would change what it says, and is not used"),
            },
        })
    }

    /// Whether the file keeps a layout that fits. Its cleartext can have aliases that its sealed text has not.
    pub fn has_layout(&self) -> bool {
        self.layout.is_some()
    }

    fn said(&self) -> Said<'_> {
        Said {
            tree: &self.document.tree,
            format: self.format,
            rule: &self.metadata.rule,
        }
    }

    /// What is to be said of the layout that the file keeps, where it was made for another text.
    pub fn layout_note(&self) -> Option<&'static str> {
        let is_unfit = self.metadata.layout.is_some() && self.layout.is_none();
        is_unfit.then_some("the layout that it keeps was made for another text, and is not used")
    }

    /// The sealed text with values and comments put in and the metadata taken out, in the layout that
    /// follows from the sealed text.
    pub(super) fn rebuilt_text(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        self.checked(self.unchecked_text()?)
    }

    pub(super) fn unchecked_text(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let edits = Edits {
            places: &open::clear_places(self),
            metadata: MetadataEdit::Remove,
        };
        Ok(self.format.apply(&self.document, &edits)?)
    }

    /// A rebuilt text, if it holds what the document does.
    fn checked(&self, text: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        // A value must not take in what stands beside it, a comment say, and become another.
        let none = Tokens::default();
        let made = look_back::Made::new(&[], &none);
        match look_back::looks_like(self.format, &text, &self.document.tree, made) {
            Some((true, None)) => return Ok(text),
            Some(_) => return Err(EnvelopeError::SelfCheck),
            None => {}
        }
        match self.format.parse_clear(text.clone()) {
            Ok(again) if reuse::reads_back(&again.tree, &self.document.tree, self.format) => {
                Ok(text)
            }
            // A few things that the reference writes so are not read here in cleartext.
            Err(error) if error.fault == Fault::Unsupported || holds_separators(&text) => Ok(text),
            _ => Err(EnvelopeError::SelfCheck),
        }
    }

    /// The cleartext with the metadata, for a person who edits both.
    pub fn clear_text_with_metadata(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let edits = Edits {
            places: &open::clear_places(self),
            metadata: MetadataEdit::Keep,
        };
        let text = self.format.apply(&self.document, &edits)?;
        let layout = self.layout.as_ref();
        let laid_out = layout.and_then(|layout| layout.lay_out(&text, self.said()));
        Ok(laid_out.unwrap_or(text))
    }
}

/// Line separators of Unicode, which the reference writes as they are and takes for line ends.
fn holds_separators(text: &[u8]) -> bool {
    text.windows(3)
        .any(|bytes| matches!(bytes, [0xE2, 0x80, 0xA8 | 0xA9]))
}

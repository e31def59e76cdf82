//! The last steps of every sealing: the text is written, read back, and given the layout that opening
//! would lose.

use zeroize::Zeroizing;

use crate::cipher::Nonces;
use crate::format::{Document, Format, FormatError};
use crate::metadata::Rule;
use crate::secret::DataKey;

use super::layout::{Said, Wanted};
use super::look_back::{Made, Seen, look_back};
use super::{EnvelopeError, OpenOptions, Sealed};

/// A text that is about to be sealed.
pub(super) struct Finish<'a> {
    pub(super) format: &'static dyn Format,
    pub(super) key: &'a DataKey,
    pub(super) nonces: &'a mut dyn Nonces,
    /// What is sealed.
    pub(super) before: &'a Document,
    pub(super) made: Made<'a>,
    /// The sealed MAC, to which the layout is bound.
    pub(super) mac: &'a str,
    pub(super) wanted: Wanted<'a>,
    pub(super) rule: &'a Rule,
    /// Whether nothing else will do.
    pub(super) must_open_so: bool,
}

impl Finish<'_> {
    /// The sealed text. `write` makes it, with the layout that it is to keep.
    pub(super) fn text(
        self,
        write: impl Fn(Option<&str>) -> Result<Zeroizing<Vec<u8>>, FormatError>,
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let Self {
            format,
            key,
            before,
            wanted,
            ..
        } = self;
        let Seen { bytes, rebuilt } = look_back(format, write(None)?, key, before, self.made)?;
        if matches!(wanted, Wanted::Layout(None)) {
            return Ok(bytes);
        }
        let rebuilt = match rebuilt {
            Some(rebuilt) => rebuilt,
            None if wanted.is(before.source()) && format.is_exact(before) => return Ok(bytes),
            None => opened(format, bytes.clone(), key)?.rebuilt_text()?,
        };
        let said = Said {
            tree: &before.tree,
            format,
            rule: self.rule,
        };
        let Some(layout) = wanted.token(&rebuilt, self.mac, said, key, self.nonces)? else {
            return Ok(bytes);
        };
        // Opened as anybody will open it: a layout that would be ignored then is not worth keeping.
        let laid_out = write(Some(&layout))?;
        let opened = opened(format, laid_out, key)?;
        let clear = opened.clear()?;
        let is_used = opened.layout.is_some() && clear.note.is_none();
        match (is_used, self.must_open_so) {
            (true, _) => Ok(opened.document.into_source()),
            (false, true) => Err(EnvelopeError::SelfCheck),
            (false, false) => Ok(bytes),
        }
    }
}

fn opened(
    format: &'static dyn Format,
    bytes: Zeroizing<Vec<u8>>,
    key: &DataKey,
) -> Result<super::Opened, EnvelopeError> {
    Sealed::parse(format, bytes)
        .and_then(|sealed| sealed.open(key, OpenOptions::default()))
        .map_err(|_| EnvelopeError::SelfCheck)
}

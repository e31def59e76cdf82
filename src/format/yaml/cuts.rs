//! Ranges of a text and what stands there afterwards; everything between them stays.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use zeroize::Zeroizing;

/// The cuts into one text, in any order.
#[derive(Debug, Default)]
pub(super) struct Cuts<'a>(Vec<(Range<usize>, Piece<'a>)>);

/// What takes the place of a range.
#[derive(Debug)]
enum Piece<'a> {
    /// A token, say, or a value that stays where it is: large files have many of them.
    Lent(&'a str),
    Own(Zeroizing<String>),
}

impl Piece<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Lent(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl<'a> Cuts<'a> {
    /// A text that is no secret, or that is lent by its keeper.
    pub(super) fn cut(&mut self, range: Range<usize>, text: impl Into<Cow<'a, str>>) {
        let piece = match text.into() {
            Cow::Borrowed(text) => Piece::Lent(text),
            Cow::Owned(text) => Piece::Own(Zeroizing::new(text)),
        };
        self.0.push((range, piece));
    }

    /// A text that may be one.
    pub(super) fn cut_secret(&mut self, range: Range<usize>, text: Zeroizing<String>) {
        self.0.push((range, Piece::Own(text)));
    }

    /// By the byte where they end, the last cuts that take something away; of those that end at one
    /// of these bytes, which are sorted.
    pub(super) fn ends(&self, wanted: &[usize]) -> HashMap<usize, usize> {
        let numbered = self.0.iter().enumerate();
        numbered
            .filter(|(_, (range, _))| !range.is_empty() && wanted.binary_search(&range.end).is_ok())
            .map(|(at, (range, _))| (range.end, at))
            .collect()
    }

    /// Where a cut begins, and what it puts there.
    pub(super) fn get(&self, at: usize) -> Option<(usize, &str)> {
        let (range, piece) = self.0.get(at)?;
        Some((range.start, piece.text()))
    }

    /// The new text, or where two cuts overlap.
    pub(super) fn apply(mut self, source: &[u8]) -> Result<Zeroizing<Vec<u8>>, usize> {
        // Mostly sorted already, which this sort is quick to notice.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let added: usize = self.0.iter().map(|(_, piece)| piece.text().len()).sum();
        let removed: usize = self.0.iter().map(|(range, _)| range.len()).sum();
        let length = (source.len() + added).saturating_sub(removed);
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        let mut at = 0;
        for (range, piece) in &self.0 {
            let kept = source.get(at..range.start).ok_or(range.start)?;
            text.extend_from_slice(kept);
            text.extend_from_slice(piece.text().as_bytes());
            at = range.end;
        }
        text.extend_from_slice(source.get(at..).unwrap_or_default());
        Ok(text)
    }
}

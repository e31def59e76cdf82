//! The layout of a clear text that opening cannot rebuild from the sealed one: where lines were folded,
//! how a number was spelled, whether a string stood without quotes.
//!
//! What the sealed text opens to is compared with the text that was sealed. Where they differ, a patch
//! from the one to the other is sealed with the data key and kept in the metadata. Bound to it, as
//! associated data, are the file's MAC and the whole rebuilt text, so that it opens for exactly the
//! text that it was made for, and neither the file nor the token holds a digest. It never changes
//! what is said: the text that it makes is read again. The surprise: a write carries it over what has
//! changed, so one value that is set costs only its own layout.

mod coding;
mod differ;
mod patch;

use std::convert::Infallible;

use zeroize::Zeroizing;

use crate::cipher::{Cipher, Nonces, Opened as Plain, Token, Type};
use crate::format::{Document, Edits, Format};
use crate::metadata::Rule;
use crate::secret::{DataKey, SecretBytes};
use crate::tree::{Comment, Step, Tree, Value, walk};

use super::EnvelopeError;
use super::expand::aliases_of_sealed;
use super::reuse::reads_back;
use differ::difference;
use patch::{Carry, Patch};

/// What the sealed text opens to by itself, and what makes the layout of it that was sealed.
pub(super) struct Layout {
    rebuilt: Zeroizing<Vec<u8>>,
    patch: Patch,
}

/// What a sealed text is to open to.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// This text.
    Text(&'a [u8]),
    /// What it says by itself, in a layout as far as that still applies.
    Layout(Option<&'a Layout>),
}

/// What a text has to say, in whatever layout.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) tree: &'a Tree,
    pub(super) format: &'a dyn Format,
    pub(super) rule: &'a Rule,
}

impl Layout {
    /// Opens the layout of a text; `None` where it was made for another one, or is none.
    pub(super) fn open(
        token: &str,
        mac: Option<&str>,
        rebuilt: Zeroizing<Vec<u8>>,
        key: &DataKey,
    ) -> Option<Self> {
        let bound = bound(mac.unwrap_or_default(), &rebuilt);
        let opened = Token::parse(token.as_bytes()).and_then(|token| {
            let cipher = Cipher::new(key);
            token.open(&cipher, &bound)
        });
        let Ok(Plain::Value(Value::Str(ref bytes))) = opened else {
            return None;
        };
        let patch = coding::decode(bytes.expose())?;
        Some(Self { rebuilt, patch })
    }

    /// The texts to try for what the sealed text opens to now, the one that keeps most first.
    fn texts(&self, rebuilt: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
        if *self.rebuilt == *rebuilt {
            return self.patch.apply(rebuilt).into_iter().collect();
        }
        let change = difference(&self.rebuilt, rebuilt);
        let carried = [Carry::Apart, Carry::OtherLines].into_iter().map(|carry| {
            let carried = self.patch.carried(&change, &self.rebuilt, carry);
            (!carried.is_empty()).then(|| carried.apply(rebuilt))?
        });
        carried.flatten().collect()
    }

    /// The text in this layout, as far as it applies and if it holds what the tree does.
    pub(super) fn lay_out(&self, rebuilt: &[u8], said: Said<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let holds = |text: &Zeroizing<Vec<u8>>| said.in_text(text, rebuilt);
        self.texts(rebuilt).into_iter().find(holds)
    }

    /// Refuses a text without comments that stand in this layout only.
    fn refuse_loss(
        &self,
        now: &[u8],
        rebuilt: &[u8],
        format: &dyn Format,
    ) -> Result<(), EnvelopeError> {
        if !self.patch.new.contains(&b'#') {
            return Ok(());
        }
        let count = |text: &[u8]| {
            let document = format.parse_clear(Zeroizing::new(text.to_vec()));
            document.map_or(0, |document| document.comment_lines().len())
        };
        let Some(before) = self.patch.apply(&self.rebuilt) else {
            return Ok(());
        };
        let kept = count(&before).saturating_sub(count(&self.rebuilt));
        let still = count(now).saturating_sub(count(rebuilt));
        if still < kept {
            return Err(EnvelopeError::KeptComment);
        }
        Ok(())
    }

    /// The layout of a text that was merged of two, which opens to `rebuilt` by itself.
    pub(super) fn merged(
        base: Option<&Self>,
        ours: Option<&Self>,
        theirs: Option<&Self>,
        rebuilt: Zeroizing<Vec<u8>>,
    ) -> Option<Self> {
        let carried = |side: Option<&Self>| {
            side.map_or_else(Patch::default, |side| {
                let change = difference(&side.rebuilt, &rebuilt);
                side.patch.carried(&change, &side.rebuilt, Carry::Apart)
            })
        };
        let (base, ours, theirs) = (carried(base), carried(ours), carried(theirs));
        let patch = Patch::merged(&ours, &base, &theirs);
        (!patch.is_empty()).then_some(Self { rebuilt, patch })
    }
}

impl Wanted<'_> {
    /// Whether it is this text.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        matches!(self, Self::Text(wanted) if std::ptr::eq(*wanted, text))
    }

    /// The layout that a text needs, sealed under a MAC; `None` where it needs none.
    pub(super) fn token(
        self,
        rebuilt: &[u8],
        mac: &str,
        said: Said<'_>,
        key: &DataKey,
        nonces: &mut dyn Nonces,
    ) -> Result<Option<String>, EnvelopeError> {
        let laid_out = match self {
            Self::Layout(Some(layout)) => layout.lay_out(rebuilt, said),
            _ => None,
        };
        if let Self::Layout(Some(layout)) = self {
            let now = laid_out.as_ref().map_or(rebuilt, |text| text.as_slice());
            layout.refuse_loss(now, rebuilt, said.format)?;
        }
        let text = match (self, &laid_out) {
            (Self::Text(text), _) => text,
            (Self::Layout(_), Some(text)) => text,
            (Self::Layout(_), None) => rebuilt,
        };
        let patch = difference(rebuilt, text);
        if patch.is_empty() {
            return Ok(None);
        }
        let plain = coding::encode(&patch);
        let bound = bound(mac, rebuilt);
        let token = Token::seal(&Cipher::new(key), &plain, Type::Str, &bound, nonces.next()?);
        token.map(Some).map_err(EnvelopeError::Cipher)
    }
}

/// What a layout is bound to. A value is bound to a path, which ends in a colon, and the MAC to a time:
/// none of them opens as another.
fn bound(mac: &str, rebuilt: &[u8]) -> Zeroizing<Vec<u8>> {
    let parts = [b"clsecrets layout\n", mac.as_bytes(), b"\n", rebuilt, b"\n"];
    let length = parts.iter().map(|part| part.len()).sum();
    let mut bound = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        bound.extend_from_slice(part);
    }
    bound
}

impl Said<'_> {
    /// Whether a text holds the keys, values, types and comments that the rebuilt one does. It may have
    /// more comments, where they decide nothing: those that other tools lose.
    fn in_text(self, text: &[u8], rebuilt: &[u8]) -> bool {
        let read = |text: &[u8]| {
            let text = Zeroizing::new(text.to_vec());
            self.format.parse_clear(text).ok()
        };
        let Some(again) = read(text).and_then(|again| self.written_out(again)) else {
            return false;
        };
        if !reads_back(&again.tree, self.tree, self.format) {
            return false;
        }
        if again.metadata.is_none() && self.has_comments(&again.tree, self.tree) {
            return true;
        }
        // A sealed file can hold comments that its cleartext has not: then two cleartexts are compared.
        read(rebuilt).is_some_and(|rebuilt| {
            again.metadata == rebuilt.metadata && self.has_comments(&again.tree, &rebuilt.tree)
        })
    }

    /// The document with those aliases written out that are in the sealed text, so that its comments stand
    /// where they do there: one behind an alias of a map is before the map, and behind a map it is not.
    fn written_out(self, document: Document) -> Option<Document> {
        let places = aliases_of_sealed(&document, self.rule);
        if places.is_empty() {
            return Some(document);
        }
        let edits = Edits {
            places: &places,
            ..Edits::default()
        };
        let text = self.format.apply(&document, &edits).ok()?;
        self.format.parse_clear(text).ok()
    }

    /// Whether a tree has the comments of another, each in its place.
    fn has_comments(self, tree: &Tree, other: &Tree) -> bool {
        let may_have_more = !self.rule.kind().is_about_comments();
        let all = comments(tree);
        let mut left = all.iter();
        let is_there = |wanted: &(usize, &SecretBytes)| {
            let is_it =
                |found: &(usize, &SecretBytes)| found.0 == wanted.0 && found.1.ct_eq(wanted.1);
            if may_have_more {
                left.any(is_it)
            } else {
                left.next().is_some_and(is_it)
            }
        };
        comments(other).iter().all(is_there) && (may_have_more || left.next().is_none())
    }
}

/// All comments, each with the number of what stands before it.
fn comments(tree: &Tree) -> Vec<(usize, &SecretBytes)> {
    let (mut found, mut steps) = (Vec::new(), 0);
    let walked = walk::<Infallible>(tree, &mut |step| {
        match step {
            Step::Comment(Comment { text, .. }) => found.push((steps, text)),
            _ => steps += 1,
        }
        Ok(())
    });
    match walked {
        Ok(()) => found,
    }
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Layout([redacted])")
    }
}

#[cfg(test)]
mod tests;

//! The look back: a new text is read again before anybody gets it.
//!
//! It must hold the same keys and values as the document that it was made of. Up to a size a sealed
//! text is opened as any reader would; above, the tokens just made must stand at their places.

use std::iter::Peekable;
use std::slice::Iter;

use zeroize::Zeroizing;

use crate::format::{self, Change, Document, Format, LARGE, Looked, Shown};
use crate::metadata::Metadata;
use crate::secret::DataKey;
use crate::tree::{Leaf, Site, Step, Steps, Tree, Value};

use super::reuse::{reads_back, same_in};
use super::{EnvelopeError, OpenOptions, Sealed, Tokens};

/// The tokens that a text must have: those just made, in the order of the walk, and those kept.
#[derive(Clone)]
pub(super) struct Made<'a> {
    made: Peekable<Iter<'a, (Site, Change<'a>)>>,
    kept: &'a Tokens,
}

impl<'a> Made<'a> {
    pub(super) fn new(made: &'a [(Site, Change<'a>)], kept: &'a Tokens) -> Self {
        Self {
            made: made.iter().peekable(),
            kept,
        }
    }

    /// The token of the next place of the walk.
    fn of(&mut self, site: Site) -> Option<&'a str> {
        match self.made.next_if(|(made, _)| *made == site) {
            Some((_, Change::Seal(token) | Change::SealBare(token, _))) => Some(token),
            _ => self.kept.get(site),
        }
    }
}

/// A text that was read back.
pub(super) struct Seen {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// What it opens to without a layout of its own, as far as that was looked at.
    pub(super) rebuilt: Option<Zeroizing<Vec<u8>>>,
}

/// Reads the new text back, and hands it out again.
pub(super) fn look_back<'a>(
    format: &'static dyn Format,
    bytes: Zeroizing<Vec<u8>>,
    key: &DataKey,
    before: &'a Document,
    made: Made<'a>,
) -> Result<Seen, EnvelopeError> {
    let whole = |bytes| Seen {
        bytes,
        rebuilt: None,
    };
    let is_large = bytes.len() > LARGE;
    match looks_like(format, &bytes, &before.tree, made.clone()) {
        Some((true, Some(format::Metadata::Branch(fields)))) => {
            let metadata = Metadata::parse(fields).map_err(|_| EnvelopeError::SelfCheck);
            return metadata.map(|_| whole(bytes));
        }
        Some(_) => return Err(EnvelopeError::SelfCheck),
        None => {}
    }
    let sealed = Sealed::parse(format, bytes).map_err(|_| EnvelopeError::SelfCheck)?;
    // A value that takes fewer lines can leave a comment where nobody sees it.
    let strays = sealed.document.stray_comments();
    if strays.len() > before.stray_comments().len()
        && let Some(line) = strays.last()
    {
        return Err(stray(*line, &sealed.document, before));
    }
    if is_large {
        let mut comparison = Comparison::new(format, &before.tree, made);
        let agrees = comparison.agrees_with(&sealed.document.tree);
        return agrees
            .then(|| whole(sealed.document.into_source()))
            .ok_or(EnvelopeError::SelfCheck);
    }
    let opened = sealed
        .open_values(key, OpenOptions::default())
        .map_err(|_| EnvelopeError::SelfCheck)?;
    if !reads_back(opened.tree(), &before.tree, format) {
        return Err(EnvelopeError::SelfCheck);
    }
    // Where a value of several lines becomes one, a comment beside it can change its place.
    if let Some(line) = opened.misplaced.first() {
        return Err(stray(*line, &opened.document, before));
    }
    let rebuilt = opened.rebuilt_text()?;
    Ok(Seen {
        bytes: opened.document.into_source(),
        rebuilt: Some(rebuilt),
    })
}

/// A comment of the new text that other tools lose, by its line in the text before.
fn stray(line: usize, after: &Document, before: &Document) -> EnvelopeError {
    let number = after
        .comment_lines()
        .iter()
        .position(|other| *other == line);
    let lines = before.comment_lines();
    let line = number.and_then(|number| lines.get(number)).copied();
    EnvelopeError::StrayComment(line.unwrap_or(1))
}

/// Whether a large text holds what a tree does, and its metadata; `None` where it has to be read
/// whole to know.
pub(super) fn looks_like<'a>(
    format: &'a dyn Format,
    text: &[u8],
    tree: &'a Tree,
    made: Made<'a>,
) -> Option<(bool, Option<format::Metadata>)> {
    let mut comparison = Comparison::new(format, tree, made);
    let Looked { agrees, metadata } = format.look(text, &mut |shown| comparison.step(&shown))?;
    Some((agrees && comparison.is_done(), metadata))
}

/// A tree under comparison with a text: at each place its token, if it has one, or its value.
struct Comparison<'a> {
    format: &'a dyn Format,
    steps: Steps<'a>,
    made: Made<'a>,
}

impl<'a> Comparison<'a> {
    fn new(format: &'a dyn Format, tree: &'a Tree, made: Made<'a>) -> Self {
        let steps = Steps::of(tree);
        Self {
            format,
            steps,
            made,
        }
    }

    /// Whether the next step of the text is that of the tree.
    fn step(&mut self, shown: &Shown<'_>) -> bool {
        loop {
            return match (self.steps.next(), shown) {
                (Some(Step::EnterMap), Shown::EnterMap)
                | (Some(Step::EnterList), Shown::EnterList)
                | (Some(Step::Leave), Shown::Leave) => true,
                (Some(Step::Key(key)), Shown::Key(other)) => key == *other,
                (Some(Step::Leaf(leaf)), shown) => match self.made.of(leaf.site) {
                    Some(token) => is_token(shown, token),
                    None => self.is_value(shown, leaf),
                },
                (Some(Step::Comment(comment)), shown) => match self.made.of(comment.site) {
                    // In a list of the reference a sealed comment is an item.
                    Some(token) if is_token(shown, token) => true,
                    _ => continue,
                },
                _ => false,
            };
        }
    }

    /// The same with a text that was read whole.
    fn agrees_with(&mut self, other: &Tree) -> bool {
        let all = Steps::of(other).all(|step| match step {
            Step::EnterMap => self.step(&Shown::EnterMap),
            Step::EnterList => self.step(&Shown::EnterList),
            Step::Leave => self.step(&Shown::Leave),
            Step::Key(key) => self.step(&Shown::Key(key)),
            Step::Leaf(leaf) => self.step(&Shown::Value(&leaf.value)),
            Step::Comment(_) => true,
        });
        all && self.is_done()
    }

    /// Whether nothing of the tree is left over.
    fn is_done(&mut self) -> bool {
        self.steps.all(|step| matches!(step, Step::Comment(_)))
    }

    fn is_value(&self, shown: &Shown<'_>, leaf: &Leaf) -> bool {
        match (shown, &leaf.value) {
            (Shown::Text(text), Value::Str(value)) => {
                // Both were made here: nobody else's guess is compared.
                value.expose() == text.as_bytes()
            }
            (Shown::Text(text), value) => same_in(self.format, &Value::text(text), value),
            (Shown::Value(other), value) => same_in(self.format, other, value),
            _ => false,
        }
    }
}

/// A block has a line end behind its token.
fn is_token(shown: &Shown<'_>, token: &str) -> bool {
    match shown {
        Shown::Text(text) => *text == token,
        Shown::Value(Value::Str(text)) => text.expose().trim_ascii_end() == token.as_bytes(),
        _ => false,
    }
}

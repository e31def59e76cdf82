//! Empty maps with a comment, which the reference does not read as it writes them.
//!
//! It takes `a: {} # c` for a map that holds a comment and writes that as `{`, the comment and `}` on
//! lines of their own, where its reader sees no comment. So of a file of its own it gives back `{}`,
//! and so do we. What we seal has the brace behind the comment: the reference gives back the same as
//! of its own file, and opening puts the brace back to where it was.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::tree::Comment;

use super::compose::Composer;
use super::grammar::Raw;
use super::layout::Layout;
use super::lines::{line_end, position};

/// A pair of braces with a comment.
#[derive(Debug, PartialEq)]
pub(super) enum Hollow {
    /// `{} # c`, in the text of a user.
    Whole {
        /// Where the second brace stands.
        close: usize,
        /// Where the comment ends.
        end: usize,
        /// Columns before the second brace when it stands on a line of its own.
        indent: usize,
    },
    /// `{ # c` and `}` below it, as it is sealed.
    Parted {
        /// Behind the first brace.
        open: usize,
        /// The comment.
        comment: Range<usize>,
        /// Behind the second brace.
        close: usize,
    },
    /// The reference's own form: what stands between the braces, and where its first comment begins.
    Foreign {
        inside: Range<usize>,
        comment: usize,
    },
}

/// Replacements in a text.
type Replacements = Vec<(Range<usize>, Zeroizing<String>)>;

impl Composer<'_> {
    /// Looks at an empty flow map that is the value of a key in a column; the comment that a sealed
    /// text holds between its braces.
    pub(super) fn hollow(&mut self, raw: &Raw, column: isize) -> Option<Comment> {
        if self.alias_start().is_some() {
            return None;
        }
        let open = raw.span.start + 1;
        let inside = self.text.get(open..raw.span.end.checked_sub(1)?)?;
        if inside.is_empty() {
            let [index] = raw.line.as_slice() else {
                return None;
            };
            let comment = self.comments.get(*index)?;
            let between = self.text.get(raw.span.end..comment.start)?;
            if between.trim_matches([' ', '\t']).is_empty() {
                self.layout.hollows.push(Hollow::Whole {
                    close: open,
                    end: comment.end,
                    indent: usize::try_from(column).unwrap_or_default() + 1,
                });
            }
            return None;
        }
        let (first, below) = inside.split_once('\n')?;
        let comment = open + inside.find('#')?;
        if first.trim().is_empty() {
            let inside = open..open + inside.len();
            self.layout
                .hollows
                .push(Hollow::Foreign { inside, comment });
            return None;
        }
        if !below.trim().is_empty() {
            return None;
        }
        let index = self
            .comments
            .binary_search_by_key(&comment, |span| span.start)
            .ok()?;
        self.layout.hollows.push(Hollow::Parted {
            open,
            comment: self.comments.get(index)?.clone(),
            close: raw.span.end,
        });
        self.comment(index, false)
    }
}

impl Layout {
    /// Comments that a clear text holds where nobody sees them.
    pub(super) fn comments_in_parted(&self) -> impl Iterator<Item = usize> {
        self.hollows.iter().filter_map(|hollow| match hollow {
            Hollow::Parted { comment, .. } if comment.len() > 1 => Some(comment.start),
            _ => None,
        })
    }

    /// Lines of comments that go when the text is opened.
    pub(in crate::format) fn comments_left_out(&self, source: &[u8]) -> Vec<usize> {
        let starts = self.hollows.iter().filter_map(|hollow| match hollow {
            Hollow::Foreign { comment, .. } => Some(*comment),
            _ => None,
        });
        starts.map(|at| position(source, at).0).collect()
    }

    /// Braces as a sealed text has them.
    pub(super) fn part(&self, source: &[u8]) -> Replacements {
        let mut cuts = Replacements::new();
        for hollow in &self.hollows {
            if let Hollow::Whole { close, end, indent } = hollow {
                let brace = format!("{}{}}}", line_end(source), " ".repeat(*indent));
                cuts.push((*close..*close + 1, Zeroizing::default()));
                cuts.push((*end..*end, Zeroizing::new(brace)));
            }
        }
        cuts
    }

    /// Braces as a clear text has them.
    pub(super) fn join(&self) -> Replacements {
        let mut cuts = Replacements::new();
        for hollow in &self.hollows {
            match hollow {
                Hollow::Whole { .. } => {}
                Hollow::Parted {
                    open,
                    comment,
                    close,
                } => {
                    cuts.push((*open..*open, Zeroizing::new("}".to_owned())));
                    cuts.push((comment.end..*close, Zeroizing::default()));
                }
                Hollow::Foreign { inside, .. } => {
                    cuts.push((inside.clone(), Zeroizing::default()));
                }
            }
        }
        cuts
    }

    /// A sealed text with the braces of [`Self::join`], in which something is put.
    pub(super) fn joined(&self, text: &str) -> Option<Zeroizing<String>> {
        let is_parted = |hollow: &Hollow| matches!(hollow, Hollow::Parted { .. });
        if !self.hollows.iter().any(is_parted) {
            return None;
        }
        let mut joined = Zeroizing::new(String::with_capacity(text.len()));
        let mut at = 0;
        for hollow in &self.hollows {
            if let Hollow::Parted {
                open,
                comment,
                close,
            } = hollow
            {
                joined.push_str(text.get(at..*open)?);
                joined.push('}');
                joined.push_str(text.get(*open..comment.end)?);
                at = *close;
            }
        }
        joined.push_str(text.get(at..)?);
        Some(joined)
    }
}

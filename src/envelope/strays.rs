//! Comments in places where no other tool keeps them: they are taken out before a text is sealed, and
//! stand in its layout only.
//!
//! The reference sees none of them, so it would leave them in clear, or lose them. The surprise:
//! a comment below a folded value can become one of them, since its token takes one line.

use crate::secret::SecretBytes;
use crate::tree::{Comment, Site, Step, Steps, Tree};

use super::reuse::same_values;
use super::{Draft, Tokens};

impl Draft {
    /// The document without the comments in these lines; `None` if it cannot be without them and say the
    /// same.
    pub(super) fn without_comments(&self, lines: &[usize]) -> Option<Self> {
        // Whether the line stays decides, for some, what the comments beside it belong to.
        [true, false].into_iter().find_map(|with_line| {
            let text = self
                .format
                .without_comments(&self.document, lines, with_line)?;
            let bare = Self::parse(self.format, text).ok()?;
            let (new, old) = (&bare.document.tree, &self.document.tree);
            let (more, fewer) = (comments(old).count(), comments(new).count());
            let has_fewer = more - fewer.min(more) <= lines.len();
            (same_values(new, old) && has_fewer).then_some(bare)
        })
    }

    /// The same tokens for the places of another draft with the same values.
    pub(super) fn tokens_in(&self, other: &Self, tokens: &Tokens) -> Tokens {
        let mut moved = Tokens::default();
        let mut take = |old: Site, new: Site| {
            if let Some(token) = tokens.get(old) {
                moved.insert(new, SecretBytes::copy_of(token.as_bytes()));
            }
        };
        let leaves = |tree| {
            Steps::of(tree).filter_map(|step| match step {
                Step::Leaf(leaf) => Some(leaf.site),
                _ => None,
            })
        };
        let (old, new) = (&self.document.tree, &other.document.tree);
        for (old, new) in leaves(old).zip(leaves(new)) {
            take(old, new);
        }
        let mut left = comments(new).peekable();
        for comment in comments(old) {
            if let Some(same) = left.next_if(|next| next.text.ct_eq(&comment.text)) {
                take(comment.site, same.site);
            }
        }
        moved
    }
}

fn comments(tree: &Tree) -> impl Iterator<Item = &Comment> {
    Steps::of(tree).filter_map(|step| match step {
        Step::Comment(comment) => Some(comment),
        _ => None,
    })
}

//! Comments that the reference loses when it opens a file that it has sealed itself.
//!
//! It writes the comments above the first item of a key's list, then those above the first entry of
//! that item in place of them; the comments of a list that has nothing else below the list, then those
//! above the next key in place of them; and comments behind a value stand above it once they are
//! opened. What we open of such a file equals what it opens; the sealed file keeps the comment. A file that we have
//! sealed has comments of lists as comments, which tells the two apart.

use std::collections::HashSet;

use crate::tree::{Comment, Entry, Item, List, Map, Node, Site};

use super::Opened;

impl Opened {
    /// Lines of comments that the sealed file has and its cleartext has not.
    pub fn comments_left_out(&self) -> Vec<usize> {
        let lost = self.comments_lost();
        let mut lines: Vec<usize> = lost.iter().map(|site| self.line(*site)).collect();
        lines.extend(self.document.comments_left_out());
        lines.sort_unstable();
        lines
    }

    pub(super) fn comments_lost(&self) -> HashSet<Site> {
        let mut lost = HashSet::new();
        // Where comments decide what is sealed, none may go.
        if !self.metadata.rule.kind().is_about_comments() {
            for document in &self.document.tree.documents {
                self.in_map(document, &mut lost);
            }
        }
        lost
    }

    fn in_map(&self, map: &Map, lost: &mut HashSet<Site>) {
        let has_pair = |entry: &Entry| matches!(entry, Entry::Pair(_));
        for (at, entry) in map.entries.iter().enumerate() {
            let Entry::Pair(pair) = entry else { continue };
            let rest = map.entries.get(at + 1..).unwrap_or_default();
            if let Node::List(list) = &pair.value {
                let has_next = rest.iter().any(has_pair);
                let next = rest.first().filter(|_| has_next);
                lost.extend(self.above(list));
                lost.extend(self.below(list, next));
            }
            self.in_node(&pair.value, lost);
        }
    }

    /// The comments of a list without items, if those above the next key are written over them.
    fn below(&self, list: &List, next: Option<&Entry>) -> Vec<Site> {
        if list.nodes().next().is_some() {
            return Vec::new();
        }
        let own = list.comments().map(|comment| comment.site).collect();
        let has_other = matches!(next, Some(Entry::Comment(other)) if self.stands_above(other));
        self.of_the_reference(own, has_other)
    }

    fn in_node(&self, node: &Node, lost: &mut HashSet<Site>) {
        match node {
            Node::Map(map) => self.in_map(map, lost),
            // Those of a list in a list are written with the item that it is.
            Node::List(list) => list.nodes().for_each(|node| self.in_node(node, lost)),
            Node::Leaf(_) => {}
        }
    }

    /// The comments above the first item of a list, if those of the item are written over them.
    fn above(&self, list: &List) -> Vec<Site> {
        let mut above = Vec::new();
        for item in &list.items {
            match item {
                Item::Comment(comment) => above.push(comment.site),
                Item::Node(Node::Map(map)) => {
                    let has_own = matches!(map.entries.first(), Some(Entry::Comment(own)) if self.stands_above(own));
                    return self.of_the_reference(above, has_own);
                }
                Item::Node(Node::List(inner)) => {
                    let has_own = matches!(inner.items.first(), Some(Item::Comment(own)) if self.stands_above(own));
                    return self.of_the_reference(above, has_own);
                }
                Item::Node(Node::Leaf(_)) => break,
            }
        }
        Vec::new()
    }

    /// A comment behind a value stays there if it is clear.
    fn stands_above(&self, comment: &Comment) -> bool {
        !comment.inline || self.tokens.has(comment.site)
    }

    fn of_the_reference(&self, above: Vec<Site>, has_own: bool) -> Vec<Site> {
        let is_foreign = above.iter().any(|site| self.document.is_item(*site));
        if has_own && is_foreign {
            above
        } else {
            Vec::new()
        }
    }
}

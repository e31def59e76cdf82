//! The same walk as [`super::walk()`], to change values on the way.

use crate::secret::SecretBytes;

use super::{Comment, Entry, Item, Leaf, List, Map, Node, Tree};

/// What is done to each node.
pub trait Rewrite {
    /// Why it stops.
    type Error;
    /// A map or a list begins.
    fn enter(&mut self);
    /// The innermost one ends.
    fn leave(&mut self);
    /// The next node in a map has this key.
    fn key(&mut self, key: &str);
    /// The next node is an item of a list.
    fn item(&mut self);
    /// A comment of the innermost container.
    fn comment(&mut self, comment: &mut Comment) -> Result<(), Self::Error>;
    /// A scalar; an item of a list that turns out to be a comment returns its text.
    fn leaf(&mut self, leaf: &mut Leaf) -> Result<Option<SecretBytes>, Self::Error>;
}

/// Visits every node in order.
pub fn rewrite<R: Rewrite>(tree: &mut Tree, with: &mut R) -> Result<(), R::Error> {
    tree.documents
        .iter_mut()
        .try_for_each(|document| rewrite_map(document, with))
}

fn rewrite_map<R: Rewrite>(map: &mut Map, with: &mut R) -> Result<(), R::Error> {
    with.enter();
    for entry in &mut map.entries {
        match entry {
            Entry::Comment(comment) => with.comment(comment)?,
            Entry::Pair(pair) => {
                with.key(&pair.key);
                rewrite_node(&mut pair.value, with)?;
            }
        }
    }
    with.leave();
    Ok(())
}

fn rewrite_list<R: Rewrite>(list: &mut List, with: &mut R) -> Result<(), R::Error> {
    with.enter();
    for item in &mut list.items {
        match item {
            Item::Comment(comment) => with.comment(comment)?,
            Item::Node(node) => {
                with.item();
                if let Node::Leaf(leaf) = node {
                    if let Some(text) = with.leaf(leaf)? {
                        let comment = Comment {
                            text,
                            inline: false,
                            site: leaf.site,
                        };
                        *item = Item::Comment(comment);
                    }
                } else {
                    rewrite_node(node, with)?;
                }
            }
        }
    }
    with.leave();
    Ok(())
}

fn rewrite_node<R: Rewrite>(node: &mut Node, with: &mut R) -> Result<(), R::Error> {
    match node {
        Node::Leaf(leaf) => with.leaf(leaf).map(|_| ()),
        Node::Map(map) => rewrite_map(map, with),
        Node::List(list) => rewrite_list(list, with),
    }
}

//! Nodes to a tree: types, keys, and comments in the order in which the reference walks them.
//!
//! The order around a pair is: head and line comment of the key, head and line comment of a scalar
//! value, the pair, the foot of the value, the foot of the key. Comments of a collection stand
//! inside it (getsops 3.13.3, the YAML store).

use std::collections::HashSet;
use std::ops::Range;

use crate::secret::SecretBytes;
use crate::tree::{Comment, Entry, Item, Leaf, List, Map, Node, Pair, Tree};

use super::super::{Fault, FormatError, Metadata};
use super::copies::Copying;
use super::grammar::{Content, Parsed, Raw};
use super::layout::{Layout, ListPlace, MapPlace, Place, ScalarPlace};
use super::reach::{behind_colon, next_dash};
use super::tokens::DEPTH_LIMIT;

/// The key of the metadata entry.
pub(super) const METADATA_KEY: &str = "sops";

/// What a text holds.
pub(super) struct Composed {
    pub(super) tree: Tree,
    pub(super) metadata: Option<Metadata>,
    pub(super) layout: Layout,
}

/// Makes a tree of a parsed text.
pub(super) fn compose(text: &str, parsed: &Parsed) -> Result<Composed, FormatError> {
    let mut composer = Composer {
        text,
        comments: &parsed.comments,
        taken: vec![false; parsed.comments.len()],
        layout: Layout::default(),
        metadata: None,
        checks_keys: true,
        copying: Copying::of(parsed),
        depth: 0,
        refusal: None,
    };
    if let Some(at) = parsed.tab {
        composer.fail_clear(at, "other tools read no tab here; put blanks in its place");
    }
    let mut tree = Tree::default();
    for document in &parsed.documents {
        tree.documents.push(composer.document(document)?);
        // The reference looks for duplicate keys in the first document only.
        composer.checks_keys = false;
    }
    let unattached = composer
        .taken
        .iter()
        .enumerate()
        .filter(|(_, taken)| !**taken);
    composer.layout.unattached = unattached
        .filter_map(|(index, _)| parsed.comments.get(index))
        .filter(|span| span.len() > 1)
        .map(|span| span.start)
        .collect();
    if composer.metadata.is_none() {
        let hidden: Vec<usize> = composer.layout.comments_in_parted().collect();
        composer.layout.unattached.extend(hidden);
        composer.layout.unattached.sort_unstable();
    }
    // What the reference cannot read is no reason to leave a sealed file unopened.
    if let Some(refusal) = composer.refusal.filter(|_| composer.metadata.is_none()) {
        return Err(refusal);
    }
    Ok(Composed {
        tree,
        metadata: composer.metadata,
        layout: composer.layout,
    })
}

/// A tree under construction.
pub(super) struct Composer<'a> {
    pub(super) text: &'a str,
    pub(super) comments: &'a [Range<usize>],
    pub(super) taken: Vec<bool>,
    pub(super) layout: Layout,
    pub(super) metadata: Option<Metadata>,
    checks_keys: bool,
    pub(super) copying: Copying<'a>,
    depth: usize,
    /// The first thing that is tolerated in a sealed file only.
    refusal: Option<FormatError>,
}

/// What surrounds a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    pub(super) is_in_flow: bool,
    pub(super) indent: isize,
    pub(super) dash: Option<usize>,
    pub(super) behind_indicator: usize,
}

impl Composer<'_> {
    pub(super) fn fail<T>(&self, at: usize, fault: Fault, reason: &str) -> Result<T, FormatError> {
        Err(FormatError::at(self.text, at, fault, reason))
    }

    /// Refuses a clear text; a sealed one is read all the same.
    pub(super) fn fail_clear(&mut self, at: usize, reason: &str) {
        let refusal = FormatError::at(self.text, at, Fault::Unsupported, reason);
        self.refusal.get_or_insert(refusal);
    }

    pub(super) fn comment(&mut self, index: usize, inline: bool) -> Option<Comment> {
        let span = self.comments.get(index)?.clone();
        *self.taken.get_mut(index)? = true;
        let text = self.text.get(span.start + 1..span.end)?;
        let text = SecretBytes::copy_of(text.as_bytes());
        Some(Comment {
            text,
            inline,
            site: self.add(Place::Comment(span)),
        })
    }

    pub(super) fn map(
        &mut self,
        raw: &Raw,
        pairs: &[(Raw, Raw)],
        is_flow: bool,
        around: Around,
        root_of: Option<usize>,
    ) -> Result<Map, FormatError> {
        let bytes = self.text.as_bytes();
        let column = self.layout.lines.before(bytes, raw.span.start);
        let place = MapPlace {
            start: raw.span.start,
        };
        let mut map = Map {
            entries: Vec::new(),
            site: self.add(Place::Map(place)),
        };
        let inner = Around {
            is_in_flow: around.is_in_flow || is_flow,
            indent: isize::try_from(column).unwrap_or(isize::MAX),
            dash: None,
            behind_indicator: 0,
        };
        let mut seen = HashSet::new();
        let mut previous_end = None;
        for (key, value) in pairs {
            let name = self.key(key)?;
            if self.checks_keys && !seen.insert(name.clone()) {
                return self.fail(key.span.start, Fault::Syntax, "this key stands here twice");
            }
            for index in key.head.iter().chain(&key.line) {
                map.entries
                    .extend(self.comment(*index, false).map(Entry::Comment));
            }
            if let Some(document) = root_of.filter(|_| name == METADATA_KEY) {
                self.entry(key, value, document, previous_end, is_flow)?;
                for index in &key.foot {
                    map.entries
                        .extend(self.comment(*index, false).map(Entry::Comment));
                }
                continue;
            }
            previous_end = Some(self.pair_end(key, value));
            if name == "<<" {
                self.merge(key, value);
            }
            let is_scalar = !matches!(value.content, Content::Map { .. } | Content::List { .. });
            if is_scalar {
                for index in &value.head {
                    map.entries
                        .extend(self.comment(*index, false).map(Entry::Comment));
                }
                for index in &value.line {
                    map.entries
                        .extend(self.comment(*index, true).map(Entry::Comment));
                }
            }
            let behind = behind_colon(self.text, key, value);
            let node = self.node(
                value,
                Around {
                    behind_indicator: behind,
                    ..inner
                },
                is_scalar,
            )?;
            map.entries.push(Entry::Pair(Pair {
                key: name,
                value: node,
            }));
            let feet = if is_scalar {
                value.foot.as_slice()
            } else {
                &[]
            };
            for index in feet.iter().chain(&key.foot) {
                map.entries
                    .extend(self.comment(*index, false).map(Entry::Comment));
            }
        }
        Ok(map)
    }

    /// Behind a pair of a flow map.
    fn pair_end(&self, key: &Raw, value: &Raw) -> usize {
        match value.content {
            // An absent value is marked at the token that follows it.
            Content::Absent => behind_colon(self.text, key, value),
            _ => value.span.end,
        }
    }

    pub(super) fn node(
        &mut self,
        raw: &Raw,
        around: Around,
        comments_taken: bool,
    ) -> Result<Node, FormatError> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            let at = self.alias_start().unwrap_or(raw.span.start);
            return self.fail(at, Fault::Unsupported, "nested too deeply");
        }
        let node = self.node_here(raw, around, comments_taken)?;
        self.depth -= 1;
        Ok(node)
    }

    fn node_here(
        &mut self,
        raw: &Raw,
        around: Around,
        comments_taken: bool,
    ) -> Result<Node, FormatError> {
        self.count(raw)?;
        self.tag_of_collection(raw)?;
        match &raw.content {
            Content::Alias { anchor } => self.copy(raw, *anchor, around),
            Content::Absent | Content::Scalar { .. } => Ok(Node::Leaf(self.scalar(raw, around)?)),
            Content::Map { pairs, is_flow } => {
                let mut heads = Vec::new();
                if !comments_taken {
                    for index in raw.head.iter().chain(&raw.line) {
                        heads.extend(self.comment(*index, false).map(Entry::Comment));
                    }
                }
                let mut map = self.map(raw, pairs, *is_flow, around, None)?;
                map.entries.splice(0..0, heads);
                if !comments_taken {
                    if *is_flow && pairs.is_empty() {
                        let hidden = self.hollow(raw, around.indent);
                        map.entries.extend(hidden.map(Entry::Comment));
                    }
                    for index in &raw.foot {
                        map.entries
                            .extend(self.comment(*index, false).map(Entry::Comment));
                    }
                }
                Ok(Node::Map(map))
            }
            Content::List { items, is_flow } => Ok(Node::List(self.list(
                raw,
                items,
                *is_flow,
                around,
                comments_taken,
            )?)),
        }
    }

    fn list(
        &mut self,
        raw: &Raw,
        items: &[Raw],
        is_flow: bool,
        around: Around,
        comments_taken: bool,
    ) -> Result<List, FormatError> {
        let bytes = self.text.as_bytes();
        let mut list = List::default();
        if !comments_taken {
            for index in raw.head.iter().chain(&raw.line) {
                list.items
                    .extend(self.comment(*index, false).map(Item::Comment));
            }
        }
        let column = isize::try_from(self.layout.lines.before(bytes, raw.span.start));
        let mut from = raw.span.start;
        let mut sites = Vec::with_capacity(items.len());
        for item in items {
            for index in &item.head {
                list.items
                    .extend(self.comment(*index, false).map(Item::Comment));
            }
            for index in &item.line {
                list.items
                    .extend(self.comment(*index, true).map(Item::Comment));
            }
            let dash = (!is_flow).then(|| next_dash(bytes, from)).flatten();
            let inner = Around {
                is_in_flow: around.is_in_flow || is_flow,
                indent: column.unwrap_or(isize::MAX),
                dash,
                behind_indicator: dash.map_or(from, |dash| dash + 1),
            };
            let node = self.node(item, inner, true)?;
            sites.push(match &node {
                Node::Leaf(leaf) => Some(leaf.site),
                _ => None,
            });
            list.items.push(Item::Node(node));
            for index in &item.foot {
                list.items
                    .extend(self.comment(*index, false).map(Item::Comment));
            }
            from = item.span.end.max(dash.map_or(from, |dash| dash + 1));
        }
        if !comments_taken {
            for index in &raw.foot {
                list.items
                    .extend(self.comment(*index, false).map(Item::Comment));
            }
        }
        list.site = self.add(Place::List(ListPlace {
            start: raw.span.start,
            behind_indicator: around.behind_indicator,
            items: sites,
        }));
        Ok(list)
    }

    fn scalar(&mut self, raw: &Raw, around: Around) -> Result<Leaf, FormatError> {
        let (value, style, block, tag) = self.value(raw)?;
        let place = ScalarPlace {
            span: raw.span.clone(),
            style,
            block: block.map(Box::new),
            tag: tag.map(Box::new),
            is_tagged: raw.tag.is_some(),
            is_in_flow: around.is_in_flow,
            parent_indent: around.indent,
            dash: around.dash,
        };
        Ok(Leaf {
            value,
            site: self.add(Place::Scalar(place)),
        })
    }
}

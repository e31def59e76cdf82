//! A document in another format: its tree is written anew, then read back and compared.
//!
//! What the other format cannot hold is refused; what it leaves out is told to the caller, by line of
//! the text that was read. The surprise: tokens move as they are, so a sealed text keeps the types
//! that its format does not have (a timestamp in JSON).

use std::collections::HashMap;
use std::convert::Infallible;

use zeroize::Zeroizing;

use crate::cipher::Nonces;
use crate::format::{Change, Document, Format};
use crate::metadata::Metadata;
use crate::secret::{DataKey, SecretBytes};
use crate::tree::{
    Comment, Entry, Item, Leaf, List, Map, Node, Pair, Site, Step, Trail, Tree, Value, walk,
};

use super::draft::Prepared;
use super::look_back::{Made, look_back};
use super::reuse::reads_back;
use super::{Draft, EnvelopeError, Opened, Text, Tokens};

/// A cleartext in another format.
#[derive(Debug)]
pub struct Converted {
    /// The text.
    pub text: Zeroizing<Vec<u8>>,
    /// Lines of comments that it does not hold.
    pub lost_comments: Vec<usize>,
}

impl Opened {
    /// Leaves out the documents that another format does not hold: all but the first. Their lines;
    /// without `first_only` they are refused.
    pub fn narrow(
        &mut self,
        format: &dyn Format,
        first_only: bool,
    ) -> Result<Vec<usize>, EnvelopeError> {
        narrow(&mut self.document, format, first_only)
    }

    /// The cleartext in another format.
    pub fn clear_text_in(&self, format: &'static dyn Format) -> Result<Converted, EnvelopeError> {
        let tree = &self.document.tree;
        check_values(&self.document, format)?;
        let text = written(format.write(tree, None), format)?;
        let again = written(format.parse_clear(text.clone()), format)?;
        if again.metadata.is_some() {
            return Err(unchanged(format, "a key called 'sops' is reserved there"));
        }
        if !reads_back(&again.tree, tree, format) {
            return Err(unchanged(format, "it would not read back as the same"));
        }
        Ok(Converted {
            text,
            lost_comments: lost_comments(&self.document, tree, &again.tree),
        })
    }
}

impl Draft {
    /// The same as [`Opened::narrow`].
    pub fn narrow(
        &mut self,
        format: &dyn Format,
        first_only: bool,
    ) -> Result<Vec<usize>, EnvelopeError> {
        narrow(&mut self.document, format, first_only)
    }

    /// Seals a clear document into a text of another format.
    pub fn seal_in(
        &self,
        format: &'static dyn Format,
        metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
    ) -> Result<Text, EnvelopeError> {
        let tree = &self.document.tree;
        if metadata.rule.kind().is_about_comments() && !format.keeps_comments() {
            let reason = "its rule goes by comments, which that format does not have";
            return Err(unchanged(format, reason));
        }
        check_values(&self.document, format)?;
        let none = Tokens::default();
        let Prepared {
            places,
            counts,
            left_clear,
            metadata,
            ..
        } = self.prepare(metadata, key, nonces, now, allow_cleartext, &none)?;
        let tokens = places.iter().filter_map(|(site, change)| match change {
            Change::Seal(token) => Some((*site, token.as_str())),
            _ => None,
        });
        let sealed = sealed_tree(tree, &tokens.collect());
        let bytes = written(format.write(&sealed, Some(&metadata.render())), format)?;
        let made = Made::new(&places, &none);
        let seen =
            look_back(format, bytes, key, &self.document, made).map_err(|error| match error {
                EnvelopeError::SelfCheck => unchanged(format, "it would not read back as the same"),
                error => error,
            })?;
        let bytes = seen.bytes;
        let again = written(format.parse(bytes.clone()), format)?;
        let mut lost_comments = lost_comments(&self.document, &sealed, &again.tree);
        lost_comments.extend(self.document.stray_comments());
        lost_comments.sort_unstable();
        Ok(Text {
            bytes,
            counts,
            left_clear,
            lost_comments,
            ..Text::default()
        })
    }
}

fn narrow(
    document: &mut Document,
    format: &dyn Format,
    first_only: bool,
) -> Result<Vec<usize>, EnvelopeError> {
    if format.holds_documents() {
        return Ok(Vec::new());
    }
    let later = document.tree.documents.iter().skip(1);
    let filled = later.filter(|map| map.pairs().next().is_some());
    let lines: Vec<usize> = filled.map(|map| document.position(map.site).0).collect();
    match lines.first() {
        Some(line) if !first_only => Err(EnvelopeError::Documents {
            line: *line,
            format: format.name(),
        }),
        _ => {
            document.tree.documents.truncate(1);
            Ok(lines)
        }
    }
}

fn written<T>(
    result: Result<T, crate::format::FormatError>,
    format: &dyn Format,
) -> Result<T, EnvelopeError> {
    result.map_err(|error| unchanged(format, &error.reason))
}

fn unchanged(format: &dyn Format, reason: &str) -> EnvelopeError {
    EnvelopeError::Shape {
        format: format.name(),
        reason: reason.to_owned(),
    }
}

/// Refuses the first value that the format cannot hold.
fn check_values(document: &Document, format: &dyn Format) -> Result<(), EnvelopeError> {
    let mut trail = Trail::default();
    // Whether the innermost open containers are lists, whose items a trail counts.
    let mut lists = Vec::new();
    walk(&document.tree, &mut |step| {
        let is_item = lists.last() == Some(&true);
        match step {
            Step::EnterMap | Step::EnterList => {
                if is_item {
                    trail.item();
                }
                trail.enter();
                lists.push(matches!(step, Step::EnterList));
            }
            Step::Leave => {
                trail.leave();
                lists.pop();
            }
            Step::Key(key) => trail.key(key),
            Step::Comment(_) => {}
            Step::Leaf(leaf) => {
                if is_item {
                    trail.item();
                }
                if let Some(reason) = format.refuses(&leaf.value) {
                    let (line, path) = (document.position(leaf.site).0, trail.path());
                    return Err(EnvelopeError::Unwritable { line, path, reason });
                }
            }
        }
        Ok(())
    })
}

/// A copy in which tokens stand for what they seal. A sealed comment of a list is an item, as the
/// reference writes it in every format.
fn sealed_tree(tree: &Tree, tokens: &HashMap<Site, &str>) -> Tree {
    let documents = tree.documents.iter().map(|map| sealed_map(map, tokens));
    Tree {
        documents: documents.collect(),
    }
}

fn sealed_map(map: &Map, tokens: &HashMap<Site, &str>) -> Map {
    let entries = map.entries.iter().map(|entry| match entry {
        Entry::Comment(comment) => Entry::Comment(Comment {
            text: match tokens.get(&comment.site) {
                Some(token) => SecretBytes::copy_of(token.as_bytes()),
                None => comment.text.duplicate(),
            },
            inline: comment.inline,
            site: comment.site,
        }),
        Entry::Pair(pair) => Entry::Pair(Pair {
            key: pair.key.clone(),
            value: sealed_node(&pair.value, tokens),
        }),
    });
    Map {
        entries: entries.collect(),
        site: map.site,
    }
}

fn sealed_node(node: &Node, tokens: &HashMap<Site, &str>) -> Node {
    let leaf = |site: Site, value: &Value| {
        let value = match tokens.get(&site) {
            Some(token) => Value::text(token),
            None => value.duplicate(),
        };
        Node::Leaf(Leaf { value, site })
    };
    match node {
        Node::Leaf(old) => leaf(old.site, &old.value),
        Node::Map(map) => Node::Map(sealed_map(map, tokens)),
        Node::List(list) => {
            let items = list.items.iter().map(|item| match item {
                Item::Node(node) => Item::Node(sealed_node(node, tokens)),
                Item::Comment(comment) if tokens.contains_key(&comment.site) => {
                    Item::Node(leaf(comment.site, &Value::Null))
                }
                Item::Comment(comment) => Item::Comment(Comment {
                    text: comment.text.duplicate(),
                    inline: comment.inline,
                    site: comment.site,
                }),
            });
            Node::List(List {
                items: items.collect(),
                site: list.site,
            })
        }
    }
}

/// Lines of comments that were to be written and are not there: both are gone through in order, by
/// lines of text, because one format's comment of several lines is several of another's.
fn lost_comments(document: &Document, expected: &Tree, again: &Tree) -> Vec<usize> {
    let there = comments(again);
    let mut there = there
        .iter()
        .flat_map(|comment| lines(comment))
        .filter(|line| !line.is_empty())
        .peekable();
    let mut lost = Vec::new();
    for comment in comments(expected) {
        let mut is_there = true;
        for line in lines(comment).filter(|line| !line.is_empty()) {
            is_there &= there.next_if_eq(&line).is_some();
        }
        if !is_there {
            lost.push(document.position(comment.site).0);
        }
    }
    lost.dedup();
    lost
}

fn comments(tree: &Tree) -> Vec<&Comment> {
    let mut found = Vec::new();
    let walked = walk::<Infallible>(tree, &mut |step| {
        if let Step::Comment(comment) = step {
            found.push(comment);
        }
        Ok(())
    });
    match walked {
        Ok(()) => found,
    }
}

fn lines(comment: &Comment) -> impl Iterator<Item = &[u8]> {
    let is_marker = |byte: &u8| !matches!(byte, b'#' | b';' | b' ' | b'\t');
    comment
        .text
        .expose()
        .split(|byte| *byte == b'\n')
        .map(move |line| {
            let start = line.iter().position(is_marker).unwrap_or(line.len());
            line.get(start..).unwrap_or_default().trim_ascii_end()
        })
}

//! One value of an opened file is replaced, or a key is added.

use std::collections::HashMap;

use crate::format::Change;
use crate::metadata::Metadata;
use crate::tree::{Element, Entry, Item, Leaf, Map, Node, Pair, Path, Site, Value};

use super::reuse::same;
use super::{EnvelopeError, Opened};

/// Whether a call changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The value was there already.
    Unchanged,
    /// Something is different now.
    Changed,
}

/// Sites of new leaves count from here; no text has so many places.
const FIRST_NEW: u32 = 1 << 31;

impl Opened {
    /// Sets the value at a path of the first document. Missing maps on the way are made.
    pub fn set(&mut self, path: &Path, value: Node) -> Result<Edit, EnvelopeError> {
        let problem = |problem| EnvelopeError::Path {
            path: path.clone(),
            problem,
        };
        let Some(top) = self.document.tree.documents.first_mut() else {
            return Err(problem("is in a file without a document"));
        };
        let Some((Element::Key(_), _)) = path.elements().split_first() else {
            return Err(problem("does not begin with a key"));
        };
        if matches!(path.elements().first(), Some(Element::Key(key)) if key == "sops") {
            return Err(problem("is the metadata of the file"));
        }
        let mut map = top;
        let mut rest = path.elements();
        // Down to the leaf, or to the last map that is there.
        while let Some((Element::Key(key), below)) = rest.split_first() {
            if map.get(key).is_none() {
                let (site, key) = (map.site, key.clone());
                let node = nested(below, value)
                    .ok_or_else(|| problem("adds to a list, which is not supported yet"))?;
                let node = numbered(node, FIRST_NEW + self.added_leaves());
                let Some(top) = self.document.tree.documents.first_mut() else {
                    return Err(problem("is in a file without a document"));
                };
                find_map(top, path, path.elements().len() - rest.len())
                    .ok_or_else(|| problem("leads nowhere"))?
                    .push(key.clone(), node);
                self.added.push((site, key));
                return Ok(Edit::Changed);
            }
            let goes_deeper = !below.is_empty() && matches!(map.get(key), Some(Node::Map(_)));
            if goes_deeper {
                let Some(Node::Map(inner)) = map.get_mut(key) else {
                    break;
                };
                map = inner;
                rest = below;
                continue;
            }
            let Some(node) = map.get_mut(key) else { break };
            let leaf = descend(node, below)
                .ok_or_else(|| problem("leads into a scalar, or past the end of a list"))?;
            return replace(leaf, value, &mut self.changed).ok_or_else(|| {
                problem("is a map or a list, or would become one; that is not supported yet")
            });
        }
        Err(problem("leads into a list"))
    }

    fn added_leaves(&self) -> u32 {
        u32::try_from(self.added.len()).unwrap_or_default() * 1024
    }

    /// The pairs that are new, with tokens for values; their edits leave `places`.
    pub(super) fn added_pairs(
        &self,
        places: &mut Vec<(Site, Change)>,
        allow_cleartext: bool,
        metadata: &Metadata,
    ) -> Result<Vec<(Site, Pair)>, EnvelopeError> {
        let mut tokens = HashMap::new();
        places.retain_mut(|(site, change)| match change {
            Change::Seal(token) if site.0 >= FIRST_NEW => {
                tokens.insert(*site, std::mem::take(token));
                false
            }
            _ => true,
        });
        let mut pairs = Vec::new();
        for (map, key) in &self.added {
            let Some(node) = self
                .document
                .tree
                .documents
                .iter()
                .find_map(|top| by_site(top, *map))
                .and_then(|map| map.get(key))
            else {
                continue;
            };
            let mut stays_clear = false;
            let value = sealed_copy(node, &tokens, &mut stays_clear);
            if stays_clear && metadata.rule.kind().is_positive() && !allow_cleartext {
                return Err(EnvelopeError::WouldStayClear(Path::root().key(key)));
            }
            pairs.push((
                *map,
                Pair {
                    key: key.clone(),
                    value,
                },
            ));
        }
        Ok(pairs)
    }
}

/// A value below keys that do not exist yet.
fn nested(keys: &[Element], value: Node) -> Option<Node> {
    keys.iter()
        .rev()
        .try_fold(value, |inner, element| match element {
            Element::Key(key) => {
                let mut map = Map::default();
                map.push(key.clone(), inner);
                Some(Node::Map(map))
            }
            Element::Index(_) => None,
        })
}

fn find_map<'a>(top: &'a mut Map, path: &Path, depth: usize) -> Option<&'a mut Map> {
    path.elements()
        .iter()
        .take(depth)
        .try_fold(top, |map, element| match element {
            Element::Key(key) => match map.get_mut(key) {
                Some(Node::Map(inner)) => Some(inner),
                _ => None,
            },
            Element::Index(_) => None,
        })
}

fn descend<'a>(node: &'a mut Node, path: &[Element]) -> Option<&'a mut Node> {
    path.iter()
        .try_fold(node, |node, element| match (node, element) {
            (Node::Map(map), Element::Key(key)) => map.get_mut(key),
            (Node::List(list), Element::Index(index)) => {
                let mut nodes = list.items.iter_mut().filter_map(|item| match item {
                    Item::Node(node) => Some(node),
                    Item::Comment(_) => None,
                });
                nodes.nth(*index)
            }
            _ => None,
        })
}

fn replace(
    node: &mut Node,
    value: Node,
    changed: &mut std::collections::HashSet<Site>,
) -> Option<Edit> {
    match (node, value) {
        (Node::Leaf(old), Node::Leaf(mut new)) => {
            if same(&old.value, &new.value) {
                return Some(Edit::Unchanged);
            }
            old.value = std::mem::replace(&mut new.value, Value::Null);
            changed.insert(old.site);
            Some(Edit::Changed)
        }
        _ => None,
    }
}

/// Gives each new leaf a number of its own.
fn numbered(mut node: Node, first: u32) -> Node {
    fn visit(node: &mut Node, next: &mut u32) {
        match node {
            Node::Leaf(leaf) => {
                leaf.site = Site(*next);
                *next += 1;
            }
            Node::Map(map) => {
                for entry in &mut map.entries {
                    if let Entry::Pair(pair) = entry {
                        visit(&mut pair.value, next);
                    }
                }
            }
            Node::List(list) => {
                for item in &mut list.items {
                    if let Item::Node(node) = item {
                        visit(node, next);
                    }
                }
            }
        }
    }
    let mut next = first;
    visit(&mut node, &mut next);
    node
}

fn by_site(map: &Map, site: Site) -> Option<&Map> {
    if map.site == site {
        return Some(map);
    }
    map.pairs().find_map(|pair| match &pair.value {
        Node::Map(inner) => by_site(inner, site),
        _ => None,
    })
}

fn sealed_copy(node: &Node, tokens: &HashMap<Site, String>, stays_clear: &mut bool) -> Node {
    match node {
        Node::Leaf(Leaf { value, site }) => {
            if let Some(token) = tokens.get(site) {
                Node::text(token)
            } else {
                let is_empty = matches!(value, Value::Null)
                    || value.as_str().is_some_and(crate::secret::Secret::is_empty);
                *stays_clear |= !is_empty;
                Node::new_leaf(value.duplicate())
            }
        }
        Node::Map(map) => {
            let mut copy = Map::default();
            for pair in map.pairs() {
                copy.push(
                    pair.key.clone(),
                    sealed_copy(&pair.value, tokens, stays_clear),
                );
            }
            Node::Map(copy)
        }
        Node::List(list) => {
            let items = list
                .nodes()
                .map(|node| Item::Node(sealed_copy(node, tokens, stays_clear)));
            Node::List(crate::tree::List {
                items: items.collect(),
                site: Site::NEW,
            })
        }
    }
}

//! What the second reader finds, as a document with its places.

use crate::secret::{SecretBytes, SharedText};
use crate::tree::{Entry, Item, Leaf, List, Map, Node, Pair, Site, Tree, Value};

use super::super::compose::Composed;
use super::super::layout::{
    DocumentPlace, Layout, ListPlace, MapPlace, Place, RootPlace, ScalarPlace,
};
use super::{Scalar, Sink, run};

/// Reads a text whose characters were checked, if it is of the common layout. Strings are parts of
/// `source`, which is the same text.
pub(in super::super) fn read(text: &str, source: &SharedText) -> Option<Composed> {
    let builder = Builder {
        source,
        layout: Layout::default(),
        open: Vec::new(),
        root: None,
        pairs: 0,
    };
    let (mut builder, entry) = run(text, builder)?;
    let mut place = DocumentPlace {
        root: RootPlace::Block {
            indent: 0,
            end: text.len(),
        },
        entry: None,
        null: None,
    };
    let mut metadata = None;
    if let Some((composed, start)) = entry {
        let entry = composed.layout.documents.into_iter().next()?.entry?;
        place.entry = Some(entry.below(start));
        metadata = composed.metadata;
    }
    builder.layout.documents.push(place);
    Some(Composed {
        tree: Tree {
            documents: vec![builder.root?],
        },
        metadata,
        layout: builder.layout,
    })
}

struct Builder<'s> {
    source: &'s SharedText,
    layout: Layout,
    /// The collections around, outermost first.
    open: Vec<Open>,
    root: Option<Map>,
    /// Pairs of the map that ended last: its sibling will have as many.
    pairs: usize,
}

enum Open {
    Map {
        map: Map,
        key: String,
    },
    List {
        list: List,
        start: usize,
        behind_indicator: usize,
        sites: Vec<Option<Site>>,
    },
}

impl Builder<'_> {
    /// Puts a node into the innermost collection.
    fn put(&mut self, node: Node) -> Option<()> {
        match self.open.last_mut()? {
            Open::Map { map, key } => map.entries.push(Entry::Pair(Pair {
                key: std::mem::take(key),
                value: node,
            })),
            Open::List { list, sites, .. } => {
                sites.push(match &node {
                    Node::Leaf(leaf) => Some(leaf.site),
                    _ => None,
                });
                list.items.push(Item::Node(node));
            }
        }
        Some(())
    }
}

impl<'t> Sink<'t> for Builder<'_> {
    fn enter_map(&mut self, start: usize) -> Option<()> {
        let map = Map {
            entries: Vec::with_capacity(self.pairs),
            site: self.layout.add(Place::Map(MapPlace { start })),
        };
        let key = String::new();
        self.open.push(Open::Map { map, key });
        Some(())
    }

    fn enter_list(&mut self, start: usize, behind_indicator: usize) -> Option<()> {
        self.open.push(Open::List {
            list: List::default(),
            start,
            behind_indicator,
            sites: Vec::new(),
        });
        Some(())
    }

    fn leave(&mut self) -> Option<()> {
        let node = match self.open.pop()? {
            Open::Map { map, .. } if self.open.is_empty() => {
                self.root = Some(map);
                return Some(());
            }
            Open::Map { mut map, .. } => {
                self.pairs = map.entries.len();
                map.entries.shrink_to_fit();
                Node::Map(map)
            }
            Open::List {
                mut list,
                start,
                behind_indicator,
                sites,
            } => {
                list.site = self.layout.add(Place::List(ListPlace {
                    start,
                    behind_indicator,
                    items: sites,
                }));
                Node::List(list)
            }
        };
        self.put(node)
    }

    fn key(&mut self, name: &'t str) -> Option<()> {
        match self.open.last_mut()? {
            Open::Map { key, .. } => name.clone_into(key),
            Open::List { .. } => return None,
        }
        Some(())
    }

    fn scalar(&mut self, scalar: Scalar<'t>) -> Option<()> {
        let value = match scalar.string_span() {
            Some(span) => Value::Str(SecretBytes::part_of(self.source, span)),
            None => scalar.value()?,
        };
        let site = self.layout.add(Place::Scalar(ScalarPlace {
            span: scalar.span,
            style: scalar.style,
            block: None,
            tag: None,
            is_tagged: false,
            is_in_flow: false,
            parent_indent: isize::try_from(scalar.column).unwrap_or(isize::MAX),
            dash: scalar.dash,
        }));
        self.put(Node::Leaf(Leaf { value, site }))
    }
}

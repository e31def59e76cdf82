//! A node is put at a path of a tree, or taken out of it: what `set` and `unset` mean, whatever the
//! format.

use super::{Element, Entry, Item, List, Map, Node, Path};

impl Node {
    /// A value below keys and positions that do not exist yet.
    #[must_use]
    pub fn nested(path: &[Element], value: Self) -> Self {
        path.iter()
            .rev()
            .fold(value, |inner, element| match element {
                Element::Key(key) => {
                    let mut map = Map::default();
                    map.push(key.clone(), inner);
                    Self::Map(map)
                }
                Element::Index(_) => Self::List(List {
                    items: vec![Item::Node(inner)],
                    ..List::default()
                }),
            })
    }

    /// The node at a path below this one.
    pub fn at(&self, path: &[Element]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |node, element| match (node, element) {
                (Self::Map(map), Element::Key(key)) => map.get(key),
                (Self::List(list), Element::Index(index)) => list.nodes().nth(*index),
                _ => None,
            })
    }

    fn take_out(&mut self, path: &[Element]) -> Option<Self> {
        match (path.split_first()?, self) {
            (_, Self::Map(map)) => map.take_out(path),
            ((Element::Index(index), below), Self::List(list)) => {
                let nodes = list.items.iter().enumerate();
                let mut nodes = nodes.filter(|(_, item)| matches!(item, Item::Node(_)));
                let (at, _) = nodes.nth(*index)?;
                match list.items.get_mut(at) {
                    Some(Item::Node(node)) if !below.is_empty() => node.take_out(below),
                    _ => match list.items.remove(at) {
                        Item::Node(node) => Some(node),
                        Item::Comment(_) => None,
                    },
                }
            }
            _ => None,
        }
    }

    /// Whether it holds nothing that a path could lead into.
    fn gives_way(&self) -> bool {
        match self {
            Self::Leaf(_) => true,
            Self::Map(map) => map.pairs().next().is_none(),
            Self::List(list) => list.nodes().next().is_none(),
        }
    }

    fn put(&mut self, path: &[Element], value: Self) -> Result<(), &'static str> {
        let Some((element, below)) = path.split_first() else {
            *self = value;
            return Ok(());
        };
        match (element, &mut *self) {
            (Element::Key(_), Self::Map(map)) => map.put(path, value),
            (Element::Index(index), Self::List(list)) => {
                let mut nodes = list.items.iter_mut().filter_map(|item| match item {
                    Item::Node(node) => Some(node),
                    Item::Comment(_) => None,
                });
                if let Some(node) = nodes.nth(*index) {
                    return node.put(below, value);
                }
                list.items.push(Item::Node(Self::nested(below, value)));
                Ok(())
            }
            (_, node) if node.gives_way() => {
                *node = Self::nested(path, value);
                Ok(())
            }
            (Element::Key(_), _) => Err("leads by a key into a list"),
            (Element::Index(_), _) => Err("leads by a position into a map"),
        }
    }
}

impl Map {
    /// The node at a path.
    pub fn at(&self, path: &Path) -> Option<&Node> {
        match path.elements().split_first()? {
            (Element::Key(key), below) => self.get(key)?.at(below),
            (Element::Index(_), _) => None,
        }
    }

    /// Puts a value at a path: missing parents are made, a position behind the end of a list
    /// appends to it, and a scalar in the way is replaced.
    ///
    /// # Errors
    /// What is wrong with the path: a key of a list, or a position of a map.
    pub fn put(&mut self, path: &[Element], value: Node) -> Result<(), &'static str> {
        let Some((Element::Key(key), below)) = path.split_first() else {
            return Err("leads by a position into a map");
        };
        if let Some(node) = self.get_mut(key) {
            return node.put(below, value);
        }
        self.push(key.clone(), Node::nested(below, value));
        Ok(())
    }

    /// Takes out what stands at a path; comments around it stay.
    pub fn take_out(&mut self, path: &[Element]) -> Option<Node> {
        let (Element::Key(key), below) = path.split_first()? else {
            return None;
        };
        if !below.is_empty() {
            return self.get_mut(key)?.take_out(below);
        }
        let is_it = |entry: &Entry| matches!(entry, Entry::Pair(pair) if pair.key == *key);
        let at = self.entries.iter().position(is_it)?;
        match self.entries.remove(at) {
            Entry::Pair(pair) => Some(pair.value),
            Entry::Comment(_) => None,
        }
    }

    /// The path of what [`Self::put`] puts there: positions behind the end of a list are those
    /// that an item gets.
    #[must_use]
    pub fn landing(&self, path: &Path) -> Path {
        let mut found = Path::root();
        let mut list: Option<&List> = None;
        for element in path.elements() {
            found.push(match (element, list) {
                (Element::Index(index), Some(list)) => {
                    Element::Index(list.nodes().count().min(*index))
                }
                (Element::Index(_), None) => Element::Index(0),
                (Element::Key(key), _) => Element::Key(key.clone()),
            });
            list = self.at(&found).and_then(Node::as_list);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(map: &mut Map, path: &str) -> Result<(), &'static str> {
        map.put(Path::parse(path).unwrap().elements(), Node::text("v"))
    }

    #[test]
    fn parents_are_made_and_scalars_give_way() {
        let mut map = Map::default();
        for path in [
            "['a']['b'][3]",
            "['a']['b'][7]",
            "['s']",
            "['s']['t']",
            "['s']['t'][0]",
        ] {
            put(&mut map, path).unwrap();
        }
        for (path, there) in [
            ("['a']['b'][1]", true),
            ("['a']['b'][2]", false),
            ("['s']['t'][0]", true),
        ] {
            assert_eq!(
                map.at(&Path::parse(path).unwrap()).is_some(),
                there,
                "{path}"
            );
        }
        let landing = map.landing(&Path::parse("['a']['b'][9]['k']").unwrap());
        assert_eq!(landing.to_string(), "[\"a\"][\"b\"][2][\"k\"]");
    }

    #[test]
    fn what_is_taken_out_is_gone_and_the_rest_moves_up() {
        let mut map = Map::default();
        for path in ["['a'][0]", "['a'][1]", "['b']['c']"] {
            put(&mut map, path).unwrap();
        }
        let mut take = |path: &str| {
            map.take_out(Path::parse(path).unwrap().elements())
                .is_some()
        };
        assert!(take("['a'][0]"));
        assert!(!take("['a'][1]"));
        assert!(!take("['a'][0]['x']"));
        assert!(take("['b']['c']"));
        assert!(!take("['b'][0]"));
        assert!(take("['b']"));
        assert!(!take("['missing']"));
    }

    #[test]
    fn a_list_has_no_keys_and_a_map_no_positions() {
        let mut map = Map::default();
        put(&mut map, "['a']['b'][0]").unwrap();
        assert!(put(&mut map, "['a']['b']['k']").is_err());
        assert!(put(&mut map, "['a'][0]").is_err());
        assert!(put(&mut map, "[0]").is_err());
    }
}

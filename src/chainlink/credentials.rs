//! The credentials of an environment, as its files hold them: every text under the path of its place.
//!
//! Reads the short form (`wallet_password`, `tiingo_api_key` at the top level), the long one
//! (`nodes`, `adapters`, …) and both mixed, by the table of [`super::model`]. The surprise: short
//! names are kept under the path of the long ones, so `database_password` and `database.password`
//! are one credential; given twice they have to be equal.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::plain;
use super::finding::{At, Finding};
use super::model::{self, Field, Kind, Shape};
use crate::secret::SecretBytes;
use crate::tree::{Leaf, Map, Node, Site, Tree, Value};

/// One text of a file.
#[derive(Debug)]
pub struct Slot {
    /// As the file writes it: `nodes.node-a.database.password`.
    pub key: String,
    /// What it is used as.
    pub kind: Kind,
    /// Its bytes.
    pub value: SecretBytes,
    /// The number of the file.
    pub file: usize,
    /// Where it stands there.
    pub site: Site,
}

/// All texts of the files of one environment.
#[derive(Debug, Default)]
pub struct Credentials {
    /// By path: `nodes/node-a/database/password`.
    slots: BTreeMap<String, Slot>,
    /// The paths, by the keys as the files write them.
    paths: BTreeMap<String, String>,
    /// Names of adapters as people write them, by their plain form.
    adapters: BTreeMap<String, String>,
    /// Keys that the model does not know.
    unknown: Vec<Unknown>,
    /// Texts below them, by their key: profile custom can use them.
    others: BTreeMap<String, Slot>,
}

/// A key that the model does not know.
#[derive(Debug)]
pub struct Unknown {
    /// As the file writes it.
    pub key: String,
    /// Where it stands.
    pub at: At,
    /// What was meant, if that can be told.
    pub meant: Option<String>,
}

/// Where a walk stands.
struct Spot<'a> {
    /// By the model, with slashes.
    path: String,
    /// As the file writes it, with dots.
    key: String,
    file: usize,
    files: &'a [&'a str],
}

impl Spot<'_> {
    fn below(&self, name: &str) -> Self {
        let join = |text: &str, by: char| {
            if text.is_empty() {
                name.to_owned()
            } else {
                format!("{text}{by}{name}")
            }
        };
        Self {
            path: join(&self.path, '/'),
            key: join(&self.key, '.'),
            ..*self
        }
    }

    fn at(&self, node: &Node) -> At {
        At::File {
            file: self.file,
            site: Some(site(node)),
        }
    }
}

impl Slot {
    /// Where it stands.
    pub fn at(&self) -> At {
        At::File {
            file: self.file,
            site: Some(self.site),
        }
    }
}

impl Credentials {
    /// Reads the opened files of an environment, and what is wrong with their shape; the names are
    /// for messages.
    pub fn read(files: &[(&str, &Tree)]) -> (Self, Vec<Finding>) {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let mut this = Self::default();
        let mut findings = Vec::new();
        for (file, (_, tree)) in files.iter().enumerate() {
            let top = Spot {
                path: String::new(),
                key: String::new(),
                file,
                files: &names,
            };
            for pair in tree.documents.iter().flat_map(Map::pairs) {
                this.top(&pair.key, &pair.value, &top, &mut findings);
            }
        }
        (this, findings)
    }

    /// Adds a text that comes from elsewhere and is in no file.
    pub fn add(&mut self, path: &str, key: String, kind: Kind, value: SecretBytes) {
        let slot = Slot {
            key,
            kind,
            value,
            file: 0,
            site: Site::NEW,
        };
        self.keep(path.to_owned(), slot);
    }

    fn keep(&mut self, path: String, slot: Slot) {
        self.paths.insert(slot.key.clone(), path.clone());
        self.slots.insert(path, slot);
    }

    /// The text of a path.
    pub fn get(&self, path: &str) -> Option<&Slot> {
        self.slots.get(path)
    }

    /// The text that a node has: its own, else that of the top level.
    pub fn of_node(&self, node: &str, path: &str) -> Option<&Slot> {
        self.get(&format!("nodes/{node}/{path}"))
            .or_else(|| self.get(path))
    }

    /// Where a node has what is below a path: its own place, else the top level; `None` if nowhere.
    pub fn place_of_node(&self, node: &str, path: &str) -> Option<String> {
        let own = format!("nodes/{node}/{path}");
        let is_there = |path: &String| !self.below(path).is_empty();
        Some(own)
            .filter(is_there)
            .or_else(|| Some(path.to_owned()).filter(is_there))
    }

    /// The names right below a path, by ascending name; items of lists in their order.
    pub fn below(&self, path: &str) -> Vec<&str> {
        let start = format!("{path}/");
        let mut names: Vec<&str> = Vec::new();
        for (path, _) in self.slots.range(start.clone()..) {
            let Some(rest) = path.strip_prefix(&start) else {
                break;
            };
            let name = rest.split('/').next().unwrap_or(rest);
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Every text with its path.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.slots.iter().map(|(path, slot)| (path.as_str(), slot))
    }

    /// Each text, known or not.
    pub fn every(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values().chain(self.others.values())
    }

    /// The adapters that have a text, as people write them.
    pub fn adapters(&self) -> Vec<&str> {
        let plain = self.below("adapters").into_iter();
        plain
            .map(|plain| self.adapters.get(plain).map_or(plain, String::as_str))
            .collect()
    }

    /// The variables of an adapter.
    pub fn variables(&self, adapter: &str) -> Vec<(&str, &Slot)> {
        let path = format!("adapters/{}", plain(adapter));
        let variables = self.below(&path).into_iter();
        variables
            .filter_map(|name| Some((name, self.get(&format!("{path}/{name}"))?)))
            .collect()
    }

    /// The text of a key as a file writes it, known or not.
    pub fn by_key(&self, key: &str) -> Option<&Slot> {
        let long = model::ALIASES.iter().find(|(alias, _)| *alias == key);
        let path = self.paths.get(key);
        path.and_then(|path| self.get(path))
            .or_else(|| self.others.get(key))
            .or_else(|| self.get(&key.replace('.', "/")))
            .or_else(|| self.get(long?.1))
    }

    /// Keys that the model does not know.
    pub fn unknown(&self) -> &[Unknown] {
        &self.unknown
    }

    fn top(&mut self, key: &str, node: &Node, top: &Spot<'_>, findings: &mut Vec<Finding>) {
        let mut spot = top.below(key);
        if let Some((_, path)) = model::ALIASES.iter().find(|(alias, _)| *alias == key) {
            (*path).clone_into(&mut spot.path);
        }
        let known = model::NODE.iter().chain(model::TOP);
        if let Some(field) = known.clone().find(|field| field.name == key) {
            return self.take(&field.shape, node, spot, findings);
        }
        let stem = key
            .strip_suffix(model::API_KEY)
            .filter(|stem| !stem.is_empty());
        if let Some(stem) = stem {
            let stem = plain(stem);
            self.adapters
                .entry(stem.clone())
                .or_insert_with(|| stem.replace('_', "-"));
            spot.path = format!("adapters/{stem}/API_KEY");
            return self.take(&Shape::Text(Kind::Variable), node, spot, findings);
        }
        // Clear by its own name: it is no credential.
        if !key.ends_with(model::CLEAR) {
            let meant = model::nearest(key).map(|meant| format!("did you mean {meant}?"));
            self.add_unknown(&spot, node, meant);
        }
    }

    fn add_unknown(&mut self, spot: &Spot<'_>, node: &Node, meant: Option<String>) {
        self.unknown.push(Unknown {
            key: spot.key.clone(),
            at: spot.at(node),
            meant,
        });
        self.other(spot, node);
    }

    /// Keeps the texts below a key that is not known.
    fn other(&mut self, spot: &Spot<'_>, node: &Node) {
        match node {
            Node::Leaf(Leaf {
                value: Value::Str(value),
                site,
            }) => {
                let slot = Slot {
                    key: spot.key.clone(),
                    kind: Kind::Bearer,
                    value: value.duplicate(),
                    file: spot.file,
                    site: *site,
                };
                self.others.insert(spot.key.clone(), slot);
            }
            Node::Map(map) => {
                for pair in map.pairs() {
                    self.other(&spot.below(&pair.key), &pair.value);
                }
            }
            Node::Leaf(_) | Node::List(_) => {}
        }
    }

    fn take(&mut self, shape: &Shape, node: &Node, spot: Spot<'_>, findings: &mut Vec<Finding>) {
        match (shape, node) {
            (Shape::Text(kind), Node::Leaf(leaf)) => self.text(*kind, leaf, spot, findings),
            (Shape::Fields(fields), Node::Map(map)) => {
                for pair in map.pairs() {
                    let spot = spot.below(&pair.key);
                    let field = fields.iter().find(|field| field.name == pair.key);
                    match field {
                        Some(Field { shape, .. }) => {
                            self.take(shape, &pair.value, spot, findings);
                        }
                        None if pair.key.ends_with(model::CLEAR) => {}
                        None => {
                            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                            let meant = format!("one of {}", names.join(", "));
                            self.add_unknown(&spot, &pair.value, Some(meant));
                        }
                    }
                }
            }
            (Shape::Named(_, of), Node::Map(map)) => {
                let mut seen = BTreeSet::new();
                for pair in map.pairs() {
                    let mut below = spot.below(&pair.key);
                    if spot.path == "adapters" {
                        // The same adapter, whichever way its name is written.
                        let plain = plain(&pair.key);
                        if !seen.insert(plain.clone()) {
                            let message = format!("{} is there twice", below.key);
                            findings.push(Finding::new("V006", spot.at(&pair.value), message));
                            continue;
                        }
                        below.path = format!("adapters/{plain}");
                        self.adapters.insert(plain, pair.key.clone());
                    }
                    self.take(of, &pair.value, below, findings);
                }
            }
            (Shape::List(of), Node::List(list)) => {
                for (at, item) in list.nodes().enumerate() {
                    // With leading noughts, so that the order of paths is that of the list.
                    let mut below = spot.below(&format!("{at:04}"));
                    below.key = format!("{}[{at}]", spot.key);
                    self.take(of, item, below, findings);
                }
            }
            (_, Node::Leaf(Leaf { value, .. }))
                if value.is_empty() && !matches!(shape, Shape::Text(_)) =>
            {
                // An empty section is none.
            }
            (_, node) => findings.push(not_a(shape, node, &spot)),
        }
    }

    fn text(&mut self, kind: Kind, leaf: &Leaf, spot: Spot<'_>, findings: &mut Vec<Finding>) {
        let at = At::File {
            file: spot.file,
            site: Some(leaf.site),
        };
        let value = match &leaf.value {
            Value::Str(bytes) => bytes.duplicate(),
            Value::Null => SecretBytes::new(Vec::new()),
            other => {
                let (key, found) = (&spot.key, other.type_name());
                let name = key.rsplit('.').next().unwrap_or(key);
                let message = format!("{key} is no string but {}", article(found));
                let fix = format!("quote it: {name}: '…'");
                findings.push(Finding::new("V004", at, message).fix(fix));
                return;
            }
        };
        if let Some(first) = self.slots.get(&spot.path) {
            let message = if first.file != spot.file {
                let name = |file: usize| spot.files.get(file).copied().unwrap_or_default();
                let (one, other) = (name(first.file), name(spot.file));
                format!("{} is in {one} and in {other}", spot.key)
            } else if first.value.ct_eq(&value) {
                return;
            } else {
                format!("{} and {} are the same, but differ", first.key, spot.key)
            };
            findings.push(Finding::new("V006", at, message));
            return;
        }
        let slot = Slot {
            key: spot.key,
            kind,
            value,
            file: spot.file,
            site: leaf.site,
        };
        self.keep(spot.path, slot);
    }
}

fn not_a(shape: &Shape, node: &Node, spot: &Spot<'_>) -> Finding {
    let (wanted, remedy) = match shape {
        Shape::Text(_) => ("string", "give it one text"),
        Shape::List(_) => ("list", "write its entries behind dashes"),
        Shape::Fields(_) | Shape::Named(..) => ("map", "write its keys below it"),
    };
    let found = match node {
        Node::Leaf(leaf) => leaf.value.type_name(),
        Node::Map(_) => "map",
        Node::List(_) => "list",
    };
    let message = format!("{} is no {wanted} but {}", spot.key, article(found));
    Finding::new("V004", spot.at(node), message).fix(remedy)
}

fn site(node: &Node) -> Site {
    match node {
        Node::Leaf(leaf) => leaf.site,
        Node::Map(map) => map.site,
        Node::List(list) => list.site,
    }
}

fn article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {word}")
}

#[cfg(test)]
mod tests;

//! A tree to new YAML text, in the layout of the reference: four blanks, lists indented, a nested
//! list behind its dash.

use zeroize::Zeroizing;

use crate::tree::{Comment, Entry, Field, Fields, Item, List, Map, Node, Value};

use super::scalar::{Written, write, write_key};
use super::tokens::Style;

/// Blanks of one level.
pub(super) const INDENT: usize = 4;

/// The column of the next level: the next multiple, also below a dash.
pub(super) fn deeper(column: usize) -> usize {
    INDENT * (column / INDENT + 1)
}

/// Text under construction.
#[derive(Default)]
pub(super) struct Emitter {
    pub(super) text: Zeroizing<String>,
    /// The line end.
    pub(super) end: &'static str,
}

impl Emitter {
    pub(super) fn new(end: &'static str) -> Self {
        Self {
            text: Zeroizing::new(String::new()),
            end,
        }
    }

    /// The pairs of a map at a column; `continues` when the first stands behind a dash.
    pub(super) fn map(&mut self, map: &Map, column: usize, mut continues: bool) {
        for entry in &map.entries {
            if !continues {
                self.indent(column);
            }
            continues = false;
            match entry {
                Entry::Comment(comment) => self.comment(comment),
                Entry::Pair(pair) => {
                    self.text.push_str(&write_key(&pair.key));
                    self.text.push(':');
                    self.behind_colon(&pair.value, column);
                }
            }
        }
    }

    /// A value behind the colon of a key at a column.
    pub(super) fn behind_colon(&mut self, node: &Node, column: usize) {
        match node {
            Node::Map(map) if !map.entries.is_empty() => {
                self.text.push_str(self.end);
                self.map(map, deeper(column), false);
            }
            Node::List(list) if !list.items.is_empty() => {
                self.text.push_str(self.end);
                self.list(list, deeper(column), false);
            }
            _ => {
                self.text.push(' ');
                self.small(node, column);
            }
        }
    }

    pub(super) fn list(&mut self, list: &List, column: usize, mut continues: bool) {
        for item in &list.items {
            if !continues {
                self.indent(column);
            }
            continues = false;
            match item {
                Item::Comment(comment) => self.comment(comment),
                Item::Node(node) => {
                    self.text.push_str("- ");
                    match node {
                        Node::Map(map) if !map.entries.is_empty() => {
                            self.map(map, column + 2, true);
                        }
                        Node::List(list) if !list.items.is_empty() => {
                            self.list(list, column + 2, true);
                        }
                        _ => self.small(node, column),
                    }
                }
            }
        }
    }

    fn comment(&mut self, comment: &Comment) {
        self.text.push('#');
        self.text
            .push_str(&String::from_utf8_lossy(comment.text.expose()));
        self.text.push_str(self.end);
    }

    /// A scalar or an empty collection, with its line end.
    fn small(&mut self, node: &Node, column: usize) {
        match node {
            Node::Map(_) => self.text.push_str("{}"),
            Node::List(_) => self.text.push_str("[]"),
            Node::Leaf(leaf) => return self.scalar(&leaf.value, column),
        }
        self.text.push_str(self.end);
    }

    /// A scalar in the style that suits it, with its line end.
    pub(super) fn scalar(&mut self, value: &Value, column: usize) {
        match write(value, Style::Plain, false, false) {
            Written::Inline(text) => {
                self.text.push_str(&text);
                self.text.push_str(self.end);
            }
            Written::Block(lines) => {
                self.text.push(lines.indicator);
                if lines.tells_indent {
                    self.text.push_str(&INDENT.to_string());
                }
                self.text.push_str(lines.chomping);
                self.text.push_str(self.end);
                lines.push_to(&mut self.text, deeper(column), self.end);
            }
        }
    }

    fn indent(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }
}

/// Public fields as a map, to be written like any other.
pub(super) fn map_of(fields: &Fields) -> Map {
    let mut map = Map::default();
    for (name, field) in &fields.0 {
        map.push(name.clone(), node_of(field));
    }
    map
}

fn node_of(field: &Field) -> Node {
    Node::new_leaf(match field {
        Field::Null => Value::Null,
        Field::Text(text) => Value::text(text),
        Field::Bool(flag) => Value::Bool(*flag),
        Field::Int(number) => Value::Int(*number),
        Field::Float(number) => Value::Float(*number),
        Field::Time(time) => Value::Time(time.clone()),
        Field::Map(fields) => return Node::Map(map_of(fields)),
        Field::List(fields) => {
            let items = fields
                .iter()
                .map(|field| Item::Node(node_of(field)))
                .collect();
            return Node::List(List {
                items,
                ..List::default()
            });
        }
    })
}

/// Public fields on one line, as YAML reads JSON.
pub(super) fn flow_of(fields: &Fields) -> String {
    let pairs = fields
        .0
        .iter()
        .map(|(name, field)| format!("{}: {}", quoted(name), flow(field)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

fn flow(field: &Field) -> String {
    match field {
        Field::Null => "null".to_owned(),
        Field::Text(text) => quoted(text),
        Field::Bool(flag) => flag.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Time(time) => time.clone(),
        Field::Map(fields) => flow_of(fields),
        Field::List(fields) => {
            format!(
                "[{}]",
                fields.iter().map(flow).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn quoted(text: &str) -> String {
    match write(&Value::text(text), Style::DoubleQuoted, true, false) {
        Written::Inline(text) => text.to_string(),
        Written::Block(_) => String::new(),
    }
}

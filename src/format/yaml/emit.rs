//! A tree to new YAML text: in the layout of the text around it, or of the reference (four blanks,
//! lists indented), with a nested list behind its dash.

use zeroize::Zeroizing;

use crate::tree::{Comment, Entry, Field, Fields, Item, List, Map, Node, Value};

use super::manner::Manner;
use super::scalar::{Lines, Written, is_ambiguous, write, write_key};
use super::tokens::Style;

/// Text under construction.
#[derive(Default)]
pub(super) struct Emitter {
    pub(super) text: Zeroizing<String>,
    /// The line end.
    pub(super) end: &'static str,
    manner: Manner,
    /// What stands below the new text.
    pub(super) below: Below,
    /// A comment that goes behind the first line, with the blanks before it.
    pub(super) comment: String,
}

/// What a block of lines above it could take in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Below {
    /// Nothing that matters.
    #[default]
    Other,
    /// An empty line.
    EmptyLine,
    /// A comment that is indented like the block.
    Comment,
}

impl Emitter {
    /// In the layout of the reference.
    pub(super) fn new(end: &'static str) -> Self {
        Self::in_manner(end, Manner::default())
    }

    /// In the layout of a text.
    pub(super) fn in_manner(end: &'static str, manner: Manner) -> Self {
        Self {
            text: Zeroizing::new(String::new()),
            end,
            manner,
            below: Below::default(),
            comment: String::new(),
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
                    self.key(&pair.key);
                    self.behind_colon(&pair.value, column);
                }
            }
        }
    }

    /// A key with its colon.
    pub(super) fn key(&mut self, key: &str) {
        self.text.push_str(&write_key(key, self.manner.keys));
        self.text.push(':');
    }

    /// A value behind the colon of a key at a column.
    pub(super) fn behind_colon(&mut self, node: &Node, column: usize) {
        match node {
            Node::Map(map) if !map.entries.is_empty() => {
                self.end_line();
                self.map(map, self.manner.deeper(column), false);
            }
            Node::List(list) if !list.items.is_empty() => {
                self.end_line();
                self.list(list, self.manner.dashes(column), false);
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
                    self.text.push('-');
                    self.behind_dash(node, column);
                }
            }
        }
    }

    /// An item behind its dash at a column.
    pub(super) fn behind_dash(&mut self, node: &Node, column: usize) {
        let is_filled = match node {
            Node::Map(map) => !map.entries.is_empty(),
            Node::List(list) => !list.items.is_empty(),
            Node::Leaf(_) => false,
        };
        // A comment behind the dash leaves no room for a collection there.
        let continues = self.comment.is_empty();
        if is_filled && !continues {
            self.end_line();
        } else {
            self.text.push(' ');
        }
        match node {
            Node::Map(map) if is_filled => self.map(map, column + 2, continues),
            Node::List(list) if is_filled => self.list(list, column + 2, continues),
            _ => self.small(node, column),
        }
    }

    /// Ends the first line with the comment that waits for it, any other without.
    fn end_line(&mut self) {
        self.text.push_str(&self.comment);
        self.comment.clear();
        self.text.push_str(self.end);
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
        self.end_line();
    }

    /// A scalar in the style that suits it, with its line end.
    pub(super) fn scalar(&mut self, value: &Value, column: usize) {
        match self.written(value, false) {
            Written::Inline(text) => {
                self.text.push_str(&text);
                self.end_line();
            }
            Written::Block(lines) => {
                let inner = self.manner.deeper(column);
                self.text.push_str(&lines.header(inner - column));
                self.end_line();
                lines.push_to(&mut self.text, inner, self.end);
            }
        }
    }

    /// A string takes the quotes of those beside it; one of several lines is a block.
    pub(super) fn written(&self, value: &Value, is_in_flow: bool) -> Written {
        let is_long = matches!(value, Value::Str(text) if text.expose().contains(&b'\n'));
        let style = match value {
            Value::Str(_) if is_long => Style::Plain,
            Value::Str(text) if is_ambiguous(text.expose()) => Style::DoubleQuoted,
            Value::Str(_) => self.manner.strings,
            _ => Style::Plain,
        };
        match write(value, style, is_in_flow, false) {
            Written::Block(lines) if !self.fits(&lines) => {
                write(value, Style::DoubleQuoted, is_in_flow, false)
            }
            written => written,
        }
    }

    /// Whether lines would keep to themselves: the empty ones at their end, and a comment below.
    fn fits(&self, lines: &Lines) -> bool {
        match self.below {
            Below::Other => true,
            Below::EmptyLine => lines.chomping != "+",
            Below::Comment => false,
        }
    }

    /// A node on one line, for a flow collection.
    pub(super) fn flow(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => match self.written(&leaf.value, true) {
                Written::Inline(text) => self.text.push_str(&text),
                // Never in a flow collection.
                Written::Block(_) => {}
            },
            Node::Map(map) => {
                self.text.push('{');
                for (number, pair) in map.pairs().enumerate() {
                    self.text.push_str(if number > 0 { ", " } else { "" });
                    self.key(&pair.key);
                    self.text.push(' ');
                    self.flow(&pair.value);
                }
                self.text.push('}');
            }
            Node::List(list) => {
                self.text.push('[');
                for (number, node) in list.nodes().enumerate() {
                    self.text.push_str(if number > 0 { ", " } else { "" });
                    self.flow(node);
                }
                self.text.push(']');
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
        .map(|(name, field)| format!("{}: {}", quoted(name), flow_field(field)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

fn flow_field(field: &Field) -> String {
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
                fields.iter().map(flow_field).collect::<Vec<_>>().join(", ")
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

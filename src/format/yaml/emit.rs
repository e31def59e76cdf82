//! A tree to new YAML text: in the layout of the text around it, or of the reference (four blanks,
//! lists indented), with a nested list behind its dash.

use zeroize::Zeroizing;

use crate::tree::{Comment, Entry, Field, Fields, Item, List, Map, Node, Tree, Value};

use super::compose::METADATA_KEY;
use super::manner::Manner;
use super::scalar::{Lines, Written, is_ambiguous, is_complex, write, write_key};
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
    pub(super) comment: Zeroizing<String>,
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
            comment: Zeroizing::default(),
        }
    }

    /// A text of whole documents; with metadata, in each of them.
    pub(super) fn documents(&mut self, tree: &Tree, metadata: Option<&Fields>) {
        let metadata = metadata.map(|fields| Node::Map(fields.to_map()));
        for (number, document) in tree.documents.iter().enumerate() {
            if number > 0 {
                self.text.push_str("---");
                self.text.push_str(self.end);
            }
            self.map(document, 0, false);
            match &metadata {
                Some(metadata) => self.pair(METADATA_KEY, metadata, 0),
                // A document of which nothing is left would be none.
                None if document.pairs().next().is_none() => {
                    self.text.push_str("{}");
                    self.text.push_str(self.end);
                }
                None => {}
            }
        }
    }

    /// One node as a text.
    pub(super) fn document(&mut self, node: &Node) {
        match node {
            Node::Map(map) if !is_empty(node) => self.map(map, 0, false),
            Node::List(list) if !is_empty(node) => self.list(list, 0, false),
            _ => self.small(node, self.manner.deeper(0), 0),
        }
    }

    /// The pairs of a map at a column; `continues` when the first stands behind a dash.
    pub(super) fn map(&mut self, map: &Map, column: usize, continues: bool) {
        self.entries(&map.entries, column, continues);
    }

    fn entries(&mut self, entries: &[Entry], column: usize, mut continues: bool) {
        for (at, entry) in entries.iter().enumerate() {
            if let Entry::Comment(comment) = entry
                && let Some(Entry::Pair(_)) = entries.get(at + 1)
                && self.holds_back(comment)
            {
                continue;
            }
            if !continues {
                self.indent(column);
            }
            continues = false;
            match entry {
                Entry::Comment(comment) => self.comment(comment, column),
                Entry::Pair(pair) => self.pair(&pair.key, &pair.value, column),
            }
        }
    }

    /// Keeps a comment for the end of the line that follows, where it stood behind a value.
    fn holds_back(&mut self, comment: &Comment) -> bool {
        let is_one_line = !comment.text.expose().contains(&b'\n');
        let holds = comment.inline && is_one_line && self.comment.is_empty();
        if holds {
            self.comment.push_str(" #");
            self.comment
                .push_str(&String::from_utf8_lossy(comment.text.expose()));
        }
        holds
    }

    /// A key at a column, and its value.
    pub(super) fn pair(&mut self, key: &str, value: &Node, column: usize) {
        if is_complex(key) {
            self.text.push_str("? ");
            self.block_or_inline(self.complex_key(key), self.manner.deeper(column), column);
            self.indent(column);
            self.text.push(':');
            return self.behind_complex_key(value, column);
        }
        self.text.push_str(&write_key(key, self.manner.keys, false));
        self.text.push(':');
        self.behind_colon(value, column);
    }

    /// A key with its colon, in a flow collection.
    pub(super) fn flow_key(&mut self, key: &str) {
        self.text.push_str(&write_key(key, self.manner.keys, true));
        self.text.push(':');
    }

    /// A key that stands behind `?`, on lines of its own where the reference writes it so.
    fn complex_key(&self, key: &str) -> Written {
        if key.contains('\n') {
            self.written(&Value::text(key), false)
        } else {
            Written::Inline(write_key(key, self.manner.keys, false))
        }
    }

    /// A collection begins on the line of the colon.
    fn behind_complex_key(&mut self, value: &Node, column: usize) {
        let inner = self.manner.deeper(column).max(column + 2);
        let blanks = inner - column - 1;
        match value {
            Node::Map(map) if !is_empty(value) => {
                self.indent(blanks);
                self.map(map, inner, true);
            }
            Node::List(list) if !is_empty(value) => {
                self.indent(blanks);
                self.list(list, inner, true);
            }
            _ => self.behind_colon(value, column),
        }
    }

    /// A value behind the colon of a key at a column.
    pub(super) fn behind_colon(&mut self, node: &Node, column: usize) {
        match node {
            Node::Map(map) if !is_empty(node) => {
                self.end_line();
                self.map(map, self.manner.deeper(column), false);
            }
            Node::List(list) if !is_empty(node) => {
                self.end_line();
                self.list(list, self.manner.dashes(column), false);
            }
            _ => {
                self.text.push(' ');
                self.small(node, self.manner.deeper(column), column);
            }
        }
    }

    pub(super) fn list(&mut self, list: &List, column: usize, continues: bool) {
        self.items(&list.items, column, continues);
    }

    fn items(&mut self, items: &[Item], column: usize, mut continues: bool) {
        for (at, item) in items.iter().enumerate() {
            if let Item::Comment(comment) = item
                && let Some(Item::Node(_)) = items.get(at + 1)
                && self.holds_back(comment)
            {
                continue;
            }
            if !continues {
                self.indent(column);
            }
            continues = false;
            match item {
                Item::Comment(comment) => self.comment(comment, column),
                Item::Node(node) => self.item(node, column),
            }
        }
    }

    /// An item at a column. Comments before its own first entry stand above the dash.
    fn item(&mut self, node: &Node, column: usize) {
        let is_filled = self.comment.is_empty() && !is_empty(node);
        match node {
            Node::Map(map) if is_filled => {
                let heading = map.entries.iter().map_while(|entry| match entry {
                    Entry::Comment(comment) => Some(comment),
                    Entry::Pair(_) => None,
                });
                let heading = self.heading(heading, column);
                self.text.push_str("- ");
                let rest = map.entries.get(heading..).unwrap_or_default();
                self.entries(rest, column + 2, true);
            }
            Node::List(list) if is_filled => {
                let heading = list.items.iter().map_while(|item| match item {
                    Item::Comment(comment) => Some(comment),
                    Item::Node(_) => None,
                });
                let heading = self.heading(heading, column);
                self.text.push_str("- ");
                let rest = list.items.get(heading..).unwrap_or_default();
                self.items(rest, column + 2, true);
            }
            _ => {
                self.text.push('-');
                self.behind_dash(node, column);
            }
        }
    }

    /// Comment lines at a column, up to the first that stood behind a value; their number.
    fn heading<'n>(&mut self, comments: impl Iterator<Item = &'n Comment>, column: usize) -> usize {
        let mut count = 0;
        for comment in comments.take_while(|comment| !comment.inline) {
            self.comment(comment, column);
            self.indent(column);
            count += 1;
        }
        count
    }

    /// An item behind its dash at a column.
    pub(super) fn behind_dash(&mut self, node: &Node, column: usize) {
        let is_filled = !is_empty(node);
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
            _ => self.small(node, column + 2, column),
        }
    }

    /// Ends the first line with the comment that waits for it, any other without.
    fn end_line(&mut self) {
        self.text.push_str(&self.comment);
        self.comment.clear();
        self.text.push_str(self.end);
    }

    /// A comment at a column; one of several lines, which other formats have, is several.
    fn comment(&mut self, comment: &Comment, column: usize) {
        let text = Zeroizing::new(String::from_utf8_lossy(comment.text.expose()).into_owned());
        for (number, line) in text.split(['\n', '\r']).enumerate() {
            if number > 0 {
                self.indent(column);
            }
            self.text.push('#');
            self.text.push_str(
                line.strip_prefix('#')
                    .filter(|_| number > 0)
                    .unwrap_or(line),
            );
            self.text.push_str(self.end);
        }
    }

    /// A scalar or an empty collection, with its line end; lines of a block stand at `inner`.
    fn small(&mut self, node: &Node, inner: usize, column: usize) {
        match node {
            Node::Map(map) => {
                self.text.push_str("{}");
                self.end_line();
                self.comments(map.comments(), inner);
            }
            Node::List(list) => {
                self.text.push_str("[]");
                self.end_line();
                self.comments(list.comments(), inner);
            }
            Node::Leaf(leaf) => {
                self.block_or_inline(self.written(&leaf.value, false), inner, column);
            }
        }
    }

    /// The comments of a collection that holds nothing else.
    fn comments<'n>(&mut self, comments: impl Iterator<Item = &'n Comment>, column: usize) {
        for comment in comments {
            self.indent(column);
            self.comment(comment, column);
        }
    }

    fn block_or_inline(&mut self, written: Written, inner: usize, column: usize) {
        match written {
            Written::Inline(text) => {
                self.text.push_str(&text);
                self.end_line();
            }
            Written::Block(lines) => {
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
            Value::Str(text) if is_ambiguous(text.expose()) => Style::DoubleQuoted,
            Value::Str(_) if is_long => Style::Plain,
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
                    self.flow_key(&pair.key);
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

    /// The text that was made.
    pub(super) fn into_bytes(mut self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(std::mem::take(&mut *self.text).into_bytes())
    }

    fn indent(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }
}

/// Whether a collection holds nothing but comments; a scalar counts as empty, too.
fn is_empty(node: &Node) -> bool {
    match node {
        Node::Map(map) => map.pairs().next().is_none(),
        Node::List(list) => list.nodes().next().is_none(),
        Node::Leaf(_) => true,
    }
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

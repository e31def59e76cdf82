//! A node is put at a path of a text: a new pair, a new item, or in the place of another node.
//!
//! Works on the nodes of the text, so that new lines take the layout of their neighbours. What
//! stands in the replaced node goes with it; the comment behind it stays. The surprise: comment lines
//! right below the last pair belong to it, so a new pair goes below them.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::tree::{Element, Node};

use super::super::{Fault, FormatError};
use super::compose::METADATA_KEY;
use super::emit::{Below, Emitter};
use super::grammar::{Content, Parsed, Raw};
use super::guard;
use super::lines::{is_first_on_line, line_end, line_start, next_line};
use super::manner::{Manner, column, is_key};
use super::reach::{behind_colon, dashes, item_line_end, last_line_end, pair_line_end};

/// Puts a node at a path of the first document; missing parents are made.
pub(super) fn graft(
    text: &str,
    parsed: &Parsed,
    path: &[Element],
    node: Node,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let fail = |at, reason| Err(FormatError::at(text, at, Fault::Unrepresentable, reason));
    let Some(document) = parsed.documents.first() else {
        return fail(0, "no document in it");
    };
    let mut graft = Graft {
        text,
        end: line_end(text.as_bytes()),
        manner: Manner::of(text, &document.root),
        cuts: Vec::new(),
    };
    let mut here = &document.root;
    let mut stand = Stand::default();
    let mut rest = path;
    while let Some((element, below)) = rest.split_first() {
        guard::passes(text, parsed, here, false)?;
        match (element, &here.content) {
            _ if graft.is_empty(here) && !stand.is_in_flow => break,
            (Element::Key(name), Content::Map { pairs, is_flow }) => {
                let is_in_flow = stand.is_in_flow || *is_flow;
                let found = pairs.iter().position(|(key, _)| is_key(key, name));
                let Some((at, (key, value))) = found.and_then(|at| Some((at, pairs.get(at)?)))
                else {
                    let is_top = rest.len() == path.len();
                    graft.new_pair(here, name, &Node::nested(below, node), is_in_flow, is_top);
                    return Ok(graft.finish());
                };
                let before = at.checked_sub(1).and_then(|at| pairs.get(at));
                let before = before.map(|(_, value)| value);
                graft.manner = graft.manner.beside(Some(key), before);
                stand = Stand {
                    behind: behind_colon(text, key, value),
                    column: column(text.as_bytes(), key.span.start),
                    is_item: false,
                    is_in_flow,
                };
                here = value;
            }
            (Element::Index(index), Content::List { items, is_flow }) => {
                let is_in_flow = stand.is_in_flow || *is_flow;
                let Some(item) = items.get(*index) else {
                    graft.new_item(here, &Node::nested(below, node), &stand);
                    return Ok(graft.finish());
                };
                let before = index.checked_sub(1).and_then(|at| items.get(at));
                graft.manner = graft.manner.beside(None, before);
                let dash = dashes(text, here.span.start, items).get(*index).copied();
                let dash = dash.filter(|_| !*is_flow).unwrap_or(item.span.start);
                stand = Stand {
                    behind: dash + usize::from(!is_flow),
                    column: column(text.as_bytes(), dash),
                    is_item: true,
                    is_in_flow,
                };
                here = item;
            }
            (Element::Key(_), Content::List { .. }) => {
                return fail(here.span.start, "a list has no keys");
            }
            (Element::Index(_), Content::Map { .. }) => {
                return fail(here.span.start, "a map has no positions");
            }
            // A scalar in the way is replaced, as the reference does.
            _ => break,
        }
        rest = below;
    }
    guard::passes(text, parsed, here, rest.is_empty())?;
    let node = Node::nested(rest, node);
    if stand.is_in_flow {
        graft.replace_in_flow(here, &stand, &node);
    } else {
        graft.replace(here, &stand, &node);
    }
    Ok(graft.finish())
}

/// Where a node stands.
#[derive(Debug, Default)]
struct Stand {
    /// Behind its `:` or `-`.
    behind: usize,
    /// The column of its key or its dash.
    column: usize,
    is_item: bool,
    is_in_flow: bool,
}

struct Graft<'a> {
    text: &'a str,
    end: &'static str,
    manner: Manner,
    cuts: Vec<(Range<usize>, Zeroizing<String>)>,
}

impl Graft<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// `{}` or `[]` with nothing inside.
    fn is_empty(&self, raw: &Raw) -> bool {
        let has_none = match &raw.content {
            Content::Map { pairs, .. } => pairs.is_empty(),
            Content::List { items, .. } => items.is_empty(),
            _ => false,
        };
        has_none && !self.slice(raw.span.clone()).contains('#')
    }

    /// An emitter of lines that end at a byte of the text and stand below a column.
    fn emitter(&self, at: usize, column: usize) -> Emitter {
        let mut emitter = Emitter::in_manner(self.end, self.manner);
        emitter.below = self.below(at, column);
        emitter
    }

    /// What stands there that a block of lines above could take in.
    fn below(&self, at: usize, column: usize) -> Below {
        let rest = self.text.get(at..).unwrap_or_default();
        let is_blank = |line: &str| line.trim().is_empty();
        let next = rest
            .lines()
            .find(|line| !is_blank(line))
            .unwrap_or_default();
        let inner = next.trim_start();
        if inner.starts_with('#') && next.len() - inner.len() > column {
            return Below::Comment;
        }
        match rest.lines().next() {
            Some(line) if is_blank(line) => Below::EmptyLine,
            _ => Below::Other,
        }
    }

    /// Over comment lines that belong to what stands above: those right below it that are not
    /// indented less than `near`, and deeper ones also below an empty line.
    fn over_comments(&self, mut at: usize, near: usize, column: usize) -> usize {
        let (mut ahead, mut is_near) = (at, true);
        while ahead < self.text.len() {
            let next = next_line(self.bytes(), ahead);
            let line = self.slice(ahead..next);
            let inner = line.trim_start();
            let indent = line.len() - inner.len();
            if inner.starts_with('#') && (indent > column || is_near && indent >= near) {
                at = next;
            } else if inner.is_empty() {
                is_near = false;
            } else {
                break;
            }
            ahead = next;
        }
        at
    }

    fn new_pair(&mut self, map: &Raw, name: &str, node: &Node, is_in_flow: bool, is_top: bool) {
        let Content::Map { pairs, .. } = &map.content else {
            return;
        };
        let is_ours = |(key, _): &&(Raw, Raw)| !(is_top && is_key(key, METADATA_KEY));
        let last = pairs.iter().rfind(is_ours);
        self.manner = match last {
            Some((key, value)) => self.manner.beside(Some(key), Some(value)),
            None => self.manner,
        };
        if is_in_flow {
            let mut emitter = self.emitter(0, 0);
            emitter.flow_key(name);
            emitter.text.push(' ');
            emitter.flow(node);
            let first = pairs.last().map(|(key, _)| key.span.start);
            let end = pairs.last().map(|(key, value)| match value.content {
                Content::Absent => behind_colon(self.text, key, value),
                _ => value.span.end,
            });
            return self.new_in_flow(map, first.zip(end), &emitter.text);
        }
        let column = column(self.bytes(), map.span.start);
        let at = match last {
            Some((key, value)) => {
                let end = pair_line_end(self.text, key, value);
                self.over_comments(end, column, column)
            }
            None => line_start(self.bytes(), map.span.start),
        };
        let mut emitter = self.emitter(at, column);
        self.open_line(&mut emitter, at, column);
        emitter.pair(name, node, column);
        self.cuts.push((at..at, emitter.text));
    }

    fn new_item(&mut self, list: &Raw, node: &Node, stand: &Stand) {
        let Content::List { items, is_flow } = &list.content else {
            return;
        };
        self.manner = self.manner.beside(None, items.last());
        if stand.is_in_flow || *is_flow {
            let mut emitter = self.emitter(0, 0);
            emitter.flow(node);
            let last = items.last().map(|item| (item.span.start, item.span.end));
            return self.new_in_flow(list, last, &emitter.text);
        }
        let column = column(self.bytes(), list.span.start);
        let dashes = dashes(self.text, list.span.start, items);
        let end = match dashes.last().zip(items.last()) {
            Some((dash, item)) => item_line_end(self.text, *dash, item),
            None => last_line_end(self.text, list),
        };
        // Below a list that is not indented a comment in its column is of the next key.
        let near = column + usize::from(column <= stand.column);
        let at = self.over_comments(end, near, column);
        let mut emitter = self.emitter(at, column);
        self.open_line(&mut emitter, at, column);
        emitter.text.push('-');
        emitter.behind_dash(node, column);
        self.cuts.push((at..at, emitter.text));
    }

    fn open_line(&self, emitter: &mut Emitter, at: usize, column: usize) {
        if at > 0 && self.bytes().get(at - 1) != Some(&b'\n') {
            emitter.text.push_str(self.end);
        }
        emitter.text.extend(std::iter::repeat_n(' ', column));
    }

    /// `last` is where the last pair or item begins and ends.
    fn new_in_flow(&mut self, raw: &Raw, last: Option<(usize, usize)>, new: &str) {
        if !matches!(self.bytes().get(raw.span.start), Some(b'{' | b'[')) {
            // A pair alone in a flow list is a map without braces.
            self.cut(raw.span.start..raw.span.start, "{".to_owned());
            return self.cut(raw.span.end..raw.span.end, format!(", {new}}}"));
        }
        let close = raw.span.end.saturating_sub(1);
        let Some((start, end)) = last else {
            return self.cut(close..close, new.to_owned());
        };
        let comma = self.comma(end, close);
        let after = comma.map_or(end, |comma| comma + 1);
        let trailing = if comma.is_some() { "," } else { "" };
        if !is_first_on_line(self.bytes(), start) {
            return self.cut(
                after..after,
                match comma {
                    Some(_) => format!(" {new},"),
                    None => format!(", {new}"),
                },
            );
        }
        if comma.is_none() {
            self.cut(end..end, ",".to_owned());
        }
        let indent = " ".repeat(column(self.bytes(), start));
        let below = next_line(self.bytes(), after);
        let behind = self.slice(after..below).trim_start();
        if below <= close && (behind.is_empty() || behind.starts_with('#')) {
            self.cut(below..below, format!("{indent}{new}{trailing}{}", self.end));
        } else {
            self.cut(after..after, format!("{}{indent}{new}{trailing}", self.end));
        }
    }

    /// The comma behind the last item.
    fn comma(&self, mut at: usize, close: usize) -> Option<usize> {
        while at < close {
            match self.bytes().get(at)? {
                b',' => return Some(at),
                b'#' => at = next_line(self.bytes(), at),
                _ => at += 1,
            }
        }
        None
    }

    fn cut(&mut self, range: Range<usize>, text: String) {
        self.cuts.push((range, Zeroizing::new(text)));
    }

    fn replace_in_flow(&mut self, old: &Raw, stand: &Stand, node: &Node) {
        let mut emitter = self.emitter(0, 0);
        if matches!(old.content, Content::Absent) {
            let has_colon = stand.is_item || self.slice(0..stand.behind).ends_with(':');
            emitter.text.push_str(if has_colon { " " } else { ": " });
            emitter.flow(node);
            let behind = self.slice(stand.behind..self.text.len());
            let blanks = behind.len() - behind.trim_start_matches(' ').len();
            let is_before_comma = self.bytes().get(stand.behind + blanks) == Some(&b',');
            let end = stand.behind + if is_before_comma { blanks } else { 0 };
            return self.cuts.push((stand.behind..end, emitter.text));
        }
        emitter.flow(node);
        let tag = old.tag.as_ref().map(|(_, span)| span.start);
        let start = tag.unwrap_or(old.span.start).min(old.span.start);
        self.cuts.push((start..old.span.end, emitter.text));
    }

    fn replace(&mut self, old: &Raw, stand: &Stand, node: &Node) {
        let shares_line =
            line_start(self.bytes(), old.span.start) == line_start(self.bytes(), stand.behind);
        let (rest, end) = match &old.content {
            Content::Scalar {
                block: Some(block), ..
            } => (Some(block.header_end), block.body_end),
            Content::Map { is_flow: false, .. } | Content::List { is_flow: false, .. } => (
                (!shares_line).then_some(stand.behind),
                last_line_end(self.text, old),
            ),
            Content::Absent => (Some(stand.behind), next_line(self.bytes(), stand.behind)),
            _ => (Some(old.span.end), next_line(self.bytes(), old.span.end)),
        };
        let comment = rest.map_or("", |at| self.comment(at)).to_owned();
        let mut emitter = self.emitter(end, stand.column);
        emitter.comment = Zeroizing::new(comment);
        if stand.is_item {
            emitter.behind_dash(node, stand.column);
        } else {
            emitter.behind_colon(node, stand.column);
        }
        self.cuts.push((stand.behind..end, emitter.text));
    }

    /// The comment on the rest of a line, with the blanks before it.
    fn comment(&self, at: usize) -> &str {
        let line = self.slice(at..next_line(self.bytes(), at));
        let line = line.trim_end_matches(['\r', '\n']);
        line.match_indices('#')
            .map(|(at, _)| line.split_at(at).0)
            .find(|before| before.is_empty() || before.ends_with([' ', '\t']))
            .map_or("", |before| {
                line.get(before.trim_end().len()..).unwrap_or_default()
            })
    }

    fn finish(mut self) -> Zeroizing<Vec<u8>> {
        self.cuts.sort_by_key(|(range, _)| (range.start, range.end));
        let added: usize = self.cuts.iter().map(|(_, new)| new.len()).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(self.text.len() + added));
        let mut at = 0;
        for (range, new) in &self.cuts {
            text.extend_from_slice(self.slice(at..range.start).as_bytes());
            text.extend_from_slice(new.as_bytes());
            at = range.end;
        }
        text.extend_from_slice(self.slice(at..self.text.len()).as_bytes());
        text
    }
}

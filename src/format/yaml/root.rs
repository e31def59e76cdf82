//! The top level of a document: a map, or nothing, which stands for an empty one.

use std::ops::Range;

use crate::tree::{Entry, Map, Value};

use super::super::{Fault, FormatError};
use super::compose::{Around, Composer};
use super::grammar::{Content, RawDocument};
use super::layout::{DocumentPlace, RootPlace};
use super::lines::{is_first_on_line, line_start, next_line};
use super::resolve::{Resolved, resolve};
use super::tokens::Style;

impl Composer<'_> {
    pub(super) fn document(&mut self, document: &RawDocument) -> Result<Map, FormatError> {
        let bytes = self.text.as_bytes();
        let number = self.layout.documents.len();
        if let Some(at) = document.odd_version {
            self.fail_clear(
                at,
                "other tools read %YAML 1.1 only; take the directive out",
            );
        }
        let mut null = None;
        let block = |indent| RootPlace::Block {
            indent,
            end: document.end,
        };
        let (mut map, root) = match &document.root.content {
            Content::Map { pairs, is_flow } => {
                let first = document.root.span.start;
                let root = if *is_flow {
                    RootPlace::Flow {
                        start: first + 1,
                        is_empty: pairs.is_empty(),
                    }
                } else {
                    block(first - line_start(bytes, first))
                };
                if !*is_flow && !is_first_on_line(bytes, first) {
                    return self.fail(first, Fault::Syntax, "a key behind '---'");
                }
                self.tag_of_collection(&document.root)?;
                self.layout.documents.push(DocumentPlace {
                    root,
                    entry: None,
                    null: None,
                });
                let indent = isize::try_from(first - line_start(bytes, first)).unwrap_or_default();
                let around = Around {
                    is_in_flow: *is_flow,
                    indent,
                    dash: None,
                    behind_indicator: first,
                };
                let mut heads = Vec::new();
                for index in document.root.head.iter().chain(&document.root.line) {
                    heads.extend(self.comment(*index, false).map(Entry::Comment));
                }
                let mut map = self.map(&document.root, pairs, *is_flow, around, Some(number))?;
                map.entries.splice(0..0, heads);
                for index in &document.root.foot {
                    map.entries
                        .extend(self.comment(*index, false).map(Entry::Comment));
                }
                (map, None)
            }
            Content::Absent if document.root.tag.is_none() => (Map::default(), Some(block(0))),
            Content::Scalar {
                style: Style::Plain,
                text,
                ..
            } if matches!(resolve(text), Resolved::Value(Value::Null))
                && document.root.tag.is_none() =>
            {
                null = Some(self.whole_line(&document.root.span));
                let mut map = Map::default();
                for index in document.root.head.iter().chain(&document.root.line) {
                    map.entries
                        .extend(self.comment(*index, false).map(Entry::Comment));
                }
                (map, Some(block(0)))
            }
            _ => {
                let reason = "the top level must be a map (key: value)";
                return self.fail(document.root.span.start, Fault::Syntax, reason);
            }
        };
        if let Some(root) = root {
            self.layout.documents.push(DocumentPlace {
                root,
                entry: None,
                null,
            });
        }
        for index in &document.foot {
            map.entries
                .extend(self.comment(*index, false).map(Entry::Comment));
        }
        Ok(map)
    }

    /// A span, or the whole line if nothing else stands on it.
    fn whole_line(&self, span: &Range<usize>) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let end = next_line(bytes, span.end);
        let behind = self.text.get(span.end..end).unwrap_or_default();
        if is_first_on_line(bytes, span.start) && behind.trim().is_empty() {
            line_start(bytes, span.start)..end
        } else {
            span.clone()
        }
    }
}

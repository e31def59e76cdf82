//! The metadata entry of a document: its fields, and where it and its scalars stand.

use std::collections::HashSet;

use crate::tree::{Field, Fields, Value};

use super::super::{Fault, FormatError, Metadata};
use super::compose::Composer;
use super::grammar::{Content, Raw};
use super::layout::{EntryPlace, ScalarPlace};
use super::lines::line_start;
use super::reach::pair_line_end;

impl Composer<'_> {
    /// The metadata entry of a document.
    pub(super) fn entry(
        &mut self,
        key: &Raw,
        value: &Raw,
        document: usize,
        previous_end: Option<usize>,
        is_flow: bool,
    ) -> Result<(), FormatError> {
        let bytes = self.text.as_bytes();
        let start = line_start(bytes, key.span.start);
        let behind = self.text.get(value.span.end..).unwrap_or_default();
        let span = if is_flow && behind.trim_start().starts_with(',') {
            let comma = behind.len() - behind.trim_start().len() + 1;
            key.span.start..value.span.end + comma
        } else if is_flow {
            previous_end.unwrap_or(key.span.start)..value.span.end
        } else {
            start..pair_line_end(self.text, key, value)
        };
        for (index, comment) in self.comments.iter().enumerate() {
            if span.contains(&comment.start)
                && let Some(taken) = self.taken.get_mut(index)
            {
                *taken = true;
            }
        }
        let mut scalars = Vec::new();
        if let Content::Map { pairs, is_flow } = &value.content {
            for (name, raw) in pairs {
                if let Content::Scalar { style, block, .. } = &raw.content {
                    let column = name.span.start - line_start(bytes, name.span.start);
                    let place = ScalarPlace {
                        span: raw.span.clone(),
                        style: *style,
                        block: block.clone().map(Box::new),
                        tag: None,
                        is_tagged: raw.tag.is_some(),
                        is_in_flow: *is_flow,
                        parent_indent: isize::try_from(column).unwrap_or(isize::MAX),
                        dash: None,
                    };
                    scalars.push((self.key(name)?.to_ascii_lowercase(), place));
                }
            }
        }
        // Of several documents, the first one's metadata counts.
        if document == 0 {
            self.metadata = Some(match self.field(value)? {
                Field::Map(fields) => Metadata::Branch(fields),
                _ => Metadata::NotAMap,
            });
        }
        if let Some(place) = self.layout.documents.get_mut(document) {
            // One that no value above has taken is the key's, too.
            let mut behind = key
                .line
                .iter()
                .filter_map(|index| self.comments.get(*index));
            let comment = behind.find(|comment| !is_flow && span.contains(&comment.start));
            let comment = comment.cloned();
            place.entry = Some(EntryPlace {
                span,
                comment,
                scalars,
            });
        }
        Ok(())
    }

    fn field(&self, raw: &Raw) -> Result<Field, FormatError> {
        Ok(match &raw.content {
            Content::Map { pairs, .. } => {
                let mut fields = Fields::default();
                // Whoever makes a file may give it any number of fields.
                let mut names = HashSet::new();
                for (key, value) in pairs {
                    let name = self.key(key)?;
                    if !names.insert(name.to_ascii_lowercase()) {
                        let reason = "this field of the metadata stands here twice";
                        return self.fail(key.span.start, Fault::Syntax, reason);
                    }
                    fields.0.push((name, self.field(value)?));
                }
                Field::Map(fields)
            }
            Content::List { items, .. } => Field::List(
                items
                    .iter()
                    .map(|item| self.field(item))
                    .collect::<Result<_, _>>()?,
            ),
            Content::Alias { .. } => {
                let reason = "an alias in the metadata";
                return self.fail(raw.span.start, Fault::Unsupported, reason);
            }
            Content::Scalar { .. } | Content::Absent => match &self.value(raw)?.0 {
                Value::Null => Field::Null,
                // Metadata is public; see `Fields`.
                Value::Str(_) => match &raw.content {
                    Content::Scalar { text, .. } => Field::Text(text.to_string()),
                    _ => Field::Text(String::new()),
                },
                Value::Int(number) => Field::Int(*number),
                Value::Float(number) => Field::Float(*number),
                Value::Bool(flag) => Field::Bool(*flag),
                Value::Time(time) => Field::Time(time.clone()),
            },
        })
    }
}

//! Scalars and keys to typed values: tags, quotes, and what a plain scalar resolves to.

use std::ops::Range;

use base64::Engine as _;

use crate::secret::SecretBytes;
use crate::tree::Value;

use super::super::{Fault, FormatError};
use super::compose::Composer;
use super::extents::Block;
use super::grammar::{Content, Raw};
use super::resolve::{Resolved, resolve};
use super::tokens::Style;

/// A value, how it is written, its block if it has one, and a tag that goes when it is sealed.
pub(super) type Typed = (Value, Style, Option<Block>, Option<Range<usize>>);

const NOT_A_STRING: &str = "this key is no string; put it in quotes";

impl Composer<'_> {
    pub(super) fn value(&self, raw: &Raw) -> Result<Typed, FormatError> {
        let Content::Scalar { style, text, block } = &raw.content else {
            return match &raw.tag {
                Some((tag, _)) if tag == "!!str" => Ok((Value::text(""), Style::Plain, None, None)),
                Some((_, span)) => {
                    self.fail(span.start, Fault::Unsupported, "a tag is not supported yet")
                }
                None => Ok((Value::Null, Style::Plain, None, None)),
            };
        };
        let string = || Value::Str(SecretBytes::copy_of(text.as_bytes()));
        let at = raw.span.start;
        let (value, tag) = match &raw.tag {
            Some((tag, _)) if tag == "!!str" => (string(), None),
            // The reference writes the string `<<` so.
            Some((tag, span)) if tag == "!!merge" && text.as_str() == "<<" => {
                (string(), Some(span.clone()))
            }
            Some((tag, span)) if tag == "!!binary" => (self.binary(text, at)?, Some(span.clone())),
            Some((_, span)) => {
                return self.fail(span.start, Fault::Unsupported, "a tag is not supported yet");
            }
            None if *style == Style::Plain => match resolve(text) {
                Resolved::Value(value) => (value, None),
                Resolved::Merge => (string(), None),
                Resolved::TooLarge => {
                    let reason = "an integer beyond 64 bits with sign; put it in quotes";
                    return self.fail(at, Fault::NotSealable, reason);
                }
            },
            None => (string(), None),
        };
        Ok((value, *style, block.clone(), tag))
    }

    fn binary(&self, text: &str, at: usize) -> Result<Value, FormatError> {
        let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        match base64::engine::general_purpose::STANDARD.decode(packed) {
            Ok(bytes) => Ok(Value::Str(SecretBytes::new(bytes))),
            Err(_) => self.fail(at, Fault::Syntax, "!!binary holds no base64"),
        }
    }

    pub(super) fn key(&self, raw: &Raw) -> Result<String, FormatError> {
        let at = raw.span.start;
        let Content::Scalar { style, text, .. } = &raw.content else {
            return match raw.content {
                Content::Absent => self.fail(at, Fault::NotSealable, NOT_A_STRING),
                _ => self.fail(at, Fault::Syntax, "a collection cannot be a key"),
            };
        };
        match &raw.tag {
            Some((tag, _)) if tag == "!!str" => return Ok(text.to_string()),
            Some((_, span)) => {
                return self.fail(span.start, Fault::Unsupported, "a tag is not supported yet");
            }
            None => {}
        }
        if *style != Style::Plain {
            return match text.as_str() {
                // The reference writes a quoted `<<` as a merge key and cannot read it again.
                "<<" => self.fail(at, Fault::Unsupported, "a key called << in quotes"),
                _ => Ok(text.to_string()),
            };
        }
        match resolve(text) {
            Resolved::Value(Value::Str(_)) => Ok(text.to_string()),
            Resolved::Merge => self.fail(
                at,
                Fault::Unsupported,
                "a merge key (<<) is not supported yet",
            ),
            _ => self.fail(at, Fault::NotSealable, NOT_A_STRING),
        }
    }
}

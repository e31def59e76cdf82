//! Scalars and keys to typed values: tags, quotes, and what a plain scalar resolves to.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

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

/// Tags of YAML whose value must be of that type.
const TYPES: [&str; 5] = ["!!null", "!!bool", "!!int", "!!float", "!!timestamp"];

const WRONG_TAG: &str = "this tag does not fit what it stands before";
const TAG_MATTERS: &str =
    "this tag changes the type of the value; write the value so that it has that type";

impl Composer<'_> {
    pub(super) fn value(&self, raw: &Raw) -> Result<Typed, FormatError> {
        let Content::Scalar { style, text, block } = &raw.content else {
            return match &raw.tag {
                Some((tag, _)) if tag == "!!str" => Ok((Value::text(""), Style::Plain, None, None)),
                Some((tag, _)) if tag == "!!null" => Ok((Value::Null, Style::Plain, None, None)),
                Some((_, span)) => self.fail(span.start, Fault::Unsupported, TAG_MATTERS),
                None => Ok((Value::Null, Style::Plain, None, None)),
            };
        };
        let string = || Value::Str(SecretBytes::copy_of(text.as_bytes()));
        let at = raw.span.start;
        let untagged = if *style == Style::Plain {
            resolve(text)
        } else {
            Resolved::Value(string())
        };
        let (value, tag) = match (&raw.tag, untagged) {
            // `<<` comes back with a tag of its own.
            (Some((tag, span)), Resolved::Merge) if tag == "!!str" => {
                (string(), Some(span.clone()))
            }
            (Some((tag, _)), _) if tag == "!!str" => (string(), None),
            // The reference writes the string `<<` so.
            (Some((tag, span)), _) if tag == "!!merge" && text.as_str() == "<<" => {
                (string(), Some(span.clone()))
            }
            (Some((tag, span)), _) if tag == "!!binary" => {
                (self.binary(text, at)?, Some(span.clone()))
            }
            (_, Resolved::OddZone) => {
                let reason = "a time zone that is none; put it in quotes";
                return self.fail(at, Fault::NotSealable, reason);
            }
            (Some((_, span)), Resolved::TooLarge | Resolved::Merge) => {
                return self.fail(span.start, Fault::Unsupported, TAG_MATTERS);
            }
            (None, Resolved::TooLarge) => {
                let reason = "an integer beyond 64 bits with sign; put it in quotes";
                return self.fail(at, Fault::NotSealable, reason);
            }
            (None, Resolved::Merge) => (string(), None),
            (None, Resolved::Value(value)) => (value, None),
            (Some((tag, span)), Resolved::Value(value)) => {
                // A token behind such a tag would not be of its type.
                let goes = TYPES.contains(&tag.as_str()).then(|| span.clone());
                (self.tagged(value, tag, span)?, goes)
            }
        };
        Ok((value, *style, block.clone(), tag))
    }

    /// A value whose tag says nothing else than its text does.
    fn tagged(&self, value: Value, tag: &str, span: &Range<usize>) -> Result<Value, FormatError> {
        let own = match value {
            Value::Null => "!!null",
            Value::Bool(_) => "!!bool",
            Value::Int(_) => "!!int",
            Value::Float(_) => "!!float",
            Value::Time(_) => "!!timestamp",
            Value::Str(_) => "!!str",
        };
        if TYPES.contains(&tag) {
            return if own == tag {
                Ok(value)
            } else {
                self.fail(span.start, Fault::Unsupported, TAG_MATTERS)
            };
        }
        match (tag, own) {
            ("!!map" | "!!seq" | "!!set" | "!!omap" | "!!pairs" | "!!merge", _) => {
                self.fail(span.start, Fault::Unsupported, WRONG_TAG)
            }
            // The reference takes what has a tag that it does not know for a string.
            (_, "!!str") => Ok(value),
            _ => self.fail(span.start, Fault::Unsupported, TAG_MATTERS),
        }
    }

    /// Refuses a tag of a map or a list that is one of other things.
    pub(super) fn tag_of_collection(&self, raw: &Raw) -> Result<(), FormatError> {
        let fitting: &[&str] = match &raw.content {
            Content::Map { .. } => &["!!map", "!!set"],
            Content::List { .. } => &["!!seq", "!!omap", "!!pairs"],
            Content::Scalar { .. } | Content::Absent | Content::Alias { .. } => return Ok(()),
        };
        match &raw.tag {
            Some((tag, span)) if tag.starts_with("!!") && !fitting.contains(&tag.as_str()) => {
                self.fail(span.start, Fault::Unsupported, WRONG_TAG)
            }
            _ => Ok(()),
        }
    }

    /// As the reference decodes it: line ends are left out, blanks are not.
    fn binary(&self, text: &str, at: usize) -> Result<Value, FormatError> {
        let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let engine = GeneralPurpose::new(&STANDARD, config);
        let packed: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect());
        match engine.decode(packed.as_bytes()) {
            Ok(bytes) => Ok(Value::Str(SecretBytes::new(bytes))),
            Err(_) => self.fail(at, Fault::Syntax, "!!binary holds no base64"),
        }
    }

    pub(super) fn key(&self, raw: &Raw) -> Result<String, FormatError> {
        let at = raw.span.start;
        let Content::Scalar { style, text, .. } = &raw.content else {
            return match raw.content {
                Content::Absent => self.fail(at, Fault::NotSealable, NOT_A_STRING),
                Content::Alias { .. } => {
                    let reason = "an alias (*name) cannot be a key here; write the key out";
                    self.fail(at, Fault::Unsupported, reason)
                }
                _ => self.fail(at, Fault::Syntax, "a collection cannot be a key"),
            };
        };
        let is_string = *style != Style::Plain
            || matches!(
                resolve(text),
                Resolved::Value(Value::Str(_)) | Resolved::Merge
            );
        match &raw.tag {
            Some((tag, _)) if tag == "!!str" => Ok(text.to_string()),
            Some((tag, _)) if tag == "!!merge" && text.as_str() == "<<" => Ok(text.to_string()),
            Some((tag, span)) if !is_string || tag.starts_with("!!") => {
                self.fail(span.start, Fault::Unsupported, TAG_MATTERS)
            }
            _ if is_string => Ok(text.to_string()),
            _ => self.fail(at, Fault::NotSealable, NOT_A_STRING),
        }
    }
}

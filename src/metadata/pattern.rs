//! Patterns: which paths a creation rule covers, which keys a selection rule seals.
//!
//! The format means Go's RE2 dialect, and a pattern read differently leaves a value in clear. So a
//! pattern is parsed here exactly as Go parses it and handed to the `regex` crate with nothing left
//! to interpret: every literal as a code point, every class as ranges, every flag around its atom.
//! The surprise: greediness is dropped, because only whether there is a match is ever asked.

mod class;
mod cursor;
mod names;

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use cursor::Cursor;

/// A compiled pattern of the format; matches anywhere in a text.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// A pattern that cannot be used. Patterns are public, so the text may be quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is no pattern, in the reference's dialect too.
    #[error("the pattern '{pattern}' is invalid: {reason} (at character {position})")]
    Invalid {
        /// The whole pattern.
        pattern: String,
        /// What is wrong.
        reason: &'static str,
        /// Characters before the fault.
        position: usize,
    },
    /// The reference may know it; here it is refused, because a wrong match would be worse.
    #[error("the pattern '{pattern}' uses {what}, which is not supported")]
    Unsupported {
        /// The whole pattern.
        pattern: String,
        /// What it uses.
        what: &'static str,
    },
}

/// What went wrong inside, before the whole pattern is named.
#[derive(Debug)]
enum Fault {
    Invalid(&'static str),
    Unsupported(&'static str),
}

impl Pattern {
    /// Translates and compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let mut cursor = Cursor::new(pattern);
        let translated = Translator::default()
            .run(&mut cursor)
            .map_err(|fault| match fault {
                Fault::Invalid(reason) => PatternError::Invalid {
                    pattern: pattern.to_owned(),
                    reason,
                    position: cursor.position(),
                },
                Fault::Unsupported(what) => PatternError::Unsupported {
                    pattern: pattern.to_owned(),
                    what,
                },
            })?;
        let regex = RegexBuilder::new(&translated)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_err(|_| PatternError::Unsupported {
                pattern: pattern.to_owned(),
                what: "too large a repetition, or a construct without an equivalent",
            })?;
        Ok(Self {
            source: pattern.to_owned(),
            regex,
        })
    }

    /// Whether it matches anywhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

/// Flags that change what an atom means; `U` (greediness) changes no verdict.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    folds_case: bool,
    many_lines: bool,
    dot_takes_newline: bool,
}

/// One thing that a repetition can follow.
#[derive(Debug)]
struct Atom {
    text: String,
    /// The largest product of nested counts in it; Go refuses more than 1000.
    weight: u32,
}

/// An open group: what was there before it, and what it holds so far.
#[derive(Debug, Default)]
struct Group {
    /// Flags to restore when it closes.
    outer: Flags,
    /// Alternatives that are complete.
    branches: Vec<Vec<Atom>>,
    current: Vec<Atom>,
}

#[derive(Debug, Default)]
struct Translator {
    flags: Flags,
    open: Vec<Group>,
    group: Group,
}

impl Translator {
    fn run(mut self, cursor: &mut Cursor<'_>) -> Result<String, Fault> {
        let mut after_repetition = false;
        while let Some(next) = cursor.peek() {
            let mut is_repetition = false;
            match next {
                '(' if cursor.rest().starts_with("(?") => self.question(cursor)?,
                '(' => {
                    cursor.next();
                    self.open_group(self.flags)?;
                }
                '|' => {
                    cursor.next();
                    let branch = std::mem::take(&mut self.group.current);
                    self.group.branches.push(branch);
                }
                ')' => {
                    self.close_group()?;
                    cursor.next();
                }
                '^' | '$' | '.' => {
                    cursor.next();
                    let text = self.meta(next);
                    self.push(text);
                }
                '[' => {
                    let text = class::bracketed(cursor, self.flags.folds_case)?;
                    self.push(text);
                }
                '*' | '+' | '?' => {
                    self.repeat(cursor, after_repetition, 1, |cursor| {
                        cursor.next();
                        next.to_string()
                    })?;
                    is_repetition = true;
                }
                '{' => is_repetition = self.counted(cursor, after_repetition)?,
                '\\' => self.escape(cursor)?,
                literal => {
                    cursor.next();
                    self.literal(literal)?;
                }
            }
            after_repetition = is_repetition;
        }
        if !self.open.is_empty() {
            return Err(Fault::Invalid("a group is not closed"));
        }
        Ok(join(&self.group).text)
    }

    fn push(&mut self, text: String) {
        self.group.current.push(Atom { text, weight: 1 });
    }

    fn literal(&mut self, literal: char) -> Result<(), Fault> {
        self.code_point(u32::from(literal))
    }

    fn code_point(&mut self, code: u32) -> Result<(), Fault> {
        let mut text = class::code_point(code)?;
        if self.flags.folds_case {
            text = format!("(?i:{text})");
        }
        self.push(text);
        Ok(())
    }

    fn meta(&self, meta: char) -> String {
        match (meta, self.flags) {
            ('^', flags) if flags.many_lines => "(?m:^)",
            ('^', _) => "\\A",
            ('$', flags) if flags.many_lines => "(?m:$)",
            ('$', _) => "\\z",
            (_, flags) if flags.dot_takes_newline => "(?s:.)",
            _ => "[^\\n]",
        }
        .to_owned()
    }

    /// `\…` outside a class.
    fn escape(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let assertion = match cursor.rest().get(1..2) {
            Some("A") => "\\A",
            Some("z") => "\\z",
            Some("b") => "(?-u:\\b)",
            Some("B") => "(?-u:\\B)",
            Some("C") => return Err(Fault::Invalid("'\\C' is not supported")),
            Some("Q") => {
                cursor.skip(2);
                while let Some(next) = cursor.peek() {
                    if cursor.eat("\\E") {
                        break;
                    }
                    cursor.next();
                    self.literal(next)?;
                }
                return Ok(());
            }
            _ => "",
        };
        if !assertion.is_empty() {
            cursor.skip(2);
            self.push(assertion.to_owned());
        } else if let Some(set) = class::escaped_set(cursor)? {
            let flag = if self.flags.folds_case { "i" } else { "" };
            self.push(format!("(?{flag}:{set})"));
        } else {
            let code = class::escaped_character(cursor)?;
            self.code_point(code)?;
        }
        Ok(())
    }

    /// `{n}`, `{n,}` and `{n,m}`; anything else that begins with `{` is that character.
    fn counted(&mut self, cursor: &mut Cursor<'_>, stacked: bool) -> Result<bool, Fault> {
        let Some((count, length)) = Count::read(cursor.rest()) else {
            cursor.next();
            self.literal('{')?;
            return Ok(false);
        };
        let Some((min, max)) = count.bounds() else {
            return Err(Fault::Invalid(
                "a repetition count is above 1000 or upside down",
            ));
        };
        let factor = match max {
            // What may not occur at all weighs nothing, whatever is in it.
            Some(0) => 0,
            Some(max) => max,
            None => min.max(1),
        };
        self.repeat(cursor, stacked, factor, |cursor| {
            cursor.skip(length);
            match max {
                Some(max) => format!("{{{min},{max}}}"),
                None => format!("{{{min},}}"),
            }
        })?;
        Ok(true)
    }

    fn repeat(
        &mut self,
        cursor: &mut Cursor<'_>,
        stacked: bool,
        factor: u32,
        operator: impl FnOnce(&mut Cursor<'_>) -> String,
    ) -> Result<(), Fault> {
        if stacked {
            return Err(Fault::Invalid("a repetition follows a repetition"));
        }
        let Some(atom) = self.group.current.last_mut() else {
            return Err(Fault::Invalid("there is nothing to repeat"));
        };
        let operator = operator(cursor);
        cursor.eat("?");
        let weight = atom.weight.saturating_mul(factor);
        if factor >= 2 && weight > 1000 {
            return Err(Fault::Invalid(
                "nested repetitions multiply to more than 1000",
            ));
        }
        atom.weight = weight.max(1);
        atom.text = format!("(?:{}){operator}", atom.text);
        Ok(())
    }

    /// `(?…`: named groups, flags, groups without a capture.
    fn question(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        for opening in ["(?P<", "(?<"] {
            if cursor.rest().len() > opening.len() && cursor.eat(opening) {
                let name = cursor.until('>');
                return match name {
                    Some(name) if is_group_name(name) => self.open_group(self.flags),
                    _ => Err(Fault::Invalid("a group name is malformed")),
                };
            }
        }
        cursor.skip(2);
        let mut flags = self.flags;
        let mut on = true;
        let mut saw_flag = true;
        while let Some(next) = cursor.next() {
            match next {
                'i' => flags.folds_case = on,
                'm' => flags.many_lines = on,
                's' => flags.dot_takes_newline = on,
                'U' => {}
                '-' if on => {
                    on = false;
                    saw_flag = false;
                    continue;
                }
                ':' | ')' if saw_flag => {
                    if next == ':' {
                        self.open_group(self.flags)?;
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            saw_flag = true;
        }
        Err(Fault::Invalid("'(?' is not followed by known flags"))
    }

    fn open_group(&mut self, outer: Flags) -> Result<(), Fault> {
        if self.open.len() >= NESTING_LIMIT {
            return Err(Fault::Unsupported("groups nested deeper than 200"));
        }
        let group = Group {
            outer,
            ..Group::default()
        };
        self.open.push(std::mem::replace(&mut self.group, group));
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), Fault> {
        let Some(outer) = self.open.pop() else {
            return Err(Fault::Invalid("')' closes no group"));
        };
        let group = std::mem::replace(&mut self.group, outer);
        self.flags = group.outer;
        let inner = join(&group);
        self.group.current.push(Atom {
            text: format!("(?:{})", inner.text),
            weight: inner.weight,
        });
        Ok(())
    }
}

/// A count as written; a number above 10^8 is only "too big".
struct Count {
    min: u32,
    max: Option<u32>,
}

impl Count {
    fn read(text: &str) -> Option<(Self, usize)> {
        let body = text.strip_prefix('{')?;
        let end = body.find('}')?;
        let inner = body.get(..end)?;
        let count = match inner.split_once(',') {
            None => {
                let min = number(inner)?;
                Self {
                    min,
                    max: Some(min),
                }
            }
            Some((min, "")) => Self {
                min: number(min)?,
                max: None,
            },
            Some((min, max)) => Self {
                min: number(min)?,
                max: Some(number(max)?),
            },
        };
        Some((count, end + 2))
    }

    fn bounds(&self) -> Option<(u32, Option<u32>)> {
        let in_range =
            self.min <= 1000 && self.max.is_none_or(|max| max <= 1000 && self.min <= max);
        in_range.then_some((self.min, self.max))
    }
}

/// Decimal digits without a leading zero; beyond the range it stays "too big".
fn number(digits: &str) -> Option<u32> {
    let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

fn is_group_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
}

fn join(group: &Group) -> Atom {
    let mut text = String::new();
    let mut weight = 1;
    for (position, branch) in group.branches.iter().chain([&group.current]).enumerate() {
        if position > 0 {
            text.push('|');
        }
        for atom in branch {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", atom.text);
            weight = weight.max(atom.weight);
        }
    }
    Atom { text, weight }
}

/// Bytes of a compiled pattern, which each key is held against; far above any sensible rule.
const SIZE_LIMIT: usize = 1 << 20;

/// Groups in groups; the compiler's own limit is a little higher.
const NESTING_LIMIT: usize = 200;

#[cfg(test)]
mod tests;

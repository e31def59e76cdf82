//! The one error that leaves the library: what could not be done, to which subject, why, and what
//! to do next.
//!
//! Modules have enums of their own; they convert into this at the library's edge. Nothing dynamic
//! in a message comes from cleartext, and the text of a server is never relayed (it can quote a
//! request, and a request can hold values).

mod shown;

use std::fmt::{self, Write};

pub use shown::{shown, shown_json};

/// Why a command failed, as scripts see it: the exit status.
///
/// The numbers of [`Code::Token`], [`Code::Mac`], [`Code::NoDataKey`] and the others that have a
/// meaning in the reference tool are the reference's (getsops 3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// Generic failure; also usage of commands that the reference has (1).
    Failed,
    /// The input cannot be read or parsed; of `hook`, `scan`, `check`: could not judge (2).
    Input,
    /// The output cannot be opened (3).
    Output,
    /// The tree cannot be written in the output format; of `sync`: refused (4).
    Unrepresentable,
    /// A malformed encryption context (6).
    Context,
    /// A path or value of `set` is malformed (7).
    SetValue,
    /// Parameters that exclude one another (8).
    Conflict,
    /// The tree cannot be encrypted, for example because of a key that is no string (23).
    Encrypt,
    /// A token does not open (25).
    Token,
    /// The MAC is wrong, missing or does not open (51).
    Mac,
    /// `--extract` has a malformed path (91).
    ExtractPath,
    /// No document in the input (92).
    Empty,
    /// No such file, or none given (100).
    NoFile,
    /// No data key could be unwrapped (128).
    NoDataKey,
    /// Nothing was changed (200).
    Unchanged,
    /// Already sealed (203).
    AlreadySealed,
    /// A status of another table (`sync`, `hook`), as it is.
    Other(u8),
}

impl Code {
    /// The process exit status.
    pub fn status(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Input => 2,
            Self::Output => 3,
            Self::Unrepresentable => 4,
            Self::Context => 6,
            Self::SetValue => 7,
            Self::Conflict => 8,
            Self::Encrypt => 23,
            Self::Token => 25,
            Self::Mac => 51,
            Self::ExtractPath => 91,
            Self::Empty => 92,
            Self::NoFile => 100,
            Self::NoDataKey => 128,
            Self::Unchanged => 200,
            Self::AlreadySealed => 203,
            Self::Other(status) => status,
        }
    }
}

/// What went wrong, in the words that a person reads.
///
/// Printed as: first line what could not be done and to which file; then `details`, one reason a
/// line; last the hints, each an order that can be pasted.
#[derive(Debug)]
pub struct Error {
    /// The exit status.
    pub code: Code,
    /// What could not be done, lower case, without a full stop.
    pub message: String,
    /// Why, one line each.
    pub details: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
}

/// What library calls at the edge return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// An invariant that a type cannot carry did not hold.
    pub fn internal(what: impl fmt::Display) -> Self {
        Self::new(Code::Failed, format!("internal error: {what}"))
            .hint("please report this, with the command that you ran and without any secret")
    }

    /// Adds one reason.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// What is printed, line by line; a name in it cannot begin another line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let message = std::iter::once(shown(&self.message).into_owned());
        let details = self.details.iter().map(|line| format!("  {line}"));
        let hints = self.hints.iter().map(|line| format!("hint: {line}"));
        message.chain(details.chain(hints).map(|line| shown(&line).into_owned()))
    }

    /// All of it but the next steps in one line, for a place that has no more.
    pub fn in_one_line(&self) -> String {
        let mut line = self.message.clone();
        for (at, detail) in self.details.iter().enumerate() {
            line.push_str(if at == 0 { ": " } else { "; " });
            line.push_str(detail);
        }
        line
    }

    /// Adds one next step.
    #[must_use]
    pub fn hint(mut self, line: impl Into<String>) -> Self {
        self.hints.push(line.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.lines();
        f.write_str(&lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl std::error::Error for Error {}

/// A word for the shell: what a hint says has to be right when it is pasted.
pub fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty()
        && !word.starts_with('-')
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@%:,".contains(&byte));
    if is_plain {
        return word.to_owned();
    }
    if word.contains(shown::is_hidden) {
        return spelled_out(word);
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A word with what cannot be seen in it, as bash, zsh, ksh and POSIX of 2024 read it.
fn spelled_out(word: &str) -> String {
    let mut text = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c if shown::is_hidden(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(text, "\\{byte:03o}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

/// The candidate that a mistyped word was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Insertions, removals and replacements between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, (other, window)) in b.iter().zip(row.windows(2)).enumerate() {
            let (Some(diagonal), Some(above)) = (window.first(), window.get(1)) else {
                continue;
            };
            let left = next.get(j).copied().unwrap_or(usize::MAX - 1);
            let replaced = diagonal + usize::from(letter != *other);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_the_shell() {
        assert_eq!(quoted("a/b-c.yaml"), "a/b-c.yaml");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(x)"), "'it'\\''s $(x)'");
        assert_eq!(quoted("a\n'b\u{202e}\\"), r"$'a\n\'b\342\200\256\\'");
    }

    #[test]
    fn no_part_of_an_error_begins_a_line_of_its_own() {
        let error = Error::new(Code::Failed, "a\n::b")
            .detail("c\nd")
            .hint("e\nf");
        assert_eq!(error.to_string(), "a\\n::b\n  c\\nd\nhint: e\\nf");
        assert_eq!(error.in_one_line(), "a\n::b: c\nd");
    }

    #[test]
    fn the_distance_counts_single_changes() {
        assert_eq!(distance("sealed", "sealed"), 0);
        assert_eq!(distance("seald", "sealed"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = || ["sealed", "clear", "targets"].into_iter();
        assert_eq!(nearest("seald", known()), Some("sealed".to_owned()));
        assert_eq!(nearest("target", known()), Some("targets".to_owned()));
        assert_eq!(nearest("recipients", known()), None);
    }
}

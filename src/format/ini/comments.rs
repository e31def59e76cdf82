//! Comments: the lines above a key or a section and what stands behind it on its line are one comment
//! for the reference, which sees of several tokens only the first.
//!
//! So the token of all of them stands where the first line does. Each other line leaves a blank in its
//! place, and a comment behind a key two of them, so that each finds its way back. Where these places
//! are gone, the lines stand together.

use std::ops::Range;

use zeroize::Zeroizing;

use super::value::{line_end, slice};

/// The comment lines above something and the comment behind it.
#[derive(Debug, Default, Clone)]
pub(super) struct Unit {
    pub(super) lines: Vec<Line>,
    /// From its mark on, to its last character.
    pub(super) inline: Option<Range<usize>>,
}

/// A comment line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Line end included.
    pub(super) whole: Range<usize>,
    /// From the mark to the line end.
    pub(super) content: Range<usize>,
}

/// What a comment belongs to.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    /// Where its first line begins.
    pub(super) start: usize,
    /// What stands behind it on its last line, line end left out.
    pub(super) behind: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key with a value that a token may follow.
    Open,
    /// A section, whose name would go up to the token's bracket; or a key whose quotes stand on one
    /// line when its value is sealed, behind which the reference sees nothing.
    Closed,
    /// The end of the text.
    End,
}

/// New text of a range.
pub(super) type Cut = (Range<usize>, Zeroizing<String>);

impl Line {
    pub(super) fn new(text: &str, from: usize, mark: usize, end: usize) -> Self {
        Self {
            whole: from..end,
            content: mark..content_end(text, mark..end),
        }
    }
}

impl Owner {
    /// Whether a comment that stood behind it has left its place: two blanks.
    fn has_place(&self, text: &str) -> bool {
        let before = slice(text, 0..self.behind.end).strip_suffix(' ');
        self.kind != Kind::End && before.is_some_and(|before| before.ends_with([' ', '\t']))
    }
}

/// Where a line's content ends.
pub(super) fn content_end(text: &str, line: Range<usize>) -> usize {
    let content = slice(text, line.clone());
    let content = content.strip_suffix('\n').unwrap_or(content);
    line.start + content.strip_suffix('\r').unwrap_or(content).len()
}

/// Where the words of a comment begin: the reference cuts its mark, and more of that and blanks.
fn words(text: &str, comment: Range<usize>) -> Range<usize> {
    let content = slice(text, comment.clone());
    let mark = content.chars().next().unwrap_or(';');
    let rest = content.trim_start_matches([mark, ' ']);
    let start = comment.end - rest.len();
    let end = comment.start + content.trim_end().len();
    start.min(end)..end
}

impl Unit {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.inline.is_none()
    }

    /// Where it begins.
    pub(super) fn start(&self) -> usize {
        let first = self.lines.first().map(|line| line.content.start);
        first
            .or(self.inline.as_ref().map(|inline| inline.start))
            .unwrap_or_default()
    }

    fn has_parts(&self) -> bool {
        self.lines.len() + usize::from(self.inline.is_some()) > 1
    }

    /// Units of one part each, if a part of it is a token by itself.
    pub(super) fn parted(self, text: &str) -> Vec<Self> {
        let parts = self.lines.iter().map(|line| &line.content);
        let mut parts = parts.chain(&self.inline);
        let is_token =
            |part: &Range<usize>| slice(text, words(text, part.clone())).starts_with(TOKEN);
        if !self.has_parts() || !parts.any(is_token) {
            return vec![self];
        }
        let lines = self.lines.into_iter().map(|line| Self {
            lines: vec![line],
            inline: None,
        });
        let inline = self.inline.into_iter().map(|inline| Self {
            lines: Vec::new(),
            inline: Some(inline),
        });
        lines.chain(inline).collect()
    }

    /// Whether its first line has no words. The reference stops at writing such a comment.
    pub(super) fn is_boxed(&self, text: &str) -> bool {
        let first = self.lines.first();
        self.has_parts() && first.is_some_and(|line| words(text, line.content.clone()).is_empty())
    }

    /// The comment, as the reference has it; one whose first line has no words keeps its marks.
    pub(super) fn text(&self, text: &str) -> Zeroizing<String> {
        let mut whole = Zeroizing::new(String::new());
        for line in &self.lines {
            whole.push_str(slice(text, line.content.start..line.whole.end));
        }
        if let Some(inline) = &self.inline {
            whole.push_str(slice(text, inline.clone()));
        }
        let length = whole.trim_end().len();
        whole.truncate(length);
        if self.is_boxed(text) {
            return whole;
        }
        let words = words(&whole, 0..length);
        Zeroizing::new(slice(&whole, words).to_owned())
    }

    /// Puts the token of all of it where its first part stands.
    pub(super) fn seal(&self, text: &str, owner: &Owner, token: &str) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut cut = |range: Range<usize>, new: String| cuts.push((range, Zeroizing::new(new)));
        // Blanks there would say that the comment stood there.
        let blanks = owner.has_place(text).then(|| {
            let behind = slice(text, owner.behind.clone());
            owner.behind.start + behind.trim_end().len()..owner.behind.end
        });
        let Some((first, others)) = self.lines.split_first() else {
            let Some(inline) = self.inline.clone() else {
                return cuts;
            };
            let words = words(text, inline.clone());
            if owner.kind != Kind::Closed {
                cut(words, token.to_owned());
                return cuts;
            }
            let indent = indent(text, owner.start);
            let mark = slice(text, inline.start..words.start);
            let end = end_of_line(text);
            cut(
                owner.start..owner.start,
                format!("{indent}{mark}{token}{end}"),
            );
            cut(inline.start..owner.behind.end, " ".to_owned());
            return cuts;
        };
        if self.is_boxed(text) {
            let mark = slice(text, first.content.start..first.content.start + 1);
            cut(first.content.clone(), format!("{mark} {token}"));
        } else if self.has_parts() {
            let words = words(text, first.content.clone());
            cut(words.start..first.content.end, token.to_owned());
        } else {
            cut(words(text, first.content.clone()), token.to_owned());
            if let (Kind::Closed, Some(blanks)) = (owner.kind, blanks) {
                cut(blanks, String::new());
            }
            return cuts;
        }
        for line in others {
            cut(line.content.clone(), " ".to_owned());
        }
        for line in blank_lines(text, first.whole.end..owner.start) {
            let content = slice(text, line.clone());
            cut(
                line.start + content.trim_end_matches(' ').len()..line.end,
                String::new(),
            );
        }
        match (&self.inline, blanks) {
            (Some(inline), _) => cut(inline.start..owner.behind.end, " ".to_owned()),
            (None, Some(blanks)) => cut(blanks, String::new()),
            (None, None) => {}
        }
        cuts
    }

    /// Puts the comment where its token and the places that it left are.
    pub(super) fn open(&self, text: &str, owner: &Owner, comment: &str) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut cut = |range: Range<usize>, new: String| cuts.push((range, Zeroizing::new(new)));
        let line_of = |line: &str| line.strip_suffix('\r').unwrap_or(line).to_owned();
        let (first, others) = comment.split_once('\n').unwrap_or((comment, ""));
        let first = line_of(first);
        let mut others: Vec<String> = others.split('\n').map(line_of).collect();
        if !comment.contains('\n') {
            others.clear();
        }
        let Some(token) = self.lines.first() else {
            if let Some(inline) = self.inline.clone() {
                cut(words(text, inline), first);
                let lines = others
                    .iter()
                    .map(|line| whole_line(text, owner.start, line));
                cut(owner.start..owner.start, lines.collect());
            }
            return cuts;
        };
        let words = words(text, token.content.clone());
        let mark = slice(text, token.content.start..words.start);
        // No comment of the reference begins so.
        let keeps_marks = mark
            .chars()
            .next()
            .is_some_and(|mark| first.starts_with(mark));
        let (place, prefix) = if keeps_marks {
            (token.content.start..words.end, "")
        } else {
            (words, mark)
        };
        let has_place = owner.has_place(text);
        let at_end = owner.behind.end.saturating_sub(1)..owner.behind.end;
        if others.is_empty() && has_place && owner.kind == Kind::Closed {
            cut(token.whole.clone(), String::new());
            cut(at_end, format!("{prefix}{first}"));
            return cuts;
        }
        cut(place, first);
        let lefts: Vec<Range<usize>> = blank_lines(text, token.whole.end..owner.start)
            .filter(|line| slice(text, line.clone()).ends_with(' '))
            .collect();
        if has_place && others.len() == lefts.len() + 1 {
            let last = others.pop().unwrap_or_default();
            cut(at_end, last);
        }
        if others.len() == lefts.len() {
            for (line, left) in others.into_iter().zip(lefts) {
                cut(left.end - 1..left.end, line);
            }
        } else {
            let at = token.whole.end;
            let lines = others
                .iter()
                .map(|line| whole_line(text, token.whole.start, line));
            cut(at..at, lines.collect());
        }
        cuts
    }
}

const TOKEN: &str = "ENC[AES256_GCM,";

/// Lines with blanks only, line ends left out.
fn blank_lines(text: &str, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        while at < range.end {
            let from = at;
            at = line_end(text, from);
            let end = content_end(text, from..at);
            if end > from && slice(text, from..end).trim().is_empty() {
                return Some(from..end);
            }
        }
        None
    })
}

/// A comment line that is indented as the line at a byte.
fn whole_line(text: &str, at: usize, line: &str) -> String {
    let mark = if line.trim_start().starts_with(['#', ';']) {
        ""
    } else {
        "; "
    };
    let (indent, end) = (indent(text, at), end_of_line(text));
    format!("{indent}{mark}{line}{end}")
}

/// The blanks at the beginning of a line.
fn indent(text: &str, at: usize) -> &str {
    let line = slice(text, at..text.len());
    let length = line.len() - line.trim_start_matches([' ', '\t']).len();
    slice(line, 0..length)
}

/// The line end of a text.
pub(super) fn end_of_line(text: &str) -> &'static str {
    let first = slice(text, 0..line_end(text, 0));
    if first.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    }
}

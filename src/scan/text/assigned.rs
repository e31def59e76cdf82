//! Values that have a name: `name = value` in any of the ways that people write it.
//!
//! Begins at a word that names secrets, takes the whole name around it, and looks for the value
//! behind it, on the next lines, or in the field beside it (`name: X` / `value: Y`).

mod blocks;

use std::ops::Range;

use super::literal::{Bare, Literal};
use super::naming::{self, Kind};
use super::{Dialect, Mark, Text};

/// Longer than this is no name.
const LONGEST_NAME: usize = 96;

/// How far back a line is read.
const NEAR: usize = 1024;

/// Names within one value that are looked at: `token=token=token=…` has no more to tell.
const NESTED: usize = 8;

/// A value and its name.
#[derive(Debug, Clone)]
pub(in crate::scan) struct Assigned<'a> {
    /// The name as it is written.
    pub(in crate::scan) name: &'a [u8],
    /// What it promises.
    pub(in crate::scan) kind: Kind,
    /// How it got its value.
    pub(in crate::scan) manner: Manner,
    /// The value.
    pub(in crate::scan) value: Literal,
}

/// How a name gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) enum Manner {
    /// By a separator on the same line.
    Direct,
    /// By an option of a command line, or a word behind it.
    Option,
    /// In a field of a URL.
    Query,
    /// In a sentence.
    Prose,
    /// By the field `value` beside the field `name`.
    Pair,
    /// As the `default` of a Terraform variable.
    Default,
    /// On the lines below it.
    Below,
    /// Between tags.
    Tag,
}

/// All of them, in the order of the text; each value once.
pub(super) fn find<'a>(text: &Text<'a>) -> Vec<Assigned<'a>> {
    let mut found: Vec<Assigned<'a>> = Vec::new();
    let mut done = 0;
    let mut nested = 0;
    for at in text.marks(Mark::Noun) {
        if at < done {
            continue;
        }
        let name = text.name_around(at);
        done = name.end;
        let bytes = text.slice(name.clone());
        if text.is_of_digest(name.start) {
            continue;
        }
        let Some(kind) = naming::kind(bytes).or_else(|| text.kind_in_table(&name)) else {
            continue;
        };
        if naming::is_collection(bytes) {
            found.extend(text.members(&name));
        }
        if let Some((manner, value)) = text.value_of(&name) {
            let is_new = found
                .last()
                .is_none_or(|last| last.value.span != value.span);
            if is_new {
                let outer = found.last().map_or(0, |last| last.value.span.end);
                nested = if value.span.start < outer {
                    nested + 1
                } else {
                    0
                };
                if nested == NESTED {
                    done = done.max(outer);
                    nested = 0;
                }
                found.push(Assigned {
                    name: bytes,
                    kind,
                    manner,
                    value,
                });
            }
        }
    }
    found
}

impl Text<'_> {
    /// The whole name that a word is in.
    fn name_around(&self, at: usize) -> Range<usize> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let mut start = at;
        while start > 0 && at - start < LONGEST_NAME && self.at(start - 1).is_some_and(is_part) {
            start -= 1;
        }
        let mut end = at;
        while end - at < LONGEST_NAME && self.at(end).is_some_and(is_part) {
            end += 1;
        }
        // Two words, as people write it: `API key`, `private key`, `data key`.
        if self.at(end) == Some(b' ') {
            let next = self.slice(end + 1..end + 7).to_ascii_lowercase();
            for word in [&b"key"[..], b"phrase", b"token"] {
                let stops = next
                    .get(word.len())
                    .is_none_or(|byte| !byte.is_ascii_alphanumeric());
                if next.starts_with(word) && stops {
                    end += 1 + word.len();
                    break;
                }
            }
        }
        // What an option begins with, and a sentence ends with, belongs to no name.
        while start < end && self.at(start).is_some_and(|byte| b"-.".contains(&byte)) {
            start += 1;
        }
        while end > start && self.at(end - 1).is_some_and(|byte| b"-.".contains(&byte)) {
            end -= 1;
        }
        start..end
    }

    /// Whether it is the last part of `checksum/secret` or the like, which holds a digest.
    fn is_of_digest(&self, start: usize) -> bool {
        let before = self
            .slice(start.saturating_sub(16)..start)
            .to_ascii_lowercase();
        ["checksum/", "hash/", "digest/", "sha256/", "sha1/", "md5/"]
            .iter()
            .any(|word| before.ends_with(word.as_bytes()))
    }

    /// `Keystore` and `VRF` of the node's table of passwords.
    fn kind_in_table(&self, name: &Range<usize>) -> Option<Kind> {
        let word = self.slice(name.clone());
        let is_one = [
            &b"Keystore"[..],
            b"VRF",
            b"Password.Keystore",
            b"Password.VRF",
        ]
        .iter()
        .any(|own| word.eq_ignore_ascii_case(own));
        if !is_one {
            return None;
        }
        if word.len() > 8 {
            return Some(Kind::Password);
        }
        let number = self.line_at(name.start);
        let is_table = |number: usize| {
            let start = self.line(number).start;
            let line = self
                .slice(start..self.line(number).end.min(start + LONGEST_NAME))
                .trim_ascii();
            let line: Vec<u8> = line
                .iter()
                .filter(|byte| !byte.is_ascii_whitespace())
                .copied()
                .collect();
            line.eq_ignore_ascii_case(b"[Password]")
                || line.to_ascii_lowercase().starts_with(b"password={")
                || line.eq_ignore_ascii_case(b"password:")
        };
        (number.saturating_sub(6)..=number)
            .rev()
            .find(|number| is_table(*number))
            .map(|_| Kind::Password)
    }

    /// The value that a name gets.
    fn value_of(&self, name: &Range<usize>) -> Option<(Manner, Literal)> {
        let before = name.start.checked_sub(1).and_then(|at| self.at(at));
        // `?api_key=…` and `&token=…`
        if matches!(before, Some(b'?' | b'&')) && self.at(name.end) == Some(b'=') {
            return self
                .literal(name.end + 1, Bare::Query)
                .map(|value| (Manner::Query, value));
        }
        if let Some(found) = self.beside(name) {
            return Some((Manner::Pair, found));
        }
        if let Some(found) = self.argument(name) {
            return Some((Manner::Default, found));
        }
        let is_option = before == Some(b'-');
        // Behind the name: a closing quote or bracket, blanks, a type, a separator.
        let mut at = name.end;
        let mut is_closed = false;
        while let Some(byte) = self.at(at) {
            let is_escaped =
                byte == b'\\' && self.at(at + 1).is_some_and(|next| b"\"'".contains(&next));
            if is_escaped {
                at += 2;
            } else if b"\"'`])*".contains(&byte) {
                at += 1;
            } else {
                break;
            }
            is_closed = true;
        }
        if self.at(at) == Some(b'>') && before.is_some_and(|byte| b"</".contains(&byte)) {
            let value = self.literal(at + 1, Bare::Word)?;
            return (before == Some(b'<')).then_some((Manner::Tag, value));
        }
        let blanks = self.blanks(at);
        let separator = self.slice(at + blanks..at + blanks + 3);
        match separator {
            [b':', b'=', ..] | [b'=', b'>', ..] => {
                return self
                    .literal(at + blanks + 2, Bare::Never)
                    .map(|value| (Manner::Direct, value));
            }
            [b'=', b'=' | b'~', ..] | [b':', b':', ..] => return None,
            [b'=', ..] => {
                let bare = self.bare_behind(name, blanks > 0);
                return self
                    .literal(at + blanks + 1, bare)
                    .map(|value| (Manner::Direct, value));
            }
            [b':', ..] => return self.behind_colon(name, at + blanks + 1),
            [b'|', ..] if self.dialect() == Dialect::Prose => {
                // The next cell of a table.
                let cell = at + blanks + 1;
                return self
                    .literal(cell + self.blanks(cell), Bare::Word)
                    .map(|value| (Manner::Prose, value));
            }
            [b',', ..] if is_closed => {
                // `set("password", "x")`
                return self
                    .literal(at + blanks + 1, Bare::Never)
                    .map(|value| (Manner::Direct, value));
            }
            _ => {}
        }
        if is_option && blanks > 0 {
            return self
                .literal(at + blanks, Bare::Word)
                .map(|value| (Manner::Option, value));
        }
        if blanks > 0 {
            return self.behind_blanks(at, blanks);
        }
        None
    }

    /// `password xyz` of `.netrc`, `is x` of a sentence, `: T = "x"` has been seen to already.
    fn behind_blanks(&self, at: usize, blanks: usize) -> Option<(Manner, Literal)> {
        let start = at + blanks;
        let rest = self.slice(start..start + 24);
        for word in [&b"is "[..], b"was ", b"is: ", b"are "] {
            if rest.to_ascii_lowercase().starts_with(word) {
                let value = self.literal(start + word.len(), Bare::Word)?;
                return Some((Manner::Prose, value));
            }
        }
        // `apiKey string = "x"`
        for kind in [&b"string"[..], b"str", b"String"] {
            if rest.starts_with(kind) {
                let at = start + kind.len();
                let more = self.blanks(at);
                if self.at(at + more) == Some(b'=') && self.at(at + more + 1) != Some(b'=') {
                    return self
                        .literal(at + more + 1, Bare::Never)
                        .map(|value| (Manner::Direct, value));
                }
            }
        }
        let is_named = self.path().ends_with("netrc") || self.dialect() == Dialect::Prose;
        let is_quote = rest.first().is_some_and(|byte| b"\"'`".contains(byte));
        if self.dialect() == Dialect::Shell
            || is_named && !is_quote && self.path().ends_with("netrc")
        {
            // `requirepass x`, `ENV PASSWORD x`, `password x`
            let line = self.line(self.line_at(at));
            let start_of_line = self
                .slice(line.start..at.min(line.start + NEAR))
                .trim_ascii_start()
                .to_ascii_lowercase();
            if self.path().ends_with("netrc") || start_of_line.starts_with(b"env ") {
                return self
                    .literal(start, Bare::Word)
                    .map(|value| (Manner::Option, value));
            }
        }
        if self.dialect() == Dialect::Pairs {
            // `requirepass x`: the name begins the line, and one word is all that follows.
            let line = self.line(self.line_at(at));
            let name = self
                .slice(line.start..at.min(line.start + NEAR))
                .trim_ascii_start();
            let value = self.slice(start..line.end.min(start + NEAR)).trim_ascii();
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
            let is_word = !value.iter().any(u8::is_ascii_whitespace);
            if name.iter().all(is_part) && is_word {
                return self
                    .literal(start, Bare::Word)
                    .map(|value| (Manner::Direct, value));
            }
        }
        if is_quote && self.dialect() == Dialect::Prose {
            return self
                .literal(start, Bare::Never)
                .map(|value| (Manner::Prose, value));
        }
        None
    }

    fn behind_colon(&self, name: &Range<usize>, at: usize) -> Option<(Manner, Literal)> {
        let line = self.line(self.line_at(at));
        let rest = self.slice(at..line.end.min(at + NEAR));
        let text = rest.trim_ascii();
        // `key: T = "x"`, a type between them.
        if let Some(equals) = text.iter().position(|byte| *byte == b'=')
            && text.get(..equals).is_some_and(is_type)
        {
            let offset = rest.len() - rest.trim_ascii_start().len() + equals + 1;
            return self
                .literal(at + offset, Bare::Never)
                .map(|value| (Manner::Direct, value));
        }
        let opens_block = text.first().is_some_and(|byte| b"|>".contains(byte)) && text.len() <= 3;
        if text.is_empty() || opens_block || text.starts_with(b"#") {
            return self.below(name).map(|value| (Manner::Below, value));
        }
        let is_flow = {
            // Not the whole line: one of megabytes may have a name at every few bytes.
            let before = self.slice(line.start.max(name.start.saturating_sub(NEAR))..name.start);
            let opens = memchr::memchr_iter(b'{', before).count();
            opens > memchr::memchr_iter(b'}', before).count()
        };
        let bare = match self.dialect() {
            dialect if !dialect.has_bare_values() => Bare::Never,
            _ if is_flow => Bare::Flow,
            Dialect::Yaml => Bare::Line,
            // A header in a command or a sentence: what follows is one word.
            _ => Bare::Word,
        };
        self.literal(at, bare).map(|value| (Manner::Direct, value))
    }

    fn bare_behind(&self, name: &Range<usize>, is_spaced: bool) -> Bare {
        let line = self.line(self.line_at(name.start));
        let before = self.slice(line.start..name.start).trim_ascii();
        match self.dialect() {
            Dialect::Pairs if before.is_empty() || before == b"export" => Bare::Line,
            // `"host=h password=x dbname=d"`: a string that is a connection.
            Dialect::Code if !is_spaced && is_connection(before) => Bare::Word,
            Dialect::Code | Dialect::Hcl | Dialect::Toml => Bare::Never,
            // `a = b` with blanks is a statement or a sentence.
            Dialect::Shell if is_spaced => Bare::Never,
            _ if is_spaced && self.dialect() == Dialect::Pairs => Bare::Line,
            _ => Bare::Word,
        }
    }

    /// How many blanks stand there.
    pub(super) fn blanks(&self, at: usize) -> usize {
        self.slice(at..at + 40)
            .iter()
            .take_while(|byte| **byte == b' ' || **byte == b'\t')
            .count()
    }

    /// How far a line is indented.
    pub(in crate::scan) fn depth(&self, number: usize) -> usize {
        let line = self.line(number);
        self.blanks(line.start)
    }
}

/// Whether what stands before a password names the other fields of a connection.
fn is_connection(before: &[u8]) -> bool {
    let near = before
        .get(before.len().saturating_sub(400)..)
        .unwrap_or_default();
    let near = near.to_ascii_lowercase();
    [
        "host=",
        "server=",
        "dbname=",
        "user=",
        "data source=",
        "user id=",
        "uid=",
    ]
    .iter()
    .any(|field| memchr::memmem::find(&near, field.as_bytes()).is_some())
}

/// `string`, `&str`, `Option<String>`: what stands between a name and its value.
fn is_type(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    !text.is_empty()
        && text.len() < 40
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"&'<>_[]?*:| ".contains(byte))
        && text
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'&')
        && !text.contains(&b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<(String, String)> {
        let text = Text::new(path, text.as_bytes());
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text.assigned()
            .iter()
            .map(|found| (show(found.name), show(text.slice(found.value.span.clone()))))
            .collect()
    }

    #[track_caller]
    fn one(path: &str, text: &str, name: &str, value: &str) {
        assert_eq!(
            of(path, text),
            [(name.to_owned(), value.to_owned())],
            "{text}"
        );
    }

    #[test]
    fn a_name_gets_its_value_in_every_language() {
        one("a.yaml", "db_password: x1y2", "db_password", "x1y2");
        one("a.yaml", "  apiKey: 'x1y2' # c", "apiKey", "x1y2");
        one("a.yaml", "a: { apiKey: x1y2, b: c }", "apiKey", "x1y2");
        one(
            "a.json",
            "{\"apiKey\": \"x1y2\", \"b\": 1}",
            "apiKey",
            "x1y2",
        );
        one("a.env", "export API_KEY=x1y2 z", "API_KEY", "x1y2 z");
        one(
            "a.toml",
            "Password.Keystore = 'x1y2'",
            "Password.Keystore",
            "x1y2",
        );
        one("a.toml", "[Password]\nVRF = \"x1y2\"\n", "VRF", "x1y2");
        one("a.rs", "let api_key: &str = \"x1y2\";", "api_key", "x1y2");
        one("a.go", "apiKey := \"x1y2\"", "apiKey", "x1y2");
        one("a.go", "var apiKey string = \"x1y2\"", "apiKey", "x1y2");
        one("a.ts", "const apiKey: string = 'x1y2'", "apiKey", "x1y2");
        one(
            "a.py",
            "os.environ[\"API_KEY\"] = \"x1y2\"",
            "API_KEY",
            "x1y2",
        );
        one("a.rb", ":api_key => 'x1y2'", "api_key", "x1y2");
        one("a.js", "set('password', 'x1y2')", "password", "x1y2");
        one("a.sh", "run --password x1y2 --b", "password", "x1y2");
        one("a.sh", "run --password=x1y2 --b", "password", "x1y2");
        one("a.xml", "<password>x1y2</password>", "password", "x1y2");
        one("a.md", "The password is `x1y2`.", "password", "x1y2");
        one("a.md", "API key: `x1y2`", "API key", "x1y2");
        one(
            "a.ipynb",
            " \"api_key = \\\"x1y2\\\"\\n\",",
            "api_key",
            "x1y2",
        );
        one("a.txt", "https://a/b?api_key=x1y2&c=d", "api_key", "x1y2");
        one(
            "a.netrc",
            "machine a login b password x1y2",
            "password",
            "x1y2",
        );
    }

    #[test]
    fn a_name_gets_its_value_from_other_lines() {
        one(
            "a.yaml",
            "- name: API_KEY\n  value: x1y2\n",
            "API_KEY",
            "x1y2",
        );
        one(
            "a.json",
            "{\"name\":\"API_KEY\",\"value\":\"x1y2\"}",
            "API_KEY",
            "x1y2",
        );
        one(
            "a.tf",
            "variable \"db_password\" {\n  type = string\n  default = \"x1y2\"\n}\n",
            "db_password",
            "x1y2",
        );
        one(
            "a.tf",
            "variable \"db_password\" { default = \"x1y2\" }\n",
            "db_password",
            "x1y2",
        );
        one("a.yaml", "password: |\n  x1y2\n", "password", "x1y2");
        one("a.yaml", "password:\n  value: x1y2\n", "password", "x1y2");
        assert!(of("a.yaml", "password:\n  secretKeyRef:\n    name: x\n").is_empty());
        assert!(of("a.yaml", "password:\nnext: x1y2\n").is_empty());
        assert!(of("a.rs", "if password == \"x1y2\" {}").is_empty());
        assert!(of("a.rs", "let password = other;").is_empty());
    }
}

//! A file as text without a grammar: lines, the places where secrets are named, what stands there.
//!
//! The rules for credentials look here. It works on bytes, so that neither a NUL nor invalid UTF-8
//! hides anything, takes a bounded number of looks around each place, and copies no value. The
//! surprise: a secret is found from its *name* or its *form*, never from entropy alone.

mod assigned;
pub(super) mod chance;
pub(super) mod harmless;
mod literal;
mod marks;
pub(super) mod naming;
mod siblings;
mod trial;
mod vocabulary;
mod wide;

use std::cell::OnceCell;
use std::ops::Range;

use super::rules::Claim;

pub(super) use assigned::{Assigned, Manner};
pub(super) use marks::Mark;
pub(super) use wide::decoded;

/// What kind of text it is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// YAML, and what is like it.
    Yaml,
    /// JSON; notebooks and Terraform's state too.
    Json,
    /// `NAME=value` lines: dotenv, INI, properties.
    Pairs,
    /// TOML.
    Toml,
    /// Terraform.
    Hcl,
    /// Shell scripts, Dockerfiles, makefiles.
    Shell,
    /// Text for people.
    Prose,
    /// Program text: only what is in quotes is a value.
    Code,
    /// Anything else.
    Other,
}

/// A file's text, with what has been found in it.
#[derive(Debug)]
pub struct Text<'a> {
    path: &'a str,
    bytes: &'a [u8],
    dialect: Dialect,
    starts: OnceCell<Vec<usize>>,
    marks: OnceCell<Vec<(Mark, usize)>>,
    assigned: OnceCell<Vec<Assigned<'a>>>,
    claims: OnceCell<Vec<Option<Claim>>>,
}

impl<'a> Text<'a> {
    /// Looks at a file of this path.
    pub fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            path,
            bytes,
            dialect: Dialect::of(path, bytes),
            starts: OnceCell::new(),
            marks: OnceCell::new(),
            assigned: OnceCell::new(),
            claims: OnceCell::new(),
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn path(&self) -> &'a str {
        self.path
    }

    /// The bytes of a range, cut to the text.
    pub(super) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        let end = range.end.min(self.bytes.len());
        self.bytes
            .get(range.start.min(end)..end)
            .unwrap_or_default()
    }

    /// Where marks of a kind stand, in order.
    pub(super) fn marks(&self, kind: Mark) -> impl Iterator<Item = usize> + '_ {
        self.all_marks()
            .iter()
            .filter(move |(mark, _)| *mark == kind)
            .map(|(_, at)| *at)
    }

    pub(super) fn has(&self, kind: Mark) -> bool {
        self.marks(kind).next().is_some()
    }

    fn all_marks(&self) -> &[(Mark, usize)] {
        self.marks.get_or_init(|| marks::find(self.bytes))
    }

    /// Every value that has a name which says that it is secret.
    pub(super) fn assigned(&self) -> &[Assigned<'a>] {
        self.assigned.get_or_init(|| assigned::find(self))
    }

    /// What rules have made of these values, judged once.
    pub(super) fn judged(&self, judge: impl FnOnce() -> Vec<Option<Claim>>) -> &[Option<Claim>] {
        self.claims.get_or_init(judge)
    }

    fn starts(&self) -> &[usize] {
        self.starts.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', self.bytes);
            std::iter::once(0).chain(ends.map(|at| at + 1)).collect()
        })
    }

    /// The number of the line that an offset is in, from 0.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.starts().partition_point(|start| *start <= offset) - 1
    }

    /// The range of a line, without its end; empty behind the last one.
    pub(super) fn line(&self, number: usize) -> Range<usize> {
        let starts = self.starts();
        let length = self.bytes.len();
        let start = starts.get(number).copied().unwrap_or(length);
        let end = starts
            .get(number + 1)
            .map_or(length, |next| next - 1)
            .max(start);
        let has_return = end > start && self.bytes.get(end - 1) == Some(&b'\r');
        start..end - usize::from(has_return)
    }

    /// The line, from 1, that holds a text.
    pub(super) fn line_of(&self, text: &[u8]) -> Option<usize> {
        let at = memchr::memmem::find(self.bytes, text)?;
        Some(self.line_at(at) + 1)
    }

    pub(super) fn lines(&self) -> usize {
        self.starts().len()
    }

    /// Line and column of an offset, from 1; columns count characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let number = self.line_at(offset);
        let start = self.line(number).start;
        // A line of megabytes is not worth an exact column.
        let before = self.slice(start..offset.min(start + FAR));
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        (number + 1, column)
    }
}

/// Columns behind this one are not counted exactly.
const FAR: usize = 1 << 16;

impl Dialect {
    fn of(path: &str, bytes: &[u8]) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        // What an example, a template or a copy is one of.
        let name = [
            ".example",
            ".sample",
            ".template",
            ".tmpl",
            ".tpl",
            ".j2",
            ".dist",
            ".bak",
            ".orig",
            ".erb",
            "~",
            ".gotmpl",
        ]
        .iter()
        .fold(name.as_str(), |name, ending| {
            name.strip_suffix(ending).unwrap_or(name)
        });
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let extension = name.rsplit('.').next().unwrap_or_default();
        if ends(&[".yaml", ".yml"]) {
            Self::Yaml
        } else if ends(&[
            ".json",
            ".ipynb",
            ".tfstate",
            ".json5",
            ".jsonc",
            ".jsonl",
            ".ndjson",
            ".webmanifest",
        ]) || name.contains(".tfstate")
        {
            Self::Json
        } else if ends(&[
            ".env",
            ".ini",
            ".properties",
            ".cfg",
            ".conf",
            ".cnf",
            ".netrc",
            ".npmrc",
            ".envrc",
            ".pypirc",
            "credentials",
            ".config",
            ".desktop",
            ".service",
            ".plist",
        ]) || name.starts_with(".env")
            || name.starts_with("env.") && !ends(PROSE) && !CODE.contains(&extension)
        {
            Self::Pairs
        } else if ends(&[".toml"]) {
            Self::Toml
        } else if ends(&[".tf", ".tfvars", ".hcl", ".nomad"]) {
            Self::Hcl
        } else if ends(&[
            ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".cmd", "makefile", ".mk", "justfile",
        ]) || name.contains("dockerfile")
            || bytes.starts_with(b"#!/bin/")
            || bytes.starts_with(b"#!/usr/bin/env bash")
            || bytes.starts_with(b"#!/usr/bin/env sh")
        {
            Self::Shell
        } else if ends(PROSE) || !name.trim_start_matches('.').contains('.') {
            Self::Prose
        } else if CODE.contains(&extension) {
            Self::Code
        } else {
            Self::Other
        }
    }

    /// Whether what stands behind a separator is a value even without quotes.
    pub(super) fn has_bare_values(self) -> bool {
        !matches!(self, Self::Code | Self::Hcl | Self::Toml | Self::Json)
    }

    /// Whether people write settings in it, in tests too.
    pub(in crate::scan) fn is_setting(self) -> bool {
        matches!(
            self,
            Self::Yaml | Self::Pairs | Self::Toml | Self::Hcl | Self::Shell
        )
    }

    /// Whether it is made of settings rather than of sentences or statements.
    pub(super) fn is_data(self) -> bool {
        matches!(
            self,
            Self::Yaml | Self::Json | Self::Pairs | Self::Toml | Self::Hcl
        )
    }
}

const PROSE: &[&str] = &[
    ".md", ".mdx", ".rst", ".txt", ".adoc", ".org", ".html", ".htm", ".tex", ".log", ".csv",
];

const CODE: &[&str] = &[
    "rs", "go", "py", "js", "ts", "jsx", "tsx", "mjs", "cjs", "java", "kt", "kts", "scala", "c",
    "h", "cc", "cpp", "hpp", "cxx", "cs", "swift", "rb", "php", "pl", "pm", "lua", "sol", "vy",
    "dart", "m", "mm", "ex", "exs", "erl", "hs", "ml", "clj", "groovy", "gradle", "r", "jl", "zig",
    "nim", "vue", "svelte", "proto", "sql", "css", "scss", "cu", "s", "asm", "f90", "vb", "fs",
    "move", "cairo", "in", "ac", "m4", "cmake", "y", "l", "def", "idl", "wit", "graphql", "td",
    "pyx",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let text = Text::new("a.txt", "é: x\r\nb\n".as_bytes());
        assert_eq!(text.position(0), (1, 1));
        assert_eq!(text.position(2), (1, 2));
        assert_eq!(text.position(7), (2, 1));
        assert_eq!(text.slice(text.line(0)), "é: x".as_bytes());
        assert_eq!(text.slice(text.line(9)), b"");
    }

    #[test]
    fn a_name_tells_the_dialect_and_an_example_is_what_it_is_one_of() {
        for (name, dialect) in [
            ("a/values.yaml.example", Dialect::Yaml),
            (".env.production", Dialect::Pairs),
            ("env.production", Dialect::Pairs),
            ("docs/env.md", Dialect::Prose),
            ("src/env.ts", Dialect::Code),
            ("terraform.tfstate.backup", Dialect::Json),
            ("main.rs", Dialect::Code),
            ("README", Dialect::Prose),
            ("prod.auto.tfvars", Dialect::Hcl),
            ("Dockerfile.node", Dialect::Shell),
        ] {
            assert_eq!(Dialect::of(name, b""), dialect, "{name}");
        }
    }
}

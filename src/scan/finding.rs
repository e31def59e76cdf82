//! Findings and reports: what is told, without any of the content.

use std::ops::Range;

use super::rules::LAST_OF_STRUCTURE;
use super::text::Text;
use super::waiver::{Waivers, fingerprint};

/// One thing that is wrong with one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id; its meaning never changes.
    pub rule: &'static str,
    /// The path from the top of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, without any of the content.
    pub message: String,
    /// A command or a step that mends it.
    pub hint: String,
    /// What tells its line in `.clsecrets/allow.toml`; empty if it is about the whole file.
    pub line_mark: String,
    /// Where the value stands in the content; empty if it is about a file or a structure.
    pub(super) span: Range<usize>,
}

impl Finding {
    /// A finding about a line.
    pub fn at(rule: &'static str, severity: Severity, path: String, line: usize) -> Self {
        Self {
            rule,
            path,
            line,
            column: 1,
            severity,
            message: String::new(),
            hint: String::new(),
            line_mark: String::new(),
            span: 0..0,
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Severity {
    /// The commit is refused.
    Error,
    /// It is told, and refuses nothing.
    Warning,
    /// It is good to know.
    Note,
}

/// Something that could not be checked; it is refused like a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// The path from the top of the repository.
    pub path: String,
    /// Why, without any of the content.
    pub reason: String,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the source, and of the rules.
    pub findings: Vec<Finding>,
    /// What could not be checked.
    pub unjudged: Vec<Unjudged>,
    /// What is worth knowing and refuses nothing.
    pub notes: Vec<String>,
    /// How many files were looked at.
    pub checked: usize,
    /// How many findings were waived.
    pub waived: usize,
    /// Whether the repository says of any path what it is.
    pub has_policy: bool,
}

impl Report {
    /// 0 clean, 1 findings, 2 something could not be judged. Warnings change nothing.
    pub fn status(&self) -> u8 {
        match (self.unjudged.is_empty(), self.errors() == 0) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        }
    }

    /// How many findings refuse.
    pub fn errors(&self) -> usize {
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        self.findings.iter().filter(is_error).count()
    }

    /// Makes every warning refuse.
    pub fn refuse_warnings(&mut self) {
        for finding in &mut self.findings {
            if finding.severity == Severity::Warning {
                finding.severity = Severity::Error;
            }
        }
    }

    pub(super) fn unjudged(&mut self, path: &str, reason: impl Into<String>) {
        self.unjudged.push(Unjudged {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }
}

impl Severity {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Finding {
    /// Whether it is about a path or the structure of a sealed file.
    pub fn is_structure(&self) -> bool {
        self.rule.starts_with('H') && self.rule <= LAST_OF_STRUCTURE
    }

    /// Whether the whole file is refused because it is in clear.
    pub(super) fn is_about_file(&self) -> bool {
        ["H001", "H002", "H015"].contains(&self.rule)
    }
}

/// Takes out what is waived and what is told already: one place is told once, and a file that must not
/// be in clear needs no list of what is in it.
pub(super) fn settle(
    found: &mut Vec<Finding>,
    text: &Text<'_>,
    waivers: &Waivers,
    waived: &mut usize,
) {
    let before = found.len();
    found.retain(|finding| !waivers.waives(finding, text));
    *waived += before - found.len();
    let is_whole = found.iter().any(Finding::is_about_file);
    let lines: Vec<usize> = found
        .iter()
        // What is told and refuses nothing hides nothing that does.
        .filter(|finding| finding.is_structure() && finding.severity == Severity::Error)
        .map(|finding| finding.line)
        .collect();
    found.retain(|finding| finding.is_structure() || !is_whole && !lines.contains(&finding.line));
    let mut taken: Vec<(Range<usize>, Severity)> = Vec::new();
    // What is sure goes before what is not, and what is more special before what is general.
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|at| {
        found
            .get(*at)
            .map_or(1, |finding| u8::from(finding.severity == Severity::Warning))
    });
    let mut keep = vec![true; found.len()];
    for at in order {
        let Some(finding) = found.get(at) else {
            continue;
        };
        if finding.span.is_empty() {
            continue;
        }
        let overlaps = |(other, _): &(Range<usize>, Severity)| {
            other.start < finding.span.end && finding.span.start < other.end
        };
        if taken.iter().any(overlaps) {
            if let Some(keep) = keep.get_mut(at) {
                *keep = false;
            }
        } else {
            taken.push((finding.span.clone(), finding.severity));
        }
    }
    let mut keep = keep.into_iter();
    found.retain(|_| keep.next().unwrap_or(true));
    for finding in found.iter_mut().filter(|finding| !finding.is_about_file()) {
        finding.line_mark = fingerprint(finding, text);
    }
}

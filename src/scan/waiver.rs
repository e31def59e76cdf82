//! Waivers: on the line, with a rule and a reason, or in `.clsecrets/allow.toml`.
//!
//! An entry of the file knows its line by a fingerprint in which the value is cut out, so that it
//! survives moved lines and tells nothing of the value. The surprise: H001 to H016 cannot be waived
//! on the line, since whoever writes a value into a sealed file could write that as well.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Options;
use super::finding::{Finding, Report};
use super::text::Text;
use crate::metadata::pattern::Pattern;

/// Where they are, from the top of a repository.
pub(super) const PATH: &str = ".clsecrets/allow.toml";

/// All that is in force.
#[derive(Debug, Default)]
pub struct Waivers {
    entries: Vec<Entry>,
    compat: bool,
    today: i64,
    notes: Vec<String>,
    /// What was waived by entries that are new.
    used: RefCell<BTreeSet<String>>,
}

#[derive(Debug)]
struct Entry {
    rule: String,
    path: Pattern,
    line: Option<String>,
    /// Its words but for the reason, by which it is found again in another version.
    words: Words,
    reason: String,
    /// Whether it comes with what is judged, and so is no answer to it by itself.
    is_new: bool,
}

/// Rule, path, line and last day of an entry.
type Words = (String, String, Option<String>, Option<String>);

/// The versions of the file that count.
#[derive(Debug, Default)]
pub struct Versions {
    /// Those that are about to be in force.
    pub now: Vec<Vec<u8>>,
    /// Those that were in force before; `None` if nothing was, or if nothing is about to change.
    pub before: Option<Vec<Vec<u8>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    allow: Vec<RawEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    rule: String,
    path: String,
    reason: String,
    line: Option<String>,
    expires: Option<toml::value::Datetime>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaiverError {
    /// It is no TOML, or has another shape.
    #[error("line {line}: not what it should be: {what}")]
    Shape {
        /// Line, from 1.
        line: usize,
        /// What the parser says; the file holds no secrets.
        what: String,
    },
    /// An entry lacks what it needs.
    #[error("entry {number}: {what}")]
    Entry {
        /// Counted from 1.
        number: usize,
        /// What.
        what: &'static str,
    },
}

impl Waivers {
    /// None yet.
    pub fn new(options: &Options<'_>) -> Self {
        Self {
            compat: options.compat_allow,
            today: options.today,
            ..Self::default()
        }
    }

    /// Adds the entries of all versions that are about to be in force. Those that were not in force
    /// before waive nothing but what they name exactly.
    pub(super) fn of(
        versions: &Versions,
        options: &Options<'_>,
    ) -> (Self, Result<(), WaiverError>) {
        let mut all = Self::new(options);
        let added = versions.now.iter().try_for_each(|text| all.add(text));
        if let Some(before) = &versions.before {
            let mut old = Self::new(options);
            for text in before {
                // Of one that cannot be read nothing was in force.
                let _ = old.add(text);
            }
            for entry in &mut all.entries {
                entry.is_new = !old.entries.iter().any(|other| other.words == entry.words);
            }
        }
        (all, added)
    }

    /// Adds the entries of the file.
    pub fn add(&mut self, text: &[u8]) -> Result<(), WaiverError> {
        let text = String::from_utf8_lossy(text);
        let raw: RawFile = toml::from_str(&text).map_err(|error| WaiverError::Shape {
            line: error.span().map_or(1, |span| {
                text.get(..span.start)
                    .unwrap_or_default()
                    .matches('\n')
                    .count()
                    + 1
            }),
            what: error.message().to_owned(),
        })?;
        for (number, entry) in (1..).zip(raw.allow) {
            let wrong = |what| WaiverError::Entry { number, what };
            if entry.reason.trim().len() < 3 {
                return Err(wrong("a reason is compulsory"));
            }
            let is_id = entry.rule.starts_with('H') && entry.rule.len() == 4;
            if !is_id {
                return Err(wrong("rule is an id such as H030"));
            }
            if let Some(expires) = entry.expires {
                let date = expires
                    .date
                    .ok_or_else(|| wrong("expires is a date such as 2027-01-31"))?;
                let day = days(
                    i64::from(date.year),
                    i64::from(date.month),
                    i64::from(date.day),
                );
                if day < self.today {
                    self.notes.push(format!(
                        "the waiver of {} for {} has expired: {}",
                        entry.rule, entry.path, entry.reason
                    ));
                    continue;
                }
            }
            let path = Pattern::new(&glob(&entry.path))
                .map_err(|_| wrong("path is a pattern such as docs/**"))?;
            let expires = entry.expires.map(|day| day.to_string());
            self.entries.push(Entry {
                words: (entry.rule.clone(), entry.path, entry.line.clone(), expires),
                rule: entry.rule,
                path,
                line: entry.line,
                reason: entry.reason,
                is_new: false,
            });
        }
        Ok(())
    }

    /// Whether a finding is waived, by its line or by the file.
    pub(super) fn waives(&self, finding: &Finding, text: &Text<'_>) -> bool {
        if !finding.is_structure() && self.waives_line(finding, text) {
            return true;
        }
        let mut mark = None;
        let waiver = self.entries.iter().find(|entry| {
            entry.rule == finding.rule
                && entry.path.is_match(&finding.path)
                && (!entry.is_new || entry.names(&finding.path, finding.is_about_file()))
                && entry.line.as_ref().is_none_or(|line| {
                    line == mark.get_or_insert_with(|| fingerprint(finding, text))
                })
        });
        self.tell(waiver, &finding.path)
    }

    /// Whether a file that cannot be judged is waived: rule `H000`.
    pub(super) fn waives_unjudged(&self, path: &str) -> bool {
        let waiver = self.entries.iter().find(|entry| {
            let counts = !entry.is_new || entry.names(path, true);
            entry.rule == "H000" && entry.path.is_match(path) && counts
        });
        self.tell(waiver, path)
    }

    /// Whether there is a waiver. One that is new is told.
    fn tell(&self, waiver: Option<&Entry>, path: &str) -> bool {
        if let Some(entry) = waiver.filter(|entry| entry.is_new) {
            self.used.borrow_mut().insert(format!(
                "{} of {path} is waived by an entry that is new in {PATH}: {}",
                entry.rule, entry.reason
            ));
        }
        waiver.is_some()
    }

    fn waives_line(&self, finding: &Finding, text: &Text<'_>) -> bool {
        let number = finding.line - 1;
        let lines = [Some(number), number.checked_sub(1)];
        lines.iter().flatten().enumerate().any(|(at, number)| {
            let line = text.slice(text.line(*number));
            let line =
                String::from_utf8_lossy(line.get(..line.len().min(4096)).unwrap_or_default());
            // The line before counts if it holds nothing but the mark.
            let is_alone = at == 0
                || line
                    .trim_start()
                    .starts_with(['#', '/', ';', '<', '-', '*']);
            is_alone
                && (is_mark(&line, finding.rule) || self.compat && at == 0 && is_foreign(&line))
        })
    }

    /// Tells what has expired, and what is waived by what comes with it.
    pub(super) fn finish(mut self, report: &mut Report) {
        const MOST: usize = 20;
        report.notes.append(&mut self.notes);
        let used = self.used.into_inner();
        report.notes.extend(used.iter().take(MOST).cloned());
        if used.len() > MOST {
            report.notes.push(format!(
                "{} more findings are waived by entries that are new in {PATH}",
                used.len() - MOST
            ));
        }
    }
}

impl Entry {
    /// Whether it names a file, and what was found in it, and nothing besides.
    fn names(&self, path: &str, is_about_file: bool) -> bool {
        let (_, own, line, _) = &self.words;
        own.trim_start_matches('/') == path && (is_about_file || line.is_some())
    }
}

/// `clsecrets:allow H030 reason=…`
fn is_mark(line: &str, rule: &str) -> bool {
    let Some((_, rest)) = line.split_once("clsecrets:allow ") else {
        return false;
    };
    let Some((rules, reason)) = rest.split_once("reason=") else {
        return false;
    };
    let names = rules.split([' ', ',']).any(|word| word == rule);
    let letters = reason.chars().filter(|c| c.is_alphanumeric()).count();
    names && letters >= 3
}

fn is_foreign(line: &str) -> bool {
    line.contains("gitleaks:allow") || line.contains("pragma: allowlist secret")
}

/// Entries for `.clsecrets/allow.toml` that waive all findings of a report, to adopt the tool in a
/// repository that has some; empty if there are none.
pub fn baseline(report: &Report, today: &str) -> String {
    let mut text = String::new();
    let mut told = Vec::new();
    for finding in &report.findings {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let line = if finding.line_mark.is_empty() {
            String::new()
        } else {
            format!("line = {}\n", quoted(&finding.line_mark))
        };
        let entry = format!(
            "[[allow]]\nrule = {}\npath = {}\n{line}reason = {}\n",
            quoted(finding.rule),
            quoted(&finding.path),
            quoted(&format!("baseline of {today}")),
        );
        if !told.contains(&entry) {
            text.push('\n');
            text.push_str(&entry);
            told.push(entry);
        }
    }
    text
}

/// What tells the line of a finding, without the value: so it says nothing of it.
pub(super) fn fingerprint(finding: &Finding, text: &Text<'_>) -> String {
    let number = finding.line - 1;
    let range = text.line(number);
    let start = finding.span.start.clamp(range.start, range.end);
    let end = finding.span.end.clamp(start, range.end);
    let mut digest = Sha256::new();
    digest.update(finding.rule.as_bytes());
    if finding.span.is_empty() {
        // A structure has no value to cut out; its message tells the place in the tree.
        digest.update(finding.message.as_bytes());
    } else {
        let head = text.slice(range.start.max(start.saturating_sub(400))..start);
        let tail = text.slice(end..range.end.min(end + 400));
        for part in [head, tail] {
            digest.update([0]);
            // Values of other findings stand there too: only what is around the words counts.
            let words = part
                .split(|byte| !byte.is_ascii_alphanumeric())
                .filter(|word| word.len() < 16);
            for word in words.filter(|word| !word.iter().any(u8::is_ascii_digit)) {
                digest.update(word);
                digest.update(b" ");
            }
        }
    }
    digest
        .finalize()
        .iter()
        .take(12)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A pattern of paths: `*` within a name, `**` across names.
fn glob(pattern: &str) -> String {
    let mut regex = String::from("^");
    let mut rest = pattern.trim_start_matches('/');
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            regex.push_str("(.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            regex.push_str(".*");
            rest = after;
        } else {
            match first {
                '*' => regex.push_str("[^/]*"),
                '?' => regex.push_str("[^/]"),
                c if c.is_alphanumeric() || "/_-".contains(c) => regex.push(c),
                c => {
                    regex.push('\\');
                    regex.push(c);
                }
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    regex.push('$');
    regex
}

/// Days since 1970 of a date of the Gregorian calendar.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Severity;

    fn finding(rule: &'static str, text: &Text<'_>, value: &str) -> Finding {
        let start = memchr::memmem::find(text.bytes(), value.as_bytes()).unwrap();
        let (line, column) = text.position(start);
        Finding {
            rule,
            path: "docs/a.md".to_owned(),
            line,
            column,
            severity: Severity::Error,
            message: String::new(),
            hint: String::new(),
            line_mark: String::new(),
            span: start..start + value.len(),
        }
    }

    #[test]
    fn a_line_waives_with_the_rule_and_a_reason_only() {
        for (mark, waives) in [
            ("# clsecrets:allow H030 reason=public demo", true),
            ("# clsecrets:allow H031,H030 reason=demo", true),
            ("# clsecrets:allow H030", false),
            ("# clsecrets:allow H030 reason=", false),
            ("# clsecrets:allow H031 reason=demo", false),
            ("# clsecrets:allow reason=demo", false),
            ("# gitleaks:allow", false),
        ] {
            let content = format!("x: sesame {mark}\n");
            let text = Text::new("docs/a.md", content.as_bytes());
            let waivers = Waivers::default();
            assert_eq!(
                waivers.waives(&finding("H030", &text, "sesame"), &text),
                waives,
                "{mark}"
            );
            assert!(!waivers.waives(&finding("H003", &text, "sesame"), &text));
        }
    }

    #[test]
    fn an_entry_survives_moved_lines_and_other_values_and_nothing_else() {
        let content = "x: sesame\n";
        let text = Text::new("docs/a.md", content.as_bytes());
        let mark = fingerprint(&finding("H030", &text, "sesame"), &text);
        let mut waivers = Waivers::default();
        let file = format!(
            "[[allow]]\nrule = \"H030\"\npath = \"docs/**\"\nline = \"{mark}\"\nreason = \"public demo\"\n"
        );
        waivers.add(file.as_bytes()).unwrap();

        let moved = Text::new("docs/a.md", b"\n\nx: poppy\n");
        assert!(waivers.waives(&finding("H030", &moved, "poppy"), &moved));
        let other = Text::new("docs/a.md", b"\n\ny: poppy\n");
        assert!(!waivers.waives(&finding("H030", &other, "poppy"), &other));
    }

    #[test]
    fn an_entry_that_is_new_waives_only_what_it_names() {
        let content = "x: sesame\n";
        let text = Text::new("docs/a.md", content.as_bytes());
        let found = finding("H030", &text, "sesame");
        let mark = fingerprint(&found, &text);
        let entry = |path: &str, more: &str| {
            format!(
                "[[allow]]\nrule = \"H030\"\npath = \"{path}\"\n{more}reason = \"public demo\"\n"
            )
        };
        let line = format!("line = \"{mark}\"\n");
        let waives = |now: &str, before: Option<&str>| {
            let versions = Versions {
                now: vec![now.as_bytes().to_vec()],
                before: before.map(|text| vec![text.as_bytes().to_vec()]),
            };
            let (waivers, added) = Waivers::of(&versions, &Options::default());
            added.unwrap();
            let is_waived = waivers.waives(&found, &text);
            let mut report = Report::default();
            waivers.finish(&mut report);
            (is_waived, report.notes.len())
        };
        for path in ["**", "docs/**", "docs/a.?d", "docs/a.md"] {
            let broad = entry(path, "");
            assert_eq!(waives(&broad, Some("")), (false, 0), "{path}");
            assert_eq!(waives(&broad, Some(&broad)), (true, 0), "{path}");
            assert_eq!(waives(&broad, None), (true, 0), "{path}");
        }
        assert_eq!(waives(&entry("docs/a.md", &line), Some("")), (true, 1));
        assert_eq!(waives(&entry("**", &line), Some("")), (false, 0));
        // One that holds longer than before is new, too.
        let longer = entry("**", "expires = 2030-01-01\n");
        let shorter = entry("**", "expires = 2029-01-01\n");
        assert_eq!(waives(&longer, Some(&shorter)), (false, 0));
    }

    #[test]
    fn an_entry_expires_and_a_broken_one_is_told() {
        let options = Options {
            today: days(2026, 6, 1),
            ..Options::default()
        };
        let entry = |expires: &str| {
            format!(
                "[[allow]]\nrule = \"H030\"\npath = \"*\"\nreason = \"demo\"\nexpires = {expires}\n"
            )
        };
        let mut waivers = Waivers::new(&options);
        waivers.add(entry("2026-05-31").as_bytes()).unwrap();
        assert_eq!((waivers.entries.len(), waivers.notes.len()), (0, 1));
        waivers.add(entry("2026-06-01").as_bytes()).unwrap();
        assert_eq!(waivers.entries.len(), 1);
        assert!(
            waivers
                .add(b"[[allow]]\nrule = \"H030\"\npath = \"*\"\nreason = \"\"\n")
                .is_err()
        );
        assert!(
            waivers
                .add(b"[[allow]]\nrule = \"H030\"\npath = \"*\"\n")
                .is_err()
        );
        assert!(waivers.add(b"nonsense\n").is_err());
    }

    #[test]
    fn globs_and_days_are_what_people_mean() {
        let matches = |glob_: &str, path: &str| Pattern::new(&glob(glob_)).unwrap().is_match(path);
        assert!(
            matches("docs/**", "docs/a/b.md")
                && matches("**/*.md", "a.md")
                && matches("*.md", "a.md")
        );
        assert!(!matches("*.md", "a/b.md") && !matches("docs/*.md", "docs/axmd"));
        assert_eq!(
            (days(1970, 1, 1), days(2000, 3, 1), days(2026, 11, 25)),
            (0, 11_017, 20_782)
        );
    }
}

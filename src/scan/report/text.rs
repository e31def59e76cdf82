//! The report that people read: a place, what is wrong there, and an order that mends it.

use std::fmt::Write;

use super::super::{Report, Severity};

/// The findings and what could not be judged, each with its place; line by line, as whoever prints
/// them has to know.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for found in &report.findings {
        lines.push(format!(
            "{}:{}:{}: {}{} {}",
            found.path,
            found.line,
            found.column,
            match found.severity {
                Severity::Error => "",
                Severity::Warning => "warning: ",
                Severity::Note => "note: ",
            },
            found.rule,
            found.message,
        ));
        lines.push(format!("  fix: {}", found.hint));
    }
    for one in &report.unjudged {
        lines.push(format!(
            "{}: could not be checked: {}",
            one.path, one.reason
        ));
    }
    lines
}

/// One line about the whole run.
pub fn summary(report: &Report) -> String {
    let files = count(report.checked, "file");
    let warnings = report.findings.len() - report.errors();
    let mut extra = String::new();
    if warnings > 0 {
        let _ = write!(extra, ", {}", count(warnings, "warning"));
    }
    if report.waived > 0 {
        let _ = write!(extra, ", {} waived", report.waived);
    }
    if report.status() == 0 {
        return format!("{files} checked, nothing to refuse{extra}");
    }
    let mut parts = Vec::new();
    if report.errors() > 0 {
        parts.push(count(report.errors(), "finding"));
    }
    if !report.unjudged.is_empty() {
        parts.push(format!("{} could not be checked", report.unjudged.len()));
    }
    format!("refused: {} in {files}{extra}", parts.join(", "))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_finding_has_its_place_and_its_remedy() {
        assert_eq!(
            lines(&example()),
            [
                "a \u{1b}[2J\nb.yaml:3:7: H003 m",
                "  fix: h",
                "c.yaml: could not be checked: r",
            ]
        );
    }

    #[test]
    fn the_summary_counts() {
        assert_eq!(
            summary(&example()),
            "refused: 1 finding, 1 could not be checked in 2 files"
        );
        assert_eq!(
            summary(&Report {
                checked: 1,
                ..Report::default()
            }),
            "1 file checked, nothing to refuse"
        );
    }
}

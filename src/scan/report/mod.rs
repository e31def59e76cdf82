//! A report as text for people, JSON and SARIF for machines. It only formats: nobody prints here.

mod github;
mod sarif;
mod text;

use serde_json::{Value, json};

pub use github::github;
pub use sarif::sarif;
pub use text::{lines, summary};

use super::Report;

/// One JSON document: `findings`, and `unjudged` for what refuses without being a finding.
pub fn json(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|found| {
            json!({
                "rule": found.rule,
                "path": found.path,
                "line": found.line,
                "column": found.column,
                "severity": found.severity.name(),
                "message": found.message,
                "hint": found.hint,
                "fingerprint": found.line_mark,
            })
        })
        .collect();
    let unjudged: Vec<Value> = report
        .unjudged
        .iter()
        .map(|one| json!({ "path": one.path, "reason": one.reason }))
        .collect();
    json!({ "findings": findings, "unjudged": unjudged, "checked": report.checked, "waived": report.waived })
}

#[cfg(test)]
pub(super) fn example() -> Report {
    use super::{Finding, Severity, Unjudged};
    Report {
        findings: vec![Finding {
            rule: "H003",
            path: "a \u{1b}[2J\nb.yaml".to_owned(),
            line: 3,
            column: 7,
            severity: Severity::Error,
            message: "m".to_owned(),
            hint: "h".to_owned(),
            line_mark: String::new(),
            span: 0..0,
        }],
        unjudged: vec![Unjudged {
            path: "c.yaml".to_owned(),
            reason: "r".to_owned(),
        }],
        notes: Vec::new(),
        checked: 2,
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_fields_that_machines_read() {
        let value = json(&example());

        assert_eq!(
            value["findings"][0],
            json!({
                "rule": "H003", "path": "a \u{1b}[2J\nb.yaml", "line": 3, "column": 7,
                "severity": "error", "message": "m", "hint": "h", "fingerprint": "",
            })
        );
        assert_eq!(value["unjudged"][0]["path"], "c.yaml");
    }
}

//! The findings of a run with their places, and how they are printed.

use clsecrets::chainlink::Finding;
use clsecrets::chainlink::rules::RULES;
use clsecrets::scan::{self, Report, Severity, Unjudged, report};

use super::{Args, Format};
use crate::cli::delivery::Loaded;
use crate::cli::{Context, Outcome};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Told {
    report: Report,
}

impl Told {
    /// How much was found.
    pub(super) fn len(&self) -> usize {
        self.report.findings.len() + self.report.unjudged.len()
    }

    /// Findings about an environment.
    pub(super) fn add(&mut self, loaded: &Loaded, findings: Vec<Finding>) {
        for finding in findings {
            let (file, line) = loaded.place(&finding.at);
            self.push(finding, file, line);
        }
    }

    /// One finding at a place.
    pub(super) fn push(&mut self, finding: Finding, path: String, line: usize) {
        use clsecrets::chainlink::rules::Severity as Own;
        let severity = match finding.severity {
            Own::Error => Severity::Error,
            Own::Warning => Severity::Warning,
            Own::Note => Severity::Note,
        };
        let mut found = scan::Finding::at(finding.rule, severity, path, line);
        found.message = finding.message;
        found.hint = finding.fix;
        if !self.report.findings.contains(&found) {
            self.report.findings.push(found);
        }
    }

    /// Something that cannot be judged.
    pub(super) fn unjudged(&mut self, path: &str, reason: &str) {
        self.report.unjudged.push(Unjudged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// Leaves rules out.
    pub(super) fn leave_out(&mut self, rules: &[String]) {
        let findings = &mut self.report.findings;
        findings.retain(|found| !rules.iter().any(|rule| rule == found.rule));
        findings.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    }

    /// Prints, and answers with the status.
    pub(super) fn print(self, args: &Args, context: &Context) -> Outcome {
        let report = self.report;
        let format = if args.json { Format::Json } else { args.format };
        let rules = || RULES.iter().map(|rule| (rule.id, rule.summary));
        match format {
            Format::Text => context.ui.lines(report::lines(&report))?,
            Format::Json => context.ui.json(&report::json(&report))?,
            Format::Sarif => context.ui.json(&report::sarif(&report, rules()))?,
        }
        if format == Format::Text {
            context.ui.note(&summary(&report));
        }
        let is_strict = args.strict
            && report
                .findings
                .iter()
                .any(|found| found.severity != Severity::Note);
        Ok(match report.status() {
            0 if is_strict => 1,
            status => status,
        })
    }
}

fn summary(report: &Report) -> String {
    let count = |severity: Severity| {
        let found = report.findings.iter();
        found.filter(|found| found.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let says = |number: usize, what: &str| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    };
    let found = format!("{}, {}", says(errors, "error"), says(warnings, "warning"));
    match report.unjudged.len() {
        0 if errors == 0 => format!("nothing to refuse: {found}"),
        0 => format!("refused: {found}"),
        more => format!("refused: {found}, {more} could not be judged"),
    }
}

//! How a check reports, and what it waives: the same for `hook` and `scan`.

use std::path::Path;

use clap::ValueEnum;
use clsecrets::fs::{self, Privacy};
use clsecrets::scan::{self, Options, Source, SourceError, report};
use clsecrets::{Code, Error};

use super::super::{Context, Outcome};
use super::known;

/// Options about the report.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Reporting {
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Let warnings refuse, too
    #[arg(long)]
    strict: bool,
    /// Refuse (status 2) without an index of known values; made by `hook index`
    #[arg(long)]
    require_known: bool,
    /// Take `gitleaks:allow` and `pragma: allowlist secret` on a line for waivers, too
    #[arg(long)]
    compat_allow: bool,
    /// Waive all findings of now in .clsecrets/allow.toml, to adopt the check in an old repository
    #[arg(long)]
    baseline: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Sarif,
    Github,
}

impl Reporting {
    /// Checks, and tells nothing yet.
    pub(super) fn judge(
        &self,
        source: &mut dyn Source,
        context: &Context,
    ) -> Result<(scan::Report, bool), Error> {
        let kept = known::load(context);
        if let Err(reason) = &kept {
            context.ui.warn(&format!("{reason}: clsecrets hook index"));
        }
        let opened = kept.ok().flatten();
        let lookup = opened.as_ref().map(|(known, key)| known.lookup(key));
        let options = Options {
            today: context.settings.now.div_euclid(86_400),
            compat_allow: self.compat_allow,
            known: lookup.as_ref(),
        };
        let mut report = scan::run(source, &options).map_err(|error| refusal(&error))?;
        if self.strict {
            report.refuse_warnings();
        }
        Ok((report, lookup.is_some()))
    }

    /// Checks and reports.
    pub(crate) fn run(&self, source: &mut dyn Source, context: &Context) -> Outcome {
        let (report, has_index) = self.judge(source, context)?;
        self.report(&report, has_index, context)
    }

    /// The same, without a word where there is nothing to say.
    pub(super) fn run_unless_clean(&self, source: &mut dyn Source, context: &Context) -> Outcome {
        let (report, has_index) = self.judge(source, context)?;
        let is_clean = report.findings.is_empty() && report.status() == 0;
        if is_clean && matches!(self.format, Format::Text) && !self.json && !self.require_known {
            return Ok(0);
        }
        self.report(&report, has_index, context)
    }

    fn report(&self, report: &scan::Report, has_index: bool, context: &Context) -> Outcome {
        for note in &report.notes {
            context.ui.warn(note);
        }
        if !has_index && self.require_known {
            return Err(Error::new(
                Code::Input,
                "there is no index of known values on this machine",
            )
            .hint("clsecrets hook index    # opens the sealed files once"));
        }
        if self.baseline {
            return Self::write_baseline(report, context);
        }
        let format = if self.json { Format::Json } else { self.format };
        match format {
            Format::Text => context.ui.lines(report::lines(report))?,
            Format::Json => context.ui.json(&report::json(report))?,
            Format::Sarif => context.ui.json(&report::sarif(report, scan::summaries()))?,
            // Orders to the runner of a workflow, which lines never are.
            Format::Github => context.ui.result(report::github(report).as_bytes())?,
        }
        if format == Format::Text {
            context.ui.note(&report::summary(report));
            if !has_index && report.has_policy {
                context.ui.note(
                    "note: values pasted elsewhere are not looked for on this machine: clsecrets hook index",
                );
            }
        }
        Ok(report.status())
    }

    /// Adds an entry for each finding; what was there stays.
    fn write_baseline(report: &scan::Report, context: &Context) -> Outcome {
        let top = known::top(&context.settings.cwd).unwrap_or_else(|| context.settings.cwd.clone());
        let path = top.join(".clsecrets/allow.toml");
        let day = date(context.settings.now.div_euclid(86_400));
        let entries = scan::baseline(report, &day);
        let before = match fs::read(&path) {
            Ok(content) => String::from_utf8_lossy(&content.bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(super::unusable(".clsecrets/allow.toml", &fs::plain(&error))),
        };
        if let Some(directory) = path.parent().filter(|directory| !Path::is_dir(directory)) {
            fs::create_shared_dir(directory)?;
        }
        if !entries.is_empty() {
            let text = format!("{before}{entries}");
            fs::replace(&path, text.as_bytes(), Privacy::Umask, None)?;
        }
        let count = entries.matches("[[allow]]").count();
        context.ui.note(&format!(
            "{count} entries added to .clsecrets/allow.toml; give each a reason of its own, and commit it"
        ));
        Ok(if report.unjudged.is_empty() { 0 } else { 2 })
    }
}

/// Why a check did not run.
pub(crate) fn refusal(error: &SourceError) -> Error {
    let told = Error::new(Code::Input, "cannot check what is about to be committed")
        .detail(error.to_string());
    match error {
        SourceError::NoGit(_) => told.hint("install git, or name the files to check"),
        SourceError::Refused { reason, .. } if reason.contains("not a git repository") => {
            told.hint("run it inside a git repository, or name the files to check")
        }
        _ => told,
    }
}

/// A day since 1970 as a date.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let of_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day = of_era - (365 * of_year + of_year / 4 - of_year / 100);
    let month = (5 * day + 2) / 153;
    let year = of_year + era * 400 + i64::from(month >= 10);
    let (month, day) = (
        if month < 10 { month + 3 } else { month - 9 },
        day - (153 * month + 2) / 5 + 1,
    );
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_782), "2026-11-25");
    }
}

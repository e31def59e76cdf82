//! `clsecrets check`: whether sealed files are as they should be, without showing what is in them.
//!
//! Offline by default: structure, recipients, the rule, the age of the key. With `--online` they are
//! opened in memory, and each recipient is tried. Status 0 clean, 1 findings, 2 could not judge.

mod file;
mod standing;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clsecrets::scan::{self, Files, Options, Report, Unjudged, report};
use clsecrets::{Code, Error};

use super::git::history;
use super::guarding::Guarding;
use super::hook::{outdated_hooks, refusal};
use super::opening::Opener;
use super::sync::options::Timeout;
use super::trees::{self, Search};
use super::{Context, Outcome};
use file::Look;
use standing::Standing;

/// Check sealed files without showing what is in them.
///
/// Exit status: 0 clean, 1 findings, 2 something could not be judged, 3 usage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clsecrets check secrets/                 without a key, for CI
  clsecrets check --online a.yaml          opens it and tries every recipient, prints no value
  clsecrets check --max-age 180 --json .   refuse data keys older than half a year")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// Sealed files, directories, or patterns in quotes
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Open the files, verify their MAC, and try every recipient
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    timeout: Timeout,
    /// Refuse data keys that are older than this; without it, from 365 days on they are told
    #[arg(long, value_name = "DAYS")]
    max_age: Option<u32>,
    /// Let warnings refuse, too
    #[arg(long)]
    strict: bool,
    /// The creation rules [default: .sops.yaml above the file; env: `SOPS_CONFIG`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Also of several files, tell by which rule and by whom each is opened
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

/// What the hook finds without knowing recipients as they are used, and `check` tells better.
const TOLD_BETTER: &str = "H014";

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let (report, standings) = args.judge(context)?;
    let format = if args.json { Format::Json } else { args.format };
    match format {
        Format::Text => {
            let mut lines = report::lines(&report);
            if args.verbose || !trees::are_several(&args.paths, context) {
                lines.extend(standing::lines(&standings));
            }
            context.ui.lines(lines)?;
        }
        Format::Sarif => context
            .ui
            .json(&report::sarif(&report, scan::summaries()))?,
        Format::Json => {
            let mut value = report::json(&report);
            if let Some(map) = value.as_object_mut() {
                map.insert("files".to_owned(), standing::json(&standings));
            }
            context.ui.json(&value)?;
        }
    }
    for note in &report.notes {
        context.ui.warn(note);
    }
    if format == Format::Text {
        context.ui.note(&report::summary(&report));
    }
    Ok(report.status())
}

impl Args {
    fn judge(&self, context: &Context) -> Result<(Report, Vec<Standing>), Error> {
        let cwd = &context.settings.cwd;
        let options = Options {
            today: context.settings.now.div_euclid(86_400),
            ..Options::default()
        };
        let search = Search {
            takes: &trees::is_sealed,
            with_ignored: false,
        };
        let directories: Vec<PathBuf> = self
            .paths
            .iter()
            .filter(|path| context.settings.absolute(path).is_dir())
            .cloned()
            .collect();
        let files = match trees::files(&self.paths, &search, context) {
            Ok(files) => files,
            // Nothing is sealed there; whether something has to be is still to be seen.
            Err(error) if !directories.is_empty() && error.code == Code::NoFile => Vec::new(),
            Err(error) => return Err(unusable(error)),
        };
        let is_elsewhere = |file: &&PathBuf| {
            !directories
                .iter()
                .any(|directory| file.starts_with(directory))
        };
        let mut scanned = directories.clone();
        scanned.extend(files.iter().filter(is_elsewhere).cloned());
        let mut source = Files::below(cwd, &scanned, false).compared();
        let root = source.root().to_path_buf();
        let mut report = scan::run(&mut source, &options).map_err(|error| refusal(&error))?;
        report
            .findings
            .retain(|found| found.is_structure() && found.rule != TOLD_BETTER);
        report.findings.dedup();
        self.timeout.begin(context)?;
        let opener = Opener::new(&context.settings, &context.ui, None)?.until(context.deadline());
        let guarding = Guarding::with_rules(self.config.clone());
        let look = Look {
            online: self.online,
            max_age: self.max_age,
            guarding: &guarding,
            opener: &opener,
            root: &root,
            changed: history::changed(&root).into_iter().collect(),
            context,
        };
        let doing = if self.online { "opening" } else { "looking at" };
        let outcomes = trees::each(files, doing, context, |file| look.at(file));
        let mut standings = Vec::new();
        report.checked = report.checked.max(outcomes.len());
        for (file, outcome) in outcomes {
            match outcome {
                Ok(looked) => {
                    report.findings.extend(looked.findings);
                    report.notes.extend(looked.notes);
                    for reason in looked.unjudged {
                        could_not(&mut report, &look.shown(&file), reason);
                    }
                    standings.push(looked.standing);
                }
                Err(error) => could_not(&mut report, &look.shown(&file), error.message),
            }
        }
        report.notes.extend(outdated_hooks(&context.settings.cwd));
        if self.strict {
            report.refuse_warnings();
        }
        report.findings.sort_by(|a, b| {
            (&a.path, a.line, a.column, a.rule).cmp(&(&b.path, b.line, b.column, b.rule))
        });
        Ok((report, standings))
    }
}

/// Once for each file: the structure may have told it already.
fn could_not(report: &mut Report, path: &str, reason: String) {
    if !report.unjudged.iter().any(|one| one.path == path) {
        let path = path.to_owned();
        report.unjudged.push(Unjudged { path, reason });
    }
}

fn unusable(mut error: Error) -> Error {
    error.code = Code::Input;
    error
}

/// A path from the top of the repository, as reports have it.
fn from_top(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

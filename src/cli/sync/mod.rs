//! `sync`: makes the targets of an environment hold what its sealed files say.
//!
//! Shows the plan by names of objects and keys, asks, writes what differs, reads it back. Nothing
//! to do asks nothing and writes nothing.

mod consent;
mod plan;

use clap::Args as Arguments;
use clsecrets::keys::block_on;
use clsecrets::sync::{Failure, Mode, Options, Report, Survey, survey};
use clsecrets::{Code, Error};

use super::delivery::{Delivery, kinds};
use super::{Context, Outcome, environment};

/// Deliver the secrets of an environment to its targets.
#[derive(Debug, Default, Arguments)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// The environment, as clsecrets.yaml calls it.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: String,
    /// Show what would be done, and do nothing; status 2 if something would.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tell by the status whether something differs (2), or another writer changed it (6).
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,
    /// Print a report for machines.
    #[arg(long)]
    pub(crate) json: bool,
    /// How to print: text or json.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], conflicts_with = "json")]
    pub(crate) format: Option<String>,
    /// Answer the question with yes; a protected environment needs --confirm.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Confirm the run for exactly this sealed file: ENV@ and the first 12 digits of its SHA-256.
    #[arg(long, value_name = "ENV@DIGITS")]
    pub(crate) confirm: Option<String>,
    /// Take over what another writer made of this object; may be given several times.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) adopt: Vec<String>,
    /// Deliver another wallet password than the one in use: only if the key ring was made anew.
    #[arg(long)]
    pub(crate) replace_wallet_password: bool,
    /// Only targets of this kind.
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    pub(crate) target: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  clsecrets sync --env dev --dry-run      what would be done
  clsecrets sync --env dev                do it, after a question
  clsecrets sync --env dev -y --json      do it, for a script
  clsecrets sync --env prod --check       is production as the sealed file says?

Status: 0 in sync or done, 1 usage or configuration, 2 differences pending, 3 done in part,
4 refused, 5 a sealed file does not open, 6 changed by another writer, 7 the sealed file has
changed since it was confirmed, 8 not reached: safe to repeat";

impl Args {
    fn mode(&self) -> Mode {
        match (self.check, self.dry_run) {
            (true, _) => Mode::Check,
            (_, true) => Mode::DryRun,
            _ => Mode::Apply,
        }
    }

    fn is_json(&self) -> bool {
        self.json || self.format.as_deref() == Some("json")
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let loaded = environment::load(&args.env, context)?;
    let (name, sources, is_protected) =
        (loaded.name.clone(), loaded.sources(), loaded.is_protected);
    let Delivery {
        assignments,
        wallet,
        notes,
    } = loaded.deliver(args.target.as_deref())?;
    for note in &notes {
        context.ui.note(&format!("note: {note}"));
    }
    let options = Options {
        adopt: args.adopt.clone(),
        replace_wallet: args.replace_wallet_password,
        ..Options::default()
    };
    let mode = args.mode();
    let surveying = survey(assignments, &wallet, options, &context.settings);
    let mut survey = block_on(surveying)?;
    for note in survey.notes() {
        context.ui.note(&format!("note: {note}"));
    }
    let report = |survey: &Survey| survey.report(&name, mode, sources.clone());
    let found = report(&survey);
    for line in plan::skipped(&found) {
        context.ui.note(&line);
    }
    if survey.is_in_sync() || !found.errors.is_empty() || mode != Mode::Apply {
        return finish(args, &found, &plan::before(&found), context);
    }
    // The plan comes before the question, wherever the report goes.
    if args.is_json() {
        for line in plan::before(&found) {
            context.ui.note(&line);
        }
    } else {
        print(&plan::before(&found), context)?;
    }
    let asked = consent::Asked {
        environment: &name,
        is_protected,
        fingerprint: consent::fingerprint(&sources),
        yes: args.yes,
        confirm: args.confirm.as_deref(),
    };
    match consent::ask(&asked, &context.ui) {
        Ok(true) => {}
        Ok(false) => {
            context.ui.note("nothing was written");
            return finish(args, &found, &[], context);
        }
        Err(error) => {
            if args.is_json() {
                let mut refused = found;
                refused.status = error.code.status();
                json(&refused, context)?;
            }
            return Err(error);
        }
    }
    block_on(survey.apply())?;
    let done = report(&survey);
    finish(args, &done, &plan::after(&done), context)
}

/// Prints the outcome: a report for machines, or lines and the reasons.
fn finish(args: &Args, report: &Report, lines: &[String], context: &Context) -> Outcome {
    if args.is_json() {
        json(report, context)?;
        return Ok(report.status);
    }
    print(lines, context)?;
    match explain(report) {
        Some(error) => Err(error),
        None => Ok(report.status),
    }
}

fn print(lines: &[String], context: &Context) -> Result<(), Error> {
    lines.iter().try_for_each(|line| context.ui.line(line))
}

fn json(report: &Report, context: &Context) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(report).map_err(Error::internal)?;
    context.ui.line(&text)
}

/// What went wrong, as one error.
fn explain(report: &Report) -> Option<Error> {
    if report.errors.is_empty() {
        return None;
    }
    let environment = &report.environment;
    let message = match (report.mode, report.status) {
        (_, 3) => format!("environment {environment} was synced in part"),
        (Mode::Apply, _) => {
            format!("environment {environment} was not synced: nothing was written")
        }
        (_, 6) => format!("environment {environment} was changed by another writer"),
        _ => format!("environment {environment} cannot be synced as it is"),
    };
    let mut error = Error::new(Code::Other(report.status), message);
    for failure in &report.errors {
        error = error.detail(failure.line());
    }
    let hints = report
        .errors
        .iter()
        .filter_map(|Failure { hint, .. }| hint.as_ref());
    for hint in hints {
        if !error.hints.contains(hint) {
            error = error.hint(hint.as_str());
        }
    }
    Some(error)
}

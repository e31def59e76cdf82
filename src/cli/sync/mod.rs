//! `sync`: makes the targets of environments hold what their sealed files say.
//!
//! Shows the plan by names of objects and keys, asks, writes what differs, reads it back. Nothing
//! to do asks nothing and writes nothing. Several environments are one plan: what stops one of them
//! stops all.

mod consent;
mod interrupt;
pub(crate) mod journal;
pub(crate) mod options;
mod outcome;
pub(crate) mod plan;
mod reviewed;
mod turn;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as Arguments;
use clsecrets::keys::block_on;
use clsecrets::sync::{
    Inputs, Mode, Options, Patience, Progress, Report, SourceFile, Survey, apply, collisions,
    survey,
};
use clsecrets::{Code, Error};
use futures_util::future::join_all;

use super::data_keys::Renewal;
use super::delivery::Delivery;
use super::{Context, Outcome, environment};
use interrupt::Interrupts;
use journal::{Journal, Of};
use options::{Allowances, Timeout};
use outcome::{finish, json, print};
use reviewed::Reviewed;

/// Deliver the secrets of environments to their targets.
#[derive(Debug, Default, Arguments)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// No command is below this one; what was meant is a flag.
    #[arg(hide = true, value_name = "WORD")]
    word: Option<String>,
    /// The environment, as clsecrets.yaml calls it; may be given several times.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["all", "plan", "word"])]
    pub(crate) env: Vec<String>,
    /// All environments.
    #[arg(long, conflicts_with = "env")]
    pub(crate) all: bool,
    /// Show what would be done, and do nothing; status 2 if something would.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tell by the status whether something differs (2), or another writer changed it (6).
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,
    /// Write the plan to this file, and do nothing else; status 2 if something would be done.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "check"])]
    pub(crate) out: Option<PathBuf>,
    /// Do what this plan says, if nothing has moved since.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "check", "out", "env", "all"])]
    pub(crate) plan: Option<PathBuf>,
    /// Print a report for machines.
    #[arg(long)]
    pub(crate) json: bool,
    /// How to print: text or json.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], conflicts_with = "json")]
    pub(crate) format: Option<String>,
    /// Add a line for each write to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<String>,
    /// Answer the question with yes; a protected environment needs --confirm or --plan.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Confirm the run for exactly what --dry-run has shown: ENV@ and the digits that it prints for a
    /// protected environment, at least 32 of them; may be given several times.
    #[arg(long, value_name = "ENV@DIGITS")]
    pub(crate) confirm: Vec<String>,
    /// Refuse (4) a sealed file whose data key is not that of HEAD or of the last delivery.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
    #[command(flatten)]
    pub(crate) allowances: Allowances,
}

const EXAMPLES: &str = "\
Examples:
  clsecrets sync --env dev --dry-run      what would be done
  clsecrets sync --env dev                do it, after a question
  clsecrets sync --env dev -y --json      do it, for a script
  clsecrets sync --env dev --wait         and wait until what uses it has restarted
  clsecrets sync --all --check            is everything as the sealed files say?
  clsecrets sync --env prod --out plan    for a review, then: clsecrets sync --plan plan

Status: 0 in sync or done, 1 usage or configuration, 2 differences pending, 3 done in part,
4 refused, 5 a sealed file does not open, 6 changed by another writer, 7 something has moved since
the plan or the confirmation, 8 not reached: safe to repeat";

/// One environment in a run.
struct Run {
    name: String,
    sources: Vec<SourceFile>,
    inputs: Inputs,
    commit: Option<String>,
    repository: Option<String>,
    is_protected: bool,
    renewals: Vec<Renewal>,
}

impl Run {
    fn of(&self) -> Of<'_> {
        Of {
            commit: self.commit.as_deref(),
            repository: self.repository.as_deref(),
        }
    }
}

/// Everything that was found.
struct Found {
    runs: Vec<Run>,
    surveys: Vec<Survey>,
    progress: Arc<Progress>,
}

impl Args {
    fn mode(&self) -> Mode {
        match (self.check, self.dry_run || self.out.is_some()) {
            (true, _) => Mode::Check,
            (_, true) => Mode::DryRun,
            _ => Mode::Apply,
        }
    }

    fn is_json(&self) -> bool {
        self.json || self.format.as_deref() == Some("json")
    }
}

impl Found {
    fn inputs(&self) -> Vec<&Inputs> {
        self.runs.iter().map(|run| &run.inputs).collect()
    }

    fn reports(&self, mode: Mode) -> Vec<Report> {
        let all = self.runs.iter().zip(&self.surveys);
        all.map(|(run, survey)| Report {
            warnings: run.renewals.iter().map(Renewal::warning).collect(),
            ..survey.report(&run.name, mode, run.sources.clone())
        })
        .collect()
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    if let Some(word) = &args.word {
        return Err(no_command(word, &args.env));
    }
    let journal = Journal::open(args.journal.as_deref(), context);
    if journal.is_on_stdout() && args.is_json() {
        let message = "--json and --journal - both want standard output";
        return Err(Error::new(Code::Failed, message).hint("give the journal a file"));
    }
    let reviewed = args.plan.as_deref().map(Reviewed::read).transpose()?;
    if reviewed.is_some() && args.allowances != Allowances::default() {
        let message = "a plan is carried out as it was made, without other flags";
        return Err(Error::new(Code::Failed, message).hint("clsecrets sync --plan FILE"));
    }
    let (names, allowances) = match &reviewed {
        Some(plan) => (plan.environments(), &plan.allowances),
        None => (names(args, context)?, &args.allowances),
    };
    let mode = args.mode();
    let patience = args.timeout.begin(context)?;
    let interrupts = Interrupts::heard(&patience.stop);
    let mut found = look(&names, allowances, &patience, context)?;
    renewed(&found.runs, args.strict, context)?;
    let reports = found.reports(mode);
    for line in reports.iter().flat_map(plan::skipped) {
        context.ui.note(&line);
    }
    let lines: Vec<String> = reports.iter().flat_map(plan::before).collect();
    let is_stopped = reports.iter().any(|report| !report.errors.is_empty());
    if let Some(plan) = reviewed.as_ref().filter(|_| !is_stopped) {
        plan.admit(&reports, &found.inputs())?;
    }
    if let Some(path) = args.out.as_deref().filter(|_| !is_stopped) {
        Reviewed::of(&reports, &found.inputs(), allowances).write(path, context)?;
        let command = format!("clsecrets sync --plan {}", path.display());
        let note = format!("the plan is written; to carry it out: {command}");
        context.ui.note(&note);
    }
    let is_in_sync = found.surveys.iter().all(Survey::is_in_sync);
    if mode == Mode::DryRun && !is_in_sync && !is_stopped {
        confirmable(&found.runs, context);
    }
    if is_in_sync && !is_stopped && mode == Mode::Apply {
        known(&found.runs, &reports, &journal)?;
    }
    if is_in_sync || is_stopped || mode != Mode::Apply {
        return finish(args, &reports, &lines, context);
    }
    // The plan comes before the question, wherever the report goes.
    if args.is_json() || journal.is_on_stdout() {
        for line in lines {
            context.ui.note(&line);
        }
    } else {
        print(&lines, context)?;
    }
    match agreed(&found, &names, reviewed.is_some(), args, context) {
        Ok(true) => {}
        Ok(false) => {
            context.ui.note("nothing was written");
            return finish(args, &reports, &[], context);
        }
        Err(error) => return refused(error, &reports, args, context),
    }
    let turns = match turn::take(&found.runs, context) {
        Ok(turns) => turns,
        Err(error) => return refused(error, &reports, args, context),
    };
    interrupts.writing();
    for (run, report) in found.runs.iter().zip(&reports) {
        journal.begin(report, &run.of())?;
    }
    let progress = Arc::clone(&found.progress);
    let working = context.ui.working(move || match progress.counts() {
        (done, total) if done < total => format!("{done} of {total} written"),
        _ => "finishing".to_owned(),
    });
    block_on(apply(&mut found.surveys))?;
    drop(turns);
    drop(working);
    let done = found.reports(mode);
    for (run, report) in found.runs.iter().zip(&done) {
        journal.end(report, &run.of())?;
    }
    for note in done.iter().flat_map(plan::api_users) {
        context.ui.note(&format!("next: {note}"));
    }
    let lines: Vec<String> = done.iter().flat_map(plan::after).collect();
    if journal.is_on_stdout() {
        for line in lines {
            context.ui.note(&line);
        }
        return finish(args, &done, &[], context);
    }
    finish(args, &done, &lines, context)
}

/// Whether everybody who has to be asked has agreed; a plan is the answer.
fn agreed(
    found: &Found,
    names: &[String],
    is_reviewed: bool,
    args: &Args,
    context: &Context,
) -> Result<bool, Error> {
    for (run, survey) in found.runs.iter().zip(&found.surveys) {
        // What is confirmed beside a plan has to be it.
        if survey.is_in_sync() || (is_reviewed && args.confirm.is_empty()) {
            continue;
        }
        let deadline = context.deadline();
        if !deadline.asking(|| ask(run, names, args, context))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Ends a run that may not write; for machines with the report of what was found.
fn refused(error: Error, reports: &[Report], args: &Args, context: &Context) -> Outcome {
    if args.is_json() {
        json(reports, Some(error.code.status()), context)?;
    }
    Err(error)
}

/// What was meant by a word behind `sync`.
fn no_command(word: &str, environments: &[String]) -> Error {
    let env = environments.first().map_or("NAME", String::as_str);
    let hint = match word {
        "rollback" | "prune" | "check" | "dry-run" | "plan" => {
            let flag = if word == "plan" { "dry-run" } else { word };
            format!("clsecrets sync --env {env} --{flag}")
        }
        "restart" => format!(
            "clsecrets sync --env {env} restarts what uses what it writes, and what an earlier run left \
             undone; to restart anyway: kubectl rollout restart"
        ),
        "status" => "clsecrets status".to_owned(),
        _ => format!("clsecrets sync --env {}", clsecrets::error::quoted(word)),
    };
    Error::new(
        Code::Failed,
        format!("sync has no command {word}; it has flags"),
    )
    .hint(hint)
}

/// Names sealed files that somebody else may have made.
fn renewed(runs: &[Run], is_strict: bool, context: &Context) -> Result<(), Error> {
    for renewal in runs.iter().flat_map(|run| &run.renewals) {
        if is_strict {
            let what = format!("{}: {}", renewal.file, renewal.message);
            return Err(Error::new(Code::Other(4), what).hint(&renewal.hint));
        }
        context.ui.warn(&renewal.line());
    }
    Ok(())
}

/// What is there is as the sealed files say, and their new data keys were told: the next run knows them.
fn known(runs: &[Run], reports: &[Report], journal: &Journal<'_>) -> Result<(), Error> {
    let all = runs.iter().zip(reports);
    for (run, report) in all.filter(|(run, _)| !run.renewals.is_empty()) {
        journal.end(report, &run.of())?;
    }
    Ok(())
}

/// Says how what was shown is confirmed without a terminal.
fn confirmable(runs: &[Run], context: &Context) {
    for run in runs.iter().filter(|run| run.is_protected) {
        let digits = consent::fingerprint(&run.inputs, &run.sources);
        context.ui.note(&format!(
            "{} is protected; to confirm exactly this without a terminal: --confirm {}@{digits}",
            run.name, run.name
        ));
    }
}

/// The environments that the run is about.
fn names(args: &Args, context: &Context) -> Result<Vec<String>, Error> {
    if args.all {
        return environment::names(context);
    }
    let mut names: Vec<String> = Vec::new();
    for name in &args.env {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

/// Opens all environments and looks at all targets.
fn look(
    names: &[String],
    allowances: &Allowances,
    patience: &Patience,
    context: &Context,
) -> Result<Found, Error> {
    let options: Options = allowances.options(&context.links, patience)?;
    let loaded = environment::load_all(names, allowances.rollback, allowances.outside, context)?;
    let mut runs = Vec::new();
    let mut deliveries = Vec::new();
    for one in loaded {
        runs.push(Run {
            name: one.name.clone(),
            sources: one.sources(),
            inputs: one.inputs.clone(),
            commit: one.commit.clone(),
            repository: one.owner.mark().map(str::to_owned),
            is_protected: one.is_protected,
            renewals: one.renewals.clone(),
        });
        let delivery = one.deliver(allowances.target.as_deref(), &allowances.skip_validate)?;
        for note in &delivery.notes {
            context.ui.note(&format!("note: {note}"));
        }
        deliveries.push(delivery);
    }
    let surveying = deliveries.into_iter().map(|delivery| async {
        let Delivery {
            assignments,
            wallets,
            ..
        } = delivery;
        survey(assignments, &wallets, options.clone(), &context.settings).await
    });
    let working = context.ui.working(|| "looking at the targets".to_owned());
    let mut surveys = block_on(join_all(surveying))?;
    drop(working);
    collisions(&mut surveys);
    for note in surveys.iter().flat_map(Survey::notes) {
        context.ui.note(&format!("note: {note}"));
    }
    Ok(Found {
        runs,
        surveys,
        progress: options.progress,
    })
}

fn ask(run: &Run, names: &[String], args: &Args, context: &Context) -> Result<bool, Error> {
    let is_other = |confirm: &&String| {
        let environment = confirm.split('@').next().unwrap_or_default();
        environment != run.name && names.iter().any(|name| name == environment)
    };
    let confirm = args.confirm.iter().find(|confirm| !is_other(confirm));
    let asked = consent::Asked {
        environment: &run.name,
        is_protected: run.is_protected,
        fingerprint: consent::fingerprint(&run.inputs, &run.sources),
        yes: args.yes,
        confirm: confirm.map(String::as_str),
    };
    consent::ask(&asked, &context.ui)
}

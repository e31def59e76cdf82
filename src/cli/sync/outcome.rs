//! What a run says at its end: a report for machines, or lines and the reasons for people.

use clsecrets::sync::{Failure, Mode, Report, SCHEMA};
use clsecrets::{Code, Error};
use serde_json::json;

use super::Args;
use crate::cli::{Context, Outcome};

/// Prints the outcome.
pub(super) fn finish(
    args: &Args,
    reports: &[Report],
    lines: &[String],
    context: &Context,
) -> Outcome {
    let status = status(reports);
    if args.is_json() {
        json(reports, None, context)?;
        return Ok(status);
    }
    print(lines, context)?;
    match explain(reports, status) {
        Some(error) => Err(error),
        None => Ok(status),
    }
}

pub(super) fn print(lines: &[String], context: &Context) -> Result<(), Error> {
    lines.iter().try_for_each(|line| context.ui.line(line))
}

/// Prints the report of one environment, or of several in one object; `refused` is the status of
/// a run that was stopped by its answer.
pub(super) fn json(
    reports: &[Report],
    refused: Option<u8>,
    context: &Context,
) -> Result<(), Error> {
    let status = refused.unwrap_or(status(reports));
    let whole = match reports {
        [one] => {
            let mut whole = json!(one);
            if let Some(whole) = whole.as_object_mut() {
                whole.insert("status".to_owned(), json!(status));
            }
            whole
        }
        several => json!({"schema": SCHEMA, "status": status, "environments": several}),
    };
    let text = serde_json::to_string_pretty(&whole).map_err(Error::internal)?;
    context.ui.line(&text)
}

/// The exit status of all: what was written in part comes first, then what no repetition mends.
fn status(reports: &[Report]) -> u8 {
    let mut worst = [3, 1, 4, 8, 6, 2].into_iter();
    worst
        .find(|status| reports.iter().any(|report| report.status == *status))
        .unwrap_or(0)
}

/// What went wrong, as one error.
fn explain(reports: &[Report], status: u8) -> Option<Error> {
    let failed: Vec<&Report> = reports.iter().filter(|r| !r.errors.is_empty()).collect();
    let first = failed.first()?;
    let names: Vec<&str> = failed.iter().map(|r| r.environment.as_str()).collect();
    let environment = names.join(", ");
    let unknown: usize = failed.iter().map(|report| report.summary.unknown).sum();
    let is_any_done = failed.iter().any(|report| report.has_written());
    let arrived = match unknown {
        1 => "not known whether a write arrived; repeat to find out".to_owned(),
        _ => format!("not known whether {unknown} writes arrived; repeat to find out"),
    };
    let message = match (first.mode, status) {
        (_, 3) if unknown > 0 && !is_any_done => format!("environment {environment}: {arrived}"),
        (_, 3) if unknown > 0 => {
            format!("environment {environment} was synced in part: {arrived}")
        }
        (_, 3) => format!("environment {environment} was synced in part"),
        (Mode::Apply, _) => {
            format!("environment {environment} was not synced: nothing was written")
        }
        (_, 6) => format!("environment {environment} was changed by another writer"),
        _ => format!("environment {environment} cannot be synced as it is"),
    };
    let mut error = Error::new(Code::Other(status), message);
    for failure in failed.iter().flat_map(|report| &report.errors) {
        error = error.detail(failure.line());
    }
    let hints = failed
        .iter()
        .flat_map(|report| &report.errors)
        .filter_map(|Failure { hint, .. }| hint.as_ref());
    for hint in hints {
        if !error.hints.contains(hint) {
            error = error.hint(hint.as_str());
        }
    }
    Some(error)
}

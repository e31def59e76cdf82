//! `status`: how environments stand, on one screen: each target and object, who can open the sealed
//! files, how old their data keys are, when the last sync was. Writes nothing to any target.

mod found;
mod page;
mod view;

use std::path::PathBuf;

use clap::Args as Arguments;
use clsecrets::fs;
use clsecrets::{Code, Error};

use super::hook::outdated_hooks;
use super::{Context, Outcome, environment};
use crate::cli::sync::options::Timeout;
use found::Status;

/// Show how environments and their targets stand.
#[derive(Debug, Default, Arguments)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The environment, as clsecrets.yaml calls it; may be given several times. Without it all.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// Only targets of this kind or this name, `*` for any part.
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// Refuse (4) a sealed file whose data key is not that of HEAD or of the last delivery.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Let paths of clsecrets.yaml lead out of the repository.
    #[arg(long)]
    pub(crate) outside: bool,
    /// Print for machines.
    #[arg(long)]
    pub(crate) json: bool,
    /// How to print: text or json.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], conflicts_with = "json")]
    pub(crate) format: Option<String>,
    /// Write a page to this file as well: self-contained, without values, readable on a phone.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

const EXAMPLES: &str = "\
Examples:
  clsecrets status                          all environments on one screen
  clsecrets status --env prod --json        one of them, for a script
  clsecrets status --html status.html       a page to look at from anywhere

Status: 0 all in sync, 1 usage or configuration, 2 something is behind, 4 refused, 5 a sealed file
does not open, 6 changed by another writer, 8 not reached";

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let names = if args.env.is_empty() {
        environment::names(context)?
    } else {
        args.env.clone()
    };
    let patience = args.timeout.begin(context)?;
    let status = found::find(&names, args, &patience, context)?;
    if let Some(path) = &args.html {
        let path = context.settings.absolute(path);
        let page = page::page(&status, context.settings.now);
        fs::replace(&path, page.as_bytes(), fs::Privacy::Private, None)?;
    }
    if let Some(note) = outdated_hooks(&context.settings.cwd) {
        context.ui.warn(&note);
    }
    if args.json || args.format.as_deref() == Some("json") {
        context.ui.json(&status)?;
        return Ok(status.exit);
    }
    let lines = view::lines(&status, context.settings.now);
    match context.ui.width() {
        Some(width) => {
            let lines = lines.iter().flat_map(|line| view::folded(line, width));
            context.ui.lines(lines)?;
        }
        None => context.ui.lines(lines)?,
    }
    Ok(status.exit)
}

impl Status {
    /// The exit status of all: what no repetition mends comes first.
    fn of(statuses: &[u8]) -> u8 {
        let mut worst = [1, 5, 4, 8, 6, 2].into_iter();
        worst
            .find(|status| statuses.contains(status))
            .unwrap_or_default()
    }
}

/// The exit status that an error asks for.
fn status_of(error: &Error) -> u8 {
    match error.code {
        Code::Other(status) => status,
        _ => 1,
    }
}

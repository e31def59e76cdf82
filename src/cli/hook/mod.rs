//! `clsecrets hook`: refuses cleartext that is about to be committed.
//!
//! Without a key, a network or a runtime. What it finds goes to standard output, as text or for
//! machines; status 0 clean, 1 findings, 2 could not judge and so refuses.

mod install;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use clsecrets::scan::{self, Files, Index, Report, Scope, SourceError, report};
use clsecrets::{Code, Error};

use super::{Context, Outcome};

pub(super) use install::install;

/// Refuse cleartext in what is about to be committed.
///
/// Reads the index, never the working tree, and takes the rules of .sops.yaml and clsecrets.yaml
/// from HEAD and from the index. Exit status: 0 clean, 1 findings, 2 something could not be
/// judged (and is refused), 3 usage.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        clsecrets hook install         check every commit of this repository\n  \
        clsecrets hook                 check what is staged\n  \
        clsecrets hook --all --json    check everything that is tracked, for a machine"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Check what is staged (the default)
    #[arg(long, conflicts_with_all = ["all", "files"])]
    staged: bool,
    /// Check every tracked file as the index has it
    #[arg(long, conflicts_with = "files")]
    all: bool,
    /// Check these files of the working tree
    files: Vec<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the check before every commit and merge of this repository
    Install {
        /// Take it away again, and bring back the hooks that were there
        #[arg(long)]
        uninstall: bool,
    },
    /// Take the check away again, and bring back the hooks that were there
    Uninstall,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

/// Runs the command.
pub(crate) fn run(arguments: &Args, context: &Context) -> Outcome {
    match arguments.action {
        Some(Action::Install { uninstall: false }) => {
            for line in install::install(&context.settings.cwd)? {
                context.ui.line(&line)?;
            }
            Ok(0)
        }
        Some(Action::Install { uninstall: true } | Action::Uninstall) => {
            for line in install::uninstall(&context.settings.cwd)? {
                context.ui.line(&line)?;
            }
            Ok(0)
        }
        None => check(arguments, context),
    }
}

fn check(arguments: &Args, context: &Context) -> Outcome {
    let report = look(arguments, context).map_err(|error| refusal(&error))?;
    for note in &report.notes {
        context.ui.warn(note);
    }
    let format = if arguments.json {
        Format::Json
    } else {
        arguments.format
    };
    let text = match format {
        Format::Text => report::text(&report),
        Format::Json => report::json(&report),
        Format::Sarif => report::sarif(&report),
    };
    context.ui.result(text.as_bytes())?;
    if format == Format::Text {
        context.ui.note(&report::summary(&report));
    }
    Ok(report.status())
}

fn look(arguments: &Args, context: &Context) -> Result<Report, SourceError> {
    let directory = &context.settings.cwd;
    if !arguments.files.is_empty() {
        return scan::run(&mut Files::new(directory, &arguments.files));
    }
    let scope = if arguments.all {
        Scope::Tracked
    } else {
        Scope::Staged
    };
    scan::run(&mut Index::open(directory, scope)?)
}

fn refusal(error: &SourceError) -> Error {
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

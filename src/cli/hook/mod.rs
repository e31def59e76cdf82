//! `clsecrets hook`: refuses cleartext that is about to be committed.
//!
//! Without a key, a network or a runtime. What it finds goes to standard output, as text or for
//! machines; status 0 clean, 1 findings, 2 could not judge and so refuses.

mod fix;
mod install;
mod known;
mod message;
mod reporting;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use clsecrets::scan::{Files, Index, Remote, Scope};
use clsecrets::{Code, Error};

use super::{Context, Outcome};

pub(super) use install::install;
pub(super) use known::{begin, learn_sealed, refresh};
pub(super) use reporting::{Reporting, refusal};

/// Refuse cleartext in what is about to be committed.
///
/// Reads the index, never the working tree, and takes the rules of .sops.yaml and clsecrets.yaml
/// from HEAD and from the index. Exit status: 0 clean, 1 findings, 2 something could not be
/// judged (and is refused), 3 usage.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        clsecrets hook install                  check every commit, merge and push of this repository\n  \
        clsecrets hook                          check what is staged\n  \
        clsecrets hook --range origin/main..    check what a push or a pull request adds\n  \
        clsecrets hook --all --json             check everything that is tracked, for a machine\n  \
        clsecrets hook --fix                    seal and unstage what is in clear, then check again\n  \
        clsecrets hook --all --baseline         waive what an old repository has"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Check what is staged (the default)
    #[arg(long, conflicts_with_all = ["all", "files", "range"])]
    staged: bool,
    /// Check every tracked file as the index has it
    #[arg(long, conflicts_with_all = ["files", "range"])]
    all: bool,
    /// Check every commit of a range, as a push or a pull request has it
    #[arg(long, value_name = "A..B", conflicts_with = "files")]
    range: Option<String>,
    /// Check what is pushed, as git tells a pre-push or pre-receive hook on standard input
    #[arg(long, conflicts_with_all = ["staged", "all", "range", "files"])]
    pushed: bool,
    /// With --pushed: the remote that it goes to, as git tells a pre-push hook; what that one has
    /// already is not checked again
    #[arg(long, value_name = "NAME", requires = "pushed")]
    remote: Option<String>,
    /// With --remote: its URL, as git tells a pre-push hook
    #[arg(long, value_name = "URL", requires = "remote")]
    remote_url: Option<String>,
    /// Check the message of a commit, as git gives its file to a commit-msg hook
    #[arg(long, value_name = "FILE", conflicts_with_all = ["staged", "all", "range", "pushed", "files"])]
    message: Option<PathBuf>,
    /// Seal what has to be sealed, by its creation rule, and unstage clear files; then check again
    #[arg(long, conflicts_with_all = ["all", "range", "pushed", "message", "files", "baseline"])]
    fix: bool,
    /// Check these files of the working tree
    files: Vec<PathBuf>,
    #[command(flatten)]
    reporting: Reporting,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the check before every commit, merge and push of this repository
    Install {
        /// Take it away again, and bring back the hooks that were there
        #[arg(long)]
        uninstall: bool,
    },
    /// Take the check away again, and bring back the hooks that were there
    Uninstall,
    /// Open the sealed files of this repository, so that their values are found in clear elsewhere
    Index,
}

/// Runs the command.
pub(crate) fn run(arguments: &Args, context: &Context) -> Outcome {
    match arguments.action {
        Some(Action::Install { uninstall: false }) => {
            for line in install::install(&context.settings.cwd)? {
                context.ui.line(&line)?;
            }
            known::begin(&context.settings.cwd, &context.settings)?;
            Ok(0)
        }
        Some(Action::Install { uninstall: true } | Action::Uninstall) => {
            for line in install::uninstall(&context.settings.cwd)? {
                context.ui.line(&line)?;
            }
            Ok(0)
        }
        Some(Action::Index) => known::index(context),
        None => check(arguments, context),
    }
}

fn check(arguments: &Args, context: &Context) -> Outcome {
    let directory = &context.settings.cwd;
    if let Some(file) = &arguments.message {
        return message::check(file, &arguments.reporting, context);
    }
    if !arguments.files.is_empty() {
        return arguments
            .reporting
            .run(&mut Files::new(directory, &arguments.files), context);
    }
    let index = match &arguments.range {
        _ if arguments.pushed => {
            let told = std::io::read_to_string(std::io::stdin()).map_err(|_| {
                Error::new(
                    Code::Input,
                    "cannot read from standard input what is pushed",
                )
            })?;
            let remote = arguments.remote.as_deref().map(|name| Remote {
                name,
                url: arguments.remote_url.as_deref(),
            });
            Index::pushed(directory, &told, remote)
        }
        Some(range) => Index::range(directory, range),
        None if arguments.all => Index::open(directory, Scope::Tracked),
        None => Index::open(directory, Scope::Staged),
    };
    let mut index = index.map_err(|error| refusal(&error))?;
    if arguments.fix {
        let (report, _) = arguments.reporting.judge(&mut index, context)?;
        fix::fix(&report, context)?;
        index = Index::open(directory, Scope::Staged).map_err(|error| refusal(&error))?;
    }
    arguments.reporting.run(&mut index, context)
}

/// What is to be said of hooks that are installed and not as this version installs them.
pub(super) fn outdated_hooks(directory: &Path) -> Option<String> {
    let old = install::outdated(directory);
    (!old.is_empty()).then(|| {
        format!(
            "{}: not as this version installs its hooks: clsecrets hook install",
            old.join(", ")
        )
    })
}

/// The error of a file that is needed and cannot be had.
fn unusable(what: &str, reason: &str) -> Error {
    Error::new(Code::Input, format!("cannot use {what}: {reason}"))
}

//! `clsecrets keys`: who can open what, over whole trees.

mod list;

use std::path::PathBuf;

use clap::Subcommand;

use super::updatekeys::{self, Following};
use super::{Context, Outcome};

/// List who can open which files, or make files follow their creation rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clsecrets keys list                     who can open what, below here
  clsecrets keys apply --check            do all files follow .sops.yaml? for CI, needs no key
  clsecrets keys apply --yes              make them follow it")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List who can open which files
    #[command(after_help = "Examples:
  clsecrets keys list
  clsecrets keys list --json secrets/")]
    List(list::Args),
    /// Make files follow their creation rules: one plan, one question
    #[command(after_help = "\
With --check nothing is opened or written: status 0 if all files follow their rules, 1 if not.

Examples:
  clsecrets keys apply --check
  clsecrets keys apply --yes secrets/
  clsecrets keys apply --rotate    with new data keys, since somebody is to lose access")]
    Apply(Box<ApplyArgs>),
}

#[derive(Debug, clap::Args)]
struct ApplyArgs {
    /// Sealed files, directories, or patterns in quotes
    #[arg(default_value = ".")]
    files: Vec<PathBuf>,
    /// Say what would change, and write nothing
    #[arg(long, conflicts_with_all = ["yes", "rotate"])]
    check: bool,
    #[command(flatten)]
    following: Following,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    match &args.action {
        Action::List(args) => list::run(args, context),
        Action::Apply(args) if args.check => {
            updatekeys::compare(&args.files, &args.following, context)
        }
        Action::Apply(args) => updatekeys::follow(&args.files, &args.following, context),
    }
}

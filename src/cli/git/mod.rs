//! `clsecrets git`: sealed files in the work with Git, so that it shows and merges them by their keys.

mod ask;
pub(super) mod history;
mod merge;
mod setup;
mod textconv;
mod trust;

use std::path::PathBuf;

use clap::Subcommand;

pub(super) use ask::{ask, ask_path};

use super::{Context, Outcome};

/// Let Git show and merge sealed files by their keys.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clsecrets git setup                   for the sealed files of this repository
  clsecrets git setup 'secrets/*.yaml'  and for whatever fits this pattern
  git diff                              then shows which keys changed, never a value
  git merge topic                       then merges values, and names keys in conflict")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write the attributes and drivers that the other two need
    #[command(after_help = "\
Writes .gitattributes, which is to be committed, and the configuration of this clone, which each
clone needs: run it once in each.

Examples:
  clsecrets git setup             the files of environments and every sealed file that is tracked
  clsecrets git setup --reveal    git diff shows cleartext to whoever can open the files
  clsecrets git setup --uninstall")]
    Setup(setup::Args),
    /// Print a sealed file so that changes can be seen: keys, and a mark for each value
    #[command(after_help = "\
Needs no key. A mark is made of the ciphertext: it changes when a value is sealed anew, and says
nothing about the value. Git runs it for `git diff`, `git log -p` and `git show`.

Examples:
  clsecrets git textconv secrets.yaml             masked
  clsecrets git textconv --reveal secrets.yaml    in clear, if it can be opened")]
    Textconv(textconv::Args),
    /// Merge two versions of a sealed file: git runs it for `git merge`, `rebase`, `cherry-pick`
    #[command(after_help = "\
Exit status: 0 merged, 1 merged but for conflicts, in which ours is kept, 2 not merged, ours is kept.

Examples:
  clsecrets git merge %O %A %B %P    as git calls it: ancestor, ours, theirs, path; ours is written")]
    Merge(merge::Args),
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    match &args.action {
        Action::Setup(args) => setup::run(args, context),
        Action::Textconv(args) => textconv::run(args, context),
        Action::Merge(args) => Ok(merge::run(args, context)),
    }
}

/// A path that Git gives.
#[derive(Debug, clap::Args)]
struct Versions {
    /// The common ancestor; an empty file where there is none
    base: PathBuf,
    /// Our version; the result is written over it
    ours: PathBuf,
    /// Their version
    theirs: PathBuf,
    /// The path of the file in the repository
    path: PathBuf,
}

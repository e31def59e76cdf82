//! `clsecrets completion SHELL`: a script that completes commands and options.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::{Shell, generate};

use super::face::Face;
use super::{Cli, Context, Outcome};

/// Print a completion script for a shell.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets completion bash > /etc/bash_completion.d/clsecrets            every bash
  clsecrets completion zsh > \"${fpath[1]}/_clsecrets\"                     every zsh
  clsecrets completion fish > ~/.config/fish/completions/clsecrets.fish   every fish
  source <(clsecrets completion bash)                                     this shell only")]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let mut script = Vec::new();
    let name = match context.face {
        Face::Own => "clsecrets",
        Face::Sops => "sops",
    };
    generate(args.shell, &mut Cli::command(), name, &mut script);
    context.ui.result(&script)?;
    Ok(0)
}

//! The commands, written down: pages for `man`, and `docs/commands.md`.
//!
//! Both come from the same definitions as the command line itself. Hidden, because they are for
//! those who package or document the tool.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Command, CommandFactory};
use clsecrets::fs::{self, Privacy};
use clsecrets::{Code, Error};

use super::{Cli, Context, Outcome};

/// Columns of the help texts in the reference; a terminal's width must not change it.
const WIDTH: usize = 100;

/// Print a page for man: of the tool, or of one command.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets man | man -l -                     read it
  clsecrets man sync > clsecrets-sync.1        package it
  clsecrets man groups add > clsecrets-groups-add.1
  clsecrets man --all man1                     every page, as files of a folder")]
pub(crate) struct ManArgs {
    /// The command; none is the whole tool.
    command: Vec<String>,
    /// Write every page into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    all: Option<PathBuf>,
}

/// Print the help of every command as Markdown: docs/commands.md.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReferenceArgs {}

/// Runs `man`.
pub(crate) fn man(args: &ManArgs, context: &Context) -> Outcome {
    if let Some(folder) = &args.all {
        let folder = context.settings.absolute(folder);
        fs::create_shared_dir(&folder)?;
        let mut paths = vec![Vec::new()];
        for command in commands() {
            let name = command.get_name().to_owned();
            let inner = command.get_subcommands();
            let inner = inner.map(|inner| inner.get_name().to_owned());
            let inner: Vec<String> = inner.filter(|inner| inner != "help").collect();
            paths.extend(inner.into_iter().map(|inner| vec![name.clone(), inner]));
            paths.push(vec![name]);
        }
        for path in paths {
            let name = std::iter::once("clsecrets".to_owned()).chain(path.clone());
            let name = name.collect::<Vec<_>>().join("-");
            let page = page(&path)?;
            fs::replace(
                &folder.join(format!("{name}.1")),
                &page,
                Privacy::Umask,
                None,
            )?;
        }
        return Ok(0);
    }
    context.ui.result(&page(&args.command)?)?;
    Ok(0)
}

/// The page of a command; of the whole tool for no word.
fn page(path: &[String]) -> Result<Vec<u8>, Error> {
    let mut command = visible();
    for name in path {
        let is_it = |one: &&Command| one.get_name() == name && !one.is_hide_set();
        let inner = command.get_subcommands().find(is_it).cloned();
        command = inner.ok_or_else(|| {
            Error::new(
                Code::Failed,
                format!("there is no command {}", path.join(" ")),
            )
            .hint("clsecrets --help")
        })?;
    }
    if !path.is_empty() {
        // The page is found as `man clsecrets-sync`.
        command = command.display_name(format!("clsecrets-{}", path.join("-")));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .source(concat!("clsecrets ", env!("CARGO_PKG_VERSION")))
        .manual("clsecrets")
        .render(&mut page)
        .map_err(Error::internal)?;
    Ok(page)
}

/// Runs `reference`.
pub(crate) fn reference(_: &ReferenceArgs, context: &Context) -> Outcome {
    let mut page = String::from(
        "# Commands\n\nWhat `--help` says of each command. This page is printed by `clsecrets \
         reference` and\ncompared with it by a test.\n",
    );
    section(&mut page, "clsecrets", &visible());
    for command in commands() {
        let name = format!("clsecrets {}", command.get_name());
        section(&mut page, &name, &command);
        let deeper = command.get_subcommands();
        for inner in deeper.filter(|inner| inner.get_name() != "help") {
            section(&mut page, &format!("{name} {}", inner.get_name()), inner);
        }
    }
    context.ui.result(page.as_bytes())?;
    Ok(0)
}

fn section(page: &mut String, name: &str, command: &Command) {
    let mut command = command.clone().bin_name(name).term_width(WIDTH);
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n"));
}

/// The whole tool, without what is hidden.
fn visible() -> Command {
    let mut whole = Cli::command();
    whole.build();
    whole
}

/// Every command that the help names, but `help` itself.
fn commands() -> Vec<Command> {
    let whole = visible();
    let all = whole.get_subcommands();
    all.filter(|one| !one.is_hide_set() && one.get_name() != "help")
        .cloned()
        .collect()
}

//! `clsecrets scan`: looks for credentials in files, directories, standard input and history.

use std::io::Read;
use std::path::PathBuf;

use clsecrets::scan::{Files, Form, Given, Index, Scope};
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::hook::{Reporting, refusal};
use super::{Context, Outcome};

/// More of standard input is not read.
const LIMIT: u64 = 64 << 20;

/// Look for credentials in files, directories or the whole history.
///
/// Exit status: 0 clean, 1 findings, 2 something could not be judged, 3 usage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    clsecrets scan .                      every file below, but what Git ignores\n  \
    helm template . | clsecrets scan -    what a command prints\n  \
    clsecrets scan --history              every content of every commit, once")]
pub(crate) struct Args {
    /// Files and directories; `-` is standard input
    #[arg(required_unless_present = "history")]
    paths: Vec<PathBuf>,
    /// Look at every content of every commit of every branch and tag
    #[arg(long, conflicts_with = "paths")]
    history: bool,
    /// Look at what Git ignores, too
    #[arg(long)]
    no_ignore: bool,
    /// Take this for the name of standard input
    #[arg(long, value_name = "PATH", default_value = "-")]
    stdin_name: String,
    #[command(flatten)]
    reporting: Reporting,
}

/// Runs the command.
pub(crate) fn run(arguments: &Args, context: &Context) -> Outcome {
    let directory = &context.settings.cwd;
    if arguments.history {
        let mut index = Index::open(directory, Scope::History).map_err(|error| refusal(&error))?;
        return arguments.reporting.run(&mut index, context);
    }
    if arguments.paths.iter().any(|path| path.as_os_str() == "-") {
        if arguments.paths.len() > 1 {
            return Err(Error::new(Code::Output, "standard input is scanned alone")
                .hint("name it or files, not both"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let read = std::io::stdin()
            .lock()
            .take(LIMIT + 1)
            .read_to_end(&mut bytes);
        let is_whole = read.is_ok_and(|count| count as u64 <= LIMIT);
        if !is_whole {
            return Err(Error::new(
                Code::Input,
                "standard input cannot be read, or has more than 64 MiB",
            ));
        }
        let mut given = Given {
            name: &arguments.stdin_name,
            bytes: &bytes,
            form: Form::File,
        };
        return arguments.reporting.run(&mut given, context);
    }
    let mut files = Files::below(directory, &arguments.paths, arguments.no_ignore);
    arguments.reporting.run(&mut files, context)
}

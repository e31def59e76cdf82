//! The command line: one file per command, and the table of them.
//!
//! Only here are environment, terminal and working directory read, and only `ui` prints. A command
//! is a struct of arguments and a `run` that answers with an exit status or an [`Error`].

mod decrypt;
mod delivery;
mod digest;
mod encrypt;
mod environment;
mod guarding;
mod hook;
mod init;
mod input;
mod legacy;
mod onto;
mod opening;
mod render;
mod sealing;
mod set;
mod sync;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clsecrets::{Code, Error, Settings};

use ui::Ui;

/// Seals the secrets of Chainlink nodes in the SOPS format and delivers them.
#[derive(Debug, Parser)]
#[command(
    name = "clsecrets",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Encrypt(Box<encrypt::Args>),
    Decrypt(Box<decrypt::Args>),
    Set(Box<set::Args>),
    Render(render::Args),
    Sync(sync::Args),
    Hook(hook::Args),
}

/// What every command gets besides its arguments.
#[derive(Debug)]
pub(crate) struct Context {
    /// The surroundings, read once.
    pub(crate) settings: Settings,
    /// Both streams and the prompts.
    pub(crate) ui: Ui,
}

/// An exit status, or why there is none better than failure.
pub(crate) type Outcome = Result<u8, Error>;

/// Reads the command line and runs it.
pub(crate) fn main() -> ExitCode {
    keep_memory_private();
    let ui = Ui::new();
    let settings = match surroundings() {
        Ok(settings) => settings,
        Err(error) => return ExitCode::from(ui.fail(&error)),
    };
    let cli = match Cli::try_parse_from(legacy::subcommand_form(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                usage_status()
            } else {
                0
            });
        }
    };
    let context = Context { settings, ui };
    match run(&cli.command, &context) {
        Ok(status) => ExitCode::from(status),
        Err(error) => ExitCode::from(context.ui.fail(&error)),
    }
}

fn run(command: &Command, context: &Context) -> Outcome {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Encrypt(args) => encrypt::run(args, context),
        Command::Decrypt(args) => decrypt::run(args, context),
        Command::Set(args) => set::run(args, context),
        Command::Render(args) => render::run(args, context),
        Command::Sync(args) => sync::run(args, context),
        Command::Hook(args) => hook::run(args, context),
    }
}

/// No core dump, and no look into this process by others of the same user. A kernel that refuses is
/// no reason not to work.
fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
    };
}

/// The status of a usage error; the guarding commands keep 1 for findings.
fn usage_status() -> u8 {
    let guards = std::env::args_os().nth(1).is_some_and(|word| {
        ["hook", "scan", "check", "validate"]
            .iter()
            .any(|name| word == *name)
    });
    if guards { 3 } else { 1 }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the surroundings"
)]
fn surroundings() -> Result<Settings, Error> {
    let cwd = std::env::current_dir()
        .map_err(|_| Error::new(Code::Failed, "the working directory does not exist"))?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
    let vars = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(Settings::new(vars, cwd, now))
}

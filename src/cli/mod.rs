//! The command line: one file per command, and the table of them.
//!
//! Only here are environment, terminal and working directory read, and only `ui` prints. A command
//! is a struct of arguments and a `run` that answers with an exit status or an [`Error`].

mod check;
mod child;
mod completion;
mod conversion;
mod data_keys;
mod decrypt;
mod delivery;
mod digest;
mod edit;
mod encrypt;
mod environment;
mod exec;
mod face;
mod filestatus;
mod r#gen;
mod git;
mod groups;
mod guarding;
mod hardening;
mod head;
mod hook;
mod init;
mod input;
mod keys;
mod kinds;
mod onto;
mod opening;
mod places;
mod question;
mod reference;
mod render;
mod rewrapping;
mod rotate;
mod scan;
mod sealing;
mod set;
mod status;
mod subject;
mod sync;
mod trees;
mod ui;
mod unset;
mod updatekeys;
mod usage;
mod validate;
mod warden;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::{CommandFactory, Parser, Subcommand};
use clsecrets::deadline::Deadline;
use clsecrets::fs::{self, Lock};
use clsecrets::sync::Links;
use clsecrets::{Code, Error, Settings};

use face::{Face, Words};
use sync::journal::Ends;
use ui::Ui;

/// Seals the secrets of Chainlink nodes in the SOPS format and delivers them.
#[derive(Debug, Parser)]
#[command(
    name = "clsecrets",
    version,
    arg_required_else_help = true,
    after_help = TOUR
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const TOUR: &str = "\
Examples:
  clsecrets init --env dev          recipients, environment, ignored files, hook
  clsecrets encrypt --env dev       seal secrets/dev/clear-secrets.yaml
  clsecrets validate --env dev      would the node and its adapters work with it?
  clsecrets sync --env dev          deliver it, after a question
  clsecrets status                  is everything as the sealed files say?
  clsecrets hook --all              is anything in clear that should be sealed?";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Encrypt(Box<encrypt::Args>),
    Decrypt(Box<decrypt::Args>),
    Edit(Box<edit::Args>),
    Set(Box<set::Args>),
    Unset(Box<unset::Args>),
    Rotate(Box<rotate::Args>),
    Updatekeys(Box<updatekeys::Args>),
    Groups(groups::Args),
    #[command(name = "exec-env")]
    ExecEnv(exec::EnvArgs),
    #[command(name = "exec-file")]
    ExecFile(exec::FileArgs),
    Filestatus(filestatus::Args),
    Render(render::Args),
    Validate(Box<validate::Args>),
    Gen(Box<r#gen::Args>),
    Sync(Box<sync::Args>),
    Status(status::Args),
    Hook(hook::Args),
    Git(git::Args),
    Check(check::Args),
    Keys(keys::Args),
    Scan(scan::Args),
    Completion(completion::Args),
    #[command(hide = true)]
    Man(reference::ManArgs),
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
    #[command(hide = true, name = "clear-away")]
    ClearAway(warden::Args),
}

/// What every command gets besides its arguments.
#[derive(Debug)]
pub(crate) struct Context {
    /// The surroundings, read once.
    pub(crate) settings: Settings,
    /// Both streams and the prompts.
    pub(crate) ui: Ui,
    /// As what the tool was called.
    pub(crate) face: Face,
    /// Connections to targets, for all that one command does.
    pub(crate) links: Arc<Links>,
    /// When it has to be done, as soon as its arguments say so.
    deadline: OnceLock<Deadline>,
    /// What this machine's journal says, read when it is first asked for.
    ends: OnceLock<Ends>,
    /// Where this user's runs remember things, once it was looked at.
    state: OnceLock<Option<PathBuf>>,
}

impl Context {
    /// Waits for the other writers of a file's directory; says so where there are no locks.
    pub(crate) fn lock(&self, path: &Path) -> Result<Lock, Error> {
        let lock = fs::lock(path)?;
        if let Some(reason) = lock.missing() {
            self.ui.warn(&format!(
                "{reason}; before it is written, the file is compared once more with what was read"
            ));
        }
        Ok(lock)
    }

    /// Begins to count the time that the command has.
    pub(crate) fn begin(&self, deadline: Deadline) -> Deadline {
        self.deadline.get_or_init(|| deadline).clone()
    }

    /// How the last runs on this machine ended, before this one.
    pub(crate) fn ends(&self) -> &Ends {
        self.ends.get_or_init(|| Ends::read(self))
    }

    /// When the command has to be done.
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline.get().cloned().unwrap_or_default()
    }

    /// The folder in which this user's runs remember things. One that others can change is said, once,
    /// and the run goes on as if there was none.
    pub(crate) fn state(&self) -> Option<&Path> {
        let found = self.state.get_or_init(|| {
            fs::state_folder(&self.settings).unwrap_or_else(|error| {
                self.ui.warn_of(&error);
                None
            })
        });
        found.as_deref()
    }
}

/// An exit status, or why there is none better than failure.
pub(crate) type Outcome = Result<u8, Error>;

/// Reads the command line and runs it.
pub(crate) fn main() -> ExitCode {
    hardening::harden();
    let ui = Ui::new();
    let args: Vec<OsString> = std::env::args_os().collect();
    let words = match Words::of(args, &Cli::command()) {
        Ok(words) => words,
        Err(error) => return ExitCode::from(ui.fail(&error)),
    };
    for warning in &words.warnings {
        ui.warn(warning);
    }
    if words.asks_version {
        return ExitCode::from(ui.line(&face::version()).map_or(1, |()| 0));
    }
    let cli = match Cli::try_parse_from(&words.args) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage::explain(&error, &words.args, &ui)),
    };
    let face = words.face;
    let settings = match surroundings() {
        Ok(settings) => settings,
        Err(error) => return ExitCode::from(ui.fail(&error)),
    };
    if !matches!(cli.command, Command::ClearAway(_)) {
        fs::clear_left_over(&settings);
    }
    let context = Context {
        settings,
        ui,
        face,
        links: Arc::default(),
        deadline: OnceLock::new(),
        ends: OnceLock::new(),
        state: OnceLock::new(),
    };
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
        Command::Edit(args) => edit::run(args, context),
        Command::Set(args) => set::run(args, context),
        Command::Unset(args) => unset::run(args, context),
        Command::Rotate(args) => rotate::run(args, context),
        Command::Updatekeys(args) => updatekeys::run(args, context),
        Command::Groups(args) => groups::run(args, context),
        Command::ExecEnv(args) => exec::env(args, context),
        Command::ExecFile(args) => exec::file(args, context),
        Command::Filestatus(args) => filestatus::run(args, context),
        Command::Render(args) => render::run(args, context),
        Command::Validate(args) => validate::run(args, context),
        Command::Gen(args) => r#gen::run(args, context),
        Command::Sync(args) => sync::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Hook(args) => hook::run(args, context),
        Command::Git(args) => git::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Keys(args) => keys::run(args, context),
        Command::Scan(args) => scan::run(args, context),
        Command::Completion(args) => completion::run(args, context),
        Command::Man(args) => reference::man(args, context),
        Command::Reference(args) => reference::reference(args, context),
        Command::ClearAway(args) => Ok(warden::run(args)),
    }
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

//! `clsecrets exec-env` and `exec-file`: a program gets values in its environment, or the cleartext as
//! a file.
//!
//! Nothing is started before the MAC agrees. The program does not inherit the identities that opened
//! the file. The surprise: a pipe can be read once; whoever reads it again finds it gone.

mod families;
mod names;
mod user;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;

use clap::Args as ClapArgs;
use clsecrets::envelope::{OpenOptions, Opened};
use clsecrets::fs::{self, Pipe, PrivateDir};
use clsecrets::settings::without_identities;
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::child::{self, Ended};
use super::conversion::Conversion;
use super::face::Face;
use super::input::{Input, Naming, missing_is};
use super::opening::{Opener, clear_text};
use super::ui::Ui;
use super::warden::Warden;
use super::{Context, Outcome};
use names::{Judge, Variable, variables};
use user::User;

/// Run a program with the values of a sealed file as variables of its environment.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "One word is run by /bin/sh, several are a program and its arguments.

Examples:
  clsecrets exec-env secrets.env 'echo \"$DATABASE_URL\" | wc -c'
  clsecrets exec-env secrets.yaml -- ./node --config node.toml
  clsecrets exec-env --pristine secrets.yaml env"
)]
pub(crate) struct EnvArgs {
    /// The sealed file.
    file: PathBuf,
    /// What to run.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
    /// Give the program nothing but these variables.
    #[arg(long)]
    pristine: bool,
    /// Become the program instead of waiting for it.
    #[arg(long, conflicts_with = "background")]
    same_process: bool,
    /// Allow this name although it leads programs elsewhere, or its value is not sealed.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow_name: Vec<String>,
    #[command(flatten)]
    running: Running,
}

/// Run a program with the cleartext of a sealed file as a file: `{}` is its path.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "The file is a pipe, which can be read once, or with --no-fifo a file in memory.

Examples:
  clsecrets exec-file secrets.yaml 'helm upgrade node ./chart -f {}'
  clsecrets exec-file --no-fifo secrets.json -- jq . {}
  clsecrets exec-file --output-type json secrets.yaml 'jq .db.url {}'"
)]
pub(crate) struct FileArgs {
    /// The sealed file.
    file: PathBuf,
    /// What to run.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
    /// A file that can be read again instead of a pipe; it is in memory.
    #[arg(long)]
    no_fifo: bool,
    /// What the file is called.
    #[arg(long, value_name = "NAME", default_value = "tmp-file")]
    filename: String,
    /// Format of the cleartext, if it is another one.
    #[arg(long, value_name = "FORMAT")]
    output_type: Option<String>,
    /// Let the file be on a disk where there is no place in memory.
    #[arg(long)]
    on_disk: bool,
    #[command(flatten)]
    conversion: Conversion,
    #[command(flatten)]
    running: Running,
}

/// Options of both.
#[derive(Debug, ClapArgs)]
struct Running {
    /// Run the program as this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Let the program inherit the variables that lead to identities.
    #[arg(long)]
    keep_identities: bool,
    /// Do not wait for the program (kept for scripts).
    #[arg(long, hide = true)]
    background: bool,
    /// Format of the input, whatever the name says.
    #[arg(long, value_name = "FORMAT")]
    input_type: Option<String>,
    /// Take a file whose MAC is wrong or missing; each value still has to open.
    #[arg(long)]
    ignore_mac: bool,
    /// Kinds of recipients to try first, comma separated.
    #[arg(long, value_name = "KIND,KIND")]
    decryption_order: Option<String>,
}

/// Runs `exec-env`.
pub(crate) fn env(args: &EnvArgs, context: &Context) -> Outcome {
    let running = &args.running;
    let user = running.user()?;
    let (opened, _) = running.open(&args.file, None, context)?;
    let name = args.file.display().to_string();
    let judge = Judge {
        allowed: &args.allow_name,
        is_there: &|name| !args.pristine && context.settings.var(name).is_some(),
    };
    let values = variables(&opened, &judge, &name)?;
    drop(opened);
    let mut command = command(&args.command, None)?;
    if args.pristine {
        command.env_clear();
    }
    running.surround(&mut command, user.as_ref());
    for Variable { name, value } in &values {
        command.env(name, OsStr::from_bytes(value.expose()));
    }
    drop(values);
    if args.same_process {
        // Only comes back where it fails.
        let error =
            as_user(user.as_ref(), || Ok(command.exec())).unwrap_or_else(std::convert::identity);
        let reason = fs::plain(&error);
        return Err(Error::new(
            Code::Failed,
            format!("cannot start the program: {reason}"),
        ));
    }
    if running.background {
        as_user(user.as_ref(), || command.spawn()).map_err(|error| {
            let reason = fs::plain(&error);
            Error::new(Code::Failed, format!("cannot start the program: {reason}"))
        })?;
        return Ok(0);
    }
    let ended = run(&mut command, user.as_ref())?;
    Ok(ended.code(context.face == Face::Sops))
}

/// Runs `exec-file`.
pub(crate) fn file(args: &FileArgs, context: &Context) -> Outcome {
    let running = &args.running;
    if running.background {
        return Err(Error::new(
            Code::Failed,
            "in the background nobody would clear the file away",
        )
        .hint("leave --background away and put the whole command into the background"));
    }
    let is_local = Path::new(&args.filename)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if args.filename.is_empty() || !is_local || args.filename.contains('/') {
        return Err(Error::new(
            Code::Failed,
            "--filename is a name, without a directory",
        ));
    }
    let user = running.user()?;
    let (opened, output) = running.open(&args.file, args.output_type.clone(), context)?;
    let name = args.file.display().to_string();
    let text = if opened.format().name() == output.name() {
        clear_text(&opened, &name, &context.ui)?
    } else {
        args.conversion.clear_text(opened, output, &name, context)?
    };
    let directory = match PrivateDir::in_memory(&context.settings, user.is_some()) {
        Ok(directory) => directory,
        // A pipe holds nothing by itself.
        Err(_) if !args.no_fifo || args.on_disk => PrivateDir::on_disk(&context.settings)?,
        Err(error) => {
            return Err(error
                .hint("leave --no-fifo away, so that it is a pipe")
                .hint("--on-disk, if that is acceptable"));
        }
    };
    let _warden = Warden::over(&directory);
    let (path, pipe) = if args.no_fifo {
        (directory.put(&args.filename, &text)?, None)
    } else {
        let pipe = directory.pipe(&args.filename)?;
        (pipe.path.clone(), Some(pipe))
    };
    if let Some(user) = &user {
        directory.hand_over(&path, user.id, user.group)?;
    }
    if let Some(pipe) = pipe {
        feed(pipe, text);
    }
    let mut command = command(&args.command, Some(&path))?;
    running.surround(&mut command, user.as_ref());
    let ended = run(&mut command, user.as_ref())?;
    drop(directory);
    Ok(ended.code(context.face == Face::Sops))
}

/// In a thread of its own: it waits until the program opens the pipe, if it ever does.
fn feed(pipe: Pipe, text: Zeroizing<Vec<u8>>) {
    thread::spawn(move || {
        if let Err(error) = pipe.feed(&text) {
            Ui::new().warn_of(&error);
        }
    });
}

impl Running {
    fn user(&self) -> Result<Option<User>, Error> {
        self.user.as_deref().map(User::named).transpose()
    }

    fn open(
        &self,
        file: &Path,
        output_type: Option<String>,
        context: &Context,
    ) -> Result<(Opened, &'static dyn clsecrets::format::Format), Error> {
        let naming = Naming {
            input_type: self.input_type.clone(),
            output_type,
            filename_override: None,
        };
        let order = self.decryption_order.as_deref();
        let opener = Opener::new(&context.settings, &context.ui, order)?;
        let input =
            Input::read(file, &naming, &context.settings).map_err(missing_is(Code::Input))?;
        let output = input.output;
        let options = OpenOptions {
            ignore_mac: self.ignore_mac,
        };
        Ok((opener.open(input, options)?.0, output))
    }

    /// What the program's environment has besides values.
    fn surround(&self, command: &mut Command, user: Option<&User>) {
        if !self.keep_identities {
            without_identities(command);
        }
        if let Some(user) = user {
            command
                .env("HOME", &user.home)
                .env("USER", &user.name)
                .env("LOGNAME", &user.name);
        }
    }
}

/// One word for the shell, or a program with its arguments; `{}` in them is the file.
fn command(words: &[OsString], file: Option<&Path>) -> Result<Command, Error> {
    let word = |word: &OsString| match file {
        Some(file) => OsString::from(
            word.to_string_lossy()
                .replace("{}", &file.to_string_lossy()),
        ),
        None => word.clone(),
    };
    let mut words = words.iter().map(word);
    let Some(first) = words.next() else {
        return Err(Error::new(Code::Failed, "there is nothing to run"));
    };
    let rest: Vec<OsString> = words.collect();
    if rest.is_empty() {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(first);
        return Ok(command);
    }
    let mut command = Command::new(first);
    command.args(rest);
    Ok(command)
}

fn run(command: &mut Command, user: Option<&User>) -> Result<Ended, Error> {
    child::run(|| as_user::<Child>(user, || command.spawn()))
}

/// Does something as another user, in a thread that ends with it.
fn as_user<T: Send>(
    user: Option<&User>,
    act: impl FnOnce() -> std::io::Result<T> + Send,
) -> std::io::Result<T> {
    let Some(user) = user else {
        return act();
    };
    let acted = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            user.become_it()?;
            act()
        });
        thread.join()
    });
    acted.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
}

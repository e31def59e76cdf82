//! `clsecrets init`: the files that a directory needs, made once and never overwritten.
//!
//! In an empty directory it needs no cloud. In a repository with the `TrackIt` layout it keeps
//! that layout and touches no sealed file. What is there already is kept and named, so running it
//! twice is harmless.

mod environments;
mod identity;
mod recipients;
mod texts;

use std::path::Path;

use clsecrets::fs::{self, Privacy};
use clsecrets::scan::policy::Configuration;
use clsecrets::scan::{Governor, Policy};
use clsecrets::{Code, Error};

use super::{Context, Outcome, hook};
use environments::Environment;
use recipients::Recipients;

/// Set up a directory: recipients, environments, ignored files and the hook.
///
/// Without a cloud it seals to an age identity: the one that is there, or a new one in the
/// user's configuration directory. Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    clsecrets init                                    an age identity, environment dev\n  \
    clsecrets init --env prod --kms arn:aws:kms:us-east-2:111122223333:key/…\n  \
    clsecrets init                                    in a TrackIt repository: keeps its layout")]
pub(crate) struct Args {
    /// The environment; default: those that the directory has, else dev
    #[arg(long)]
    env: Option<String>,
    /// Seal to these KMS keys; several with commas
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    kms: Vec<String>,
    /// Seal to these age recipients; several with commas
    #[arg(long, value_name = "RECIPIENT", value_delimiter = ',')]
    age: Vec<String>,
    /// What the environment delivers
    #[arg(long, default_value = "trackit", value_parser = ["trackit", "node-v2"])]
    profile: String,
    /// Give the clsecrets.yaml that is there an identity, by which the targets tell whose what is
    /// written is, and do nothing else
    #[arg(long, conflicts_with_all = ["env", "kms", "age", "profile", "hook", "no_hook"])]
    identity: bool,
    /// Install the hook, and fail outside of a git repository
    #[arg(long, conflicts_with = "no_hook")]
    hook: bool,
    /// Do not install the hook
    #[arg(long)]
    no_hook: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Args, context: &Context) -> Outcome {
    let top = &context.settings.cwd;
    if arguments.identity {
        identity::add(context)?;
        return Ok(0);
    }
    if arguments.hook && !is_in_repository(top) {
        return Err(Error::new(
            Code::Failed,
            "there is no git repository here that a hook could be installed in",
        )
        .detail("nothing was made")
        .hint("git init, then run the command again; or leave --hook away"));
    }
    let found = environments::find(top, arguments.env.as_deref())?;
    let given = recipients::given(&arguments.kms, &arguments.age)?;
    let told = Told { context, top };

    write_rules(&found, &given, &told)?;
    write_environments(&found, &arguments.profile, &told)?;
    ignore(&found, &told)?;
    for environment in &found {
        write_template(environment, &arguments.profile, &told)?;
    }
    install_hook(arguments, &told)?;
    told.next_steps(&found)?;
    Ok(0)
}

/// Where things are told, and of which directory.
struct Told<'a> {
    context: &'a Context,
    top: &'a Path,
}

impl Told<'_> {
    fn line(&self, line: &str) -> Result<(), Error> {
        self.context.ui.line(line)
    }

    fn create(&self, name: &str, text: &str, privacy: Privacy, what: &str) -> Result<(), Error> {
        let path = self.top.join(name);
        if let Some(directory) = path.parent()
            && !directory.is_dir()
        {
            fs::create_shared_dir(directory)?;
        }
        fs::replace(&path, text.as_bytes(), privacy, None)?;
        self.line(&format!("created  {name}  {what}"))
    }

    /// A path as its user would write it.
    fn shown(&self, path: &Path) -> String {
        let home = self.context.settings.home();
        match home.and_then(|home| path.strip_prefix(home).ok()) {
            Some(inside) => format!("~/{}", inside.display()),
            None => path.display().to_string(),
        }
    }

    fn next_steps(&self, found: &[Environment]) -> Result<(), Error> {
        let Some(environment) = found.first() else {
            return Ok(());
        };
        self.line("\nnext:")?;
        let name = &environment.name;
        if self.top.join(&environment.clear).exists() {
            self.line(&format!(
                "  fill in {}; set node: and database: in clsecrets.yaml",
                environment.clear
            ))?;
        } else {
            self.line(&format!("  clsecrets decrypt --env {name}"))?;
        }
        self.line(&format!("  clsecrets encrypt --env {name}"))?;
        self.line(&format!("  clsecrets sync --env {name} --dry-run"))
    }
}

/// `.sops.yaml`: made, or kept with what it lacks.
fn write_rules(found: &[Environment], given: &Recipients, told: &Told<'_>) -> Result<(), Error> {
    const NAME: &str = ".sops.yaml";
    let path = told.top.join(NAME);
    if path.symlink_metadata().is_ok() {
        told.line(&format!("kept     {NAME}"))?;
        for environment in lacking_a_rule(found, &path)? {
            told.context.ui.warn(&format!(
                "no rule of {NAME} names {}; add one:\n{}",
                environment.sealed,
                texts::rule(environment, given).trim_end()
            ));
        }
        return Ok(());
    }
    let mut rules = Vec::new();
    for environment in found {
        let recipients = if given.is_empty() {
            recipients_of(environment, told)?
        } else {
            Some(given.clone())
        };
        match recipients {
            Some(recipients) => rules.push(texts::rule(environment, &recipients)),
            None => told.context.ui.warn(&format!(
                "{} gives no recipients that a rule can name, so {NAME} says nothing of it\n\
                 hint: clsecrets init --kms ARN, with the key that opens it",
                environment.sealed
            )),
        }
    }
    if rules.is_empty() {
        return Ok(());
    }
    let text = texts::rules(&rules);
    told.create(NAME, &text, Privacy::Umask, "who can open which file")
}

/// Of a file that is sealed already, those that it has; else the age identity of this user.
fn recipients_of(environment: &Environment, told: &Told<'_>) -> Result<Option<Recipients>, Error> {
    let sealed = told.top.join(&environment.sealed);
    if sealed.exists() {
        return Ok(recipients::of_sealed(&sealed, &environment.sealed));
    }
    let identity = recipients::identity(&told.context.settings)?;
    match &identity.path {
        Some(path) if identity.is_new => told.line(&format!(
            "created  {}  the age identity that opens it; keep a copy in a safe place",
            told.shown(path)
        ))?,
        Some(path) => told.line(&format!("kept     {}", told.shown(path)))?,
        None => {}
    }
    Ok(Some(Recipients {
        age: vec![identity.recipient],
        ..Recipients::default()
    }))
}

/// The environments whose sealed file no rule names.
fn lacking_a_rule<'a>(
    found: &'a [Environment],
    path: &Path,
) -> Result<Vec<&'a Environment>, Error> {
    let unreadable = |reason: String| {
        Error::new(
            Code::Failed,
            format!("cannot read {}: {reason}", path.display()),
        )
    };
    let content = fs::read(path).map_err(|error| unreadable(fs::plain(&error)))?;
    let mut policy = Policy::default();
    policy
        .add(&Configuration {
            path: ".sops.yaml".to_owned(),
            text: content.bytes.to_vec(),
            is_replaced: false,
        })
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(found
        .iter()
        .filter(|one| !policy.has_rule(&one.sealed))
        .collect())
}

/// `clsecrets.yaml`: made, or kept with what it lacks.
fn write_environments(found: &[Environment], profile: &str, told: &Told<'_>) -> Result<(), Error> {
    const NAME: &str = "clsecrets.yaml";
    let path = told.top.join(NAME);
    if path.symlink_metadata().is_err() {
        let text = texts::environments(found, profile, &identity::new()?);
        return told.create(NAME, &text, Privacy::Umask, "the environments");
    }
    told.line(&format!("kept     {NAME}"))?;
    let content = fs::read(&path).map_err(|error| {
        let reason = fs::plain(&error);
        Error::new(Code::Failed, format!("cannot read {NAME}: {reason}"))
    })?;
    let mut policy = Policy::default();
    policy
        .add(&Configuration {
            path: NAME.to_owned(),
            text: content.bytes.to_vec(),
            is_replaced: false,
        })
        .map_err(|error| Error::new(Code::Failed, format!("cannot read {NAME}: {error}")))?;
    for environment in found {
        let is_named = matches!(
            policy.governor(&environment.sealed),
            Some(Governor::Environment(_))
        );
        if !is_named {
            told.context.ui.warn(&format!(
                "{NAME} does not name {}; add it under environments:\n{}",
                environment.sealed,
                texts::environment(environment, profile).trim_end()
            ));
        }
    }
    Ok(())
}

/// `.gitignore`: what is missing is appended.
fn ignore(found: &[Environment], told: &Told<'_>) -> Result<(), Error> {
    const NAME: &str = ".gitignore";
    let path = told.top.join(NAME);
    let old = match fs::read(&path) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let reason = fs::plain(&error);
            return Err(Error::new(
                Code::Failed,
                format!("cannot read {NAME}: {reason}"),
            ));
        }
    };
    let before = old.as_ref().map_or(&[][..], |content| &content.bytes);
    let before = String::from_utf8_lossy(before);
    let missing: Vec<String> = texts::ignored(found)
        .into_iter()
        .filter(|line| !before.lines().any(|there| there.trim() == line))
        .collect();
    if missing.is_empty() {
        return told.line(&format!("kept     {NAME}"));
    }
    let mut text = old
        .as_ref()
        .map_or_else(Vec::new, |content| content.bytes.to_vec());
    if !text.is_empty() {
        text.extend_from_slice(if text.ends_with(b"\n") {
            b"\n"
        } else {
            b"\n\n"
        });
    }
    text.extend_from_slice(b"# Cleartext stays out of Git (clsecrets).\n");
    text.extend_from_slice((missing.join("\n") + "\n").as_bytes());
    let stamp = old.as_ref().map(|content| &content.stamp);
    fs::replace(&path, &text, Privacy::Umask, stamp)?;
    let what = if old.is_some() {
        "extended"
    } else {
        "created "
    };
    told.line(&format!("{what} {NAME}  keeps cleartext out of Git"))
}

/// The clear file to fill in, where there is nothing yet.
fn write_template(environment: &Environment, profile: &str, told: &Told<'_>) -> Result<(), Error> {
    if told.top.join(&environment.clear).symlink_metadata().is_ok() {
        return told.line(&format!("kept     {}", environment.clear));
    }
    if told
        .top
        .join(&environment.sealed)
        .symlink_metadata()
        .is_ok()
    {
        return told.line(&format!("kept     {}", environment.sealed));
    }
    let text = texts::template(environment, profile);
    let what = "the credentials, to be filled in";
    told.create(&environment.clear, &text, Privacy::Private, what)
}

fn is_in_repository(top: &Path) -> bool {
    top.ancestors().any(|above| above.join(".git").exists())
}

fn install_hook(arguments: &Args, told: &Told<'_>) -> Result<(), Error> {
    if arguments.no_hook {
        return Ok(());
    }
    if !is_in_repository(told.top) {
        return told.line(
            "skipped  the hook: this is no git repository (git init && clsecrets hook install)",
        );
    }
    for line in hook::install(told.top)? {
        told.line(&format!("hook     {line}"))?;
    }
    hook::begin(told.top, &told.context.settings)
}

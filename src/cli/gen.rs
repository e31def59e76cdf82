//! `gen`: passwords that pass every rule of a node. Sets one in a sealed file without showing it, or
//! prints one for somebody else's system.

use clap::Args as Arguments;
use clsecrets::chainlink::model::Kind;
use clsecrets::chainlink::{self, Credentials};
use clsecrets::cipher::SystemNonces;
use clsecrets::config::{Environments, find_environments};
use clsecrets::envelope::Edit;
use clsecrets::fs::{self, Privacy};
use clsecrets::tree::{Element, Node, Path, Value};
use clsecrets::{Code, Error};

use super::guarding::Guarding;
use super::input::{Input, Naming};
use super::opening::Opener;
use super::{Context, Outcome};

/// Make a password that every rule accepts.
///
/// With --env it is set in the environment's sealed file and never shown; without it is printed. A
/// wallet password that is there is never replaced: the node's key ring would no longer open.
#[derive(Debug, Arguments)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// What to set, with dots: `wallet_password`, `nodes.node-a.database.password`.
    #[arg(value_name = "KEY", required_unless_present = "print")]
    key: Option<String>,
    /// The environment whose sealed file it is set in.
    #[arg(long, value_name = "NAME", conflicts_with = "print")]
    env: Option<String>,
    /// Print one, and set nothing.
    #[arg(long, conflicts_with = "key")]
    print: bool,
    /// Replace a value that is there; never a wallet password.
    #[arg(long, requires = "env")]
    replace: bool,
    /// Let paths of clsecrets.yaml lead out of the repository.
    #[arg(long, requires = "env")]
    outside: bool,
    /// Add a value that the file's rule leaves in clear.
    #[arg(long, hide = true)]
    allow_cleartext: bool,
    #[command(flatten)]
    guarding: Guarding,
}

const EXAMPLES: &str = "\
Examples:
  clsecrets gen wallet_password --env dev
  clsecrets gen database_password --env dev --replace    then see docs/rotate.md
  clsecrets gen nodes.node-b.user_password --env prod
  clsecrets gen --print                                  for a system that is not ours

32 characters of A-Z a-z 0-9 _ - with a letter or digit first and last: about 190 bits. It needs no
quotes in YAML, TOML, URLs, shells and charts.";

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let value = chainlink::generate().map_err(Error::internal)?;
    let Some(key) = &args.key else {
        context.ui.result(value.expose())?;
        context.ui.result(b"\n")?;
        return Ok(0);
    };
    let Some(name) = &args.env else {
        return Err(
            Error::new(Code::Failed, format!("gen {key}: in which environment?"))
                .hint(format!("clsecrets gen {key} --env dev"))
                .hint("clsecrets gen --print"),
        );
    };
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let environment = environments.environment(name)?;
    environments.admit_paths(environment, args.outside)?;
    let [sealed] = environment.sealed.as_slice() else {
        let message = format!("environment {name} has several sealed files");
        return Err(Error::new(Code::Failed, message)
            .hint("clsecrets gen --print, and clsecrets set in the file that is meant"));
    };
    let _lock = context.lock(sealed)?;
    let naming = Naming {
        input_type: None,
        output_type: None,
        filename_override: None,
    };
    let input = Input::read(sealed, &naming, &context.settings).map_err(|error| {
        if sealed.exists() {
            return error;
        }
        error.hint(format!(
            "clsecrets encrypt --env {}    # seals the clear file; then once more",
            clsecrets::error::quoted(name)
        ))
    })?;
    let shown = sealed
        .strip_prefix(environments.directory())
        .unwrap_or(sealed);
    let (shown, stamp) = (shown.display().to_string(), input.stamp.clone());
    let format = input.format;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let (mut opened, data_key) = opener.open(input, clsecrets::envelope::OpenOptions::default())?;
    admit(key, opened.tree(), args.replace)?;
    let groups = &opened.metadata().key_groups;
    args.guarding.check_file(groups, sealed, &shown, context)?;
    let path = path(key);
    let edit = opened
        .set(&path, Node::new_leaf(Value::Str(value)))
        .map_err(|error| error.about(&shown, false))?;
    if edit == Edit::Unchanged {
        return Err(Error::new(
            Code::Failed,
            "the same password was drawn twice",
        ));
    }
    let mut nonces = SystemNonces::default();
    let text = opened
        .seal(
            &data_key,
            &mut nonces,
            context.settings.now,
            args.allow_cleartext,
        )
        .map_err(|error| error.about(&shown, false))?;
    args.guarding
        .check_rule((format, &text.bytes), sealed, &shown, context)?;
    fs::replace(sealed, &text.bytes, Privacy::Umask, stamp.as_ref())?;
    context.ui.note(&format!(
        "{shown}: {key} is set to a new password, which nobody has seen"
    ));
    let next = next(key, args.replace, name);
    context.ui.note(&format!("next: {next}"));
    Ok(0)
}

/// Whether a password may be set there.
fn admit(key: &str, tree: &clsecrets::tree::Tree, replace: bool) -> Result<(), Error> {
    let (credentials, _) = Credentials::read(&[("", tree)]);
    let is_wallet = key.rsplit('.').next() == Some("wallet_password");
    // A node without one of its own has that of the top level.
    let inherited = is_wallet
        .then(|| credentials.get("wallet_password"))
        .flatten();
    let Some(there) = credentials.by_key(key).or(inherited) else {
        return Ok(());
    };
    if there.value.is_empty() {
        return Ok(());
    }
    if is_wallet || there.kind == Kind::WalletPassword {
        let message =
            format!("{key} is set, and is not replaced: the node's key ring would no longer open");
        return Err(Error::new(Code::Failed, message).detail("nothing was written").hint(
            "a key ring is given another password by exporting its keys, making a new one and importing \
             them: docs/rotate.md",
        ));
    }
    if replace {
        return Ok(());
    }
    Err(Error::new(Code::Failed, format!("{key} is set"))
        .detail("nothing was written")
        .hint("to replace it, add --replace; docs/rotate.md says in which order"))
}

/// A key with dots as a path. Numbers in brackets are positions: `keys.evm[0].password`.
fn path(key: &str) -> Path {
    let mut path = Path::root();
    for part in key.split('.') {
        let mut rest = part.split('[');
        if let Some(name) = rest.next() {
            path.push(Element::Key(name.to_owned()));
        }
        for text in rest {
            if let Ok(at) = text.trim_end_matches(']').parse() {
                path.push(Element::Index(at));
            }
        }
    }
    path
}

/// What has to happen before the node can use it.
fn next(key: &str, replace: bool, environment: &str) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let sync = format!("clsecrets sync --env {environment}");
    if key.contains("database") {
        return format!("give the database's role this password, then: {sync}");
    }
    if name == "user_password" && replace {
        return format!(
            "the node's database keeps the old one: chainlink admin chpass, then: {sync}"
        );
    }
    sync
}

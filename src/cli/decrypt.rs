//! `clsecrets decrypt`: a sealed file to cleartext. Nothing is printed before the MAC agrees.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clsecrets::envelope::{OpenOptions, Opened};
use clsecrets::error::quoted;
use clsecrets::fs::Privacy;
use clsecrets::tree::{Element, Node, Path, Step, Value, walk};
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::input::{Destination, Input, Naming};
use super::opening::{Opener, Opening};
use super::{Context, Outcome, onto};

/// Open a sealed file.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets decrypt secrets.yaml                     print the cleartext
  clsecrets decrypt --extract '[\"db\"][\"url\"]' f.yaml   print one value, without a line end
  clsecrets decrypt --env dev                        make the clear file of an environment")]
pub(crate) struct Args {
    /// The sealed file; `-` is standard input.
    #[arg(required_unless_present = "env", conflicts_with = "env")]
    file: Option<PathBuf>,
    /// Make the clear file of this environment.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// With --env: replace a clear file that differs.
    #[arg(long)]
    overwrite: bool,
    /// Print only what stands at this path: `["key"][0]`.
    #[arg(long, value_name = "PATH")]
    extract: Option<String>,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    opening: Opening,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    if let Some(name) = &args.env {
        return onto::clear_file(name, args.overwrite, context);
    }
    let Some(file) = &args.file else {
        return Err(Error::new(Code::NoFile, "no file given"));
    };
    args.destination.check(file)?;
    let path = args
        .extract
        .as_deref()
        .map(Path::parse)
        .transpose()
        .map_err(|error| Error::new(Code::ExtractPath, error.to_string()))?;
    let opener = Opener::new(
        &context.settings,
        &context.ui,
        args.opening.decryption_order.as_deref(),
    )?;
    let _lock = args.destination.lock(file, context)?;
    let input = Input::read(file, &args.naming, &context.settings)?;
    let (name, stamp) = (input.name.clone(), input.stamp.clone());
    let options = OpenOptions {
        ignore_mac: args.opening.ignore_mac,
    };
    let (opened, _) = opener.open(input, options).map_err(|error| {
        if error.code == Code::Failed && args.naming.says_nothing_of(file) {
            return error.hint(
                "standard input counts as binary; add --input-type yaml, or \
                 --filename-override NAME.yaml",
            );
        }
        error
    })?;
    if path.is_none() && !opened.format().keeps_comments() {
        name_lost_comments(&opened, &name, context);
    }
    let left_out = opened.comments_left_out();
    if path.is_none() && !left_out.is_empty() {
        let lines: Vec<String> = left_out.iter().map(usize::to_string).collect();
        context.ui.warn(&format!(
            "{name}: comments are left out, as SOPS leaves them out of a file that it has sealed: \
             line {}",
            lines.join(", ")
        ));
    }
    let text = match &path {
        Some(path) => extract(&opened, path, &name)?,
        None => opened
            .clear_text()
            .map_err(|error| error.about(&name, true))?,
    };
    args.destination
        .write(file, &text, Privacy::Private, stamp.as_ref(), context)?;
    Ok(0)
}

/// Lists of a file that was YAML once may hold sealed comments; a text without comments loses them.
fn name_lost_comments(opened: &Opened, name: &str, context: &Context) {
    let mut lines = Vec::new();
    let walked = walk::<Infallible>(opened.tree(), &mut |step| {
        if let Step::Comment(comment) = step {
            lines.push(opened.line(comment.site).to_string());
        }
        Ok(())
    });
    let Ok(()) = walked;
    if !lines.is_empty() {
        context.ui.warn(&format!(
            "{name}: comments are left out, since {} has none: line {}",
            opened.format().name(),
            lines.join(", ")
        ));
    }
}

/// What stands at a path of the first document: a string as it is, anything else in the format.
fn extract(opened: &Opened, path: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    if path.is_root() {
        return opened.clear_text().map_err(|error| error.about(name, true));
    }
    let missing = || {
        Error::new(Code::Failed, format!("{name} has nothing at {path}"))
            .hint(format!("clsecrets decrypt {}", quoted(name)))
    };
    let top = opened.tree().documents.first().ok_or_else(missing)?;
    let (first, rest) = path.elements().split_first().ok_or_else(missing)?;
    let mut node = match first {
        Element::Key(key) => top.get(key).ok_or_else(missing)?,
        Element::Index(_) => return Err(missing()),
    };
    for element in rest {
        node = match (node, element) {
            (Node::Map(map), Element::Key(key)) => map.get(key).ok_or_else(missing)?,
            (Node::List(list), Element::Index(index)) => {
                list.nodes().nth(*index).ok_or_else(missing)?
            }
            _ => return Err(missing()),
        };
    }
    match node.as_value() {
        Some(Value::Str(text)) => Ok(Zeroizing::new(text.expose().clone())),
        _ => opened.format().emit(node).map_err(|error| {
            Error::new(
                Code::Unrepresentable,
                format!("cannot print {path} of {name}: {error}"),
            )
        }),
    }
}

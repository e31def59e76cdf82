//! `clsecrets decrypt`: a sealed file to cleartext. Nothing is printed before the MAC agrees.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clsecrets::envelope::{OpenOptions, Opened};
use clsecrets::error::quoted;
use clsecrets::format::Format;
use clsecrets::fs::Privacy;
use clsecrets::tree::{Node, Path, Step, Value, walk, walk_node};
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::conversion::{Conversion, check_in_place, warn_of_comments};
use super::input::{Destination, Input, Naming};
use super::opening::{Opener, Opening, clear_text};
use super::trees::{self, Search};
use super::{Context, Outcome, onto};

/// Open a sealed file.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets decrypt secrets.yaml                     print the cleartext
  clsecrets decrypt --extract '[\"db\"][\"url\"]' f.yaml   print one value, without a line end
  clsecrets decrypt --output-type json secrets.yaml   print it in another format
  clsecrets decrypt -i secrets/                      every sealed file below a directory
  clsecrets decrypt --env dev                        make the clear file of an environment")]
pub(crate) struct Args {
    /// The sealed file; `-` is standard input. With --in-place also several, directories, and patterns
    /// in quotes.
    #[arg(
        value_name = "FILE",
        required_unless_present = "env",
        conflicts_with = "env"
    )]
    files: Vec<PathBuf>,
    /// Make the clear file of this environment.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// With --env: replace a clear file that differs.
    #[arg(long)]
    overwrite: bool,
    /// With --env: let paths of clsecrets.yaml lead out of the repository.
    #[arg(long, requires = "env")]
    outside: bool,
    /// Print only what stands at this path: `["key"][0]`.
    #[arg(long, value_name = "PATH")]
    extract: Option<String>,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    conversion: Conversion,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    opening: Opening,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    if let Some(name) = &args.env {
        return onto::clear_file(name, args.overwrite, args.outside, context);
    }
    if args.destination.takes_several(&args.files, context) {
        return several(args, context);
    }
    let Some(file) = args.files.first() else {
        return Err(Error::new(Code::NoFile, "no file given"));
    };
    args.destination.check(file)?;
    let _lock = args.destination.lock(file, context)?;
    open_file(args, file, &args.opener(context)?, false, context)?;
    Ok(0)
}

/// Many files in place; equal wrapped keys are unwrapped once.
fn several(args: &Args, context: &Context) -> Outcome {
    if args.extract.is_some() {
        return Err(Error::new(Code::Conflict, "--extract takes one file"));
    }
    let files = args.destination.several(&args.files, &args.naming)?;
    let search = Search {
        takes: &trees::is_sealed,
        with_ignored: false,
    };
    let files = trees::files(files, &search, context)?;
    let opener = args.opener(context)?;
    let outcomes = trees::each(files, "opening", context, |file| {
        open_file(args, file, &opener, true, context)
    });
    Ok(trees::summarize(outcomes, "opened", context).0)
}

impl Args {
    fn opener<'a>(&self, context: &'a Context) -> Result<Opener<'a>, Error> {
        Opener::new(
            &context.settings,
            &context.ui,
            self.opening.decryption_order.as_deref(),
        )
    }
}

/// Opens a file and puts its cleartext where it belongs. Of `many`, one does not hold up the others in
/// its directory: it is locked when it is written, and left alone if it has changed by then.
fn open_file(
    args: &Args,
    file: &std::path::Path,
    opener: &Opener<'_>,
    many: bool,
    context: &Context,
) -> Result<(), Error> {
    let path = args
        .extract
        .as_deref()
        .map(Path::parse)
        .transpose()
        .map_err(|error| Error::new(Code::ExtractPath, error.to_string()))?;
    let input = Input::read(file, &args.naming, &context.settings)?;
    let (name, stamp, output) = (input.name.clone(), input.stamp.clone(), input.output);
    let is_whole = path.as_ref().is_none_or(Path::is_root);
    let is_converted = input.is_converted();
    if is_whole && is_converted {
        check_in_place(&args.destination, file, output)?;
    }
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
    let text = match &path {
        Some(path) if !is_whole => extract(&opened, path, &name, output, context)?,
        _ if is_converted => args.conversion.clear_text(opened, output, &name, context)?,
        _ => {
            if !output.keeps_comments() {
                warn_of_comments(&comments(&opened, None), output, &name, context);
            }
            let left_out = opened.comments_left_out();
            if !left_out.is_empty() {
                let lines: Vec<String> = left_out.iter().map(usize::to_string).collect();
                context.ui.warn(&format!(
                    "{name}: comments are left out, as SOPS leaves them out of a file that it has \
                     sealed: line {}",
                    lines.join(", ")
                ));
            }
            clear_text(&opened, &name, &context.ui)?
        }
    };
    let _lock = if many {
        args.destination.lock(file, context)?
    } else {
        None
    };
    args.destination
        .write(file, &text, Privacy::Private, stamp.as_ref(), context)
}

/// Lines of all comments, or of those inside a node. Lists of a file that was YAML once may hold
/// sealed ones; a text without comments loses them.
fn comments(opened: &Opened, inside: Option<&Node>) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut visit = |step: Step<'_>| {
        if let Step::Comment(comment) = step {
            lines.push(opened.line(comment.site));
        }
        Ok::<(), Infallible>(())
    };
    let Ok(()) = match inside {
        Some(node) => walk_node(node, &mut visit),
        None => walk(opened.tree(), &mut visit),
    };
    lines
}

/// What stands at a path of the first document: a string as it is, anything else in the format.
fn extract(
    opened: &Opened,
    path: &Path,
    name: &str,
    format: &dyn Format,
    context: &Context,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let missing = || {
        Error::new(Code::Failed, format!("{name} has nothing at {path}"))
            .hint(format!("clsecrets decrypt {}", quoted(name)))
    };
    let top = opened.tree().documents.first().ok_or_else(missing)?;
    let node = top.at(path).ok_or_else(missing)?;
    if let Some(Value::Str(text)) = node.as_value() {
        return Ok(Zeroizing::new(text.expose().to_vec()));
    }
    let text = format.emit(node).map_err(|error| {
        let (format, reason) = (format.name(), error.reason);
        let reason = format!("cannot print {path} of {name} as {format}: {reason}");
        Error::new(Code::Unrepresentable, reason)
            .hint("choose another format with --output-type, or leave it away")
    })?;
    if !format.keeps_comments() {
        warn_of_comments(&comments(opened, Some(node)), format, name, context);
    }
    Ok(text)
}

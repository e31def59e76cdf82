//! `clsecrets encrypt`: cleartext to a sealed file.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{Draft, Text, Tokens};
use clsecrets::format::Format;
use clsecrets::fs::Privacy;
use clsecrets::keys;
use clsecrets::metadata::{Metadata, Rule};
use clsecrets::secret::DataKey;
use clsecrets::{Code, Error};

use super::conversion::{Conversion, check_in_place, warn_of_comments, warn_of_documents};
use super::input::{Destination, Input, Naming};
use super::opening::Opener;
use super::sealing::Sealing;
use super::trees::{self, Search};
use super::{Context, Outcome, hook, onto};

/// Seal the values of a file.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets encrypt --env dev                    seal the clear file of an environment
  clsecrets encrypt -i secrets.yaml              seal a file in place, by the rules of .sops.yaml
  clsecrets encrypt --age age1… a.yaml           seal for a recipient, print the result
  clsecrets encrypt --onto sealed.yaml clear.yaml   unchanged values keep their ciphertext
  clsecrets encrypt --output-type json a.yaml    seal into another format
  clsecrets encrypt -i secrets/                  seal every clear file that a rule names by its path
  cat a.yaml | clsecrets encrypt --filename-override a.yaml -")]
pub(crate) struct Args {
    /// The clear file; `-` is standard input. With --in-place also several, directories, and patterns
    /// in quotes.
    #[arg(
        value_name = "FILE",
        required_unless_present = "env",
        conflicts_with = "env"
    )]
    files: Vec<PathBuf>,
    /// Seal the clear file of this environment onto its sealed file.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Seal onto this file: unchanged values keep their ciphertext.
    #[arg(long, value_name = "SEALED", conflicts_with_all = ["env", "in_place", "output"])]
    onto: Option<PathBuf>,
    /// With --env or --onto: let keys vanish, and overwrite a sealed file that has moved on.
    #[arg(long)]
    overwrite: bool,
    /// With --env: let paths of clsecrets.yaml lead out of the repository.
    #[arg(long, requires = "env")]
    outside: bool,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    conversion: Conversion,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    sealing: Sealing,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    if let Some(name) = &args.env {
        return onto::environment(name, &args.sealing, args.overwrite, args.outside, context);
    }
    if args.destination.takes_several(&args.files, context) {
        return several(args, context);
    }
    let Some(file) = args.files.first() else {
        return Err(Error::new(Code::NoFile, "no file given"));
    };
    if args.naming.says_nothing_of(file) {
        let reason = "standard input has no name to tell its format by";
        return Err(Error::new(Code::Conflict, reason)
            .hint("add --filename-override NAME.yaml, which rules see, too")
            .hint("or --input-type yaml, or --input-type binary to seal it whole"));
    }
    if let Some(sealed) = &args.onto {
        let input = Input::read(file, &args.naming, &context.settings)?;
        return onto::file(&input, sealed, &args.sealing, args.overwrite, context);
    }
    args.destination.check(file)?;
    let _lock = args.destination.lock(file, context)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    seal_file(args, file, &opener, false, context)?;
    Ok(0)
}

/// Many files in place: what a directory or a pattern stands for is clear and named by a rule.
fn several(args: &Args, context: &Context) -> Outcome {
    if args.onto.is_some() {
        return Err(Error::new(Code::Conflict, "--onto takes one clear file"));
    }
    let files = args.destination.several(&args.files, &args.naming)?;
    let takes = |path: &Path| args.sealing.guarding.is_to_be_sealed(path, context);
    let search = Search {
        takes: &takes,
        with_ignored: true,
    };
    let files = trees::files(files, &search, context)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let outcomes = trees::each(files, "sealing", context, |file| {
        seal_file(args, file, &opener, true, context)
    });
    Ok(trees::summarize(outcomes, "sealed", context).0)
}

/// Seals a file where it belongs. Of `many`, one does not hold up the others in its directory: it is
/// locked when it is written, and left alone if it has changed by then.
fn seal_file(
    args: &Args,
    file: &Path,
    opener: &Opener<'_>,
    many: bool,
    context: &Context,
) -> Result<(), Error> {
    let input = Input::read(file, &args.naming, &context.settings)?;
    let (name, stamp, output) = (input.name.clone(), input.stamp.clone(), input.output);
    check_in_place(&args.destination, file, output)?;
    let written = args.destination.place(file).unwrap_or(&input.path);
    let written = context.settings.absolute(written);
    let mut draft =
        Draft::parse(input.format, input.text).map_err(|error| error.about(&name, false))?;
    let places = (input.path.as_path(), written.as_path());
    let documents = draft
        .narrow(output, args.conversion.first_document)
        .map_err(|error| error.about(&name, false))?;
    let text = seal_draft(
        &mut draft,
        output,
        places,
        &name,
        &args.sealing,
        opener,
        context,
    )?;
    let _lock = if many {
        args.destination.lock(file, context)?
    } else {
        None
    };
    args.destination
        .write(file, &text.bytes, Privacy::Umask, stamp.as_ref(), context)?;
    warn_of_documents(&documents, output, &name, context);
    warn_of_comments(&text.lost_comments, output, &name, context);
    report(&name, &text, context);
    Ok(())
}

/// Seals a draft with a new data key into a text of a format; `path` is what rules match, `written` where it goes.
pub(super) fn seal_draft(
    draft: &mut Draft,
    format: &'static dyn Format,
    (path, written): (&Path, &Path),
    name: &str,
    sealing: &Sealing,
    opener: &Opener<'_>,
    context: &Context,
) -> Result<Text, Error> {
    let mut decision = sealing.decide(path, name, context)?;
    if !format.has_keys() && decision.rule != Rule::default() {
        context.ui.warn(&format!(
            "{name}: {} does not apply to a binary file, which is sealed whole",
            decision.rule.kind().field()
        ));
        decision.rule = Rule::default();
    }
    if written != path {
        let key_groups = &decision.key_groups;
        sealing
            .guarding
            .check_file(key_groups, written, name, context)?;
    }
    let data_key = DataKey::generate()
        .map_err(|_| Error::new(Code::Failed, "the operating system gave no random bytes"))?;
    let is_converted = format.name() != draft.format().name();
    if !is_converted {
        expand(draft, &decision.rule, name, sealing, context)?;
    }
    let mut key_groups = decision.key_groups;
    opener.keyring().vouch_for(key_groups.recipients());
    let wrapping = opener
        .keyring()
        .wrap_all(&mut key_groups, &data_key, &context.settings);
    keys::block_on(wrapping)?.map_err(|error| error.about(name))?;
    let metadata = Metadata::new(key_groups, decision.rule, decision.mac_only_encrypted);
    let (nonces, now) = (&mut SystemNonces::default(), context.settings.now);
    let clear = sealing.allow_cleartext;
    let sealed = if is_converted {
        draft.seal_in(format, metadata, &data_key, nonces, now, clear)
    } else {
        let none = Tokens::default();
        draft.seal(metadata, &data_key, nonces, now, clear, &none)
    };
    let text = sealed.map_err(|error| error.about(name, false))?;
    let made = (format, text.bytes.as_slice());
    sealing.guarding.check_rule(made, path, name, context)?;
    if written != path {
        sealing.guarding.check_rule(made, written, name, context)?;
    }
    hook::learn_sealed(context, written, format, &text.bytes, &data_key);
    Ok(text)
}

/// New values that a positive rule leaves in clear; without `--allow-cleartext` they are refused.
pub(super) fn name_clear(name: &str, text: &Text, context: &Context) {
    for path in &text.left_clear {
        let words = format!("{name}: {path} stays in clear under the file's rule");
        context.ui.note(&words);
    }
}

/// Comments that stand where other tools lose them.
pub(super) fn name_comments(name: &str, text: &Text, context: &Context) {
    if text.kept_comments.is_empty() {
        return;
    }
    let lines: Vec<String> = text.kept_comments.iter().map(usize::to_string).collect();
    context.ui.note(&format!(
        "{name}: comments that other tools would lose are sealed, and come back with clsecrets only: \
         line {}",
        lines.join(", ")
    ));
}

/// Writes out aliases of sealed values, where that is wanted, and says so.
pub(super) fn expand(
    draft: &mut Draft,
    rule: &Rule,
    name: &str,
    sealing: &Sealing,
    context: &Context,
) -> Result<(), Error> {
    if !sealing.expand_aliases {
        return Ok(());
    }
    let lines = draft
        .expand_aliases(rule)
        .map_err(|error| error.about(name, false))?;
    for line in lines {
        context.ui.note(&format!(
            "{name}: line {line}: the alias became a copy, sealed by itself"
        ));
    }
    Ok(())
}

/// How many values were sealed; what stays in clear is said, because it is easily missed.
pub(super) fn report(name: &str, text: &Text, context: &Context) {
    name_comments(name, text, context);
    let counts = text.counts;
    let values = if counts.sealed == 1 {
        "value"
    } else {
        "values"
    };
    context.ui.note(&format!(
        "{name}: {} {values} sealed, {} left in clear",
        counts.sealed, counts.clear
    ));
    if counts.sealed + counts.clear == 0 {
        context
            .ui
            .note("note: nothing in it has a value yet; empty ones stay as they are");
    }
}

//! `clsecrets unset`: takes one value out of a sealed file. Every other value keeps its ciphertext.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{Edit, OpenOptions};
use clsecrets::error::quoted;
use clsecrets::fs::{self, Privacy};
use clsecrets::tree::Path;
use clsecrets::{Code, Error};

use super::guarding::Guarding;
use super::input::{Input, Naming, missing_is};
use super::opening::{Opener, Opening};
use super::{Context, Outcome, hook};

/// Take one value out of a sealed file.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets unset f.yaml '[\"old_api_key\"]'
  clsecrets unset f.yaml '[\"nodes\"][2]'
  clsecrets unset --idempotent f.yaml '[\"maybe\"]'   no failure if it is not there")]
pub(crate) struct Args {
    /// The sealed file.
    file: PathBuf,
    /// Where: `["key"]["key"][0]`.
    path: String,
    /// Do nothing, and do not fail, where nothing stands there.
    #[arg(long)]
    idempotent: bool,
    /// Has no effect: the shares of the data key stay (kept for scripts).
    #[arg(
        long,
        value_name = "NUMBER",
        hide = true,
        allow_negative_numbers = true
    )]
    shamir_secret_sharing_threshold: Option<i64>,
    #[command(flatten)]
    guarding: Guarding,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    opening: Opening,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let path =
        Path::parse(&args.path).map_err(|error| Error::new(Code::SetValue, error.to_string()))?;
    if path.is_root() {
        return Err(Error::new(Code::SetValue, "the path is empty")
            .hint("name a key: clsecrets unset FILE '[\"key\"]'"));
    }
    let opener = Opener::new(
        &context.settings,
        &context.ui,
        args.opening.decryption_order.as_deref(),
    )?;
    let file = context.settings.absolute(&args.file);
    let _lock = context.lock(&file)?;
    let input = Input::read(&args.file, &args.naming, &context.settings)
        .map_err(missing_is(Code::Input))?;
    input.refuse_conversion("unset")?;
    let (name, stamp, format) = (input.name.clone(), input.stamp.clone(), input.format);
    let options = OpenOptions {
        ignore_mac: args.opening.ignore_mac,
    };
    let (mut opened, data_key) = opener.open(input, options)?;
    let edit = opened
        .unset(&path)
        .map_err(|error| error.about(&name, false))?;
    match edit {
        Edit::Unchanged if args.idempotent => {
            context
                .ui
                .note(&format!("{name}: {path} is not there; nothing was written"));
            return Ok(0);
        }
        Edit::Unchanged => {
            return Err(
                Error::new(Code::Failed, format!("{name} has nothing at {path}"))
                    .hint(format!("clsecrets decrypt {}", quoted(&name)))
                    .hint("--idempotent, where that is as good"),
            );
        }
        Edit::Changed => {}
    }
    let key_groups = &opened.metadata().key_groups;
    args.guarding
        .check_file(key_groups, &file, &name, context)?;
    let now = context.settings.now;
    let text = opened
        .seal(&data_key, &mut SystemNonces::default(), now, true)
        .map_err(|error| error.about(&name, false))?;
    args.guarding
        .check_rule((format, &text.bytes), &file, &name, context)?;
    fs::replace(&file, &text.bytes, Privacy::Umask, stamp.as_ref())?;
    hook::learn_sealed(context, &file, format, &text.bytes, &data_key);
    context.ui.note(&format!("{name}: {path} is taken out"));
    Ok(0)
}

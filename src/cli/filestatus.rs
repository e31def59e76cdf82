//! `clsecrets filestatus`: whether a file is sealed, as one line of JSON. Needs no key.
//!
//! The reference says so of any file with metadata. Whether its values are sealed is another
//! question, which `check` answers.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clsecrets::envelope::{EnvelopeError, Sealed};

use super::input::{Input, Naming};
use super::{Context, Outcome};

/// Tell whether a file is sealed: `{"encrypted":true}` or `{"encrypted":false}`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  clsecrets filestatus secrets.yaml
  clsecrets filestatus secrets.yaml | jq --exit-status .encrypted")]
pub(crate) struct Args {
    /// The file.
    file: PathBuf,
    /// Format of the input, whatever the name says.
    #[arg(long, value_name = "FORMAT")]
    input_type: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let naming = Naming {
        input_type: args.input_type.clone(),
        output_type: None,
        filename_override: None,
    };
    let failed = |error: clsecrets::Error| clsecrets::Error {
        code: clsecrets::Code::Failed,
        ..error
    };
    let input = Input::read(&args.file, &naming, &context.settings).map_err(failed)?;
    let is_sealed = match Sealed::parse(input.format, input.text) {
        Ok(sealed) => sealed.metadata().mac.is_some(),
        Err(EnvelopeError::NotSealed) => false,
        Err(error) => return Err(failed(error.about(&input.name, true))),
    };
    context.ui.line(&format!("{{\"encrypted\":{is_sealed}}}"))?;
    Ok(0)
}

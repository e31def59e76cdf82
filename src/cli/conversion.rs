//! Another format on the way out: what it cannot hold is refused, what it leaves out is named.

use std::path::Path;

use clap::Args;
use clsecrets::envelope::Opened;
use clsecrets::error::quoted;
use clsecrets::format::{self, Format};
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::Context;
use super::input::Destination;

/// Lines that a warning names; the others are counted.
const NAMED: usize = 10;

/// Options of commands that can write another format than they read.
#[derive(Debug, Args)]
pub(crate) struct Conversion {
    /// Take the first document only, where the output's format holds one.
    #[arg(long, overrides_with = "first_document")]
    pub(crate) first_document: bool,
}

impl Conversion {
    /// The cleartext of an opened file in another format.
    pub(crate) fn clear_text(
        &self,
        mut opened: Opened,
        format: &'static dyn Format,
        name: &str,
        context: &Context,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let documents = opened
            .narrow(format, self.first_document)
            .map_err(|error| error.about(name, true))?;
        let converted = opened
            .clear_text_in(format)
            .map_err(|error| error.about(name, true))?;
        warn_of_documents(&documents, format, name, context);
        warn_of_comments(&converted.lost_comments, format, name, context);
        Ok(converted.text)
    }
}

/// Refuses to put one format under the name of another.
pub(crate) fn check_in_place(
    destination: &Destination,
    file: &Path,
    format: &dyn Format,
) -> Result<(), Error> {
    let named = format::by_extension(&file.to_string_lossy());
    match named.filter(|named| destination.in_place && named.name() != format.name()) {
        None => Ok(()),
        Some(named) => {
            let (named, format, file) = (named.name(), format.name(), file.display());
            let reason = format!("{file} would hold {format} under the name of a {named} file");
            let ending = format::by_name(format).and_then(|format| format.extensions().first());
            let output = Path::new(&file.to_string()).with_extension("");
            let output = format!("{}{}", output.display(), ending.unwrap_or(&""));
            Err(Error::new(Code::Conflict, reason).hint(format!(
                "write it under a name of its own: --output {} in the place of --in-place",
                quoted(&output)
            )))
        }
    }
}

/// Names documents that are left out.
pub(crate) fn warn_of_documents(
    lines: &[usize],
    format: &dyn Format,
    name: &str,
    context: &Context,
) {
    if !lines.is_empty() {
        context.ui.warn(&format!(
            "{name}: only the first document is written, since {} holds one; left out: {}",
            format.name(),
            listed(lines)
        ));
    }
}

/// Names comments that are left out.
pub(crate) fn warn_of_comments(
    lines: &[usize],
    format: &dyn Format,
    name: &str,
    context: &Context,
) {
    if !lines.is_empty() {
        let format_name = format.name();
        let why = if format.keeps_comments() {
            format!("{format_name} has no place for them")
        } else {
            format!("{format_name} has none")
        };
        context.ui.warn(&format!(
            "{name}: comments are left out, since {why}: {}",
            listed(lines)
        ));
    }
}

fn listed(lines: &[usize]) -> String {
    let named: Vec<String> = lines.iter().take(NAMED).map(usize::to_string).collect();
    let named = named.join(", ");
    match lines.len().saturating_sub(NAMED) {
        0 => format!("line {named}"),
        more => format!("line {named} and {more} more"),
    }
}

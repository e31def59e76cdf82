//! `clsecrets init --identity`: gives a `clsecrets.yaml` that has none its identity.

use clsecrets::config::environments::{fresh, with_identity};
use clsecrets::config::{Environments, find_environments};
use clsecrets::fs::{self, Privacy};
use clsecrets::{Code, Error};

use crate::cli::Context;

/// Writes the identity, once.
pub(super) fn add(context: &Context) -> Result<(), Error> {
    let path = find_environments(&context.settings.cwd)?;
    let _lock = context.lock(&path)?;
    let shown = path.display();
    let unreadable =
        |reason: String| Error::new(Code::Failed, format!("cannot read {shown}: {reason}"));
    let content = fs::read(&path).map_err(|error| unreadable(fs::plain(&error)))?;
    let text =
        std::str::from_utf8(&content.bytes).map_err(|_| unreadable("it is no text".to_owned()))?;
    if Environments::parse(&path, text)?.identity.is_some() {
        return context
            .ui
            .line(&format!("kept     {shown}  it has an identity"));
    }
    let text = with_identity(&path, text, &new()?)?;
    fs::replace(&path, text.as_bytes(), Privacy::Umask, Some(&content.stamp))?;
    context.ui.line(&format!(
        "extended {shown}  its identity; commit it, so that everybody who syncs has the same"
    ))
}

/// A new identity.
pub(super) fn new() -> Result<String, Error> {
    fresh().map_err(|_| Error::new(Code::Failed, "the system has no randomness"))
}

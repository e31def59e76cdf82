//! Loads an environment: its entry in `clsecrets.yaml`, its sealed files opened, and what the wallet
//! guard has to know of HEAD.

use std::path::Path;

use clsecrets::config::{Environment, Environments, find_environments};
use clsecrets::envelope::{OpenOptions, Opened};
use clsecrets::sync::{Previous, SourceFile};
use clsecrets::tree::{Node, Value};
use clsecrets::{Code, Error, format, fs};
use zeroize::Zeroizing;

use super::delivery::{Loaded, OpenedFile, OpenedFiles};
use super::git::history::{self, Committed};
use super::opening::Opener;
use super::{Context, digest};

/// The key that the wallet guard watches.
const WALLET: &str = "wallet_password";

/// Status of the commands on environments if a sealed file does not open.
const NOT_OPENED: Code = Code::Other(5);

/// The names of all environments, as seen from the working directory.
pub(crate) fn names(context: &Context) -> Result<Vec<String>, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let names = environments.all().iter().map(|one| one.name.clone());
    Ok(names.collect())
}

/// Loads the environment of this name, as seen from the working directory.
pub(crate) fn load(name: &str, context: &Context) -> Result<Loaded, Error> {
    let loaded = load_all(&[name.to_owned()], false, context)?;
    loaded
        .into_iter()
        .next()
        .ok_or_else(|| Error::new(Code::Failed, format!("environment {name} was not loaded")))
}

/// Loads several, with one set of connections to key services; with `before`, their sealed files
/// of before.
pub(crate) fn load_all(
    names: &[String],
    before: bool,
    context: &Context,
) -> Result<Vec<Loaded>, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let load = |name: &String| {
        let environment = environments.environment(name)?;
        if before {
            rolled_back(&environments, environment, &opener, context)
        } else {
            current(&environments, environment, &opener, context)
        }
    };
    names.iter().map(load).collect()
}

/// Loads several, each with its own outcome; a name that is not known is an error of all.
pub(crate) fn load_each(
    names: &[String],
    context: &Context,
) -> Result<Vec<Result<Loaded, Error>>, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let mut found = Vec::new();
    for name in names {
        let environment = environments.environment(name)?;
        found.push(current(&environments, environment, &opener, context));
    }
    Ok(found)
}

/// The sealed files of before, from Git; those here stay as they are.
fn rolled_back(
    environments: &Environments,
    environment: &Environment,
    opener: &Opener<'_>,
    context: &Context,
) -> Result<Loaded, Error> {
    let base = environments.directory();
    let refuse = |why: &str| {
        Error::new(
            Code::Failed,
            format!("environment {}: {why}", environment.name),
        )
        .hint("git log -- the sealed files shows what there is to go back to")
    };
    let Some(revision) = history::before(&environment.sealed) else {
        return Err(refuse("no commit has the sealed files of before"));
    };
    let mut files = Vec::new();
    let mut previous = Previous::Absent;
    for path in &environment.sealed {
        let shown = shown(path, base);
        let Committed::Text(text) = history::at(path, &revision) else {
            return Err(refuse(&format!("{shown} is not in commit {revision}")));
        };
        let sha256 = digest::sha256(&text);
        previous = joined(previous, at_head_wallet(opener, path, &shown));
        let opened = open(opener, &shown, text)?;
        let file = shown;
        files.push(OpenedFile {
            source: SourceFile { file, sha256 },
            opened,
        });
    }
    let shown: Vec<String> = files.iter().map(|file| file.source.file.clone()).collect();
    let short = revision.get(..12).unwrap_or(&revision);
    context.ui.note(&format!(
        "note: {} goes back to commit {short}; the files here stay as they are, and the next sync \
         delivers them again unless you run: git restore --source {short} -- {}",
        environment.name,
        shown.join(" ")
    ));
    let opened = OpenedFiles {
        files,
        previous,
        commit: Some(revision),
    };
    Loaded::new(environments, environment, opened, context)
}

/// `wallet_password` of a sealed file at HEAD.
fn at_head_wallet(opener: &Opener<'_>, path: &Path, shown: &str) -> Previous {
    match history::at(path, "HEAD") {
        Committed::Text(text) => match open(opener, shown, text) {
            Ok(opened) => wallet(&opened),
            Err(_) => Previous::Unreadable(format!("{shown} at HEAD does not open")),
        },
        Committed::Absent => Previous::Absent,
        Committed::Unknown(why) => Previous::Unreadable(why.to_owned()),
    }
}

/// The sealed files as they are.
fn current(
    environments: &Environments,
    environment: &Environment,
    opener: &Opener<'_>,
    context: &Context,
) -> Result<Loaded, Error> {
    let name = &environment.name;
    let base = environments.directory();
    let mut files = Vec::new();
    let mut previous = Previous::Absent;
    for path in &environment.sealed {
        let shown = shown(path, base);
        fs::refuse_interrupted(path).map_err(|error| Error {
            code: NOT_OPENED,
            ..error
        })?;
        let sealed = fs::read(path).map_err(|error| {
            let reason = fs::plain(&error);
            let hint = format!("clsecrets encrypt --env {name}");
            Error::new(Code::Failed, format!("cannot read {shown}: {reason}")).hint(hint)
        })?;
        let sha256 = digest::sha256(&sealed.bytes);
        let before = history::at(path, "HEAD");
        let is_unchanged = matches!(&before, Committed::Text(text) if *text == sealed.bytes);
        let opened = open(opener, &shown, sealed.bytes)?;
        previous = joined(
            previous,
            match before {
                Committed::Text(_) if is_unchanged => wallet(&opened),
                Committed::Text(text) => match open(opener, &shown, text) {
                    Ok(opened) => wallet(&opened),
                    Err(_) => Previous::Unreadable(format!("{shown} at HEAD does not open")),
                },
                Committed::Absent => Previous::Absent,
                Committed::Unknown(why) => Previous::Unreadable(why.to_owned()),
            },
        );
        files.push(OpenedFile {
            source: SourceFile {
                file: shown,
                sha256,
            },
            opened,
        });
    }
    let commit = environment
        .sealed
        .first()
        .and_then(|path| history::head(path));
    let opened = OpenedFiles {
        files,
        previous,
        commit,
    };
    Loaded::new(environments, environment, opened, context)
}

fn open(opener: &Opener<'_>, name: &str, text: Zeroizing<Vec<u8>>) -> Result<Opened, Error> {
    let Some(format) = format::by_extension(name) else {
        let reason = format!("{name} has no format that this build reads");
        return Err(Error::new(Code::Failed, reason));
    };
    match opener.open_text(name, format, text, OpenOptions::default()) {
        Ok((opened, _)) => Ok(opened),
        Err(error) => Err(Error {
            code: NOT_OPENED,
            ..error
        }),
    }
}

/// `wallet_password` of an opened file.
fn wallet(opened: &Opened) -> Previous {
    let documents = &opened.tree().documents;
    let value = documents.iter().find_map(|map| map.get(WALLET));
    match value.and_then(Node::as_value).map(Value::as_str) {
        Some(Some(value)) => Previous::Value(value.duplicate()),
        Some(None) => Previous::Unreadable(format!("{WALLET} at HEAD is no string")),
        None => Previous::Absent,
    }
}

/// Of several files the one that has it counts, and then one that could not be read.
fn joined(first: Previous, second: Previous) -> Previous {
    match (first, second) {
        (Previous::Value(value), _) | (_, Previous::Value(value)) => Previous::Value(value),
        (Previous::Unreadable(why), _) | (_, Previous::Unreadable(why)) => {
            Previous::Unreadable(why)
        }
        (Previous::Absent, Previous::Absent) => Previous::Absent,
    }
}

fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use clsecrets::secret::SecretBytes;

    use super::*;

    fn value(text: &str) -> Previous {
        Previous::Value(SecretBytes::copy_of(text.as_bytes()))
    }

    #[test]
    fn of_several_files_the_one_that_has_the_password_counts() {
        let unreadable = || Previous::Unreadable("why".to_owned());
        assert!(matches!(
            joined(Previous::Absent, value("w")),
            Previous::Value(_)
        ));
        assert!(matches!(
            joined(unreadable(), value("w")),
            Previous::Value(_)
        ));
        assert!(matches!(
            joined(Previous::Absent, unreadable()),
            Previous::Unreadable(_)
        ));
        assert!(matches!(
            joined(Previous::Absent, Previous::Absent),
            Previous::Absent
        ));
    }
}

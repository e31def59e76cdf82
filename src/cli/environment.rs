//! Loads an environment: its entry in `clsecrets.yaml`, its sealed files opened, and what the wallet
//! guard has to know of HEAD.

use std::path::Path;

use clsecrets::config::{Environment, Environments, find_environments};
use clsecrets::envelope::{OpenOptions, Opened};
use clsecrets::scan::data_key::Certainty;
use clsecrets::secret::DataKey;
use clsecrets::sync::{Owner, SourceFile};
use clsecrets::{Code, Error, format, fs};
use zeroize::Zeroizing;

use super::data_keys::{self, Last, Renewal, Version};
use super::delivery::{Content, Loaded, OpenedFile, OpenedFiles};
use super::git::history::{self, Committed};
use super::head::Head;
use super::opening::Opener;
use super::sync::journal::Delivered;
use super::{Context, digest, subject};

/// Status of the commands on environments if a sealed file does not open.
const NOT_OPENED: Code = Code::Other(5);

/// The names of all environments, as seen from the working directory.
pub(crate) fn names(context: &Context) -> Result<Vec<String>, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let names = environments.all().iter().map(|one| one.name.clone());
    Ok(names.collect())
}

/// Loads the environment of this name, as seen from the working directory. Paths that lead out of the
/// repository are refused unless `outside`.
pub(crate) fn load(name: &str, outside: bool, context: &Context) -> Result<Loaded, Error> {
    let loaded = load_all(&[name.to_owned()], false, outside, context)?;
    loaded
        .into_iter()
        .next()
        .ok_or_else(|| Error::new(Code::Failed, format!("environment {name} was not loaded")))
}

/// Loads several, with one set of connections to key services; with `before`, their sealed files
/// of before. Paths that lead out of the repository are refused unless `outside`.
pub(crate) fn load_all(
    names: &[String],
    before: bool,
    outside: bool,
    context: &Context,
) -> Result<Vec<Loaded>, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?.until(context.deadline());
    let load = |name: &String| {
        let environment = environments.environment(name)?;
        environments.admit_paths(environment, outside)?;
        if before {
            rolled_back(&environments, environment, &opener, context)
        } else {
            current(&environments, environment, &opener, context)
        }
    };
    names.iter().map(load).collect()
}

/// Who writes for an environment, and what came of loading it.
pub(crate) type Each = (Owner, Result<Loaded, Error>);

/// Loads several, each with its own outcome, and who writes for it; a name that is not known is an
/// error of all. Paths that lead out of the repository are refused unless `outside`.
pub(crate) fn load_each(
    names: &[String],
    outside: bool,
    context: &Context,
) -> Result<Vec<Each>, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?.until(context.deadline());
    let mut found = Vec::new();
    for name in names {
        let environment = environments.environment(name)?;
        let loaded = match environments.admit_paths(environment, outside) {
            Ok(()) => current(&environments, environment, &opener, context),
            Err(error) => Err(error.into()),
        };
        found.push((subject::owner(&environments, name), loaded));
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
    let mut head = Head::default();
    for path in &environment.sealed {
        let shown = shown(path, base);
        let Committed::Text(text) = history::at(path, &revision) else {
            return Err(refuse(&format!("{shown} is not in commit {revision}")));
        };
        let sha256 = digest::sha256(&text);
        head = head.and(at_head(opener, path, &shown));
        let (opened, key) = open(opener, &shown, text)?;
        let file = shown;
        files.push(OpenedFile {
            source: SourceFile { file, sha256 },
            key: Some(key),
            content: Content::Sealed(Box::new(opened)),
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
        head,
        commit: Some(revision),
        renewals: Vec::new(),
    };
    Loaded::new(environments, environment, opened, context)
}

/// What a sealed file holds at HEAD.
fn at_head(opener: &Opener<'_>, path: &Path, shown: &str) -> Head {
    match history::at(path, "HEAD") {
        Committed::Text(text) => opened_at_head(opener, shown, text),
        Committed::Absent => Head::default(),
        Committed::Unknown(why) => Head::unreadable(why),
    }
}

fn opened_at_head(opener: &Opener<'_>, shown: &str, text: Zeroizing<Vec<u8>>) -> Head {
    match open(opener, shown, text) {
        Ok((opened, _)) => Head::of(&opened),
        Err(_) => Head::unreadable(format!("{shown} at HEAD does not open")),
    }
}

/// What a sealed file that has changed held at HEAD, and whether it had another data key.
fn compared_to_head(
    opener: &Opener<'_>,
    shown: &str,
    now: Version<'_>,
    text: &Zeroizing<Vec<u8>>,
) -> (Head, Option<Certainty>) {
    let opened = open(opener, shown, text.clone());
    let then = Version {
        text,
        key: opened.as_ref().ok().map(|(_, key)| key),
    };
    let certainty = data_keys::compare(shown, now, then);
    let head = match opened {
        Ok((opened, _)) => Head::of(&opened),
        Err(_) => Head::unreadable(format!("{shown} at HEAD does not open")),
    };
    (head, certainty)
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
    let mut head = Head::default();
    let mut renewals = Vec::new();
    let owner = subject::owner(environments, name);
    let delivered = Delivered::last(name, &owner, context);
    let named: Vec<String> = environment
        .sealed
        .iter()
        .map(|path| shown(path, base))
        .collect();
    let last = delivered.as_ref().map(|delivered| Last {
        delivered,
        base,
        files: &named,
    });
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
        let (opened, key) = open(opener, &shown, sealed.bytes.clone())?;
        let now = Version {
            text: &sealed.bytes,
            key: Some(&key),
        };
        let mut renewal = None;
        head = head.and(match before {
            Committed::Text(_) if is_unchanged => Head::of(&opened),
            Committed::Text(text) => {
                let (found, certainty) = compared_to_head(opener, &shown, now, &text);
                renewal = certainty.map(|how| Renewal::since_head(path, &shown, how));
                found
            }
            Committed::Absent => Head::default(),
            Committed::Unknown(why) => Head::unreadable(why),
        });
        if renewal.is_none()
            && let Some(last) = &last
        {
            renewal = last.compare(opener, &shown, now, &sha256);
        }
        renewals.extend(renewal);
        files.push(OpenedFile {
            source: SourceFile {
                file: shown,
                sha256,
            },
            key: Some(key),
            content: Content::Sealed(Box::new(opened)),
        });
    }
    let commit = environment
        .sealed
        .first()
        .and_then(|path| history::head(path));
    let opened = OpenedFiles {
        files,
        head,
        commit,
        renewals,
    };
    Loaded::new(environments, environment, opened, context)
}

fn open(
    opener: &Opener<'_>,
    name: &str,
    text: Zeroizing<Vec<u8>>,
) -> Result<(Opened, DataKey), Error> {
    let Some(format) = format::by_extension(name) else {
        let reason = format!("{name} has no format that this build reads");
        return Err(Error::new(Code::Failed, reason));
    };
    match opener.open_text(name, format, text, OpenOptions::default()) {
        Ok(opened) => Ok(opened),
        Err(error) => Err(Error {
            code: NOT_OPENED,
            ..error
        }),
    }
}

fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base)
        .unwrap_or(path)
        .display()
        .to_string()
}

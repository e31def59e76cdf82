//! Sealing a clear file onto a sealed one, and back: what `--env` and `--onto` do.
//!
//! Unchanged values keep their ciphertext. What the sealed file was when the clear file was made
//! or last sealed is remembered in the state directory (a digest of ciphertext), so that a change
//! that somebody else has pulled in is never overwritten by an old clear file.

use std::path::{Path, PathBuf};

use clsecrets::cipher::SystemNonces;
use clsecrets::config::{Environment, Environments, find_environments};
use clsecrets::envelope::{Changes, Draft, OpenOptions};
use clsecrets::error::quoted;
use clsecrets::fs::{self, Privacy, Stamp};
use clsecrets::{Code, Error};
use subtle::ConstantTimeEq;

use super::encrypt::{expand, name_clear, report, seal_draft};
use super::input::{Input, Naming};
use super::opening::{Opener, clear_text};
use super::sealing::Sealing;
use super::{Context, Outcome, digest, hook};

const PLAIN: Naming = Naming {
    input_type: None,
    output_type: None,
    filename_override: None,
};

/// `encrypt --env NAME`.
pub(super) fn environment(
    name: &str,
    sealing: &Sealing,
    overwrite: bool,
    outside: bool,
    context: &Context,
) -> Outcome {
    let (environments, pairs) = pairs(name, outside, context)?;
    for (clear, sealed) in pairs {
        let shown = relative(&clear, context);
        let input = Input::read(&shown, &PLAIN, &context.settings).map_err(|error| {
            error.hint(if sealed.exists() {
                format!("clsecrets decrypt --env {name}    # makes it from the sealed file")
            } else {
                format!("clsecrets init --env {name}    # makes one to be filled in")
            })
        })?;
        seal_onto(&input, &sealed, sealing, overwrite, Some(name), context)?;
    }
    drop(environments);
    Ok(0)
}

/// `encrypt --onto SEALED FILE`.
pub(super) fn file(
    input: &Input,
    sealed: &Path,
    sealing: &Sealing,
    overwrite: bool,
    context: &Context,
) -> Outcome {
    seal_onto(
        input,
        &context.settings.absolute(sealed),
        sealing,
        overwrite,
        None,
        context,
    )?;
    Ok(0)
}

/// `decrypt --env NAME`.
pub(super) fn clear_file(name: &str, overwrite: bool, outside: bool, context: &Context) -> Outcome {
    let (environments, pairs) = pairs(name, true, context)?;
    for (clear, _) in &pairs {
        refuse_link(clear, context)?;
    }
    environments.admit_paths(environments.environment(name)?, outside)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    for (clear, sealed) in pairs {
        let (opened, _) =
            opener
                .open_file(&relative(&sealed, context))
                .map_err(|error| match error.code {
                    Code::NoFile => error.hint(format!(
                        "clsecrets encrypt --env {name}    # makes it from the clear file"
                    )),
                    _ => error,
                })?;
        let shown = relative(&clear, context);
        let text = clear_text(&opened, &shown.display().to_string(), &context.ui)?;
        let _lock = context.lock(&clear)?;
        let old = match fs::read(&clear) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let reason = fs::plain(&error);
                return Err(Error::new(
                    Code::Input,
                    format!("cannot read {}: {reason}", shown.display()),
                ));
            }
        };
        let is_same = old
            .as_ref()
            .is_some_and(|old| old.bytes.ct_eq(text.as_slice()).into());
        if old.is_some() && !is_same && !overwrite {
            return Err(Error::new(
                Code::Failed,
                format!(
                    "{} exists and differs from the sealed file",
                    shown.display()
                ),
            )
            .hint(format!(
                "clsecrets encrypt --env {name}    # if its changes are wanted"
            ))
            .hint(format!(
                "clsecrets decrypt --env {name} --overwrite    # if they are not"
            )));
        }
        if is_same {
            context
                .ui
                .note(&format!("{} is up to date", shown.display()));
        } else {
            let stamp = old.as_ref().map_or(&Stamp::ABSENT, |old| &old.stamp);
            fs::replace(&clear, &text, Privacy::Private, Some(stamp))?;
            context.ui.note(&format!(
                "{} holds the cleartext now; keep it out of Git",
                shown.display()
            ));
        }
        remember(&sealed, opened.sealed_text(), context);
    }
    Ok(0)
}

/// Cleartext goes where the environment says and nowhere else: through a link it could land
/// outside of what is ignored and private.
fn refuse_link(clear: &Path, context: &Context) -> Result<(), Error> {
    if !std::fs::symlink_metadata(clear).is_ok_and(|found| found.is_symlink()) {
        return Ok(());
    }
    let shown = relative(clear, context);
    Err(Error::new(
        Code::Output,
        format!(
            "{} is a symbolic link; cleartext is not written through one",
            shown.display()
        ),
    )
    .hint(format!(
        "rm {}    # removes the link only",
        quoted(&shown.display().to_string())
    )))
}

fn seal_onto(
    input: &Input,
    sealed: &Path,
    sealing: &Sealing,
    overwrite: bool,
    environment: Option<&str>,
    context: &Context,
) -> Result<(), Error> {
    let shown = relative(sealed, context);
    let name = shown.display().to_string();
    let mut draft = Draft::parse(input.format, zeroize::Zeroizing::new(input.text.to_vec()))
        .map_err(|error| error.about(&input.name, false))?;
    let _lock = context.lock(sealed)?;
    if !sealed.exists() {
        let places = (sealed, sealed);
        let format = draft.format();
        let text = seal_draft(
            &mut draft,
            format,
            places,
            &input.name,
            sealing,
            &Opener::new(&context.settings, &context.ui, None)?,
            context,
        )?;
        if environment.is_some() {
            remember_either(&[&text.bytes], sealed, context);
        }
        fs::replace(sealed, &text.bytes, Privacy::Umask, Some(&Stamp::ABSENT))?;
        report(&name, &text, context);
        if environment.is_some() {
            remember(sealed, &text.bytes, context);
        }
        return Ok(());
    }
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let old = Input::read(&shown, &PLAIN, &context.settings)?;
    let stamp = old.stamp.clone();
    refuse_other(input, &old)?;
    let (opened, data_key) = opener.open(old, OpenOptions::default())?;
    let key_groups = &opened.metadata().key_groups;
    sealing
        .guarding
        .check_file(key_groups, sealed, &name, context)?;
    expand(
        &mut draft,
        &opened.metadata().rule,
        &input.name,
        sealing,
        context,
    )?;
    // Its cleartext may have come from it, with the aliases that were written out then.
    if opened.has_layout() {
        draft
            .expand_aliases(&opened.metadata().rule)
            .map_err(|error| error.about(&input.name, false))?;
    }
    let changes = draft.changes_of(&opened);
    tell(&name, &changes, context);
    let is_known = environment.is_none() || is_remembered(sealed, opened.sealed_text(), context);
    if !overwrite {
        refuse(&name, &changes, is_known, environment)?;
    }
    let reuse = draft.tokens_of(&opened);
    let text = draft
        .reseal(
            &opened,
            &data_key,
            &mut SystemNonces::default(),
            context.settings.now,
            sealing.allow_cleartext,
            &reuse,
        )
        .map_err(|error| error.about(&input.name, false))?;
    let Some(text) = text else {
        context
            .ui
            .note(&format!("{name}: nothing changed, nothing was written"));
        if environment.is_some() {
            remember(sealed, opened.sealed_text(), context);
        }
        return Ok(());
    };
    sealing
        .guarding
        .check_rule((draft.format(), &text.bytes), sealed, &name, context)?;
    if environment.is_some() {
        let old = is_known.then_some(opened.sealed_text());
        let either: Vec<&[u8]> = old.into_iter().chain([text.bytes.as_slice()]).collect();
        remember_either(&either, sealed, context);
    }
    fs::replace(sealed, &text.bytes, Privacy::Umask, stamp.as_ref())?;
    hook::learn_sealed(context, sealed, draft.format(), &text.bytes, &data_key);
    name_clear(&name, &text, context);
    report(&name, &text, context);
    if environment.is_some() {
        remember(sealed, &text.bytes, context);
    }
    Ok(())
}

/// A file is sealed onto one of its own format: tokens stay where they are.
fn refuse_other(clear: &Input, sealed: &Input) -> Result<(), Error> {
    let (ours, theirs) = (clear.output.name(), sealed.format.name());
    if ours == theirs {
        return Ok(());
    }
    let reason = format!(
        "{} is {ours}, but {} is {theirs}: unchanged values keep their ciphertext in one format only",
        clear.name, sealed.name
    );
    Err(Error::new(Code::Conflict, reason).hint(format!(
        "clsecrets encrypt --output-type {theirs} --output {} {}    # seals every value anew",
        quoted(&sealed.name),
        quoted(&clear.name)
    )))
}

/// Names the keys that change, never a value.
fn tell(name: &str, changes: &Changes, context: &Context) {
    let lines = [
        ("+", &changes.added),
        ("~", &changes.changed),
        ("-", &changes.removed),
    ];
    for (mark, keys) in lines {
        for key in keys {
            context.ui.note(&format!("{name}: {mark} {key}"));
        }
    }
}

/// Refuses to drop keys, and to put back what somebody else has changed since.
fn refuse(
    name: &str,
    changes: &Changes,
    is_known: bool,
    environment: Option<&str>,
) -> Result<(), Error> {
    let changes_something = *changes != Changes::default();
    if (is_known && changes.removed.is_empty()) || !changes_something {
        return Ok(());
    }
    let mut error = Error::new(Code::Failed, format!("{name} would lose something"));
    if !is_known {
        error = error.detail("it is not what it was when this clear file was made or last sealed");
    }
    for key in &changes.removed {
        error = error.detail(format!("{key} is in the sealed file only"));
    }
    let error = match environment {
        Some(environment) => error.hint(format!(
            "clsecrets decrypt --env {environment} --overwrite    # takes the sealed file's state"
        )),
        None => error.hint(format!(
            "clsecrets decrypt {}    # shows what is in it",
            quoted(name)
        )),
    };
    Err(error.hint("the same command with --overwrite, if the clear file is right as it is"))
}

fn pairs(
    name: &str,
    outside: bool,
    context: &Context,
) -> Result<(Environments, Vec<(PathBuf, PathBuf)>), Error> {
    let environments = Environments::load(&find_environments(&context.settings.cwd)?)?;
    let pairs = {
        let environment: &Environment = environments.environment(name)?;
        environments.admit_paths(environment, outside)?;
        if environment.clear.is_empty() {
            let path = relative(environments.path(), context);
            return Err(Error::new(
                Code::Failed,
                format!("environment {name} of {} has no clear file", path.display()),
            )
            .hint("add to it:  clear: secrets/NAME/clear-secrets.yaml"));
        }
        environment
            .clear
            .iter()
            .cloned()
            .zip(environment.sealed.iter().cloned())
            .collect()
    };
    Ok((environments, pairs))
}

/// As short as the user would write it.
pub(super) fn relative(path: &Path, context: &Context) -> PathBuf {
    path.strip_prefix(&context.settings.cwd)
        .map_or_else(|_| path.to_path_buf(), Path::to_path_buf)
}

fn memory_of(sealed: &Path, context: &Context) -> Option<PathBuf> {
    let path = std::fs::canonicalize(sealed).unwrap_or_else(|_| sealed.to_path_buf());
    let name = digest::sha256(path.as_os_str().as_encoded_bytes());
    Some(context.state()?.join("sealed").join(name))
}

/// The work itself is done by now, so that a state directory that cannot be written is no failure.
fn remember(sealed: &Path, text: &[u8], context: &Context) {
    if let Err(error) = write_memory(&[text], sealed, context) {
        let shown = relative(sealed, context);
        context.ui.warn(&format!(
            "the state of {} is not remembered, so the next encrypt --env asks for --overwrite: {}",
            shown.display(),
            error.message
        ));
    }
}

/// Before the write, so that whichever text a command that is killed leaves is known to the next
/// one. What keeps this from being written is told when the write is done.
fn remember_either(texts: &[&[u8]], sealed: &Path, context: &Context) {
    let _ = write_memory(texts, sealed, context);
}

fn write_memory(texts: &[&[u8]], sealed: &Path, context: &Context) -> Result<(), Error> {
    let Some(memory) = memory_of(sealed, context) else {
        return Ok(());
    };
    let digests: Vec<String> = texts.iter().map(|text| digest::sha256(text)).collect();
    if let Some(directory) = memory.parent() {
        fs::create_private_dir(directory)?;
    }
    fs::replace(
        &memory,
        digests.join("\n").as_bytes(),
        Privacy::Private,
        None,
    )
}

fn is_remembered(sealed: &Path, text: &[u8], context: &Context) -> bool {
    let Some(content) = memory_of(sealed, context).and_then(|memory| fs::read(&memory).ok()) else {
        return false;
    };
    let digest = digest::sha256(text);
    content
        .bytes
        .split(|&byte| byte == b'\n')
        .any(|line| line == digest.as_bytes())
}

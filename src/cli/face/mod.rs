//! The two faces: `clsecrets`, and `sops` for scripts that call the reference.
//!
//! What the reference would be told becomes words of our own commands: the form without a subcommand,
//! options in the manner of Go, options that only some scopes have. As `clsecrets`, the form without a
//! subcommand is taken when the line begins with one of its options, and these stand anywhere. The
//! surprise: as `sops`, options behind the file of that form are not heeded, since the reference does
//! not, and says so.

mod flags;
mod legacy;
mod scoped;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use clsecrets::keys;
use clsecrets::metadata::FORMAT_VERSION;
use clsecrets::{Code, Error};

use super::kinds::{KINDS, unsupported};

/// As what the tool was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// `clsecrets`.
    Own,
    /// `sops`, by a link or as the first word.
    Sops,
}

/// A command line in our own words.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) face: Face,
    /// With the name of the program.
    pub(super) args: Vec<OsString>,
    /// What a person should know of it.
    pub(super) warnings: Vec<String>,
    /// The version is asked for, in the reference's form.
    pub(super) asks_version: bool,
}

impl Words {
    /// Takes the words of the command line; `commands` are ours.
    pub(super) fn of(args: Vec<OsString>, commands: &Command) -> Result<Self, Error> {
        let mut args = args.into_iter();
        let program = args.next().unwrap_or_else(|| OsString::from("clsecrets"));
        let mut rest: Vec<OsString> = args.collect();
        let is_sops = |word: &OsStr| {
            Path::new(word)
                .file_name()
                .is_some_and(|name| name == "sops")
        };
        let face = match rest.first() {
            _ if is_sops(&program) => Face::Sops,
            Some(first) if first == "sops" => {
                rest.remove(0);
                Face::Sops
            }
            _ => Face::Own,
        };
        let mut words = Self {
            face,
            args: vec![program],
            warnings: Vec::new(),
            asks_version: false,
        };
        match face {
            Face::Own
                if !rest
                    .first()
                    .is_some_and(|first| flags::begins_legacy(first)) =>
            {
                words.args.append(&mut rest);
            }
            Face::Own => words.args.extend(legacy::own_words(rest)?),
            Face::Sops => words.take_as_sops(rest, commands)?,
        }
        Ok(words)
    }

    /// Says that key services are not asked; refuses where only they may be.
    fn heed_services(&mut self, given: &[flags::Given]) -> Result<(), Error> {
        for given in given {
            let value = given.value.as_deref();
            match given.name.as_str() {
                "enable-local-keyservice" if value.is_some_and(flags::is_off) => {
                    return Err(no_key_service());
                }
                "keyservice" => self.warnings.push(
                    "--keyservice is not heeded: key services are not supported yet".to_owned(),
                ),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_as_sops(&mut self, rest: Vec<OsString>, commands: &Command) -> Result<(), Error> {
        let line = legacy::Line::before_the_file(rest);
        self.heed_services(&line.given)?;
        if line.has("version") {
            self.asks_version = true;
            return Ok(());
        }
        if line.has("help") {
            self.args.push(OsString::from("--help"));
            return Ok(());
        }
        let first = line.words.first().and_then(|word| word.to_str());
        if first == Some("h") {
            self.args.push(OsString::from("help"));
            self.args.extend(line.words.into_iter().skip(1));
            return Ok(());
        }
        let is_command = |name: &&str| {
            NOT_OURS.contains(name)
                || commands
                    .get_subcommands()
                    .any(|one| one.get_name() == *name)
        };
        if let Some(name) = first.filter(is_command) {
            let name = name.to_owned();
            let (words, services) = scoped::words(&name, &line, commands, &mut self.warnings)?;
            self.heed_services(&services)?;
            self.args.extend(words);
        } else {
            self.args
                .extend(line.into_words(&mut self.warnings, commands)?);
        }
        Ok(())
    }
}

/// The line that scripts parse: the version of the reference that we are like. It asks nobody.
pub(super) fn version() -> String {
    format!("sops {FORMAT_VERSION}")
}

/// Commands of the reference that are refused by name.
pub(crate) const NOT_OURS: [&str; 2] = ["publish", "keyservice"];

/// The reference's key services would be asked and nothing here.
pub(crate) fn no_key_service() -> Error {
    Error::new(
        Code::Failed,
        "key services are not supported yet, and keys of this machine are not to be used",
    )
}

/// Refuses an option that names recipients of a kind that this build does not have, where a command
/// would seal for them: they are not to be left out.
fn refuse_kind(command: &str, option: &str) -> Result<(), Error> {
    let is_sealing = ["encrypt", "edit"].contains(&command);
    let mut kinds = KINDS.iter().filter(|_| is_sealing);
    match kinds.find(|(field, flag, _)| *flag == option && keys::kind(field).is_none()) {
        Some((field, _, _)) => Err(unsupported(field).detail(format!("--{option} asks for it"))),
        None => Ok(()),
    }
}

/// What Go takes for false.
pub(crate) fn is_off(value: &OsStr) -> bool {
    flags::is_off(value)
}

/// A file is missing where the reference wants one.
fn no_file() -> Error {
    Error::new(Code::NoFile, "no file given").hint("sops --help")
}

#[cfg(test)]
mod tests;

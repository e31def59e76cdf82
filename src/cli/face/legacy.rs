//! The form without a subcommand: `-d FILE`, `-e -i FILE`, `FILE` to edit it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use clsecrets::{Code, Error};

use super::flags::{Given, flag, is_off, parted};
use super::scoped::has_option;
use super::{no_file, refuse_kind};

/// A line taken apart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) given: Vec<Given>,
    /// What is no option, from the first such word on.
    pub(super) words: Vec<OsString>,
    /// An option that there is not.
    unknown: Option<String>,
}

impl Line {
    /// Options end with the first word that is none.
    pub(super) fn before_the_file(words: Vec<OsString>) -> Self {
        let mut line = Self {
            given: Vec::new(),
            words: Vec::new(),
            unknown: None,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let Some((name, value)) = parted(&word) else {
                line.words.push(word);
                break;
            };
            match flag(&name) {
                Some(flag) => {
                    let value = match value {
                        None if flag.takes_value => words.next(),
                        value => value,
                    };
                    line.give(flag.name, value, flag.takes_value);
                }
                None => line.unknown = line.unknown.or(Some(name)),
            }
        }
        line.words.extend(words);
        line
    }

    fn give(&mut self, name: &str, value: Option<OsString>, takes_value: bool) {
        let is_switch = !takes_value;
        let value = match value {
            Some(value) if is_switch && is_off(&value) && name != "enable-local-keyservice" => {
                return self.given.retain(|given| given.name != name);
            }
            value if is_switch && name != "enable-local-keyservice" => value.and(None),
            value => value,
        };
        let name = name.to_owned();
        self.given.push(Given { name, value });
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name)
    }

    /// The words of the subcommand that the options mean.
    pub(super) fn into_words(
        self,
        warnings: &mut Vec<String>,
        commands: &Command,
    ) -> Result<Vec<OsString>, Error> {
        if let Some(name) = &self.unknown {
            return Err(Error::new(
                Code::Failed,
                format!("there is no option {}", spelled(name)),
            )
            .hint("sops --help"));
        }
        let modes: Vec<&str> = self
            .given
            .iter()
            .filter_map(|given| mode(&given.name))
            .collect();
        if modes.len() > 1 {
            warnings.push(format!(
                "several commands at once; only {} is run",
                modes.last().unwrap_or(&"")
            ));
        }
        let mode = modes.last().copied().unwrap_or("edit");
        let mut words = self.words.into_iter();
        let file = words.next().ok_or_else(no_file)?;
        if mode == "rotate" && !Path::new(&file).exists() {
            // The form without a subcommand looks first, and has a status of its own for it.
            return Err(Error::new(
                Code::NoFile,
                format!("cannot read {}: no such file or directory", shown(&file)),
            ));
        }
        let ignored: Vec<String> = words.map(|word| shown(&word)).collect();
        if !ignored.is_empty() {
            warnings.push(format!(
                "only the first file is worked on, and options stand before it; not heeded: {}",
                ignored.join(" ")
            ));
        }
        let mut result = vec![OsString::from(mode)];
        let command = commands.find_subcommand(mode);
        let mut value = None;
        for given in self.given {
            if given.name == "set" {
                value = given.value;
                continue;
            }
            refuse_kind(mode, &given.name)?;
            if command.is_some_and(|command| has_option(command, &given.name)) {
                result.push(given.into_word());
            }
        }
        result.extend(leniencies(mode));
        result.push(OsString::from("--"));
        result.push(file);
        if let Some(value) = value.filter(|_| mode == "set") {
            let value = value.into_string().unwrap_or_default();
            result.extend(path_and_value(&value)?);
        }
        Ok(result)
    }
}

/// The words of the subcommand that a line of ours means: all but its mode stay as they are.
pub(super) fn own_words(mut words: Vec<OsString>) -> Result<Vec<OsString>, Error> {
    let modes = words.iter().enumerate();
    let mut modes = modes.filter_map(|(at, word)| Some((at, own_mode(word)?)));
    let Some((at, mode)) = modes.next() else {
        words.insert(0, OsString::from("edit"));
        return Ok(words);
    };
    words.remove(at);
    if mode == "set" && at < words.len() {
        let value = words.remove(at).into_string().unwrap_or_default();
        // The file stands before them, wherever it stood.
        let at = words.iter().position(|word| parted(word).is_none());
        let file = at.map(|at| words.remove(at)).ok_or_else(no_file)?;
        words.extend([OsString::from("--"), file]);
        words.extend(path_and_value(&value)?);
    }
    Ok([OsString::from(mode)]
        .into_iter()
        .chain(leniencies(mode))
        .chain(words)
        .collect())
}

fn own_mode(word: &OsStr) -> Option<&'static str> {
    match word.to_str()? {
        "-e" | "--encrypt" => Some("encrypt"),
        "-d" | "--decrypt" => Some("decrypt"),
        "-r" | "--rotate" => Some("rotate"),
        "--set" => Some("set"),
        _ => None,
    }
}

/// `["key"] "value"`: the path ends where the value begins.
fn path_and_value(text: &str) -> Result<[OsString; 2], Error> {
    let (path, value) = text.split_once("] ").ok_or_else(|| {
        Error::new(Code::SetValue, "--set takes a path, a blank and a value")
            .hint("--set '[\"key\"] \"value\"'")
    })?;
    Ok([OsString::from(format!("{path}]")), OsString::from(value)])
}

/// What the reference does unasked: each is told when it happens.
pub(super) fn leniencies(command: &str) -> impl Iterator<Item = OsString> {
    let options: &[&str] = match command {
        "encrypt" => &["--expand-aliases", "--first-document"],
        "decrypt" => &["--first-document"],
        _ => &[],
    };
    options.iter().map(OsString::from)
}

/// A word as a message may show it: an option by its name, anything else not at all, since it can be a
/// value.
fn shown(word: &OsStr) -> String {
    match parted(word) {
        Some((name, _)) if flag(&name).is_some() => spelled(&name),
        _ => "…".to_owned(),
    }
}

fn spelled(name: &str) -> String {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match name.len() {
        1 if is_name => format!("-{name}"),
        _ if is_name => format!("--{name}"),
        _ => "like that".to_owned(),
    }
}

fn mode(name: &str) -> Option<&'static str> {
    match name {
        "encrypt" => Some("encrypt"),
        "decrypt" => Some("decrypt"),
        "rotate" => Some("rotate"),
        "set" => Some("set"),
        _ => None,
    }
}

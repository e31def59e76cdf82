//! A subcommand of the reference: its options stand anywhere, and what its scope does not have is
//! refused.

use std::ffi::OsString;

use clap::{ArgAction, Command};
use clsecrets::{Code, Error};

use super::flags::{Given, is_off, parted};
use super::legacy::{Line, leniencies};
use super::{no_file, refuse_kind};

/// The words of our own command. The line holds the options before the command, and the rest.
pub(super) fn words(
    name: &str,
    line: &Line,
    commands: &Command,
    warnings: &mut Vec<String>,
) -> Result<(Vec<OsString>, Vec<Given>), Error> {
    let mut result = vec![OsString::from(name)];
    let mut services = Vec::new();
    let mut rest = line.words.iter().skip(1).cloned().peekable();
    let Some(mut command) = commands.find_subcommand(name) else {
        // Refused by name, whatever follows.
        return Ok((result, services));
    };
    while let Some(inner) = rest
        .peek()
        .and_then(|word| command.find_subcommand(word.to_str()?))
    {
        command = inner;
        result.extend(rest.next());
    }
    if !OF_REFERENCE.contains(&name) {
        // One of our own commands.
        result.extend(rest);
        return Ok((result, services));
    }
    for given in line
        .given
        .iter()
        .filter(|given| OF_ALL.contains(&given.name.as_str()))
    {
        if has_option(command, &given.name) {
            result.push(given.clone().into_word());
        }
    }
    let (mut files, mut reads_file) = (Vec::new(), false);
    while let Some(word) = rest.next() {
        if word == "--" {
            files.extend(rest);
            break;
        }
        let Some((option, value)) = parted(&word) else {
            files.push(word);
            continue;
        };
        if ["help", "h"].contains(&option.as_str()) {
            result.push(OsString::from("--help"));
            return Ok((result, services));
        }
        // With the reference a switch: the last word is the file then.
        if name == "set" && option == "value-file" && value.is_none() {
            reads_file = true;
            continue;
        }
        if SERVICES.contains(&option.as_str()) {
            let value = match value {
                None if option == "keyservice" => rest.next(),
                value => value,
            };
            let name = option;
            services.push(Given { name, value });
            continue;
        }
        refuse_kind(name, &option)?;
        let Some((option, takes_value)) = option_of(command, &option) else {
            result.push(OsString::from(format!("--{option}")));
            return Ok((result, services));
        };
        let value = match value {
            None if takes_value => rest.next(),
            Some(value) if !takes_value && is_off(&value) => continue,
            value => value.filter(|_| takes_value),
        };
        let name = option;
        result.push(Given { name, value }.into_word());
    }
    check(name, &mut files, warnings)?;
    if let ("set", true, 3) = (name, reads_file, files.len()) {
        let name = "value-file".to_owned();
        let value = files.pop();
        result.push(Given { name, value }.into_word());
    }
    result.extend(leniencies(name));
    result.push(OsString::from("--"));
    result.append(&mut files);
    Ok((result, services))
}

/// Whether a command has a long option.
pub(super) fn has_option(command: &Command, name: &str) -> bool {
    let mut options = command.get_arguments();
    options.any(|option| option.get_long() == Some(name))
}

/// The long name of an option, and whether a value follows.
fn option_of(command: &Command, name: &str) -> Option<(String, bool)> {
    let mut options = command.get_arguments();
    let is_it = |short: Option<char>| short.is_some_and(|short| name.chars().eq([short]));
    let option =
        options.find(|option| option.get_long() == Some(name) || is_it(option.get_short()))?;
    let takes_value = matches!(option.get_action(), ArgAction::Set | ArgAction::Append);
    let is_optional = option
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    Some((option.get_long()?.to_owned(), takes_value && !is_optional))
}

/// As many files as the reference takes: more are not heeded, or refused.
fn check(name: &str, files: &mut Vec<OsString>, warnings: &mut Vec<String>) -> Result<(), Error> {
    let wrong = |code, what: &str| {
        Error::new(code, format!("{name} takes {what}")).hint(format!("sops {name} --help"))
    };
    match name {
        "encrypt" | "decrypt" if files.is_empty() => files.push(OsString::from("-")),
        "edit" | "rotate" | "updatekeys" if files.is_empty() => return Err(no_file()),
        "set" if !(2..=3).contains(&files.len()) => {
            return Err(wrong(Code::NoFile, "a file, a path and a value"));
        }
        "unset" if files.len() != 2 => return Err(wrong(Code::NoFile, "a file and a path")),
        "exec-env" | "exec-file" if files.len() != 2 => {
            return Err(wrong(Code::Failed, "a file and one command, in quotes"));
        }
        "encrypt" | "decrypt" | "edit" | "rotate" | "filestatus" if files.len() > 1 => {
            warnings.push("only the first file is worked on".to_owned());
            files.truncate(1);
        }
        _ => {}
    }
    Ok(())
}

/// Commands whose words the reference reads so.
const OF_REFERENCE: [&str; 11] = [
    "encrypt",
    "decrypt",
    "edit",
    "rotate",
    "set",
    "unset",
    "updatekeys",
    "groups",
    "exec-env",
    "exec-file",
    "filestatus",
];

/// Options of every command that touches keys.
const SERVICES: [&str; 2] = ["keyservice", "enable-local-keyservice"];

/// Options that count before the command, too.
const OF_ALL: [&str; 2] = ["config", "mac-only-encrypted"];

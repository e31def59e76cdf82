//! What the command line could not be read as: the message, a hint, and the status.
//!
//! Usage goes to standard error; the status is the reference's 1, but 3 for the guarding commands,
//! which keep 1 for findings. The surprise: an argument that is not understood is not always named,
//! because a value that lost its quotes would be quoted.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use clsecrets::error::shown;
use clsecrets::{Code, Error};

use super::Cli;
use super::ui::Ui;

/// Commands that take a secret as a word of the command line.
const TAKES_VALUES: &[&str] = &["set"];

/// Commands of the reference tool that are still to come; its files are ours, so it can help out.
const OF_REFERENCE: [&str; 2] = super::face::NOT_OURS;

/// Commands whose status 1 means findings.
const GUARDS: &[&str] = &["hook", "scan", "check", "validate"];

/// Tells what is wrong, or prints the help that was asked for; answers with the status.
pub(super) fn explain(error: &clap::Error, args: &[OsString], ui: &Ui) -> u8 {
    if !error.use_stderr() {
        ui.usage(error);
        return 0;
    }
    let command = command_of(args);
    let status = if GUARDS.contains(&command) { 3 } else { 1 };
    let again = args.iter().any(is_odd).then(|| of_shown(args));
    let Some(error) = again.as_ref().map_or(Some(error), Option::as_ref) else {
        let told = "a word of the command line cannot be read";
        ui.fail(&Error::new(Code::Failed, told).hint("clsecrets --help"));
        return status;
    };
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(to_come) = to_come(command)
    {
        ui.fail(&to_come);
        return status;
    }
    if TAKES_VALUES.contains(&command) && names_a_word(error) {
        let told = Error::new(Code::Failed, format!("{command}: too many words"))
            .hint("quote path and value: clsecrets set FILE '[\"key\"]' '\"value\"'")
            .hint(format!("clsecrets {command} --help"));
        ui.fail(&told);
        return status;
    }
    ui.usage(error);
    status
}

/// Whether a word cannot be quoted as it is: the shell may have found it as the name of a file.
fn is_odd(word: &OsString) -> bool {
    matches!(shown(&word.to_string_lossy()), Cow::Owned(_))
}

/// What is wrong with the same words as they are shown. What quotes a word cannot be mended later: it
/// has lost its escapes by then, and its line ends are among those of the message. `None`: nothing is.
fn of_shown(args: &[OsString]) -> Option<clap::Error> {
    let words = args
        .iter()
        .map(|word| shown(&word.to_string_lossy()).into_owned());
    Cli::try_parse_from(words)
        .err()
        .filter(clap::Error::use_stderr)
}

/// The first word that is a command, or the word in its place.
fn command_of(args: &[OsString]) -> &str {
    let mut words = args.iter().skip(1).filter_map(|word| word.to_str());
    words.find(|word| !word.starts_with('-')).unwrap_or("")
}

/// Whether the message would quote a word that is no option of ours.
fn names_a_word(error: &clap::Error) -> bool {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return false;
    };
    let is_option = word
        .strip_prefix("--")
        .is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    error.kind() == ErrorKind::UnknownArgument && !is_option
}

fn to_come(command: &str) -> Option<Error> {
    let told = || Error::new(Code::Failed, format!("{command} is not supported yet"));
    let known = Cli::command();
    let known = known.get_subcommands().filter(|known| !known.is_hide_set());
    let names: Vec<&str> = known.map(clap::Command::get_name).collect();
    let names = format!("it has {}", names.join(", "));
    OF_REFERENCE.contains(&command).then(|| {
        told()
            .detail(names)
            .hint("the reference tool has it, and works on the same files")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_it(words: &[&str]) -> bool {
        let words = ["clsecrets"].iter().chain(words);
        names_a_word(&Cli::try_parse_from(words).unwrap_err())
    }

    #[test]
    fn a_word_too_many_is_not_repeated_and_an_option_is() {
        assert!(names_it(&["set", "f.yaml", "[\"a\"]", "hunter", "two"]));
        assert!(names_it(&["set", "f.yaml", "[\"a\"]", "x", "--Hunter2"]));
        assert!(!names_it(&["set", "f.yaml", "[\"a\"]", "x", "--promt"]));
    }

    #[test]
    fn a_command_that_exists_is_not_said_to_come() {
        let known = Cli::command();
        for name in &OF_REFERENCE {
            assert!(known.find_subcommand(name).is_none(), "{name} is there");
            assert!(to_come(name).is_some());
        }
        assert!(to_come("bogus").is_none());
    }

    #[test]
    fn the_command_is_found_behind_options() {
        let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(command_of(&args("clsecrets hook --bogus")), "hook");
        assert_eq!(command_of(&args("clsecrets --bogus")), "");
    }
}

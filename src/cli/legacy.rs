//! The form without a subcommand, which scripts use: `-d FILE`, `-e -i FILE`.
//!
//! Taken only when the command line begins with an option of that form; the options become those
//! of the subcommand, in any order. In this form, and called as `sops`, aliases of sealed values are
//! written out, and of several documents the first is taken where the output holds one, as the
//! reference does; both are told.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Rewrites `-e …` and `-d …` to `encrypt …` and `decrypt …`; anything else stays.
pub(super) fn subcommand_form(args: Vec<OsString>) -> Vec<OsString> {
    let is_old_form = args.get(1).is_some_and(|first| is_option(first));
    let mut args = rewritten(args);
    if is_old_form || is_called_sops(&args) {
        let command = args.get(1).and_then(|first| first.to_str());
        let options: &[&str] = match command {
            Some("encrypt") => &["--expand-aliases", "--first-document"],
            Some("decrypt") => &["--first-document"],
            _ => &[],
        };
        args.splice(2..2, options.iter().map(OsString::from));
    }
    args
}

fn is_called_sops(args: &[OsString]) -> bool {
    let name = args.first().and_then(|first| Path::new(first).file_name());
    name.is_some_and(|name| name == "sops")
}

fn rewritten(args: Vec<OsString>) -> Vec<OsString> {
    let begins_with_option = args.get(1).is_some_and(|first| is_option(first));
    if !begins_with_option {
        return args;
    }
    let mode = args
        .iter()
        .skip(1)
        .enumerate()
        .find_map(|(at, arg)| Some((at + 1, mode(arg)?)));
    let Some((at, mode)) = mode else { return args };
    let mut rewritten = args;
    rewritten.remove(at);
    rewritten.insert(1, OsString::from(mode));
    rewritten
}

fn is_option(arg: &OsStr) -> bool {
    arg.as_encoded_bytes().starts_with(b"-")
}

fn mode(arg: &OsStr) -> Option<&'static str> {
    match arg.to_str()? {
        "-e" | "--encrypt" => Some("encrypt"),
        "-d" | "--decrypt" => Some("decrypt"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(line: &str) -> String {
        let args = line.split(' ').map(OsString::from).collect();
        let parts = subcommand_form(args);
        parts
            .iter()
            .map(|part| part.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn options_before_the_file_make_the_old_form() {
        assert_eq!(form("x -d a.yaml"), "x decrypt --first-document a.yaml");
        assert_eq!(
            form("x --input-type yaml -e a.yaml"),
            "x encrypt --expand-aliases --first-document --input-type yaml a.yaml"
        );
        assert_eq!(form("x encrypt a.yaml"), "x encrypt a.yaml");
        assert_eq!(
            form("/bin/sops encrypt a.yaml"),
            "/bin/sops encrypt --expand-aliases --first-document a.yaml"
        );
        assert_eq!(form("x sync -d"), "x sync -d");
        assert_eq!(form("x --help"), "x --help");
    }
}

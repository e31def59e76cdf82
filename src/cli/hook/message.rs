//! The message of a commit that is about to be made: what it says is published with the commit.
//!
//! What Git cuts off is not looked at: everything below its line with scissors, where `commit
//! --verbose` shows what is committed, with what was there before.

use std::path::Path;

use clsecrets::scan::{Form, Given, MESSAGE};
use clsecrets::{Error, fs};

use super::super::{Context, Outcome};
use super::Reporting;

/// What stands behind the sign of a comment in the line above what is cut off.
const SCISSORS: &[u8] = b" ------------------------ >8 ------------------------";

/// Checks it.
pub(super) fn check(file: &Path, reporting: &Reporting, context: &Context) -> Outcome {
    let path = context.settings.absolute(file);
    let content = fs::read(&path).map_err(|error| -> Error {
        super::unusable(&file.display().to_string(), &fs::plain(&error))
    })?;
    let mut given = Given {
        name: MESSAGE,
        bytes: kept(&content.bytes),
        form: Form::Record,
    };
    reporting.run_unless_clean(&mut given, context)
}

/// What Git takes of it.
fn kept(bytes: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        // The sign of a comment is one that the user chooses.
        let is_cut = text
            .strip_suffix(SCISSORS)
            .is_some_and(|sign| !sign.is_empty() && sign.len() <= 4 && !sign.contains(&b' '));
        if is_cut {
            return bytes.get(..at).unwrap_or(bytes);
        }
        at += line.len();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_cuts_off_is_left_out() {
        let cut = "x\n\n# ------------------------ >8 ------------------------\ndiff\n";
        assert_eq!(kept(cut.as_bytes()), b"x\n\n");
        assert_eq!(kept(cut.replace('#', ";").as_bytes()), b"x\n\n");
        let text = "x\nno # ------------------------ >8 ------------------------\ny";
        assert_eq!(kept(text.as_bytes()), text.as_bytes());
        assert_eq!(kept(b""), b"");
    }
}

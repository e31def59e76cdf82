//! Asks `git` of the repository that a directory is in.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What it says; the error is its reason, in one line.
pub(in crate::cli) fn ask<W: AsRef<OsStr>>(
    directory: &Path,
    words: impl IntoIterator<Item = W>,
) -> Result<Vec<u8>, String> {
    let output = clsecrets::git::command(directory)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|_| "git cannot be started".to_owned())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    let reason = reason.lines().next().unwrap_or_default();
    Err(reason.trim_start_matches("fatal: ").to_owned())
}

/// The same, where it says a path.
pub(in crate::cli) fn ask_path(directory: &Path, words: &[&str]) -> Result<PathBuf, String> {
    let mut answer = ask(directory, words)?;
    answer.pop_if(|last| *last == b'\n');
    Ok(PathBuf::from(OsString::from_vec(answer)))
}

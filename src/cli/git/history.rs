//! What Git knows of a sealed file: its text in a commit, and which commit comes before.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clsecrets::scan::Commit;
use zeroize::Zeroizing;

/// What would have Git look at another repository than the one that the file is in.
const ELSEWHERE: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// A file as a commit has it.
pub(crate) enum Committed {
    /// This.
    Text(Zeroizing<Vec<u8>>),
    /// It has none.
    Absent,
    /// It could not be looked up; why.
    Unknown(&'static str),
}

/// A file as a commit has it.
pub(crate) fn at(path: &Path, revision: &str) -> Committed {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Committed::Unknown("no Git repository");
    };
    match name.to_str() {
        Some(name) => below(directory, name, revision),
        None => Committed::Unknown("its name is no text"),
    }
}

/// A file as a commit has it, by its path from a directory: the file's own may be gone.
pub(crate) fn below(directory: &Path, file: &str, revision: &str) -> Committed {
    if git(directory, &["rev-parse", "--git-dir"]).is_none() {
        return Committed::Unknown("no Git repository");
    }
    if git(directory, &["rev-parse", "--verify", "--quiet", revision]).is_none() {
        return Committed::Absent;
    }
    // A name is no pattern here, whatever characters it has.
    let list = ["--literal-pathspecs", "ls-tree", "-z", revision, "--", file];
    match git(directory, &list) {
        None => Committed::Unknown("Git cannot read that commit"),
        Some(listed) if listed.is_empty() => Committed::Absent,
        Some(_) => match text(directory, file, revision) {
            Some(text) => Committed::Text(text),
            None => Committed::Unknown("Git cannot read that commit"),
        },
    }
}

/// What a file holds in a commit, if it is there.
pub(crate) fn text(directory: &Path, file: &str, revision: &str) -> Option<Zeroizing<Vec<u8>>> {
    let name = format!("{revision}:./{file}");
    git(directory, &["cat-file", "blob", &name]).map(Zeroizing::new)
}

/// The commit that is checked out where a file is.
pub(crate) fn head(path: &Path) -> Option<String> {
    line(git(
        path.parent()?,
        &["rev-parse", "--verify", "--quiet", "HEAD"],
    )?)
}

/// Whether a directory is in a repository that has a commit.
pub(crate) fn is_known(directory: &Path) -> bool {
    git(directory, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_some()
}

/// The commits on the way from one to the one that is checked out that have changed a file, newest
/// first.
pub(crate) fn since(directory: &Path, file: &str, from: &str) -> Vec<String> {
    let range = format!("{from}..HEAD");
    let words = [
        "--literal-pathspecs",
        "rev-list",
        "--topo-order",
        &range,
        "--",
        file,
    ];
    let listed = git(directory, &words).unwrap_or_default();
    let text = String::from_utf8_lossy(&listed);
    text.lines().map(str::to_owned).collect()
}

/// A commit, with who has made it.
pub(crate) fn commit(directory: &Path, name: &str) -> Option<Commit> {
    let record = git(directory, &["cat-file", "commit", name])?;
    Some(Commit::of(name, &record))
}

/// The files of a repository that are not as HEAD has them, from its top. A file that was only touched
/// may be among them.
pub(crate) fn changed(top: &Path) -> Vec<PathBuf> {
    let words = [
        "diff-index",
        "--name-only",
        "-z",
        "--no-renames",
        "--no-relative",
        "--no-ext-diff",
        "--ignore-submodules=all",
        "HEAD",
        "--",
    ];
    let listed = git(top, &words).unwrap_or_default();
    let names = listed.split(|byte| *byte == 0);
    let names = names.filter(|name| !name.is_empty());
    names
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
        .collect()
}

/// The commit with the files of before: the one that is checked out if they have changed since,
/// else the one before the last that changed them.
pub(crate) fn before(paths: &[PathBuf]) -> Option<String> {
    let directory = paths.first()?.parent()?;
    let mut names = Vec::new();
    for path in paths {
        names.push(path.to_str()?);
    }
    let with = |words: &[&str]| {
        let mut line = vec!["--literal-pathspecs"];
        line.extend(words);
        line.push("--");
        line.extend(&names);
        git(directory, &line)
    };
    let changed = with(&["status", "--porcelain", "--untracked-files=no"])?;
    if !changed.is_empty() {
        return line(git(directory, &["rev-parse", "HEAD"])?);
    }
    let last = line(with(&["log", "-n", "1", "--format=%H"])?)?;
    line(git(
        directory,
        &["rev-parse", "--verify", "--quiet", &format!("{last}^")],
    )?)
}

/// What Git does with a clear file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It has it.
    Tracked,
    /// It passes it by.
    Ignored,
    /// It would take it.
    Free,
    /// There is no repository.
    Unknown,
}

/// What Git does with a clear file.
pub(crate) fn of_clear(path: &Path) -> Known {
    let (Some(directory), Some(path)) = (path.parent(), path.to_str()) else {
        return Known::Unknown;
    };
    if git(directory, &["rev-parse", "--git-dir"]).is_none() {
        return Known::Unknown;
    }
    let tracked = [
        "--literal-pathspecs",
        "ls-files",
        "--error-unmatch",
        "--",
        path,
    ];
    if git(directory, &tracked).is_some() {
        return Known::Tracked;
    }
    if git(directory, &["check-ignore", "--quiet", "--", path]).is_some() {
        return Known::Ignored;
    }
    Known::Free
}

fn git(directory: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let mut command = clsecrets::git::command(directory);
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    let output = command
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}

fn line(output: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(output).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_outside_of_a_repository_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let found = at(&folder.path().join("a.yaml"), "HEAD");
        assert!(matches!(found, Committed::Unknown("no Git repository")));
    }
}

//! Asks `git` about the index and for objects: a handful of processes for a run, however many files.
//!
//! Plumbing output only, so that nobody's configuration changes what is read. The environment
//! stays as it is: inside a hook `git` says there which index is about to be committed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

mod loose;
mod objects;

pub(super) use objects::{Object, Objects};

use super::source::SourceError;

/// Bytes of one object that are read; more is not a file that people keep secrets in.
pub(super) const LIMIT: u64 = 64 << 20;

/// A file as the index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the top of the repository; names need not be UTF-8.
    pub(super) path: OsString,
    /// The name of its content.
    pub(super) object: String,
    /// The name of what stood there before.
    pub(super) before: Option<String>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A symbolic link or a submodule: no content of its own.
    Other,
    /// In conflict: the index has no single content.
    Unmerged,
}

/// The question what differs between HEAD and the index.
#[derive(Debug)]
pub(super) struct Staged(Running);

impl Staged {
    /// Asks it; the answer takes longer than any other.
    pub(super) fn begin(directory: &Path) -> Result<Self, SourceError> {
        diff(directory, "--diff-filter=ACMRTUXB").map(Self)
    }

    /// What differs; without a commit, all that is in the index. Deletions are not in it, and files
    /// that are only intended to be added neither.
    pub(super) fn finish(self, directory: &Path) -> Result<Vec<Entry>, SourceError> {
        match self.0.finish() {
            Ok(output) => parse_diff(&output),
            // Outside of a repository `diff` compares any two files, and complains of its options.
            Err(error) => run(directory, &["rev-parse", "--git-dir"]).and(Err(error)),
        }
    }
}

/// What a commit would delete, with its content at HEAD.
pub(super) fn deleted(directory: &Path) -> Result<Vec<Entry>, SourceError> {
    let mut entries = parse_diff(&diff(directory, "--diff-filter=D")?.finish()?)?;
    for entry in &mut entries {
        entry.object = entry.before.take().unwrap_or_default();
    }
    Ok(entries)
}

fn diff(directory: &Path, filter: &str) -> Result<Running, SourceError> {
    // Without rename detection a renamed file is an added one, and is read whole.
    Running::begin(
        directory,
        &[
            "diff",
            "--cached",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-relative",
            "--no-ext-diff",
            "--no-color",
            "--ignore-submodules=none",
            filter,
        ],
    )
}

/// What every commit of a range changes, each content of a path once: what one commit adds and the
/// next one takes away is published with both.
pub(super) fn range(directory: &Path, commits: &[&str]) -> Result<Vec<Entry>, SourceError> {
    let mut arguments = vec![
        "log",
        "--raw",
        "-z",
        "-m",
        "--format=",
        "--no-abbrev",
        "--no-renames",
        "--no-relative",
        "--no-ext-diff",
        "--no-color",
        "--no-show-signature",
        "--reverse",
        "--diff-filter=ACMRTUXB",
    ];
    arguments.extend(commits);
    arguments.push("--");
    let output = run(directory, &arguments)?;
    let mut seen = std::collections::HashSet::new();
    let mut entries = parse_diff(&output)?;
    entries.retain(|entry| seen.insert((entry.path.clone(), entry.object.clone())));
    Ok(entries)
}

/// Every content that any commit of any branch or tag has, once, under one of its paths.
pub(super) fn history(directory: &Path) -> Result<Vec<Entry>, SourceError> {
    let output = run(directory, &["rev-list", "--objects", "--all"])?;
    let mut entries = Vec::new();
    for line in output.split(|byte| *byte == b'\n') {
        // `<object> <path>`; commits have no path, and the top tree an empty one.
        let Some(blank) = line.iter().position(|byte| *byte == b' ') else {
            continue;
        };
        let (object, path) = (line.get(..blank), line.get(blank + 1..));
        let (Some(object), Some(path)) = (object, path) else {
            continue;
        };
        if !path.is_empty() {
            entries.push(Entry {
                path: OsString::from_vec(path.to_vec()),
                object: String::from_utf8_lossy(object).into_owned(),
                before: None,
                kind: Kind::File,
            });
        }
    }
    Ok(entries)
}

/// Whether something names a commit.
pub(super) fn is_commit(directory: &Path, name: &str) -> bool {
    let commit = format!("{name}^{{commit}}");
    run(
        directory,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ],
    )
    .is_ok()
}

/// Lists all that is in the index.
const LIST: &[&str] = &["ls-files", "--stage", "-z", "--full-name", "--", ":/"];

/// All that is in the index.
pub(super) fn tracked(directory: &Path) -> Result<Vec<Entry>, SourceError> {
    parse_listing(&run(directory, LIST)?)
}

/// The lists of all that is in the index and at HEAD.
#[derive(Debug)]
pub(super) struct Listings {
    index: Running,
    head: Running,
}

impl Listings {
    /// Starts to list, beside whatever else is asked.
    pub(super) fn begin(directory: &Path) -> Result<Self, SourceError> {
        Ok(Self {
            index: Running::begin(directory, LIST)?,
            head: Running::begin(directory, &["ls-tree", "-r", "-z", "--full-tree", "HEAD"])?,
        })
    }

    /// Both lists; without a commit there is nothing at HEAD.
    pub(super) fn finish(
        self,
        objects: &mut Objects,
    ) -> Result<(Vec<Entry>, Vec<Entry>), SourceError> {
        let index = parse_listing(&self.index.finish()?)?;
        let head = match self.head.finish() {
            Ok(output) => parse_tree(&output)?,
            Err(error) => {
                let is_none = error.says("Not a valid object name HEAD");
                if !is_none && !matches!(objects.read(b"HEAD")?, Object::Missing) {
                    return Err(error);
                }
                Vec::new()
            }
        };
        Ok((index, head))
    }
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .arg("--no-pager")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env_remove("GIT_LITERAL_PATHSPECS")
        .env("LC_ALL", "C");
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, SourceError> {
    Running::begin(directory, arguments)?.finish()
}

/// A `git` that has been started.
#[derive(Debug)]
struct Running {
    command: String,
    child: Child,
}

impl Running {
    fn begin(directory: &Path, arguments: &[&str]) -> Result<Self, SourceError> {
        let child = command(directory, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(SourceError::NoGit)?;
        Ok(Self {
            command: arguments.first().copied().unwrap_or_default().to_owned(),
            child,
        })
    }

    /// What it says.
    fn finish(self) -> Result<Vec<u8>, SourceError> {
        let output = self.child.wait_with_output().map_err(SourceError::Broken)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let reason = String::from_utf8_lossy(&output.stderr);
        let reason = reason.lines().next().unwrap_or_default();
        Err(SourceError::Refused {
            command: self.command,
            reason: reason
                .trim_start_matches("fatal: ")
                .trim_start_matches("error: ")
                .to_owned(),
        })
    }
}

/// `:<mode> <mode> <object> <object> <status>` NUL `<path>` NUL.
fn parse_diff(output: &[u8]) -> Result<Vec<Entry>, SourceError> {
    // Between commits there are empty fields, and line ends before the first one of each.
    let mut fields = output.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let Some(header) = fields.next() {
        let header = header.trim_ascii_start();
        if header.is_empty() {
            continue;
        }
        let path = fields.next().ok_or(SourceError::Answer)?;
        let header = std::str::from_utf8(header).map_err(|_| SourceError::Answer)?;
        if !header.starts_with(':') {
            return Err(SourceError::Answer);
        }
        let mut words = header.split(' ');
        let (Some(_), Some(mode), Some(before), Some(object), Some(status)) = (
            words.next(),
            words.next(),
            words.next(),
            words.next(),
            words.next(),
        ) else {
            return Err(SourceError::Answer);
        };
        let kind = if status.starts_with('U') {
            Kind::Unmerged
        } else {
            kind_of(mode)
        };
        let is_none = before.bytes().all(|byte| byte == b'0');
        entries.push(Entry {
            path: OsString::from_vec(path.to_vec()),
            object: object.to_owned(),
            before: (!is_none).then(|| before.to_owned()),
            kind,
        });
    }
    Ok(entries)
}

/// `<mode> <object> <stage>` TAB `<path>` NUL.
fn parse_listing(output: &[u8]) -> Result<Vec<Entry>, SourceError> {
    let mut entries: Vec<Entry> = Vec::new();
    for record in output.split(|byte| *byte == 0) {
        if record.is_empty() {
            continue;
        }
        let tab = record.iter().position(|byte| *byte == b'\t');
        let (header, path) = tab
            .and_then(|at| Some((record.get(..at)?, record.get(at + 1..)?)))
            .ok_or(SourceError::Answer)?;
        let header = std::str::from_utf8(header).map_err(|_| SourceError::Answer)?;
        let mut words = header.split(' ');
        let (Some(mode), Some(object), Some(stage)) = (words.next(), words.next(), words.next())
        else {
            return Err(SourceError::Answer);
        };
        let path = OsString::from_vec(path.to_vec());
        if entries.last().is_some_and(|last| last.path == path) {
            continue;
        }
        entries.push(Entry {
            path,
            object: object.to_owned(),
            before: None,
            kind: if stage == "0" {
                kind_of(mode)
            } else {
                Kind::Unmerged
            },
        });
    }
    Ok(entries)
}

/// `<mode> <type> <object>` TAB `<path>` NUL.
fn parse_tree(output: &[u8]) -> Result<Vec<Entry>, SourceError> {
    let mut entries = Vec::new();
    for record in output.split(|byte| *byte == 0) {
        if record.is_empty() {
            continue;
        }
        let tab = record.iter().position(|byte| *byte == b'\t');
        let (header, path) = tab
            .and_then(|at| Some((record.get(..at)?, record.get(at + 1..)?)))
            .ok_or(SourceError::Answer)?;
        let header = std::str::from_utf8(header).map_err(|_| SourceError::Answer)?;
        let mut words = header.split(' ');
        let (Some(mode), Some(_), Some(object)) = (words.next(), words.next(), words.next()) else {
            return Err(SourceError::Answer);
        };
        entries.push(Entry {
            path: OsString::from_vec(path.to_vec()),
            object: object.to_owned(),
            before: None,
            kind: kind_of(mode),
        });
    }
    Ok(entries)
}

fn kind_of(mode: &str) -> Kind {
    if mode.starts_with("100") {
        Kind::File
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_gives_paths_objects_and_kinds() {
        let output = b":000000 100644 0000 1111 A\0a b.yaml\0:100644 120000 2222 3333 T\0\xff\0\
            :000000 160000 0000 4444 A\0module\0:000000 000000 0000 0000 U\0c.yaml\0";
        let entries = parse_diff(output).unwrap();

        let kinds: Vec<_> = entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(
            kinds,
            [Kind::File, Kind::Other, Kind::Other, Kind::Unmerged]
        );
        assert_eq!(entries[0].path, "a b.yaml");
        assert_eq!(entries[0].object, "1111");
        assert_eq!(entries[1].path, OsString::from_vec(vec![0xff]));
    }

    #[test]
    fn the_stages_of_a_conflict_are_one_entry() {
        let output = b"100644 1111 0\ta\x00100644 2222 1\tb\x00100644 3333 2\tb\x00";
        let entries = parse_listing(output).unwrap();

        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].kind, Kind::Unmerged);
    }

    #[test]
    fn a_cut_answer_is_an_error_and_no_clean_result() {
        assert!(parse_diff(b":000000 100644 0000 1111 A").is_err());
        assert!(parse_diff(b"nonsense\0a\0").is_err());
        assert!(parse_listing(b"100644 1111 0 a\0").is_err());
    }
}

//! Asks `git` about the index and for objects: a handful of processes for a run, however many files.
//!
//! Plumbing output only, and by [`crate::git`], so that nobody's configuration changes what is read.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

mod commits;
mod loose;
mod objects;
pub(super) mod past;
mod tracking;

pub(super) use commits::{Asked, Listed, list};
pub(super) use objects::{Object, Objects};
pub(super) use tracking::{all_but, tracked_of};

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
    /// The commit that made it so, where commits are looked at.
    pub(super) commit: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A symbolic link; its content is where it leads.
    Link,
    /// A commit or an annotated tag: who made it, and its message.
    Record,
    /// A submodule: no content of its own.
    Module,
    /// Something that this clone does not have.
    Lacking,
    /// A commit; what leads to it is not in this clone.
    Cut,
    /// In conflict: the index has no single content.
    Unmerged,
}

/// The question what differs between HEAD and the index.
#[derive(Debug)]
pub(super) struct Staged(Running);

/// What stays and what comes, in Git's letters.
const PRESENT: &str = "--diff-filter=ACMRTUXB";
const DELETED: &str = "--diff-filter=D";

impl Staged {
    /// Asks it; the answer takes longer than any other.
    pub(super) fn begin(directory: &Path) -> Result<Self, SourceError> {
        diff(directory, PRESENT, "HEAD").map(Self)
    }

    /// What differs; without a commit, all that is in the index. Deletions are not in it, and files
    /// that are only intended to be added neither.
    pub(super) fn finish(self, directory: &Path) -> Result<Vec<Entry>, SourceError> {
        // Outside of a repository the first complaint is another one.
        diff_or_all(directory, PRESENT, self.0)
            .or_else(|error| run(directory, &["rev-parse", "--git-dir"]).and(Err(error)))
    }
}

/// What a commit would delete, with its content at HEAD.
pub(super) fn deleted(directory: &Path) -> Result<Vec<Entry>, SourceError> {
    let mut entries = diff_or_all(directory, DELETED, diff(directory, DELETED, "HEAD")?)?;
    for entry in &mut entries {
        entry.object = entry.before.take().unwrap_or_default();
    }
    Ok(entries)
}

/// What the working tree has otherwise than HEAD, by path. A file that was only touched may be among it.
pub(super) fn changed(directory: &Path) -> Result<Vec<Entry>, SourceError> {
    let mut words = vec!["diff-index"];
    words.extend(past::RAW);
    words.extend(["HEAD", "--"]);
    parse_diff(&run(directory, &words)?)
}

fn diff(directory: &Path, filter: &str, from: &str) -> Result<Running, SourceError> {
    // Without rename detection a renamed file is an added one, and is read whole. Files that are only
    // intended to be added are in no commit.
    Running::begin(
        directory,
        &[
            "diff-index",
            "--cached",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-relative",
            "--no-ext-diff",
            "--no-color",
            "--ignore-submodules=none",
            "--ita-invisible-in-index",
            filter,
            from,
            "--",
        ],
    )
}

/// The same from the first commit on: as long as there is none, all of the index is new.
fn diff_or_all(directory: &Path, filter: &str, begun: Running) -> Result<Vec<Entry>, SourceError> {
    let error = match begun.finish() {
        Ok(output) => return parse_diff(&output),
        Err(error) => error,
    };
    let has_commit = run(
        directory,
        &["rev-parse", "--verify", "--quiet", "HEAD^{tree}"],
    )
    .is_ok();
    let Ok(empty) = run(directory, &["hash-object", "-t", "tree", "--stdin"]) else {
        return Err(error);
    };
    if has_commit {
        return Err(error);
    }
    let empty = String::from_utf8_lossy(&empty).trim().to_owned();
    parse_diff(&diff(directory, filter, &empty)?.finish()?)
}

/// Whether something names an object that is there.
pub(super) fn exists(directory: &Path, name: &str) -> bool {
    let object = format!("{name}^{{object}}");
    run(
        directory,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &object,
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
    let mut command = crate::git::command(directory);
    command.args(arguments);
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, SourceError> {
    Running::begin(directory, arguments)?.finish()
}

/// What it says to a text on its standard input.
fn converse(directory: &Path, arguments: &[&str], input: String) -> Result<Vec<u8>, SourceError> {
    answer(directory, arguments, &[], input.into_bytes())
}

fn answer(
    directory: &Path,
    arguments: &[&str],
    paths: &[OsString],
    input: Vec<u8>,
) -> Result<Vec<u8>, SourceError> {
    let mut running = Running::with(directory, arguments, paths, Stdio::piped())?;
    let pipe = running.child.stdin.take();
    // It answers before it has read everything, and neither is to wait for the other.
    let writing = std::thread::spawn(move || {
        // A pipe that is closed early is a `git` that has failed, and says why.
        pipe.map(|mut pipe| pipe.write_all(&input))
    });
    let answer = running.finish();
    let _ = writing.join();
    answer
}

/// A `git` that has been started.
#[derive(Debug)]
struct Running {
    command: String,
    child: Child,
}

impl Running {
    fn begin(directory: &Path, arguments: &[&str]) -> Result<Self, SourceError> {
        Self::with(directory, arguments, &[], Stdio::null())
    }

    fn with(
        directory: &Path,
        arguments: &[&str],
        paths: &[OsString],
        input: Stdio,
    ) -> Result<Self, SourceError> {
        let child = command(directory, arguments)
            .args(paths)
            .stdin(input)
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
        self.finish_aloud().map(|(said, _)| said)
    }

    /// What it says, and its warnings.
    fn finish_aloud(self) -> Result<(Vec<u8>, String), SourceError> {
        let output = self.child.wait_with_output().map_err(SourceError::Broken)?;
        let aside = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok((output.stdout, aside));
        }
        let mut lines = aside.lines();
        // The reason comes behind warnings.
        let reason = lines.clone().find(|line| !line.starts_with("warning: "));
        let reason = reason.or_else(|| lines.next()).unwrap_or_default();
        Err(SourceError::Refused {
            command: self.command,
            reason: reason
                .trim_start_matches("fatal: ")
                .trim_start_matches("error: ")
                .to_owned(),
        })
    }
}

/// `:<mode> <mode> <object> <object> <status>` NUL `<path>` NUL. Of a merge there are as many colons as
/// parents, and one more mode and object. Before what a commit has changed stands its name and NUL.
fn parse_diff(output: &[u8]) -> Result<Vec<Entry>, SourceError> {
    let mut fields = output.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    let mut commit = None;
    while let Some(header) = fields.next() {
        if header.is_empty() {
            continue;
        }
        let header = std::str::from_utf8(header).map_err(|_| SourceError::Answer)?;
        if is_name(header) {
            commit = Some(header.to_owned());
            continue;
        }
        let path = fields.next().ok_or(SourceError::Answer)?;
        let parents = header.bytes().take_while(|byte| *byte == b':').count();
        let words: Vec<&str> = header.trim_start_matches(':').split(' ').collect();
        // A mode and an object of each parent and of the result, and what happened.
        if parents == 0 || words.len() != 2 * (parents + 1) + 1 {
            return Err(SourceError::Answer);
        }
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let (mode, object) = (word(parents), word(2 * parents + 1));
        let status = word(2 * parents + 2);
        // Of several parents the first one that has a file there.
        let had = |at: &usize| kind_of(word(*at)) == Kind::File;
        let parent = (0..parents).find(had).unwrap_or(0);
        let before = word(parents + 1 + parent);
        let kind = if status.starts_with('U') {
            Kind::Unmerged
        } else {
            kind_of(mode)
        };
        entries.push(Entry {
            path: OsString::from_vec(path.to_vec()),
            object: object.to_owned(),
            before: (!is_none(before)).then(|| before.to_owned()),
            kind,
            commit: commit.clone(),
        });
    }
    Ok(entries)
}

/// Whether this is the whole name of an object.
pub(super) fn is_name(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether this stands where there is no object.
pub(super) fn is_none(name: &str) -> bool {
    name.bytes().all(|byte| byte == b'0')
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
            commit: None,
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
            commit: None,
        });
    }
    Ok(entries)
}

fn kind_of(mode: &str) -> Kind {
    match mode.get(..3) {
        Some("100") => Kind::File,
        Some("120") => Kind::Link,
        _ => Kind::Module,
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
            [Kind::File, Kind::Link, Kind::Module, Kind::Unmerged]
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

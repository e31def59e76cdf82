//! Contents by their names: from their own files, else from one `git cat-file` for a whole run.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use zeroize::Zeroizing;

use super::super::source::SourceError;
use super::loose::{self, Loose};
use super::{LIMIT, command};

/// An object that was asked for.
#[derive(Debug)]
pub(in crate::scan) enum Object {
    /// Its bytes.
    Bytes(Zeroizing<Vec<u8>>),
    /// More than is read.
    TooBig,
    /// There is none.
    Missing,
    /// A commit or an annotated tag, as it is kept.
    Record(Zeroizing<Vec<u8>>),
    /// A tree.
    Other,
}

/// The contents of a repository.
#[derive(Debug)]
pub(in crate::scan) struct Objects {
    directory: PathBuf,
    loose: Option<Loose>,
    /// Started by the first question that no file answers.
    process: Option<Process>,
    /// Started by the first file that is gone when it is read: `git gc` has packed it.
    packed: Option<Process>,
    /// What was asked and not answered yet: a file, or the process.
    asked: VecDeque<Option<PathBuf>>,
}

/// The running `git cat-file --batch`.
#[derive(Debug)]
struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Object {
    /// An object of a kind that Git names.
    pub(super) fn of_kind(kind: &str, bytes: Zeroizing<Vec<u8>>) -> Self {
        match kind {
            "blob" => Self::Bytes(bytes),
            "commit" | "tag" => Self::Record(bytes),
            _ => Self::Other,
        }
    }
}

impl Objects {
    /// Those of the repository that a directory is in.
    pub(in crate::scan) fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_path_buf(),
            loose: Loose::of(directory),
            process: None,
            packed: None,
            asked: VecDeque::new(),
        }
    }

    /// Reads one object: its name, `HEAD:path` or `:0:path`.
    pub(in crate::scan) fn read(&mut self, name: &[u8]) -> Result<Object, SourceError> {
        self.ask(std::iter::once(name))?;
        self.answer()
    }

    /// Asks for objects, in one go; so many may be asked for before the first answer is taken that
    /// a pipe holds their names.
    pub(in crate::scan) fn ask<'n>(
        &mut self,
        names: impl Iterator<Item = &'n [u8]>,
    ) -> Result<(), SourceError> {
        let mut lines = Vec::new();
        for name in names {
            if name.contains(&b'\n') {
                return Err(SourceError::Name);
            }
            let file = self.loose.as_ref().and_then(|loose| loose.file(name));
            if file.is_none() {
                lines.extend_from_slice(name);
                lines.push(b'\n');
            }
            self.asked.push_back(file);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(Process::start(&self.directory)?),
        };
        let questions = process.questions.as_mut().ok_or(SourceError::Answer)?;
        questions.write_all(&lines).map_err(SourceError::Broken)
    }

    /// The answer to the oldest question.
    pub(in crate::scan) fn answer(&mut self) -> Result<Object, SourceError> {
        match self.asked.pop_front().ok_or(SourceError::Answer)? {
            Some(file) => match loose::read(&file) {
                Err(error) if error.kind() == ErrorKind::NotFound => self.read_packed(&file),
                read => read.map_err(SourceError::Broken),
            },
            None => self.process.as_mut().ok_or(SourceError::Answer)?.answer(),
        }
    }
}

impl Objects {
    /// What a file held that has been packed since it was found. It is asked of a process of its own: the
    /// other one may still owe answers.
    fn read_packed(&mut self, file: &Path) -> Result<Object, SourceError> {
        let mut name = Vec::new();
        for part in [file.parent().and_then(Path::file_name), file.file_name()] {
            name.extend_from_slice(part.ok_or(SourceError::Answer)?.as_bytes());
        }
        name.push(b'\n');
        let process = match &mut self.packed {
            Some(process) => process,
            none => none.insert(Process::start(&self.directory)?),
        };
        let questions = process.questions.as_mut().ok_or(SourceError::Answer)?;
        questions.write_all(&name).map_err(SourceError::Broken)?;
        process.answer()
    }
}

impl Process {
    fn start(directory: &Path) -> Result<Self, SourceError> {
        let mut child = command(directory, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(SourceError::NoGit)?;
        let questions = child.stdin.take();
        let answers = child
            .stdout
            .take()
            .map(BufReader::new)
            .ok_or(SourceError::Answer)?;
        Ok(Self {
            child,
            questions,
            answers,
        })
    }

    fn answer(&mut self) -> Result<Object, SourceError> {
        let mut header = Vec::new();
        self.answers
            .read_until(b'\n', &mut header)
            .map_err(SourceError::Broken)?;
        if header.is_empty() {
            let end = std::io::ErrorKind::UnexpectedEof;
            return Err(SourceError::Broken(end.into()));
        }
        // `<object> <type> <size>`, or `<name> missing`; a name may hold blanks.
        let header = String::from_utf8_lossy(&header);
        let header = header.trim_end_matches('\n');
        if header.ends_with(" missing") {
            return Ok(Object::Missing);
        }
        let (start, size) = header.rsplit_once(' ').ok_or(SourceError::Answer)?;
        let size: u64 = size.parse().map_err(|_| SourceError::Answer)?;
        let kind = start.rsplit(' ').next().unwrap_or_default();
        if size > LIMIT {
            let skipped = std::io::copy(
                &mut self.answers.by_ref().take(size + 1),
                &mut std::io::sink(),
            );
            skipped.map_err(SourceError::Broken)?;
            return Ok(Object::TooBig);
        }
        let length = usize::try_from(size + 1).map_err(|_| SourceError::Answer)?;
        let mut bytes = Zeroizing::new(vec![0; length]);
        self.answers
            .read_exact(&mut bytes)
            .map_err(SourceError::Broken)?;
        bytes.pop();
        Ok(Object::of_kind(kind, bytes))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process ends when nobody asks any more.
        self.questions = None;
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_object_that_is_packed_after_it_was_asked_for_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(&folder).args(words).arg("--quiet");
            command.env("GIT_CONFIG_GLOBAL", "/dev/null");
            assert!(command.status().unwrap().success(), "{words:?}");
        };
        git(&["init"]);
        git(&[
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.org",
            "commit",
            "--allow-empty",
            "--message=x",
        ]);
        let head = Command::new("git")
            .current_dir(&folder)
            .args(["rev-parse", "HEAD"])
            .output()
            .unwrap();
        let mut objects = Objects::of(folder.path());
        objects
            .ask(std::iter::once(head.stdout.trim_ascii_end()))
            .unwrap();
        git(&["gc", "--prune=now"]);
        assert!(matches!(objects.answer(), Ok(Object::Record(_))));
    }
}

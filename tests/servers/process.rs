//! A server process that says when it is ready and ends when we do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use tempfile::TempDir;

/// Runs until it is dropped, or until this process ends in any way.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Its standard input; the server ends when this closes.
    _alive: ChildStdin,
}

impl Process {
    /// Starts a program and returns what follows "ready" on its standard output. Its standard error
    /// goes to a file.
    pub(super) fn start(command: &mut Command, log: &Path) -> (Self, String) {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let alive = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("ready")
                .map(|rest| rest.trim().to_owned())
        });
        let Some(ready) = ready else {
            child.kill().ok();
            child.wait().ok();
            let said = std::fs::read_to_string(log).unwrap_or_default();
            panic!("{name} did not become ready:\n{said}");
        };
        // Whatever else it prints must not fill the pipe.
        thread::spawn(move || lines.count());
        (
            Self {
                child,
                _alive: alive,
            },
            ready,
        )
    }
}

impl Process {
    /// Sends a signal, as `kill` names it.
    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(status.success(), "kill {name} {pid}");
    }
}

/// A folder for a server. The server itself removes it when the tests end, because what is shared by
/// all tests is never dropped; a test's own server leaves that to the drop.
pub(super) fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("clsecrets-server-")
        .tempdir()
        .unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

//! One run of a program in a scene, and what came of it.
//!
//! A run ends after a minute at the latest, so that a hanging command fails its test and not the
//! whole suite.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{BINARY, Scene, is_root, leaks, project, python};

const LIMIT: Duration = Duration::from_mins(1);

/// The user without rights that permission tests run as.
const NOBODY: u32 = 65534;

/// A program about to be run.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    scene: &'a Scene,
    program: OsString,
    args: Vec<OsString>,
    name: Option<&'static str>,
    env: Vec<(String, Option<String>)>,
    stdin: Vec<u8>,
    cwd: PathBuf,
    answers: Option<Vec<(String, String)>>,
    unprivileged: bool,
    reveals: bool,
}

/// What a program did.
pub(crate) struct Run {
    line: String,
    /// The exit status; 128 + n after signal n, as in a shell.
    pub(crate) status: i32,
    /// All of standard output.
    pub(crate) stdout: Vec<u8>,
    /// All of standard error.
    pub(crate) stderr: Vec<u8>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl<'a> Act<'a> {
    pub(super) fn new<A: AsRef<OsStr>>(
        scene: &'a Scene,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            scene,
            program: program.as_ref().to_owned(),
            args: args
                .into_iter()
                .map(|arg| arg.as_ref().to_owned())
                .collect(),
            name: None,
            env: Vec::new(),
            stdin: Vec::new(),
            cwd: scene.path(""),
            answers: None,
            unprivileged: false,
            reveals: false,
        }
    }

    /// Calls the program by another name (`sops`).
    pub(crate) fn called(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets a variable for this run.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Takes a variable away for this run.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.push((name.to_owned(), None));
        self
    }

    /// Gives it something to read; without this, standard input is empty.
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Runs it in a folder of the working directory.
    pub(crate) fn cwd(mut self, path: &str) -> Self {
        self.cwd = self.scene.path(path);
        self
    }

    /// Runs it on a terminal of its own and types an answer, with a line end, after each prompt.
    /// What the terminal showed is the run's standard output; line ends are those of the program.
    pub(crate) fn on_terminal(mut self, answers: &[(&str, &str)]) -> Self {
        self.answers = Some(
            answers
                .iter()
                .map(|(prompt, answer)| ((*prompt).to_owned(), (*answer).to_owned()))
                .collect(),
        );
        self
    }

    /// Runs it as a user without rights, if we have any; the scene is given to that user.
    pub(crate) fn unprivileged(mut self) -> Self {
        self.unprivileged = is_root();
        self
    }

    /// This output is meant to show a value: the search for leaks passes it by.
    pub(crate) fn reveals(mut self) -> Self {
        self.reveals = true;
        self
    }

    /// Starts it with open pipes, for a test that watches it run.
    pub(crate) fn start(&self) -> Child {
        let began = Instant::now();
        loop {
            match self.command().spawn() {
                Ok(child) => return child,
                // Another test has just forked with our copy of the binary still open.
                Err(error)
                    if error.kind() == ErrorKind::ExecutableFileBusy && began.elapsed() < LIMIT =>
                {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!(
                    "cannot start {}: {error}",
                    Path::new(&self.program).display()
                ),
            }
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        let began = Instant::now();
        let mut child = self.start();
        let mut input = child.stdin.take().unwrap();
        let stdin = match &self.answers {
            Some(answers) => serde_json::to_vec(answers).unwrap(),
            None => self.stdin.clone(),
        };
        // A program need not read what it is given.
        let writer = thread::spawn(move || drop(input.write_all(&stdin)));
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let line = self.line();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LIMIT {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{line}: still running after {} s", LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(1));
        };
        writer.join().unwrap();
        let run = Run {
            line,
            status: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap()),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
            took: began.elapsed(),
        };
        if !self.reveals {
            let both = [run.stdout.as_slice(), run.stderr.as_slice()].concat();
            self.scene.remember(run.line.clone(), both);
        }
        run
    }

    fn command(&self) -> Command {
        let mut program = self.program.clone();
        if self.unprivileged {
            program = self.hand_over();
        }
        let mut command = if self.answers.is_some() {
            let mut command = Command::new(python());
            command
                .arg(project("tests/support/terminal.py"))
                .arg(&program);
            command
        } else {
            let mut command = Command::new(&program);
            if let Some(name) = self.name {
                command.arg0(name);
            }
            command
        };
        command
            .args(&self.args)
            .env_clear()
            .envs(&self.scene.env)
            .current_dir(&self.cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if self.unprivileged {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Gives the scene to the user without rights, and a copy of our binary that it can reach.
    fn hand_over(&self) -> OsString {
        let root = self.scene.root();
        let mut program = self.program.clone();
        if program == BINARY {
            let copy = root.join("bin/unprivileged");
            if !copy.exists() {
                std::fs::copy(BINARY, &copy).unwrap();
                std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            program = copy.into_os_string();
        }
        for path in leaks::entries_below(root) {
            std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        program
    }

    /// The command line as one would type it.
    fn line(&self) -> String {
        let name = self.name.map_or_else(
            || {
                let name = Path::new(&self.program).file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            },
            str::to_owned,
        );
        let mut line = name;
        for arg in &self.args {
            line.push(' ');
            line.push_str(&quoted(&arg.to_string_lossy()));
        }
        line
    }
}

impl Run {
    /// It ended with status 0.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.status, 0, "{self}");
        self
    }

    /// It ended with this status.
    #[track_caller]
    pub(crate) fn fails(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// This is all that it printed as a result.
    #[track_caller]
    pub(crate) fn stdout(self, expected: impl AsRef<[u8]>) -> Self {
        let expected = String::from_utf8_lossy(expected.as_ref());
        assert_eq!(self.out(), expected, "standard output of\n{self}");
        self
    }

    /// This is all that it said.
    #[track_caller]
    pub(crate) fn stderr(self, expected: impl AsRef<[u8]>) -> Self {
        let expected = String::from_utf8_lossy(expected.as_ref());
        assert_eq!(self.err(), expected, "standard error of\n{self}");
        self
    }

    /// The result contains this.
    #[track_caller]
    pub(crate) fn stdout_has(self, part: &str) -> Self {
        assert!(
            self.out().contains(part),
            "no {part:?} on stdout of\n{self}"
        );
        self
    }

    /// The result does not contain this.
    #[track_caller]
    pub(crate) fn stdout_lacks(self, part: &str) -> Self {
        assert!(!self.out().contains(part), "{part:?} on stdout of\n{self}");
        self
    }

    /// It said this, among other things.
    #[track_caller]
    pub(crate) fn stderr_has(self, part: &str) -> Self {
        assert!(
            self.err().contains(part),
            "no {part:?} on stderr of\n{self}"
        );
        self
    }

    /// It did not say this.
    #[track_caller]
    pub(crate) fn stderr_lacks(self, part: &str) -> Self {
        assert!(!self.err().contains(part), "{part:?} on stderr of\n{self}");
        self
    }

    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error} in\n{self}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, status, .. } = self;
        let (out, err) = (self.out(), self.err());
        write!(f, "$ {line}\nstatus: {status}\n")?;
        for (label, text) in [("stdout", out), ("stderr", err)] {
            if !text.is_empty() {
                let end = if text.ends_with('\n') { "" } else { "\n" };
                write!(f, "--- {label}\n{text}{end}")?;
            }
        }
        Ok(())
    }
}

/// The words of a line; single and double quotes group, a backslash means itself.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is open in {line}");
    words.extend(word);
    words
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_group_words_and_stay_out_of_them() {
        assert_eq!(
            words("set a.yaml '[\"a b\"]'  \"\" x"),
            ["set", "a.yaml", "[\"a b\"]", "", "x"]
        );
    }

    #[test]
    fn a_command_sees_only_the_environment_of_its_scene() {
        let scene = Scene::new().env("ONE", "1").env("TWO", "2");
        let act = scene.other("env", [""; 0]).without("TWO").env("THREE", "3");
        let env = act.run().succeeds().out();
        let mut names: Vec<&str> = env
            .lines()
            .filter_map(|l| Some(l.split_once('=')?.0))
            .collect();
        names.sort_unstable();
        let expected = [
            "AWS_EC2_METADATA_DISABLED",
            "GIT_CONFIG_NOSYSTEM",
            "HOME",
            "LC_ALL",
            "ONE",
            "PATH",
            "SOPS_DISABLE_VERSION_CHECK",
            "THREE",
            "TMPDIR",
            "TZ",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_prompt_on_a_terminal_is_answered_without_echo() {
        let scene = Scene::new();
        let script =
            "stty -echo; printf 'passphrase: '; read -r x; stty echo; echo; echo \"${#x}\"; exit 7";
        let run = scene
            .other("/bin/sh", ["-c", script])
            .on_terminal(&[("passphrase:", "hunter22")])
            .run();
        run.fails(7).stdout("passphrase: \n8\n").stderr("");
    }

    #[test]
    fn an_unprivileged_run_is_stopped_by_permissions() {
        let scene = Scene::new().file("locked/a.yaml", "a: 1\n");
        let lock = std::fs::Permissions::from_mode(0o000);
        let locked = scene.path("locked/a.yaml");
        scene.other("true", [""; 0]).unprivileged().run().succeeds();
        std::fs::set_permissions(&locked, lock).unwrap();
        let read = scene.other("cat", [&locked]).unprivileged();
        read.run().fails(1).stderr_has("Permission denied");
        scene
            .cmd(["--version"])
            .unprivileged()
            .run()
            .succeeds()
            .stdout_has("clsecrets ");
    }

    #[test]
    fn a_program_can_be_called_by_another_name() {
        let scene = Scene::new();
        let act = scene.other("/bin/sh", ["-c", "echo $0"]);
        act.called("sops").run().succeeds().stdout("sops\n");
    }
}

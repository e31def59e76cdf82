//! A temporary world for one test: its own home, working directory and environment.
//!
//! Nothing of the caller's home, profile, cluster or clock gets in; only `PATH` does, for the
//! programs beside ours. Every output is kept, so that [`Scene::leaks`] can search it.

#![allow(
    dead_code,
    unused_imports,
    reason = "a tool box: every feature set and every stage of the tests takes what it needs"
)]

mod act;
mod leaks;
mod peers;
pub(crate) mod sealing;
mod transcript;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

pub(crate) use act::{Act, Run, words};
pub(crate) use leaks::{Needles, places_of};
pub(crate) use peers::{fixture, peer, program, project, python, target};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_clsecrets");

/// The public half of the throwaway identity that [`Scene::with_age`] puts in place.
pub(crate) const RECIPIENT: &str = "age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m";

/// A second throwaway identity's public half; its private half is `fixtures/vectors/keys/age-B.txt`.
pub(crate) const OTHER_RECIPIENT: &str =
    "age1a34rrmmn78r8wqaa0tv5mgvdqw2948vmr0nk5u4t73nm5hu0h90supxcey";

/// A third one's, of `fixtures/vectors/keys/age-C.txt`.
pub(crate) const THIRD_RECIPIENT: &str =
    "age105hhzcnk2j9p7cnxrjv3xwkf2k9ztxk4ea99rxlexlypwncv0atqgwhlze";

/// A temporary world; it goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    root: TempDir,
    env: BTreeMap<String, String>,
    /// What every command printed, with its command line.
    printed: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Scene {
    /// An empty directory, no key, no repository.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("clsecrets-scene-")
            .tempdir()
            .unwrap();
        let place = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            path.into_os_string().into_string().unwrap()
        };
        let home = place("home");
        let temporary = place("tmp");
        let programs = place("bin");
        place("work");
        std::os::unix::fs::symlink(BINARY, Path::new(&programs).join("clsecrets")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let env = [
            ("HOME", home),
            ("TMPDIR", temporary),
            ("PATH", format!("{programs}:{path}")),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("SOPS_DISABLE_VERSION_CHECK", "1".to_owned()),
            // No test waits for an address that only a cloud machine answers.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        Self {
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            root,
            printed: Mutex::default(),
        }
    }

    /// With the throwaway identity of [`RECIPIENT`] in a file that `SOPS_AGE_KEY_FILE` names.
    pub(crate) fn with_age() -> Self {
        let scene = Self::new();
        let file = scene.home("age.txt");
        fs::copy(fixture("vectors/keys/age-A.txt"), &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let file = file.display().to_string();
        scene.env("SOPS_AGE_KEY_FILE", file)
    }

    /// With these throwaway identities (`A`, `B`, …) in a variable.
    pub(crate) fn holding(names: &str) -> Self {
        Self::new().env("SOPS_AGE_KEY", identities(names))
    }

    /// Makes the working directory a Git repository with an author.
    pub(crate) fn in_git(self) -> Self {
        fs::write(
            self.home(".gitconfig"),
            "[user]\n\tname = Test\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n",
        )
        .unwrap();
        self.git("init --quiet").succeeds();
        self
    }

    /// Sets a variable for all commands from now on.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Sets several variables, such as those of a server.
    pub(crate) fn envs<'a>(mut self, vars: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        for (name, value) in vars {
            self.env.insert(name.to_owned(), value);
        }
        self
    }

    /// Puts a file into the working directory, with its parents.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    /// Writes a file of the working directory, with its parents.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The text of a file of the working directory.
    pub(crate) fn read(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path)).unwrap()
    }

    /// The bytes of a file of the working directory.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Whether the working directory has such an entry.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Mode bits of an entry of the working directory.
    pub(crate) fn mode(&self, path: &str) -> u32 {
        self.path(path).symlink_metadata().unwrap().mode() & 0o7777
    }

    /// All files below the working directory but those of Git, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let work = self.path("");
        let mut files: Vec<String> = leaks::files_below(&work)
            .iter()
            .map(|file| file.strip_prefix(&work).unwrap().display().to_string())
            .filter(|file| !file.starts_with(".git/"))
            .collect();
        files.sort();
        files
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join("work").join(path)
    }

    /// A path in the home directory.
    pub(crate) fn home(&self, path: &str) -> PathBuf {
        self.root.path().join("home").join(path)
    }

    /// The directory that holds everything of this world.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Runs our binary with the words of a line; quotes group as in a shell.
    pub(crate) fn run(&self, line: &str) -> Run {
        self.cmd(act::words(line)).run()
    }

    /// Prepares a run of our binary.
    pub(crate) fn cmd<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Act<'_> {
        Act::new(self, BINARY, args)
    }

    /// Runs the reference tool in this world.
    pub(crate) fn sops(&self, line: &str) -> Run {
        Act::new(self, peer("sops"), act::words(line)).run()
    }

    /// Runs Git in this world.
    pub(crate) fn git(&self, line: &str) -> Run {
        Act::new(self, "git", act::words(line)).run()
    }

    /// Prepares a run of any other program.
    pub(crate) fn other<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Act<'_> {
        Act::new(self, program, args)
    }

    /// Where a value is to be found in any usual encoding: outputs of all commands so far (but those
    /// that [`Act::reveals`]), files, and objects of Git. `allowed` names files, relative to the
    /// working directory, that may hold it.
    pub(crate) fn leaks(&self, values: &[&str], allowed: &[&str]) -> Vec<String> {
        let needles = Needles::new(values);
        let mut found = Vec::new();
        for (line, output) in self.printed.lock().unwrap().iter() {
            for form in needles.found_in(output) {
                found.push(format!("output of {line}: {form}"));
            }
        }
        let allowed: Vec<PathBuf> = allowed.iter().map(|file| self.path(file)).collect();
        found.extend(places_of(&needles, self.root(), &allowed));
        found
    }

    fn remember(&self, line: String, output: Vec<u8>) {
        self.printed.lock().unwrap().push((line, output));
    }
}

/// The private halves of these throwaway identities, a line each.
pub(crate) fn identities(names: &str) -> String {
    let lines = names.chars().map(|name| {
        let text = fs::read_to_string(fixture(&format!("vectors/keys/age-{name}.txt"))).unwrap();
        let mut lines = text.lines();
        lines
            .find(|line| line.starts_with("AGE-SECRET-KEY-"))
            .unwrap()
            .to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether the tests run as root, which no permission stops.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says that something was not run, and why. The lines are kept in a file, too, because the output
/// of a test that passes is not shown; `make test` prints them at its end.
pub(crate) fn not_run(what: &str, why: &str) {
    let line = format!("NOT RUN: {what}: {why}\n");
    print!("{line}");
    let mut list = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(target().join("not-run.txt"))
        .unwrap();
    list.write_all(line.as_bytes()).unwrap();
}

//! `hook` and `init` with the real `git`, each in a repository and a home of its own.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; its files hold no secrets"
)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A directory with a home beside it; nothing of the caller's environment reaches a command.
struct World {
    _keep: TempDir,
    top: PathBuf,
    home: PathBuf,
}

/// What a command did.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl World {
    fn empty() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let (top, home) = (keep.path().join("work"), keep.path().join("home"));
        fs::create_dir_all(&top).unwrap();
        fs::create_dir_all(&home).unwrap();
        Self {
            _keep: keep,
            top,
            home,
        }
    }

    fn repository() -> Self {
        let world = Self::empty();
        world.git(&["init", "-q", "-b", "main"]).succeeds();
        world
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.top)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "n")
            .env("GIT_AUTHOR_EMAIL", "n@example.com")
            .env("GIT_COMMITTER_NAME", "n")
            .env("GIT_COMMITTER_EMAIL", "n@example.com");
        command
    }

    fn git(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command("git", arguments).output().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let program = env!("CARGO_BIN_EXE_clsecrets");
        Ran::of(&self.command(program, arguments).output().unwrap())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn stage(&self, path: &str, text: &str) {
        self.write(path, text);
        self.git(&["add", "-f", "--", path]).succeeds();
    }

    fn script(&self, path: &str, text: &str) {
        self.write(path, text);
        let path = self.top.join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.top.join(path)).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn succeeds(self) -> Self {
        self.fails(0)
    }

    fn fails(self, status: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.status, status, "\nstdout: {stdout}\nstderr: {stderr}");
        self
    }
}

const TOKEN: &str = "ENC[AES256_GCM,data:oiS/qyc=,iv:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=,tag:s9jMet4pi3DzIEWdLNqE0A==,type:str]";

fn sealed(values: &str) -> String {
    format!(
        "{values}sops:\n    age:\n        - recipient: age1x\n          enc: |\n            x\n    \
         lastmodified: \"2026-01-01T00:00:00Z\"\n    mac: {TOKEN}\n    version: 3.13.3\n"
    )
}

#[test]
fn a_staged_clear_file_is_refused_with_its_place_and_its_remedy() {
    let world = World::repository();
    world.stage("README.md", "hello\n");
    world.stage("clear-secrets.yaml", "wallet_password: hunter2\n");

    let ran = world.run(&["hook"]).fails(1);

    assert_eq!(
        ran.stdout,
        "clear-secrets.yaml:1:1: H001 this is a file of cleartext, by its name; it must not be \
         committed\n  fix: git rm --cached -f -- clear-secrets.yaml && echo /clear-secrets.yaml \
         >> .gitignore\n"
    );
    assert_eq!(ran.stderr, "refused: 1 finding in 2 files\n");

    world.git(&["rm", "-q", "--cached", "-f", "--", "clear-secrets.yaml"]);
    world.run(&["hook"]).succeeds();
}

#[test]
fn the_index_is_judged_and_not_the_working_tree() {
    let world = World::repository();
    world.stage("encrypted-a.yaml", "a: hunter2\n");
    world.write("encrypted-a.yaml", &sealed(&format!("a: {TOKEN}\n")));

    let ran = world.run(&["hook", "--json"]).fails(1);
    assert!(ran.stdout.contains("\"H002\""), "{}", ran.stdout);
    assert!(!ran.stdout.contains("hunter2"));

    world.git(&["reset", "-q"]);
    world.stage("notes.yaml", "a: b\n");
    world.write("notes.yaml", "x: y\n");
    world.run(&["hook"]).succeeds();
}

#[test]
fn a_value_in_clear_in_a_sealed_file_is_refused_where_it_stands() {
    let world = World::repository();
    world.stage("a.yaml", &sealed(&format!("user: {TOKEN}\n")));
    world.run(&["hook"]).succeeds();

    for (value, rule) in [
        ("hunter2", "H003"),
        ("12", "H003"),
        ("ENC[TODO] hunter2", "H004"),
    ] {
        world.stage(
            "a.yaml",
            &sealed(&format!("user: {TOKEN}\npass: {value}\n")),
        );
        let ran = world.run(&["hook"]).fails(1);
        let start = format!("a.yaml:2:7: {rule} ");
        assert!(ran.stdout.starts_with(&start), "{}", ran.stdout);
        assert!(!(ran.stdout + &ran.stderr).contains("hunter2"));
    }
    for value in ["", "null", "\"\"", "{}", "[]"] {
        world.stage(
            "a.yaml",
            &sealed(&format!("user: {TOKEN}\npass: {value}\n")),
        );
        world.run(&["hook"]).succeeds();
    }
    let without = sealed("").replace("    mac:", "    macro:");
    world.stage("a.yaml", &without);
    let ran = world.run(&["hook"]).fails(1);
    assert!(ran.stdout.contains(" H010 "), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let world = World::repository();
    world.stage(
        "secrets.yaml",
        &format!("a: {TOKEN}\nb: [\nsops:\n  mac: {TOKEN}\n"),
    );
    let ran = world.run(&["hook"]).fails(2);
    assert!(
        ran.stdout.contains("could not be checked"),
        "{}",
        ran.stdout
    );

    let world = World::repository();
    world.stage(".sops.yaml", "creation_rules: [\n");
    world.run(&["hook"]).fails(2);

    World::empty().run(&["hook"]).fails(2);
    world.run(&["hook", "--nonsense"]).fails(3);
}

#[test]
fn odd_names_links_and_files_that_are_only_announced_do_not_confuse_it() {
    let world = World::repository();
    world.stage("a b\n.yaml", "a: b\n");
    std::os::unix::fs::symlink("nowhere", world.top.join("link.yaml")).unwrap();
    world.git(&["add", "--", "link.yaml"]).succeeds();
    world.write("encrypted-later.yaml", "a: b\n");
    world
        .git(&["add", "-N", "--", "encrypted-later.yaml"])
        .succeeds();
    world.run(&["hook"]).succeeds();

    let name = OsStr::from_bytes(b"clear-\xff.yaml");
    fs::write(world.top.join(name), "a: b\n").unwrap();
    world.git(&["add", "-A"]).succeeds();
    let ran = world.run(&["hook"]).fails(1);
    assert!(ran.stdout.contains("clear-\u{fffd}.yaml:1:1: H001 "));
}

#[test]
fn a_link_in_the_place_of_a_sealed_or_a_clear_file_is_refused() {
    for (path, rule) in [("encrypted-link.yaml", "H002"), ("clear-link.yaml", "H001")] {
        let world = World::repository();
        std::os::unix::fs::symlink("nowhere", world.top.join(path)).unwrap();
        world.git(&["add", "--", path]).succeeds();
        for arguments in [&["hook"][..], &["hook", "--all"]] {
            let ran = world.run(arguments).fails(1);
            let start = format!("{path}:1:1: {rule} this is a symbolic link or a submodule");
            assert!(ran.stdout.starts_with(&start), "{}", ran.stdout);
        }
        world
            .git(&["rm", "-q", "--cached", "-f", "--", path])
            .succeeds();
        world.run(&["hook"]).succeeds();
    }
}

#[test]
fn an_environment_file_beside_what_it_names_counts_in_the_index_and_at_head() {
    let world = World::repository();
    let text = "version: 1\nname: n\nenvironments:\n  dev: { profile: trackit, sealed: \
        ../s/node.yaml, clear: ../s/open.yaml }\n";
    world.stage("ops/clsecrets.yaml", text);
    world.stage("s/open.yaml", "a: b\n");
    let ran = world.run(&["hook"]).fails(1);
    assert!(
        ran.stdout.starts_with("s/open.yaml:1:1: H001 "),
        "{}",
        ran.stdout
    );

    world
        .git(&["rm", "-q", "--cached", "-f", "s/open.yaml"])
        .succeeds();
    world.git(&["commit", "-q", "-m", "x"]).succeeds();
    world.stage("s/node.yaml", "a: b\n");
    world.run(&["hook"]).fails(1);
    // Taking the file away in the same commit does not help.
    world
        .git(&["rm", "-q", "--cached", "ops/clsecrets.yaml"])
        .succeeds();
    let ran = world.run(&["hook"]).fails(1);
    assert!(
        ran.stdout.starts_with("s/node.yaml:1:1: H002 "),
        "{}",
        ran.stdout
    );
}

#[test]
fn renaming_a_file_to_a_clear_name_is_refused() {
    let world = World::repository();
    world.stage("plain.yaml", "a: b\n");
    world.git(&["commit", "-q", "-m", "x"]).succeeds();
    world
        .git(&["mv", "plain.yaml", "clear-plain.yaml"])
        .succeeds();

    world.run(&["hook"]).fails(1);
}

#[test]
fn a_commit_that_drops_an_environment_does_not_disarm_it() {
    let world = World::repository();
    let text =
        "version: 1\nname: n\nenvironments:\n  dev: { profile: trackit, sealed: s/node.yaml }\n";
    world.stage("clsecrets.yaml", text);
    world.git(&["commit", "-q", "-m", "x"]).succeeds();

    world.stage("clsecrets.yaml", "version: 1\nname: n\nenvironments: {}\n");
    world.stage("s/node.yaml", "a: b\n");

    let ran = world.run(&["hook"]).fails(1);
    assert!(ran.stdout.starts_with("s/node.yaml:1:1: H002 "));
}

#[test]
fn an_installed_hook_stops_commits_and_merges() {
    let world = World::repository();
    world.stage("a", "a\n");
    world.git(&["commit", "-q", "-m", "a"]).succeeds();
    world.git(&["checkout", "-q", "-b", "side"]).succeeds();
    world.stage("clear-x.yaml", "a: b\n");
    world.git(&["commit", "-q", "-m", "x"]).succeeds();
    world.git(&["checkout", "-q", "main"]).succeeds();
    world.stage("b", "b\n");

    world.run(&["hook", "install"]).succeeds();
    world.git(&["commit", "-q", "-m", "b"]).succeeds();
    world.git(&["merge", "side", "-m", "m"]).fails(1);
    world.git(&["merge", "--abort"]).succeeds();
    world.stage("clear-y.yaml", "a: b\n");
    world.git(&["commit", "-q", "-m", "y"]).fails(1);

    world.run(&["hook", "uninstall"]).succeeds();
    world.git(&["commit", "-q", "-m", "y"]).succeeds();
}

#[test]
fn hooks_that_are_there_keep_running_and_come_back_as_they_were() {
    let world = World::repository();
    world.git(&["config", "core.hooksPath", "hooks"]).succeeds();
    let first = "#!/bin/sh\necho first >&2\nexit ${FIRST:-0}\n";
    let named = "#!/bin/sh\ntest \"$(basename \"$0\")\" = pre-merge-commit\n";
    world.script("hooks/pre-commit", first);
    world.script("hooks/pre-merge-commit", named);

    world.run(&["hook", "install"]).succeeds();
    let installed = world.text("hooks/pre-commit");
    world.run(&["hook", "install"]).succeeds();
    assert_eq!(world.text("hooks/pre-commit"), installed);

    world.stage("a", "a\n");
    let ran = world.git(&["commit", "-q", "-m", "a"]).succeeds();
    assert!(ran.stderr.starts_with("first\n"), "{}", ran.stderr);
    let mut refused = world.command("git", &["commit", "--allow-empty", "-m", "b"]);
    assert!(!refused.env("FIRST", "7").status().unwrap().success());
    assert!(
        world
            .command("hooks/pre-merge-commit", &[])
            .status()
            .unwrap()
            .success()
    );

    world.run(&["hook", "install", "--uninstall"]).succeeds();
    assert_eq!(world.text("hooks/pre-commit"), first);
    assert_eq!(world.text("hooks/pre-merge-commit"), named);
    assert_eq!(World::mode(&world.top.join("hooks/pre-commit")), 0o755);
}

#[test]
fn init_in_an_empty_directory_needs_no_cloud_and_is_harmless_twice() {
    let world = World::empty();
    world.run(&["init"]).succeeds();

    let keys = world.home.join(".config/sops/age/keys.txt");
    let identity = fs::read_to_string(&keys).unwrap();
    let recipient = identity
        .lines()
        .nth(1)
        .unwrap()
        .replace("# public key: ", "");
    assert_eq!(World::mode(&keys), 0o600);
    assert_eq!(
        World::mode(&world.top.join("secrets/dev/clear-secrets.yaml")),
        0o600
    );
    assert!(
        world
            .text(".sops.yaml")
            .contains(&format!("age: {recipient}\n"))
    );

    let made = [
        "clsecrets.yaml",
        ".sops.yaml",
        ".gitignore",
        "secrets/dev/clear-secrets.yaml",
    ];
    let before: Vec<_> = made.iter().map(|path| world.text(path)).collect();
    let ran = world.run(&["init"]).succeeds();
    let after: Vec<_> = made.iter().map(|path| world.text(path)).collect();
    assert_eq!(before, after);
    assert_eq!(fs::read_to_string(&keys).unwrap(), identity);
    assert!(!ran.stdout.contains("created"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("AGE-SECRET-KEY"));
}

#[test]
fn init_uses_the_identity_that_is_there() {
    let (first, second) = (World::empty(), World::empty());
    first.run(&["init"]).succeeds();
    let keys = first.home.join(".config/sops/age/keys.txt");
    let mut command = second.command(env!("CARGO_BIN_EXE_clsecrets"), &["init"]);
    assert!(
        command
            .env("SOPS_AGE_KEY_FILE", keys)
            .status()
            .unwrap()
            .success()
    );

    assert_eq!(first.text(".sops.yaml"), second.text(".sops.yaml"));
    assert!(!second.home.join(".config").exists());
}

#[test]
fn what_init_makes_is_refused_and_ignored_as_it_should_be() {
    let world = World::repository();
    world
        .run(&[
            "init",
            "--kms",
            "arn:aws:kms:us-east-2:111122223333:key/abc",
        ])
        .succeeds();
    assert!(
        !world.home.join(".config").exists(),
        "no age identity beside KMS"
    );

    world.git(&["add", "-A"]).succeeds();
    let staged = world.git(&["diff", "--cached", "--name-only"]).stdout;
    assert_eq!(staged, ".gitignore\n.sops.yaml\nclsecrets.yaml\n");
    world.git(&["commit", "-q", "-m", "x"]).succeeds();

    world.git(&["add", "-f", "secrets"]).succeeds();
    let ran = world.git(&["commit", "-q", "-m", "y"]).fails(1);
    assert!(ran.stderr.contains("H001"), "{}", ran.stderr);
}

#[test]
fn init_keeps_the_layout_of_a_trackit_repository_and_its_sealed_files() {
    let world = World::repository();
    let sealed = sealed(&format!("user_password: {TOKEN}\n"));
    for environment in ["dev", "prod"] {
        world.write(
            &format!("tf/secrets/{environment}/encrypted-secrets.yaml"),
            &sealed,
        );
    }
    world.write(".gitignore", ".terraform");
    let arn = "arn:aws:kms:us-east-2:111122223333:alias/dev";
    world.run(&["init", "--no-hook", "--kms", arn]).succeeds();

    assert_eq!(world.text("tf/secrets/prod/encrypted-secrets.yaml"), sealed);
    assert!(world.text(".gitignore").starts_with(".terraform\n\n# "));
    let rules = world.text(".sops.yaml");
    assert!(rules.contains("^tf/secrets/dev/") && rules.contains("^tf/secrets/prod/"));
    assert!(
        world
            .text("clsecrets.yaml")
            .contains("sealed: tf/secrets/prod/encrypted-secrets.yaml")
    );
    assert!(!world.top.join(".git/hooks/pre-commit").exists());
    assert!(!world.top.join("tf/secrets/dev/clear-secrets.yaml").exists());
}

#[test]
fn bad_recipients_and_names_are_refused_before_anything_is_written() {
    let world = World::empty();
    for arguments in [
        ["init", "--kms", "alias/dev"],
        ["init", "--age", "hunter2"],
        ["init", "--env", "../x"],
    ] {
        world.run(&arguments).fails(1);
    }
    assert_eq!(fs::read_dir(&world.top).unwrap().count(), 0);
    assert!(!world.home.join(".config").exists());
}

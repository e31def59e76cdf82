//! The database URL is taken apart by the parser that the node has, and by a real `PostgreSQL` whose roles
//! have every awkward character in their passwords.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clsecrets::chainlink::Database;
use clsecrets::secret::SecretBytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::support::{not_run, peer, program};

/// One for each character that means something in a URL, and some that only have to arrive.
fn passwords() -> Vec<String> {
    let mut all: Vec<String> = (' '..='~')
        .filter(|c| !c.is_ascii_alphanumeric())
        .map(|c| format!("{c}awkward{c}password{c}01{c}"))
        .collect();
    all.extend(
        [
            "p4ss#with/odd%chars@16",
            "%41%zz%",
            "é世界ünïcode-0123",
            "a:b@c/d?e=f&g#h[i]j",
        ]
        .map(str::to_owned),
    );
    all
}

fn url(database: &Database, password: &str) -> String {
    let password = SecretBytes::copy_of(password.as_bytes());
    let url = database.url("postgresql", &password).unwrap();
    String::from_utf8(url.expose().to_vec()).unwrap()
}

#[test]
fn the_parser_of_the_node_finds_every_part_again() {
    let strategy = (
        "[ -~é@:/?#%]{1,12}",
        "\\PC{1,40}",
        "[ -~ü]{1,12}",
        proptest::option::of(1..u16::MAX),
    );
    let mut runner = TestRunner::deterministic();
    let mut cases: Vec<(String, String, String, Option<u16>)> = passwords()
        .into_iter()
        .map(|password| {
            (
                "chainlink".to_owned(),
                password,
                "chainlink".to_owned(),
                None,
            )
        })
        .collect();
    for _ in 0..2000 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        if !matches!(case.2.as_str(), "." | "..") {
            cases.push(case);
        }
    }
    let lines: Vec<String> = cases
        .iter()
        .map(|(user, password, name, port)| {
            let database = Database {
                user: user.clone(),
                host: "db.example.net".to_owned(),
                port: *port,
                name: name.clone(),
                sslmode: Some("verify-full".to_owned()),
                backup_host: None,
            };
            url(&database, password) + "\n"
        })
        .collect();
    let mut child = Command::new(peer("parse-url"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.concat().as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let seen: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(seen.len(), cases.len());
    for ((user, password, name, port), seen) in cases.iter().zip(&seen) {
        assert_eq!(seen["Error"], "", "{user} {password} {name}");
        assert_eq!(seen["User"], user.as_str());
        assert_eq!(seen["Password"], password.as_str());
        assert_eq!(seen["Host"], "db.example.net");
        assert_eq!(
            seen["Port"],
            port.map_or(String::new(), |port| port.to_string())
        );
        assert_eq!(seen["Path"], format!("/{name}"));
        assert_eq!(seen["Query"], "sslmode=verify-full");
    }
}

/// The folder of `initdb` and of the server.
fn postgresql() -> Option<PathBuf> {
    let found = program("initdb")
        .and_then(|path| Some(std::fs::canonicalize(path).ok()?.parent()?.to_owned()));
    found.or_else(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut folders = versions.flatten().map(|entry| entry.path().join("bin"));
        folders.find(|folder| folder.join("initdb").is_file())
    })
}

/// A server of its own; killed when dropped.
struct Server {
    child: std::process::Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `PostgreSQL` does not run as root.
fn unprivileged(program: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/");
    if crate::support::is_root() {
        command.uid(65534).gid(65534);
    }
    command
}

impl Server {
    fn start(programs: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if crate::support::is_root() {
            std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)).unwrap();
        }
        let data = folder.path().join("data");
        let made = unprivileged(&programs.join("initdb"))
            .args([
                "--username",
                "admin",
                "--auth-local",
                "trust",
                "--auth-host",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = unprivileged(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-k",
            ])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            folder,
            port,
        };
        for _ in 0..600 {
            if server.sql(programs, "select 1").is_some() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the database does not start");
    }

    fn sql(&self, programs: &Path, text: &str) -> Option<()> {
        let mut child = unprivileged(&programs.join("psql"))
            .args([
                "-qAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "admin",
                "-d",
                "postgres",
                "-p",
                &self.port.to_string(),
                "-h",
            ])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        child.wait().unwrap().success().then_some(())
    }
}

#[test]
fn a_real_database_takes_every_url() {
    let Some(programs) = postgresql() else {
        return not_run("the database URL against PostgreSQL", "there is no initdb");
    };
    let server = Server::start(&programs);
    let mut statements = vec!["create database \"chain link/é\";\n".to_owned()];
    for (at, password) in passwords().iter().enumerate() {
        let quoted = password.replace('\'', "''");
        statements.push(format!("set standard_conforming_strings=on; create role \"ro@le:{at}\" login password '{quoted}';\n"));
    }
    server.sql(&programs, &statements.concat()).unwrap();
    for (at, password) in passwords().iter().enumerate() {
        let database = Database {
            user: format!("ro@le:{at}"),
            host: "127.0.0.1".to_owned(),
            port: Some(server.port),
            name: "chain link/é".to_owned(),
            sslmode: Some("prefer".to_owned()),
            backup_host: None,
        };
        let run = |password: &str| {
            unprivileged(&programs.join("psql"))
                .args([
                    "-qAt",
                    "-c",
                    "select current_user",
                    &url(&database, password),
                ])
                .env("PGCONNECT_TIMEOUT", "20")
                .stdin(Stdio::null())
                .output()
                .unwrap()
        };
        let output = run(password);
        let user = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert_eq!(
            user,
            database.user,
            "{password}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!run(&format!("{password}x")).status.success());
    }
}

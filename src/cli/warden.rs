//! A second process that clears a private directory away when ours is killed, which nothing in it can
//! notice.
//!
//! It holds no secret: it gets the directory's path and one end of a pipe, whose other end closes with
//! our process, however that ends. A group of its own keeps it from what the terminal sends to ours.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

use clap::Args as ClapArgs;
use clsecrets::fs::{self, PrivateDir};

/// Wait until standard input ends, then clear a directory away.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    directory: PathBuf,
}

/// Watches over a directory until it is dropped.
#[derive(Debug)]
pub(crate) struct Warden {
    _until: Option<ChildStdin>,
}

impl Warden {
    /// Starts to watch. Where that is not possible, only a killed process leaves something behind.
    pub(crate) fn over(directory: &PrivateDir) -> Self {
        let started = Command::new(own_program())
            .arg("clear-away")
            .arg(directory.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn();
        let until = started.ok().and_then(|mut child| child.stdin.take());
        Self { _until: until }
    }
}

pub(crate) fn run(args: &Args) -> u8 {
    let mut stdin = std::io::stdin().lock();
    let mut byte = [0];
    while stdin.read(&mut byte).is_ok_and(|read| read > 0) {}
    fs::clear_away(&args.directory);
    0
}

/// Also when the file has been replaced since.
fn own_program() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() {
        return link;
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("clsecrets"))
}

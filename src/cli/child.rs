//! A program that we start and wait for: signals go on to it, and its end is ours.
//!
//! What the terminal sends to a foreground group reaches the program anyway, so it is not sent a second
//! time: many take a second interrupt for an order to drop everything. The surprise: the program is
//! reaped only when no signal can go to it any more, so that none reaches a stranger with its number.

use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::thread;

use clsecrets::{Code, Error, fs, keys};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, waitid};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// A signal that told us to end, too.
    pub(crate) told_by: Option<i32>,
}

impl Ended {
    /// The status that a shell would have; as the reference, 255 after any signal.
    pub(crate) fn code(&self, is_like_reference: bool) -> u8 {
        let code = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => code,
            (None, Some(_)) if is_like_reference => 255,
            (None, signal) => 128 + signal.unwrap_or_default(),
        };
        u8::try_from(code).unwrap_or(255)
    }
}

/// Starts a program and waits for its end. `spawn` starts it; signals are caught by then.
pub(crate) fn run(spawn: impl FnOnce() -> std::io::Result<Child>) -> Result<Ended, Error> {
    let cannot = |error: std::io::Error| {
        let reason = fs::plain(&error);
        Error::new(Code::Failed, format!("cannot start the program: {reason}"))
    };
    keys::block_on(async {
        let mut signals = Signals::caught().map_err(cannot)?;
        let mut child = spawn().map_err(cannot)?;
        let pid = Pid::from_child(&child);
        let (ends, mut ended) = oneshot::channel();
        thread::spawn(move || {
            let until = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), until) {}
            let _ = ends.send(());
        });
        let mut told_by = None;
        loop {
            tokio::select! {
                _ = &mut ended => break,
                signal = signals.next() => {
                    if !is_from_terminal(signal) {
                        let _ = kill_process(pid, signal);
                        if ENDING.contains(&signal) {
                            told_by = Some(signal.as_raw());
                        }
                    }
                }
            }
        }
        let status = child.wait().map_err(cannot)?;
        Ok(Ended { status, told_by })
    })?
}

/// Signals that ask a program to end.
const ENDING: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

/// Whether the terminal sends it to the program as well.
fn is_from_terminal(signal: Signal) -> bool {
    let stdin = std::io::stdin();
    [Signal::INT, Signal::QUIT].contains(&signal)
        && stdin.is_terminal()
        && tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp())
}

/// Signals that are handed on.
struct Signals {
    int: unix::Signal,
    term: unix::Signal,
    hup: unix::Signal,
    quit: unix::Signal,
    usr1: unix::Signal,
    usr2: unix::Signal,
}

impl Signals {
    fn caught() -> std::io::Result<Self> {
        Ok(Self {
            int: unix::signal(SignalKind::interrupt())?,
            term: unix::signal(SignalKind::terminate())?,
            hup: unix::signal(SignalKind::hangup())?,
            quit: unix::signal(SignalKind::quit())?,
            usr1: unix::signal(SignalKind::user_defined1())?,
            usr2: unix::signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.int.recv() => Signal::INT,
            _ = self.term.recv() => Signal::TERM,
            _ = self.hup.recv() => Signal::HUP,
            _ = self.quit.recv() => Signal::QUIT,
            _ = self.usr1.recv() => Signal::USR1,
            _ = self.usr2.recv() => Signal::USR2,
        }
    }
}

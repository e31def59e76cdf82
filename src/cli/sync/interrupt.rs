//! Ctrl-C: says what was and what was not done, at whatever moment it comes.
//!
//! A thread of its own listens, for opening files and asking a person block the others. Before the
//! first write there is nothing to save, so the process ends at once; after it, what is under way is
//! finished and reported, and a second Ctrl-C lets go of that too. The surprise: whoever ends while a
//! passphrase is asked for has to give the terminal its echo back.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clsecrets::sync::Stop;
use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::ui::Ui;

/// The signals that end a run, and the status that a shell would give it.
const ENDING: [(SignalKind, i32); 2] = [
    (SignalKind::interrupt(), 130),
    (SignalKind::terminate(), 143),
];

/// Listens until the process ends.
#[derive(Debug, Clone)]
pub(super) struct Interrupts {
    is_writing: Arc<AtomicBool>,
}

impl Interrupts {
    /// Begins to listen; without a way to, a signal ends the process as it always does.
    pub(super) fn heard(stop: &Stop) -> Self {
        let this = Self {
            is_writing: Arc::default(),
        };
        let (is_writing, stop) = (Arc::clone(&this.is_writing), stop.clone());
        let terminal = Terminal::as_it_is();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            if let Ok(runtime) = { runtime }.enable_all().build() {
                runtime.block_on(listen(&is_writing, &stop, terminal.as_ref()));
            }
        });
        this
    }

    /// From now on something may have been written.
    pub(super) fn writing(&self) {
        self.is_writing.store(true, Ordering::SeqCst);
    }
}

async fn listen(is_writing: &AtomicBool, stop: &Stop, terminal: Option<&Terminal>) {
    let [int, term] = ENDING;
    let (Ok(mut interrupts), Ok(mut terminations)) = (signal(int.0), signal(term.0)) else {
        return;
    };
    let mut is_told = false;
    loop {
        let status = next(&mut interrupts, &mut terminations, int.1, term.1).await;
        if !is_writing.load(Ordering::SeqCst) {
            if let Some(terminal) = terminal {
                terminal.restore();
            }
            say("interrupted: nothing was written");
            leave(status);
        }
        stop.tell();
        say(if is_told {
            "stopping at once"
        } else {
            "stopping: nothing new is begun, what is under way is finished; again to stop at once"
        });
        is_told = true;
    }
}

/// The terminal, and how it was when the run began.
struct Terminal {
    file: File,
    mode: Termios,
}

impl Terminal {
    fn as_it_is() -> Option<Self> {
        let file = File::open("/dev/tty").ok()?;
        let mode = tcgetattr(&file).ok()?;
        Some(Self { file, mode })
    }

    /// Only whoever has it may: a run in the background would change what another program made of it.
    fn restore(&self) {
        if tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp()) {
            let _ = tcsetattr(&self.file, OptionalActions::Now, &self.mode);
        }
    }
}

async fn next(int: &mut Signal, term: &mut Signal, of_int: i32, of_term: i32) -> i32 {
    tokio::select! {
        _ = int.recv() => of_int,
        _ = term.recv() => of_term,
    }
}

/// On a line of its own, whatever stands on the terminal.
fn say(text: &str) {
    let ui = Ui::new();
    ui.note("");
    ui.note(text);
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "as the signal itself would end the process, but with words; main waits in a call"
)]
fn leave(status: i32) -> ! {
    std::process::exit(status)
}

//! A line that says what is under way, on a terminal only; it goes when the work is done.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Shows the line until it is dropped.
pub(crate) struct Working {
    painter: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// What is quicker is not worth a line.
const PATIENCE: Duration = Duration::from_millis(400);
/// Between two looks at how far it came.
const EVERY: Duration = Duration::from_millis(150);

impl Working {
    /// Shows nothing.
    pub(super) fn silent() -> Self {
        Self { painter: None }
    }

    /// Paints what `line` says, again and again; an empty text takes the line away.
    pub(super) fn shown(
        line: impl Fn() -> String + Send + 'static,
        paint: impl Fn(&str) + Send + 'static,
    ) -> Self {
        let (sender, stop) = mpsc::channel();
        let painter = thread::spawn(move || {
            let mut pause = PATIENCE;
            let mut is_painted = false;
            while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                paint(&line());
                is_painted = true;
                pause = EVERY;
            }
            if is_painted {
                paint("");
            }
        });
        Self {
            painter: Some((sender, painter)),
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some((stop, painter)) = self.painter.take() {
            drop(stop);
            // A painter that panicked has painted its last line.
            let _ = painter.join();
        }
    }
}

impl fmt::Debug for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Working").finish_non_exhaustive()
    }
}

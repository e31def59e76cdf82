//! A line that says what is under way, on a terminal only; it goes when the work is done.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Shows the line until it is dropped.
pub(crate) struct Working(ProgressBar);

/// What is quicker is not worth a line.
const PATIENCE: Duration = Duration::from_millis(400);
/// Between two looks at how far it came.
const EVERY: Duration = Duration::from_millis(150);

impl Working {
    /// Shows what `line` says, again and again, unless standard error is no terminal.
    pub(super) fn shown(line: impl Fn() -> String + Send + Sync + 'static) -> Self {
        let line = Arc::new(line);
        let write = move |state: &ProgressState, text: &mut dyn fmt::Write| {
            if state.elapsed() >= PATIENCE {
                let _ = text.write_str(&line());
            }
        };
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{line}") {
            bar.set_style(style.with_key("line", write));
            bar.enable_steady_tick(EVERY);
        }
        Self(bar)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl fmt::Debug for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Working").finish_non_exhaustive()
    }
}

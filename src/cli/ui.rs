//! Both output streams, colour and prompts. Results go to stdout, everything else to stderr.
//!
//! Names come from files that somebody else may have written, so whoever prints hands over lines, not
//! text: a line end, a control character or a mark of direction in one is spelled out.

mod working;

use std::io::{self, IsTerminal, Write};

use clsecrets::error::{shown, shown_json};
use clsecrets::{Code, Error};
use serde::Serialize;

use working::Working;

/// The terminal, or what stands in for it.
#[derive(Debug)]
pub(crate) struct Ui {
    colour: bool,
}

#[expect(clippy::unused_self, reason = "whoever prints has been handed the Ui")]
impl Ui {
    /// Looks at the terminal once.
    #[expect(
        clippy::disallowed_methods,
        reason = "colour is decided before settings exist"
    )]
    pub(crate) fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: !refused && io::stderr().is_terminal(),
        }
    }

    /// Writes bytes as they are: what was asked for. Only listed files may (`tests/architecture.rs`);
    /// for everything else there are lines. A closed pipe ends quietly.
    pub(crate) fn result(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let reason = clsecrets::fs::plain(&error);
                Err(Error::new(
                    Code::Output,
                    format!("cannot write to standard output: {reason}"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Writes one line of a result.
    pub(crate) fn line(&self, line: &str) -> Result<(), Error> {
        self.lines([line])
    }

    /// Writes lines of a result, at once.
    pub(crate) fn lines<L: AsRef<str>>(
        &self,
        lines: impl IntoIterator<Item = L>,
    ) -> Result<(), Error> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&shown(line.as_ref()));
            text.push('\n');
        }
        self.result(text.as_bytes())
    }

    /// Writes a result for machines, laid out.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(value).map_err(Error::internal)?;
        self.result(format!("{}\n", shown_json(&json)).as_bytes())
    }

    /// Tells something beside the result.
    pub(crate) fn note(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", shown(line));
    }

    /// Tells something that the user should look at.
    pub(crate) fn warn(&self, line: &str) {
        self.labelled("warning", "33", std::iter::once(shown(line).into_owned()));
    }

    /// The same with reasons and next steps.
    pub(crate) fn warn_of(&self, error: &Error) {
        self.labelled("warning", "33", error.lines());
    }

    /// Says what is under way until the result is dropped, on a terminal only.
    pub(crate) fn working(&self, line: impl Fn() -> String + Send + Sync + 'static) -> Working {
        Working::shown(move || shown(&line()).into_owned())
    }

    /// Whether a person is there to ask.
    pub(crate) fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// How many columns standard output has, if it is a terminal that tells.
    pub(crate) fn width(&self) -> Option<usize> {
        let stdout = io::stdout();
        let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }

    /// Asks something, without a line end.
    pub(crate) fn prompt(&self, question: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{} ", shown(question)).and_then(|()| stderr.flush());
    }

    /// Asks on the terminal and reads one line; without its end.
    pub(crate) fn ask(&self, question: &str) -> String {
        self.prompt(question);
        let mut line = String::new();
        // What cannot be read is no answer.
        let _ = io::stdin().read_line(&mut line);
        line.trim().to_owned()
    }

    /// Prints an error and returns its exit status.
    pub(crate) fn fail(&self, error: &Error) -> u8 {
        self.labelled("error", "31", error.lines());
        error.code.status()
    }

    /// Prints what is wrong with a command line, or the help that it asked for. The words that it quotes
    /// are shown ones (`usage.rs`).
    pub(crate) fn usage(&self, error: &clap::Error) {
        if !error.use_stderr() {
            // A closed pipe is no failure here.
            let _ = error.print();
            return;
        }
        let rendered = error.render();
        let text = if self.colour {
            rendered.ansi().to_string()
        } else {
            rendered.to_string()
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn labelled(&self, label: &str, colour: &str, lines: impl Iterator<Item = String>) {
        let text = lines.collect::<Vec<_>>().join("\n");
        let mut stderr = io::stderr().lock();
        let _ = if self.colour {
            writeln!(stderr, "\u{1b}[1;{colour}m{label}:\u{1b}[0m {text}")
        } else {
            writeln!(stderr, "{label}: {text}")
        };
    }
}

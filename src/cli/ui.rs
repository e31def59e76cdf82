//! Both output streams, colour and prompts. Results go to stdout, everything else to stderr.

mod working;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use clsecrets::{Code, Error};

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

    /// Writes a result. A closed pipe ends quietly.
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
        self.result(format!("{}\n", visible(line)).as_bytes())
    }

    /// Writes lines of a result that quote names of other people's choice.
    pub(crate) fn text(&self, lines: &str) -> Result<(), Error> {
        self.result(visible(lines).as_bytes())
    }

    /// Tells something beside the result.
    pub(crate) fn note(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", visible(line));
    }

    /// Tells something that the user should look at.
    pub(crate) fn warn(&self, line: &str) {
        self.labelled("warning", "33", line);
    }

    /// Says what is under way until the result is dropped, on a terminal only.
    pub(crate) fn working(&self, line: impl Fn() -> String + Send + Sync + 'static) -> Working {
        Working::shown(move || visible(&line()).into_owned())
    }

    /// Whether a person is there to ask.
    pub(crate) fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks something, without a line end.
    pub(crate) fn prompt(&self, question: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{} ", visible(question)).and_then(|()| stderr.flush());
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
        self.labelled("error", "31", &error.to_string());
        error.code.status()
    }

    fn labelled(&self, label: &str, colour: &str, text: &str) {
        let text = visible(text);
        let mut stderr = io::stderr().lock();
        let _ = if self.colour {
            writeln!(stderr, "\u{1b}[1;{colour}m{label}:\u{1b}[0m {text}")
        } else {
            writeln!(stderr, "{label}: {text}")
        };
    }
}

/// Names come from files that somebody else may have written: a control character in one must not
/// repaint the terminal. Line ends stay, since messages have several lines.
fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c.is_control() && c != '\n';
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| {
        if is_hidden(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(visible("out/\u{1b}[2K\rdev"), "out/\\u{1b}[2K\\rdev");
        assert_eq!(visible("two\nlines"), "two\nlines");
    }
}

//! The report as commands of a GitHub workflow, which show beside the lines of a pull request.

use std::fmt::Write;

use super::super::Report;
use crate::error::shown;

/// One line for each finding, and for each file that could not be judged.
pub fn github(report: &Report) -> String {
    let mut lines = String::new();
    for found in &report.findings {
        let _ = writeln!(
            lines,
            "::{} file={},line={},col={},title={}::{}%0Afix: {}",
            found.severity.name(),
            property(&found.path),
            found.line,
            found.column,
            found.rule,
            data(&found.message),
            data(&found.hint),
        );
    }
    for one in &report.unjudged {
        let _ = writeln!(
            lines,
            "::error file={}::could not be checked: {}",
            property(&one.path),
            data(&one.reason),
        );
    }
    lines
}

/// A message; a line end in it would begin a command of its own.
fn data(text: &str) -> String {
    shown(text).replace('%', "%25")
}

/// A path has to be found again, so the host's own escapes come first; what they leave is shown. The
/// other way round `shown` would take a colon behind a line end for the beginning of a line.
fn property(text: &str) -> String {
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace(':', "%3A")
        .replace(',', "%2C");
    shown(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_name_cannot_begin_a_command() {
        assert_eq!(
            github(&example()),
            "::error file=a \\u{1b}[2J%0Ab.yaml,line=3,col=7,title=H003::m%0Afix: h\n\
             ::error file=c.yaml::could not be checked: r\n"
        );
        assert_eq!(
            property("::a\n::error::b,%\r##[x]"),
            "%3A%3Aa%0A%3A%3Aerror%3A%3Ab%2C%25%0D\\u{23}#[x]"
        );
    }
}

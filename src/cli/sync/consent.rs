//! Whether a run may write: a question to a person, or an answer given beforehand.
//!
//! A protected environment is not satisfied by `-y`: a person types its name, or the caller shows
//! by `--confirm` for what the run was reviewed: the sealed files, and all else that decides the bytes.

use clsecrets::sync::{Inputs, SourceFile};
use clsecrets::{Code, Error};

use crate::cli::ui::Ui;

/// Digits in `--confirm`.
const DIGITS: usize = 12;

/// What is asked for, and what was answered beforehand.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The environment.
    pub(crate) environment: &'a str,
    /// Whether a person has to confirm by name.
    pub(crate) is_protected: bool,
    /// What `--confirm` has to name after the `@`.
    pub(crate) fingerprint: String,
    /// `--yes`.
    pub(crate) yes: bool,
    /// `--confirm`.
    pub(crate) confirm: Option<&'a str>,
}

/// What `--confirm` has to name: the beginning of a digest of what decides the bytes.
pub(crate) fn fingerprint(inputs: &Inputs, sources: &[SourceFile]) -> String {
    let mut digits = inputs.digest(sources);
    digits.truncate(DIGITS);
    digits
}

/// Whether the run may write; asks if it has to.
pub(crate) fn ask(asked: &Asked<'_>, ui: &Ui) -> Result<bool, Error> {
    if let Some(answer) = answered(asked, ui.is_interactive())? {
        return Ok(answer);
    }
    let environment = asked.environment;
    if asked.is_protected {
        let typed = ui.ask(&format!(
            "{environment} is protected; type its name to write:"
        ));
        return Ok(typed == environment);
    }
    let answer = ui.ask(&format!("write to environment {environment}? [y/N]"));
    Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The answer that was given beforehand; `None` if a person is to be asked.
fn answered(asked: &Asked<'_>, is_terminal: bool) -> Result<Option<bool>, Error> {
    let environment = asked.environment;
    let expected = format!("{environment}@{}", asked.fingerprint);
    if let Some(confirm) = asked.confirm {
        if confirm == expected {
            return Ok(Some(true));
        }
        let is_this = confirm.split('@').next() == Some(environment);
        return Err(if is_this && confirm.contains('@') {
            Error::new(
                Code::Other(7),
                format!(
                    "what was confirmed for {environment} is not what would be written now: a sealed \
                     file, clsecrets.yaml or something that it names has changed"
                ),
            )
            .hint("review the plan again: clsecrets sync --dry-run")
        } else {
            Error::new(
                Code::Failed,
                format!("--confirm {confirm} is not for environment {environment}"),
            )
            .hint(format!("clsecrets sync --env {environment} --dry-run"))
        });
    }
    if asked.yes && !asked.is_protected {
        return Ok(Some(true));
    }
    if is_terminal {
        return Ok(None);
    }
    let refused = |why: &str| Error::new(Code::Other(4), format!("nothing was written: {why}"));
    Err(if asked.is_protected {
        refused(&format!(
            "{environment} is protected, and there is no terminal to ask on"
        ))
        .hint(format!(
            "review the plan above, then add --confirm {expected}"
        ))
    } else {
        refused("there is no terminal to ask on").hint("review the plan above, then add -y")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(is_protected: bool, yes: bool, confirm: Option<&str>) -> Asked<'_> {
        Asked {
            environment: "prod",
            is_protected,
            fingerprint: "0123456789ab".to_owned(),
            yes,
            confirm,
        }
    }

    #[test]
    fn yes_answers_the_question_but_not_for_a_protected_environment() {
        assert_eq!(
            answered(&asked(false, true, None), false).unwrap(),
            Some(true)
        );
        assert_eq!(answered(&asked(true, true, None), true).unwrap(), None);
        let error = answered(&asked(true, true, None), false).unwrap_err();
        assert_eq!(error.code.status(), 4);
        assert!(
            error
                .hints
                .iter()
                .any(|hint| hint.ends_with("--confirm prod@0123456789ab"))
        );
    }

    #[test]
    fn without_a_terminal_somebody_has_to_have_answered() {
        let error = answered(&asked(false, false, None), false).unwrap_err();
        assert_eq!(error.code.status(), 4);
        assert_eq!(answered(&asked(false, false, None), true).unwrap(), None);
    }

    #[test]
    fn a_confirmation_holds_for_one_sealed_file_of_one_environment() {
        let status = |confirm| {
            let answer = answered(&asked(true, false, Some(confirm)), false);
            answer.map_err(|error| error.code.status())
        };
        assert_eq!(status("prod@0123456789ab"), Ok(Some(true)));
        assert_eq!(status("prod@ffffffffffff"), Err(7));
        assert_eq!(status("dev@0123456789ab"), Err(1));
        assert_eq!(status("prod"), Err(1));
    }
}

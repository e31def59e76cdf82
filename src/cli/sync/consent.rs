//! Whether a run may write: a question to a person, or an answer given beforehand.
//!
//! A protected environment is not satisfied by `-y`: a person types its name, or the caller shows
//! by `--confirm` for what the run was reviewed: the sealed files, and all else that decides the bytes.

use clsecrets::sync::{Inputs, SourceFile};
use clsecrets::{Code, Error};

use crate::cli::ui::Ui;

/// Digits that `--confirm` has at least. With a few, somebody who writes sealed files finds two in
/// seconds that have the same.
const FEWEST_DIGITS: usize = 32;

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

/// What `--confirm` has to name: the digest of what decides the bytes.
pub(crate) fn fingerprint(inputs: &Inputs, sources: &[SourceFile]) -> String {
    inputs.digest(sources)
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
        let given = confirm.split_once('@');
        let digits = given.and_then(|(of, digits)| (of == environment).then_some(digits));
        let digits = digits.map(str::to_ascii_lowercase);
        let is_short = |digits: &String| digits.len() < FEWEST_DIGITS;
        let is_it = |digits: &String| !is_short(digits) && asked.fingerprint.starts_with(digits);
        if digits.as_ref().is_some_and(is_it) {
            return Ok(Some(true));
        }
        return Err(if digits.as_ref().is_some_and(is_short) {
            Error::new(
                Code::Failed,
                format!(
                    "--confirm takes all digits that --dry-run prints, or at least {FEWEST_DIGITS} of \
                     them: fewer can be those of something else as well"
                ),
            )
            .hint(format!("clsecrets sync --env {environment} --dry-run"))
        } else if digits.is_some() {
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

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn asked(is_protected: bool, yes: bool, confirm: Option<&str>) -> Asked<'_> {
        Asked {
            environment: "prod",
            is_protected,
            fingerprint: DIGEST.to_owned(),
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
                .any(|hint| hint.ends_with(&format!("--confirm prod@{DIGEST}")))
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
        let status = |confirm: &str| {
            let answer = answered(&asked(true, false, Some(confirm)), false);
            answer.map_err(|error| error.code.status())
        };
        assert_eq!(status(&format!("prod@{DIGEST}")), Ok(Some(true)));
        assert_eq!(status(&format!("prod@{}", &DIGEST[..32])), Ok(Some(true)));
        let upper = DIGEST.to_uppercase();
        assert_eq!(status(&format!("prod@{upper}")), Ok(Some(true)));
        assert_eq!(status(&format!("prod@{}", "f".repeat(64))), Err(7));
        assert_eq!(status(&format!("prod@{DIGEST}0")), Err(7));
        assert_eq!(status(&format!("dev@{DIGEST}")), Err(1));
        assert_eq!(status("prod"), Err(1));
    }

    #[test]
    fn digits_that_are_too_few_to_name_one_state_are_refused_in_words() {
        for digits in ["", "0123456789ab", &DIGEST[..31]] {
            let confirm = format!("prod@{digits}");
            let error = answered(&asked(true, false, Some(&confirm)), false).unwrap_err();
            assert_eq!(error.code.status(), 1);
            assert!(error.message.contains("at least 32"), "{error}");
        }
    }
}

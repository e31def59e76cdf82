//! H080 and H090: anything else that its name calls secret.

use super::super::text::{Dialect, harmless};
use super::super::{Finding, Rule, Severity, Subject, policy};
use super::claim::{self, Claim};
use super::{shown, value};

/// H080.
#[derive(Debug)]
pub(super) struct Generic;

/// H090.
#[derive(Debug)]
pub(super) struct Example;

const HINT: &str =
    "seal it, or refer to where it is kept; then replace it, since a commit is forever";

impl Rule for Generic {
    fn id(&self) -> &'static str {
        "H080"
    }

    fn summary(&self) -> &'static str {
        "A value whose name says that it is secret looks like a real one."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        for (span, name) in claim::of(subject, Claim::Generic) {
            let message = format!("{name} has a value that looks like a real secret");
            let is_of_tests = subject.text.is_of_tests(span.start);
            let mut told = value(self, subject, span, message, HINT);
            if is_of_tests && !subject.text.dialect().is_setting() {
                told.severity = Severity::Warning;
            }
            found.push(told);
        }
    }
}

impl Rule for Example {
    fn id(&self) -> &'static str {
        "H090"
    }

    fn summary(&self) -> &'static str {
        "An example or a template holds something else than a stand-in; a warning."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        let is_setting = text.dialect().is_data() || text.dialect() == Dialect::Shell;
        if !policy::is_stand_in(subject.path) || !is_setting {
            return;
        }
        for one in text.assigned() {
            let secret = text.slice(one.value.span.clone());
            let is_word = secret
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || byte.is_ascii_whitespace());
            if !harmless::is_harmless(secret, one.value.is_quoted) && !is_word {
                let message = format!(
                    "{} should be a stand-in in an example, such as CHANGE_ME",
                    shown(one.name)
                );
                let mut told = value(
                    self,
                    subject,
                    one.value.span.clone(),
                    message,
                    "write CHANGE_ME, or a name in angle brackets",
                );
                told.severity = Severity::Warning;
                found.push(told);
            }
        }
    }
}

//! What is wrong with an environment: a rule, a place, a text. Never a value.

use super::rules::{Rule, Severity, rule};
use crate::error::{Code, Error};
use crate::tree::Site;

/// Something that a rule has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id: `V010`.
    pub rule: &'static str,
    /// How bad it is here; a rule's own severity can be another.
    pub severity: Severity,
    /// Where.
    pub at: At,
    /// What is wrong, without a value.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A place in one of the files that hold the credentials.
    File {
        /// The number of the file.
        file: usize,
        /// The place; `None` for the whole file.
        site: Option<Site>,
    },
    /// A field below the environment in `clsecrets.yaml`.
    Setting(Vec<String>),
}

impl At {
    /// A field of the environment, written with dots.
    pub fn setting(path: &str) -> Self {
        Self::Setting(path.split('.').map(str::to_owned).collect())
    }

    /// A whole file.
    pub fn whole(file: usize) -> Self {
        Self::File { file, site: None }
    }
}

impl Finding {
    /// What a rule has found; with the rule's own severity and remedy.
    pub fn new(id: &'static str, at: At, message: impl Into<String>) -> Self {
        let Rule { severity, fix, .. } = rule(id);
        Self {
            rule: id,
            severity: *severity,
            at,
            message: message.into(),
            fix: (*fix).to_owned(),
        }
    }

    /// With another severity.
    #[must_use]
    pub fn of(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// With another remedy.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Whether nothing may be delivered because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// What keeps an environment from being delivered, as one error; `lines` says each, with its place.
pub fn refuse(environment: &str, findings: &[Finding], lines: &[String]) -> Error {
    // Status 1 is for the configuration, 4 for an environment whose values are refused.
    let is_setting = |finding: &Finding| matches!(finding.at, At::Setting(_));
    let code = if findings.iter().all(is_setting) {
        Code::Failed
    } else {
        Code::Other(4)
    };
    let error = Error::new(
        code,
        format!("the credentials of environment {environment} cannot be delivered"),
    );
    lines
        .iter()
        .fold(error, |error, line| error.detail(line.clone()))
}

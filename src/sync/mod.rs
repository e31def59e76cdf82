//! Delivers desired objects to targets: identify, observe, check, apply, verify.
//!
//! Values live in [`Desired`] and [`Observed`] only, zeroed on drop; plans, reports and errors have
//! nowhere to put one, nor a digest of one. In sync means that the values were compared, in
//! constant time, in memory. No text of a server is relayed: it can quote a request.

#[cfg(feature = "aws")]
mod aws;
mod config;
pub mod directory;
mod engine;
mod guard;
mod inputs;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod limits;
mod links;
mod observed;
mod options;
mod ownership;
mod pace;
mod password;
mod patience;
mod plan;
mod progress;
mod report;
mod restart;
mod secret_type;
#[cfg(feature = "aws")]
mod secrets_manager;
mod surveyed;
mod verdict;

pub use config::{DirectoryConfig, KubernetesConfig, SecretsManagerConfig, TargetConfig};
pub use engine::{Assignment, Survey, apply, collisions, survey};
pub use guard::{Previous, Wallet};
pub use inputs::Inputs;
pub use limits::{ChangeLimit, Limits, admit};
pub use links::Links;
pub use observed::{
    Blocked, Content, Halfway, Item, Keeper, Observed, OwnFields, Setting, SettingChange, Standing,
    Writer,
};
pub use options::{Options, Restarting};
pub use ownership::{Owner, Whose};
pub use password::{Fetched, Password, PasswordSource, password};
pub use patience::{Patience, Stop};
pub use progress::Progress;
pub use report::{
    Failure, KeyReport, Mode, ObjectReport, Phase, Report, RestartReport, SCHEMA, SkippedReport,
    SourceFile, Summary, TargetReport, Warning,
};
pub use restart::{Rollout, Workload, Workloads, workloads};
pub use verdict::{Allowed, Changes, Judgement, Verdict, leftover, verdict};

pub use crate::chainlink::{Desired, Entry, Form, Place};

use std::fmt;

use crate::keys::Task;
use crate::settings::Settings;

/// A place that credentials are delivered to.
pub trait Target: fmt::Debug + Send + Sync {
    /// What people know it by: kind and place.
    fn label(&self) -> String;
    /// Who and where we are, before anything else; a wrong account or cluster is refused here.
    fn identify(&self) -> Task<'_, Identity, TargetError>;
    /// What can be judged of an object without asking anybody: its name, its keys, its size.
    fn admit(&self, desired: &Desired) -> Result<(), TargetError>;
    /// What is there, in the order of the names and in as few requests as the target allows.
    fn observe<'a>(
        &'a self,
        names: &'a [String],
    ) -> Task<'a, Vec<Result<Option<Observed>, TargetError>>, TargetError>;
    /// The names of the objects that are ours, where the target can tell without reading values;
    /// `None` if the caller may not list them.
    fn ours(&self) -> Task<'_, Option<Vec<String>>, TargetError> {
        Box::pin(async { Ok(Some(Vec::new())) })
    }
    /// Whether we wrote the version before the current one, where the target remembers that.
    fn was_ours<'a>(&'a self, _name: &'a str) -> Task<'a, bool, TargetError> {
        Box::pin(async { Ok(false) })
    }
    /// What the caller may not do of all that is planned, asked in as few requests as possible.
    fn permit<'a>(&'a self, _steps: &'a [Step<'a>]) -> Task<'a, (), TargetError> {
        Box::pin(async { Ok(()) })
    }
    /// All that can be checked of a write without writing.
    fn check<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, (), TargetError>;
    /// Writes; conditional on what was observed.
    fn apply<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, Written, TargetError>;
    /// What runs there and uses the objects, if anything does.
    fn workloads(&self) -> Option<&dyn Workloads> {
        None
    }
    /// How many requests at a time.
    fn width(&self) -> usize {
        AT_ONCE
    }
}

/// Requests of one target at a time.
const AT_ONCE: usize = 16;

/// Makes a target of its configuration.
pub type Connect =
    for<'a> fn(&'a TargetConfig, &'a Settings, &'a Links) -> Task<'a, Box<dyn Target>, TargetError>;

/// A kind of target. Adding one is one line in [`TARGET_KINDS`] and one file.
#[derive(Debug)]
pub struct TargetKind {
    /// The word in `clsecrets.yaml`.
    pub name: &'static str,
    /// Makes the connection.
    pub connect: Connect,
}

/// Every kind that this build has, in the order in which they are written: what is local first,
/// then Secrets Manager, then the clusters that may read it.
pub const TARGET_KINDS: &[&TargetKind] = &[
    &directory::KIND,
    #[cfg(feature = "aws")]
    &secrets_manager::KIND,
    #[cfg(feature = "kubernetes")]
    &kubernetes::KIND,
];

/// Connects a target.
pub async fn connect(
    config: &TargetConfig,
    settings: &Settings,
    links: &Links,
) -> Result<Box<dyn Target>, TargetError> {
    let name = config.kind();
    match TARGET_KINDS.iter().find(|kind| kind.name == name) {
        Some(kind) => (kind.connect)(config, settings, links).await,
        None => Err(TargetError::new(
            Fault::Configuration,
            format!("this build has no support for targets of kind {name}"),
        )),
    }
}

/// Who and where we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account, the server or the folder.
    pub place: String,
    /// As whom, where the target tells.
    pub actor: Option<String>,
}

/// One object that is to be written.
#[derive(Debug)]
pub struct Step<'a> {
    /// What has to happen.
    pub verdict: &'a Verdict,
    /// What shall be there; without entries if it is to go.
    pub desired: &'a Desired,
    /// What is there.
    pub seen: Option<&'a Observed>,
    /// The difference.
    pub changes: &'a Changes,
    /// What the operator allows.
    pub allowed: Allowed,
}

/// What a write left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The new version, in the words of the target.
    pub version: String,
}

/// Why a target did not do what it was asked. The reason is ours or a code, never a server's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TargetError {
    /// What the caller can do about it.
    pub fault: Fault,
    /// What happened.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether a write was sent whose answer is not known: it may have arrived.
    pub is_lost: bool,
}

/// Kinds of faults of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `clsecrets.yaml`, a kubeconfig or a profile is wrong.
    Configuration,
    /// It is another account or another cluster.
    WrongPlace,
    /// Not allowed, or not known there.
    Denied,
    /// The object cannot be as it is desired.
    Invalid,
    /// The object may not be touched.
    Refused,
    /// Somebody else wrote at the same time.
    Conflict,
    /// Not reached, throttled or timed out: safe to repeat.
    Unreachable,
    /// An answer that we have no better word for.
    Unexpected,
}

impl Fault {
    /// The exit status of a run that was stopped by it before the first write.
    pub fn status(self) -> u8 {
        match self {
            Self::Configuration => 1,
            Self::Unreachable | Self::Unexpected => 8,
            _ => 4,
        }
    }
}

impl TargetError {
    /// An error without a next step.
    pub fn new(fault: Fault, reason: impl Into<String>) -> Self {
        Self {
            fault,
            reason: reason.into(),
            hint: None,
            is_lost: false,
        }
    }

    /// The same of a write that was sent: where nobody answered, it may have arrived.
    #[must_use]
    pub fn of_write(mut self) -> Self {
        self.is_lost = self.fault == Fault::Unreachable;
        self
    }

    /// Adds a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A name or code that a server chose, made fit for a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(128)
        .collect()
}

//! What a run found and did, for people and machines. Holds names, versions and reasons; there is
//! no field that a value or its digest could stand in.

use serde::Serialize;

use super::{Fault, TargetError};

/// The name of the report's schema.
pub const SCHEMA: &str = "clsecrets.dev/sync/v1";

/// What a run was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Show what would be done.
    DryRun,
    /// Tell whether something differs, and who made it so.
    Check,
    /// Do it.
    Apply,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The environment.
    pub environment: String,
    /// What was asked for.
    pub mode: Mode,
    /// The exit status.
    pub status: u8,
    /// The sealed files that the values come from.
    pub sources: Vec<SourceFile>,
    /// Each target with its objects.
    pub targets: Vec<TargetReport>,
    /// How many objects of which fate.
    pub summary: Summary,
    /// What is worth a look and stops nothing.
    pub warnings: Vec<Warning>,
    /// Everything that went wrong.
    pub errors: Vec<Failure>,
}

/// Something about a sealed file that stops nothing.
#[derive(Debug, Clone, Serialize)]
pub struct Warning {
    /// The id of the rule.
    pub rule: &'static str,
    /// The sealed file, as configured.
    pub file: String,
    /// What is said of it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A sealed file.
#[derive(Debug, Clone, Serialize)]
pub struct SourceFile {
    /// Its path, as configured.
    pub file: String,
    /// The SHA-256 of the sealed bytes, in hex.
    pub sha256: String,
}

/// One target.
#[derive(Debug, Serialize)]
pub struct TargetReport {
    /// Its kind.
    pub kind: &'static str,
    /// What people know it by.
    pub label: String,
    /// The account, server or folder that it turned out to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether it is known what is there.
    #[serde(skip)]
    pub is_looked_at: bool,
    /// As whom we came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Its objects.
    pub objects: Vec<ObjectReport>,
    /// The workloads that have to start anew.
    pub restarts: Vec<RestartReport>,
    /// What has no source.
    pub skipped: Vec<SkippedReport>,
}

/// One object.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectReport {
    /// Its name.
    pub name: String,
    /// What has to happen or happened: `create`, `update`, `adopt`, `replace`, `restore`, `remove`,
    /// `keep`, `unclaimed`, `in sync`, `foreign`, `refuse`.
    pub op: &'static str,
    /// How far it came.
    pub phase: Phase,
    /// The data keys that are not simply equal.
    pub keys: Vec<KeyReport>,
    /// Settings of what is there that change: `kms_key`, `replica` and a region.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<KeyReport>,
    /// What else there is to say of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The keys of the sealed files that it is made of.
    pub sources: Vec<String>,
    /// Who wrote it, before.
    pub owners: Vec<String>,
    /// What it belongs to as a whole, and what happens when it is taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeper: Option<String>,
    /// When we wrote it last, where the target remembers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// The version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The version after a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// How far an object came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Looked at.
    Observed,
    /// Written, and not yet read back.
    Written,
    /// Written, and read back equal.
    Verified,
    /// Not written: the error says why.
    Failed,
    /// The write was sent, and nobody answered: it may have arrived.
    Unknown,
}

/// One data key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyReport {
    /// Its name.
    pub name: String,
    /// `added`, `changed`, `removed`, `kept` (ours, no longer desired), `unclaimed` (written by
    /// clsecrets, not known to be of this repository and environment), `foreign` (of others).
    pub op: &'static str,
}

/// A workload that has to start anew.
#[derive(Debug, Clone, Serialize)]
pub struct RestartReport {
    /// Kind and name.
    pub workload: String,
    /// The objects that it is for.
    pub objects: Vec<String>,
    /// `pending`, `held` (an object was not written), `restarted`, `complete` (and its rollout was
    /// followed), `failed`, `unknown` (the order was sent, and nobody answered).
    pub state: &'static str,
}

/// Something without a source.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedReport {
    /// The object.
    pub object: String,
    /// The data key, if not the whole object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is missing.
    pub reason: String,
}

/// How many objects of which fate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// To create or created.
    pub create: usize,
    /// To update or updated.
    pub update: usize,
    /// To adopt or adopted.
    pub adopt: usize,
    /// To make anew or made anew.
    pub replace: usize,
    /// To restore or restored.
    pub restore: usize,
    /// To remove or removed.
    pub remove: usize,
    /// No longer desired, and left there.
    pub keep: usize,
    /// Written by clsecrets, not known to be of this repository and environment, and left there.
    pub unclaimed: usize,
    /// Workloads to restart or restarted.
    pub restart: usize,
    /// Equal.
    pub in_sync: usize,
    /// Not touched, because of others or a guard.
    pub refused: usize,
    /// Failed while written.
    pub failed: usize,
    /// Sent, and not known whether they arrived; restarts included.
    pub unknown: usize,
}

/// One thing that went wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The target; empty if it is about the whole run.
    pub target: String,
    /// The object, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The kind of fault.
    pub code: &'static str,
    /// What happened.
    pub reason: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same command may succeed when repeated as it is.
    pub retryable: bool,
    /// The exit status that it asks for, before the first write.
    #[serde(skip)]
    pub status: u8,
    /// Whether it is another writer's change, which `--check` reports as drift.
    pub drift: bool,
}

impl Report {
    /// Whether something is known to have been written.
    pub fn has_written(&self) -> bool {
        let mut objects = self.targets.iter().flat_map(|target| &target.objects);
        let mut restarts = self.targets.iter().flat_map(|target| &target.restarts);
        objects.any(|object| matches!(object.phase, Phase::Written | Phase::Verified))
            || restarts.any(|restart| matches!(restart.state, "restarted" | "complete"))
    }
}

impl Failure {
    /// Records an error of a target.
    pub fn of(target: &str, object: Option<&str>, error: &TargetError) -> Self {
        Self {
            target: target.to_owned(),
            object: object.map(str::to_owned),
            code: code(error.fault),
            reason: error.reason.clone(),
            hint: error.hint.clone(),
            retryable: matches!(error.fault, Fault::Unreachable | Fault::Conflict),
            status: error.fault.status(),
            drift: false,
        }
    }

    /// One line: where, and what.
    pub fn line(&self) -> String {
        let place = [Some(&self.target), self.object.as_ref()];
        let place: Vec<&str> = place
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect();
        if place.is_empty() {
            self.reason.clone()
        } else {
            format!("{}: {}", place.join(" "), self.reason)
        }
    }
}

impl Summary {
    /// Counts objects.
    pub fn of(targets: &[TargetReport]) -> Self {
        let mut summary = Self::default();
        for object in targets.iter().flat_map(|target| &target.objects) {
            let count = match (object.phase, object.op) {
                (Phase::Failed, _) => &mut summary.failed,
                (Phase::Unknown, _) => &mut summary.unknown,
                (_, "create") => &mut summary.create,
                (_, "update") => &mut summary.update,
                (_, "adopt") => &mut summary.adopt,
                (_, "replace") => &mut summary.replace,
                (_, "restore") => &mut summary.restore,
                (_, "remove") => &mut summary.remove,
                (_, "keep") => &mut summary.keep,
                (_, "unclaimed") => &mut summary.unclaimed,
                (_, "in sync") => &mut summary.in_sync,
                _ => &mut summary.refused,
            };
            *count += 1;
        }
        let restarts = targets.iter().flat_map(|target| &target.restarts);
        summary.unknown += restarts
            .filter(|restart| restart.state == "unknown")
            .count();
        summary.restart = targets.iter().map(|target| target.restarts.len()).sum();
        summary
    }
}

fn code(fault: Fault) -> &'static str {
    match fault {
        Fault::Configuration => "configuration",
        Fault::WrongPlace => "wrong-place",
        Fault::Denied => "denied",
        Fault::Invalid => "invalid",
        Fault::Refused => "refused",
        Fault::Conflict => "conflict",
        Fault::Unreachable => "unreachable",
        Fault::Unexpected => "unexpected",
    }
}

//! Starts anew what uses a written object: a node reads its credentials once, when it starts.
//!
//! A workload's pod template carries which versions it was started with, and when they were
//! written, by the server's clock. So an interrupted run is finished by the next one, a second run
//! restarts nothing, and a foreign write never restarts a node.

use std::time::Duration;

use tokio::time::Instant;

use super::options::Options;
use super::patience::Clock;
use super::plan::Plan;
use super::report::RestartReport;
use super::{Fault, Target, TargetConfig, TargetError, connect};
use crate::keys::Task;
use crate::settings::Settings;

/// Something that runs and uses objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// Kind and name, as in `statefulset/chainlink`.
    pub id: String,
    /// The objects that it mounts or refers to.
    pub uses: Vec<String>,
    /// What it was started with, as we wrote it.
    pub revision: Option<String>,
    /// The names of variables that its pods set; never their values.
    pub sets: Vec<String>,
}

/// All workloads of a target that the caller may list; none of a target where nothing runs.
pub async fn workloads(
    config: &TargetConfig,
    settings: &Settings,
    options: &Options,
) -> Result<Vec<Workload>, TargetError> {
    let look = async {
        let target = connect(config, settings, &options.links).await?;
        let Some(workloads) = target.workloads() else {
            return Ok(Vec::new());
        };
        // A cluster that is not reached is asked once in a run.
        target.identify().await?;
        Ok(workloads.find(&[]).await?.0)
    };
    options.patience.clock().of(look).await?
}

/// How far a new start came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// Everything runs anew.
    Complete,
    /// Not yet; how far.
    Progressing(String),
    /// It will not get there by itself; why.
    Failed(String),
}

/// What runs at a target.
pub trait Workloads: Send + Sync {
    /// Those of these ids; without ids all, and kinds that the caller may not list are named.
    fn find<'a>(
        &'a self,
        ids: &'a [String],
    ) -> Task<'a, (Vec<Workload>, Vec<&'static str>), TargetError>;
    /// Whether the caller may start them anew.
    fn permit<'a>(&'a self, ids: &'a [String]) -> Task<'a, (), TargetError>;
    /// Starts one anew, with this revision in its pods' annotations.
    fn restart<'a>(&'a self, id: &'a str, revision: &'a str) -> Task<'a, (), TargetError>;
    /// How far it came since.
    fn rollout<'a>(&'a self, id: &'a str) -> Task<'a, Rollout, TargetError>;
}

/// The workloads of a target that have to start anew.
#[derive(Debug, Default)]
pub(super) struct Restarts(Vec<Restart>);

#[derive(Debug)]
struct Restart {
    workload: Workload,
    /// The objects that it is for.
    because: Vec<String>,
    state: State,
    /// Whether the others wait for it, where somebody waits.
    is_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    /// An object that it uses was not written.
    Held,
    Restarted,
    Complete,
    Failed,
    /// The order was sent, and nobody answered.
    Unknown,
}

/// Between two looks at a rollout.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Restart {
    /// Gives the order. From before it is sent until it is answered, nobody knows whether it arrived.
    async fn begin(
        &mut self,
        workloads: &dyn Workloads,
        revision: &str,
        clock: &Clock,
    ) -> Result<(), TargetError> {
        self.state = State::Unknown;
        let ordered = clock.finish(workloads.restart(&self.workload.id, revision));
        let answered = ordered.await.map_err(TargetError::of_write)?;
        self.state = match &answered {
            Ok(()) => State::Restarted,
            Err(error) if error.is_lost => State::Unknown,
            Err(_) => State::Failed,
        };
        answered
    }

    /// Follows its rollout; whoever stops that knows no more than that it was restarted.
    async fn follow(
        &mut self,
        workloads: &dyn Workloads,
        until: Instant,
        clock: &Clock,
    ) -> Result<(), TargetError> {
        let id = self.workload.id.as_str();
        let Ok(followed) = clock.of(follow(workloads, id, until)).await else {
            let why = clock.is_over().unwrap_or("nobody waits for it any more");
            let reason = format!("was restarted, and is not known to be ready: {why}");
            return Err(TargetError::new(Fault::Unreachable, reason)
                .hint(format!("kubectl rollout status {id}")));
        };
        self.state = if followed.is_ok() {
            State::Complete
        } else {
            State::Failed
        };
        followed
    }
}

impl Restarts {
    /// Which workloads use something that is to be written, or was written after they started; and
    /// what the operator should know.
    pub(super) async fn find(
        target: &dyn Target,
        config: &TargetConfig,
        plans: &[Plan],
        options: &Options,
    ) -> Result<(Self, Option<String>), TargetError> {
        let nothing = Ok((Self::default(), None));
        let (Some(workloads), TargetConfig::Kubernetes(config)) = (target.workloads(), config)
        else {
            return nothing;
        };
        let named = config.restart.clone().unwrap_or_default();
        let is_unwanted = config.restart.as_ref().is_some_and(Vec::is_empty);
        if options.restarting.is_off || is_unwanted || plans.is_empty() {
            return nothing;
        }
        let (mut found, unlisted) = workloads.find(&named).await?;
        if !named.is_empty() {
            // Whoever names a workload says that it uses what is here, however it gets it.
            let all: Vec<String> = plans.iter().map(|plan| plan.desired.name.clone()).collect();
            for workload in &mut found {
                workload.uses.clone_from(&all);
            }
        }
        let restarts = found.into_iter().filter_map(|workload| {
            let used = |plan: &&Plan| workload.uses.contains(&plan.desired.name);
            let written = |plan: &&Plan| plan.is_write() || is_newer(plan, &workload);
            let because = plans.iter().filter(used).filter(written);
            let because: Vec<String> = because.map(|plan| plan.desired.name.clone()).collect();
            (!because.is_empty()).then_some(Restart {
                workload,
                because,
                state: State::Pending,
                is_first: false,
            })
        });
        let mut restarts: Vec<Restart> = restarts.collect();
        restarts.sort_by_key(|one| {
            let first = config.first.iter();
            first
                .clone()
                .position(|id| *id == one.workload.id)
                .unwrap_or(first.len())
        });
        for restart in &mut restarts {
            restart.is_first = config.first.contains(&restart.workload.id);
        }
        let restarts = Self(restarts);
        let has_writes = plans.iter().any(Plan::is_write);
        let note = (has_writes && !unlisted.is_empty()).then(|| {
            format!(
                "not allowed to list {}, so what uses a written secret there is not restarted",
                unlisted.join(", ")
            )
        });
        Ok((restarts, note))
    }

    pub(super) async fn permit(&self, target: &dyn Target) -> Result<(), TargetError> {
        let ids: Vec<String> = self.0.iter().map(|one| one.workload.id.clone()).collect();
        match target.workloads() {
            Some(workloads) if !ids.is_empty() => workloads.permit(&ids).await,
            _ => Ok(()),
        }
    }

    /// Starts them anew, and follows them if asked to; what failed, by id if it is about one.
    pub(super) async fn run(
        &mut self,
        target: &dyn Target,
        plans: &[Plan],
        options: &Options,
        clock: &Clock,
    ) -> Vec<(Option<String>, TargetError)> {
        let Some(workloads) = target.workloads() else {
            return Vec::new();
        };
        let mut failures = Vec::new();
        let mut left: Option<(usize, &'static str)> = None;
        for restart in &mut self.0 {
            let used: Vec<&Plan> = plans
                .iter()
                .filter(|plan| restart.workload.uses.contains(&plan.desired.name))
                .collect();
            if used.iter().any(|plan| plan.is_pending()) {
                // Half of the new credentials are worse than none of them.
                restart.state = State::Held;
                continue;
            }
            if let Some(why) = clock.is_over() {
                left = Some((left.map_or(1, |(count, _)| count + 1), why));
                continue;
            }
            let begun = restart.begin(workloads, &revision(&used), clock).await;
            let wait = options.restarting.wait.filter(|_| restart.is_first);
            let followed = match (begun, wait) {
                (Ok(()), Some(wait)) => {
                    let until = Instant::now() + wait;
                    restart.follow(workloads, until, clock).await
                }
                (begun, _) => begun,
            };
            if let Err(error) = followed {
                failures.push((Some(restart.workload.id.clone()), error));
                if wait.is_some() {
                    // What it stands in for keeps running with what it has.
                    break;
                }
            }
        }
        if let Some(wait) = options.restarting.wait {
            let until = Instant::now() + wait;
            for restart in self.0.iter_mut().filter(|r| r.state == State::Restarted) {
                if let Err(error) = restart.follow(workloads, until, clock).await {
                    failures.push((Some(restart.workload.id.clone()), error));
                }
            }
        }
        if let Some((count, why)) = left {
            let what = if count == 1 {
                "workload was"
            } else {
                "workloads were"
            };
            let reason = format!("{count} {what} not restarted: {why}");
            let error = TargetError::new(Fault::Unreachable, reason).hint("run the command again");
            failures.push((None, error));
        }
        failures
    }

    pub(super) fn is_pending(&self) -> bool {
        let is_open = |state| {
            matches!(
                state,
                State::Pending | State::Held | State::Failed | State::Unknown
            )
        };
        self.0.iter().any(|restart| is_open(restart.state))
    }

    pub(super) fn has_begun(&self) -> bool {
        let has_begun = |state| !matches!(state, State::Pending | State::Held);
        self.0.iter().any(|restart| has_begun(restart.state))
    }

    pub(super) fn report(&self) -> Vec<RestartReport> {
        let restarts = self.0.iter().map(|restart| RestartReport {
            workload: restart.workload.id.clone(),
            objects: restart.because.clone(),
            state: match restart.state {
                State::Pending => "pending",
                State::Held => "held",
                State::Restarted => "restarted",
                State::Complete => "complete",
                State::Failed => "failed",
                State::Unknown => "unknown",
            },
        });
        restarts.collect()
    }
}

/// Whether we wrote it after the workload was started by us.
fn is_newer(plan: &Plan, workload: &Workload) -> bool {
    let written = plan.seen.as_ref().and_then(|seen| seen.written);
    let started = workload.revision.as_deref().and_then(time_of);
    matches!((written, started), (Some(written), Some(started)) if written > started)
}

/// When the newest object was written, and the version of each: `2026-11-25T10:00:00Z a=12 b=34`.
fn revision(used: &[&Plan]) -> String {
    let seen = || {
        used.iter()
            .filter_map(|plan| Some((plan, plan.seen.as_ref()?)))
    };
    let newest = seen().filter_map(|(_, seen)| seen.written).max();
    let time = newest.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let mut text = time.unwrap_or_default().to_string();
    for (plan, seen) in seen() {
        text.push(' ');
        text.push_str(&plan.desired.name);
        text.push('=');
        text.push_str(&seen.version);
    }
    text
}

/// The time in a revision, in seconds since 1970.
fn time_of(revision: &str) -> Option<i64> {
    let time = revision.split(' ').next()?;
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(time.as_second())
}

async fn follow(workloads: &dyn Workloads, id: &str, until: Instant) -> Result<(), TargetError> {
    let failed = |why: String| {
        TargetError::new(Fault::Unexpected, format!("was restarted, but {why}"))
            .hint("to go back to the values of before: clsecrets sync --env … --rollback")
    };
    loop {
        let progress = match workloads.rollout(id).await? {
            Rollout::Complete => return Ok(()),
            Rollout::Failed(why) => return Err(failed(why)),
            Rollout::Progressing(how_far) => how_far,
        };
        if Instant::now() + LOOK_EVERY > until {
            return Err(failed(format!("is not ready in time: {progress}")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chainlink::{Desired, Form};
    use crate::sync::verdict::Allowed;
    use crate::sync::{Content, Observed};

    fn plan(name: &str, version: &str, written: Option<i64>) -> Plan {
        let desired = Desired::new(name, Form::Data, Vec::new());
        let mut seen = Observed::new(Content::Data(Vec::new()), version);
        seen.written = written;
        Plan::of(desired, Some(seen), Allowed::default())
    }

    #[test]
    fn a_revision_has_the_newest_time_and_all_versions() {
        let (one, two) = (plan("a", "12", Some(1_700_000_000)), plan("b", "34", None));
        let text = revision(&[&one, &two]);
        assert_eq!(text, "2023-11-14T22:13:20Z a=12 b=34");
        assert_eq!(time_of(&text), Some(1_700_000_000));
        assert_eq!(time_of("yesterday"), None);
    }

    #[test]
    fn only_our_own_later_write_makes_a_workload_old() {
        let started = |revision: Option<&str>| Workload {
            revision: revision.map(str::to_owned),
            ..Workload::default()
        };
        let at = Some("2023-11-14T22:13:20Z a=1");
        assert!(is_newer(&plan("a", "2", Some(1_700_000_001)), &started(at)));
        assert!(!is_newer(
            &plan("a", "2", Some(1_700_000_000)),
            &started(at)
        ));
        // A foreign write changes the version and not the time of ours.
        assert!(!is_newer(&plan("a", "9", None), &started(at)));
        assert!(!is_newer(
            &plan("a", "2", Some(1_700_000_001)),
            &started(None)
        ));
    }

    #[test]
    fn what_is_to_happen_is_pending_and_what_has_happened_is_not() {
        let mut restarts = Restarts(vec![Restart {
            workload: Workload::default(),
            because: Vec::new(),
            state: State::Pending,
            is_first: false,
        }]);
        assert!(restarts.is_pending() && !restarts.has_begun());
        restarts.0[0].state = State::Restarted;
        assert!(!restarts.is_pending() && restarts.has_begun());
    }
}

//! One target in a run: what it was found to hold, what has to happen there, how far it came.

mod lost;
mod others;
mod write;

use std::collections::HashSet;

use super::engine::Assignment;
use super::guard::{self, Evidence};
use super::observed::Observed;
use super::options::Options;
use super::pace::bounded;
use super::patience::Clock;
use super::plan::Plan;
use super::report::{Failure, Phase, SkippedReport, TargetReport};
use super::restart::Restarts;
use super::verdict::{Verdict, leftover};
use super::{Fault, Identity, Links, Step, Target, TargetConfig, TargetError, connect};
use crate::chainlink::{Place, Possible, Projection, Taken};
use crate::settings::Settings;

/// One target, looked at.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) kind: &'static str,
    pub(super) label: String,
    pub(super) config: TargetConfig,
    target: Option<Box<dyn Target>>,
    identity: Identity,
    /// What shall be there; its objects move into `plans` once observed.
    projection: Projection,
    plans: Vec<Plan>,
    restarts: Restarts,
    /// Where the wallet password could be besides.
    beside: Vec<(Place, Option<Observed>)>,
    /// Those of them that could not be read.
    hidden: Vec<Place>,
    /// What the operator should know, and nothing depends on.
    note: Option<&'static str>,
    /// Whether it is known what is there.
    is_looked_at: bool,
}

impl Surveyed {
    pub(super) fn new(assignment: Assignment) -> Self {
        Self {
            kind: assignment.config.kind(),
            label: assignment.config.label(),
            config: assignment.config,
            target: None,
            identity: Identity::default(),
            projection: assignment.projection,
            plans: Vec::new(),
            restarts: Restarts::default(),
            beside: Vec::new(),
            hidden: Vec::new(),
            note: None,
            is_looked_at: false,
        }
    }

    /// A target that the run is not about: it has no objects, only places to look at.
    pub(super) fn witness(mut assignment: Assignment) -> Self {
        assignment.projection.objects.clear();
        assignment.projection.skipped.clear();
        assignment.projection.possible = Possible::default();
        Self::new(assignment)
    }

    /// Leaves out what the run is not about.
    pub(super) fn narrow(&mut self, options: &Options) {
        let Projection {
            objects,
            skipped,
            possible,
            ..
        } = &mut self.projection;
        objects.retain(|object| options.selects(&object.name));
        skipped.retain(|skip| options.selects(&skip.object));
        if let Possible::Names(names) = possible {
            names.retain(|name| options.selects(name));
        }
    }

    /// Reads the places of the wallet password only. What cannot be read tells nothing and stops
    /// nothing here; it is said, since the guard knows less then.
    pub(super) async fn testify(&mut self, settings: &Settings, links: &Links) -> Vec<String> {
        if self.projection.wallet.is_empty() {
            return Vec::new();
        }
        let mut failures = self.identify(settings, links).await;
        if failures.is_empty() {
            failures = self.observe(&Options::default()).await;
        }
        if !failures.is_empty() {
            self.beside.clear();
            self.hidden.clone_from(&self.projection.wallet);
        }
        if self.hidden.is_empty() {
            return Vec::new();
        }
        let why: Vec<String> = failures.iter().map(Failure::line).collect();
        let why = if why.is_empty() {
            self.label.clone()
        } else {
            why.join("; ")
        };
        vec![format!(
            "the wallet guard could not look at a target that is not selected: {why}"
        )]
    }

    /// Names of the desired objects, as long as they are not observed.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let objects = self.projection.objects.iter();
        objects.map(|object| object.name.as_str())
    }

    /// Where all objects of the run are, and their names.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let objects = self.plans.iter().map(|plan| plan.desired.name.as_str());
        let objects = objects.chain(self.names());
        objects.map(|name| (self.identity.place.as_str(), name))
    }

    /// Connects, learns where it is, and judges what needs no request.
    pub(super) async fn identify(&mut self, settings: &Settings, links: &Links) -> Vec<Failure> {
        let target = match connect(&self.config, settings, links).await {
            Ok(target) => target,
            Err(error) => return vec![self.failure(None, &error)],
        };
        let objects = self.projection.objects.iter();
        let mut failures: Vec<Failure> = objects
            .filter_map(|object| {
                let error = target.admit(object).err()?;
                Some(self.failure(Some(&object.name), &error))
            })
            .collect();
        match target.identify().await {
            Ok(identity) => self.identity = identity,
            Err(error) => failures.push(self.failure(None, &error)),
        }
        self.target = Some(target);
        failures
    }

    /// Whether it is known where the target is.
    pub(super) fn is_reached(&self) -> bool {
        !self.identity.place.is_empty()
    }

    /// Reads all objects, and where the wallet password or an object of before could be, and
    /// judges them.
    pub(super) async fn observe(&mut self, options: &Options) -> Vec<Failure> {
        let mut names: Vec<String> = self.names().map(str::to_owned).collect();
        let wanted = names.len();
        let Some(target) = &self.target else {
            return Vec::new();
        };
        let possible = match &self.projection.possible {
            Possible::Names(names) => names.clone(),
            Possible::Ours => match target.ours().await {
                Ok(Some(mut ours)) => {
                    ours.retain(|name| options.selects(name));
                    ours
                }
                Ok(None) => {
                    self.note = Some("not allowed to list secrets, so leftovers cannot be found");
                    Vec::new()
                }
                Err(error) => return vec![self.failure(None, &error)],
            },
        };
        let places = self.projection.wallet.iter().map(|place| &place.object);
        let mut known: HashSet<String> = names.iter().cloned().collect();
        for name in places.chain(&possible) {
            if known.insert(name.clone()) {
                names.push(name.clone());
            }
        }
        let mut answers = match target.observe(&names).await {
            Ok(answers) if answers.len() == names.len() => answers,
            Ok(_) => {
                let error = TargetError::new(
                    Fault::Unexpected,
                    "answered about other objects than were asked for",
                );
                return vec![self.failure(None, &error)];
            }
            Err(error) => return vec![self.failure(None, &error)],
        };
        self.is_looked_at = true;
        let besides = answers.split_off(wanted);
        let is_of_before: HashSet<&str> = possible.iter().map(String::as_str).collect();
        let mut failures = Vec::new();
        for (object, answer) in self.projection.objects.drain(..).zip(answers) {
            match answer {
                Ok(seen) => {
                    let allowed = options.allowed(&object.name);
                    self.plans.push(Plan::of(object, seen, allowed));
                }
                Err(error) => failures.push(Failure::of(&self.label, Some(&object.name), &error)),
            }
        }
        if options.is_look {
            for plan in self.plans.iter_mut().filter(|plan| plan.is_foreign()) {
                if target.was_ours(&plan.desired.name).await.unwrap_or(false) {
                    plan.was_ours();
                }
            }
        }
        let beside = names.into_iter().skip(wanted).zip(besides);
        for (name, answer) in beside {
            let places = self.projection.wallet.iter();
            let place = places.clone().find(|place| place.object == name).cloned();
            let is_possible = is_of_before.contains(name.as_str());
            match (place, answer) {
                // Nothing is to be written there, so it only tells nothing.
                (place, Err(_)) => self.hidden.extend(place),
                (place, Ok(Some(seen))) if is_possible => {
                    let allowed = options.allowed(&name);
                    match leftover(&name, &seen, allowed) {
                        Some(judged) => {
                            let plan = Plan::leftover(&name, seen, judged, allowed);
                            self.plans.push(plan);
                        }
                        None => self.beside.extend(place.map(|place| (place, Some(seen)))),
                    }
                }
                (place, Ok(seen)) => self.beside.extend(place.map(|place| (place, seen))),
            }
        }
        failures
    }

    /// Looks for workloads that have to start anew; what the operator should know of them.
    pub(super) async fn find_workloads(
        &mut self,
        options: &Options,
    ) -> (Vec<Failure>, Vec<String>) {
        let Some(target) = self.target.as_deref() else {
            return (Vec::new(), Vec::new());
        };
        match Restarts::find(target, &self.config, &self.plans, options).await {
            Ok((restarts, note)) => {
                self.restarts = restarts;
                let notes = note.into_iter().chain(self.note.map(str::to_owned));
                let notes = notes.map(|note| format!("{}: {note}", self.label));
                (Vec::new(), notes.collect())
            }
            Err(error) => (vec![self.failure(None, &error)], Vec::new()),
        }
    }

    /// Objects that may not be written.
    pub(super) fn refusals(&self) -> Vec<Failure> {
        let refusals = self.plans.iter().filter_map(|plan| {
            let verdict = &plan.judged.verdict;
            let mut error = verdict.refusal(&plan.desired.name)?;
            if let Some(keeper) = plan.keeper() {
                error.reason = format!("{}; it {keeper}", error.reason);
            }
            let mut failure = self.failure(Some(&plan.desired.name), &error);
            failure.drift = matches!(verdict, Verdict::Foreign { .. });
            Some(failure)
        });
        refusals.collect()
    }

    /// How many objects and keys go, how many objects change, and how many are there.
    pub(super) fn scale(&self) -> (usize, usize, usize) {
        let plans = self.plans.iter();
        let deletes = plans.clone().map(Plan::deletes).sum();
        let changes = plans.clone().filter(|plan| plan.changes()).count();
        let existing = plans.filter(|plan| plan.seen.is_some()).count();
        (deletes, changes, existing)
    }

    /// What was found where the wallet password belongs.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let places = self.projection.wallet.iter();
        let evidence = places.map(|place| {
            let found = if self.hidden.contains(place) {
                Taken::Unreadable
            } else if self.is_anothers(place) {
                // The password of a node of theirs.
                Taken::Absent
            } else {
                guard::find(place, self.seen(place))
            };
            Evidence {
                node: place.node.clone(),
                place: format!("{} {}", self.label, place.object),
                found,
                is_overwritten: self.plans.iter().any(|plan| plan.overwrites(place)),
            }
        });
        evidence.collect()
    }

    /// Objects that would lose a keystore password which is in no sealed file: that of a node that is
    /// no longer there, or one that comes from elsewhere.
    pub(super) fn orphans(&self) -> Vec<Failure> {
        let plans = self.plans.iter();
        let plans = plans.filter(|plan| plan.loses_wallet(&self.projection.wallet));
        let failures = plans.map(|plan| {
            let error = TargetError::new(
                Fault::Refused,
                "holds a wallet_password that no sealed file has; the node's key ring would no \
                 longer open",
            )
            .hint("keep a copy of it; then add --replace-wallet-password");
            self.failure(Some(&plan.desired.name), &error)
        });
        failures.collect()
    }

    /// Whether the wallet password of a node is to be here; what is restored first is guarded then.
    pub(super) fn delivers_wallet(&self, node: &str) -> bool {
        let own = self
            .projection
            .wallet
            .iter()
            .filter(|place| place.node == node);
        let own: Vec<Place> = own.cloned().collect();
        let is_restored = |plan: &&Plan| plan.judged.verdict == Verdict::Restore;
        let mut plans = self.plans.iter().filter(|plan| !is_restored(plan));
        plans.any(|plan| plan.holds(&own))
    }

    /// Asks the target about each write, without writing.
    pub(super) async fn check(&self) -> Vec<Failure> {
        let Some(target) = self.target.as_deref() else {
            return Vec::new();
        };
        let writes = || self.plans.iter().filter(|plan| plan.is_write());
        let steps: Vec<Step<'_>> = writes().map(Plan::step).collect();
        if let Err(error) = target.permit(&steps).await {
            return vec![self.failure(None, &error)];
        }
        if let Err(error) = self.restarts.permit(target).await {
            return vec![self.failure(None, &error)];
        }
        let checks = steps.iter().map(|step| async {
            let error = target.check(step).await.err()?;
            Some(self.failure(Some(&step.desired.name), &error))
        });
        let checked = bounded(target.width(), checks.collect()).await;
        checked.into_iter().flatten().collect()
    }

    /// Starts workloads anew, and follows them if asked to.
    pub(super) async fn restart(&mut self, options: &Options, clock: &Clock) -> Vec<Failure> {
        let Some(target) = self.target.as_deref() else {
            return Vec::new();
        };
        if !self.restarts.is_pending() {
            return Vec::new();
        }
        let restarted = self.restarts.run(target, &self.plans, options, clock);
        let failed = restarted.await.into_iter();
        failed
            .map(|(id, error)| Failure::of(&self.label, id.as_deref(), &error))
            .collect()
    }

    pub(super) fn has_writes(&self) -> bool {
        self.plans.iter().any(Plan::is_write) || self.restarts.is_pending()
    }

    /// Whether anything was written, as far as is known.
    pub(super) fn has_written(&self) -> bool {
        let may_be_written = |plan: &Plan| plan.was_written() || plan.phase == Phase::Unknown;
        self.plans.iter().any(may_be_written) || self.restarts.has_begun()
    }

    /// Whether something that is to happen has not.
    pub(super) fn is_pending(&self) -> bool {
        self.plans.iter().any(Plan::is_pending) || self.restarts.is_pending()
    }

    pub(super) fn report(&self) -> TargetReport {
        let skipped = self.projection.skipped.iter();
        let known = Some(&self.identity).filter(|identity| !identity.place.is_empty());
        TargetReport {
            kind: self.kind,
            label: self.label.clone(),
            place: known.map(|identity| identity.place.clone()),
            is_looked_at: self.is_looked_at,
            actor: self.identity.actor.clone(),
            objects: self.plans.iter().map(Plan::report).collect(),
            restarts: self.restarts.report(),
            skipped: skipped
                .map(|skip| SkippedReport {
                    object: skip.object.clone(),
                    key: skip.key.clone(),
                    reason: skip.reason.clone(),
                })
                .collect(),
        }
    }

    fn seen(&self, place: &Place) -> Option<&Observed> {
        let mut plans = self.plans.iter();
        if let Some(plan) = plans.find(|plan| plan.desired.name == place.object) {
            return plan.seen.as_ref();
        }
        let (_, seen) = self.beside.iter().find(|(other, _)| other == place)?;
        seen.as_ref()
    }

    fn failure(&self, object: Option<&str>, error: &TargetError) -> Failure {
        Failure::of(&self.label, object, error)
    }
}

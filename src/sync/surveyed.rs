//! One target in a run: what it was found to hold, what has to happen there, how far it came.

use futures_util::future::join_all;

use super::engine::{Assignment, Options};
use super::guard::{self, Evidence, Found};
use super::observed::{Content, Observed, Writer};
use super::report::{Failure, KeyReport, ObjectReport, Phase, SkippedReport, TargetReport};
use super::verdict::{Changes, Judgement, Verdict, verdict};
use super::{Fault, Identity, Step, Target, TargetConfig, TargetError, connect};
use crate::chainlink::{Desired, Place, Projection};
use crate::settings::Settings;

/// Objects of one target that are worked on at a time.
const AT_ONCE: usize = 8;

/// One target, looked at.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) kind: &'static str,
    pub(super) label: String,
    pub(super) config: TargetConfig,
    target: Option<Box<dyn Target>>,
    identity: Identity,
    projection: Projection,
    /// One for each object of the projection, once observed.
    plans: Vec<Plan>,
    /// Where the wallet password could be besides.
    beside: Vec<(Place, Option<Observed>)>,
    /// Those of them that could not be read.
    hidden: Vec<Place>,
}

/// What has to happen to one object.
#[derive(Debug)]
struct Plan {
    seen: Option<Observed>,
    judged: Judgement,
    adopts: bool,
    phase: Phase,
    after: Option<String>,
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
            beside: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// A target that the run is not about: it has no objects, only places to look at.
    pub(super) fn witness(mut assignment: Assignment) -> Self {
        assignment.projection.objects.clear();
        assignment.projection.skipped.clear();
        Self::new(assignment)
    }

    /// Reads the places of the wallet password only. What cannot be read tells nothing and stops
    /// nothing here; it is said, since the guard knows less then.
    pub(super) async fn testify(&mut self, settings: &Settings) -> Vec<String> {
        if self.projection.wallet.is_empty() {
            return Vec::new();
        }
        let mut failures = self.identify(settings).await;
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

    /// Names of the objects.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let objects = self.projection.objects.iter();
        objects.map(|object| object.name.as_str())
    }

    /// Connects, learns where it is, and judges what needs no request.
    pub(super) async fn identify(&mut self, settings: &Settings) -> Vec<Failure> {
        let target = match connect(&self.config, settings).await {
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

    /// Reads all objects, and the places of the wallet password besides, and judges them.
    pub(super) async fn observe(&mut self, options: &Options) -> Vec<Failure> {
        let mut names: Vec<String> = self.names().map(str::to_owned).collect();
        let wanted = names.len();
        let places = self.projection.wallet.iter();
        let besides: Vec<Place> = places
            .filter(|place| !names.contains(&place.object))
            .cloned()
            .collect();
        names.extend(besides.iter().map(|place| place.object.clone()));
        let Some(target) = &self.target else {
            return Vec::new();
        };
        let answers = match target.observe(&names).await {
            Ok(answers) if answers.len() == names.len() => answers,
            Ok(_) => {
                let error = TargetError::new(Fault::Unexpected, "answered for other objects");
                return vec![self.failure(None, &error)];
            }
            Err(error) => return vec![self.failure(None, &error)],
        };
        let mut failures = Vec::new();
        let mut answers = answers.into_iter();
        for (object, answer) in self
            .projection
            .objects
            .iter()
            .zip(answers.by_ref().take(wanted))
        {
            match answer {
                Ok(seen) => {
                    let adopts = options.adopt.contains(&object.name);
                    let judged = verdict(object, seen.as_ref(), adopts);
                    self.plans.push(Plan {
                        seen,
                        judged,
                        adopts,
                        phase: Phase::Observed,
                        after: None,
                    });
                }
                Err(error) => failures.push(Failure::of(&self.label, Some(&object.name), &error)),
            }
        }
        if !failures.is_empty() {
            // Plans are matched with objects by position; with a gap they would tell lies.
            self.plans.clear();
        }
        for (place, answer) in besides.into_iter().zip(answers) {
            match answer {
                Ok(seen) => self.beside.push((place, seen)),
                // Nothing is to be written there, so it only tells nothing.
                Err(_) => self.hidden.push(place),
            }
        }
        failures
    }

    /// Objects that may not be written.
    pub(super) fn refusals(&self) -> Vec<Failure> {
        self.each()
            .filter_map(|(object, plan)| {
                let error = plan.judged.verdict.refusal(&object.name)?;
                let mut failure = self.failure(Some(&object.name), &error);
                failure.drift = matches!(plan.judged.verdict, Verdict::Foreign { .. });
                Some(failure)
            })
            .collect()
    }

    /// What was found where the wallet password belongs.
    pub(super) fn evidence(&self) -> Vec<Evidence<'_>> {
        let places = self.projection.wallet.iter();
        let evidence = places.map(|place| {
            let found = if self.hidden.contains(place) {
                Found::Unreadable
            } else {
                guard::find(place, self.seen(place))
            };
            Evidence {
                place: format!("{} {}", self.label, place.object),
                found,
            }
        });
        evidence.collect()
    }

    /// Whether the wallet password is to be here.
    pub(super) fn delivers_wallet(&self) -> bool {
        let mut objects = self.projection.objects.iter();
        objects.any(|object| self.holds_wallet(object))
    }

    /// Asks the target about each write, without writing.
    pub(super) async fn check(&self) -> Vec<Failure> {
        let Some(target) = &self.target else {
            return Vec::new();
        };
        let mut failures = Vec::new();
        let writes: Vec<_> = self.each().filter(|(_, plan)| plan.is_write()).collect();
        for some in writes.chunks(AT_ONCE) {
            let checks = some.iter().map(|(object, plan)| async {
                let step = plan.step(object);
                let error = target.check(&step).await.err()?;
                Some(self.failure(Some(&object.name), &error))
            });
            failures.extend(join_all(checks).await.into_iter().flatten());
        }
        failures
    }

    /// Writes what differs, and reads it back.
    pub(super) async fn apply(&mut self) -> Vec<Failure> {
        let Some(target) = self.target.as_deref() else {
            return Vec::new();
        };
        let places = &self.projection.wallet;
        let holds = |object: &Desired| {
            let mut places = places.iter();
            places.any(|place| place.object == object.name && object.entry(&place.key).is_some())
        };
        let mut failures = Vec::new();
        let all = self.projection.objects.iter().zip(&mut self.plans);
        let mut writes: Vec<_> = all.filter(|(_, plan)| plan.is_write()).collect();
        for some in writes.chunks_mut(AT_ONCE) {
            let label = &self.label;
            let done = some.iter_mut().map(|(object, plan)| async {
                let error = plan.write(target, object, holds(object)).await.err()?;
                Some(Failure::of(label, Some(&object.name), &error))
            });
            failures.extend(join_all(done).await.into_iter().flatten());
        }
        failures
    }

    pub(super) fn has_writes(&self) -> bool {
        self.plans.iter().any(Plan::is_write)
    }

    pub(super) fn has_written(&self) -> bool {
        self.plans.iter().any(|plan| plan.after.is_some())
    }

    /// Whether something that is to be written is not.
    pub(super) fn is_pending(&self) -> bool {
        let mut plans = self.plans.iter();
        plans.any(|plan| plan.is_write() && plan.phase != Phase::Verified)
    }

    pub(super) fn report(&self) -> TargetReport {
        let skipped = self.projection.skipped.iter();
        let known = Some(&self.identity).filter(|identity| !identity.place.is_empty());
        TargetReport {
            kind: self.kind,
            label: self.label.clone(),
            place: known.map(|identity| identity.place.clone()),
            actor: self.identity.actor.clone(),
            objects: self
                .each()
                .map(|(object, plan)| plan.report(object))
                .collect(),
            skipped: skipped
                .map(|skip| SkippedReport {
                    object: skip.object.clone(),
                    key: skip.key.clone(),
                    reason: skip.reason.clone(),
                })
                .collect(),
        }
    }

    fn each(&self) -> impl Iterator<Item = (&Desired, &Plan)> {
        self.projection.objects.iter().zip(&self.plans)
    }

    fn seen(&self, place: &Place) -> Option<&Observed> {
        let planned = self.each().find(|(object, _)| object.name == place.object);
        if let Some((_, plan)) = planned {
            return plan.seen.as_ref();
        }
        let (_, seen) = self.beside.iter().find(|(other, _)| other == place)?;
        seen.as_ref()
    }

    fn holds_wallet(&self, object: &Desired) -> bool {
        let mut places = self.projection.wallet.iter();
        places.any(|place| place.object == object.name && object.entry(&place.key).is_some())
    }

    fn failure(&self, object: Option<&str>, error: &TargetError) -> Failure {
        Failure::of(&self.label, object, error)
    }
}

impl Plan {
    fn is_write(&self) -> bool {
        self.judged.verdict.is_write()
    }

    fn step<'a>(&'a self, desired: &'a Desired) -> Step<'a> {
        Step {
            desired,
            seen: self.seen.as_ref(),
            changes: &self.judged.changes,
            adopts: self.adopts,
        }
    }

    async fn write(
        &mut self,
        target: &dyn Target,
        desired: &Desired,
        holds_wallet: bool,
    ) -> Result<(), TargetError> {
        self.phase = Phase::Failed;
        let written = match target.apply(&self.step(desired)).await {
            Ok(written) => written,
            Err(error) if error.fault == Fault::Conflict => {
                self.look_again(target, desired).await?;
                if let Some(refusal) = self.judged.verdict.refusal(&desired.name) {
                    return Err(refusal);
                }
                if !self.is_write() {
                    // Our own write, whose answer was lost, or the same by somebody else.
                    self.phase = Phase::Verified;
                    return Ok(());
                }
                if holds_wallet {
                    // What the guard has compared is no longer there.
                    return Err(error);
                }
                target.apply(&self.step(desired)).await?
            }
            Err(error) => return Err(error),
        };
        self.after = Some(written.version);
        let now = one(target, &desired.name).await?;
        if verdict(desired, now.as_ref(), false).verdict != Verdict::InSync {
            return Err(TargetError::new(
                Fault::Conflict,
                "was written, but what is there now differs; somebody else wrote too",
            )
            .hint("run the command again"));
        }
        self.phase = Phase::Verified;
        Ok(())
    }

    async fn look_again(
        &mut self,
        target: &dyn Target,
        desired: &Desired,
    ) -> Result<(), TargetError> {
        self.seen = one(target, &desired.name).await?;
        self.judged = verdict(desired, self.seen.as_ref(), self.adopts);
        Ok(())
    }

    fn report(&self, desired: &Desired) -> ObjectReport {
        let Changes {
            added,
            changed,
            kept,
            foreign,
            ..
        } = &self.judged.changes;
        let lists = [
            ("added", added),
            ("changed", changed),
            ("kept", kept),
            ("foreign", foreign),
        ];
        let keys = lists.into_iter().flat_map(|(op, names)| {
            names.iter().map(move |name| KeyReport {
                name: name.clone(),
                op,
            })
        });
        let mut sources: Vec<String> = Vec::new();
        for source in desired.entries.iter().flat_map(|entry| &entry.sources) {
            if !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        let version = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        ObjectReport {
            name: desired.name.clone(),
            op: self.judged.verdict.word(),
            phase: self.phase,
            keys: keys.collect(),
            sources,
            owners: self.seen.as_ref().map(owners).unwrap_or_default(),
            before: self.seen.as_ref().and_then(|seen| version(&seen.version)),
            after: self.after.as_ref().and_then(version),
        }
    }
}

/// Everybody who wrote a part of an object.
fn owners(seen: &Observed) -> Vec<String> {
    let writers: Vec<&Writer> = match &seen.content {
        Content::Data(items) => items.iter().map(|item| &item.writer).collect(),
        Content::Text { writer, .. } => vec![writer],
    };
    let mut owners: Vec<String> = Vec::new();
    for writer in writers {
        let us = writer.is_us.then(|| "clsecrets".to_owned());
        for name in us.into_iter().chain(writer.others.iter().cloned()) {
            if !owners.contains(&name) {
                owners.push(name);
            }
        }
    }
    owners
}

/// One object, read again.
async fn one(target: &dyn Target, name: &str) -> Result<Option<Observed>, TargetError> {
    let names = [name.to_owned()];
    match target.observe(&names).await?.pop() {
        Some(answer) => answer,
        None => Ok(None),
    }
}

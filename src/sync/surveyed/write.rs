//! Writing one target: what was begun is finished, what is cut off is not known, what was not begun is
//! counted.

use super::Surveyed;
use crate::chainlink::Place;
use crate::sync::options::Options;
use crate::sync::pace::bounded;
use crate::sync::patience::Clock;
use crate::sync::plan::Plan;
use crate::sync::report::{Failure, Phase};
use crate::sync::{Fault, TargetError};

/// What came of one object that was to be written.
enum Wrote {
    All,
    /// It was not begun; why.
    Nothing(&'static str),
    Failed(String, TargetError),
}

/// What was found where something was written.
pub(in crate::sync) struct Found {
    pub(in crate::sync) failures: Vec<Failure>,
    /// What arrived without an answer: target and object.
    pub(in crate::sync) arrived: Vec<(String, String)>,
}

impl Surveyed {
    /// Writes what differs; when the time is over, what was not begun is left.
    pub(in crate::sync) async fn write(
        &mut self,
        options: &Options,
        clock: &Clock,
    ) -> Vec<Failure> {
        let Some(target) = self.target.as_deref() else {
            return Vec::new();
        };
        let label = &self.label;
        let guarded: &[Place] = if options.replace_wallet {
            &[]
        } else {
            &self.projection.wallet
        };
        let writes = self.plans.iter_mut().filter(|plan| plan.is_write());
        let progress = &options.progress;
        let writes = writes.map(|plan| async {
            let _turn = options.links.writes.acquire().await;
            if let Some(why) = clock.is_over() {
                return Wrote::Nothing(why);
            }
            let written = clock.finish(plan.write(target, guarded)).await;
            progress.advance();
            match written {
                Ok(Ok(())) => Wrote::All,
                Ok(Err(error)) => Wrote::Failed(plan.desired.name.clone(), error),
                Err(late) => {
                    // It was under way: whether it arrives, nobody knows.
                    plan.phase = Phase::Unknown;
                    Wrote::Failed(plan.desired.name.clone(), late.of_write())
                }
            }
        });
        let writes: Vec<_> = writes.collect();
        progress.expect(writes.len());
        let mut failures = Vec::new();
        let mut left: Option<(usize, &'static str)> = None;
        for wrote in bounded(target.width(), writes).await {
            match wrote {
                Wrote::All => {}
                Wrote::Nothing(why) => left = Some((left.map_or(1, |(count, _)| count + 1), why)),
                Wrote::Failed(name, error) => {
                    failures.push(Failure::of(label, Some(&name), &error));
                }
            }
        }
        if let Some((count, why)) = left {
            let what = if count == 1 {
                "object was"
            } else {
                "objects were"
            };
            let reason = format!("{count} {what} not begun: {why}");
            let error = TargetError::new(Fault::Unreachable, reason).hint("run the command again");
            failures.push(Failure::of(label, None, &error));
        }
        failures
    }

    /// Reads back what was written, and looks for what was sent and never answered.
    pub(in crate::sync) async fn read_back(&mut self, clock: &Clock) -> Found {
        let label = self.label.clone();
        let verified = clock.look_back(self.verify()).await;
        let failures = verified.unwrap_or_else(|late| vec![Failure::of(&label, None, &late)]);
        let arrived = clock.look_back(self.find_out()).await.unwrap_or_default();
        let arrived = arrived.into_iter().map(|object| (label.clone(), object));
        Found {
            failures,
            arrived: arrived.collect(),
        }
    }

    /// Reads back what was written, in as few requests as the target allows.
    async fn verify(&mut self) -> Vec<Failure> {
        let Some(target) = self.target.as_deref() else {
            return Vec::new();
        };
        let is_written = |plan: &&mut Plan| plan.phase == Phase::Written;
        let mut plans: Vec<&mut Plan> = self.plans.iter_mut().filter(is_written).collect();
        if plans.is_empty() {
            return Vec::new();
        }
        let names: Vec<String> = plans.iter().map(|p| p.desired.name.clone()).collect();
        let answers = match target.observe(&names).await {
            Ok(answers) => answers,
            Err(error) => return vec![Failure::of(&self.label, None, &error)],
        };
        let judged = plans.iter_mut().zip(answers).filter_map(|(plan, answer)| {
            let error = answer.and_then(|now| plan.verify(now)).err()?;
            Some(Failure::of(&self.label, Some(&plan.desired.name), &error))
        });
        judged.collect()
    }
}

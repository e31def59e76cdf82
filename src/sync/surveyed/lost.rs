//! Writes that nobody answered: what can still be found out about them.

use super::Surveyed;
use crate::sync::plan::Plan;
use crate::sync::report::Phase;

impl Surveyed {
    /// Looks at what was sent and never answered; what turns out to have arrived.
    pub(super) async fn find_out(&mut self) -> Vec<String> {
        let Some(target) = self.target.as_deref() else {
            return Vec::new();
        };
        let is_unknown = |plan: &&mut Plan| plan.phase == Phase::Unknown;
        let plans: Vec<&mut Plan> = self.plans.iter_mut().filter(is_unknown).collect();
        if plans.is_empty() {
            return Vec::new();
        }
        let names: Vec<String> = plans.iter().map(|p| p.desired.name.clone()).collect();
        let Ok(answers) = target.observe(&names).await else {
            return Vec::new();
        };
        let looked = plans.into_iter().zip(answers);
        let arrived = looked.filter_map(|(plan, answer)| {
            let is_done = plan.find_out(answer.ok()?);
            is_done.then(|| plan.desired.name.clone())
        });
        arrived.collect()
    }
}

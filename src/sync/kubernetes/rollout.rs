//! How far a workload came since it was changed, as its controller tells.

use serde::Deserialize;

use super::refusal::word;
use crate::sync::restart::Rollout;

/// As much of a workload as tells how far it came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct State {
    kind: String,
    metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    generation: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: Option<i64>,
    paused: bool,
    update_strategy: Strategy,
    selector: Selector,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Strategy {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Selector {
    match_labels: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    available_replicas: i64,
    ready_replicas: i64,
    current_revision: String,
    update_revision: String,
    conditions: Vec<Condition>,
    desired_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_available: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

impl State {
    pub(super) fn rollout(&self) -> Rollout {
        let Self { spec, status, .. } = self;
        if spec.paused {
            return Rollout::Failed("it is paused".to_owned());
        }
        if spec.update_strategy.kind == "OnDelete" {
            return Rollout::Failed("its pods restart only when they are deleted".to_owned());
        }
        if status.observed_generation < self.metadata.generation {
            return Rollout::Progressing("its controller has not seen the change".to_owned());
        }
        let failed = status.conditions.iter().find(|condition| {
            let is_stuck = condition.kind == "Progressing" && condition.status == "False";
            is_stuck || (condition.kind == "ReplicaFailure" && condition.status == "True")
        });
        if let Some(condition) = failed {
            let reason = word(&condition.reason);
            return Rollout::Failed(format!("its controller gave up ({reason})"));
        }
        let (wanted, updated, ready, all) = match self.kind.as_str() {
            "DaemonSet" => (
                status.desired_number_scheduled,
                status.updated_number_scheduled,
                status.number_available,
                status.desired_number_scheduled,
            ),
            "StatefulSet" => {
                let is_done = status.current_revision == status.update_revision;
                let wanted = spec.replicas.unwrap_or(1);
                let updated = if is_done {
                    wanted
                } else {
                    status.updated_replicas
                };
                (wanted, updated, status.ready_replicas, wanted)
            }
            _ => (
                spec.replicas.unwrap_or(1),
                status.updated_replicas,
                status.available_replicas,
                status.replicas,
            ),
        };
        if updated >= wanted && ready >= wanted && all <= updated {
            return Rollout::Complete;
        }
        Rollout::Progressing(format!(
            "{updated} of {wanted} pods are new, {ready} are ready"
        ))
    }

    /// What its pods are known by.
    pub(super) fn selector(&self) -> Option<String> {
        let labels = self.spec.selector.match_labels.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        (!labels.is_empty()).then(|| labels.join(","))
    }
}

/// Why the first waiting container of a list of pods waits.
pub(super) fn waiting(list: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct List {
        items: Vec<Pod>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Pod {
        status: PodStatus,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct PodStatus {
        container_statuses: Vec<Container>,
        init_container_statuses: Vec<Container>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Container {
        state: ContainerState,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct ContainerState {
        waiting: Option<Waiting>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Waiting {
        reason: String,
    }
    let list: List = serde_json::from_slice(list).ok()?;
    let pods = list.items.into_iter().flat_map(|pod| {
        let PodStatus {
            container_statuses,
            init_container_statuses,
        } = pod.status;
        container_statuses
            .into_iter()
            .chain(init_container_statuses)
    });
    let mut reasons = pods.filter_map(|container| Some(word(&container.state.waiting?.reason)));
    // A container that is only being made waits as well, and that is no reason.
    reasons.find(|reason| !["", "ContainerCreating", "PodInitializing"].contains(&reason.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rollout(kind: &str, spec: impl Into<Value>, status: impl Into<Value>) -> Rollout {
        let (spec, status): (Value, Value) = (spec.into(), status.into());
        let state =
            json!({"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status});
        serde_json::from_value::<State>(state).unwrap().rollout()
    }

    #[test]
    fn a_deployment_is_complete_when_all_pods_are_new_and_available() {
        let spec = || json!({"replicas": 2});
        let status = |observed: i64, all: i64, updated: i64, available: i64| json!({"observedGeneration": observed, "replicas": all, "updatedReplicas": updated, "availableReplicas": available});
        let told = |status| rollout("Deployment", spec(), status);
        assert_eq!(told(status(2, 2, 2, 2)), Rollout::Complete);
        for status in [
            status(1, 2, 2, 2),
            status(2, 3, 2, 2),
            status(2, 2, 1, 2),
            status(2, 2, 2, 1),
        ] {
            assert!(matches!(told(status), Rollout::Progressing(_)));
        }
        let stuck = json!({"observedGeneration": 2, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]});
        assert_eq!(
            told(stuck),
            Rollout::Failed("its controller gave up (ProgressDeadlineExceeded)".to_owned())
        );
        let paused = rollout("Deployment", json!({"paused": true}), json!({}));
        assert!(matches!(paused, Rollout::Failed(_)));
    }

    #[test]
    fn a_stateful_set_is_complete_when_its_revision_is_the_new_one() {
        let told = |current: &str, ready: i64| {
            let status = json!({"observedGeneration": 2, "currentRevision": current, "updateRevision": "b",
                "updatedReplicas": 0, "readyReplicas": ready});
            rollout("StatefulSet", json!({"replicas": 1}), status)
        };
        assert_eq!(told("b", 1), Rollout::Complete);
        assert!(matches!(told("a", 1), Rollout::Progressing(_)));
        assert!(matches!(told("b", 0), Rollout::Progressing(_)));
        let by_hand = rollout(
            "StatefulSet",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            json!({}),
        );
        assert!(matches!(by_hand, Rollout::Failed(_)));
    }

    #[test]
    fn a_pod_says_why_it_waits_in_one_word() {
        let list = json!({"items": [{"status": {"containerStatuses": [
            {"state": {"running": {}}}, {"state": {"waiting": {"reason": "ContainerCreating"}}},
            {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "canary"}}}]}}]});
        assert_eq!(
            waiting(list.to_string().as_bytes()).as_deref(),
            Some("CrashLoopBackOff")
        );
    }
}

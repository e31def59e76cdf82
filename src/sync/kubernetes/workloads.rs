//! Workloads: which mount or refer to a secret, and how they are started anew.
//!
//! Only an annotation of the pod template is written, by a merge: what others say about the
//! workload stays theirs.

use serde::Deserialize;

use super::read::PageMeta;
use super::rollout::State;
use super::{Answer, Kubernetes, Subject, Verb};
use crate::keys::Task;
use crate::sync::restart::{Rollout, Workload, Workloads};
use crate::sync::{Fault, TargetError, printable};

/// Where the versions stand that a workload was started with.
const REVISION: &str = "clsecrets.dev/revision";

/// Workloads of one page.
const PAGE: usize = 100;

/// Kinds of workloads: as people write them, and as the API does.
const KINDS: [(&str, &str); 3] = [
    ("deployment", "deployments"),
    ("statefulset", "statefulsets"),
    ("daemonset", "daemonsets"),
];

impl Workloads for Kubernetes {
    fn find<'a>(
        &'a self,
        ids: &'a [String],
    ) -> Task<'a, (Vec<Workload>, Vec<&'static str>), TargetError> {
        Box::pin(async move {
            let mut found = Vec::new();
            for id in ids {
                let (kind, name) = parts(id)?;
                let stored: Stored = self.load(id).await?;
                found.push(stored.workload(kind, name));
            }
            let mut unlisted = Vec::new();
            for (kind, resource) in KINDS {
                if !ids.is_empty() {
                    break;
                }
                match self.of_kind(kind, resource).await? {
                    Some(all) => found.extend(all),
                    None => unlisted.push(resource),
                }
            }
            Ok((found, unlisted))
        })
    }

    fn permit<'a>(&'a self, ids: &'a [String]) -> Task<'a, (), TargetError> {
        Box::pin(async move {
            for id in ids {
                let (kind, name) = parts(id)?;
                let subject = Subject { kind, name };
                let asked = self.ask("apps", resource(kind), subject, "patch").await;
                asked.map_err(|error| {
                    let hint = error.hint.clone().unwrap_or_default();
                    error.hint(format!(
                        "{hint}; or restart it yourself and add --no-restart"
                    ))
                })?;
            }
            Ok(())
        })
    }

    fn restart<'a>(&'a self, id: &'a str, revision: &'a str) -> Task<'a, (), TargetError> {
        Box::pin(async move {
            let (kind, name) = parts(id)?;
            let path = format!(
                "{}?fieldManager={}",
                self.apps(resource(kind), name),
                self.manager
            );
            let body = serde_json::json!({
                "spec": {"template": {"metadata": {"annotations": {REVISION: revision}}}}
            });
            let body = body.to_string();
            match self
                .client
                .send(Verb::Merge, &path, Some(body.as_bytes()))
                .await?
            {
                Answer::Done(_) => Ok(()),
                Answer::Refused(refusal) => {
                    Err(refusal.explain(&self.config, Subject { kind, name }, "patch"))
                }
            }
        })
    }

    fn rollout<'a>(&'a self, id: &'a str) -> Task<'a, Rollout, TargetError> {
        Box::pin(async move {
            let state: State = self.load(id).await?;
            let rollout = state.rollout();
            let (Rollout::Progressing(how_far), Some(selector)) = (&rollout, state.selector())
            else {
                return Ok(rollout);
            };
            // A pod that cannot start says why; who may not see pods waits without the reason.
            let reason = self.waiting(&selector).await;
            Ok(Rollout::Progressing(match reason {
                Some(reason) => format!("{how_far} ({reason})"),
                None => how_far.clone(),
            }))
        })
    }
}

impl Kubernetes {
    /// All workloads of a kind, page by page; `None` where the caller may not list them.
    async fn of_kind(
        &self,
        kind: &'static str,
        resource: &str,
    ) -> Result<Option<Vec<Workload>>, TargetError> {
        let first = format!("{}?limit={PAGE}", self.apps(resource, ""));
        let mut path = first.clone();
        let mut found = Vec::new();
        loop {
            let list: List = match self.client.send(Verb::Get, &path, None).await? {
                Answer::Done(body) => serde_json::from_slice(&body).map_err(|_| strange(kind))?,
                Answer::Refused(refusal) if refusal.status == 403 => return Ok(None),
                Answer::Refused(refusal) => {
                    let subject = Subject { kind, name: "" };
                    return Err(refusal.explain(&self.config, subject, "list"));
                }
            };
            found.extend(list.items.into_iter().map(|stored| {
                let name = stored.metadata.name.clone();
                stored.workload(kind, &name)
            }));
            match list.metadata.after(&first) {
                Some(next) => path = next,
                None => return Ok(Some(found)),
            }
        }
    }

    async fn load<T: for<'de> Deserialize<'de>>(&self, id: &str) -> Result<T, TargetError> {
        let (kind, name) = parts(id)?;
        let path = self.apps(resource(kind), name);
        match self.client.send(Verb::Get, &path, None).await? {
            Answer::Done(body) => serde_json::from_slice(&body).map_err(|_| strange(kind)),
            Answer::Refused(refusal) => {
                Err(refusal.explain(&self.config, Subject { kind, name }, "get"))
            }
        }
    }

    /// Why a pod of a workload waits, in the cluster's one word for it.
    async fn waiting(&self, selector: &str) -> Option<String> {
        let selector: String = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let path = format!(
            "/api/v1/namespaces/{}/pods?limit=50&labelSelector={selector}",
            self.config.namespace
        );
        match self.client.send(Verb::Get, &path, None).await.ok()? {
            Answer::Done(body) => super::rollout::waiting(&body),
            Answer::Refused(_) => None,
        }
    }

    fn apps(&self, resource: &str, name: &str) -> String {
        let namespace = &self.config.namespace;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{resource}/{name}");
        path.trim_end_matches('/').to_owned()
    }
}

/// Kind and name of an id.
fn parts(id: &str) -> Result<(&'static str, &str), TargetError> {
    let wrong = || {
        TargetError::new(
            Fault::Configuration,
            format!("{id} is not a workload that can be restarted"),
        )
        .hint("write it as statefulset/NAME, deployment/NAME or daemonset/NAME in clsecrets.yaml")
    };
    let (kind, name) = id.split_once('/').ok_or_else(wrong)?;
    let known = KINDS.iter().find(|(word, _)| *word == kind);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    match known {
        Some((kind, _)) if !name.is_empty() && name.chars().all(is_name) => Ok((kind, name)),
        _ => Err(wrong()),
    }
}

fn resource(kind: &str) -> &'static str {
    let known = KINDS.iter().find(|(word, _)| *word == kind);
    known.map_or("", |(_, resource)| resource)
}

fn strange(kind: &str) -> TargetError {
    TargetError::new(
        Fault::Unexpected,
        format!("the server answered with something that is no {kind}"),
    )
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: PageMeta,
    items: Vec<Stored>,
}

/// As much of a workload as tells which secrets it uses.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Stored {
    metadata: Meta,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    name: String,
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    template: Template,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: Meta,
    spec: PodSpec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    volumes: Vec<Volume>,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Volume {
    secret: Option<SecretVolume>,
    projected: Option<Projected>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SecretVolume {
    secret_name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Vec<ProjectedSource>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProjectedSource {
    secret: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    env_from: Vec<EnvFrom>,
    env: Vec<Env>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EnvFrom {
    secret_ref: Option<Named>,
}

/// Its value is not read: it can be a secret in clear.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Env {
    name: String,
    value_from: Option<ValueFrom>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ValueFrom {
    secret_key_ref: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

impl Stored {
    fn workload(self, kind: &str, name: &str) -> Workload {
        let Template { mut metadata, spec } = self.spec.template;
        let mut uses: Vec<String> = Vec::new();
        for volume in spec.volumes {
            uses.extend(volume.secret.map(|secret| secret.secret_name));
            let sources = volume.projected.map(|projected| projected.sources);
            let sources = sources.unwrap_or_default().into_iter();
            uses.extend(sources.filter_map(|source| Some(source.secret?.name)));
        }
        let mut sets = Vec::new();
        for container in spec.containers.into_iter().chain(spec.init_containers) {
            let all = container.env_from.into_iter();
            uses.extend(all.filter_map(|from| Some(from.secret_ref?.name)));
            sets.extend(container.env.iter().map(|env| printable(&env.name)));
            let some = container.env.into_iter();
            uses.extend(some.filter_map(|env| Some(env.value_from?.secret_key_ref?.name)));
        }
        uses.sort();
        uses.dedup();
        Workload {
            id: format!("{kind}/{name}"),
            uses,
            revision: metadata.annotations.remove(REVISION),
            sets,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workload_uses_what_it_mounts_and_what_it_refers_to() {
        let stored: Stored = serde_json::from_value(json!({
            "metadata": {"name": "chainlink"},
            "spec": {"template": {
                "metadata": {"annotations": {REVISION: "2026-11-25T10:00:00Z a=1"}},
                "spec": {
                    "volumes": [
                        {"secret": {"secretName": "mounted"}},
                        {"projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "x"}}]}},
                        {"emptyDir": {}},
                    ],
                    "containers": [{
                        "env": [{"name": "A", "value": "x"}, {"valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
                        "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": "y"}}],
                    }],
                    "initContainers": [{"envFrom": [{"secretRef": {"name": "all"}}]}],
                },
            }},
        }))
        .unwrap();
        let workload = stored.workload("statefulset", "chainlink");
        assert_eq!(workload.id, "statefulset/chainlink");
        assert_eq!(workload.sets, ["A", ""]);
        assert_eq!(workload.uses, ["all", "key", "mounted", "projected"]);
        assert_eq!(
            workload.revision.as_deref(),
            Some("2026-11-25T10:00:00Z a=1")
        );
    }

    #[test]
    fn a_workload_is_named_by_kind_and_name() {
        assert_eq!(parts("deployment/a-b").unwrap(), ("deployment", "a-b"));
        for id in [
            "",
            "a",
            "pod/a",
            "deployment/",
            "deployment/../secrets",
            "deployment/A",
        ] {
            assert!(parts(id).is_err(), "{id}");
        }
    }
}

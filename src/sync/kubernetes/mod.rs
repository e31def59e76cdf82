//! A namespace of a cluster: secrets, by server-side apply.
//!
//! Applies `data` only, never a label or an annotation, as the field manager of the environment;
//! `force` only where the operator adopts. A write carries the resourceVersion that was observed,
//! so that a change in between is a conflict. What we once applied and no longer desire is applied
//! again as it is, because an omitted key would be removed.

mod client;
mod connect;
mod owners;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Secret as Stored;
use zeroize::{Zeroize, Zeroizing};

use super::limits::admit_data;
use super::observed::{Content, Item, Observed};
use super::{
    Fault, Identity, KubernetesConfig, Step, Target, TargetConfig, TargetError, TargetKind, Written,
};
use crate::chainlink::Desired;
use crate::keys::Task;
use crate::secret::SecretBytes;
use crate::settings::Settings;

use client::{Answer, Client, Verb};

/// The kind's entry in [`super::TARGET_KINDS`].
pub(super) const KIND: TargetKind = TargetKind {
    name: "kubernetes",
    connect,
};

/// Requests at a time.
const AT_ONCE: usize = 8;

#[derive(Debug)]
struct Kubernetes {
    config: KubernetesConfig,
    server: String,
    client: Client,
}

fn connect<'a>(
    config: &'a TargetConfig,
    settings: &'a Settings,
) -> Task<'a, Box<dyn Target>, TargetError> {
    Box::pin(async move {
        let TargetConfig::Kubernetes(config) = config else {
            return Err(TargetError::new(Fault::Configuration, "no cluster"));
        };
        let (client, server) = connect::connect(config, settings).await?;
        Ok(Box::new(Kubernetes {
            config: config.clone(),
            server,
            client,
        }) as Box<dyn Target>)
    })
}

impl Target for Kubernetes {
    fn label(&self) -> String {
        TargetConfig::Kubernetes(self.config.clone()).label()
    }

    fn identify(&self) -> Task<'_, Identity, TargetError> {
        Box::pin(async move {
            Ok(Identity {
                place: format!("{} namespace {}", self.server, self.config.namespace),
                actor: Some(self.config.field_manager.clone()),
            })
        })
    }

    fn admit(&self, desired: &Desired) -> Result<(), TargetError> {
        admit_data(desired)
    }

    fn observe<'a>(
        &'a self,
        names: &'a [String],
    ) -> Task<'a, Vec<Result<Option<Observed>, TargetError>>, TargetError> {
        Box::pin(async move {
            let mut seen = Vec::with_capacity(names.len());
            for some in names.chunks(AT_ONCE) {
                seen.extend(join_all(some.iter().map(|name| self.look(name))).await);
            }
            // A cluster that is not reached is one fault, not one for each object.
            let is_reached = |fault| matches!(fault, Fault::Unreachable);
            match seen.iter().find_map(|answer| answer.as_ref().err()) {
                Some(error) if is_reached(error.fault) => Err(error.clone()),
                _ => Ok(seen),
            }
        })
    }

    fn check<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, (), TargetError> {
        Box::pin(async move { self.patch(step, true).await.map(drop) })
    }

    fn apply<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, Written, TargetError> {
        Box::pin(async move { self.patch(step, false).await })
    }
}

impl Kubernetes {
    async fn look(&self, name: &str) -> Result<Option<Observed>, TargetError> {
        let path = self.path(name);
        match self.client.send(Verb::Get, &path, None).await? {
            Answer::Done(body) => {
                let stored = serde_json::from_slice(&body).map_err(|_| unreadable())?;
                Ok(Some(self.observed(stored)))
            }
            Answer::Refused(refusal) if refusal.status == 404 => Ok(None),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, name, "get")),
        }
    }

    fn observed(&self, stored: Stored) -> Observed {
        let metadata = stored.metadata;
        let fields = metadata.managed_fields.unwrap_or_default();
        let mut owners = owners::of_data(&fields, &self.config.field_manager);
        let items = stored.data.unwrap_or_default().into_iter();
        let items = items.map(|(key, value)| Item {
            writer: owners.remove(&key).unwrap_or_default(),
            key,
            value: SecretBytes::new(value.0),
        });
        let blocked = if metadata.deletion_timestamp.is_some() {
            Some("is being deleted; wait until it is gone")
        } else if stored.immutable == Some(true) {
            Some("is immutable; it would have to be deleted and made anew")
        } else {
            None
        };
        Observed {
            content: Content::Data(items.collect()),
            version: metadata.resource_version.unwrap_or_default(),
            blocked: blocked.map(|reason| TargetError::new(Fault::Refused, reason)),
        }
    }

    async fn patch(&self, step: &Step<'_>, is_dry: bool) -> Result<Written, TargetError> {
        let name = &step.desired.name;
        let mut path = format!(
            "{}?fieldManager={}&force={}",
            self.path(name),
            self.config.field_manager,
            step.adopts
        );
        if is_dry {
            path.push_str("&dryRun=All");
        }
        let body = self.manifest(step);
        match self.client.send(Verb::Apply, &path, Some(&body)).await? {
            Answer::Done(body) => {
                let written: Metadata = serde_json::from_slice(&body).map_err(|_| unreadable())?;
                Ok(Written {
                    version: written.metadata.resource_version,
                })
            }
            Answer::Refused(refusal) => {
                let verb = if step.seen.is_some() {
                    "patch"
                } else {
                    "create"
                };
                Err(refusal.explain(&self.config, name, verb))
            }
        }
    }

    /// What is applied: what is desired, but for equal keys of others, and what we keep.
    fn manifest(&self, step: &Step<'_>) -> Zeroizing<Vec<u8>> {
        let desired = step.desired.entries.iter();
        let mut data: BTreeMap<&str, &SecretBytes> = desired
            .filter(|entry| step.adopts || !step.changes.equal_of_others.contains(&entry.key))
            .map(|entry| (entry.key.as_str(), &entry.value))
            .collect();
        if let Some(Content::Data(items)) = step.seen.map(|seen| &seen.content) {
            let kept = items
                .iter()
                .filter(|item| step.changes.kept.contains(&item.key));
            data.extend(kept.map(|item| (item.key.as_str(), &item.value)));
        }
        let room: usize = data
            .iter()
            .map(|(key, value)| key.len() + 2 * value.len() + 16)
            .sum();
        let mut body = Zeroizing::new(String::with_capacity(room + 1024));
        // Names, keys and versions are of alphabets that need no escape.
        body.push_str(r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":""#);
        body.push_str(&step.desired.name);
        body.push_str(r#"","namespace":""#);
        body.push_str(&self.config.namespace);
        if let Some(seen) = step.seen {
            body.push_str(r#"","resourceVersion":""#);
            body.push_str(&seen.version);
        }
        body.push_str(r#""},"data":{"#);
        for (at, (key, value)) in data.into_iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push('"');
            body.push_str(key);
            body.push_str("\":\"");
            STANDARD.encode_string(value.expose(), &mut body);
            body.push('"');
        }
        body.push_str("}}");
        let bytes = Zeroizing::new(body.as_bytes().to_vec());
        body.zeroize();
        bytes
    }

    fn path(&self, name: &str) -> String {
        format!(
            "/api/v1/namespaces/{}/secrets/{name}",
            self.config.namespace
        )
    }
}

/// As much of an answer to a write as is read: it holds no data.
#[derive(serde::Deserialize)]
struct Metadata {
    metadata: ObjectMeta,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectMeta {
    /// A dry run that would create has none.
    #[serde(default)]
    resource_version: String,
}

fn unreadable() -> TargetError {
    TargetError::new(
        Fault::Unexpected,
        "the server answered with something that is no secret",
    )
}

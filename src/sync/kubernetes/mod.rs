//! A namespace of a cluster: secrets, by server-side apply.
//!
//! Applies `data` only, never a label or an annotation, as the field manager of the environment;
//! `force` only where the operator adopts. A write carries the resourceVersion that was observed,
//! so that a change in between is a conflict. What we once applied and no longer desire is applied
//! again as it is, because an omitted key would be removed.

mod client;
mod connect;
mod keepers;
mod kubeconfig;
mod login;
mod owners;
mod plugin;
mod proxy;
mod read;
mod refusal;
mod rename;
mod replace;
mod rollout;
mod wire;
mod workloads;
mod write;

use super::limits::admit_data;
use super::observed::Observed;
use super::restart::Workloads;
use super::verdict::Verdict;
use super::{
    Fault, Identity, KubernetesConfig, Links, Step, Target, TargetConfig, TargetError, TargetKind,
    Written, secret_type,
};
use crate::chainlink::Desired;
use crate::keys::Task;
use crate::settings::Settings;

use client::{Answer, Client, Verb};
pub(super) use connect::Clusters;
use refusal::{Subject, denied};

/// The kind's entry in [`super::TARGET_KINDS`].
pub(super) const KIND: TargetKind = TargetKind {
    name: "kubernetes",
    connect,
};

/// The type of every secret that we make.
const OPAQUE: &str = "Opaque";

#[derive(Debug)]
struct Kubernetes {
    config: KubernetesConfig,
    /// Who we are in `managedFields`.
    manager: String,
    client: Client,
}

fn connect<'a>(
    config: &'a TargetConfig,
    settings: &'a Settings,
    links: &'a Links,
) -> Task<'a, Box<dyn Target>, TargetError> {
    Box::pin(async move {
        let TargetConfig::Kubernetes(config) = config else {
            return Err(TargetError::new(Fault::Configuration, "no cluster"));
        };
        Ok(Box::new(Kubernetes {
            manager: config.owner.manager(),
            config: config.clone(),
            client: links.clusters.connect(config, settings).await?,
        }) as Box<dyn Target>)
    })
}

impl Target for Kubernetes {
    fn label(&self) -> String {
        TargetConfig::Kubernetes(self.config.clone()).label()
    }

    fn identify(&self) -> Task<'_, Identity, TargetError> {
        Box::pin(async move {
            let Self {
                config,
                manager,
                client,
            } = self;
            let server = &client.connection.server;
            let name = client.connection.user.get_or_init(|| Box::pin(self.user()));
            let name = name.await.clone()?;
            Ok(Identity {
                place: format!("{server} namespace {}", config.namespace),
                actor: Some(match name.as_str() {
                    "" => manager.clone(),
                    name => format!("{name} as {manager}"),
                }),
            })
        })
    }

    fn admit(&self, desired: &Desired) -> Result<(), TargetError> {
        admit_data(desired)?;
        secret_type::admit(desired)
    }

    fn observe<'a>(
        &'a self,
        names: &'a [String],
    ) -> Task<'a, Vec<Result<Option<Observed>, TargetError>>, TargetError> {
        Box::pin(async move { self.read(names).await })
    }

    fn ours(&self) -> Task<'_, Option<Vec<String>>, TargetError> {
        Box::pin(async move { self.list_ours().await })
    }

    fn permit<'a>(&'a self, steps: &'a [Step<'a>]) -> Task<'a, (), TargetError> {
        Box::pin(async move {
            // Whether something may be made cannot depend on its name; a dry run asks for the rest.
            let makes =
                |step: &&Step<'_>| matches!(step.verdict, Verdict::Create | Verdict::Replace);
            if let Some(step) = steps.iter().find(makes) {
                let subject = secret(&step.desired.name);
                self.ask("", "secrets", subject, "create").await?;
                self.ask("", "secrets", subject, "patch").await?;
            }
            let goes =
                |step: &&Step<'_>| matches!(step.verdict, Verdict::Remove | Verdict::Replace);
            for step in steps.iter().filter(goes) {
                let name = step.desired.name.as_str();
                self.ask("", "secrets", secret(name), "delete").await?;
                if *step.verdict == Verdict::Replace {
                    let copy = replace::copy_of(name);
                    self.ask("", "secrets", secret(&copy), "patch").await?;
                    self.ask("", "secrets", secret(&copy), "delete").await?;
                }
            }
            Ok(())
        })
    }

    fn check<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, (), TargetError> {
        Box::pin(async move { self.rehearse(step).await })
    }

    fn apply<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, Written, TargetError> {
        Box::pin(async move { self.write(step).await })
    }

    fn workloads(&self) -> Option<&dyn Workloads> {
        Some(self)
    }
}

impl Kubernetes {
    /// Whom the cluster takes us for; empty if it does not tell.
    async fn user(&self) -> Result<String, TargetError> {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Review {
            status: Status,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Status {
            #[serde(rename = "userInfo")]
            user: User,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct User {
            username: String,
        }
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let body = br#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;
        let review: Review = match self.client.send(Verb::Ask, path, Some(body)).await? {
            Answer::Done(body) => serde_json::from_slice(&body).unwrap_or_default(),
            // Not every cluster tells, and nothing depends on it.
            Answer::Refused(_) => Review::default(),
        };
        Ok(super::printable(&review.status.user.username))
    }

    /// Asks whether the caller may do something; a cluster that does not tell forbids nothing.
    async fn ask(
        &self,
        group: &str,
        resource: &str,
        subject: Subject<'_>,
        verb: &str,
    ) -> Result<(), TargetError> {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Review {
            status: Option<Status>,
        }
        #[derive(serde::Deserialize)]
        struct Status {
            allowed: bool,
        }
        let attributes = serde_json::json!({
            "namespace": self.config.namespace,
            "group": group,
            "resource": resource,
            "verb": verb,
            "name": subject.name,
        });
        let body = serde_json::json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let body = body.to_string();
        match self
            .client
            .send(Verb::Ask, path, Some(body.as_bytes()))
            .await?
        {
            Answer::Done(body) => {
                let review: Review = serde_json::from_slice(&body).unwrap_or_default();
                match review.status {
                    Some(Status { allowed: false }) => {
                        Err(denied(&self.config, subject, verb, "asked beforehand"))
                    }
                    _ => Ok(()),
                }
            }
            Answer::Refused(_) => Ok(()),
        }
    }

    fn path(&self, name: &str) -> String {
        format!(
            "/api/v1/namespaces/{}/secrets/{name}",
            self.config.namespace
        )
    }
}

fn secret(name: &str) -> Subject<'_> {
    Subject {
        kind: "secret",
        name,
    }
}

fn unreadable() -> TargetError {
    TargetError::new(
        Fault::Unexpected,
        "the server's answer is not that of a Kubernetes API; look at the server in the kubeconfig",
    )
}

//! Writes: server-side apply of `data`, and for what cannot be changed a deletion and an apply.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Answer, Kubernetes, Verb, secret, unreadable};
use crate::secret::SecretBytes;
use crate::sync::observed::Content;
use crate::sync::verdict::Verdict;
use crate::sync::{Fault, Step, TargetError, Written};

/// What `kubectl apply` leaves of the values that it was given.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Kubernetes {
    /// The write, as far as the server can tell without doing it.
    pub(super) async fn rehearse(&self, step: &Step<'_>) -> Result<(), TargetError> {
        match step.verdict {
            // The server would refuse these as long as the old one is there.
            Verdict::Replace | Verdict::Remove => Ok(()),
            _ => {
                let version = step.seen.map(|seen| seen.version.as_str());
                let patched = self.patch(step, Marks::default(), version, true);
                patched.await.map(drop)
            }
        }
    }

    pub(super) async fn write(&self, step: &Step<'_>) -> Result<Written, TargetError> {
        match step.verdict {
            Verdict::Remove => self.delete(step).await.map(|_| Written {
                version: "deleted".to_owned(),
            }),
            Verdict::Replace => {
                // Should the run end between the two, the next one makes the secret.
                let marks = self.delete(step).await?;
                self.patch(step, marks, None, false).await
            }
            _ => {
                let renamed = self.rename(step).await?;
                let seen = step.seen.map(|seen| seen.version.as_str());
                let version = renamed.as_deref().or(seen);
                self.patch(step, Marks::default(), version, false).await
            }
        }
    }

    /// Deletes exactly what was observed; what others have marked it with.
    async fn delete(&self, step: &Step<'_>) -> Result<Marks, TargetError> {
        let name = step.desired.name.as_str();
        let path = self.path(name);
        let body = match self.client.send(Verb::Get, &path, None).await? {
            Answer::Done(body) => body,
            Answer::Refused(refusal) if refusal.status == 404 => return Ok(Marks::default()),
            Answer::Refused(refusal) => {
                return Err(refusal.explain(&self.config, secret(name), "get"));
            }
        };
        let stored: Marked = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let metadata = stored.metadata;
        let seen = step.seen.map(|seen| seen.version.as_str());
        if seen != Some(metadata.resource_version.as_str()) {
            return Err(TargetError::new(
                Fault::Conflict,
                format!("somebody else wrote secret {name} at the same time"),
            )
            .hint("run the command again"));
        }
        if !metadata.owner_references.is_empty() || !metadata.finalizers.is_empty() {
            return Err(TargetError::new(
                Fault::Refused,
                format!(
                    "secret {name} belongs to another object of the cluster, which watches over it"
                ),
            ));
        }
        let options = serde_json::json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
        });
        let options = options.to_string();
        let deleted = self
            .client
            .send(Verb::Delete, &path, Some(options.as_bytes()))
            .await?;
        match deleted {
            Answer::Done(_) => {}
            Answer::Refused(refusal) if refusal.status == 404 => {}
            Answer::Refused(refusal) => {
                return Err(refusal.explain(&self.config, secret(name), "delete"));
            }
        }
        let mut marks = Marks {
            labels: metadata.labels,
            annotations: metadata.annotations,
            is_immutable: stored.immutable,
        };
        marks.annotations.remove(LAST_APPLIED);
        Ok(marks)
    }

    async fn patch(
        &self,
        step: &Step<'_>,
        marks: Marks,
        version: Option<&str>,
        is_dry: bool,
    ) -> Result<Written, TargetError> {
        let name = &step.desired.name;
        // A rehearsal has to pass what is renamed first.
        let is_renamed = is_dry && step.seen.is_some_and(|seen| seen.is_under_old_name);
        let mut path = format!(
            "{}?fieldManager={}&force={}",
            self.path(name),
            self.manager,
            step.allowed.adopt || is_renamed
        );
        if is_dry {
            path.push_str("&dryRun=All");
        }
        let body = self.manifest(step, &marks, version);
        match self.client.send(Verb::Apply, &path, Some(&body)).await? {
            Answer::Done(body) => {
                let written: Applied = serde_json::from_slice(&body).map_err(|_| unreadable())?;
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
                Err(refusal.explain(&self.config, secret(name), verb))
            }
        }
    }

    /// The text of what is applied.
    fn manifest(
        &self,
        step: &Step<'_>,
        marks: &Marks,
        version: Option<&str>,
    ) -> Zeroizing<Vec<u8>> {
        let data = applied(step);
        let room: usize = data
            .iter()
            .map(|(key, value)| key.len() + 2 * value.len() + 16)
            .sum();
        let marked = marks.json();
        let mut body = Zeroizing::new(String::with_capacity(room + marked.len() + 1024));
        // Names, keys and versions are of alphabets that need no escape.
        body.push_str(r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":""#);
        body.push_str(&step.desired.name);
        body.push_str(r#"","namespace":""#);
        body.push_str(&self.config.namespace);
        body.push('"');
        if let Some(version) = version {
            body.push_str(r#","resourceVersion":""#);
            body.push_str(version);
            body.push('"');
        }
        body.push_str(&marked);
        body.push('}');
        if marks.is_immutable {
            body.push_str(r#","immutable":true"#);
        }
        body.push_str(r#","data":{"#);
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
        Zeroizing::new(std::mem::take(&mut *body).into_bytes())
    }
}

/// The data that is applied: what is desired, but for equal keys of others, and what we keep.
pub(super) fn applied<'a>(step: &Step<'a>) -> BTreeMap<&'a str, &'a SecretBytes> {
    let is_new = matches!(step.verdict, Verdict::Replace);
    let desired = step.desired.entries.iter();
    let is_left = |key: &String| step.changes.equal_of_others.contains(key);
    let mut data: BTreeMap<&str, &SecretBytes> = desired
        .filter(|entry| step.allowed.adopt || is_new || !is_left(&entry.key))
        .map(|entry| (entry.key.as_str(), &entry.value))
        .collect();
    if let Some(Content::Data(items)) = step.seen.map(|seen| &seen.content) {
        let changes = step.changes;
        let others = || changes.foreign.iter().chain(&changes.unclaimed);
        let stays = |key: &String| {
            changes.kept.contains(key) || (is_new && others().any(|other| other == key))
        };
        let kept = items.iter().filter(|item| stays(&item.key));
        data.extend(kept.map(|item| (item.key.as_str(), &item.value)));
    }
    data
}

/// What others have marked a secret with, and what stays of it when it is made anew.
#[derive(Debug, Default)]
struct Marks {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    is_immutable: bool,
}

impl Marks {
    /// As the rest of `metadata`.
    fn json(&self) -> String {
        let mut text = String::new();
        for (name, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !map.is_empty() {
                let map = serde_json::json!(map);
                let _ = write!(text, r#","{name}":{map}"#);
            }
        }
        text
    }
}

/// As much of a secret as is read before it goes: nothing of its data.
#[derive(serde::Deserialize)]
struct Marked {
    metadata: MarkedMeta,
    #[serde(default)]
    immutable: bool,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkedMeta {
    uid: String,
    resource_version: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    owner_references: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    finalizers: Vec<serde::de::IgnoredAny>,
}

/// As much of an answer to a write as is read: it holds no data.
#[derive(serde::Deserialize)]
struct Applied {
    metadata: AppliedMeta,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppliedMeta {
    /// A dry run that would create has none.
    #[serde(default)]
    resource_version: String,
}

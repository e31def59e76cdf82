//! What cannot be changed is deleted and made anew, and a run can end at any request of that.
//!
//! A copy beside it keeps what no sealed file has: others' keys, labels, whether it was immutable,
//! whose what was. The object says by an annotation that there may be a copy. So: mark, copy, delete,
//! make, give back, drop the copy, unmark. Between deletion and making nothing else is asked.

use k8s_openapi::api::core::v1::Secret as Stored;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

use super::rename::{put, take, take_empty};
use super::write::{Meta, field_of, fields, with_data, written_meanwhile};
use super::{Answer, Kubernetes, Verb, secret, unreadable};
use crate::chainlink::Mark;
use crate::sync::observed::{Content, Halfway, Observed};
use crate::sync::{Fault, Step, TargetError, Written};

/// What `kubectl apply` leaves of the values that it was given.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The annotation of what is being made anew.
pub(super) const REPLACING: &str = "clsecrets.dev/replacing";
/// The annotation of a copy: what the original was besides its data.
const COPY_OF: &str = "clsecrets.dev/copy-of";
/// What the name of a copy ends in.
const COPY: &str = ".clsecrets-copy";
/// Tries to give back what somebody else writes to at the same time.
const TRIES: usize = 3;

/// The name of the copy of a secret.
pub(super) fn copy_of(name: &str) -> String {
    format!("{name}{COPY}")
}

/// The name of the secret that this is the copy of, if it is one.
pub(super) fn original(name: &str) -> Option<&str> {
    name.strip_suffix(COPY)
}

/// A name that nothing has, to ask whether something could be made.
pub(super) fn free_name(name: &str) -> String {
    format!("{name}.clsecrets-check")
}

/// What the original was besides its data, as its copy says; `None` if it is no copy of ours.
pub(super) fn record(copy: &ObjectMeta, name: &str) -> Result<Option<Stored>, TargetError> {
    let annotations = copy.annotations.as_ref();
    let Some(text) = annotations.and_then(|annotations| annotations.get(COPY_OF)) else {
        return Ok(None);
    };
    let read = serde_json::from_str(text).map_err(|_| {
        let copy = copy_of(name);
        let reason = format!("is not there, and its copy {copy} does not say what it was");
        TargetError::new(Fault::Refused, reason)
            .hint(format!("look at it, then: kubectl delete secret {copy}"))
    });
    read.map(Some)
}

impl Kubernetes {
    /// Makes a secret anew, from wherever a run before has left it.
    pub(super) async fn replace(&self, step: &Step<'_>) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        let seen = step.seen.ok_or_else(|| written_meanwhile(name))?;
        let copy = self.copy_there(name).await?;
        if seen.halfway == Some(Halfway::Gone) {
            let is_as_seen = |copy: Meta| copy.resource_version == seen.version;
            if !copy.is_some_and(is_as_seen) {
                return Err(written_meanwhile(name));
            }
        } else {
            let marked = json!({"resourceVersion": seen.version, "annotations": {REPLACING: ""}});
            let marked = self.merge(name, &marked).await?;
            marked.unless_watched(name)?;
            self.copy(name, seen, &marked).await?;
            self.delete_exactly(name, &marked).await?;
        }
        self.patch(step, name, None, false).await?;
        self.clear_up(step).await
    }

    /// Gives back what was only carried over, drops the copy, and the word that there may be one.
    pub(super) async fn clear_up(&self, step: &Step<'_>) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        if let Some(copy) = self.copy_there(name).await? {
            let record = copy.annotations.get(COPY_OF).map(String::as_bytes);
            let before = Meta::read(record.unwrap_or_default())?;
            self.give_back(step, &before).await?;
            self.delete_exactly(&copy_of(name), &copy).await?;
        }
        let unmarked = json!({"annotations": {REPLACING: null}});
        Ok(Written {
            version: self.merge(name, &unmarked).await?.resource_version,
        })
    }

    /// Drops the copy, if there is one.
    pub(super) async fn drop_copy(&self, name: &str) -> Result<(), TargetError> {
        match self.copy_there(name).await? {
            Some(copy) => self.delete_exactly(&copy_of(name), &copy).await,
            None => Ok(()),
        }
    }

    /// The copy of a secret, if there is one; what others call so is left alone.
    pub(super) async fn copy_there(&self, name: &str) -> Result<Option<Meta>, TargetError> {
        let copy = copy_of(name);
        let there = match self
            .client
            .send(Verb::Meta, &self.path(&copy), None)
            .await?
        {
            Answer::Done(body) => Meta::read(&body)?,
            Answer::Refused(refusal) if refusal.status == 404 => return Ok(None),
            Answer::Refused(refusal) => {
                return Err(refusal.explain(&self.config, secret(&copy), "get"));
            }
        };
        if there.annotations.contains_key(COPY_OF) {
            return Ok(Some(there));
        }
        let reason =
            format!("a secret {copy} is there already, which is no copy that clsecrets made");
        Err(TargetError::new(Fault::Refused, reason).hint("give it another name"))
    }

    /// Puts a copy beside a secret, as it was seen and as it is marked.
    async fn copy(&self, name: &str, seen: &Observed, marked: &Meta) -> Result<(), TargetError> {
        let Content::Data(items) = &seen.content else {
            return Err(unreadable());
        };
        let standing = seen.standing.as_ref();
        let kind = standing.and_then(|standing| standing.marks.get(&Mark::Type));
        let mut annotations = marked.annotations.clone();
        annotations.remove(REPLACING);
        let record = json!({
            "type": kind.map(|(kind, _)| kind),
            "immutable": standing.is_some_and(|standing| standing.is_immutable),
            "metadata": {
                "labels": marked.labels,
                "annotations": annotations,
                "managedFields": marked.managed_fields,
            },
        });
        let copy = copy_of(name);
        let head = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": copy,
                "namespace": self.config.namespace,
                "annotations": {COPY_OF: record.to_string()},
            },
        });
        let data = items.iter().map(|item| (item.key.as_str(), &item.value));
        let body = with_data(&head, data);
        self.apply_as(&copy, "force=true", &body, "create").await?;
        Ok(())
    }

    /// Puts the names of others to their labels and annotations, which we have only carried over.
    async fn give_back(&self, step: &Step<'_>, before: &Meta) -> Result<(), TargetError> {
        let name = step.desired.name.as_str();
        let ours: Vec<Vec<String>> = step.desired.marks.keys().map(field_of).collect();
        let carried = fields(step).into_iter();
        let carried = carried.filter(|field| field.len() == 3 && !ours.contains(field));
        let carried: Vec<Vec<String>> = carried.collect();
        for left in (0..TRIES).rev() {
            let now = self.meta(name).await?;
            let mut fields = now.managed_fields;
            if !given_back(&mut fields, &before.managed_fields, &carried, &self.manager) {
                return Ok(());
            }
            let given = json!({"resourceVersion": now.resource_version, "managedFields": fields});
            match self.merge(name, &given).await {
                Ok(_) => return Ok(()),
                Err(error) if error.fault == Fault::Conflict && left > 0 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Moves fields from our entry to those who had them before; whether anything moved.
fn given_back(
    now: &mut Vec<Map<String, Value>>,
    before: &[Map<String, Value>],
    carried: &[Vec<String>],
    manager: &str,
) -> bool {
    let is_ours =
        |entry: &Map<String, Value>| entry.get("manager").and_then(Value::as_str) == Some(manager);
    let mut theirs = Vec::new();
    for entry in before.iter().filter(|entry| !is_ours(entry)) {
        let mut own = entry.clone();
        own.insert("fieldsV1".to_owned(), json!({}));
        let mut had = entry.clone();
        let taken = take(&mut had, carried);
        if !taken.is_empty() {
            put(&mut own, &taken);
            theirs.push((own, taken));
        }
    }
    for (own, taken) in &theirs {
        for entry in now.iter_mut().filter(|entry| is_ours(entry)) {
            take(entry, taken);
        }
        now.push(own.clone());
    }
    take_empty(now);
    !theirs.is_empty()
}

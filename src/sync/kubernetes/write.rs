//! Writes: server-side apply of `data` and of the marks that are configured, and deletions.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::replace::{LAST_APPLIED, REPLACING, free_name};
use super::{Answer, Kubernetes, Verb, secret, unreadable};
use crate::chainlink::{Mark, Marks};
use crate::secret::SecretBytes;
use crate::sync::observed::{Content, Halfway};
use crate::sync::verdict::{Changes, Verdict};
use crate::sync::{Fault, Step, TargetError, Written};

impl Kubernetes {
    /// The write, as far as the server can tell without doing it.
    pub(super) async fn rehearse(&self, step: &Step<'_>) -> Result<(), TargetError> {
        let name = step.desired.name.as_str();
        let is_gone = step
            .seen
            .is_some_and(|seen| seen.halfway == Some(Halfway::Gone));
        if matches!(step.verdict, Verdict::Replace | Verdict::Remove) && !is_gone {
            let stored = self.meta(name).await?;
            stored.unless_watched(name)?;
            if *step.verdict == Verdict::Replace {
                self.copy_there(name).await?;
            }
        }
        match step.verdict {
            Verdict::Remove => Ok(()),
            // As long as the old one is there, the server would refuse the new one under its name.
            Verdict::Replace => self
                .patch(step, &free_name(name), None, true)
                .await
                .map(drop),
            _ if is_only_unfinished(step) => Ok(()),
            _ => {
                let version = step.seen.map(|seen| seen.version.as_str());
                self.patch(step, name, version, true).await.map(drop)
            }
        }
    }

    pub(super) async fn write(&self, step: &Step<'_>) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        match step.verdict {
            Verdict::Remove => self.delete(step).await.map(|()| Written {
                version: "deleted".to_owned(),
            }),
            Verdict::Replace => self.replace(step).await,
            _ => {
                if !is_only_unfinished(step) {
                    let renamed = self.rename(step).await?;
                    let seen = step.seen.map(|seen| seen.version.as_str());
                    let version = renamed.as_deref().or(seen);
                    let written = self.patch(step, name, version, false).await?;
                    if step.seen.is_none_or(|seen| seen.halfway.is_none()) {
                        return Ok(written);
                    }
                }
                self.clear_up(step).await
            }
        }
    }

    /// Deletes exactly what was observed, and what a replacement has left of it.
    async fn delete(&self, step: &Step<'_>) -> Result<(), TargetError> {
        let name = step.desired.name.as_str();
        if let Some(seen) = step.seen.filter(|seen| seen.halfway.is_some()) {
            self.drop_copy(name).await?;
            if seen.halfway == Some(Halfway::Gone) {
                return Ok(());
            }
        }
        let stored = match self.client.send(Verb::Meta, &self.path(name), None).await? {
            Answer::Done(body) => Meta::read(&body)?,
            Answer::Refused(refusal) if refusal.status == 404 => return Ok(()),
            Answer::Refused(refusal) => {
                return Err(refusal.explain(&self.config, secret(name), "get"));
            }
        };
        stored.unless_watched(name)?;
        let seen = step.seen.map(|seen| seen.version.as_str());
        if seen != Some(stored.resource_version.as_str()) {
            return Err(written_meanwhile(name));
        }
        self.delete_exactly(name, &stored).await
    }

    /// Deletes a secret if it still is this one.
    pub(super) async fn delete_exactly(
        &self,
        name: &str,
        stored: &Meta,
    ) -> Result<(), TargetError> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": stored.uid, "resourceVersion": stored.resource_version},
        });
        let options = options.to_string();
        let path = self.path(name);
        let deleted = self
            .client
            .send(Verb::Delete, &path, Some(options.as_bytes()));
        match deleted.await? {
            Answer::Done(_) => Ok(()),
            Answer::Refused(refusal) if refusal.status == 404 => Ok(()),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), "delete")),
        }
    }

    /// A secret without its data.
    pub(super) async fn meta(&self, name: &str) -> Result<Meta, TargetError> {
        match self.client.send(Verb::Meta, &self.path(name), None).await? {
            Answer::Done(body) => Meta::read(&body),
            Answer::Refused(refusal) if refusal.status == 404 => Err(written_meanwhile(name)),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), "get")),
        }
    }

    /// Changes metadata, and nothing else.
    pub(super) async fn merge(&self, name: &str, metadata: &Value) -> Result<Meta, TargetError> {
        let path = format!("{}?fieldManager={}", self.path(name), self.manager);
        let body = json!({"metadata": metadata}).to_string();
        let merged = self.client.send(Verb::Merge, &path, Some(body.as_bytes()));
        match merged.await? {
            Answer::Done(body) => Meta::read(&body),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), "patch")),
        }
    }

    /// Applies what is desired, under a name that is its own but for rehearsals.
    pub(super) async fn patch(
        &self,
        step: &Step<'_>,
        name: &str,
        version: Option<&str>,
        is_dry: bool,
    ) -> Result<Written, TargetError> {
        // A rehearsal has to pass what is renamed first.
        let is_renamed = is_dry && step.seen.is_some_and(|seen| seen.is_under_old_name);
        let mut query = format!("force={}", step.allowed.adopt || is_renamed);
        if is_dry {
            query.push_str("&dryRun=All");
        }
        let body = self.manifest(step, name, version);
        let is_there = step.seen.is_some() && *step.verdict != Verdict::Replace;
        let verb = if is_there { "patch" } else { "create" };
        self.apply_as(name, &query, &body, verb).await
    }

    /// Applies a text; `verb` is what a refusal is called that does not say it.
    pub(super) async fn apply_as(
        &self,
        name: &str,
        query: &str,
        body: &[u8],
        verb: &str,
    ) -> Result<Written, TargetError> {
        let path = format!("{}?fieldManager={}&{query}", self.path(name), self.manager);
        match self.client.send(Verb::Apply, &path, Some(body)).await? {
            Answer::Done(body) => Ok(Written {
                version: Meta::read(&body)?.resource_version,
            }),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), verb)),
        }
    }

    /// The text of what is applied.
    fn manifest(&self, step: &Step<'_>, name: &str, version: Option<&str>) -> Zeroizing<Vec<u8>> {
        let marks = marked(step);
        let mut metadata = Map::new();
        for (mark, value) in &marks {
            let (part, name) = match mark {
                Mark::Type => continue,
                Mark::Label(name) => ("labels", name),
                Mark::Annotation(name) => ("annotations", name),
            };
            let part = metadata.entry(part).or_insert_with(|| json!({}));
            if let Some(part) = part.as_object_mut() {
                part.insert(name.clone(), json!(value));
            }
        }
        metadata.insert("name".to_owned(), json!(name));
        metadata.insert("namespace".to_owned(), json!(self.config.namespace));
        if let Some(version) = version {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
        if *step.verdict == Verdict::Replace {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(REPLACING.to_owned(), json!(""));
            }
        }
        let mut head = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata});
        if let (Some(kind), Some(head)) = (marks.get(&Mark::Type), head.as_object_mut()) {
            head.insert("type".to_owned(), json!(kind));
        }
        if is_immutable(step)
            && let Some(head) = head.as_object_mut()
        {
            head.insert("immutable".to_owned(), json!(true));
        }
        let data = applied(step);
        with_data(&head, data.iter().map(|(key, value)| (*key, *value)))
    }
}

/// The text of a secret, whose data is put behind the rest of it in memory that is zeroed.
pub(super) fn with_data<'a>(
    head: &Value,
    data: impl Iterator<Item = (&'a str, &'a SecretBytes)> + Clone,
) -> Zeroizing<Vec<u8>> {
    let head = head.to_string();
    let room = |(key, value): (&str, &SecretBytes)| key.len() + 2 * value.len() + 16;
    let room: usize = data.clone().map(room).sum();
    let mut body = Zeroizing::new(String::with_capacity(room + head.len() + 16));
    body.push_str(head.strip_suffix('}').unwrap_or(&head));
    body.push_str(r#","data":{"#);
    for (at, (key, value)) in data.enumerate() {
        if at > 0 {
            body.push(',');
        }
        // Keys are of an alphabet that needs no escape.
        body.push('"');
        body.push_str(key);
        body.push_str("\":\"");
        STANDARD.encode_string(value.expose(), &mut body);
        body.push('"');
    }
    body.push_str("}}");
    Zeroizing::new(std::mem::take(&mut *body).into_bytes())
}

/// Whether nothing has to change but what a replacement has left behind.
fn is_only_unfinished(step: &Step<'_>) -> bool {
    let Changes {
        added,
        changed,
        removed,
        ..
    } = step.changes;
    let is_left = step
        .seen
        .is_some_and(|seen| seen.halfway == Some(Halfway::There));
    is_left
        && *step.verdict == Verdict::Update
        && added.is_empty()
        && changed.is_empty()
        && removed.is_empty()
}

/// The type, the labels and the annotations that are applied: what is desired, but for equal ones of
/// others, and what we said before, because what is omitted would be removed. What is made anew has
/// all that it had.
fn marked(step: &Step<'_>) -> Marks {
    let is_new = *step.verdict == Verdict::Replace;
    let Changes {
        kept,
        removed,
        equal_of_others,
        ..
    } = step.changes;
    let is_left = |mark: &Mark| equal_of_others.contains(&mark.to_string());
    let desired = step.desired.marks.iter();
    let desired = desired.filter(|(mark, _)| step.allowed.adopt || is_new || !is_left(mark));
    let mut marks: Marks = desired
        .map(|(mark, value)| (mark.clone(), value.clone()))
        .collect();
    let standing = step.seen.and_then(|seen| seen.standing.as_ref());
    // What a replacement that was stopped has not given back yet is ours in name only.
    let is_halfway = step.seen.is_some_and(|seen| seen.halfway.is_some());
    for (mark, (value, writer)) in standing.iter().flat_map(|standing| &standing.marks) {
        let name = mark.to_string();
        let stays = match mark {
            Mark::Type => is_new || writer.is_us,
            _ if is_new => !removed.contains(&name),
            _ => kept.contains(&name) || (is_halfway && writer.is_us),
        };
        if stays && !step.desired.marks.contains_key(mark) {
            marks.insert(mark.clone(), value.clone());
        }
    }
    marks
}

fn is_immutable(step: &Step<'_>) -> bool {
    let standing = step.seen.and_then(|seen| seen.standing.as_ref());
    let is_new = *step.verdict == Verdict::Replace;
    standing
        .is_some_and(|standing| standing.is_immutable && (is_new || standing.is_immutable_by_us))
}

/// Where in the server's record what is applied has its owner.
pub(super) fn fields(step: &Step<'_>) -> Vec<Vec<String>> {
    let mut fields = Vec::new();
    for key in applied(step).into_keys() {
        fields.push(field(&["data", key]));
        fields.push(field(&["stringData", key]));
    }
    fields.extend(marked(step).keys().map(field_of));
    if is_immutable(step) {
        fields.push(field(&["immutable"]));
    }
    fields
}

/// The same of a mark.
pub(super) fn field_of(mark: &Mark) -> Vec<String> {
    match mark {
        Mark::Type => field(&["type"]),
        Mark::Label(name) => field(&["metadata", "labels", name]),
        Mark::Annotation(name) => field(&["metadata", "annotations", name]),
    }
}

fn field(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("f:{word}")).collect()
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

/// As much of a secret as is read besides its data.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) uid: String,
    /// A dry run that would create has none.
    #[serde(default)]
    pub(super) resource_version: String,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) managed_fields: Vec<Map<String, Value>>,
    #[serde(default)]
    owner_references: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    finalizers: Vec<serde::de::IgnoredAny>,
}

impl Meta {
    /// Out of an answer that has no data.
    pub(super) fn read(body: &[u8]) -> Result<Self, TargetError> {
        #[derive(serde::Deserialize)]
        struct Object {
            metadata: Meta,
        }
        let object: Object = serde_json::from_slice(body).map_err(|_| unreadable())?;
        let mut meta = object.metadata;
        if let Some(mut copy) = meta.annotations.remove(LAST_APPLIED) {
            copy.zeroize();
        }
        Ok(meta)
    }

    /// Refuses to delete what another object of the cluster would miss.
    pub(super) fn unless_watched(&self, name: &str) -> Result<(), TargetError> {
        if self.owner_references.is_empty() && self.finalizers.is_empty() {
            return Ok(());
        }
        let reason = format!(
            "secret {name} belongs to another object of the cluster, which watches over it"
        );
        Err(TargetError::new(Fault::Refused, reason))
    }
}

pub(super) fn written_meanwhile(name: &str) -> TargetError {
    let reason = format!("somebody else wrote secret {name} at the same time");
    TargetError::new(Fault::Conflict, reason).hint("run the command again")
}

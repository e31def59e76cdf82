//! Reads: one by one, or with a list where there are many. What is not asked for is dropped at
//! once and zeroed.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret as Stored;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use zeroize::Zeroize;

use super::replace::{self, LAST_APPLIED, REPLACING, copy_of, original};
use super::{Answer, Client, Kubernetes, OPAQUE, Verb, keepers, owners, secret, unreadable};
use crate::chainlink::Mark;
use crate::secret::SecretBytes;
use crate::sync::observed::{Blocked, Content, Halfway, Item, Observed, Standing};
use crate::sync::pace::bounded;
use crate::sync::verdict::MAKE_ANEW;
use crate::sync::{Fault, Target, TargetError};

/// From how many secrets on a list is asked for.
const LIST_FROM: usize = 9;
/// Secrets of one page; each can have a mebibyte.
const PAGE: usize = 250;

type Seen = Result<Option<Observed>, TargetError>;

impl Kubernetes {
    /// Reads secrets, in the order of the names.
    pub(super) async fn read(&self, names: &[String]) -> Result<Vec<Seen>, TargetError> {
        if names.len() >= LIST_FROM
            && let Some(mut found) = self.list(names).await?
        {
            return Ok(names.iter().map(|name| Ok(found.remove(name))).collect());
        }
        let looks = names.iter().map(|name| self.look(name)).collect();
        let seen: Vec<Seen> = bounded(self.width(), looks).await;
        // A cluster that is not reached is one fault, not one for each object.
        let is_reached = |fault| matches!(fault, Fault::Unreachable);
        match seen.iter().find_map(|answer| answer.as_ref().err()) {
            Some(error) if is_reached(error.fault) => Err(error.clone()),
            _ => Ok(seen),
        }
    }

    async fn look(&self, name: &str) -> Seen {
        match self.client.send(Verb::Get, &self.path(name), None).await? {
            Answer::Done(body) => {
                let stored = serde_json::from_slice(&body).map_err(|_| unreadable())?;
                Ok(Some(self.observed(stored)))
            }
            Answer::Refused(refusal) if refusal.status == 404 => self.look_for_copy(name).await,
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), "get")),
        }
    }

    /// What a replacement that was stopped has left of a secret that is not there.
    async fn look_for_copy(&self, name: &str) -> Seen {
        let path = self.path(&copy_of(name));
        match self.client.send(Verb::Get, &path, None).await? {
            Answer::Done(body) => {
                let stored = serde_json::from_slice(&body).map_err(|_| unreadable())?;
                self.gone(name, stored)
            }
            // Whoever may read only certain names has made no copy.
            Answer::Refused(refusal) if matches!(refusal.status, 403 | 404) => Ok(None),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), "get")),
        }
    }

    /// A secret as its copy says that it was.
    fn gone(&self, name: &str, mut copy: Stored) -> Seen {
        let Some(record) = replace::record(&copy.metadata, name)? else {
            wipe(&mut copy);
            return Ok(None);
        };
        let version = copy.metadata.resource_version;
        let mut seen = self.observed(Stored {
            data: copy.data,
            ..record
        });
        seen.version = version.unwrap_or_default();
        seen.blocked = None;
        seen.halfway = Some(Halfway::Gone);
        Ok(Some(seen))
    }

    /// All of these that are there; `None` if they have to be asked for one by one.
    async fn list(
        &self,
        names: &[String],
    ) -> Result<Option<BTreeMap<String, Observed>>, TargetError> {
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut copies = Vec::new();
        // Helm keeps its releases as secrets, up to a mebibyte each.
        let first = format!(
            "{}?limit={PAGE}&fieldSelector=type%21%3Dhelm.sh%2Frelease.v1",
            self.path("").trim_end_matches('/')
        );
        let mut found = BTreeMap::new();
        let mut path = first.clone();
        loop {
            let Some(page) = page(&self.client, &path).await? else {
                return Ok(None);
            };
            for mut stored in page.items {
                match stored.metadata.name.clone() {
                    Some(name) if wanted.contains(name.as_str()) => {
                        found.insert(name, self.observed(stored));
                    }
                    Some(name) => match original(&name) {
                        Some(name) if wanted.contains(name) => {
                            copies.push((name.to_owned(), stored));
                        }
                        _ => wipe(&mut stored),
                    },
                    None => wipe(&mut stored),
                }
            }
            match page.metadata.after(&first) {
                Some(next) => path = next,
                None => break,
            }
        }
        for (name, mut copy) in copies {
            if found.contains_key(&name) {
                wipe(&mut copy);
            } else {
                let seen = self.gone(&name, copy)?;
                found.extend(seen.map(|seen| (name, seen)));
            }
        }
        Ok(Some(found))
    }

    /// The secrets of which a key is ours, or of another repository of the same name, which is to be
    /// said. Values are not asked for. `None` if the caller may not list.
    pub(super) async fn list_ours(&self) -> Result<Option<Vec<String>>, TargetError> {
        let first = format!("{}?limit={PAGE}", self.path("").trim_end_matches('/'));
        let mut ours = Vec::new();
        let mut path = first.clone();
        loop {
            let body = match self.client.send(Verb::List, &path, None).await? {
                Answer::Done(body) => body,
                Answer::Refused(refusal) if refusal.status == 403 => return Ok(None),
                Answer::Refused(refusal) => {
                    return Err(refusal.explain(&self.config, secret(""), "list"));
                }
            };
            let page: Named = serde_json::from_slice(&body).map_err(|_| unreadable())?;
            let us = &self.config.owner;
            for item in page.items.unwrap_or_default() {
                let fields = item.metadata.managed_fields.unwrap_or_default();
                if owners::concern(&fields, us)
                    && let Some(name) = item.metadata.name
                {
                    match original(&name) {
                        Some(name) if ours.iter().any(|own| own == name) => {}
                        Some(name) => ours.push(name.to_owned()),
                        None => ours.push(name),
                    }
                }
            }
            match page.metadata.after(&first) {
                Some(next) => path = next,
                None => return Ok(Some(ours)),
            }
        }
    }

    fn observed(&self, stored: Stored) -> Observed {
        let metadata = stored.metadata;
        let keeper = keepers::keeper(&metadata);
        let fields = metadata.managed_fields.unwrap_or_default();
        let us = &self.config.owner;
        let mut owners = owners::of_data(&fields, us);
        let items = stored.data.unwrap_or_default().into_iter();
        let items = items.map(|(key, value)| Item {
            writer: owners.remove(&key).unwrap_or_default(),
            key,
            value: SecretBytes::new(value.0),
        });
        let content = Content::Data(items.collect());
        let refused = |reason: &str| TargetError::new(Fault::Refused, reason);
        let mut seen = Observed::new(content, metadata.resource_version.unwrap_or_default());
        seen.written = owners::last_written(&fields, us);
        seen.keeper = keeper;
        seen.is_under_old_name = owners::has_old_name(&fields, us);
        let is_immutable = stored.immutable == Some(true);
        seen.blocked = if metadata.deletion_timestamp.is_some() {
            let reason = "is being deleted; wait until it is gone";
            Some(Blocked::Refused(refused(reason)))
        } else if is_immutable {
            let reason = "is immutable; it would have to be deleted and recreated";
            Some(Blocked::Fixed(refused(reason).hint(MAKE_ANEW)))
        } else {
            None
        };
        let mut annotations = metadata.annotations.unwrap_or_default();
        // A copy of the values, in clear: what stays of it goes with the memory that it is in.
        if let Some(mut copy) = annotations.remove(LAST_APPLIED) {
            copy.zeroize();
        }
        if annotations.remove(REPLACING).is_some() {
            seen.halfway = Some(Halfway::There);
        }
        let mut writers = owners::of_marks(&fields, us);
        let kind = stored.type_.unwrap_or_else(|| OPAQUE.to_owned());
        let kind = [(Mark::Type, kind)].into_iter();
        let labels = metadata.labels.unwrap_or_default().into_iter();
        let labels = labels.map(|(name, value)| (Mark::Label(name), value));
        let annotations = annotations.into_iter();
        let annotations = annotations.map(|(name, value)| (Mark::Annotation(name), value));
        let marks = kind.chain(labels).chain(annotations).map(|(mark, value)| {
            let writer = writers.remove(&mark).unwrap_or_default();
            (mark, (value, writer))
        });
        seen.standing = Some(Standing {
            marks: marks.collect(),
            is_immutable,
            is_immutable_by_us: owners::is_immutable_by_us(&fields, us),
        });
        seen
    }
}

/// As much of a list as is read.
#[derive(serde::Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMeta,
    items: Vec<Stored>,
}

/// As much of a list as says whose each object is.
#[derive(serde::Deserialize)]
struct Named {
    #[serde(default)]
    metadata: PageMeta,
    /// Null where there are none.
    items: Option<Vec<NamedItem>>,
}

#[derive(serde::Deserialize)]
struct NamedItem {
    metadata: ObjectMeta,
}

/// Where a list goes on.
#[derive(Default, serde::Deserialize)]
pub(super) struct PageMeta {
    #[serde(rename = "continue")]
    continue_: Option<String>,
}

impl PageMeta {
    /// The page behind this one, of a list whose first page has this path.
    pub(super) fn after(&self, first: &str) -> Option<String> {
        let token = self
            .continue_
            .as_deref()
            .filter(|token| !token.is_empty())?;
        let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        Some(format!("{first}&continue={token}"))
    }
}

async fn page(client: &Client, path: &str) -> Result<Option<Page>, TargetError> {
    match client.send(Verb::Get, path, None).await? {
        Answer::Done(body) => {
            let page = serde_json::from_slice(&body).map_err(|_| unreadable())?;
            Ok(Some(page))
        }
        // Not allowed, or the list is too old to be continued: one by one it goes as well.
        Answer::Refused(_) => Ok(None),
    }
}

fn wipe(stored: &mut Stored) {
    for value in stored.data.iter_mut().flat_map(BTreeMap::values_mut) {
        value.0.zeroize();
    }
}

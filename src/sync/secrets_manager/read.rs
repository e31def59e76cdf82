//! Reads: twenty at a time, one by one where that is not allowed, and what a value does not say.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};

use super::{SET, SecretsManager, observed, writer};
use crate::secret::SecretBytes;
use crate::sync::observed::{Content, Observed};
use crate::sync::pace::bounded;
use crate::sync::{Fault, TargetError, aws, printable};

/// Ids of one batch.
const BATCH: usize = 20;
/// Batches at a time.
const BATCHES_AT_ONCE: usize = 4;
/// Single reads at a time.
const AT_ONCE: usize = 8;

const BATCH_GET: &str = "secretsmanager:BatchGetSecretValue";
const GET: &str = "secretsmanager:GetSecretValue";
const LIST: &str = "secretsmanager:ListSecrets";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const NOT_FOUND: &str = "ResourceNotFoundException";

type Seen = Result<Option<Observed>, TargetError>;

impl SecretsManager {
    /// Reads objects, in the order of the names.
    pub(super) async fn read(&self, names: &[String]) -> Result<Vec<Seen>, TargetError> {
        let chunks = names.chunks(BATCH).map(|some| self.read_some(some));
        let chunks = bounded(BATCHES_AT_ONCE, chunks.collect()).await;
        let mut seen = Vec::with_capacity(names.len());
        for chunk in chunks {
            seen.extend(chunk?);
        }
        match seen.iter().find_map(|answer| answer.as_ref().err()) {
            // A service that is not reached is one fault, not one for each object.
            Some(error) if error.fault == Fault::Unreachable => Err(error.clone()),
            _ => Ok(seen),
        }
    }

    async fn read_some(&self, names: &[String]) -> Result<Vec<Seen>, TargetError> {
        let mut found = self.read_batch(names).await?;
        let single = names.iter().map(|name| {
            // An answer can be cut short by its size.
            let known = found.as_mut().and_then(|found| found.remove(name));
            async move {
                match known {
                    Some(answer) => answer,
                    None => self.read_one(name).await,
                }
            }
        });
        let single = single.collect();
        Ok(bounded(AT_ONCE, single).await)
    }

    /// Up to twenty objects; `None` if they have to be asked for one by one.
    async fn read_batch(
        &self,
        names: &[String],
    ) -> Result<Option<BTreeMap<String, Seen>>, TargetError> {
        self.reads.turn().await;
        let request = self.client.batch_get_secret_value();
        let answer = request
            .set_secret_id_list(Some(names.to_vec()))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error)
                if matches!(aws::code(&error), Some("AccessDeniedException" | NOT_FOUND)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(aws::explain(&error, BATCH_GET, "")),
        };
        let mut found = BTreeMap::new();
        for mut entry in answer.secret_values.unwrap_or_default() {
            let value = custody(entry.secret_string.take(), entry.secret_binary.take());
            let name = entry.name.unwrap_or_default();
            let seen = observed(
                &self.config.owner,
                entry.version_id.as_deref(),
                entry.created_date.as_ref(),
                value,
            );
            found.insert(name, Ok(Some(seen)));
        }
        for fault in answer.errors.unwrap_or_default() {
            let name = fault.secret_id.unwrap_or_default();
            // Failures arrive inside a success; only this one means that it is not there.
            let answer = match fault.error_code.as_deref() {
                Some(NOT_FOUND) => Ok(None),
                code => self.why(&name, code).await,
            };
            found.insert(name, answer);
        }
        Ok(Some(found))
    }

    /// The objects that were made for this environment and that we wrote last; `None` if the caller
    /// may not list.
    pub(super) async fn list_ours(&self) -> Result<Option<Vec<String>>, TargetError> {
        if !self.config.is_tagged {
            return Ok(Some(Vec::new()));
        }
        // What was made under this name in any repository: whose it is, its version says.
        let set = &self.config.owner.unmarked_set();
        let filter = |key: FilterNameStringType, value: &str| {
            Filter::builder().key(key).values(value).build()
        };
        let mut ours = Vec::new();
        let mut next = None;
        loop {
            self.reads.turn().await;
            let request = self.client.list_secrets();
            let request = request
                .filters(filter(FilterNameStringType::TagKey, SET))
                .filters(filter(FilterNameStringType::TagValue, set))
                .set_next_token(next);
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) if aws::code(&error) == Some("AccessDeniedException") => {
                    return Ok(None);
                }
                Err(error) => return Err(aws::explain(&error, LIST, "")),
            };
            for entry in page.secret_list() {
                // Filters match beginnings, and any key with any value.
                let is_set = |tag: &Tag| {
                    tag.key() == Some(SET)
                        && tag.value().is_some_and(|tag| self.config.owner.is_set(tag))
                };
                let name = entry.name().unwrap_or_default();
                let is_here = name.starts_with(&self.config.prefix);
                if is_here && entry.tags().iter().any(is_set) {
                    ours.push(name.to_owned());
                }
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(Some(ours));
            }
        }
    }

    async fn read_one(&self, name: &str) -> Seen {
        let answer = self.client.get_secret_value().secret_id(name).send().await;
        match answer {
            Ok(mut answer) => {
                let value = custody(answer.secret_string.take(), answer.secret_binary.take());
                Ok(Some(observed(
                    &self.config.owner,
                    answer.version_id.as_deref(),
                    answer.created_date.as_ref(),
                    value,
                )))
            }
            Err(error) => match aws::code(&error) {
                Some(NOT_FOUND) => Ok(None),
                Some(code @ "InvalidRequestException") => self.why(name, Some(code)).await,
                _ => Err(aws::explain(&error, GET, name)),
            },
        }
    }

    /// What an object is that cannot be read: scheduled for deletion, or else an error.
    async fn why(&self, name: &str, code: Option<&str>) -> Seen {
        if code == Some("InvalidRequestException")
            && let Some(described) = self.describe(name).await?
            && described.deleted_date().is_some()
        {
            let version = printable(&current(&described).unwrap_or_default());
            let content = Content::Hidden(writer(&self.config.owner, &version));
            return Ok(Some(Observed::new(content, version)));
        }
        Err(aws::by_code(code, GET, name))
    }

    /// What the value does not say. `None` is an object that is not there, or that the caller may
    /// not ask about.
    pub(super) async fn describe(
        &self,
        name: &str,
    ) -> Result<Option<DescribeSecretOutput>, TargetError> {
        match self.client.describe_secret().secret_id(name).send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => match aws::code(&error) {
                Some(NOT_FOUND | "AccessDeniedException") => Ok(None),
                _ => Err(aws::explain(&error, DESCRIBE, name)),
            },
        }
    }

    /// Whether the version before the current one is ours.
    pub(super) async fn was_ours_before(&self, name: &str) -> Result<bool, TargetError> {
        let Some(described) = self.describe(name).await? else {
            return Ok(false);
        };
        let before = staged(&described, "AWSPREVIOUS");
        Ok(before.is_some_and(|id| writer(&self.config.owner, &printable(&id)).is_us))
    }

    /// Refuses what somebody else would overwrite again.
    pub(super) async fn admit_write(&self, name: &str) -> Result<(), TargetError> {
        let Some(described) = self.describe(name).await? else {
            return Ok(());
        };
        let refused = |reason: String| TargetError::new(Fault::Refused, reason);
        if described.owning_service().is_some() {
            return Err(refused(format!("{name} belongs to another AWS service")));
        }
        if described.rotation_enabled() == Some(true) {
            return Err(refused(format!(
                "{name} is rotated by AWS, which would overwrite it again"
            ))
            .hint(format!(
                "aws secretsmanager cancel-rotate-secret --secret-id {name}"
            )));
        }
        Ok(())
    }
}

/// The id of the current version.
pub(super) fn current(described: &DescribeSecretOutput) -> Option<String> {
    staged(described, "AWSCURRENT")
}

/// The id of the version with this label.
fn staged(described: &DescribeSecretOutput, label: &str) -> Option<String> {
    let mut versions = described.version_ids_to_stages()?.iter();
    let has_label = |stages: &[String]| stages.iter().any(|stage| stage == label);
    let (version, _) = versions.find(|(_, stages)| has_label(stages))?;
    Some(version.clone())
}

fn custody(text: Option<String>, binary: Option<aws_smithy_types::Blob>) -> SecretBytes {
    match (text, binary) {
        (Some(text), _) => SecretBytes::new(text.into_bytes()),
        (None, Some(blob)) => SecretBytes::new(blob.into_inner()),
        (None, None) => SecretBytes::new(Vec::new()),
    }
}

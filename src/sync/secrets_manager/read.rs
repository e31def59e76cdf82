//! Reads: twenty at a time, one by one where that is not allowed, and what a value does not say.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};

use super::{SET, SecretsManager, Service, observed, writer};
use crate::secret::SecretBytes;
use crate::sync::observed::{Content, Observed};
use crate::sync::ownership::Owner;
use crate::sync::pace::bounded;
use crate::sync::{Fault, TargetError, aws, printable};

/// Ids of one batch.
pub(super) const BATCH: usize = 20;
/// Single reads at a time.
const AT_ONCE: usize = 8;

const BATCH_GET: &str = "secretsmanager:BatchGetSecretValue";
const GET: &str = "secretsmanager:GetSecretValue";
const LIST: &str = "secretsmanager:ListSecrets";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const NOT_FOUND: &str = "ResourceNotFoundException";

/// What the service has under a name, whoever asks for it.
#[derive(Debug)]
pub(super) struct Held {
    version: Option<String>,
    made: Option<DateTime>,
    /// The value; not of what is scheduled for deletion.
    value: Option<SecretBytes>,
}

impl Held {
    /// As the one who asks sees it.
    fn observed(self, owner: &Owner) -> Observed {
        if let Some(value) = self.value {
            return observed(owner, self.version.as_deref(), self.made.as_ref(), value);
        }
        let version = printable(&self.version.unwrap_or_default());
        let content = Content::Hidden(writer(owner, &version));
        Observed::new(content, version)
    }
}

pub(super) type Seen = Result<Option<Held>, TargetError>;

impl Service {
    /// Up to twenty objects, in the order of the names.
    pub(super) async fn read_some(&self, names: &[String]) -> Result<Vec<Seen>, TargetError> {
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
            let held = Held {
                version: entry.version_id.take(),
                made: entry.created_date.take(),
                value: Some(value),
            };
            found.insert(name, Ok(Some(held)));
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

    async fn read_one(&self, name: &str) -> Seen {
        let answer = self.client.get_secret_value().secret_id(name).send().await;
        match answer {
            Ok(mut answer) => {
                let value = custody(answer.secret_string.take(), answer.secret_binary.take());
                Ok(Some(Held {
                    version: answer.version_id.take(),
                    made: answer.created_date.take(),
                    value: Some(value),
                }))
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
            return Ok(Some(Held {
                version: current(&described),
                made: None,
                value: None,
            }));
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

impl SecretsManager {
    /// Objects in the order of their names, judged by whose they are.
    pub(super) async fn read(
        &self,
        names: &[String],
    ) -> Result<Vec<Result<Option<Observed>, TargetError>>, TargetError> {
        let seen = self.service.read(names).await?.into_iter();
        let owner = &self.config.owner;
        Ok(seen
            .map(|answer| Ok(answer?.map(|held| held.observed(owner))))
            .collect())
    }

    /// Whether the version before the current one is ours.
    pub(super) async fn was_ours_before(&self, name: &str) -> Result<bool, TargetError> {
        let _turn = self.service.gate.acquire().await;
        let Some(described) = self.service.describe(name).await? else {
            return Ok(false);
        };
        let before = staged(&described, "AWSPREVIOUS");
        Ok(before.is_some_and(|id| writer(&self.config.owner, &printable(&id)).is_us))
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
            self.service.reads.turn().await;
            let request = self.service.client.list_secrets();
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

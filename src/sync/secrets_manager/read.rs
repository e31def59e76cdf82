//! Reads: twenty at a time, one by one where that is not allowed, and what a value does not say.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{SecretsManager, observed};
use crate::secret::SecretBytes;
use crate::sync::observed::Observed;
use crate::sync::{Fault, TargetError, aws};

/// Ids of one batch.
const BATCH: usize = 20;
/// Single reads at a time.
const AT_ONCE: usize = 8;

const BATCH_GET: &str = "secretsmanager:BatchGetSecretValue";
const GET: &str = "secretsmanager:GetSecretValue";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const NOT_FOUND: &str = "ResourceNotFoundException";

type Seen = Result<Option<Observed>, TargetError>;

/// A secret that exists.
pub(super) struct Described {
    /// Whether it has a current value.
    pub(super) has_value: bool,
}

impl SecretsManager {
    /// Reads objects, in the order of the names.
    pub(super) async fn read(&self, names: &[String]) -> Result<Vec<Seen>, TargetError> {
        let mut seen = Vec::with_capacity(names.len());
        for some in names.chunks(BATCH) {
            match self.read_batch(some).await? {
                Some(mut found) => {
                    for name in some {
                        seen.push(match found.remove(name) {
                            Some(answer) => answer,
                            // An answer can be cut short by its size.
                            None => self.read_one(name).await,
                        });
                    }
                }
                None => {
                    for few in some.chunks(AT_ONCE) {
                        seen.extend(join_all(few.iter().map(|name| self.read_one(name))).await);
                    }
                }
            }
        }
        match seen.iter().find_map(|answer| answer.as_ref().err()) {
            // A service that is not reached is one fault, not one for each object.
            Some(error) if error.fault == Fault::Unreachable => Err(error.clone()),
            _ => Ok(seen),
        }
    }

    /// Up to twenty objects; `None` if they have to be asked for one by one.
    async fn read_batch(
        &self,
        names: &[String],
    ) -> Result<Option<BTreeMap<String, Seen>>, TargetError> {
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
            found.insert(name, Ok(Some(observed(entry.version_id.as_deref(), value))));
        }
        for fault in answer.errors.unwrap_or_default() {
            let name = fault.secret_id.unwrap_or_default();
            // Failures arrive inside a success; only this one means that it is not there.
            let answer = match fault.error_code.as_deref() {
                Some(NOT_FOUND) => Ok(None),
                code => Err(self.why(&name, code).await),
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
                Ok(Some(observed(answer.version_id.as_deref(), value)))
            }
            Err(error) => match aws::code(&error) {
                Some(NOT_FOUND) => Ok(None),
                Some(code @ "InvalidRequestException") => Err(self.why(name, Some(code)).await),
                _ => Err(aws::explain(&error, GET, name)),
            },
        }
    }

    /// Why an object cannot be read.
    async fn why(&self, name: &str, code: Option<&str>) -> TargetError {
        if code == Some("InvalidRequestException")
            && let Err(reason) = self.describe(name).await
        {
            return reason;
        }
        aws::by_code(code, GET, name)
    }

    /// What the value does not say; an object that may not be written is an error. `None` is an
    /// object that is not there, or that the caller may not ask about.
    pub(super) async fn describe(&self, name: &str) -> Result<Option<Described>, TargetError> {
        let answer = match self.client.describe_secret().secret_id(name).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match aws::code(&error) {
                    Some(NOT_FOUND | "AccessDeniedException") => Ok(None),
                    _ => Err(aws::explain(&error, DESCRIBE, name)),
                };
            }
        };
        let refused = |reason: String| TargetError::new(Fault::Refused, reason);
        if answer.deleted_date().is_some() {
            let profile = self.config.profile.as_deref();
            let profile = profile.map(|name| format!(" --profile {name}"));
            return Err(
                refused(format!("{name} is scheduled for deletion")).hint(format!(
                    "aws secretsmanager restore-secret --region {} --secret-id {name}{}",
                    self.config.region,
                    profile.unwrap_or_default()
                )),
            );
        }
        if answer.owning_service().is_some() {
            return Err(refused(format!("{name} belongs to another AWS service")));
        }
        if answer.rotation_enabled() == Some(true) {
            return Err(refused(format!(
                "{name} is rotated by AWS, which would overwrite it again"
            ))
            .hint(format!(
                "aws secretsmanager cancel-rotate-secret --secret-id {name}"
            )));
        }
        let stages = answer.version_ids_to_stages().into_iter().flatten();
        let mut stages = stages.flat_map(|(_, stages)| stages);
        Ok(Some(Described {
            has_value: stages.any(|stage| stage == "AWSCURRENT"),
        }))
    }
}

fn custody(text: Option<String>, binary: Option<aws_smithy_types::Blob>) -> SecretBytes {
    match (text, binary) {
        (Some(text), _) => SecretBytes::new(text.into_bytes()),
        (None, Some(blob)) => SecretBytes::new(blob.into_inner()),
        (None, None) => SecretBytes::new(Vec::new()),
    }
}

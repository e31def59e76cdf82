//! Writes: one token for each, kept for its retries, so that a repeated call is the same write.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, Tag};

use super::read::current;
use super::settings::{self, KMS_KEY, REPLICA};
use super::token;
use super::{Payload, SET, SecretsManager, observed};
use crate::secret::SecretBytes;
use crate::sync::observed::{Content, Observed, SettingChange};
use crate::sync::{Fault, Step, TargetError, Written, aws};

const CREATE: &str = "secretsmanager:CreateSecret";
const PUT: &str = "secretsmanager:PutSecretValue";
const DELETE: &str = "secretsmanager:DeleteSecret";
const UPDATE: &str = "secretsmanager:UpdateSecret";
const REPLICATE: &str = "secretsmanager:ReplicateSecretToRegions";
const RESTORE: &str = "secretsmanager:RestoreSecret";
const UNREPLICATE: &str = "secretsmanager:RemoveRegionsFromReplication";
/// Days in which a deleted secret can be restored: the most that the service offers.
const RECOVERY_DAYS: i64 = 30;

impl SecretsManager {
    /// Makes an object, or puts a new version on top of the one that was observed.
    pub(super) async fn write(
        &self,
        step: &Step<'_>,
        payload: &Payload,
    ) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        let token = token::with_fields(self.config.owner.token()?, &payload.own);
        let payload = &payload.text;
        match step.seen {
            None => self.create(name, payload, &token).await?,
            Some(seen) => {
                self.still(name, seen).await?;
                if step.allowed.rollback
                    && let Some(version) = self.move_back(name, payload, &seen.version).await?
                {
                    return Ok(Written { version });
                }
                self.put(name, payload, &token).await?;
            }
        }
        Ok(Written { version: token })
    }

    /// There is no conditional write: what is there now is looked at once more.
    async fn still(&self, name: &str, seen: &Observed) -> Result<(), TargetError> {
        let names = [name.to_owned()];
        let now = self.read(&names).await?.pop().unwrap_or(Ok(None))?;
        if now.is_none_or(|now| now.version != seen.version) {
            return Err(TargetError::new(
                Fault::Conflict,
                format!("somebody else wrote {name} at the same time"),
            )
            .hint("run the command again"));
        }
        Ok(())
    }

    async fn create(
        &self,
        name: &str,
        payload: &SecretBytes,
        token: &str,
    ) -> Result<(), TargetError> {
        self.service.writes.turn().await;
        let regions = self.config.replicas.iter().flatten();
        let replicas: Vec<ReplicaRegionType> = regions
            .map(|region| ReplicaRegionType::builder().region(region).build())
            .collect();
        let request = self.service.client.create_secret().name(name);
        let request = request
            .secret_string(text(payload)?)
            .client_request_token(token)
            .set_kms_key_id(self.config.kms_key.clone())
            .set_tags(self.config.is_tagged.then(|| {
                let tag = Tag::builder().key(SET).value(self.config.owner.set());
                vec![tag.build()]
            }))
            .set_add_replica_regions((!replicas.is_empty()).then_some(replicas));
        let Err(error) = request.send().await else {
            return Ok(());
        };
        if aws::code(&error) == Some("ResourceExistsException")
            && let Some(described) = self.service.describe(name).await?
            && current(&described).is_none()
        {
            // Made by somebody without a value: there is nothing to overwrite.
            self.service.admit_write(name).await?;
            return self.put(name, payload, token).await;
        }
        Err(aws::explain_write(&error, CREATE, name))
    }

    async fn put(&self, name: &str, payload: &SecretBytes, token: &str) -> Result<(), TargetError> {
        self.service.writes.turn().await;
        let request = self.service.client.put_secret_value().secret_id(name);
        let request = request
            .secret_string(text(payload)?)
            .client_request_token(token);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(aws::explain_write(&error, PUT, name)),
        }
    }

    /// Makes the previous version current again, if it is ours and has the desired bytes; `None`
    /// if that cannot be, and a new version has to do.
    async fn move_back(
        &self,
        name: &str,
        payload: &SecretBytes,
        from: &str,
    ) -> Result<Option<String>, TargetError> {
        let request = self.service.client.get_secret_value().secret_id(name);
        let Ok(mut previous) = request.version_stage("AWSPREVIOUS").send().await else {
            return Ok(None);
        };
        let value = previous.secret_string.take().unwrap_or_default();
        let value = SecretBytes::new(value.into_bytes());
        let owner = &self.config.owner;
        let previous = observed(owner, previous.version_id.as_deref(), None, value);
        let Content::Text { value, writer } = &previous.content else {
            return Ok(None);
        };
        if !writer.is_us || !value.ct_eq(payload) {
            return Ok(None);
        }
        self.service.writes.turn().await;
        let moved = self
            .service
            .client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage("AWSCURRENT")
            .remove_from_version_id(from)
            .move_to_version_id(&previous.version)
            .send()
            .await;
        // A lost answer looks like a failure; what is there is read back in any case.
        let names = [name.to_owned()];
        let is_done = moved.is_ok() || {
            let now = self.read(&names).await?.pop().unwrap_or(Ok(None))?;
            now.is_some_and(|now| now.version == previous.version)
        };
        Ok(is_done.then_some(previous.version))
    }

    /// Makes settings of what is there as configured; the value is not touched.
    pub(super) async fn apply_settings(&self, step: &Step<'_>) -> Result<(), TargetError> {
        let settings = &step.changes.settings;
        if settings.is_empty() {
            return Ok(());
        }
        let Err(error) = self.send_settings(step).await else {
            return Ok(());
        };
        // Our own call, whose answer was lost, is refused when it is repeated.
        let now = self.service.describe(&step.desired.name).await?;
        let left = now.map(|now| settings::differences(&self.config, Some(&now)));
        match left {
            Some(left) if !settings.iter().any(|setting| left.contains(setting)) => Ok(()),
            _ => Err(error),
        }
    }

    async fn send_settings(&self, step: &Step<'_>) -> Result<(), TargetError> {
        let name = step.desired.name.as_str();
        let settings = &step.changes.settings;
        let client = &self.service.client;
        if settings.iter().any(|setting| setting.name == KMS_KEY) {
            self.service.writes.turn().await;
            let request = client.update_secret().secret_id(name);
            let request = request.set_kms_key_id(self.config.kms_key.clone());
            let updated = request.send().await;
            updated.map_err(|error| aws::explain_write(&error, UPDATE, name))?;
        }
        let regions = |change: SettingChange| -> Vec<String> {
            let settings = settings.iter().filter(|setting| setting.change == change);
            let regions = settings.filter_map(|setting| setting.name.strip_prefix(REPLICA));
            regions.map(str::to_owned).collect()
        };
        let added = regions(SettingChange::Added);
        if !added.is_empty() {
            self.service.writes.turn().await;
            let added = added.iter();
            let added = added.map(|region| ReplicaRegionType::builder().region(region).build());
            let request = client.replicate_secret_to_regions().secret_id(name);
            let request = request.set_add_replica_regions(Some(added.collect()));
            let replicated = request.send().await;
            replicated.map_err(|error| aws::explain_write(&error, REPLICATE, name))?;
        }
        self.drop_replicas(name, regions(SettingChange::Removed))
            .await
    }

    async fn drop_replicas(&self, name: &str, regions: Vec<String>) -> Result<(), TargetError> {
        if regions.is_empty() {
            return Ok(());
        }
        self.service.writes.turn().await;
        let request = self.service.client.remove_regions_from_replication();
        let request = request.secret_id(name);
        let removed = request
            .set_remove_replica_regions(Some(regions))
            .send()
            .await;
        removed
            .map(drop)
            .map_err(|error| aws::explain_write(&error, UNREPLICATE, name))
    }

    /// Schedules an object for deletion; replicas go first, as the service demands.
    pub(super) async fn delete(&self, step: &Step<'_>) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        if let Some(seen) = step.seen {
            self.still(name, seen).await?;
        }
        let described = self.service.describe(name).await?;
        let replicas = described
            .iter()
            .flat_map(DescribeSecretOutput::replication_status);
        let regions: Vec<String> = replicas
            .filter_map(|replica| replica.region().map(str::to_owned))
            .collect();
        self.drop_replicas(name, regions).await?;
        self.service.writes.turn().await;
        let request = self.service.client.delete_secret().secret_id(name);
        let deleted = request.recovery_window_in_days(RECOVERY_DAYS).send().await;
        let version = "scheduled for deletion".to_owned();
        let Err(error) = deleted else {
            return Ok(Written { version });
        };
        // Our own call, whose answer was lost.
        let now = self.service.describe(name).await?;
        if now.is_some_and(|now| now.deleted_date().is_some()) {
            return Ok(Written { version });
        }
        Err(aws::explain_write(&error, DELETE, name))
    }

    /// Takes an object back that is scheduled for deletion.
    pub(super) async fn restore(&self, step: &Step<'_>) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        self.service.writes.turn().await;
        let restored = self
            .service
            .client
            .restore_secret()
            .secret_id(name)
            .send()
            .await;
        restored.map_err(|error| aws::explain_write(&error, RESTORE, name))?;
        let seen = step.seen.map(|seen| seen.version.clone());
        Ok(Written {
            version: seen.unwrap_or_default(),
        })
    }
}

/// The payload as the service's client takes it; that copy is the client's and not zeroed.
fn text(payload: &SecretBytes) -> Result<String, TargetError> {
    String::from_utf8(payload.expose().to_vec()).map_err(|error| {
        drop(zeroize::Zeroizing::new(error.into_bytes()));
        TargetError::new(Fault::Invalid, "the value is not text")
    })
}

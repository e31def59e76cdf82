//! Settings of secrets that are there, where the target has some configured: the KMS key, and the
//! regions of replicas. A value says nothing of them, so each secret is asked about by itself.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::SecretsManager;
use crate::sync::observed::{Content, Observed, Setting, SettingChange};
use crate::sync::pace::bounded;
use crate::sync::{SecretsManagerConfig, TargetError};

/// What the setting is called that says how a secret is encrypted.
pub(super) const KMS_KEY: &str = "kms_key";
/// What the setting of a replica begins with; its region follows.
pub(super) const REPLICA: &str = "replica ";
/// The key of the account, which the service does not name.
const ACCOUNT_KEY: &str = "aws/secretsmanager";
/// Secrets that are asked about at a time.
const AT_ONCE: usize = 8;

impl SecretsManager {
    /// Notes what is not as configured.
    pub(super) async fn look_at_settings(
        &self,
        names: &[String],
        seen: &mut [Result<Option<Observed>, TargetError>],
    ) -> Result<(), TargetError> {
        if self.config.kms_key.is_none() && self.config.replicas.is_none() {
            return Ok(());
        }
        let found = names.iter().zip(seen.iter_mut());
        let found = found.filter_map(|(name, seen)| Some((name, seen.as_mut().ok()?.as_mut()?)));
        let found = found.filter(|(_, seen)| matches!(seen.content, Content::Text { .. }));
        let looks = found.map(|(name, seen)| async move {
            let _turn = self.service.gate.acquire().await;
            let described = self.service.describe(name).await?;
            seen.settings = differences(&self.config, described.as_ref());
            Ok::<(), TargetError>(())
        });
        let looked = bounded(AT_ONCE, looks.collect()).await;
        looked.into_iter().collect()
    }
}

/// What is not as configured; `None` for what the caller may not ask about.
pub(super) fn differences(
    config: &SecretsManagerConfig,
    there: Option<&DescribeSecretOutput>,
) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut add = |name: String, change: SettingChange| found.push(Setting { name, change });
    if let Some(configured) = &config.kms_key {
        let key = there.map(|there| there.kms_key_id().unwrap_or("alias/aws/secretsmanager"));
        match key.and_then(|key| is_same(configured, key)) {
            Some(true) => {}
            Some(false) => add(KMS_KEY.to_owned(), SettingChange::Changed),
            None => add(KMS_KEY.to_owned(), SettingChange::Unknown),
        }
    }
    if let Some(configured) = &config.replicas {
        let Some(there) = there else {
            add("replicas".to_owned(), SettingChange::Unknown);
            return found;
        };
        let status = there.replication_status().iter();
        let regions: Vec<&str> = status.filter_map(|replica| replica.region()).collect();
        for region in configured
            .iter()
            .filter(|own| !regions.contains(&own.as_str()))
        {
            add(format!("{REPLICA}{region}"), SettingChange::Added);
        }
        let is_configured = |region: &&&str| configured.iter().any(|own| own == **region);
        for region in regions.iter().filter(|region| !is_configured(region)) {
            let region = crate::sync::printable(region);
            add(format!("{REPLICA}{region}"), SettingChange::Removed);
        }
    }
    found
}

/// Whether two words name one key; nothing tells of an alias and an id.
fn is_same(one: &str, other: &str) -> Option<bool> {
    let ((is_alias, one), (is_other_alias, other)) = (named(one), named(other));
    match (is_alias, is_other_alias) {
        (true, true) | (false, false) => Some(one == other),
        // The account's own key is never given by its id.
        _ if [one, other].contains(&ACCOUNT_KEY) => Some(false),
        _ => None,
    }
}

/// Whether it is an alias, and its name or id without account and region.
fn named(key: &str) -> (bool, &str) {
    let word = key.rsplit_once(':').map_or(key, |(_, word)| word);
    match word.strip_prefix("alias/") {
        Some(alias) => (true, alias),
        None => (false, word.strip_prefix("key/").unwrap_or(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_name_or_its_id_however_it_is_given() {
        for (one, other, same) in [
            (
                "alias/a",
                "arn:aws:kms:us-east-2:111122223333:alias/a",
                Some(true),
            ),
            ("alias/a", "alias/b", Some(false)),
            (
                "arn:aws:kms:us-east-2:111122223333:key/1-2",
                "1-2",
                Some(true),
            ),
            ("1-2", "1-3", Some(false)),
            ("alias/a", "1-2", None),
            ("alias/a", "alias/aws/secretsmanager", Some(false)),
            ("1-2", "alias/aws/secretsmanager", Some(false)),
            (
                "alias/aws/secretsmanager",
                "alias/aws/secretsmanager",
                Some(true),
            ),
        ] {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
    }
}

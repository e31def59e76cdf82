//! The refusals and failures of AWS, as a target tells them: which action, on what, why.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::OnceCell;

use super::secrets_manager::Service;
use super::{Fault, TargetError};
use crate::keys::aws::{Account, Aws, Fault as Cause};
use crate::settings::Settings;

/// The accounts of a run: one HTTP client, and one of each service for each account and region.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    aws: Aws,
    /// By profile and region.
    pub(super) services: Shared<(Option<String>, String), Arc<Service>>,
    /// Who we are, by profile: asked once.
    pub(super) callers: Shared<Option<String>, Result<Caller, TargetError>>,
}

/// Things that are made once for each key, by whoever comes first; the others wait for it.
#[derive(Debug)]
pub(super) struct Shared<K, V>(Mutex<BTreeMap<K, Arc<OnceCell<V>>>>);

/// Whose credentials are used.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) account: String,
    pub(super) arn: Option<String>,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord, V> Shared<K, V> {
    /// The cell of a key.
    pub(super) fn cell(&self, key: K) -> Arc<OnceCell<V>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key).or_default())
    }
}

impl Accounts {
    /// Loads what a client needs.
    pub(super) async fn load(
        &self,
        account: &Account,
        settings: &Settings,
    ) -> Result<SdkConfig, TargetError> {
        let loaded = self.aws.config(account, settings).await;
        loaded.map_err(|cause| told(&cause, "sts:AssumeRole", ""))
    }
}

/// The service's code of a refusal, if it gave one.
pub(super) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// A failed call; `action` is what IAM calls it.
pub(super) fn explain<E, R>(error: &SdkError<E, R>, action: &str, about: &str) -> TargetError
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    told(&Cause::of(error), action, about)
}

/// The same for a call that writes.
pub(super) fn explain_write<E, R>(error: &SdkError<E, R>, action: &str, about: &str) -> TargetError
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    let cause = Cause::of(error);
    let told = told(&cause, action, about);
    match cause {
        // It was answered: not now.
        Cause::Throttled(_) => told,
        _ => told.of_write(),
    }
}

/// The same for a code that arrives inside a success.
pub(super) fn by_code(code: Option<&str>, action: &str, about: &str) -> TargetError {
    told(&Cause::of_code(code), action, about)
}

fn told(cause: &Cause, action: &str, about: &str) -> TargetError {
    let on = if about.is_empty() {
        String::new()
    } else {
        format!(" on {about}")
    };
    let who = "aws sts get-caller-identity";
    match cause {
        Cause::Denied(code) => TargetError::new(
            Fault::Denied,
            format!("not allowed to {action}{on} ({code})"),
        )
        .hint(format!(
            "allow {action}{on} in the IAM policy of the caller"
        )),
        Cause::Expired(_) | Cause::Invalid(_) => {
            TargetError::new(Fault::Denied, cause.reason()).hint(who)
        }
        Cause::NoCredentials(why) => TargetError::new(Fault::Configuration, *why).hint(format!(
            "set AWS_PROFILE or the profile of the target, then: {who}"
        )),
        Cause::Late => TargetError::new(Fault::Unreachable, cause.reason()).hint(who),
        Cause::Throttled(_) | Cause::Unreachable(_) => TargetError::new(
            Fault::Unreachable,
            format!("{action}{on}: {}", cause.reason()),
        ),
        Cause::Answer(code) => match code.as_str() {
            "DecryptionFailure" | "EncryptionFailure" => TargetError::new(
                Fault::Denied,
                format!("the KMS key{on} cannot be used ({code})"),
            )
            .hint("allow kms:Decrypt and kms:GenerateDataKey on it"),
            "ResourceExistsException" => TargetError::new(
                Fault::Conflict,
                format!("somebody else made {about} at the same time ({code})"),
            ),
            _ => TargetError::new(
                Fault::Unexpected,
                format!("AWS refused {action}{on} ({code})"),
            ),
        },
        Cause::NoRegion => {
            TargetError::new(Fault::Configuration, format!("AWS {}", cause.reason()))
        }
        Cause::Absent(_) | Cause::Garbled => TargetError::new(
            Fault::Unexpected,
            format!("{action}{on}: {}", cause.reason()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_the_action_and_the_object() {
        let error = by_code(
            Some("AccessDeniedException"),
            "secretsmanager:GetSecretValue",
            "x",
        );
        assert_eq!(
            error.reason,
            "not allowed to secretsmanager:GetSecretValue on x (AccessDeniedException)"
        );
        assert_eq!(error.fault, Fault::Denied);
    }

    #[test]
    fn throttling_may_be_repeated_and_text_instead_of_a_code_is_left_out() {
        let busy = by_code(Some("ThrottlingException"), "a:B", "");
        assert_eq!(busy.fault, Fault::Unreachable);
        let text = by_code(Some("value canary is bad"), "a:B", "");
        assert!(!text.reason.contains("canary"), "{}", text.reason);
    }
}

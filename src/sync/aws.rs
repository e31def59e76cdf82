//! Connections to AWS: the standard credential chain, one HTTP client, bounded times, and the
//! service's refusals in our own words.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Fault, TargetError};

/// Loads what a client needs.
pub(super) async fn load(region: &str, profile: Option<&str>) -> SdkConfig {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let times = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(15))
        .operation_timeout(Duration::from_secs(45))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(times)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .region(Region::new(region.to_owned()));
    match profile {
        Some(profile) => loader.profile_name(profile).load().await,
        None => loader.load().await,
    }
}

/// The service's code of a refusal, if it gave one.
pub(super) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// A failed call in our words; `action` is what IAM calls it.
pub(super) fn explain<E, R>(error: &SdkError<E, R>, action: &str, about: &str) -> TargetError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let service = action.split(':').next().unwrap_or(action);
    let unreachable =
        |what: &str| TargetError::new(Fault::Unreachable, format!("{service} {what} ({action})"));
    match error {
        SdkError::ServiceError(refusal) => by_code(refusal.err().code(), action, about),
        SdkError::TimeoutError(_) => unreachable("does not answer in time"),
        SdkError::ResponseError(_) => unreachable("gave an answer that cannot be read"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            unreachable("does not answer in time")
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => unreachable("cannot be reached"),
        _ => no_credentials(),
    }
}

/// The same for a code that arrives inside a success.
pub(super) fn by_code(code: Option<&str>, action: &str, about: &str) -> TargetError {
    let code = code.filter(|code| is_word(code)).unwrap_or("no code");
    let on = if about.is_empty() {
        String::new()
    } else {
        format!(" on {about}")
    };
    match code {
        "AccessDeniedException" | "AccessDenied" => TargetError::new(
            Fault::Denied,
            format!("not allowed to {action}{on} ({code})"),
        )
        .hint(format!(
            "allow {action}{on} in the IAM policy of the caller"
        )),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException" => TargetError::new(
            Fault::Denied,
            format!("AWS does not accept the credentials ({code})"),
        )
        .hint("aws sts get-caller-identity"),
        "DecryptionFailure" | "EncryptionFailure" => TargetError::new(
            Fault::Denied,
            format!("the KMS key{on} cannot be used ({code})"),
        )
        .hint("allow kms:Decrypt and kms:GenerateDataKey on it"),
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "InternalServiceError"
        | "InternalServiceErrorException"
        | "InternalFailure"
        | "ServiceUnavailable" => TargetError::new(
            Fault::Unreachable,
            format!("AWS is busy or failing ({code}, {action})"),
        ),
        "ResourceExistsException" => TargetError::new(
            Fault::Conflict,
            format!("somebody else made {about} at the same time ({code})"),
        ),
        _ => TargetError::new(
            Fault::Unexpected,
            format!("AWS refused {action}{on} ({code})"),
        ),
    }
}

fn no_credentials() -> TargetError {
    TargetError::new(Fault::Configuration, "there are no usable AWS credentials")
        .hint("set AWS_PROFILE or the profile of the target, then: aws sts get-caller-identity")
}

/// A code is one word; anything else could quote a request.
fn is_word(code: &str) -> bool {
    code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric())
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
        assert_eq!(text.reason, "AWS refused a:B (no code)");
    }
}

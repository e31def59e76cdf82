//! What everything on AWS needs: an HTTP client, configuration by profile and region, and names
//! for what goes wrong.
//!
//! The text of a server is never passed on: it can quote a request. Only the error's code is, and
//! only when it looks like one. The surprise: the SDK reads the process environment itself (the
//! standard credential chain, endpoints, regions), so `Settings` does not rule it.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::PoisonError;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::future;
use aws_sdk_kms::config::{
    Credentials, ProvideCredentials, RuntimeComponents, SharedCredentialsProvider, SharedHttpClient,
};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use tokio::sync::Mutex;

use crate::error::quoted;
use crate::settings::Settings;

/// Whose credentials are used, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    /// A profile of the AWS configuration; without one the standard chain decides.
    pub(crate) profile: Option<String>,
    /// The region.
    pub(crate) region: String,
    /// A role to assume first.
    pub(crate) role: Option<String>,
}

/// Configurations of one run, by account; they share one HTTP client and its connections.
#[derive(Debug, Default)]
pub(crate) struct Aws {
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    http: Option<SharedHttpClient>,
    configurations: BTreeMap<Account, SdkConfig>,
}

/// Why a call to AWS failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service answered with this error code.
    Answer(String),
    /// The code says that the caller may not do this.
    Denied(String),
    /// The code says that there is no such thing.
    Absent(String),
    /// The code says that the credentials are expired.
    Expired(String),
    /// The code says that the credentials are not valid.
    Invalid(String),
    /// The code says to slow down, or the service is overloaded.
    Throttled(String),
    /// No credentials could be found or loaded.
    NoCredentials(&'static str),
    /// Credentials were not there in bounded time.
    Late,
    /// The service did not answer in bounded time.
    Unreachable(&'static str),
    /// What is given as the region is none; it would become the name of a host.
    NoRegion,
    /// The request could not be made or the answer not be read.
    Garbled,
}

impl Aws {
    /// The configuration for an account, loaded once.
    pub(crate) async fn config(
        &self,
        account: &Account,
        settings: &Settings,
    ) -> Result<SdkConfig, Fault> {
        if !is_region(&account.region) {
            return Err(Fault::NoRegion);
        }
        // Held while loading, so that recipients of one account do not load it twice.
        let mut loaded = self.loaded.lock().await;
        if let Some(known) = loaded.configurations.get(account) {
            return Ok(known.clone());
        }
        let http = match &loaded.http {
            Some(http) => http.clone(),
            None => loaded.http.insert(http_client(settings)?).clone(),
        };
        let base = with_credentials(load(account, http).await).await?;
        let config = match &account.role {
            None => base,
            Some(role) => assume(&base, role).await?,
        };
        loaded
            .configurations
            .insert(account.clone(), config.clone());
        Ok(config)
    }
}

impl Account {
    /// The command that shows who one is on this account.
    pub(crate) fn who_am_i(&self) -> String {
        match &self.profile {
            Some(profile) => format!("aws sts get-caller-identity --profile {}", quoted(profile)),
            None => "aws sts get-caller-identity".to_owned(),
        }
    }
}

impl Fault {
    /// Sorts an SDK error; see the module's text for what is kept of it.
    pub(crate) fn of<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: std::fmt::Debug,
    {
        match error {
            SdkError::ServiceError(answer) => Self::of_code(answer.err().code()),
            SdkError::TimeoutError(_) => Self::Unreachable("it did not answer in time"),
            SdkError::DispatchFailure(failure) => {
                let source = failure.as_connector_error();
                match credentials_fault(source.map(|source| source as &dyn StdError)) {
                    Some(LATE) => Self::Late,
                    Some(why) => Self::NoCredentials(why),
                    None if failure.is_timeout() => Self::Unreachable("the connection timed out"),
                    None if failure.is_user() => Self::Garbled,
                    None => Self::Unreachable("the connection failed"),
                }
            }
            SdkError::ConstructionFailure(_) => match credentials_fault(error.source()) {
                Some(LATE) => Self::Late,
                Some(why) => Self::NoCredentials(why),
                None => Self::Garbled,
            },
            _ => Self::Garbled,
        }
    }

    /// Sorts an error code.
    pub(crate) fn of_code(code: Option<&str>) -> Self {
        let Some(code) = code.filter(|code| is_code(code)) else {
            return Self::Garbled;
        };
        let known = match code {
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "NotAuthorized" => Self::Denied,
            "NotFoundException" | "ResourceNotFoundException" => Self::Absent,
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Self::Expired,
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidToken" => Self::Invalid,
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "ServiceUnavailable"
            | "InternalFailure"
            | "InternalServiceError"
            | "KMSInternalException"
            | "DependencyTimeoutException" => Self::Throttled,
            _ => Self::Answer,
        };
        known(code.to_owned())
    }

    /// The error code, if the service gave one.
    #[allow(dead_code, reason = "for the targets on AWS")]
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Answer(code)
            | Self::Denied(code)
            | Self::Absent(code)
            | Self::Expired(code)
            | Self::Invalid(code)
            | Self::Throttled(code) => Some(code),
            Self::NoCredentials(_)
            | Self::Late
            | Self::Unreachable(_)
            | Self::NoRegion
            | Self::Garbled => None,
        }
    }

    /// What is wrong, as the end of a line that begins with what was called.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Answer(code) => format!("answered with {code}"),
            Self::Denied(code) => format!("access is denied: {code}"),
            Self::Absent(code) => format!("it does not exist: {code}"),
            Self::Expired(code) => format!("the AWS credentials are expired: {code}"),
            Self::Invalid(code) => format!("the AWS credentials are not valid: {code}"),
            Self::Throttled(code) => format!("the service is overloaded or throttles: {code}"),
            Self::NoCredentials(why) => (*why).to_owned(),
            Self::Late => LATE.to_owned(),
            Self::Unreachable(why) => format!("cannot be reached: {why}"),
            Self::NoRegion => {
                "cannot be called: its region is none of AWS, such as eu-west-1".to_owned()
            }
            Self::Garbled => "answered with something that cannot be read".to_owned(),
        }
    }
}

async fn load(account: &Account, http: SharedHttpClient) -> SdkConfig {
    let region = Region::new(account.region.clone());
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LAST_BACKOFF);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(profile) = &account.profile {
        // A profile that is named outranks access keys in the environment, as in the reference.
        let provider = ProviderConfig::without_region()
            .with_region(Some(region))
            .with_http_client(http);
        loader = loader.profile_name(profile).credentials_provider(
            ProfileFileCredentialsProvider::builder()
                .profile_name(profile)
                .configure(&provider)
                .build(),
        );
    }
    loader.load().await
}

/// Loads the credentials before the first call, with a time limit of their own: a call that waits for
/// them would be taken for a service that does not answer.
async fn with_credentials(base: SdkConfig) -> Result<SdkConfig, Fault> {
    let Some(source) = base.credentials_provider() else {
        return Ok(base);
    };
    let loaded = tokio::time::timeout(LOAD_TIMEOUT, source.provide_credentials()).await;
    match loaded.map_err(|_| Fault::Late)? {
        Ok(first) => {
            let source = Loading {
                first: std::sync::Mutex::new(Some(first)),
                source,
            };
            let provider = SharedCredentialsProvider::new(source);
            Ok(base.into_builder().credentials_provider(provider).build())
        }
        // The call itself tells why.
        Err(_) => Ok(base),
    }
}

/// Credentials that were loaded already, and where later ones come from.
#[derive(Debug)]
struct Loading {
    first: std::sync::Mutex<Option<Credentials>>,
    source: SharedCredentialsProvider,
}

impl ProvideCredentials for Loading {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match first {
            Some(first) => future::ProvideCredentials::ready(Ok(first)),
            None => self.source.provide_credentials(),
        }
    }
}

async fn assume(base: &SdkConfig, role: &str) -> Result<SdkConfig, Fault> {
    let answer = aws_sdk_sts::Client::new(base)
        .assume_role()
        .role_arn(role)
        .role_session_name(session_name(
            &rustix::system::uname().nodename().to_string_lossy(),
        ))
        .send()
        .await
        .map_err(|error| Fault::of(&error))?;
    let given = answer.credentials().ok_or(Fault::Garbled)?;
    let credentials = Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        (*given.expiration()).try_into().ok(),
        "assumed role",
    );
    Ok(base
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build())
}

/// `sops@<host>`, without what a session name may not hold, at most 64 characters.
fn session_name(host: &str) -> String {
    format!("sops@{host}")
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "=,.@-".contains(*letter))
        .take(64)
        .collect()
}

/// One client for all services: rustls with ring, proxies of the environment, private authorities.
fn http_client(settings: &Settings) -> Result<SharedHttpClient, Fault> {
    let mut trust = TrustStore::default();
    if let Some(path) = settings.var("AWS_CA_BUNDLE") {
        let bundle = crate::fs::read(&settings.absolute(path.as_ref()))
            .map_err(|_| Fault::NoCredentials("the file in AWS_CA_BUNDLE cannot be read"))?;
        trust = trust.with_pem_certificate(bundle.bytes.to_vec());
    }
    let tls = TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|_| Fault::NoCredentials("the certificates in AWS_CA_BUNDLE cannot be read"))?;
    // Only this constructor lets a connector have a proxy and still pools its connections.
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut builder = Connector::builder()
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls.clone());
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            builder.build()
        }),
    )
}

/// Looks through the causes for the SDK's own words about credentials.
fn credentials_fault(mut cause: Option<&(dyn StdError + 'static)>) -> Option<&'static str> {
    let mut found = None;
    while let Some(error) = cause {
        let text = error.to_string();
        if text.starts_with("the credential provider was not enabled") {
            found = Some("no AWS credentials were found");
        } else if text.starts_with("an error occurred while loading credentials")
            || text.starts_with("the credentials provider was not properly configured")
            || text.starts_with("unexpected credentials error")
        {
            found = Some("the AWS credentials could not be loaded");
        } else if text.starts_with("credentials provider timed out") {
            return Some(LATE);
        } else if text.contains("SSO") && text.contains("expired") {
            return Some("the AWS single sign-on session is expired");
        }
        cause = error.source();
    }
    found
}

/// Whether a text is the name of a region: words of letters or digits between dashes, the last one a
/// number, as in `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let is_word = |word: &&str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let ends_in_number = words
        .last()
        .is_some_and(|last| last.len() <= 2 && last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= 32
        && (3..=5).contains(&words.len())
        && words.iter().all(is_word)
        && ends_in_number
}

fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_')
}

/// What is said of a `credential_process` or a metadata service that does not answer.
const LATE: &str = "loading the AWS credentials took too long";
const ATTEMPTS: u32 = 3;
const LOAD_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LAST_BACKOFF: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_holds_only_what_is_allowed() {
        assert_eq!(session_name("node-1.example"), "sops@node-1.example");
        assert_eq!(session_name("my_host!"), "sops@myhost");
        assert_eq!(session_name(&"h".repeat(80)).len(), 64);
    }

    #[test]
    fn a_region_is_no_host() {
        for region in [
            "eu-west-1",
            "us-gov-west-1",
            "us-isob-east-1",
            "cn-north-1",
            "ap-southeast-7",
            "eusc-de-east-1",
        ] {
            assert!(is_region(region), "{region}");
        }
        for text in [
            "",
            "localhost",
            "evil.example",
            "evil.example/",
            "eu-west-1.evil.example/",
            "eu-west-1/",
            "eu-west-1:443",
            "a@b-c-1",
            "EU-WEST-1",
            "eu--1",
            "eu-west-1\n",
            "169-254-169-254",
            "a-b-c-d-e-f-1",
        ] {
            assert!(!is_region(text), "{text}");
        }
    }

    #[test]
    fn an_error_code_is_kept_and_a_text_is_not() {
        assert_eq!(
            Fault::of_code(Some("AccessDeniedException")),
            Fault::Denied("AccessDeniedException".to_owned())
        );
        assert_eq!(
            Fault::of_code(Some("SomethingNew")),
            Fault::Answer("SomethingNew".to_owned())
        );
        assert_eq!(
            Fault::of_code(Some("user hunter2 is wrong")),
            Fault::Garbled
        );
        assert_eq!(Fault::of_code(None), Fault::Garbled);
    }

    #[test]
    fn the_hint_names_the_profile() {
        let account = Account {
            profile: Some("node-dev".to_owned()),
            region: "eu-west-1".to_owned(),
            role: None,
        };
        assert_eq!(
            account.who_am_i(),
            "aws sts get-caller-identity --profile node-dev"
        );
    }
}

//! Requests: bounded in time, repeated where that is safe, refusals in our own words.
//!
//! Every request may be repeated: a GET changes nothing, an apply that carries the version it was
//! made for either has the same effect again or is a conflict, a deletion names what it deletes, and
//! a merge says the same twice. Bodies are handled here and not by the client library, which logs an
//! answer that it cannot read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use zeroize::Zeroizing;

use super::connect::Connection;

use crate::sync::{Fault, KubernetesConfig, TargetError, printable};

/// Tries of one request.
const TRIES: u32 = 4;
/// One try.
const TRY_TIME: Duration = Duration::from_secs(15);
/// The first pause; each further one is up to twice as long.
const PAUSE: Duration = Duration::from_millis(150);
/// The longest pause, whatever a server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// An answer to a write needs no data in it.
const NO_DATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// The same of a list.
const NO_DATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A connected cluster; all targets that are reached by one context share the connections.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) connection: Arc<Connection>,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    /// One object without its data.
    Meta,
    /// Names and owners, without data.
    List,
    /// Asks with a body; nothing is made.
    Ask,
    Apply,
    Merge,
    Delete,
}

/// What a request is about, in the words of `kubectl`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name } = self;
        if name.is_empty() {
            write!(f, "{kind}s")
        } else {
            write!(f, "{kind} {name}")
        }
    }
}

/// What the server said.
pub(super) enum Answer {
    /// The body of a success; it can hold values.
    Done(Zeroizing<Vec<u8>>),
    /// A refusal, without the server's words.
    Refused(Refusal),
}

/// A refusal: its number, and the server's own one-word reason.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    reason: String,
    /// What it is about: `namespaces`, `secrets`.
    kind: String,
    /// Whether a quota is used up; the server calls that forbidden too.
    is_quota: bool,
    /// The first field that it names.
    field: Option<String>,
}

impl Client {
    /// Sends a request, again if need be.
    pub(super) async fn send(
        &self,
        verb: Verb,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, TargetError> {
        let mut pause = PAUSE;
        let mut has_logged_in_again = false;
        let mut is_lost = false;
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            let begun = tokio::time::Instant::now();
            let (answer, asked) = match self.attempt(verb, path, body).await {
                Ok((answer, asked)) => (Ok(answer), asked),
                Err(mut error) => {
                    // What one try has sent may have arrived, however the next one ends.
                    is_lost |= error.is_lost;
                    error.is_lost = is_lost;
                    (Err(error), None)
                }
            };
            let may_pass = match &answer {
                Ok(Answer::Refused(refusal)) if refusal.status == 401 && !has_logged_in_again => {
                    // What a plug-in gave may have expired while we worked.
                    has_logged_in_again = true;
                    if self.connection.login.forget().await {
                        tries_left += 1;
                        continue;
                    }
                    false
                }
                Ok(Answer::Refused(refusal)) => refusal.may_pass(),
                Ok(Answer::Done(_)) => false,
                Err(error) => error.fault == Fault::Unreachable,
            };
            if answer.is_err() && begun.elapsed() >= TRY_TIME {
                // Who was silent for a whole try is asked once more, and not three times.
                tries_left = tries_left.min(1);
            }
            if !may_pass || tries_left == 0 {
                return answer;
            }
            tokio::time::sleep(asked.unwrap_or(jitter(pause)).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
    }

    async fn attempt(
        &self,
        verb: Verb,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<(Answer, Option<Duration>), TargetError> {
        const JSON: &str = "application/json";
        let (method, kind, wanted) = match verb {
            Verb::Get => (Method::GET, None, None),
            Verb::Meta => (Method::GET, None, Some(NO_DATA)),
            Verb::List => (Method::GET, None, Some(NO_DATA_LIST)),
            Verb::Ask => (Method::POST, Some(JSON), None),
            Verb::Merge => (
                Method::PATCH,
                Some("application/merge-patch+json"),
                Some(NO_DATA),
            ),
            Verb::Delete => (Method::DELETE, Some(JSON), Some(NO_DATA)),
            Verb::Apply => (
                Method::PATCH,
                Some("application/apply-patch+yaml"),
                Some(NO_DATA),
            ),
        };
        let connection = &self.connection;
        // Zeroed when the last of the connection's hands has let go of it.
        let body = Zeroizing::new(body.unwrap_or_default().to_vec());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", connection.base));
        let body = Full::new(Bytes::from_owner(body));
        let mut request = request.body(body).map_err(|_| {
            TargetError::new(Fault::Configuration, "the server's address cannot be used")
        })?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(wanted.unwrap_or(JSON)));
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        connection.login.admit(headers).await?;
        let _turn = connection.turn().await;
        let lost = |error: TargetError| match verb {
            Verb::Apply | Verb::Merge | Verb::Delete => error.of_write(),
            Verb::Get | Verb::Meta | Verb::List | Verb::Ask => error,
        };
        let sent = tokio::time::timeout(TRY_TIME, connection.wire.send(request)).await;
        let Ok(sent) = sent else {
            return Err(lost(self.unreachable("does not answer in time")));
        };
        let (head, bytes) = sent
            .map_err(|error| lost(self.explain(error.as_ref())))?
            .into_parts();
        let asked = head.headers.get(RETRY_AFTER);
        let asked = asked
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = match bytes.try_into_mut() {
            Ok(own) => Zeroizing::new(Vec::from(own)),
            Err(shared) => Zeroizing::new(shared.to_vec()),
        };
        if head.status.is_success() {
            return Ok((Answer::Done(body), asked));
        }
        Ok((Answer::Refused(Refusal::read(head.status, &body)), asked))
    }

    /// A request that got no answer. The library's own words name addresses and certificates at
    /// length; what an operator needs is which of these it was.
    fn explain(&self, error: &(dyn std::error::Error + 'static)) -> TargetError {
        let mut text = String::new();
        let mut cause = Some(error);
        while let Some(error) = cause {
            text.push_str(&error.to_string().to_lowercase());
            text.push('\n');
            cause = error.source();
        }
        let server = &self.connection.server;
        let has = |word: &str| text.contains(word);
        let wrong = |reason: String| TargetError::new(Fault::Configuration, reason);
        // Repeating these would not help.
        if has("received fatal alert") {
            return wrong(format!("{server} breaks off the TLS handshake"))
                .hint("look at client-certificate and tls-server-name in the kubeconfig");
        }
        if has("certificate") {
            return wrong(format!("the certificate of {server} is not trusted"))
                .hint("correct certificate-authority-data in the kubeconfig");
        }
        if has("tunnel") || has("proxy") || has("socks") {
            return self.unreachable("cannot be reached through its proxy");
        }
        self.unreachable(if has("refused") {
            "refuses connections"
        } else if has("dns") || has("lookup") || has("resolve") {
            "has no address"
        } else if has("timed out") || has("deadline") {
            "does not answer in time"
        } else {
            "cannot be reached"
        })
    }

    fn unreachable(&self, what: &str) -> TargetError {
        let server = &self.connection.server;
        TargetError::new(Fault::Unreachable, format!("{server} {what}"))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.connection.server)
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// Takes the words that are safe out of the server's `Status`; its message is not one of them.
    fn read(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Status {
            reason: String,
            message: String,
            details: Details,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Details {
            kind: String,
            causes: Vec<Cause>,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Cause {
            field: String,
        }
        let read: Status = serde_json::from_slice(body).unwrap_or_default();
        Self {
            status: status.as_u16(),
            reason: word(&read.reason),
            kind: word(&read.details.kind),
            is_quota: read.message.contains("exceeded quota"),
            field: read
                .details
                .causes
                .iter()
                .find_map(|cause| field(&cause.field)),
        }
    }

    fn may_pass(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// The refusal in our words.
    pub(super) fn explain(
        &self,
        config: &KubernetesConfig,
        subject: Subject<'_>,
        verb: &str,
    ) -> TargetError {
        let KubernetesConfig {
            context, namespace, ..
        } = config;
        let code = if self.reason.is_empty() {
            self.status.to_string()
        } else {
            format!("{} {}", self.status, self.reason)
        };
        match self.status {
            401 => TargetError::new(
                Fault::Denied,
                format!("the cluster does not know the user of the context {context} ({code})"),
            )
            .hint(format!("kubectl --context {context} auth whoami")),
            403 if self.is_quota => TargetError::new(
                Fault::Denied,
                format!("a quota of namespace {namespace} leaves no room for {subject} ({code})"),
            )
            .hint(format!(
                "kubectl --context {context} -n {namespace} describe quota"
            )),
            403 => denied(config, subject, verb, &code),
            404 if self.kind == "namespaces" => TargetError::new(
                Fault::Configuration,
                format!("the namespace {namespace} does not exist"),
            )
            .hint(format!(
                "kubectl --context {context} create namespace {namespace}"
            )),
            404 => TargetError::new(
                Fault::Configuration,
                format!("there is no {subject} in namespace {namespace}"),
            )
            .hint("correct its name in clsecrets.yaml"),
            409 => TargetError::new(
                Fault::Conflict,
                format!("somebody else wrote {subject} at the same time ({code})"),
            )
            .hint("run the command again"),
            400 | 413 | 422 => TargetError::new(
                Fault::Invalid,
                format!(
                    "the cluster does not accept {subject} ({code}{})",
                    self.field()
                ),
            ),
            429 => TargetError::new(Fault::Unreachable, format!("the cluster is busy ({code})")),
            500.. => {
                let error = format!("the cluster failed ({code})");
                let error = TargetError::new(Fault::Unreachable, error);
                // A gateway that gives up does not know what the server behind it did.
                match verb {
                    "create" | "patch" | "delete" => error.of_write(),
                    _ => error,
                }
            }
            _ => TargetError::new(
                Fault::Unexpected,
                format!("the cluster refused to {verb} {subject} ({code})"),
            ),
        }
    }

    fn field(&self) -> String {
        match &self.field {
            Some(field) => format!(", at {field}"),
            None => String::new(),
        }
    }
}

/// What the caller may not do, and how to see it.
pub(super) fn denied(
    config: &KubernetesConfig,
    subject: Subject<'_>,
    verb: &str,
    code: &str,
) -> TargetError {
    let KubernetesConfig {
        context, namespace, ..
    } = config;
    let Subject { kind, name } = subject;
    let what = if name.is_empty() {
        format!("{kind}s")
    } else {
        format!("{kind}/{name}")
    };
    TargetError::new(
        Fault::Denied,
        format!("not allowed to {verb} {subject} in namespace {namespace} ({code})"),
    )
    .hint(format!(
        "grant {verb} on {kind}s in {namespace}; to see what is missing: kubectl --context \
         {context} -n {namespace} auth can-i {verb} {what}"
    ))
}

/// One word of a server: letters only, so that nothing else can come along.
pub(super) fn word(text: &str) -> String {
    if text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphabetic()) {
        printable(text)
    } else {
        String::new()
    }
}

/// The path of a field without what stands in brackets: a key in there can be anything.
fn field(path: &str) -> Option<String> {
    let bare = path.split('[').next().unwrap_or_default();
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '.';
    (!bare.is_empty() && bare.len() <= 60 && bare.chars().all(is_path)).then(|| bare.to_owned())
}

/// Between half of a pause and the whole, so that several clients do not come back together.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without randomness the pause is only less even.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause.mul_f64(f64::from(byte[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(status: u16, body: &str) -> TargetError {
        let config = KubernetesConfig {
            context: "dev".to_owned(),
            namespace: "node".to_owned(),
            ..KubernetesConfig::default()
        };
        let status = StatusCode::from_u16(status).unwrap();
        let tiingo = Subject {
            kind: "secret",
            name: "tiingo",
        };
        Refusal::read(status, body.as_bytes()).explain(&config, tiingo, "patch")
    }

    #[test]
    fn a_refusal_names_verb_resource_and_namespace_and_not_the_message() {
        let body = r#"{"reason":"Forbidden","message":"canary","details":{"kind":"secrets"}}"#;
        let error = explained(403, body);
        assert_eq!(error.fault, Fault::Denied);
        assert_eq!(
            error.reason,
            "not allowed to patch secret tiingo in namespace node (403 Forbidden)"
        );
        assert!(
            error
                .hint
                .unwrap()
                .contains("auth can-i patch secret/tiingo")
        );
    }

    #[test]
    fn a_reason_that_is_no_word_is_left_out() {
        let error = explained(422, r#"{"reason":"Invalid value: \"canary\""}"#);
        assert!(!error.reason.contains("canary"), "{}", error.reason);
        assert!(explained(500, "<html>canary").reason.ends_with("(500)"));
    }

    #[test]
    fn the_field_is_named_and_what_is_wrong_with_it_is_not() {
        let body = r#"{"reason":"Invalid","details":{"causes":[
            {"field":"data[canary]","message":"canary"}]}}"#;
        assert_eq!(
            explained(422, body).reason,
            "the cluster does not accept secret tiingo (422 Invalid, at data)"
        );
        let body = r#"{"reason":"Invalid","details":{"causes":[{"field":"a canary"}]}}"#;
        assert!(!explained(422, body).reason.contains("canary"));
    }

    #[test]
    fn a_missing_namespace_is_named() {
        let body = r#"{"reason":"NotFound","details":{"kind":"namespaces"}}"#;
        assert_eq!(
            explained(404, body).reason,
            "the namespace node does not exist"
        );
    }

    #[test]
    fn a_pause_is_between_half_and_whole() {
        for _ in 0..50 {
            let pause = jitter(Duration::from_millis(100));
            assert!((50..=100).contains(&pause.as_millis()));
        }
    }
}

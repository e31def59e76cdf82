//! Requests: bounded in time, repeated where that is safe.
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
use http::{Method, Request};
use http_body_util::Full;
use zeroize::Zeroizing;

use super::connect::Connection;
use super::refusal::Refusal;
use crate::sync::{Fault, TargetError};

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

/// What the server said.
pub(super) enum Answer {
    /// The body of a success; it can hold values.
    Done(Zeroizing<Vec<u8>>),
    /// A refusal, without the server's words.
    Refused(Refusal),
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

    #[test]
    fn a_pause_is_between_half_and_whole() {
        for _ in 0..50 {
            let pause = jitter(Duration::from_millis(100));
            assert!((50..=100).contains(&pause.as_millis()));
        }
    }
}

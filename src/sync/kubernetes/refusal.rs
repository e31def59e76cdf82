//! Refusals in our own words: a server's message can quote what was sent, so that only a number, one
//! word and a field's path are taken out of it.

use std::fmt;

use http::StatusCode;

use crate::error::quoted;
use crate::sync::{Fault, KubernetesConfig, TargetError, printable};

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

/// A refusal: its number, and the server's own one-word reason.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    reason: String,
    /// What it is about: `namespaces`, `secrets`.
    kind: String,
    /// Whether a quota is used up; the server calls that forbidden too.
    is_quota: bool,
    /// What the caller may not do, where it says that: to apply takes two rights.
    verb: Option<&'static str>,
    /// The first field that it names.
    field: Option<String>,
}

/// What the API server can say of a request to be forbidden.
const VERBS: [&str; 6] = ["get", "list", "create", "patch", "update", "delete"];

impl Refusal {
    /// Takes the words that are safe out of the server's `Status`; its message is not one of them.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Self {
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
            verb: VERBS
                .into_iter()
                .find(|verb| read.message.contains(&format!(" cannot {verb} resource "))),
            field: read
                .details
                .causes
                .iter()
                .find_map(|cause| field(&cause.field)),
        }
    }

    pub(super) fn may_pass(&self) -> bool {
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
        let context_word = quoted(context);
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
            .hint(format!("kubectl --context {context_word} auth whoami")),
            403 if self.is_quota => TargetError::new(
                Fault::Denied,
                format!("a quota of namespace {namespace} leaves no room for {subject} ({code})"),
            )
            .hint(format!(
                "kubectl --context {context_word} -n {namespace} describe quota"
            )),
            403 => denied(config, subject, self.verb.unwrap_or(verb), &code),
            404 if self.kind == "namespaces" => TargetError::new(
                Fault::Configuration,
                format!("the namespace {namespace} does not exist"),
            )
            .hint(format!(
                "kubectl --context {context_word} create namespace {namespace}"
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
    let context = quoted(context);
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
    fn the_right_that_the_server_misses_is_the_one_that_is_named() {
        let body = r#"{"reason":"Forbidden",
            "message":"secrets \"canary\" is forbidden: User \"u\" cannot create resource \"secrets\""}"#;
        let error = explained(403, body);
        assert!(
            error
                .reason
                .starts_with("not allowed to create secret tiingo")
        );
        assert!(!error.reason.contains("canary"));
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
}

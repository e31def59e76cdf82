//! H070: what Terraform writes down: state, plans, variables with values.

use super::super::text::{Mark, Text, chance, harmless, naming};
use super::super::{Finding, Rule, Subject};
use super::claim::{self, Claim};
use super::{finding, has_ending, shown, value};
use crate::error::quoted;

/// H070.
#[derive(Debug)]
pub(super) struct State;

/// Attributes that hold a secret, whatever else they are called.
const ATTRIBUTES: &[&str] = &[
    "result",
    "secret_string",
    "secret_binary",
    "private_key_pem",
    "private_key_openssh",
    "ses_smtp_password_v4",
    "bcrypt_hash",
    "master_password",
    "primary_access_key",
    "connection_string",
    "raw",
    "content",
    "b64_std",
    "hex",
];

/// Resources of which those attributes are meant.
const RESOURCES: &[&str] = &[
    "random_password",
    "aws_secretsmanager_secret_version",
    "tls_private_key",
    "aws_iam_access_key",
    "kubernetes_secret",
    "sops_file",
    "aws_db_instance",
    "aws_rds_cluster",
    "random_string",
    "random_id",
    "google_secret_manager_secret_version",
    "azurerm_key_vault_secret",
    "vault_generic_secret",
    "helm_release",
    "aws_ssm_parameter",
];

impl Rule for State {
    fn id(&self) -> &'static str {
        "H070"
    }

    fn summary(&self) -> &'static str {
        "Terraform's state, a plan, or a variable with a secret in clear."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        if is_saved_plan(text) {
            let message = "a saved plan of Terraform holds every value in clear".to_owned();
            let hint = format!("git rm --cached -f -- {}", quoted(subject.path));
            found.push(finding(self, subject, (1, 1), message, hint));
            return;
        }
        let hint = "keep state in a remote backend, and out of Git; then replace what stood in it";
        if text.has(Mark::State) || is_state(subject.path) {
            for (span, name) in attributes(text) {
                let message = format!("{name} is in clear in what Terraform has written down");
                found.push(value(self, subject, span, message, hint));
            }
        }
        for (span, name) in claim::of(subject, Claim::Terraform) {
            let message = format!("the variable {name} has its secret in clear");
            let hint =
                "leave it without a default; give it as TF_VAR_… or read it from a sealed file";
            found.push(value(self, subject, span, message, hint));
        }
    }
}

/// `terraform.tfstate`, `terraform.tfstate.backup`, `terraform.tfstate.1700000000.backup`.
fn is_state(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    has_ending(name, "tfstate") || name.contains(".tfstate.") && has_ending(name, "backup")
}

/// A saved plan is a zip archive with these members.
fn is_saved_plan(text: &Text<'_>) -> bool {
    let bytes = text.bytes();
    bytes.starts_with(b"PK\x03\x04")
        && harmless::contains(bytes, b"tfplan")
        && harmless::contains(bytes, b"tfstate")
}

/// Secrets among the attributes of state and plan: by name, and by the resource that they are of.
fn attributes(text: &Text<'_>) -> Vec<(std::ops::Range<usize>, String)> {
    let mut found = Vec::new();
    let mut is_secret_resource = false;
    let bytes = text.bytes();
    let mut at = 0;
    // Members of objects, one after another: `"name": "value"`.
    while let Some(offset) = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()) {
        let start = at + offset + 1;
        let Some(length) = closing(bytes.get(start..).unwrap_or_default()) else {
            break;
        };
        let name = text.slice(start..start + length);
        at = start + length + 1;
        let blanks = text
            .slice(at..at + 8)
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if text.slice(at + blanks..at + blanks + 1) != b":" {
            continue;
        }
        let from = at + blanks + 1;
        let blanks = text
            .slice(from..from + 8)
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let from = from + blanks;
        if text.slice(from..from + 1) != b"\"" {
            continue;
        }
        let Some(length) = closing(bytes.get(from + 1..).unwrap_or_default()) else {
            break;
        };
        let span = from + 1..from + 1 + length;
        let secret = text.slice(span.clone());
        at = span.end + 1;
        if name == b"type" {
            is_secret_resource = RESOURCES.iter().any(|own| secret == own.as_bytes());
            continue;
        }
        let is_attribute =
            is_secret_resource && ATTRIBUTES.iter().any(|own| name == own.as_bytes());
        let is_named = naming::kind(name).is_some();
        let is_plain = secret.len() >= 6
            && (!harmless::is_harmless(secret, true) || is_attribute && has_member(secret));
        if is_plain
            && (is_attribute
                || is_named
                    && (chance::looks_chosen(secret)
                        || chance::looks_random(secret, 8)
                        || secret.len() >= 8))
        {
            found.push((span, shown(name)));
        }
    }
    found
}

/// Whether an object within a string has a member that may be secret: `{\"a\": \"…\"}`.
fn has_member(escaped: &[u8]) -> bool {
    let quotes: Vec<usize> = memchr::memmem::find_iter(escaped, b"\\\"").collect();
    quotes.windows(3).any(|three| {
        let [colon, from, to] = three else {
            return false;
        };
        let between = escaped.get(colon + 2..*from).unwrap_or_default();
        let member = escaped.get(from + 2..*to).unwrap_or_default();
        between.trim_ascii() == b":" && member.len() >= 6 && !harmless::is_harmless(member, true)
    })
}

/// The length up to the quote that closes.
fn closing(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let offset = memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at + offset) == Some(&b'"') {
            return Some(at + offset);
        }
        at += offset + 2;
    }
}

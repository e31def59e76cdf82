//! H040 to H042: the credentials of a node, in its own files, variables and settings.

use super::super::text::{Dialect, Text, chance, harmless};
use super::super::{Finding, Rule, Subject};
use super::claim::{self, Claim};
use super::{has_ending, value};
use crate::error::quoted;

/// H040.
#[derive(Debug)]
pub(super) struct Secrets;

/// H041.
#[derive(Debug)]
pub(super) struct Variables;

/// H042.
#[derive(Debug)]
pub(super) struct Files;

const HINT: &str = "keep it in the sealed file of the environment: clsecrets set; `clsecrets sync` delivers it to the node";

impl Rule for Secrets {
    fn id(&self) -> &'static str {
        "H040"
    }

    fn summary(&self) -> &'static str {
        "A setting holds a credential of a node: `Password.Keystore`, `Mercury.Credentials`, `wallet_password`."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        for (span, name) in claim::of(subject, Claim::Node) {
            let message = format!("{name} is a credential of a node, and is in clear");
            found.push(value(self, subject, span, message, HINT));
        }
        overrides(self, subject, found);
    }
}

impl Rule for Variables {
    fn id(&self) -> &'static str {
        "H041"
    }

    fn summary(&self) -> &'static str {
        "A `CL_…` variable gives a node a credential."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        for (span, name) in claim::of(subject, Claim::Variable) {
            let message = format!("the variable {name} gives a node its credential, in clear");
            found.push(value(self, subject, span, message, HINT));
        }
    }
}

/// Values below `[CRE.LocalSecretOverrides…]`, whose names are anybody's.
fn overrides(rule: &dyn Rule, subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let text = subject.text;
    let Some(at) = memchr::memmem::find(text.bytes(), b"[CRE.LocalSecretOverrides") else {
        return;
    };
    // A table begins its line; elsewhere it is spoken of.
    let start = text.line(text.line_at(at)).start;
    if !text.slice(start..at).trim_ascii().is_empty() || !is_toml(text.dialect()) {
        return;
    }
    for number in text.line_at(at) + 1..text.lines() {
        let range = text.line(number);
        let line = text.slice(range.clone());
        if line.trim_ascii_start().starts_with(b"[") {
            return;
        }
        let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let secret = line.get(equals + 1..).unwrap_or_default().trim_ascii();
        if !line.trim_ascii_start().starts_with(b"#") && !harmless::is_harmless(secret, true) {
            let message = "a secret of a workflow is in clear".to_owned();
            found.push(value(
                rule,
                subject,
                range.start + equals + 1..range.end,
                message,
                HINT,
            ));
        }
    }
}

fn is_toml(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Toml | Dialect::Yaml | Dialect::Prose)
}

impl Rule for Files {
    fn id(&self) -> &'static str {
        "H042"
    }

    fn summary(&self) -> &'static str {
        "A file of a node holds nothing but a credential: `.api`, `.password`, `apicredentials`."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let name = subject
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let hint = format!("git rm --cached -f -- {}", quoted(subject.path));
        let span = match () {
            () if is_login(&name) => login(subject.text),
            () if is_password(&name) => only_line(subject.text),
            () => None,
        };
        if let Some(span) = span {
            let message = "this file holds a credential of a node and nothing else; the node reads it from a mounted secret";
            found.push(value(self, subject, span, message.to_owned(), &hint));
        }
    }
}

fn is_login(name: &str) -> bool {
    let stem = name.trim_end_matches(".txt").trim_start_matches('.');
    name.starts_with(".api") && !name.contains("example")
        || [
            "api",
            "apicredentials",
            "api-credentials",
            "api_credentials",
            "credentials",
            "api-creds",
            "admin-credentials",
            "api_login",
        ]
        .contains(&stem)
        || has_ending(stem, "api")
        || stem.ends_with("-api-credentials")
}

fn is_password(name: &str) -> bool {
    let stem = name.trim_end_matches(".txt").trim_start_matches('.');
    let is_named = |own: &str| {
        stem == own
            || stem
                .strip_suffix(own)
                .is_some_and(|rest| rest.ends_with(['-', '_', '.']))
    };
    let kinds = [
        "password",
        "passwd",
        "passphrase",
        "keystore",
        "vrf",
        "vrfpassword",
        "walletpassword",
        "node-password",
        "pw",
        "pwd",
        "pass",
        "keystorepassword",
    ];
    let has_data = has_ending(name, "txt")
        || !stem.contains('.')
        || has_ending(stem, "password")
        || has_ending(stem, "vrf")
        || has_ending(stem, "keystore");
    !name.contains("example") && has_data && kinds.iter().any(|kind| is_named(kind))
}

/// An address on the first line, a password on the second.
fn login(text: &Text<'_>) -> Option<std::ops::Range<usize>> {
    let mail = text.slice(text.line(0)).trim_ascii();
    let range = text.line(1);
    let secret = text.slice(range.clone()).trim_ascii();
    let is_mail = mail.contains(&b'@') && !mail.contains(&b' ') && mail.len() < 200;
    (is_mail && !secret.is_empty() && secret.len() <= 128 && !harmless::is_harmless(secret, true))
        .then_some(range)
}

/// One line that is neither a path nor a stand-in.
fn only_line(text: &Text<'_>) -> Option<std::ops::Range<usize>> {
    let range = text.line(0);
    let secret = text.slice(range.clone());
    let has_more = text
        .slice(range.end..text.bytes().len())
        .iter()
        .any(|byte| !byte.is_ascii_whitespace());
    let is_one = (6..=256).contains(&secret.len())
        && !has_more
        && secret.iter().all(|byte| !byte.is_ascii_control());
    let is_empty_talk = harmless::is_harmless(secret, true) && !chance::looks_chosen(secret);
    (is_one && !is_empty_talk && !secret.starts_with(b"#")).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credential_files_are_known() {
        for name in [".api", "apicredentials", "node-a.api"] {
            assert!(is_login(name), "{name}");
        }
        for name in [
            ".password",
            "password.txt",
            "node-a.password",
            "wallet-password.txt",
            "vrf.password",
            ".vrfpassword",
            "keystore-password",
        ] {
            assert!(is_password(name), "{name}");
        }
        for name in [
            "password.rs",
            "password.md",
            "reset-password.html",
            "api.rs",
            "passwords.txt",
            "keystore.json",
        ] {
            assert!(!is_password(name) && !is_login(name), "{name}");
        }
    }
}

//! Rules about the node's database: what its URL says once it is taken apart again.

use super::super::database::{UrlParts, check_url};
use super::super::environment::Profile;
use super::super::finding::{At, Finding};
use super::super::node::{Made, Node};
use super::super::version::Version;
use super::{Severity, Subject};

/// Ways to connect that can end in clear.
const OPEN: &[&str] = &["disable", "allow", "prefer"];

pub(super) fn judge(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let mut seen: Vec<(String, &Node<'_>)> = Vec::new();
    for node in &subject.objects.nodes {
        for made in [&node.database_url, &node.backup_url].into_iter().flatten() {
            // What does not come apart is found where the URL is made.
            if let Ok(parts) = check_url(&made.0) {
                url(node, made, &parts, subject, findings);
            }
        }
        let Some(Ok(parts)) = node.database_url.as_ref().map(|made| check_url(&made.0)) else {
            continue;
        };
        let place = format!("{}/{}", parts.place, parts.name);
        let is_standing_in = |one: &Node<'_>, other: &Node<'_>| {
            one.settings.failover_of.as_deref() == Some(other.name())
        };
        let twin = seen.iter().find(|(other, _)| *other == place);
        if let Some((_, other)) = twin
            && !is_standing_in(node, other)
            && !is_standing_in(other, node)
        {
            let field = subject.environment.setting_of(node.settings, "database");
            let message = format!(
                "{} and {} have the same database",
                other.name(),
                node.name()
            );
            let fix = format!(
                "if one stands in for the other: failover_of: {}",
                other.name()
            );
            findings.push(Finding::new("V036", At::setting(&field), message).fix(fix));
        }
        seen.push((place, node));
    }
}

fn url(
    node: &Node<'_>,
    made: &Made,
    parts: &UrlParts,
    subject: &Subject<'_>,
    findings: &mut Vec<Finding>,
) {
    let environment = subject.environment;
    let source = made.1.first().map_or("database", String::as_str);
    let slot = subject.credentials.by_key(source);
    let whole = |key: &str| key.ends_with("url");
    let field = environment.setting_of(node.settings, "database");
    let setting = At::setting(&field);
    let at = slot.map_or(setting.clone(), super::super::credentials::Slot::at);
    let mut found = |finding: Finding| {
        // Nodes share what stands at the top level.
        if !findings
            .iter()
            .any(|old| old.rule == finding.rule && old.at == finding.at)
        {
            findings.push(finding);
        }
    };

    let is_test = parts.name.contains("_test") || parts.name.starts_with("testdb_");
    let is_new = match (node.settings.version, environment.profile) {
        (Some(version), _) => version >= Version::STRICT,
        (None, profile) => profile != Profile::Trackit,
    };
    let password = parts.password.expose();
    let is_padded = [password.first(), password.last()]
        .into_iter()
        .flatten()
        .any(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0x0c | b'\r'));
    if !is_test && (password.len() < 16 || is_padded) {
        let says = if is_padded {
            "begins or ends with white space".to_owned()
        } else {
            format!("has {} bytes, the node wants 16", password.len())
        };
        let finding = Finding::new(
            "V031",
            at.clone(),
            format!("the password of {source} {says}"),
        );
        found(if is_new {
            finding
        } else {
            finding.of(Severity::Warning)
        });
    }
    let mode = parts.sslmode.as_deref();
    if mode.is_none_or(|mode| OPEN.contains(&mode)) {
        let says = mode.map_or("has no sslmode".to_owned(), |mode| {
            format!("has sslmode={mode}")
        });
        let place = if whole(source) {
            at.clone()
        } else {
            At::setting(&format!("{field}.sslmode"))
        };
        let of = if node.name().is_empty() {
            source
        } else {
            node.name()
        };
        let finding = Finding::new("V033", place, format!("the database URL of {of} {says}"));
        let is_grave = environment.is_protected && environment.profile != Profile::Trackit;
        found(if is_grave {
            finding.of(Severity::Error)
        } else {
            finding
        });
    }
    if parts.is_in_query {
        let message = format!("{source} has its password in the query");
        found(Finding::new("V034", at, message));
    }
    if is_test {
        let place = if whole(source) {
            setting
        } else {
            At::setting(&format!("{field}.name"))
        };
        let message = "the name of the database contains _test or begins with testdb_".to_owned();
        found(Finding::new("V035", place, message));
    }
}

//! Rules about nodes: their passwords, their versions, and what nothing is made of.

use super::super::environment::{NodeSettings, Profile};
use super::super::finding::{At, Finding};
use super::super::model::Kind;
use super::super::node::Node;
use super::super::version::Version;
use super::{Severity, Subject};

const FEWEST: usize = 16;
const MOST: usize = 50;

pub(super) fn judge(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let environment = subject.environment;
    passwords(subject, findings);
    for node in &subject.objects.nodes {
        email(node, findings);
        version(node.settings, subject, findings);
        explorer(node, subject, findings);
    }
    let is_trackit = environment.profile == Profile::Trackit;
    for node in subject.credentials.below("nodes") {
        let is_known = subject
            .objects
            .nodes
            .iter()
            .any(|known| known.name() == node);
        if !is_known && environment.profile != Profile::Custom {
            let first = subject.credentials.all().find(|(path, _)| {
                path.strip_prefix("nodes/")
                    .and_then(|rest| rest.strip_prefix(node))
                    .is_some_and(|rest| rest.starts_with('/'))
            });
            let at = first.map_or(At::whole(0), |(_, slot)| slot.at());
            let (message, fix) = if is_trackit {
                let message = format!("nodes.{node}: profile trackit has one node");
                (message, "profile: node-v2".to_owned())
            } else {
                let message = format!("nodes.{node} is no node of clsecrets.yaml");
                (
                    message,
                    format!("add nodes.{node} there, or remove it here"),
                )
            };
            findings.push(Finding::new("V008", at, message).fix(fix));
        }
    }
    let used = |key: &str| {
        let objects = subject.environment.objects.iter();
        let mut all = objects.flat_map(|object| &object.entries);
        all.any(|(_, how)| how.uses(key))
    };
    for unknown in subject.credentials.unknown() {
        if used(&unknown.key) {
            continue;
        }
        let message = format!("{} is no key that is known here", unknown.key);
        let finding = Finding::new("V008", unknown.at.clone(), message);
        findings.push(match &unknown.meant {
            Some(meant) => finding.fix(meant),
            None => finding,
        });
    }
}

/// Passwords wherever they stand, as the node would judge them.
fn passwords(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let environment = subject.environment;
    let is_legacy = |path: &str| {
        let mut nodes = environment.nodes.iter().chain([&environment.node]);
        nodes.any(|node| {
            let own = format!("nodes/{}/", node.name);
            node.has_legacy_keystore && (path.starts_with(&own) || !path.starts_with("nodes/"))
        })
    };
    for (path, slot) in subject.credentials.all() {
        let length = slot.value.len();
        let mut found = |rule, says: String| {
            findings.push(Finding::new(
                rule,
                slot.at(),
                format!("{} {says}", slot.key),
            ));
        };
        match slot.kind {
            // It is empty: another rule says so.
            _ if length == 0 => {}
            Kind::WalletPassword | Kind::VrfPassword if length < FEWEST => {
                found(
                    "V020",
                    format!("has {length} bytes, the node wants {FEWEST}"),
                );
                if let Some(last) = findings
                    .last_mut()
                    .filter(|_| is_legacy(path) && length > 0)
                {
                    last.severity = Severity::Warning;
                }
            }
            Kind::WalletPassword | Kind::DatabasePassword if length > MOST => {
                found("V024", format!("has {length} bytes, more than {MOST}"));
            }
            Kind::ApiPassword if !(FEWEST..=MOST).contains(&length) => found(
                "V021",
                format!("has {length} bytes, the node wants {FEWEST} to {MOST}"),
            ),
            _ => {}
        }
    }
}

fn email(node: &Node<'_>, findings: &mut Vec<Finding>) {
    let (Some(slot), Some(email)) = (node.get("user_password"), &node.settings.user_email) else {
        return;
    };
    let email = email.to_ascii_lowercase();
    let lower = zeroize::Zeroizing::new(slot.value.expose().to_ascii_lowercase());
    let is_within = !email.is_empty()
        && lower
            .windows(email.len())
            .any(|part| part == email.as_bytes());
    if is_within {
        let message = format!("{} contains the email address of the API user", slot.key);
        findings.push(Finding::new("V022", slot.at(), message));
    }
}

fn version(node: &NodeSettings, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(version) = node.version else {
        return;
    };
    let profile = subject.environment.profile;
    let message = match profile {
        Profile::Trackit if version >= Version::TOML => {
            format!("profile trackit delivers DATABASE_URL, which a node {version} refuses")
        }
        Profile::NodeV2 | Profile::CllCluster if version < Version::TOML => {
            format!("the profile delivers TOML, which a node {version} does not read")
        }
        _ => return,
    };
    let field = subject.environment.setting_of(node, "version");
    findings.push(Finding::new("V060", At::setting(&field), message));
}

fn explorer(node: &Node<'_>, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let is_strict = match (node.settings.version, subject.environment.profile) {
        (Some(version), _) => version >= Version::STRICT,
        // Without a version a node of today is meant.
        (None, profile) => profile != Profile::Trackit,
    };
    let paths = ["explorer_access_key", "explorer_secret"];
    for slot in paths.into_iter().filter_map(|path| node.get(path)) {
        if is_strict
            && !findings
                .iter()
                .any(|found| found.rule == "V061" && found.at == slot.at())
        {
            let message = format!("{} keeps a node from 2.6 on from starting", slot.key);
            findings.push(Finding::new("V061", slot.at(), message));
        }
    }
}

//! The table of rules. An id never changes its meaning; a new rule is one file and one line.

mod claim;
mod cleartext;
mod consistency;
mod coverage;
mod credentials;
pub mod data_key;
mod envelope;
mod generic;
mod keyfile;
mod known;
mod manifest;
mod material;
mod merging;
mod node;
pub(super) mod path;
mod private_key;
mod provider;
pub(super) mod recipients;
pub(super) mod remark;
mod selection;
mod state;
pub(super) mod stripped;
pub(super) mod token;
mod tokens;
pub(super) mod unsealed;
mod url;
mod words;

use std::ops::Range;

pub(super) use claim::Claim;

#[cfg(test)]
use super::{Clear, Expected, Governor, Leaf, Sealed, Sealing, Standing, Text};
use super::{Finding, Rule, Severity, Subject};
use crate::error::quoted;

/// Every rule, in the order of the ids.
pub const RULES: &[&dyn Rule] = &[
    &path::ClearPath,
    &unsealed::Unsealed,
    &cleartext::Cleartext,
    &envelope::Envelope,
    &selection::Selection,
    &selection::Telling,
    &remark::ClearRemark,
    &merging::Merging,
    &coverage::Coverage,
    &envelope::Mac,
    &consistency::Stale,
    &consistency::Moved,
    &stripped::Stripped,
    &recipients::Recipients,
    &stripped::Decrypted,
    &data_key::NewDataKey,
    &known::Known,
    &url::Userinfo,
    &credentials::Database,
    &node::Secrets,
    &node::Variables,
    &node::Files,
    &private_key::PrivateKey,
    &keyfile::KeyFile,
    &words::Words,
    &material::KeyPair,
    &tokens::Tokens,
    &provider::Provider,
    &state::State,
    &manifest::Manifest,
    &manifest::Literals,
    &generic::Generic,
    &generic::Example,
];

/// Rules up to this one are about sealed files and paths; no line can waive them.
pub(super) const LAST_OF_STRUCTURE: &str = "H016";

/// A finding that refuses the commit.
fn finding(
    rule: &dyn Rule,
    subject: &Subject<'_>,
    (line, column): (usize, usize),
    message: String,
    hint: String,
) -> Finding {
    Finding {
        rule: rule.id(),
        path: subject.path.to_owned(),
        line,
        column,
        severity: Severity::Error,
        message,
        hint,
        line_mark: String::new(),
        span: 0..0,
    }
}

/// A finding about a sealed file, which is to leave the commit as it is.
fn structure(
    rule: &dyn Rule,
    subject: &Subject<'_>,
    place: (usize, usize),
    message: String,
) -> Finding {
    let hint = format!("git restore --staged -- {}", quoted(subject.path));
    finding(rule, subject, place, message, hint)
}

/// A finding about a value that stands in the text.
fn value(
    rule: &dyn Rule,
    subject: &Subject<'_>,
    span: Range<usize>,
    message: String,
    hint: &str,
) -> Finding {
    let place = subject.text.position(span.start);
    let mut finding = finding(rule, subject, place, message, hint.to_owned());
    finding.span = span;
    finding
}

/// Whether a name, in lower case, has this extension.
fn has_ending(name: &str, extension: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, last)| last == extension)
}

/// The name of a value as messages show it: cut, and without what could steer a terminal.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let plain = name.chars().filter(|c| !c.is_control()).take(64);
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a rule finds in a file of this sealing.
    pub(super) fn check(
        rule: &dyn Rule,
        path: &str,
        sealing: &Sealing,
        governor: Option<Governor>,
        clear: Option<Clear>,
    ) -> Vec<Finding> {
        let text = Text::new(path, b"");
        let subject = Subject {
            path,
            governor,
            clear,
            sealing,
            expected: &Expected::default(),
            before: None,
            commit: None,
            known: None,
            text: &text,
        };
        let mut found = Vec::new();
        rule.check(&subject, &mut found);
        found
    }

    /// A sealed file with one value.
    pub(super) fn sealed(is_selected: bool, standing: Standing, mac: Standing) -> Sealing {
        Sealing::Sealed(Sealed {
            leaves: vec![Leaf {
                path: "a".to_owned(),
                bound: "a:".to_owned(),
                line: 3,
                column: 7,
                is_selected,
                is_ruled: false,
                is_telling: false,
                standing,
                token: None,
                mark: 0,
            }],
            remarks: Vec::new(),
            mac,
            mac_line: 5,
            layout: Standing::Empty,
            mac_text: String::new(),
            last_modified: String::new(),
            mac_only_encrypted: false,
            recipients: Vec::new(),
            uncovered: Vec::new(),
        })
    }

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<_> = RULES.iter().map(|rule| rule.id()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }
}

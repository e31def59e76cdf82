//! Rules about external adapters, by the catalogue.

use super::super::catalogue::{self, RELEASE};
use super::super::environment::Profile;
use super::super::finding::{At, Finding};
use super::{Severity, Subject};

pub(super) fn judge(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let profile = subject.environment.profile;
    for (at, name) in subject.objects.adapters.iter().enumerate() {
        let variables = subject.credentials.variables(name);
        let place = match variables.first() {
            Some((_, slot)) => slot.at(),
            None => At::setting(&format!("adapters.{at}")),
        };
        let Some(known) = catalogue::find(name) else {
            let message = format!("adapter {name} is not in the catalogue ({RELEASE})");
            findings.push(Finding::new("V041", place, message));
            names(&variables, findings);
            continue;
        };
        let lacks = |variable: &&&str| {
            !variables
                .iter()
                .any(|(name, slot)| *name == **variable && !slot.value.is_empty())
        };
        for variable in known.required.iter().filter(lacks) {
            let message = format!("adapter {name} lacks {variable}");
            let finding = Finding::new("V040", place.clone(), message);
            // Without any credential it is left out and named.
            findings.push(if variables.is_empty() {
                finding.of(Severity::Warning)
            } else {
                finding
            });
        }
        for (variable, slot) in &variables {
            if !known.takes(variable) {
                let message = format!(
                    "{variable} is no variable of adapter {name} in the catalogue ({RELEASE})"
                );
                findings.push(Finding::new("V041", slot.at(), message));
            } else if profile == Profile::Trackit && *variable != "API_KEY" {
                let message = format!(
                    "{} is not delivered: profile trackit has API keys only",
                    slot.key
                );
                findings.push(Finding::new("V008", slot.at(), message).fix("profile: node-v2"));
            }
        }
        names(&variables, findings);
        if known.is_wallet() && !variables.is_empty() {
            let message =
                format!("adapter {name} signs or moves money: its credentials are a wallet");
            findings.push(Finding::new("V044", place, message));
        }
    }
}

fn names(variables: &[(&str, &super::super::credentials::Slot)], findings: &mut Vec<Finding>) {
    for (name, slot) in variables {
        let is_good = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_good {
            let message = format!("{} is no name of an environment variable", slot.key);
            findings.push(Finding::new("V042", slot.at(), message));
        }
    }
}

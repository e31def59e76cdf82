//! What `validate --live` says about targets: owners, deletions, and variables of pods that override
//! what is delivered. Reads only.

use std::sync::Arc;

use clsecrets::Error;
use clsecrets::chainlink::rules::RULES;
use clsecrets::chainlink::{At, Finding, Profile};
use clsecrets::keys::block_on;
use clsecrets::sync::{Mode, Options, Patience, Report, TargetConfig, survey, workloads};

use super::told::Told;
use crate::cli::Context;
use crate::cli::delivery::{Delivery, Loaded};

/// Variables that a node takes before its files, and what they override.
const SHADOWS: &[(&str, &str)] = &[
    ("CL_DATABASE_URL", "Database.URL"),
    ("CL_DATABASE_BACKUP_URL", "Database.BackupURL"),
    ("CL_PASSWORD_KEYSTORE", "Password.Keystore"),
    ("CL_PASSWORD_VRF", "Password.VRF"),
    ("CL_PYROSCOPE_AUTH_TOKEN", "Pyroscope.AuthToken"),
    ("CL_PROMETHEUS_AUTH_TOKEN", "Prometheus.AuthToken"),
    ("CL_THRESHOLD_KEY_SHARE", "Threshold.ThresholdKeyShare"),
    ("CL_CONFIG", "every configuration file"),
];

/// Looks at the targets of one environment.
pub(super) fn judge(
    loaded: Loaded,
    patience: &Patience,
    context: &Context,
    told: &mut Told,
) -> Result<(), Error> {
    let options = Options {
        links: Arc::clone(&context.links),
        patience: patience.clone(),
        ..Options::default()
    };
    let name = loaded.name.clone();
    let places: Vec<(String, (String, usize))> = loaded
        .targets
        .iter()
        .enumerate()
        .map(|(at, config)| {
            let place = loaded.place(&At::setting(&format!("targets.{at}")));
            (config.label(), place)
        })
        .collect();
    if loaded.environment.profile != Profile::Trackit {
        for config in &loaded.targets {
            variables(config, &places, &options, context, told)?;
        }
    }
    // What the rules say has been told; here they stop nothing that can be looked at.
    let all: Vec<String> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    let Ok(delivery) = loaded.deliver(None, &all) else {
        return Ok(());
    };
    let Delivery {
        assignments,
        wallets,
        ..
    } = delivery;
    let working = context.ui.working(|| "looking at the targets".to_owned());
    let survey = block_on(survey(assignments, &wallets, options, &context.settings))?;
    drop(working);
    report(
        &survey.report(&name, Mode::Check, Vec::new()),
        &places,
        told,
    );
    Ok(())
}

fn report(report: &Report, places: &[(String, (String, usize))], told: &mut Told) {
    let place = |label: &str| {
        let known = places.iter().find(|(known, _)| known == label);
        known.map_or(("clsecrets.yaml".to_owned(), 1), |(_, place)| place.clone())
    };
    for failure in &report.errors {
        let (file, line) = place(&failure.target);
        let object = failure.object.as_deref().unwrap_or_default();
        let message = format!("{} {object}: {}", failure.target, failure.reason);
        let rule = if failure.drift {
            "V071"
        } else if failure.code == "wrong-place" {
            "V083"
        } else if failure.reason.contains("immutable") {
            "V072"
        } else if failure.reason.contains("scheduled for deletion") {
            "V082"
        } else {
            told.unjudged(&file, message.trim());
            continue;
        };
        let finding = Finding::new(rule, At::whole(0), message);
        let finding = match &failure.hint {
            Some(hint) => finding.fix(hint),
            None => finding,
        };
        told.push(finding, file, line);
    }
    for target in &report.targets {
        for object in target
            .objects
            .iter()
            .filter(|object| object.op == "restore")
        {
            let (file, line) = place(&target.label);
            let message = format!("{} {} is scheduled for deletion", target.label, object.name);
            told.push(Finding::new("V082", At::whole(0), message), file, line);
        }
    }
}

/// Variables of pods that a node takes before what is delivered.
fn variables(
    config: &TargetConfig,
    places: &[(String, (String, usize))],
    options: &Options,
    context: &Context,
    told: &mut Told,
) -> Result<(), Error> {
    let label = config.label();
    let place = places.iter().find(|(known, _)| *known == label);
    let (file, line) = place.map_or(("clsecrets.yaml".to_owned(), 1), |(_, place)| place.clone());
    let found = match block_on(workloads(config, &context.settings, options))? {
        Ok(found) => found,
        Err(error) => {
            told.unjudged(&file, &format!("{label}: {}", error.reason));
            return Ok(());
        }
    };
    for workload in found {
        for (variable, field) in SHADOWS {
            if workload.sets.iter().any(|set| set == variable) {
                let message = format!(
                    "{label} {} sets {variable}, which overrides {field}",
                    workload.id
                );
                told.push(
                    Finding::new("V063", At::whole(0), message),
                    file.clone(),
                    line,
                );
            }
        }
    }
    Ok(())
}

//! A plan in a file: what was reviewed is what happens, or nothing does.
//!
//! It holds names, versions, the SHA-256 of sealed files and what else decides the bytes
//! ([`Inputs`]), no value and no digest of one that anybody could guess from. The run that it is given
//! to finds out everything anew; if anything is not as it was, it stops with 7.

use std::path::Path;

use clsecrets::error::quoted;
use clsecrets::sync::{Inputs, Report};
use clsecrets::{Code, Error, fs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::options::Allowances;
use crate::cli::Context;

/// The name of the file's schema.
const SCHEMA: &str = "clsecrets.dev/plan/v2";

/// A reviewed run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reviewed {
    schema: String,
    /// The flags that it was planned with.
    pub(crate) allowances: Allowances,
    environments: Vec<Planned>,
}

/// One environment of it, as it was found.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Planned {
    environment: String,
    sources: Value,
    inputs: Inputs,
    targets: Vec<Value>,
    /// What a reviewer is to see; it is found anew when the plan is carried out.
    #[serde(default)]
    warnings: Vec<Value>,
}

impl Reviewed {
    /// What a run found, under these flags.
    pub(crate) fn of(reports: &[Report], inputs: &[&Inputs], allowances: &Allowances) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            allowances: allowances.clone(),
            environments: reports
                .iter()
                .zip(inputs)
                .map(|(report, inputs)| planned(report, inputs))
                .collect(),
        }
    }

    /// Reads a plan.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let content = fs::read(path).map_err(|error| {
            let reason = fs::plain(&error);
            Error::new(Code::Failed, format!("cannot read {shown}: {reason}"))
        })?;
        let read: Option<Self> = serde_json::from_slice(&content.bytes).ok();
        read.filter(|plan| plan.schema == SCHEMA).ok_or_else(|| {
            Error::new(
                Code::Failed,
                format!("{shown} is not a plan of this version"),
            )
            .hint(format!(
                "clsecrets sync --env NAME --out {}",
                quoted(&shown.to_string())
            ))
        })
    }

    /// The environments that it is for.
    pub(crate) fn environments(&self) -> Vec<String> {
        let environments = self.environments.iter();
        environments.map(|one| one.environment.clone()).collect()
    }

    /// Writes it, for its user alone.
    pub(crate) fn write(&self, path: &Path, context: &Context) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(Error::internal)?;
        text.push('\n');
        let path = context.settings.absolute(path);
        fs::replace(&path, text.as_bytes(), fs::Privacy::Private, None)
    }

    /// Refuses a run that found anything else than was planned; names what moved.
    pub(crate) fn admit(&self, reports: &[Report], inputs: &[&Inputs]) -> Result<(), Error> {
        let mut moved = Vec::new();
        let found = reports.iter().zip(inputs);
        for (planned, (report, inputs)) in self.environments.iter().zip(found) {
            let now = self::planned(report, inputs);
            if now.sources != planned.sources {
                moved.push(format!("{}: a sealed file", now.environment));
            }
            let inputs = planned.inputs.differences(&now.inputs).into_iter();
            moved.extend(inputs.map(|what| format!("{}: {what}", now.environment)));
            if now.targets.len() != planned.targets.len() {
                moved.push(format!("{}: the targets", now.environment));
            }
            for (before, now) in planned.targets.iter().zip(&now.targets) {
                moved.extend(differences(before, now));
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        let message = "nothing was written: the plan is out of date";
        let error = Error::new(Code::Other(7), message)
            .hint("plan anew: clsecrets sync --env NAME --out FILE");
        Err(moved.into_iter().fold(error, |error, what| {
            error.detail(format!("{what} is not as it was"))
        }))
    }
}

/// What has to be the same when a plan is carried out.
fn planned(report: &Report, inputs: &Inputs) -> Planned {
    let targets = report.targets.iter().map(|target| {
        let objects = target.objects.iter().map(|object| {
            let keys = object.keys.iter().map(|key| json!([key.op, key.name]));
            let mut planned = json!({
                "name": object.name,
                "op": object.op,
                "version": object.before,
                "keys": keys.collect::<Vec<_>>(),
            });
            if let Some(planned) = planned
                .as_object_mut()
                .filter(|_| !object.settings.is_empty())
            {
                let settings = object.settings.iter();
                let settings = settings.map(|setting| json!([setting.op, setting.name]));
                planned.insert("settings".to_owned(), settings.collect());
            }
            planned
        });
        let restarts = target.restarts.iter();
        // A folder of the repository is elsewhere on another machine, and the same one.
        let place = target.place.as_ref().filter(|_| target.kind != "directory");
        json!({
            "target": target.label,
            "place": place,
            "objects": objects.collect::<Vec<_>>(),
            "restarts": restarts.map(|restart| &restart.workload).collect::<Vec<_>>(),
        })
    });
    Planned {
        environment: report.environment.clone(),
        sources: json!(report.sources),
        inputs: inputs.clone(),
        targets: targets.collect(),
        warnings: report
            .warnings
            .iter()
            .map(|warning| json!(warning))
            .collect(),
    }
}

/// The objects of a target that are not as they were.
fn differences(before: &Value, now: &Value) -> Vec<String> {
    if before == now {
        return Vec::new();
    }
    let label = now["target"].as_str().unwrap_or_default();
    if before["target"] != now["target"] {
        let label = before["target"].as_str().unwrap_or_default();
        return vec![format!("the target {label}")];
    }
    if before["place"] != now["place"] {
        let place = |target: &Value| target["place"].as_str().unwrap_or("a folder").to_owned();
        return vec![format!(
            "{label} ({} then, {} now)",
            place(before),
            place(now)
        )];
    }
    let list = |target: &Value| target["objects"].as_array().cloned().unwrap_or_default();
    let (before, now) = (list(before), list(now));
    let name = |object: &Value| object["name"].as_str().unwrap_or_default().to_owned();
    let others = now.iter().filter(|object| !before.contains(object));
    let gone = before
        .iter()
        .filter(|object| !now.iter().any(|other| name(other) == name(object)));
    let mut found: Vec<String> = others
        .chain(gone)
        .map(|object| format!("{label} {}", name(object)))
        .collect();
    if found.is_empty() {
        found.push(label.to_owned());
    }
    found
}

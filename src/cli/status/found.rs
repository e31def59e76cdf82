//! What `status` finds out, as machines read it. Names, times and versions; no value.

use std::sync::Arc;

use clsecrets::Error;
use clsecrets::keys::{block_on, label};
use clsecrets::sync::{Failure, Mode, ObjectReport, Options, Owner, Patience, Report, survey};
use futures_util::future::join_all;
use serde::Serialize;

use super::{Args, status_of};
use crate::cli::data_keys::Renewal;
use crate::cli::delivery::{Delivery, Loaded};
use crate::cli::sync::plan;
use crate::cli::{Context, environment};

/// The name of the schema.
const SCHEMA: &str = "clsecrets.dev/status/v1";

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    schema: &'static str,
    /// The exit status.
    #[serde(rename = "status")]
    pub(crate) exit: u8,
    pub(crate) environments: Vec<Environment>,
}

/// One environment.
#[derive(Debug, Serialize)]
pub(crate) struct Environment {
    #[serde(rename = "environment")]
    pub(crate) name: String,
    /// `in sync`, `behind`, `drifted`, `refused`, `not looked at`, `not opened`.
    pub(crate) state: &'static str,
    pub(crate) protected: bool,
    pub(crate) sources: Vec<Source>,
    pub(crate) last_sync: Option<LastSync>,
    pub(crate) targets: Vec<Target>,
    pub(crate) errors: Vec<String>,
    /// What is worth a look.
    pub(crate) warnings: Vec<String>,
    /// What else there is to say of objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What to do about them.
    pub(crate) hints: Vec<String>,
    #[serde(skip)]
    status: u8,
}

/// A sealed file.
#[derive(Debug, Serialize)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) sha256: String,
    /// When it was sealed last.
    pub(crate) sealed: String,
    /// Since when it has its data key, if its recipients tell.
    pub(crate) data_key_since: Option<String>,
    pub(crate) recipients: Vec<String>,
}

/// The last run on this machine that wrote or had nothing left to write.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LastSync {
    pub(crate) time: String,
    pub(crate) status: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
}

/// One target.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) label: String,
    pub(crate) place: Option<String>,
    pub(crate) actor: Option<String>,
    /// Whether it is known what is there.
    pub(crate) looked_at: bool,
    pub(crate) objects: Vec<Object>,
    /// Workloads that run with what was there before.
    pub(crate) stale: Vec<String>,
}

/// One object.
#[derive(Debug, Serialize)]
pub(crate) struct Object {
    pub(crate) name: String,
    /// `in sync`, `behind`, `missing`, `drifted`, `foreign`, `deleted`, `left over`,
    /// `unclaimed`, `blocked`.
    pub(crate) state: &'static str,
    /// The keys that it is about.
    pub(crate) keys: Vec<String>,
    /// Those of them that are ours and no longer desired.
    pub(crate) left_over: Vec<String>,
    /// The other writers.
    pub(crate) by: Vec<String>,
    /// When we wrote it last, where the target remembers it.
    pub(crate) written: Option<String>,
}

/// Looks at environments; what one of them lacks is said and stops no other.
pub(crate) fn find(
    names: &[String],
    args: &Args,
    patience: &Patience,
    context: &Context,
) -> Result<Status, Error> {
    let mut environments = Vec::new();
    let mut waiting = Vec::new();
    let loaded = environment::load_each(names, args.outside, context)?;
    for (name, (owner, loaded)) in names.iter().zip(loaded) {
        let last_sync = last_sync(name, &owner, context);
        let mut found = Environment {
            name: name.clone(),
            state: "not opened",
            protected: false,
            sources: Vec::new(),
            last_sync,
            targets: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
            status: 0,
        };
        let delivery = loaded.and_then(|loaded| {
            found.protected = loaded.is_protected;
            found.sources = sources(&loaded);
            let renewals = loaded.renewals.iter();
            found.warnings = renewals.clone().map(Renewal::told).collect();
            found.hints = renewals.map(|renewal| renewal.hint.clone()).collect();
            found.state = "refused";
            let sources = loaded.sources();
            Ok((sources, loaded.deliver(args.target.as_deref(), &[])?))
        });
        match delivery {
            Ok((sources, delivery)) => waiting.push((environments.len(), sources, delivery)),
            Err(error) => {
                found.status = status_of(&error);
                found.errors.push(error.message);
                found.errors.extend(error.details);
                found.hints.extend(error.hints);
            }
        }
        environments.push(found);
    }
    let looks = waiting
        .into_iter()
        .map(|(at, sources, delivery)| (at, sources, delivery, patience.clone()))
        .map(|(at, sources, delivery, patience)| async move {
            let Delivery {
                assignments,
                wallets,
                ..
            } = delivery;
            let options = Options {
                is_look: true,
                links: Arc::clone(&context.links),
                patience,
                ..Options::default()
            };
            let survey = survey(assignments, &wallets, options, &context.settings).await;
            (at, survey.report("", Mode::Check, sources))
        });
    let working = context.ui.working(|| "looking at the targets".to_owned());
    let looked = block_on(join_all(looks))?;
    drop(working);
    for (at, report) in looked {
        if let Some(found) = environments.get_mut(at) {
            found.take(&report);
        }
    }
    for found in &mut environments {
        if args.strict && !found.warnings.is_empty() && !matches!(found.status, 1 | 5) {
            found.status = 4;
        }
    }
    let statuses: Vec<u8> = environments.iter().map(|one| one.status).collect();
    Ok(Status {
        schema: SCHEMA,
        exit: Status::of(&statuses),
        environments,
    })
}

impl Status {
    /// The environments, the worst first.
    pub(crate) fn worst_first(&self) -> Vec<&Environment> {
        let mut all: Vec<&Environment> = self.environments.iter().collect();
        all.sort_by_key(|one| one.rank());
        all
    }

    /// How many of them are in which state.
    pub(crate) fn counts(&self) -> Vec<(&str, usize)> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for one in self.worst_first() {
            match counts.iter_mut().find(|(state, _)| *state == one.state) {
                Some((_, count)) => *count += 1,
                None => counts.push((one.state, 1)),
            }
        }
        counts
    }

    /// How many there are.
    pub(crate) fn number(&self) -> String {
        let all = self.environments.len();
        let plural = if all == 1 { "" } else { "s" };
        format!("{all} environment{plural}:")
    }

    /// Both in a line.
    pub(crate) fn summary(&self) -> String {
        let counts = self.counts().into_iter();
        let counts: Vec<String> = counts
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        format!("{} {}", self.number(), counts.join(", "))
    }
}

impl Environment {
    /// What went wrong, but for what the line of an object says already: that others changed it.
    pub(crate) fn told(&self) -> impl Iterator<Item = &String> {
        let targets = self.targets.iter();
        let objects =
            targets.flat_map(|target| target.objects.iter().map(move |one| (target, one)));
        let objects = objects.filter(|(_, object)| matches!(object.state, "drifted" | "foreign"));
        let shown = objects.map(|(target, object)| format!("{} {}: ", target.label, object.name));
        let shown: Vec<String> = shown.collect();
        let is_shown = move |error: &&String| shown.iter().any(|begin| error.starts_with(begin));
        let errors = self.errors.iter().filter(move |error| !is_shown(error));
        errors.chain(&self.warnings)
    }

    /// How much it needs a person: the worst first.
    pub(crate) fn rank(&self) -> usize {
        const WORST_FIRST: [&str; 5] = [
            "drifted",
            "refused",
            "not opened",
            "not looked at",
            "behind",
        ];
        let place = WORST_FIRST.iter().position(|state| *state == self.state);
        place.unwrap_or(WORST_FIRST.len())
    }

    fn take(&mut self, report: &Report) {
        self.status = report.status;
        self.state = match report.status {
            0 => "in sync",
            2 => "behind",
            6 => "drifted",
            8 => "not looked at",
            _ => "refused",
        };
        if self.state == "not looked at" && report.errors.iter().any(|error| error.drift) {
            // What was found beside what could not be looked at.
            self.state = "drifted";
        }
        self.errors = report.errors.iter().map(Failure::line).collect();
        self.notes = plan::notes(report);
        let hints = report.errors.iter().filter_map(|error| error.hint.clone());
        for hint in hints {
            if !self.hints.contains(&hint) {
                self.hints.push(hint);
            }
        }
        self.targets = report
            .targets
            .iter()
            .map(|target| Target {
                label: target.label.clone(),
                place: target.place.clone(),
                actor: target.actor.clone(),
                looked_at: target.is_looked_at,
                objects: target.objects.iter().map(object).collect(),
                stale: target.restarts.iter().map(|r| r.workload.clone()).collect(),
            })
            .collect();
    }
}

fn object(report: &ObjectReport) -> Object {
    let is_ours = report.owners.iter().any(|owner| owner == "clsecrets");
    let state = match report.op {
        "in sync" => "in sync",
        "create" => "missing",
        "restore" => "deleted",
        "foreign" | "adopt" if is_ours => "drifted",
        "foreign" | "adopt" => "foreign",
        "keep" | "remove" => "left over",
        "unclaimed" => "unclaimed",
        "refuse" => "blocked",
        _ => "behind",
    };
    let is_about = |op: &str| matches!(op, "added" | "changed" | "removed" | "kept" | "unclaimed");
    let keys = report.keys.iter().filter(|key| is_about(key.op));
    let kept = report.keys.iter().filter(|key| key.op == "kept");
    let others = report.owners.iter().filter(|owner| *owner != "clsecrets");
    Object {
        name: report.name.clone(),
        state,
        keys: keys.map(|key| key.name.clone()).collect(),
        left_over: kept.map(|key| key.name.clone()).collect(),
        by: others.cloned().collect(),
        written: report.written.clone(),
    }
}

fn sources(loaded: &Loaded) -> Vec<Source> {
    let files = loaded.files.iter().filter_map(|file| {
        let metadata = file.content.metadata()?;
        let recipients: Vec<_> = metadata.key_groups.recipients().collect();
        let since = recipients.iter();
        let since = since.filter_map(|recipient| recipient.fields.text("created_at"));
        Some(Source {
            file: file.source.file.clone(),
            sha256: file.source.sha256.clone(),
            sealed: metadata.last_modified.clone(),
            data_key_since: since.min().map(str::to_owned),
            recipients: recipients.into_iter().map(label).collect(),
        })
    });
    files.collect()
}

/// The end of the last run of this repository and environment that this machine's journal has.
fn last_sync(name: &str, owner: &Owner, context: &Context) -> Option<LastSync> {
    let line = &context.ends().of(name, owner)?.last;
    let text = |field: &str| line.get(field)?.as_str().map(str::to_owned);
    Some(LastSync {
        time: text("time")?,
        status: line.get("status")?.as_u64()?,
        commit: text("commit"),
    })
}

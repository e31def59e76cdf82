//! The journal: who wrote what, from which sealed file, one JSON object a line.
//!
//! A line before the first write says what is about to happen, so that a run that is killed leaves
//! a trace. Names, versions and digests of sealed files; no value, no digest of one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use clsecrets::error::shown_json;
use clsecrets::sync::{Owner, Phase, Report};
use clsecrets::{Error, fs};
use serde_json::{Value, json};

use crate::cli::Context;

/// The name of the schema of a line.
const SCHEMA: &str = "clsecrets.dev/journal/v1";

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    place: Place,
    run: String,
    context: &'a Context,
}

/// What a run is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    /// The commit of the sealed files.
    pub(crate) commit: Option<&'a str>,
    /// What tells the repository and environment from all others, if it has an identity.
    pub(crate) repository: Option<&'a str>,
}

#[derive(Debug)]
enum Place {
    /// Standard output.
    Stdout,
    /// The file that was asked for.
    File(PathBuf),
    /// The file that is kept anyway: one that cannot be written stops nothing.
    Own(PathBuf),
    Nowhere,
}

impl<'a> Journal<'a> {
    /// Opens the journal that was asked for, or the user's own.
    pub(crate) fn open(asked: Option<&str>, context: &'a Context) -> Self {
        let place = match asked {
            Some("-") => Place::Stdout,
            Some(path) => Place::File(context.settings.absolute(path.as_ref())),
            None => own(context).map_or(Place::Nowhere, Place::Own),
        };
        Self {
            place,
            run: run_id(),
            context,
        }
    }

    /// Whether its lines are on standard output, so that nothing else may be.
    pub(crate) fn is_on_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout)
    }

    /// Says what is about to happen.
    pub(crate) fn begin(&self, report: &Report, of: &Of<'_>) -> Result<(), Error> {
        let plans = report.targets.iter().flat_map(|target| {
            let objects = target.objects.iter();
            let writes =
                objects.filter(|object| !matches!(object.op, "in sync" | "keep" | "unclaimed"));
            writes.map(|object| json!([target.label, object.name, object.op]))
        });
        let plans: Vec<Value> = plans.collect();
        let mut line = self.line("begin", report, of);
        extend(
            &mut line,
            json!({"sources": report.sources, "writes": plans}),
        );
        self.write(&[line])
    }

    /// Says what happened, object by object.
    pub(crate) fn end(&self, report: &Report, of: &Of<'_>) -> Result<(), Error> {
        let mut lines = Vec::new();
        for target in &report.targets {
            let head = json!({
                "target": target.label,
                "place": target.place,
                "actor": target.actor,
            });
            for object in &target.objects {
                if object.phase == Phase::Observed {
                    continue;
                }
                let mut line = self.line("object", report, of);
                extend(&mut line, head.clone());
                let keys = object.keys.iter().map(|key| json!([key.op, key.name]));
                extend(
                    &mut line,
                    json!({
                        "object": object.name,
                        "op": object.op,
                        "phase": object.phase,
                        "keys": keys.collect::<Vec<_>>(),
                        "before": object.before,
                        "after": object.after,
                    }),
                );
                lines.push(line);
            }
            for restart in &target.restarts {
                let mut line = self.line("restart", report, of);
                extend(&mut line, head.clone());
                let workload = json!({"workload": restart.workload, "state": restart.state});
                extend(&mut line, workload);
                lines.push(line);
            }
        }
        let codes: Vec<&str> = report.errors.iter().map(|error| error.code).collect();
        let mut line = self.line("end", report, of);
        let end = json!({
            "status": report.status,
            "sources": report.sources,
            "errors": codes,
            // Writes that were sent, and nobody knows whether they arrived.
            "unknown": report.summary.unknown,
        });
        extend(&mut line, end);
        lines.push(line);
        self.write(&lines)
    }

    fn line(&self, event: &str, report: &Report, of: &Of<'_>) -> Value {
        let settings = &self.context.settings;
        let now = jiff::Timestamp::from_second(settings.now).unwrap_or_default();
        json!({
            "schema": SCHEMA,
            "time": now.to_string(),
            "run": self.run,
            "event": event,
            "environment": report.environment,
            "user": settings.var("USER").or_else(|| settings.var("LOGNAME")),
            "commit": of.commit,
            "repository": of.repository,
        })
    }

    fn write(&self, lines: &[Value]) -> Result<(), Error> {
        let mut text = String::new();
        for line in lines {
            let _ = writeln!(text, "{}", shown_json(&line.to_string()));
        }
        match &self.place {
            Place::Stdout => self.context.ui.result(text.as_bytes()),
            Place::File(path) => fs::append_private(path, text.as_bytes()),
            Place::Own(path) => {
                let folder = path.parent().map(fs::create_private_dir);
                if folder.is_some_and(|made| made.is_ok()) {
                    let _ = fs::append_private(path, text.as_bytes());
                }
                Ok(())
            }
            Place::Nowhere => Ok(()),
        }
    }
}

/// So many bytes at its end that the last run of an environment is most likely among them.
const ENOUGH: u64 = 4 << 20;

/// The lines at its end.
fn tail(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut end = Vec::new();
    // A line that is cut at its beginning is no JSON, and passed over like one cut by a crash.
    file.take(most).read_to_end(&mut end)?;
    Ok(end)
}

/// What an environment was delivered from: the end of the last run that has done everything.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// The commit that was checked out, if there was one.
    pub(crate) commit: Option<String>,
    /// Sealed files, and the SHA-256 of each.
    sources: Vec<(String, String)>,
}

impl Delivered {
    /// As this machine's journal has it.
    pub(crate) fn last(environment: &str, owner: &Owner, context: &Context) -> Option<Self> {
        let is_done = |line: &Value| line.get("status").and_then(Value::as_u64) == Some(0);
        let line = [ENOUGH, u64::MAX].into_iter().find_map(|most| {
            ends_within(most, environment, owner, context)
                .into_iter()
                .find(is_done)
        })?;
        let sources = line.get("sources")?.as_array()?.iter();
        let text = |value: &Value, field| Some(value.get(field)?.as_str()?.to_owned());
        Some(Self {
            commit: text(&line, "commit"),
            sources: sources
                .filter_map(|one| Some((text(one, "file")?, text(one, "sha256")?)))
                .collect(),
        })
    }

    /// What was delivered of a sealed file, with its SHA-256: under its own name, else under those that
    /// are not among the files of now.
    pub(crate) fn formers(&self, file: &str, files: &[String]) -> Vec<(&str, &str)> {
        let of = |is_it: &dyn Fn(&str) -> bool| -> Vec<(&str, &str)> {
            let sources = self.sources.iter();
            let pairs = sources.map(|(name, sha256)| (name.as_str(), sha256.as_str()));
            pairs.filter(|(name, _)| is_it(name)).collect()
        };
        let own = of(&|name| name == file);
        if own.is_empty() {
            return of(&|name| !files.iter().any(|one| one == name));
        }
        own
    }
}

/// The ends of runs of this repository and environment that this machine's journal has, the last one first.
pub(crate) fn ends(environment: &str, owner: &Owner, context: &Context) -> Vec<Value> {
    ends_within(ENOUGH, environment, owner, context)
}

fn ends_within(most: u64, environment: &str, owner: &Owner, context: &Context) -> Vec<Value> {
    let end = own(context).and_then(|path| tail(&path, most).ok());
    let end = end.unwrap_or_default();
    let text = String::from_utf8_lossy(&end);
    let is = |line: &Value, field: &str, text: Option<&str>| {
        line.get(field).and_then(Value::as_str) == text
    };
    let lines = text.lines().rev();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| is(line, "event", Some("end")))
        .filter(|line| is(line, "environment", Some(environment)))
        .filter(|line| is(line, "repository", owner.mark()))
        .collect()
}

/// The user's own journal.
fn own(context: &Context) -> Option<PathBuf> {
    let folder = context.settings.state_dir()?;
    Some(folder.join("clsecrets").join("journal.jsonl"))
}

fn extend(line: &mut Value, more: Value) {
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
}

/// A word that ties the lines of a run together.
fn run_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness runs are only harder to tell apart.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

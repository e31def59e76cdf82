//! The journal: who wrote what, from which sealed file, one JSON object a line.
//!
//! A line before the first write says what is about to happen, so that a run that is killed leaves
//! a trace. Names, versions and digests of sealed files; no value, no digest of one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
        let done = |ends: &Ends| ends.of(environment, owner)?.done.clone();
        // One that is long ago stands before the end of a long journal.
        let ends = context.ends();
        let line = done(ends).or_else(|| done(ends.whole(context)?))?;
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

/// How runs of each repository and environment ended, as far as this machine's journal has them. It
/// is read once for all environments of a command.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    known: BTreeMap<(String, Option<String>), End>,
    /// Those of the journal from its beginning on, where that is more, once somebody has asked.
    whole: OnceLock<Option<Box<Self>>>,
}

/// The last ends of one of them.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// The very last.
    pub(crate) last: Value,
    /// The last that has done everything.
    done: Option<Value>,
}

impl Ends {
    /// What the user's own journal has.
    pub(crate) fn read(context: &Context) -> Self {
        let bytes = own(context).and_then(|path| tail(&path, ENOUGH).ok());
        Self::of_lines(&bytes.unwrap_or_default())
    }

    /// The same from its beginning on, where that is more.
    fn whole(&self, context: &Context) -> Option<&Self> {
        let read = || {
            let path = own(context)?;
            let is_longer = path.metadata().is_ok_and(|found| found.len() > ENOUGH);
            let bytes = is_longer.then(|| tail(&path, u64::MAX).ok()).flatten()?;
            Some(Box::new(Self::of_lines(&bytes)))
        };
        self.whole.get_or_init(read).as_deref()
    }

    fn of_lines(bytes: &[u8]) -> Self {
        let mut known: BTreeMap<(String, Option<String>), End> = BTreeMap::new();
        for line in bytes.rsplit(|byte| *byte == b'\n') {
            let Ok(line) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            let text = |field: &str| line.get(field).and_then(Value::as_str).map(str::to_owned);
            let (Some("end"), Some(environment)) = (text("event").as_deref(), text("environment"))
            else {
                continue;
            };
            let is_done = line.get("status").and_then(Value::as_u64) == Some(0);
            let end = known
                .entry((environment, text("repository")))
                .or_insert_with(|| End {
                    last: line.clone(),
                    done: None,
                });
            if is_done && end.done.is_none() {
                end.done = Some(line);
            }
        }
        Self {
            known,
            whole: OnceLock::new(),
        }
    }

    /// Those of one environment.
    pub(crate) fn of(&self, environment: &str, owner: &Owner) -> Option<&End> {
        let mark = owner.mark().map(str::to_owned);
        self.known.get(&(environment.to_owned(), mark))
    }
}

/// The user's own journal.
fn own(context: &Context) -> Option<PathBuf> {
    Some(context.state()?.join("journal.jsonl"))
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

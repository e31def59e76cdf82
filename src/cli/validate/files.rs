//! What `validate` says about the files of an environment: are they sealed, do they open, who can open
//! them, does Git have the clear form?

use std::path::Path;

use clsecrets::chainlink::rules::Severity;
use clsecrets::chainlink::{At, Finding};
use clsecrets::config::{Environment, Environments};
use clsecrets::envelope::{Draft, EnvelopeError, OpenOptions};
use clsecrets::metadata::Metadata;
use clsecrets::sync::SourceFile;
use clsecrets::{format, fs};

use super::told::Told;
use crate::cli::delivery::{Content, Loaded, OpenedFile, OpenedFiles};
use crate::cli::git::history;
use crate::cli::head::Head;
use crate::cli::opening::{Failed, Opener};
use crate::cli::{Context, digest};

/// Days after which a data key is old.
const OLD: i64 = 365;
const DAY: i64 = 86_400;

/// Opens the sealed files, or reads the clear ones; `None` if one of them cannot be judged.
pub(super) fn read(
    environments: &Environments,
    environment: &Environment,
    is_clear: bool,
    opener: &Opener<'_>,
    told: &mut Told,
) -> Option<OpenedFiles> {
    let paths = if is_clear {
        &environment.clear
    } else {
        &environment.sealed
    };
    if paths.is_empty() {
        told.unjudged(
            "clsecrets.yaml",
            &format!("environment {} names no clear file", environment.name),
        );
        return None;
    }
    let mut files = Vec::new();
    let before = told.len();
    for path in paths {
        let shown = path.strip_prefix(environments.directory()).unwrap_or(path);
        let shown = shown.display().to_string();
        let content = match fs::read(path) {
            Ok(content) => content.bytes,
            Err(error) => {
                let mut why = format!("it cannot be read: {}", fs::plain(&error));
                if !path.exists() {
                    why.push_str("; clsecrets encrypt makes it of the clear file");
                }
                told.unjudged(&shown, &why);
                continue;
            }
        };
        let Some(format) = format::by_extension(&shown) else {
            told.unjudged(&shown, "it has no format that this build reads");
            continue;
        };
        let sha256 = digest::sha256(&content);
        let content = if is_clear {
            match Draft::parse(format, content) {
                Ok(draft) => Content::Clear(Box::new(draft)),
                Err(error) => {
                    told.unjudged(&shown, &error.to_string());
                    continue;
                }
            }
        } else {
            match opener.try_text(&shown, format, content, OpenOptions::default()) {
                Ok((opened, _)) => Content::Sealed(Box::new(opened)),
                Err(Failed::Keys(error)) => {
                    // Which recipient, and what was in the way.
                    let whole = [error.message].into_iter().chain(error.details);
                    let whole: Vec<String> = whole.collect();
                    told.unjudged(&shown, &whole.join("; "));
                    continue;
                }
                Err(Failed::Envelope(error)) => {
                    unsound(&shown, &error, environment, told);
                    continue;
                }
            }
        };
        let source = SourceFile {
            file: shown,
            sha256,
        };
        files.push(OpenedFile {
            source,
            content,
            key: None,
        });
    }
    (told.len() == before).then_some(OpenedFiles {
        renewals: Vec::new(),
        files,
        head: Head::default(),
        commit: None,
    })
}

/// A file that does not open, whoever tries.
fn unsound(file: &str, error: &EnvelopeError, environment: &Environment, told: &mut Told) {
    let (rule, line) = match error {
        EnvelopeError::NotSealed => ("V001", 1),
        EnvelopeError::ClearValue { line, .. } => ("V002", *line),
        EnvelopeError::Value { line, .. } => ("V003", *line),
        EnvelopeError::Mac(_) => ("V003", 1),
        other => return told.unjudged(file, &other.to_string()),
    };
    let finding = Finding::new(rule, At::whole(0), error.to_string());
    let finding = if rule == "V001" {
        finding.fix(format!("clsecrets encrypt --env {}", environment.name))
    } else {
        finding
    };
    told.push(finding, file.to_owned(), line);
}

/// Recipients, age, and Git.
pub(super) fn judge(
    loaded: &Loaded,
    environment: &Environment,
    environments: &Environments,
    context: &Context,
    told: &mut Told,
) {
    let mut findings = Vec::new();
    for (at, file) in loaded.files.iter().enumerate() {
        if let Content::Sealed(opened) = &file.content {
            let place = At::whole(at);
            let (metadata, now) = (opened.metadata(), context.settings.now);
            recipients(metadata, &place, environment.is_protected, &mut findings);
            age(metadata, &place, now, &mut findings);
        }
    }
    told.add(loaded, findings);
    for path in &environment.clear {
        tracked(path, environments.directory(), told);
    }
}

fn recipients(metadata: &Metadata, at: &At, is_protected: bool, findings: &mut Vec<Finding>) {
    let groups = &metadata.key_groups;
    let all: Vec<_> = groups.recipients().collect();
    let message = match all.as_slice() {
        [] => return,
        [_] => "one recipient can open it; if that key is lost, so is everything in it",
        all if is_protected => {
            // The region is the fourth part of an ARN.
            let region = |arn: &str| arn.split(':').nth(3).map(str::to_owned);
            let is_kms = all.iter().all(|one| one.kind == "kms");
            let mut regions: Vec<_> = all
                .iter()
                .filter_map(|one| region(one.fields.text("arn")?))
                .collect();
            regions.sort();
            regions.dedup();
            if !is_kms || regions.len() > 1 {
                return;
            }
            "all its keys are in one region, and none is outside of AWS"
        }
        _ => return,
    };
    findings.push(Finding::new("V090", at.clone(), message));
}

fn age(metadata: &Metadata, at: &At, now: i64, findings: &mut Vec<Finding>) {
    let recipients = metadata.key_groups.recipients();
    let since = recipients.filter_map(|one| {
        let time: jiff::Timestamp = one.fields.text("created_at")?.parse().ok()?;
        Some(time.as_second())
    });
    let Some(since) = since.min() else {
        return;
    };
    let days = (now - since) / DAY;
    if days > OLD {
        let message = format!("its data key is {days} days old");
        findings.push(Finding::new("V091", at.clone(), message).of(Severity::Warning));
    }
}

/// A clear file that Git has or would take.
fn tracked(path: &Path, base: &Path, told: &mut Told) {
    let shown = path
        .strip_prefix(base)
        .unwrap_or(path)
        .display()
        .to_string();
    let message = match history::of_clear(path) {
        history::Known::Tracked => "Git has this file in clear",
        history::Known::Free if path.exists() => "Git does not ignore this file",
        _ => return,
    };
    told.push(Finding::new("V092", At::whole(0), message), shown, 1);
}

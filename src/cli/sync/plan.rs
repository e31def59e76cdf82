//! A plan and its outcome as lines for people: objects and keys by name, never a value.

use clsecrets::chainlink::Mark;
use clsecrets::sync::{ObjectReport, Phase, Report, TargetReport};

/// What would be done, target by target. What is in sync is only counted.
pub(crate) fn before(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let is_idle = |object: &ObjectReport| matches!(object.op, "in sync" | "keep" | "unclaimed");
    let restarts = report.targets.iter().flat_map(|target| &target.restarts);
    if report.errors.is_empty() && objects(report).all(is_idle) && restarts.count() == 0 {
        lines.push(format!(
            "environment {}: nothing to do ({})",
            report.environment,
            counted(report.summary.in_sync, "in sync")
        ));
    } else if objects(report).next().is_some() {
        for target in &report.targets {
            lines.extend(target_lines(target));
        }
    }
    lines.extend(keepers(report));
    lines.extend(notes(report));
    lines.extend(kept(report));
    lines.extend(unclaimed(report));
    lines
}

/// What was done, one line for each target.
pub(crate) fn after(report: &Report) -> Vec<String> {
    report.targets.iter().map(outcome).collect()
}

/// What a node needs besides, where the file of its API user has changed: it reads that file only as
/// long as it has no user.
pub(crate) fn api_users(report: &Report) -> Vec<String> {
    let is_changed = |object: &&ObjectReport| {
        let mut keys = object.keys.iter();
        object.phase == Phase::Verified
            && object.op != "create"
            && keys.any(|key| key.name == ".api" && key.op == "changed")
    };
    let changed = objects(report).filter(is_changed);
    changed
        .map(|object| {
            format!(
                "{}: the node's database keeps the API user as it is; log in with the old password and run: \
                 chainlink admin chpass",
                object.name
            )
        })
        .collect()
}

/// What has no source, one line for each.
pub(crate) fn skipped(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for target in &report.targets {
        for skip in &target.skipped {
            let key = skip.key.as_ref().map(|key| format!(" {key}"));
            let key = key.unwrap_or_default();
            lines.push(format!(
                "skipped {} {}{key}: {}",
                target.label, skip.object, skip.reason
            ));
        }
    }
    lines
}

fn objects(report: &Report) -> impl Iterator<Item = &ObjectReport> {
    report.targets.iter().flat_map(|target| &target.objects)
}

fn target_lines(target: &TargetReport) -> Vec<String> {
    let is_in_sync = |object: &&ObjectReport| object.op == "in sync";
    let is_shown = |object: &&ObjectReport| !matches!(object.op, "in sync" | "keep" | "unclaimed");
    let place = target.place.as_ref();
    let mut head = match place.filter(|place| !target.label.ends_with(place.as_str())) {
        Some(place) => format!("{} ({place})", target.label),
        None => target.label.clone(),
    };
    let in_sync = target.objects.iter().filter(is_in_sync).count();
    if in_sync > 0 {
        head = format!("{head}: {}", counted(in_sync, "in sync"));
    }
    let mut lines = vec![head];
    for object in target.objects.iter().filter(is_shown) {
        let keys = object.keys.iter().chain(&object.settings);
        let keys: Vec<String> = keys
            .filter_map(|key| Some(format!("{}{}", sign(key.op)?, key.name)))
            .collect();
        let owners = if matches!(object.op, "adopt" | "foreign") {
            format!("  (from {})", object.owners.join(", "))
        } else {
            String::new()
        };
        lines.push(format!(
            "  {:<7} {}  {}{owners}",
            object.op,
            object.name,
            keys.join(" ")
        ));
    }
    for restart in &target.restarts {
        lines.push(format!(
            "  restart {}  (uses {})",
            restart.workload,
            restart.objects.join(", ")
        ));
    }
    lines
}

fn outcome(target: &TargetReport) -> String {
    let count = |wanted: &dyn Fn(&ObjectReport) -> bool| {
        let objects = target.objects.iter();
        objects.filter(|object| wanted(object)).count()
    };
    let done =
        |op: &'static str| count(&|object| object.op == op && object.phase == Phase::Verified);
    let parts = [
        (done("create"), "created"),
        (done("update"), "updated"),
        (done("adopt"), "adopted"),
        (done("replace"), "replaced"),
        (done("restore"), "restored"),
        (done("remove"), "removed"),
        (count(&|object| object.op == "in sync"), "in sync"),
        (count(&|object| object.phase == Phase::Failed), "failed"),
        (
            count(&|object| object.phase == Phase::Unknown),
            "perhaps written",
        ),
    ];
    let parts = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"));
    let restarts = target.restarts.iter().map(|restart| match restart.state {
        "complete" => format!("{} restarted and ready", restart.workload),
        "held" | "pending" => format!("{} is not restarted", restart.workload),
        "failed" => format!("{} failed to restart", restart.workload),
        "unknown" => format!("{} perhaps restarted", restart.workload),
        _ => format!("{} restarted", restart.workload),
    });
    let parts: Vec<String> = parts.chain(restarts).collect();
    format!("{}: {}", target.label, parts.join(", "))
}

/// What else there is to say of objects, one line for each.
pub(crate) fn notes(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for target in &report.targets {
        for object in &target.objects {
            let notes = object.notes.iter();
            lines.extend(notes.map(|note| format!("{}: {}: {note}", target.label, object.name)));
        }
    }
    lines
}

/// What is ours and no longer desired, one line for each.
fn kept(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for target in &report.targets {
        for object in &target.objects {
            let keys = object.keys.iter().filter(|key| key.op == "kept");
            let mut what: Vec<(String, &str)> = keys
                .map(|key| {
                    let file = if Mark::is_named(&key.name) {
                        "clsecrets.yaml"
                    } else {
                        "the sealed file"
                    };
                    (format!("{} of {}", key.name, object.name), file)
                })
                .collect();
            if object.op == "keep" && what.is_empty() {
                what.push((object.name.clone(), "the sealed file"));
            }
            lines.extend(what.into_iter().map(|(what, file)| {
                format!(
                    "{}: {what} is no longer in {file}; it stays there until --prune",
                    target.label
                )
            }));
        }
    }
    lines
}

/// What is taken over, and from what keeps it.
fn keepers(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for target in &report.targets {
        // What is refused says it in its reason.
        let taken = target
            .objects
            .iter()
            .filter(|object| object.op != "foreign");
        lines.extend(taken.filter_map(|object| {
            let keeper = object.keeper.as_ref()?;
            Some(format!("{}: {} {keeper}", target.label, object.name))
        }));
    }
    lines
}

/// What clsecrets wrote, and perhaps for another repository: one line for each target.
fn unclaimed(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for target in &report.targets {
        let whole = target.objects.iter().filter(|o| o.op == "unclaimed");
        let mut what: Vec<String> = whole.map(|object| object.name.clone()).collect();
        for object in target.objects.iter().filter(|o| o.op != "unclaimed") {
            let keys = object.keys.iter().filter(|key| key.op == "unclaimed");
            what.extend(keys.map(|key| format!("{} of {}", key.name, object.name)));
        }
        if !what.is_empty() {
            let is_unmarked = |object: &&ObjectReport| {
                let mut owners = object.owners.iter();
                object.op == "unclaimed" && owners.any(|owner| owner == "clsecrets")
            };
            let unmarked = target.objects.iter().filter(is_unmarked);
            let adopt: Vec<String> = unmarked.map(|o| format!(" --adopt {}", o.name)).collect();
            let hint = if adopt.is_empty() {
                String::new()
            } else {
                format!(
                    "; if it was this one before it had an identity: --prune{}",
                    adopt.concat()
                )
            };
            lines.push(format!(
                "{}: {}: another repository's? clsecrets wrote it, but nothing says that it was this \
                 repository and environment; it stays there{hint}",
                target.label,
                what.join(", ")
            ));
        }
    }
    lines
}

fn sign(op: &str) -> Option<char> {
    match op {
        "added" => Some('+'),
        "changed" => Some('~'),
        "removed" => Some('-'),
        // Named on a line of its own: nothing happens to it.
        _ => None,
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 object {what}"),
        _ => format!("{count} objects {what}"),
    }
}

#[cfg(test)]
mod tests {
    use clsecrets::sync::{KeyReport, Mode, SCHEMA, SkippedReport, Summary};

    use super::*;

    fn report(objects: Vec<ObjectReport>) -> Report {
        let targets = vec![TargetReport {
            kind: "directory",
            label: "directory out/dev".to_owned(),
            place: Some("/repo/out/dev".to_owned()),
            is_looked_at: true,
            actor: None,
            objects,
            restarts: Vec::new(),
            skipped: vec![SkippedReport {
                object: "chainlink".to_owned(),
                key: Some("db-url".to_owned()),
                reason: "no database_password".to_owned(),
            }],
        }];
        Report {
            warnings: Vec::new(),
            schema: SCHEMA,
            environment: "dev".to_owned(),
            mode: Mode::Apply,
            status: 0,
            sources: Vec::new(),
            summary: Summary::of(&targets),
            targets,
            errors: Vec::new(),
        }
    }

    fn object(
        name: &str,
        op: &'static str,
        phase: Phase,
        keys: &[(&'static str, &str)],
    ) -> ObjectReport {
        ObjectReport {
            name: name.to_owned(),
            op,
            phase,
            keys: keys
                .iter()
                .map(|(op, name)| KeyReport {
                    name: (*name).to_owned(),
                    op,
                })
                .collect(),
            settings: Vec::new(),
            notes: Vec::new(),
            sources: Vec::new(),
            owners: vec!["Helm (helm)".to_owned()],
            keeper: None,
            written: None,
            before: None,
            after: None,
        }
    }

    #[test]
    fn a_plan_names_objects_and_keys_and_counts_what_is_in_sync() {
        let plan = before(&report(vec![
            object(
                "api-secrets",
                "create",
                Phase::Observed,
                &[("added", ".api"), ("added", ".password")],
            ),
            object(
                "tiingo",
                "update",
                Phase::Observed,
                &[("changed", "api-key"), ("kept", "old")],
            ),
            object("bea", "adopt", Phase::Observed, &[("changed", "api-key")]),
            object("coingecko", "in sync", Phase::Observed, &[]),
        ]));
        assert_eq!(
            plan,
            [
                "directory out/dev (/repo/out/dev): 1 object in sync",
                "  create  api-secrets  +.api +.password",
                "  update  tiingo  ~api-key",
                "  adopt   bea  ~api-key  (from Helm (helm))",
                "directory out/dev: old of tiingo is no longer in the sealed file; it stays there until --prune",
            ]
        );
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let plan = before(&report(vec![object(
            "tiingo",
            "in sync",
            Phase::Observed,
            &[],
        )]));
        assert_eq!(plan, ["environment dev: nothing to do (1 object in sync)"]);
    }

    #[test]
    fn an_outcome_counts_what_was_done() {
        let done = after(&report(vec![
            object("a", "create", Phase::Verified, &[]),
            object("b", "update", Phase::Failed, &[]),
            object("c", "in sync", Phase::Observed, &[]),
        ]));
        assert_eq!(done, ["directory out/dev: 1 created, 1 in sync, 1 failed"]);
    }

    #[test]
    fn what_has_no_source_is_named() {
        assert_eq!(
            skipped(&report(Vec::new())),
            ["skipped directory out/dev chainlink db-url: no database_password"]
        );
    }
}

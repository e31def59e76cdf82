//! The status for people: one screen, what is well in few words, what is not in more. On a terminal
//! lines are folded to its width, but for what can be pasted.

use super::found::{Environment, Object, Status, Target};

/// All lines.
pub(crate) fn lines(status: &Status, now: i64) -> Vec<String> {
    let mut lines = Vec::new();
    if status.environments.len() > 1 {
        lines.push(status.summary());
    }
    for environment in status.worst_first() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(self::environment(environment, now));
    }
    lines
}

fn environment(found: &Environment, now: i64) -> Vec<String> {
    let protected = if found.protected { ", protected" } else { "" };
    let mut lines = vec![format!(
        "environment {}: {}{protected}",
        found.name, found.state
    )];
    for source in &found.sources {
        let mut facts = Vec::new();
        facts.extend(age(&source.sealed, now).map(|age| format!("sealed {age}")));
        let since = source.data_key_since.as_deref();
        let since = since.and_then(|since| age(since, now));
        facts.extend(since.map(|age| format!("data key from {age}")));
        let recipients: Vec<String> = source.recipients.iter().map(|r| short(r)).collect();
        facts.push(format!("opens for {}", recipients.join(", ")));
        lines.push(format!("  {}: {}", source.file, facts.join("; ")));
    }
    if let Some(last) = &found.last_sync {
        let when = age(&last.time, now).unwrap_or_else(|| last.time.clone());
        let commit = last.commit.as_deref().and_then(|commit| commit.get(..12));
        let commit = commit.map(|commit| format!(" of commit {commit}"));
        lines.push(format!(
            "  last sync from here {when}{}: {}",
            commit.unwrap_or_default(),
            if last.status == 0 {
                "done"
            } else {
                "not all done"
            }
        ));
    }
    lines.extend(found.targets.iter().flat_map(target));
    lines.extend(found.told().map(|error| format!("  ! {error}")));
    lines.extend(found.notes.iter().map(|note| format!("  note: {note}")));
    lines.extend(found.hints.iter().map(|hint| format!("{HINT}{hint}")));
    lines
}

/// How a line begins that says what to do.
const HINT: &str = "  hint: ";

/// A line on a terminal of this width: what does not fit goes on below, further in.
pub(crate) fn folded(line: &str, width: usize) -> Vec<String> {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    if line.starts_with(HINT) || line.chars().count() <= width || width < 2 * indent + 20 {
        return vec![line.to_owned()];
    }
    let mut lines = Vec::new();
    let mut now = String::new();
    let further = " ".repeat(indent + 4);
    // Two blanks in a row part columns, and stay.
    for word in line.split_inclusive(' ') {
        let length = now.chars().count() + word.trim_end().chars().count();
        if length > width && !now.trim().is_empty() {
            lines.push(now.trim_end().to_owned());
            now.clone_from(&further);
        }
        now.push_str(word);
    }
    lines.push(now);
    lines
}

/// An age recipient by its two ends; whatever else is told as it is.
pub(crate) fn short(recipient: &str) -> String {
    let ends = recipient
        .get(..10)
        .zip(recipient.get(recipient.len().saturating_sub(6)..));
    match ends {
        Some((first, last)) if recipient.starts_with("age1") && recipient.len() > 24 => {
            format!("{first}…{last}")
        }
        _ => recipient.to_owned(),
    }
}

fn target(target: &Target) -> Vec<String> {
    if !target.looked_at {
        return vec![format!("  {}: not looked at", target.label)];
    }
    let well = |object: &&Object| object.state == "in sync";
    let count = target.objects.iter().filter(well).count();
    let mut lines = vec![format!(
        "  {}: {count} of {} in sync",
        target.label,
        target.objects.len()
    )];
    let others = target.objects.iter().filter(|object| !well(object));
    lines.extend(others.map(|object| format!("    {}", line(object))));
    // What differs has its left-over keys in its own line.
    let left = target
        .objects
        .iter()
        .filter(well)
        .filter(|o| !o.left_over.is_empty());
    lines.extend(left.map(|object| {
        let keys = object.left_over.join(" ");
        format!("    {:<9}  {}  {keys}", "left over", object.name)
    }));
    let stale = target.stale.iter();
    lines.extend(stale.map(|workload| format!("    {:<9}  {workload}", "stale")));
    lines
}

/// State, name, keys and who wrote them.
fn line(object: &Object) -> String {
    let mut line = format!("{:<9}  {}", object.state, object.name);
    if !object.keys.is_empty() {
        line.push_str("  ");
        line.push_str(&object.keys.join(" "));
    }
    if matches!(object.state, "drifted" | "foreign") {
        // There are no brackets within brackets.
        let by = changed_by(object).replace(" (", ", ").replace(')', "");
        line.push_str("  (");
        line.push_str(&by);
        line.push(')');
    }
    line
}

/// Who made it so.
pub(crate) fn changed_by(object: &Object) -> String {
    let what = if object.state == "drifted" {
        "changed"
    } else {
        "written"
    };
    format!("{what} by {}", object.by.join(", "))
}

/// How long ago a time was, in the largest unit that says enough.
pub(crate) fn age(time: &str, now: i64) -> Option<String> {
    let time: jiff::Timestamp = time.parse().ok()?;
    let seconds = now.checked_sub(time.as_second())?;
    let (count, unit) = match seconds {
        ..=59 => return Some("just now".to_owned()),
        60..=3599 => (seconds / 60, "minute"),
        3600..=86_399 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    Some(format!("{count} {unit}{plural} ago"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_further_in_and_an_order_stays_whole() {
        let line = "    drifted    api-keys  one two  (changed by another)";
        assert_eq!(folded(line, 80), [line]);
        let narrow = folded(line, 40);
        assert_eq!(
            narrow,
            [
                "    drifted    api-keys  one two",
                "        (changed by another)"
            ]
        );
        let order = format!("{HINT}clsecrets rotate -i secrets/dev/encrypted-secrets.yaml");
        assert_eq!(folded(&order, 30), [order]);
    }

    #[test]
    fn an_age_is_told_in_the_largest_unit() {
        let now = 1_700_000_000;
        let ago = |time: &str| age(time, now);
        assert_eq!(ago("2023-11-14T22:13:00Z").as_deref(), Some("just now"));
        assert_eq!(ago("2023-11-14T22:12:10Z").as_deref(), Some("1 minute ago"));
        assert_eq!(ago("2023-11-14T20:13:20Z").as_deref(), Some("2 hours ago"));
        assert_eq!(ago("2023-10-14T20:13:20Z").as_deref(), Some("31 days ago"));
        assert_eq!(ago("yesterday"), None);
    }
}

//! The status as a page: one file without scripts, links or anything to load, readable on a phone.

use std::fmt::Write as _;

use clsecrets::error::shown;

use super::found::{Environment, Object, Source, Status, Target};
use super::view::{changed_by, short};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8885;--ok:#1a7f37;--warn:#8a5d00;--bad:#cf222e}\
@media(prefers-color-scheme:dark){:root{--ok:#6bc46d;--warn:#daaa3f;--bad:#f47067}}\
*{box-sizing:border-box}\
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:52rem}\
h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1.15rem;margin:0}\
h3{font-size:1rem;margin:1rem 0 .2rem;padding-top:.6rem;border-top:1px solid var(--line)}\
p{margin:.2rem 0}.dim{opacity:.75}.small{font-size:.85rem}\
section{border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1rem;margin:1rem 0}\
header{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin-bottom:.3rem}\
.s{border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.85rem;white-space:nowrap;\
justify-self:start}\
.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}\
.sum{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center;font-weight:600}\
ul{list-style:none;margin:.3rem 0;padding:0}\
li{display:grid;grid-template-columns:5.8rem 1fr;gap:0 .6rem;align-items:baseline;padding:.3rem 0}\
li b,li p{grid-column:2;margin:0}li .s{grid-column:1}\
.next{margin-top:.5rem}summary{cursor:pointer;padding:.3rem 0}time,.fact{white-space:nowrap}\
h3,code,b,p,summary{overflow-wrap:anywhere}\
code{font-size:.85rem}";

/// The whole page.
pub(crate) fn page(status: &Status, now: i64) -> String {
    let time = jiff::Timestamp::from_second(now).unwrap_or_default();
    let time = at(&time.to_string());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>clsecrets status</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>clsecrets status</h1>\n\
         <p class=\"dim\">as of {time}</p>\n"
    );
    let counts = status.counts();
    let counts = counts
        .iter()
        .map(|(state, count)| mark(state, &format!("{count} {state}")));
    let _ = writeln!(
        page,
        "<p class=\"sum\">{} {}</p>",
        escaped(&status.number()),
        counts.collect::<String>()
    );
    for one in status.worst_first() {
        environment(&mut page, one);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn environment(page: &mut String, found: &Environment) {
    let protected = if found.protected {
        "<span class=\"s dim\">protected</span>"
    } else {
        ""
    };
    let _ = writeln!(
        page,
        "<section>\n<header><h2>{}</h2>{}{protected}</header>",
        escaped(&found.name),
        mark(found.state, found.state)
    );
    for error in found.told() {
        let colour = if found.warnings.contains(error) {
            "warn"
        } else {
            "bad"
        };
        let _ = writeln!(page, "<p class=\"{colour}\">{}</p>", escaped(error));
    }
    for note in &found.notes {
        let _ = writeln!(page, "<p class=\"dim\">{}</p>", escaped(note));
    }
    if let Some(last) = &found.last_sync {
        let when = at(&last.time);
        let commit = last.commit.as_deref().and_then(|commit| commit.get(..12));
        let commit = commit.map(|commit| format!(" of commit <code>{}</code>", escaped(commit)));
        let done = match last.status {
            0 => "",
            _ => ", not all done",
        };
        let _ = writeln!(
            page,
            "<p class=\"dim\">last sync from here {when}{}{done}</p>",
            commit.unwrap_or_default(),
        );
    }
    for one in &found.targets {
        target(page, one);
    }
    for hint in &found.hints {
        let _ = writeln!(page, "<p class=\"next\">next: {}</p>", escaped(hint));
    }
    for one in &found.sources {
        source(page, one);
    }
    page.push_str("</section>\n");
}

fn target(page: &mut String, target: &Target) {
    let _ = writeln!(page, "<h3>{}</h3>", escaped(&target.label));
    let facts = [&target.place, &target.actor];
    for fact in facts.into_iter().flatten() {
        let _ = writeln!(page, "<p class=\"dim small\">{}</p>", escaped(fact));
    }
    if !target.looked_at {
        let _ = writeln!(page, "<p>{}</p>", mark("not looked at", "not looked at"));
        return;
    }
    // What is well is folded away; what is not comes first.
    let is_well = |object: &&Object| object.state == "in sync" && object.left_over.is_empty();
    let well: Vec<&Object> = target.objects.iter().filter(is_well).collect();
    let others: Vec<&Object> = target.objects.iter().filter(|one| !is_well(one)).collect();
    if !others.is_empty() || !target.stale.is_empty() {
        page.push_str("<ul>\n");
        for one in others {
            object(page, one);
        }
        for workload in &target.stale {
            let _ = writeln!(
                page,
                "<li>{}<b>{}</b><p class=\"dim\">runs with what was there before</p></li>",
                mark("stale", "stale"),
                escaped(workload)
            );
        }
        page.push_str("</ul>\n");
    }
    if well.is_empty() {
        return;
    }
    let count = format!("{} of {} in sync", well.len(), target.objects.len());
    let _ = writeln!(
        page,
        "<details><summary class=\"ok\">{count}</summary>\n<ul>"
    );
    for one in well {
        object(page, one);
    }
    page.push_str("</ul>\n</details>\n");
}

fn object(page: &mut String, object: &Object) {
    let mut facts = Vec::new();
    if !object.keys.is_empty() {
        facts.push(format!("<code>{}</code>", escaped(&object.keys.join(" "))));
    }
    if matches!(object.state, "drifted" | "foreign") {
        facts.push(escaped(&changed_by(object)));
    }
    if object.state == "in sync" && !object.left_over.is_empty() {
        facts.push("left over".to_owned());
    }
    let written = object.written.as_deref();
    facts.extend(written.map(|time| format!("written {}", at(time))));
    let facts = facts
        .iter()
        .map(|fact| format!("<p class=\"dim\">{fact}</p>"));
    let _ = writeln!(
        page,
        "<li>{}<b>{}</b>{}</li>",
        mark(object.state, object.state),
        escaped(&object.name),
        facts.collect::<String>()
    );
}

fn source(page: &mut String, source: &Source) {
    let _ = writeln!(page, "<h3>{}</h3>", escaped(&source.file));
    let since = source.data_key_since.as_deref();
    let facts = [
        ("sealed", Some(source.sealed.as_str())),
        ("data key from", since),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(what, time)| Some(format!("{what} {}", at(time?))));
    let sha256 = source.sha256.get(..12).unwrap_or_default();
    let sha256 = format!("SHA-256 <code>{}…</code>", escaped(sha256));
    let facts: Vec<String> = facts
        .chain([sha256])
        .map(|fact| format!("<span class=\"fact\">{fact}</span>"))
        .collect();
    let recipients: Vec<String> = source.recipients.iter().map(|r| short(r)).collect();
    let _ = writeln!(
        page,
        "<p class=\"dim\">{}</p>\n<p>opens for {}</p>",
        facts.join(", "),
        escaped(&recipients.join(", "))
    );
}

/// A time as the page tells it: it is read later than it is made, so no ages.
fn at(time: &str) -> String {
    let parsed: Option<jiff::Timestamp> = time.parse().ok();
    let shown = parsed.map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let shown = shown.unwrap_or_else(|| time.to_owned());
    format!(
        "<time datetime=\"{}\">{}</time>",
        escaped(time),
        escaped(&shown)
    )
}

/// A state as words with a colour; the words say it all.
fn mark(state: &str, words: &str) -> String {
    let colour = match state {
        "in sync" => "ok",
        "behind" | "missing" | "left over" | "unclaimed" | "stale" | "deleted" => "warn",
        _ => "bad",
    };
    format!("<span class=\"s {colour}\">{}</span>", escaped(words))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in shown(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escaped("a\u{202e}\u{1b}"), "a\\u{202e}\\u{1b}");
        assert_eq!(
            escaped("<a href='x'>&\""),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
        );
    }
}

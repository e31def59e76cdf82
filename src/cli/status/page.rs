//! The status as a page: one file without scripts, links or anything to load, readable on a phone.

use std::fmt::Write as _;

use clsecrets::error::shown;

use super::found::{Environment, Object, Source, Status, Target};
use super::view::{changed_by, short};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--ok:#1a7f37;--warn:#9a6700;--bad:#cf222e}\
@media(prefers-color-scheme:dark){:root{--ok:#57ab5a;--warn:#d4a72c;--bad:#f47067}}\
*{box-sizing:border-box}\
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:52rem}\
h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1.15rem;margin:0}h3{font-size:1rem;margin:1rem 0 .2rem}\
p{margin:.2rem 0}small,.dim{opacity:.75}\
section{border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1rem;margin:1rem 0}\
header{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}\
.s{border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.85rem;white-space:nowrap}\
.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}\
ul{list-style:none;margin:0;padding:0}\
li{display:flex;flex-wrap:wrap;gap:.2rem .6rem;align-items:baseline;padding:.35rem 0;border-top:1px solid var(--line)}\
li b{font-weight:600}code,b,.wrap{overflow-wrap:anywhere}\
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
    let _ = writeln!(page, "<p><b>{}</b></p>", escaped(&status.summary()));
    for one in status.worst_first() {
        environment(&mut page, one);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn environment(page: &mut String, found: &Environment) {
    let _ = writeln!(
        page,
        "<section>\n<header><h2>{}</h2>{}{}</header>",
        escaped(&found.name),
        mark(found.state),
        if found.protected {
            "<span class=\"s\">protected</span>"
        } else {
            ""
        }
    );
    if let Some(last) = &found.last_sync {
        let when = at(&last.time);
        let commit = last.commit.as_deref().and_then(|commit| commit.get(..12));
        let commit = commit.map(|commit| format!(" of <code>{}</code>", escaped(commit)));
        let _ = writeln!(
            page,
            "<p>last sync from here {when}{}{}</p>",
            commit.unwrap_or_default(),
            if last.status == 0 {
                ""
            } else {
                ", not all done"
            }
        );
    }
    for error in found.errors.iter().chain(&found.warnings) {
        let _ = writeln!(page, "<p class=\"bad wrap\">{}</p>", escaped(error));
    }
    for note in &found.notes {
        let _ = writeln!(page, "<p class=\"dim wrap\">{}</p>", escaped(note));
    }
    for hint in &found.hints {
        let _ = writeln!(
            page,
            "<p class=\"wrap\">hint: <code>{}</code></p>",
            escaped(hint)
        );
    }
    for one in &found.targets {
        target(page, one);
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
        let _ = writeln!(
            page,
            "<p class=\"dim wrap\"><small>{}</small></p>",
            escaped(fact)
        );
    }
    if !target.looked_at {
        let _ = writeln!(page, "<p>{}</p>", mark("not looked at"));
        return;
    }
    page.push_str("<ul>\n");
    for one in &target.objects {
        object(page, one);
    }
    for workload in &target.stale {
        let _ = writeln!(
            page,
            "<li>{}<b>{}</b><span class=\"dim\">runs with what was there before</span></li>",
            mark("stale"),
            escaped(workload)
        );
    }
    page.push_str("</ul>\n");
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
    let _ = writeln!(
        page,
        "<li>{}<b>{}</b><span class=\"dim wrap\">{}</span></li>",
        mark(object.state),
        escaped(&object.name),
        facts.join(" · ")
    );
}

fn source(page: &mut String, source: &Source) {
    let _ = writeln!(page, "<h3 class=\"wrap\">{}</h3>", escaped(&source.file));
    let since = source.data_key_since.as_deref();
    let facts = [
        ("sealed", Some(source.sealed.as_str())),
        ("data key from", since),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(what, time)| Some(format!("{what} {}", at(time?))));
    let facts: Vec<String> = facts.collect();
    let recipients: Vec<String> = source.recipients.iter().map(|r| short(r)).collect();
    let sha256 = source.sha256.get(..12).unwrap_or_default();
    let _ = writeln!(
        page,
        "<p class=\"dim\">{} · <code>{}</code></p>\n<p class=\"wrap\">opens for {}</p>",
        facts.join(" · "),
        escaped(sha256),
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

/// A state as a word with a colour; the word says it all.
fn mark(state: &str) -> String {
    let colour = match state {
        "in sync" => "ok",
        "behind" | "missing" | "left over" | "unclaimed" | "stale" | "deleted" => "warn",
        _ => "bad",
    };
    format!("<span class=\"s {colour}\">{}</span>", escaped(state))
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

//! How a name is shown that somebody else has chosen: of a file, a key, an object, a recipient.
//!
//! The one function for it; what prints uses it for every line. A name can hold a line end and then
//! forge a line, order a terminal about, or turn the direction of what is around it. The surprise:
//! a line that begins with `::` is an order to the runner of a GitHub workflow, and one with `##[`
//! or `##vso[` anywhere in it is one, too.

use std::borrow::Cow;
use std::fmt::Write;

/// A line as it is shown: in one piece, with what cannot be seen spelled out.
pub fn shown(line: &str) -> Cow<'_, str> {
    if !is_order(line) && !line.contains(is_hidden) {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len() + 16);
    let begins = line.len() - line.trim_start().len();
    for (at, c) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        let begins_order = at == begins && rest.starts_with("::") || begins_marker(rest);
        if begins_order {
            // Any other escape would do, too; this one shows what it was.
            let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
        } else if is_hidden(c) {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// JSON of the same kind: strings mean the same, and nothing in them can be taken for anything else.
/// Line ends of the layout stay.
pub fn shown_json(json: &str) -> Cow<'_, str> {
    let is_risky = |c: char| c == '#' || c != '\n' && is_hidden(c);
    if !json.contains(is_risky) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for (at, c) in json.char_indices() {
        let is_marker = begins_marker(json.get(at..).unwrap_or_default());
        // Outside of strings JSON has none of these characters.
        if is_marker || c != '\n' && is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// What has no shape of its own: controls, line ends of every kind, marks of direction, blanks without
/// width and tags.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn is_order(line: &str) -> bool {
    let is_marked = || {
        line.char_indices()
            .any(|(at, _)| begins_marker(line.get(at..).unwrap_or_default()))
    };
    line.trim_start().starts_with("::") || line.contains("##") && is_marked()
}

/// `##[error]` and `##vso[task.setvariable …]`, wherever they stand in a line.
fn begins_marker(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("##") else {
        return false;
    };
    rest.trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out_in_one_line() {
        assert_eq!(shown("out/\u{1b}[2K\rdev"), "out/\\u{1b}[2K\\rdev");
        assert_eq!(
            shown("two\nlines\u{2028}three\u{85}"),
            "two\\nlines\\u{2028}three\\u{85}"
        );
        assert_eq!(
            shown("a\u{202e}txt.exe\u{2066}\u{200b}"),
            "a\\u{202e}txt.exe\\u{2066}\\u{200b}"
        );
        assert_eq!(
            shown("grüße 日本 👍 a::b # ## [x]"),
            "grüße 日本 👍 a::b # ## [x]"
        );
    }

    #[test]
    fn a_line_is_no_order_to_who_runs_us() {
        for line in ["::error::x", "  ::add-mask::x", "\t::stop-commands::x"] {
            let line = shown(line).into_owned();
            assert!(!line.trim_start().starts_with("::"), "{line}");
        }
        assert_eq!(shown("a ##[error]x"), "a \\u{23}#[error]x");
        assert_eq!(shown("###vso[task]"), "#\\u{23}#vso[task]");
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\u{202e}b\u{7f}c##[d]\n::e\u{e0041}";
        let json = serde_json::to_string_pretty(&serde_json::json!({ "name": text })).unwrap();
        let safe = shown_json(&json);
        assert!(!safe.contains(['\u{202e}', '\u{7f}', '\u{e0041}']) && !safe.contains("##["));
        let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(read["name"], text);
    }
}

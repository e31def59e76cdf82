//! A pair or an item is taken out of a text, with its lines.
//!
//! What stands in it goes with it, and so does a comment on its line; comment lines above it stay, as
//! with the reference. The surprise: a collection that nothing is left of becomes `{}` or `[]`, because
//! nothing at all would be null.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::tree::{Element, List, Map, Node};

use super::super::{Fault, FormatError};
use super::graft::graft;
use super::grammar::{Content, Parsed, Raw};
use super::guard;
use super::lines::{is_first_on_line, line_start, next_line};
use super::manner::{column, is_key};
use super::reach::{behind_colon, dashes, item_line_end, pair_line_end};

/// Takes out what stands at a path of the first document.
pub(super) fn take_out(
    text: &str,
    parsed: &Parsed,
    path: &[Element],
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let missing = || {
        let reason = "there is nothing at this path";
        FormatError::at(text, 0, Fault::Unrepresentable, reason)
    };
    let (last, above) = path.split_last().ok_or_else(missing)?;
    let document = parsed.documents.first().ok_or_else(missing)?;
    let mut here = &document.root;
    for element in above {
        guard::passes(text, parsed, here, false)?;
        here = below(here, element).ok_or_else(missing)?;
    }
    guard::passes(text, parsed, here, false)?;
    let taken = below(here, last).ok_or_else(missing)?;
    guard::passes(text, parsed, taken, true)?;
    let cut = match (&here.content, last) {
        (Content::Map { pairs, is_flow }, Element::Key(name)) => {
            let is_top = above.is_empty();
            if pairs.len() == 1 && !is_top {
                return graft(text, parsed, above, Node::Map(Map::default()));
            }
            let at = pairs.iter().position(|(key, _)| is_key(key, name));
            let at = at.ok_or_else(missing)?;
            let places = pairs.iter().map(|(key, value)| Place {
                start: key
                    .tag
                    .as_ref()
                    .map_or(key.span.start, |(_, tag)| tag.start),
                end: match value.content {
                    Content::Absent => behind_colon(text, key, value),
                    _ => value.span.end,
                },
                lines_end: pair_line_end(text, key, value),
            });
            cut(text, &places.collect::<Vec<_>>(), at, *is_flow)
        }
        (Content::List { items, is_flow }, Element::Index(at)) => {
            if items.len() == 1 {
                return graft(text, parsed, above, Node::List(List::default()));
            }
            let dashes = match is_flow {
                true => items.iter().map(|item| item.span.start).collect(),
                false => dashes(text, here.span.start, items),
            };
            let places = items.iter().zip(&dashes).map(|(item, dash)| Place {
                start: *dash,
                end: item.span.end,
                lines_end: item_line_end(text, *dash, item),
            });
            cut(text, &places.collect::<Vec<_>>(), *at, *is_flow)
        }
        _ => return Err(missing()),
    };
    let cut = cut.ok_or_else(|| {
        let reason = "what stands before it on its line cannot be parted from it";
        FormatError::at(text, taken.span.start, Fault::Unsupported, reason)
    })?;
    let mut rest = Zeroizing::new(Vec::with_capacity(text.len()));
    for part in [text.get(..cut.start), text.get(cut.end..)] {
        rest.extend_from_slice(part.unwrap_or_default().as_bytes());
    }
    Ok(rest)
}

/// Where a pair or an item begins and ends, and behind its last line.
struct Place {
    start: usize,
    end: usize,
    lines_end: usize,
}

fn below<'r>(raw: &'r Raw, element: &Element) -> Option<&'r Raw> {
    match (&raw.content, element) {
        (Content::Map { pairs, .. }, Element::Key(name)) => pairs
            .iter()
            .find_map(|(key, value)| is_key(key, name).then_some(value)),
        (Content::List { items, .. }, Element::Index(at)) => items.get(*at),
        _ => None,
    }
}

/// What goes; `None` where that is not clear.
fn cut(text: &str, places: &[Place], at: usize, is_flow: bool) -> Option<Range<usize>> {
    let place = places.get(at)?;
    let bytes = text.as_bytes();
    if is_flow {
        return Some(match (places.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => place.start..next.start,
            (None, Some(before)) => places.get(before)?.end..place.end,
            (None, None) => place.start..place.end,
        });
    }
    let indent = column(bytes, place.start);
    let end = with_inner_comments(text, place.lines_end, indent);
    if is_first_on_line(bytes, place.start) {
        return Some(line_start(bytes, place.start)..end);
    }
    // The first of a collection that begins on the line of a dash.
    let before = text.get(line_start(bytes, place.start)..place.start)?;
    if at > 0
        || !before
            .trim_start_matches('\u{FEFF}')
            .bytes()
            .all(|byte| b"- \t".contains(&byte))
    {
        return None;
    }
    let next = places.get(1)?.start;
    let between = text.get(end..next)?;
    if between.trim().is_empty() {
        return Some(place.start..next);
    }
    // Comment lines of what follows stay above it.
    let line = text.get(..end)?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Some(place.start..line.len())
}

/// Over comment lines below that are indented deeper: they stand in what goes.
fn with_inner_comments(text: &str, mut end: usize, indent: usize) -> usize {
    let mut ahead = end;
    while ahead < text.len() {
        let next = next_line(text.as_bytes(), ahead);
        let line = text.get(ahead..next).unwrap_or_default();
        let inner = line.trim_start();
        if inner.starts_with('#') && line.len() - inner.len() > indent {
            end = next;
        } else if !inner.is_empty() {
            break;
        }
        ahead = next;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::format::yaml::Yaml;
    use crate::tree::Path;

    fn without(text: &str, path: &str) -> String {
        let document = Yaml
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap();
        let text = Yaml
            .take_out(&document, &Path::parse(path).unwrap())
            .unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn a_pair_goes_with_its_lines_and_what_is_above_it_stays() {
        let text = "# top\na: 1 # of a\n\nb:\n    c: |\n        x\n        y\n    # in b\n\n    d: 2\n        # deeper\ne: 3\n";
        for (path, expected) in [
            ("['a']", text.replace("a: 1 # of a\n", "")),
            ("['b']", "# top\na: 1 # of a\n\ne: 3\n".to_owned()),
            (
                "['b']['c']",
                text.replace("    c: |\n        x\n        y\n", ""),
            ),
            (
                "['b']['d']",
                text.replace("    d: 2\n        # deeper\n", ""),
            ),
            ("['e']", text.replace("e: 3\n", "")),
        ] {
            assert_eq!(without(text, path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_left_of_a_list_stays_a_list() {
        let text = "a:\n- one\n- two\n-\n- k: 1\n  l: 2\n- k: 3\n  # of l\n  l: 4\nb: 1\n";
        for (path, expected) in [
            ("['a'][0]", text.replace("- one\n", "")),
            ("['a'][2]", text.replace("-\n", "")),
            ("['a'][3]['k']", text.replace("k: 1\n  l: 2", "l: 2")),
            ("['a'][3]['l']", text.replace("  l: 2\n", "")),
            ("['a'][4]['k']", text.replace("k: 3\n", "\n")),
            ("['a']", "b: 1\n".to_owned()),
        ] {
            assert_eq!(without(text, path), expected, "{path}");
        }
    }

    #[test]
    fn in_flow_the_comma_goes_too() {
        let text = "a: {b: 1, c: [1, 2, 3], d: }\n";
        for (path, expected) in [
            ("['a']['b']", "a: {c: [1, 2, 3], d: }\n"),
            ("['a']['c']", "a: {b: 1, d: }\n"),
            ("['a']['c'][0]", "a: {b: 1, c: [2, 3], d: }\n"),
            ("['a']['c'][2]", "a: {b: 1, c: [1, 2], d: }\n"),
            ("['a']['d']", "a: {b: 1, c: [1, 2, 3] }\n"),
        ] {
            assert_eq!(without(text, path), expected, "{path}");
        }
    }

    #[test]
    fn a_collection_that_nothing_is_left_of_says_so() {
        assert_eq!(without("a:\n  b: 1\nc: 2\n", "['a']['b']"), "a: {}\nc: 2\n");
        assert_eq!(without("a:\n- b\nc: 2\n", "['a'][0]"), "a: []\nc: 2\n");
        assert_eq!(without("a: 1\nsops: {}\n", "['a']"), "sops: {}\n");
    }
}

//! Three versions of a text merged line by line.
//!
//! More willing than `git` is: changes of lines that touch each other are both taken, and so are
//! lines that both sides put in at the same place. What comes of it is only a proposal; whoever
//! asked compares it with what the merged file has to hold.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Which side's lines come first where both put some in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Ours,
    Theirs,
}

/// Lines of the ancestor that a side has replaced.
struct Hunk<'t> {
    old: Range<usize>,
    new: Vec<&'t [u8]>,
}

/// The merged text; `None` where both sides have changed the same lines otherwise.
pub(super) fn merge(base: &[u8], ours: &[u8], theirs: &[u8], first: First) -> Option<Vec<u8>> {
    let lines = |text| <[u8]>::split_inclusive(text, |byte| *byte == b'\n').collect::<Vec<_>>();
    let (base, ours, theirs) = (lines(base), lines(ours), lines(theirs));
    let (ours, theirs) = (hunks(&base, &ours), hunks(&base, &theirs));
    let (one, other) = match first {
        First::Ours => (ours, theirs),
        First::Theirs => (theirs, ours),
    };
    let mut text = Vec::new();
    let mut at = 0;
    for hunk in in_order(one, other)? {
        for line in base.get(at..hunk.old.start)?.iter().chain(&hunk.new) {
            text.extend_from_slice(line);
        }
        at = hunk.old.end;
    }
    text.extend(base.get(at..)?.iter().copied().flatten());
    Some(text)
}

fn hunks<'t>(base: &[&[u8]], side: &[&'t [u8]]) -> Vec<Hunk<'t>> {
    let operations = capture_diff_slices(Algorithm::Myers, base, side);
    let mut hunks = Vec::new();
    for operation in operations {
        let (tag, old, new) = operation.as_tag_tuple();
        if tag == DiffTag::Equal {
            continue;
        }
        let lines = side.get(new).unwrap_or_default();
        // A line for a line: what touches it on the other side is no conflict.
        if old.len() == lines.len() {
            hunks.extend(old.zip(lines).map(|(at, line)| Hunk {
                old: at..at + 1,
                new: vec![line],
            }));
        } else {
            let new = lines.to_vec();
            hunks.push(Hunk { old, new });
        }
    }
    hunks
}

/// The hunks of both sides in the order of the ancestor, each once.
fn in_order<'t>(one: Vec<Hunk<'t>>, other: Vec<Hunk<'t>>) -> Option<Vec<Hunk<'t>>> {
    let mut merged: Vec<Hunk<'t>> = Vec::new();
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    loop {
        let next = match (one.peek(), other.peek()) {
            (None, None) => return Some(merged),
            (None, Some(_)) => other.next(),
            (Some(a), Some(b)) if a.old == b.old && a.new == b.new => {
                other.next();
                one.next()
            }
            (Some(a), Some(b)) if (b.old.start, b.old.end) < (a.old.start, a.old.end) => {
                other.next()
            }
            (Some(_), _) => one.next(),
        }?;
        if merged
            .last()
            .is_some_and(|last| last.old.end > next.old.start)
        {
            return None;
        }
        merged.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<String> {
        let text = |letters: &str| letters.chars().flat_map(|c| [c, '\n']).collect::<String>();
        let (base, ours, theirs) = (text(base), text(ours), text(theirs));
        let merged = merge(
            base.as_bytes(),
            ours.as_bytes(),
            theirs.as_bytes(),
            First::Ours,
        )?;
        Some(String::from_utf8(merged).unwrap().replace('\n', ""))
    }

    #[test]
    fn changes_that_touch_and_lines_at_the_same_place_are_both_taken() {
        for (base, ours, theirs, expected) in [
            ("abc", "abc", "abc", "abc"),
            ("abc", "Abc", "abC", "AbC"),
            ("abc", "Abc", "aBc", "ABc"),
            ("abc", "abcx", "abcy", "abcxy"),
            ("abc", "ABc", "abC", "ABC"),
            ("abc", "ac", "abC", "aC"),
            ("abc", "abc", "", ""),
            ("abc", "xbc", "xbc", "xbc"),
            ("", "x", "y", "xy"),
            ("ab", "axb", "aB", "axB"),
        ] {
            assert_eq!(
                merged(base, ours, theirs).as_deref(),
                Some(expected),
                "{base} {ours} {theirs}"
            );
        }
    }

    #[test]
    fn the_same_line_changed_to_different_ones_is_nobodys() {
        for (base, ours, theirs) in [
            ("abc", "aXc", "aYc"),
            ("abc", "ac", "aXc"),
            ("abc", "", "aXc"),
        ] {
            assert_eq!(merged(base, ours, theirs), None, "{base} {ours} {theirs}");
        }
    }

    #[test]
    fn either_side_can_come_first() {
        let text = merge(b"a\n", b"a\nx\n", b"a\ny\n", First::Theirs).unwrap();
        assert_eq!(text, b"a\ny\nx\n");
    }
}

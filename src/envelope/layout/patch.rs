//! What makes one text of another: ranges that give way, and what takes their place.
//!
//! A patch is made for one text and fits no other. Where that text has changed it is carried over:
//! what touches a change goes, the rest stays.

use std::ops::Range;

use zeroize::Zeroizing;

/// A patch, in the order of the text. Its text is cleartext, and not shown.
#[derive(Default, PartialEq)]
pub(super) struct Patch {
    pub(super) splices: Vec<Splice>,
    /// All new text, one piece behind the other.
    pub(super) new: Zeroizing<Vec<u8>>,
}

/// One range of the old text, and the part of the new text that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) old: Range<usize>,
    /// In [`Patch::new`].
    pub(super) new: Range<usize>,
}

/// How much of a patch goes where the text has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carry {
    /// What overlaps a change.
    Apart,
    /// What stands in a line that a change touches.
    OtherLines,
}

impl Patch {
    pub(super) fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    pub(super) fn push(&mut self, old: Range<usize>, new: &[u8]) {
        let start = self.new.len();
        self.append(new);
        let new = start..self.new.len();
        match self.splices.last_mut() {
            Some(last) if last.old.end == old.start => {
                (last.old.end, last.new.end) = (old.end, new.end);
            }
            _ => self.splices.push(Splice { old, new }),
        }
    }

    /// Grows by hand, so that no outgrown piece of cleartext stays behind in memory.
    fn append(&mut self, new: &[u8]) {
        let needed = self.new.len() + new.len();
        if needed > self.new.capacity() {
            let mut grown = Zeroizing::new(Vec::with_capacity((needed * 2).max(64)));
            grown.extend_from_slice(&self.new);
            self.new = grown;
        }
        self.new.extend_from_slice(new);
    }

    /// What takes a range's place.
    pub(super) fn text(&self, splice: &Splice) -> &[u8] {
        self.new.get(splice.new.clone()).unwrap_or_default()
    }

    /// The new text; `None` if the old one is too short for it.
    pub(super) fn apply(&self, old: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let gone: usize = self.splices.iter().map(|splice| splice.old.len()).sum();
        let length = (old.len() + self.new.len()).checked_sub(gone)?;
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        let mut at = 0;
        for splice in &self.splices {
            text.extend_from_slice(old.get(at..splice.old.start)?);
            text.extend_from_slice(self.text(splice));
            at = splice.old.end;
        }
        text.extend_from_slice(old.get(at..)?);
        Some(text)
    }

    /// The same patch for a text that `change` has made of the one that it was made for.
    pub(super) fn carried(&self, change: &Self, old: &[u8], carry: Carry) -> Self {
        let mut carried = Self::default();
        let mut changes = change.splices.iter().peekable();
        let (mut added, mut removed) = (0, 0);
        let mut last: Option<&Splice> = None;
        let touches = |splice: &Splice, change: &Splice| match carry {
            Carry::Apart => {
                let word = word_around(old, &change.old);
                let is_inside = splice.old.start < word.end && word.start < splice.old.end;
                // Put in at the edge of a word it belongs to it, a digit say.
                let is_of_word = splice.old.is_empty()
                    && (word.start..=word.end).contains(&splice.old.start)
                    && !self
                        .text(splice)
                        .first()
                        .is_some_and(u8::is_ascii_whitespace);
                is_inside || is_of_word
            }
            Carry::OtherLines => {
                let lines =
                    |range: &Range<usize>| line_start(old, range.start)..=line_end(old, range.end);
                let (ours, theirs) = (lines(&splice.old), lines(&change.old));
                ours.start() <= theirs.end() && theirs.start() <= ours.end()
            }
        };
        for splice in &self.splices {
            // Changes that end before it move it.
            while let Some(next) = changes.next_if(|next| {
                next.old.end <= splice.old.start && next.old.start < splice.old.start
            }) {
                added += next.new.len();
                removed += next.old.len();
                last = Some(next);
            }
            let behind = changes.peek().copied();
            let is_touched = [last, behind]
                .into_iter()
                .flatten()
                .any(|change| touches(splice, change));
            if !is_touched {
                let moved = |at: usize| at + added - removed;
                carried.push(
                    moved(splice.old.start)..moved(splice.old.end),
                    self.text(splice),
                );
            }
        }
        carried
    }

    /// What two patches of one text and their common ancestor agree on: ours, with what theirs has
    /// put in and without what theirs has taken out.
    pub(super) fn merged(ours: &Self, base: &Self, theirs: &Self) -> Self {
        let has = |patch: &Self, splice: &Splice, text: &[u8]| {
            let start = |found: &Splice| found.old.start.cmp(&splice.old.start);
            let found = patch.splices.binary_search_by(start);
            let found = found.ok().and_then(|at| patch.splices.get(at));
            found.is_some_and(|found| found.old == splice.old && patch.text(found) == text)
        };
        let kept = ours.splices.iter().filter(|splice| {
            let text = ours.text(splice);
            !has(base, splice, text) || has(theirs, splice, text)
        });
        let mut all: Vec<(&Splice, &[u8])> =
            kept.map(|splice| (splice, ours.text(splice))).collect();
        for splice in &theirs.splices {
            let text = theirs.text(splice);
            let overlaps = |other: &Splice| {
                other.old.start <= splice.old.end && splice.old.start <= other.old.end
            };
            // The first of ours that does not end before it.
            let at = ours
                .splices
                .partition_point(|other| other.old.end < splice.old.start);
            let is_free = !ours.splices.get(at).is_some_and(overlaps);
            if is_free && !has(base, splice, text) {
                all.push((splice, text));
            }
        }
        all.sort_by_key(|(splice, _)| (splice.old.start, splice.old.end));
        let mut merged = Self::default();
        for (splice, text) in all {
            merged.push(splice.old.clone(), text);
        }
        merged
    }
}

/// A range with what stands around it up to the next blanks.
fn word_around(text: &[u8], range: &Range<usize>) -> Range<usize> {
    let is_part = |byte: &&u8| !byte.is_ascii_whitespace();
    let before = text.get(..range.start).unwrap_or_default();
    let behind = text.get(range.end..).unwrap_or_default();
    let start = range.start - before.iter().rev().take_while(is_part).count();
    start..range.end + behind.iter().take_while(is_part).count()
}

fn line_start(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    memchr::memrchr(b'\n', before).map_or(0, |end| end + 1)
}

fn line_end(text: &[u8], at: usize) -> usize {
    let behind = text.get(at..).unwrap_or_default();
    at + memchr::memchr(b'\n', behind).unwrap_or(behind.len())
}

impl std::fmt::Debug for Patch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patch([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::super::differ::difference;
    use super::*;

    fn carried(old: &str, wanted: &str, new: &str, carry: Carry) -> String {
        let patch = difference(old.as_bytes(), wanted.as_bytes());
        let change = difference(old.as_bytes(), new.as_bytes());
        let carried = patch.carried(&change, old.as_bytes(), carry);
        let text = carried.apply(new.as_bytes()).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn a_patch_is_carried_over_changes_beside_it() {
        let old = "a: one two\nb: 493\nc: words that stay\n";
        let wanted = "a: one\n  two\nb: 0755\nc: words that stay\n\n\n";
        let in_a_line = [
            (old, wanted),
            (
                "a: one two\nb: 493\nc: words that were put in\n",
                "a: one\n  two\nb: 0755\nc: words that were put in\n\n\n",
            ),
            (
                "a: one two\nb: 5\nc: words that stay\n",
                "a: one\n  two\nb: 5\nc: words that stay\n\n\n",
            ),
        ];
        for carry in [Carry::Apart, Carry::OtherLines] {
            for (new, expected) in in_a_line {
                let found = carried(old, wanted, new, carry);
                assert_eq!(found, expected, "{new} {carry:?}");
            }
        }
        // A whole line that comes or goes touches the one behind it.
        for (new, apart, other_lines) in [
            (
                "new: z\na: one two\nb: 493\nc: words that stay\n",
                "new: z\na: one\n  two\nb: 0755\nc: words that stay\n\n\n",
                "new: z\na: one two\nb: 0755\nc: words that stay\n\n\n",
            ),
            (
                "b: 493\nc: words that stay\n",
                "b: 0755\nc: words that stay\n\n\n",
                "b: 493\nc: words that stay\n\n\n",
            ),
        ] {
            assert_eq!(carried(old, wanted, new, Carry::Apart), apart);
            assert_eq!(carried(old, wanted, new, Carry::OtherLines), other_lines);
        }
    }

    #[test]
    fn what_a_change_overlaps_goes_and_a_whole_line_of_it_if_that_is_wanted() {
        let (old, wanted, new) = ("a: one two 3\n", "a: one\n  two 3\n", "a: one two four\n");
        assert_eq!(
            carried(old, wanted, new, Carry::Apart),
            "a: one\n  two four\n"
        );
        assert_eq!(carried(old, wanted, new, Carry::OtherLines), new);
        assert_eq!(carried(old, wanted, "a: five\n", Carry::Apart), "a: five\n");
    }

    #[test]
    fn patches_of_two_sides_are_merged_by_their_ancestor() {
        let text = b"a b c d e f";
        let patch = |wanted: &str| difference(text, wanted.as_bytes());
        let merged = |ours: &str, base: &str, theirs: &str| {
            let merged = Patch::merged(&patch(ours), &patch(base), &patch(theirs));
            String::from_utf8(merged.apply(text).unwrap().to_vec()).unwrap()
        };
        let plain = "a b c d e f";
        assert_eq!(
            merged("a\nb c d e f", plain, "a b c d\ne f"),
            "a\nb c d\ne f"
        );
        assert_eq!(merged("a\nb c d e f", "a\nb c d e f", plain), plain);
        assert_eq!(merged(plain, "a\nb c d e f", "a\nb c d e f"), plain);
        assert_eq!(
            merged("a\nb c d e f", plain, "a\tb c d e f"),
            "a\nb c d e f"
        );
        assert_eq!(
            merged("a\nb c d e f", plain, "a\nb c d e f"),
            "a\nb c d e f"
        );
    }

    #[test]
    fn a_patch_for_a_longer_text_is_none() {
        let patch = difference(b"abcdef", b"abcdeg");
        assert!(patch.apply(b"abc").is_none());
    }
}

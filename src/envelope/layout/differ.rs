//! The difference between a text and what it is rebuilt as, found in one go.
//!
//! Both hold the same values in the same order, so the difference is many small places: a fold, quotes, a
//! spelling. Each is looked for near by, then by whole lines. The surprise: the smallest difference
//! is not promised, only one that is right and found in time that grows with the texts.

use std::collections::HashMap;
use std::ops::Range;

use super::patch::Patch;

/// Bytes of both texts together that are tried before whole lines are.
const NEAR: usize = 128;
/// Bytes that have to agree behind a difference.
const AGREE: usize = 6;
/// Lines that are looked through for one that both have; if there is none, ever more.
const LINES: usize = 64;
/// Bytes of a line that tells where it is.
const TELLING: usize = 4;

/// What makes `new` of `old`.
pub(super) fn difference(old: &[u8], new: &[u8]) -> Patch {
    let mut patch = Patch::default();
    let (mut at, mut to) = (0, 0);
    loop {
        let (rest, wanted) = (tail(old, at), tail(new, to));
        let same = common(rest, wanted);
        (at, to) = (at + same, to + same);
        let (rest, wanted) = (tail(old, at), tail(new, to));
        if rest.is_empty() && wanted.is_empty() {
            return patch;
        }
        let (gone, put) = near(rest, wanted).unwrap_or_else(|| by_lines(rest, wanted));
        let text = wanted.get(..put).unwrap_or_default();
        patch.push(at..at + gone, text);
        (at, to) = (at + gone, to + put);
    }
}

fn tail(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

/// How many bytes two texts begin with alike.
fn common(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let steps = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
    let whole = STEP * steps.take_while(|(a, b)| a == b).count();
    let rest = tail(a, whole).iter().zip(tail(b, whole));
    whole + rest.take_while(|(a, b)| a == b).count()
}

/// How much goes and how much comes until both texts agree again, if that is near.
fn near(old: &[u8], new: &[u8]) -> Option<(usize, usize)> {
    // Quotes that only one of them has, around each item of a flow collection say.
    if let [b'"' | b'\'', rest @ ..] = old
        && rest.first() == new.first()
    {
        return Some((1, 0));
    }
    if let [b'"' | b'\'', rest @ ..] = new
        && rest.first() == old.first()
    {
        return Some((0, 1));
    }
    (1..=NEAR).find_map(|sum| {
        let gone = 0..=sum.min(old.len());
        let mut pairs = gone.map(|gone| (gone, sum - gone));
        pairs.find(|(gone, put)| *put <= new.len() && agree(tail(old, *gone), tail(new, *put), sum))
    })
}

/// The more is left out, the more has to agree behind it; the end agrees with the end only.
fn agree(old: &[u8], new: &[u8], sum: usize) -> bool {
    let wanted = AGREE + sum / 4;
    match (old.get(..wanted), new.get(..wanted)) {
        (Some(old), Some(new)) => old == new,
        _ => old == new,
    }
}

/// The same by the next line that both have.
fn by_lines(old: &[u8], new: &[u8]) -> (usize, usize) {
    let mut most = LINES;
    loop {
        let (ours, wanted) = (lines(old, most), lines(new, most));
        let mut places: HashMap<&[u8], usize> = HashMap::with_capacity(wanted.len());
        for (number, line) in wanted.iter().enumerate() {
            let text = new.get(line.clone()).unwrap_or_default();
            places.entry(text).or_insert(number);
        }
        let found = ours.iter().enumerate().filter_map(|(number, line)| {
            let text = old.get(line.clone())?;
            let is_telling = text.trim_ascii().len() >= TELLING;
            let other = *places.get(text).filter(|_| is_telling)?;
            Some((number + other, line.start, wanted.get(other)?.start))
        });
        if let Some((_, gone, put)) = found.min() {
            let back = common_end(
                old.get(..gone).unwrap_or_default(),
                new.get(..put).unwrap_or_default(),
            );
            return (gone - back, put - back);
        }
        if ours.len() < most && wanted.len() < most {
            let back = common_end(old, new);
            return (old.len() - back, new.len() - back);
        }
        most = most.saturating_mul(8);
    }
}

/// How many bytes two texts end with alike.
fn common_end(a: &[u8], b: &[u8]) -> usize {
    let pairs = a.iter().rev().zip(b.iter().rev());
    pairs.take_while(|(a, b)| a == b).count()
}

/// The lines behind the one that a text begins in, with their ends.
fn lines(text: &[u8], most: usize) -> Vec<Range<usize>> {
    let mut starts = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
    let Some(mut start) = starts.next() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for end in starts.chain([text.len()]).take(most) {
        found.push(start..end);
        start = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn size(old: &str, new: &str) -> usize {
        let patch = difference(old.as_bytes(), new.as_bytes());
        assert_eq!(
            patch.apply(old.as_bytes()).unwrap().as_slice(),
            new.as_bytes(),
            "{old:?} {new:?}"
        );
        patch.new.len()
    }

    #[test]
    fn what_is_put_in_is_little_more_than_what_differs() {
        for (old, new, most) in [
            ("", "", 0),
            ("a", "", 0),
            ("", "ab", 2),
            ("same\n", "same\n", 0),
            ("a: one two\n", "a: one\n  two\n", 3),
            ("l: [\"b\", \"c\", \"d\"]\n", "l: [b, c, d]\n", 6),
            ("a: 493\nb: c\n", "a: 0755\nb: c\n", 4),
            ("a: true\n", "a: True\n", 1),
            ("a: |\n  x\n", "a: |\n  x\n\n\n", 2),
        ] {
            assert!(size(old, new) <= most, "{old:?} {new:?}");
        }
        let comment = "# a comment of which there is nothing in the other text\n".repeat(100);
        let (head, tail) = ("a: 1\nb: 2\n".repeat(50), "c: other\n".repeat(50));
        let put = size(&format!("{head}{tail}"), &format!("{head}{comment}{tail}"));
        assert!(put <= comment.len() + 10, "{put}");
    }

    #[test]
    fn texts_without_anything_in_common_take_no_time() {
        let (mut old, mut new) = (String::new(), String::new());
        for n in 0..100_000 {
            writeln!(old, "a{n}: {n}").unwrap();
            writeln!(new, "b{n}; {n}x").unwrap();
        }
        let start = std::time::Instant::now();
        size(&old, &new);
        assert!(start.elapsed().as_secs() < 20);
    }

    proptest! {
        #[test]
        fn any_text_is_made_of_any_other(old in "[ab\n \"]{0,60}", new in "[ab\n \"]{0,60}") {
            size(&old, &new);
        }
    }
}

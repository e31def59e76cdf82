//! A patch as bytes, of a length that says little about it.
//!
//! A version, then for each splice how far it is from the one before it, how much goes and what comes;
//! zeros fill it up to one of few lengths. What is read comes from whoever made the file: lengths are
//! bounded by what is there.

use zeroize::Zeroizing;

use super::patch::Patch;

const VERSION: u8 = 1;
/// The least length.
const LEAST: usize = 64;
/// A line end with blanks behind it is written as their number, up to this one.
const MOST_BLANKS: usize = 80;

/// The bytes of a patch.
pub(super) fn encode(patch: &Patch) -> Zeroizing<Vec<u8>> {
    // Three numbers for each splice, of ten bytes at most: it never grows, so that nothing stays behind.
    let room = 16 + patch.splices.len() * 30 + patch.new.len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(padded(room)));
    bytes.push(VERSION);
    number(patch.splices.len(), &mut bytes);
    let mut at = 0;
    for splice in &patch.splices {
        number(splice.old.start - at, &mut bytes);
        number(splice.old.len(), &mut bytes);
        at = splice.old.end;
        let text = patch.text(splice);
        if let Some(blanks) = fold(text) {
            number(blanks * 2 + 1, &mut bytes);
        } else {
            number(text.len() * 2, &mut bytes);
            bytes.extend_from_slice(text);
        }
    }
    let length = padded(bytes.len());
    bytes.resize(length, 0);
    bytes
}

/// The patch that bytes hold; `None` if they hold none.
pub(super) fn decode(bytes: &[u8]) -> Option<Patch> {
    let mut bytes = Bytes(bytes);
    if bytes.next()? != VERSION {
        return None;
    }
    let count = bytes.number()?;
    let mut patch = Patch::default();
    let mut at = 0_usize;
    for _ in 0..count {
        let start = at.checked_add(bytes.number()?)?;
        let end = start.checked_add(bytes.number()?)?;
        let put = bytes.number()?;
        if put % 2 == 1 {
            let blanks = Some(put / 2).filter(|blanks| *blanks <= MOST_BLANKS)?;
            let mut line = vec![b' '; blanks + 1];
            if let Some(first) = line.first_mut() {
                *first = b'\n';
            }
            patch.push(start..end, &line);
        } else {
            patch.push(start..end, bytes.take(put / 2)?);
        }
        at = end;
    }
    bytes.0.iter().all(|byte| *byte == 0).then_some(patch)
}

/// The number of blanks, if a text is a line end and blanks.
fn fold(text: &[u8]) -> Option<usize> {
    let blanks = text.strip_prefix(b"\n")?;
    let is_fold = blanks.len() <= MOST_BLANKS && blanks.iter().all(|byte| *byte == b' ');
    is_fold.then_some(blanks.len())
}

/// The next of the lengths 64, 96, 128, 192, 256, …
fn padded(length: usize) -> usize {
    let mut step = LEAST;
    loop {
        for class in [step, step.saturating_add(step / 2)] {
            if length <= class {
                return class;
            }
        }
        step = step.saturating_mul(2);
    }
}

/// Seven bits a byte, the lowest first; the last byte has no eighth bit.
fn number(mut number: usize, bytes: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7F).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        // Nine bytes hold more than any text has.
        for shift in (0..63).step_by(7) {
            let byte = self.next()?;
            number |= usize::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::differ::difference;
    use super::*;

    #[test]
    fn a_patch_comes_back_whatever_it_holds() {
        let long = "x".repeat(5000);
        let folded = format!("a: b\n{}c\n", " ".repeat(80));
        let deep = format!("a: b\n{}c\n", " ".repeat(81));
        for (old, new) in [
            ("a: b c\n", "a: b\n  c\n"),
            ("a: b c\n", folded.as_str()),
            ("a: b c\n", deep.as_str()),
            ("", long.as_str()),
            (long.as_str(), ""),
            ("a", "a"),
        ] {
            let patch = difference(old.as_bytes(), new.as_bytes());
            let bytes = encode(&patch);
            assert_eq!(decode(&bytes), Some(patch), "{old} {new}");
            assert!(bytes.len() >= 64 && bytes.len().is_multiple_of(32));
        }
    }

    #[test]
    fn lengths_fall_into_few_classes() {
        let lengths: std::collections::BTreeSet<usize> = (1..10_000).map(padded).collect();
        assert_eq!(lengths.len(), 16);
        assert_eq!(lengths.first(), Some(&64));
    }

    #[test]
    fn bytes_that_hold_no_patch_are_none_and_take_no_memory() {
        let huge = [0xFF_u8; 9];
        let with = |rest: &[u8]| [&[VERSION, 1, 0, 0], rest].concat();
        for bytes in [
            &[][..],
            &[2, 0],
            &[VERSION],
            &[VERSION, 1],
            &[VERSION, 0, 1],
            &with(&[0x83, 0x04]),
            &with(&[8, 1]),
            &with(&huge),
            &[
                VERSION, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 9, 0,
            ],
            &[&[VERSION], &huge[..], &[0x7F]].concat(),
        ] {
            let patch = decode(bytes);
            let fits = patch.is_some_and(|patch| patch.apply(b"abc").is_some());
            assert!(!fits, "{bytes:?}");
        }
    }
}

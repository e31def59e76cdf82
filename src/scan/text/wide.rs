//! Text of two or four bytes a character, as editors and shells of Windows write it, in UTF-8.
//!
//! With a mark at the beginning the whole content is UTF-16. Without one it is not plain to see
//! where such text begins and ends, in which order its bytes are, and whether all of a file is of
//! one kind: so every run of plain letters with NULs between them is read as what a person sees.

use zeroize::Zeroizing;

/// Fewer letters are none: programs hold such bytes for other reasons.
const LEAST: usize = 4;

/// What wide text says in UTF-8; `None` if there is none.
pub(in crate::scan) fn decoded(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => narrowed(bytes),
        [0xff, 0xfe, rest @ ..] => Some(of_utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Some(of_utf16(rest, u16::from_be_bytes)),
        _ => narrowed(bytes),
    }
}

fn of_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Zeroizing<Vec<u8>> {
    let units = bytes
        .chunks_exact(2)
        .filter_map(|pair| Some(unit(pair.try_into().ok()?)));
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for unit in char::decode_utf16(units) {
        let unit = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(unit.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text
}

/// The content without the NULs that stand between the letters of wide text. In which order its
/// bytes are makes no difference: with the NUL before each letter, the first one is left alone.
fn narrowed(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    memchr::memchr(0, bytes)?;
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut at = 0;
    let mut is_changed = false;
    while let Some(byte) = bytes.get(at) {
        let run = [4, 2]
            .into_iter()
            .map(|width| (letters(bytes.get(at..).unwrap_or_default(), width), width))
            .find(|(count, _)| *count >= LEAST);
        if let Some((count, width)) = run {
            let wide = bytes.get(at..at + count * width).unwrap_or_default();
            text.extend(wide.iter().step_by(width));
            at += count * width;
            is_changed = true;
        } else {
            text.push(*byte);
            at += 1;
        }
    }
    is_changed.then_some(text)
}

/// How many letters of this width a text begins with.
fn letters(bytes: &[u8], width: usize) -> usize {
    let is_letter = |letter: &[u8]| {
        letter.split_first().is_some_and(|(first, rest)| {
            matches!(first, b'\t' | b'\n' | b'\r' | b' '..=b'~')
                && rest.iter().all(|rest| *rest == 0)
        })
    };
    bytes
        .chunks_exact(width)
        .take_while(|letter| is_letter(letter))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pass: \"x\"\r\n";

    fn wide(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    fn read(bytes: &[u8]) -> String {
        let decoded = decoded(bytes).map_or_else(|| bytes.to_vec(), |text| text.to_vec());
        String::from_utf8_lossy(&decoded).into_owned()
    }

    #[test]
    fn a_mark_says_that_all_is_utf_16() {
        let little = [b"\xff\xfe".as_slice(), &wide("é: x\n", u16::to_le_bytes)].concat();
        let big = [b"\xfe\xff".as_slice(), &wide("é: x\n", u16::to_be_bytes)].concat();
        assert_eq!(read(&little), "é: x\n");
        assert_eq!(read(&big), "é: x\n");
    }

    #[test]
    fn without_a_mark_letters_are_read_wherever_they_begin() {
        let little = wide(TEXT, u16::to_le_bytes);
        let big = wide(TEXT, u16::to_be_bytes);
        let words: Vec<u8> = TEXT
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect();
        assert_eq!(read(&little), TEXT);
        assert!(read(&big).ends_with(TEXT), "{:?}", read(&big));
        assert_eq!(read(&words), TEXT);
        assert!(read(&[b"\xff\xfe\0\0".as_slice(), &words].concat()).ends_with(TEXT));
        for before in ["a: b\n", "odd", "\u{439}"] {
            let mixed = [before.as_bytes(), &little, b"c: d\n"].concat();
            assert_eq!(read(&mixed), format!("{before}{TEXT}c: d\n"));
        }
        let foreign = wide("\u{439}\u{43c}: pass: x\n", u16::to_le_bytes);
        assert!(read(&foreign).ends_with(": pass: x\n"));
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        assert!(decoded(b"a: b\n").is_none());
        assert!(decoded(b"a\0b\0c\0\x01\x02").is_none());
        assert!(decoded(b"\0\0\0\0").is_none());
    }
}

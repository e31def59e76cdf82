//! H052: the words of a wallet (BIP-39), told from prose by their checksum.

use std::ops::Range;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::super::text::Text;
use super::super::{Finding, Rule, Severity, Subject};
use super::value;

/// H052.
#[derive(Debug)]
pub(super) struct Words;

const COUNTS: &[usize] = &[24, 21, 18, 15, 12];

/// The list: 2048 words in the order of the alphabet.
const LIST: &str = include_str!("../text/bip39.txt");

/// Phrases that everybody knows: of development chains and of the standard's own tests.
const PUBLIC: &[&str] = &[
    "candy maple cake sugar pudding cream honey rich smooth crumble sweet treat",
    "myth like bonus scare over problem client lizard pioneer submit female collect",
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
    "all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform",
];

impl Rule for Words {
    fn id(&self) -> &'static str {
        "H052"
    }

    fn summary(&self) -> &'static str {
        "The words of a wallet (BIP-39), with a checksum that is right; with a wrong one, a warning."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        for words in runs(text) {
            let numbers: Vec<u16> = words.iter().map(|word| word.number).collect();
            let phrase: Vec<String> = words
                .iter()
                .map(|word| {
                    String::from_utf8_lossy(text.slice(word.span.clone())).to_ascii_lowercase()
                })
                .collect();
            if is_public(&phrase) {
                continue;
            }
            let valid = COUNTS.iter().find_map(|count| {
                (0..=numbers.len().checked_sub(*count)?)
                    .find(|from| numbers.get(*from..from + count).is_some_and(is_valid))
                    .map(|from| (from, *count))
            });
            let hint = "move the funds of every account of this wallet to a new one; keep words on paper or in a sealed file";
            if let Some((from, count)) = valid {
                if let (Some(first), Some(last)) = (words.get(from), words.get(from + count - 1)) {
                    let message =
                        format!("these {count} words open a wallet: their checksum is right");
                    found.push(value(
                        self,
                        subject,
                        first.span.start..last.span.end,
                        message,
                        hint,
                    ));
                }
            } else if let (Some(first), Some(last)) = (words.first(), words.last())
                && COUNTS.contains(&words.len())
                && is_announced(text, first.span.start)
            {
                let message = format!("{} words of wallets, whose checksum is wrong", words.len());
                let mut told = value(
                    self,
                    subject,
                    first.span.start..last.span.end,
                    message,
                    hint,
                );
                told.severity = Severity::Warning;
                found.push(told);
            }
        }
    }
}

struct Word {
    span: Range<usize>,
    number: u16,
}

fn list() -> &'static [&'static str] {
    static WORDS: OnceLock<Vec<&str>> = OnceLock::new();
    WORDS.get_or_init(|| LIST.lines().collect())
}

/// Whether a word of the list begins with the same three letters: most others are told by that.
fn may_be_listed(word: &[u8]) -> bool {
    static BEGINNINGS: OnceLock<Vec<u64>> = OnceLock::new();
    let place = |word: &[u8]| {
        let mut letters = word.iter().take(3);
        letters.try_fold(0, |place, letter| {
            let number = usize::from(letter.checked_sub(b'a')?);
            (number < 26).then_some(place * 26 + number)
        })
    };
    let beginnings = BEGINNINGS.get_or_init(|| {
        let mut bits = vec![0_u64; (26 * 26 * 26_usize).div_ceil(64)];
        for place in list().iter().filter_map(|word| place(word.as_bytes())) {
            if let Some(bits) = bits.get_mut(place / 64) {
                *bits |= 1 << (place % 64);
            }
        }
        bits
    });
    place(word).is_some_and(|place| {
        beginnings
            .get(place / 64)
            .is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    })
}

/// Runs of 12 and more words of the list. Between two of them there are blanks, quotes, commas, line
/// ends and counts, but no other word. A much longer run is a list of words.
fn runs(text: &Text<'_>) -> Vec<Vec<Word>> {
    let bytes = text.bytes();
    let mut found = Vec::new();
    let mut run: Vec<Word> = Vec::new();
    let mut at = 0;
    let mut close = |run: &mut Vec<Word>| {
        if (12..=32).contains(&run.len()) {
            found.push(std::mem::take(run));
        } else {
            run.clear();
        }
    };
    while at < bytes.len() {
        // Twelve words have at least 47 characters: where another one is in reach, no run begins before it.
        if run.is_empty()
            && let Some(other) = last_other(bytes, at)
        {
            at = other + 1;
            continue;
        }
        let length = bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .take(12)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if length == 0 {
            let is_part = bytes.get(at).is_some_and(|byte| is_between(*byte));
            let is_far = run.last().is_some_and(|word| at - word.span.end > 12);
            if !is_part || is_far {
                close(&mut run);
            }
            at += 1;
            continue;
        }
        let word = bytes
            .get(at..at + length)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let number = ((3..=8).contains(&length) && may_be_listed(&word)).then(|| {
            let word = std::str::from_utf8(&word).ok()?;
            list().binary_search(&word).ok()
        });
        match number
            .flatten()
            .and_then(|number| u16::try_from(number).ok())
        {
            Some(number) => run.push(Word {
                span: at..at + length,
                number,
            }),
            None => close(&mut run),
        }
        at += length;
        if length == 12 {
            while bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
                at += 1;
            }
        }
    }
    close(&mut run);
    found
}

/// The last byte within reach that stands in no run of words.
fn last_other(bytes: &[u8], at: usize) -> Option<usize> {
    let end = (at + 32).min(bytes.len());
    let ahead = bytes.get(at..end).unwrap_or_default();
    let is_part = |byte: u8| byte.is_ascii_alphabetic() || is_between(byte);
    ahead
        .iter()
        .rposition(|byte| !is_part(*byte))
        .map(|offset| at + offset)
}

fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_digit() || b"\"',.)-[]\\|*".contains(&byte)
}

fn is_public(phrase: &[String]) -> bool {
    let mut distinct: Vec<&String> = phrase.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let joined = phrase.join(" ");
    distinct.len() <= 3 || PUBLIC.iter().any(|public| joined.contains(public))
}

/// Whether the last bits are those of the digest of the others.
fn is_valid(numbers: &[u16]) -> bool {
    let bits: Vec<bool> = numbers
        .iter()
        .flat_map(|number| (0..11).rev().map(move |bit| number >> bit & 1 == 1))
        .collect();
    let checksum = numbers.len() / 3;
    let entropy = bits.len() - checksum;
    let bytes: Vec<u8> = bits
        .get(..entropy)
        .unwrap_or_default()
        .chunks(8)
        .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit)))
        .collect();
    let digest = Sha256::digest(&bytes);
    let first = digest.first().copied().unwrap_or_default();
    bits.get(entropy..)
        .unwrap_or_default()
        .iter()
        .enumerate()
        .all(|(at, bit)| (first >> (7 - at) & 1 == 1) == *bit)
}

fn is_announced(text: &Text<'_>, at: usize) -> bool {
    let number = text.line_at(at);
    let line = text.line(number);
    let before = text
        .slice(line.start.max(at.saturating_sub(80))..at)
        .to_ascii_lowercase();
    [
        "mnemonic",
        "seed phrase",
        "seed_phrase",
        "seedphrase",
        "recovery",
    ]
    .iter()
    .any(|word| memchr::memmem::find(&before, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        let text = Text::new("a.md", text.as_bytes());
        runs(&text)
            .iter()
            .filter(|words| {
                let numbers: Vec<u16> = words.iter().map(|word| word.number).collect();
                COUNTS
                    .iter()
                    .any(|count| numbers.windows(*count).any(is_valid))
            })
            .count()
    }

    // A phrase of this test, of zeroes and counts; its last word was computed.
    const PHRASE: &str =
        "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn words_are_found_however_they_are_listed() {
        assert_eq!(count(PHRASE), 1);
        assert_eq!(count(&format!("the mnemonic is: {PHRASE}.")), 1);
        assert_eq!(count(&PHRASE.to_uppercase()), 1);
        let words: Vec<&str> = PHRASE.split(' ').collect();
        assert_eq!(count(&format!("[\"{}\"]", words.join("\", \""))), 1);
        let listed: Vec<String> = words
            .iter()
            .enumerate()
            .map(|(at, word)| format!("{}. {word}\n", at + 1))
            .collect();
        assert_eq!(count(&listed.concat()), 1);
        for shift in 0..60 {
            assert_eq!(
                count(&format!("{}\n{PHRASE}\n", "#".repeat(shift))),
                1,
                "{shift}"
            );
        }
    }

    #[test]
    fn prose_and_the_list_itself_are_no_wallets() {
        assert_eq!(
            count(
                "the quick brown fox jumps over the lazy dog and runs away from all the other people there"
            ),
            0
        );
        assert_eq!(count(LIST), 0);
        assert!(is_public(
            &PHRASE.split(' ').map(str::to_owned).collect::<Vec<_>>()
        ));
    }
}

//! H053: the key pair of a Solana account: 64 numbers, of which the second half is the public key of
//! the first.

use std::ops::Range;

use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::super::text::Text;
use super::super::{Finding, Rule, Severity, Subject};
use super::{has_ending, value};

/// H053.
#[derive(Debug)]
pub(super) struct KeyPair;

impl Rule for KeyPair {
    fn id(&self) -> &'static str {
        "H053"
    }

    fn summary(&self) -> &'static str {
        "A key pair as a list of 64 bytes, as Solana keeps it; if the halves do not fit, a warning."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let hint = "move the funds of this account to a new key; keep that one in a sealed file";
        for (span, bytes) in lists(subject.text) {
            if fits(&bytes) {
                let message = "these 64 numbers are the key pair of an account".to_owned();
                found.push(value(self, subject, span, message, hint));
            } else if is_named(subject.path) {
                let message =
                    "64 numbers in the place of a key pair, whose halves do not fit".to_owned();
                let mut told = value(self, subject, span, message, hint);
                told.severity = Severity::Warning;
                found.push(told);
            }
        }
    }
}

fn is_named(path: &str) -> bool {
    let name = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    has_ending(&name, "json")
        && ["solana", "keypair", "id.json", "wallet"]
            .iter()
            .any(|part| name.contains(part))
}

/// Lists of exactly 64 numbers below 256. Such a list has 127 characters at least, so that a look at
/// every hundredth byte misses none.
fn lists(text: &Text<'_>) -> Vec<(Range<usize>, Zeroizing<[u8; 64]>)> {
    let bytes = text.bytes();
    let is_part = |at: usize| {
        bytes.get(at).is_some_and(|byte| {
            byte.is_ascii_digit() || byte.is_ascii_whitespace() || *byte == b','
        })
    };
    let mut found = Vec::new();
    let mut at = 100;
    while at < bytes.len() {
        if !is_part(at) {
            at += 100;
            continue;
        }
        let mut start = at;
        while start > 0 && is_part(start - 1) && at - start < 4096 {
            start -= 1;
        }
        let mut end = at;
        while is_part(end) && end - at < 4096 {
            end += 1;
        }
        if let Some(list) = numbers(text.slice(start..end)) {
            found.push((start..end, list));
        }
        at = end.max(at) + 100;
    }
    found
}

fn numbers(text: &[u8]) -> Option<Zeroizing<[u8; 64]>> {
    let mut list = Zeroizing::new([0; 64]);
    let mut count = 0;
    let text = text.trim_ascii();
    for part in text
        .strip_suffix(b",")
        .unwrap_or(text)
        .split(|byte| *byte == b',')
    {
        let number: u8 = std::str::from_utf8(part.trim_ascii()).ok()?.parse().ok()?;
        *list.get_mut(count)? = number;
        count += 1;
    }
    (count == 64).then_some(list)
}

/// Whether the last 32 bytes are the Ed25519 public key of the first 32.
fn fits(pair: &[u8; 64]) -> bool {
    let (seed, public) = pair.split_at(32);
    let mut digest = Sha512::digest(seed);
    let mut scalar = Zeroizing::new([0u8; 32]);
    for (to, from) in scalar.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    digest.as_mut_slice().zeroize();
    let clamped = curve25519_dalek::scalar::clamp_integer(*scalar);
    let point = EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(clamped));
    point.compress().as_bytes() == public
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test of RFC 8032.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn list(hex: &str) -> String {
        let numbers: Vec<String> = (0..64)
            .map(|at| {
                u8::from_str_radix(&hex[2 * at..2 * at + 2], 16)
                    .unwrap()
                    .to_string()
            })
            .collect();
        numbers.join(",")
    }

    #[test]
    fn halves_that_fit_are_a_key_pair() {
        let pair = list(&format!("{SEED}{PUBLIC}"));
        for text in [
            format!("[{pair}]"),
            format!("[\n  {}\n]\n", pair.replace(',', ",\n  ")),
            format!("const KEY = [{pair}];"),
        ] {
            let text = Text::new("id.json", text.as_bytes());
            let found = lists(&text);
            assert_eq!(found.len(), 1);
            assert!(fits(&found[0].1));
        }
        let other = list(&format!("{PUBLIC}{SEED}"));
        assert!(!fits(&numbers(other.as_bytes()).unwrap()));
        assert!(numbers(b"1,2,3").is_none());
        assert!(numbers(&b"256,".repeat(64)).is_none());
    }
}

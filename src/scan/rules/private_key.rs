//! H050: the private key of a wallet, where the text around it says that it is one.
//!
//! 32 bytes in hexadecimal digits are a hash far more often than a key: without a word for it
//! nearby, nothing is said.

use std::ops::Range;

use super::super::text::naming::{self, Kind};
use super::super::text::{Text, harmless};
use super::super::{Finding, Rule, Subject};
use super::claim::{self, Claim};
use super::value;

/// H050.
#[derive(Debug)]
pub(super) struct PrivateKey;

const HINT: &str = "move the funds and roles of this account to a new key; keep that one in a keystore or a sealed file";

/// The order of secp256k1, less one: the greatest private key.
const GREATEST: &[u8; 64] = b"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";

/// Keys that development chains hand out to everybody.
const PUBLIC: &str = include_str!("../text/public_keys.txt");

/// Calls and settings that take a private key, in lower case.
const TAKERS: &[&str] = &[
    "wallet(",
    "privatekeytoaccount",
    "signingkey(",
    "signer",
    "from_key(",
    "fromprivatekey",
    "importkey",
    "import_raw_key",
    "importrawkey",
    "hextoecdsa",
    "accounts",
    "deployer",
    "private_key",
    "privatekey",
    "private-key",
    "private key",
    "privkey",
    "priv_key",
    "secretkey",
    "secret_key",
    "secret key",
    "--interactive",
    "wallet import",
    "localwallet",
    "keypair",
    "account.from",
    "add_account",
    "privatekeysigner",
];

/// What else 32 bytes may be, in lower case.
const OTHERS: &[&str] = &[
    "hash",
    "txid",
    "digest",
    "topic",
    "root",
    "salt",
    "commit",
    "block",
    "sha256",
    "sha3",
    "keccak",
    "checksum",
    "publickey",
    "public_key",
    "public key",
    "pubkey",
    "peer",
    "signature",
    "jobid",
    "job_id",
    "externaljobid",
    "bytes32",
    "storage",
    "slot",
    "nonce",
    "merkle",
    "etag",
    "image",
    "integrity",
    "proof",
];

impl Rule for PrivateKey {
    fn id(&self) -> &'static str {
        "H050"
    }

    fn summary(&self) -> &'static str {
        "The private key of a wallet."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        let mut told: Vec<Range<usize>> = Vec::new();
        for span in runs(text.bytes()) {
            let key = text.slice(span.clone());
            if is_key(key) && is_in_context(text, &span) {
                let message = "this is the private key of an account".to_owned();
                found.push(value(self, subject, span.clone(), message, HINT));
                told.push(span);
            }
        }
        for (span, name) in claim::of(subject, Claim::PrivateKey) {
            let key = text.slice(span.clone());
            let digits = key.strip_prefix(b"0x").unwrap_or(key);
            // What the digits say has been judged already, be it that they are a public test key.
            let is_judged = digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit);
            if !is_judged
                && !told
                    .iter()
                    .any(|other| other.start < span.end && span.start < other.end)
            {
                let message = format!("{name} is the private key of an account or a signer");
                found.push(value(self, subject, span, message, HINT));
            }
        }
    }
}

/// Runs of exactly 64 hexadecimal digits. Every such run covers a multiple of 64, so that only these
/// places are looked at first.
fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut found = Vec::new();
    let mut at = 63;
    while at < bytes.len() {
        if !is_digit(at) {
            at += 64;
            continue;
        }
        let mut start = at;
        while start > 0 && is_digit(start - 1) && at - start < 64 {
            start -= 1;
        }
        let mut end = at + 1;
        while is_digit(end) {
            end += 1;
        }
        let before = start.checked_sub(1).and_then(|before| bytes.get(before));
        let is_bounded = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() || *byte == b'x')
            && bytes
                .get(end)
                .is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if end - start == 64 && is_bounded {
            found.push(start..end);
        }
        // The next multiple behind the run.
        at = (end / 64) * 64 + 63;
        if at < end {
            at += 64;
        }
    }
    found
}

fn is_key(digits: &[u8]) -> bool {
    let digits = digits.to_ascii_lowercase();
    digits.as_slice() <= GREATEST.as_slice()
        && !harmless::is_monotonous(&digits)
        && !PUBLIC.lines().any(|public| public.as_bytes() == digits)
}

/// Whether the line, or the list that the line is in, speaks of private keys.
fn is_in_context(text: &Text<'_>, span: &Range<usize>) -> bool {
    let number = text.line_at(span.start);
    let line = text.line(number);
    let before = text
        .slice(line.start.max(span.start.saturating_sub(160))..span.start)
        .to_ascii_lowercase();
    let names = |line: &[u8], list: &[&str]| {
        list.iter()
            .any(|word| harmless::contains(line, word.as_bytes()))
    };
    if names(&before, TAKERS) || says_so(&before) {
        return !names(&before, OTHERS) || harmless::contains(&before, b"private");
    }
    let rest = before.trim_ascii();
    // `- "0x…"`, `"0x…",`: what the list is called stands above.
    let is_item = rest.iter().all(|byte| b"-\"'`[(,0x ".contains(byte));
    if !is_item {
        return false;
    }
    let depth = text.depth(number);
    for above in (number.saturating_sub(24)..number).rev() {
        let range = text.line(above);
        let line = text.slice(range.start..range.end.min(range.start + 400));
        let lower = line.to_ascii_lowercase();
        let is_other_item = lower
            .trim_ascii_start()
            .iter()
            .take(4)
            .any(|byte| b"\"'-".contains(byte))
            && text.depth(above) >= depth;
        if lower.trim_ascii().is_empty() || is_other_item && !names(&lower, TAKERS) {
            continue;
        }
        return (names(&lower, TAKERS) || says_so(&lower)) && !names(&lower, OTHERS);
    }
    false
}

/// Whether the last name before it is that of a private key: `deployerKey`, `ETH_KEY`.
fn says_so(before: &[u8]) -> bool {
    let trimmed = before.trim_ascii_end();
    let end = trimmed
        .iter()
        .rposition(u8::is_ascii_alphanumeric)
        .map_or(0, |at| at + 1);
    let head = trimmed.get(..end).unwrap_or_default();
    let head = head.strip_suffix(b"0x").unwrap_or(head).trim_ascii_end();
    head.rsplit(|byte| byte.is_ascii_whitespace() || b"\"'`{}()[],;:=".contains(byte))
        .filter(|word| !word.is_empty())
        .take(2)
        .any(|word| matches!(naming::kind(word), Some(Kind::PrivateKey | Kind::Mnemonic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "7d1c3e9f5a2b8d4f6a0c1e9d7b3a5f8c2e4d6b1a9f3c7e5d8b2a4f6c0e1d9b37";

    fn count(text: &str) -> usize {
        let text = Text::new("a.ts", text.as_bytes());
        runs(text.bytes())
            .into_iter()
            .filter(|span| is_key(text.slice(span.clone())) && is_in_context(&text, span))
            .count()
    }

    #[test]
    fn a_key_is_one_where_the_text_says_so() {
        for text in [
            "PRIVATE_KEY=0x{K}",
            "cast send --private-key {K} 0xabc",
            "accounts: [\"0x{K}\"],",
            "accounts: [\n    \"0x{K}\",\n  ]",
            "new ethers.Wallet('0x{K}')",
            "deployer_key: {K}",
            "\"privateKey\": \"{K}\"",
        ] {
            assert_eq!(count(&text.replace("{K}", KEY)), 1, "{text}");
        }
    }

    #[test]
    fn hashes_public_keys_and_test_keys_are_none() {
        for text in [
            "txHash: 0x{K}",
            "sha256 = \"{K}\"",
            "keyHash: \"0x{K}\"",
            "  \"0x{K}\",",
            "publicKey: 0x{K}",
            "private_key_hash: {K}a",
            "PRIVATE_KEY=0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
            "PRIVATE_KEY=0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
            "private_key = 0x0000000000000000000000000000000000000000000000000000000000000001",
        ] {
            assert_eq!(count(&text.replace("{K}", KEY)), 0, "{text}");
        }
    }

    #[test]
    fn runs_of_other_lengths_and_places_are_no_keys() {
        let padded = format!("{}{KEY} x {KEY}a {KEY}\n", " ".repeat(50));
        assert_eq!(runs(padded.as_bytes()).len(), 2);
        for shift in 0..130 {
            let text = format!("{}{KEY}{}", "-".repeat(shift), "-".repeat(70));
            assert_eq!(runs(text.as_bytes()), vec![shift..shift + 64], "{shift}");
        }
    }
}

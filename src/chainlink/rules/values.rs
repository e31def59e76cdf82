//! Rules about single values: their shape, their strength, what they are taken for.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::super::credentials::{Credentials, Slot};
use super::super::finding::Finding;
use super::super::model::Kind;
use super::{Severity, Subject};
use crate::secret::SecretBytes;

/// What examples and templates say, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "fake",
    "changeme",
    "change_me",
    "change-me",
    "password",
    "secret",
    "example",
    "placeholder",
    "todo",
    "tbd",
    "my_user_password",
    "my_wallet_password",
    "mysecretpassword",
    "my_cryptocompare_api_key",
    "my_tiingo_api_key",
    "your_api_key",
    "your-api-key",
    "yourpassword",
    "some16byteormorelongpassword",
];

/// Bits below which a password counts as guessed.
const FEW_BITS: f64 = 64.0;

pub(super) fn judge(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for (path, slot) in subject.credentials.all() {
        shape(path, slot, findings);
        if is_placeholder(&slot.value) {
            let finding = Finding::new("V007", slot.at(), format!("{} is a placeholder", slot.key));
            findings.push(if subject.environment.is_protected {
                finding
            } else {
                finding.of(Severity::Warning)
            });
        }
        if is_chosen(slot.kind) {
            strength(slot, findings);
        }
    }
    let every = subject.credentials.every();
    for slot in every.filter(|slot| is_sealed(&slot.value)) {
        let message = format!("{} is itself a sealed value, ENC[…]", slot.key);
        findings.push(Finding::new("V013", slot.at(), message));
    }
    same(subject.credentials, findings);
}

/// Whether a value is what stands in a sealed file in the place of another one.
pub(in crate::chainlink) fn is_sealed(value: &SecretBytes) -> bool {
    let text = value.expose().trim_ascii();
    text.starts_with(b"ENC[AES256_GCM,") && text.ends_with(b"]")
}

/// What a person or a generator chooses, and could choose badly.
fn is_chosen(kind: Kind) -> bool {
    use Kind::{ApiPassword, DatabasePassword, KeyPassword, VrfPassword, WalletPassword};
    [
        ApiPassword,
        DatabasePassword,
        KeyPassword,
        VrfPassword,
        WalletPassword,
    ]
    .contains(&kind)
}

/// Keys in PEM have lines.
fn may_have_lines(path: &str, kind: Kind) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    kind == Kind::Json
        || kind == Kind::Variable
            && (name.ends_with("PRIVATE_KEY")
                || name.starts_with("TLS_")
                || name.ends_with("_CERT"))
}

fn shape(path: &str, slot: &Slot, findings: &mut Vec<Finding>) {
    let key = &slot.key;
    let mut found = |rule, message: String| findings.push(Finding::new(rule, slot.at(), message));
    let Ok(text) = std::str::from_utf8(slot.value.expose()) else {
        return found("V011", format!("{key} is no text (UTF-8)"));
    };
    if text.is_empty() || text == "\"\"" {
        let finding = Finding::new("V043", slot.at(), format!("{key} is empty"));
        // A node takes it as it is.
        findings.push(if slot.kind == Kind::Variable {
            finding
        } else {
            finding.of(Severity::Error)
        });
        return;
    }
    if !may_have_lines(path, slot.kind) {
        if text.contains(['\n', '\r', '\0']) {
            found("V011", format!("{key} contains a line break or a NUL"));
        } else if text.trim().len() != text.len() {
            found("V010", format!("{key} begins or ends with white space"));
        }
    }
    if is_chosen(slot.kind) && !text.is_ascii() {
        let (bytes, characters) = (text.len(), text.chars().count());
        found(
            "V012",
            format!("{key} has {characters} characters in {bytes} bytes"),
        );
    }
    if slot.kind != Kind::Json && slot.kind != Kind::ChainId && is_coerced(text) {
        found(
            "V005",
            format!("{key} looks like a number or a time that YAML has written anew"),
        );
    }
}

/// A number in scientific notation, or a time.
fn is_coerced(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_time = text.len() >= 19
        && bytes.get(4) == Some(&b'-')
        && bytes.get(10) == Some(&b'T')
        && bytes.get(13) == Some(&b':')
        && bytes.iter().take(4).all(u8::is_ascii_digit);
    let number = text.split_once("e+").or_else(|| text.split_once("e-"));
    let is_number = number.is_some_and(|(digits, exponent)| {
        let mut digits = digits.trim_start_matches('-').bytes();
        digits.len() > 0
            && digits.all(|b| b.is_ascii_digit() || b == b'.')
            && !exponent.is_empty()
            && exponent.bytes().all(|b| b.is_ascii_digit())
    });
    is_time || is_number
}

fn is_placeholder(value: &SecretBytes) -> bool {
    let Ok(text) = std::str::from_utf8(value.expose()) else {
        return false;
    };
    let is_one = |known: &&str| text.eq_ignore_ascii_case(known);
    let crosses = text.trim_matches('*').trim_matches(['x', 'X']);
    let is_crossed = text.len() >= 3 && crosses.is_empty();
    let is_bracketed = text.len() > 2 && text.starts_with('<') && text.ends_with('>');
    PLACEHOLDERS.iter().any(is_one) || is_crossed || is_bracketed
}

fn strength(slot: &Slot, findings: &mut Vec<Finding>) {
    let Ok(text) = std::str::from_utf8(slot.value.expose()) else {
        return;
    };
    if text.is_empty() || is_placeholder(&slot.value) {
        return;
    }
    let mut run = (0, '\0');
    let mut longest = 0;
    for c in text.chars() {
        run = if run.1 == c { (run.0 + 1, c) } else { (1, c) };
        longest = longest.max(run.0);
    }
    let reason = if bits(text) < FEW_BITS {
        "has too few different characters for its length"
    } else if longest >= 4 {
        "repeats a character four times"
    } else {
        return;
    };
    findings.push(Finding::new(
        "V025",
        slot.at(),
        format!("{} {reason}", slot.key),
    ));
}

/// How much a guesser would have to try, by classes of characters; never more than what the
/// different ones allow.
fn bits(text: &str) -> f64 {
    let has = |class: fn(char) -> bool| text.chars().any(class);
    let mut letters = 0.0_f64;
    for (size, is_there) in [
        (26.0, has(|c| c.is_ascii_lowercase())),
        (26.0, has(|c| c.is_ascii_uppercase())),
        (10.0, has(|c| c.is_ascii_digit())),
        (33.0, has(|c| c.is_ascii_punctuation() || c == ' ')),
        (100.0, has(|c| !c.is_ascii())),
    ] {
        letters += if is_there { size } else { 0.0 };
    }
    let mut different: Vec<char> = text.chars().collect();
    let length = u32::try_from(different.len()).unwrap_or(u32::MAX);
    different.sort_unstable();
    different.dedup();
    let different = u32::try_from(different.len()).unwrap_or(u32::MAX);
    let by_class = f64::from(length) * f64::log2(letters.max(1.0));
    let by_letters = f64::from(length) * (f64::from(different) + 1.0).log2() + f64::from(different);
    by_class.min(by_letters)
}

/// One value in two places of one environment.
fn same(credentials: &Credentials, findings: &mut Vec<Finding>) {
    let chosen: Vec<&Slot> = credentials
        .all()
        .map(|(_, slot)| slot)
        .filter(|slot| is_chosen(slot.kind) && !slot.value.is_empty())
        .collect();
    let mut before = ByValue::default();
    for slot in chosen {
        // An exported key with the keystore password is another rule's.
        let mut twins = before.twins(slot);
        if let Some(twin) = twins.find(|other| !is_export(other.kind, slot.kind)) {
            let message = format!("{} and {} have the same value", twin.key, slot.key);
            findings.push(Finding::new("V009", slot.at(), message));
        }
        drop(twins);
        before.add(slot);
    }
}

/// Texts by a hash of their values, under a key that this process draws and nobody sees: thousands of
/// them are compared with one another.
#[derive(Default)]
struct ByValue<'a> {
    key: RandomState,
    slots: HashMap<u64, Vec<&'a Slot>>,
}

impl<'a> ByValue<'a> {
    fn add(&mut self, slot: &'a Slot) {
        let hash = self.key.hash_one(slot.value.expose());
        self.slots.entry(hash).or_default().push(slot);
    }

    /// Those with the same value, in the order in which they came.
    fn twins<'s>(&'s self, slot: &'s Slot) -> impl Iterator<Item = &'a Slot> + use<'a, 's> {
        let hash = self.key.hash_one(slot.value.expose());
        let same = self.slots.get(&hash).into_iter().flatten().copied();
        same.filter(|other| other.value.ct_eq(&slot.value))
    }
}

fn is_export(one: Kind, other: Kind) -> bool {
    let pair = [one, other];
    pair.contains(&Kind::KeyPassword) && pair.contains(&Kind::WalletPassword)
}

/// One value in two environments.
pub(super) fn shared(one: &Credentials, other: &Credentials, name: &str) -> Vec<Finding> {
    let chosen = |slot: &&Slot| is_chosen(slot.kind) && !slot.value.is_empty();
    let mut theirs = ByValue::default();
    for slot in other.all().map(|(_, slot)| slot).filter(chosen) {
        theirs.add(slot);
    }
    let mut findings = Vec::new();
    for slot in one.all().map(|(_, slot)| slot).filter(chosen) {
        if let Some(twin) = theirs.twins(slot).next() {
            let message = format!("{} has the same value as {} of {name}", slot.key, twin.key);
            findings.push(Finding::new("V009", slot.at(), message));
        }
    }
    findings
}

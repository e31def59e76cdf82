//! The local index of known values: what this machine's user could open lately, so that a value that
//! is pasted in clear elsewhere is found without opening anything (H020).
//!
//! It holds no value: of each form that a value may take, the keyed hash of eight bytes, and the keyed
//! digest of the whole. It is sealed under a random key of this machine besides, so that a copy of the
//! checkout says nothing. Pure: where it is kept is the caller's business.

mod forms;
mod gram;
mod shelf;

use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::text::harmless;
use gram::Grams;
pub use shelf::KnownError;

/// Shorter values are not told from words.
const SHORTEST: usize = 8;
/// The bytes that are looked for first.
const GRAM: usize = 8;

/// The key of this machine.
#[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct IndexKey([u8; 32]);

/// The index.
#[derive(Debug, Default)]
pub struct Known {
    files: Vec<File>,
}

/// What is known of one sealed file.
#[derive(Debug)]
struct File {
    path: String,
    /// Its MAC when it was opened: another one means that the entry is stale.
    mac: String,
    marks: Vec<Mark>,
}

/// One form of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    gram: u64,
    /// Where in the form the gram stands.
    offset: u32,
    length: u32,
    digest: [u8; 16],
    /// Which value: its path in the file.
    name: String,
}

/// The index, ready to look with.
#[derive(Debug)]
pub struct Lookup<'k> {
    known: &'k Known,
    grams: Grams,
    key: &'k IndexKey,
    /// By gram: file and mark.
    order: Vec<(u64, usize, usize)>,
    /// Which low bits of grams there are at all.
    filter: Vec<u64>,
}

impl std::fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IndexKey([redacted])")
    }
}

impl IndexKey {
    /// A new key.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// A key that was kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, to be kept.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose.
    fn derived(&self, purpose: &str) -> [u8; 32] {
        self.digest(purpose, b"")
    }

    fn digest(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let Ok(mut digest) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return [0; 32];
        };
        digest.update(purpose.as_bytes());
        digest.update(&[0]);
        digest.update(bytes);
        digest.finalize().into_bytes().into()
    }

    fn short(&self, bytes: &[u8]) -> [u8; 16] {
        let digest = self.digest("value", bytes);
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(digest) {
            *to = from;
        }
        short
    }
}

impl Known {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The sealed files that it knows, with their MAC at that time.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|file| (file.path.as_str(), file.mac.as_str()))
    }

    /// How many values of a file are known.
    pub fn values(&self) -> usize {
        let names = |file: &File| {
            let mut names: Vec<&str> = file.marks.iter().map(|mark| mark.name.as_str()).collect();
            names.dedup();
            names.len()
        };
        self.files.iter().map(names).sum()
    }

    /// Replaces what is known of a file. Values that say nothing by themselves are left out.
    pub fn learn<'v>(
        &mut self,
        key: &IndexKey,
        path: &str,
        mac: &str,
        values: impl Iterator<Item = (String, &'v [u8])>,
    ) {
        let grams = Grams::new(key);
        let mut marks = Vec::new();
        for (name, value) in values {
            if !is_worth(value) {
                continue;
            }
            for form in forms::of(value) {
                if let Some((gram, offset)) = grams.rarest(&form) {
                    let mark = Mark {
                        gram,
                        offset: u32::try_from(offset).unwrap_or(0),
                        length: u32::try_from(form.len()).unwrap_or(0),
                        digest: key.short(&form),
                        name: name.clone(),
                    };
                    if !marks.contains(&mark) {
                        marks.push(mark);
                    }
                }
            }
        }
        self.files.retain(|file| file.path != path);
        self.files.push(File {
            path: path.to_owned(),
            mac: mac.to_owned(),
            marks,
        });
    }

    /// Makes it ready to look with.
    pub fn lookup<'k>(&'k self, key: &'k IndexKey) -> Lookup<'k> {
        let mut order = Vec::new();
        let mut filter = vec![0u64; 1 << 10];
        for (file, known) in self.files.iter().enumerate() {
            for (at, mark) in known.marks.iter().enumerate() {
                order.push((mark.gram, file, at));
                if let Some(bits) = filter.get_mut(slot(mark.gram)) {
                    *bits |= 1 << (mark.gram & 63);
                }
            }
        }
        order.sort_unstable();
        Lookup {
            known: self,
            grams: Grams::new(key),
            key,
            order,
            filter,
        }
    }
}

fn slot(gram: u64) -> usize {
    usize::try_from(gram >> 6 & 0x3ff).unwrap_or(0)
}

impl Lookup<'_> {
    /// Where known values stand in a text, and which: the file and the path in it.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<(Range<usize>, &str, &str)> {
        let mut found: Vec<(Range<usize>, &str, &str)> = Vec::new();
        if self.order.is_empty() {
            return found;
        }
        for (at, window) in bytes.windows(GRAM).enumerate() {
            if found.last().is_some_and(|(span, ..)| at < span.end) {
                continue;
            }
            let gram = self.grams.hash(window);
            let may_be = self
                .filter
                .get(slot(gram))
                .is_some_and(|bits| bits >> (gram & 63) & 1 == 1);
            if !may_be {
                continue;
            }
            let from = self.order.partition_point(|(other, ..)| *other < gram);
            let same = self
                .order
                .iter()
                .skip(from)
                .take_while(|(other, ..)| *other == gram);
            for (_, file, mark) in same {
                if let Some(hit) = self.confirm(bytes, at, *file, *mark) {
                    found.push(hit);
                    break;
                }
            }
        }
        found
    }

    /// Whether a sealed file has been changed since it was indexed.
    pub(super) fn is_stale(&self, path: &str, mac: &str) -> bool {
        let mut files = self.known.files();
        files.any(|(known, old)| known == path && old != mac)
    }

    fn confirm(
        &self,
        bytes: &[u8],
        at: usize,
        file: usize,
        mark: usize,
    ) -> Option<(Range<usize>, &str, &str)> {
        let file = self.known.files.get(file)?;
        let mark = file.marks.get(mark)?;
        let start = at.checked_sub(usize::try_from(mark.offset).ok()?)?;
        let end = start.checked_add(usize::try_from(mark.length).ok()?)?;
        let digest = self.key.short(bytes.get(start..end)?);
        let is_it: bool = digest.ct_eq(&mark.digest).into();
        is_it.then_some((start..end, file.path.as_str(), mark.name.as_str()))
    }
}

/// Whether a value says something wherever it stands: no word, no address, no name of a host.
fn is_worth(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let is_host = !value.is_empty()
        && value.contains(&b'.')
        && value
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || b".-".contains(byte));
    let is_number = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || b".:-".contains(byte));
    let has_login =
        harmless::contains(value, b"://") && (value.contains(&b'@') || value.len() > 40);
    value.len() >= SHORTEST
        && !is_host
        && !is_number
        && (has_login || !harmless::is_harmless(value, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "zebra/orchid 71 & \"more\"";

    fn key() -> IndexKey {
        IndexKey([7; 32])
    }

    fn hits(value: &str, text: &str) -> usize {
        let key = key();
        let mut known = Known::default();
        known.learn(
            &key,
            "s.yaml",
            "m",
            [("[\"a\"]".to_owned(), value.as_bytes())].into_iter(),
        );
        let lookup = known.lookup(&key);
        lookup.find(text.as_bytes()).len()
    }

    #[test]
    fn a_value_is_found_in_every_form_and_nowhere_else() {
        use base64::Engine;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        let encoded =
            percent_encoding::utf8_percent_encode(VALUE, percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        let hex = VALUE
            .bytes()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let json = serde_json::to_string(VALUE).unwrap();
        let mut texts = vec![
            format!("x: {VALUE}\n"),
            format!("postgres://u:{encoded}@h/x"),
            json,
            hex.to_uppercase(),
            hex,
        ];
        for before in ["", "u", "u:", "u:p"] {
            texts.push(STANDARD.encode(format!("{before}{VALUE}@host")));
            texts.push(URL_SAFE.encode(format!("{before}{VALUE}\n")));
        }
        for text in texts {
            assert_eq!(hits(VALUE, &text), 1, "{text}");
        }
        assert_eq!(hits(VALUE, "zebra/orchid 72 & \"more\""), 0);
    }

    #[test]
    fn words_addresses_and_short_values_are_not_indexed() {
        for value in [
            "chainlink",
            "postgres",
            "ops@example.com",
            "db.prod.internal",
            "short",
            "5432",
            "true",
            "https://example.com/docs",
        ] {
            assert_eq!(hits(value, value), 0, "{value}");
        }
        assert_eq!(
            hits(
                "postgresql://u:zebra-orchid-71@db/x",
                "url: postgresql://u:zebra-orchid-71@db/x"
            ),
            1
        );
    }

    #[test]
    fn the_index_comes_back_under_its_key_only_and_shows_no_value() {
        let key = key();
        let mut known = Known::default();
        known.learn(
            &key,
            "s.yaml",
            "m",
            [("[\"a\"]".to_owned(), VALUE.as_bytes())].into_iter(),
        );
        let sealed = known.seal(&key).unwrap();
        assert!(memchr::memmem::find(&sealed, b"zebra").is_none());
        assert!(memchr::memmem::find(&sealed, b"s.yaml").is_none());
        let opened = Known::open(&sealed, &key).unwrap();
        assert_eq!(opened.files().collect::<Vec<_>>(), [("s.yaml", "m")]);
        assert_eq!(opened.lookup(&key).find(VALUE.as_bytes()).len(), 1);
        assert!(Known::open(&sealed, &IndexKey([8; 32])).is_err());
        for cut in [0, 5, 20, sealed.len() - 1] {
            assert!(Known::open(&sealed[..cut], &key).is_err());
        }
    }
}

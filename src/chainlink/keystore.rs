//! Exported keys: Web3 Secret Storage (V3) for EVM chains, and the node's own wrappers around the same
//! encryption for everything else. Whether one is well-formed, and whether its password opens it.
//!
//! Opening stops at the check of the password: the key itself is never decrypted.

use std::fmt;

use serde::Deserialize;
use sha3::{Digest, Keccak256};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// Work that deriving a key may take: the product of the numbers N, r and p of scrypt; four times what
/// the node writes. It bounds the memory, too, which is N·r·128 bytes; p alone repeats the work.
pub(super) const MOST_WORK: u64 = 1 << 23;

/// A key as the node exported it; nothing in it is readable without its password.
#[derive(Deserialize)]
pub(super) struct Exported {
    #[serde(default)]
    address: Option<String>,
    #[serde(default, rename = "keyType")]
    key_type: Option<String>,
    #[serde(default)]
    version: Option<u32>,
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    ciphertext: String,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KdfParams {
    dklen: u32,
    n: u64,
    r: u32,
    p: u32,
    salt: String,
}

impl fmt::Debug for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exported([redacted])")
    }
}

/// Whether a password opens a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    Yes,
    No,
    /// It is encrypted in a way that is not known here.
    Unknown,
    /// It asks for more than [`MOST_WORK`].
    TooMuchWork,
}

impl Exported {
    /// Reads a key; an error is what is wrong with it.
    pub(super) fn parse(json: &SecretBytes) -> Result<Self, &'static str> {
        let value: serde_json::Value =
            serde_json::from_slice(json.expose()).map_err(|_| "is no JSON")?;
        if !value.is_object() {
            return Err("is no JSON object");
        }
        let key: Self =
            serde_json::from_value(value).map_err(|_| "has no complete crypto section")?;
        let is_hex = |text: &str| !text.is_empty() && hex(text).is_some();
        let crypto = &key.crypto;
        if !is_hex(&crypto.ciphertext) || !is_hex(&crypto.mac) || crypto.cipher.is_empty() {
            return Err("has no complete crypto section");
        }
        Ok(key)
    }

    /// What an EVM key has besides; an error is what is wrong.
    pub(super) fn is_evm(&self) -> Result<(), &'static str> {
        match (&self.address, self.version) {
            (_, version) if version != Some(3) => Err("is no key of version 3"),
            (Some(address), _) if plain(address).is_some() => Ok(()),
            _ => Err("has no address of 40 hexadecimal digits"),
        }
    }

    /// What the node's own wrappers have besides.
    pub(super) fn is_wrapper(&self, key_type: &str) -> Result<(), &'static str> {
        match &self.key_type {
            None => Err("has no keyType"),
            Some(own) if own.eq_ignore_ascii_case(key_type) => Ok(()),
            Some(_) => Err("is a key of another type"),
        }
    }

    /// Whether it is either.
    pub(super) fn is_any(&self) -> Result<(), &'static str> {
        match &self.key_type {
            Some(_) => Ok(()),
            None => self.is_evm(),
        }
    }

    /// Whether it has this address.
    pub(super) fn has_address(&self, address: &str) -> bool {
        let own = self.address.as_deref().and_then(plain);
        own.is_some() && own == plain(address)
    }

    /// Whether a password opens it. Takes about a second.
    pub(super) fn opens(&self, password: &SecretBytes) -> Opens {
        let Some(key_type) = &self.key_type else {
            return self.opens_with("", password);
        };
        // The node puts a word before the password, so that it is of no use elsewhere.
        let word = match key_type.to_ascii_lowercase().as_str() {
            "solana" => "solkey".to_owned(),
            "starknet" => "starkkey".to_owned(),
            plain @ ("p2p" | "ocr" | "ocr2" | "csa" | "vrf") => format!("{plain}key"),
            _ => return Opens::Unknown,
        };
        self.opens_with(&word, password)
    }

    fn opens_with(&self, word: &str, password: &SecretBytes) -> Opens {
        let crypto = &self.crypto;
        let KdfParams { dklen, n, r, p, .. } = crypto.kdfparams;
        if crypto.kdf != "scrypt" || dklen < 32 || !n.is_power_of_two() {
            return Opens::Unknown;
        }
        let work = n.saturating_mul(u64::from(r)).saturating_mul(u64::from(p));
        if work > MOST_WORK {
            return Opens::TooMuchWork;
        }
        let log_n = u8::try_from(n.trailing_zeros()).unwrap_or(u8::MAX);
        let (Some(salt), Some(ciphertext), Some(mac)) = (
            hex(&crypto.kdfparams.salt),
            hex(&crypto.ciphertext),
            hex(&crypto.mac),
        ) else {
            return Opens::Unknown;
        };
        let Ok(params) = scrypt::Params::new(log_n, r, p, 32) else {
            return Opens::Unknown;
        };
        let mut full = Zeroizing::new(Vec::with_capacity(word.len() + password.len()));
        full.extend_from_slice(word.as_bytes());
        full.extend_from_slice(password.expose());
        let mut derived = Zeroizing::new([0_u8; 32]);
        if scrypt::scrypt(&full, &salt, &params, derived.as_mut_slice()).is_err() {
            return Opens::Unknown;
        }
        let [_, half] = derived.as_chunks::<16>().0 else {
            return Opens::Unknown;
        };
        let found = Keccak256::new()
            .chain_update(half)
            .chain_update(&ciphertext)
            .finalize();
        let is_same = SecretBytes::copy_of(&found).ct_eq(&SecretBytes::new(mac));
        if is_same { Opens::Yes } else { Opens::No }
    }
}

/// An address in lower case, without its mark.
fn plain(address: &str) -> Option<String> {
    let digits = address.strip_prefix("0x").unwrap_or(address);
    let is_one = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| digits.to_ascii_lowercase())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key as the node exports it for a chain, made with other implementations of the functions;
    /// its password is [`PASSWORD`]. It is the key of nobody.
    pub(in super::super) const EXAMPLE: &str =
        include_str!("../../fixtures/chainlink/exported-key.json").trim_ascii();

    /// The same as a wrapper of the node's.
    pub(in super::super) const WRAPPER: &str =
        include_str!("../../fixtures/chainlink/exported-wrapper.json").trim_ascii();

    pub(in super::super) const PASSWORD: &str = "an-export-password-01";

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    #[test]
    fn a_key_opens_with_its_password_only() {
        let key = Exported::parse(&secret(EXAMPLE)).unwrap();
        assert_eq!(key.is_evm(), Ok(()));
        assert!(key.has_address("0x008AEEDA4D805471df9b2a5b0f38a0c3bcba786b"));
        assert!(!key.has_address("0x108AEEDA4D805471df9b2a5b0f38a0c3bcba786b"));
        assert_eq!(key.opens(&secret(PASSWORD)), Opens::Yes);
        assert_eq!(key.opens(&secret("an-export-password-02")), Opens::No);
        let wrapper = Exported::parse(&secret(WRAPPER)).unwrap();
        assert_eq!(wrapper.is_wrapper("P2P"), Ok(()));
        assert_eq!(wrapper.opens(&secret(PASSWORD)), Opens::Yes);
        assert_eq!(wrapper.opens(&secret("another")), Opens::No);
    }

    #[test]
    fn what_is_no_exported_key_is_named() {
        for (text, says) in [
            ("", "is no JSON"),
            ("[]", "is no JSON object"),
            ("{}", "has no complete crypto section"),
            (
                r#"{"crypto":{"cipher":"x"}}"#,
                "has no complete crypto section",
            ),
        ] {
            assert_eq!(Exported::parse(&secret(text)).unwrap_err(), says, "{text}");
        }
        let without = EXAMPLE.replace("008aeeda4d805471df9b2a5b0f38a0c3bcba786b", "00");
        let key = Exported::parse(&secret(&without)).unwrap();
        assert!(key.is_evm().is_err());
        let wrapper = EXAMPLE.replace("\"version\":3", "\"keyType\":\"P2P\"");
        let key = Exported::parse(&secret(&wrapper)).unwrap();
        assert_eq!(key.is_wrapper("P2P"), Ok(()));
        assert!(key.is_wrapper("CSA").is_err() && key.is_evm().is_err());
    }
    #[test]
    fn what_a_key_asks_for_is_bounded_before_it_is_done() {
        for (own, asked) in [
            ("\"n\":4096", "\"n\":1125899906842624"),
            ("\"n\":4096", "\"n\":4194304"),
            // The memory stays small: only the work grows.
            ("\"p\":6", "\"p\":1073741823"),
            ("\"p\":6", "\"p\":257"),
            ("\"r\":8", "\"r\":1073741823"),
        ] {
            let text = EXAMPLE.replace(own, asked);
            assert_ne!(text, EXAMPLE);
            let key = Exported::parse(&secret(&text)).unwrap();
            assert_eq!(key.opens(&secret(PASSWORD)), Opens::TooMuchWork, "{asked}");
        }
        // What a node writes is a quarter of it.
        let (n, r, p) = (1_u64 << 18, 8, 1);
        assert_eq!(n * r * p * 4, MOST_WORK);
    }
}

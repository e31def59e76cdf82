//! The MAC of a file: SHA-512 over the bytes of all values in the order of the walk.
//!
//! No separators, keys, types or comments enter it; what that leaves unnoticed is the format's
//! limit and listed in `docs/threats.md`.

use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// SHA-256 of `sops`: what a hash over sealed values only begins with.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// A hash under way.
pub struct Mac {
    hash: Sha512,
    only_encrypted: bool,
}

/// A finished hash: a digest of cleartext, so as secret as the values. Never printed.
#[derive(Debug)]
pub struct MacDigest(SecretBytes);

impl Mac {
    /// Begins; `only_encrypted` leaves clear values out.
    pub fn new(only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if only_encrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self {
            hash,
            only_encrypted,
        }
    }

    /// Adds the bytes of the next value.
    pub fn add(&mut self, plain: &[u8], is_sealed: bool) {
        if is_sealed || !self.only_encrypted {
            self.hash.update(plain);
        }
    }

    /// Ends: 128 upper-case hexadecimal digits.
    pub fn finish(self) -> MacDigest {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digest: Zeroizing<[u8; 64]> = Zeroizing::new(self.hash.finalize().into());
        let mut text = Vec::with_capacity(128);
        for byte in digest.iter() {
            for half in [byte >> 4, byte & 15] {
                text.extend(DIGITS.get(usize::from(half)));
            }
        }
        MacDigest(SecretBytes::new(text))
    }
}

impl MacDigest {
    /// The digits, to be sealed.
    pub fn text(&self) -> &SecretBytes {
        &self.0
    }

    /// Whether an opened MAC is this one, in constant time.
    pub fn agrees_with(&self, opened: &SecretBytes) -> bool {
        self.0.ct_eq(opened)
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(mac: Mac) -> String {
        String::from_utf8(mac.finish().text().expose().to_vec()).unwrap()
    }

    #[test]
    fn an_empty_tree_has_the_digest_of_nothing() {
        assert!(digest(Mac::new(false)).starts_with("CF83E1357EEFB8BD"));
        assert!(digest(Mac::new(true)).starts_with("1EE9AD533B409ABB"));
    }

    #[test]
    fn clear_values_can_be_left_out() {
        let mut mac = Mac::new(true);
        mac.add(b"clear", false);
        assert_eq!(digest(mac), digest(Mac::new(true)));
        let mut mac = Mac::new(false);
        mac.add(b"x421.5True2024-01-02T00:00:00Z", true);
        assert!(digest(mac).starts_with("1DADCBDB63B85895"));
    }
}

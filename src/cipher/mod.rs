//! Tokens: one sealed value as it stands in a file, and the MAC over all values.
//!
//! Pure text and bytes; keys and nonces come from the caller. The surprise: an empty string stands
//! as it is, because the format has no token for it.

mod mac;
mod plain;
mod token;

pub use mac::{Mac, MacDigest};
pub use plain::{Opened, Type, parse, with_plain};
pub use token::{Token, TokenError};

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce};
use aes_gcm::aes::Aes256;

use crate::secret::{DataKey, SecretBytes};

/// Bytes of a nonce that we write.
pub const NONCE_LEN: usize = 32;

/// Draws nonces; tests hand over a seeded one.
pub trait Nonces {
    /// The next nonce, never the same twice.
    fn next(&mut self) -> Result<[u8; NONCE_LEN], CipherError>;
}

/// Nonces of the operating system, drawn in blocks.
#[derive(Debug)]
pub struct SystemNonces {
    block: Vec<u8>,
    at: usize,
}

/// AES-256-GCM under one data key.
pub struct Cipher<'k> {
    key: &'k DataKey,
    wide: AesGcm<Aes256, U32>,
}

/// What can go wrong with a token's cryptography.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CipherError {
    /// The tag does not fit: the token was changed, moved, or sealed with another key.
    #[error("it was changed, moved from another place, or sealed with another key")]
    Tag,
    /// A nonce of a length that nobody writes.
    #[error("its nonce has {0} bytes")]
    NonceLength(usize),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

impl Default for SystemNonces {
    fn default() -> Self {
        Self {
            block: vec![0; NONCE_LEN * 64],
            at: NONCE_LEN * 64,
        }
    }
}

impl Nonces for SystemNonces {
    fn next(&mut self) -> Result<[u8; NONCE_LEN], CipherError> {
        if self.at >= self.block.len() {
            getrandom::fill(&mut self.block).map_err(|_| CipherError::NoRandomness)?;
            self.at = 0;
        }
        let nonce = self.block.get(self.at..self.at + NONCE_LEN);
        self.at += NONCE_LEN;
        nonce
            .and_then(|nonce| nonce.try_into().ok())
            .ok_or(CipherError::NoRandomness)
    }
}

impl<'k> Cipher<'k> {
    /// Schedules the key once.
    pub fn new(key: &'k DataKey) -> Self {
        Self {
            key,
            wide: AesGcm::new(key.expose().into()),
        }
    }

    /// Seals bytes under the path (or, for the MAC, the time) that they are bound to.
    pub fn seal(
        &self,
        plain: &[u8],
        associated: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Result<Vec<u8>, CipherError> {
        let mut sealed = Vec::with_capacity(plain.len() + 16);
        sealed.extend_from_slice(plain);
        self.wide
            .encrypt_in_place(
                &Nonce::<AesGcm<Aes256, U32>>::from(nonce),
                associated,
                &mut sealed,
            )
            .map_err(|_| CipherError::Tag)?;
        Ok(sealed)
    }

    /// Opens what a token holds; `sealed` ends in the tag.
    pub fn open(
        &self,
        sealed: Vec<u8>,
        associated: &[u8],
        nonce: &[u8],
    ) -> Result<SecretBytes, CipherError> {
        let mut bytes = zeroize::Zeroizing::new(sealed);
        let opened = match nonce.len() {
            32 => open_with(&self.wide, &mut bytes, associated, nonce),
            12 => {
                let narrow = AesGcm::<Aes256, U12>::new(self.key.expose().into());
                open_with(&narrow, &mut bytes, associated, nonce)
            }
            16 => {
                let middle = AesGcm::<Aes256, U16>::new(self.key.expose().into());
                open_with(&middle, &mut bytes, associated, nonce)
            }
            other => return Err(CipherError::NonceLength(other)),
        };
        opened.ok_or(CipherError::Tag)?;
        Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
    }
}

fn open_with<A: AeadInOut>(
    cipher: &A,
    bytes: &mut Vec<u8>,
    associated: &[u8],
    nonce: &[u8],
) -> Option<()> {
    let nonce = Nonce::<A>::try_from(nonce).ok()?;
    cipher.decrypt_in_place(&nonce, associated, bytes).ok()
}

impl std::fmt::Debug for Cipher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher([redacted])")
    }
}

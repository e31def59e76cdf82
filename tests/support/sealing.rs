//! Sealing without a binary and without keys: one data key, counted nonces, one recipient.

use clsecrets::cipher::{CipherError, Nonces};
use clsecrets::metadata::{Metadata, Recipient, Rule};
use clsecrets::secret::DataKey;
use clsecrets::tree::Fields;

/// When everything is sealed.
pub(crate) const NOW: i64 = 1_795_305_600;

/// Nonces from a counter, so that a text is sealed to the same bytes each time.
pub(crate) struct Counted(pub(crate) u64);

impl Nonces for Counted {
    fn next(&mut self) -> Result<[u8; 32], CipherError> {
        self.0 += 1;
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.0.to_be_bytes());
        Ok(nonce)
    }
}

/// The data key.
pub(crate) fn key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).unwrap()
}

/// Metadata with a recipient that is none.
pub(crate) fn metadata(rule: Rule, only_encrypted: bool) -> Metadata {
    let fields = Fields::from([("recipient", "age1throwaway"), ("enc", "wrapped")]);
    let kind = "age".to_owned();
    Metadata::new(vec![Recipient { kind, fields }], rule, only_encrypted)
}

//! What the targets share: one key, counted nonces, one recipient.

use clsecrets::cipher::{CipherError, Nonces};
use clsecrets::envelope::{Draft, EnvelopeError, OpenOptions, Opened, Sealed, Tokens};
use clsecrets::format::Format;
use clsecrets::metadata::{Metadata, Recipient, Rule};
use clsecrets::secret::DataKey;
use clsecrets::tree::Fields;
use zeroize::Zeroizing;

/// Nonces from a counter, so that a run can be repeated.
pub struct Counted(pub u64);

impl Nonces for Counted {
    fn next(&mut self) -> Result<[u8; 32], CipherError> {
        self.0 += 1;
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.0.to_be_bytes());
        Ok(nonce)
    }
}

/// The key that all targets seal with, and that the seeds for `open` are sealed with.
pub fn key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).expect("32 bytes")
}

/// Seals a text under the default rule.
pub fn seal(format: &'static dyn Format, text: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let draft = Draft::parse(format, Zeroizing::new(text.to_vec()))?;
    let fields = Fields::from([("recipient", "age1throwaway"), ("enc", "wrapped")]);
    let recipient = Recipient {
        kind: "age".to_owned(),
        fields,
    };
    let metadata = Metadata::new(vec![recipient], Rule::default(), false);
    let now = 1_795_305_600;
    let reuse = Tokens::default();
    let sealed = draft.seal(metadata, &key(), &mut Counted(0), now, true, &reuse)?;
    Ok(sealed.bytes.to_vec())
}

/// Opens a text that was sealed with [`key`].
pub fn open(format: &'static dyn Format, text: &[u8]) -> Result<Opened, EnvelopeError> {
    let sealed = Sealed::parse(format, Zeroizing::new(text.to_vec()))?;
    sealed.open(&key(), OpenOptions::default())
}

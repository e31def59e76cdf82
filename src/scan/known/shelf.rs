//! The index as bytes, sealed under the key of this machine.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Nonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{File, IndexKey, Known, Mark};

const NONCE: usize = 12;

/// Why an index cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// It was made under another key, cut or changed.
    #[error("the index of known values does not open under the key of this machine")]
    Closed,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Chance,
}

#[derive(Serialize, Deserialize)]
struct Record {
    path: String,
    mac: String,
    /// Gram, offset, length, digest, name.
    marks: Vec<(u64, u32, u32, u128, String)>,
}

impl Known {
    /// The index as it is kept.
    pub fn seal(&self, key: &IndexKey) -> Result<Vec<u8>, KnownError> {
        let records: Vec<Record> = self
            .files
            .iter()
            .map(|file| Record {
                path: file.path.clone(),
                mac: file.mac.clone(),
                marks: file
                    .marks
                    .iter()
                    .map(|mark| {
                        (
                            mark.gram,
                            mark.offset,
                            mark.length,
                            u128::from_be_bytes(mark.digest),
                            mark.name.clone(),
                        )
                    })
                    .collect(),
            })
            .collect();
        let text = Zeroizing::new(serde_json::to_vec(&records).map_err(|_| KnownError::Closed)?);
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| KnownError::Chance)?;
        let sealed = cipher(key)?
            .encrypt(&Nonce::<Aes256Gcm>::from(nonce), text.as_slice())
            .map_err(|_| KnownError::Closed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Reads an index.
    pub fn open(bytes: &[u8], key: &IndexKey) -> Result<Self, KnownError> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(KnownError::Closed)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| KnownError::Closed)?;
        let text = cipher(key)?
            .decrypt(&Nonce::<Aes256Gcm>::from(nonce), sealed)
            .map(Zeroizing::new)
            .map_err(|_| KnownError::Closed)?;
        let records: Vec<Record> = serde_json::from_slice(&text).map_err(|_| KnownError::Closed)?;
        let files = records
            .into_iter()
            .map(|record| File {
                path: record.path,
                mac: record.mac,
                marks: record
                    .marks
                    .into_iter()
                    .map(|(gram, offset, length, digest, name)| Mark {
                        gram,
                        offset,
                        length,
                        digest: digest.to_be_bytes(),
                        name,
                    })
                    .collect(),
            })
            .collect();
        Ok(Self { files })
    }
}

fn cipher(key: &IndexKey) -> Result<Aes256Gcm, KnownError> {
    let key = Zeroizing::new(key.derived("index"));
    Aes256Gcm::new_from_slice(key.as_slice()).map_err(|_| KnownError::Closed)
}

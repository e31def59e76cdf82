//! Seals the secrets of Chainlink nodes in the SOPS format and delivers them.
//!
//! The command `clsecrets` is a thin binary over this library. A module may use those to its left;
//! [`secret`], [`settings`], [`deadline`], [`error`], [`fs`] and [`git`] serve all:
//!
//! ```text
//! tree → format, cipher → metadata → keys → envelope → config, chainlink → scan, sync → cli
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | [`tree`] | a document as ordered entries, values and comments; paths; one walk for every pass |
//! | [`mod@format`] | text to spans and edits back into the same text |
//! | [`cipher`] | tokens, bound to their paths; the MAC over the cleartext |
//! | [`metadata`] | the `sops` entry: recipients, and which values are sealed |
//! | [`keys`] | master keys that wrap the data key of a file |
//! | [`envelope`] | the states of a document: `Draft → Opened ⇄ Sealed` |
//! | [`config`] | creation rules (`.sops.yaml`) and environments (`clsecrets.yaml`) |
//! | [`chainlink`] | what a node needs, and the objects that it becomes |
//! | [`scan`] | finds cleartext where a sealed file should be; opens nothing |
//! | [`sync`] | targets: identify, observe, check, apply, verify |
//!
//! Only `keys` and `sync` are asynchronous (and `deadline`, which bounds them), only `fs` writes files, only the binary prints or reads
//! the environment. `tests/architecture.rs` holds all of this.
//!
//! A text is sealed with a data key and opened again; wrapping that key is another matter:
//!
//! ```
//! use clsecrets::cipher::SystemNonces;
//! use clsecrets::envelope::{Draft, OpenOptions, Sealed};
//! use clsecrets::metadata::{Metadata, Recipient, Rule};
//! use clsecrets::secret::DataKey;
//! use clsecrets::tree::Fields;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let yaml = clsecrets::format::by_name("yaml").ok_or("no YAML")?;
//! let key = DataKey::from_bytes(&[7; 32]).ok_or("no key")?;
//! let fields = Fields::from([("recipient", "age1throwaway"), ("enc", "the wrapped key")]);
//! let recipient = Recipient { kind: "age".to_owned(), fields };
//!
//! let draft = Draft::parse(yaml, b"user: alice\n".to_vec().into())?;
//! let metadata = Metadata::new(vec![recipient], Rule::default(), false);
//! let mut nonces = SystemNonces::default();
//! let text = draft.seal(metadata, &key, &mut nonces, 0, false, &Default::default())?;
//! assert!(text.bytes.starts_with(b"user: ENC[AES256_GCM,"));
//!
//! let opened = Sealed::parse(yaml, text.bytes)?.open(&key, OpenOptions::default())?;
//! assert_eq!(*opened.clear_text()?, b"user: alice\n");
//! # Ok(())
//! # }
//! ```

pub mod chainlink;
pub mod cipher;
pub mod config;
pub mod deadline;
pub mod envelope;
pub mod error;
pub mod format;
pub mod fs;
pub mod git;
pub mod keys;
pub mod metadata;
pub mod scan;
pub mod secret;
pub mod settings;
pub mod sync;
pub mod tree;

pub use error::{Code, Error, Result};
pub use settings::Settings;

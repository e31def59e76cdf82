//! Seals the secrets of Chainlink nodes in the SOPS format and delivers them.
//!
//! A module may use those to its left; `secret`, `settings`, `error` and `fs` serve all:
//!
//! ```text
//! tree → format, cipher → metadata → keys → envelope → config, chainlink → scan, sync → cli
//! ```

pub mod chainlink;
pub mod cipher;
pub mod config;
pub mod envelope;
pub mod error;
pub mod format;
pub mod fs;
pub mod keys;
pub mod metadata;
pub mod scan;
pub mod secret;
pub mod settings;
pub mod sync;
pub mod tree;

pub use error::{Code, Error, Result};
pub use settings::Settings;

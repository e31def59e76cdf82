//! What the recipients of one run share: clients, loaded identities, a way to ask.

use std::fmt;
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::secret::Secret;

/// Asks the person at the terminal; the command line implements it.
pub trait Ask: fmt::Debug + Send + Sync {
    /// Asks for a passphrase without echo. `None`: nobody can be asked, or they declined.
    fn passphrase(&self, what: &str) -> Option<Secret<String>>;
}

/// Shared by the recipients of a run. Nothing is opened before the first recipient needs it.
#[derive(Debug, Default)]
pub struct Connections {
    /// Who can be asked for a passphrase.
    #[cfg_attr(not(feature = "age"), allow(dead_code, reason = "only identities ask"))]
    pub(super) ask: Option<Arc<dyn Ask>>,
    /// Until when services and programs are waited for.
    pub(super) deadline: Deadline,
    #[cfg(feature = "age")]
    pub(super) identities: super::age::Identities,
    #[cfg(feature = "aws")]
    pub(super) aws: super::aws::Aws,
    #[cfg(feature = "aws")]
    pub(super) kms: super::aws_kms::Clients,
}

impl Connections {
    /// Connections that can ask for passphrases.
    #[allow(
        clippy::needless_update,
        reason = "without features there is no other field"
    )]
    pub fn asking(ask: Arc<dyn Ask>) -> Self {
        Self {
            ask: Some(ask),
            ..Self::default()
        }
    }
}

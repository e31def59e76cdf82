//! What the targets of a run share: connections, credentials, and how fast a service is called. Many
//! environments are one run, so that what is known of a cluster or an account is asked for once.

use tokio::sync::Semaphore;

/// Objects that are written at a time, in all targets of a run: what a stopped run does not know of
/// is never more than these.
const WRITES_AT_ONCE: usize = 16;

/// Shared by all targets of a run.
#[derive(Debug)]
pub struct Links {
    pub(super) writes: Semaphore,
    #[cfg(feature = "kubernetes")]
    pub(super) clusters: super::kubernetes::Clusters,
    #[cfg(feature = "aws")]
    pub(super) accounts: super::aws::Accounts,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            writes: Semaphore::new(WRITES_AT_ONCE),
            #[cfg(feature = "kubernetes")]
            clusters: super::kubernetes::Clusters::default(),
            #[cfg(feature = "aws")]
            accounts: super::aws::Accounts::default(),
        }
    }
}

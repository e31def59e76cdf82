//! How fast a service is called: no more than so many calls at a time, and a second.
//!
//! A quota belongs to an account, not to a run, so that targets and environments of one account
//! share their pace.

use std::future::Future;
#[cfg(feature = "aws")]
use std::sync::{Mutex, PoisonError};
#[cfg(feature = "aws")]
use std::time::Duration;

use futures_util::{StreamExt, stream};
#[cfg(feature = "aws")]
use tokio::time::Instant;

/// The results of all calls, in their order; so many are under way at a time.
pub(super) async fn bounded<F: Future>(width: usize, calls: Vec<F>) -> Vec<F::Output> {
    stream::iter(calls).buffered(width).collect().await
}

/// When the next call may go.
#[cfg(feature = "aws")]
#[derive(Debug)]
pub(super) struct Pace {
    between: Duration,
    next: Mutex<Option<Instant>>,
}

#[cfg(feature = "aws")]
impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            between: Duration::from_secs(1) / per_second.max(1),
            next: Mutex::new(None),
        }
    }

    /// Waits until a call may go.
    pub(super) async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + self.between);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spread_evenly() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let pace = Pace::new(100);
        let begin = std::time::Instant::now();
        runtime.block_on(async {
            for _ in 0..6 {
                pace.turn().await;
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(50));
    }
}

//! How long a run may take, and whether somebody has stopped it.
//!
//! The surprise: what is under way when a run is stopped gets a moment to end, so that as much as can
//! be is known of it; nothing new begins.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::report::Failure;
use super::{Fault, TargetError};
use crate::deadline::Deadline;

/// A run takes no longer, if nothing else is said.
const LIMIT: Duration = Duration::from_mins(10);
/// What is under way when a run is stopped may take so long to end, and so may reading back.
const GRACE: Duration = Duration::from_secs(10);

/// How long a run may take, and who can stop it.
#[derive(Debug, Clone)]
pub struct Patience {
    /// When it has to be done.
    pub deadline: Deadline,
    /// Told to stop by whoever has a copy.
    pub stop: Stop,
}

/// Tells a run to stop, from whatever thread.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<Told>>);

/// What a run was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    #[default]
    Nothing,
    /// Begin nothing new.
    Stop,
    /// Let go of everything.
    Drop,
}

/// What a part of a run looks at.
#[derive(Debug)]
pub(super) struct Clock {
    deadline: Deadline,
    stop: Stop,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            deadline: Deadline::after(LIMIT),
            stop: Stop::default(),
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Told::Nothing)))
    }
}

impl Stop {
    /// Tells it once more: first to begin nothing new, then to let go of everything.
    pub fn tell(&self) {
        self.0.send_modify(|told| {
            *told = match told {
                Told::Nothing => Told::Stop,
                Told::Stop | Told::Drop => Told::Drop,
            };
        });
    }

    fn told(&self) -> Told {
        *self.0.borrow()
    }

    async fn until(&self, level: Told) {
        let mut told = self.0.subscribe();
        // We hold the sender, so that it does not go away.
        let _ = told.wait_for(|told| *told >= level).await;
    }
}

impl Patience {
    /// A clock to look at.
    pub(super) fn clock(&self) -> Clock {
        Clock {
            deadline: self.deadline.clone(),
            stop: self.stop.clone(),
        }
    }
}

impl Clock {
    /// The same, and what somebody wants to wait besides.
    pub(super) fn longer(mut self, more: Duration) -> Self {
        self.deadline = self.deadline.later(more);
        self
    }

    /// Why nothing new begins, if nothing does.
    pub(super) fn is_over(&self) -> Option<&'static str> {
        if self.stop.told() > Told::Nothing {
            Some("the run was stopped")
        } else if self.deadline.is_over() {
            Some("the time limit is reached")
        } else {
            None
        }
    }

    /// Work that may be dropped at any moment.
    pub(super) async fn of<T>(&self, work: impl Future<Output = T>) -> Result<T, TargetError> {
        tokio::select! {
            done = work => Ok(done),
            () = self.stop.until(Told::Stop) => Err(self.late()),
            () = self.deadline.passed() => Err(self.late()),
        }
    }

    /// A write: it is finished if it can be.
    pub(super) async fn finish<T>(&self, work: impl Future<Output = T>) -> Result<T, TargetError> {
        let stopped = async {
            self.stop.until(Told::Stop).await;
            tokio::select! {
                () = tokio::time::sleep(GRACE) => {}
                () = self.stop.until(Told::Drop) => {}
            }
        };
        tokio::select! {
            done = work => Ok(done),
            () = stopped => Err(self.late()),
            () = self.deadline.passed() => Err(self.late()),
        }
    }

    /// What finds out how far a run came, also when its time is over.
    pub(super) async fn look_back<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, TargetError> {
        let over = async {
            tokio::join!(self.deadline.passed(), tokio::time::sleep(GRACE));
        };
        tokio::select! {
            done = work => Ok(done),
            () = self.stop.until(Told::Drop) => Err(self.late()),
            () = over => Err(self.late()),
        }
    }

    /// What goes wrong at a target, the end of the phase included.
    pub(super) async fn failures(
        &self,
        label: String,
        work: impl Future<Output = Vec<Failure>>,
    ) -> Vec<Failure> {
        let done = self.of(work).await;
        done.unwrap_or_else(|late| vec![Failure::of(&label, None, &late)])
    }

    fn late(&self) -> TargetError {
        if self.stop.told() > Told::Nothing {
            return TargetError::new(Fault::Unreachable, "the run was stopped before it answered")
                .hint("run the command again");
        }
        let reason = format!("has not answered within {}", self.deadline.words());
        TargetError::new(Fault::Unreachable, reason)
            .hint("run the command again, with more time: --timeout 30m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn what_takes_too_long_is_dropped() {
        let patience = Patience {
            deadline: Deadline::after(Duration::from_millis(20)),
            ..Patience::default()
        };
        block_on(async {
            let clock = patience.clock();
            assert_eq!(clock.of(async { 7 }).await, Ok(7));
            let late = clock.of(std::future::pending::<()>()).await.unwrap_err();
            assert_eq!(late.fault, Fault::Unreachable);
            assert_eq!(clock.is_over(), Some("the time limit is reached"));
            assert!(clock.finish(std::future::pending::<()>()).await.is_err());
            assert_eq!(clock.look_back(async { 7 }).await, Ok(7));
        });
    }

    #[test]
    fn a_run_that_is_stopped_finishes_writes_and_begins_nothing() {
        let patience = Patience::default();
        let stop = patience.stop.clone();
        block_on(async {
            let clock = patience.clock();
            assert_eq!(clock.is_over(), None);
            let write = async {
                stop.tell();
                tokio::time::sleep(Duration::from_millis(30)).await;
                7
            };
            assert_eq!(clock.finish(write).await, Ok(7));
            assert_eq!(clock.is_over(), Some("the run was stopped"));
            assert!(clock.of(std::future::pending::<()>()).await.is_err());
            stop.tell();
            assert!(clock.finish(std::future::pending::<()>()).await.is_err());
            assert!(clock.look_back(std::future::pending::<()>()).await.is_err());
        });
    }
}

//! What all targets of one account and region share: a client, a pace, and batches. What 200
//! environments ask for at the same time is asked for in batches of twenty, not in 200 calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use tokio::sync::{Semaphore, oneshot};

use super::read::{BATCH, Seen};
use super::{
    CALL_TIME, FIRST_PAUSE, LONGEST_PAUSE, READS_A_SECOND, TRIES, TRY_TIME, WRITES_A_SECOND,
};
use crate::keys::aws::Account;
use crate::settings::Settings;
use crate::sync::aws::{self, Caller};
use crate::sync::pace::{Pace, bounded};
use crate::sync::{Fault, Links, TargetError, printable};

/// Batches at a time.
const BATCHES_AT_ONCE: usize = 4;
/// Objects that are worked on at a time, in all targets of an account and region.
const AT_ONCE: usize = 16;

/// The service in one region, as one account.
#[derive(Debug)]
pub(in crate::sync) struct Service {
    pub(super) client: Client,
    sts: aws_sdk_sts::Client,
    pub(super) writes: Pace,
    pub(super) reads: Pace,
    /// How many calls may be under way, batches aside.
    pub(super) gate: Semaphore,
    /// Who waits for what.
    waiting: Mutex<Vec<Waiting>>,
}

/// What came of one name: what is there, or why the whole batch failed.
type Answer = Result<Seen, TargetError>;

/// Who waits for a name.
type Waiting = (String, oneshot::Sender<Answer>);

impl Service {
    /// The service of an account and region, connected once in a run.
    pub(super) async fn of(
        account: &Account,
        settings: &Settings,
        links: &Links,
    ) -> Result<Arc<Self>, TargetError> {
        let key = (account.profile.clone(), account.region.clone());
        let cell = links.accounts.services.cell(key);
        // Boxed, for it is large, and whoever only waits for it needs no room for it.
        let connect = || Box::pin(Self::connect(account, settings, links));
        cell.get_or_try_init(connect).await.cloned()
    }

    async fn connect(
        account: &Account,
        settings: &Settings,
        links: &Links,
    ) -> Result<Arc<Self>, TargetError> {
        let loaded = links.accounts.load(account, settings).await?;
        let retries = RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(TRY_TIME)
            .operation_timeout(CALL_TIME)
            .build();
        let patient = Builder::from(&loaded)
            .retry_config(retries)
            .timeout_config(timeouts)
            .build();
        Ok(Arc::new(Self {
            client: Client::from_conf(patient),
            sts: aws_sdk_sts::Client::new(&loaded),
            writes: Pace::new(WRITES_A_SECOND),
            reads: Pace::new(READS_A_SECOND),
            gate: Semaphore::new(AT_ONCE),
            waiting: Mutex::default(),
        }))
    }

    /// As whom.
    pub(super) async fn caller(&self) -> Result<Caller, TargetError> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| aws::explain(&error, "sts:GetCallerIdentity", ""))?;
        Ok(Caller {
            account: printable(answer.account().unwrap_or_default()),
            arn: answer.arn().map(printable),
        })
    }

    /// Reads objects together with what others want to read at this moment, in the order of the
    /// names.
    pub(super) async fn read(&self, names: &[String]) -> Result<Vec<Seen>, TargetError> {
        let mut answers = Vec::with_capacity(names.len());
        {
            let mut waiting = self.lock();
            for name in names {
                let (sender, answer) = oneshot::channel();
                waiting.push((name.clone(), sender));
                answers.push(answer);
            }
        }
        // Whoever else is about to ask gets a chance to; whoever comes back first asks for all.
        tokio::task::yield_now().await;
        let all = std::mem::take(&mut *self.lock());
        if !all.is_empty() {
            Box::pin(self.read_for(all)).await;
        }
        let mut seen = Vec::with_capacity(names.len());
        for answer in answers {
            // Whoever asked for us was stopped, and so is the run.
            let stopped = || TargetError::new(Fault::Unreachable, "the reading was stopped");
            seen.push(answer.await.unwrap_or_else(|_| Err(stopped()))?);
        }
        match seen.iter().find_map(|answer| answer.as_ref().err()) {
            // A service that is not reached is one fault, not one for each object.
            Some(error) if error.fault == Fault::Unreachable => Err(error.clone()),
            _ => Ok(seen),
        }
    }

    async fn read_for(&self, waiting: Vec<Waiting>) {
        let mut by_name: BTreeMap<String, Vec<oneshot::Sender<Answer>>> = BTreeMap::new();
        for (name, sender) in waiting {
            by_name.entry(name).or_default().push(sender);
        }
        // No batch names an object twice.
        let mut chunks = Vec::new();
        loop {
            let next =
                |(name, senders): (&String, &mut Vec<_>)| Some((name.clone(), senders.pop()?));
            let round: Vec<Waiting> = by_name.iter_mut().filter_map(next).collect();
            if round.is_empty() {
                break;
            }
            let mut round = round.into_iter().peekable();
            while round.peek().is_some() {
                let chunk: Vec<Waiting> = round.by_ref().take(BATCH).collect();
                chunks.push(async move { Box::pin(self.answer(chunk)).await });
            }
        }
        bounded(BATCHES_AT_ONCE, chunks).await;
    }

    async fn answer(&self, chunk: Vec<Waiting>) {
        let (names, senders): (Vec<String>, Vec<_>) = chunk.into_iter().unzip();
        match self.read_some(&names).await {
            Ok(answers) => {
                for (sender, answer) in senders.into_iter().zip(answers) {
                    let _ = sender.send(Ok(answer));
                }
            }
            Err(error) => {
                for sender in senders {
                    let _ = sender.send(Err(error.clone()));
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

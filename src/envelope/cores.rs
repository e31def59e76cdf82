//! Work on many values at once, on all cores; what few values need is done at once, here.

use std::num::NonZero;
use std::thread;

/// Jobs that are not worth a thread: one takes half a microsecond, a thread takes many.
const FEW: usize = 500;

/// What the work makes of each job, in their order.
pub(super) fn on_all_cores<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = jobs.len().div_ceil(cores.min(8)).max(FEW);
    let mut shares = jobs.chunks(share);
    let own = shares.next().unwrap_or_default();
    thread::scope(|scope| {
        let others: Vec<_> = shares
            .map(|share| {
                let all = || share.iter().map(&work).collect::<Vec<R>>();
                (share, thread::Builder::new().spawn_scoped(scope, all))
            })
            .collect();
        let mut done: Vec<R> = Vec::with_capacity(jobs.len());
        done.extend(own.iter().map(&work));
        for (share, other) in others {
            // Where the system refuses a thread, this one does its share, too.
            let Ok(other) = other else {
                done.extend(share.iter().map(&work));
                continue;
            };
            match other.join() {
                Ok(made) => done.extend(made),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_and_in_order() {
        for count in [0, 1, FEW, FEW + 1, 10 * FEW + 3] {
            let jobs: Vec<usize> = (0..count).collect();
            let done = on_all_cores(&jobs, |job| job + 1);
            assert_eq!(done, (1..=count).collect::<Vec<_>>());
        }
    }
}

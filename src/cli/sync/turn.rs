//! One run at a time writes for an environment on this machine. Who comes second finds what the first
//! has written, just before it writes itself, and has nothing left to do.

use clsecrets::fs::{self, Lock};

use super::Run;
use crate::cli::Context;

/// Waits for other runs of the same environments that write; without a place for locks it goes on, and
/// what the targets say just before each write has to do.
pub(super) fn take(runs: &[Run], context: &Context) -> Vec<Lock> {
    let Some(state) = context.settings.state_dir() else {
        return Vec::new();
    };
    let names = runs.iter();
    let mut names: Vec<&str> = names
        .map(|run| run.repository.as_deref().unwrap_or(&run.name))
        .collect();
    // In one order, so that no two runs wait for each other.
    names.sort_unstable();
    names.dedup();
    let locks = names.into_iter().filter_map(|name| {
        let folder = state.join("clsecrets").join("turns").join(name);
        fs::create_private_dir(&folder).ok()?;
        fs::lock(&folder.join("turn")).ok()
    });
    locks.collect()
}

//! One run at a time writes for an environment on this machine. Who comes second finds what the first
//! has written, just before it writes itself, and has nothing left to do.

use std::collections::BTreeSet;

use clsecrets::fs::{self, Lock};

use super::Run;
use crate::cli::Context;

/// Locks there are: each is an open file, and a run may have hundreds of environments.
const PLACES: u8 = 16;

/// Waits for other runs of the same environments that write; without a place for locks it goes on, and
/// what the targets say just before each write has to do.
pub(super) fn take(runs: &[Run], context: &Context) -> Vec<Lock> {
    let Some(state) = context.state() else {
        return Vec::new();
    };
    let places = runs
        .iter()
        .map(|run| place(run.repository.as_deref().unwrap_or(&run.name)));
    // In one order, so that no two runs wait for each other.
    let places: BTreeSet<u8> = places.collect();
    let locks = places.into_iter().filter_map(|place| {
        let turns = state.join("turns");
        let folder = turns.join(format!("{place:02}"));
        fs::create_private_dir(&folder).ok()?;
        fs::lock(&folder.join("turn")).ok()
    });
    locks.collect()
}

/// Which lock an environment takes. Two that take the same one only wait for each other.
fn place(name: &str) -> u8 {
    name.bytes().fold(0, u8::wrapping_add) % PLACES
}

//! One run at a time writes for an environment on this machine. Who comes second finds what the first
//! has written, just before it writes itself, and has nothing left to do.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clsecrets::fs::{self, Lock};
use clsecrets::{Code, Error};

use super::Run;
use crate::cli::Context;

/// Locks there are: each is an open file, and a run may have hundreds of environments.
const PLACES: u8 = 16;
/// Between two looks at a lock that another run has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits for other runs of the same environments that write, no longer than the command has; without a
/// place for locks it goes on, and what the targets say just before each write has to do.
pub(super) fn take(runs: &[Run], context: &Context) -> Result<Vec<Lock>, Error> {
    let Some(state) = context.state() else {
        return Ok(Vec::new());
    };
    let turns = state.join("turns");
    // In one order, so that no two runs wait for each other.
    let mut places: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
    for run in runs {
        let place = place(run.repository.as_deref().unwrap_or(&run.name));
        places.entry(place).or_default().push(&run.name);
    }
    let mut locks = Vec::new();
    let mut is_told = false;
    for (place, names) in places {
        let folder = turns.join(format!("{place:02}"));
        locks.extend(wait(&folder, &names, &mut is_told, context)?);
    }
    Ok(locks)
}

/// Waits for one lock.
fn wait(
    folder: &Path,
    names: &[&str],
    is_told: &mut bool,
    context: &Context,
) -> Result<Option<Lock>, Error> {
    if fs::create_private_dir(folder).is_err() {
        return Ok(None);
    }
    let deadline = context.deadline();
    loop {
        match fs::try_lock(&folder.join("turn")) {
            Ok(None) => {}
            other => return Ok(other.unwrap_or_default()),
        }
        if deadline.is_over() {
            let message = format!(
                "environment {} was not synced: another run on this machine was still writing when {} \
                 was reached: nothing was written",
                names.join(", "),
                deadline.words()
            );
            let error = Error::new(Code::Other(8), message);
            return Err(error.hint("run the command again when the other run has ended"));
        }
        if !std::mem::replace(is_told, true) {
            context
                .ui
                .note("waiting for another run on this machine, which is writing");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Which lock an environment takes. Two that take the same one only wait for each other.
fn place(name: &str) -> u8 {
    name.bytes().fold(0, u8::wrapping_add) % PLACES
}

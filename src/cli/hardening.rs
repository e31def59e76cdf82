//! What a process that holds cleartext asks of the kernel: no core file of it, and no other process
//! of the same user that reads its memory.
//!
//! Done before anything is read. A kernel that refuses is no reason to stop: the file can be opened
//! by other means there, too. The surprise: programs that we start get their own state back, but
//! for the soft limit of core files, which they may raise again.

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Hardens this process.
pub(super) fn harden() {
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let none = Rlimit {
        current: Some(0),
        ..getrlimit(Resource::Core)
    };
    let _ = setrlimit(Resource::Core, none);
}

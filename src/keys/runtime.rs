//! The one runtime: started when a command first waits for something, never before.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use crate::error::{Code, Error, Result};

/// Waits for a future on the runtime of this process. One runtime serves all calls, because pooled
/// connections die with the runtime that made them.
pub fn block_on<F: Future>(future: F) -> Result<F::Output> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME
        .get_or_init(|| Builder::new_current_thread().enable_all().build().ok())
        .as_ref()
        .ok_or_else(|| {
            Error::new(Code::Failed, "cannot start the machinery for connections")
                .hint("look for a limit on open files or threads: ulimit -a")
        })?;
    Ok(runtime.block_on(future))
}

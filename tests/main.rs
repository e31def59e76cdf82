//! The integration tests, in one binary.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, and says so; its files hold no secrets"
)]

mod architecture;
mod demo;
mod example;
#[path = "cli/hook.rs"]
mod hook;
mod interop;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/reference.rs"]
mod reference;
mod registries;
mod servers;
mod support;
mod sync;
#[path = "cli/usage.rs"]
mod usage;
mod vectors;

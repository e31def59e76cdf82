//! The integration tests, in one binary.

#[path = "cli/hook.rs"]
mod hook;

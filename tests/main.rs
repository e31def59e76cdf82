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
mod cannot_notice;
mod chainlink;
mod cli;
mod conversion;
mod demo;
mod documents;
mod dotenv;
mod emission;
mod example;
mod hostile;
mod ini;
mod interop;
mod json;
mod layout;
mod leaks;
mod properties;
mod readme;
mod registries;
mod round_trip;
mod scan;
mod servers;
mod support;
mod sweep;
mod sync;
mod vectors;
mod writes;

//! Patterns: translated or refused, and matched in bounded time.
#![no_main]

use clsecrets::metadata::pattern::Pattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (pattern, subject) = text.split_once('\n').unwrap_or((text, "wallet_password"));
    if let Ok(pattern) = Pattern::new(pattern) {
        let _ = pattern.is_match(subject);
    }
});

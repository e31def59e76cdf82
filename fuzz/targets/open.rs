//! Opening what somebody has changed: an error, or cleartext that can be written; never a panic.
#![no_main]

use clsecrets::format::FORMATS;
use clsecrets_fuzz::open;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for format in FORMATS {
        if let Ok(opened) = open(*format, text) {
            let _ = opened.clear_text();
        }
    }
});

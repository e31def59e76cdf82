//! The readers: no input panics or hangs them, and a fault names a place that the text has.
#![no_main]

use clsecrets::format::FORMATS;
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    for format in FORMATS {
        if let Err(error) = format.parse(Zeroizing::new(text.to_vec())) {
            assert!(error.line >= 1 && error.column >= 1, "{error}");
            assert!(error.line <= lines + 1, "{error}: the text has {lines} lines");
        }
    }
});

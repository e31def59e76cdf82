//! The second reader of YAML: it says what the first one says, or nothing.
#![no_main]

use clsecrets::format::yaml::readers_agree;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    assert_ne!(readers_agree(text), Some(false), "the readers differ");
});

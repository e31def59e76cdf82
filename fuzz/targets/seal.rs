//! Sealing and opening: what is sealed opens again, to the same text or to one that seals alike.
#![no_main]

use clsecrets::envelope::EnvelopeError;
use clsecrets::format::FORMATS;
use clsecrets_fuzz::{open, seal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for format in FORMATS {
        let sealed = match seal(*format, text) {
            Ok(sealed) => sealed,
            Err(EnvelopeError::SelfCheck) => panic!("{}: the look back failed", format.name()),
            Err(_) => continue,
        };
        let opened = open(*format, &sealed).expect("what was sealed opens");
        let clear = match opened.clear_text() {
            Ok(clear) => clear,
            Err(EnvelopeError::SelfCheck) => panic!("{}: cleartext reads otherwise", format.name()),
            Err(_) => continue,
        };
        if *clear != text {
            // Styles that cannot be kept change, and then no more.
            let again = match seal(*format, &clear) {
                Ok(again) => again,
                // A document of comments only has become an empty map, which owns none.
                Err(EnvelopeError::StrayComment(_)) => continue,
                Err(error) => panic!("what was opened does not seal again: {error}"),
            };
            let opened = open(*format, &again).expect("and opens");
            let second = opened.clear_text().expect("and is written");
            if *second != *clear {
                // An escape that the first change has brought in becomes its letter in the second.
                let last = seal(*format, &second).expect("it seals once more");
                let opened = open(*format, &last).expect("and opens");
                let third = opened.clear_text().expect("and is written");
                assert_eq!(*third, *second, "{}", format.name());
            }
        }
    }
});

//! Tokens: what is taken for one has the form of one, and opens or does not, without a panic.
#![no_main]

use clsecrets::cipher::{Cipher, Token};
use clsecrets_fuzz::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(token) = Token::parse(text) {
        assert!(text.starts_with(b"ENC[AES256_GCM,data:"), "no token begins so");
        let key = key();
        let _ = token.open(&Cipher::new(&key), b"a:");
    }
});

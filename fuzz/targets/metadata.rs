//! Metadata: what is read and written again reads as the same.
#![no_main]

use clsecrets::format::{Format, Metadata as Branch, yaml::Yaml};
use clsecrets::metadata::Metadata;
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

fuzz_target!(|text: &[u8]| {
    let Ok(document) = Yaml.parse(Zeroizing::new(text.to_vec())) else {
        return;
    };
    let Some(Branch::Branch(fields)) = document.metadata else {
        return;
    };
    if let Ok(metadata) = Metadata::parse(fields) {
        let written = metadata.render();
        let again = Metadata::parse(written.clone()).expect("what was written is read");
        assert_eq!(again.render(), written);
    }
});

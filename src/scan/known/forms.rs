//! The forms in which a value may stand in a text: as it is, for a URL, in JSON, in base64, in
//! hexadecimal digits.
//!
//! The three digits of base64 at the border depend on what stands beside the value; they are left out,
//! so that it is found wherever it begins.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::SHORTEST;

/// What stays as it is in the user part of a URL.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Every form that is long enough to be told.
pub(super) fn of(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut add = |form: Vec<u8>| {
        let form = Zeroizing::new(form);
        if form.len() >= SHORTEST && !forms.contains(&form) {
            forms.push(form);
        }
    };
    add(value.to_vec());
    if let Some(digits) = value.strip_prefix(b"0x") {
        add(digits.to_vec());
    }
    for set in [UNRESERVED, NON_ALPHANUMERIC] {
        let encoded = percent_encode(value, set).to_string();
        // As forms of web pages write blanks.
        add(encoded.replace("%20", "+").into_bytes());
        add(lower_escapes(&encoded).into_bytes());
        add(encoded.into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(value)
        && let Ok(mut quoted) = serde_json::to_string(text)
    {
        quoted.pop();
        add(quoted.bytes().skip(1).collect());
    }
    for before in 0..3 {
        let padded = [vec![0; before], value.to_vec()].concat();
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for engine in [&STANDARD, &URL_SAFE] {
            let text = Zeroizing::new(engine.encode(&padded));
            add(text
                .as_bytes()
                .get(first..last)
                .unwrap_or_default()
                .to_vec());
        }
    }
    let digits = |upper: bool| -> Vec<u8> {
        let table: &[u8; 16] = if upper {
            b"0123456789ABCDEF"
        } else {
            b"0123456789abcdef"
        };
        let digit = |at: u8| table.get(usize::from(at)).copied().unwrap_or(b'0');
        value
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    };
    add(digits(false));
    add(digits(true));
    // A text of several lines is indented or quoted elsewhere: each long line counts.
    if value.contains(&b'\n') {
        for line in value.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            let is_label = line.starts_with(b"-----");
            if line.len() >= 24 && !is_label {
                add(line.to_vec());
            }
        }
    }
    forms
}

/// `%2f` for `%2F`.
fn lower_escapes(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    let mut left = 0;
    for c in text.chars() {
        lower.push(if left > 0 { c.to_ascii_lowercase() } else { c });
        left = if c == '%' { 2 } else { left.max(1) - 1 };
    }
    lower
}

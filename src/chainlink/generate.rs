//! Passwords that pass every rule, and survive URLs, YAML, TOML, shells and charts without a quote.

use crate::secret::SecretBytes;

/// Six bits each; first and last are of the first 62.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// About 190 bits, and less than the fifty bytes that a node takes.
const LENGTH: usize = 32;

/// Draws a password from the operating system.
pub fn generate() -> Result<SecretBytes, getrandom::Error> {
    loop {
        let mut drawn = zeroize::Zeroizing::new([0_u8; LENGTH]);
        getrandom::fill(drawn.as_mut_slice())?;
        let letter = |byte: &u8| LETTERS.get(usize::from(byte & 63)).copied().unwrap_or(b'A');
        let value = SecretBytes::new(drawn.iter().map(letter).collect());
        // Drawing again keeps every letter as likely as any other.
        if is_good(value.expose()) {
            return Ok(value);
        }
    }
}

fn is_good(value: &[u8]) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_repeated = |four: &[u8]| four.windows(2).all(|pair| pair.first() == pair.last());
    edge(value.first())
        && edge(value.last())
        && value.iter().any(u8::is_ascii_alphabetic)
        && !value.windows(4).any(is_repeated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_needs_no_quotes_and_is_never_the_same() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2000 {
            let value = generate().unwrap();
            let text = std::str::from_utf8(value.expose()).unwrap().to_owned();
            assert_eq!(text.len(), LENGTH);
            assert!(is_good(text.as_bytes()));
            assert!(text.bytes().all(|byte| LETTERS.contains(&byte)));
            assert!(seen.insert(text));
        }
    }

    #[test]
    fn a_bad_draw_is_drawn_again() {
        for bad in ["-aaBB", "aaBB_", "1112", "12345", "", "aaaab"] {
            assert!(!is_good(bad.as_bytes()), "{bad}");
        }
        assert!(is_good(b"ab-_1c"));
    }
}

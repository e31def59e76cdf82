//! Files of age identities, as `age-keygen` writes them and every tool around the format reads them.
//!
//! It makes the text and reads recipients out of one; where such a file lives is the caller's
//! matter. The surprise: the public key in it is a comment, so it is computed, never read.

use age::secrecy::ExposeSecret;
use age::x25519;
use zeroize::Zeroizing;

/// A new identity.
pub struct NewIdentity {
    /// The public half.
    pub recipient: String,
    /// The file to keep.
    pub text: Zeroizing<Vec<u8>>,
}

impl NewIdentity {
    /// Draws an identity from the operating system; `now` in seconds since 1970 dates the file.
    pub fn generate(now: i64) -> Self {
        let identity = x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let created = jiff::Timestamp::from_second(now)
            .map_or_else(|_| String::new(), |time| format!("# created: {time}\n"));
        let secret = identity.to_string();
        let mut text = Zeroizing::new(Vec::with_capacity(256));
        text.extend_from_slice(created.as_bytes());
        text.extend_from_slice(format!("# public key: {recipient}\n").as_bytes());
        text.extend_from_slice(secret.expose_secret().as_bytes());
        text.push(b'\n');
        Self { recipient, text }
    }
}

impl std::fmt::Debug for NewIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewIdentity")
            .field("recipient", &self.recipient)
            .finish_non_exhaustive()
    }
}

/// The public half of the first identity of a file, if it has one of the native kind.
pub fn recipient_of(text: &str) -> Option<String> {
    text.split_whitespace()
        .find_map(|word| word.parse::<x25519::Identity>().ok())
        .map(|identity| identity.to_public().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_reads_back_as_its_recipient() {
        let new = NewIdentity::generate(1_700_000_000);
        let text = std::str::from_utf8(&new.text).unwrap();
        let lines: Vec<_> = text.lines().collect();

        assert_eq!(lines[0], "# created: 2023-11-14T22:13:20Z");
        assert_eq!(lines[1], format!("# public key: {}", new.recipient));
        assert!(lines[2].starts_with("AGE-SECRET-KEY-1"));
        assert_eq!(recipient_of(text), Some(new.recipient.clone()));
        assert!(!format!("{new:?}").contains("SECRET"));
    }

    #[test]
    fn a_file_without_a_native_identity_has_no_recipient() {
        assert_eq!(recipient_of("# public key: age1x\nAGE-PLUGIN-X-1\n"), None);
    }
}

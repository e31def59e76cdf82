//! `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`: the text of a sealed value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Cipher, CipherError, NONCE_LEN, Opened, Type, parse};

const OPENING: &[u8] = b"ENC[AES256_GCM,data:";

/// The reference's decoder takes any bits behind the last byte.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A sealed value, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Ciphertext with the tag behind it, as the cipher wants them.
    pub sealed: Vec<u8>,
    /// Nonce.
    pub nonce: Nonce,
    /// The type that it says it has; not authenticated by the format.
    pub kind: Type,
}

/// The nonce of a token. Kept in place, because large files have many; the format's readers take
/// 12 and 16 bytes, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce {
    bytes: [u8; NONCE_LEN],
    length: usize,
}

impl Nonce {
    fn decode(text: &[u8]) -> Result<Self, TokenError> {
        // Room for whole groups of three bytes, which the decoder may ask for.
        let mut bytes = [0; NONCE_LEN + 2];
        let length = match LENIENT.decode_slice(text, &mut bytes) {
            Ok(length) => length,
            // Longer than any: to be refused for its length, if it is base64 at all.
            Err(_) => LENIENT.decode(text).map_err(|_| TokenError::Base64)?.len(),
        };
        let [bytes @ .., _, _] = bytes;
        Ok(Self { bytes, length })
    }

    /// Its bytes, or else how many it should not have.
    pub(super) fn bytes(&self) -> Result<&[u8], usize> {
        self.bytes.get(..self.length).ok_or(self.length)
    }
}

/// Why a text is no token, or does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Clear text where a token should stand.
    #[error("it is not sealed")]
    NotAToken,
    /// Something stands behind the token.
    #[error("something stands behind the closing bracket")]
    Trailing,
    /// A part is no base64.
    #[error("a part of it is no base64")]
    Base64,
    /// A type that the format does not have.
    #[error("it has an unknown type")]
    UnknownType,
    /// What it holds is no value of its type.
    #[error("what it holds is no {0}")]
    NotOfType(Type),
    /// The cryptography failed.
    #[error(transparent)]
    Cipher(#[from] CipherError),
}

impl Token {
    /// Whether a text begins as a token does; cheap.
    pub fn may_be(text: &[u8]) -> bool {
        text.starts_with(OPENING)
    }

    /// Reads a token. One line end behind it comes from a block scalar and is no junk.
    pub fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let split = |text, mark| last_split(text, mark).ok_or(TokenError::NotAToken);
        let inner = text.strip_prefix(OPENING).ok_or(TokenError::NotAToken)?;
        let (inner, behind) = split(inner, b"]")?;
        let (inner, kind) = split(inner, b",type:")?;
        let (inner, tag) = split(inner, b",tag:")?;
        let (data, nonce) = split(inner, b",iv:")?;
        if [data, nonce, tag, kind].iter().any(|part| part.is_empty()) {
            return Err(TokenError::NotAToken);
        }
        if !matches!(behind, b"" | b"\n") {
            return Err(TokenError::Trailing);
        }
        let decode = |part: &[u8], into: &mut Vec<u8>| {
            LENIENT
                .decode_vec(part, into)
                .map_err(|_| TokenError::Base64)
        };
        let mut token = Self {
            sealed: Vec::with_capacity((data.len() + tag.len()) / 4 * 3 + 3),
            nonce: Nonce::decode(nonce)?,
            kind: Type::Str,
        };
        decode(data, &mut token.sealed)?;
        decode(tag, &mut token.sealed)?;
        let word = std::str::from_utf8(kind).map_err(|_| TokenError::UnknownType)?;
        token.kind = Type::of_word(word).ok_or(TokenError::UnknownType)?;
        Ok(token)
    }

    /// Seals bytes of a type into the text of a token.
    pub fn seal(
        cipher: &Cipher<'_>,
        plain: &[u8],
        kind: Type,
        associated: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Result<String, TokenError> {
        let sealed = cipher.seal(plain, associated, nonce)?;
        let (data, tag) = sealed.split_at(sealed.len().saturating_sub(16));
        let mut text = String::with_capacity(data.len() * 4 / 3 + 130);
        text.push_str("ENC[AES256_GCM,data:");
        STANDARD.encode_string(data, &mut text);
        text.push_str(",iv:");
        STANDARD.encode_string(nonce, &mut text);
        text.push_str(",tag:");
        STANDARD.encode_string(tag, &mut text);
        text.push_str(",type:");
        text.push_str(kind.word());
        text.push(']');
        Ok(text)
    }

    /// Opens it into a typed value or a comment.
    pub fn open(self, cipher: &Cipher<'_>, associated: &[u8]) -> Result<Opened, TokenError> {
        let nonce = self.nonce.bytes().map_err(CipherError::NonceLength)?;
        let plain = cipher.open(self.sealed, associated, nonce)?;
        parse(plain, self.kind).ok_or(TokenError::NotOfType(self.kind))
    }
}

/// Splits at the last place where a mark stands: the reference's patterns are greedy.
fn last_split<'t>(text: &'t [u8], mark: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let first = *mark.first()?;
    let mut found = memchr::memrchr_iter(first, text);
    let at = found.find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(mark)))?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::DataKey;

    fn key() -> DataKey {
        DataKey::from_bytes(&(0..32).collect::<Vec<u8>>()).unwrap()
    }

    fn nonce() -> [u8; 32] {
        std::array::from_fn(|at| 0x64 + u8::try_from(at).unwrap())
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn the_recorded_tokens_are_made_and_opened() {
        let recorded = include_str!("../../fixtures/vectors/values.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        for entry in recorded["values"].as_array().unwrap() {
            let text = |name: &str| entry[name].as_str().unwrap();
            let key = DataKey::from_bytes(&bytes(text("key_hex"))).unwrap();
            let cipher = Cipher::new(&key);
            let (plain, bound) = (bytes(text("plaintext_hex")), text("aad").as_bytes());
            if plain.is_empty() {
                continue;
            }
            let kind = Type::of_word(text("type")).unwrap();
            if let Ok(nonce) = bytes(text("iv_hex")).try_into() {
                let token = Token::seal(&cipher, &plain, kind, bound, nonce).unwrap();
                assert_eq!(token, text("enc"), "{}", text("name"));
            }
            let opened = Token::parse(text("enc").as_bytes())
                .unwrap()
                .open(&cipher, bound);
            assert!(opened.is_ok(), "{}", text("name"));
        }
    }

    #[test]
    fn a_token_opens_only_at_its_place_and_unchanged() {
        let key = key();
        let cipher = Cipher::new(&key);
        let text = Token::seal(&cipher, b"hello", Type::Str, b"a:", nonce()).unwrap();
        let token = || Token::parse(text.as_bytes()).unwrap();
        assert_eq!(
            token().open(&cipher, b"b:").unwrap_err(),
            CipherError::Tag.into()
        );
        let mut changed = token();
        changed.sealed[0] ^= 1;
        assert_eq!(
            changed.open(&cipher, b"a:").unwrap_err(),
            CipherError::Tag.into()
        );
        let mut retyped = token();
        retyped.kind = Type::Int;
        assert_eq!(
            retyped.open(&cipher, b"a:").unwrap_err(),
            TokenError::NotOfType(Type::Int)
        );
    }

    #[test]
    fn nonces_of_other_lengths_than_the_readers_take_are_refused_by_their_length() {
        let key = key();
        let cipher = Cipher::new(&key);
        for length in [0_usize, 1, 12, 13, 16, 31, 32, 33, 34, 35, 400] {
            let nonce = STANDARD.encode(vec![7; length]);
            let text = format!("ENC[AES256_GCM,data:AA==,iv:{nonce},tag:AA==,type:str]");
            let opened = Token::parse(text.as_bytes()).and_then(|token| token.open(&cipher, b"a:"));
            let expected = match length {
                0 => TokenError::NotAToken,
                12 | 16 | 32 => CipherError::Tag.into(),
                other => CipherError::NonceLength(other).into(),
            };
            assert_eq!(opened.unwrap_err(), expected, "{length}");
        }
    }

    #[test]
    fn a_text_that_is_no_token_says_why() {
        let key = key();
        let text = Token::seal(&Cipher::new(&key), b"x", Type::Str, b"a:", nonce()).unwrap();
        for (changed, expected) in [
            ("hunter2".to_owned(), TokenError::NotAToken),
            (format!("{text}junk"), TokenError::Trailing),
            (format!(" {text}"), TokenError::NotAToken),
            (
                text.replace("type:str", "type:odd"),
                TokenError::UnknownType,
            ),
            (text.replace("data:", "data:!"), TokenError::Base64),
            (
                "ENC[AES256_GCM,data:,iv:AA==,tag:AA==,type:str]".to_owned(),
                TokenError::NotAToken,
            ),
        ] {
            assert_eq!(Token::parse(changed.as_bytes()).unwrap_err(), expected);
        }
        assert!(Token::parse(format!("{text}\n").as_bytes()).is_ok());
    }
}

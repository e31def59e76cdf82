//! Cleartext in memory: zeroed on drop, never cloned, never shown.
//!
//! There is one way out, [`Secret::expose`], and `tests/architecture.rs` lists the files that may
//! call it. The surprise: comparing goes through [`SecretBytes::ct_eq`], because `==` on bytes stops at
//! the first difference and so tells how much of a guess was right.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A value that is zeroed when it goes out of scope and prints as `[redacted]`.
pub struct Secret<T: Zeroize>(T);

/// A text that is kept once, for whoever reads a part of it; zeroed when the last of them is gone.
pub type SharedText = Arc<Zeroizing<Vec<u8>>>;

/// Bytes of one value: what is sealed, and what is delivered.
pub struct SecretBytes(Kept);

/// Who keeps the bytes.
enum Kept {
    Own(Secret<Vec<u8>>),
    /// They stand in a text that is kept already: from a byte on, so many.
    Part(SharedText, u32, u32),
}

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody; the caller keeps no copy.
    pub fn new(inner: T) -> Self {
        Self(inner)
    }

    /// Lends the cleartext. Call it as late as possible and bind the result to no name that
    /// outlives the statement.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl SecretBytes {
    /// Takes bytes into custody; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Kept::Own(Secret::new(bytes)))
    }

    /// Copies bytes into custody.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// A part of a text that is in custody, without a copy of it.
    pub fn part_of(text: &SharedText, range: Range<usize>) -> Self {
        let part = (u32::try_from(range.start), u32::try_from(range.len()));
        match (part, text.get(range.clone())) {
            ((Ok(start), Ok(length)), Some(_)) => Self(Kept::Part(Arc::clone(text), start, length)),
            (_, found) => Self::copy_of(found.unwrap_or_default()),
        }
    }

    /// Lends the cleartext, under the terms of [`Secret::expose`].
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Kept::Own(bytes) => bytes.expose(),
            Kept::Part(text, start, length) => {
                let at = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
                let rest = text.get(at(*start)..).unwrap_or_default();
                rest.get(..at(*length)).unwrap_or_default()
            }
        }
    }

    /// Takes them out, leaving nothing.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(Vec::new()))
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Compares in a time that depends on the lengths only.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }

    /// Makes a second custody of the same bytes; named, so that a copy is never an accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(self.expose())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The 32 random bytes that seal every value of one file; master keys wrap it.
pub struct DataKey(Box<[u8; DataKey::LEN]>);

impl DataKey {
    /// Bytes of a data key (AES-256).
    pub const LEN: usize = 32;

    /// Takes exactly [`DataKey::LEN`] bytes; anything else is no data key.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Box::new([0; Self::LEN]);
        if bytes.len() != Self::LEN {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// Draws a key from the operating system.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut key = Box::new([0; Self::LEN]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Lends the key bytes.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Compares in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }

    /// Makes a second custody of the same bytes.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

/// One share of a data key: for each of its bytes one, then the number of the share.
pub struct Share(Box<[u8; Share::LEN]>);

impl Share {
    /// Bytes of a share.
    pub const LEN: usize = DataKey::LEN + 1;

    /// Takes exactly [`Share::LEN`] bytes. None has the number 0: there the data key itself lies.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut share = Box::new([0; Self::LEN]);
        if bytes.len() != Self::LEN || bytes.last() == Some(&0) {
            return None;
        }
        share.copy_from_slice(bytes);
        Some(Self(share))
    }

    /// Lends the bytes.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Its number, which is no secret.
    pub fn number(&self) -> u8 {
        let [.., number] = *self.0;
        number
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, [redacted])", self.number())
    }
}

/// What a master key wraps: a data key, or one share of it.
#[derive(Debug)]
pub enum Portion {
    /// All of it: the file has one key group.
    Whole(DataKey),
    /// What the members of one group hold.
    Share(Share),
}

impl Portion {
    /// The most bytes that one has.
    pub const MAX: usize = Share::LEN;

    /// Takes the bytes of either; their number says which it is.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        DataKey::from_bytes(bytes)
            .map(Self::Whole)
            .or_else(|| Share::from_bytes(bytes).map(Self::Share))
    }

    /// Compares in constant time; what is of another kind is something else.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }

    /// Lends the bytes.
    pub fn expose(&self) -> &[u8] {
        match self {
            Self::Whole(data_key) => data_key.expose(),
            Self::Share(share) => share.expose(),
        }
    }

    /// Makes a second custody of the same bytes.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Whole(data_key) => Self::Whole(data_key.duplicate()),
            Self::Share(Share(share)) => Self::Share(Share(share.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        assert_eq!(
            format!("{:?}", SecretBytes::copy_of(b"hunter2")),
            "[redacted]"
        );
        let key = DataKey::from_bytes(&[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "DataKey([redacted])");
        let share = Portion::from_bytes(&[7; 33]).unwrap();
        assert_eq!(format!("{share:?}"), "Share(Share(7, [redacted]))");
    }

    #[test]
    fn equal_bytes_are_equal_and_others_are_not() {
        let a = SecretBytes::copy_of(b"abc");
        assert!(a.ct_eq(&SecretBytes::copy_of(b"abc")));
        assert!(!a.ct_eq(&SecretBytes::copy_of(b"abd")));
        assert!(!a.ct_eq(&SecretBytes::copy_of(b"ab")));
    }

    #[test]
    fn a_part_of_a_text_is_what_stands_there() {
        let text = SharedText::new(Zeroizing::new(b"a: hunter2".to_vec()));
        let part = SecretBytes::part_of(&text, 3..10);
        assert_eq!(part.expose(), b"hunter2");
        assert_eq!(format!("{part:?}"), "[redacted]");
        assert!(part.ct_eq(&SecretBytes::copy_of(b"hunter2")));
        assert!(SecretBytes::part_of(&text, 3..11).is_empty());
        drop(text);
        assert_eq!(part.duplicate().len(), 7);
    }

    #[test]
    fn a_data_key_has_32_bytes() {
        assert!(DataKey::from_bytes(&[0; 31]).is_none());
        assert!(DataKey::from_bytes(&[0; 33]).is_none());
    }

    #[test]
    fn the_number_of_bytes_tells_a_share_from_a_data_key() {
        assert!(matches!(
            Portion::from_bytes(&[1; 32]),
            Some(Portion::Whole(_))
        ));
        assert!(matches!(
            Portion::from_bytes(&[1; 33]),
            Some(Portion::Share(_))
        ));
        assert!(Portion::from_bytes(&[1; 34]).is_none());
        assert!(Portion::from_bytes(&[0; 33]).is_none());
    }
}

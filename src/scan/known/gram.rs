//! The keyed hash of eight bytes (SipHash-2-4, Aumasson and Bernstein 2012): fast enough for every
//! byte of a text, and of no use to whoever lacks the key.

use super::{GRAM, IndexKey};

/// The hash under one key.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub(super) struct Grams {
    low: u64,
    high: u64,
}

impl std::fmt::Debug for Grams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grams([redacted])")
    }
}

impl Grams {
    pub(super) fn new(key: &IndexKey) -> Self {
        let key = key.derived("gram");
        let part = |from: usize| {
            let bytes = key.iter().skip(from).take(8);
            bytes
                .rev()
                .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        Self {
            low: part(0),
            high: part(8),
        }
    }

    /// The hash of eight bytes.
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let word = bytes
            .iter()
            .take(GRAM)
            .rev()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let mut state = [
            self.low ^ 0x736f_6d65_7073_6575,
            self.high ^ 0x646f_7261_6e64_6f6d,
            self.low ^ 0x6c79_6765_6e65_7261,
            self.high ^ 0x7465_6462_7974_6573,
        ];
        for word in [word, 8 << 56] {
            state[3] ^= word;
            round(&mut state);
            round(&mut state);
            state[0] ^= word;
        }
        state[2] ^= 0xff;
        for _ in 0..4 {
            round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }

    /// The gram of a text with the least hash, and where it stands.
    pub(super) fn rarest(&self, text: &[u8]) -> Option<(u64, usize)> {
        text.windows(GRAM)
            .enumerate()
            .map(|(at, window)| (self.hash(window), at))
            .min()
    }
}

fn round(state: &mut [u64; 4]) {
    state[0] = state[0].wrapping_add(state[1]);
    state[2] = state[2].wrapping_add(state[3]);
    state[1] = state[1].rotate_left(13) ^ state[0];
    state[3] = state[3].rotate_left(16) ^ state[2];
    state[0] = state[0].rotate_left(32);
    state[2] = state[2].wrapping_add(state[1]);
    state[0] = state[0].wrapping_add(state[3]);
    state[1] = state[1].rotate_left(17) ^ state[2];
    state[3] = state[3].rotate_left(21) ^ state[0];
    state[2] = state[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_comes_out() {
        // Key 00..0f, message 00..07 (the paper's reference implementation).
        let grams = Grams {
            low: 0x0706_0504_0302_0100,
            high: 0x0f0e_0d0c_0b0a_0908,
        };
        assert_eq!(grams.hash(&[0, 1, 2, 3, 4, 5, 6, 7]), 0x93f5_f579_9a93_2462);
    }
}

//! Shamir's secret sharing of a data key, byte by byte over GF(2^8) with the polynomial of AES.
//!
//! Share `x` holds, for each byte of the key, the value at `x` of a random polynomial that has this
//! byte at 0. The surprise: there are no tables of logarithms, as others have them, because which
//! entry of a table is read depends on the secret and shows in the cache.

use std::hint::black_box;

use zeroize::Zeroizing;

use crate::secret::{DataKey, Share};

/// Why a data key cannot be split or put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharesError {
    /// One share would be the data key itself.
    #[error("the threshold is at least 2 where there are several key groups")]
    LowThreshold,
    /// Nobody could ever open it.
    #[error("the threshold is higher than the number of key groups")]
    HighThreshold,
    /// The number of a share is one byte.
    #[error("there are at most {MOST} key groups")]
    TooMany,
    /// One share says nothing.
    #[error("at least two shares are needed")]
    TooFew,
    /// Two groups hold the same share.
    #[error("two of its key groups hold the same share")]
    Twice,
    /// There are no coefficients to be had.
    #[error("the operating system gave no random bytes")]
    NoRandom,
}

/// The most shares that a data key has.
pub const MOST: usize = 255;

/// Splits a data key into shares, numbered from 1, of which `threshold` give it back.
pub(super) fn split(
    data_key: &DataKey,
    shares: usize,
    threshold: usize,
) -> Result<Vec<Share>, SharesError> {
    check(shares, threshold)?;
    // One polynomial for each byte; its coefficients from the first power up.
    let mut coefficients = Zeroizing::new(vec![0; (threshold - 1) * DataKey::LEN]);
    getrandom::fill(&mut coefficients).map_err(|_| SharesError::NoRandom)?;
    split_with(data_key, shares, &coefficients)
}

/// Whether a data key can be split so.
pub fn check(shares: usize, threshold: usize) -> Result<(), SharesError> {
    match (shares, threshold) {
        (shares, _) if shares > MOST => Err(SharesError::TooMany),
        (_, 0 | 1) => Err(SharesError::LowThreshold),
        (shares, threshold) if threshold > shares => Err(SharesError::HighThreshold),
        _ => Ok(()),
    }
}

fn split_with(
    data_key: &DataKey,
    shares: usize,
    coefficients: &[u8],
) -> Result<Vec<Share>, SharesError> {
    (1..=shares)
        .map(|number| {
            let x = u8::try_from(number).map_err(|_| SharesError::TooMany)?;
            let mut share = Zeroizing::new([0; Share::LEN]);
            let [y @ .., last] = &mut *share;
            for powers in coefficients.chunks(DataKey::LEN).rev() {
                for (y, coefficient) in y.iter_mut().zip(powers) {
                    *y = multiply(*y ^ coefficient, x);
                }
            }
            for (y, byte) in y.iter_mut().zip(data_key.expose()) {
                *y ^= byte;
            }
            *last = x;
            Share::from_bytes(&*share).ok_or(SharesError::TooMany)
        })
        .collect()
}

/// Puts a data key together from all of these shares. Too few of them, or such as do not belong
/// together, give another key without notice: only a MAC tells.
pub(super) fn combine(shares: &[&Share]) -> Result<DataKey, SharesError> {
    if shares.len() < 2 {
        return Err(SharesError::TooFew);
    }
    let mut key = Zeroizing::new([0; DataKey::LEN]);
    for (at, share) in shares.iter().enumerate() {
        // The value at 0 of the polynomial that is 1 here and 0 at the other shares.
        let mut weight = 1;
        for (other_at, other) in shares.iter().enumerate() {
            let difference = other.number() ^ share.number();
            if other_at == at {
                continue;
            }
            if difference == 0 {
                return Err(SharesError::Twice);
            }
            weight = multiply(weight, multiply(other.number(), inverse(difference)));
        }
        for (byte, y) in key.iter_mut().zip(share.expose()) {
            *byte ^= multiply(*y, weight);
        }
    }
    DataKey::from_bytes(&*key).ok_or(SharesError::TooFew)
}

/// The product in GF(2^8), in the same steps whatever the factors are.
fn multiply(mut a: u8, b: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        product ^= a & black_box(mask(b >> bit));
        a = (a << 1) ^ (REDUCTION & black_box(mask(a >> 7)));
    }
    product
}

/// All bits, if the lowest is set.
fn mask(bit: u8) -> u8 {
    0_u8.wrapping_sub(bit & 1)
}

/// The inverse, which is the power 254; numbers of shares are no secret.
fn inverse(a: u8) -> u8 {
    let mut power = a;
    for _ in 0..6 {
        power = multiply(multiply(power, power), a);
    }
    multiply(power, power)
}

/// x^8 + x^4 + x^3 + x + 1, without its highest power.
const REDUCTION: u8 = 0x1b;

#[cfg(test)]
mod tests;

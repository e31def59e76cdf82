use proptest::prelude::*;

use super::*;

/// 00 01 … 1f.
fn counting() -> DataKey {
    let bytes: Vec<u8> = (0..32).collect();
    DataKey::from_bytes(&bytes).unwrap()
}

fn hex(share: &Share) -> String {
    use std::fmt::Write;
    share.expose().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn chosen<'a>(shares: &'a [Share], places: &[usize]) -> Vec<&'a Share> {
    places.iter().map(|place| &shares[*place]).collect()
}

#[test]
fn products_and_inverses_are_those_of_the_field_of_aes() {
    assert_eq!(multiply(0x57, 0x83), 0xc1);
    assert_eq!(inverse(0x53), 0xca);
    for a in 0..=255 {
        assert_eq!(multiply(a, 1), a);
        assert_eq!(multiply(a, 0), 0);
        if a != 0 {
            assert_eq!(multiply(a, inverse(a)), 1, "{a:02x}");
        }
        for b in 0..=255 {
            // As one learns it at school: multiply, then divide by the polynomial.
            let mut product = (0..8)
                .filter(|bit| b >> bit & 1 == 1)
                .fold(0, |sum: u16, bit| sum ^ u16::from(a) << bit);
            for bit in (8..16).rev() {
                if product >> bit & 1 == 1 {
                    product ^= 0x11b << (bit - 8);
                }
            }
            assert_eq!(u16::from(multiply(a, b)), product, "{a:02x}·{b:02x}");
            assert_eq!(multiply(a, b), multiply(b, a));
        }
    }
}

#[test]
fn the_recorded_shares_are_made_and_put_together() {
    let shares = split_with(&counting(), 3, &[3; 32]).unwrap();
    let recorded = [
        "03020100070605040b0a09080f0e0d0c13121110171615141b1a19181f1e1d1c01",
        "06070405020300010e0f0c0d0a0b080916171415121310111e1f1c1d1a1b181902",
        "05040706010003020d0c0f0e09080b0a15141716111013121d1c1f1e19181b1a03",
    ];
    assert_eq!(shares.iter().map(hex).collect::<Vec<_>>(), recorded);
    for places in [vec![0, 2], vec![2, 0], vec![1, 2], vec![0, 1, 2]] {
        let key = combine(&chosen(&shares, &places)).unwrap();
        assert!(key.ct_eq(&counting()), "{places:?}");
    }
}

#[test]
fn shares_are_numbered_from_one_and_hold_what_chance_gives() {
    let key = counting();
    let (one, other) = (split(&key, 2, 2).unwrap(), split(&key, 2, 2).unwrap());
    assert_eq!(one.iter().map(Share::number).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(hex(&one[0]), hex(&other[0]));
}

#[test]
fn a_threshold_that_cannot_be_is_refused() {
    let key = counting();
    for (shares, threshold, error) in [
        (3, 0, SharesError::LowThreshold),
        (3, 1, SharesError::LowThreshold),
        (3, 4, SharesError::HighThreshold),
        (1, 2, SharesError::HighThreshold),
        (256, 2, SharesError::TooMany),
    ] {
        assert_eq!(split(&key, shares, threshold).unwrap_err(), error);
        assert_eq!(check(shares, threshold), Err(error));
    }
    let most = split(&key, MOST, MOST).unwrap();
    let all: Vec<&Share> = most.iter().collect();
    assert!(combine(&all).unwrap().ct_eq(&key));
}

#[test]
fn one_share_and_the_same_share_twice_give_nothing() {
    let shares = split(&counting(), 3, 2).unwrap();
    let few = combine(&chosen(&shares, &[1])).unwrap_err();
    assert_eq!(few, SharesError::TooFew);
    assert_eq!(combine(&[]).unwrap_err(), SharesError::TooFew);
    for places in [vec![0, 0], vec![0, 1, 0]] {
        let twice = combine(&chosen(&shares, &places)).unwrap_err();
        assert_eq!(twice, SharesError::Twice);
    }
}

proptest! {
    #[test]
    fn so_many_shares_as_the_threshold_says_give_the_key_and_one_less_does_not(
        bytes in any::<[u8; 32]>(),
        (count, threshold, places) in (2_usize..9)
            .prop_flat_map(|count| (Just(count), 2..=count))
            .prop_flat_map(|(count, threshold)| {
                let all: Vec<usize> = (0..count).collect();
                (Just(count), Just(threshold), Just(all).prop_shuffle())
            }),
    ) {
        let key = DataKey::from_bytes(&bytes).unwrap();
        let shares = split(&key, count, threshold).unwrap();
        for enough in threshold..=count {
            let opened = combine(&chosen(&shares, &places[..enough])).unwrap();
            prop_assert!(opened.ct_eq(&key));
        }
        // That chance makes all 32 leading coefficients zero is beyond 2^-255.
        match combine(&chosen(&shares, &places[..threshold - 1])) {
            Ok(other) => prop_assert!(!other.ct_eq(&key)),
            Err(error) => prop_assert_eq!(error, SharesError::TooFew),
        }
    }
}

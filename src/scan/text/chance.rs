//! Whether a text looks as if chance had made it: not by its entropy alone, which code has as well,
//! but by how its letters follow one another.

/// Pairs of letters that text and names are made of.
const USUAL: &str = "th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al \
    de se le sa si ar ve ra ld ur ro ri io ne me ic co ll ce om ma ch us la el ta di ec ge ns pe ut un \
    ss em il li ee ly po so tr no ca ac ot mo wa pr ns su rt ho rs ss id ie ir ol oo ow op ct ul am ad ay \
    ev ex fi fo ag ai ap av be bl bo br bu by ci cl cr cu da do ds du dy ef ei ep eq ew ey fa fe fl fr fu \
    ga gh gi gl go gr gu ib if ig ig im ip ir iv ke ki ks ku lo ls lt lu mb mi mm mp mu my na nc nn nu ob \
    oc od og ok os ov pa ph pi pl pp ps pt pu qu rc rd rg rk rm rn rr ru rv ry sc sh sk sl sm sn sp sw sy \
    tc tl ts tt tu tw ty ua ub uc ue ug ui um up uw va vi vo we wh wi wo xt yp ys yt ks ck ft gs nk";

fn is_usual(first: u8, second: u8) -> bool {
    static TABLE: std::sync::OnceLock<[u32; 26]> = std::sync::OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = [0u32; 26];
        for pair in USUAL.split_ascii_whitespace() {
            if let [a, b] = *pair.as_bytes()
                && let Some(row) = table.get_mut(usize::from(a - b'a'))
            {
                *row |= 1 << (b - b'a');
            }
        }
        table
    });
    let row = first.to_ascii_lowercase().wrapping_sub(b'a');
    let column = second.to_ascii_lowercase().wrapping_sub(b'a');
    table
        .get(usize::from(row))
        .is_some_and(|row| column < 26 && row & (1 << column) != 0)
}

/// Whether a text of some length is of one piece and looks random.
pub(in crate::scan) fn looks_random(text: &[u8], shortest: usize) -> bool {
    if text.len() < shortest || text.iter().any(|byte| !byte.is_ascii_graphic()) {
        return false;
    }
    if text.iter().all(u8::is_ascii_hexdigit) {
        return is_random_hex(text);
    }
    if is_uuid(text) {
        return distinct(text) >= 9;
    }
    let letters = text
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let marks = text.len() - letters - digits;
    if distinct(text) < 9 || marks * 3 > text.len() {
        return false;
    }
    // Digits with separators are dates, versions, numbers.
    if letters * 5 < text.len() {
        return false;
    }
    let pairs: Vec<(u8, u8)> = text
        .windows(2)
        .filter_map(|pair| match *pair {
            [a, b] => Some((a, b)),
            _ => None,
        })
        .collect();
    let is_letter = |byte: u8| byte.is_ascii_alphabetic();
    let inside: Vec<_> = pairs
        .iter()
        .filter(|(a, b)| is_letter(*a) && is_letter(*b))
        .collect();
    // A change of case within a run is as odd as a rare pair: `aB` begins a word, `Ab` follows it.
    let usual = inside
        .iter()
        .filter(|(a, b)| is_usual(*a, *b) && !(a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    let switches = pairs
        .iter()
        .filter(|(a, b)| is_letter(*a) && b.is_ascii_digit() || a.is_ascii_digit() && is_letter(*b))
        .count();
    let cases = pairs
        .iter()
        .filter(|(a, b)| {
            a.is_ascii_lowercase() && b.is_ascii_uppercase()
                || a.is_ascii_uppercase() && b.is_ascii_lowercase()
        })
        .count();
    let oddity = switches + cases;
    let is_worded = longest_worded(text) * 2 >= letters.max(1);
    !is_worded
        && oddity * 5 >= text.len().min(40)
        && (inside.is_empty() || usual * 100 < inside.len() * 62)
}

/// Hexadecimal digits that are no count and no word.
pub(in crate::scan) fn is_random_hex(text: &[u8]) -> bool {
    let letters = text
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let digits = text.len() - letters;
    distinct(&text.to_ascii_lowercase()) >= 8 && letters >= 3 && digits >= 4
}

/// `8-4-4-4-12` hexadecimal digits.
pub(in crate::scan) fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

pub(in crate::scan) fn distinct(text: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in text {
        if let Some(one) = seen.get_mut(usize::from(*byte)) {
            *one = true;
        }
    }
    seen.iter().filter(|one| **one).count()
}

/// The number of letters in runs of four and more that read like words.
fn longest_worded(text: &[u8]) -> usize {
    let mut total = 0;
    for run in text.split(|byte| !byte.is_ascii_alphabetic()) {
        let mut start = 0;
        for at in 1..=run.len() {
            let turns = run.get(at).is_none_or(|byte| {
                byte.is_ascii_uppercase() && run.get(at - 1).is_some_and(u8::is_ascii_lowercase)
            });
            if !turns {
                continue;
            }
            let word = run.get(start..at).unwrap_or_default();
            start = at;
            if word.len() < 4 {
                continue;
            }
            let usual = word
                .windows(2)
                .filter(|pair| matches!(**pair, [a, b] if is_usual(a, b)))
                .count();
            let has_vowel = word.iter().any(|byte| b"aeiouyAEIOUY".contains(byte));
            let same_case = word.iter().skip(1).all(u8::is_ascii_lowercase)
                || word.iter().all(u8::is_ascii_uppercase);
            if has_vowel && same_case && usual * 3 >= (word.len() - 1) * 2 {
                total += word.len();
            }
        }
    }
    total
}

/// Whether a person may have chosen it for a password: several kinds of characters, one word.
pub(in crate::scan) fn looks_chosen(text: &[u8]) -> bool {
    if !(8..=72).contains(&text.len()) || text.iter().any(|byte| !byte.is_ascii_graphic()) {
        return false;
    }
    let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
    let lower = has(u8::is_ascii_lowercase);
    let upper = has(u8::is_ascii_uppercase);
    let digit = has(u8::is_ascii_digit);
    let mark = text.iter().any(|byte| b"!@#$%^&*+=?~".contains(byte));
    let kinds = [lower, upper, digit, mark]
        .iter()
        .filter(|kind| **kind)
        .count();
    digit && kinds >= 3 && distinct(text) >= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chance_makes_is_told_from_names() {
        for text in [
            "Xk29vQpLm3ZtR7wB",
            "q7Gz2mWx9Lp4Rt8Vb1Nc",
            "3f2a9c1e7b8d4f6a0c5e2d9b1a7f8c3e",
            "aGVsbG8gd29ybGQhIFhZWg9Kk2",
            "b6f0a9d2-3c41-4e8a-9f37-1d2c5b7e8a90",
            "wJz8KqPd3mYtRb6NcXv1Lh5GsF0aQeUi4ToZ7pM2",
        ] {
            assert!(looks_random(text.as_bytes(), 16), "{text}");
        }
        for text in [
            "kubernetes.io/service-account-token",
            "getUserPasswordFromVault",
            "AWS_SECRET_ACCESS_KEY_ID_V2",
            "secrets/prod/encrypted-secrets.yaml",
            "12345678901234567890",
            "aaaaaaaaaaaaaaaaaaaaaaa1",
            "v1.2.3-alpha.4-20240101",
            "chainlink-node-secrets-2",
            "application/x-www-form-urlencoded",
            "PasswordHashAlgorithmSha256",
        ] {
            assert!(!looks_random(text.as_bytes(), 16), "{text}");
        }
    }

    #[test]
    fn a_password_that_a_person_chose_has_several_kinds_of_characters() {
        assert!(looks_chosen(b"Summer2024!"));
        assert!(looks_chosen(b"Tr0ub4dor&3"));
        assert!(!looks_chosen(b"password"));
        assert!(!looks_chosen(b"two words 1A"));
    }
}

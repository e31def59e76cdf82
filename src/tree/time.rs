//! Timestamps: as the format seals them (RFC 3339), and in the forms that YAML lets stand unquoted.
//!
//! Text only, no clock: a value keeps its own offset, and its digits are never recomputed.

/// RFC 3339 with the fraction's trailing zeros cut, if the text is a timestamp: a date; a date and
/// a time behind a blank, without zone; or both joined by `T` or `t`, with a zone. Months, days
/// and parts of the time may have one digit.
pub fn from_yaml(text: &str) -> Option<String> {
    if text.len() < 8 || text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    let mut rest = Digits(text.as_bytes());
    let year = rest.exactly(4)?;
    rest.skip(b'-')?;
    let month = rest.up_to_two()?;
    rest.skip(b'-')?;
    let day = rest.up_to_two()?;
    if !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let with_zone = match rest.0.first() {
        None => return Some(format!("{date}T00:00:00Z")),
        Some(b'T' | b't') => true,
        Some(b' ') => false,
        Some(_) => return None,
    };
    rest.0 = rest.0.get(1..)?;
    if !with_zone {
        rest.0 = rest.0.trim_ascii_start();
    }
    let (hour, minute, second) = {
        let hour = rest.up_to_two()?;
        rest.skip(b':')?;
        let minute = rest.up_to_two()?;
        rest.skip(b':')?;
        (hour, minute, rest.up_to_two()?)
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = rest.fraction();
    let zone = if with_zone {
        rest.zone()?
    } else {
        "Z".to_owned()
    };
    rest.0
        .is_empty()
        .then(|| format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// Whether it is a timestamp but for a zone of 24 hours or 60 minutes: the reference reads it and
/// cannot write it.
pub fn has_odd_zone(text: &str) -> bool {
    let Some((before, zone)) = text
        .len()
        .checked_sub(5)
        .and_then(|at| text.split_at_checked(at))
    else {
        return false;
    };
    let mut parts = Digits(zone.as_bytes());
    let mut zone = || {
        let hours = parts.exactly(2)?;
        parts.skip(b':')?;
        Some((hours, parts.exactly(2)?))
    };
    matches!(zone(), Some((hours, minutes)) if hours <= 24 && minutes <= 60 && (hours == 24 || minutes == 60))
        && from_yaml(&format!("{before}01:00")).is_some()
}

/// The same for a text that must be RFC 3339 with all its digits.
pub fn from_rfc3339(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let has = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let is_full = has(7, b'-') && has(10, b'T') && has(13, b':') && has(16, b':');
    let is_zoned = !matches!(bytes.get(19), None | Some(b'0'..=b'9'));
    (is_full && is_zoned).then(|| from_yaml(text)).flatten()
}

/// RFC 3339 in seconds: what is bound into the sealed MAC.
pub fn in_seconds(text: &str) -> Option<String> {
    let full = from_rfc3339(text)?;
    let (date_and_time, zone) = full.split_at_checked(19)?;
    Some(format!(
        "{date_and_time}{}",
        zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit())
    ))
}

/// Seconds since 1970 as RFC 3339 in UTC.
pub fn from_unix(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from a day number, in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn number(&mut self, length: usize) -> Option<u32> {
        let digits = self.0.get(..length)?;
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        self.0 = self.0.get(length..)?;
        Some(number)
    }

    fn length(&self) -> usize {
        self.0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    fn exactly(&mut self, length: usize) -> Option<u32> {
        (self.length() >= length)
            .then(|| self.number(length))
            .flatten()
    }

    fn up_to_two(&mut self) -> Option<u32> {
        let length = self.length().min(2);
        (length > 0).then(|| self.number(length)).flatten()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// At most nine digits count; what follows them is dropped.
    fn fraction(&mut self) -> String {
        let has_point = matches!(self.0.first(), Some(b'.' | b','));
        let digits = Digits(self.0.get(1..).unwrap_or_default());
        let length = digits.length();
        if !has_point || length == 0 {
            return String::new();
        }
        let kept = digits.0.get(..length.min(9)).unwrap_or_default();
        let kept = String::from_utf8_lossy(kept)
            .trim_end_matches('0')
            .to_owned();
        self.0 = digits.0.get(length..).unwrap_or_default();
        if kept.is_empty() {
            kept
        } else {
            format!(".{kept}")
        }
    }

    fn zone(&mut self) -> Option<String> {
        if self.0.first() == Some(&b'Z') {
            self.0 = self.0.get(1..)?;
            return Some("Z".to_owned());
        }
        let sign = *self.0.first().filter(|sign| matches!(sign, b'+' | b'-'))?;
        self.0 = self.0.get(1..)?;
        let hours = self.exactly(2)?;
        self.skip(b':')?;
        let minutes = self.exactly(2)?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        if (hours, minutes) == (0, 0) {
            return Some("Z".to_owned());
        }
        Some(format!("{}{hours:02}:{minutes:02}", char::from(sign)))
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_stays_and_utc_is_z() {
        assert_eq!(
            from_rfc3339("2024-01-02T03:04:05.120+02:00").unwrap(),
            "2024-01-02T03:04:05.12+02:00"
        );
        assert_eq!(
            in_seconds("2024-01-02T03:04:05.12+00:00").unwrap(),
            "2024-01-02T03:04:05Z"
        );
        assert_eq!(
            in_seconds("2024-01-02T03:04:05.12-03:30").unwrap(),
            "2024-01-02T03:04:05-03:30"
        );
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2024-1-2T3:4:5Z",
            "2024-01-02",
            "2024-01-02T03:04:05",
            "2024-02-30T00:00:00Z",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_become_dates() {
        assert_eq!(from_unix(0), "1970-01-01T00:00:00Z");
        assert_eq!(from_unix(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(from_unix(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(from_unix(1_795_305_600), "2026-11-22T00:00:00Z");
    }
}

//! Timestamps that stand unquoted in YAML, in the four forms that the reference reads.

/// RFC 3339 with the fraction's trailing zeros cut, if the text is a timestamp: a date; a date and
/// a time behind a blank, without zone; or both joined by `T` or `t`, with a zone. Months, days
/// and parts of the time may have one digit.
pub(super) fn from_yaml(text: &str) -> Option<String> {
    if text.len() < 8 || text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    let mut rest = Digits(text.as_bytes());
    let year = rest.exactly(4)?;
    rest.expect(b'-')?;
    let month = rest.up_to_two()?;
    rest.expect(b'-')?;
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
    let (hour, minute, second) = {
        let hour = rest.up_to_two()?;
        rest.expect(b':')?;
        let minute = rest.up_to_two()?;
        rest.expect(b':')?;
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

    fn expect(&mut self, byte: u8) -> Option<()> {
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
        self.expect(b':')?;
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
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

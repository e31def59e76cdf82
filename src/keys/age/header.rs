//! Reads age files whose author is not trusted: in bounds, and each byte once.
//!
//! The surprise: the parser below asks for its input in steps and begins again with each, which takes
//! minutes for a header of a thousand stanzas. So it is given the whole header in one step.

use std::io::{self, BufRead, Read};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor};

/// Stanzas of a header that are tried; a data key is wrapped for one recipient, or a few.
pub(super) const MOST_STANZAS: usize = 1024;

/// Bytes of an age file, without the armor.
const LONGEST: usize = 1 << 20;

/// Why an age file does not open.
#[derive(Debug)]
pub(super) enum Fault {
    /// It has more stanzas than are tried.
    Stanzas(usize),
    /// It is longer than is read.
    Length,
    /// What the age format says.
    Age(DecryptError),
}

impl From<DecryptError> for Fault {
    fn from(error: DecryptError) -> Self {
        Self::Age(error)
    }
}

/// Reads the header of an age file, armored or not.
pub(super) fn decryptor(file: &[u8]) -> Result<Decryptor<Whole>, Fault> {
    let mut bytes = Vec::new();
    ArmoredReader::new(file)
        .take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(DecryptError::Io)?;
    if bytes.len() > LONGEST {
        return Err(Fault::Length);
    }
    let (header, stanzas) = header(&bytes).ok_or(DecryptError::InvalidHeader)?;
    if stanzas > MOST_STANZAS {
        return Err(Fault::Stanzas(stanzas));
    }
    let whole = Whole {
        bytes,
        at: 0,
        header,
    };
    Ok(Decryptor::new_buffered(whole)?)
}

/// The length of the header, and how many stanzas are in it. No line of a stanza's body begins with
/// a dash.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut end, mut stanzas) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.starts_with(b"-> ") {
            stanzas += 1;
        }
        if line.starts_with(b"---") {
            return line.ends_with(b"\n").then_some((end, stanzas));
        }
    }
    None
}

/// An age file in memory, whose header is read at once.
pub(super) struct Whole {
    bytes: Vec<u8>,
    at: usize,
    header: usize,
}

impl Whole {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

impl Read for Whole {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.rest().read(to)?;
        self.at += read;
        Ok(read)
    }
}

impl BufRead for Whole {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, read: usize) {
        self.at = self.at.saturating_add(read).min(self.bytes.len());
    }

    /// Gives the whole header for its first line.
    fn read_until(&mut self, end: u8, to: &mut Vec<u8>) -> io::Result<usize> {
        let rest = self.rest();
        let length = if let Some(length @ 1..) = self.header.checked_sub(self.at) {
            length
        } else {
            let found = rest.iter().position(|byte| *byte == end);
            found.map_or(rest.len(), |at| at + 1)
        };
        let line = rest.get(..length).unwrap_or(rest);
        to.extend_from_slice(line);
        let read = line.len();
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn file(stanzas: usize) -> Vec<u8> {
        let stanza = "-> X25519 CJM36AHmTbdHSuOQL+NESqyVQE75f2e610iRdLPEN20\n\
                      C3ZAeY64NXS4QFrksLm3EGz+uPRyI0eQsWw7LWbbYig\n";
        let text = format!(
            "age-encryption.org/v1\n{}--- fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA\n",
            stanza.repeat(stanzas)
        );
        let mut bytes = text.into_bytes();
        bytes.extend([0; 48]);
        bytes
    }

    #[test]
    fn a_long_header_is_read_and_one_that_is_too_long_is_not_tried() {
        let start = Instant::now();
        assert!(decryptor(&file(MOST_STANZAS)).is_ok());
        // It took minutes when each step began again.
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(matches!(
            decryptor(&file(MOST_STANZAS + 1)),
            Err(Fault::Stanzas(1025))
        ));
        assert!(matches!(
            decryptor(&vec![b'x'; LONGEST + 1]),
            Err(Fault::Length)
        ));
    }

    #[test]
    fn a_header_that_does_not_end_is_none() {
        let whole = file(2);
        for cut in [0, 1, 21, 60, whole.len() - 60] {
            let text = whole.get(..cut).unwrap();
            assert!(matches!(decryptor(text), Err(Fault::Age(_))), "{cut}");
        }
    }
}

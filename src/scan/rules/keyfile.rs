//! H051: an exported key ring of a node: encrypted, but only as strong as its password, and no
//! business of a repository.

use super::super::text::{Mark, chance, harmless};
use super::super::{Finding, Rule, Subject};
use super::value;

/// H051.
#[derive(Debug)]
pub(super) struct KeyFile;

/// Ciphertexts of published examples.
const PUBLISHED: &[&[u8]] = &[
    b"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
    b"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
    b"6087dab2f9fdbbfaddc31a909735c1e6",
    b"cb664472deacb41a2e995fa7f96fe29ce744471deb8d146a0e43c7898c9ddd4d",
];

impl Rule for KeyFile {
    fn id(&self) -> &'static str {
        "H051"
    }

    fn summary(&self) -> &'static str {
        "An exported key of a node: an Ethereum keystore, or an OCR, P2P or CSA key."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        let marks: Vec<usize> = text.marks(Mark::Keystore).collect();
        let is_word =
            |at: usize, word: &[u8]| text.slice(at..at + word.len()).eq_ignore_ascii_case(word);
        for at in marks
            .iter()
            .copied()
            .filter(|at| is_word(*at, b"ciphertext"))
        {
            let has_kdf = marks
                .iter()
                .any(|other| is_word(*other, b"kdfparams") && other.abs_diff(at) < 2000);
            if !has_kdf {
                continue;
            }
            let start = at + 10;
            let between = text
                .slice(start..start + 12)
                .iter()
                .take_while(|byte| !byte.is_ascii_hexdigit())
                .count();
            let from = start + between;
            let length = text
                .slice(from..from + 4096)
                .iter()
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count();
            let digits = text.slice(from..from + length).to_ascii_lowercase();
            let is_published = PUBLISHED.iter().any(|own| digits.starts_with(own));
            if length >= 32
                && chance::is_random_hex(&digits)
                && !harmless::is_monotonous(&digits)
                && !is_published
            {
                let hint = "back it up in a sealed file; if the password may be known, export it again under another one";
                let message = "this is an exported key of a node; whoever has it can try passwords at leisure".to_owned();
                found.push(value(self, subject, from..from + length, message, hint));
            }
        }
    }
}

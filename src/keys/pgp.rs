//! The `pgp` kind: `OpenPGP` keys, by way of `gpg`.
//!
//! What is wrapped goes to `gpg` and comes from it through pipes, never through a file or an argument.
//! Its messages are not relayed; what it says for machines is put into our words. The surprise: a key
//! that was named by its fingerprint is trusted, whatever the owner trust in the key ring, as the
//! reference does; an expired or revoked one is refused by `gpg` all the same.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{KeyError, KeyKind, MasterKey, Task};
use crate::deadline::{Deadline, Timed};
use crate::error::quoted;
use crate::metadata::Recipient;
use crate::secret::Portion;
use crate::settings::{Settings, without_identities};
use crate::tree::Fields;

/// The `pgp` list of a file.
pub(super) static KIND: KeyKind = KeyKind {
    field: "pgp",
    flag: "pgp",
    env: "SOPS_PGP_FP",
    name: "fp",
    is_dated: true,
    parse,
    // It works on this machine, but a program has to be started, and a person may be asked.
    at_hand: Some(|_, _, _| None),
    connect: |recipient, settings, connections| {
        Box::pin(async move {
            let key = PgpKey::new(recipient, settings, &connections.deadline)?;
            Ok(Box::new(key) as Box<dyn MasterKey>)
        })
    },
};

#[derive(Debug)]
struct PgpKey<'a> {
    fingerprint: String,
    settings: &'a Settings,
    deadline: &'a Deadline,
}

/// What `gpg` did.
struct Answer {
    succeeded: bool,
    output: Zeroizing<Vec<u8>>,
    status: Status,
}

/// What `gpg` says for machines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Status(Vec<Vec<String>>);

impl<'a> PgpKey<'a> {
    fn new(
        recipient: &Recipient,
        settings: &'a Settings,
        deadline: &'a Deadline,
    ) -> Result<Self, KeyError> {
        let fingerprint = recipient.fields.text("fp").unwrap_or_default().trim();
        // It becomes an argument: it must not be taken for an option.
        if fingerprint.is_empty() || fingerprint.starts_with('-') {
            return Err(malformed(fingerprint, "its entry names no fingerprint"));
        }
        Ok(Self {
            fingerprint: fingerprint.to_owned(),
            settings,
            deadline,
        })
    }

    async fn seal(&self, portion: &Portion) -> Result<String, KeyError> {
        // What is no fingerprint is a search of gpg's, and its first hit would be trusted.
        if let Some(reason) = no_fingerprint(&self.fingerprint) {
            return Err(malformed(&self.fingerprint, reason));
        }
        let input = Zeroizing::new(portion.expose().to_vec());
        let arguments = [
            "--batch",
            "--yes",
            "--no-default-recipient",
            "--no-encrypt-to",
            "--trust-model",
            "always",
            "--armor",
            "--recipient",
            &self.fingerprint,
            "--encrypt",
        ];
        let answer = self.gpg(&arguments, input).await?;
        if !answer.succeeded {
            return Err(self.not_wrapped(&answer.status));
        }
        match std::str::from_utf8(&answer.output) {
            Ok(message) if message.starts_with(ARMOR) => Ok(message.trim_end().to_owned()),
            _ => Err(KeyError::NoDataKey),
        }
    }

    async fn open(&self, wrapped: &str) -> Result<Portion, KeyError> {
        let input = Zeroizing::new(wrapped.as_bytes().to_vec());
        let answer = self.gpg(&["--decrypt"], input).await?;
        if !answer.succeeded {
            return Err(self.not_opened(&answer.status));
        }
        Portion::from_bytes(&answer.output).ok_or(KeyError::NoDataKey)
    }

    /// Runs it, while other recipients are called.
    async fn gpg(&self, arguments: &[&str], input: Zeroizing<Vec<u8>>) -> Result<Answer, KeyError> {
        let program = self.settings.var("SOPS_GPG_EXEC").unwrap_or("gpg");
        let mut command = Command::new(program);
        command
            // When it is quiet, it does not say either which secret keys are missing.
            .args(["--no-verbose", "--status-fd", "2"])
            .args(arguments)
            .current_dir(&self.settings.cwd);
        without_identities(&mut command);
        // A file with hundreds of recipients does not start as many programs at once.
        let _turn = AT_ONCE.acquire().await;
        let deadline = self.deadline.clone();
        let ran = tokio::task::spawn_blocking(move || run(command, &input, &deadline)).await;
        let failed = |reason: String| KeyError::Refused {
            reason,
            hint: Some("install GnuPG, or set SOPS_GPG_EXEC to its program".to_owned()),
        };
        match ran {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                let limit = self.deadline.words();
                let reason = format!("{program} has not ended within {limit}");
                Err(KeyError::Unreachable { reason })
            }
            Ok(Err(error)) => Err(failed(format!(
                "cannot run {program}: {}",
                crate::fs::plain(&error)
            ))),
            Err(_) => Err(failed(format!("{program} was not waited for"))),
        }
    }

    fn not_wrapped(&self, status: &Status) -> KeyError {
        let fingerprint = &self.fingerprint;
        let receive = format!("gpg --recv-keys {fingerprint}, or gpg --import FILE");
        let renewed = Some(format!("{receive}    # its owner may have renewed it"));
        let (reason, hint) = match status.word("INV_RECP") {
            Some("1") => (
                "its public key is not in the key ring of gpg",
                Some(receive),
            ),
            Some("3") => (
                "its key cannot encrypt",
                Some(format!(
                    "gpg --list-keys {fingerprint}    # has it a subkey that can?"
                )),
            ),
            Some("4") => ("its key is revoked", None),
            Some("5") => ("its key is expired", renewed),
            Some(_) if status.is_spent() => (
                "its key is expired or revoked, and gpg seals nothing for it",
                renewed,
            ),
            Some(_) => ("gpg does not take its key as a recipient", Some(receive)),
            None => (
                "gpg could not encrypt for it",
                Some(format!("echo test | gpg -e -r {fingerprint} -o /dev/null")),
            ),
        };
        KeyError::Refused {
            reason: reason.to_owned(),
            hint,
        }
    }

    fn not_opened(&self, status: &Status) -> KeyError {
        let list = format!("gpg --list-secret-keys {}", quoted(&self.fingerprint));
        if status.has("NO_SECKEY") {
            return KeyError::NoIdentity {
                searched: " to gpg".to_owned(),
                hint: Some(format!("{list}    # GNUPGHOME says where gpg looks")),
            };
        }
        let asked = "export GPG_TTY=$(tty)    # so that gpg-agent can ask here";
        let (reason, hint) = if status.has("NODATA") || status.has("UNEXPECTED") {
            ("its wrapped key is no OpenPGP message", None)
        } else if status.has("PINENTRY_LAUNCHED") {
            (
                "the passphrase of its key was wrong or not given",
                Some(asked.to_owned()),
            )
        } else if status.has("ERROR") {
            (
                "gpg has its key and could not use it: nobody could be asked for a passphrase, or what \
                 it wraps was changed",
                Some(asked.to_owned()),
            )
        } else {
            (
                "gpg could not decrypt it: it was changed, or made for another key",
                Some(list),
            )
        };
        KeyError::Refused {
            reason: reason.to_owned(),
            hint,
        }
    }
}

impl MasterKey for PgpKey<'_> {
    fn label(&self) -> String {
        self.fingerprint.clone()
    }

    fn wrap<'a>(&'a self, portion: &'a Portion) -> Task<'a, String, KeyError> {
        Box::pin(self.seal(portion))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a str) -> Task<'a, Portion, KeyError> {
        Box::pin(self.open(wrapped))
    }
}

impl Status {
    fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("[GNUPG:] "));
        let words = lines.map(|line| line.split_whitespace().map(str::to_owned).collect());
        Self(words.collect())
    }

    fn has(&self, keyword: &str) -> bool {
        self.0
            .iter()
            .any(|words| words.first().is_some_and(|word| word == keyword))
    }

    /// The first argument of the last line with this keyword.
    fn word(&self, keyword: &str) -> Option<&str> {
        let line = self
            .0
            .iter()
            .rev()
            .find(|words| words.first().is_some_and(|word| word == keyword))?;
        line.get(1).map(String::as_str)
    }

    /// Whether a key was looked at whose subkeys are all expired or revoked.
    fn is_spent(&self) -> bool {
        let considered = self
            .0
            .iter()
            .filter(|words| words.first().is_some_and(|word| word == "KEY_CONSIDERED"));
        let mut flags = considered.filter_map(|words| words.get(2)?.parse::<u32>().ok());
        flags.any(|flags| flags & ALL_SPENT != 0)
    }
}

/// A flag of `KEY_CONSIDERED`.
const ALL_SPENT: u32 = 2;

/// How many run at the same time.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

/// How a message begins.
const ARMOR: &str = "-----BEGIN PGP MESSAGE-----";

/// What a data key or a message for one recipient is far below; nothing is moved while it is read.
const LIMIT: usize = 1 << 16;

fn run(mut command: Command, input: &[u8], deadline: &Deadline) -> io::Result<Answer> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (output, said) = thread::scope(|scope| {
        scope.spawn(move || {
            // It may have seen enough before the end.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        let said = scope.spawn(move || {
            let stderr = stderr.map(|stderr| Timed::new(stderr, deadline.clone()));
            stderr.map(up_to_limit).transpose()
        });
        let stdout = stdout.map(|stdout| Timed::new(stdout, deadline.clone()));
        let output = stdout.map(up_to_limit).transpose();
        if deadline.is_over() {
            // So that nobody writes to it any more.
            let _ = child.kill();
        }
        (output, said.join())
    });
    let status = deadline.end(&mut child);
    if let Err(error) = &output {
        return Err(error.kind().into());
    }
    let status = status?;
    let said = said.ok().and_then(Result::ok).flatten().unwrap_or_default();
    Ok(Answer {
        succeeded: status.success(),
        output: output?.unwrap_or_default(),
        status: Status::parse(&String::from_utf8_lossy(&said)),
    })
}

fn up_to_limit(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT * 2));
    from.by_ref().take(LIMIT as u64).read_to_end(&mut bytes)?;
    // The rest, so that it can come to its end.
    io::copy(&mut from, &mut io::sink())?;
    Ok(bytes)
}

/// A fingerprint; blanks are dropped, `!` at its end means this subkey and no other.
fn parse(text: &str) -> Result<Recipient, KeyError> {
    let fingerprint: String = text.split_whitespace().collect();
    if let Some(reason) = no_fingerprint(&fingerprint) {
        return Err(malformed(&fingerprint, reason));
    }
    Ok(Recipient {
        kind: KIND.field.to_owned(),
        fields: Fields::from([("fp", fingerprint.as_str())]),
    })
}

/// Why a text is no fingerprint; one of version 4 has 40 digits, later ones have 64.
fn no_fingerprint(text: &str) -> Option<&'static str> {
    let digits = text.strip_suffix('!').unwrap_or(text);
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let is_hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (is_hexadecimal, digits.len()) {
        (true, 40 | 64) => None,
        (true, 8) => Some("8 digits are easily forged; give all 40 of the fingerprint"),
        (true, 16) => {
            Some("16 digits are a key id, and can be forged; give all 40 of the fingerprint")
        }
        (true, _) => Some("a fingerprint has 40 hexadecimal digits; some are missing or too many"),
        (false, _) => Some("a recipient is a fingerprint, 40 hexadecimal digits"),
    }
}

fn malformed(label: &str, reason: &str) -> KeyError {
    KeyError::Malformed {
        label: label.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINGERPRINT: &str = "A1B2C3D4E5F60718293A4B5C6D7E8F9011223344";

    #[test]
    fn a_fingerprint_is_taken_with_blanks_and_for_a_subkey() {
        let spaced = "A1B2 C3D4 E5F6 0718 293A  4B5C 6D7E 8F90 1122 3344";
        let marked = format!("0x{FINGERPRINT}!");
        let long = "5".repeat(64);
        for (text, fp) in [
            (FINGERPRINT, FINGERPRINT),
            (spaced, FINGERPRINT),
            (&marked, &marked),
            (&long, &long),
        ] {
            assert_eq!(parse(text).unwrap().fields.text("fp"), Some(fp), "{text}");
        }
    }

    #[test]
    fn what_names_no_key_for_certain_is_refused() {
        for text in [
            "",
            "ABCD",
            "11223344",
            "6D7E8F9011223344",
            "0x6D7E8F9011223344!",
            "6D7E8F90112233446D7E8F9011223344",
            "me@example.com",
            "=Me <me@example.com>",
            "@example.com",
            "*",
            "--output",
            "!",
            &FINGERPRINT[1..],
        ] {
            assert!(
                matches!(parse(text), Err(KeyError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_gpg_says_for_machines_becomes_a_reason_and_its_text_is_dropped() {
        let settings = Settings::new(std::iter::empty(), "/".into(), 0);
        let deadline = Deadline::default();
        let key = PgpKey::new(&parse(FINGERPRINT).unwrap(), &settings, &deadline).unwrap();
        let wrapped = |text| key.not_wrapped(&Status::parse(text)).to_string();
        let opened = |text| key.not_opened(&Status::parse(text)).to_string();
        assert_eq!(
            wrapped(
                "gpg: A1: skipped: hunter2\n[GNUPG:] INV_RECP 1 A1\n[GNUPG:] FAILURE encrypt 9\n"
            ),
            "its public key is not in the key ring of gpg"
        );
        assert_eq!(wrapped("[GNUPG:] INV_RECP 5 A1\n"), "its key is expired");
        assert_eq!(
            opened("[GNUPG:] NO_SECKEY 11\n[GNUPG:] DECRYPTION_FAILED\n"),
            "no identity for it was given to gpg"
        );
        assert_eq!(
            opened("[GNUPG:] KEY_CONSIDERED A1 0\n[GNUPG:] PINENTRY_LAUNCHED 1\n"),
            "the passphrase of its key was wrong or not given"
        );
        assert_eq!(
            wrapped("[GNUPG:] KEY_CONSIDERED A1 3\n[GNUPG:] INV_RECP 0 A1\n"),
            "its key is expired or revoked, and gpg seals nothing for it"
        );
        assert_eq!(
            opened("[GNUPG:] NODATA 1\n"),
            "its wrapped key is no OpenPGP message"
        );
    }

    #[test]
    fn an_entry_that_would_be_an_option_of_gpg_is_refused() {
        let settings = Settings::new(std::iter::empty(), "/".into(), 0);
        for fp in ["--homedir=/tmp", "-o", ""] {
            let recipient = Recipient {
                kind: "pgp".to_owned(),
                fields: Fields::from([("fp", fp)]),
            };
            let deadline = Deadline::default();
            let key = PgpKey::new(&recipient, &settings, &deadline);
            assert!(key.is_err(), "{fp}");
        }
    }
}

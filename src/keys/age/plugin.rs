//! Programs called `age-plugin-NAME`, which wrap and unwrap with keys that we cannot hold ourselves.
//!
//! They are spoken to through their standard input and output, as age describes it. The surprise: the
//! library below has a client for that, and it hands our whole environment on, with the identities
//! in it; so this is one of our own. It answers no question of a program: nobody may be there.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::ExposeSecret;
use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::deadline::{Deadline, Timed};
use crate::settings::{Settings, without_identities};

/// What is wrong with programs that were asked, each once.
#[derive(Debug, Default, Clone)]
pub(super) struct Faults(Arc<Mutex<Vec<String>>>);

impl Faults {
    fn add(&self, fault: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&fault) {
            all.push(fault);
        }
    }

    pub(super) fn all(&self) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

/// A public key of a program's, to wrap for.
pub(super) struct PluginRecipient(pub(super) age::plugin::Recipient);

impl PluginRecipient {
    pub(super) fn name(&self) -> &str {
        self.0.plugin()
    }
}

/// A key of a program's, to unwrap with.
pub(super) struct PluginIdentity {
    name: String,
    text: Zeroizing<String>,
    faults: Faults,
}

impl PluginIdentity {
    pub(super) fn new(identity: &age::plugin::Identity, faults: Faults) -> Self {
        Self {
            name: identity.plugin().to_owned(),
            text: Zeroizing::new(identity.to_string()),
            faults,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The same, waited for until then.
    pub(super) fn until<'a>(&'a self, deadline: &'a Deadline) -> Until<'a> {
        Until {
            identity: self,
            deadline,
        }
    }
}

/// A key of a program's that has to be done by then.
pub(super) struct Until<'a> {
    identity: &'a PluginIdentity,
    deadline: &'a Deadline,
}

/// What the program is called.
pub(super) fn program(name: &str) -> String {
    format!("age-plugin-{name}")
}

/// Whether a directory of PATH has the program.
pub(super) fn is_installed(name: &str, settings: &Settings) -> bool {
    let places = settings.var("PATH").unwrap_or_default();
    std::env::split_paths(places).any(|place| place.join(program(name)).is_file())
}

impl age::Recipient for PluginRecipient {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut talk = Talk::begin(self.0.plugin(), "recipient-v1", &Deadline::default())?;
        talk.say("add-recipient", &[&self.0.to_string()], &[])?;
        talk.say("extension-labels", &[], &[])?;
        talk.say("wrap-file-key", &[], file_key.expose_secret())?;
        talk.say("done", &[], &[])?;
        let (mut stanzas, mut labels) = (Vec::new(), HashSet::new());
        let ended = talk.answers(|answer| match answer.tag.as_str() {
            "recipient-stanza" => match answer.args.split_first() {
                Some((file, [tag, args @ ..])) if file == "0" => {
                    stanzas.push(Stanza {
                        tag: tag.clone(),
                        args: args.to_vec(),
                        body: answer.body.to_vec(),
                    });
                    Reply::Ok
                }
                _ => Reply::Stop,
            },
            "labels" => {
                labels.extend(answer.args.iter().cloned());
                Reply::Ok
            }
            _ => Reply::of(&answer.tag),
        });
        ended?;
        if stanzas.is_empty() {
            return Err(failed().into());
        }
        Ok((stanzas, labels))
    }
}

impl age::Identity for Until<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    /// A program that fails is a reason, and does not hold up other identities.
    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let Self { identity, deadline } = self;
        match identity.ask(stanzas, deadline) {
            Ok(file_key) => file_key.map(Ok),
            Err(error) => {
                let why = match error.kind() {
                    io::ErrorKind::NotFound => "is not installed".to_owned(),
                    io::ErrorKind::TimedOut => {
                        format!("has not answered within {}", deadline.words())
                    }
                    _ => "failed".to_owned(),
                };
                let program = program(&identity.name);
                identity.faults.add(format!("{program} {why}"));
                None
            }
        }
    }
}

impl PluginIdentity {
    fn ask(&self, stanzas: &[Stanza], deadline: &Deadline) -> io::Result<Option<FileKey>> {
        let mut talk = Talk::begin(&self.name, "identity-v1", deadline)?;
        talk.say("add-identity", &[&self.text], &[])?;
        for stanza in stanzas {
            let words = ["0", &stanza.tag].into_iter();
            let words: Vec<&str> = words
                .chain(stanza.args.iter().map(String::as_str))
                .collect();
            talk.say("recipient-stanza", &words, &stanza.body)?;
        }
        talk.say("done", &[], &[])?;
        let (mut found, mut has_failed) = (None, false);
        talk.answers(|answer| match answer.tag.as_str() {
            "file-key" => match <[u8; FILE_KEY_BYTES]>::try_from(answer.body.as_slice()) {
                Ok(bytes) if answer.args == ["0"] && found.is_none() => {
                    let bytes = Zeroizing::new(bytes);
                    let take = |key: &mut [u8; FILE_KEY_BYTES]| key.copy_from_slice(&*bytes);
                    found = Some(FileKey::init_with_mut(take));
                    Reply::Ok
                }
                _ => Reply::Stop,
            },
            "error" => {
                has_failed = true;
                Reply::Ok
            }
            tag => Reply::of(tag),
        })?;
        match found {
            None if has_failed => Err(failed()),
            found => Ok(found),
        }
    }
}

/// What a program hears to what it says.
enum Reply {
    Ok,
    Fail,
    Unsupported,
    /// It is not spoken to any more.
    Stop,
}

impl Reply {
    fn of(tag: &str) -> Self {
        match tag {
            "msg" => Self::Ok,
            "confirm" | "request-public" | "request-secret" => Self::Fail,
            "error" => Self::Stop,
            _ => Self::Unsupported,
        }
    }
}

struct Answer {
    tag: String,
    args: Vec<String>,
    body: Zeroizing<Vec<u8>>,
}

/// A program that has been started.
struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    from: Option<io::Take<BufReader<Timed<ChildStdout>>>>,
    is_done: bool,
}

impl Talk {
    fn begin(name: &str, role: &str, deadline: &Deadline) -> io::Result<Self> {
        let mut command = Command::new(program(name));
        without_identities(&mut command);
        let mut child = command
            .arg(format!("--age-plugin={role}"))
            // A program of that name in the working directory is not meant.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or_else(failed)?;
        let from = Timed::new(from, deadline.clone());
        Ok(Self {
            child,
            to,
            from: Some(BufReader::new(from).take(MOST_BYTES)),
            is_done: false,
        })
    }

    fn say(&mut self, tag: &str, args: &[&str], body: &[u8]) -> io::Result<()> {
        let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(body));
        let mut text = Zeroizing::new(Vec::with_capacity(encoded.len() * 2 + 4096));
        text.extend_from_slice(b"-> ");
        text.extend_from_slice(tag.as_bytes());
        for word in args {
            text.push(b' ');
            text.extend_from_slice(word.as_bytes());
        }
        text.push(b'\n');
        // The last line is shorter than the others, so it may be empty.
        let (lines, last) = encoded.as_bytes().as_chunks::<COLUMNS>();
        for line in lines {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text.extend_from_slice(last);
        text.push(b'\n');
        let to = self.to.as_mut().ok_or_else(failed)?;
        to.write_all(&text)?;
        to.flush()
    }

    /// Listens until the program is done.
    fn answers(mut self, mut take: impl FnMut(&Answer) -> Reply) -> io::Result<()> {
        loop {
            let answer = self.listen()?;
            if answer.tag == "done" {
                self.is_done = true;
                return Ok(());
            }
            match take(&answer) {
                Reply::Ok => self.say("ok", &[], &[])?,
                Reply::Fail => self.say("fail", &[], &[])?,
                Reply::Unsupported => self.say("unsupported", &[], &[])?,
                Reply::Stop => return Err(failed()),
            }
        }
    }

    fn listen(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let line = std::str::from_utf8(&line).map_err(|_| failed())?;
        let mut words = line.strip_prefix("-> ").ok_or_else(failed)?.split(' ');
        let tag = words.next().unwrap_or_default().to_owned();
        let args = words.map(str::to_owned).collect();
        let mut encoded = Zeroizing::new(Vec::with_capacity(COLUMNS * 4));
        loop {
            let line = self.line()?;
            encoded.extend_from_slice(&line);
            if line.len() < COLUMNS {
                break;
            }
        }
        let body = STANDARD_NO_PAD
            .decode(encoded.as_slice())
            .map_err(|_| failed())?;
        Ok(Answer {
            tag,
            args,
            body: Zeroizing::new(body),
        })
    }

    fn line(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut line = Zeroizing::new(Vec::with_capacity(COLUMNS * 4));
        let from = self.from.as_mut().ok_or_else(failed)?;
        from.read_until(b'\n', &mut line)?;
        if line.pop() == Some(b'\n') {
            Ok(line)
        } else {
            Err(failed())
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It sees that nobody listens any more, and comes to its end; one that does not keep to the
        // protocol may never do so by itself.
        drop((self.to.take(), self.from.take()));
        if !self.is_done {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl fmt::Debug for PluginIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginIdentity({}, [redacted])", self.name)
    }
}

fn failed() -> io::Error {
    io::Error::other("the program of the key failed")
}

const COLUMNS: usize = 64;

/// What a program says in one conversation, at most.
const MOST_BYTES: u64 = 1 << 20;

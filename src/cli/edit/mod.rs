//! `clsecrets edit`: the cleartext in an editor, sealed again when it ends.
//!
//! The cleartext stands in memory only, in a directory that goes on every signal. Values that are not
//! touched keep their ciphertext. The surprise: what cannot be written because somebody else wrote in
//! the meantime is not lost; it is kept, sealed, beside the file.

mod editor;
mod session;

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{Draft, EnvelopeError, OpenOptions, Opened};
use clsecrets::error::quoted;
use clsecrets::format::{self, Format};
use clsecrets::fs::{self, Privacy, Stamp};
use clsecrets::metadata::{KeyGroups, Metadata};
use clsecrets::secret::DataKey;
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::encrypt::{name_clear, name_comments, report, seal_draft};
use super::input::{Input, Naming};
use super::opening::{Opener, Opening, clear_text};
use super::rewrapping::{refuse_idle, wrap_new};
use super::sealing::Sealing;
use super::{Context, Outcome, hook};
use session::Session;

/// Edit a sealed file, or make a new one.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "The editor is SOPS_EDITOR, else EDITOR, else vim, nano or vi.

Examples:
  clsecrets edit secrets.yaml
  EDITOR='code --wait' clsecrets edit secrets.yaml
  clsecrets edit --show-master-keys secrets.yaml   and the metadata, recipients among it
  clsecrets edit --age age1… new.yaml              a new file"
)]
pub(crate) struct Args {
    /// The sealed file; one that is not there is made.
    file: PathBuf,
    /// Show the metadata, too; recipients that change there change in the file.
    #[arg(short, long)]
    show_master_keys: bool,
    /// Let the cleartext be on a disk where there is no place in memory.
    #[arg(long)]
    on_disk: bool,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    sealing: Sealing,
    #[command(flatten)]
    opening: Opening,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let path = context.settings.absolute(&args.file);
    if path.symlink_metadata().is_ok() {
        args.edit(&path, context)
    } else {
        args.create(&path, context)
    }
}

/// A file that is being edited.
struct Edited<'a> {
    args: &'a Args,
    context: &'a Context,
    opener: Opener<'a>,
    opened: Opened,
    data_key: DataKey,
    name: String,
    path: &'a Path,
    stamp: Option<Stamp>,
}

impl Args {
    fn edit(&self, path: &Path, context: &Context) -> Outcome {
        let order = self.opening.decryption_order.as_deref();
        let opener = Opener::new(&context.settings, &context.ui, order)?;
        let input = Input::read(&self.file, &self.naming, &context.settings)?;
        input.refuse_conversion("edit")?;
        let (name, stamp) = (input.name.clone(), input.stamp.clone());
        let options = OpenOptions {
            ignore_mac: self.opening.ignore_mac,
        };
        let (opened, data_key) = opener.open(input, options)?;
        let clear = if self.show_master_keys {
            let clear = opened.clear_text_with_metadata();
            clear.map_err(|error| error.about(&name, true))?
        } else {
            clear_text(&opened, &name, &context.ui)?
        };
        let edited = Edited {
            args: self,
            context,
            opener,
            opened,
            data_key,
            name,
            path,
            stamp,
        };
        let mut session = Session::begin(&self.file, &clear, self.on_disk, context)?;
        loop {
            let text = match session.text(context) {
                Ok(text) => text,
                Err(error) => {
                    // What was saved before a signal came is kept.
                    let saved = session.saved().filter(|_| session.was_told_to_end());
                    return Err(match saved {
                        Some(text) => edited.keep(error, &text),
                        None => error,
                    });
                }
            };
            match edited.sealed(&text) {
                Ok(Some(sealed)) => {
                    return edited.write(&sealed, &text).map(|()| 0);
                }
                Ok(None) => return Err(unchanged(&edited.name)),
                Err(error) => {
                    let line = line_of(&error);
                    let told = error.about(&edited.name, false);
                    if let Err(error) = session.again(&told, line, context) {
                        return Err(edited.keep(error, &text));
                    }
                }
            }
        }
    }

    /// A new file: what is saved unchanged makes none.
    fn create(&self, path: &Path, context: &Context) -> Outcome {
        let named = self
            .naming
            .filename_override
            .as_deref()
            .unwrap_or(&self.file);
        let format = self.naming.format_of(named)?;
        let name = self.file.display().to_string();
        // Before anything is typed: whether there is anybody to seal for.
        self.sealing
            .decide(&context.settings.absolute(named), &name, context)?;
        let mut session = Session::begin(&self.file, example(format), self.on_disk, context)?;
        loop {
            let text = session.text(context)?;
            let draft = Draft::parse(format, text);
            let mut draft = match draft {
                Ok(draft) => draft,
                Err(error) => {
                    let line = line_of(&error);
                    session.again(&error.about(&name, false), line, context)?;
                    continue;
                }
            };
            let places = (path, path);
            match seal_draft(
                &mut draft,
                format,
                places,
                &name,
                &self.sealing,
                &Opener::new(&context.settings, &context.ui, None)?,
                context,
            ) {
                Ok(sealed) => {
                    let _lock = context.lock(path)?;
                    fs::replace(path, &sealed.bytes, Privacy::Umask, Some(&Stamp::ABSENT))?;
                    report(&name, &sealed, context);
                    return Ok(0);
                }
                Err(error) => session.again(&error, None, context)?,
            }
        }
    }
}

impl Edited<'_> {
    /// The new sealed text; `None` where it says what the file says already.
    fn sealed(&self, text: &[u8]) -> Result<Option<clsecrets::envelope::Text>, EnvelopeError> {
        let text = Zeroizing::new(text.to_vec());
        let format = self.opened.format();
        let (nonces, now) = (&mut SystemNonces::default(), self.context.settings.now);
        let clear = self.args.sealing.allow_cleartext;
        if !self.args.show_master_keys {
            let mut draft = Draft::parse(format, text)?;
            if self.args.sealing.expand_aliases || self.opened.has_layout() {
                draft.expand_aliases(&self.opened.metadata().rule)?;
            }
            let reuse = draft.tokens_of(&self.opened);
            return draft.reseal(&self.opened, &self.data_key, nonces, now, clear, &reuse);
        }
        let (draft, mut metadata) = Draft::parse_with_metadata(format, text)?;
        metadata.key_groups = self
            .wrapped(&metadata)
            .map_err(|error| EnvelopeError::Recipients(error.in_one_line()))?;
        let reuse = draft.tokens_of(&self.opened);
        draft
            .seal(metadata, &self.data_key, nonces, now, clear, &reuse)
            .map(Some)
    }

    /// Entries that say what they wrap stay; the others are wrapped for.
    fn wrapped(&self, metadata: &Metadata) -> Result<KeyGroups, Error> {
        let old = &self.opened.metadata().key_groups;
        let new = metadata.key_groups.clone();
        refuse_idle(old, &new, &self.name)?;
        let guarding = &self.args.sealing.guarding;
        guarding.check_file(&new, self.path, &self.name, self.context)?;
        wrap_new(
            new,
            old,
            &self.data_key,
            &self.name,
            &self.opener,
            self.context,
        )
    }

    fn write(&self, sealed: &clsecrets::envelope::Text, text: &[u8]) -> Result<(), Error> {
        let context = self.context;
        let (key_groups, name) = (&self.opened.metadata().key_groups, &self.name);
        let written = self
            .args
            .sealing
            .guarding
            .check_file(key_groups, self.path, name, context)
            .and_then(|()| {
                let made = (self.opened.format(), sealed.bytes.as_slice());
                let guarding = &self.args.sealing.guarding;
                guarding.check_rule(made, self.path, name, context)
            })
            .and_then(|()| context.lock(self.path))
            .and_then(|_lock| {
                fs::replace(
                    self.path,
                    &sealed.bytes,
                    Privacy::Umask,
                    self.stamp.as_ref(),
                )
            });
        match written {
            Ok(()) => {
                let (format, bytes) = (self.opened.format(), &sealed.bytes);
                hook::learn_sealed(context, self.path, format, bytes, &self.data_key);
                name_clear(name, sealed, context);
                name_comments(name, sealed, context);
                context.ui.note(&format!("{name} is sealed"));
                Ok(())
            }
            Err(error) => Err(self.keep(error, text)),
        }
    }

    /// Keeps an edit that could not be written, sealed for whoever can open the file, and says where.
    fn keep(&self, error: Error, text: &[u8]) -> Error {
        let is_clear_text = self.opened.clear_text().is_ok_and(|old| *old == *text);
        if is_clear_text {
            return error;
        }
        let beside = beside(self.path, self.context.settings.now);
        let mut metadata = self.opened.metadata().clone();
        metadata.rule = clsecrets::metadata::Rule::default();
        let (nonces, now) = (&mut SystemNonces::default(), self.context.settings.now);
        let none = clsecrets::envelope::Tokens::default();
        let kept = Draft::parse(format::of_name("edit"), Zeroizing::new(text.to_vec()))
            .and_then(|draft| draft.seal(metadata, &self.data_key, nonces, now, true, &none))
            .map_err(|error| error.about(&self.name, false))
            .and_then(|sealed| {
                let _lock = self.context.lock(&beside)?;
                fs::replace(
                    &beside,
                    &sealed.bytes,
                    Privacy::Private,
                    Some(&Stamp::ABSENT),
                )
            });
        match kept {
            Ok(()) => {
                let shown = beside
                    .strip_prefix(&self.context.settings.cwd)
                    .unwrap_or(&beside)
                    .display()
                    .to_string();
                error
                    .detail(format!("your edit is kept in {shown}, sealed"))
                    .hint(format!(
                        "clsecrets decrypt --input-type binary {}    # shows it",
                        quoted(&shown)
                    ))
            }
            Err(lost) => error.detail(format!("the edit could not be kept: {}", lost.message)),
        }
    }
}

/// A name beside a file that nothing has yet.
fn beside(path: &Path, now: i64) -> PathBuf {
    let named = |ending: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let others = (2..).map(|number| named(format!(".edit-{now}-{number}")));
    std::iter::once(named(format!(".edit-{now}")))
        .chain(others)
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or_default()
}

fn unchanged(name: &str) -> Error {
    Error::new(
        Code::Unchanged,
        format!("{name}: nothing was changed, nothing was written"),
    )
}

fn line_of(error: &EnvelopeError) -> Option<usize> {
    match error {
        EnvelopeError::Format(fault) => Some(fault.line),
        EnvelopeError::Reserved(line)
        | EnvelopeError::StrayComment(line)
        | EnvelopeError::CommentOfAlias(line)
        | EnvelopeError::MisleadingComment(line)
        | EnvelopeError::NotWritable { line, .. } => Some(*line),
        _ => None,
    }
}

/// What a new file begins with; saved as it is it makes no file.
fn example(format: &dyn Format) -> &'static [u8] {
    match format.name() {
        "yaml" => b"hello: Welcome! Edit this file as you please.\nexample_key: example_value\nexample_list:\n    - one\n    - two\n",
        "json" => b"{\n\t\"hello\": \"Welcome! Edit this file as you please.\",\n\t\"example_key\": \"example_value\"\n}\n",
        "dotenv" => b"# Welcome! Edit this file as you please.\nEXAMPLE_KEY=example_value\n",
        "ini" => b"[example]\nexample_key = example_value\n",
        _ => b"Welcome! Edit this file as you please.\n",
    }
}

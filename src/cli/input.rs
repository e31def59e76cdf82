//! The file that a command works on: a path or `-`, its name for rules and messages, its format.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use clsecrets::format::{self, Format};
use clsecrets::fs::{self, Lock, Privacy, Stamp};
use clsecrets::{Code, Error, Settings};
use zeroize::Zeroizing;

use super::{Context, trees};

/// Options that say how a file is read and what it is called.
#[derive(Debug, Default, Args)]
pub(crate) struct Naming {
    /// Format of the input, whatever the name says.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) input_type: Option<String>,
    /// Format of the output, if it is another one.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) output_type: Option<String>,
    /// Take this for the file's name when rules and formats are looked up.
    #[arg(long, value_name = "PATH")]
    pub(crate) filename_override: Option<PathBuf>,
}

/// Where a result goes.
#[derive(Debug, Args)]
pub(crate) struct Destination {
    /// Write the result over the file.
    #[arg(short, long)]
    pub(crate) in_place: bool,
    /// Write the result to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Input {
    /// As the user names it, for messages.
    pub(crate) name: String,
    /// The path that rules are matched against, absolute.
    pub(crate) path: PathBuf,
    /// What it was when it was read.
    pub(crate) stamp: Option<Stamp>,
    /// Its text.
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// Its format.
    pub(crate) format: &'static dyn Format,
    /// The format of the result.
    pub(crate) output: &'static dyn Format,
}

impl Destination {
    /// Refuses what the reference refuses.
    pub(crate) fn check(&self, file: &Path) -> Result<(), Error> {
        if self.in_place && self.output.is_some() {
            return Err(Error::new(
                Code::Conflict,
                "--in-place and --output exclude each other",
            ));
        }
        if self.in_place && is_stdin(file) {
            return Err(Error::new(
                Code::Conflict,
                "standard input cannot be written in place",
            ));
        }
        Ok(())
    }
}

impl Destination {
    /// The file that is written, if one is.
    pub(crate) fn place<'a>(&'a self, file: &'a Path) -> Option<&'a Path> {
        match &self.output {
            Some(output) => Some(output),
            None => self.in_place.then_some(file),
        }
    }

    /// Whether the words of a command line mean more than one file.
    pub(crate) fn takes_several(&self, words: &[PathBuf], context: &Context) -> bool {
        words.len() > 1 || self.in_place && trees::are_several(words, context)
    }

    /// The words of a command line that stand for several files, which are written in place only.
    pub(crate) fn several<'w>(
        &self,
        words: &'w [PathBuf],
        naming: &Naming,
    ) -> Result<&'w [PathBuf], Error> {
        if words.iter().any(|word| is_stdin(word)) {
            let reason = "standard input is no file among others";
            return Err(Error::new(Code::Conflict, reason));
        }
        if naming.filename_override.is_some() || self.output.is_some() {
            let reason =
                "several files have no one name: --filename-override and --output take one file";
            return Err(Error::new(Code::Conflict, reason));
        }
        if !self.in_place {
            let reason = "several files are written in place only";
            return Err(Error::new(Code::Conflict, reason).hint("add --in-place"));
        }
        Ok(words)
    }

    /// Waits for other writers of a file that is to be written in place, before it is read.
    pub(crate) fn lock(&self, file: &Path, context: &Context) -> Result<Option<Lock>, Error> {
        self.in_place
            .then(|| context.lock(&context.settings.absolute(file)))
            .transpose()
    }

    /// Writes a result where it belongs. `stamp` is what the file was when it was read.
    pub(crate) fn write(
        &self,
        file: &Path,
        result: &[u8],
        privacy: Privacy,
        stamp: Option<&Stamp>,
        context: &Context,
    ) -> Result<(), Error> {
        if self.in_place {
            return fs::replace(&context.settings.absolute(file), result, privacy, stamp);
        }
        let Some(output) = &self.output else {
            return context.ui.result(result);
        };
        let output = context.settings.absolute(output);
        if fs::is_stream(&output) {
            return fs::write_stream(&output, result);
        }
        let _lock = context.lock(&output).map_err(missing_is(Code::Output))?;
        fs::replace(&output, result, privacy, None)
    }
}

impl Naming {
    /// The format of a file by these options, or its name.
    pub(crate) fn format_of(&self, named: &Path) -> Result<&'static dyn Format, Error> {
        format_of(named, self)
    }

    /// Whether nothing tells the format of standard input, which then counts as binary.
    pub(crate) fn says_nothing_of(&self, file: &Path) -> bool {
        is_stdin(file) && self.filename_override.is_none() && self.input_type.is_none()
    }

    /// The format of the result of an input; an unknown word is ignored, as the reference does.
    fn output_format(&self, input: &'static dyn Format) -> Result<&'static dyn Format, Error> {
        let word = self.output_type.as_deref();
        match word.filter(|word| WORDS.contains(word)) {
            None => Ok(input),
            Some(word) => format::by_name(word).ok_or_else(|| {
                Error::new(
                    Code::Unrepresentable,
                    format!("writing {word} is not supported yet"),
                )
            }),
        }
    }
}

impl Input {
    /// Whether the result is of another format.
    pub(crate) fn is_converted(&self) -> bool {
        self.format.name() != self.output.name()
    }

    /// Refuses another format for what a command writes back.
    pub(crate) fn refuse_conversion(&self, command: &str) -> Result<(), Error> {
        if !self.is_converted() {
            return Ok(());
        }
        let (format, output) = (self.format.name(), self.output.name());
        let reason = format!(
            "{command} keeps the format of {}: {format}, not {output}",
            self.name
        );
        Err(Error::new(Code::Conflict, reason).hint("leave --output-type away"))
    }

    /// Reads a file, or standard input for `-`.
    pub(crate) fn read(file: &Path, naming: &Naming, settings: &Settings) -> Result<Self, Error> {
        let named = naming.filename_override.as_deref().unwrap_or(file);
        let format = format_of(named, naming)?;
        let output = naming.output_format(format)?;
        let path = settings.absolute(named);
        if is_stdin(file) {
            let mut text = Zeroizing::new(Vec::new());
            std::io::stdin()
                .lock()
                .read_to_end(&mut text)
                .map_err(|error| {
                    let reason = fs::plain(&error);
                    Error::new(Code::Input, format!("cannot read standard input: {reason}"))
                })?;
            let name = "standard input".to_owned();
            return Ok(Self {
                name,
                path,
                stamp: None,
                text,
                format,
                output,
            });
        }
        let absolute = settings.absolute(file);
        let name = file.display().to_string();
        fs::refuse_interrupted(&absolute)?;
        let content = fs::read(&absolute).map_err(|error| unreadable(&name, &error))?;
        Ok(Self {
            name,
            path,
            stamp: Some(content.stamp),
            text: content.bytes,
            format,
            output,
        })
    }
}

/// The same error with the status that the reference has for a file that is not there, where a
/// command has one of its own.
pub(crate) fn missing_is(code: Code) -> impl FnOnce(Error) -> Error {
    move |error| Error {
        code: match error.code {
            Code::NoFile => code,
            other => other,
        },
        ..error
    }
}

/// Whether a path means standard input.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::NoFile,
        _ => Code::Input,
    };
    Error::new(code, format!("cannot read {name}: {}", fs::plain(error)))
}

/// Words of `--input-type` and `--output-type`.
const WORDS: [&str; 5] = ["yaml", "json", "dotenv", "ini", "binary"];

fn format_of(named: &Path, naming: &Naming) -> Result<&'static dyn Format, Error> {
    let name = named.to_string_lossy();
    let known = |word: &&str| WORDS.contains(word);
    let word = naming.input_type.as_deref();
    let format = match (word.filter(known), format::by_extension(&name)) {
        (Some(word), _) => format::by_name(word).unwrap_or(format::of_name(&name)),
        // Elsewhere the word would be ignored, as the reference does; here it alone says something.
        (None, None) if word.is_some() => return Err(unknown(word.unwrap_or_default())),
        (None, _) => format::of_name(&name),
    };
    Ok(format)
}

fn unknown(word: &str) -> Error {
    let error = Error::new(Code::Failed, format!("there is no format called {word}"));
    let meant = match word.to_ascii_lowercase().as_str() {
        "yml" => Some("yaml"),
        "env" => Some("dotenv"),
        "bin" | "raw" => Some("binary"),
        lower => WORDS.into_iter().find(|word| *word == lower),
    };
    let error = match meant {
        Some(meant) => error.hint(format!("did you mean --input-type {meant}?")),
        None => error,
    };
    error.hint(format!("formats are {}", WORDS.join(", ")))
}

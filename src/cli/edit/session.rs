//! One sitting at the editor: the cleartext in a private place, as often as it takes.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clsecrets::fs::{self, PrivateDir};
use clsecrets::{Code, Error};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::Context;
use super::super::warden::Warden;
use super::editor::{Editor, NO_EDITOR};

/// A private file and the editor for it.
pub(super) struct Session {
    editor: Editor,
    directory: PrivateDir,
    _warden: Warden,
    file: PathBuf,
    /// As it was given to the editor first.
    first: Zeroizing<Vec<u8>>,
    line: Option<usize>,
    told_by: Option<i32>,
}

impl Session {
    /// Puts the cleartext where the editor finds it, under the file's own name.
    pub(super) fn begin(
        file: &Path,
        clear: &[u8],
        on_disk: bool,
        context: &Context,
    ) -> Result<Self, Error> {
        let settings = &context.settings;
        let editor = Editor::chosen(settings)?;
        let directory = match PrivateDir::in_memory(settings, false) {
            Err(_) if on_disk => PrivateDir::on_disk(settings)?,
            made => made.map_err(|error| {
                error.hint("mount one: mount -t tmpfs tmpfs /dev/shm").hint(
                    "--on-disk, if it is acceptable that the cleartext is on a disk for a while",
                )
            })?,
        };
        let warden = Warden::over(&directory);
        let name = file.file_name().map(|name| name.to_string_lossy());
        let file = directory.put(name.as_deref().unwrap_or("edit"), clear)?;
        Ok(Self {
            editor,
            directory,
            _warden: warden,
            file,
            first: Zeroizing::new(clear.to_vec()),
            line: None,
            told_by: None,
        })
    }

    /// Lets a person edit, and returns what they saved.
    pub(super) fn text(&mut self, context: &Context) -> Result<Zeroizing<Vec<u8>>, Error> {
        let ended = self.editor.open(&self.file, self.line, &self.directory)?;
        self.told_by = ended.told_by;
        if let Some(signal) = ended.told_by {
            return Err(Error::new(
                Code::Failed,
                format!("ended by signal {signal} while the editor was open"),
            ));
        }
        if !ended.status.success() {
            let name = self.editor.name();
            return Err(Error::new(
                Code::Other(NO_EDITOR),
                format!("the editor {name} failed; nothing was written"),
            )
            .hint("an editor that returns at once needs an option: EDITOR='code --wait'"));
        }
        let text = self.saved().ok_or_else(|| {
            Error::new(
                Code::Input,
                "the editor took the file away; nothing was written",
            )
        })?;
        if text.ct_eq(&self.first).into() {
            let hint = "an editor that returns at once needs an option: EDITOR='code --wait'";
            let error = Error::new(Code::Unchanged, "nothing was changed, nothing was written");
            return Err(if context.ui.is_interactive() {
                error.hint(hint)
            } else {
                error
            });
        }
        Ok(text)
    }

    /// What the file holds now.
    pub(super) fn saved(&self) -> Option<Zeroizing<Vec<u8>>> {
        let content = fs::read(&self.file).ok()?;
        let is_changed = !bool::from(content.bytes.ct_eq(&self.first));
        (is_changed || self.told_by.is_none()).then_some(content.bytes)
    }

    /// Whether a signal ended the sitting.
    pub(super) fn was_told_to_end(&self) -> bool {
        self.told_by.is_some()
    }

    /// Says what is wrong and waits for a person to go on; an end of the input is a no.
    pub(super) fn again(
        &mut self,
        error: &Error,
        line: Option<usize>,
        context: &Context,
    ) -> Result<(), Error> {
        context.ui.fail(error);
        context
            .ui
            .prompt("press Enter to edit it again, or end with Ctrl-D:");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).unwrap_or(0);
        if read == 0 {
            context.ui.note("");
            return Err(Error::new(
                error.code,
                "the edit was given up, since it cannot be sealed as it is",
            ));
        }
        self.line = line;
        Ok(())
    }
}

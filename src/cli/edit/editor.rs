//! Which editor, and what it is told: where to begin, and not to leave copies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use clsecrets::fs::PrivateDir;
use clsecrets::{Code, Error, Settings, keys};

use super::super::child::{self, Ended, without_identities};

/// A program with its arguments.
#[derive(Debug)]
pub(super) struct Editor {
    words: Vec<String>,
}

impl Editor {
    /// `SOPS_EDITOR`, else `EDITOR`, else the first of vim, nano and vi that there is.
    pub(super) fn chosen(settings: &Settings) -> Result<Self, Error> {
        for variable in ["SOPS_EDITOR", "EDITOR"] {
            let Some(text) = settings.var(variable) else {
                continue;
            };
            let words = keys::command_words(text)
                .filter(|words| !words.is_empty())
                .ok_or_else(|| {
                    Error::new(
                        Code::Other(NO_EDITOR),
                        format!("{variable} is no command: its quotes do not match"),
                    )
                })?;
            return Ok(Self { words });
        }
        let places = settings.var("PATH").unwrap_or_default();
        let places: Vec<PathBuf> = std::env::split_paths(places).collect();
        let there = |name: &&str| places.iter().any(|place| place.join(name).is_file());
        let name = ["vim", "nano", "vi"].into_iter().find(there);
        let name = name.ok_or_else(|| {
            Error::new(Code::Other(NO_EDITOR), "there is no editor")
                .detail("neither vim, nano nor vi is in PATH")
                .hint("name one: EDITOR='code --wait'")
        })?;
        Ok(Self {
            words: vec![name.to_owned()],
        })
    }

    /// Opens a file of a private directory, at a line; returns when the editor ends.
    pub(super) fn open(
        &self,
        file: &Path,
        line: Option<usize>,
        directory: &PrivateDir,
    ) -> Result<Ended, Error> {
        let Some((program, rest)) = self.words.split_first() else {
            return Err(Error::internal("an editor without a name"));
        };
        let mut command = Command::new(program);
        command
            .args(rest)
            .args(self.without_copies(directory))
            .args(self.place(file, line))
            .env("TMPDIR", directory.path());
        without_identities(&mut command);
        child::run(|| command.spawn()).map_err(|error| Error {
            code: Code::Other(NO_EDITOR),
            message: format!("the editor {program}: {}", error.message),
            ..error
        })
    }

    pub(super) fn name(&self) -> &str {
        let program = self.words.first().map(String::as_str).unwrap_or_default();
        program.rsplit('/').next().unwrap_or(program)
    }

    /// No swap, backup, undo or history files; those that cannot be refused go into the directory.
    fn without_copies(&self, directory: &PrivateDir) -> Vec<OsString> {
        let words: &[&str] = match self.name() {
            "vim" | "nvim" | "gvim" | "vimx" => &[
                "-n",
                "-i",
                "NONE",
                "-c",
                "set noswapfile nobackup nowritebackup noundofile",
            ],
            "nano" => &["--backupdir"],
            _ => &[],
        };
        let mut words: Vec<OsString> = words.iter().map(OsString::from).collect();
        if self.name() == "nano" {
            words.push(directory.path().into());
        }
        words
    }

    fn place(&self, file: &Path, line: Option<usize>) -> Vec<OsString> {
        let file = OsString::from(file);
        match (self.name(), line) {
            (
                "vim" | "nvim" | "gvim" | "vimx" | "nano" | "vi" | "emacs" | "emacsclient" | "joe"
                | "mg" | "micro" | "ne",
                Some(line),
            ) => vec![format!("+{line}").into(), file],
            ("code" | "codium" | "cursor", Some(line)) => {
                let mut place = file;
                place.push(format!(":{line}"));
                vec!["--goto".into(), place]
            }
            ("hx" | "helix" | "subl" | "zed", Some(line)) => {
                let mut place = file;
                place.push(format!(":{line}"));
                vec![place]
            }
            _ => vec![file],
        }
    }
}

/// The reference's status where no editor could be used.
pub(super) const NO_EDITOR: u8 = 201;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_is_told_the_line_in_its_own_way() {
        let place = |program: &str| {
            let editor = Editor {
                words: vec![program.to_owned()],
            };
            let place = editor.place(Path::new("/d/a.yaml"), Some(7));
            place
                .iter()
                .map(|word| word.to_string_lossy())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(place("/usr/bin/vim"), "+7 /d/a.yaml");
        assert_eq!(place("code"), "--goto /d/a.yaml:7");
        assert_eq!(place("ed"), "/d/a.yaml");
    }
}

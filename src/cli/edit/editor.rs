//! Which editor, and what it is told: where to begin, and not to leave copies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use clsecrets::fs::PrivateDir;
use clsecrets::settings::without_identities;
use clsecrets::{Code, Error, Settings, keys};

use super::super::child::{self, Ended};

/// A program with its arguments.
#[derive(Debug)]
pub(super) struct Editor {
    words: Vec<String>,
    kind: Kind,
}

/// What an editor understands of what we have to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vim,
    Emacs,
    Nano,
    Other,
}

impl Editor {
    /// `SOPS_EDITOR`, else `EDITOR`, else the first of vim, nano and vi that there is.
    pub(super) fn chosen(settings: &Settings) -> Result<Self, Error> {
        let places = settings.var("PATH").unwrap_or_default();
        let places: Vec<PathBuf> = std::env::split_paths(places).collect();
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
            return Ok(Self::new(words, &places));
        }
        let there = |name: &&str| places.iter().any(|place| place.join(name).is_file());
        let name = ["vim", "nano", "vi"].into_iter().find(there);
        let name = name.ok_or_else(|| {
            Error::new(Code::Other(NO_EDITOR), "there is no editor")
                .detail("neither vim, nano nor vi is in PATH")
                .hint("name one: EDITOR='code --wait'")
        })?;
        Ok(Self::new(vec![name.to_owned()], &places))
    }

    fn new(words: Vec<String>, places: &[PathBuf]) -> Self {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let kind = Kind::of(program, places);
        Self { words, kind }
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
        let words: &[&str] = match self.kind {
            Kind::Vim => &[
                "-n",
                "-i",
                "NONE",
                // What the file says is not done, also where the user's own settings turn it on.
                "--cmd",
                "augroup clsecrets",
                "--cmd",
                "autocmd BufReadPre * setlocal nomodeline",
                "--cmd",
                "augroup END",
                "-c",
                "set noswapfile nobackup nowritebackup noundofile",
            ],
            Kind::Emacs => &["--eval", NO_LOCAL_VARIABLES],
            Kind::Nano => &["--backupdir"],
            Kind::Other => &[],
        };
        let mut words: Vec<OsString> = words.iter().map(OsString::from).collect();
        if self.kind == Kind::Nano {
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

impl Kind {
    /// By its name, or by that of the program that a general name leads to.
    fn of(program: &str, places: &[PathBuf]) -> Self {
        let name = program.rsplit('/').next().unwrap_or(program);
        let named = Self::named(name);
        let is_general = ["vi", "view", "ex", "editor", "sensible-editor"].contains(&name);
        if named != Self::Other || !is_general {
            return named;
        }
        let mut there = places.iter().map(|place| place.join(program));
        let resolved = there.find_map(|path| path.canonicalize().ok());
        let name = resolved.as_deref().and_then(Path::file_name);
        name.map_or(Self::Other, |name| Self::named(&name.to_string_lossy()))
    }

    fn named(name: &str) -> Self {
        // vim.basic, vim.tiny, emacs-nox
        match name.split(['.', '-']).next().unwrap_or_default() {
            "vim" | "nvim" | "gvim" | "vimx" | "rvim" | "evim" | "eview" | "gview" | "rview"
            | "rgvim" | "rgview" | "vimdiff" | "gvimdiff" | "nvimdiff" | "mvim" => Self::Vim,
            "emacs" => Self::Emacs,
            "nano" | "rnano" => Self::Nano,
            _ => Self::Other,
        }
    }
}

/// Neither the text's own settings and code nor those of a folder are heeded.
const NO_LOCAL_VARIABLES: &str =
    "(setq enable-local-variables nil enable-local-eval nil enable-dir-local-variables nil)";

/// The reference's status where no editor could be used.
pub(super) const NO_EDITOR: u8 = 201;

#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_general_name_is_looked_up_and_vim_is_known_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("vim.tiny");
        std::fs::write(&program, "").unwrap();
        std::os::unix::fs::symlink(&program, folder.path().join("vi")).unwrap();
        let places = [folder.path().to_path_buf()];
        let absolute = folder.path().join("vi").display().to_string();
        for name in [
            "vi",
            &absolute,
            "vim",
            "/usr/bin/gview",
            "nvim",
            "vim.basic",
        ] {
            assert_eq!(Kind::of(name, &places), Kind::Vim, "{name}");
        }
        assert_eq!(Kind::of("vi", &[]), Kind::Other);
        assert_eq!(Kind::of("emacs-nox", &[]), Kind::Emacs);
        assert_eq!(Kind::of("emacsclient", &[]), Kind::Other);
        assert_eq!(Kind::of("nano", &[]), Kind::Nano);
    }

    #[test]
    fn an_editor_is_told_the_line_in_its_own_way() {
        let place = |program: &str| {
            let editor = Editor::new(vec![program.to_owned()], &[]);
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

//! Puts the check into the hooks of a repository, and takes it away.
//!
//! A hook that is there keeps running. It is moved aside and run first; only a shell script that
//! looks at its own name would notice that, so such a one stays and gets a marked block at its
//! top. The surprise: merges without conflict run `pre-merge-commit`, not `pre-commit`.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cli::git::ask_path;
use clsecrets::fs::{self, Privacy};
use clsecrets::{Code, Error};

/// The hooks that see a commit and its message before it is made, also one of `git am` and
/// `git rebase --apply`, which ask no merge driver where a patch fits; and one that sees those that were made
/// without.
const HOOKS: &[&str] = &[
    "pre-commit",
    "pre-merge-commit",
    "pre-applypatch",
    "commit-msg",
    "pre-push",
];

const BEGIN: &str = "# >>> clsecrets >>>";
const END: &str = "# <<< clsecrets <<<";
const OURS: &str =
    "#!/bin/sh\n# Made by `clsecrets hook install`; `clsecrets hook uninstall` takes it away.\n";
const ASIDE: &str = ".before-clsecrets";

/// What stands where a hook belongs.
enum Present {
    Nothing,
    /// A file of ours alone.
    Ours(String),
    /// A file with our block in it.
    Marked(String),
    /// A shell script that would notice another name.
    Named(String),
    /// Anything else; a link, a program, a script that is switched off.
    Other,
}

/// Installs all hooks; running it again changes nothing. Answers with one line for each.
pub(crate) fn install(directory: &Path) -> Result<Vec<String>, Error> {
    let hooks = Hooks::find(directory)?;
    if !hooks.directory.is_dir() {
        fs::create_shared_dir(&hooks.directory)?;
    }
    let mut told = hooks.notes.clone();
    for name in HOOKS {
        let path = hooks.directory.join(name);
        let shown = hooks.shown(&path);
        let aside = aside(&path);
        let block = block(name);
        let own = own(name, &block);
        told.push(match present(&path)? {
            Present::Ours(text) if text == own => format!("{shown} is installed already"),
            Present::Ours(_) => {
                fs::replace(&path, own.as_bytes(), Privacy::Executable, None)?;
                format!("{shown} brought up to date")
            }
            Present::Marked(text) => {
                let (before, after) = parted(&text, &path)?;
                let new = format!("{before}{block}{after}");
                if new == text {
                    format!("{shown} is installed already")
                } else {
                    fs::replace(&path, new.as_bytes(), Privacy::Executable, None)?;
                    format!("{shown} brought up to date")
                }
            }
            Present::Named(text) => {
                let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
                let new = format!("{first}\n{block}{rest}");
                fs::replace(&path, new.as_bytes(), Privacy::Executable, None)?;
                format!("{shown} checks first now; the rest of it stays as it was")
            }
            Present::Nothing => {
                fs::replace(&path, own.as_bytes(), Privacy::Executable, None)?;
                format!("{shown} installed")
            }
            Present::Other => {
                fs::give_name(&path, &aside)?;
                fs::replace(&path, own.as_bytes(), Privacy::Executable, None)?;
                format!(
                    "{shown} installed; the hook that was there runs first, as {}",
                    hooks.shown(&aside)
                )
            }
        });
    }
    Ok(told)
}

/// The hooks that an older version has installed, or that are missing beside others of ours; none where
/// none of ours is.
pub(crate) fn outdated(directory: &Path) -> Vec<String> {
    // Without a repository there are none.
    let Ok(hooks) = Hooks::find(directory) else {
        return Vec::new();
    };
    let mut old = Vec::new();
    let mut is_any = false;
    for name in HOOKS {
        let path = hooks.directory.join(name);
        let block = block(name);
        let is_current = match present(&path) {
            Ok(Present::Ours(text)) => form(&text) == form(&own(name, &block)),
            Ok(Present::Marked(text)) => form(&text).contains(&form(&block)),
            Ok(_) => {
                old.push(hooks.shown(&path));
                continue;
            }
            Err(_) => continue,
        };
        is_any = true;
        if !is_current {
            old.push(hooks.shown(&path));
        }
    }
    if is_any { old } else { Vec::new() }
}

/// The lines of a hook but for the place of the program, which says nothing of its form.
fn form(text: &str) -> String {
    let is_place =
        |line: &&str| line.starts_with("elif [ -x '") || line.trim_start().contains("' hook --");
    text.lines()
        .filter(|line| !is_place(line))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Takes all hooks away and brings back those that were there.
pub(super) fn uninstall(directory: &Path) -> Result<Vec<String>, Error> {
    let hooks = Hooks::find(directory)?;
    let mut told = Vec::new();
    for name in HOOKS {
        let path = hooks.directory.join(name);
        let shown = hooks.shown(&path);
        let aside = aside(&path);
        told.push(match present(&path)? {
            Present::Ours(_) => {
                fs::remove(&path)?;
                if aside.symlink_metadata().is_ok() {
                    fs::give_name(&aside, &path)?;
                    format!("{shown} is again the hook that was there before")
                } else {
                    format!("{shown} removed")
                }
            }
            Present::Marked(text) => {
                let (before, after) = parted(&text, &path)?;
                let new = format!("{before}{after}");
                fs::replace(&path, new.as_bytes(), Privacy::Executable, None)?;
                format!("{shown} no longer checks; the rest of it stays as it was")
            }
            Present::Nothing | Present::Named(_) | Present::Other => {
                format!("{shown} is not ours; nothing was changed")
            }
        });
    }
    Ok(told)
}

/// Where the hooks of a repository are.
struct Hooks {
    top: PathBuf,
    directory: PathBuf,
    notes: Vec<String>,
}

impl Hooks {
    fn find(directory: &Path) -> Result<Self, Error> {
        let top = ask(directory, &["rev-parse", "--show-toplevel"])?;
        // From the top, because a relative `core.hooksPath` is meant from there. Git knows the
        // rest: linked work trees share the hooks of their repository.
        let hooks = ask(&top, &["rev-parse", "--git-path", "hooks"])?;
        let scope = ask(&top, &["config", "--show-scope", "--get", "core.hooksPath"]);
        let is_shared = scope.is_ok_and(|scope| {
            let scope = scope.to_string_lossy();
            scope.starts_with("global") || scope.starts_with("system")
        });
        let notes = if is_shared {
            vec![format!(
                "core.hooksPath is set for all repositories of this user: {} serves all of them",
                hooks.display()
            )]
        } else {
            Vec::new()
        };
        Ok(Self {
            directory: top.join(hooks),
            top,
            notes,
        })
    }

    fn shown(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.top).unwrap_or(path);
        inside.display().to_string()
    }
}

/// What `git` answers, as a path.
fn ask(directory: &Path, arguments: &[&str]) -> Result<PathBuf, Error> {
    ask_path(directory, arguments).map_err(|reason| {
        Error::new(
            Code::Failed,
            format!("cannot find the hooks of {}: {reason}", directory.display()),
        )
        .hint("run it in the work tree of a git repository: git init")
    })
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ASIDE);
    PathBuf::from(name)
}

fn present(path: &Path) -> Result<Present, Error> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Present::Nothing),
        Err(error) => return Err(unreadable(path, &error)),
    };
    if !metadata.is_file() {
        return Ok(Present::Other);
    }
    let content = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let Ok(text) = std::str::from_utf8(&content.bytes) else {
        return Ok(Present::Other);
    };
    let is_executable = metadata.permissions().mode() & 0o111 != 0;
    let text = text.to_owned();
    // Lines that somebody has added behind ours are kept like any other script's.
    Ok(
        if text.starts_with(OURS) && text.trim_end().ends_with(END) {
            Present::Ours(text)
        } else if text.contains(BEGIN) {
            Present::Marked(text)
        } else if is_executable && is_shell(&text) && knows_its_name(&text) {
            Present::Named(text)
        } else {
            Present::Other
        },
    )
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(
        Code::Failed,
        format!("cannot read {}: {}", path.display(), fs::plain(error)),
    )
}

fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!")
        && first
            .split(['/', ' '])
            .any(|word| matches!(word, "sh" | "bash" | "dash" | "ksh" | "zsh"))
}

fn knows_its_name(text: &str) -> bool {
    ["$0", "${0", "BASH_SOURCE", "husky"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// The text before and after our block.
fn parted<'a>(text: &'a str, path: &Path) -> Result<(&'a str, &'a str), Error> {
    let damaged = || {
        Error::new(
            Code::Failed,
            format!("the clsecrets block in {} is damaged", path.display()),
        )
        .hint(format!("remove the lines from '{BEGIN}' on by hand"))
    };
    let (before, rest) = text.split_once(BEGIN).ok_or_else(damaged)?;
    let (_, after) = rest.split_once(END).ok_or_else(damaged)?;
    Ok((before, after.strip_prefix('\n').unwrap_or(after)))
}

/// Gives what was read from standard input to whoever reads it next.
const GIVE_BACK: &str = "exec 0<<CLSECRETS\n$clsecrets_input\nCLSECRETS\n";

fn reads_input(name: &str) -> bool {
    name == "pre-push"
}

/// The whole of a hook of ours.
fn own(name: &str, block: &str) -> String {
    let before = format!("before=\"$0{ASIDE}\"\n");
    if reads_input(name) {
        // Both hooks read what is pushed.
        return format!(
            "{OURS}{before}clsecrets_input=$(cat)\nif [ -x \"$before\" ]; then\n  \
             printf '%s\\n' \"$clsecrets_input\" | \"$before\" \"$@\" || exit $?\nfi\n{GIVE_BACK}{block}"
        );
    }
    format!(
        "{OURS}{before}if [ -x \"$before\" ]; then\n  \"$before\" \"$@\" || exit $?\nfi\n{block}"
    )
}

/// The lines that check. A commit that cannot be checked is refused.
fn block(name: &str) -> String {
    let what = match name {
        // Git gives the name of the remote and its URL.
        "pre-push" => "--pushed --remote=\"$1\" --remote-url=\"$2\"",
        // It gives the file of the message.
        "commit-msg" => "--message=\"$1\"",
        _ => "--staged",
    };
    let pipe = if reads_input(name) {
        "printf '%s\\n' \"$clsecrets_input\" | "
    } else {
        ""
    };
    let mut lines = vec![BEGIN.to_owned()];
    if reads_input(name) {
        lines.push("clsecrets_input=$(cat)".to_owned());
    }
    lines.push("if command -v clsecrets >/dev/null 2>&1; then".to_owned());
    lines.push(format!("  {pipe}clsecrets hook {what} || exit $?"));
    if let Some(program) = std::env::current_exe()
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
    {
        let program = format!("'{}'", program.replace('\'', "'\\''"));
        lines.push(format!("elif [ -x {program} ]; then"));
        lines.push(format!("  {pipe}{program} hook {what} || exit $?"));
    }
    lines.extend(
        [
            "else",
            "  echo 'clsecrets is not installed: this commit cannot be checked and is refused' >&2",
            "  exit 2",
            "fi",
        ]
        .map(str::to_owned),
    );
    let mut text = lines.join("\n") + "\n";
    if reads_input(name) {
        text.push_str(GIVE_BACK);
    }
    text + END + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_told_from_other_interpreters() {
        assert!(is_shell("#!/bin/sh\n"));
        assert!(is_shell("#!/usr/bin/env bash\n"));
        assert!(!is_shell("#!/usr/bin/env python3\n"));
        assert!(!is_shell("echo hello\n"));
    }

    #[test]
    fn a_block_comes_out_as_it_went_in() {
        let text = format!(
            "#!/bin/sh\n{}cd \"$(dirname \"$0\")\"\n",
            block("pre-commit")
        );
        let (before, after) = parted(&text, Path::new("pre-commit")).unwrap();

        assert_eq!(
            format!("{before}{after}"),
            "#!/bin/sh\ncd \"$(dirname \"$0\")\"\n"
        );
        assert!(parted("#!/bin/sh\n# >>> clsecrets >>>\n", Path::new("x")).is_err());
    }
}

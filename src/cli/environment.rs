//! Loads an environment: its entry in `clsecrets.yaml`, its sealed files opened, and what the wallet
//! guard has to know of HEAD.

use std::path::Path;
use std::process::{Command, Stdio};

use clsecrets::config::{Environments, find_environments};
use clsecrets::envelope::{OpenOptions, Opened};
use clsecrets::sync::{Previous, SourceFile};
use clsecrets::tree::{Node, Value};
use clsecrets::{Code, Error, format, fs};
use zeroize::Zeroizing;

use super::delivery::{Loaded, OpenedFile};
use super::opening::Opener;
use super::{Context, digest};

/// The key that the wallet guard watches.
const WALLET: &str = "wallet_password";

/// What would have Git look at another repository than the one that the file is in.
const ELSEWHERE: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// Status of the commands on environments if a sealed file does not open.
const NOT_OPENED: Code = Code::Other(5);

/// Loads the environment of this name, as seen from the working directory.
pub(crate) fn load(name: &str, context: &Context) -> Result<Loaded, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let environment = environments.environment(name)?;
    let base = environments.directory();
    let opener = Opener::new(&context.settings, &context.ui, None)?;
    let mut files = Vec::new();
    let mut previous = Previous::Absent;
    for path in &environment.sealed {
        let shown = shown(path, base);
        fs::refuse_interrupted(path).map_err(|error| Error {
            code: NOT_OPENED,
            ..error
        })?;
        let sealed = fs::read(path).map_err(|error| {
            let reason = fs::plain(&error);
            let hint = format!("clsecrets encrypt --env {name}");
            Error::new(Code::Failed, format!("cannot read {shown}: {reason}")).hint(hint)
        })?;
        let sha256 = digest::sha256(&sealed.bytes);
        let before = at_head(path);
        let is_unchanged = matches!(&before, AtHead::Text(text) if *text == sealed.bytes);
        let opened = open(&opener, &shown, sealed.bytes)?;
        previous = joined(
            previous,
            match before {
                AtHead::Text(_) if is_unchanged => wallet(&opened),
                AtHead::Text(text) => match open(&opener, &shown, text) {
                    Ok(opened) => wallet(&opened),
                    Err(_) => Previous::Unreadable(format!("{shown} at HEAD does not open")),
                },
                AtHead::Absent => Previous::Absent,
                AtHead::Unknown(why) => Previous::Unreadable(why.to_owned()),
            },
        );
        files.push(OpenedFile {
            source: SourceFile {
                file: shown,
                sha256,
            },
            opened,
        });
    }
    Loaded::new(&environments, environment, files, previous)
}

fn open(opener: &Opener<'_>, name: &str, text: Zeroizing<Vec<u8>>) -> Result<Opened, Error> {
    let Some(format) = format::by_extension(name) else {
        let reason = format!("{name} has no format that this build reads");
        return Err(Error::new(Code::Failed, reason));
    };
    match opener.open_text(name, format, text, OpenOptions::default()) {
        Ok((opened, _)) => Ok(opened),
        Err(error) => Err(Error {
            code: NOT_OPENED,
            ..error
        }),
    }
}

/// `wallet_password` of an opened file.
fn wallet(opened: &Opened) -> Previous {
    let documents = &opened.tree().documents;
    let value = documents.iter().find_map(|map| map.get(WALLET));
    match value.and_then(Node::as_value).map(Value::as_str) {
        Some(Some(value)) => Previous::Value(value.duplicate()),
        Some(None) => Previous::Unreadable(format!("{WALLET} at HEAD is no string")),
        None => Previous::Absent,
    }
}

/// Of several files the one that has it counts, and then one that could not be read.
fn joined(first: Previous, second: Previous) -> Previous {
    match (first, second) {
        (Previous::Value(value), _) | (_, Previous::Value(value)) => Previous::Value(value),
        (Previous::Unreadable(why), _) | (_, Previous::Unreadable(why)) => {
            Previous::Unreadable(why)
        }
        (Previous::Absent, Previous::Absent) => Previous::Absent,
    }
}

/// A file as the last commit has it.
enum AtHead {
    Text(Zeroizing<Vec<u8>>),
    Absent,
    Unknown(&'static str),
}

fn at_head(path: &Path) -> AtHead {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return AtHead::Unknown("no Git repository");
    };
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        let output = command
            .arg("-C")
            .arg(directory)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then_some(output.stdout)
    };
    if git(&["rev-parse", "--git-dir"]).is_none() {
        return AtHead::Unknown("no Git repository");
    }
    if git(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_none() {
        return AtHead::Absent;
    }
    let Some(name) = name.to_str() else {
        return AtHead::Unknown("its name is no text");
    };
    // A name is no pattern here, whatever characters it has.
    match git(&["--literal-pathspecs", "ls-tree", "-z", "HEAD", "--", name]) {
        None => AtHead::Unknown("Git cannot read HEAD"),
        Some(listed) if listed.is_empty() => AtHead::Absent,
        Some(_) => match git(&["cat-file", "blob", &format!("HEAD:./{name}")]) {
            Some(text) => AtHead::Text(Zeroizing::new(text)),
            None => AtHead::Unknown("Git cannot read HEAD"),
        },
    }
}

fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use clsecrets::secret::SecretBytes;

    use super::*;

    fn value(text: &str) -> Previous {
        Previous::Value(SecretBytes::copy_of(text.as_bytes()))
    }

    #[test]
    fn of_several_files_the_one_that_has_the_password_counts() {
        let unreadable = || Previous::Unreadable("why".to_owned());
        assert!(matches!(
            joined(Previous::Absent, value("w")),
            Previous::Value(_)
        ));
        assert!(matches!(
            joined(unreadable(), value("w")),
            Previous::Value(_)
        ));
        assert!(matches!(
            joined(Previous::Absent, unreadable()),
            Previous::Unreadable(_)
        ));
        assert!(matches!(
            joined(Previous::Absent, Previous::Absent),
            Previous::Absent
        ));
    }

    #[test]
    fn a_file_outside_of_a_repository_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let found = at_head(&folder.path().join("a.yaml"));
        assert!(matches!(found, AtHead::Unknown("no Git repository")));
    }
}

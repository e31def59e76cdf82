//! Which commits are trusted while Git merges, and what they say of a file.
//!
//! The working tree is not asked: it may have the other side's `.sops.yaml` already. HEAD is, since it
//! is what the person had accepted before: in `merge`, `stash pop` and `checkout --merge` it is where
//! they stand. Where an operation goes commit by commit HEAD moves along with what comes in, so there
//! the commit counts, too, that was HEAD when it began (`am`, `cherry-pick` and `revert` of several).
//! In a rebase, HEAD is the new base and ours is upstream's version, while the person's own work is
//! theirs: either may be the one that somebody else has made, so what both say counts. (Of `rebase
//! --apply` the new base is not known while it runs; where the branch began stands in for it.) A commit
//! that has no rule for the file vouches for nobody.

use std::path::{Path, PathBuf};

use clsecrets::config::{self, ConfigError};
use clsecrets::envelope::merge::Trusted;
use clsecrets::metadata::KeyGroups;
use clsecrets::{Code, Error};

use super::super::Context;
use super::super::sealing::rule_of;
use super::{ask, ask_path};

/// Where Git notes what an operation began with, and what that is in words.
const STATES: [(&str, &str); 5] = [
    ("rebase-merge/onto", "the new base"),
    ("rebase-merge/orig-head", "the branch that is rebased"),
    ("rebase-apply/onto", "the new base"),
    ("rebase-apply/orig-head", "the branch that is rebased"),
    ("sequencer/head", "HEAD as it was before"),
];

/// A commit that is trusted.
struct Commit {
    name: &'static str,
    id: String,
}

/// What the trusted commits say of a file; nothing if one of them has no rule for it.
pub(super) fn trusted(file: &Path, context: &Context) -> Result<Vec<Trusted>, Error> {
    let directory = &context.settings.cwd;
    // A bare repository has no work tree; paths begin where Git runs us.
    let top = ask_path(directory, &["rev-parse", "--show-toplevel"])
        .unwrap_or_else(|_| directory.clone());
    let file = match file.strip_prefix(directory) {
        Ok(inside) => top.join(inside),
        Err(_) => file.to_path_buf(),
    };
    let mut all = Vec::new();
    for commit in commits(directory)? {
        let read = |path: &Path| commit.read(path, &top, directory);
        let Some(found) = config::committed(&file, &read).map_err(|fault| fault.about(&commit))?
        else {
            return Ok(Vec::new());
        };
        let key_groups = if found.is_environment {
            found.rule.seal_for(&found.rules)?
        } else {
            KeyGroups::new(found.rule.groups.clone(), found.rule.shamir_threshold)
        };
        let rules = found.rules.path();
        let rules = rules.strip_prefix(&top).unwrap_or(rules);
        all.push(Trusted {
            place: format!(
                "rule {} of {} in {}",
                found.rule.number,
                rules.display(),
                commit.name
            ),
            key_groups,
            rule: rule_of(&found.rule)?,
            mac_only_encrypted: found.rule.mac_only_encrypted,
            is_environment: found.is_environment,
        });
    }
    Ok(all)
}

/// The trusted commits, each once. None where there is no repository or no commit yet.
fn commits(directory: &Path) -> Result<Vec<Commit>, Error> {
    let Some(head) = resolved(directory, "HEAD") else {
        return Ok(Vec::new());
    };
    let mut all = vec![Commit {
        name: "HEAD",
        id: head,
    }];
    let mut add = |name, id: String| {
        if !all.iter().any(|one| one.id == id) {
            all.push(Commit { name, id });
        }
    };
    for (state, name) in STATES {
        let path = git_path(directory, state)?;
        let unusable = |reason: &str| {
            let reason = format!("{}: {reason}", path.display());
            Error::new(Code::Failed, reason)
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unusable(&clsecrets::fs::plain(&error))),
        };
        let id = resolved(directory, text.trim());
        add(name, id.ok_or_else(|| unusable("it names no commit"))?);
    }
    // `git am` notes nothing of its own, and `rebase --apply`, which uses it, only once it has stopped.
    let is_there = |state| git_path(directory, state).map(|path| path.exists());
    let is_am = is_there("rebase-apply/applying")?;
    let is_rebase = is_there("rebase-apply/rebasing")?;
    if (is_am || is_rebase)
        && let Some(id) = resolved(directory, "ORIG_HEAD")
    {
        if is_am {
            add("HEAD as it was before", id);
        } else {
            let both = ask(directory, ["merge-base", "HEAD", &id]);
            add("the branch that is rebased", id);
            let fork = both.ok().and_then(|both| String::from_utf8(both).ok());
            if let Some(fork) = fork {
                add("where that branch began", fork.trim().to_owned());
            }
        }
    }
    Ok(all)
}

fn git_path(directory: &Path, name: &str) -> Result<PathBuf, Error> {
    ask_path(directory, &["rev-parse", "--git-path", name])
        .map(|path| directory.join(path))
        .map_err(|reason| Error::new(Code::Failed, format!("git rev-parse: {reason}")))
}

fn resolved(directory: &Path, name: &str) -> Option<String> {
    let name = format!("{name}^{{commit}}");
    let words = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &name,
    ];
    let id = String::from_utf8(ask(directory, words).ok()?).ok()?;
    Some(id.trim().to_owned())
}

/// Why a commit cannot be asked.
enum Unread {
    Config(ConfigError),
    Git(String),
}

impl From<ConfigError> for Unread {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl Unread {
    fn about(self, commit: &Commit) -> Error {
        match self {
            Self::Config(error) => {
                Error::from(error).detail(format!("it is the one of {}", commit.name))
            }
            Self::Git(reason) => Error::new(
                Code::Failed,
                format!("cannot read the rules of {}: {reason}", commit.name),
            ),
        }
    }
}

impl Commit {
    /// The text of a path in this commit; what lies outside of the repository is the person's own.
    fn read(&self, path: &Path, top: &Path, directory: &Path) -> Result<Option<String>, Unread> {
        let Ok(inside) = path.strip_prefix(top) else {
            return match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Unread::Git(clsecrets::fs::plain(&error))),
            };
        };
        let Some(inside) = inside.to_str() else {
            return Err(Unread::Git(
                "a folder has a name that is no text".to_owned(),
            ));
        };
        let list = [
            "--literal-pathspecs",
            "ls-tree",
            "-z",
            "--full-tree",
            &self.id,
            "--",
            inside,
        ];
        let listed = ask(directory, list).map_err(Unread::Git)?;
        if listed.is_empty() {
            return Ok(None);
        }
        if !listed.starts_with(b"100") {
            return Err(Unread::Git(format!("{inside} is no plain file there")));
        }
        let blob = format!("{}:{inside}", self.id);
        let text = ask(directory, ["cat-file", "blob", &blob]).map_err(Unread::Git)?;
        String::from_utf8(text)
            .map(Some)
            .map_err(|_| Unread::Git(format!("{inside} is no text")))
    }
}

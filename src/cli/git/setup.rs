//! `clsecrets git setup`: attributes for the sealed files of a repository, and the drivers of a clone.
//!
//! `.gitattributes` is committed and says which files; what is run for them stands in the
//! configuration of each clone, because Git takes no commands from a repository. A clone without it
//! shows and merges the files as any other text.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clsecrets::config::{Environments, find_environments};
use clsecrets::fs::{self, Lock, Privacy, Stamp};
use clsecrets::scan::Sealing;
use clsecrets::{Code, Error};

use super::super::{Context, Outcome};
use super::ask;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Patterns of .gitattributes for further files
    patterns: Vec<String>,
    /// Show cleartext in diffs to whoever can open the files
    #[arg(long)]
    reveal: bool,
    /// Take attributes and drivers away again
    #[arg(long, conflicts_with_all = ["patterns", "reveal"])]
    uninstall: bool,
}

const BEGIN: &str = "# >>> clsecrets >>>";
const END: &str = "# <<< clsecrets <<<";
const ATTRIBUTES: &str = "diff=clsecrets merge=clsecrets";

/// What a clone runs.
const SETTINGS: [(&str, &str); 3] = [
    ("merge.clsecrets.name", "values of sealed files"),
    ("merge.clsecrets.driver", "clsecrets git merge %O %A %B %P"),
    ("diff.clsecrets.textconv", "clsecrets git textconv"),
];

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let directory = &context.settings.cwd;
    let top = git(directory, &["rev-parse", "--show-toplevel"])?;
    let top = PathBuf::from(top.trim_end_matches('\n'));
    let tracked = Attributes::read(top.join(".gitattributes"), context)?;
    let info = git(&top, &["rev-parse", "--git-path", "info/attributes"])?;
    let own = Attributes::read(top.join(info.trim_end_matches('\n')), context)?;
    if args.uninstall {
        for section in ["merge.clsecrets", "diff.clsecrets"] {
            // One that is not there is what is wanted.
            let _ = git(&top, &["config", "--local", "--remove-section", section]);
        }
        tracked.write(&BTreeSet::new())?;
        own.write(&BTreeSet::new())?;
        context
            .ui
            .line("git shows and merges sealed files as any other text again")?;
        return Ok(0);
    }
    let mut patterns = tracked.patterns()?;
    let named = patterns.len();
    patterns.extend(args.patterns.iter().map(|pattern| escaped(pattern)));
    for file in sealed_files(&top)? {
        patterns.insert(escaped(&format!("/{}", literal(&file))));
    }
    if patterns.is_empty() {
        return Err(Error::new(
            Code::Failed,
            "no sealed file is tracked here, and no environment names one",
        )
        .hint("clsecrets git setup 'secrets/**'    # names the files that are to come"));
    }
    let is_changed = tracked.write(&patterns)?;
    own.write(&patterns)?;
    for (key, value) in SETTINGS {
        let value = if args.reveal && key.ends_with("textconv") {
            format!("{value} --reveal")
        } else {
            value.to_owned()
        };
        git(&top, &["config", "--local", key, &value])?;
    }
    let files = patterns.len();
    let plural = if files == 1 { "pattern" } else { "patterns" };
    context.ui.line(&format!(
        ".gitattributes has {files} {plural}, {} of them new",
        files - named
    ))?;
    context
        .ui
        .line("git diff and git merge of this clone go by keys now")?;
    if is_changed {
        context
            .ui
            .note("hint: git add .gitattributes    # other clones run clsecrets git setup, too");
    }
    Ok(0)
}

/// A file of attributes: the one that is committed, or the clone's own, which Git heeds before those of any
/// branch, so that no commit on the way takes the driver from a file that it merges.
struct Attributes {
    path: PathBuf,
    text: String,
    stamp: Stamp,
    _lock: Lock,
}

impl Attributes {
    fn read(path: PathBuf, context: &Context) -> Result<Self, Error> {
        if let Some(directory) = path.parent() {
            fs::create_shared_dir(directory)?;
        }
        let lock = context.lock(&path)?;
        let (text, stamp) = match fs::read(&path) {
            Ok(content) => (content.bytes.to_vec(), content.stamp),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (Vec::new(), Stamp::ABSENT)
            }
            Err(error) => {
                let reason = format!("cannot read {}: {}", path.display(), fs::plain(&error));
                return Err(Error::new(Code::Failed, reason));
            }
        };
        let text = String::from_utf8(text)
            .map_err(|_| Error::new(Code::Failed, format!("{} is no text", path.display())))?;
        let attributes = Self {
            path,
            text,
            stamp,
            _lock: lock,
        };
        // A block that is damaged is said before anything is written.
        attributes.patterns()?;
        Ok(attributes)
    }

    /// The patterns that are ours.
    fn patterns(&self) -> Result<BTreeSet<String>, Error> {
        let (_, ours, _) = parted(&self.text, &self.path)?;
        Ok(ours.into_iter().map(str::to_owned).collect())
    }

    /// Puts these patterns in the place of ours; whether that changes the file.
    fn write(&self, patterns: &BTreeSet<String>) -> Result<bool, Error> {
        let (before, _, after) = parted(&self.text, &self.path)?;
        let mut new = before.to_owned();
        if !patterns.is_empty() {
            if !before.is_empty() && !before.ends_with('\n') {
                new.push('\n');
            }
            let _ = writeln!(new, "{BEGIN}");
            for pattern in patterns {
                let _ = writeln!(new, "{pattern} {ATTRIBUTES}");
            }
            let _ = writeln!(new, "{END}");
        }
        new.push_str(after);
        if new == self.text {
            return Ok(false);
        }
        if new.is_empty() {
            fs::remove(&self.path)?;
        } else {
            fs::replace(
                &self.path,
                new.as_bytes(),
                Privacy::Umask,
                Some(&self.stamp),
            )?;
        }
        Ok(true)
    }
}

/// The text before our block, the patterns in it, the text after it.
fn parted<'t>(text: &'t str, path: &Path) -> Result<(&'t str, Vec<&'t str>, &'t str), Error> {
    let Some((before, rest)) = text.split_once(BEGIN) else {
        return Ok((text, Vec::new(), ""));
    };
    let Some((block, after)) = rest.split_once(END) else {
        return Err(Error::new(
            Code::Failed,
            format!("the clsecrets block in {} is damaged", path.display()),
        )
        .hint(format!("remove the lines from '{BEGIN}' on by hand")));
    };
    let patterns = block
        .lines()
        .filter_map(|line| line.strip_suffix(ATTRIBUTES));
    let patterns = patterns
        .map(str::trim)
        .filter(|pattern| !pattern.is_empty());
    Ok((
        before,
        patterns.collect(),
        after.strip_prefix('\n').unwrap_or(after),
    ))
}

/// Every tracked file that is sealed, and those that environments name, by their paths from the top.
fn sealed_files(top: &Path) -> Result<BTreeSet<String>, Error> {
    let mut files = BTreeSet::new();
    let listed = git(top, &["ls-files", "-z"])?;
    for file in listed.split('\0').filter(|file| !file.is_empty()) {
        let path = top.join(file);
        let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
        if is_file
            && let Ok(content) = fs::read(&path)
            && matches!(Sealing::of(file, &content.bytes, &[]), Sealing::Sealed(_))
        {
            files.insert(file.to_owned());
        }
    }
    if let Ok(found) = find_environments(top) {
        let environments = Environments::load(&found)?;
        let sealed = environments.all().iter().flat_map(|one| &one.sealed);
        let inside = sealed.filter_map(|path| path.strip_prefix(top).ok()?.to_str());
        files.extend(inside.map(str::to_owned));
    }
    Ok(files)
}

/// A path as a pattern that fits it alone.
fn literal(path: &str) -> String {
    let mut pattern = String::new();
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// A pattern with blanks or quotes in it stands in quotes.
fn escaped(pattern: &str) -> String {
    let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '"';
    if pattern.chars().all(is_plain) && !pattern.starts_with(['#', '!']) {
        return pattern.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in pattern.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn git(directory: &Path, words: &[&str]) -> Result<String, Error> {
    let failed = |reason: &str| {
        Error::new(
            Code::Failed,
            format!("git {}: {reason}", words.first().unwrap_or(&"")),
        )
        .hint("run it in the work tree of a git repository: git init")
    };
    let answer = ask(directory, words).map_err(|reason| failed(&reason))?;
    String::from_utf8(answer).map_err(|_| failed("a name is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_pattern_that_fits_it_alone() {
        assert_eq!(escaped(&literal("a/b.yaml")), "a/b.yaml");
        assert_eq!(escaped(&literal("a*[1].yaml")), "a\\*\\[1\\].yaml");
        assert_eq!(escaped(&literal("a b.yaml")), "\"a b.yaml\"");
        assert_eq!(escaped(&literal("a ?.yaml")), "\"a \\\\?.yaml\"");
    }

    #[test]
    fn a_block_is_found_again_and_its_surroundings_stay() {
        let text = format!(
            "*.png binary\n{BEGIN}\n/a.yaml {ATTRIBUTES}\n\"/b c\" {ATTRIBUTES}\n{END}\n*.txt text\n"
        );
        let (before, patterns, after) = parted(&text, Path::new("x")).unwrap();
        assert_eq!(patterns, ["/a.yaml", "\"/b c\""]);
        assert_eq!((before, after), ("*.png binary\n", "*.txt text\n"));
        assert!(parted(BEGIN, Path::new("x")).is_err());
    }
}

//! Paths, directories and patterns to files, and work on many files at once.
//!
//! A path that is named is taken as it is, so that what is wrong with it is told; a directory or a
//! pattern stands for those of its files that a command has use for. Names come out sorted and each
//! file once, whatever it is called. The surprise: what Git ignores below a directory is passed by,
//! unless it is asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clsecrets::envelope::Sealed;
use clsecrets::fs::{self, TEMPORARY_PREFIX};
use clsecrets::{Code, Error, format};
use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;

use super::Context;
use super::input::is_stdin;

/// Files that are worked on at once: most of the time each waits for a key service.
const AT_ONCE: usize = 32;

/// What a directory or a pattern stands for.
pub(crate) struct Search<'a> {
    /// Whether a command has use for a file, given by its absolute path.
    pub(crate) takes: &'a dyn Fn(&Path) -> bool,
    /// Also what Git ignores, as it does clear files.
    pub(crate) with_ignored: bool,
}

/// What came of each file, in order.
pub(crate) type Outcomes<T> = Vec<(PathBuf, Result<T, Error>)>;

/// The files that the words of a command line stand for, as the user would write them.
pub(crate) fn files(
    words: &[PathBuf],
    search: &Search<'_>,
    context: &Context,
) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for word in words {
        for file in stands_for(word, search, context)? {
            let absolute = context.settings.absolute(&file);
            if seen.insert(std::fs::canonicalize(&absolute).unwrap_or(absolute)) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// Whether the words can stand for more than one file.
pub(crate) fn are_several(words: &[PathBuf], context: &Context) -> bool {
    words.len() > 1
        || words.iter().any(|word| {
            let absolute = context.settings.absolute(word);
            absolute.is_dir() || is_pattern(word, &absolute)
        })
}

/// Whether a file is sealed, or was once and is broken now.
pub(crate) fn is_sealed(path: &Path) -> bool {
    let Ok(content) = fs::read(path) else {
        // What cannot be read is told where it is worked on.
        return true;
    };
    let holds = |word: &str| memchr::memmem::find(&content.bytes, word.as_bytes()).is_some();
    if !["sops", "lastmodified", "mac"].into_iter().all(holds) {
        return false;
    }
    let name = path.to_string_lossy();
    match (format::by_extension(&name), format::of_name(&name)) {
        // A file of a known kind that does not parse is named rather than passed by.
        (Some(format), _) => !matches!(
            Sealed::parse(format, content.bytes),
            Err(clsecrets::envelope::EnvelopeError::NotSealed)
        ),
        (None, binary) => Sealed::parse(binary, content.bytes).is_ok(),
    }
}

/// Works on files, several at once, and says on a terminal how far it is.
pub(crate) fn each<T: Send>(
    files: Vec<PathBuf>,
    doing: &'static str,
    context: &Context,
    work: impl Fn(&Path) -> Result<T, Error> + Sync,
) -> Outcomes<T> {
    let (total, done) = (files.len(), Arc::new(AtomicUsize::new(0)));
    let shown = Arc::clone(&done);
    let _working = (total > 1).then(|| {
        let line = move || format!("{doing}: {} of {total}", shown.load(Ordering::Relaxed));
        context.ui.working(line)
    });
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, Result<T, Error>)>> = Mutex::default();
    let run = || {
        while let Some((at, file)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            files.get(at).map(|file| (at, file))
        } {
            let outcome = work(file);
            done.fetch_add(1, Ordering::Relaxed);
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push((at, outcome));
        }
    };
    if total < 2 {
        run();
    } else {
        thread::scope(|scope| {
            for _ in 0..total.min(AT_ONCE) {
                scope.spawn(run);
            }
        });
    }
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(at, _)| *at);
    let outcomes = outcomes.into_iter().map(|(_, outcome)| outcome);
    files.into_iter().zip(outcomes).collect()
}

/// Tells every failure and, of several files, how many there were; answers with the status and what
/// went well. One kind of failure gives its own status, several give 1.
pub(crate) fn summarize<T>(
    outcomes: Outcomes<T>,
    done: &str,
    context: &Context,
) -> (u8, Vec<(PathBuf, T)>) {
    let total = outcomes.len();
    let (mut well, mut statuses) = (Vec::new(), Vec::new());
    for (file, outcome) in outcomes {
        match outcome {
            Ok(value) => well.push((file, value)),
            Err(error) => statuses.push(context.ui.fail(&error)),
        }
    }
    if total > 1 {
        context.ui.note(&match statuses.len() {
            0 => format!("{total} files {done}"),
            failed => format!("{} of {total} files {done}, {failed} failed", well.len()),
        });
    }
    let status = match statuses.first() {
        None => 0,
        Some(first) if statuses.iter().all(|status| status == first) => *first,
        Some(_) => Code::Failed.status(),
    };
    (status, well)
}

fn stands_for(word: &Path, search: &Search<'_>, context: &Context) -> Result<Vec<PathBuf>, Error> {
    let absolute = context.settings.absolute(word);
    if is_stdin(word) {
        return Ok(vec![word.to_path_buf()]);
    }
    if absolute.is_dir() {
        let found = below(word, None, search, context)?;
        return not_empty(found, || {
            format!("there is nothing to do below {}", word.display())
        });
    }
    if is_pattern(word, &absolute) {
        let (base, pattern) = parted(word);
        let found = below(&base, Some(&pattern), search, context)?;
        return not_empty(found, || format!("nothing fits {}", word.display()));
    }
    Ok(vec![word.to_path_buf()])
}

fn not_empty(found: Vec<PathBuf>, words: impl Fn() -> String) -> Result<Vec<PathBuf>, Error> {
    if found.is_empty() {
        return Err(
            Error::new(Code::NoFile, words()).hint("name a file to be told why it is not taken")
        );
    }
    Ok(found)
}

/// A file may be called like a pattern.
fn is_pattern(word: &Path, absolute: &Path) -> bool {
    holds_pattern(word) && absolute.symlink_metadata().is_err()
}

fn holds_pattern(part: &Path) -> bool {
    part.to_string_lossy().contains(['*', '?', '[', '{'])
}

/// The directory before the first part that is a pattern, and what follows it.
fn parted(word: &Path) -> (PathBuf, String) {
    let parts: Vec<_> = word.components().collect();
    let at = parts.iter().position(|part| holds_pattern(part.as_ref()));
    let (base, pattern) = parts.split_at(at.unwrap_or(parts.len()));
    let pattern: PathBuf = pattern.iter().collect();
    // Anchored: without a slash it would fit at any depth.
    (base.iter().collect(), format!("/{}", pattern.display()))
}

fn below(
    base: &Path,
    pattern: Option<&str>,
    search: &Search<'_>,
    context: &Context,
) -> Result<Vec<PathBuf>, Error> {
    let root = context.settings.absolute(base);
    let mut walk = WalkBuilder::new(&root);
    walk.standard_filters(false)
        .git_ignore(!search.with_ignored)
        .git_exclude(!search.with_ignored)
        .parents(!search.with_ignored)
        .sort_by_file_path(Path::cmp)
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            name != ".git" && !name.starts_with(TEMPORARY_PREFIX)
        });
    if let Some(pattern) = pattern {
        let mut wanted = OverrideBuilder::new(&root);
        let wanted = wanted.add(pattern).and_then(|wanted| wanted.build());
        let wanted = wanted.map_err(|_| {
            let pattern = pattern.trim_start_matches('/');
            Error::new(
                Code::Failed,
                format!("{pattern} is no pattern of file names"),
            )
        })?;
        walk.overrides(wanted);
    }
    let mut found = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| {
            let reason = error.io_error().map_or("unreadable".to_owned(), fs::plain);
            Error::new(
                Code::Input,
                format!("cannot list the files below {}: {reason}", root.display()),
            )
        })?;
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if is_file && (search.takes)(entry.path()) {
            let inner = entry.path().strip_prefix(&root).unwrap_or(entry.path());
            found.push(base.join(inner));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_parted_from_the_directory_before_it() {
        let parted = |word: &str| {
            let (base, pattern) = parted(Path::new(word));
            (base.display().to_string(), pattern)
        };
        assert_eq!(parted("*.yaml"), (String::new(), "/*.yaml".to_owned()));
        assert_eq!(parted("a/b*/c"), ("a".to_owned(), "/b*/c".to_owned()));
        assert_eq!(
            parted("/a/**/*.env"),
            ("/a".to_owned(), "/**/*.env".to_owned())
        );
    }
}

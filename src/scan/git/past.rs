//! What stood at a path in earlier commits, and from which commits others were made.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use super::super::source::SourceError;
use super::{Entry, Running, is_name, is_none, parse_diff, run};

/// So many paths go into one question.
const AT_ONCE: usize = 200;

/// The commits that names of a range stand for: those that are looked at, and those that are known
/// with all that leads to them.
pub(in crate::scan) fn ends(
    directory: &Path,
    range: &str,
) -> Result<(Vec<String>, Vec<String>), SourceError> {
    // Options and further lines are no revisions.
    if range.starts_with('-') || range.contains('\n') {
        return Err(SourceError::Range(range.to_owned()));
    }
    let words = ["rev-parse", "--revs-only", "--end-of-options", range];
    let (output, warnings) = Running::begin(directory, &words)?.finish_aloud()?;
    // Whoever can push a tag could choose where a range begins: Git takes a tag before a branch.
    let mut ambiguous = warnings.lines().filter_map(|line| {
        let (_, rest) = line.split_once("refname '")?;
        rest.split_once("' is ambiguous").map(|(name, _)| name)
    });
    let is_choice = |name: &&str| !is_name(name) && *name != "HEAD";
    if let Some(name) = ambiguous.rfind(is_choice) {
        return Err(SourceError::Ambiguous(name.to_owned()));
    }
    let (mut wanted, mut known) = (Vec::new(), Vec::new());
    for line in String::from_utf8_lossy(&output).lines() {
        match line.strip_prefix('^') {
            Some(name) if is_name(name) => known.push(name.to_owned()),
            None if is_name(line) => wanted.push(line.to_owned()),
            _ => {}
        }
    }
    if wanted.is_empty() {
        return Err(SourceError::Range(range.to_owned()));
    }
    Ok((wanted, known))
}

/// The newest commits that lead both to one and to some of the others.
pub(in crate::scan) fn bases(
    directory: &Path,
    tip: &str,
    known: &[String],
) -> Result<Vec<String>, SourceError> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let mut words = vec!["merge-base", "--all", tip];
    words.extend(known.iter().map(String::as_str));
    match Running::begin(directory, &words)?.finish() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output);
            Ok(text.lines().map(str::to_owned).collect())
        }
        // Status 1 without a word: there is none. What is pushed need not be a commit, either.
        Err(SourceError::Refused { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What is another way in one commit than in an older one, with what disappeared.
pub(in crate::scan) fn between(
    directory: &Path,
    from: &str,
    to: &str,
) -> Result<Vec<Entry>, SourceError> {
    let mut words = vec!["diff-tree"];
    words.extend(RAW);
    words.extend([from, to, "--"]);
    parse_diff(&run(directory, &words)?)
}

/// The commits of a shallow clone whose parents it does not have.
pub(in crate::scan) fn cut(directory: &Path) -> Result<Vec<String>, SourceError> {
    let words = [
        "rev-parse",
        "--is-shallow-repository",
        "--git-path",
        "shallow",
    ];
    let output = run(directory, &words)?;
    let mut lines = output.split(|byte| *byte == b'\n');
    if lines.next() != Some(b"true") {
        return Ok(Vec::new());
    }
    let file = lines.next().ok_or(SourceError::Answer)?;
    let file = directory.join(OsStr::from_bytes(file));
    let text = std::fs::read_to_string(file).map_err(SourceError::Broken)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// How differences are told.
pub(super) const RAW: [&str; 9] = [
    "-r",
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-relative",
    "--no-ext-diff",
    "--no-color",
    "--ignore-submodules=none",
];

/// The contents that paths had in a commit and in all that lead to it, the newest first.
pub(in crate::scan) fn contents(
    directory: &Path,
    commit: &str,
    paths: &[&OsStr],
) -> Result<BTreeMap<Vec<u8>, Vec<String>>, SourceError> {
    let mut found: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for paths in paths.chunks(AT_ONCE) {
        // A name is no pattern here, whatever characters it has.
        let patterns: Vec<_> = paths
            .iter()
            .map(|path| {
                let mut pattern = std::ffi::OsString::from(":(top,literal)");
                pattern.push(path);
                pattern
            })
            .collect();
        let words = ["rev-list", "--full-history", "--topo-order", commit, "--"];
        let listed = Running::with(directory, &words, &patterns, Stdio::null())?.finish()?;
        if listed.is_empty() {
            continue;
        }
        let mut words = vec!["diff-tree", "--stdin", "-m", "--root"];
        words.extend(RAW);
        words.push("--");
        for entry in parse_diff(&super::answer(directory, &words, &patterns, listed)?)? {
            let list = found.entry(entry.path.as_bytes().to_vec()).or_default();
            let objects = [Some(entry.object), entry.before];
            for object in objects.into_iter().flatten() {
                if !is_none(&object) && !list.contains(&object) {
                    list.push(object);
                }
            }
        }
    }
    Ok(found)
}

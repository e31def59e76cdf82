//! What commits bring: the files that each of them changes, and every other object that comes with
//! them.
//!
//! What one commit adds and the next one takes away is published with both. Messages, and tags on
//! what is no commit, are published as well. Two questions: which objects are new, and what each
//! commit changes; the second one tells what a file was before.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::super::source::SourceError;
use super::{Entry, Kind, converse, is_name, is_none, parse_diff, past};

/// Which commits and other objects: revisions as Git reads them.
#[derive(Debug, Default)]
pub(in crate::scan) struct Asked {
    /// What is looked at.
    pub(in crate::scan) wanted: Vec<String>,
    /// Names of what is known already, with all that leads to it.
    pub(in crate::scan) known: Vec<String>,
    /// Whether all references are looked at.
    pub(in crate::scan) is_all: bool,
}

/// What they hold.
#[derive(Debug, Default)]
pub(in crate::scan) struct Listed {
    /// Files, links, messages and tags, oldest commits first.
    pub(in crate::scan) entries: Vec<Entry>,
    /// What each commit changes, with what it deletes, oldest commits first.
    pub(in crate::scan) steps: Vec<Entry>,
    /// The commits from which the first ones were made, if those are known already.
    pub(in crate::scan) boundary: Vec<String>,
}

/// Objects by their names, as Git lists them.
#[derive(Debug, Default)]
struct Objects {
    /// Newest first.
    commits: Vec<String>,
    boundary: Vec<String>,
    /// With the path under which each was met first; it may be empty.
    others: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

/// Lists what is asked for. With `once` the files of one content stand together, each path of it once,
/// and nothing is told of what was there before.
pub(in crate::scan) fn list(
    directory: &Path,
    asked: &Asked,
    once: bool,
) -> Result<Listed, SourceError> {
    let objects = objects(directory, asked)?;
    let mut steps = changes(directory, &objects.commits)?;
    let mut seen = HashSet::new();
    let brings = steps.iter().filter(|step| !is_none(&step.object));
    let firsts = brings.filter(|step| seen.insert((&step.path, &step.object)));
    let mut entries: Vec<Entry> = firsts.cloned().collect();
    if once {
        together(&mut entries);
        steps.clear();
    }
    let missing: HashSet<&str> = objects.missing.iter().map(String::as_str).collect();
    let mut told = HashSet::new();
    for entry in &mut entries {
        // To ask for what is not there would end the process that is asked.
        entry
            .before
            .take_if(|before| missing.contains(before.as_str()));
        if missing.contains(entry.object.as_str()) {
            entry.kind = Kind::Lacking;
            told.insert(entry.object.clone());
        }
    }
    let met: HashSet<&str> = entries.iter().map(|entry| entry.object.as_str()).collect();
    let is_new = |other: &&(String, Vec<u8>)| !met.contains(other.0.as_str());
    let others: Vec<_> = objects.others.iter().filter(is_new).collect();
    let kinds = kinds(directory, others.iter().map(|(object, _)| object.as_str()))?;
    let mut more = Vec::new();
    for ((object, path), kind) in others.into_iter().zip(kinds) {
        let kind = match kind {
            Some("blob") => Kind::File,
            Some("tag") => Kind::Record,
            _ => continue,
        };
        let path = match (kind, path.is_empty()) {
            (Kind::File, false) => OsString::from_vec(path.clone()),
            _ => named(if kind == Kind::File { "object" } else { "tag" }, object),
        };
        more.push(bare(path, object.clone(), kind));
    }
    for commit in objects.commits.iter().rev() {
        more.push(bare(named("commit", commit), commit.clone(), Kind::Record));
    }
    let cut: HashSet<String> = past::cut(directory)?.into_iter().collect();
    for commit in objects.commits.iter().filter(|name| cut.contains(*name)) {
        more.push(bare(named("commit", commit), commit.clone(), Kind::Cut));
    }
    for object in &objects.missing {
        if !told.contains(object) {
            more.push(bare(named("object", object), object.clone(), Kind::Lacking));
        }
    }
    entries.append(&mut more);
    Ok(Listed {
        entries,
        steps,
        boundary: objects.boundary,
    })
}

/// Puts the files of one content together, in the order in which contents came first.
fn together(entries: &mut [Entry]) {
    let mut places: HashMap<String, usize> = HashMap::new();
    for entry in entries.iter_mut() {
        entry.before = None;
        entry.commit = None;
        let place = places.len();
        places.entry(entry.object.clone()).or_insert(place);
    }
    entries.sort_by_key(|entry| places.get(&entry.object).copied());
}

fn bare(path: OsString, object: String, kind: Kind) -> Entry {
    Entry {
        path,
        object,
        before: None,
        kind,
        commit: None,
    }
}

/// How something without a path is called.
fn named(kind: &str, object: &str) -> OsString {
    let short = object.get(..12).unwrap_or(object);
    OsString::from(format!("{kind} {short}"))
}

fn objects(directory: &Path, asked: &Asked) -> Result<Objects, SourceError> {
    let mut input = String::new();
    for (sign, names) in [("", &asked.wanted), ("^", &asked.known)] {
        for name in names {
            // Options and further lines are no revisions.
            if name.starts_with('-') || name.contains('\n') {
                return Err(SourceError::Range(name.clone()));
            }
            input.extend([sign, name, "\n"]);
        }
    }
    let mut words = vec![
        "rev-list",
        "--objects",
        "--boundary",
        "--topo-order",
        "--missing=print",
        "--stdin",
    ];
    if asked.is_all {
        words.push("--all");
    }
    let output = converse(directory, &words, input)?;
    let mut objects = Objects::default();
    for line in output.split(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| *byte == b' ');
        let name = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
        let path = end.and_then(|end| line.get(end + 1..));
        let name = std::str::from_utf8(name).map_err(|_| SourceError::Answer)?;
        let plain = name.trim_start_matches(['-', '?']);
        if line.is_empty() {
            continue;
        }
        if !is_name(plain) {
            return Err(SourceError::Answer);
        }
        match (name.as_bytes().first(), path) {
            (Some(b'-'), _) => objects.boundary.push(plain.to_owned()),
            (Some(b'?'), _) => objects.missing.push(plain.to_owned()),
            (_, None) => objects.commits.push(plain.to_owned()),
            (_, Some(path)) => objects.others.push((plain.to_owned(), path.to_vec())),
        }
    }
    Ok(objects)
}

/// What commits change, oldest first. Of a merge only what differs from all of its parents: the rest
/// was changed by another commit.
fn changes(directory: &Path, commits: &[String]) -> Result<Vec<Entry>, SourceError> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let mut input = String::new();
    for commit in commits.iter().rev() {
        input.extend([commit, "\n"]);
    }
    let words = [
        "diff-tree",
        "--stdin",
        "-r",
        "-c",
        "--root",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-relative",
        "--no-ext-diff",
        "--no-color",
        "--ignore-submodules=none",
    ];
    parse_diff(&converse(directory, &words, input)?)
}

/// What kinds of object these are, in their order.
fn kinds<'n>(
    directory: &Path,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<Option<&'static str>>, SourceError> {
    let mut input = String::new();
    let mut count = 0;
    for name in names {
        input.extend([name, "\n"]);
        count += 1;
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let words = ["cat-file", "--batch-check=%(objecttype)", "--buffer"];
    let output = converse(directory, &words, input)?;
    let answers = output.trim_ascii_end().split(|byte| *byte == b'\n');
    let kinds: Vec<_> = answers
        .map(|answer| match answer {
            b"tag" => Some("tag"),
            b"tree" | b"commit" => None,
            // A blob, or an object that is missing: it is asked for again, and told as such.
            _ => Some("blob"),
        })
        .collect();
    if kinds.len() == count {
        Ok(kinds)
    } else {
        Err(SourceError::Answer)
    }
}

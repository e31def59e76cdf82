//! Which files there are: those of the package caches of the machine, and of this project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clsecrets::format::{self, Format};

use crate::support::project;

/// Larger ones are few, and take the time of many.
const LARGEST: u64 = 512 << 10;

/// A file that somebody has written.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) format: &'static dyn Format,
}

/// Files of the four text formats, without those that stand there several times.
pub(super) fn files() -> Vec<File> {
    let mut roots = vec![
        project("docs"),
        project("fixtures/formats"),
        project(".github"),
    ];
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    roots.extend([
        cargo.join("registry/src"),
        home.join("go/pkg/mod"),
        home.join(".pyenv/versions"),
        home.join(".npm"),
        PathBuf::from("/usr/lib/python3"),
        PathBuf::from("/usr/lib/node_modules"),
        PathBuf::from("/usr/local/lib/node_modules"),
        PathBuf::from("/usr/share"),
    ]);
    let mut paths = BTreeSet::new();
    for root in roots {
        below(&root, &mut paths);
    }
    let mut seen = BTreeSet::new();
    let known = paths.into_iter().filter_map(|path| {
        let format = format::by_extension(path.to_str()?)?;
        let size = path.metadata().ok()?.len();
        // The same file of another release of a package.
        let is_new = seen.insert((path.file_name()?.to_owned(), size));
        (is_new && (1..=LARGEST).contains(&size)).then_some(File { path, format })
    });
    known.collect()
}

fn below(folder: &Path, paths: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below(&path, paths),
            Ok(kind) if kind.is_file() => drop(paths.insert(path)),
            _ => {}
        }
    }
}

/// Puts the files into an order that the draw chooses.
pub(super) fn shuffle(files: &mut [File], draw: u64) {
    let mut state = draw.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for last in (1..files.len()).rev() {
        // Xorshift: any order will do, as long as the same draw gives the same.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).unwrap();
        files.swap(last, other);
    }
}

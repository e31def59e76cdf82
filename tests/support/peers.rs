//! Where the project, its fixtures and the programs that tests talk to are.

use std::path::{Path, PathBuf};

/// A path of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A path below `fixtures/`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    project("fixtures").join(path)
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A program that `tests/peers/build` makes. One that is missing could be built, so it is a failure.
#[track_caller]
pub(crate) fn peer(name: &str) -> PathBuf {
    let path = target().join("peers/bin").join(name);
    assert!(
        path.exists(),
        "{} is not built: run `make peers` first",
        path.display()
    );
    path
}

/// A Python with moto and `PyYAML`.
#[track_caller]
pub(crate) fn python() -> PathBuf {
    peer("python")
}

/// A program of the machine that cannot be built here, or `None`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

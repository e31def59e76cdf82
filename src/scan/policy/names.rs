//! What the name of a file says, and how paths of a repository are put together.
//!
//! Pure text, and always `/`: the paths of `git`, which asks no file system either.

/// Endings that mark a copy which a program leaves beside a file.
const COPIES: &[&str] = &[".bak", ".orig", ".swp", ".swo", "~"];

/// The path that a copy was made of: `a.yaml~`, `a.yaml.bak`, `.a.yaml.swp`.
pub(in crate::scan) fn original(path: &str) -> Option<String> {
    let (ending, stem) = COPIES
        .iter()
        .find_map(|ending| Some((*ending, path.strip_suffix(ending)?)))?;
    let (directory, name) = split(stem);
    let name = match ending {
        ".swp" | ".swo" => name.strip_prefix('.').unwrap_or(name),
        _ => name,
    };
    Some(join(directory, name)).filter(|stem| !stem.is_empty())
}

pub(super) fn says_clear(name: &str) -> bool {
    let name = name.to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    name.starts_with("clear-secrets")
        || (name.starts_with("clear-") && ends(&[".yaml", ".yml", ".json", ".env"]))
        || ends(&[".dec", ".dec.yaml", ".dec.yml", ".dec.json", ".dec.env"])
        || name.contains(".clear.")
}

/// Whether a path is that of an example or a template.
pub(in crate::scan) fn is_stand_in(path: &str) -> bool {
    is_example(file_name(path))
}

pub(super) fn is_example(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains(".example") || name.contains(".template") || name.contains(".sample")
}

/// A rule such as `^secrets/` means the secrets in there, not what tells of them.
pub(super) fn is_documentation(name: &str) -> bool {
    name.to_lowercase().ends_with(".md") || name.starts_with(".git")
}

pub(super) fn file_name(path: &str) -> &str {
    split(path).1
}

pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

pub(super) fn below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path
            .strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// Joins and takes out `.` and `..`, without asking the file system.
pub(super) fn join(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

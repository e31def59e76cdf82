//! Which environments a directory has, and where their files are.

use std::path::Path;

use clsecrets::{Code, Error};

/// One environment; paths are relative to the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) name: String,
    pub(super) sealed: String,
    pub(super) clear: String,
}

/// The name of every sealed file in both layouts.
const SEALED: &str = "encrypted-secrets.yaml";

/// `TrackIt`'s layout, then our own.
const LAYOUTS: &[&str] = &["tf/secrets", "secrets"];

/// The environments that are there; else a new one in our own layout.
pub(super) fn find(top: &Path, wanted: Option<&str>) -> Result<Vec<Environment>, Error> {
    if let Some(name) = wanted {
        check_name(name)?;
    }
    let mut found = Vec::new();
    for layout in LAYOUTS {
        let mut names = names_in(&top.join(layout));
        names.retain(|name| check_name(name).is_ok() && wanted.is_none_or(|wanted| wanted == name));
        names.sort();
        for name in names {
            if !found.iter().any(|one: &Environment| one.name == name) {
                found.push(Environment::at(layout, &name));
            }
        }
    }
    let is_single = found.len() == 1;
    for environment in &mut found {
        environment.find_clear(top, is_single);
    }
    if found.is_empty() {
        // A new environment of a TrackIt repository stands beside the others.
        let layout = if names_in(&top.join("tf/secrets")).is_empty() {
            "secrets"
        } else {
            "tf/secrets"
        };
        found.push(Environment::at(layout, wanted.unwrap_or("dev")));
    }
    Ok(found)
}

impl Environment {
    fn at(layout: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sealed: format!("{layout}/{name}/{SEALED}"),
            clear: format!("{layout}/{name}/clear-secrets.yaml"),
        }
    }

    /// `TrackIt`'s own instructions put the clear file at the top.
    fn find_clear(&mut self, top: &Path, is_single: bool) {
        let beside = self.clear.clone();
        let named = format!("clear-{}-secrets.yaml", self.name);
        let mut candidates = vec![beside, named];
        if is_single {
            candidates.push("clear-secrets.yaml".to_owned());
        }
        if let Some(there) = candidates.into_iter().find(|path| top.join(path).exists()) {
            self.clear = there;
        }
    }
}

/// The folders with a sealed file in them.
fn names_in(layout: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(layout) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.path().join(SEALED).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The name becomes part of paths, patterns and object names.
fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let is_good = bytes.len() <= 63
        && bytes.first().copied().is_some_and(is_plain)
        && bytes.last().copied().is_some_and(is_plain)
        && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-');
    if is_good {
        Ok(())
    } else {
        Err(Error::new(
            Code::Failed,
            format!("{name:?} cannot be the name of an environment"),
        )
        .hint("use lower case letters, digits and hyphens, as in: clsecrets init --env dev"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_their_folder_are_refused() {
        for name in ["", "..", "a/b", "Prod", "-a", "a-", "a b", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("eu-west-1").is_ok());
    }
}

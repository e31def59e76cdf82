//! Where configuration is looked for: upward from a directory, at most 100 levels.

use std::path::{Component, Path, PathBuf};

use super::{ConfigError, environments::Environments};
use crate::settings::Settings;

/// The creation rules.
pub const RULES_FILE: &str = ".sops.yaml";

/// The environments.
pub const ENVIRONMENTS_FILE: &str = "clsecrets.yaml";

/// Where to look for creation rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// From the file's directory upward, then from the working directory.
    FileThenWorkingDirectory,
    /// From the working directory only, as the reference does.
    WorkingDirectory,
}

/// How a rules file was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `--config` or `SOPS_CONFIG`.
    Given,
    /// It is above the file.
    AboveFile,
    /// It is above the working directory.
    AboveWorkingDirectory,
}

/// The result of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The rules that count, and how they were found.
    pub rules: Option<(PathBuf, Origin)>,
    /// What the person should know about the search.
    pub notices: Vec<String>,
}

/// Finds the creation rules for a file. `given` is `--config`; it and `SOPS_CONFIG` win.
pub fn find_rules(
    file: Option<&Path>,
    given: Option<&Path>,
    scope: Scope,
    settings: &Settings,
) -> Found {
    let given = given
        .map(Path::to_path_buf)
        .or_else(|| settings.var("SOPS_CONFIG").map(PathBuf::from));
    if let Some(given) = given {
        return Found {
            rules: Some((normal(&settings.absolute(&given)), Origin::Given)),
            notices: Vec::new(),
        };
    }
    let above_file = file.and_then(|file| {
        let file = normal(&settings.absolute(file));
        Some(upward(file.parent()?, RULES_FILE))
    });
    if scope == Scope::FileThenWorkingDirectory
        && let Some((Some(rules), notices)) = above_file
    {
        return Found {
            rules: Some((rules, Origin::AboveFile)),
            notices,
        };
    }
    let (above_cwd, mut notices) = upward(&normal(&settings.cwd), RULES_FILE);
    if scope == Scope::WorkingDirectory
        && let Some((Some(nearer), _)) = above_file
        && above_cwd.as_ref() != Some(&nearer)
    {
        let nearer = nearer.display();
        notices.push(match &above_cwd {
            Some(rules) => format!(
                "the rules are those of {}, found from the working directory, not {nearer}",
                rules.display(),
            ),
            None => {
                format!("{nearer} is not used: rules are searched from the working directory")
            }
        });
    }
    Found {
        rules: above_cwd.map(|rules| (rules, Origin::AboveWorkingDirectory)),
        notices,
    }
}

/// Finds `clsecrets.yaml` from a directory upward.
pub fn find_environments(from: &Path) -> Result<PathBuf, ConfigError> {
    let from = normal(from);
    upward(&from, ENVIRONMENTS_FILE)
        .0
        .ok_or(ConfigError::NoEnvironments { from })
}

/// The rules that count for a file that an environment names: those beside `clsecrets.yaml`, or
/// none. Rules that were given, or that lie nearer to the file, are refused.
pub fn rules_of_environment(
    environments: &Environments,
    file: &Path,
    given: Option<&Path>,
    settings: &Settings,
) -> Result<Option<PathBuf>, ConfigError> {
    let root = environments.directory();
    let counts = root.join(RULES_FILE);
    let file = normal(&settings.absolute(file));
    let refuse = |rules: PathBuf| ConfigError::OtherRules {
        rules,
        file: file.clone(),
        counts: counts.clone(),
    };
    let found = find_rules(
        Some(&file),
        given,
        Scope::FileThenWorkingDirectory,
        settings,
    );
    match found.rules {
        Some((rules, Origin::Given)) if rules != counts => return Err(refuse(rules)),
        Some((rules, Origin::AboveFile)) if rules != counts => {
            // What lies above clsecrets.yaml is no rule of this repository, and does not disturb.
            let is_farther = rules
                .parent()
                .is_some_and(|directory| root.starts_with(directory));
            if !is_farther {
                return Err(refuse(rules));
            }
        }
        _ => {}
    }
    Ok(counts.is_file().then_some(counts))
}

/// The nearest file of this name, and a notice for each near miss of the name on the way.
fn upward(from: &Path, name: &str) -> (Option<PathBuf>, Vec<String>) {
    let mut notices = Vec::new();
    for directory in from.ancestors().take(LEVELS) {
        let candidate = directory.join(name);
        if candidate.is_file() {
            return (Some(candidate), notices);
        }
        let misnamed = directory.join(".sops.yml");
        if name == RULES_FILE && misnamed.is_file() {
            notices.push(format!(
                "{} is ignored; the name is {RULES_FILE}",
                misnamed.display()
            ));
        }
    }
    (None, notices)
}

/// An absolute path without `.` and `..`; symbolic links are left alone.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

pub(super) const LEVELS: usize = 100;

#[cfg(test)]
mod tests;

//! What a commit says of a sealed file: whether an environment names it, and its creation rule.
//!
//! While Git merges, `.sops.yaml` and `clsecrets.yaml` in the working tree may be the other side's
//! already. So they are read out of commits, by whoever can; the search is the one that commands do in
//! the working tree.

use std::path::Path;

use super::search::{ENVIRONMENTS_FILE, LEVELS, RULES_FILE, normal};
use super::{ConfigError, Environments, Rule, RulesFile};

/// The rule of a commit for a file.
#[derive(Debug)]
pub struct Committed {
    /// The file of rules.
    pub rules: RulesFile,
    /// The rule that covers the file.
    pub rule: Rule,
    /// Whether an environment of that commit names the file.
    pub is_environment: bool,
}

/// The rule that covers a file; `read` gives the text that a path has in the commit, if it has one.
pub fn committed<E: From<ConfigError>>(
    file: &Path,
    read: &dyn Fn(&Path) -> Result<Option<String>, E>,
) -> Result<Option<Committed>, E> {
    let file = normal(file);
    let mut found = None;
    for directory in file.ancestors().skip(1).take(LEVELS) {
        let path = directory.join(ENVIRONMENTS_FILE);
        if let Some(text) = read(&path)?
            && Environments::parse(&path, &text)?.owner_of(&file).is_some()
        {
            found = Some(directory);
            break;
        }
    }
    let is_environment = found.is_some();
    let mut places = file.ancestors().skip(1).take(LEVELS);
    let rules = match found {
        // Only those beside clsecrets.yaml count.
        Some(directory) => rules_in(directory, read)?,
        None => loop {
            let Some(directory) = places.next() else {
                break None;
            };
            if let Some(rules) = rules_in(directory, read)? {
                break Some(rules);
            }
        },
    };
    let Some(rules) = rules else { return Ok(None) };
    let Some(rule) = rules.rule_for(&file)? else {
        return Ok(None);
    };
    Ok(Some(Committed {
        rules,
        rule,
        is_environment,
    }))
}

fn rules_in<E: From<ConfigError>>(
    directory: &Path,
    read: &dyn Fn(&Path) -> Result<Option<String>, E>,
) -> Result<Option<RulesFile>, E> {
    let path = directory.join(RULES_FILE);
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    Ok(Some(RulesFile::parse(&path, &text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "creation_rules:\n  - path_regex: ^s/\n    encrypted_regex: ^pass\n";
    const ENVIRONMENTS: &str =
        "version: 1\nenvironments:\n  dev: {profile: trackit, sealed: s/a.yaml}\n";

    fn at(files: &[(&str, &str)], file: &str) -> Option<Committed> {
        let read = |path: &Path| -> Result<Option<String>, ConfigError> {
            let found = files.iter().find(|(name, _)| path == Path::new(name));
            Ok(found.map(|(_, text)| (*text).to_owned()))
        };
        committed(Path::new(file), &read).unwrap()
    }

    #[test]
    fn an_environment_has_the_rules_beside_it_and_any_other_file_the_nearest_ones() {
        let files = [
            ("/r/.sops.yaml", RULES),
            ("/r/clsecrets.yaml", ENVIRONMENTS),
            ("/r/s/.sops.yaml", "creation_rules:\n  - path_regex: b\n"),
        ];
        let found = at(&files, "/r/s/a.yaml").unwrap();
        assert!(found.is_environment && found.rule.selection.is_some());
        let found = at(&files, "/r/s/b.yaml").unwrap();
        assert!(!found.is_environment && found.rule.selection.is_none());
        assert!(at(&files[..2], "/r/b.yaml").is_none());
        assert!(at(&[], "/r/b.yaml").is_none());
    }
}

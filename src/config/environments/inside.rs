//! Where the paths of `clsecrets.yaml` lead: they stay in the repository, and never mean what Git or
//! this tool keeps there. Whoever can change that file could otherwise have a file elsewhere sealed
//! for himself, or cleartext written over it.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Environment, Environments, Target, refuse};
use crate::config::{ConfigError, ENVIRONMENTS_FILE, RULES_FILE};
use crate::fs::TEMPORARY_PREFIX;

/// Folders that no path leads into.
const FOLDERS: [&str; 8] = [
    ".git",
    ".clsecrets",
    ".githooks",
    ".husky",
    ".github",
    ".circleci",
    ".devcontainer",
    ".vscode",
];

/// Files that no path names.
const FILES: [&str; 14] = [
    RULES_FILE,
    ".sops.yml",
    ENVIRONMENTS_FILE,
    ".gitattributes",
    ".gitignore",
    ".gitmodules",
    ".lfsconfig",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".gitlab-ci.yml",
    ".mailmap",
    ".envrc",
    "Makefile",
    "GNUmakefile",
];

impl Environments {
    /// Refuses an environment whose paths lead out of the repository, unless that is allowed; also
    /// through a symbolic link.
    pub fn admit_paths(
        &self,
        environment: &Environment,
        may_lead_outside: bool,
    ) -> Result<(), ConfigError> {
        let root = self.repository();
        for (word, path) in paths(environment) {
            let (shown, real) = (self.shown(path), resolved(path));
            let says = |reason: String, hint| {
                let what = format!("environment {}", environment.name);
                Err(refuse(self.path(), &what, &reason, hint))
            };
            if let Some(reason) = reserved(&real) {
                return says(format!("{word} {shown} {reason}"), None);
            }
            // Git's hooks can be kept in any folder (core.hooksPath); a file keeps its mode when it is
            // written.
            if is_program(&real) {
                let reason = format!("{word} {shown} is executable, so it is not for values");
                return says(reason, None);
            }
            if !may_lead_outside && !real.starts_with(&root) {
                let reason = if path.starts_with(&root) || path.starts_with(self.directory()) {
                    "leads out of the repository, through a symbolic link"
                } else {
                    "lies outside of the repository"
                };
                let hint = "if that is meant, run the command again with --outside".to_owned();
                return says(format!("{word} {shown} {reason}"), Some(hint));
            }
        }
        Ok(())
    }

    /// The folder that Git has the file of environments in; without Git the folder of that file.
    fn repository(&self) -> PathBuf {
        let directory = resolved(self.directory());
        let root = directory
            .ancestors()
            .find(|folder| folder.join(".git").symlink_metadata().is_ok());
        root.unwrap_or(&directory).to_path_buf()
    }

    fn shown(&self, path: &Path) -> String {
        let short = path.strip_prefix(self.directory()).unwrap_or(path);
        short.display().to_string()
    }
}

/// What an environment names, each with its word.
pub(super) fn paths(environment: &Environment) -> impl Iterator<Item = (&'static str, &Path)> {
    let sealed = environment
        .sealed
        .iter()
        .map(|path| ("sealed", path.as_path()));
    let clear = environment
        .clear
        .iter()
        .map(|path| ("clear", path.as_path()));
    let targets = environment
        .targets
        .iter()
        .filter_map(|target| match target {
            Target::Directory { path } => Some(("path", path.as_path())),
            _ => None,
        });
    sealed.chain(clear).chain(targets)
}

/// Why a path is none that values may be written to, wherever it lies: Git, a program that works on a
/// repository, or this tool takes what is there for settings of its own.
pub fn reserved(path: &Path) -> Option<String> {
    let is = |name: &std::ffi::OsStr, all: &[&str]| {
        // File systems that do not tell case apart find the same file.
        all.iter().any(|other| name.eq_ignore_ascii_case(other))
    };
    let inside = path.iter().find(|name| is(name, &FOLDERS));
    if let Some(folder) = inside {
        return Some(format!(
            "lies in {}, where no environment keeps anything",
            folder.display()
        ));
    }
    let name = path.file_name()?;
    let is_temporary = name.as_bytes().starts_with(TEMPORARY_PREFIX.as_bytes());
    if !is_temporary && !is(name, &FILES) {
        return None;
    }
    Some(format!("is {}, which is not for values", name.display()))
}

/// Whether there is a file that would be run.
fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Without symbolic links, as far as the path exists.
pub fn resolved(path: &Path) -> PathBuf {
    if let Ok(resolved) = std::fs::canonicalize(path) {
        return resolved;
    }
    // A link to nothing leads where what is written would go.
    if let Ok(to) = std::fs::read_link(path) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let to = super::normal(&folder.join(to));
        if to != path {
            return parent_resolved(&to);
        }
    }
    parent_resolved(path)
}

fn parent_resolved(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => match std::fs::canonicalize(parent) {
            Ok(parent) => parent.join(name),
            Err(_) => parent_resolved(parent).join(name),
        },
        _ => path.to_path_buf(),
    }
}

#[allow(clippy::disallowed_methods, reason = "a test makes its own world")]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A repository with `clsecrets.yaml` in a folder of it, and a folder beside it.
    struct World {
        folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for name in ["repo/.git", "repo/app/in", "elsewhere"] {
                fs::create_dir_all(folder.path().join(name)).unwrap();
            }
            Self { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn load(&self, clear: &str, target: &str) -> Result<Environments, ConfigError> {
            let text = format!(
                "version: 1\nenvironments:\n  dev:\n    profile: trackit\n    sealed: s.yaml\n    \
                 clear: {clear}\n    targets: [{{ kind: directory, path: {target} }}]\n"
            );
            Environments::parse(&self.path("repo/app/clsecrets.yaml"), &text)
        }

        fn admit(&self, clear: &str, target: &str, outside: bool) -> Result<(), String> {
            let environments = self
                .load(clear, target)
                .map_err(|error| error.to_string())?;
            let environment = environments.environment("dev").unwrap();
            let admitted = environments.admit_paths(environment, outside);
            admitted.map_err(|error| error.to_string())
        }
    }

    #[test]
    fn what_lies_in_the_repository_is_admitted_and_nothing_else() {
        let world = World::new();
        for clear in ["c.yaml", "in/new/c.yaml", "../beside.yaml"] {
            assert_eq!(world.admit(clear, "out", false), Ok(()), "{clear}");
        }
        let absolute = world.path("elsewhere/c.yaml").display().to_string();
        for clear in [
            "../../elsewhere/c.yaml",
            "../../new/c.yaml",
            "/etc/passwd",
            &absolute,
        ] {
            let refused = world.admit(clear, "out", false).unwrap_err();
            assert!(refused.contains("outside of the repository"), "{refused}");
            let refused = world.admit("c.yaml", clear, false).unwrap_err();
            assert!(refused.contains("outside of the repository"), "{refused}");
            assert_eq!(world.admit(clear, clear, true), Ok(()), "{clear}");
        }
    }

    #[test]
    fn a_link_leads_out_as_well() {
        let world = World::new();
        symlink(world.path("elsewhere"), world.path("repo/app/link")).unwrap();
        symlink(world.path("elsewhere/new"), world.path("repo/app/nothing")).unwrap();
        symlink("/nowhere/at/all", world.path("repo/app/nowhere")).unwrap();
        symlink("self", world.path("repo/app/self")).unwrap();
        for path in ["link/c.yaml", "link/a/b", "nothing", "nowhere"] {
            for refused in [
                world.admit(path, "out", false),
                world.admit("c.yaml", path, false),
            ] {
                let refused = refused.unwrap_err();
                assert!(refused.contains("out of the repository"), "{refused}");
            }
        }
        assert!(world.admit("self", "out", false).is_ok());
    }

    #[test]
    fn what_git_and_we_keep_is_never_named() {
        let world = World::new();
        for path in [
            "../.git/config",
            "../.git/hooks/pre-commit",
            "../.GIT/config",
            ".git",
            ".sops.yaml",
            "in/.sops.yaml",
            "clsecrets.yaml",
            "../.gitattributes",
            "../.clsecrets/allow.toml",
            "/elsewhere/.git/config",
        ] {
            assert!(world.load(path, "out").is_err(), "{path}");
            assert!(world.load("c.yaml", path).is_err(), "{path}");
        }
        let hook = world.path("repo/app/in/pre-commit");
        fs::write(&hook, "").unwrap();
        assert!(world.admit("in/pre-commit", "out", false).is_ok());
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = world.admit("in/pre-commit", "out", true).unwrap_err();
        assert!(refused.contains("is executable"), "{refused}");
        symlink(world.path("repo/.git"), world.path("repo/app/g")).unwrap();
        for outside in [false, true] {
            let refused = world.admit("g/config", "out", outside).unwrap_err();
            assert!(refused.contains("lies in .git"), "{refused}");
        }
    }
}

//! `clsecrets.yaml`: the environments, where their secrets lie and where they go.
//!
//! No secrets and no recipients stand in it. Unlike the creation rules every key is known: a
//! mistyped `protected` that is silently ignored would cost a production environment its guard.

mod identity;
mod inside;
mod lines;
mod marks;
mod schema;

pub use identity::{fresh, with_identity};
pub use inside::{reserved, resolved};
pub use lines::Lines;
pub use schema::{Database, Dsn, Made, Node, Object, PasswordFrom, Profile, Target, Value};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::search::normal;
use super::{ConfigError, yaml};
use schema::{RawEnvironment, RawFile};

/// A file of environments that was read and checked.
#[derive(Debug)]
pub struct Environments {
    path: PathBuf,
    lines: Arc<Lines>,
    /// The prefix of object names where a profile uses one.
    pub name: Option<String>,
    /// Which repository this is, among all that are called alike: random, and no secret.
    pub identity: Option<String>,
    all: Vec<Environment>,
    /// As it was read.
    settings: serde_json::Value,
}

/// One environment; its paths are absolute.
#[derive(Debug, PartialEq, Eq)]
pub struct Environment {
    /// What `--env` calls it.
    pub name: String,
    /// What its secrets are made into.
    pub profile: Profile,
    /// The sealed files.
    pub sealed: Vec<PathBuf>,
    /// Their clear forms, in the same order, or none.
    pub clear: Vec<PathBuf>,
    /// Whether a person has to confirm by name.
    pub is_protected: bool,
    /// What the node is.
    pub node: Node,
    /// Where its database is.
    pub database: Option<Database>,
    /// The external adapters; without a list those that the sealed file has.
    pub adapters: Option<Vec<String>>,
    /// The nodes, where there are several.
    pub nodes: std::collections::BTreeMap<String, Node>,
    /// Objects of profile `custom`.
    pub objects: Vec<Object>,
    /// Where the secrets go; paths of directories are absolute.
    pub targets: Vec<Target>,
}

impl Environments {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &yaml::read(path)?)
    }

    /// Reads a text; `path` says what it is the text of, and is where relative paths begin.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let raw: Option<RawFile> = yaml::parse(path, text)?;
        let path = normal(path);
        let Some(raw) = raw else {
            return Err(refuse(&path, "the file", "it is empty", None));
        };
        if raw.version != VERSION {
            let reason = format!(
                "version {} is not known; this build reads {VERSION}",
                raw.version
            );
            return Err(refuse(&path, "version", &reason, None));
        }
        if let Some(identity) = &raw.identity
            && !is_identity(identity)
        {
            let reason = "an identity has 12 to 32 lower-case letters and digits";
            let hint = "clsecrets init --identity writes a new one where there is none";
            return Err(refuse(&path, "identity", reason, Some(hint.to_owned())));
        }
        let mut this = Self {
            name: raw.name,
            identity: raw.identity,
            settings: yaml::parse(&path, text)?,
            all: Vec::new(),
            lines: Arc::new(Lines::of(&path)),
            path,
        };
        let mut named = BTreeSet::new();
        for (name, raw) in raw.environments {
            let environment = this.check(name, raw)?;
            for path in environment.sealed.iter().chain(&environment.clear) {
                if !named.insert(path.clone()) {
                    let what = format!("environment {}", environment.name);
                    let reason = format!("{} is named twice", path.display());
                    return Err(refuse(&this.path, &what, &reason, None));
                }
            }
            this.all.push(environment);
        }
        Ok(this)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its settings stand in it.
    pub fn lines(&self) -> &Arc<Lines> {
        &self.lines
    }

    /// Where relative paths begin.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// All of them, sorted by name.
    pub fn all(&self) -> &[Environment] {
        &self.all
    }

    /// The environment of this name.
    pub fn environment(&self, name: &str) -> Result<&Environment, ConfigError> {
        self.all
            .iter()
            .find(|environment| environment.name == name)
            .ok_or_else(|| ConfigError::UnknownEnvironment {
                path: self.path.clone(),
                name: name.to_owned(),
                known: self.all.iter().map(|one| one.name.clone()).collect(),
            })
    }

    /// What the file says of an environment, and of all of them: no secrets. Paths are as written, so
    /// that it is the same on every machine.
    pub fn settings_of(&self, name: &str) -> serde_json::Value {
        let mut settings = serde_json::Map::new();
        for word in ["name", "identity"] {
            let value = self.settings.get(word).cloned();
            settings.insert(word.to_owned(), value.unwrap_or_default());
        }
        let all = self.settings.get("environments");
        if let Some(serde_json::Value::Object(own)) = all.and_then(|all| all.get(name)) {
            settings.extend(own.clone());
        }
        settings.into()
    }

    /// The environment that names this file (absolute) as sealed or clear, also through a symbolic
    /// link.
    pub fn owner_of(&self, file: &Path) -> Option<&Environment> {
        let written = normal(file);
        let resolved = std::fs::canonicalize(&written).unwrap_or_else(|_| written.clone());
        self.all.iter().find(|environment| {
            environment
                .sealed
                .iter()
                .chain(&environment.clear)
                .any(|named| {
                    *named == written
                        || std::fs::canonicalize(named).is_ok_and(|named| named == resolved)
                })
        })
    }

    fn check(&self, name: String, raw: RawEnvironment) -> Result<Environment, ConfigError> {
        let refuse = |reason: &str| {
            let what = format!("environment {name}");
            Err(refuse(&self.path, &what, reason, None))
        };
        if !is_name(&name) {
            return refuse("a name has lower-case letters, digits and '-' only");
        }
        if let Err(reason) = shape_of(&raw) {
            return refuse(&reason);
        }
        let paths = |list: Option<yaml::OneOrMany>| -> Vec<PathBuf> {
            let list = list.map(yaml::OneOrMany::list).unwrap_or_default();
            list.iter().map(|path| self.absolute(path)).collect()
        };
        let sealed = paths(Some(raw.sealed));
        let clear = paths(raw.clear);
        if sealed.is_empty() {
            return refuse("sealed names no file");
        }
        if !clear.is_empty() && clear.len() != sealed.len() {
            return refuse("clear has to name one file for each sealed file");
        }
        let targets = raw
            .targets
            .into_iter()
            .map(|target| target.below(self.directory()))
            .collect();
        let environment = Environment {
            name,
            profile: raw.profile,
            sealed,
            clear,
            is_protected: raw.protected,
            node: raw.node,
            database: raw.database,
            adapters: raw.adapters,
            nodes: raw.nodes,
            objects: raw.objects,
            targets,
        };
        let ours = inside::paths(&environment)
            .find_map(|(word, path)| Some((word, path, inside::reserved(path)?)));
        if let Some((word, path, why)) = ours {
            let shown = path.strip_prefix(self.directory()).unwrap_or(path);
            let reason = format!("{word} {} {why}", shown.display());
            let what = format!("environment {}", environment.name);
            return Err(self::refuse(&self.path, &what, &reason, None));
        }
        Ok(environment)
    }

    fn absolute(&self, path: &str) -> PathBuf {
        normal(&self.directory().join(path))
    }
}

impl Environment {
    /// The sealed file that belongs to a clear one.
    pub fn sealed_of(&self, clear: &Path) -> Option<&Path> {
        let at = self.clear.iter().position(|named| named == clear)?;
        self.sealed.get(at).map(PathBuf::as_path)
    }

    /// A target of this environment in which another one writes objects of the same names.
    pub fn contested_with(&self, other: &Self) -> Option<&Target> {
        let is_alike = match (self.profile, other.profile) {
            (Profile::Trackit, Profile::Trackit) => true,
            (Profile::Custom, Profile::Custom) => {
                let mut objects = self.objects.iter();
                objects.any(|one| other.objects.iter().any(|two| one.name == two.name))
            }
            (one, two) if one == two => {
                let is_both_single = self.nodes.is_empty() && other.nodes.is_empty();
                is_both_single || self.nodes.keys().any(|name| other.nodes.contains_key(name))
            }
            _ => false,
        };
        let mut targets = self.targets.iter().filter(|_| is_alike);
        targets.find(|one| other.targets.iter().any(|two| one.is_same_place(two)))
    }

    /// The clear file that belongs to a sealed one.
    pub fn clear_of(&self, sealed: &Path) -> Option<&Path> {
        let at = self.sealed.iter().position(|named| named == sealed)?;
        self.clear.get(at).map(PathBuf::as_path)
    }
}

fn refuse(path: &Path, what: &str, reason: &str, hint: Option<String>) -> ConfigError {
    ConfigError::Refused {
        path: path.to_path_buf(),
        what: what.to_owned(),
        reason: reason.to_owned(),
        hint,
    }
}

/// Whether nodes and objects are as the profile wants them.
fn shape_of(raw: &RawEnvironment) -> Result<(), String> {
    let profile = raw.profile.name();
    let has_nodes = matches!(raw.profile, Profile::NodeV2 | Profile::CllCluster);
    if !has_nodes && !raw.nodes.is_empty() {
        return Err(format!("profile {profile} has no nodes"));
    }
    let is_custom = raw.profile == Profile::Custom;
    if is_custom == raw.objects.is_empty() {
        return Err(if is_custom {
            "profile custom needs objects".to_owned()
        } else {
            format!("profile {profile} has no objects of its own; use profile custom")
        });
    }
    for (name, node) in &raw.nodes {
        if !is_name(name) {
            return Err(format!(
                "node {name}: a name has lower-case letters, digits and '-' only"
            ));
        }
        if let Some(other) = &node.failover_of
            && (!raw.nodes.contains_key(other) || other == name)
        {
            return Err(format!("node {name}: failover_of names no other node"));
        }
    }
    if raw.node.database.is_some() {
        return Err("node has no database; write database: beside it".to_owned());
    }
    for object in &raw.objects {
        let name = &object.name;
        if object.keys.is_empty() == object.value.is_none() {
            return Err(format!("object {name} needs either keys or a value"));
        }
        let kinds = ["directory", "kubernetes", "secretsmanager"];
        if let Some(kind) = object
            .only
            .iter()
            .find(|kind| !kinds.contains(&kind.as_str()))
        {
            return Err(format!("object {name}: {kind} is no kind of target"));
        }
        marks::admit(object).map_err(|why| format!("object {name}: {why}"))?;
        let mut values: Vec<&Value> = object.keys.values().chain(&object.value).collect();
        while let Some(value) = values.pop() {
            let Value::Made(made) = value else {
                continue;
            };
            let words = made.words();
            if words.len() != 1 {
                return Err(format!(
                    "object {name}: a value is one of key, literal, lines, dsn, json, file and from"
                ));
            }
            if made.optional && made.key.is_none() {
                return Err(format!("object {name}: optional stands beside key only"));
            }
            values.extend(made.below());
        }
    }
    Ok(())
}

fn is_identity(text: &str) -> bool {
    let is_plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    (12..=32).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_name(name: &str) -> bool {
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name
            .bytes()
            .all(|letter| is_inner(letter) || letter == b'-')
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests;

//! From an environment of `clsecrets.yaml` to what its objects depend on: nodes with what they inherit,
//! objects with the files and the values of others that they are made of.

use std::cell::RefCell;
use std::path::Path;

use clsecrets::chainlink::{
    self, Composition, Database, Dsn, Form, Mark, Marks, NodeSettings, ObjectSpec, Version, WHOLE,
};
use clsecrets::config::environments::{self, Made, Node, PasswordFrom, Profile, Target, Value};
use clsecrets::config::{Environment, Environments};
use clsecrets::keys::block_on;
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{self, Fault, Owner, Password, PasswordSource, TargetError};
use clsecrets::{Code, Error, fs};

use super::Context;

/// What objects are called after if `clsecrets.yaml` has no `name`.
const DEFAULT_NAME: &str = "chainlink";

/// What was read besides `clsecrets.yaml` and the sealed files.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A file, as it is called, and its bytes.
    File(String, SecretBytes),
    /// A secret that somebody else keeps, and its version.
    Secret(String, String),
}

/// All of that.
pub(crate) type Outside = RefCell<Vec<Taken>>;

/// A database password that somebody else keeps.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Where it belongs: `database`, or `nodes/node-a/database`.
    pub(crate) place: String,
    /// The secret that holds it.
    pub(crate) name: String,
    /// What was read there.
    pub(crate) password: Password,
}

/// The name that object names begin with.
fn prefix(environments: &Environments) -> &str {
    environments.name.as_deref().unwrap_or(DEFAULT_NAME)
}

/// Who writes for an environment.
pub(crate) fn owner(environments: &Environments, environment: &str) -> Owner {
    let all = environments.all().iter().map(|one| one.name.as_str());
    let identity = environments.identity.as_deref();
    Owner::new(prefix(environments), identity, environment, all)
}

/// The settings of an environment as its objects want them.
pub(crate) fn environment(
    environments: &Environments,
    environment: &Environment,
    outside: &Outside,
    context: &Context,
) -> Result<chainlink::Environment, Error> {
    let prefix = prefix(environments);
    let is_trackit = environment.profile == Profile::Trackit;
    // Without a list of nodes there is one; objects are called after it.
    let only = if is_trackit { "" } else { prefix };
    let shared = environment.database.as_ref();
    let node = |name: &str, node: &Node| -> Result<NodeSettings, Error> {
        let own = match (&node.database, shared) {
            (Some(own), shared) => Some(own.over(shared)),
            (None, shared) => shared.cloned(),
        };
        let version = node.version.as_deref();
        let version = version.or(environment.node.version.as_deref());
        Ok(NodeSettings {
            name: name.to_owned(),
            version: version
                .map(|text| read_version(text, environment))
                .transpose()?,
            user_email: node
                .user_email
                .clone()
                .or_else(|| environment.node.user_email.clone()),
            database: own.as_ref().map(database),
            failover_of: node.failover_of.clone(),
            workload: node
                .workload
                .clone()
                .or_else(|| environment.node.workload.clone()),
            has_legacy_keystore: node.allow_legacy_keystore
                || environment.node.allow_legacy_keystore,
        })
    };
    let nodes = environment.nodes.iter();
    let nodes: Result<Vec<NodeSettings>, Error> =
        nodes.map(|(name, settings)| node(name, settings)).collect();
    let mut objects = Vec::new();
    for object in &environment.objects {
        objects.push(spec(object, environments, environment, outside, context)?);
    }
    Ok(chainlink::Environment {
        name: environment.name.clone(),
        prefix: prefix.to_owned(),
        profile: match environment.profile {
            Profile::Trackit => chainlink::Profile::Trackit,
            Profile::NodeV2 => chainlink::Profile::NodeV2,
            Profile::CllCluster => chainlink::Profile::CllCluster,
            Profile::Custom => chainlink::Profile::Custom,
        },
        is_protected: environment.is_protected,
        node: node(only, &environment.node)?,
        adapters: environment.adapters.clone(),
        nodes: nodes?,
        objects,
    })
}

/// The database passwords that somebody else keeps, read now.
pub(crate) fn kept(
    environment: &Environment,
    outside: &Outside,
    context: &Context,
) -> Result<Vec<Kept>, Error> {
    let shared = environment.database.iter();
    let shared = shared.map(|database| ("database".to_owned(), database));
    let own = environment.nodes.iter().filter_map(|(name, node)| {
        Some((format!("nodes/{name}/database"), node.database.as_ref()?))
    });
    let mut kept = Vec::new();
    for (place, database) in shared.chain(own) {
        if let Some(from) = &database.password_from {
            let field = "database.password_from";
            let password = fetched(field, from, environment, outside, context)?;
            kept.push(Kept {
                place,
                name: from.secretsmanager.clone(),
                password,
            });
        }
    }
    Ok(kept)
}

fn database(database: &environments::Database) -> Database {
    Database {
        user: database.user.clone().unwrap_or_default(),
        host: database.host.clone().unwrap_or_default(),
        port: database.port,
        name: database.name.clone().unwrap_or_default(),
        sslmode: database.sslmode.clone(),
        backup_host: database.backup_host.clone(),
    }
}

fn read_version(text: &str, environment: &Environment) -> Result<Version, Error> {
    Version::parse(text).ok_or_else(|| {
        let message = format!(
            "environment {}: node.version {text:?} is no version",
            environment.name
        );
        Error::new(Code::Failed, message).hint("write it as the image tag does: version: \"2.26\"")
    })
}

fn spec(
    object: &environments::Object,
    environments: &Environments,
    environment: &Environment,
    outside: &Outside,
    context: &Context,
) -> Result<ObjectSpec, Error> {
    let made = |value: &Value| composition(value, environments, environment, outside, context);
    let mut entries = Vec::new();
    for (key, value) in &object.keys {
        entries.push((key.clone(), made(value)?));
    }
    if let Some(value) = &object.value {
        entries.push((WHOLE.to_owned(), made(value)?));
    }
    Ok(ObjectSpec {
        name: object.name.clone(),
        targets: object.only.clone(),
        form: if object.value.is_some() {
            Form::Text
        } else {
            Form::Json
        },
        entries,
        marks: marks(object),
    })
}

fn marks(object: &environments::Object) -> Marks {
    let kind = object.kind.iter().map(|kind| (Mark::Type, kind.clone()));
    let labels = object.labels.iter();
    let labels = labels.map(|(name, value)| (Mark::Label(name.clone()), value.clone()));
    let annotations = object.annotations.iter();
    let annotations =
        annotations.map(|(name, value)| (Mark::Annotation(name.clone()), value.clone()));
    kind.chain(labels).chain(annotations).collect()
}

fn composition(
    value: &Value,
    environments: &Environments,
    environment: &Environment,
    outside: &Outside,
    context: &Context,
) -> Result<Composition, Error> {
    let below = |value: &Value| composition(value, environments, environment, outside, context);
    let part = |value: &Option<Value>| value.as_ref().map(below).transpose();
    let made: &Made = match value {
        Value::Name(name) => {
            return Ok(Composition::Key {
                key: name.clone(),
                is_optional: false,
            });
        }
        Value::Made(made) => made,
    };
    if let Some(key) = &made.key {
        return Ok(Composition::Key {
            key: key.clone(),
            is_optional: made.optional,
        });
    }
    if let Some(parts) = &made.lines {
        let parts: Result<Vec<_>, Error> = parts.iter().map(below).collect();
        return Ok(Composition::Lines(parts?));
    }
    if let Some(fields) = &made.json {
        let fields = fields.iter();
        let fields: Result<Vec<_>, Error> = fields
            .map(|(name, value)| Ok((name.clone(), below(value)?)))
            .collect();
        return Ok(Composition::Json(fields?));
    }
    if let Some(dsn) = &made.dsn {
        return Ok(Composition::Dsn(Box::new(Dsn {
            scheme: dsn.scheme.clone(),
            user: part(&dsn.user)?,
            password: part(&dsn.password)?,
            host: part(&dsn.host)?,
            port: dsn.port,
            database: part(&dsn.database)?,
            sslmode: dsn.sslmode.clone(),
        })));
    }
    if let Some(file) = &made.file {
        return given(file, environments, outside);
    }
    if let Some(from) = &made.from {
        let (Password::Url(value) | Password::Plain(value)) =
            fetched("objects: from", from, environment, outside, context)?;
        return Ok(Composition::Given {
            value,
            source: format!("secretsmanager {}", from.secretsmanager),
        });
    }
    Ok(Composition::Literal(
        made.literal.clone().unwrap_or_default(),
    ))
}

/// A file beside `clsecrets.yaml`; not one elsewhere, which a pull request could name.
fn given(
    file: &Path,
    environments: &Environments,
    outside: &Outside,
) -> Result<Composition, Error> {
    let base = environments.directory();
    let path = base.join(file);
    let refuse = |why: &str| {
        Error::new(
            Code::Failed,
            format!("objects: file {} {why}", file.display()),
        )
    };
    let real = std::fs::canonicalize(&path)
        .map_err(|error| refuse(&format!("cannot be read: {}", fs::plain(&error))))?;
    let base = std::fs::canonicalize(base).unwrap_or_else(|_| base.to_owned());
    if !real.starts_with(&base) {
        return Err(refuse("lies outside of the directory of clsecrets.yaml"));
    }
    if real.iter().any(|name| name.eq_ignore_ascii_case(".git")) {
        return Err(refuse("lies in .git, whose files hold logins"));
    }
    let mut content = fs::read(&real)
        .map_err(|error| refuse(&format!("cannot be read: {}", fs::plain(&error))))?;
    let value = SecretBytes::new(std::mem::take(&mut *content.bytes));
    let taken = Taken::File(file.display().to_string(), value.duplicate());
    outside.borrow_mut().push(taken);
    Ok(Composition::Given {
        value,
        source: format!("file {}", file.display()),
    })
}

/// Reads a value that somebody else keeps.
fn fetched(
    field: &str,
    from: &PasswordFrom,
    environment: &Environment,
    outside: &Outside,
    context: &Context,
) -> Result<Password, Error> {
    let name = &from.secretsmanager;
    let refuse = |why: &str| {
        let message = format!("environment {}: {field} {why}", environment.name);
        Error::new(Code::Failed, message)
    };
    let mut place = None;
    for target in &environment.targets {
        if let Target::SecretsManager {
            region,
            profile,
            prefix,
            ..
        } = target
        {
            if is_made_here(name, prefix, environment) {
                let why = "names the object that is made of it";
                return Err(refuse(why).hint("name the secret that the database's owner keeps"));
            }
            place = place.or(Some((region.clone(), profile.clone())));
        }
    }
    let (region, profile) = match (&from.region, place) {
        (Some(region), _) => (region.clone(), from.profile.clone()),
        (None, Some((region, profile))) => (region, from.profile.clone().or(profile)),
        (None, None) => return Err(refuse("needs a region").hint("add region: under it")),
    };
    let source = PasswordSource {
        name: name.clone(),
        field: from.field.clone(),
        region,
        profile,
    };
    let deadline = context.deadline();
    let fetching = sync::password(&source, &context.settings, &context.links);
    let fetched = block_on(deadline.of(fetching))?.unwrap_or_else(|_| {
        let reason = format!("has not answered within {}", deadline.words());
        Err(TargetError::new(Fault::Unreachable, reason))
    });
    let fetched = fetched.map_err(|error| {
        let status = Code::Other(error.fault.status());
        let refused = Error::new(status, refuse(&format!("{name}: {}", error.reason)).message);
        match error.hint {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    })?;
    let taken = Taken::Secret(name.clone(), fetched.version);
    outside.borrow_mut().push(taken);
    Ok(fetched.password)
}

/// Whether the environment writes an object of this name.
fn is_made_here(name: &str, prefix: &str, environment: &Environment) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else {
        return false;
    };
    match environment.profile {
        Profile::Trackit => rest == "psql-url",
        Profile::NodeV2 | Profile::CllCluster => rest.ends_with("/database"),
        Profile::Custom => environment.objects.iter().any(|object| object.name == rest),
    }
}

//! The words of `clsecrets.yaml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::search::normal;
use crate::config::yaml::OneOrMany;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) version: u32,
    pub(super) name: Option<String>,
    pub(super) identity: Option<String>,
    #[serde(default)]
    pub(super) environments: BTreeMap<String, RawEnvironment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEnvironment {
    pub(super) profile: Profile,
    pub(super) sealed: OneOrMany,
    pub(super) clear: Option<OneOrMany>,
    #[serde(default)]
    pub(super) protected: bool,
    #[serde(default)]
    pub(super) node: Node,
    pub(super) database: Option<Database>,
    pub(super) adapters: Option<Vec<String>>,
    #[serde(default)]
    pub(super) nodes: BTreeMap<String, Node>,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
    #[serde(default)]
    pub(super) objects: Vec<Object>,
}

/// What the secrets of an environment are made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The objects of the `TrackIt` sample.
    Trackit,
    /// Configuration and secrets of a node from version 2 on.
    NodeV2,
    /// The layout of Chainlink Labs' cluster charts.
    CllCluster,
    /// What `objects` spells out.
    Custom,
}

/// What a node is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// Its version, as the image tag says it.
    pub version: Option<String>,
    /// The user that logs in to it.
    pub user_email: Option<String>,
    /// Its database, where several nodes have their own; what is not given is that of the
    /// environment.
    pub database: Option<Database>,
    /// What runs it: `statefulset/chainlink`.
    pub workload: Option<String>,
    /// The node whose database it shares, to stand in for it.
    pub failover_of: Option<String>,
    /// Whether its key ring may be older than the rule that a keystore password has 16 bytes.
    pub allow_legacy_keystore: bool,
}

/// Where a database is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The role that logs in.
    pub user: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// The port, only if given.
    pub port: Option<u16>,
    /// The name of the database.
    pub name: Option<String>,
    /// How the connection is protected, in the words of `libpq`.
    pub sslmode: Option<String>,
    /// The host of a replica that the node makes its backups of.
    pub backup_host: Option<String>,
    /// Where the password comes from, if not from the sealed file.
    pub password_from: Option<PasswordFrom>,
}

/// A password that somebody else keeps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordFrom {
    /// The name of a secret in Secrets Manager.
    pub secretsmanager: String,
    /// The field in its JSON; without one the whole value.
    pub field: Option<String>,
    /// The region; without one that of the environment's first target in Secrets Manager.
    pub region: Option<String>,
    /// The profile of the AWS configuration; without one that of the same target.
    pub profile: Option<String>,
}

/// An object of profile `custom`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its name; in Secrets Manager behind the target's prefix.
    pub name: String,
    /// The kinds of targets that it goes to; without a list all that can hold it.
    #[serde(default)]
    pub only: Vec<String>,
    /// Data keys; a target with one text holds them as JSON.
    #[serde(default)]
    pub keys: BTreeMap<String, Value>,
    /// The whole text, for targets that hold one; in place of keys.
    pub value: Option<Value>,
    /// In a cluster its type: `kubernetes.io/tls`; without one that which is there, or `Opaque`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// In a cluster its labels, beside those that others give it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// In a cluster its annotations, beside those that others give it.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// How a value is put together; a plain text is the name of a key in the sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A key of the sealed file, with dots: `nodes.node-a.wallet_password`.
    Name(String),
    /// Anything else.
    Made(Box<Made>),
}

/// How a value is put together. Exactly one of its words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Made {
    /// A key of the sealed file, with dots.
    pub key: Option<String>,
    /// Beside `key`: whether it may be missing, and the entry with it.
    pub optional: bool,
    /// A text that is no secret.
    pub literal: Option<String>,
    /// Values, one a line, without a line end behind the last.
    pub lines: Option<Vec<Value>>,
    /// A database URL.
    pub dsn: Option<Dsn>,
    /// A flat JSON object.
    pub json: Option<BTreeMap<String, Value>>,
    /// A file that is no secret, beside `clsecrets.yaml`.
    pub file: Option<PathBuf>,
    /// A value that somebody else keeps.
    pub from: Option<PasswordFrom>,
}

/// The parts of a database URL; what is not given is that of the environment's `database`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dsn {
    /// `postgresql` if not given.
    pub scheme: Option<String>,
    /// The role.
    pub user: Option<Value>,
    /// Its password; `database_password` if not given.
    pub password: Option<Value>,
    /// The host.
    pub host: Option<Value>,
    /// The port.
    pub port: Option<u16>,
    /// The name of the database.
    pub database: Option<Value>,
    /// How the connection is protected.
    pub sslmode: Option<String>,
}

/// Where secrets go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// Files in a directory.
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// Objects in a cluster.
    Kubernetes {
        /// The context of the client configuration; `in-cluster` inside a pod.
        context: String,
        /// The namespace.
        namespace: String,
        /// The server that the context has to mean.
        expect_server: Option<String>,
        /// Workloads to restart, as `statefulset/name`; without a list those that use what is
        /// written.
        restart: Option<Vec<String>>,
    },
    /// Secrets in AWS Secrets Manager.
    SecretsManager {
        /// The region.
        region: String,
        /// The profile of the AWS configuration.
        profile: Option<String>,
        /// The account that the credentials have to belong to.
        expect_account: Option<String>,
        /// What names begin with.
        #[serde(default)]
        prefix: String,
        /// The key that Secrets Manager encrypts with.
        kms_key: Option<String>,
        /// Regions that secrets are replicated to; without a list nobody looks.
        replicas: Option<Vec<String>>,
    },
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not by trying one after the other: a word that is not known is named.
        struct NameOrMap;
        impl<'de> Visitor<'de> for NameOrMap {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a key, or how the value is made")
            }

            fn visit_str<E>(self, name: &str) -> Result<Value, E> {
                Ok(Value::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                let made = Made::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Value::Made(Box::new(made)))
            }
        }
        deserializer.deserialize_any(NameOrMap)
    }
}

impl Database {
    /// This one, with what it lacks from another.
    #[must_use]
    pub fn over(&self, other: Option<&Self>) -> Self {
        let Some(other) = other else {
            return self.clone();
        };
        let own = self.clone();
        Self {
            user: own.user.or_else(|| other.user.clone()),
            host: own.host.or_else(|| other.host.clone()),
            port: own.port.or(other.port),
            name: own.name.or_else(|| other.name.clone()),
            sslmode: own.sslmode.or_else(|| other.sslmode.clone()),
            backup_host: own.backup_host.or_else(|| other.backup_host.clone()),
            password_from: own.password_from.or_else(|| other.password_from.clone()),
        }
    }
}

impl Made {
    /// The words that it has.
    pub(super) fn words(&self) -> Vec<&'static str> {
        let words = [
            ("key", self.key.is_some()),
            ("literal", self.literal.is_some()),
            ("lines", self.lines.is_some()),
            ("dsn", self.dsn.is_some()),
            ("json", self.json.is_some()),
            ("file", self.file.is_some()),
            ("from", self.from.is_some()),
        ];
        let there = words.into_iter().filter(|(_, is_there)| *is_there);
        there.map(|(word, _)| word).collect()
    }

    /// The values below it.
    pub(super) fn below(&self) -> Vec<&Value> {
        let mut below: Vec<&Value> = self.lines.iter().flatten().collect();
        below.extend(self.json.iter().flat_map(BTreeMap::values));
        if let Some(dsn) = &self.dsn {
            let parts = [&dsn.user, &dsn.password, &dsn.host, &dsn.database];
            below.extend(parts.into_iter().flatten());
        }
        below
    }
}

impl Profile {
    /// Whether the names of its objects depend on settings, so that there is no closed set of them.
    pub fn is_open(self) -> bool {
        self != Self::Trackit
    }

    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trackit => "trackit",
            Self::NodeV2 => "node-v2",
            Self::CllCluster => "cll-cluster",
            Self::Custom => "custom",
        }
    }
}

impl Target {
    /// Its word in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "directory",
            Self::Kubernetes { .. } => "kubernetes",
            Self::SecretsManager { .. } => "secretsmanager",
        }
    }

    /// Whether two targets are one place, as far as the file tells.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory { path: one }, Self::Directory { path: two }) => one == two,
            (
                Self::Kubernetes {
                    context, namespace, ..
                },
                Self::Kubernetes {
                    context: other,
                    namespace: place,
                    ..
                },
            ) => context == other && namespace == place,
            (
                Self::SecretsManager {
                    region,
                    profile,
                    prefix,
                    ..
                },
                Self::SecretsManager {
                    region: other,
                    profile: account,
                    prefix: beginning,
                    ..
                },
            ) => region == other && profile == account && prefix == beginning,
            _ => false,
        }
    }

    /// Makes the path of a directory absolute.
    pub(super) fn below(self, directory: &Path) -> Self {
        match self {
            Self::Directory { path } => Self::Directory {
                path: normal(&directory.join(path)),
            },
            other => other,
        }
    }
}

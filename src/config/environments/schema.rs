//! The words of `clsecrets.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::search::normal;
use crate::config::yaml::OneOrMany;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) version: u32,
    pub(super) name: Option<String>,
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
    pub(super) nodes: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
    #[serde(default)]
    pub(super) objects: Vec<serde_json::Value>,
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
        /// Regions that new secrets are replicated to.
        #[serde(default)]
        replicas: Vec<String>,
    },
}

impl Profile {
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

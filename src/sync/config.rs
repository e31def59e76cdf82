//! What `clsecrets.yaml` says about a target, as plain values. Every build knows all kinds, so that
//! a missing one is named and not misread.

use std::path::PathBuf;

use super::options::matches;
use super::ownership::Owner;

/// One target of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetConfig {
    /// A folder on this machine.
    Directory(DirectoryConfig),
    /// A namespace of a cluster.
    Kubernetes(KubernetesConfig),
    /// AWS Secrets Manager.
    SecretsManager(SecretsManagerConfig),
}

/// A folder on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// As written, for messages.
    pub shown: String,
    /// Absolute.
    pub path: PathBuf,
    /// The directory of `clsecrets.yaml`, absolute; below it no link is followed.
    pub base: PathBuf,
    /// Who we are in the record beside the files.
    pub owner: Owner,
}

/// A namespace of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesConfig {
    /// A context of the kubeconfig, or `in-cluster`.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// The server that the context must lead to.
    pub expect_server: Option<String>,
    /// Who we are in `managedFields`.
    pub owner: Owner,
    /// The workloads to restart; without a list those that use what is written.
    pub restart: Option<Vec<String>>,
    /// Workloads that restart before all others, one after the other: those that stand in for them.
    pub first: Vec<String>,
}

/// AWS Secrets Manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretsManagerConfig {
    /// The region.
    pub region: String,
    /// A profile of the AWS configuration.
    pub profile: Option<String>,
    /// The account that the credentials must belong to.
    pub expect_account: Option<String>,
    /// What names begin with.
    pub prefix: String,
    /// The KMS key; for what is made the account's own if absent.
    pub kms_key: Option<String>,
    /// Regions to replicate to; of what is there nobody looks without a list.
    pub replicas: Option<Vec<String>>,
    /// Who we are in the ids of versions.
    pub owner: Owner,
    /// Whether the profile has no closed set of names: what is made gets a tag that says whose it is.
    pub is_tagged: bool,
}

impl TargetConfig {
    /// The word in `clsecrets.yaml`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::Kubernetes(_) => "kubernetes",
            Self::SecretsManager(_) => "secretsmanager",
        }
    }

    /// Whether it is meant by a word: its kind, or its label, `*` for any part.
    pub fn is_called(&self, word: &str) -> bool {
        word == self.kind() || matches(word, &self.label())
    }

    /// Who we are there.
    pub fn owner(&self) -> &Owner {
        match self {
            Self::Directory(config) => &config.owner,
            Self::Kubernetes(config) => &config.owner,
            Self::SecretsManager(config) => &config.owner,
        }
    }

    /// What people know it by, before it is connected.
    pub fn label(&self) -> String {
        match self {
            Self::Directory(config) => format!("directory {}", config.shown),
            Self::Kubernetes(config) => {
                format!("kubernetes {}/{}", config.context, config.namespace)
            }
            Self::SecretsManager(config) => format!("secretsmanager {}", config.region),
        }
    }
}

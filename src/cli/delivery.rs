//! From an environment of `clsecrets.yaml` and its opened files to what goes to each target.

use std::path::Path;

use clsecrets::chainlink::{self, Credentials, Database, Projection, Trackit};
use clsecrets::config::environments::Target;
use clsecrets::config::{Environment, Environments};
use clsecrets::envelope::Opened;
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{
    Assignment, DirectoryConfig, KubernetesConfig, Previous, SecretsManagerConfig, SourceFile,
    TARGET_KINDS, TargetConfig, Wallet,
};
use clsecrets::tree::Tree;
use clsecrets::{Code, Error};

/// What objects are called after if `clsecrets.yaml` has no `name`.
const DEFAULT_NAME: &str = "chainlink";

/// A sealed file of the environment, opened.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    /// Its path, for messages, and the SHA-256 of its sealed bytes.
    pub(crate) source: SourceFile,
    /// What it holds.
    pub(crate) opened: Opened,
}

/// An environment with its secrets.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Its name.
    pub(crate) name: String,
    /// Whether a person has to confirm by name.
    pub(crate) is_protected: bool,
    /// The sealed files.
    pub(crate) files: Vec<OpenedFile>,
    /// `wallet_password` at HEAD.
    pub(crate) previous: Previous,
    environment: chainlink::Environment,
    targets: Vec<TargetConfig>,
}

/// What goes where.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Each target with its objects.
    pub(crate) assignments: Vec<Assignment>,
    /// What the wallet guard compares.
    pub(crate) wallet: Wallet,
    /// What the operator should know, and nothing depends on.
    pub(crate) notes: Vec<String>,
}

impl Loaded {
    /// Puts together what was read.
    pub(crate) fn new(
        environments: &Environments,
        environment: &Environment,
        files: Vec<OpenedFile>,
        previous: Previous,
    ) -> Result<Self, Error> {
        let prefix = environments.name.as_deref().unwrap_or(DEFAULT_NAME);
        let database = match &environment.database {
            Some(database) if database.password_from.is_some() => {
                return Err(Error::new(
                    Code::Failed,
                    format!(
                        "environment {}: database.password_from is not supported yet",
                        environment.name
                    ),
                )
                .hint("clsecrets set --prompt the password as database_password"));
            }
            Some(database) => Some(Database {
                user: database.user.clone().unwrap_or_default(),
                host: database.host.clone().unwrap_or_default(),
                port: database.port,
                name: database.name.clone().unwrap_or_default(),
                sslmode: database.sslmode.clone(),
            }),
            None => None,
        };
        let manager = format!("clsecrets-{prefix}-{}", environment.name);
        let mut targets = Vec::new();
        for target in &environment.targets {
            targets.push(configured(target, environments.directory(), &manager));
        }
        Ok(Self {
            name: environment.name.clone(),
            is_protected: environment.is_protected,
            files,
            previous,
            environment: chainlink::Environment {
                name: environment.name.clone(),
                prefix: prefix.to_owned(),
                user_email: environment.node.user_email.clone(),
                database,
                adapters: environment.adapters.clone(),
            },
            targets,
        })
    }

    /// The sealed files, without their content.
    pub(crate) fn sources(&self) -> Vec<SourceFile> {
        self.files.iter().map(|file| file.source.clone()).collect()
    }

    /// What goes where; with `only`, the targets of another kind are not selected.
    pub(crate) fn deliver(self, only: Option<&str>) -> Result<Delivery, Error> {
        let files: Vec<(&str, &Tree)> = self
            .files
            .iter()
            .map(|file| (file.source.file.as_str(), file.opened.tree()))
            .collect();
        let refuse = |problems: Vec<_>| chainlink::refuse(&self.name, &problems);
        let credentials = Credentials::read(&files).map_err(refuse)?;
        let trackit = Trackit::new(&self.environment, &credentials).map_err(refuse)?;
        let assignments: Vec<Assignment> = self
            .targets
            .iter()
            .map(|config| Assignment {
                projection: project(&trackit, config),
                config: config.clone(),
                is_selected: only.is_none_or(|kind| config.kind() == kind),
            })
            .collect();
        if !assignments.iter().any(|assignment| assignment.is_selected) {
            let kind = only.map(|kind| format!(" of kind {kind}"));
            return Err(Error::new(
                Code::Failed,
                format!(
                    "environment {} has no target{}",
                    self.name,
                    kind.unwrap_or_default()
                ),
            )
            .hint("add one under targets: in clsecrets.yaml"));
        }
        let notes: Vec<String> = trackit
            .unused()
            .iter()
            .map(|key| format!("{key} is not delivered: no object of profile trackit has it"))
            .collect();
        Ok(Delivery {
            assignments,
            wallet: Wallet {
                desired: credentials
                    .wallet_password
                    .as_ref()
                    .map(SecretBytes::duplicate),
                previous: self.previous,
            },
            notes,
        })
    }
}

fn project(trackit: &Trackit<'_>, config: &TargetConfig) -> Projection {
    match config {
        TargetConfig::Directory(_) | TargetConfig::Kubernetes(_) => trackit.data(),
        TargetConfig::SecretsManager(store) => trackit.texts(&store.prefix),
    }
}

fn configured(target: &Target, base: &Path, manager: &str) -> TargetConfig {
    match target {
        Target::Directory { path } => TargetConfig::Directory(DirectoryConfig {
            shown: path
                .strip_prefix(base)
                .unwrap_or(path)
                .display()
                .to_string(),
            path: path.clone(),
            base: base.to_owned(),
        }),
        Target::Kubernetes {
            context,
            namespace,
            expect_server,
            restart,
        } => TargetConfig::Kubernetes(KubernetesConfig {
            context: context.clone(),
            namespace: namespace.clone(),
            expect_server: expect_server.clone(),
            field_manager: manager.to_owned(),
            restart: restart.clone(),
        }),
        Target::SecretsManager {
            region,
            profile,
            expect_account,
            prefix,
            kms_key,
            replicas,
        } => TargetConfig::SecretsManager(SecretsManagerConfig {
            region: region.clone(),
            profile: profile.clone(),
            expect_account: expect_account.clone(),
            prefix: prefix.clone(),
            kms_key: kms_key.clone(),
            replicas: replicas.clone(),
        }),
    }
}

/// The kinds of targets that `--target` takes.
pub(crate) fn kinds() -> Vec<&'static str> {
    TARGET_KINDS.iter().map(|kind| kind.name).collect()
}

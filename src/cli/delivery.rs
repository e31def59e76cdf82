//! From an environment of `clsecrets.yaml` and its opened files to what goes to each target.

use std::path::Path;

use clsecrets::chainlink::{self, Credentials, Database, Projection, Trackit};
use clsecrets::config::environments::{self, PasswordFrom, Target};
use clsecrets::config::{Environment, Environments};
use clsecrets::envelope::Opened;
use clsecrets::keys::block_on;
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{
    self, Assignment, DirectoryConfig, KubernetesConfig, Password, PasswordSource, Previous,
    SecretsManagerConfig, SourceFile, TargetConfig, Wallet,
};
use clsecrets::tree::Tree;
use clsecrets::{Code, Error};

use super::Context;

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

/// All sealed files of an environment, opened.
#[derive(Debug)]
pub(crate) struct OpenedFiles {
    /// In the order of `clsecrets.yaml`.
    pub(crate) files: Vec<OpenedFile>,
    /// `wallet_password` at HEAD.
    pub(crate) previous: Previous,
    /// The commit that the files are from, or that is checked out beside them.
    pub(crate) commit: Option<String>,
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
    /// The commit that the files are from, or that is checked out beside them.
    pub(crate) commit: Option<String>,
    environment: chainlink::Environment,
    /// What somebody else keeps.
    password: Option<Password>,
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
        opened: OpenedFiles,
        context: &Context,
    ) -> Result<Self, Error> {
        let prefix = environments.name.as_deref().unwrap_or(DEFAULT_NAME);
        let database = environment.database.as_ref().map(|database| Database {
            user: database.user.clone().unwrap_or_default(),
            host: database.host.clone().unwrap_or_default(),
            port: database.port,
            name: database.name.clone().unwrap_or_default(),
            sslmode: database.sslmode.clone(),
        });
        let password_from = match &environment.database {
            Some(environments::Database {
                password_from: Some(from),
                ..
            }) => Some(fetched(from, environment, context)?),
            _ => None,
        };
        let manager = format!("clsecrets-{prefix}-{}", environment.name);
        let mut targets = Vec::new();
        for target in &environment.targets {
            targets.push(configured(target, environments.directory(), &manager));
        }
        Ok(Self {
            name: environment.name.clone(),
            is_protected: environment.is_protected,
            files: opened.files,
            previous: opened.previous,
            commit: opened.commit,
            environment: chainlink::Environment {
                name: environment.name.clone(),
                prefix: prefix.to_owned(),
                user_email: environment.node.user_email.clone(),
                database,
                password_from: password_from.as_ref().map(|(name, _)| name.clone()),
                adapters: environment.adapters.clone(),
            },
            password: password_from.map(|(_, password)| password),
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
        let mut credentials = Credentials::read(&files).map_err(refuse)?;
        if let Some(password) = &self.password {
            self.admit_no_other(&credentials)?;
            match password {
                Password::Url(url) => credentials.database_url = Some(url.duplicate()),
                Password::Plain(password) => {
                    credentials.database_password = Some(password.duplicate());
                }
            }
        }
        let trackit = Trackit::new(&self.environment, &credentials).map_err(refuse)?;
        let assignments: Vec<Assignment> = self
            .targets
            .iter()
            .map(|config| Assignment {
                projection: project(&trackit, config),
                config: config.clone(),
                is_selected: only.is_none_or(|word| config.is_called(word)),
            })
            .collect();
        if !assignments.iter().any(|assignment| assignment.is_selected) {
            let kind = only.map(|word| format!(" called {word}"));
            let labels: Vec<String> = self.targets.iter().map(TargetConfig::label).collect();
            return Err(Error::new(
                Code::Failed,
                format!(
                    "environment {} has no target{}",
                    self.name,
                    kind.unwrap_or_default()
                ),
            )
            .hint(if labels.is_empty() {
                "add one under targets: in clsecrets.yaml".to_owned()
            } else {
                format!("its targets are {}", labels.join(", "))
            }));
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

impl Loaded {
    /// A password has one source.
    fn admit_no_other(&self, credentials: &Credentials) -> Result<(), Error> {
        let key = match (&credentials.database_password, &credentials.database_url) {
            (Some(_), _) => "database_password",
            (_, Some(_)) => "database_url",
            (None, None) => return Ok(()),
        };
        let message = format!(
            "environment {} has {key} in a sealed file and database.password_from in \
             clsecrets.yaml; keep one of them",
            self.name
        );
        Err(Error::new(Code::Other(4), message))
    }
}

/// Reads the password that somebody else keeps, and what it is called.
fn fetched(
    from: &PasswordFrom,
    environment: &Environment,
    context: &Context,
) -> Result<(String, Password), Error> {
    let name = &from.secretsmanager;
    let refuse = |why: &str| {
        let message = format!(
            "environment {}: database.password_from {why}",
            environment.name
        );
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
            if *name == format!("{prefix}psql-url") {
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
    let password = block_on(sync::password(&source, &context.settings))?;
    let password = password.map_err(|error| {
        let status = Code::Other(error.fault.status());
        let refused = Error::new(status, refuse(&format!("{name}: {}", error.reason)).message);
        match error.hint {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    })?;
    Ok((name.clone(), password))
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

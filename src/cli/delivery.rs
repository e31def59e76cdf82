//! An environment with its opened files: what the rules say about it, and what goes to each target.

use std::path::Path;

use clsecrets::chainlink::model::Kind;
use clsecrets::chainlink::rules::{self, Subject};
use clsecrets::chainlink::{self, At, Credentials, Finding, Objects, Projection};
use clsecrets::config::environments::Target;
use clsecrets::config::{Environment, Environments};
use clsecrets::envelope::{Draft, Opened};
use clsecrets::metadata::Metadata;
use clsecrets::secret::DataKey;
use clsecrets::sync::{
    Assignment, DirectoryConfig, Inputs, KubernetesConfig, Owner, Password, SecretsManagerConfig,
    SourceFile, TargetConfig, Wallet,
};
use clsecrets::tree::{Site, Tree};
use clsecrets::{Code, Error};

use super::Context;
use super::data_keys::Renewal;
use super::head::Head;
use super::places::Places;
use super::subject::{self, Kept, Outside, Taken};

/// A sealed file of the environment, opened.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    /// Its path, for messages, and the SHA-256 of its sealed bytes.
    pub(crate) source: SourceFile,
    /// What it holds.
    pub(crate) content: Content,
    /// Its data key, if it was sealed.
    pub(crate) key: Option<DataKey>,
}

/// What a file of an environment holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// It was sealed.
    Sealed(Box<Opened>),
    /// It is the clear form.
    Clear(Box<Draft>),
}

impl Content {
    pub(crate) fn tree(&self) -> &Tree {
        match self {
            Self::Sealed(opened) => opened.tree(),
            Self::Clear(draft) => draft.tree(),
        }
    }

    /// Who can open it, if it is sealed.
    pub(crate) fn metadata(&self) -> Option<&Metadata> {
        match self {
            Self::Sealed(opened) => Some(opened.metadata()),
            Self::Clear(_) => None,
        }
    }

    pub(crate) fn line(&self, site: Site) -> usize {
        match self {
            Self::Sealed(opened) => opened.line(site),
            Self::Clear(draft) => draft.line(site),
        }
    }
}

/// All sealed files of an environment, opened.
#[derive(Debug)]
pub(crate) struct OpenedFiles {
    /// In the order of `clsecrets.yaml`.
    pub(crate) files: Vec<OpenedFile>,
    /// The keystore passwords at HEAD.
    pub(crate) head: Head,
    /// The commit that the files are from, or that is checked out beside them.
    pub(crate) commit: Option<String>,
    /// Those that have another data key than before.
    pub(crate) renewals: Vec<Renewal>,
}

/// An environment with its secrets.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Its name.
    pub(crate) name: String,
    /// Who writes.
    pub(crate) owner: Owner,
    /// Whether a person has to confirm by name.
    pub(crate) is_protected: bool,
    /// The sealed files.
    pub(crate) files: Vec<OpenedFile>,
    /// The commit that the files are from, or that is checked out beside them.
    pub(crate) commit: Option<String>,
    /// Sealed files that have another data key than before.
    pub(crate) renewals: Vec<Renewal>,
    /// The settings; nodes that only the sealed files name are added when they are read.
    pub(crate) environment: chainlink::Environment,
    /// Where it goes.
    pub(crate) targets: Vec<TargetConfig>,
    /// What decides the bytes besides the sealed files.
    pub(crate) inputs: Inputs,
    /// Other environments that write the same objects to the same place.
    contested: Vec<String>,
    head: Head,
    /// What somebody else keeps.
    kept: Vec<Kept>,
    places: Places,
}

/// What goes where.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Each target with its objects.
    pub(crate) assignments: Vec<Assignment>,
    /// What the wallet guard compares.
    pub(crate) wallets: Vec<Wallet>,
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
        let owner = subject::owner(environments, &environment.name);
        let is_open = environment.profile.is_open();
        let targets: Vec<TargetConfig> = environment
            .targets
            .iter()
            .map(|target| {
                let mut config = configured(target, environments.directory(), &owner, is_open);
                if let TargetConfig::Kubernetes(config) = &mut config {
                    config.first = standing_in(environment);
                }
                config
            })
            .collect();
        let outside = Outside::default();
        let subject = subject::environment(environments, environment, &outside, context)?;
        let kept = subject::kept(environment, &outside, context)?;
        let settings = environments.settings_of(&environment.name);
        let mut inputs = Inputs::new(env!("CARGO_PKG_VERSION"), settings);
        let key = opened.files.iter().find_map(|file| file.key.as_ref());
        for taken in outside.into_inner() {
            match taken {
                Taken::Secret(name, version) => inputs.add_secret(&name, &version),
                Taken::File(path, content) => {
                    if let Some(key) = key {
                        inputs.add_file(&path, &content, key);
                    }
                }
            }
        }
        Ok(Self {
            contested: contested(environments, environment),
            inputs,
            owner,
            name: environment.name.clone(),
            is_protected: environment.is_protected,
            files: opened.files,
            head: opened.head,
            commit: opened.commit,
            renewals: opened.renewals,
            environment: subject,
            kept,
            targets,
            places: Places::new(environments, &environment.name),
        })
    }

    /// The sealed files, without their content.
    pub(crate) fn sources(&self) -> Vec<SourceFile> {
        self.files.iter().map(|file| file.source.clone()).collect()
    }

    /// Where a finding is: a file and a line in it.
    pub(crate) fn place(&self, at: &At) -> (String, usize) {
        match at {
            At::File { file, site } => match self.files.get(*file) {
                Some(file) => {
                    let line = site.map_or(1, |site| file.content.line(site));
                    (file.source.file.clone(), line)
                }
                None => self.places.of(&[]),
            },
            At::Setting(path) => self.places.of(path),
        }
    }

    /// Reads the credentials; what is wrong with their shape.
    pub(crate) fn credentials(&self) -> Result<(Credentials, Vec<Finding>), Error> {
        let files: Vec<(&str, &Tree)> = self
            .files
            .iter()
            .map(|file| (file.source.file.as_str(), file.content.tree()))
            .collect();
        let (mut credentials, findings) = Credentials::read(&files);
        for kept in &self.kept {
            self.admit_no_other(&credentials, &kept.place)?;
            let (path, kind, value) = match &kept.password {
                Password::Url(url) => ("url", Kind::DatabaseUrl, url),
                Password::Plain(plain) => ("password", Kind::DatabasePassword, plain),
            };
            let source = format!("password_from {}", kept.name);
            credentials.add(
                &format!("{}/{path}", kept.place),
                source,
                kind,
                value.duplicate(),
            );
        }
        Ok((credentials, findings))
    }

    /// What goes where; with `only`, the targets of another kind are not selected. Refuses what the
    /// rules refuse, but for those that are skipped.
    pub(crate) fn deliver(
        mut self,
        only: Option<&str>,
        skip: &[String],
    ) -> Result<Delivery, Error> {
        let (credentials, mut findings) = self.credentials()?;
        self.environment.take_nodes_of(&credentials);
        let objects = Objects::new(&self.environment, &credentials, &mut findings);
        findings.extend(rules::judge(&Subject {
            environment: &self.environment,
            credentials: &credentials,
            objects: &objects,
            is_deep: false,
        }));
        self.admit(findings, skip)?;
        let assignments: Vec<Assignment> = self
            .targets
            .iter()
            .map(|config| Assignment {
                projection: project(&objects, config),
                config: config.clone(),
                is_selected: only.is_none_or(|word| config.is_called(word)),
            })
            .collect();
        if !assignments.iter().any(|assignment| assignment.is_selected) {
            return Err(self.no_target(only));
        }
        let projections = assignments.iter().map(|one| &one.projection);
        let unused = objects.unused(projections).into_iter();
        let nodes = objects.wallet_nodes().into_iter();
        let wallets = nodes.map(|node| Wallet {
            desired: credentials
                .of_node(&node, "wallet_password")
                .map(|slot| slot.value.duplicate()),
            previous: self.head.of_node(&node),
            node,
        });
        Ok(Delivery {
            wallets: wallets.collect(),
            notes: unused
                .map(|key| self.unused(&key))
                .chain(self.contested.iter().cloned())
                .collect(),
            assignments,
        })
    }

    fn unused(&self, key: &str) -> String {
        let profile = match self.environment.profile {
            chainlink::Profile::Trackit => "trackit",
            chainlink::Profile::NodeV2 => "node-v2",
            chainlink::Profile::CllCluster => "cll-cluster",
            chainlink::Profile::Custom => "custom",
        };
        format!("{key} is not delivered: no object of profile {profile} has it")
    }

    fn admit(&self, findings: Vec<Finding>, skip: &[String]) -> Result<(), Error> {
        let is_skipped = |found: &Finding| {
            skip.iter().any(|id| id == found.rule) && !rules::NEEDED.contains(&found.rule)
        };
        let mut errors: Vec<Finding> = findings
            .into_iter()
            .filter(|found| found.is_error() && !is_skipped(found))
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        errors.sort_by_key(|found| self.place(&found.at));
        let lines: Vec<String> = errors
            .iter()
            .map(|found| {
                let (file, line) = self.place(&found.at);
                let Finding {
                    rule, message, fix, ..
                } = found;
                format!("{file}:{line}: {rule} {message}; {fix}")
            })
            .collect();
        let refused = chainlink::refuse(&self.name, &errors, &lines);
        Err(refused.hint(format!("clsecrets validate --env {}", self.name)))
    }

    fn no_target(&self, only: Option<&str>) -> Error {
        let kind = only.map(|word| format!(" called {word}"));
        let labels: Vec<String> = self.targets.iter().map(TargetConfig::label).collect();
        Error::new(
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
        })
    }

    /// A password has one source.
    fn admit_no_other(&self, credentials: &Credentials, place: &str) -> Result<(), Error> {
        let get = |name: &str| credentials.get(&format!("{place}/{name}"));
        let Some(slot) = get("password").or_else(|| get("url")) else {
            return Ok(());
        };
        let field = place.replace('/', ".");
        let message = format!(
            "environment {} has {} in a sealed file and {field}.password_from in clsecrets.yaml; \
             keep one of them",
            self.name, slot.key
        );
        Err(Error::new(Code::Other(4), message))
    }
}

/// The other environments of the file that write the same objects to the same place, in words.
fn contested(environments: &Environments, environment: &Environment) -> Vec<String> {
    let others = environments.all().iter();
    let others = others.filter(|other| other.name != environment.name);
    let contested = others.filter_map(|other| {
        let target = environment.contested_with(other)?;
        let place = match target {
            Target::Directory { path } => format!("directory {}", path.display()),
            Target::Kubernetes {
                context, namespace, ..
            } => format!("kubernetes {context}/{namespace}"),
            Target::SecretsManager { region, prefix, .. } => {
                format!("secretsmanager {region} {prefix}")
            }
        };
        Some(format!(
            "environments {} and {} write objects of the same names to {}; give one of them another \
             place in clsecrets.yaml",
            environment.name,
            other.name,
            place.trim_end()
        ))
    });
    contested.collect()
}

/// The workloads of nodes that stand in for others: they take over before those restart.
fn standing_in(environment: &Environment) -> Vec<String> {
    let nodes = environment.nodes.values();
    let nodes = nodes.filter(|node| node.failover_of.is_some());
    nodes.filter_map(|node| node.workload.clone()).collect()
}

/// What a target gets.
pub(crate) fn project(objects: &Objects<'_>, config: &TargetConfig) -> Projection {
    match config {
        TargetConfig::Directory(_) | TargetConfig::Kubernetes(_) => objects.data(config.kind()),
        TargetConfig::SecretsManager(store) => objects.texts(&store.prefix),
    }
}

fn configured(target: &Target, base: &Path, owner: &Owner, is_open: bool) -> TargetConfig {
    match target {
        Target::Directory { path } => TargetConfig::Directory(DirectoryConfig {
            shown: path
                .strip_prefix(base)
                .unwrap_or(path)
                .display()
                .to_string(),
            path: path.clone(),
            base: base.to_owned(),
            owner: owner.clone(),
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
            owner: owner.clone(),
            restart: restart.clone(),
            first: Vec::new(),
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
            owner: owner.clone(),
            is_tagged: is_open,
        }),
    }
}

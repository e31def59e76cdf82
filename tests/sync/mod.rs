//! The targets against real servers: a Kubernetes API server with etcd inside, and moto.
//!
//! Where they are is told by `CLSECRETS_TEST_KUBECONFIG` and `AWS_ENDPOINT_URL`; without them a
//! test prints `NOT RUN`. Each test has a namespace and a prefix of its own.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test is told where the servers are, and stops at the first surprise"
)]

mod kubernetes;
mod secrets_manager;

use std::path::PathBuf;
use std::process::Command;

use clsecrets::chainlink::{Credentials, Database, Desired, Environment, Trackit};
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{self, Assignment, Mode, Options, Previous, Report, TargetConfig, Wallet};
use clsecrets::tree::{Map, Tree};
use clsecrets::{Settings, sync::Survey};

/// An environment with its secrets, as a sealed file would give them.
pub(crate) struct World {
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) options: Options,
    pub(crate) kubeconfig: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let secrets = [
            ("user_password", "correct-horse-battery-1"),
            ("wallet_password", "a-long-wallet-passphrase-2"),
            ("cryptocompare_api_key", "cc_0123456789abcdef"),
            ("tiingo_api_key", "tg_01&23<45\"6\\789é"),
            ("database_password", "p4ss#with/odd%chars@16"),
        ];
        Self {
            secrets: secrets.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            options: Options::default(),
            kubeconfig: kubeconfig().unwrap_or_default(),
        }
    }

    pub(crate) fn set(&mut self, key: &str, value: Option<&str>) {
        self.secrets.retain(|(name, _)| name != key);
        if let Some(value) = value {
            self.secrets.push((key.to_owned(), value.to_owned()));
        }
    }

    pub(crate) fn survey(&self, config: TargetConfig, apply: bool) -> Survey {
        let mut map = Map::default();
        for (key, value) in &self.secrets {
            map.push_text(key, value);
        }
        let tree = Tree {
            documents: vec![map],
        };
        let credentials = Credentials::read(&[("dev.yaml", &tree)]).unwrap();
        let environment = Environment {
            name: "dev".to_owned(),
            prefix: "chainlink".to_owned(),
            user_email: Some("ops@example.com".to_owned()),
            database: Some(Database {
                user: "chainlink".to_owned(),
                host: "db.example.net".to_owned(),
                port: None,
                name: "chainlink".to_owned(),
                sslmode: Some("require".to_owned()),
            }),
            adapters: None,
        };
        let trackit = Trackit::new(&environment, &credentials).unwrap();
        let projection = match &config {
            TargetConfig::SecretsManager(aws) => trackit.texts(&aws.prefix),
            _ => trackit.data(),
        };
        let wallet = Wallet {
            desired: credentials
                .wallet_password
                .as_ref()
                .map(SecretBytes::duplicate),
            previous: Previous::Unreadable("no commit".to_owned()),
        };
        let kubeconfig = self.kubeconfig.display().to_string();
        let settings = Settings::new([("KUBECONFIG".to_owned(), kubeconfig)], "/".into(), 0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let work = vec![Assignment { config, projection }];
            let mut survey = sync::survey(work, &wallet, &self.options, &settings).await;
            if apply {
                survey.apply().await;
            }
            survey
        })
    }

    pub(crate) fn apply(&self, config: &TargetConfig) -> Report {
        let survey = self.survey(config.clone(), true);
        survey.report("dev", Mode::Apply, Vec::new())
    }

    pub(crate) fn check(&self, config: &TargetConfig) -> Report {
        let survey = self.survey(config.clone(), false);
        survey.report("dev", Mode::Check, Vec::new())
    }
}

/// `name op before→after`, to compare whole runs in one look.
pub(crate) fn ops(report: &Report) -> Vec<String> {
    let objects = report.targets.iter().flat_map(|target| &target.objects);
    objects
        .map(|object| {
            let keys: Vec<String> = object
                .keys
                .iter()
                .map(|key| format!("{} {}", key.op, key.name))
                .collect();
            format!("{}: {} [{}]", object.name, object.op, keys.join(", "))
        })
        .collect()
}

pub(crate) fn reasons(report: &Report) -> String {
    let errors = report.errors.iter();
    errors
        .map(|failure| {
            format!(
                "{}\n  {}",
                failure.line(),
                failure.hint.as_deref().unwrap_or("-")
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn kubeconfig() -> Option<PathBuf> {
    std::env::var_os("CLSECRETS_TEST_KUBECONFIG").map(PathBuf::from)
}

/// Runs a program that has to succeed, and gives its output.
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {text}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Observes one object of a target, lets something happen, and then writes `value` on the basis of
/// what was observed.
pub(crate) fn write_late(
    config: &TargetConfig,
    kubeconfig: &std::path::Path,
    desired: &Desired,
    happens: impl FnOnce(),
) -> Result<sync::Written, sync::TargetError> {
    let kubeconfig = kubeconfig.display().to_string();
    let settings = Settings::new([("KUBECONFIG".to_owned(), kubeconfig)], "/".into(), 0);
    clsecrets::keys::block_on(async {
        let target = sync::connect(config, &settings).await?;
        let names = [desired.name.clone()];
        let seen = target.observe(&names).await?.pop().unwrap()?;
        let judged = sync::verdict(desired, seen.as_ref(), false);
        happens();
        let step = sync::Step {
            desired,
            seen: seen.as_ref(),
            changes: &judged.changes,
            adopts: false,
        };
        target.apply(&step).await
    })
    .unwrap()
}

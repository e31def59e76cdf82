//! Secrets Manager: what is written, by whom, and what is left alone.

use clsecrets::chainlink::{Desired, Entry, Form, WHOLE};
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{Fault, SecretsManagerConfig, TargetConfig};

use super::{World, ops, reasons, run, write_late};

/// A prefix of its own on the real server.
struct Store {
    prefix: String,
}

impl Store {
    fn new(name: &str) -> Option<Self> {
        if std::env::var_os("AWS_ENDPOINT_URL").is_none() {
            println!("NOT RUN {name}: AWS_ENDPOINT_URL is not set");
            return None;
        }
        Some(Self {
            prefix: format!("{name}-{}-", std::process::id()),
        })
    }

    fn aws(args: &[&str]) -> String {
        let mut all = vec![
            "--region",
            "us-east-2",
            "--output",
            "text",
            "secretsmanager",
        ];
        all.extend(args);
        run("aws", &all)
    }

    fn get(&self, name: &str, field: &str) -> String {
        let id = format!("{}{name}", self.prefix);
        Self::aws(&["get-secret-value", "--secret-id", &id, "--query", field])
    }

    fn versions(&self) -> Vec<String> {
        ["api-keys", "node-credentials", "psql-url"]
            .map(|name| self.get(name, "VersionId"))
            .into()
    }

    fn config(&self) -> SecretsManagerConfig {
        SecretsManagerConfig {
            region: "us-east-2".to_owned(),
            prefix: self.prefix.clone(),
            ..SecretsManagerConfig::default()
        }
    }

    fn target(&self) -> TargetConfig {
        TargetConfig::SecretsManager(self.config())
    }
}

#[test]
fn a_first_run_creates_a_second_writes_nothing_and_a_change_writes_one_object() {
    let Some(store) = Store::new("first") else {
        return;
    };
    let mut world = World::new();
    let report = world.apply(&store.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!(
        store.get("api-keys", "SecretString"),
        r#"{"cryptocompare_api_key":"cc_0123456789abcdef","tiingo_api_key":"tg_01&23<45\"6\\789é"}"#
    );
    assert_eq!(
        store.get("node-credentials", "SecretString"),
        r#"{"user_email":"ops@example.com","user_password":"correct-horse-battery-1","wallet_password":"a-long-wallet-passphrase-2"}"#
    );
    assert_eq!(
        store.get("psql-url", "SecretString"),
        "postgres://chainlink:p4ss%23with%2Fodd%25chars%4016@db.example.net/chainlink?sslmode=require"
    );

    let before = store.versions();
    assert!(
        before
            .iter()
            .all(|version| version.starts_with("clsecrets-") && version.len() == 42)
    );
    let report = world.apply(&store.target());
    assert_eq!((report.status, report.summary.in_sync), (0, 3));
    assert_eq!(store.versions(), before);

    world.set("tiingo_api_key", Some("new"));
    let report = world.apply(&store.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert!(
        ops(&report)
            .first()
            .unwrap()
            .ends_with("api-keys: update [changed tiingo_api_key]")
    );
    let after = store.versions();
    assert_ne!(after.first(), before.first());
    assert_eq!(after.get(1..), before.get(1..));
}

#[test]
fn what_another_writer_made_is_in_sync_if_equal_and_refused_if_not() {
    let Some(store) = Store::new("foreign") else {
        return;
    };
    let mut world = World::new();
    let id = format!("{}api-keys", store.prefix);
    let same = r#"{ "tiingo_api_key": "tg_01\u002623<45\"6\\789é", "cryptocompare_api_key": "cc_0123456789abcdef" }"#;
    Store::aws(&["create-secret", "--name", &id, "--secret-string", same]);
    let report = world.apply(&store.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!((report.summary.create, report.summary.in_sync), (2, 1));

    Store::aws(&[
        "put-secret-value",
        "--secret-id",
        &id,
        "--secret-string",
        "{}",
    ]);
    assert_eq!(world.check(&store.target()).status, 6);
    let report = world.apply(&store.target());
    assert_eq!(report.status, 4);
    assert!(reasons(&report).contains("written last by another writer"));

    world.options.adopt.push(id);
    let report = world.apply(&store.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert!(store.get("api-keys", "VersionId").starts_with("clsecrets-"));
}

#[test]
fn a_secret_without_a_value_is_filled_and_one_in_deletion_is_refused() {
    let Some(store) = Store::new("states") else {
        return;
    };
    let world = World::new();
    Store::aws(&[
        "create-secret",
        "--name",
        &format!("{}psql-url", store.prefix),
    ]);
    let report = world.apply(&store.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));

    let id = format!("{}api-keys", store.prefix);
    Store::aws(&["delete-secret", "--secret-id", &id]);
    let report = world.apply(&store.target());
    assert_eq!(report.status, 4);
    let text = reasons(&report);
    assert!(text.contains("is scheduled for deletion"), "{text}");
    assert!(
        text.contains("restore-secret --region us-east-2 --secret-id states-"),
        "{text}"
    );
}

#[test]
fn the_wallet_password_of_the_store_is_guarded() {
    let Some(store) = Store::new("guard") else {
        return;
    };
    let mut world = World::new();
    world.apply(&store.target());
    let before = store.versions();
    for value in [Some("another-wallet-passphrase"), None] {
        world.set("wallet_password", value);
        let report = world.apply(&store.target());
        assert_eq!(report.status, 4);
        assert!(reasons(&report).contains("--replace-wallet-password"));
    }
    assert_eq!(store.versions(), before);
}

#[test]
fn another_account_is_refused_before_anything_is_read() {
    let Some(store) = Store::new("account") else {
        return;
    };
    let world = World::new();
    let mut config = store.config();
    config.expect_account = Some("999999999999".to_owned());
    let report = world.apply(&TargetConfig::SecretsManager(config));
    assert_eq!(report.status, 4);
    assert!(reasons(&report).contains("belong to account 123456789012, not to 999999999999"));
}

#[test]
fn a_field_that_is_no_longer_desired_stays_in_the_text() {
    let Some(store) = Store::new("kept") else {
        return;
    };
    let mut world = World::new();
    world.apply(&store.target());
    world.set("tiingo_api_key", None);
    let report = world.apply(&store.target());
    assert!(
        ops(&report)
            .first()
            .unwrap()
            .ends_with("api-keys: in sync [kept tiingo_api_key]")
    );
    world.set("cryptocompare_api_key", Some("new"));
    assert_eq!(world.apply(&store.target()).status, 0);
    assert!(store.get("api-keys", "SecretString").contains("tg_01"));
}

#[test]
fn a_write_on_the_basis_of_an_old_version_is_a_conflict() {
    let Some(store) = Store::new("late") else {
        return;
    };
    World::new().apply(&store.target());
    let desired = Desired {
        name: format!("{}psql-url", store.prefix),
        form: Form::Text,
        entries: vec![Entry::of(WHOLE, &SecretBytes::copy_of(b"new"), "k")],
    };
    let late = write_late(&store.target(), "".as_ref(), &desired, || {
        let id = desired.name.as_str();
        Store::aws(&[
            "put-secret-value",
            "--secret-id",
            id,
            "--secret-string",
            "theirs",
        ]);
    });
    assert_eq!(late.unwrap_err().fault, Fault::Conflict);
    assert_eq!(store.get("psql-url", "SecretString"), "theirs");
}

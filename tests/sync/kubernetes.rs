//! Kubernetes: what is written, by whom, and what is left alone.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clsecrets::chainlink::{Desired, Entry, Form};
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{Fault, KubernetesConfig, TargetConfig};

use super::{World, kubeconfig, ops, reasons, run, write_late};

/// A namespace of its own on the real server.
struct Cluster {
    kubeconfig: PathBuf,
    namespace: String,
}

impl Cluster {
    fn new(name: &str) -> Option<Self> {
        let Some(kubeconfig) = kubeconfig() else {
            println!("NOT RUN {name}: CLSECRETS_TEST_KUBECONFIG is not set");
            return None;
        };
        let cluster = Self {
            kubeconfig,
            namespace: format!("{name}-{}", std::process::id()),
        };
        cluster.kubectl(&["create", "namespace", &cluster.namespace]);
        Some(cluster)
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let kubeconfig = self.kubeconfig.display().to_string();
        let mut all = vec!["--kubeconfig", &kubeconfig, "-n", &self.namespace];
        all.extend(args);
        run("kubectl", &all)
    }

    fn versions(&self) -> String {
        let path = "jsonpath={range .items[*]}{.metadata.name}={.metadata.resourceVersion} {end}";
        self.kubectl(&["get", "secrets", "-o", path])
    }

    fn value(&self, name: &str, key: &str) -> String {
        let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
        self.kubectl(&["get", "secret", name, "-o", &template])
    }

    fn config(&self) -> KubernetesConfig {
        KubernetesConfig {
            context: "t".to_owned(),
            namespace: self.namespace.clone(),
            expect_server: None,
            field_manager: "clsecrets-chainlink-dev".to_owned(),
        }
    }

    fn target(&self) -> TargetConfig {
        TargetConfig::Kubernetes(self.config())
    }
}

#[test]
fn a_first_run_creates_a_second_writes_nothing_and_a_change_writes_one_object() {
    let Some(cluster) = Cluster::new("first") else {
        return;
    };
    let mut world = World::new();
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!(report.summary.create, 4);
    assert_eq!(
        cluster.value("api-secrets", ".api"),
        "ops@example.com\ncorrect-horse-battery-1"
    );
    assert_eq!(cluster.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
    assert_eq!(
        cluster.value("chainlink", "db-url"),
        "postgres://chainlink:p4ss%23with%2Fodd%25chars%4016@db.example.net/chainlink?sslmode=require"
    );
    let shape = cluster.kubectl(&[
        "get",
        "secret",
        "tiingo",
        "-o",
        "jsonpath={.type}|{.metadata.labels}|{.metadata.annotations}|{.metadata.managedFields[*].manager}",
    ]);
    assert_eq!(shape, "Opaque|||clsecrets-chainlink-dev");

    let before = cluster.versions();
    let report = world.apply(&cluster.target());
    assert_eq!((report.status, report.summary.in_sync), (0, 4));
    assert_eq!(cluster.versions(), before);

    world.set("tiingo_api_key", Some("new"));
    let report = world.check(&cluster.target());
    assert_eq!(report.status, 2);
    assert_eq!(cluster.versions(), before);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!(
        ops(&report),
        [
            "api-secrets: in sync []",
            "cryptocompare: in sync []",
            "tiingo: update [changed api-key]",
            "chainlink: in sync []",
        ]
    );
    assert_eq!(cluster.value("tiingo", "api-key"), "new");
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let after = words(&cluster.versions());
    let before = words(&before);
    let changed = after.iter().filter(|version| !before.contains(version));
    assert_eq!(changed.count(), 1);
}

#[test]
fn what_another_writer_made_is_in_sync_if_equal_and_refused_if_not() {
    let Some(cluster) = Cluster::new("foreign") else {
        return;
    };
    let mut world = World::new();
    let literal = "--from-literal=api-key=cc_0123456789abcdef";
    cluster.kubectl(&["create", "secret", "generic", "cryptocompare", literal]);
    let before = cluster.versions();
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!((report.summary.create, report.summary.in_sync), (3, 1));
    assert!(cluster.versions().contains(before.trim()));

    world.set("cryptocompare_api_key", Some("other"));
    world.set("tiingo_api_key", Some("other"));
    let before = cluster.versions();
    assert_eq!(world.check(&cluster.target()).status, 6);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 4);
    let text = reasons(&report);
    assert!(
        text.contains(
            "cryptocompare: api-key differs and was written last by kubectl (kubectl-create)"
        ),
        "{text}"
    );
    assert_eq!(
        cluster.versions(),
        before,
        "nothing is written, not even what is ours"
    );

    world.options.adopt.push("cryptocompare".to_owned());
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!(cluster.value("cryptocompare", "api-key"), "other");
    world.options.adopt.clear();
    world.set("cryptocompare_api_key", Some("ours now"));
    assert_eq!(world.apply(&cluster.target()).status, 0);
}

#[test]
fn a_foreign_change_of_our_key_is_drift_and_keys_of_others_stay() {
    let Some(cluster) = Cluster::new("drift") else {
        return;
    };
    let mut world = World::new();
    world.apply(&cluster.target());
    let patch = r#"{"stringData":{"theirs":"x"}}"#;
    cluster.kubectl(&["patch", "secret", "tiingo", "-p", patch]);
    world.set("tiingo_api_key", Some("new"));
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert!(ops(&report).contains(&"tiingo: update [changed api-key, foreign theirs]".to_owned()));
    assert_eq!(cluster.value("tiingo", "theirs"), "x");

    let patch = r#"{"stringData":{"api-key":"by hand"}}"#;
    cluster.kubectl(&["patch", "secret", "tiingo", "-p", patch]);
    assert_eq!(world.check(&cluster.target()).status, 6);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 4);
    assert!(reasons(&report).contains("kubectl (kubectl-patch)"));
    assert_eq!(cluster.value("tiingo", "api-key"), "by hand");
}

#[test]
fn a_key_that_is_no_longer_desired_stays() {
    let Some(cluster) = Cluster::new("kept") else {
        return;
    };
    let mut world = World::new();
    world.apply(&cluster.target());
    world.set("user_password", None);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!(
        ops(&report).first().unwrap(),
        "api-secrets: in sync [kept .api]"
    );

    // Something else in the same object is written: the omitted key is applied as it is.
    world.set("wallet_password", Some("another-wallet-passphrase"));
    world.options.replace_wallet = true;
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!(
        cluster.value("api-secrets", ".api"),
        "ops@example.com\ncorrect-horse-battery-1"
    );
    assert_eq!(
        cluster.value("api-secrets", ".password"),
        "another-wallet-passphrase"
    );
}

#[test]
fn the_wallet_password_of_the_cluster_is_guarded() {
    let Some(cluster) = Cluster::new("wallet") else {
        return;
    };
    let mut world = World::new();
    world.apply(&cluster.target());
    let before = cluster.versions();
    for value in [Some("another-wallet-passphrase"), None] {
        world.set("wallet_password", value);
        let report = world.apply(&cluster.target());
        assert_eq!(report.status, 4);
        assert!(reasons(&report).contains("--replace-wallet-password"));
        assert_eq!(cluster.versions(), before);
    }
}

#[test]
fn an_immutable_object_is_refused_only_if_it_would_change() {
    let Some(cluster) = Cluster::new("immutable") else {
        return;
    };
    let mut world = World::new();
    world.apply(&cluster.target());
    cluster.kubectl(&["patch", "secret", "tiingo", "-p", r#"{"immutable":true}"#]);
    assert_eq!(world.apply(&cluster.target()).status, 0);
    world.set("tiingo_api_key", Some("new"));
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 4);
    assert!(reasons(&report).contains("is immutable"));
}

#[test]
fn rbac_is_told_before_the_first_write() {
    let Some(cluster) = Cluster::new("rbac") else {
        return;
    };
    let mut world = World::new();
    let role = ["--verb=get", "--resource=secrets"];
    let with = |verbs: &[&str]| {
        let mut args = vec!["create", "role", "reader"];
        args.extend(verbs);
        cluster.kubectl(&args);
    };
    // A user who may nothing, then one who may read.
    let folder = tempfile::tempdir().unwrap();
    world.kubeconfig = as_user(&cluster, folder.path(), "nobody");
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 4);
    let text = reasons(&report);
    assert!(
        text.contains("not allowed to get secret api-secrets in namespace rbac-"),
        "{text}"
    );
    assert!(text.contains("(403 Forbidden)"), "{text}");

    with(&role);
    let binding = [
        "create",
        "rolebinding",
        "reader",
        "--role=reader",
        "--user=nobody",
    ];
    cluster.kubectl(&binding);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 4);
    let text = reasons(&report);
    assert!(
        text.contains("not allowed to create secret api-secrets"),
        "{text}"
    );
    assert_eq!(cluster.versions(), "");
}

/// The admin's kubeconfig, impersonating a user.
fn as_user(cluster: &Cluster, folder: &Path, user: &str) -> PathBuf {
    let text = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let path = folder.join("kubeconfig");
    let text = text.replace("    token: ", &format!("    as: {user}\n    token: "));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_cluster_that_cannot_be_used_is_told_by_its_cause() {
    let Some(cluster) = Cluster::new("broken") else {
        return;
    };
    let mut world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let write = |text: &str| {
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, text).unwrap();
        path
    };

    let mut config = cluster.config();
    config.namespace = "absent".to_owned();
    let report = world.apply(&TargetConfig::Kubernetes(config));
    assert_eq!(report.status, 1);
    assert!(reasons(&report).contains("the namespace absent does not exist"));

    let mut config = cluster.config();
    config.context = "prod".to_owned();
    let report = world.apply(&TargetConfig::Kubernetes(config));
    assert_eq!(report.status, 1);
    assert!(reasons(&report).contains("has no context prod; it has t"));

    let mut config = cluster.config();
    config.expect_server = Some("https://prod.example.net".to_owned());
    let report = world.apply(&TargetConfig::Kubernetes(config));
    assert_eq!(report.status, 4);
    assert!(reasons(&report).contains("not to https://prod.example.net"));

    world.kubeconfig = write(&text.replace("token: admintoken", "token: wrong"));
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 4, "{}", reasons(&report));
    assert!(reasons(&report).contains("(401 Unauthorized)"));

    let server = text.lines().find(|line| line.contains("server:")).unwrap();
    world.kubeconfig = write(&text.replace(server, "    server: https://127.0.0.1:9"));
    let start = Instant::now();
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 8);
    assert!(
        reasons(&report).contains("127.0.0.1:9/ refuses connections"),
        "{}",
        reasons(&report)
    );
    assert!(start.elapsed().as_secs() < 10);
}

#[test]
fn a_failure_after_the_first_write_leaves_the_others_done_and_a_repeat_finishes() {
    let Some(cluster) = Cluster::new("partial") else {
        return;
    };
    let world = World::new();
    // Room for two: each write alone would pass, so only the writes themselves can tell.
    cluster.kubectl(&["create", "quota", "few", "--hard=secrets=2"]);
    let status = r#"{"status":{"hard":{"secrets":"2"},"used":{"secrets":"0"}}}"#;
    let patch = [
        "patch",
        "quota",
        "few",
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ];
    cluster.kubectl(&patch);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 3, "{}", reasons(&report));
    assert_eq!((report.summary.create, report.summary.failed), (2, 2));
    assert!(reasons(&report).contains("a quota of namespace partial-"));

    cluster.kubectl(&["delete", "quota", "few"]);
    let report = world.apply(&cluster.target());
    assert_eq!(report.status, 0, "{}", reasons(&report));
    assert_eq!((report.summary.create, report.summary.in_sync), (2, 2));
}

#[test]
fn a_write_on_the_basis_of_an_old_version_is_a_conflict() {
    let Some(cluster) = Cluster::new("late") else {
        return;
    };
    World::new().apply(&cluster.target());
    let desired = Desired {
        name: "tiingo".to_owned(),
        form: Form::Data,
        entries: vec![Entry::of("api-key", &SecretBytes::copy_of(b"new"), "k")],
    };
    let config = cluster.target();
    let late = write_late(&config, &cluster.kubeconfig, &desired, || {
        cluster.kubectl(&["label", "secret", "tiingo", "by=somebody"]);
    });
    assert_eq!(late.unwrap_err().fault, Fault::Conflict);
    assert_eq!(cluster.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
    let in_time = write_late(&config, &cluster.kubeconfig, &desired, || {});
    assert!(in_time.is_ok());
    assert_eq!(cluster.value("tiingo", "api-key"), "new");
}

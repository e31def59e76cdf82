//! Real servers for tests: moto for AWS, an API server with etcd inside for Kubernetes.
//!
//! One of each for the whole test process, started by the first test that asks; tests keep apart by
//! keys, name prefixes and namespaces of their own. Each server ends when the pipe to its standard
//! input closes, so none outlives the tests, even killed ones.

#![allow(
    dead_code,
    unused_imports,
    reason = "a tool box: every feature set and every stage of the tests takes what it needs"
)]

#[cfg(feature = "kubernetes")]
mod cluster;
mod moto;
mod process;
mod proxy;

#[cfg(feature = "kubernetes")]
pub(crate) use cluster::{Cluster, Namespace, cluster};
pub(crate) use moto::{Moto, moto};
pub(crate) use proxy::{Fault, Proxy, closed_port, silent_port};

use std::sync::atomic::{AtomicU32, Ordering};

/// A word that no other test of this process gets.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::support::{Scene, fixture};

    #[test]
    fn the_reference_seals_with_a_key_of_ours_and_opens_it_again() {
        let moto = moto();
        let scene = Scene::new()
            .envs(moto.env())
            .file("a.yaml", "user: alice\n");
        let key = moto.key("us-east-1");

        let sealed = scene
            .sops(&format!("encrypt --kms {key} a.yaml"))
            .succeeds();
        scene.write("sealed.yaml", &sealed.stdout);
        scene
            .sops("decrypt sealed.yaml")
            .succeeds()
            .stdout("user: alice\n");
    }

    #[test]
    fn recorded_files_open_with_the_fixed_keys() {
        let scene = Scene::new().envs(moto().env());
        let file = fixture("vectors/enc/kms-alias.yaml");
        scene
            .sops(&format!("decrypt '{}'", file.display()))
            .succeeds();
    }

    #[test]
    fn a_proxy_counts_calls_and_answers_some_of_them_itself() {
        let moto = moto();
        let proxy = Proxy::to(moto.port());
        let key = moto.key("us-east-1");
        let scene = Scene::new()
            .envs(moto.env())
            .env("AWS_ENDPOINT_URL", proxy.url())
            .env("AWS_MAX_ATTEMPTS", "1")
            .file("a.yaml", "user: alice\n");

        let encrypt = format!("encrypt --in-place --kms {key} a.yaml");
        scene.sops(&encrypt).succeeds();
        assert_eq!(proxy.calls(), ["TrentService.Encrypt"]);

        proxy.on(
            "TrentService.Decrypt",
            Fault::error("AccessDeniedException"),
        );
        scene
            .sops("decrypt a.yaml")
            .fails(128)
            .stderr_has("AccessDeniedException");
        proxy.heal();
        scene.sops("decrypt a.yaml").succeeds();
    }

    #[test]
    fn secrets_are_kept_apart_by_prefix() {
        let moto = moto();
        let name = unique("kept-apart-");
        let target = "secretsmanager.CreateSecret";
        moto.call(
            "us-east-1",
            target,
            &json!({"Name": name, "SecretString": "x"}),
        );
        let got = moto.secret("us-east-1", &name).unwrap();
        assert_eq!(got["SecretString"], "x");
        assert!(moto.secret("us-east-1", "kept-apart").is_none());
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn a_user_can_do_in_its_namespace_what_it_was_given_and_no_more() {
        let ours = cluster().namespace();
        ours.put_secret("wallet", &[("password", "hunter2")], "somebody");
        assert_eq!(
            ours.secret("wallet").unwrap()["data"]["password"],
            "aHVudGVyMg=="
        );
        assert!(cluster().namespace().secret("wallet").is_none());

        let reader = ours.user(&[("", "secrets", &["get"])]);
        let path = ours.secret_path("wallet");
        assert_eq!(reader.request("GET", &path, None).0, 200);
        assert_eq!(reader.request("DELETE", &path, None).0, 403);
    }
}

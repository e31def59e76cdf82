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
mod mutual_tls;
mod process;
mod proxy;
mod relay;
mod socks;
mod tls_front;

#[cfg(feature = "kubernetes")]
pub(crate) use cluster::{Cluster, Namespace, User, cluster};
pub(crate) use moto::{Moto, moto};
pub(crate) use mutual_tls::MutualTls;
pub(crate) use proxy::{Fault, Proxy, closed_port, silent_port};
pub(crate) use relay::far;
pub(crate) use socks::{LOGIN, SOCKS_HOST, Socks};
pub(crate) use tls_front::{TLS_FRONT, TlsFront};

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

    #[test]
    fn the_rules_that_moto_does_not_keep_are_kept() {
        let name = unique("strict-");
        let code = |action: &str, body: &serde_json::Value| {
            let (status, answer) =
                moto().ask("eu-west-2", &format!("secretsmanager.{action}"), body);
            let kind = answer["__type"].as_str().unwrap_or_default().to_owned();
            (
                status,
                kind.rsplit('#').next().unwrap_or_default().to_owned(),
            )
        };
        let done = (200, String::new());
        let refused = |kind: &str| (400, kind.to_owned());
        let value =
            |name: &str, size: usize| json!({"Name": name, "SecretString": "x".repeat(size)});
        assert_eq!(
            code("CreateSecret", &value("a b", 1)),
            refused("ValidationException")
        );
        assert_eq!(
            code("CreateSecret", &value(&name, 0)),
            refused("ValidationException")
        );
        assert_eq!(
            code("CreateSecret", &value(&name, 65_537)),
            refused("ValidationException")
        );
        let short = json!({"Name": name, "SecretString": "x", "ClientRequestToken": "short"});
        assert_eq!(
            code("CreateSecret", &short),
            refused("InvalidParameterException")
        );
        assert_eq!(code("CreateSecret", &value(&name, 65_536)), done);

        // A token names one value; a label is moved from the version that it is attached to.
        let put = |token: &str, text: &str| {
            let token = format!("{token}-0123456789abcdef0123456789abcdef");
            code(
                "PutSecretValue",
                &json!({"SecretId": name, "SecretString": text, "ClientRequestToken": token}),
            )
        };
        assert_eq!(
            (put("a", "one"), put("a", "one")),
            (done.clone(), done.clone())
        );
        assert_eq!(put("a", "two"), refused("ResourceExistsException"));
        assert_eq!(put("b", "two"), done);
        let version = |letter: &str| format!("{letter}-0123456789abcdef0123456789abcdef");
        let mut stage = json!({"SecretId": name, "VersionStage": "AWSCURRENT", "MoveToVersionId": version("a")});
        assert_eq!(
            code("UpdateSecretVersionStage", &stage),
            refused("InvalidParameterException")
        );
        stage["RemoveFromVersionId"] = json!(version("b"));
        assert_eq!(code("UpdateSecretVersionStage", &stage), done);
        assert_eq!(
            moto().secret("eu-west-2", &name).unwrap()["SecretString"],
            "one"
        );

        assert_eq!(code("DeleteSecret", &json!({"SecretId": name})), done);
        assert_eq!(put("c", "three"), refused("InvalidRequestException"));
        assert_eq!(
            code("CreateSecret", &value(&name, 1)),
            refused("InvalidRequestException")
        );
        assert_eq!(
            code("DeleteSecret", &json!({"SecretId": name})),
            refused("InvalidRequestException")
        );

        let many: Vec<String> = (0..21).map(|number| format!("{name}-{number}")).collect();
        let batch = json!({"SecretIdList": many});
        assert_eq!(
            code("BatchGetSecretValue", &batch),
            refused("ValidationException")
        );
        let tags: Vec<_> = (0..51)
            .map(|number| json!({"Key": format!("k{number}"), "Value": "v"}))
            .collect();
        let tagged = json!({"Name": unique("strict-"), "SecretString": "x", "Tags": tags});
        assert_eq!(
            code("CreateSecret", &tagged),
            refused("InvalidParameterException")
        );
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn a_proxy_before_the_api_server_passes_on_and_strikes() {
        let ours = cluster().namespace();
        let proxy = Proxy::to_cluster(ours.admin().upstream());
        let path = ours.secret_path("wallet");
        let user = ours.admin().at(&proxy.url());
        ours.put_secret("wallet", &[("password", "x")], "somebody");
        assert_eq!(user.request("GET", &path, None).0, 200);
        proxy.after(
            "GET secrets",
            1,
            1,
            Fault::Refuse(503, "ServiceUnavailable", Some(1)),
        );
        let statuses = [(); 3].map(|()| user.request("GET", &path, None).0);
        assert_eq!(statuses, [200, 503, 200]);
        assert_eq!(proxy.calls(), ["GET secrets"; 4]);
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

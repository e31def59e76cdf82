//! Where `sync` runs: behind a proxy, with a private authority, in a pod.

use serde_json::Value;

use super::kubernetes::Place;
use super::rights::user;
use super::secrets_manager::Store;
use super::{DATABASE_URL, text};
use crate::servers::{TLS_FRONT, TlsFront, moto};
use crate::writes::mounted::is_impossible;

#[test]
fn secrets_manager_is_reached_through_a_proxy_and_trusted_by_a_private_authority() {
    let store = Store::new();
    let front = TlsFront::before(moto().port());
    let scene = &store.world.scene;
    let sync = || {
        scene
            .cmd(["sync", "--env", "dev", "-y", "--json"])
            .env("AWS_ENDPOINT_URL", TLS_FRONT)
            .env("AWS_MAX_ATTEMPTS", "1")
    };
    // Its name resolves nowhere, so that only the proxy leads to it.
    sync().run().fails(8);
    // The authority is in no list of the system.
    sync().env("HTTPS_PROXY", front.proxy()).run().fails(8);
    let refused = front.connects();
    assert!(refused > 0);

    sync()
        .env("HTTPS_PROXY", front.proxy())
        .env("AWS_CA_BUNDLE", front.authority().display().to_string())
        .run()
        .succeeds();
    assert!(front.connects() > refused);
    assert_eq!(store.get("psql-url", "SecretString"), DATABASE_URL);
}

#[test]
fn in_a_pod_the_service_account_delivers() {
    const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    if is_impossible("sync with the files of a pod") {
        return;
    }
    let place = Place::new();
    let scene = &place.world.scene;
    let environments = scene.read("clsecrets.yaml");
    scene.write(
        "clsecrets.yaml",
        environments.replace("context: test", "context: in-cluster"),
    );
    let user: Value = serde_json::from_str(&user(&place, &["to deliver"]).kubeconfig()).unwrap();
    let cluster = &user["clusters"][0]["cluster"];
    let server = text(&cluster["server"]).strip_prefix("https://").unwrap();
    let (host, port) = server.rsplit_once(':').unwrap();
    scene.write("ca", text(&cluster["certificate-authority-data"]));
    scene.write("token", text(&user["users"][0]["user"]["token"]));
    scene.write("namespace", &place.namespace.name);
    let script = format!(
        "mount -t tmpfs tmpfs /var/run/ && mkdir -p {ACCOUNT} && base64 -d ca >{ACCOUNT}/ca.crt && \
         cp token namespace {ACCOUNT}/ && rm token && exec \"$0\" sync --env dev -y --json"
    );
    let program = env!("CARGO_BIN_EXE_clsecrets");
    let report = scene
        .other("unshare", ["-m", "/bin/sh", "-c", &script, program])
        .env("KUBERNETES_SERVICE_HOST", host)
        .env("KUBERNETES_SERVICE_PORT", port)
        .without("KUBECONFIG")
        .run()
        .succeeds()
        .json();
    let actor = text(&report["targets"][0]["actor"]).to_owned();
    assert!(actor.contains("system:serviceaccount:"), "{actor}");
    assert_eq!(report["summary"]["create"], 4);
}

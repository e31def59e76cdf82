//! The way of docs/migrate-from-trackit.md, step by step, with the real Terraform, its real provider for
//! Kubernetes and the real Helm: not one byte of a Secret changes until a value does.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::said;
use crate::servers::{Namespace, cluster};
use crate::support::{RECIPIENT, Run, Scene, fixture, not_run, peer, program};

const SEALED: &str = "tf/secrets/dev/encrypted-secrets.yaml";
const CLEAR: &str = "\
user_password: 'correct-horse-battery-1'
wallet_password: 'a-long-wallet-passphrase-2'
cryptocompare_api_key: 'cc_0123456789abcdef'
tiingo_api_key: 'tg_0123456789abcdef'
";
/// Made by Terraform in the sample: ten characters.
const DATABASE_PASSWORD: &str = "Xb3kQ9zLm2";

struct Sample {
    scene: Scene,
    namespace: Namespace,
    terraform: std::path::PathBuf,
}

fn copy(from: &Path, top: &Path, mut scene: Scene) -> Scene {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scene = copy(&path, top, scene);
        } else {
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            scene = scene.file(&name, std::fs::read(&path).unwrap());
        }
    }
    scene
}

impl Sample {
    fn new(terraform: std::path::PathBuf) -> Self {
        let namespace = cluster().namespace();
        let top = fixture("trackit");
        let scene = copy(&top, &top, Scene::with_age().in_git());
        let kubeconfig = scene.home("kubeconfig").display().to_string();
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{ \"hashicorp/kubernetes\" = \"{}\" }}\n  direct {{}}\n}}\n",
            peer("terraform-provider-kubernetes")
                .parent()
                .unwrap()
                .display()
        );
        std::fs::write(scene.home("terraformrc"), overrides).unwrap();
        let rc = scene.home("terraformrc").display().to_string();
        let scene = scene
            .env("KUBECONFIG", kubeconfig.clone())
            .env("TF_CLI_CONFIG_FILE", rc)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_VAR_kubeconfig", kubeconfig)
            .env("TF_VAR_namespace", namespace.name.clone())
            .env("TF_VAR_user_email", "ops@example.com");
        std::fs::write(scene.home("kubeconfig"), namespace.admin().kubeconfig()).unwrap();
        scene.write("clear.yaml", CLEAR);
        let sealed = scene
            .sops(&format!("encrypt --age {RECIPIENT} clear.yaml"))
            .succeeds();
        let scene = scene.file(SEALED, &sealed.stdout);
        std::fs::remove_file(scene.path("clear.yaml")).unwrap();
        Self {
            scene,
            namespace,
            terraform,
        }
    }

    /// Terraform, with the secrets as the sample's provider gives them.
    fn terraform(&self, words: &[&str]) -> Run {
        let decrypt = ["decrypt", "--output-type", "json", SEALED];
        let opened = self
            .scene
            .other(peer("sops"), decrypt)
            .reveals()
            .run()
            .succeeds();
        let act = self.scene.other(&self.terraform, words).cwd("tf");
        act.env("TF_VAR_secrets", opened.out().trim())
            .reveals()
            .run()
    }

    /// Whether Terraform sees nothing to do.
    #[track_caller]
    fn terraform_is_content(&self) {
        let run = self.terraform(&[
            "plan",
            "-no-color",
            "-input=false",
            "-lock=false",
            "-detailed-exitcode",
        ]);
        assert_eq!(run.status, 0, "{run}");
    }

    fn helm(&self, words: &[&str]) -> Run {
        let mut all = vec!["--namespace", self.namespace.name.as_str()];
        all.extend(words);
        self.scene
            .other(peer("helm"), all)
            .reveals()
            .run()
            .succeeds()
    }

    /// Every data key of every Secret that is not Helm's own memory.
    fn bytes(&self) -> Vec<(String, String, String)> {
        let path = format!("/api/v1/namespaces/{}/secrets", self.namespace.name);
        let list = self.namespace.admin().must("GET", &path, None);
        let mut found = Vec::new();
        for item in list["items"].as_array().unwrap() {
            if item["type"] != "Opaque" {
                continue;
            }
            let name = item["metadata"]["name"].as_str().unwrap();
            for (key, value) in item["data"].as_object().unwrap() {
                let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
                found.push((
                    name.to_owned(),
                    key.clone(),
                    String::from_utf8(bytes).unwrap(),
                ));
            }
        }
        found
    }

    /// `kubectl annotate secret NAME helm.sh/resource-policy=keep`
    fn keep(&self, name: &str) {
        let body = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "annotations": {"helm.sh/resource-policy": "keep"}},
        });
        let path = format!(
            "{}?fieldManager=kubectl-annotate",
            self.namespace.secret_path(name)
        );
        self.namespace.admin().must("PATCH", &path, Some(&body));
    }

    fn deployment(&self, name: &str) -> Value {
        let path = format!(
            "/apis/apps/v1/namespaces/{}/deployments/{name}",
            self.namespace.name
        );
        self.namespace.admin().must("GET", &path, None)
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one way, told from its beginning to its end"
)]
fn secrets_of_terraform_and_helm_are_taken_over_without_one_byte_changing() {
    let Some(terraform) = program("terraform") else {
        return not_run("the migration from TrackIt", "there is no terraform");
    };
    let sample = Sample::new(terraform);
    let scene = &sample.scene;

    // As the sample leaves it: Terraform and Helm have made everything.
    let made = sample.terraform(&["apply", "-no-color", "-input=false", "-auto-approve"]);
    assert_eq!(made.status, 0, "{made}");
    let url = format!(
        "postgres://chainlink:{DATABASE_PASSWORD}@db.dev.example.net/chainlink?sslmode=disable"
    );
    sample.helm(&[
        "install",
        "chainlink",
        "charts/chainlink",
        "--set",
        &format!("db_url={url}"),
    ]);
    sample.helm(&[
        "install",
        "adapters",
        "charts/adapters",
        "--set",
        "api_keys.tiingo=tg_0123456789abcdef,api_keys.cryptocompare=cc_0123456789abcdef",
    ]);
    let before = sample.bytes();
    assert_eq!(before.len(), 5, "{before:?}");
    sample.terraform_is_content();

    // 1. Settings beside what is there; the sealed file stays as it is.
    let sealed = scene.read(SEALED);
    scene.run("init --no-hook").succeeds();
    assert_eq!(scene.read(SEALED), sealed);
    let settings = format!(
        "version: 1\nname: chainlink\nenvironments:\n  dev:\n    profile: trackit\n    sealed: {SEALED}\n    \
         clear: tf/secrets/dev/clear-secrets.yaml\n    node: {{ version: \"1.8\", user_email: ops@example.com }}\n    \
         database: {{ user: chainlink, host: db.dev.example.net, name: chainlink, sslmode: disable }}\n    targets:\n      \
         - {{ kind: kubernetes, context: test, namespace: {} }}\n",
        sample.namespace.name
    );
    scene.write("clsecrets.yaml", settings);
    let found = scene.run("validate --env dev").succeeds();
    assert!(said(&found).contains("V090"), "{found}");

    // 2. The database password moves into the sealed file; what the charts wrote is what would be written.
    let set = |key: &str, value: &str| {
        let (path, value) = (format!("[\"{key}\"]"), json!(value).to_string());
        scene.cmd(["set", SEALED, &path, &value]).run().succeeds();
    };
    set("database_password", DATABASE_PASSWORD);
    let warned = scene.run("validate --env dev").succeeds();
    assert!(
        said(&warned).contains("V031") && said(&warned).contains("V033"),
        "{warned}"
    );
    scene.run("sync --env dev --check").succeeds();
    scene.run("sync --env dev -y").succeeds();
    assert_eq!(sample.bytes(), before);
    sample.terraform_is_content();

    // 3. As long as they are others', another value is refused, and they are named.
    let with_old = scene.read(SEALED);
    set("tiingo_api_key", "tg_changed_0123456789");
    let refused = scene.run("sync --env dev -y").fails(4);
    assert!(said(&refused).contains("Helm"), "{refused}");
    scene.write(SEALED, &with_old);
    assert_eq!(sample.bytes(), before);

    // 4. Terraform lets go: the object stays, its state forgets it, and knows names only.
    let gone = sample.terraform(&["state", "rm", "kubernetes_secret.api_secrets"]);
    assert_eq!(gone.status, 0, "{gone}");
    std::fs::rename(scene.path("tf/names.tf.after"), scene.path("tf/main.tf")).unwrap();
    std::fs::remove_file(scene.path("tf/api/api.tpl")).unwrap();
    let applied = sample.terraform(&["apply", "-no-color", "-input=false", "-auto-approve"]);
    assert_eq!(applied.status, 0, "{applied}");
    sample.terraform_is_content();
    assert_eq!(sample.bytes(), before);
    // What it remembers of before goes.
    for path in scene.files() {
        if path.starts_with("tf/terraform.tfstate.") {
            std::fs::remove_file(scene.path(&path)).unwrap();
        }
    }
    let state = scene.read("tf/terraform.tfstate");
    for (_, key, value) in &before {
        let encoded = STANDARD.encode(value);
        assert!(
            !state.contains(value.as_str()) && !state.contains(&encoded),
            "{key} is in the state"
        );
    }

    // 5. Helm lets go: the charts no longer make the Secrets, and keep those that are there.
    for name in ["chainlink", "tiingo", "cryptocompare"] {
        sample.keep(name);
    }
    sample.helm(&[
        "upgrade",
        "chainlink",
        "charts/chainlink",
        "--set",
        "secret.enabled=false",
    ]);
    sample.helm(&[
        "upgrade",
        "adapters",
        "charts/adapters",
        "--set",
        "secret.enabled=false",
    ]);
    assert_eq!(sample.bytes(), before);
    scene.run("sync --env dev --check").succeeds();

    // 6. The first change takes over what it changes, and starts anew what uses it.
    set("tiingo_api_key", "tg_changed_0123456789");
    scene.run("sync --env dev -y").fails(4);
    scene.run("sync --env dev -y --adopt tiingo").succeeds();
    let after = sample.bytes();
    let changed: Vec<&String> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(before, _)| &before.0)
        .collect();
    assert_eq!(changed, ["tiingo"]);
    let template = |name: &str| {
        let annotations = &sample.deployment(name)["spec"]["template"]["metadata"]["annotations"];
        annotations["clsecrets.dev/revision"].is_string()
    };
    assert!(template("tiingo") && !template("cryptocompare") && !template("chainlink"));
    set("tiingo_api_key", "tg_changed_again_012345");
    scene.run("sync --env dev -y").succeeds();
    sample.terraform_is_content();
    sample.helm(&[
        "upgrade",
        "adapters",
        "charts/adapters",
        "--set",
        "secret.enabled=false",
    ]);
    scene.run("sync --env dev --check").succeeds();
    let values = [
        "tg_changed_again_012345",
        "a-long-wallet-passphrase-2",
        DATABASE_PASSWORD,
    ];
    assert_eq!(scene.leaks(&values, &[]), [""; 0]);
}

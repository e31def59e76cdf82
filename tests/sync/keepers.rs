//! Secrets that belong to a deployment tool as a whole: real Helm and the real Terraform provider own
//! them, are named before anything is taken over, and do next what we say that they do.

use serde_json::json;

use super::kubernetes::{Place, owner};
use crate::support::{not_run, peer, program};

impl Place {
    /// Runs Helm in the namespace.
    fn helm(&self, words: &[&str]) {
        let kubeconfig = self.world.scene.home("kubeconfig").display().to_string();
        let place = [
            "--kubeconfig",
            &kubeconfig,
            "--namespace",
            &self.namespace.name,
        ];
        let words = words.iter().copied().chain(place);
        let helm = peer("helm");
        self.world.scene.other(&helm, words).run().succeeds();
    }
}

#[test]
fn a_secret_of_a_helm_release_is_named_as_such_and_helm_does_what_we_say() {
    let place = Place::new();
    let scene = &place.world.scene;
    scene.write(
        "chart/Chart.yaml",
        "apiVersion: v2\nname: adapters\nversion: 0.1.0\n",
    );
    let template = "apiVersion: v1\nkind: Secret\nmetadata: { name: tiingo }\ndata: { api-key: {{ .Values.key | b64enc }} }\n";
    scene.write("chart/templates/secret.yaml", template);
    let chart = scene.path("chart").display().to_string();
    place.helm(&["install", "oracles", &chart, "--set", "key=from-the-chart"]);
    let before = place.versions();

    let run = place.world.sync("-y").fails(4);
    run.stderr_has("written last by Helm (helm); it belongs to the Helm release oracles")
        .stderr_has("the next helm upgrade writes the values of its chart again")
        .stderr_has("--adopt tiingo");
    assert_eq!(place.versions(), before);

    let run = place.world.sync("-y --adopt tiingo").succeeds();
    run.stdout_has("tiingo belongs to the Helm release oracles");
    assert_eq!(place.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
    assert_eq!(place.managers("tiingo", "api-key"), [owner().manager()]);

    // It does.
    place.helm(&["upgrade", "oracles", &chart, "--set", "key=from-the-chart"]);
    assert_eq!(place.value("tiingo", "api-key"), "from-the-chart");
    place.world.sync("--check").fails(6);
    place.helm(&["uninstall", "oracles"]);
    assert!(place.namespace.secret("tiingo").is_none());
}

#[test]
fn a_secret_of_terraform_is_named_as_such_and_terraform_does_what_we_say() {
    let Some(terraform) = program("terraform") else {
        return not_run("Terraform's provider", "terraform is not installed");
    };
    let provider = peer("terraform-provider-kubernetes");
    let place = Place::new();
    let scene = &place.world.scene;
    let folder = provider.parent().unwrap().display();
    let overrides = format!(
        "provider_installation {{\n  dev_overrides {{ \"hashicorp/kubernetes\" = \"{folder}\" }}\n  direct {{}}\n}}\n"
    );
    scene.write("terraform.rc", overrides);
    let kubeconfig = scene.home("kubeconfig").display().to_string();
    let main = format!(
        "provider \"kubernetes\" {{\n  config_path = \"{kubeconfig}\"\n  load_config_file = true\n}}\n\
         resource \"kubernetes_secret\" \"tiingo\" {{\n  metadata {{\n    name = \"tiingo\"\n    \
         namespace = \"{}\"\n  }}\n  data = {{ \"api-key\" = \"from-terraform\" }}\n}}\n",
        place.namespace.name
    );
    scene.write("tf/main.tf", main);
    let at = format!("-chdir={}", scene.path("tf").display());
    let run = |words: &[&str]| {
        let words = [at.as_str()].into_iter().chain(words.iter().copied());
        let act = scene.other(&terraform, words);
        let act = act.env(
            "TF_CLI_CONFIG_FILE",
            scene.path("terraform.rc").display().to_string(),
        );
        act.env("CHECKPOINT_DISABLE", "1").run()
    };
    run(&["apply", "-auto-approve", "-no-color"]).succeeds();
    assert_eq!(place.value("tiingo", "api-key"), "from-terraform");

    let refused = place.world.sync("-y").fails(4);
    refused
        .stderr_has("Terraform (HashiCorp); it belongs to Terraform")
        .stderr_has("terraform state rm");
    place.world.sync("-y --adopt tiingo").succeeds();
    assert_eq!(place.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");

    // It does.
    run(&["apply", "-auto-approve", "-no-color"]).succeeds();
    assert_eq!(place.value("tiingo", "api-key"), "from-terraform");
    place.world.sync("-y --adopt tiingo").succeeds();
    run(&["state", "rm", "kubernetes_secret.tiingo"]).succeeds();
    run(&["destroy", "-auto-approve", "-no-color"]).succeeds();
    assert_eq!(place.value("tiingo", "api-key"), "tg_01&23<45\"6\\789é");
}

#[test]
fn secrets_that_operators_make_are_named_as_theirs() {
    for (kind, group, said) in [
        ("ExternalSecret", "external-secrets.io/v1", "next refresh"),
        (
            "SealedSecret",
            "bitnami.com/v1alpha1",
            "unseals its own values again",
        ),
    ] {
        let place = Place::new();
        let path = format!("/api/v1/namespaces/{}/secrets", place.namespace.name);
        let owner = json!({
            "apiVersion": group, "kind": kind, "name": "adapters", "controller": true,
            "uid": "11111111-2222-3333-4444-555555555555",
        });
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": {"api-key": "theirs"},
            "metadata": {"name": "tiingo", "ownerReferences": [owner]},
        });
        place.namespace.admin().must("POST", &path, Some(&body));
        let run = place.world.sync("-y").fails(4);
        run.stderr_has(&format!("it belongs to the {kind} adapters"))
            .stderr_has(said);
        let report = place
            .world
            .sync("-y --adopt tiingo --json")
            .succeeds()
            .json();
        super::schema::is_valid(&place.world.scene, &report);
    }
}

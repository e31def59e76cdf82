//! A plan and a confirmation are held to everything that decides the bytes.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::World;
#[cfg(feature = "kubernetes")]
use super::kubernetes::Place;
use super::secrets_manager::{REGION, Store};
use crate::servers::{moto, unique};
use crate::support::Scene;

const OUT: &str = "{ kind: directory, path: out }";

impl World {
    /// Changes `clsecrets.yaml`.
    pub(super) fn rewrite(&self, from: &str, to: &str) {
        let text = self.scene.read("clsecrets.yaml");
        assert!(text.contains(from), "{from}");
        self.scene.write("clsecrets.yaml", text.replace(from, to));
    }
}

#[test]
fn a_changed_setting_makes_a_plan_stale_and_is_named() {
    let world = World::new(Scene::with_age(), &[OUT]);
    world.sync("--out plan").fails(2);
    world.rewrite("db.example.net", "db.evil.example.net");
    let run = world.scene.run("sync --plan plan").fails(7);
    run.stderr_has("dev: database.host in clsecrets.yaml is not as it was");
    assert!(!world.scene.has("out"));
    // A comment decides nothing.
    world.rewrite("db.evil.example.net", "db.example.net");
    world.rewrite("version: 1\n", "version: 1   # of the format\n");
    world.scene.run("sync --plan plan").succeeds();
}

/// Delivers a file beside `clsecrets.yaml`.
fn with_a_file() -> World {
    let world = World::new(Scene::with_age(), &[OUT]);
    let text = world.scene.read("clsecrets.yaml");
    let text = text.replace("profile: trackit", "profile: custom");
    let objects = "    objects:\n      - { name: tls, keys: { key.pem: { file: key.pem }, api: tiingo_api_key } }\n";
    world.scene.write("clsecrets.yaml", text + objects);
    world.scene.write("key.pem", "first");
    world
}

#[test]
fn a_changed_file_makes_a_plan_stale_and_the_plan_has_no_digest_that_can_be_guessed() {
    let world = with_a_file();
    world.sync("--out plan").fails(2);
    let plan = world.scene.read("plan");
    let digest = Sha256::digest(b"first");
    let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = digest.concat();
    assert!(!plan.contains("first") && !plan.contains(&digest[..12]));
    world.scene.write("key.pem", "other");
    let run = world.scene.run("sync --plan plan").fails(7);
    run.stderr_has("dev: the file key.pem is not as it was");
    assert!(!world.scene.has("out"));
    world.scene.write("key.pem", "first");
    world.scene.run("sync --plan plan").succeeds();
}

#[test]
fn a_plan_is_carried_out_on_another_machine() {
    let world = with_a_file();
    world.sync("--out plan").fails(2);
    let other = Scene::with_age();
    for file in ["plan", "clsecrets.yaml", "sealed.yaml", "key.pem"] {
        other.write(file, world.scene.bytes(file));
    }
    other.run("sync --plan plan").succeeds();
    assert_eq!(other.read("out/tls/key.pem"), "first");
    // It is out of date there now, and here it is not.
    other.run("sync --plan plan").fails(7);
    world.scene.run("sync --plan plan").succeeds();
}

#[test]
fn a_plan_whose_folder_lies_elsewhere_there_is_refused_in_words() {
    let world = World::new(
        Scene::with_age(),
        &["{ kind: directory, path: ../elsewhere/out }"],
    );
    world.sync("--out plan --outside").fails(2);
    let other = Scene::with_age();
    for file in ["plan", "clsecrets.yaml", "sealed.yaml"] {
        other.write(file, world.scene.bytes(file));
    }
    let refused = other.run("sync --plan plan").fails(7);
    refused
        .stderr_has("the target directory ")
        .stderr_has("plan anew: clsecrets sync --env NAME --out FILE");
}

#[cfg(feature = "kubernetes")]
#[test]
fn a_plan_for_a_cluster_is_carried_out_by_another_user_in_another_checkout() {
    let place = Place::new();
    place
        .world
        .rewrite("trackit\n", "trackit\n    protected: true\n");
    place.world.sync("--out plan").fails(2);
    let digits = place.world.sync("--dry-run").fails(2).err();
    let digits = digits.split("--confirm ").nth(1).unwrap();
    let confirm = digits.lines().next().unwrap().to_owned();
    // Another home, another path of the checkout, another name of the user, the same commit.
    let other = Scene::with_age();
    let kubeconfig = other.home("kubeconfig").display().to_string();
    let other = other.env("KUBECONFIG", kubeconfig).env("USER", "deployer");
    let user = place
        .namespace
        .user(&[("", "secrets", &["get", "list", "create", "patch"])]);
    std::fs::write(other.home("kubeconfig"), user.kubeconfig()).unwrap();
    for file in ["plan", "clsecrets.yaml", "sealed.yaml"] {
        other.write(file, place.world.scene.bytes(file));
    }
    let wrong = format!("sync --plan plan --confirm dev@{}", "0".repeat(64));
    other
        .run(&wrong)
        .fails(7)
        .stderr_has("is not what would be written now");
    assert!(place.versions().is_empty());
    let line = format!("sync --plan plan --confirm {confirm}");
    other.run(&line).succeeds();
    assert_eq!(place.versions().len(), 4);
    place
        .world
        .sync("-y")
        .succeeds()
        .stdout_has("nothing to do");
}

#[cfg(feature = "kubernetes")]
#[test]
fn a_plan_that_is_carried_to_another_cluster_is_refused_with_both_places() {
    let place = Place::new();
    place.world.sync("--out plan").fails(2);
    let proxy = crate::servers::Proxy::to_cluster(place.namespace.admin().upstream());
    place.log_in(&place.namespace.admin().at(&proxy.url()).kubeconfig());
    let run = place.world.scene.run("sync --plan plan").fails(7);
    run.stderr_has(" then, ").stderr_has(&proxy.url());
    assert!(place.versions().is_empty());
}

#[test]
fn another_version_of_a_kept_password_makes_a_plan_stale() {
    let store = Store::new();
    let name = unique("kept-");
    let create = json!({"Name": name, "SecretString": "kept-by-others-1"});
    Store::call("CreateSecret", &create);
    let mut world = store.world;
    world.set("database_password", None);
    let from = format!("sslmode: require, password_from: {{ secretsmanager: {name} }} }}");
    world.rewrite("sslmode: require }", &from);
    world.sync("--out plan").fails(2);
    let put = json!({"SecretId": name, "SecretString": "kept-by-others-2"});
    Store::call("PutSecretValue", &put);
    let run = world.scene.run("sync --plan plan").fails(7);
    run.stderr_has(&format!(
        "the version of the secret {name} is not as it was"
    ));
    let delivered = moto().ask(
        REGION,
        "secretsmanager.GetSecretValue",
        &json!({"SecretId": "absent"}),
    );
    assert_ne!(delivered.0, 200);
    world.sync("--out plan").fails(2);
    world.scene.run("sync --plan plan").succeeds();
}

#[test]
fn a_plan_of_another_version_of_the_tool_is_stale() {
    let world = World::new(Scene::with_age(), &[OUT]);
    world.sync("--out plan").fails(2);
    let plan = world.scene.read("plan");
    let own = format!("\"tool\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(plan.contains(&own));
    world
        .scene
        .write("plan", plan.replace(&own, "\"tool\": \"0.0.1\""));
    let run = world.scene.run("sync --plan plan").fails(7);
    run.stderr_has("the version of clsecrets (0.0.1 then,");
}

#[test]
fn a_confirmation_is_for_the_settings_as_well() {
    let world = World::new(Scene::with_age(), &[OUT]);
    world.rewrite("trackit\n", "trackit\n    protected: true\n");
    let run = world.sync("--dry-run").fails(2);
    let said = run.err();
    let confirm = said
        .split("--confirm ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    world.rewrite("db.example.net", "db.evil.example.net");
    world.sync(&format!("--confirm {confirm}")).fails(7);
    assert!(!world.scene.has("out"));
    world.rewrite("db.evil.example.net", "db.example.net");
    world.sync(&format!("--confirm {confirm}")).succeeds();
}

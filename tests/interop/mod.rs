//! Both directions, live: the reference opens what we seal and we open what it seals, with age, with
//! KMS and with both; and the package that the Terraform provider uses reads our files.

mod comments;
mod conversions;
mod differential;
mod documents;
mod edits;
mod flat;
mod groups;
mod invocations;
mod json;
mod large;
mod renewal;
mod same;
mod walk;
mod yaml;

use std::os::unix::fs::symlink;

use serde_json::json;

use crate::servers::moto;
use crate::support::{RECIPIENT, Scene, not_run, peer, program};

pub(crate) use same::hold_the_same;

/// The four keys of a TrackIt environment and a database password, with what YAML makes hard.
const CLEAR: &str = "\
# the node's own
user_password: \"p4ss#with/odd%chars@16\"
wallet_password: 'correct horse battery staple'
cryptocompare_api_key: 0123456789abcdef # from the provider
tiingo_api_key: |
  line one
  line two
database_password: \"123456\"
port: 5432
enabled: true
";

#[test]
fn the_reference_opens_what_we_seal_and_we_open_what_it_seals() {
    for (name, scene, recipients) in kinds_of_recipients() {
        scene.write("clear.yaml", CLEAR);
        let sealed = scene
            .run(&format!("encrypt {recipients} clear.yaml"))
            .succeeds();
        scene.write("ours.yaml", &sealed.stdout);
        let sealed = scene
            .sops(&format!("encrypt {recipients} clear.yaml"))
            .succeeds();
        scene.write("theirs.yaml", &sealed.stdout);

        scene.run("decrypt ours.yaml").succeeds().stdout(CLEAR);
        let ours = scene.sops("decrypt ours.yaml").succeeds().out();
        let theirs = scene.run("decrypt theirs.yaml").succeeds().out();
        let pairs = [(ours.as_str(), CLEAR), (theirs.as_str(), CLEAR)];
        assert_eq!(
            hold_the_same(&pairs),
            [true, true],
            "{name}:\n{ours}\n{theirs}"
        );
    }
}

#[test]
fn a_value_set_by_one_is_read_by_the_other() {
    for (_, scene, recipients) in kinds_of_recipients() {
        scene.write("a.yaml", CLEAR);
        scene
            .run(&format!("encrypt --in-place {recipients} a.yaml"))
            .succeeds();

        scene
            .run(r#"set a.yaml '["tiingo_api_key"]' '"set by us"'"#)
            .succeeds();
        let read = r#"decrypt --extract '["tiingo_api_key"]' a.yaml"#;
        scene.sops(read).succeeds().stdout("set by us");

        scene
            .sops(r#"set a.yaml '["tiingo_api_key"]' '"set by the reference"'"#)
            .succeeds();
        scene.run(read).succeeds().stdout("set by the reference");
        scene
            .run(r#"decrypt --extract '["wallet_password"]' a.yaml"#)
            .succeeds()
            .stdout("correct horse battery staple");
    }
}

#[test]
fn the_package_of_the_terraform_provider_reads_our_file() {
    for (_, scene, recipients) in kinds_of_recipients() {
        scene.write("a.yaml", CLEAR);
        scene
            .run(&format!("encrypt --in-place {recipients} a.yaml"))
            .succeeds();

        let read = scene
            .other(peer("reader"), ["yaml", "a.yaml"])
            .run()
            .succeeds();
        let expected = json!({
            "user_password": "p4ss#with/odd%chars@16",
            "wallet_password": "correct horse battery staple",
            "cryptocompare_api_key": "0123456789abcdef",
            "tiingo_api_key": "line one\nline two\n",
            "database_password": "123456",
            "port": 5432,
            "enabled": true,
        });
        assert_eq!(read.json(), expected);
    }
}

#[test]
fn terraform_itself_reads_our_file() {
    let what = "terraform apply with the SOPS provider";
    let Some(terraform) = program("terraform") else {
        return not_run(what, "there is no terraform on PATH");
    };
    let Some(provider) = std::env::var_os("CLSECRETS_TEST_SOPS_PROVIDER") else {
        return not_run(
            what,
            "CLSECRETS_TEST_SOPS_PROVIDER does not name the provider's program",
        );
    };
    let scene = Scene::with_age()
        .file("sealed.yaml", CLEAR)
        .file("main.tf", TERRAFORM);
    let folder = scene.path("provider");
    std::fs::create_dir(&folder).unwrap();
    symlink(provider, folder.join("terraform-provider-sops")).unwrap();
    let config = format!(
        "provider_installation {{\n dev_overrides {{ \"carlpett/sops\" = \"{}\" }}\n direct {{}}\n}}\n",
        folder.display()
    );
    scene.write("terraformrc", config);
    let scene = scene
        .env("TF_CLI_CONFIG_FILE", "terraformrc")
        .env("CHECKPOINT_DISABLE", "1");
    scene
        .run(&format!("encrypt --in-place --age {RECIPIENT} sealed.yaml"))
        .succeeds();

    scene
        .other(&terraform, ["apply", "-auto-approve", "-no-color"])
        .run()
        .succeeds();
    scene
        .other(&terraform, ["output", "-raw", "wallet_password"])
        .run()
        .succeeds()
        .stdout("correct horse battery staple");
}

const TERRAFORM: &str = r#"
terraform {
  required_providers { sops = { source = "carlpett/sops" } }
}
data "sops_file" "secrets" { source_file = "sealed.yaml" }
output "wallet_password" {
  value     = data.sops_file.secrets.data["wallet_password"]
  sensitive = true
}
"#;

/// A world for each kind of recipient, and the flags that name it.
fn kinds_of_recipients() -> Vec<(&'static str, Scene, String)> {
    let moto = moto();
    let keys = format!("{},{}", moto.key("us-east-1"), moto.key("eu-west-1"));
    let with_kms = || Scene::new().envs(moto.env());
    vec![
        ("age", Scene::with_age(), format!("--age {RECIPIENT}")),
        ("kms", with_kms(), format!("--kms {keys}")),
        (
            "kms and age, opened by age",
            Scene::with_age().envs(moto.env()),
            format!("--age {RECIPIENT} --kms {keys}"),
        ),
    ]
}

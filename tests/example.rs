//! The worked example in `secrets/`: it opens, it is what the tool itself would write, and our own
//! hook has nothing against this repository.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::support::{Scene, fixture, project};

const KEY: &str = "secrets/THROWAWAY-KEY.txt";

/// A copy of the example, with its key.
pub(crate) fn example() -> Scene {
    let scene = Scene::new().env("SOPS_AGE_KEY_FILE", KEY).in_git();
    for file in [
        ".sops.yaml",
        ".gitignore",
        ".clsecrets/allow.toml",
        "clsecrets.yaml",
        KEY,
        "secrets/dev/encrypted-secrets.yaml",
        "secrets/prod/encrypted-secrets.yaml",
    ] {
        scene.write(file, fs::read(project(file)).unwrap());
    }
    scene
}

fn clear(environment: &str) -> String {
    format!(
        "user_password: throwaway-{environment}-user-1\n\
         wallet_password: throwaway-{environment}-wallet-2\n\
         cryptocompare_api_key: throwaway-{environment}-cryptocompare-3\n\
         tiingo_api_key: throwaway-{environment}-tiingo-4\n\
         database_password: throwaway-{environment}/database@5\n"
    )
}

#[test]
fn the_example_opens_with_its_key_for_us_and_for_the_reference() {
    let scene = example();
    for environment in ["dev", "prod"] {
        let line = format!("decrypt secrets/{environment}/encrypted-secrets.yaml");
        scene.run(&line).succeeds().stdout(clear(environment));
        scene.sops(&line).succeeds().stdout(clear(environment));
    }
}

#[test]
fn the_example_is_as_the_tool_would_write_it() {
    let scene = example();
    for environment in ["dev", "prod"] {
        let sealed = format!("secrets/{environment}/encrypted-secrets.yaml");
        let before = scene.read(&sealed);
        scene
            .run(&format!("decrypt --env {environment}"))
            .succeeds();
        scene
            .run(&format!("encrypt --env {environment}"))
            .succeeds()
            .stderr_has("nothing changed, nothing was written");
        assert_eq!(scene.read(&sealed), before);
    }
}

#[test]
fn the_example_becomes_objects_for_each_kind_of_target() {
    let scene = example();
    let dev = scene.run("render --env dev").succeeds().stderr("").out();
    assert!(
        dev.starts_with("directory out/dev\n  api-secrets (data)\n"),
        "{dev}"
    );
    let prod = scene.run("render --env prod").succeeds().stderr("").out();
    for part in [
        "kubernetes chainlink-prod/chainlink\n",
        "secretsmanager us-east-2\n",
        "  chainlink-prod-psql-url (text)\n",
    ] {
        assert!(prod.contains(part), "{prod}");
    }
    scene.run("sync --env dev -y").succeeds();
    assert_eq!(
        scene.read("out/dev/chainlink/db-url"),
        "postgres://chainlink:throwaway-dev%2Fdatabase%405@db.dev.example.net/chainlink?sslmode=require"
    );
    scene
        .run("sync --env prod -y")
        .fails(1)
        .stderr_has("nothing was written");
}

#[test]
fn the_hook_takes_the_example_and_refuses_it_in_clear() {
    let scene = example();
    scene.git("add .").succeeds();
    scene.run("hook").succeeds().stdout("");
    scene.write("secrets/dev/encrypted-secrets.yaml", clear("dev"));
    scene.git("add .").succeeds();
    scene
        .run("hook")
        .fails(1)
        .stdout_has("secrets/dev/encrypted-secrets.yaml:1:1: H002 ");
}

#[test]
fn the_key_says_that_it_is_a_throwaway() {
    let text = fs::read_to_string(project(KEY)).unwrap();
    assert!(text.starts_with("# A THROWAWAY KEY, published on purpose"));
}

#[test]
fn our_own_hook_has_nothing_against_this_repository() {
    let scene = Scene::new();
    let top = project("");
    let mut words = vec!["hook".into()];
    words.extend(files_of(&top));
    assert!(words.len() > 100, "{words:?}");
    let run = scene.cmd(words).cwd(top.to_str().unwrap()).run();
    run.succeeds().stdout("").stderr_has("nothing to refuse");
}

/// What is tracked or could be, but the recorded files that are broken on purpose.
fn files_of(top: &Path) -> Vec<PathBuf> {
    let broken = fixture("vectors/enc");
    let walk = WalkBuilder::new(top)
        .hidden(false)
        .require_git(false)
        .filter_entry(move |entry| {
            entry.path() != broken && entry.file_name() != ".git" && entry.file_name() != "target"
        })
        .build();
    let entries = walk.map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    files
        .map(|entry| entry.path().strip_prefix(top).unwrap().to_owned())
        .collect()
}

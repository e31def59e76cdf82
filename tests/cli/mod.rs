//! One file per command: whole standard output, standard error, status and files, with the binary in
//! a world of its own.
//!
//! Messages that a person reads are compared with `tests/transcripts/`, so that a change of one is
//! read in review.

mod bad_input;
mod binary;
mod check;
mod conversion;
mod data_key_ways;
mod data_keys;
mod decrypt;
mod delivered_keys;
mod edit;
mod encrypt;
mod environments;
mod exec;
mod flat;
mod former_panics;
mod git;
mod git_trust;
mod groups;
mod hook;
mod hook_claims;
mod hook_commits;
mod hook_hiding;
mod hook_messages;
mod hook_states;
mod hook_waivers;
mod hook_ways;
mod init;
mod keys;
mod names;
mod pgp;
mod private_places;
mod process;
mod reference;
mod rotate;
mod rule_guard;
mod set;
mod set_shapes;
mod stable;
mod sync;
mod trust;
mod unset;
mod updatekeys;
mod usage;

use crate::support::{RECIPIENT, Scene};

/// What most tests seal: a map, a list and every type.
const CLEAR: &str = "\
# the node's own
user: alice
nested:
    password: \"p4ss#with/odd%chars@16\"
    port: 5432
list:
    - one
    - 2
    - true
empty: \"\"
nothing: null
";

/// Rules that cover every file below them.
const RULES: &str =
    "creation_rules:\n  - age: age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m\n";

/// A world with this text sealed as `a.yaml`.
fn sealed(text: &str) -> Scene {
    let scene = Scene::with_age().file("a.yaml", text);
    seal(&scene, "a.yaml");
    scene
}

/// Seals a file in place for the world's own identity.
fn seal(scene: &Scene, file: &str) {
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} {file}"))
        .succeeds();
}

/// The line of a file that begins with this key, without the key.
fn line<'a>(text: &'a str, key: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("no {key} in\n{text}"))
}

/// Lines of the new text that the old one does not have, and the other way round.
fn differing_lines<'a>(old: &'a str, new: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let only_in = |one: &'a str, other: &str| -> Vec<&'a str> {
        let other: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).collect()
    };
    (only_in(old, new), only_in(new, old))
}

/// The credentials of an environment.
const SECRETS: &str = "\
user_password: correct-horse-battery-1
wallet_password: a-long-wallet-passphrase-2
cryptocompare_api_key: cc_0123456789abcdef
tiingo_api_key: \"tg_01&23<45'6\"
database_password: p4ss#with/odd%chars@16
";

/// An environment called `dev` with a directory as its target.
const ENVIRONMENTS: &str = "\
version: 1
name: chainlink
environments:
  dev:
    profile: trackit
    sealed: secrets/dev/encrypted-secrets.yaml
    clear: secrets/dev/clear-secrets.yaml
    node: { version: \"1.8\", user_email: ops@example.com }
    database: { user: chainlink, host: db.example.net, name: chainlink, sslmode: require }
    targets:
      - { kind: directory, path: out/dev }
";

/// The sealed file of the environment.
const SEALED: &str = "secrets/dev/encrypted-secrets.yaml";

/// The clear file of the environment.
const CLEAR_FILE: &str = "secrets/dev/clear-secrets.yaml";

/// A world with an environment whose clear file is filled in, and nothing sealed yet.
fn environment() -> Scene {
    Scene::with_age()
        .file(".sops.yaml", RULES)
        .file("clsecrets.yaml", ENVIRONMENTS)
        .file(CLEAR_FILE, SECRETS)
}

/// The same, sealed.
fn sealed_environment() -> Scene {
    let scene = environment();
    scene.run("encrypt --env dev").succeeds();
    scene
}

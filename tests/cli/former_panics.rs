//! Command lines at which the reference stops with a stack trace, or loses data without a word: a
//! message, the right status, and the file as it was.

use super::sealed;
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene};

const CLEAR: &str = "user: alice\nlist:\n    - one\n    - two\nmap:\n    a: 1\n";

#[test]
fn no_path_makes_a_stack_trace() {
    let scene = sealed(CLEAR);
    let before = scene.bytes("a.yaml");
    // As the reference and as ourselves; the statuses are those of the reference for bad paths.
    for name in ["clsecrets", "sops"] {
        for (words, status) in [
            (vec!["decrypt", "--extract", "[]", "a.yaml"], 91),
            (vec!["decrypt", "--extract", "[\"]", "a.yaml"], 91),
            (vec!["decrypt", "--extract", "[-1]", "a.yaml"], 91),
            (vec!["decrypt", "--extract", "[\"list\"][-1]", "a.yaml"], 91),
            (vec!["decrypt", "--extract", "[\"list\"][9]", "a.yaml"], 1),
            (
                vec!["decrypt", "--extract", "[\"user\"][\"x\"]", "a.yaml"],
                1,
            ),
            (vec!["decrypt", "--extract", "[\"map\"][0]", "a.yaml"], 1),
            (vec!["set", "a.yaml", "", "1"], 7),
            (vec!["set", "a.yaml", "[]", "1"], 7),
            (vec!["set", "a.yaml", "[\"list\"][-1]", "1"], 7),
            (vec!["set", "a.yaml", "[\"list\"][\"x\"]", "1"], 7),
            (vec!["set", "a.yaml", "[\"map\"][0]", "1"], 7),
            (vec!["unset", "a.yaml", ""], 7),
            (vec!["unset", "a.yaml", "[]"], 7),
            (vec!["unset", "a.yaml", "[\"list\"][-1]"], 7),
            (vec!["unset", "a.yaml", "[\"user\"][\"x\"]"], 1),
        ] {
            let run = scene.cmd(&words).called(name).run();
            run.fails(status)
                .stdout("")
                .stderr_has("error: ")
                .stderr_lacks("panicked");
        }
    }
    assert_eq!(scene.bytes("a.yaml"), before);
}

#[test]
fn a_key_that_is_listed_twice_is_taken_away_twice() {
    let scene = sealed(CLEAR);
    let add = format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml");
    scene.run(&add).succeeds();
    scene.run(&add).succeeds();
    assert_eq!(scene.read("a.yaml").matches("recipient:").count(), 2);
    // As the reference writes it.
    let text = scene.read("a.yaml");
    let at = text.find("        - enc: |").unwrap();
    let entry_end = text.find("    lastmodified").unwrap();
    let entries = &text[at..entry_end];
    let twice = format!("{}{entries}{}", &text[..entry_end], &text[entry_end..]);
    scene.write("a.yaml", twice);
    scene
        .run(&format!("rotate -i --rm-age {OTHER_RECIPIENT} a.yaml"))
        .succeeds();
    let text = scene.read("a.yaml");
    assert!(!text.contains(OTHER_RECIPIENT), "{text}");
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_group_that_cannot_be_sealed_for_costs_no_file() {
    let moto = crate::servers::moto();
    let (usable, denied) = (moto.key("us-east-1"), moto.key("eu-west-1"));
    let proxy = crate::servers::Proxy::to(moto.port());
    let scene = Scene::with_age()
        .envs(moto.env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .file("a.yaml", CLEAR);
    let rules = format!(
        "creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n      - age: [{RECIPIENT}]\n      - kms: [{{arn: '{usable}'}}]\n      - age: [{OTHER_RECIPIENT}]\n"
    );
    scene.write(".sops.yaml", rules);
    scene.run("encrypt -i a.yaml").succeeds();
    let before = scene.bytes("a.yaml");
    proxy.on(
        "TrentService.Encrypt",
        crate::servers::Fault::error("AccessDeniedException"),
    );
    for line in [
        format!("groups add -i --file a.yaml --kms {denied}"),
        "groups delete -i --file a.yaml 2".to_owned(),
        "rotate -i a.yaml".to_owned(),
    ] {
        scene
            .run(&line)
            .fails(1)
            .stdout("")
            .stderr_has("AccessDeniedException");
        assert_eq!(scene.bytes("a.yaml"), before, "{line}");
    }
    proxy.heal();
    scene.run("groups delete -i --file a.yaml 2").succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_misspelt_rule_or_word_leaves_nothing_in_clear() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    for rule in [
        "--encrypted-regex (",
        "--encrypted-regex ^pasword$",
        "--encrypted-suffix _s",
    ] {
        for name in ["clsecrets", "sops"] {
            let line = format!("encrypt -i --age {RECIPIENT} {rule} a.yaml");
            let words: Vec<&str> = line.split(' ').collect();
            let run = scene.cmd(&words).called(name).run();
            assert_ne!(run.status, 0, "{run}");
            assert_eq!(scene.read("a.yaml"), CLEAR);
        }
    }
    // A word that is no command is a file to edit for the reference; here only as `sops`.
    let run = scene.cmd(["frobnicate"]).env("EDITOR", "touch ran").run();
    run.fails(1).stderr_has("unrecognized subcommand");
    let run = scene
        .cmd(["frobnicate"])
        .called("sops")
        .env("EDITOR", "touch ran")
        .run();
    run.fails(1)
        .stderr_has("cannot seal frobnicate: no recipients");
    assert!(!scene.has("ran") && !scene.has("frobnicate"));
}

#[test]
fn integers_stay_integers_and_equal_ones_write_nothing() {
    let scene = sealed("port: 5432\n");
    let before = scene.bytes("a.yaml");
    scene
        .run("set --idempotent a.yaml '[\"port\"]' 5432")
        .succeeds();
    assert_eq!(scene.bytes("a.yaml"), before);
    scene
        .run("set a.yaml '[\"port\"]' 9007199254740993")
        .succeeds();
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("port: 9007199254740993\n");
}

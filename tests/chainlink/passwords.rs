//! `gen`: sets passwords that nobody sees, and never another wallet password.

use super::{CLEAR, SEALED, prod, said};

const OUT: &str = "{ kind: directory, path: out }";
const CLEAR_TEXT: &str = "user_password: ''\ntiingo_api_key: 'tg_0123456789abcdef'\n";

#[test]
fn a_password_is_set_without_being_shown_and_passes_the_rules() {
    let scene = prod("trackit", "", &[OUT], CLEAR_TEXT);
    for key in ["wallet_password", "user_password", "database_password"] {
        let run = scene.run(&format!("gen {key} --env prod")).succeeds();
        assert_eq!(run.out(), "");
        assert!(
            said(&run).contains(&format!("{key} is set to a new password")),
            "{run}"
        );
    }
    scene
        .run("validate --env prod --skip V090 --strict")
        .succeeds();
    scene.run("sync --env prod -y").succeeds();
    let wallet = scene.read("out/api-secrets/.password");
    assert_eq!(wallet.len(), 32);
    let opened = scene.sops(&format!("decrypt {SEALED}")).succeeds();
    assert!(opened.out().contains(&wallet));
    // Only what was delivered holds it.
    let leaks = scene.leaks(&[&wallet], &["out/api-secrets/.password"]);
    assert!(
        leaks
            .iter()
            .all(|leak| leak.starts_with("output of sops decrypt")),
        "{leaks:?}"
    );
}

#[test]
fn a_wallet_password_is_never_replaced_and_others_only_as_told() {
    let scene = prod("trackit", "", &[OUT], CLEAR_TEXT);
    scene.run("gen wallet_password --env prod").succeeds();
    let before = scene.read(SEALED);
    for line in [
        "gen wallet_password --env prod",
        "gen wallet_password --env prod --replace",
        "gen nodes.node-a.wallet_password --env prod --replace",
    ] {
        let run = scene.run(line).fails(1);
        assert!(
            said(&run).contains("key ring would no longer open"),
            "{run}"
        );
    }
    scene.run("gen tiingo_api_key --env prod").fails(1);
    assert_eq!(scene.read(SEALED), before);
    scene.run("gen database_password --env prod").succeeds();
    scene.run("gen database_password --env prod").fails(1);
    scene
        .run("gen database_password --env prod --replace")
        .succeeds();
    let run = scene
        .run("gen user_password --env prod --replace")
        .succeeds();
    assert!(said(&run).contains("clsecrets sync --env prod"), "{run}");
    let run = scene
        .run("gen user_password --env prod --replace")
        .succeeds();
    assert!(said(&run).contains("chainlink admin chpass"), "{run}");
}

#[test]
fn one_can_be_printed_for_another_system() {
    let scene = prod("trackit", "", &[OUT], CLEAR_TEXT);
    let run = scene.cmd(["gen", "--print"]).reveals().run().succeeds();
    assert_eq!(run.out().trim_end().len(), 32);
    scene.run("gen wallet_password").fails(1);
    scene.run("gen").fails(1);
    assert!(scene.has(CLEAR));
}

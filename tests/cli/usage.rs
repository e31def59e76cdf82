//! Command lines that make no sense: message, status, and no word that could be a value.

use crate::support::Scene;

#[test]
fn usage_goes_to_standard_error_with_the_status_of_the_command() {
    let scene = Scene::new();
    for (line, status) in [
        ("", 1),
        ("bogus", 1),
        ("--bogus", 1),
        ("encrypt --bogus a.yaml", 1),
        ("sync", 1),
        ("set", 1),
        ("hook --bogus", 3),
    ] {
        scene
            .run(line)
            .fails(status)
            .stdout("")
            .stderr_has("Usage: ");
    }
    scene
        .run("hook --format bogus")
        .fails(3)
        .stdout("")
        .stderr_has("[possible values: text, json, sarif, github]");
    scene.run("hook --help").succeeds().stderr("");
}

#[test]
fn a_value_that_lost_its_quotes_is_not_repeated() {
    let scene = Scene::new();
    let run = scene.run("set f.yaml '[\"a\"]' correct horse battery");
    run.fails(1).stdout("").stderr(
        "error: set: too many words\n\
         hint: quote path and value: clsecrets set FILE '[\"key\"]' '\"value\"'\n\
         hint: clsecrets set --help\n",
    );
    assert_eq!(scene.leaks(&["correct horse", "battery"], &[]), [""; 0]);
}

#[test]
fn a_command_that_is_still_to_come_says_so() {
    let scene = Scene::new();
    scene
        .run("publish f.yaml")
        .fails(1)
        .stdout("")
        .stderr_has("error: publish is not supported yet\n")
        .stderr_has("hint: the reference tool has it");
    for name in ["publish", "keyservice"] {
        let run = scene.cmd([name, "--yes", "f.yaml"]).called("sops").run();
        run.fails(1).stdout("").stderr_has("is not supported yet");
    }
}

//! The commands as they are written down: `docs/commands.md`, pages for man, completion scripts.
//!
//! `CLSECRETS_BLESS=1 cargo test` writes the page anew; the change is then read in review.

use std::fs;

use crate::support::{Scene, project};

#[test]
fn the_page_of_commands_is_what_help_says() {
    let seen = Scene::new().run("reference").succeeds().stderr("").out();
    let path = project("docs/commands.md");
    if std::env::var_os("CLSECRETS_BLESS").is_some() {
        fs::write(&path, &seen).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(seen, expected, "differs from docs/commands.md");
}

#[test]
fn every_command_has_examples_and_a_page_for_man() {
    let scene = Scene::new();
    let help = scene.run("--help").succeeds().out();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = names
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.contains(&"encrypt"), "{names:?}");
    for name in names {
        let help = scene.run(&format!("{name} --help")).succeeds().stderr("");
        help.stdout_has("Examples:\n  clsecrets ");
        let page = scene.run(&format!("man {name}")).succeeds().stderr("");
        page.stdout_has(&format!(".TH clsecrets-{name} 1"));
    }
    let page = scene.run("man groups add").succeeds().stderr("");
    page.stdout_has(".TH clsecrets-groups-add 1");
    scene.run("man --all man1").succeeds().stdout("");
    let pages = scene.files();
    for name in ["clsecrets", "clsecrets-sync", "clsecrets-groups-add"] {
        assert!(pages.contains(&format!("man1/{name}.1")), "{pages:?}");
    }
    scene.run("man").succeeds().stdout_has(".TH clsecrets 1");
    scene
        .run("man bogus")
        .fails(1)
        .stderr("error: there is no command bogus\nhint: clsecrets --help\n");
}

#[test]
fn completion_knows_the_commands_in_each_shell() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = scene
            .run(&format!("completion {shell}"))
            .succeeds()
            .stderr("");
        script
            .stdout_has("encrypt")
            .stdout_has("replace-wallet-password");
    }
    let sops = scene.cmd(["completion", "bash"]).called("sops").run();
    sops.succeeds().stdout_has("complete -F _sops");
    let loaded = "source <(clsecrets completion bash) && COMP_WORDS=(clsecrets ini) COMP_CWORD=1 \
                  && _clsecrets clsecrets ini clsecrets && echo \"${COMPREPLY[@]}\"";
    let run = scene.other("bash", ["-c", loaded]).run();
    run.succeeds().stdout("init\n").stderr("");
}

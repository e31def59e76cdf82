//! What a file names is not run, and a program that is run does not get what opens files.
//!
//! Programs here are scripts: a plugin of age that wraps by not wrapping, and ones that take the place of
//! `gpg`, `git` and vim's settings. Each notes that it ran and what it was given.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{
    CLEAR, CLEAR_FILE, ENVIRONMENTS, SEALED, SECRETS, environment, line, sealed, sealed_environment,
};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, identities, program};

/// A public key of the plugin `age-plugin-fake`, and a private one.
const PLUGIN_RECIPIENT: &str = "age1fake1pzry9x8g5v7z9l";
const PLUGIN_IDENTITY: &str = "AGE-PLUGIN-FAKE-1PZRY9X8G20RW29";

/// Speaks the protocol of plugins.
const PLUGIN: &str = r#"
while read -r line; do
  case $line in
    '-> wrap-file-key' | '-> recipient-stanza 0 fake') read -r key ;;
    '-> done') read -r _; break ;;
  esac
done
case $1 in
  *recipient-v1) printf '%s\n%s\n' '-> recipient-stanza 0 fake' "$key"; read -r _; read -r _ ;;
  *) if [ -n "$key" ]; then printf '%s\n%s\n' '-> file-key 0' "$key"; read -r _; read -r _; fi ;;
esac
printf '%s\n\n' '-> done'
"#;

/// A script of the scene that notes its arguments and its environment before it does anything.
fn script(scene: &Scene, name: &str, body: &str) {
    let path = scene.root().join("bin").join(name);
    let text = format!("#!/bin/sh\n{{ echo \"ran $*\"; env; }} >> \"$0.log\"\n{body}\n");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a script has noted.
fn log(scene: &Scene, name: &str) -> String {
    let path = scene.root().join("bin").join(format!("{name}.log"));
    fs::read_to_string(path).unwrap_or_default()
}

fn has_no_identity(log: &str) {
    assert!(log.contains("ran "), "it was not run");
    for word in [
        "AGE-SECRET-KEY",
        "AGE-PLUGIN",
        "SOPS_AGE_KEY",
        "SOPS_AGE_SSH",
    ] {
        assert!(!log.contains(word), "{word}\n{log}");
    }
}

/// A file sealed for one recipient, whose metadata names another one besides.
fn with_entry(kind: &str, entry: &str) -> Scene {
    let scene = sealed(CLEAR);
    let text = scene.read("a.yaml");
    let list = format!("    {kind}:\n");
    let text = if text.contains(&list) {
        text.replace(&list, &format!("{list}{entry}"))
    } else {
        text.replace("sops:\n", &format!("sops:\n{list}{entry}"))
    };
    scene.write("a.yaml", text);
    scene.run("decrypt a.yaml").succeeds();
    scene
}

fn with_plugin_entry() -> Scene {
    let entry = format!("        - recipient: {PLUGIN_RECIPIENT}\n          enc: x\n");
    let scene = with_entry("age", &entry);
    script(&scene, "age-plugin-fake", PLUGIN);
    scene
}

#[test]
fn a_plugin_that_the_user_names_wraps_and_opens_and_gets_no_identity() {
    let both = format!("{PLUGIN_IDENTITY}\n{}", identities("B"));
    let scene = Scene::new().file("a.yaml", CLEAR).env("SOPS_AGE_KEY", both);
    script(&scene, "age-plugin-fake", PLUGIN);
    let recipients = format!("{PLUGIN_RECIPIENT},{RECIPIENT}");
    scene
        .run(&format!("encrypt -i --age {recipients} a.yaml"))
        .succeeds();
    assert_eq!(line(&scene.read("a.yaml"), "recipient"), PLUGIN_RECIPIENT);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    let log = log(&scene, "age-plugin-fake");
    assert!(log.contains("recipient-v1") && log.contains("identity-v1"));
    has_no_identity(&log);
    // Who has an identity of the plugin has named it.
    scene.run("rotate -i a.yaml").succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn a_plugin_that_only_the_file_names_is_not_run() {
    let scene = with_plugin_entry();
    let before = scene.bytes("a.yaml");
    for command in [
        "rotate -i a.yaml",
        &format!("groups add -i -f a.yaml --age {OTHER_RECIPIENT}"),
    ] {
        scene
            .run(command)
            .fails(1)
            .stderr_has("what a file names is not run");
        assert_eq!(log(&scene, "age-plugin-fake"), "", "{command}");
        assert_eq!(scene.bytes("a.yaml"), before);
    }
}

#[test]
fn a_creation_rule_or_an_option_names_a_plugin() {
    let scene = with_plugin_entry();
    scene
        .run(&format!("rotate -i --add-age {PLUGIN_RECIPIENT} a.yaml"))
        .succeeds();
    has_no_identity(&log(&scene, "age-plugin-fake"));

    let scene = with_plugin_entry();
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: '{RECIPIENT},{PLUGIN_RECIPIENT}'\n"),
    );
    scene.run("rotate -i a.yaml").succeeds();
    has_no_identity(&log(&scene, "age-plugin-fake"));
}

#[test]
fn a_plugin_that_fails_or_is_missing_holds_up_no_other_identity() {
    let both = format!("{PLUGIN_IDENTITY}\n{}", identities("A"));
    let scene = sealed(CLEAR).env("SOPS_AGE_KEY", both);
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
    let scene = scene.env("SOPS_AGE_KEY", PLUGIN_IDENTITY);
    let alone = |scene: &Scene| {
        let act = scene.cmd(["decrypt", "a.yaml"]);
        act.env("SOPS_AGE_KEY_FILE", "").run().fails(128).err()
    };
    assert!(alone(&scene).contains("age-plugin-fake is not installed"));
    for body in [
        "exit 1",
        "echo nonsense",
        "yes",
        "printf -- '-> file-key 0\\nAAAA\\n'",
    ] {
        script(&scene, "age-plugin-fake", body);
        assert!(alone(&scene).contains("age-plugin-fake failed"), "{body}");
    }
}

#[test]
fn what_is_no_fingerprint_is_not_handed_to_gpg() {
    for fp in [
        "evil@example.com",
        "=Evil <evil@example.com>",
        "6D7E8F9011223344",
        "0x11223344",
        "A1B2C3D4E5F60718293A4B5C6D7E8F90",
    ] {
        let entry = format!(
            "        - fp: {fp}\n          created_at: \"2026-01-01T00:00:00Z\"\n          enc: x\n"
        );
        let scene = with_entry("pgp", &entry).env("SOPS_GPG_EXEC", "recorder");
        script(&scene, "recorder", "exit 2");
        let before = scene.bytes("a.yaml");
        scene
            .run("rotate -i a.yaml")
            .fails(1)
            .stderr_has("is no valid recipient");
        assert_eq!(log(&scene, "recorder"), "", "{fp}");
        assert_eq!(scene.bytes("a.yaml"), before);
    }
}

#[test]
fn gpg_and_git_do_not_get_what_opens_files() {
    let fingerprint = "A1B2C3D4E5F60718293A4B5C6D7E8F9011223344";
    let identity = identities("A");
    let scene = Scene::new()
        .in_git()
        .file("a.yaml", CLEAR)
        .env("SOPS_AGE_KEY", &identity)
        .env("SOPS_AGE_KEY_CMD", "true AGE-SECRET-KEY")
        .env("SOPS_GPG_EXEC", "recorder");
    script(&scene, "recorder", "exit 2");
    scene
        .run(&format!("encrypt --pgp {fingerprint} a.yaml"))
        .fails(1);
    has_no_identity(&log(&scene, "recorder"));

    let real = program("git").unwrap().display().to_string();
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    scene.git("add a.yaml").succeeds();
    script(&scene, "git", &format!("exec {real} \"$@\""));
    for command in [
        "hook",
        "hook --all",
        "check",
        "scan a.yaml",
        "decrypt a.yaml",
    ] {
        scene.run(command);
    }
    has_no_identity(&log(&scene, "git"));
}

#[test]
fn vim_does_not_do_what_the_text_says() {
    assert!(program("vim").is_some(), "vim is not installed");
    // The text's own settings are wanted by the user's, and still not heeded.
    let text = format!("# vim: set tabstop=37:\n{CLEAR}");
    let scene = Scene::with_age()
        .file("a.yaml", text)
        .file("rc", "set modeline modelines=5\n");
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    symlink(program("vim").unwrap(), scene.root().join("bin/vi")).unwrap();
    for name in ["vim", "vi"] {
        let editor = format!(
            "{name} -es -u {} -c 'call writefile([&tabstop], \"{}\")' -c qa!",
            scene.path("rc").display(),
            scene.path("tabs").display()
        );
        scene.cmd(["edit", "a.yaml"]).env("EDITOR", editor).run();
        assert_eq!(scene.read("tabs"), "8\n", "{name}");
        fs::remove_file(scene.path("tabs")).unwrap();
    }
}

#[test]
fn paths_of_an_environment_stay_in_the_repository() {
    let outside = |scene: &Scene, to: &str| {
        let text = ENVIRONMENTS.replace(CLEAR_FILE, to);
        assert_ne!(text, ENVIRONMENTS);
        scene.write("clsecrets.yaml", text);
    };
    let scene = sealed_environment();
    let elsewhere = scene.home("clear.yaml");
    fs::write(&elsewhere, SECRETS.replace("cc_", "other_")).unwrap();
    let before = scene.bytes(SEALED);
    outside(&scene, "../home/clear.yaml");
    for command in [
        "encrypt --env dev",
        "decrypt --env dev --overwrite",
        "gen tiingo_api_key --env dev --replace",
    ] {
        scene
            .run(command)
            .fails(1)
            .stderr_has("outside of the repository")
            .stderr_has("--outside");
    }
    let said = |command: &str| {
        let run = scene.run(command);
        format!("{}{}", run.out(), run.err())
    };
    for command in [
        "validate --all",
        "validate --all --clear",
        "status",
        "render --env dev",
    ] {
        let words = format!("{command} --outside");
        assert!(!said(&words).contains("outside of the repository"));
        let refused = said(command);
        assert!(
            refused.contains("outside of the repository"),
            "{command}: {refused}"
        );
        assert!(refused.contains("--outside"), "{command}: {refused}");
    }
    assert_eq!(scene.bytes(SEALED), before);
    assert!(fs::read_to_string(&elsewhere).unwrap().contains("other_"));
    scene
        .run("decrypt --env dev --overwrite --outside")
        .succeeds();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), SECRETS);

    // By way of a link, and into what Git keeps.
    let scene = sealed_environment().in_git();
    symlink(scene.home(""), scene.path("link")).unwrap();
    outside(&scene, "link/clear.yaml");
    scene
        .run("decrypt --env dev")
        .fails(1)
        .stderr_has("out of the repository");
    assert!(!scene.home("clear.yaml").exists());
    let hook = fs::read(scene.path(".git/config")).unwrap();
    for to in [
        ".git/config",
        ".git/hooks/pre-commit",
        ".sops.yaml",
        "link/../.git/x",
    ] {
        outside(&scene, to);
        scene
            .run("decrypt --env dev --overwrite --outside")
            .fails(1);
    }
    assert_eq!(fs::read(scene.path(".git/config")).unwrap(), hook);
    assert!(!scene.has(".git/hooks/pre-commit") && !scene.has(".git/x"));
}

/// Its mode stays, and Git's hooks can be kept in any folder.
#[test]
fn a_directory_target_does_not_fill_what_is_run() {
    let scene = sealed_environment();
    scene.run("sync --env dev -y").succeeds();
    let first = |folder: &Path| {
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .filter(|path| !path.ends_with(".gitignore") && !path.ends_with(".clsecrets-owners"))
            .min()
            .unwrap()
    };
    let path = first(&first(&scene.path("out/dev")));
    let before = fs::read(&path).unwrap();
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    scene
        .run("sync --env dev -y")
        .fails(4)
        .stderr_has("is executable, so it is not for values");
    assert_eq!(fs::read(&path).unwrap(), b"#!/bin/sh\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    scene.run("sync --env dev -y").succeeds();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_sealed_file_is_not_made_elsewhere() {
    let scene = environment();
    let text = ENVIRONMENTS.replace(SEALED, "../home/new.yaml");
    scene.write("clsecrets.yaml", text);
    scene
        .run("encrypt --env dev")
        .fails(1)
        .stderr_has("outside of the repository");
    assert!(!scene.home("new.yaml").exists());
}

#[test]
fn a_file_says_less_than_it_could_about_how_long_others_work() {
    let scene = sealed(CLEAR);
    let text = scene.read("a.yaml");
    let list = "    age:\n";
    assert!(text.contains(list));
    let entry = format!("        - recipient: {OTHER_RECIPIENT}\n          enc: x\n");
    scene.write(
        "a.yaml",
        text.replace(list, &format!("{list}{}", entry.repeat(1024))),
    );
    scene
        .run("decrypt a.yaml")
        .fails(1)
        .stderr_has("a.yaml")
        .stderr_has("1025 recipients")
        .stderr_has("at most 1024");
    // All that are read are tried.
    scene.write(
        "a.yaml",
        text.replace(list, &format!("{list}{}", entry.repeat(1023))),
    );
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

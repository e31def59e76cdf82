//! Messages at commit time, hooks of older versions, and the hooks of the pre-commit framework.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Run, Scene, project};

const SECRET: &str = "url: postgresql://cl:otter-Cobalt-4471@db.prod.internal/cl\n";

fn both(run: &Run) -> String {
    format!("{}{}", run.out(), run.err())
}

fn started() -> Scene {
    let scene = Scene::new().in_git().file("a.yaml", "a: b\n");
    scene.git("add .").succeeds();
    scene.git("commit --quiet -m first").succeeds();
    scene
}

#[test]
fn a_message_with_a_secret_is_refused_before_the_commit_is_made() {
    let scene = started();
    scene.run("hook install").succeeds();
    scene.write("message", format!("release\n\n{SECRET}"));
    scene.write("a.yaml", "a: c\n");
    scene.git("add a.yaml").succeeds();
    let run = scene.git("commit --quiet -F message").fails(1);
    let told = both(&run);
    assert!(told.contains("commit message:3:"), "{told}");
    assert!(
        told.contains("H030") && told.contains("git commit --edit"),
        "{told}"
    );
    assert!(!told.contains("otter"), "{told}");
    assert_eq!(scene.git("rev-list --count HEAD").out(), "1\n");
    // A clean one says nothing besides what is said of the files.
    let run = scene.git("commit --quiet -m clean").succeeds();
    assert_eq!(both(&run), "1 file checked, nothing to refuse\n");

    // A merge has one, too.
    scene.git("checkout --quiet -b side HEAD~1").succeeds();
    scene.write("b.yaml", "a: b\n");
    scene.git("add b.yaml").succeeds();
    scene.git("commit --quiet -m side").succeeds();
    scene.git("checkout --quiet -").succeeds();
    scene.git("merge --quiet -F message side").fails(1);
    scene.git("merge --abort").succeeds();
    scene.git("merge --quiet -m clean side").succeeds();
}

#[test]
fn what_git_cuts_off_a_message_is_not_judged() {
    let scene = started();
    scene.run("hook install").succeeds();
    // `--verbose` shows what was there before, which is a secret that goes away.
    scene.write("values.yaml", SECRET);
    scene.git("add values.yaml").succeeds();
    scene.git("commit --quiet --no-verify -m x").succeeds();
    scene.write("values.yaml", "url: none\n");
    scene.git("add values.yaml").succeeds();
    scene
        .other("git", ["commit", "--quiet", "--verbose"])
        .env("GIT_EDITOR", "sed -i 1s/^/clean/")
        .run()
        .succeeds();
    scene.write("file", SECRET);
    scene.run("hook --message file").fails(1);
    scene.run("hook --message nowhere").fails(2);
}

#[test]
fn hooks_of_an_older_version_are_told_and_renewed() {
    let scene = started();
    let silent = |scene: &Scene| {
        let run = scene.run("check --strict .");
        assert!(!both(&run).contains("hook install"), "{}", both(&run));
    };
    silent(&scene);
    scene.run("hook install").succeeds();
    silent(&scene);
    let said = "not as this version installs its hooks: clsecrets hook install";
    // As before messages were looked at, and before a remote was named.
    let old = scene
        .read(".git/hooks/pre-push")
        .replace(" --remote=\"$1\" --remote-url=\"$2\"", "");
    scene.write(".git/hooks/pre-push", &old);
    std::fs::remove_file(scene.path(".git/hooks/commit-msg")).unwrap();
    scene.run("check .").stderr_has(&format!(
        ".git/hooks/commit-msg, .git/hooks/pre-push: {said}"
    ));
    scene.write("clsecrets.yaml", "version: 1\nname: n\nenvironments: {}\n");
    scene.run("status").stderr_has(said);
    scene
        .run("hook install")
        .succeeds()
        .stdout_has(".git/hooks/commit-msg installed")
        .stdout_has(".git/hooks/pre-push brought up to date")
        .stdout_has(".git/hooks/pre-commit is installed already");
    silent(&scene);
    // A block in somebody's own script, too.
    scene.run("hook uninstall").succeeds();
    let own = "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit\n";
    scene.write(".git/hooks/pre-commit", own);
    let mode = PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(scene.path(".git/hooks/pre-commit"), mode).unwrap();
    scene.run("hook install").succeeds();
    silent(&scene);
    let block = scene.read(".git/hooks/pre-commit");
    scene.write(".git/hooks/pre-commit", block.replace("--staged", "--all"));
    scene
        .run("check .")
        .stderr_has(&format!(".git/hooks/pre-commit: {said}"));
    scene.run("hook install").succeeds();
    silent(&scene);
}

/// The entry of a hook, as the framework runs it: split by the rules of a shell, file names behind.
fn entry(id: &str) -> Vec<String> {
    let text = std::fs::read_to_string(project(".pre-commit-hooks.yaml")).unwrap();
    let hooks: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let mut hooks = hooks.as_array().unwrap().iter();
    let hook = hooks.find(|hook| hook["id"] == id).unwrap();
    crate::support::words(hook["entry"].as_str().unwrap())
}

#[test]
fn the_framework_is_told_what_one_remote_has() {
    let scene = started();
    for remote in ["one", "two"] {
        scene
            .git(&format!("init --quiet --bare ../{remote}.git"))
            .succeeds();
        scene
            .git(&format!("remote add {remote} ../{remote}.git"))
            .succeeds();
        scene.git(&format!("push --quiet {remote} HEAD")).succeeds();
    }
    let first = scene.git("rev-parse HEAD").out().trim().to_owned();
    scene.write("values.yaml", SECRET);
    scene.git("add values.yaml").succeeds();
    scene.git("commit --quiet --no-verify -m x").succeeds();
    scene.git("push --quiet one HEAD").succeeds();
    scene.write("values.yaml", "url: none\n");
    scene.git("add values.yaml").succeeds();
    scene.git("commit --quiet --no-verify -m x").succeeds();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_clsecrets"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let push = |remote: &str, from: Option<&str>| {
        let words = entry("clsecrets-push");
        let act = scene
            .other(&words[0], &words[1..])
            .env("PATH", &path)
            .env("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main")
            .env("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/main")
            .env("PRE_COMMIT_REMOTE_NAME", remote)
            .env("PRE_COMMIT_REMOTE_URL", format!("../{remote}.git"));
        match from {
            Some(from) => act
                .env("PRE_COMMIT_FROM_REF", from)
                .env("PRE_COMMIT_TO_REF", "HEAD")
                .run(),
            None => act.run(),
        }
    };
    push("one", None).succeeds();
    push("two", None)
        .fails(1)
        .stdout_has("values.yaml:1:22: H030");
    push("two", Some(&first)).fails(1).stdout_has("H030");
    push("one", Some("HEAD~1")).succeeds();
    push("one", Some("nowhere")).fails(2);

    scene.write("message", SECRET);
    let words = entry("clsecrets-message");
    let file = ["message".to_owned()];
    scene
        .other(&words[0], words[1..].iter().chain(&file))
        .env("PATH", &path)
        .run()
        .fails(1)
        .stdout_has("commit message:1:");
}

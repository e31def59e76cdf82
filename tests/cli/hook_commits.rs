//! Nothing hides from a look at commits: no configuration, no variable, no odd object, no other
//! remote.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{Run, Scene};

const SECRET: &str = "url: postgresql://cl:otter-Cobalt-4471@db.prod.internal/cl\n";

fn found(run: &Run) -> Vec<String> {
    let report = run.json();
    let list = report["findings"].as_array().unwrap().iter();
    let mut list: Vec<String> = list
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap();
            format!("{} {}", text("path"), text("rule"))
        })
        .collect();
    list.sort();
    list
}

fn commit(scene: &Scene, path: &str, text: &str) -> String {
    scene.write(path, text);
    scene.git("add --force .").succeeds();
    scene
        .git("commit --quiet --no-verify --message x")
        .succeeds();
    name(scene, "HEAD")
}

fn name(scene: &Scene, revision: &str) -> String {
    scene
        .git(&format!("rev-parse {revision}"))
        .out()
        .trim()
        .to_owned()
}

/// What is told of a push of this object to a new branch.
fn pushed(scene: &Scene, object: &str) -> Run {
    let told = format!("refs/x {object} refs/x {}\n", "0".repeat(object.len()));
    scene.cmd(["hook", "--pushed", "--json"]).stdin(told).run()
}

/// A root commit, a merge that adds something of its own, and a commit behind it.
fn with_a_merge() -> Scene {
    let scene = Scene::new().in_git();
    commit(&scene, "root.yaml", SECRET);
    scene.git("checkout --quiet -b side").succeeds();
    commit(&scene, "side.yaml", "a: b\n");
    scene.git("checkout --quiet -").succeeds();
    commit(&scene, "main.yaml", "a: b\n");
    scene.git("merge --quiet --no-commit side").succeeds();
    commit(&scene, "merge.yaml", SECRET);
    scene.git("rm --quiet merge.yaml root.yaml").succeeds();
    commit(&scene, "last.yaml", "a: b\n");
    scene
}

const HIDDEN: [&str; 2] = ["merge.yaml H030", "root.yaml H030"];

#[test]
fn no_setting_hides_a_commit() {
    let scene = with_a_merge();
    let runs = scene.path("runs");
    scene.write("runs", "#!/bin/sh\necho ran >>\"$0.log\"\n");
    std::fs::set_permissions(&runs, PermissionsExt::from_mode(0o755)).unwrap();
    let runs = runs.to_str().unwrap();
    for (setting, value) in [
        ("log.showRoot", "false"),
        ("log.diffMerges", "off"),
        ("log.diffMerges", "first-parent"),
        ("log.follow", "true"),
        ("log.showSignature", "true"),
        ("log.excludeDecoration", "*"),
        ("diff.external", runs),
        ("diff.ignoreSubmodules", "all"),
        ("diff.noprefix", "true"),
        ("diff.orderFile", "/nowhere"),
        ("diff.relative", "true"),
        ("diff.renames", "copies"),
        ("diff.submodule", "diff"),
        ("color.ui", "always"),
        ("core.quotePath", "true"),
        ("core.fsmonitor", runs),
        ("core.pager", runs),
        ("core.abbrev", "4"),
        ("i18n.logOutputEncoding", "UTF-16"),
        ("format.pretty", "oneline"),
        ("pager.rev-list", runs),
        ("rev-list.count", "true"),
    ] {
        scene.git(&format!("config {setting} {value}")).succeeds();
        assert_eq!(
            found(&scene.run("hook --range HEAD --json")),
            HIDDEN,
            "{setting}"
        );
        assert_eq!(
            found(&pushed(&scene, &name(&scene, "HEAD"))),
            HIDDEN,
            "{setting}"
        );
        assert_eq!(
            found(&scene.run("scan --history --json")).len(),
            1,
            "{setting}"
        );
        scene.git("add --force last.yaml").succeeds();
        assert!(found(&scene.run("hook --json")).is_empty(), "{setting}");
        scene
            .git(&format!("config --unset-all {setting}"))
            .succeeds();
    }
    // `git add` runs the monitor as well: only what the hook has run counts.
    let _ = std::fs::remove_file(format!("{runs}.log"));
    scene
        .git(&format!("config core.fsmonitor {runs}"))
        .succeeds();
    scene
        .git(&format!("config diff.external {runs}"))
        .succeeds();
    for line in ["hook", "hook --all", "hook --range HEAD", "scan --history"] {
        scene.run(line);
    }
    assert!(!scene.has("runs.log"));
}

#[test]
fn no_variable_hides_a_commit() {
    let scene = with_a_merge();
    for (name, value) in [
        ("GIT_CONFIG_COUNT", "1"),
        (
            "GIT_CONFIG_PARAMETERS",
            "'log.showRoot=false' 'log.diffMerges=off'",
        ),
        ("GIT_LITERAL_PATHSPECS", "1"),
        ("GIT_ICASE_PATHSPECS", "1"),
        ("GIT_NOGLOB_PATHSPECS", "1"),
        ("GIT_EXTERNAL_DIFF", "false"),
        ("GIT_DIFF_OPTS", "-u0"),
        ("GIT_PAGER", "false"),
        ("GIT_CONFIG", "/dev/null"),
    ] {
        let run = |words: &[&str]| {
            let act = scene.cmd(words).env(name, value);
            let act = act.env("GIT_CONFIG_KEY_0", "log.showRoot");
            act.env("GIT_CONFIG_VALUE_0", "false").run()
        };
        assert_eq!(
            found(&run(&["hook", "--range", "HEAD", "--json"])),
            HIDDEN,
            "{name}"
        );
        assert_eq!(found(&run(&["hook", "--all", "--json"])).len(), 0, "{name}");
    }
}

#[test]
fn what_stands_for_another_object_is_not_looked_at_in_its_place() {
    let scene = Scene::new().in_git();
    let clean = commit(&scene, "a.yaml", "a: b\n");
    let bad = commit(&scene, "values.yaml", SECRET);
    let last = commit(&scene, "values.yaml", "url: none\n");
    let blob = name(&scene, &format!("{bad}:values.yaml"));
    let other = name(&scene, &format!("{last}:values.yaml"));
    let range = format!("hook --range {clean}..{last} --json");
    for replace in [
        format!("replace {blob} {other}"),
        format!("replace {bad} {clean}"),
        format!("replace --graft {last} {clean}"),
    ] {
        scene.git(&replace).succeeds();
        assert_eq!(found(&scene.run(&range)), ["values.yaml H030"], "{replace}");
        assert_eq!(
            found(&scene.run("scan --history --json")),
            ["values.yaml H030"]
        );
        scene.git("update-ref -d refs/replace/0").out();
        for line in scene.git("replace").out().lines() {
            scene.git(&format!("replace -d {line}")).succeeds();
        }
    }
    scene.write(".git/info/grafts", format!("{last} {clean}\n"));
    assert_eq!(found(&scene.run(&range)), ["values.yaml H030"]);
}

#[test]
fn what_one_remote_has_is_new_to_another() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.run("hook install").succeeds();
    for remote in ["one", "two", "three"] {
        scene
            .git(&format!("init --quiet --bare ../{remote}.git"))
            .succeeds();
        scene
            .git(&format!("remote add {remote} ../{remote}.git"))
            .succeeds();
        scene.git(&format!("push --quiet {remote} HEAD")).succeeds();
    }
    commit(&scene, "values.yaml", SECRET);
    scene.git("push --quiet --no-verify one HEAD").succeeds();
    let push = scene.git("push --quiet two HEAD:refs/heads/new").fails(1);
    let told = format!("{}{}", push.out(), push.err());
    assert!(told.contains("values.yaml:1:22: H030"), "{told}");
    // The one that has it already is not held up again, whatever the new branch.
    scene.git("push --quiet one HEAD:refs/heads/new").succeeds();
    // Where it is pushed to is not where it is read.
    scene
        .git("config remote.one.pushurl ../three.git")
        .succeeds();
    scene.git("push --quiet one HEAD:refs/heads/other").fails(1);
    scene.git("config --unset remote.one.pushurl").succeeds();
    // A URL has no references here.
    scene
        .git("push --quiet ../three.git HEAD:refs/heads/other")
        .fails(1);
    // Another remote that writes into the same references says nothing about this one.
    scene
        .git("config --add remote.two.fetch +refs/heads/*:refs/remotes/one/*")
        .succeeds();
    scene.git("push --quiet one HEAD:refs/heads/third").fails(1);
}

#[test]
fn every_object_that_is_pushed_is_looked_at() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.write("secret.txt", SECRET);
    let blob = scene
        .git("hash-object -w secret.txt")
        .out()
        .trim()
        .to_owned();
    scene.git(&format!("tag on-blob {blob}")).succeeds();
    let object = format!("object {} H030", &blob[..12]);
    assert_eq!(found(&pushed(&scene, &blob)), std::slice::from_ref(&object));

    scene.git("add secret.txt").succeeds();
    let tree = scene.git("write-tree").out().trim().to_owned();
    scene.git("rm --quiet --cached secret.txt").succeeds();
    assert_eq!(found(&pushed(&scene, &tree)), ["secret.txt H030"]);

    scene.git(&format!("tag -a -m x nested {blob}")).succeeds();
    let nested = name(&scene, "nested");
    assert_eq!(found(&pushed(&scene, &nested)), [object]);

    scene.write("message", format!("release\n\n{SECRET}"));
    scene.git("tag -a -F message v1").succeeds();
    let tag = name(&scene, "v1");
    assert_eq!(
        found(&pushed(&scene, &tag)),
        [format!("tag {} H030", &tag[..12])]
    );
    scene
        .git("commit --quiet --allow-empty --no-verify -F message")
        .succeeds();
    let head = name(&scene, "HEAD");
    let message = [format!("commit {} H030", &head[..12])];
    assert_eq!(
        found(&scene.run("hook --range HEAD~1..HEAD --json")),
        message
    );
    assert_eq!(found(&pushed(&scene, &head)), message);
    let told = scene.run("hook --range HEAD~1..HEAD").fails(1);
    told.stdout_has("git rebase --interactive")
        .stdout_lacks("otter");

    scene.git("notes add -F message HEAD~1").succeeds();
    let notes = pushed(&scene, &name(&scene, "refs/notes/commits"));
    assert_eq!(found(&notes).len(), 1);
    // All of it is in the history.
    assert_eq!(found(&scene.run("scan --history --json")).len(), 4);
}

#[test]
fn where_a_link_leads_is_text() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    symlink(
        SECRET.trim_start_matches("url: ").trim(),
        scene.path("link"),
    )
    .unwrap();
    assert_eq!(found(&scene.run("scan . --json")), ["link H030"]);
    scene.git("add link").succeeds();
    assert_eq!(found(&scene.run("hook --json")), ["link H030"]);
    assert_eq!(found(&scene.run("hook --all --json")), ["link H030"]);
    scene.git("commit --quiet --no-verify -m x").succeeds();
    assert_eq!(
        found(&scene.run("hook --range HEAD~1..HEAD --json")),
        ["link H030"]
    );
}

#[test]
fn wide_text_without_a_mark_is_read() {
    let scene = Scene::new().in_git();
    let wide = |unit: fn(u16) -> [u8; 2]| SECRET.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    scene.write("little.yaml", wide(u16::to_le_bytes));
    scene.write("big.yaml", wide(u16::to_be_bytes));
    scene.write(
        "mixed.txt",
        [b"a: b\n".as_slice(), &wide(u16::to_le_bytes)].concat(),
    );
    scene.git("add .").succeeds();
    assert_eq!(
        found(&scene.run("hook --json")),
        ["big.yaml H030", "little.yaml H030", "mixed.txt H030"]
    );
}

#[test]
fn a_new_branch_does_not_disarm_the_rules_it_was_made_from() {
    let scene = Scene::new().in_git();
    let rules = "creation_rules:\n  - path_regex: ^vault/\n    age: age1x\n";
    let first = commit(&scene, ".sops.yaml", rules);
    scene.write(".sops.yaml", "creation_rules: []\n");
    let last = commit(&scene, "vault/node.txt", "hello\n");
    scene.git(&format!("branch known {first}")).succeeds();
    scene.git("init --quiet --bare ../remote.git").succeeds();
    scene.git("remote add origin ../remote.git").succeeds();
    scene.git("push --quiet origin known").succeeds();
    let told = format!("refs/heads/x {last} refs/heads/x {}\n", "0".repeat(40));
    let act = scene.cmd(["hook", "--pushed", "--remote", "origin", "--json"]);
    assert_eq!(found(&act.stdin(told).run()), ["vault/node.txt H002"]);
}

#[test]
fn a_server_looks_at_what_arrives_before_it_takes_it() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.git("init --quiet --bare ../remote.git").succeeds();
    scene.git("remote add origin ../remote.git").succeeds();
    let hook = scene.path("../remote.git/hooks/pre-receive");
    let program = env!("CARGO_BIN_EXE_clsecrets");
    std::fs::write(
        &hook,
        format!("#!/bin/sh\nexec '{program}' hook --pushed\n"),
    )
    .unwrap();
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    scene.git("push --quiet origin HEAD").succeeds();
    commit(&scene, "values.yaml", SECRET);
    let push = scene.git("push --quiet origin HEAD").fails(1);
    assert!(
        push.err().contains("values.yaml:1:22: H030"),
        "{}",
        push.err()
    );
    scene.git("reset --quiet --hard HEAD~1").succeeds();
    scene.write("message", SECRET);
    scene.git("tag -a -F message v1").succeeds();
    scene.git("push --quiet origin v1").fails(1);
}

#[test]
fn a_range_without_an_end_is_none() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    for range in ["..", "...", ""] {
        scene
            .cmd(["hook", "--range", range])
            .run()
            .fails(2)
            .stderr_has("is no range of commits");
    }
}

#[test]
fn what_a_clone_lacks_is_refused_and_not_fetched() {
    let scene = Scene::new().in_git();
    commit(&scene, "values.yaml", SECRET);
    commit(&scene, "values.yaml", "a: b\n");
    scene.git("config uploadpack.allowFilter true").succeeds();
    let url = format!("file://{}", scene.path("").display());
    scene
        .git(&format!("clone --quiet --filter=blob:none {url} clone"))
        .succeeds();
    let objects = |scene: &Scene| scene.git("-C clone count-objects -v").out();
    let before = objects(&scene);
    for line in [&["scan", "--history"][..], &["hook", "--range", "HEAD"]] {
        let run = scene.cmd(line).cwd("clone").run().fails(2);
        assert!(format!("{}{}", run.out(), run.err()).contains("is not in this clone"));
    }
    assert_eq!(objects(&scene), before);
}

//! What docs/hook.md says besides its table of rules, made to happen.

use crate::support::{RECIPIENT, Run, Scene};

const SECRET: &str = "url: postgresql://cl:otter-Cobalt-4471@db.prod.internal/cl";

fn found(run: &Run) -> Vec<String> {
    let report = run.json();
    let list = report["findings"].as_array().unwrap().iter();
    let text = |one: &serde_json::Value, field: &str| one[field].as_str().unwrap().to_owned();
    list.map(|one| format!("{} {}", text(one, "path"), text(one, "rule")))
        .collect()
}

#[test]
fn marks_of_other_tools_count_only_if_that_is_asked_for() {
    let scene = Scene::new().in_git();
    for mark in ["gitleaks:allow", "pragma: allowlist secret"] {
        scene.write("values.yaml", format!("{SECRET} # {mark}\n"));
        scene.git("add .").succeeds();
        scene.run("hook").fails(1);
        scene
            .run("hook --compat-allow")
            .succeeds()
            .stderr_has("1 waived");
    }
}

#[test]
fn no_line_waives_what_is_wrong_with_a_sealed_file() {
    let scene = Scene::with_age().in_git().file("a.yaml", "user: alice\n");
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let clear = "password: hunter2 # clsecrets:allow H003 reason=public demo\n";
    let text = format!("{clear}{}", scene.read("a.yaml"));
    scene.write("a.yaml", text);
    scene.git("add .").succeeds();
    let list = found(&scene.run("hook --json").fails(1));
    assert!(list.contains(&"a.yaml H003".to_owned()), "{list:?}");
}

#[test]
fn a_file_that_is_too_large_to_read_is_refused() {
    let scene = Scene::new().in_git();
    let file = std::fs::File::create(scene.path("large.bin")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    scene.git("-c core.compression=1 add large.bin").succeeds();
    let said = "large.bin: could not be checked: it has more than 64 MiB";
    scene.run("hook").fails(2).stdout_has(said);
    scene.git("commit --quiet --no-verify -m x").succeeds();
    for line in ["hook --range HEAD", "scan --history", "hook --all"] {
        scene.run(line).fails(2).stdout_has(said);
    }
    scene.git("gc --quiet").succeeds();
    scene.run("scan --history").fails(2).stdout_has(said);
}

#[test]
fn documentation_and_examples_need_not_be_sealed() {
    let scene = Scene::new().in_git().file(
        ".sops.yaml",
        "creation_rules:\n  - path_regex: ^secrets/\n    age: age1x\n",
    );
    for (path, is_refused) in [
        ("secrets/README.md", false),
        ("secrets/a.example.yaml", false),
        ("secrets/a.template.yaml", false),
        ("secrets/a.yaml", true),
        ("other/a.yaml", false),
        ("other/encrypted-a.yaml", true),
    ] {
        scene.write(path, "hello: world\n");
        scene.git("add .").succeeds();
        let list = found(&scene.run("hook --json"));
        assert_eq!(!list.is_empty(), is_refused, "{path}: {list:?}");
        scene.git(&format!("rm --quiet -f {path}")).succeeds();
    }
}

#[test]
fn a_copied_checkout_says_nothing_of_known_values() {
    let scene = Scene::with_age().in_git();
    let value = "zebra lagoon otter quartz";
    scene.write("node.yaml", format!("wallet_password: {value}\n"));
    scene
        .run(&format!("encrypt -i --age {RECIPIENT} node.yaml"))
        .succeeds();
    scene.git("add .").succeeds();
    scene.run("hook index").succeeds();
    scene.write("notes.md", format!("It is {value}.\n"));
    scene.git("add .").succeeds();
    assert_eq!(found(&scene.run("hook --json")), ["notes.md H020"]);
    // The key of the index is the user's, and not in the repository.
    let key = scene.home(".local/state/clsecrets/known.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    scene.run("hook --require-known").fails(2);
    assert!(found(&scene.run("hook --json")).is_empty());
    std::fs::write(&key, kept).unwrap();
    assert_eq!(found(&scene.run("hook --json")), ["notes.md H020"]);
}

/// `cherry-pick` and `rebase` run no hook that sees files before the commit is made.
#[test]
fn what_is_committed_without_a_hook_is_seen_by_the_push() {
    let scene = Scene::new().in_git().file("a.yaml", "a: b\n");
    scene.git("add .").succeeds();
    scene.git("commit --quiet -m first").succeeds();
    scene.git("init --quiet --bare ../remote.git").succeeds();
    scene.git("remote add origin ../remote.git").succeeds();
    scene.git("push --quiet origin HEAD").succeeds();
    scene.git("checkout --quiet -b side").succeeds();
    scene.write("values.yaml", format!("{SECRET}\n"));
    scene.git("add .").succeeds();
    scene.git("commit --quiet -m secret").succeeds();
    scene
        .git("format-patch --quiet -1 -o ../patches")
        .succeeds();
    scene.git("checkout --quiet main").succeeds();
    scene.write("b.yaml", "a: b\n");
    scene.git("add .").succeeds();
    scene.git("commit --quiet -m other").succeeds();
    scene.run("hook install").succeeds();
    let push = |scene: &Scene| {
        let push = scene.git("push --quiet origin HEAD:refs/heads/x").fails(1);
        let told = format!("{}{}", push.out(), push.err());
        assert!(told.contains("values.yaml:1:22: H030"), "{told}");
    };
    let refused = scene
        .git("am --quiet ../patches/0001-secret.patch")
        .fails(1);
    assert!(refused.err().contains("H030"), "{refused}");
    scene.git("am --abort").succeeds();
    for operation in ["cherry-pick side", "rebase --quiet side"] {
        scene.git(operation).succeeds();
        push(&scene);
        scene.git("reset --quiet --hard ORIG_HEAD").out();
        scene.git("checkout --quiet -B main side~1").succeeds();
        scene.write("b.yaml", "a: b\n");
        scene.git("add .").succeeds();
        scene.git("commit --quiet -m other").succeeds();
    }
}

//! What Git can do with a file between two commits, and what the hook sees of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::support::{Run, Scene};

const SECRET: &str = "url: postgresql://cl:otter-Cobalt-4471@db.prod.internal/cl\n";

fn found(run: &Run) -> Vec<String> {
    let report = run.json();
    let list = report["findings"].as_array().unwrap().iter();
    list.map(|one| {
        format!(
            "{} {}",
            one["path"].as_str().unwrap(),
            one["rule"].as_str().unwrap()
        )
    })
    .collect()
}

fn commit(scene: &Scene, path: &str, text: &str) {
    scene.write(path, text);
    scene.git("add --force .").succeeds();
    scene
        .git("commit --quiet --no-verify --message x")
        .succeeds();
}

#[test]
fn only_what_is_staged_of_a_file_counts() {
    let scene = Scene::new().in_git();
    commit(&scene, "values.yaml", "a: b\n");
    // Staged in clear, mended in the working tree only.
    scene.write("values.yaml", SECRET);
    scene.git("add .").succeeds();
    scene.write("values.yaml", "a: b\n");
    assert_eq!(found(&scene.run("hook --json")), ["values.yaml H030"]);
    // The other way round.
    scene.git("add .").succeeds();
    scene.write("values.yaml", SECRET);
    scene.run("hook").succeeds();
}

#[test]
fn a_file_that_is_only_going_to_be_added_is_not_judged_until_it_is() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.write("values.yaml", SECRET);
    scene.git("add --intent-to-add values.yaml").succeeds();
    scene.run("hook").succeeds();
    scene.git("add values.yaml").succeeds();
    assert_eq!(found(&scene.run("hook --json")), ["values.yaml H030"]);
}

#[test]
fn a_renamed_file_is_judged_under_its_new_name_and_a_removed_one_is_not() {
    let scene = Scene::new().in_git();
    commit(&scene, "old.txt", "hello\n");
    commit(&scene, "gone.yaml", SECRET);
    scene.git("mv old.txt clear-secrets.yaml").succeeds();
    scene.git("rm --quiet gone.yaml").succeeds();
    assert_eq!(
        found(&scene.run("hook --json")),
        ["clear-secrets.yaml H001"]
    );
}

#[test]
fn a_merge_without_conflict_is_checked_and_one_with_conflict_too() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.run("hook install").succeeds();
    scene.git("checkout --quiet -b side").succeeds();
    commit(&scene, "values.yaml", SECRET);
    scene.git("checkout --quiet -").succeeds();
    commit(&scene, "b.yaml", "b: c\n");
    let merge = scene.git("merge --no-edit side");
    assert!(merge.out().contains("H030") || merge.err().contains("H030"));
    assert!(!scene.git("log --format=%s -1").out().contains("Merge"));
    scene.git("merge --abort").succeeds();

    commit(&scene, "values.yaml", "url: none\n");
    scene.git("merge --no-edit side").fails(1);
    scene.write("values.yaml", SECRET);
    scene.git("add values.yaml").succeeds();
    let run = scene.git("commit --no-edit").fails(1);
    assert!(run.out().contains("H030") || run.err().contains("H030"));
}

#[test]
fn links_and_submodules_have_no_content_to_judge() {
    let scene = Scene::new().in_git();
    scene.write("outside/values.txt", SECRET);
    symlink("outside/values.txt", scene.path("link.yaml")).unwrap();
    symlink("values.txt", scene.path("outside/clear-secrets.yaml")).unwrap();
    scene.git("init --quiet module").succeeds();
    scene.write("module/values.yaml", SECRET);
    scene.git("-C module add .").succeeds();
    scene.git("-C module commit --quiet --message x").succeeds();
    scene
        .git("add link.yaml outside/clear-secrets.yaml module")
        .succeeds();
    let run = scene.run("hook --json").fails(1);
    assert_eq!(found(&run), ["outside/clear-secrets.yaml H001"]);
}

#[test]
fn a_name_that_is_no_text_hides_nothing() {
    let scene = Scene::new().in_git();
    let name = OsStr::from_bytes(b"caf\xe9 \n\x1b.yaml");
    std::fs::write(scene.path("").join(name), SECRET).unwrap();
    scene.write("-rf.yaml", SECRET);
    scene.write("a\"b'.yaml", SECRET);
    scene.git("add .").succeeds();
    let run = scene.run("hook --json").fails(1);
    assert_eq!(found(&run).len(), 3, "{}", run.out());
    let text = scene.run("hook").fails(1).out();
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_read_from_the_index() {
    let scene = Scene::new().in_git();
    scene.write("in/a.yaml", "a: b\n");
    commit(&scene, "out/values.yaml", SECRET);
    scene.git("sparse-checkout set in").succeeds();
    assert!(!scene.path("out/values.yaml").exists());
    scene.run("hook").succeeds();
    assert_eq!(
        found(&scene.run("hook --all --json")),
        ["out/values.yaml H030"]
    );
}

#[test]
fn the_first_commit_and_an_amended_one_are_checked() {
    let scene = Scene::new().in_git();
    scene.run("hook install").succeeds();
    scene.write("values.yaml", SECRET);
    scene.git("add .").succeeds();
    scene.git("commit --quiet --message x").fails(1);
    scene.write("values.yaml", "a: b\n");
    scene.git("add .").succeeds();
    scene.git("commit --quiet --message x").succeeds();
    scene.write("values.yaml", SECRET);
    scene.git("commit --quiet --all --amend --no-edit").fails(1);
}

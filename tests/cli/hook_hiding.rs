//! Ways to hide a commit or a file from the hook that are in the repository or its surroundings and
//! not in a commit: clones that lack something, names, work trees, encodings, variables.

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
    scene.git("add --all --force .").succeeds();
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

/// A repository with a secret in its second commit, that is gone in the third one.
fn with_a_secret() -> (Scene, String) {
    let scene = Scene::new().in_git();
    let first = commit(&scene, "a.yaml", "a: b\n");
    commit(&scene, "values.yaml", SECRET);
    commit(&scene, "values.yaml", "url: none\n");
    commit(&scene, "last.yaml", "a: b\n");
    (scene, first)
}

fn clone(scene: &Scene, options: &str) {
    let url = format!("file://{}", scene.path("").display());
    scene
        .git(&format!("clone --quiet {options} {url} clone"))
        .succeeds();
}

fn in_clone(scene: &Scene, line: &str) -> Run {
    scene.cmd(crate::support::words(line)).cwd("clone").run()
}

#[test]
fn a_shallow_clone_is_not_the_whole_history() {
    let (scene, _) = with_a_secret();
    clone(&scene, "--depth 2");
    let said = "which is a shallow one: git fetch --unshallow";
    for line in ["hook --range HEAD", "scan --history"] {
        in_clone(&scene, line).fails(2).stdout_has(said);
        // A variable does not make it whole.
        scene
            .cmd(crate::support::words(line))
            .cwd("clone")
            .env("GIT_SHALLOW_FILE", "/dev/null")
            .run()
            .fails(2)
            .stdout_has(said);
    }
    // What it has is looked at.
    in_clone(&scene, "hook --range HEAD~1..HEAD").succeeds();
    let head = name(&scene, "HEAD");
    let told = format!("refs/x {head} refs/x {}\n", "0".repeat(40));
    let act = scene.cmd(["hook", "--pushed"]).cwd("clone");
    act.stdin(told).run().fails(2).stdout_has(said);
    scene.git("-C clone fetch --quiet --unshallow").succeeds();
    let run = in_clone(&scene, "hook --range HEAD --json");
    assert_eq!(found(&run), ["values.yaml H030"]);
}

#[test]
fn objects_of_another_repository_count_as_own_ones() {
    let (scene, _) = with_a_secret();
    // A URL would copy the objects.
    scene.git("clone --quiet --shared . clone").succeeds();
    let run = in_clone(&scene, "hook --range HEAD --json");
    assert_eq!(found(&run), ["values.yaml H030"]);
    scene.write("clone/new.yaml", SECRET);
    scene.git("-C clone add new.yaml").succeeds();
    assert_eq!(found(&in_clone(&scene, "hook --json")), ["new.yaml H030"]);
    // Where they are gone nothing passes.
    scene.write("clone/.git/objects/info/alternates", "/nowhere\n");
    for line in ["hook", "hook --all", "hook --range HEAD", "scan --history"] {
        in_clone(&scene, line).fails(2);
    }
}

#[test]
fn a_partial_clone_is_refused_in_words() {
    let (scene, _) = with_a_secret();
    scene.git("config uploadpack.allowFilter true").succeeds();
    for filter in ["blob:none", "tree:0", "blob:limit=20"] {
        clone(&scene, &format!("--filter={filter}"));
        for line in [
            "hook --range HEAD",
            "hook --range HEAD~2..HEAD",
            "scan --history",
        ] {
            let run = in_clone(&scene, line).fails(2);
            let told = format!("{}{}", run.out(), run.err());
            assert!(
                [
                    "is not in this clone",
                    "for a partial clone",
                    "git diff-tree failed"
                ]
                .iter()
                .any(|words| told.contains(words)),
                "{filter} {line}: {told}"
            );
            assert!(!told.contains("warning: lazy"), "{told}");
        }
        std::fs::remove_dir_all(scene.path("clone")).unwrap();
    }
}

#[test]
fn work_trees_that_are_elsewhere_or_sparse_hide_nothing() {
    let (scene, _) = with_a_secret();
    clone(&scene, "");
    std::fs::create_dir(scene.path("elsewhere")).unwrap();
    scene.write("clone/d/new.yaml", SECRET);
    scene.git("-C clone add d/new.yaml").succeeds();
    scene
        .git("-C clone config core.worktree ../../elsewhere")
        .succeeds();
    for line in ["hook --json", "hook --all --json"] {
        assert_eq!(found(&in_clone(&scene, line)), ["d/new.yaml H030"]);
    }
    scene
        .git("-C clone config --unset core.worktree")
        .succeeds();
    scene
        .git("-C clone sparse-checkout set --cone --sparse-index other")
        .out();
    for flag in ["--skip-worktree", "--assume-unchanged"] {
        scene
            .git(&format!("-C clone update-index {flag} d/new.yaml"))
            .succeeds();
        for line in ["hook --json", "hook --all --json"] {
            assert_eq!(
                found(&in_clone(&scene, line)),
                ["d/new.yaml H030"],
                "{flag}"
            );
        }
    }
    scene
        .git("-C clone commit --quiet --no-verify -m x")
        .succeeds();
    let run = in_clone(&scene, "hook --range HEAD~1..HEAD --json");
    assert_eq!(found(&run), ["d/new.yaml H030"]);
}

#[test]
fn an_encoding_of_the_work_tree_is_not_that_of_the_commit() {
    let scene = Scene::new().in_git();
    for encoding in ["UTF-16", "UTF-16LE-BOM", "UTF-32"] {
        let wide: Vec<u8> = match encoding {
            "UTF-32" => "\u{feff}"
                .chars()
                .chain(SECRET.chars())
                .flat_map(|one| u32::from(one).to_be_bytes())
                .collect(),
            _ => [0xff, 0xfe]
                .into_iter()
                .chain(SECRET.encode_utf16().flat_map(u16::to_le_bytes))
                .collect(),
        };
        scene.write(
            ".gitattributes",
            format!("*.yaml working-tree-encoding={encoding}\n"),
        );
        scene.write("values.yaml", wide);
        scene.git("add --all .").succeeds();
        for line in [
            "hook --json",
            "hook --all --json",
            "scan values.yaml --json",
        ] {
            assert_eq!(
                found(&scene.run(line)),
                ["values.yaml H030"],
                "{encoding} {line}"
            );
        }
        scene.git("rm --quiet --cached values.yaml").succeeds();
    }
}

#[test]
fn variables_of_git_hide_nothing_that_is_there() {
    let (scene, _) = with_a_secret();
    scene.write("new.yaml", SECRET);
    scene.git("add new.yaml").succeeds();
    let top = scene.path("").display().to_string();
    let git = format!("{top}/.git");
    std::fs::create_dir(scene.path("elsewhere")).unwrap();
    // Where Git looks elsewhere, so does a commit; it is found there, or nothing passes.
    let run = |cwd: &str, line: &str, vars: &[(&str, &str)]| {
        let mut act = scene.cmd(crate::support::words(line)).cwd(cwd);
        for (name, value) in vars {
            act = act.env(name, *value);
        }
        act.run()
    };
    for vars in [
        &[("GIT_DIR", git.as_str())][..],
        &[("GIT_DIR", git.as_str()), ("GIT_WORK_TREE", top.as_str())],
        &[("GIT_DIR", git.as_str()), ("GIT_WORK_TREE", "/")],
    ] {
        let staged = run("elsewhere", "hook --json", vars);
        assert_eq!(found(&staged), ["new.yaml H030"], "{vars:?}");
        let range = run("elsewhere", "hook --range HEAD --json", vars);
        assert_eq!(found(&range), ["values.yaml H030"], "{vars:?}");
    }
    for (variable, value) in [
        ("GIT_WORK_TREE", "/"),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nowhere"),
        ("GIT_NAMESPACE", "x"),
        ("GIT_REPLACE_REF_BASE", "refs/heads/"),
        ("GIT_GRAFT_FILE", "/nowhere"),
        ("GIT_NO_REPLACE_OBJECTS", "0"),
        ("GIT_REF_PARANOIA", "0"),
        ("GIT_DEFAULT_HASH", "sha256"),
    ] {
        let staged = run("", "hook --json", &[(variable, value)]);
        assert_eq!(found(&staged), ["new.yaml H030"], "{variable}");
        let range = run("", "hook --range HEAD --json", &[(variable, value)]);
        assert_eq!(found(&range), ["values.yaml H030"], "{variable}");
    }
    for variable in ["GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_DIR"] {
        for line in ["hook", "hook --range HEAD"] {
            run("", line, &[(variable, "/nowhere")]).fails(2);
        }
    }
    // The index of a partial commit is the one that Git names.
    std::fs::copy(scene.path(".git/index"), scene.path("other-index")).unwrap();
    scene.git("rm --quiet --cached new.yaml").succeeds();
    let other = scene.path("other-index").display().to_string();
    let staged = run("", "hook --json", &[("GIT_INDEX_FILE", &other)]);
    assert_eq!(found(&staged), ["new.yaml H030"]);
}

/// Git takes a tag before a branch of the same name, and whoever can push can push a tag.
#[test]
fn a_tag_with_the_name_of_a_branch_does_not_move_a_range() {
    let (scene, first) = with_a_secret();
    scene
        .git(&format!("update-ref refs/remotes/origin/main {first}"))
        .succeeds();
    let range = "hook --range origin/main..HEAD --json";
    assert_eq!(found(&scene.run(range)), ["values.yaml H030"]);
    scene.git("tag origin/main").succeeds();
    scene
        .run(range)
        .fails(2)
        .stderr_has("origin/main is the name of several references");
    let whole = "hook --range refs/remotes/origin/main..HEAD --json";
    assert_eq!(found(&scene.run(whole)), ["values.yaml H030"]);
    // Nobody's name is taken for HEAD, for a commit or for an option.
    scene
        .git(&format!("update-ref refs/heads/HEAD {first}"))
        .succeeds();
    assert_eq!(found(&scene.run(whole)), ["values.yaml H030"]);
    let head = name(&scene, "refs/heads/main");
    scene
        .git(&format!("update-ref refs/heads/{head} {first}"))
        .succeeds();
    let names = format!("hook --range {first}..{head} --json");
    assert_eq!(found(&scene.run(&names)), ["values.yaml H030"]);
    for odd in ["-x", "späße", "'q'", "a;b", "$(touch-x)"] {
        let reference = format!("refs/heads/{odd}");
        scene
            .other("git", ["update-ref", &reference, &head])
            .run()
            .succeeds();
        let range = format!("{first}..{reference}");
        let run = scene.cmd(["hook", "--range", &range, "--json"]).run();
        assert_eq!(found(&run), ["values.yaml H030"], "{odd}");
        let told = format!("{reference} {head} {reference} {first}\n");
        let run = scene.cmd(["hook", "--pushed", "--json"]).stdin(told).run();
        assert_eq!(found(&run), ["values.yaml H030"], "{odd}");
    }
    // A range that is written otherwise has the rules of its end.
    scene.write(
        ".sops.yaml",
        "creation_rules:\n  - path_regex: ^vault/\n    age: age1x\n",
    );
    commit(&scene, "vault/node.txt", "hello\n");
    for range in ["HEAD^!", "HEAD~1..", "HEAD~1...HEAD"] {
        let run = scene.cmd(["hook", "--range", range, "--json"]).run();
        assert_eq!(found(&run), ["vault/node.txt H002"], "{range}");
    }
}

#[test]
fn a_submodule_is_no_place_for_a_sealed_file_and_brings_nothing() {
    let (scene, _) = with_a_secret();
    let (head, blob) = (name(&scene, "HEAD"), name(&scene, "HEAD:last.yaml"));
    for (object, path, expected) in [
        (&head, "encrypted-a.yaml", &["encrypted-a.yaml H002"][..]),
        (&head, "clear-a.yaml", &["clear-a.yaml H001"]),
        (&head, "module", &[]),
        (&blob, "module", &[]),
    ] {
        let entry = format!("160000,{object},{path}");
        scene
            .git(&format!("update-index --add --cacheinfo {entry}"))
            .succeeds();
        assert_eq!(found(&scene.run("hook --json")), expected);
        scene.git("commit --quiet --no-verify -m x").succeeds();
        let range = scene.run("hook --range HEAD~1..HEAD --json");
        assert_eq!(found(&range), expected);
        scene.git("reset --quiet --soft HEAD~1").succeeds();
        scene.git(&format!("rm --quiet --cached {path}")).succeeds();
    }
}

#[test]
fn a_content_is_judged_under_every_path_that_it_had() {
    let scene = Scene::new().in_git();
    let text = "hello: world\n";
    commit(&scene, "README.md", text);
    commit(&scene, "notes/a.yaml", text);
    // Harmless where it was first, and refused where it was later.
    commit(&scene, "clear-a.yaml", text);
    commit(&scene, "odd\n\"path\".clear.yaml", text);
    scene.git("rm --quiet --cached clear-a.yaml").succeeds();
    let password = "hunter2 hunter3\n";
    commit(&scene, "notes/a.txt", password);
    commit(
        &scene,
        "node/.api",
        "ops@example.com\nmaple-River-77-Cobalt\n",
    );
    let run = scene.run("scan --history --json").fails(1);
    let list = found(&run);
    assert!(list.contains(&"clear-a.yaml H001".to_owned()), "{list:?}");
    // A waiver for one path is none for another.
    scene.write("docs/demo.yaml", SECRET);
    scene.write(
        ".clsecrets/allow.toml",
        "[[allow]]\nrule = \"H030\"\npath = \"docs/**\"\nreason = \"public demo\"\n",
    );
    commit(&scene, "c.yaml", "a: b\n");
    let is_told = |scene: &Scene| {
        let list = found(&scene.run("scan --history --json"));
        list.contains(&"values.yaml H030".to_owned())
    };
    assert!(!is_told(&scene));
    commit(&scene, "values.yaml", SECRET);
    assert!(is_told(&scene));
    // What is refused everywhere is told once.
    commit(&scene, "more.yaml", SECRET);
    let list = found(&scene.run("scan --history --json"));
    let times = list.iter().filter(|one| one.ends_with("H030")).count();
    assert_eq!(times, 1, "{list:?}");
}

/// A branch is judged by the rules of the newest commit that it was made from, however many others
/// it names as parents.
#[test]
fn many_parents_do_not_push_the_rules_of_before_aside() {
    let scene = Scene::new().in_git();
    let old: Vec<String> = (0..12)
        .map(|number| commit(&scene, "a.yaml", &format!("a: {number}\n")))
        .collect();
    let rules = "creation_rules:\n  - path_regex: ^vault/\n    age: age1x\n";
    let known = commit(&scene, ".sops.yaml", rules);
    scene.git("init --quiet --bare ../remote.git").succeeds();
    scene.git("remote add origin ../remote.git").succeeds();
    scene
        .git(&format!("push --quiet origin {known}:refs/heads/known"))
        .succeeds();
    scene.write(".sops.yaml", "creation_rules: []\n");
    let mut last = commit(&scene, "vault/node.txt", "hello\n");
    for parent in &old {
        let made = scene.git(&format!(
            "commit-tree -p {last} -p {parent} -m x HEAD^{{tree}}"
        ));
        last = made.out().trim().to_owned();
    }
    let told = format!("refs/heads/x {last} refs/heads/x {}\n", "0".repeat(40));
    let act = scene.cmd(["hook", "--pushed", "--remote", "origin", "--json"]);
    assert_eq!(found(&act.stdin(told).run()), ["vault/node.txt H002"]);
}

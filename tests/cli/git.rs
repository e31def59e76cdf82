//! Sealed files under Git, with the real one: diffs and merges go by keys, and show no value.

use super::{differing_lines, line};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Run, Scene};

/// The same content in each format that has keys.
const FILES: [(&str, &str); 4] = [
    (
        "a.yaml",
        "# the node's own\nuser: alice-5150\npass: hunter2-5150\nlast: omega-5150\n",
    ),
    (
        "a.json",
        "{\n\t\"user\": \"alice-5150\",\n\t\"pass\": \"hunter2-5150\",\n\t\"last\": \"omega-5150\"\n}\n",
    ),
    (
        "a.env",
        "user=alice-5150\npass=hunter2-5150\nlast=omega-5150\n",
    ),
    (
        "a.ini",
        "[s]\nuser = alice-5150\npass = hunter2-5150\nlast = omega-5150\n",
    ),
];

const VALUES: &[&str] = &[
    "alice-5150",
    "hunter2-5150",
    "omega-5150",
    "theirs-5150",
    "ours-5150",
];

/// A repository with this file sealed and committed, and the drivers in place.
fn repository(file: &str, text: &str) -> Scene {
    let scene = Scene::with_age().in_git().file(file, text);
    super::seal(&scene, file);
    scene.git("add .").succeeds();
    scene.run("git setup").succeeds();
    commit(&scene, "base");
    scene
}

fn commit(scene: &Scene, message: &str) {
    scene.git("add --all").succeeds();
    scene
        .git(&format!("commit --quiet -m {message}"))
        .succeeds();
}

/// Commits one change on a branch and another on main, and merges.
fn merged(scene: &Scene, theirs: impl FnOnce(&Scene), ours: impl FnOnce(&Scene)) -> Run {
    scene.git("checkout --quiet -b topic").succeeds();
    theirs(scene);
    commit(scene, "theirs");
    scene.git("checkout --quiet main").succeeds();
    ours(scene);
    commit(scene, "ours");
    scene.git("merge --no-edit topic")
}

/// The path of a key of the file.
fn path(file: &str, key: &str) -> String {
    match file {
        "a.ini" => format!("[\"s\"][\"{key}\"]"),
        _ => format!("[\"{key}\"]"),
    }
}

fn set(scene: &Scene, file: &str, key: &str, value: &str) {
    let act = scene.cmd(["set", file, &path(file, key), &format!("\"{value}\"")]);
    act.run().succeeds();
}

fn get(scene: &Scene, file: &str, key: &str) -> String {
    let act = scene.cmd(["decrypt", "--extract", &path(file, key), file]);
    act.reveals().run().succeeds().out()
}

#[test]
fn branches_that_set_different_keys_merge_without_a_person_in_each_format() {
    for (file, text) in FILES {
        let scene = repository(file, text);
        let before = scene.read(file);
        merged(
            &scene,
            |scene| {
                set(scene, file, "pass", "theirs-5150");
                set(scene, file, "new_there", "more-5150");
            },
            |scene| {
                set(scene, file, "user", "ours-5150");
                set(scene, file, "new_here", "other-5150");
            },
        )
        .succeeds();

        for (key, value) in [
            ("user", "ours-5150"),
            ("pass", "theirs-5150"),
            ("last", "omega-5150"),
            ("new_here", "other-5150"),
            ("new_there", "more-5150"),
        ] {
            assert_eq!(get(&scene, file, key), value, "{file}: {key}");
        }
        let after = scene.read(file);
        let untouched = before.lines().find(|line| line.contains("last")).unwrap();
        assert!(
            after.contains(untouched),
            "{file}: the token of an untouched value is new"
        );
        let theirs = scene.git(&format!("show topic:{file}")).succeeds().out();
        let theirs = theirs.lines().find(|line| line.contains("pass")).unwrap();
        assert!(after.contains(theirs), "{file}: the token of theirs is new");
        let sops = scene.sops(&format!(
            "decrypt --extract '{}' {file}",
            path(file, "pass")
        ));
        assert_eq!(sops.succeeds().out(), "theirs-5150", "{file}");
        assert_eq!(
            scene.git("status --porcelain").succeeds().out(),
            "",
            "{file}"
        );
    }
}

#[test]
fn comments_of_both_sides_and_keys_that_are_gone_are_merged() {
    let (file, text) = FILES[0];
    let scene = repository(file, text);
    let onto = |scene: &Scene, text: &str| {
        scene.write("clear.yaml", text);
        scene
            .run("encrypt --overwrite --onto a.yaml clear.yaml")
            .succeeds();
        std::fs::remove_file(scene.path("clear.yaml")).unwrap();
    };
    merged(
        &scene,
        |scene| onto(scene, "# the node's own, by them\nuser: alice-5150\nlast: omega-5150\n"),
        |scene| {
            onto(
                scene,
                "# the node's own\nuser: alice-5150\npass: hunter2-5150\n# by us\nlast: ours-5150\n",
            );
        },
    )
    .succeeds();
    let run = scene.cmd(["decrypt", file]).reveals().run().succeeds();
    run.stdout("# the node's own, by them\nuser: alice-5150\n# by us\nlast: ours-5150\n");
}

#[test]
fn a_conflict_is_named_by_its_key_and_leaves_a_file_that_opens() {
    for (file, text) in FILES {
        let scene = repository(file, text);
        let run = merged(
            &scene,
            |scene| {
                set(scene, file, "pass", "theirs-5150");
                set(scene, file, "last", "new-5150");
            },
            |scene| set(scene, file, "pass", "ours-5150"),
        );
        let place = path(file, "pass");
        run.fails(1)
            .stderr_has(&format!(
                "{file}: conflict: {place} was changed on both sides"
            ))
            .stderr_has(&format!("clsecrets set {file} '{place}' --prompt"))
            .stdout_has("CONFLICT");
        assert_eq!(get(&scene, file, "pass"), "ours-5150");
        assert_eq!(get(&scene, file, "last"), "new-5150");
        assert!(!scene.read(file).contains("<<<<<<<"));
        let listed = scene.git("diff --name-only --diff-filter=U").succeeds();
        listed.stdout(format!("{file}\n"));

        // The hints lead out of it.
        let theirs = scene
            .git(&format!("show MERGE_HEAD:{file}"))
            .succeeds()
            .stdout;
        let extract = [
            "decrypt",
            "--filename-override",
            file,
            "--extract",
            &place,
            "-",
        ];
        let run = scene.cmd(extract).stdin(theirs).reveals().run().succeeds();
        run.stdout("theirs-5150");
        scene.git(&format!("add {file}")).succeeds();
        scene.git("commit --quiet --no-edit").succeeds();
        assert_eq!(scene.leaks(VALUES, &[]), [""; 0]);
    }
}

#[test]
fn rebase_and_cherry_pick_merge_as_well() {
    let (file, text) = FILES[0];
    let scene = repository(file, text);
    scene.git("checkout --quiet -b topic").succeeds();
    set(&scene, file, "pass", "theirs-5150");
    commit(&scene, "theirs");
    scene.git("checkout --quiet main").succeeds();
    set(&scene, file, "user", "ours-5150");
    commit(&scene, "ours");
    scene.git("checkout --quiet -b picked").succeeds();
    scene.git("cherry-pick topic").succeeds();
    assert_eq!(get(&scene, file, "user"), "ours-5150");
    scene.git("checkout --quiet topic").succeeds();
    scene.git("rebase --quiet main").succeeds();
    assert_eq!(get(&scene, file, "pass"), "theirs-5150");
    assert_eq!(get(&scene, file, "user"), "ours-5150");
}

#[test]
fn files_that_both_sides_have_added_are_merged_key_by_key() {
    let scene = repository("a.yaml", "user: alice-5150\n");
    let add = |scene: &Scene, text: &str| {
        scene.write("b.yaml", text);
        super::seal(scene, "b.yaml");
    };
    scene.write(".gitattributes", "*.yaml diff=clsecrets merge=clsecrets\n");
    commit(&scene, "attributes");
    merged(
        &scene,
        |scene| add(scene, "same: omega-5150\nthere: theirs-5150\n"),
        |scene| add(scene, "same: omega-5150\nhere: ours-5150\n"),
    )
    .succeeds();
    for (key, value) in [
        ("same", "omega-5150"),
        ("there", "theirs-5150"),
        ("here", "ours-5150"),
    ] {
        assert_eq!(get(&scene, "b.yaml", key), value);
    }
}

#[test]
fn key_groups_that_cannot_be_merged_are_a_conflict_and_ours_is_kept() {
    let (file, text) = FILES[0];
    let scene = repository(file, text);
    merged(
        &scene,
        |scene| {
            let line = format!("rotate -i --add-age {OTHER_RECIPIENT} {file}");
            scene.run(&line).succeeds();
        },
        |scene| {
            // In two groups now, where nobody knows to which the other one belongs.
            let line = format!("groups add --file {file} -i --age {RECIPIENT}");
            scene.run(&line).succeeds();
        },
    )
    .fails(1)
    .stderr_has("the key groups of ours are not those of theirs")
    .stderr_has("a.yaml: not merged; ours is kept")
    .stdout_has("CONFLICT");
    let merged = scene.read(file);
    assert!(merged.contains("key_groups:") && !merged.contains(OTHER_RECIPIENT));
    assert_eq!(get(&scene, file, "pass"), "hunter2-5150");
}

#[test]
fn a_reader_of_the_rule_comes_in_and_a_key_that_one_side_has_changed_is_changed_once_more() {
    let (file, text) = FILES[0];
    // A reader more on one side, the data key as it was.
    let scene = repository(file, text);
    let rules = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
    scene.write(".sops.yaml", &rules);
    commit(&scene, "rules");
    merged(
        &scene,
        |scene| {
            scene.sops(&format!("updatekeys -y {file}")).succeeds();
        },
        |scene| set(scene, file, "user", "ours-5150"),
    )
    .succeeds()
    .stderr_has(&format!(
        "{file}: {OTHER_RECIPIENT} can open it now, as the creation rule says"
    ));
    let text_of = |scene: &Scene| scene.read(file).matches("BEGIN AGE ENCRYPTED FILE").count();
    assert_eq!(text_of(&scene), 2);
    let other = crate::support::identities("B");
    let decrypt = ["decrypt", "--extract", "[\"user\"]", file];
    let run = scene
        .cmd(decrypt)
        .without("SOPS_AGE_KEY_FILE")
        .env("SOPS_AGE_KEY", &other);
    run.reveals().run().succeeds().stdout("ours-5150");

    // Another data key on one side, a reader more on the other.
    let scene = repository(file, text);
    let before = scene.read(file);
    merged(
        &scene,
        |scene| drop(scene.sops(&format!("rotate -i {file}")).succeeds()),
        |scene| {
            scene.write(".sops.yaml", &rules);
            scene.sops(&format!("updatekeys -y {file}")).succeeds();
            set(scene, file, "user", "ours-5150");
        },
    )
    .succeeds();
    let after = scene.read(file);
    assert_ne!(
        line(&before, "last"),
        line(&after, "last"),
        "the old key is back"
    );
    let theirs = scene.git(&format!("show topic:{file}")).succeeds().out();
    assert_ne!(line(&theirs, "last"), line(&after, "last"));
    for (key, value) in [("user", "ours-5150"), ("last", "omega-5150")] {
        assert_eq!(get(&scene, file, key), value);
    }
    let run = scene
        .cmd(decrypt)
        .without("SOPS_AGE_KEY_FILE")
        .env("SOPS_AGE_KEY", &other);
    run.reveals().run().succeeds().stdout("ours-5150");
    scene.sops(&format!("decrypt {file}")).succeeds();
}

#[test]
fn what_cannot_be_opened_or_is_not_sealed_leaves_ours_and_is_a_conflict() {
    let (file, text) = FILES[0];
    let scene = repository(file, text);
    scene.git("checkout --quiet -b topic").succeeds();
    set(&scene, file, "pass", "theirs-5150");
    commit(&scene, "theirs");
    scene.git("checkout --quiet main").succeeds();
    set(&scene, file, "user", "ours-5150");
    commit(&scene, "ours");
    let ours = scene.bytes(file);

    let keyless = scene
        .other("git", ["merge", "--no-edit", "topic"])
        .without("SOPS_AGE_KEY_FILE");
    let run = keyless.run().fails(1).stdout_has("CONFLICT");
    run.stderr_has(&format!(
        "cannot open {file} (ours): its only recipient is not usable"
    ))
    .stderr_has(&format!("{file}: not merged; ours is kept"));
    assert_eq!(scene.bytes(file), ours);
    scene.git("merge --abort").succeeds();

    scene.git("checkout --quiet topic").succeeds();
    scene.write(file, "pass: theirs-5150\n");
    commit(&scene, "clear");
    scene.git("checkout --quiet main").succeeds();
    let run = scene.git("merge --no-edit topic").fails(1);
    run.stderr_has(&format!("cannot open {file} (theirs): it is not sealed"));
    assert_eq!(scene.bytes(file), ours);
}

#[test]
fn a_diff_shows_which_keys_changed_without_a_key_and_never_a_value() {
    for (file, text) in FILES {
        let scene = repository(file, text);
        set(&scene, file, "pass", "ours-5150");
        let diff = scene
            .other("git", ["diff"])
            .without("SOPS_AGE_KEY_FILE")
            .run()
            .succeeds();
        let out = diff.out();
        let changed: Vec<&str> = out
            .lines()
            .filter(|line| {
                line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
            })
            .collect();
        assert_eq!(changed.len(), 2, "{out}");
        assert!(
            changed
                .iter()
                .all(|line| line.contains("pass") && line.contains("<sealed str ")),
            "{out}"
        );
        let shown = scene
            .run(&format!("git textconv {file}"))
            .succeeds()
            .stderr("");
        let shown = shown.stdout_has(&format!("# can open it: age {RECIPIENT}\n"));
        assert!(!shown.out().contains("lastmodified"), "{}", shown.out());
        assert_eq!(scene.leaks(VALUES, &[]), [""; 0], "{file}");
    }
}

#[test]
fn a_diff_in_clear_is_for_whoever_asks_for_it_and_has_the_key() {
    let (file, text) = FILES[0];
    let scene = repository(file, text);
    scene.run("git setup --reveal").succeeds();
    set(&scene, file, "pass", "ours-5150");
    let diff = scene.other("git", ["diff"]).reveals().run().succeeds();
    diff.stdout_has("-pass: hunter2-5150\n")
        .stdout_has("+pass: ours-5150\n");
    let keyless = scene
        .other("git", ["diff"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .succeeds();
    keyless.stdout_has("+pass: <sealed str ");
    assert_eq!(scene.leaks(VALUES, &[]), [""; 0]);
}

#[test]
fn what_is_clear_or_broken_is_not_shown_either() {
    let scene = Scene::with_age().file("a.yaml", "pass: hunter2-5150\n");
    scene
        .run("git textconv a.yaml")
        .succeeds()
        .stdout("pass: <in clear: string>\n# not sealed; values are not shown\n");
    super::seal(&scene, "a.yaml");
    let sealed = scene.read("a.yaml");
    let token = line(&sealed, "pass").to_owned();
    scene.write("a.yaml", sealed.replace(&token, "hunter2-5150"));
    scene
        .run("git textconv a.yaml")
        .succeeds()
        .stdout_has("<in clear: string>");
    scene.write(
        "a.yaml",
        format!("<<<<<<< ours\n{sealed}=======\npass: hunter2-5150\n"),
    );
    let broken = scene.run("git textconv a.yaml").succeeds();
    broken.stdout_has("# cannot be read from line ");
    scene.run("git textconv none.yaml").fails(100);
    std::fs::remove_file(scene.path("a.yaml")).unwrap();
    assert_eq!(scene.leaks(VALUES, &[]), [""; 0]);
}

#[test]
fn setup_names_sealed_files_keeps_the_rest_and_can_be_taken_away() {
    let scene = Scene::with_age()
        .in_git()
        .file(".gitattributes", "*.png binary\n")
        .file("a b.yaml", "pass: hunter2-5150\n")
        .file("clear.yaml", "x: 1\n");
    scene
        .cmd(["encrypt", "-i", "--age", RECIPIENT, "a b.yaml"])
        .run()
        .succeeds();
    scene.git("add .").succeeds();
    scene.run("git setup secrets/*.json").succeeds();
    let expected = "*.png binary\n# >>> clsecrets >>>\n\"/a b.yaml\" diff=clsecrets merge=clsecrets\n\
                    secrets/*.json diff=clsecrets merge=clsecrets\n# <<< clsecrets <<<\n";
    assert_eq!(scene.read(".gitattributes"), expected);
    let attribute = |file: &str| {
        scene
            .other("git", ["check-attr", "merge", file])
            .run()
            .succeeds()
            .out()
    };
    assert_eq!(attribute("a b.yaml"), "a b.yaml: merge: clsecrets\n");
    assert_eq!(
        attribute("secrets/x.json"),
        "secrets/x.json: merge: clsecrets\n"
    );
    assert_eq!(attribute("clear.yaml"), "clear.yaml: merge: unspecified\n");
    scene
        .git("config merge.clsecrets.driver")
        .succeeds()
        .stdout("clsecrets git merge %O %A %B %P\n");

    scene.run("git setup").succeeds().stderr("");
    assert_eq!(scene.read(".gitattributes"), expected);
    let (gone, _) = differing_lines(expected, "*.png binary\n");
    assert_eq!(gone.len(), 4);
    scene.run("git setup --uninstall").succeeds();
    assert_eq!(scene.read(".gitattributes"), "*.png binary\n");
    scene.git("config merge.clsecrets.driver").fails(1);
    scene.git("config diff.clsecrets.textconv").fails(1);
}

#[test]
fn setup_without_a_repository_or_anything_sealed_says_what_to_do() {
    let scene = Scene::new();
    scene
        .run("git setup")
        .fails(1)
        .stderr_has("hint: run it in the work tree of a git repository");
    let scene = scene.in_git();
    scene
        .run("git setup")
        .fails(1)
        .stderr_has("no sealed file is tracked here");
    assert!(!scene.has(".gitattributes"));
}

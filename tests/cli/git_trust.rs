//! What a branch brings never chooses the data key, the readers, the threshold or the rule of a merged
//! file: with the real git, and with the key of whoever made the branch.

use super::{ENVIRONMENTS, RULES, SEALED, SECRETS};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Run, Scene, THIRD_RECIPIENT, identities};

/// What main says in the end, and whoever made the branch must not read.
const NEW: &str = "news-of-main-7731";

/// A committed environment, whose file is open to `A`, with the drivers in place.
fn environment() -> Scene {
    let scene = Scene::with_age()
        .in_git()
        .file(".sops.yaml", RULES)
        .file("clsecrets.yaml", ENVIRONMENTS);
    committed(scene, SEALED)
}

/// A committed file that no environment and no rule names.
fn plain() -> Scene {
    committed(Scene::with_age().in_git(), "a.yaml")
}

fn committed(scene: Scene, file: &str) -> Scene {
    scene.write("clear.yaml", SECRETS);
    let line =
        format!("encrypt --age {RECIPIENT} --filename-override {file} --output {file} clear.yaml");
    std::fs::create_dir_all(scene.path(file).parent().unwrap()).unwrap();
    scene.run(&line).succeeds();
    std::fs::remove_file(scene.path("clear.yaml")).unwrap();
    scene.git("add .").succeeds();
    scene.run("git setup").succeeds();
    commit(&scene, "base");
    scene
}

fn commit(scene: &Scene, message: &str) {
    scene.git("add --all").succeeds();
    let line = format!("commit --quiet --no-verify -m {message}");
    scene.git(&line).succeeds();
}

fn git(scene: &Scene, line: &str) {
    scene.git(line).succeeds();
}

fn set(scene: &Scene, file: &str, key: &str, value: &str) {
    let path = format!("[\"{key}\"]");
    scene
        .cmd(["set", file, &path, &format!("\"{value}\"")])
        .run()
        .succeeds();
}

fn get(scene: &Scene, file: &str, key: &str) -> String {
    let path = format!("[\"{key}\"]");
    let act = scene.cmd(["decrypt", "--extract", &path, file]);
    act.reveals().run().succeeds().out()
}

/// The text parted at the entries of its `age` list.
fn parted(text: &str) -> (String, Vec<String>, String) {
    let (before, rest) = text.split_once("    age:\n").unwrap();
    let mut entries: Vec<String> = Vec::new();
    let mut after = String::new();
    for line in rest.split_inclusive('\n') {
        match line {
            _ if !after.is_empty() => after.push_str(line),
            _ if line.starts_with("        - ") => entries.push(line.to_owned()),
            _ if line.starts_with("          ") => entries.last_mut().unwrap().push_str(line),
            _ => after.push_str(line),
        }
    }
    (format!("{before}    age:\n"), entries, after)
}

fn without(text: &str, recipient: &str) -> String {
    let (before, mut entries, after) = parted(text);
    entries.retain(|entry| !entry.contains(recipient));
    before + &entries.concat() + &after
}

fn with(text: &str, entry: &str) -> String {
    let (before, entries, after) = parted(text);
    before + entry + &entries.concat() + &after
}

/// The branch: every value sealed anew under a data key that `B` knows, whose own entry is then deleted.
/// Returns that entry, which opens whatever is sealed under that data key.
fn reseal(scene: &Scene, file: &str) -> String {
    let clear = scene
        .cmd(["decrypt", file])
        .reveals()
        .run()
        .succeeds()
        .out();
    scene.write("clear-b.yaml", &clear);
    let line = format!("encrypt --age {RECIPIENT},{OTHER_RECIPIENT} clear-b.yaml");
    let text = scene.sops(&line).succeeds().out();
    std::fs::remove_file(scene.path("clear-b.yaml")).unwrap();
    let (_, entries, _) = parted(&text);
    scene.write(file, without(&text, OTHER_RECIPIENT));
    let own = entries
        .into_iter()
        .find(|entry| entry.contains(OTHER_RECIPIENT));
    own.unwrap()
}

/// Whether `B` opens a text, with an entry of their own put back.
fn opens(scene: &Scene, text: &str, entry: &str) -> bool {
    if !text.contains("    age:\n") {
        return false;
    }
    let act = scene
        .cmd([
            "decrypt",
            "--ignore-mac",
            "--filename-override",
            "x.yaml",
            "-",
        ])
        .stdin(with(text, entry))
        .without("SOPS_AGE_KEY_FILE")
        .env("SOPS_AGE_KEY", identities("B"));
    act.reveals().run().status == 0
}

/// No text that the operation left is open to `B` and holds the news.
#[track_caller]
fn is_closed(scene: &Scene, file: &str, entry: &str) {
    let mut texts = vec![scene.read(file)];
    texts.push(scene.git(&format!("show HEAD:{file}")).succeeds().out());
    for text in texts {
        let act = scene
            .cmd(["decrypt", "--filename-override", "x.yaml", "-"])
            .stdin(&text);
        let clear = act.reveals().run();
        if clear.out().contains(NEW) {
            assert!(!opens(scene, &text, entry), "B reads the news");
        }
    }
}

/// Each operation: it is given a scene on main, whose file is sealed for `A`; the branch `topic` is made by
/// `theirs`, and main gets the news. Returns how it ended.
type Operation = fn(&Scene, &str, &mut dyn FnMut(&Scene)) -> Run;

fn parallel(scene: &Scene, file: &str, theirs: &mut dyn FnMut(&Scene)) {
    git(scene, "checkout --quiet -b topic");
    theirs(scene);
    commit(scene, "theirs");
    git(scene, "checkout --quiet main");
    set(scene, file, "tiingo_api_key", NEW);
    commit(scene, "ours");
}

const OPERATIONS: [(&str, Operation); 9] = [
    ("merge", |scene, file, theirs| {
        parallel(scene, file, theirs);
        scene.git("merge --no-edit topic")
    }),
    ("merge into theirs", |scene, file, theirs| {
        parallel(scene, file, theirs);
        git(scene, "checkout --quiet topic");
        scene.git("merge --no-edit main")
    }),
    ("rebase of theirs", |scene, file, theirs| {
        parallel(scene, file, theirs);
        git(scene, "checkout --quiet topic");
        scene.git("rebase main")
    }),
    ("rebase onto theirs", |scene, file, theirs| {
        parallel(scene, file, theirs);
        scene.git("rebase topic")
    }),
    ("rebase --apply of theirs", |scene, file, theirs| {
        parallel(scene, file, theirs);
        git(scene, "checkout --quiet topic");
        scene.git("rebase --apply main")
    }),
    ("cherry-pick", |scene, file, theirs| {
        parallel(scene, file, theirs);
        scene.git("cherry-pick topic")
    }),
    ("revert", |scene, file, theirs| {
        // Theirs is what the revert goes back to.
        theirs(scene);
        commit(scene, "theirs");
        git(scene, "revert --no-edit HEAD");
        set(scene, file, "tiingo_api_key", NEW);
        commit(scene, "ours");
        scene.git("revert --no-edit HEAD~1")
    }),
    ("stash pop", |scene, file, theirs| {
        theirs(scene);
        git(scene, "stash --quiet");
        set(scene, file, "tiingo_api_key", NEW);
        commit(scene, "ours");
        scene.git("stash pop")
    }),
    ("am -3", |scene, file, theirs| {
        parallel(scene, file, theirs);
        let patch = scene
            .git("format-patch -1 --stdout topic")
            .succeeds()
            .stdout;
        scene.other("git", ["am", "-3"]).stdin(patch).run()
    }),
];

#[test]
fn a_data_key_that_a_branch_has_chosen_opens_nothing_after_any_operation() {
    for make in [environment as fn() -> Scene, plain] {
        for (operation, run) in OPERATIONS {
            let scene = make();
            let file = if scene.has(SEALED) { SEALED } else { "a.yaml" };
            let mut entry = String::new();
            let ended = run(&scene, file, &mut |scene| {
                set(scene, file, "user_password", "theirs-7731");
                entry = reseal(scene, file);
                // With the entry back, it is theirs to read: the attack is one.
                assert!(opens(scene, &scene.read(file), &entry));
            });
            assert_eq!(
                ended.status,
                0,
                "{operation}: {}{}",
                ended.out(),
                ended.err()
            );
            assert_eq!(get(&scene, file, "tiingo_api_key"), NEW, "{operation}");
            assert_eq!(
                get(&scene, file, "user_password"),
                "theirs-7731",
                "{operation}"
            );
            is_closed(&scene, file, &entry);
            assert!(!opens(&scene, &scene.read(file), &entry), "{operation}");
            scene.sops(&format!("decrypt {file}")).succeeds();
            assert!(
                ended.err().contains("it has a new data key"),
                "{operation}: {}",
                ended.err()
            );
        }
    }
}

#[test]
fn an_entry_that_nobody_has_wrapped_for_gets_no_key_by_any_operation() {
    let planted = format!("        - recipient: {OTHER_RECIPIENT}\n");
    for make in [environment as fn() -> Scene, plain] {
        for (operation, run) in OPERATIONS {
            let scene = make();
            let file = if scene.has(SEALED) { SEALED } else { "a.yaml" };
            let ended = run(&scene, file, &mut |scene| {
                set(scene, file, "user_password", "theirs-7731");
                scene.write(file, with(&scene.read(file), &planted));
            });
            assert_ne!(ended.status, 0, "{operation}: {}", ended.err());
            let words = format!("{OTHER_RECIPIENT} stands in ");
            assert!(ended.err().contains(&words), "{operation}: {}", ended.err());
            let merged = scene.read(file);
            assert!(!merged.contains(OTHER_RECIPIENT), "{operation}: {merged}");
            assert_eq!(get(&scene, file, "tiingo_api_key"), NEW, "{operation}");
            assert_eq!(
                get(&scene, file, "user_password"),
                "theirs-7731",
                "{operation}"
            );
        }
    }
}

/// Those where HEAD is not the branch that `theirs` has made.
fn from_outside() -> impl Iterator<Item = (&'static str, Operation)> {
    let all = OPERATIONS.into_iter();
    all.filter(|(name, _)| *name != "merge into theirs")
}

#[test]
fn a_reader_whom_only_a_branch_names_stays_out_with_its_own_rules_too() {
    for make in [environment as fn() -> Scene, plain] {
        for (operation, run) in from_outside() {
            let scene = make();
            let is_environment = scene.has(SEALED);
            let file = if is_environment { SEALED } else { "a.yaml" };
            let ended = run(&scene, file, &mut |scene| {
                let both = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
                scene.write(".sops.yaml", both);
                scene.run(&format!("updatekeys --yes {file}")).succeeds();
                set(scene, file, "user_password", "theirs-7731");
                // Untracked files are not stashed.
                git(scene, "add .sops.yaml");
            });
            assert_ne!(ended.status, 0, "{operation}: {}", ended.err());
            let named = ended
                .err()
                .lines()
                .any(|line| line.contains("conflict: ") && line.contains(OTHER_RECIPIENT));
            assert!(named, "{operation}: {}", ended.err());
            assert!(!scene.read(file).contains(OTHER_RECIPIENT), "{operation}");
            // Who had the old data key in their hands cannot open the merged file by it.
            let branch = scene.git(&format!("show topic:{file}"));
            if branch.status == 0 {
                let (_, entries, _) = parted(&branch.out());
                let own = entries.iter().find(|entry| entry.contains(OTHER_RECIPIENT));
                assert!(
                    !opens(&scene, &scene.read(file), own.unwrap()),
                    "{operation}"
                );
            }
            // On purpose: what the conflict proposes.
            if is_environment {
                let run = scene.run(&format!("updatekeys --yes {file}"));
                if scene.read(".sops.yaml").contains(OTHER_RECIPIENT) {
                    run.succeeds();
                    assert!(scene.read(file).contains(OTHER_RECIPIENT), "{operation}");
                }
            }
        }
    }
}

#[test]
fn rules_that_an_earlier_commit_of_the_same_operation_has_brought_do_not_count() {
    let prepared = || {
        let scene = environment();
        git(&scene, "checkout --quiet -b topic");
        let both = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
        scene.write(".sops.yaml", both);
        commit(&scene, "rules");
        scene.run(&format!("updatekeys --yes {SEALED}")).succeeds();
        set(&scene, SEALED, "user_password", "theirs-7731");
        commit(&scene, "values");
        git(&scene, "checkout --quiet main");
        set(&scene, SEALED, "tiingo_api_key", NEW);
        commit(&scene, "ours");
        scene
    };
    for operation in [
        "cherry-pick main..topic",
        "rebase main topic",
        "rebase --apply main topic",
        "am",
    ] {
        let scene = prepared();
        let run = if operation == "am" {
            let patch = scene
                .git("format-patch --stdout main..topic")
                .succeeds()
                .stdout;
            scene.other("git", ["am", "-3"]).stdin(patch).run()
        } else {
            scene.git(operation)
        };
        assert_ne!(run.status, 0, "{operation}");
        run.stderr_has(&format!(
            "conflict: {OTHER_RECIPIENT} can open theirs, and rule 1 of .sops.yaml in "
        ));
        assert!(!scene.read(SEALED).contains(OTHER_RECIPIENT), "{operation}");
        assert_eq!(get(&scene, SEALED, "tiingo_api_key"), NEW, "{operation}");
    }
}

#[test]
fn a_reader_whom_the_rule_in_head_names_comes_in_without_a_person() {
    for file in [SEALED, "a.yaml"] {
        let scene = if file == SEALED {
            environment()
        } else {
            plain()
        };
        git(&scene, "checkout --quiet -b topic");
        set(&scene, file, "user_password", "theirs-7731");
        commit(&scene, "theirs");
        git(&scene, "checkout --quiet main");
        let both = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
        scene.write(".sops.yaml", both);
        scene.run(&format!("updatekeys --yes {file}")).succeeds();
        set(&scene, file, "tiingo_api_key", NEW);
        commit(&scene, "ours");
        let before = scene.read(file);
        scene
            .git("merge --no-edit topic")
            .succeeds()
            .stderr_lacks("new data key");
        let act = scene
            .cmd(["decrypt", "--extract", "[\"user_password\"]", file])
            .without("SOPS_AGE_KEY_FILE")
            .env("SOPS_AGE_KEY", identities("B"));
        act.reveals().run().succeeds().stdout("theirs-7731");
        // Untouched values keep their tokens.
        assert_eq!(
            super::line(&before, "wallet_password"),
            super::line(&scene.read(file), "wallet_password")
        );
    }
}

#[test]
fn whoever_was_taken_away_stays_away_and_the_data_key_is_another() {
    let scene = plain();
    let both = format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml");
    scene.run(&both).succeeds();
    commit(&scene, "both");
    let (_, entries, _) = parted(&scene.read("a.yaml"));
    let own = entries
        .into_iter()
        .find(|entry| entry.contains(OTHER_RECIPIENT))
        .unwrap();
    git(&scene, "checkout --quiet -b topic");
    // Taken away without a new data key, as sops does it.
    scene.write("a.yaml", without(&scene.read("a.yaml"), OTHER_RECIPIENT));
    commit(&scene, "theirs");
    git(&scene, "checkout --quiet main");
    set(&scene, "a.yaml", "tiingo_api_key", NEW);
    commit(&scene, "ours");
    assert!(opens(&scene, &scene.read("a.yaml"), &own));
    scene
        .git("merge --no-edit topic")
        .succeeds()
        .stderr_has(&format!(
            "{OTHER_RECIPIENT}, who could open ours, cannot open it"
        ))
        .stderr_has("it has a new data key");
    assert!(!opens(&scene, &scene.read("a.yaml"), &own));
}

#[test]
fn a_rule_that_a_branch_has_loosened_seals_nothing_less() {
    for make in [environment as fn() -> Scene, plain] {
        for (operation, run) in OPERATIONS {
            let scene = make();
            let file = if scene.has(SEALED) { SEALED } else { "a.yaml" };
            let ended = run(&scene, file, &mut |scene| {
                let text = scene.read(file);
                let loose = text.replace(
                    "unencrypted_suffix: _unencrypted",
                    "unencrypted_regex: ^bea_api_key$",
                );
                assert_ne!(text, loose);
                scene.write(file, loose);
                let value = ["set", file, "[\"user_password\"]", "\"theirs-7731\""];
                scene
                    .cmd(value.iter().chain(&["--force-rule"]))
                    .run()
                    .succeeds();
            });
            assert_ne!(ended.status, 0, "{operation}: {}", ended.err());
            let named = ended.err().lines().any(|line| {
                line.contains("conflict: ") && line.contains("unencrypted_regex: ^bea_api_key$")
            });
            assert!(named, "{operation}: {}", ended.err());
            let merged = scene.read(file);
            assert!(!merged.contains("bea_api_key"), "{operation}: {merged}");
            set(&scene, file, "bea_api_key", NEW);
            assert!(!scene.read(file).contains(NEW), "{operation}");
        }
    }
}

#[test]
fn a_threshold_that_a_branch_has_lowered_stays_as_it_was() {
    let rules = "creation_rules:\n  - shamir_threshold: 3\n    key_groups:\n";
    let groups = [RECIPIENT, OTHER_RECIPIENT, THIRD_RECIPIENT]
        .map(|one| format!("      - age:\n          - {one}\n"))
        .concat();
    for is_environment in [true, false] {
        for (operation, run) in from_outside() {
            let scene = Scene::holding("ABC").in_git();
            let scene = if is_environment {
                let scene = scene.file("clsecrets.yaml", ENVIRONMENTS);
                scene.file(".sops.yaml", format!("{rules}{groups}"))
            } else {
                scene
            };
            let file = if is_environment { SEALED } else { "a.yaml" };
            scene.write("clear.yaml", SECRETS);
            scene.write("rules.yaml", format!("{rules}{groups}"));
            std::fs::create_dir_all(scene.path("secrets/dev")).unwrap();
            let mut line = format!("encrypt --filename-override {file} --output {file} clear.yaml");
            if !is_environment {
                line.push_str(" --config rules.yaml");
            }
            scene.run(&line).succeeds();
            std::fs::remove_file(scene.path("clear.yaml")).unwrap();
            git(&scene, "add .");
            scene.run("git setup").succeeds();
            commit(&scene, "base");
            let ended = run(&scene, file, &mut |scene| {
                let low = rules.replace('3', "2");
                scene.write(".sops.yaml", format!("{low}{groups}"));
                scene.run(&format!("updatekeys --yes {file}")).succeeds();
                set(scene, file, "user_password", "theirs-7731");
                git(scene, "add .sops.yaml");
            });
            assert_ne!(ended.status, 0, "{operation}: {}", ended.err());
            let text = scene.read(file);
            assert!(
                text.contains("shamir_threshold: 3"),
                "{operation}: {}\n{text}",
                ended.err()
            );
            let named = ended.err().contains("conflict: shamir_threshold is ")
                || ended.err().contains("how many of them are needed");
            assert!(named, "{operation}: {}", ended.err());
        }
    }
}

#[test]
fn a_merge_without_an_ancestor_and_one_with_two_choose_no_key_either() {
    // Two histories that know nothing of each other.
    let scene = environment();
    git(&scene, "checkout --quiet --orphan topic");
    let entry = reseal(&scene, SEALED);
    commit(&scene, "theirs");
    git(&scene, "checkout --quiet main");
    set(&scene, SEALED, "bea_api_key", NEW);
    commit(&scene, "ours");
    scene
        .git("merge --no-edit --allow-unrelated-histories topic")
        .succeeds()
        .stderr_has("it has a new data key");
    assert_eq!(get(&scene, SEALED, "bea_api_key"), NEW);
    is_closed(&scene, SEALED, &entry);

    // Criss-cross: each side has merged the other's past.
    let scene = environment();
    git(&scene, "checkout --quiet -b topic");
    set(&scene, SEALED, "user_password", "theirs-7731");
    let entry = reseal(&scene, SEALED);
    commit(&scene, "theirs");
    git(&scene, "tag theirs-1");
    git(&scene, "checkout --quiet main");
    set(&scene, SEALED, "wallet_password", "ours-7731");
    commit(&scene, "ours");
    git(&scene, "tag ours-1");
    git(&scene, "merge --no-edit theirs-1");
    git(&scene, "checkout --quiet topic");
    git(&scene, "merge --no-edit ours-1");
    set(
        &scene,
        SEALED,
        "cryptocompare_api_key",
        "more-of-theirs-7731",
    );
    let later = reseal(&scene, SEALED);
    commit(&scene, "theirs-2");
    git(&scene, "checkout --quiet main");
    set(&scene, SEALED, "tiingo_api_key", NEW);
    commit(&scene, "ours-2");
    let bases = scene.git("merge-base --all main topic").succeeds().out();
    assert_eq!(bases.lines().count(), 2);
    scene.git("merge --no-edit topic").succeeds();
    for (key, value) in [
        ("tiingo_api_key", NEW),
        ("cryptocompare_api_key", "more-of-theirs-7731"),
        ("user_password", "theirs-7731"),
        ("wallet_password", "ours-7731"),
    ] {
        assert_eq!(get(&scene, SEALED, key), value);
    }
    is_closed(&scene, SEALED, &entry);
    is_closed(&scene, SEALED, &later);
}

#[test]
fn an_octopus_merges_no_sealed_file_and_gives_nothing_away() {
    let scene = environment();
    git(&scene, "checkout --quiet -b other");
    scene.write("other.txt", "x\n");
    commit(&scene, "other");
    git(&scene, "checkout --quiet main");
    let mut entry = String::new();
    parallel(&scene, SEALED, &mut |scene| {
        set(scene, SEALED, "user_password", "theirs-7731");
        entry = reseal(scene, SEALED);
    });
    let run = scene.git("merge --no-edit other topic");
    assert_ne!(run.status, 0, "{}", run.out());
    for text in [
        scene.read(SEALED),
        scene.git(&format!("show HEAD:{SEALED}")).succeeds().out(),
    ] {
        assert!(!opens(&scene, &text, &entry));
    }
}

#[test]
fn a_new_key_that_cannot_be_given_to_everybody_is_a_conflict() {
    let scene = plain();
    let vault = "    hc_vault:\n        - vault_address: https://vault.example.com\n          engine_path: \
                 sops\n          key_name: one\n          created_at: \"2024-01-01T00:00:00Z\"\n          enc: vault:v1:AAAA\n";
    let text = scene
        .read("a.yaml")
        .replace("    lastmodified:", &format!("{vault}    lastmodified:"));
    scene.write("a.yaml", text);
    commit(&scene, "vault");
    let mut theirs = |scene: &Scene| {
        reseal(scene, "a.yaml");
        let text = scene
            .read("a.yaml")
            .replace("    lastmodified:", &format!("{vault}    lastmodified:"));
        scene.write("a.yaml", text);
    };
    parallel(&scene, "a.yaml", &mut theirs);
    let ours = scene.bytes("a.yaml");
    scene
        .git("merge --no-edit topic")
        .fails(1)
        .stderr_has("this build cannot renew what these recipients hold")
        .stderr_has("https://vault.example.com")
        .stderr_has("a.yaml: not merged; ours is kept");
    assert_eq!(scene.bytes("a.yaml"), ours);
}

/// The text with a reader of `B` put before the others, as a branch may have it that merges as text.
fn joined(scene: &Scene, file: &str) {
    let clear = scene
        .cmd(["decrypt", file])
        .reveals()
        .run()
        .succeeds()
        .out();
    scene.write("clear-b.yaml", &clear);
    let line = format!("encrypt --age {RECIPIENT},{OTHER_RECIPIENT} clear-b.yaml");
    let text = scene.sops(&line).succeeds().out();
    std::fs::remove_file(scene.path("clear-b.yaml")).unwrap();
    let (_, entries, _) = parted(&text);
    let own = entries.iter().find(|entry| entry.contains(OTHER_RECIPIENT));
    scene.write(file, with(&scene.read(file), own.unwrap()));
}

/// Where a patch fits, `git am` and `git rebase --apply` ask no driver; a hook looks before the commit.
#[test]
fn a_patch_that_fits_brings_no_reader_past_the_hook() {
    for operation in ["am -3 ../patches/0001-theirs.patch", "rebase --apply topic"] {
        let scene = environment();
        scene.run("hook install").succeeds();
        parallel(&scene, SEALED, &mut |scene| joined(scene, SEALED));
        git(&scene, "format-patch --quiet -1 topic -o ../patches");
        if operation.starts_with("rebase") {
            git(&scene, "checkout --quiet topic");
        }
        let line = operation.replace("--apply topic", "--apply main");
        let run = scene.git(&line);
        assert_ne!(run.status, 0, "{run}");
        let said = format!("{}{}", run.out(), run.err());
        assert!(said.contains("H014"), "{said}");
    }
}

/// The clone's own attributes are heeded before those that a commit on the way brings.
#[test]
fn attributes_of_a_branch_take_no_driver_away() {
    for attributes in ["* merge\n", "* merge=union\n", "* -merge\n"] {
        let scene = environment();
        git(&scene, "checkout --quiet -b topic");
        scene.write("secrets/dev/.gitattributes", attributes);
        scene.write(".gitattributes", "");
        commit(&scene, "attributes");
        joined(&scene, SEALED);
        commit(&scene, "theirs");
        git(&scene, "checkout --quiet main");
        set(&scene, SEALED, "tiingo_api_key", NEW);
        commit(&scene, "ours");
        let run = scene.git("cherry-pick main..topic");
        assert_ne!(run.status, 0, "{run}");
        let merged = scene.read(SEALED);
        assert!(!merged.contains(OTHER_RECIPIENT), "{attributes}: {merged}");
    }
}

/// A file that a branch has moved is merged by its new path, where no driver may be set.
#[test]
fn a_file_that_is_moved_brings_no_reader_past_the_hook() {
    for repoints in [false, true] {
        let scene = environment();
        scene.run("hook install").succeeds();
        git(&scene, "checkout --quiet -b topic");
        joined(&scene, SEALED);
        std::fs::create_dir(scene.path("x")).unwrap();
        git(&scene, &format!("mv {SEALED} x/enc.yaml"));
        if repoints {
            scene.write("clsecrets.yaml", ENVIRONMENTS.replace(SEALED, "x/enc.yaml"));
        }
        commit(&scene, "theirs");
        git(&scene, "checkout --quiet main");
        set(&scene, SEALED, "tiingo_api_key", NEW);
        commit(&scene, "ours");
        let run = scene.git("merge --no-edit topic");
        assert_ne!(run.status, 0, "{run}");
        let said = format!("{}{}", run.out(), run.err());
        assert!(
            said.contains("x/enc.yaml") && said.contains("H014"),
            "{said}"
        );
    }
}

/// Whoever makes an environment name a file that no creation rule covers has not got round the rules.
#[test]
fn a_file_of_an_environment_that_no_rule_covers_is_not_written() {
    let scene = environment();
    std::fs::create_dir(scene.path("x")).unwrap();
    git(&scene, &format!("mv {SEALED} x/enc.yaml"));
    scene.write("clsecrets.yaml", ENVIRONMENTS.replace(SEALED, "x/enc.yaml"));
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - path_regex: ^secrets/\n    age: {RECIPIENT}\n"),
    );
    let before = scene.read("x/enc.yaml");
    let set = ["set", "x/enc.yaml", "[\"new\"]", "\"value\""];
    scene
        .cmd(set)
        .run()
        .fails(1)
        .stderr_has("no creation rule of")
        .stderr_has("--force-recipients");
    scene.run("rotate -i x/enc.yaml").fails(1);
    assert_eq!(scene.read("x/enc.yaml"), before);
    commit(&scene, "moved");
    scene.run("hook --all").fails(1).stdout_has("H014");
    scene
        .run("check x")
        .fails(1)
        .stdout_has("C002 no creation rule of");
    let words = set.iter().copied().chain(["--force-recipients"]);
    scene.cmd(words).run().succeeds();
}

//! A waiver that comes with what it waives is no answer to it, unless it names the file and the finding
//! exactly; and then it is told.

use std::fmt::Write as _;

use crate::support::{Run, Scene};

const SECRET: &str = "url: postgresql://cl:otter-Cobalt-4471@db.prod.internal/cl\n";
const WAIVERS: &str = ".clsecrets/allow.toml";

fn entry(rule: &str, path: &str) -> String {
    format!("[[allow]]\nrule = \"{rule}\"\npath = \"{path}\"\nreason = \"public demo\"\n")
}

fn commit(scene: &Scene) -> String {
    scene.git("add --all --force .").succeeds();
    scene
        .git("commit --quiet --no-verify --allow-empty -m x")
        .succeeds();
    scene.git("rev-parse HEAD").out().trim().to_owned()
}

fn started() -> (Scene, String) {
    let scene = Scene::new().in_git().file("a.yaml", "a: b\n");
    let first = commit(&scene);
    (scene, first)
}

fn rules(run: &Run) -> Vec<String> {
    let report = run.json();
    let found = report["findings"].as_array().unwrap().iter();
    found
        .map(|one| one["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// What a range says, and a push of it to a branch that is there, and one to a new one.
fn of_commits(scene: &Scene, first: &str) -> Vec<Vec<String>> {
    let last = scene.git("rev-parse HEAD").out().trim().to_owned();
    let pushed = |old: &str| {
        let line = format!("refs/heads/x {last} refs/heads/x {old}\n");
        rules(
            &scene
                .cmd(["hook", "--pushed", "--remote=origin", "--json"])
                .stdin(line)
                .run(),
        )
    };
    vec![
        rules(&scene.run(&format!("hook --range {first}..HEAD --json"))),
        pushed(first),
        pushed(&"0".repeat(40)),
    ]
}

fn with_remote(scene: &Scene) {
    scene.git("init --quiet --bare ../remote.git").succeeds();
    scene.git("remote add origin ../remote.git").succeeds();
    scene
        .git("push --quiet origin HEAD:refs/heads/known")
        .succeeds();
}

#[test]
fn a_broad_waiver_does_not_waive_what_comes_with_it() {
    for path in ["**", "*.yaml", "values.yaml", "/values.yaml"] {
        let (scene, first) = started();
        with_remote(&scene);
        scene.write("values.yaml", SECRET);
        scene.write(WAIVERS, entry("H030", path));
        scene.git("add --all .").succeeds();
        assert_eq!(
            rules(&scene.run("hook --json").fails(1)),
            ["H030"],
            "{path}"
        );
        commit(&scene);
        for found in of_commits(&scene, &first) {
            assert_eq!(found, ["H030"], "{path}");
        }
        // Nor in two commits that come together.
        scene
            .git(&format!("reset --quiet --hard {first}"))
            .succeeds();
        scene.write(WAIVERS, entry("H030", path));
        let second = commit(&scene);
        scene.write("values.yaml", SECRET);
        commit(&scene);
        for found in of_commits(&scene, &first) {
            assert_eq!(found, ["H030"], "{path}");
        }
        // What was accepted before counts.
        scene
            .git(&format!("push --quiet origin {second}:refs/heads/known"))
            .succeeds();
        for found in of_commits(&scene, &second) {
            assert!(found.is_empty(), "{path}");
        }
    }
}

#[test]
fn a_waiver_that_names_a_finding_counts_and_is_told() {
    let (scene, first) = started();
    scene.write("values.yaml", SECRET);
    scene.git("add --all .").succeeds();
    scene.run("hook --all --baseline").succeeds();
    scene.git("add --all .").succeeds();
    let said = "H030 of values.yaml is waived by an entry that is new in .clsecrets/allow.toml: baseline of";
    scene
        .run("hook")
        .succeeds()
        .stderr_has(said)
        .stderr_has("1 waived");
    let last = commit(&scene);
    let range = format!("hook --range {first}..HEAD");
    scene.run(&range).succeeds().stderr_has(said);
    let line = format!("refs/heads/x {last} refs/heads/x {first}\n");
    let pushed = scene.cmd(["hook", "--pushed"]).stdin(line).run();
    pushed.succeeds().stderr_has(said);
    // The same entry for all files is another one.
    let broad = scene.read(WAIVERS).replace("values.yaml", "**");
    scene.git("reset --quiet --hard HEAD~1").succeeds();
    scene.write("values.yaml", SECRET);
    scene.write(WAIVERS, broad);
    scene.git("add --all .").succeeds();
    scene.run("hook").fails(1);
    // Later it is known, and no longer told.
    let exact = scene.read(WAIVERS).replace("**", "values.yaml");
    scene.write(WAIVERS, exact);
    commit(&scene);
    scene.write("values.yaml", format!("# moved\n{SECRET}"));
    scene.git("add --all .").succeeds();
    let run = scene.run("hook").succeeds().stderr_has("1 waived");
    assert!(!run.err().contains("is new in"), "{}", run.err());
}

#[test]
fn the_same_holds_for_files_that_cannot_be_judged_and_for_structure() {
    let (scene, first) = started();
    scene.write("broken.json", "{\"sops\": ENC[AES256_GCM,");
    scene.write("clear-secrets.yaml", "wallet_password: x\n");
    let broad = entry("H000", "**") + &entry("H001", "**");
    scene.write(WAIVERS, &broad);
    scene.git("add --all --force .").succeeds();
    let run = scene.run("hook --json").fails(2);
    assert_eq!(rules(&run), ["H001"]);
    let exact = entry("H000", "broken.json") + &entry("H001", "clear-secrets.yaml");
    scene.write(WAIVERS, exact);
    scene.git("add --all --force .").succeeds();
    scene
        .run("hook")
        .succeeds()
        .stderr_has("H000 of broken.json is waived by an entry that is new")
        .stderr_has("H001 of clear-secrets.yaml is waived by an entry that is new");
    commit(&scene);
    scene.run(&format!("hook --range {first}..HEAD")).succeeds();
}

#[test]
fn a_longer_day_is_a_new_waiver_and_a_branch_without_a_past_brings_none() {
    let (scene, first) = started();
    let until = |year: u32| entry("H030", "**") + &format!("expires = {year}-01-01\n");
    scene.write(WAIVERS, until(2020));
    let old = commit(&scene);
    scene.write(WAIVERS, until(2100));
    scene.write("values.yaml", SECRET);
    scene.git("add --all .").succeeds();
    scene.run("hook").fails(1);
    commit(&scene);
    scene.run(&format!("hook --range {old}..HEAD")).fails(1);

    // A root of its own does not lead to anything that is known.
    scene.git("checkout --quiet --orphan alone").succeeds();
    scene.write(WAIVERS, entry("H030", "**"));
    commit(&scene);
    scene.run(&format!("hook --range {first}..HEAD")).fails(1);
}

#[test]
fn many_new_waivers_are_counted() {
    let (scene, _) = started();
    for number in 0..30 {
        scene.write(&format!("values{number}.yaml"), SECRET);
    }
    scene.git("add --all .").succeeds();
    scene.run("hook --all --baseline").succeeds();
    scene.git("add --all .").succeeds();
    scene
        .run("hook")
        .succeeds()
        .stderr_has("10 more findings are waived by entries that are new");
}

#[test]
fn a_push_of_several_branches_takes_no_waiver_from_one_for_another() {
    let (scene, first) = started();
    scene.git("checkout --quiet -b one").succeeds();
    scene.write(WAIVERS, entry("H030", "**"));
    let one = commit(&scene);
    scene
        .git(&format!("checkout --quiet -b two {first}"))
        .succeeds();
    scene.write("values.yaml", SECRET);
    let two = commit(&scene);
    let mut told = String::new();
    for name in [&one, &two] {
        writeln!(told, "refs/heads/x {name} refs/heads/x {first}").unwrap();
    }
    let run = scene.cmd(["hook", "--pushed", "--json"]).stdin(told).run();
    assert_eq!(rules(&run), ["H030"]);
}

//! What the flags of `sync` allow and forbid, on a directory: pruning, limits, a choice of objects,
//! plans in files, going back, several environments, the journal.

use serde_json::{Value, json};

use super::{World, ops, text};
use crate::support::Scene;

fn world() -> World {
    World::new(Scene::with_age(), &["{ kind: directory, path: out/dev }"])
}

#[test]
fn what_is_no_longer_desired_stays_until_it_is_pruned() {
    let mut world = world();
    world.sync("-y").succeeds();
    world.scene.write("out/dev/unknown/key", "not ours to find");
    world.set("user_password", None);
    world.set("tiingo_api_key", None);
    let report = world.apply();
    assert_eq!(
        (&report["summary"]["keep"], &report["summary"]["in_sync"]),
        (&json!(1), &json!(3))
    );
    let plan = world.sync("--prune --dry-run").fails(2);
    plan.stdout_has("  update  api-secrets  -.api")
        .stdout_has("  remove  tiingo  -api-key");
    assert!(world.scene.has("out/dev/tiingo/api-key"));
    world
        .sync("--prune -y")
        .succeeds()
        .stdout_has("1 updated, 1 removed");
    assert!(!world.scene.has("out/dev/tiingo") && !world.scene.has("out/dev/api-secrets/.api"));
    assert!(world.scene.has("out/dev/unknown/key"));
    world.sync("--prune").succeeds().stdout_has("nothing to do");
}

#[test]
fn more_than_the_limits_is_refused_before_the_first_write() {
    let mut world = world();
    world.sync("-y").succeeds();
    for key in ["tiingo_api_key", "cryptocompare_api_key"] {
        world.set(key, None);
    }
    world
        .sync("-y --prune --max-deletes 1")
        .fails(4)
        .stderr_has("2 objects or keys would be deleted; the limit is 1")
        .stderr_has("--max-deletes 2");
    assert!(world.scene.has("out/dev/tiingo/api-key"));
    world.set("user_password", Some("changed-password-1"));
    world.set("database_password", Some("changed-password-2"));
    for limit in ["1", "25%"] {
        world
            .sync(&format!("-y --max-changes {limit}"))
            .fails(4)
            .stderr_has("2 of ");
    }
    world.sync("-y --max-changes half").fails(1);
    world.sync("-y --max-changes 50%").succeeds();
}

#[test]
fn a_run_can_be_about_some_objects_and_targets_only() {
    let world = World::new(
        Scene::with_age(),
        &[
            "{ kind: directory, path: out/a }",
            "{ kind: directory, path: out/b }",
        ],
    );
    world
        .sync("-y --target 'directory out/a' --only 't*' --only chainlink")
        .succeeds()
        .stdout_has("directory out/a: 2 created");
    assert_eq!(
        world
            .scene
            .files()
            .iter()
            .filter(|file| file.starts_with("out/") && !file.contains("/.clsecrets-owners/"))
            .count(),
        3
    );
    world
        .sync("-y --only nothing")
        .fails(1)
        .stderr_has("--only nothing: no object has that name");
    world
        .sync("-y --target 'directory out/c'")
        .fails(1)
        .stderr_has("directory out/a, directory out/b");
    world
        .sync("-y --force-conflicts")
        .fails(1)
        .stderr_has("--target");
}

#[test]
fn two_targets_never_write_the_same_object() {
    let world = World::new(
        Scene::with_age(),
        &[
            "{ kind: directory, path: out }",
            "{ kind: directory, path: ./out/. }",
        ],
    );
    let run = world.sync("-y").fails(1);
    assert!(!world.scene.has("out"), "{}", run.err());
}

#[test]
fn a_plan_is_carried_out_if_nothing_has_moved() {
    let mut world = world();
    let text = world.scene.read("clsecrets.yaml");
    let text = text.replace("trackit\n", "trackit\n    protected: true\n");
    world.scene.write("clsecrets.yaml", text);
    world.sync("--out plan").fails(2);
    assert_eq!(world.scene.mode("plan"), 0o600);
    assert!(!world.scene.has("out"));
    world.leaks_nothing(&[]);
    world.sync("--plan plan -y").fails(1);
    world.scene.run("sync --plan plan --prune").fails(1);
    // A plan is the answer, also without a terminal and for a protected environment.
    world.scene.run("sync --plan plan").succeeds();
    // It was for an empty folder.
    let stale = world.scene.run("sync --plan plan").fails(7);
    stale.stderr_has("directory out/dev tiingo is not as it was");

    world.set("tiingo_api_key", Some("changed-key-000"));
    world.sync("--out plan").fails(2);
    world.set("tiingo_api_key", Some("changed-key-001"));
    world
        .scene
        .run("sync --plan plan")
        .fails(7)
        .stderr_has("dev: a sealed file is not as it was");
    world.scene.write("plan", "{}");
    world.scene.run("sync --plan plan").fails(1);
}

#[test]
fn a_rollback_delivers_the_sealed_files_of_before() {
    let scene = Scene::with_age().in_git();
    let mut world = World::new(scene, &["{ kind: directory, path: out/dev }"]);
    let commit = |world: &World, message: &str| {
        world.scene.git("add sealed.yaml clsecrets.yaml").succeeds();
        world.scene.git(&format!("commit -qm {message}")).succeeds();
    };
    world
        .sync("-y --rollback")
        .fails(1)
        .stderr_has("no commit has");
    commit(&world, "one");
    world.set("tiingo_api_key", Some("second-key-000"));
    commit(&world, "two");
    world.scene.write("unrelated", "x");
    world.scene.git("add unrelated").succeeds();
    world.scene.git("commit -qm three").succeeds();
    world.sync("-y").succeeds();
    assert_eq!(world.scene.read("out/dev/tiingo/api-key"), "second-key-000");
    let run = world.sync("-y --rollback").succeeds();
    run.stderr_has("git restore --source ");
    assert!(
        world
            .scene
            .read("out/dev/tiingo/api-key")
            .starts_with("tg_01")
    );

    // Uncommitted changes go back to the last commit.
    world.set("tiingo_api_key", Some("third-key-000"));
    world.sync("-y").succeeds();
    world.sync("-y --rollback").succeeds();
    assert_eq!(world.scene.read("out/dev/tiingo/api-key"), "second-key-000");
}

#[test]
fn several_environments_are_one_plan() {
    let world = world();
    let one = world.scene.read("clsecrets.yaml");
    let (head, dev) = one.split_once("  dev:\n").unwrap();
    let prod = dev
        .replace("out/dev", "out/prod")
        .replace("sealed: sealed.yaml", "sealed: prod.yaml");
    world
        .scene
        .write("prod.yaml", world.scene.read("sealed.yaml"));
    world.scene.write(
        "clsecrets.yaml",
        format!("{head}  dev:\n{dev}  prod:\n{prod}"),
    );
    let report = world.scene.run("sync --all -y --json").succeeds().json();
    super::schema::is_valid(&world.scene, &report);
    let names = report["environments"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|one| text(&one["environment"])).collect();
    assert_eq!((names, &report["status"]), (vec!["dev", "prod"], &json!(0)));
    assert!(world.scene.has("out/prod/tiingo/api-key"));
    world
        .scene
        .run("sync --env dev --env prod --env dev")
        .succeeds()
        .stdout_has("environment dev: nothing to do")
        .stdout_has("environment prod: nothing to do");

    // What stops one of them stops all.
    std::fs::remove_dir_all(world.scene.path("out")).unwrap();
    world.scene.write("out/prod/somebody", "else");
    let run = world.scene.run("sync --all -y").fails(4);
    run.stderr_has("environment prod was not synced");
    assert!(!world.scene.has("out/dev"));

    let same = prod.replace("out/prod", "out/dev");
    world.scene.write(
        "clsecrets.yaml",
        format!("{head}  dev:\n{dev}  prod:\n{same}"),
    );
    let run = world.scene.run("sync --all -y").fails(1);
    run.stderr_has("two targets write api-secrets in ");
    assert!(!world.scene.has("out/dev"));
    world
        .scene
        .run("sync -y")
        .fails(1)
        .stderr_has("--env <NAME>");
}

#[test]
fn the_journal_says_who_wrote_what_from_which_file() {
    let scene = Scene::with_age().in_git();
    let mut world = World::new(scene, &["{ kind: directory, path: out/dev }"]);
    world.scene.git("add sealed.yaml clsecrets.yaml").succeeds();
    world.scene.git("commit -qm one").succeeds();
    world.sync("-y --journal log.jsonl").succeeds();
    assert_eq!(world.scene.mode("log.jsonl"), 0o600);
    let lines = world.scene.read("log.jsonl");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = lines.iter().map(|line| text(&line["event"])).collect();
    assert_eq!(
        events,
        ["begin", "object", "object", "object", "object", "end"]
    );
    let commit = world.scene.git("rev-parse HEAD").succeeds().out();
    for line in &lines {
        assert_eq!(line["commit"], commit.trim());
        assert_eq!(line["run"], lines[0]["run"]);
    }
    let object = &lines[1];
    assert_eq!(
        (&object["object"], &object["op"], &object["phase"]),
        (&json!("api-secrets"), &json!("create"), &json!("verified"))
    );
    assert_eq!(text(&lines[5]["sources"][0]["sha256"]).len(), 64);

    // Nothing to do leaves no line; without the flag the user's own journal is kept.
    world.sync("-y --journal log.jsonl").succeeds();
    assert_eq!(world.scene.read("log.jsonl").lines().count(), 6);
    world.set("tiingo_api_key", Some("changed-key-000"));
    let run = world.sync("-y --journal -").succeeds();
    assert_eq!(run.out().lines().count(), 3);
    world.set("tiingo_api_key", Some("changed-key-001"));
    world.sync("-y").succeeds();
    let own = world.scene.home(".local/state/clsecrets/journal.jsonl");
    assert_eq!(std::fs::read_to_string(own).unwrap().lines().count(), 3);
    world.sync("-y --journal - --json").fails(1);
    world.leaks_nothing(&[
        "out/dev/api-secrets/.api",
        "out/dev/api-secrets/.password",
        "out/dev/cryptocompare/api-key",
        "out/dev/tiingo/api-key",
        "out/dev/chainlink/db-url",
    ]);
    assert_eq!(ops(&world.apply()).len(), 4);
}

#[test]
fn words_that_are_no_commands_lead_to_the_flags() {
    let world = world();
    for (word, hint) in [
        ("rollback", "clsecrets sync --env NAME --rollback"),
        ("prune", "clsecrets sync --env NAME --prune"),
        ("restart", "kubectl rollout restart"),
        ("dev", "clsecrets sync --env dev"),
    ] {
        let run = world.scene.run(&format!("sync {word}")).fails(1);
        run.stderr_has(&format!("sync has no command {word}"))
            .stderr_has(hint);
    }
}

#[test]
fn environments_that_write_the_same_objects_to_one_place_are_noticed() {
    let world = world();
    let text = world.scene.read("clsecrets.yaml");
    let target = text
        .lines()
        .find(|line| line.contains("kind: directory"))
        .unwrap();
    let other =
        format!("  prod:\n    profile: trackit\n    sealed: other.yaml\n    targets:\n{target}\n");
    world
        .scene
        .write("clsecrets.yaml", text.trim_end().to_owned() + "\n" + &other);
    let run = world.sync("--dry-run").fails(2);
    run.stderr_has("environments dev and prod write objects of the same names to directory");
}

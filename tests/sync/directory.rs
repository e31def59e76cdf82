//! The directory target, and what does not depend on the target: the plan, the question, the
//! statuses, the wallet guard at HEAD.

use super::{DATABASE_URL, World, ops};
use crate::support::Scene;

fn world() -> World {
    World::new(Scene::with_age(), &["{ kind: directory, path: out/dev }"])
}

const WRITTEN: [&str; 5] = [
    "out/dev/api-secrets/.api",
    "out/dev/api-secrets/.password",
    "out/dev/cryptocompare/api-key",
    "out/dev/tiingo/api-key",
    "out/dev/chainlink/db-url",
];

#[test]
fn the_files_have_the_bytes_that_a_node_reads_and_nothing_else_holds_a_value() {
    let world = world();
    world
        .sync("-y")
        .succeeds()
        .stdout_has("directory out/dev: 4 created");
    let scene = &world.scene;
    let content = WRITTEN.map(|file| scene.read(file));
    assert_eq!(
        content,
        [
            "ops@example.com\ncorrect-horse-battery-1",
            "a-long-wallet-passphrase-2",
            "cc_0123456789abcdef",
            "tg_01&23<45\"6\\789é",
            DATABASE_URL,
        ]
    );
    assert_eq!(scene.mode("out/dev/api-secrets/.password"), 0o600);
    assert_eq!(scene.mode("out/dev"), 0o700);
    assert!(scene.read("out/dev/.gitignore").ends_with("\n*\n"));
    world.leaks_nothing(&WRITTEN);
}

#[test]
fn a_second_run_has_nothing_to_do_and_a_change_names_one_key() {
    let mut world = world();
    world.sync("-y").succeeds();
    let done = "environment dev: nothing to do (4 objects in sync)\n";
    // Nothing to do asks nothing, so it needs no answer.
    world.sync("").succeeds().stdout(done);

    world.set("tiingo_api_key", Some("changed-key-000"));
    let plan = world.sync("--dry-run").fails(2);
    assert_eq!(
        plan.out().lines().nth(1),
        Some("  update  tiingo  ~api-key")
    );
    world.sync("--check").fails(2);
    assert_ne!(
        world.scene.read("out/dev/tiingo/api-key"),
        "changed-key-000"
    );
    world
        .sync("-y")
        .succeeds()
        .stdout_has("1 updated, 3 in sync");
    assert_eq!(
        world.scene.read("out/dev/tiingo/api-key"),
        "changed-key-000"
    );
}

#[test]
fn a_person_is_asked_once_and_no_is_no() {
    let world = world();
    let ask = |answer| {
        world
            .scene
            .cmd(["sync", "--env", "dev"])
            .on_terminal(&[("[y/N]", answer)])
            .run()
    };
    ask("n").fails(2).stdout_has("nothing was written");
    assert!(!world.scene.has("out"));
    ask("y").succeeds().stdout_has("4 created");
}

#[test]
fn without_a_terminal_and_without_an_answer_nothing_is_written() {
    let world = world();
    world.sync("").fails(4).stderr_has("add -y");
    world.sync("--json").fails(4).stdout_has("\"status\": 4");
    assert!(!world.scene.has("out"));
}

#[test]
fn a_protected_environment_wants_its_name_or_a_confirmation_of_the_sealed_file() {
    let mut world = world();
    let text = world.scene.read("clsecrets.yaml");
    let text = text.replace("trackit\n", "trackit\n    protected: true\n");
    world.scene.write("clsecrets.yaml", text);
    let refused = world.sync("-y").fails(4);
    let hint = refused.err();
    let confirm = hint.split("--confirm ").nth(1).unwrap().trim().to_owned();
    assert!(
        confirm.starts_with("dev@") && confirm.len() == 68,
        "{confirm}"
    );
    // Another file with the same twelve digits is found in half a minute.
    world
        .sync(&format!("--confirm {}", &confirm[..16]))
        .fails(1)
        .stderr_has("at least 32");

    world.set("tiingo_api_key", Some("changed-key-000"));
    world.sync(&format!("--confirm {confirm}")).fails(7);
    assert!(!world.scene.has("out"));
    let typed = world.scene.cmd(["sync", "--env", "dev", "-y"]);
    typed
        .on_terminal(&[("type its name", "yes")])
        .run()
        .fails(2);
    let typed = world.scene.cmd(["sync", "--env", "dev"]);
    typed
        .on_terminal(&[("type its name", "dev")])
        .run()
        .succeeds();
}

#[test]
fn the_wallet_password_at_head_is_guarded_even_if_no_target_has_it() {
    let scene = Scene::with_age().in_git();
    let mut world = World::new(scene, &["{ kind: directory, path: out/dev }"]);
    world.scene.git("add sealed.yaml clsecrets.yaml").succeeds();
    world.scene.git("commit -qm one").succeeds();
    for value in [Some("another-wallet-passphrase"), None] {
        world.set("wallet_password", value);
        world
            .sync("-y")
            .fails(4)
            .stderr_has("the sealed file at HEAD");
        assert!(!world.scene.has("out"));
    }
    world.set("wallet_password", Some("another-wallet-passphrase"));
    // A caller that stands in another repository, as a Git hook does, does not hide this one.
    let empty = world.scene.home("elsewhere.git");
    world
        .scene
        .git(&format!("init -q --bare {}", empty.display()))
        .succeeds();
    let mut elsewhere = world.scene.cmd(["sync", "--env", "dev", "-y"]);
    elsewhere = elsewhere.env("GIT_DIR", empty.display().to_string());
    elsewhere
        .run()
        .fails(4)
        .stderr_has("the sealed file at HEAD");
    world.sync("-y --replace-wallet-password").succeeds();
}

#[test]
fn what_has_no_source_is_skipped_and_named_and_what_is_gone_stays() {
    let mut world = world();
    world.sync("-y").succeeds();
    world.set("database_password", None);
    world.set("user_password", None);
    world.set("extra", Some("not-delivered"));
    let run = world.sync("-y").succeeds();
    let run = run
        .stderr_has("skipped directory out/dev chainlink db-url: no database_password")
        .stderr_has("skipped directory out/dev api-secrets .api: no user_password")
        .stderr_has("extra is not delivered");
    run.stdout_has(
        ".api of api-secrets is no longer in the sealed file; it stays there until --prune",
    );
    assert!(world.scene.has("out/dev/api-secrets/.api"));
}

#[test]
fn a_value_that_is_no_string_is_refused_with_the_quoted_form() {
    let world = world();
    world.scene.write("clear.yaml", "tiingo_api_key: 0123456\n");
    let line = format!("encrypt --age {} clear.yaml", crate::support::RECIPIENT);
    let sealed = world.scene.sops(&line).succeeds();
    world.scene.write("sealed.yaml", &sealed.stdout);
    world.sync("-y").fails(4).stderr_has(
        "V004 tiingo_api_key is no string but an integer; quote it: tiingo_api_key: '…'",
    );
}

#[test]
fn a_sealed_file_that_does_not_open_is_status_5() {
    let world = world();
    let unopened = world.scene.cmd(["sync", "--env", "dev", "-y"]);
    unopened.without("SOPS_AGE_KEY_FILE").run().fails(5);
    let text = world.scene.read("sealed.yaml");
    let line = text
        .lines()
        .find(|line| line.starts_with("tiingo"))
        .unwrap();
    world
        .scene
        .write("sealed.yaml", text.replace(&format!("{line}\n"), ""));
    world.sync("-y").fails(5).stderr_has("MAC");
    assert!(!world.scene.has("out"));
}

#[test]
fn usage_and_configuration_are_status_1() {
    let world = world();
    world
        .scene
        .run("sync --env prod -y")
        .fails(1)
        .stderr_has("known environments: dev");
    world
        .sync("-y --adopt nothing")
        .fails(1)
        .stderr_has("no object has that name");
    world
        .sync("-y --target kubernetes")
        .fails(1)
        .stderr_has("has no target called kubernetes");
    world.scene.run("sync").fails(1);
}

#[test]
fn render_shows_objects_keys_and_sources_and_no_value() {
    let world = world();
    let shown = world.scene.run("render --env dev").succeeds();
    let expected = "\
directory out/dev
  api-secrets (data)
    .api       ••••  from user_password
    .password  ••••  from wallet_password
  cryptocompare (data)
    api-key  ••••  from cryptocompare_api_key
  tiingo (data)
    api-key  ••••  from tiingo_api_key
  chainlink (data)
    db-url  ••••  from database_password
";
    shown.stdout(expected);
    world.scene.run("render --env dev --json").succeeds();
    world.leaks_nothing(&[]);
}

#[test]
fn a_report_has_names_and_no_values() {
    let world = world();
    let report = world.apply();
    assert_eq!(report["schema"], "clsecrets.dev/sync/v1");
    assert_eq!(report["summary"]["create"], 4);
    assert_eq!(
        ops(&report).first().unwrap(),
        "api-secrets: create [added .api, added .password]"
    );
    world.leaks_nothing(&WRITTEN);
}

#[test]
fn a_folder_outside_of_the_repository_is_written_only_on_purpose() {
    let scene = Scene::with_age();
    let world = World::new(scene, &["{ kind: directory, path: ../home/out }"]);
    let refused = world.sync("-y").fails(1);
    refused
        .stderr_has("outside of the repository")
        .stderr_has("--outside");
    assert!(!world.scene.home("out").exists());
    world.sync("-y --outside").succeeds();
    assert!(world.scene.home("out").is_dir());
}

#[cfg(feature = "aws")]
#[test]
fn two_repositories_that_share_a_folder_are_told_apart() {
    let mut world = world();
    let shared = world.scene.path("out/dev").display().to_string();
    world.sync("-y").succeeds();
    // Another repository of the same name, which writes to the same folder.
    let other = Scene::with_age();
    let mut other = World::new(other, &[&format!("{{ kind: directory, path: {shared} }}")]);
    other.rewrite("testtesttesttest", "othertestothertest");
    other.set("bea_api_key", Some("of-the-neighbour-0"));
    for key in super::SECRETS.map(|(key, _)| key) {
        other.set(key, None);
    }
    other.sync("-y --outside").succeeds();
    let run = other.sync("-y --outside --prune").succeeds();
    run.stdout_has("another repository's?");
    for file in WRITTEN {
        assert!(world.scene.has(file), "{file}");
    }
    let run = world.sync("-y --prune").succeeds();
    run.stdout_has("bea: another repository's?");
    assert_eq!(
        world.scene.read("out/dev/bea/api-key"),
        "of-the-neighbour-0"
    );

    // The same object in both: who differs has to say that it takes it over.
    other.set("tiingo_api_key", Some("another-value-000"));
    let run = other.sync("-y --outside").fails(4);
    run.stderr_has("written last by clsecrets of another repository or environment");
    other.sync("-y --outside --adopt tiingo").succeeds();
    world.sync("--check").fails(6);
    world.set("tiingo_api_key", None);
    world.sync("-y --prune").succeeds();
    assert_eq!(
        world.scene.read("out/dev/tiingo/api-key"),
        "another-value-000"
    );

    // What is ours goes, and theirs does not.
    world.set("cryptocompare_api_key", None);
    world.sync("-y --prune").succeeds();
    assert!(!world.scene.has("out/dev/cryptocompare"));
    world.leaks_nothing(&WRITTEN);
}

#[test]
fn files_of_before_there_was_a_record_are_ours_and_go_only_if_that_is_said() {
    let mut world = world();
    world.sync("-y").succeeds();
    std::fs::remove_dir_all(world.scene.path("out/dev/.clsecrets-owners")).unwrap();
    world.sync("-y").succeeds().stdout_has("nothing to do");
    world.set("tiingo_api_key", None);
    let run = world.sync("-y --prune").succeeds();
    run.stdout_has("--prune --adopt tiingo");
    assert!(world.scene.has("out/dev/tiingo"));
    world.sync("-y --prune --adopt tiingo").succeeds();
    assert!(!world.scene.has("out/dev/tiingo"));
    // What is written next is noted.
    world.set("cryptocompare_api_key", Some("changed-key-000"));
    world.sync("-y").succeeds();
    world.set("cryptocompare_api_key", None);
    world.sync("-y --prune").succeeds();
    assert!(!world.scene.has("out/dev/cryptocompare"));
}

#[test]
fn the_record_of_owners_is_never_a_link() {
    let mut world = world();
    world.sync("-y").succeeds();
    world.set("tiingo_api_key", Some("changed-key-000"));
    let records = world.scene.path("out/dev/.clsecrets-owners");
    let elsewhere = world.scene.path("elsewhere.json");
    let record = records.join("tiingo.json");
    std::fs::remove_file(&record).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &record).unwrap();
    world
        .sync("-y")
        .fails(4)
        .stderr_has("tiingo.json is not a file");
    assert!(!elsewhere.exists());

    std::fs::remove_dir_all(&records).unwrap();
    let folder = world.scene.path("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&folder, &records).unwrap();
    world
        .sync("-y")
        .fails(4)
        .stderr_has(".clsecrets-owners is not a folder");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);

    // What does not say whose the files are is no reason to take them.
    std::fs::remove_file(&records).unwrap();
    std::fs::create_dir(&records).unwrap();
    std::fs::write(&record, "{").unwrap();
    world
        .sync("-y")
        .fails(4)
        .stderr_has("does not say whose the files are");
}

//! The ways to run the check: ranges, pushes, history, directories, waivers, known values, and input that
//! means harm.

use std::time::{Duration, Instant};

use crate::support::{Run, Scene};

const SECRET: &str = "url: postgresql://cl:otter-Cobalt-4471@db.prod.internal/cl\n";

fn rules(run: &Run) -> Vec<String> {
    let report = run.json();
    let found = report["findings"].as_array().unwrap().iter();
    found
        .map(|one| one["rule"].as_str().unwrap().to_owned())
        .collect()
}

fn commit(scene: &Scene, path: &str, text: &str) -> String {
    scene.write(path, text);
    scene.git("add --force .").succeeds();
    scene
        .git("commit --quiet --message x --no-verify")
        .succeeds();
    scene.git("rev-parse HEAD").out().trim().to_owned()
}

#[test]
fn a_range_is_judged_commit_by_commit() {
    let scene = Scene::new().in_git();
    let first = commit(&scene, "a.yaml", "a: b\n");
    commit(&scene, "values.yaml", SECRET);
    let last = commit(&scene, "values.yaml", "url: none\n");

    assert_eq!(
        rules(&scene.run(&format!("hook --range {first}..{last} --json"))),
        ["H030"]
    );
    assert_eq!(rules(&scene.run("hook --range HEAD --json")), ["H030"]);
    scene.run(&format!("hook --range {last}..HEAD")).succeeds();
    scene.run("hook --all").succeeds();
    scene.run("hook --range=--output=x").fails(2);
    scene.run("hook --range nowhere..HEAD").fails(2);
}

#[test]
fn what_is_pushed_is_read_from_standard_input() {
    let scene = Scene::new().in_git();
    let first = commit(&scene, "a.yaml", "a: b\n");
    let last = commit(&scene, "values.yaml", SECRET);
    let none = "0".repeat(40);
    for (told, status) in [
        (
            format!("refs/heads/main {last} refs/heads/main {first}\n"),
            1,
        ),
        (
            format!("refs/heads/main {last} refs/heads/main {none}\n"),
            1,
        ),
        (
            format!("refs/heads/main {last} refs/heads/main {last}\n"),
            0,
        ),
        (format!("(delete) {none} refs/heads/main {last}\n"), 0),
        (format!("{first} {last} refs/heads/main\n"), 1),
        ("nonsense\n".to_owned(), 2),
    ] {
        scene
            .cmd(["hook", "--pushed"])
            .stdin(&told)
            .run()
            .fails(status);
    }
}

#[test]
fn an_installed_hook_stops_a_push_of_what_was_committed_without_it() {
    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.run("hook install").succeeds();
    scene.git("init --quiet --bare ../remote.git").succeeds();
    scene.git("remote add origin ../remote.git").succeeds();
    scene.git("push --quiet origin HEAD").succeeds();
    commit(&scene, "values.yaml", SECRET);
    let push = scene.git("push --quiet origin HEAD").fails(1);
    let told = format!("{}{}", push.out(), push.err());
    assert!(told.contains("values.yaml:1:22: H030"), "{told}");
    scene.git("reset --quiet --hard HEAD~1").succeeds();
    scene.git("push --quiet origin HEAD").succeeds();
}

#[test]
fn the_history_has_every_content_once() {
    let scene = Scene::new().in_git();
    commit(&scene, "old.yaml", SECRET);
    commit(&scene, "copy.yaml", SECRET);
    scene.git("rm --quiet old.yaml copy.yaml").succeeds();
    commit(&scene, "a.yaml", "a: b\n");
    assert_eq!(rules(&scene.run("scan --history --json")), ["H030"]);
    scene.run("hook --all").succeeds();
}

#[test]
fn directories_files_and_standard_input_are_scanned() {
    let scene = Scene::new()
        .in_git()
        .file("sub/values.yaml", SECRET)
        .file(".gitignore", "ignored\n");
    scene.write("ignored/values.yaml", SECRET);
    assert_eq!(rules(&scene.run("scan . --json")), ["H030"]);
    assert_eq!(
        rules(&scene.run("scan --no-ignore . --json")),
        ["H030", "H030"]
    );
    assert_eq!(
        rules(&scene.run("scan ignored/values.yaml --json")),
        ["H030"]
    );
    scene.cmd(["scan", "-"]).stdin(SECRET).run().fails(1);
    scene.cmd(["scan", "-"]).stdin("a: b\n").run().succeeds();
    scene.run("scan nowhere.yaml").fails(2);
}

#[test]
fn a_line_or_an_entry_waives_and_a_baseline_waives_what_there_is() {
    let scene = Scene::new().in_git().file("values.yaml", SECRET);
    scene.git("add .").succeeds();
    scene.run("hook").fails(1);
    scene.write(
        "values.yaml",
        SECRET.replace('\n', " # clsecrets:allow H030 reason=public demo\n"),
    );
    scene.git("add .").succeeds();
    scene.run("hook").succeeds().stderr_has("1 waived");

    scene.write("values.yaml", SECRET);
    scene.git("add .").succeeds();
    scene.run("hook --all --baseline").succeeds();
    scene.git("add .").succeeds();
    scene.run("hook").succeeds();
    let entry = scene.read(".clsecrets/allow.toml");
    assert!(!entry.contains("otter"), "{entry}");
    scene.write(
        "values.yaml",
        format!("# moved\n\n{SECRET}more: postgresql://cl:zebra-Maple-9042@db.prod.internal/cl\n"),
    );
    scene.git("add .").succeeds();
    assert_eq!(rules(&scene.run("hook --json")), ["H030"]);

    scene.write(
        ".clsecrets/allow.toml",
        entry.replace("reason", "expires = 2020-01-01\nreason"),
    );
    scene.git("add .").succeeds();
    scene.run("hook").fails(1).stderr_has("has expired");
    scene.write(".clsecrets/allow.toml", "nonsense\n");
    scene.git("add .").succeeds();
    scene.run("hook").fails(2);
}

#[test]
fn known_values_are_found_in_other_forms_without_opening_anything() {
    let scene = Scene::with_age().in_git();
    let value = "zebra lagoon otter quartz";
    scene.write("node.yaml", format!("wallet_password: {value}\nplain: x\n"));
    scene
        .run(&format!(
            "encrypt --in-place node.yaml --age {}",
            crate::support::RECIPIENT
        ))
        .succeeds();
    commit(&scene, "a.yaml", "a: b\n");
    scene.write("notes.md", format!("It is {value}.\n"));
    scene.git("add .").succeeds();
    scene.run("hook --require-known").fails(2);
    scene
        .run("hook index")
        .succeeds()
        .stderr_has("1 values of 1 sealed files");

    let run = scene
        .cmd(["hook", "--require-known"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .fails(1);
    assert!(
        run.out()
            .starts_with("notes.md:1:7: H020 the value of [\"wallet_password\"] in node.yaml"),
        "{}",
        run.out()
    );
    assert!(!run.out().contains("lagoon"));
    assert_eq!(
        scene
            .leaks(&[value], &["notes.md"])
            .iter()
            .filter(|place| !place.starts_with("objects of "))
            .count(),
        0
    );
}

#[test]
fn work_trees_and_other_object_formats_are_read() {
    let scene = Scene::new();
    scene.git("init --quiet --object-format=sha256").succeeds();
    scene.write("values.yaml", SECRET);
    scene.git("add .").succeeds();
    assert_eq!(rules(&scene.run("hook --json")), ["H030"]);

    let scene = Scene::new().in_git();
    commit(&scene, "a.yaml", "a: b\n");
    scene.git("worktree add --quiet linked").succeeds();
    scene.write("linked/values.yaml", SECRET);
    scene.git("-C linked add values.yaml").succeeds();
    let run = scene.cmd(["hook", "--json"]).cwd("linked").run();
    assert_eq!(rules(&run), ["H030"]);
    scene.run("hook").succeeds();
}

#[test]
fn input_that_means_harm_neither_hangs_nor_hides_anything() {
    let scene = Scene::new();
    let long = "a".repeat(5 << 20);
    scene.write("long.yaml", format!("x: {long}\n{SECRET}"));
    scene.write(
        "noun.json",
        format!("{{\"{}\": 1}}\n", "password".repeat(100_000)),
    );
    scene.write("nouns.txt", "password=".repeat(50_000));
    scene.write(
        "nul.yaml",
        [b"a\0b\0".as_slice(), SECRET.as_bytes()].concat(),
    );
    scene.write(
        "latin.yaml",
        [b"\xff\xfe\xfd\n".as_slice(), SECRET.as_bytes()].concat(),
    );
    let utf16: Vec<u8> = SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect();
    scene.write("wide.yaml", [b"\xff\xfe".as_slice(), &utf16].concat());
    scene.write("deep.yaml", "[".repeat(100_000));
    scene.write(
        "deep.json",
        format!("{}\"sops\" ENC[AES256_GCM,", "{\"a\":".repeat(100_000)),
    );
    let file = std::fs::File::create(scene.path("huge.bin")).unwrap();
    file.set_len(1 << 30).unwrap();

    let begin = Instant::now();
    let run = scene.run("scan . --json").fails(2);
    assert!(begin.elapsed() < Duration::from_mins(2));
    let report = run.json();
    let paths = |list: &str| -> Vec<String> {
        let list = report[list].as_array().unwrap().iter();
        list.map(|one| one["path"].as_str().unwrap().to_owned())
            .collect()
    };
    for path in ["long.yaml", "nul.yaml", "wide.yaml"] {
        assert!(paths("findings").contains(&path.to_owned()), "{path}");
    }
    assert!(paths("unjudged").contains(&"huge.bin".to_owned()));
}

#[test]
fn what_is_sealed_is_known_at_once_in_a_repository_with_the_hook() {
    let scene = Scene::with_age().in_git();
    scene.run("hook install").succeeds();
    scene.write("node.yaml", "wallet_password: zebra lagoon otter quartz\n");
    let recipient = crate::support::RECIPIENT;
    scene
        .run(&format!("encrypt --in-place node.yaml --age {recipient}"))
        .succeeds();
    scene.write("notes.md", "It is zebra lagoon otter quartz.\n");
    scene.write("later.md", "It is maple river cobalt 77.\n");
    scene.git("add .").succeeds();
    let found = |run: &Run| -> Vec<(String, String)> {
        let text = |one: &serde_json::Value, field: &str| one[field].as_str().unwrap().to_owned();
        let report = run.json();
        let list = report["findings"].as_array().unwrap().iter();
        list.map(|one| (text(one, "path"), text(one, "rule")))
            .collect()
    };
    let known = |path: &str| vec![(path.to_owned(), "H020".to_owned())];
    assert_eq!(
        found(&scene.run("hook --require-known --json")),
        known("notes.md")
    );

    let set = ["set", "node.yaml", "[\"wallet_password\"]"];
    let value = "\"maple river cobalt 77\"";
    scene
        .cmd([&set[..], &["--value-stdin"]].concat())
        .stdin(value)
        .run()
        .succeeds();
    scene.git("add .").succeeds();
    assert_eq!(found(&scene.run("hook --json")), known("later.md"));
}

#[test]
fn what_is_staged_in_clear_is_sealed_by_its_rule_and_unstaged() {
    let scene = Scene::with_age().in_git();
    let recipient = crate::support::RECIPIENT;
    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - path_regex: ^secrets/\n    age: {recipient}\n"),
    );
    scene.write(
        "clsecrets.yaml",
        "version: 1\nname: n\nenvironments:\n  dev:\n    profile: trackit\n    \
         sealed: secrets/dev/encrypted-secrets.yaml\n    \
         clear: secrets/dev/clear-secrets.yaml\n    targets: []\n",
    );
    let secret = "wallet_password: zebra-lagoon-quartz-91\n";
    scene.write("secrets/dev/clear-secrets.yaml", secret);
    scene.write("secrets/other.yaml", secret);
    scene.git("add --force .").succeeds();
    scene.run("hook").fails(1);
    scene.run("hook --fix").succeeds();

    let staged = scene.git("ls-files").out();
    assert!(!staged.contains("clear-secrets"), "{staged}");
    assert!(
        staged.contains("secrets/dev/encrypted-secrets.yaml"),
        "{staged}"
    );
    assert_eq!(scene.read("secrets/dev/clear-secrets.yaml"), secret);
    for file in ["secrets/other.yaml", "secrets/dev/encrypted-secrets.yaml"] {
        let text = scene.git(&format!("show :{file}")).out();
        assert!(text.contains("ENC[") && !text.contains("zebra"), "{file}");
        assert_eq!(scene.run(&format!("decrypt {file}")).out(), secret);
    }

    scene.write("secrets/partly.yaml", secret);
    scene.git("add .").succeeds();
    scene.write(
        "secrets/partly.yaml",
        "wallet_password: another-one-entirely\n",
    );
    scene
        .run("hook --fix")
        .fails(2)
        .stderr_has("its working copy differs from what is staged");
}

#[test]
fn an_index_that_knows_nothing_is_none() {
    let scene = Scene::new().in_git();
    scene.run("hook install").succeeds();
    scene
        .run("hook --require-known")
        .fails(2)
        .stderr_has("clsecrets hook index");
}

/// The schema is that of OASIS; the validator comes with the packages of the tests' servers.
#[test]
fn the_report_for_code_hosts_is_what_its_schema_asks() {
    let scene = Scene::new().in_git();
    scene.write("a b.yaml", SECRET);
    scene.write("clear-secrets.yaml", "wallet_password: x\n");
    scene.write("broken.json", "{\"sops\": ENC[AES256_GCM,");
    scene.git("add --force .").succeeds();
    let run = scene.run("hook --format sarif").fails(2);
    scene.write("report.sarif", run.out());
    let check = "import json, sys\nimport jsonschema\n\
        schema, log = (json.load(open(path)) for path in sys.argv[1:])\n\
        jsonschema.validators.validator_for(schema)(schema).validate(log)\n\
        print(len(log['runs'][0]['results']))\n";
    let schema = crate::support::fixture("schemas/sarif-2.1.0.json");
    let told = scene
        .other(
            crate::support::peer("python"),
            ["-c", check, schema.to_str().unwrap(), "report.sarif"],
        )
        .run()
        .succeeds();
    assert_eq!(told.out(), "2\n");
    scene
        .run("hook --format github")
        .fails(2)
        .stdout_has("::error file=a b.yaml,line=1,col=22,title=H030::");
}

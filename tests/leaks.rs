//! Every command, succeeding and failing, with values that are searched for afterwards: in all that
//! was printed, in every file left behind, in Git's objects, in any usual encoding.
//!
//! A command that is meant to show a value (`decrypt` to standard output) is run aside, so that only
//! what it says on standard error counts.

use crate::servers::{Fault, Proxy, closed_port, moto};
use crate::support::{Act, OTHER_RECIPIENT, RECIPIENT, Run, Scene};

/// Values that survive no encoding unchanged, so that each of them has to be searched for.
const VALUES: [&str; 5] = [
    "canary<user>&\"1'%2F",
    "canary wallet ünïcode+/=",
    "canary-cc-0123456789abcdef",
    "canary\\tiingo\\n${HOME}#: x",
    "canary#db/odd%chars@16",
];

/// Typed by a person at `set`.
const TYPED: [&str; 4] = [
    "canary typed 1 \"quoted\"",
    "canary-typed-2",
    "canary'typed'3",
    "canary_typed_4_json",
];

const CLEAR_FILE: &str = "secrets/dev/clear-secrets.yaml";
const SEALED: &str = "secrets/dev/encrypted-secrets.yaml";

const ENVIRONMENTS: &str = "\
version: 1
name: chainlink
environments:
  dev:
    profile: trackit
    sealed: secrets/dev/encrypted-secrets.yaml
    clear: secrets/dev/clear-secrets.yaml
    node: { user_email: ops@example.com }
    database: { user: chainlink, host: db.example.net, name: chainlink, sslmode: require }
    targets:
      - { kind: directory, path: out/dev }
";

/// What may hold values: the clear file, what was delivered, and what was asked for.
const ALLOWED: [&str; 9] = [
    CLEAR_FILE,
    "clear-broken.yaml",
    "asked-for.yaml",
    "asked-for-value",
    "out/dev/api-secrets/.api",
    "out/dev/api-secrets/.password",
    "out/dev/cryptocompare/api-key",
    "out/dev/tiingo/api-key",
    "out/dev/chainlink/db-url",
];

fn clear_text() -> String {
    let keys = [
        "user_password",
        "wallet_password",
        "cryptocompare_api_key",
        "tiingo_api_key",
        "database_password",
    ];
    let lines = keys.iter().zip(VALUES).map(|(key, value)| {
        let value = serde_json::to_string(value).unwrap();
        format!("{key}: {value}\n")
    });
    lines.collect::<Vec<_>>().concat()
}

fn world() -> Scene {
    Scene::with_age()
        .in_git()
        .env("RUST_BACKTRACE", "1")
        .env("RUST_LOG", "trace")
        .file(
            ".sops.yaml",
            format!("creation_rules:\n  - age: {RECIPIENT}\n"),
        )
        .file(".gitignore", "clear-*\nout\nasked-for*\n")
        .file("clsecrets.yaml", ENVIRONMENTS)
        .file(CLEAR_FILE, clear_text())
}

/// Values, and what is made of them on the way.
fn searched() -> Vec<&'static str> {
    let made = "canary%23db%2Fodd%25chars%4016";
    VALUES.iter().chain(&TYPED).copied().chain([made]).collect()
}

#[track_caller]
fn holds_nothing(scene: &Scene) {
    assert_eq!(scene.leaks(&searched(), &ALLOWED), [""; 0]);
}

/// Runs what is meant to show a value, and keeps only what it says beside it.
#[track_caller]
fn shows(act: Act<'_>, values: &[&str]) -> Run {
    let run = act.reveals().run().succeeds();
    let needles = crate::support::Needles::new(values);
    assert!(!needles.found_in(&run.stdout).is_empty(), "{run}");
    assert_eq!(needles.found_in(&run.stderr), [""; 0], "{run}");
    run
}

#[test]
fn no_command_that_works_leaves_a_value_where_it_should_not_be() {
    let scene = world();
    scene.run("encrypt --env dev").succeeds();
    scene.run("encrypt --env dev").succeeds();
    scene.git("add -A").succeeds();
    scene.run("hook").succeeds();
    scene.run("hook install").succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    shows(scene.cmd(["decrypt", SEALED]), &VALUES);
    shows(
        scene.cmd(["decrypt", "--extract", "[\"tiingo_api_key\"]", SEALED]),
        &VALUES[3..4],
    );
    scene
        .run(&format!("decrypt --output asked-for.yaml {SEALED}"))
        .succeeds();
    let extract = [
        "decrypt",
        "--extract",
        "[\"tiingo_api_key\"]",
        "--output",
        "asked-for-value",
    ];
    scene.cmd(extract.iter().chain(&[SEALED])).run().succeeds();
    scene.run("decrypt --env dev").succeeds();
    scene
        .run(&format!("encrypt --output sealed-again.yaml {CLEAR_FILE}"))
        .succeeds();
    scene
        .run(&format!("encrypt --onto sealed-again.yaml {CLEAR_FILE}"))
        .succeeds();
    scene.run("init --identity").succeeds();
    for line in ["render --env dev", "render --env dev --json"] {
        scene.run(line).succeeds();
    }
    for (line, status) in [
        ("sync --env dev --dry-run", 2),
        ("sync --env dev --dry-run --json", 2),
        ("sync --env dev --check", 2),
        ("sync --env dev", 4),
        ("sync --env dev --out plan.json", 2),
        ("status", 2),
        ("sync --plan plan.json --journal journal.jsonl", 0),
        ("sync --plan plan.json", 7),
        ("sync --env dev -y --prune", 0),
        ("sync --all -y --json", 0),
        ("status --json", 0),
        ("status --html status.html", 0),
    ] {
        scene.run(line).fails(status);
    }
    let path = "[\"cryptocompare_api_key\"]";
    let prompt = scene.cmd(["set", SEALED, path, "--prompt"]);
    prompt.on_terminal(&[("Value:", TYPED[0])]).run().succeeds();
    let stdin = scene.cmd(["set", SEALED, path, "--value-stdin", "--raw"]);
    stdin.stdin(TYPED[1]).run().succeeds();
    scene.write("clear-broken.yaml", TYPED[2]);
    let file = [
        "set",
        SEALED,
        path,
        "--raw",
        "--value-file",
        "clear-broken.yaml",
    ];
    scene.cmd(file).run().succeeds();
    scene.run("sync --env dev -y --json").succeeds();
    scene.run("sync --env dev").succeeds();
    change_who_can_open(&scene);
    let quiet = ["exec-env", SEALED, "test -n \"$tiingo_api_key\""];
    scene.cmd(quiet).run().succeeds();
    for options in [&["exec-file"][..], &["exec-file", "--no-fifo"]] {
        let words = [options, &[SEALED, "grep -q tiingo_api_key {}"]].concat();
        scene.cmd(words).run().succeeds();
    }
    let edit = scene.cmd(["edit", SEALED]);
    let edit = edit.env(
        "EDITOR",
        "sed -i 's/^user_password.*/user_password: typed-3/'",
    );
    edit.run().succeeds();
    scene
        .cmd(["edit", SEALED])
        .env("EDITOR", "false")
        .run()
        .fails(201);
    scene
        .run(&format!("unset {SEALED} '[\"user_password\"]'"))
        .succeeds();
    scene.run(&format!("filestatus {SEALED}")).succeeds();
    scene.run("init --no-hook").succeeds();
    scene.git("add -A").succeeds();
    scene.git("commit --quiet -m changed").succeeds();
    holds_nothing(&scene);
}

/// Commands that change recipients and keys, and give everything back to who could open it.
fn change_who_can_open(scene: &Scene) {
    for line in [
        format!("rotate -i --add-age {OTHER_RECIPIENT} --force-recipients {SEALED}"),
        format!("updatekeys -y {SEALED}"),
        format!("rotate -i {SEALED}"),
        format!(
            "groups add --file sealed-again.yaml --output clear-grouped.yaml --age {OTHER_RECIPIENT}"
        ),
        "rotate -i -y sealed-again.yaml clear-grouped.yaml".to_owned(),
    ] {
        let run = scene.run(&line);
        assert!(
            run.status == 0 || line.ends_with("clear-grouped.yaml"),
            "{run}"
        );
    }
}

/// A world that is sealed, its sealed text, and a value as it stands in YAML and JSON.
fn sealed_world() -> (Scene, String, String) {
    let scene = world();
    scene.run("encrypt --env dev").succeeds();
    let sealed = scene.read(SEALED);
    (scene, sealed, serde_json::to_string(VALUES[3]).unwrap())
}

const PATH: &str = "[\"tiingo_api_key\"]";

#[track_caller]
fn fails(scene: &Scene, args: &[&str]) {
    let run = scene.cmd(args).run();
    assert_ne!(run.status, 0, "{run}");
}

#[test]
fn cleartext_that_is_refused_is_not_quoted() {
    let (scene, _, value) = sealed_world();
    for text in [
        format!("a: {value}\n b: {value}\n"),
        format!("a: {value}\na: {value}\n"),
        format!("{value}: x\n5: {value}\n"),
        format!("- {value}\n"),
        format!("{value}\n"),
        format!("a: !!int {value}\n"),
        format!("a: &x {value}\nb: *x\n"),
        format!("a: {value} trailing\n"),
        format!("a: {value}\nsops: {value}\n"),
        format!("a: [{value}\n"),
        format!("a: \"{}\n", VALUES[1]),
        format!("a: {value}\n\tb: {value}\n"),
    ] {
        scene.write("clear-broken.yaml", text);
        for args in [
            ["encrypt", "--age", RECIPIENT, "clear-broken.yaml"].as_slice(),
            &["encrypt", "-i", "--age", RECIPIENT, "clear-broken.yaml"],
            &["encrypt", "--onto", SEALED, "clear-broken.yaml"],
            &["decrypt", "clear-broken.yaml"],
            &["set", "clear-broken.yaml", PATH, "1"],
            &["hook", "clear-broken.yaml"],
        ] {
            fails(&scene, args);
        }
    }
    scene.write("clear-broken.yaml", format!("a: {value}\n"));
    let nothing = ["--encrypted-regex", "nothing", "clear-broken.yaml"];
    let options = ["encrypt", "--age", RECIPIENT];
    fails(&scene, &[options.as_slice(), &nothing].concat());
    fails(
        &scene,
        &["encrypt", "--age", "age1nonsense", "clear-broken.yaml"],
    );
    fails(
        &scene,
        &["encrypt", "--output", "nowhere/x.yaml", "clear-broken.yaml"],
    );
    fails(&scene, &["encrypt", "--onto", SEALED, "clear-broken.yaml"]);
    holds_nothing(&scene);
}

#[test]
fn a_damaged_sealed_file_gives_nothing_away() {
    let (scene, sealed, value) = sealed_world();
    let token = sealed
        .lines()
        .find(|line| line.starts_with("tiingo"))
        .unwrap();
    let whole = format!("tiingo_api_key: {value}");
    for text in [
        sealed.replace(token, &whole),
        sealed.replace(token, &format!("{token} {value}")),
        sealed.replace(&format!("{token}\n"), ""),
        sealed.replace("    mac:", "    mcc:"),
        sealed.replace(token, &format!("{token}\nextra_unencrypted: {value}")),
        sealed.replace("lastmodified: \"20", "lastmodified: \"19"),
    ] {
        scene.write("clear-broken.yaml", &text);
        scene.write(SEALED, &text);
        for args in [
            ["decrypt", "clear-broken.yaml"].as_slice(),
            &["decrypt", "--extract", PATH, "clear-broken.yaml"],
            &["decrypt", "-i", "clear-broken.yaml"],
            &["decrypt", "--output", "new.yaml", "clear-broken.yaml"],
            &["set", "clear-broken.yaml", PATH, "1"],
            &["encrypt", "--onto", "clear-broken.yaml", CLEAR_FILE],
            &["sync", "--env", "dev", "-y"],
            &["sync", "--env", "dev", "-y", "--json"],
            &["render", "--env", "dev"],
            &["render", "--env", "dev", "--json"],
            &["encrypt", "--env", "dev"],
            &["decrypt", "--env", "dev", "--overwrite"],
        ] {
            fails(&scene, args);
        }
        // The hook needs no key, so that it cannot notice all of this.
        scene.cmd(["hook", "clear-broken.yaml"]).run();
        scene.write(SEALED, &sealed);
    }
    fails(
        &scene,
        &[
            "decrypt",
            "--extract",
            "[\"tiingo_api_key\"][\"x\"]",
            SEALED,
        ],
    );
    fails(&scene, &["decrypt", "--extract", "tiingo_api_key", SEALED]);
    fails(&scene, &["decrypt", "--output-type", "binary", SEALED]);
    assert!(!scene.has("new.yaml"));
    holds_nothing(&scene);
}

#[test]
fn a_value_that_is_refused_is_not_repeated() {
    let (scene, sealed, value) = sealed_world();
    scene.write("clear-broken.yaml", format!("{value} {value}"));
    for more in [
        ["--value-file", "clear-broken.yaml"],
        ["--value-stdin", "--idempotent"],
    ] {
        let run = scene.cmd(["set", SEALED, PATH].iter().chain(&more));
        run.stdin(format!("{{\"x\": {value}")).run().fails(7);
    }
    // The top level is a map, which has no positions.
    let run = scene.cmd(["set", SEALED, "[0]", "--value-stdin"]);
    run.stdin(format!("{{\"x\": {value}}}")).run().fails(7);

    // The wallet guard, and a target that cannot be written.
    scene.git("add -A").succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    let wallet = [
        "set",
        SEALED,
        "[\"wallet_password\"]",
        "--value-stdin",
        "--raw",
    ];
    scene.cmd(wallet).stdin(TYPED[3]).run().succeeds();
    for json in ["--format=text", "--json"] {
        scene
            .cmd(["sync", "--env", "dev", "-y", json])
            .run()
            .fails(4);
    }
    scene.write(SEALED, &sealed);
    scene.write("out", "no directory");
    for json in ["--format=text", "--json"] {
        fails(&scene, &["sync", "--env", "dev", "-y", json]);
    }
    holds_nothing(&scene);
}

#[test]
fn the_hook_refuses_a_clear_file_without_a_word_of_it() {
    let (scene, _, _) = sealed_world();
    scene.git(&format!("add -f {CLEAR_FILE}")).succeeds();
    for line in ["hook", "hook --json", "hook --format sarif"] {
        scene.run(line).fails(1);
    }
    // In the index it is until it is taken out.
    let places = scene.leaks(&searched(), &ALLOWED);
    let said = places.iter().filter(|place| place.starts_with("output"));
    assert_eq!(said.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn values_are_no_clearer_when_services_fail() {
    let proxy = Proxy::to(moto().port());
    let scene = world()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .env("AWS_MAX_ATTEMPTS", "1");
    let key = moto().key("us-east-1");
    scene.write(".sops.yaml", format!("creation_rules:\n  - kms: {key}\n"));
    let targets = "      - { kind: secretsmanager, region: us-east-1, prefix: canaries- }\n";
    scene.write("clsecrets.yaml", ENVIRONMENTS.to_owned() + targets);
    scene.run("encrypt --env dev").succeeds();

    for call in [
        "TrentService.Decrypt",
        "secretsmanager.CreateSecret",
        "secretsmanager.BatchGetSecretValue",
    ] {
        for fault in [
            Fault::error("AccessDeniedException"),
            Fault::error("ValidationException"),
            Fault::Drop,
        ] {
            proxy.on(call, fault);
            for json in ["--format=text", "--json"] {
                let run = scene.cmd(["sync", "--env", "dev", "-y", json]).run();
                // Where reading many at once is not allowed, they are read one by one.
                assert!(run.status != 0 || call.contains("Batch"), "{call}: {run}");
            }
            proxy.heal();
        }
    }
    let unreachable = scene.cmd(["sync", "--env", "dev", "-y"]);
    let nobody = format!("http://127.0.0.1:{}", closed_port());
    unreachable.env("AWS_ENDPOINT_URL", nobody).run().fails(5);
    scene.run("sync --env dev -y").succeeds();
    scene.run("sync --env dev -y --json").succeeds();
    holds_nothing(&scene);
}

#[test]
fn shares_of_a_data_key_give_nothing_away_however_many_open() {
    let proxy = Proxy::to(moto().port());
    let scene = world()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .env("AWS_MAX_ATTEMPTS", "1");
    let key = moto().key("us-east-1");
    let rule = |threshold: i64| {
        let groups = [
            format!("{{ age: [{RECIPIENT}] }}"),
            format!("{{ age: [{OTHER_RECIPIENT}] }}"),
            format!("{{ kms: [{{ arn: '{key}' }}] }}"),
        ];
        let groups = groups.join(", ");
        format!("creation_rules: [{{ shamir_threshold: {threshold}, key_groups: [{groups}] }}]\n")
    };
    for threshold in [1, 4] {
        scene.write(".sops.yaml", rule(threshold));
        fails(&scene, &["encrypt", "--env", "dev"]);
    }
    scene.write(".sops.yaml", rule(2));
    scene.run("encrypt --env dev").succeeds();
    let value = serde_json::to_string(TYPED[3]).unwrap();
    scene.write("clear-broken.yaml", value);
    shows(scene.cmd(["decrypt", SEALED]), &VALUES);
    let sealed = scene.read(SEALED);
    for fault in [
        Some(Fault::error("AccessDeniedException")),
        Some(Fault::Drop),
        None,
    ] {
        let is_refused = fault.is_some();
        if let Some(fault) = fault {
            proxy.on("TrentService.Decrypt", fault);
        }
        for text in [
            sealed.clone(),
            sealed.replace("threshold: 2", "threshold: 3"),
            sealed.replace("threshold: 2", "threshold: 9"),
            sealed.replace(OTHER_RECIPIENT, RECIPIENT),
        ] {
            scene.write(SEALED, &text);
            for args in [
                ["decrypt", "--output", "asked-for.yaml", SEALED].as_slice(),
                &["set", SEALED, PATH, "--value-file", "clear-broken.yaml"],
                &["encrypt", "--env", "dev", "--overwrite"],
                &["render", "--env", "dev"],
                &["hook", SEALED],
            ] {
                let run = scene.cmd(args).run();
                assert!(run.status != 0 || !is_refused || args[0] == "hook", "{run}");
            }
        }
        proxy.heal();
    }
    holds_nothing(&scene);
}

#[test]
fn a_leak_would_be_found() {
    let scene = world();
    scene.write("asked-for.yaml", "");
    scene.other("cat", [CLEAR_FILE]).run();
    assert!(!scene.leaks(&searched(), &ALLOWED).is_empty());
}

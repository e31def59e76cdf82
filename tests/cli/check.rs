//! `check`: what is wrong with sealed files, without showing what is in them; with a real KMS and gpg
//! where it opens them.

use super::{CLEAR, RULES, line, seal, sealed};
use crate::servers::{Fault, Proxy, moto};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Run, Scene, identities};

/// The ids that were found, in order.
fn ids(run: &Run) -> Vec<String> {
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|one| one["rule"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_file_as_it_should_be_is_clean_without_a_key_and_says_by_whom_it_is_opened() {
    let scene = sealed(CLEAR).file(".sops.yaml", RULES);
    let run = scene.run("check a.yaml").succeeds();
    run.stdout(format!(
        "a.yaml: rule 1 of .sops.yaml\n  age {RECIPIENT}  an identity of this machine opens it\n"
    ))
    .stderr("1 file checked, nothing to refuse\n");
    let keyless = scene
        .cmd(["check", "a.yaml"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .succeeds();
    keyless.stdout_has("no identity at hand");
    let run = scene.run("check --json a.yaml").succeeds();
    let file = run.json()["files"][0].clone();
    assert_eq!(file["rule"], "rule 1 of .sops.yaml");
    assert_eq!(file["recipients"][0]["name"], RECIPIENT);
    assert_eq!(file["recipients"][0]["opens"], serde_json::Value::Null);
    assert_eq!(
        scene.leaks(&["p4ss#with/odd%chars@16"], &["clear.yaml"]),
        [""; 0]
    );
}

#[test]
fn every_fault_has_its_id() {
    let both = format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n");
    let selects = format!("creation_rules:\n  - age: {RECIPIENT}\n    encrypted_regex: ^pass\n");
    let scene = sealed(CLEAR);
    let good = scene.read("a.yaml");
    let token = line(&good, "user").to_owned();
    let entry = {
        let at = good.find("        - enc: |").unwrap();
        let end = good.find("    lastmodified").unwrap();
        good[at..end].to_owned()
    };
    for (rules, text, id) in [
        (RULES, CLEAR.to_owned(), "C001"),
        (both.as_str(), good.clone(), "C002"),
        (
            RULES,
            good.replacen(&entry, &format!("{entry}{entry}"), 1),
            "C003",
        ),
        (selects.as_str(), good.clone(), "C004"),
        (RULES, good.replacen(&token, "hunter2-5150", 1), "H003"),
        (
            RULES,
            good.replacen(&token, &token.replacen("tag:", "tagg:", 1), 1),
            "H004",
        ),
        (RULES, good.replacen("    mac: ", "    mac: x", 1), "H010"),
    ] {
        scene.write(".sops.yaml", rules);
        scene.write("a.yaml", &text);
        let run = scene.run("check --json a.yaml").fails(1);
        assert_eq!(ids(&run), [id], "{}", run.out());
        let text = scene.run("check a.yaml").fails(1);
        text.stdout_has(id)
            .stderr_has("refused: 1 finding in 1 file");
        let run = scene.run("check --format sarif a.yaml").fails(1);
        let log = run.json();
        assert_eq!(log["runs"][0]["results"][0]["ruleId"], id);
        let rules = log["runs"][0]["tool"]["driver"]["rules"]
            .as_array()
            .unwrap();
        assert!(rules.iter().any(|rule| rule["id"] == id));
    }
    // A page of the documentation has them all.
    let page = std::fs::read_to_string(crate::support::project("docs/check.md")).unwrap();
    for check in clsecrets::scan::checks::CHECKS {
        let row = format!("| `{}` | {} |", check.id, check.summary);
        assert!(page.contains(&row), "docs/check.md lacks\n{row}");
    }
    scene.write("a.yaml", "a: 1\n");
    assert_eq!(scene.leaks(&["hunter2-5150"], &[]), [""; 0]);
}

#[test]
fn what_cannot_be_judged_is_told_apart_and_usage_is_3() {
    let scene = sealed(CLEAR).file(".sops.yaml", RULES);
    let good = scene.read("a.yaml");
    scene.write("a.yaml", format!("{good}\n  : [\n"));
    let run = scene.run("check a.yaml").fails(2);
    run.stdout_has("a.yaml: could not be checked: ");
    scene.run("check none.yaml").fails(2);
    scene.run("check empty/").fails(2);
    scene.run("check").fails(3);
    scene.run("check --bogus a.yaml").fails(3);
    scene.write("a.yaml", &good);
    scene.write(".sops.yaml", "creation_rules: [\n");
    scene.run("check a.yaml").fails(2);
}

#[test]
fn a_tree_is_checked_with_what_should_be_sealed_in_it() {
    let rules = format!("creation_rules:\n  - path_regex: ^secrets/\n    age: {RECIPIENT}\n");
    let scene = Scene::with_age()
        .in_git()
        .file("secrets/a.yaml", CLEAR)
        .file("secrets/b.json", "{\"x\": \"hunter2-5150\"}")
        .file("README.md", "hello\n")
        .file(".sops.yaml", rules);
    for file in ["secrets/a.yaml", "secrets/b.json"] {
        scene.run(&format!("encrypt -i {file}")).succeeds();
    }
    scene.run("check .").succeeds().stdout("");
    scene
        .run("check secrets/*.yaml")
        .succeeds()
        .stderr("1 file checked, nothing to refuse\n");
    scene
        .run("check --verbose secrets")
        .succeeds()
        .stdout_has("secrets/b.json: rule 1 of .sops.yaml\n");
    scene.write("secrets/c.yaml", "pass: hunter2-5150\n");
    let run = scene.run("check --json .").fails(1);
    assert_eq!(ids(&run), ["H002"]);
    assert_eq!(run.json()["findings"][0]["path"], "secrets/c.yaml");
    let below = scene
        .cmd(["check", "--json", "."])
        .cwd("secrets")
        .run()
        .fails(1);
    assert_eq!(below.json()["findings"][0]["path"], "secrets/c.yaml");
}

#[test]
fn online_opens_and_tries_every_recipient() {
    let scene = Scene::with_age().file("a.yaml", CLEAR);
    scene
        .run(&format!(
            "encrypt -i --age {RECIPIENT},{OTHER_RECIPIENT} a.yaml"
        ))
        .succeeds();
    let run = scene.run("check --online a.yaml").succeeds();
    run.stdout_has("a.yaml: no creation rule covers it, opens and its MAC agrees\n")
        .stdout_has(&format!(
            "  age {RECIPIENT}  opens (an identity of this machine opens it)\n"
        ))
        .stdout_has(&format!(
            "  age {OTHER_RECIPIENT}  no identity for it was given"
        ));
    let keyless = scene
        .cmd(["check", "--online", "a.yaml"])
        .without("SOPS_AGE_KEY_FILE")
        .run();
    keyless
        .fails(2)
        .stdout_has(
            "a.yaml: could not be checked: cannot open a.yaml: none of its 2 recipients is usable",
        )
        .stdout_has("    next: ");

    let good = scene.read("a.yaml");
    let (user, port) = (
        line(&good, "user").to_owned(),
        line(&good, "port").to_owned(),
    );
    let swapped = good
        .replacen(&user, "x", 1)
        .replacen(&port, &user, 1)
        .replacen("user: x", &format!("user: {port}"), 1);
    scene.write("a.yaml", swapped);
    let run = scene.run("check --online --json a.yaml").fails(1);
    assert_eq!(ids(&run), ["C006"], "{}", run.out());
    let removed = good
        .lines()
        .filter(|line| !line.starts_with("user:"))
        .collect::<Vec<_>>();
    scene.write("a.yaml", removed.join("\n") + "\n");
    scene.run("check a.yaml").succeeds();
    let run = scene.run("check --online --json a.yaml").fails(1);
    assert_eq!(ids(&run), ["C006"]);
    assert_eq!(scene.leaks(&["p4ss#with/odd%chars@16"], &[]), [""; 0]);
}

#[test]
fn a_recipient_with_another_data_key_is_found_out() {
    let scene = Scene::holding("AB")
        .file("a.yaml", CLEAR)
        .file("b.yaml", CLEAR);
    for file in ["a.yaml", "b.yaml"] {
        scene
            .run(&format!(
                "encrypt -i --age {RECIPIENT},{OTHER_RECIPIENT} {file}"
            ))
            .succeeds();
    }
    let (a, b) = (scene.read("a.yaml"), scene.read("b.yaml"));
    let entry = |text: &str| {
        let at = text.rfind("        - enc: |").unwrap();
        text[at..text.find("    lastmodified").unwrap()].to_owned()
    };
    scene.write("a.yaml", a.replacen(&entry(&a), &entry(&b), 1));
    scene.run("check a.yaml").succeeds();
    let run = scene.run("check --online --json a.yaml").fails(1);
    assert_eq!(ids(&run), ["C007"]);
    assert_eq!(identities("A").lines().count(), 1);
}

#[test]
fn kms_is_tried_with_its_credentials_and_the_next_step_and_old_keys_are_told() {
    let proxy = Proxy::to(moto().port());
    let scene = Scene::new()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .file("a.yaml", CLEAR);
    let keys = [moto().key("eu-west-1"), moto().key("us-east-1")];
    scene
        .run(&format!("encrypt -i --kms {} a.yaml", keys.join(",")))
        .succeeds();
    let run = scene.run("check --online a.yaml").succeeds();
    run.stdout_has(&format!(
        "  kms {}  opens (AWS keys of the environment)\n",
        keys[0]
    ))
    .stdout_has(&format!(
        "  kms {}  opens (AWS keys of the environment)\n",
        keys[1]
    ));
    proxy.calls();
    scene.run("check a.yaml").succeeds();
    assert!(proxy.calls().is_empty(), "offline asks nobody");
    proxy.on(
        "TrentService.Decrypt",
        Fault::error("AccessDeniedException"),
    );
    let run = scene.run("check --online a.yaml").fails(2);
    run.stdout_has(
        "refused to unwrap the data key: AccessDeniedException (AWS keys of the environment)",
    )
    .stdout_has("    next: aws sts get-caller-identity");
    proxy.heal();

    let text = scene.read("a.yaml");
    let today = line(&text, "created_at").trim_matches('"').to_owned();
    scene.write("a.yaml", text.replace(&today, "2020-01-01T00:00:00Z"));
    let run = scene.run("check a.yaml").succeeds();
    run.stdout_has("C005 its data key is ")
        .stdout_has("fix: clsecrets rotate -i a.yaml");
    let run = scene.run("check --json --max-age 180 a.yaml").fails(1);
    assert_eq!(ids(&run), ["C005"]);
    let run = scene.run("check --json --max-age 100000 a.yaml").succeeds();
    assert_eq!(ids(&run), [""; 0]);
}

#[test]
fn keys_are_listed_and_made_to_follow_the_rules() {
    let scene = Scene::with_age()
        .file("a.yaml", CLEAR)
        .file("sub/b.json", "{\"x\": \"hunter2-5150\"}")
        .file("clear.yaml", "x: 1\n");
    seal(&scene, "a.yaml");
    scene
        .run(&format!(
            "encrypt -i --age {RECIPIENT},{OTHER_RECIPIENT} sub/b.json"
        ))
        .succeeds();
    scene.run("keys list").succeeds().stdout(format!(
        "age {OTHER_RECIPIENT}\n    ./sub/b.json\nage {RECIPIENT}\n    ./a.yaml\n    ./sub/b.json\n"
    ));
    let list = scene.run("keys list --json a.yaml").succeeds().json();
    assert_eq!(list["recipients"][0]["files"][0]["path"], "a.yaml");

    scene.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {RECIPIENT},{OTHER_RECIPIENT}\n"),
    );
    let before = scene.bytes("a.yaml");
    let check = scene
        .cmd(["keys", "apply", "--check"])
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .fails(1);
    check
        .stdout(format!(
            "./a.yaml:\nGroup 1\n    {RECIPIENT}\n+++ {OTHER_RECIPIENT}\n"
        ))
        .stderr_has("1 file does not follow the rules");
    assert_eq!(scene.bytes("a.yaml"), before);
    scene
        .run("keys apply --yes")
        .succeeds()
        .stderr_has("./a.yaml follows its rule now");
    scene.run("keys apply --check").succeeds().stdout("");
    scene.run("check --online a.yaml").succeeds();
    let other = scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_AGE_KEY", identities("B"));
    other
        .without("SOPS_AGE_KEY_FILE")
        .run()
        .succeeds()
        .stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn trees_are_sealed_and_opened_in_place_with_one_summary() {
    let rules = format!(
        "creation_rules:\n  - path_regex: ^secrets/.*\\.(yaml|json)$\n    age: {RECIPIENT}\n"
    );
    let scene = Scene::with_age()
        .file(".sops.yaml", rules)
        .file("secrets/a.yaml", CLEAR)
        .file("secrets/deep/b.json", "{\"x\": \"hunter2-5150\"}\n")
        .file("secrets/notes.txt", "hello\n")
        .file("other.yaml", "x: 1\n");
    scene.run("encrypt secrets").fails(2).stdout("");
    let refused = scene.run("encrypt secrets/a.yaml other.yaml").fails(8);
    refused
        .stdout("")
        .stderr("error: several files are written in place only\nhint: add --in-place\n");
    scene
        .run("encrypt -i .")
        .succeeds()
        .stderr_has("2 files sealed\n");
    assert_eq!(scene.read("secrets/notes.txt"), "hello\n");
    assert_eq!(scene.read("other.yaml"), "x: 1\n");
    for file in ["secrets/a.yaml", "secrets/deep/b.json"] {
        scene.sops(&format!("decrypt {file}")).succeeds();
    }
    scene
        .run("encrypt -i secrets")
        .fails(100)
        .stderr_has("there is nothing to do below secrets");

    // One that does not open leaves the others done.
    let good = scene.read("secrets/a.yaml");
    scene.write(
        "secrets/broken.yaml",
        good.replacen(
            "user: ENC[AES256_GCM,data:",
            "user: ENC[AES256_GCM,data:AAAA",
            1,
        ),
    );
    let run = scene.run("decrypt -i 'secrets/**'").fails(25);
    run.stderr_has("2 of 3 files opened, 1 failed");
    assert_eq!(scene.read("secrets/a.yaml"), CLEAR);
    assert_eq!(
        scene.read("secrets/deep/b.json"),
        "{\"x\": \"hunter2-5150\"}\n"
    );
    scene.run("decrypt a.yaml b.yaml").fails(8);
    scene
        .run("decrypt -i --extract '[\"user\"]' secrets other.yaml")
        .fails(8);
}

#[test]
fn files_with_the_same_wrapped_key_cost_one_call() {
    let proxy = Proxy::to(moto().port());
    let scene = Scene::new()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .file("s/0.yaml", CLEAR);
    let key = moto().key("eu-west-1");
    scene
        .run(&format!("encrypt -i --kms {key} s/0.yaml"))
        .succeeds();
    let text = scene.read("s/0.yaml");
    for number in 1..8 {
        scene.write(&format!("s/{number}.yaml"), &text);
    }
    proxy.calls();
    scene.run("check --online s").succeeds();
    assert_eq!(proxy.calls(), ["TrentService.Decrypt"]);
    scene.run("decrypt -i s").succeeds();
    assert_eq!(proxy.calls(), ["TrentService.Decrypt"]);
    assert_eq!(scene.read("s/7.yaml"), CLEAR);
}

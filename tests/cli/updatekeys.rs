//! `updatekeys`: files follow their rules, nobody is lost, and a person has seen it.

use super::{CLEAR, differing_lines, sealed};
use crate::support::{OTHER_RECIPIENT, RECIPIENT, Scene, THIRD_RECIPIENT};

fn rules(rule: &str) -> String {
    format!("creation_rules:\n  - {rule}\n")
}

#[test]
fn a_new_recipient_changes_nothing_but_the_entries() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    scene.write(
        ".sops.yaml",
        rules(&format!("age: {RECIPIENT},{OTHER_RECIPIENT}")),
    );
    let run = scene.cmd(["updatekeys", "a.yaml"]).stdin("y\n").run();
    run.succeeds()
        .stdout(format!(
            "The following changes will be made to the file's groups:\nGroup 1\n    {RECIPIENT}\n+++ {OTHER_RECIPIENT}\n"
        ))
        .stderr("Is this okay? (y/n): a.yaml follows its rule now\n");
    let after = scene.read("a.yaml");
    let (gone, new) = differing_lines(&before, &after);
    assert!(gone.is_empty(), "{gone:?}");
    assert!(!new.iter().any(|line| line.contains("ENC[")), "{new:?}");
    let run = scene.run("updatekeys a.yaml").succeeds();
    run.stdout("").stderr("a.yaml is up to date\n");
    let other = crate::support::identities("B");
    scene
        .cmd(["decrypt", "a.yaml"])
        .without("SOPS_AGE_KEY_FILE")
        .env("SOPS_AGE_KEY", &other)
        .run()
        .succeeds()
        .stdout(CLEAR);
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn who_is_taken_away_is_named_and_a_new_key_is_offered() {
    let scene = sealed(CLEAR);
    scene
        .run(&format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml"))
        .succeeds();
    scene.write(".sops.yaml", rules(&format!("age: {RECIPIENT}")));
    let kept = scene.read("a.yaml");
    let run = scene.run("updatekeys -y a.yaml").succeeds();
    run.matches(&scene, "updatekeys-removed");
    let after = scene.read("a.yaml");
    let (_, new) = differing_lines(&kept, &after);
    assert!(new.is_empty(), "{new:?}");
    scene.write("a.yaml", &kept);
    scene
        .run("updatekeys -y --rotate a.yaml")
        .succeeds()
        .stderr_lacks("still the one");
    let after = scene.read("a.yaml");
    let (gone, _) = differing_lines(&kept, &after);
    assert!(gone.iter().any(|line| line.contains("ENC[")), "{gone:?}");
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn a_person_is_offered_a_new_data_key_when_somebody_goes() {
    let scene = sealed(CLEAR);
    scene
        .run(&format!("rotate -i --add-age {OTHER_RECIPIENT} a.yaml"))
        .succeeds();
    scene.write(".sops.yaml", rules(&format!("age: {RECIPIENT}")));
    let kept = scene.read("a.yaml");
    for (answer, is_new) in [("n", false), ("y", true)] {
        scene.write("a.yaml", &kept);
        scene
            .cmd(["updatekeys", "a.yaml"])
            .on_terminal(&[
                ("Is this okay? (y/n):", "y"),
                ("Make a new data key, too? (y/n):", answer),
            ])
            .run()
            .succeeds();
        let (before, after) = (super::line(&kept, "user"), scene.read("a.yaml"));
        assert_eq!(super::line(&after, "user") != before, is_new);
        assert_eq!(after.matches("recipient:").count(), 1);
    }
}

#[test]
fn a_file_that_was_changed_gets_no_new_recipient() {
    let scene = sealed("a: x\nb_unencrypted: y\n");
    let text = scene
        .read("a.yaml")
        .replace("b_unencrypted: y", "b_unencrypted: z");
    scene.write("a.yaml", &text);
    scene.write(
        ".sops.yaml",
        rules(&format!("age: {RECIPIENT},{OTHER_RECIPIENT}")),
    );
    scene.run("updatekeys -y a.yaml").fails(51);
    assert_eq!(scene.read("a.yaml"), text);
}

#[test]
fn a_rule_that_selects_more_is_followed_and_one_that_opens_values_has_to_be_seen() {
    let scene = Scene::with_age()
        .file(
            ".sops.yaml",
            rules(&format!("age: {RECIPIENT}\n    encrypted_regex: ^pass$")),
        )
        .file("a.yaml", "pass: p4ss\nuser: alice\nport: 1\n");
    scene.run("encrypt -i a.yaml").succeeds();
    let before = scene.read("a.yaml");
    scene.write(
        ".sops.yaml",
        rules(&format!(
            "age: {RECIPIENT}\n    encrypted_regex: ^(pass|user)$"
        )),
    );
    scene
        .run("updatekeys -y a.yaml")
        .succeeds()
        .matches(&scene, "updatekeys-selects-more");
    let after = scene.read("a.yaml");
    assert_eq!(super::line(&after, "pass"), super::line(&before, "pass"));
    assert!(super::line(&after, "user").starts_with("ENC["));
    assert_eq!(super::line(&after, "encrypted_regex"), "^(pass|user)$");
    scene
        .sops("decrypt a.yaml")
        .succeeds()
        .stdout("pass: p4ss\nuser: alice\nport: 1\n");

    scene.write(
        ".sops.yaml",
        rules(&format!("age: {RECIPIENT}\n    encrypted_regex: ^user$")),
    );
    scene
        .run("updatekeys -y a.yaml")
        .fails(23)
        .matches(&scene, "updatekeys-would-open");
    assert_eq!(scene.read("a.yaml"), after);
    scene
        .run("updatekeys -y --allow-cleartext a.yaml")
        .succeeds();
    assert_eq!(super::line(&scene.read("a.yaml"), "pass"), "p4ss");
    // A rule without a selection says nothing about it.
    scene.write(".sops.yaml", rules(&format!("age: {RECIPIENT}")));
    scene
        .run("updatekeys -y a.yaml")
        .succeeds()
        .stderr("a.yaml is up to date\n");
}

#[test]
fn many_files_have_one_plan_and_one_question() {
    let scene = Scene::with_age().file(".sops.yaml", rules(&format!("age: {RECIPIENT}")));
    for number in 0..12 {
        let file = format!("t/{number:02}.yaml");
        scene.write(&file, format!("a: {number}\n"));
        super::seal(&scene, &file);
    }
    scene.write(
        ".sops.yaml",
        rules(&format!("age: {RECIPIENT},{THIRD_RECIPIENT}")),
    );
    let broken = scene.read("t/03.yaml").replacen("data:", "data:A", 1);
    scene.write("t/03.yaml", &broken);
    let run = scene.cmd(["updatekeys", "t"]).stdin("y\n").run().fails(25);
    assert_eq!(run.out().matches("+++ ").count(), 11, "{run}");
    assert_eq!(run.err().matches("(y/n)").count(), 1, "{run}");
    run.stderr_has("11 of 12 files compared with their rules, 1 failed")
        .stderr_has("11 files follow their rules now");
    assert_eq!(scene.read("t/03.yaml"), broken);
    for number in [0, 11] {
        let text = scene.read(&format!("t/{number:02}.yaml"));
        assert_eq!(text.matches("recipient:").count(), 2);
    }
}

#[test]
fn a_wrap_that_fails_leaves_the_file() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    let arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000";
    scene.write(
        ".sops.yaml",
        rules(&format!("age: {RECIPIENT}\n    kms: {arn}")),
    );
    let closed = crate::servers::closed_port();
    for line in [
        "updatekeys -y a.yaml".to_owned(),
        format!("groups add -i -f a.yaml --kms {arn}"),
        format!("rotate -i --add-kms {arn} a.yaml"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        scene
            .cmd(words)
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{closed}"))
            .env("AWS_ACCESS_KEY_ID", "x")
            .env("AWS_SECRET_ACCESS_KEY", "y")
            .run()
            .fails(1)
            .stderr_has(arn);
        assert_eq!(scene.read("a.yaml"), before, "{line}");
    }
}

#[test]
fn a_rule_for_nobody_or_for_a_kind_that_is_not_there_changes_nothing() {
    let scene = sealed(CLEAR);
    let before = scene.read("a.yaml");
    for (rule, words) in [
        ("path_regex: other", "no creation rule covers a.yaml"),
        ("path_regex: a", "names no recipient"),
        (
            &format!("age: {RECIPIENT}\n    gcp_kms: projects/x"),
            "gcp_kms",
        ),
    ] {
        scene.write(".sops.yaml", rules(rule));
        scene.run("updatekeys -y a.yaml").fails(1).stderr_has(words);
    }
    std::fs::remove_file(scene.path(".sops.yaml")).unwrap();
    scene
        .run("updatekeys -y a.yaml")
        .fails(1)
        .matches(&scene, "updatekeys-no-rule");
    assert_eq!(scene.read("a.yaml"), before);
}

#[test]
fn groups_are_counted_as_before_and_said() {
    let scene = sealed(CLEAR);
    let run = scene.run(&format!("groups add -i -f a.yaml --age {OTHER_RECIPIENT}"));
    run.succeeds().matches(&scene, "groups-add");
    let both = crate::support::identities("ABC");
    let act = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        scene.cmd(words).env("SOPS_AGE_KEY", &both).run()
    };
    act(&format!("groups add -i -f a.yaml --age {THIRD_RECIPIENT}")).succeeds();
    let text = scene.read("a.yaml");
    assert_eq!(super::line(&text, "shamir_threshold"), "2");
    // Two of three, so whoever could open it still can.
    act("decrypt a.yaml").succeeds().stdout(CLEAR);
    for (index, words) in [("3", "counted from 0 to 2"), ("-1", "counted from 0 to 2")] {
        act(&format!("groups delete -i -f a.yaml {index}"))
            .fails(1)
            .stderr_has(words);
    }
    act(&format!(
        "groups add -i -f a.yaml --age {RECIPIENT} --shamir-secret-sharing-threshold 9"
    ))
    .fails(1);
    assert_eq!(scene.read("a.yaml"), text);
    act("groups delete -i -f a.yaml 0").succeeds();
    act("groups delete -i -f a.yaml 1").succeeds();
    act("groups delete -i -f a.yaml 0")
        .fails(1)
        .stderr_has("the only group");
    let text = scene.read("a.yaml");
    assert!(
        !text.contains("key_groups") && !text.contains("shamir"),
        "{text}"
    );
    act("decrypt a.yaml").succeeds().stdout(CLEAR);
}

//! Key groups: who opens what, what is written, what is asked of services, and what is said.

use std::fs;
use std::time::Duration;

use super::{CLEAR, CLEAR_FILE, SEALED, SECRETS, differing_lines, environment, line};
use crate::servers::{Fault, Proxy, moto};
use crate::support::{
    OTHER_RECIPIENT as B, RECIPIENT as A, Scene, THIRD_RECIPIENT as C, fixture, identities,
};

const ENCRYPT: &str = "TrentService.Encrypt";
const DECRYPT: &str = "TrentService.Decrypt";

/// Rules with these groups, each a flow map.
fn rules(groups: &[String], threshold: usize) -> String {
    let groups: Vec<String> = groups
        .iter()
        .map(|one| format!("      - {one}\n"))
        .collect();
    let groups = groups.concat();
    format!("creation_rules:\n  - shamir_threshold: {threshold}\n    key_groups:\n{groups}")
}

/// A group of age recipients, or of KMS keys.
fn group(recipients: &[&str]) -> String {
    if recipients.iter().any(|one| one.starts_with("arn:")) {
        let arns: Vec<String> = recipients
            .iter()
            .map(|arn| format!("{{ arn: '{arn}' }}"))
            .collect();
        format!("{{ kms: [{}] }}", arns.join(", "))
    } else {
        format!("{{ age: [{}] }}", recipients.join(", "))
    }
}

/// Two of three groups open `a.yaml`, which is sealed already.
fn two_of_three(scene: Scene) -> Scene {
    let groups = [group(&[A]), group(&[B]), group(&[C])];
    let scene = scene
        .file(".sops.yaml", rules(&groups, 2))
        .file("a.yaml", CLEAR);
    scene.run("encrypt -i a.yaml").succeeds();
    scene
}

/// A world whose AWS is moto behind a proxy.
fn with_kms(scene: Scene) -> (Scene, Proxy) {
    let proxy = Proxy::to(moto().port());
    let scene = scene
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .file("a.yaml", CLEAR);
    (scene, proxy)
}

#[test]
fn any_two_of_three_groups_open_and_one_does_not() {
    let scene = two_of_three(Scene::new());
    for held in ["AB", "BC", "CA", "ABC"] {
        let act = scene.cmd(["decrypt", "a.yaml"]);
        let run = act.env("SOPS_AGE_KEY", identities(held)).run();
        run.succeeds().stdout(CLEAR).stderr("");
    }
    let alone = scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_AGE_KEY", identities("B"));
    alone
        .run()
        .fails(128)
        .stdout("")
        .matches(&scene, "groups-one-of-two");
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stdout("")
        .stderr_has("none of its 3 key groups opened, and 2 are needed");
    let before = scene.bytes("a.yaml");
    let set = scene.cmd(["set", "a.yaml", "[\"user\"]", "\"x\""]);
    set.env("SOPS_AGE_KEY", identities("C")).run().fails(128);
    assert_eq!(scene.bytes("a.yaml"), before);
}

#[test]
fn the_option_says_how_many_are_needed_and_the_rule_else_all() {
    let groups = [group(&[A]), group(&[B]), group(&[C])];
    let scene = Scene::holding("AB").file("a.yaml", CLEAR);
    let threshold = |rule: usize, options: &str| {
        scene.write(".sops.yaml", rules(&groups, rule));
        let run = scene.run(&format!("encrypt {options} a.yaml")).succeeds();
        line(&run.out(), "shamir_threshold").to_owned()
    };
    assert_eq!(threshold(0, ""), "3");
    assert_eq!(threshold(2, ""), "2");
    assert_eq!(threshold(2, "--shamir-secret-sharing-threshold 3"), "3");
    assert_eq!(threshold(3, "--shamir-secret-sharing-threshold 0"), "3");
    // Named recipients are one group; what the rule says of a threshold is written all the same.
    let run = scene.run(&format!("encrypt --age {A} a.yaml")).succeeds();
    assert!(!run.out().contains("key_groups"));
    assert_eq!(line(&run.out(), "shamir_threshold"), "3");
    scene.write("sealed.yaml", &run.stdout);
    scene.run("decrypt sealed.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn groups_that_cannot_be_sealed_for_are_refused_and_nothing_is_written() {
    let scene = Scene::holding("A").file("a.yaml", CLEAR);
    let both = [group(&[A]), group(&[B])];
    let vault = "{ hc_vault: ['https://v/v1/transit/keys/k'], age: [] }".to_owned();
    for (name, text) in [
        ("groups-high-threshold", rules(&both, 3)),
        ("groups-low-threshold", rules(&both, 1)),
        ("groups-empty", rules(&[group(&[A]), "{}".to_owned()], 2)),
        ("groups-unknown-kind", rules(&[group(&[A]), vault], 2)),
        ("groups-no-list", rules(&[format!("{{ age: {A} }}")], 2)),
    ] {
        scene.write(".sops.yaml", text);
        scene
            .run("encrypt -i a.yaml")
            .fails(1)
            .stdout("")
            .matches(&scene, name);
        assert_eq!(scene.read("a.yaml"), CLEAR);
    }
}

#[test]
fn a_recipient_in_two_groups_is_warned_of() {
    let scene = Scene::holding("A").file("a.yaml", CLEAR);
    scene.write(".sops.yaml", rules(&[group(&[A]), group(&[B, A])], 2));
    scene
        .run("encrypt -i a.yaml")
        .succeeds()
        .matches(&scene, "groups-recipient-twice");
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

#[test]
fn a_threshold_or_a_share_that_was_changed_is_noticed() {
    let scene = two_of_three(Scene::holding("ABC"));
    let sealed = scene.read("a.yaml");
    let with = |from: &str, to: &str| {
        assert!(sealed.contains(from));
        scene.write("a.yaml", sealed.replace(from, to));
        scene.run("decrypt a.yaml")
    };
    with("shamir_threshold: 2", "shamir_threshold: 4")
        .fails(128)
        .stdout("")
        .matches(&scene, "groups-impossible-threshold");
    // More than needed, and all are there.
    with("shamir_threshold: 2", "shamir_threshold: 3").succeeds();
    with("shamir_threshold: 2", "shamir_threshold: two")
        .fails(1)
        .matches(&scene, "groups-threshold-no-number");

    let groups: Vec<&str> = sealed.split("        - age:\n").collect();
    let twice = sealed.replace(groups[2], groups[1]);
    scene.write("a.yaml", twice);
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stdout("")
        .matches(&scene, "groups-same-share");

    // The threshold of three lowered to two: the two shares that are there make another key.
    let all = [group(&[A]), group(&[B]), group(&[C])];
    scene.write(".sops.yaml", rules(&all, 3));
    scene.write("a.yaml", CLEAR);
    scene.run("encrypt -i a.yaml").succeeds();
    let lowered = scene
        .read("a.yaml")
        .replace("shamir_threshold: 3", "shamir_threshold: 2");
    scene.write("a.yaml", lowered);
    let two = scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_AGE_KEY", identities("AB"));
    two.run().fails(25).stdout("");
    scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
}

/// The metadata block, without what every write changes.
fn block(text: &str) -> String {
    let (_, block) = text.split_once("\nsops:\n").unwrap();
    let lines = block.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with("mac:") && !line.starts_with("lastmodified:")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_in_a_group_survives_every_command_that_writes() {
    let scene =
        two_of_three(Scene::holding("AB")).file("clear.yaml", CLEAR.replace("alice", "bob"));
    let foreign = "          hc_vault: []\n          note: ours\n          quantum:\n            - enc: q\n              id: 1\n";
    let odd = scene
        .read("a.yaml")
        .replacen("          hc_vault: []\n", foreign, 1);
    assert!(odd.contains("quantum"));
    scene.write("a.yaml", &odd);
    let before = block(&odd);
    for args in [
        "set a.yaml '[\"user\"]' '\"carol\"'",
        "set --shamir-secret-sharing-threshold 3 a.yaml '[\"new\"]' 5",
        "encrypt --onto a.yaml --overwrite clear.yaml",
    ] {
        let text = scene.read("a.yaml");
        scene.run(args).succeeds();
        assert_ne!(scene.read("a.yaml"), text);
        assert_eq!(block(&scene.read("a.yaml")), before, "{args}");
    }
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout_has("user: bob");
}

#[test]
fn a_group_of_several_opens_with_any_of_them_in_the_decryption_order() {
    let (scene, proxy) = with_kms(Scene::holding("AB"));
    let key = moto().key("us-east-1");
    let mixed = format!("{{ age: [{A}], kms: [{{ arn: '{key}' }}] }}");
    scene.write(".sops.yaml", rules(&[mixed, group(&[B])], 2));
    scene.run("encrypt -i a.yaml").succeeds();
    assert_eq!(proxy.calls(), [ENCRYPT]);
    scene.run("decrypt a.yaml").succeeds();
    assert_eq!(proxy.calls(), [""; 0]);
    scene
        .run("decrypt --decryption-order kms,age a.yaml")
        .succeeds();
    assert_eq!(proxy.calls(), [DECRYPT]);
    let alone = scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_AGE_KEY", identities("B"));
    alone.run().succeeds().stdout(CLEAR);
    assert_eq!(proxy.calls(), [DECRYPT]);
    // The service refuses, and the other member of its group is there.
    proxy.on(DECRYPT, Fault::error("AccessDeniedException"));
    scene
        .run("decrypt --decryption-order kms a.yaml")
        .succeeds()
        .stdout(CLEAR);
}

#[test]
fn no_service_is_called_that_is_not_needed() {
    let (scene, proxy) = with_kms(Scene::holding("AB"));
    let keys = [
        moto().key("us-east-1"),
        moto().key("eu-west-1"),
        moto().key("eu-west-1"),
    ];
    let of_services = keys.each_ref().map(|key| group(&[key]));
    let seal = |groups: &[String], threshold: usize| {
        scene.write(".sops.yaml", rules(groups, threshold));
        scene.write("a.yaml", CLEAR);
        scene.run("encrypt -i a.yaml").succeeds();
        proxy.calls();
    };
    let opened_with = |calls: usize| {
        scene.run("decrypt a.yaml").succeeds().stdout(CLEAR);
        assert_eq!(proxy.calls().len(), calls);
    };
    let [one, two, three] = of_services;
    // Identities that are here are enough, wherever their groups stand.
    seal(&[one.clone(), group(&[A]), two.clone(), group(&[B])], 2);
    opened_with(0);
    seal(&[one.clone(), group(&[A]), two.clone()], 2);
    opened_with(1);
    seal(&[group(&[C]), one.clone(), two.clone(), three.clone()], 2);
    opened_with(2);
    proxy.on_in("us-east-1", DECRYPT, Fault::error("AccessDeniedException"));
    opened_with(3);
    // A threshold that says nothing: all that can be had is put together.
    let text = scene
        .read("a.yaml")
        .replace("shamir_threshold: 2", "shamir_threshold: 0");
    scene.write("a.yaml", text);
    opened_with(3);
    proxy.on_in("eu-west-1", DECRYPT, Fault::error("DisabledException"));
    scene
        .run("decrypt a.yaml")
        .fails(128)
        .stdout("")
        .matches(&scene, "groups-services-refuse");
}

#[test]
fn services_are_called_at_once_both_ways() {
    let (scene, proxy) = with_kms(Scene::new());
    let keys = ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|region| moto().key(region));
    scene.write(
        ".sops.yaml",
        rules(&keys.each_ref().map(|key| group(&[key])), 3),
    );
    let wait = Duration::from_millis(1500);
    proxy.on(ENCRYPT, Fault::Slow(wait));
    proxy.on(DECRYPT, Fault::Slow(wait));
    for command in ["encrypt -i a.yaml", "decrypt a.yaml"] {
        let run = scene.run(command).succeeds();
        assert!(run.took >= wait, "{run}");
        assert!(run.took < wait * 5 / 2, "{:?}: {run}", run.took);
        assert_eq!(proxy.calls().len(), 3);
    }
}

#[test]
fn a_service_that_does_not_answer_holds_up_nobody() {
    let (scene, proxy) = with_kms(Scene::new());
    let keys = ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|region| moto().key(region));
    scene.write(
        ".sops.yaml",
        rules(&keys.each_ref().map(|key| group(&[key])), 2),
    );
    scene.run("encrypt -i a.yaml").succeeds();
    proxy.calls();
    proxy.on_in("us-east-1", DECRYPT, Fault::Hang(Duration::from_secs(40)));
    let run = scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout(CLEAR)
        .stderr("");
    assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
    assert_eq!(proxy.calls(), [DECRYPT; 3]);
}

#[test]
fn a_key_that_cannot_wrap_leaves_the_file_in_clear_and_names_its_group() {
    let (scene, proxy) = with_kms(Scene::new());
    let key = moto().key("us-east-1");
    scene.write(".sops.yaml", rules(&[group(&[A]), group(&[&key])], 2));
    proxy.on(ENCRYPT, Fault::error("AccessDeniedException"));
    scene
        .run("encrypt -i a.yaml")
        .fails(1)
        .stdout("")
        .matches(&scene, "groups-denied-sealing");
    assert_eq!(scene.read("a.yaml"), CLEAR);
}

#[test]
fn nobody_is_asked_for_a_passphrase_when_other_groups_are_enough() {
    let locked = fs::read_to_string(fixture("keys/age/throwaway_locked.pub")).unwrap();
    let locked = format!("{{ age: ['{}'] }}", locked.trim());
    let scene = Scene::holding("AB")
        .env(
            "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
            fixture("keys/age/throwaway_locked").display().to_string(),
        )
        .file(".sops.yaml", rules(&[locked, group(&[A]), group(&[B])], 2))
        .file("a.yaml", "a: b\n");
    scene.run("encrypt -i a.yaml").succeeds();
    let quiet = scene.cmd(["decrypt", "a.yaml"]).on_terminal(&[]).run();
    assert_eq!(quiet.succeeds().out(), "a: b\n");
    let asked = scene
        .cmd(["decrypt", "a.yaml"])
        .env("SOPS_AGE_KEY", identities("A"))
        .on_terminal(&[("Enter the passphrase", "throwaway")])
        .run();
    assert!(asked.succeeds().out().ends_with("a: b\n"));
}

#[test]
fn shares_are_unwrapped_once_in_a_run() {
    let proxy = Proxy::to(moto().port());
    let keys = [moto().key("us-east-1"), moto().key("eu-west-1")];
    let world = environment()
        .in_git()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url());
    world.write(
        ".sops.yaml",
        rules(&keys.each_ref().map(|key| group(&[key])), 2),
    );
    world.run("encrypt --env dev").succeeds();
    world
        .git("add .sops.yaml clsecrets.yaml secrets/dev/encrypted-secrets.yaml")
        .succeeds();
    world.git("commit --quiet -m sealed").succeeds();
    let path = "[\"tiingo_api_key\"]";
    world
        .cmd(["set", SEALED, path, "\"changed\""])
        .run()
        .succeeds();
    proxy.calls();

    // The file of the working tree and that of HEAD share a data key.
    world.run("sync --env dev -y --json").succeeds();
    assert_eq!(proxy.calls(), [DECRYPT; 2]);
}

#[test]
fn the_groups_of_an_environment_are_those_of_its_rule() {
    let groups = [group(&[A]), group(&[B]), group(&[C])];
    let ruled = rules(&groups, 2);
    let scene = environment()
        .env("SOPS_AGE_KEY", identities("ABC"))
        .file(".sops.yaml", &ruled);
    scene.run("encrypt --env dev").succeeds();
    let sealed = scene.read(SEALED);
    let before = block(&sealed);
    let set = ["set", SEALED, "[\"tiingo_api_key\"]", "\"new\""];
    scene.cmd(set).run().succeeds();
    scene.run("decrypt --env dev --overwrite").succeeds();
    scene.write(CLEAR_FILE, SECRETS.replace("cc_0123456789abcdef", "cc_new"));
    scene.run("encrypt --env dev").succeeds();
    let text = scene.read(SEALED);
    assert_eq!(block(&text), before);
    let (old, _) = differing_lines(&sealed, &text);
    assert!(old.len() <= 4, "{old:?}");

    for (name, other) in [
        ("guard-groups-threshold", rules(&groups, 3)),
        (
            "guard-groups-merged",
            rules(&[group(&[A, B]), group(&[C])], 2),
        ),
        (
            "guard-groups-flat",
            format!("creation_rules:\n  - age: '{A},{B},{C}'\n"),
        ),
    ] {
        scene.write(".sops.yaml", other);
        scene
            .cmd(set)
            .run()
            .fails(1)
            .stdout("")
            .matches(&scene, name);
        scene.write(CLEAR_FILE, SECRETS);
        scene.run("encrypt --env dev --overwrite").fails(1);
        assert_eq!(scene.read(SEALED), text);
    }
    // The order of the groups says nothing.
    let [one, two, three] = groups;
    scene.write(".sops.yaml", rules(&[three, one, two], 2));
    scene.run("encrypt --env dev --overwrite").succeeds();
    // Nor may one recipient alone replace them, or another threshold be given.
    fs::remove_file(scene.path(SEALED)).unwrap();
    for options in [
        format!("--age {A}"),
        "--shamir-secret-sharing-threshold 3".to_owned(),
    ] {
        scene
            .run(&format!("encrypt --env dev {options}"))
            .fails(1)
            .stderr_has("--force-recipients");
        assert!(!scene.has(SEALED));
    }
}

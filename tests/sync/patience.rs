//! Servers, plug-ins and people that take too long: a run ends in bounded time, and says what was and
//! was not done.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use super::World;
use super::kubernetes::Place;
use super::secrets_manager::REGION;
use crate::servers::{Cluster, Fault, Proxy, moto};
use crate::support::Scene;

pub(super) fn tell(run: &Child, signal: &str) {
    let pid = run.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
}

pub(super) fn wait_for(proxy: &Proxy, call: &str, count: usize) {
    let begin = Instant::now();
    while proxy.count(call) < count {
        assert!(begin.elapsed() < Duration::from_mins(1), "{call}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A place with so many more secrets, behind a proxy.
fn place_of(count: usize) -> (Place, Proxy) {
    let mut place = Place::new();
    for number in 0..count {
        let secret = (
            format!("a{number:03}_api_key"),
            format!("value-of-{number:03}-abcdef"),
        );
        place.world.secrets.push(secret);
    }
    place.world.set("tiingo_api_key", Some("the-last-key"));
    let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
    let user = place.namespace.admin().at(&proxy.url());
    place.log_in(&user.kubeconfig());
    (place, proxy)
}

#[test]
fn a_frozen_server_ends_every_command_that_looks_at_it() {
    let cluster = Cluster::start();
    let namespace = cluster.namespace();
    let target = format!(
        "{{ kind: kubernetes, context: test, namespace: {} }}",
        namespace.name
    );
    let scene = Scene::with_age();
    let kubeconfig = scene.home("kubeconfig");
    let scene = scene.env("KUBECONFIG", kubeconfig.display().to_string());
    let world = World::new(scene, &[&target]);
    std::fs::write(&kubeconfig, cluster.admin().kubeconfig()).unwrap();
    world.sync("--check").fails(2);
    cluster.freeze();
    for (line, status) in [
        ("sync --env dev -y --timeout 3s", 8),
        ("sync --env dev --check --timeout 3s", 8),
        ("status --env dev --timeout 3s", 8),
        ("validate --env dev --live --timeout 3s", 2),
    ] {
        let run = world.scene.run(line).fails(status);
        let all = run.out() + &run.err();
        assert!(
            all.contains("has not answered within the time limit of 3s"),
            "{line}\n{all}"
        );
        assert!(run.took < Duration::from_secs(20), "{line} {:?}", run.took);
    }
    cluster.thaw();
    world.apply();
    world
        .sync("--check --timeout 0s")
        .fails(1)
        .stderr_has("--timeout 0s: not a time");
}

#[test]
fn writes_that_nobody_answers_end_at_the_limit_and_a_repeat_finishes_them() {
    // They do not arrive, as far as can be seen; they could yet.
    let (place, proxy) = place_of(0);
    proxy.on("PATCH secrets", Fault::Hang(Duration::from_mins(1)));
    let run = place.world.sync("-y --timeout 4s").fails(3);
    let run = run
        .stderr_has("has not answered within the time limit of 4s")
        .stderr_has("not known whether 4 writes arrived; repeat to find out");
    assert!(run.took < Duration::from_secs(40), "{:?}", run.took);
    proxy.heal();
    place.world.sync("-y").succeeds();
    place.world.sync("--check").succeeds();

    // They arrive, which is found out by looking once more.
    let (place, proxy) = place_of(0);
    proxy.on("PATCH secrets", Fault::Stall);
    let run = place.world.sync("-y --timeout 4s").succeeds();
    assert!(run.took < Duration::from_secs(40), "{:?}", run.took);
    proxy.heal();
    place.world.sync("-y").succeeds();
    place.world.sync("--check").succeeds();
}

#[test]
fn whoever_stops_a_run_is_told_what_was_and_was_not_done() {
    let (place, proxy) = place_of(40);
    proxy.on("GET secrets", Fault::Stall);
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        proxy.calls();
        let run = place
            .world
            .scene
            .cmd(["sync", "--env", "dev", "-y"])
            .start();
        wait_for(&proxy, "GET secrets", 1);
        tell(&run, signal);
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        assert!(
            said(&output).contains("interrupted: nothing was written"),
            "{}",
            said(&output)
        );
    }
    proxy.heal();

    proxy.on("PATCH secrets", Fault::Slow(Duration::from_millis(1500)));
    proxy.calls();
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y", "--json"])
        .start();
    wait_for(&proxy, "PATCH secrets", 1);
    tell(&run, "-INT");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("stopping: nothing new is begun"),
        "{}",
        said(&output)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = report["errors"][0]["reason"].as_str().unwrap();
    assert!(
        error.ends_with("objects were not begun: the run was stopped"),
        "{error}"
    );
    proxy.heal();
    // What was begun is there, and no more.
    let left = place.versions().len();
    assert!((1..44).contains(&left), "{left}");
    let done = report["targets"][0]["objects"].as_array().unwrap();
    let done = done
        .iter()
        .filter(|object| object["phase"] == json!("verified"))
        .count();
    assert_eq!(done, left);
    let report = place.world.apply();
    assert_eq!(report["summary"]["create"], 44 - left);

    // Twice is at once.
    let (place, proxy) = place_of(0);
    proxy.on("PATCH secrets", Fault::Stall);
    let run = place
        .world
        .scene
        .cmd(["sync", "--env", "dev", "-y"])
        .start();
    wait_for(&proxy, "PATCH secrets", 4);
    tell(&run, "-INT");
    std::thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    tell(&run, "-INT");
    let output = run.wait_with_output().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in [
        "the run was stopped before it answered",
        "not known whether 4 writes arrived; repeat to find out",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn credentials_that_do_not_come_are_a_reason_to_try_again() {
    let scene = Scene::with_age().env("AWS_ENDPOINT_URL", moto().url());
    let target = format!("{{ kind: secretsmanager, region: {REGION}, profile: slow, prefix: p- }}");
    let world = World::new(scene, &[&target]);
    let program = world.scene.home("slow");
    std::fs::write(&program, "#!/bin/sh\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::create_dir_all(world.scene.home(".aws")).unwrap();
    let config = format!(
        "[profile slow]\ncredential_process = {}\n",
        program.display()
    );
    std::fs::write(world.scene.home(".aws/config"), config).unwrap();
    let run = world.sync("--check").fails(8);
    let run = run.stderr_has("loading the AWS credentials took too long");
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
}

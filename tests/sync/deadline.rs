//! One deadline for a command: whatever it waits for, it ends in time, names what was in the way, and
//! what is said of writes and restarts is true.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::World;
use super::faults::behind_a_proxy;
use super::kubernetes::Place;
use super::patience::{said, tell, wait_for};
use super::secrets_manager::REGION;
use crate::servers::{Fault, Proxy, moto};
use crate::support::{Scene, fixture};

/// Never ends by itself, as far as a test can tell.
const HANGS: &str = "exec sleep 60 2>/dev/null";

/// A program of the scene.
fn script(scene: &Scene, name: &str, body: &str) -> PathBuf {
    let path = scene.root().join("bin").join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// An environment that goes to a directory, and whose file opens with nothing that is here.
fn world(scene: Scene) -> World {
    World::new(scene, &["{ kind: directory, path: out }"])
}

/// Every command that opens the file ends within the time and names this.
fn opening_ends(world: &World, named: &[&str]) {
    for line in [
        "sync --env dev -y",
        "status --env dev",
        "render --env dev",
        "validate --env dev",
        "check --online sealed.yaml",
    ] {
        let run = world.scene.run(&format!("{line} --timeout 2s"));
        let all = run.out() + &run.err();
        assert_ne!(run.status, 0, "{run}");
        for words in named {
            assert!(all.contains(words), "{words}\n{run}");
        }
        assert!(run.took < Duration::from_secs(15), "{:?}\n{run}", run.took);
    }
    assert!(!world.scene.has("out"));
}

#[test]
fn a_command_that_gives_no_identity_is_named() {
    let scene = Scene::new();
    let path = script(&scene, "slow-vault", HANGS).display().to_string();
    let world = world(scene.env("SOPS_AGE_KEY_CMD", path));
    opening_ends(
        &world,
        &[
            "SOPS_AGE_KEY_CMD",
            "slow-vault has not ended within the time limit of 2s",
        ],
    );
}

#[test]
fn a_plugin_that_says_nothing_is_named() {
    let scene = Scene::new();
    script(&scene, "age-plugin-fake", HANGS);
    let identity = "AGE-PLUGIN-FAKE-1PZRY9X8G20RW29";
    let world = world(scene.env("SOPS_AGE_KEY", identity));
    opening_ends(
        &world,
        &["age-plugin-fake has not answered within the time limit of 2s"],
    );
}

#[test]
fn a_gpg_that_says_nothing_is_named() {
    let scene = Scene::new();
    let path = script(&scene, "slow-gpg", HANGS).display().to_string();
    let world = world(scene.env("SOPS_GPG_EXEC", path));
    let entry = "
    pgp:
        - created_at: \"2026-01-01T00:00:00Z\"
          enc: |-
            -----BEGIN PGP MESSAGE-----
          fp: 0123456789ABCDEF0123456789ABCDEF01234567
";
    let sealed = world.scene.read("sealed.yaml");
    let sealed = sealed.replacen("sops:\n", &format!("sops:{entry}"), 1);
    world.scene.write("sealed.yaml", sealed);
    opening_ends(
        &world,
        &["slow-gpg has not ended within the time limit of 2s"],
    );
}

#[test]
fn a_key_service_that_does_not_answer_is_named() {
    let proxy = Proxy::to(moto().port());
    let scene = Scene::new()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url());
    let key = moto().key(REGION);
    let world = world(scene);
    let line = format!("encrypt --kms {key} clear.yaml");
    let sealed = world.scene.sops(&line).succeeds().stdout;
    world.scene.write("sealed.yaml", &sealed);
    proxy.on("TrentService.Decrypt", Fault::Hang(Duration::from_mins(1)));
    opening_ends(
        &world,
        &[&key, "has not answered within the time limit of 2s"],
    );
}

#[test]
fn whoever_stops_a_run_that_opens_files_is_told_that_nothing_was_written() {
    let scene = Scene::new();
    let begun = scene.home("begun");
    let body = format!("touch {}\n{HANGS}", begun.display());
    let path = script(&scene, "slow-vault", &body).display().to_string();
    let world = world(scene.env("SOPS_AGE_KEY_CMD", path));
    let run = world.scene.cmd(["sync", "--env", "dev", "-y"]).start();
    let begin = Instant::now();
    while !begun.exists() {
        assert!(begin.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(10));
    }
    tell(&run, "-INT");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("interrupted: nothing was written"));
}

#[test]
fn a_run_does_not_wait_for_another_one_beyond_its_time() {
    let (place, proxy) = behind_a_proxy();
    proxy.on("PATCH secrets", Fault::Hang(Duration::from_mins(1)));
    let start = || {
        let act = place.world.scene.cmd(["sync", "--env", "dev", "-y"]);
        act.start()
    };
    let mut first = start();
    wait_for(&proxy, "PATCH secrets", 4);
    let run = place.world.sync("-y --timeout 5s").fails(8);
    let run = run
        .stderr_has("waiting for another run on this machine, which is writing")
        .stderr_has(
            "another run on this machine was still writing when the time limit of 5s was reached: \
             nothing was written",
        );
    assert!(run.took < Duration::from_secs(15), "{:?}", run.took);

    let rehearsed = proxy.count("PATCH secrets dry");
    let third = start();
    wait_for(&proxy, "PATCH secrets dry", rehearsed + 4);
    std::thread::sleep(Duration::from_millis(700));
    tell(&third, "-INT");
    let output = third.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("interrupted: nothing was written"));
    first.kill().unwrap();
    first.wait().unwrap();
    proxy.heal();
    place.world.sync("-y").succeeds();
}

/// A place with everything in sync and a workload that has to restart with the next write.
fn restarting() -> (Place, Proxy) {
    let (mut place, proxy) = behind_a_proxy();
    place.world.apply();
    place.deployment("tiingo");
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    proxy.calls();
    (place, proxy)
}

/// What the report and the journal say of the one restart.
fn told(place: &Place, report: &Value) -> (String, String, u64) {
    let path = place
        .world
        .scene
        .home(".local/state/clsecrets/journal.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let state = |value: &Value| value["state"].as_str().unwrap().to_owned();
    let noted = lines.iter().rfind(|line| line["event"] == "restart");
    (
        state(&report["targets"][0]["restarts"][0]),
        state(noted.unwrap()),
        lines.last().unwrap()["unknown"].as_u64().unwrap(),
    )
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

#[test]
fn a_restart_that_is_cut_off_is_perhaps_done() {
    let unknown = ("unknown".to_owned(), "unknown".to_owned(), 1);
    let (place, proxy) = restarting();
    proxy.on("PATCH deployments", Fault::Stall);
    let run = place.world.sync("-y --json --timeout 9s").fails(3);
    assert_eq!(told(&place, &run.json()), unknown, "{run}");
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
    proxy.heal();
    place.world.sync("-y").succeeds();

    let (place, proxy) = restarting();
    proxy.on("PATCH deployments", Fault::Stall);
    let words = ["sync", "--env", "dev", "-y", "--json"];
    let run = place.world.scene.cmd(words).start();
    wait_for(&proxy, "PATCH deployments", 1);
    tell(&run, "-INT");
    std::thread::sleep(Duration::from_millis(300));
    tell(&run, "-INT");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert_eq!(told(&place, &report(&output)), unknown);
}

#[test]
fn whoever_stops_waiting_for_a_rollout_is_told_that_it_was_restarted() {
    let (place, proxy) = restarting();
    let words = ["sync", "--env", "dev", "-y", "--json", "--wait=60s"];
    let run = place.world.scene.cmd(words).start();
    wait_for(&proxy, "PATCH deployments", 1);
    let looked = proxy.count("GET deployments");
    wait_for(&proxy, "GET deployments", looked + 2);
    let begin = Instant::now();
    tell(&run, "-TERM");
    let output = run.wait_with_output().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let report = report(&output);
    let restarted = ("restarted".to_owned(), "restarted".to_owned(), 0);
    assert_eq!(told(&place, &report), restarted);
    let reason = &report["errors"][0]["reason"];
    assert_eq!(
        reason,
        &json!("was restarted, and is not known to be ready: the run was stopped")
    );
}

#[test]
fn whoever_stops_at_the_question_is_told_that_nothing_was_written() {
    let world = world(Scene::with_age());
    let act = world.scene.cmd(["sync", "--env", "dev"]);
    let run = act.on_terminal(&[("[y/N]", "\u{3}")]).run().fails(130);
    run.stdout_has("interrupted: nothing was written");
    assert!(!world.scene.has("out"));
}

#[test]
fn whoever_stops_at_a_passphrase_gets_the_echo_back() {
    let public = fixture("keys/age/throwaway_locked.pub");
    let public = std::fs::read_to_string(public).unwrap();
    let private = fixture("keys/age/throwaway_locked").display().to_string();
    let world = world(Scene::new().env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", private));
    let act = world
        .scene
        .cmd(["encrypt", "--age", public.trim(), "clear.yaml"]);
    let sealed = act.run().succeeds().stdout;
    world.scene.write("sealed.yaml", sealed);
    let script = "clsecrets sync --env dev -y; echo status $?; stty -a";
    let act = world.scene.other("/bin/bash", ["-c", script]);
    let act = act.on_terminal(&[("Enter the passphrase", "\u{3}")]);
    let out = act.run().succeeds().out();
    // Whoever is first, the signal or the prompt that gives up, says why the run ends.
    let is_told = out.contains("status 130") || out.contains("status 5");
    assert!(is_told && !world.scene.has("out"), "{out}");
    assert!(out.contains(" echo ") && !out.contains(" -echo "), "{out}");
}

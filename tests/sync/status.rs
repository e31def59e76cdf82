//! `status`: every state that an object can be in, on a real cluster, and the page for phones.

use std::process::Command;

use serde_json::{Value, json};

use super::kubernetes::Place;
use super::text;
use crate::support::{Scene, not_run};

/// `name: state keys by` of each object of the first target.
fn states(status: &Value) -> Vec<String> {
    let objects = status["environments"][0]["targets"][0]["objects"].as_array();
    let words = |list: &Value| -> String {
        let list = list.as_array().unwrap().iter().map(text);
        list.collect::<Vec<_>>().join(" ")
    };
    let objects = objects.unwrap().iter().map(|object| {
        format!(
            "{}: {} [{}] [{}]",
            text(&object["name"]),
            text(&object["state"]),
            words(&object["keys"]),
            words(&object["by"])
        )
    });
    objects.collect()
}

/// A place with something of everything.
fn mixed() -> Place {
    let mut place = Place::new();
    place
        .world
        .sync("-y --only tiingo --only api-secrets --only chainlink")
        .succeeds();
    place
        .world
        .set("database_password", Some("changed-password-1"));
    place
        .namespace
        .put_secret("cryptocompare", &[("api-key", "x")], "helm");
    place
        .namespace
        .put_secret("api-secrets", &[(".api", "by hand")], "kubectl-edit");
    place.world.set("tiingo_api_key", None);
    place.world.set("bea_api_key", Some("bea-0123456789"));
    place
}

#[test]
fn every_state_of_an_object_is_told_with_keys_and_writers() {
    let place = mixed();
    let run = place.world.scene.run("status --json").fails(6);
    let status = run.json();
    assert_eq!(
        states(&status),
        [
            "api-secrets: drifted [.api] [kubectl edit]",
            "bea: missing [api-key] []",
            "cryptocompare: foreign [api-key] [Helm (helm)]",
            "chainlink: behind [db-url] []",
            "tiingo: left over [api-key] []",
        ]
    );
    let one = &status["environments"][0];
    assert_eq!(
        (&one["state"], &one["last_sync"]["status"]),
        (&json!("drifted"), &json!(0))
    );
    let source = &one["sources"][0];
    assert!(text(&source["recipients"][0]).starts_with("age1"));
    assert!(text(&source["sealed"]).ends_with('Z'));
    assert!(one["targets"][0]["objects"][0]["written"].is_string());

    let screen = place.world.scene.run("status --env dev").fails(6);
    screen
        .stdout_has("environment dev: drifted")
        .stdout_has("    drifted    api-secrets  .api  (changed by kubectl edit)")
        .stdout_has("    missing    bea  api-key")
        .stdout_has("  last sync from here ");
    place.world.leaks_nothing(&[]);
}

#[test]
fn one_environment_that_fails_does_not_hide_the_others() {
    let place = Place::new();
    place.world.apply();
    let scene = &place.world.scene;
    let whole = scene.read("clsecrets.yaml");
    let broken = "
  broken:
    profile: trackit
    sealed: absent.yaml
    targets:
      - { kind: directory, path: out }
";
    scene.write("clsecrets.yaml", whole.trim_end().to_owned() + broken);
    let run = scene.run("status").fails(1);
    run.stdout_has("environment broken: not opened")
        .stdout_has("  ! cannot read absent.yaml")
        .stdout_has("environment dev: in sync")
        .stdout_has(": 4 of 4 in sync");
    scene.run("status --env dev").succeeds();
    scene.run("status --env other").fails(1);
}

#[test]
fn the_page_has_everything_and_nothing_to_load() {
    let place = mixed();
    let scene = &place.world.scene;
    scene.run("status --html status.html").fails(6);
    assert_eq!(scene.mode("status.html"), 0o600);
    let page = scene.read("status.html");
    for part in [
        "api-secrets",
        "drifted",
        "changed by kubectl edit",
        "left over",
        "opens for age1",
        "1 environment:",
        ">1 drifted</span>",
        " UTC</time>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for age in ["just now", " ago"] {
        assert!(!page.contains(age), "{age} is not true for long");
    }
    for part in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(part), "{part}");
    }
    place.world.leaks_nothing(&[]);
    screenshot(scene, &page);
}

/// Draws the page as a phone does: nothing may be wider than the screen.
fn screenshot(scene: &Scene, page: &str) {
    let Ok(found) = Command::new("which").arg("chromium").output() else {
        return not_run("the page in a browser", "there is no `which`");
    };
    if !found.status.success() {
        return not_run("the page in a browser", "chromium is not installed");
    }
    let measure = "<script>addEventListener('load', () => { const wide = document.documentElement; \
                   document.title = wide.scrollWidth + ' of ' + wide.clientWidth; });</script></body>";
    scene.write("measured.html", page.replace("</body>", measure));
    let profile = scene.home("chromium").display().to_string();
    let browse = |more: &[&str], file: &str| {
        let url = format!("file://{}", scene.path(file).display());
        let profile = format!("--user-data-dir={profile}");
        let mut words = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=500,1600",
            &profile,
        ];
        words.extend(more);
        words.push(&url);
        scene.other("chromium", words).run().succeeds()
    };
    let shot = scene.path("status.png").display().to_string();
    browse(&[&format!("--screenshot={shot}")], "status.html");
    let png = scene.bytes("status.png");
    assert_eq!(&png[1..4], b"PNG");
    // To be looked at.
    let kept = crate::support::target().join("status.png");
    std::fs::copy(scene.path("status.png"), kept).unwrap();
    let dom = browse(&["--dump-dom"], "measured.html").out();
    let (_, title) = dom.split_once("<title>").unwrap();
    let (title, _) = title.split_once("</title>").unwrap();
    let (wide, screen) = title.split_once(" of ").unwrap();
    assert_eq!(wide, screen, "something is wider than the screen");
}

#[test]
fn what_cannot_be_reached_is_not_looked_at_and_hides_nothing_that_was() {
    let mut place = Place::new();
    place.world.apply();
    place.world.set("tiingo_api_key", Some("changed-key-000"));
    let scene = &place.world.scene;
    let whole = scene.read("clsecrets.yaml");
    let silent = format!(
        "    targets:\n      - {{ kind: kubernetes, context: gone, namespace: {} }}",
        place.namespace.name
    );
    scene.write("clsecrets.yaml", whole.replace("    targets:", &silent));
    let mut kubeconfig: Value =
        serde_json::from_str(&place.namespace.admin().kubeconfig()).unwrap();
    let closed = format!("https://127.0.0.1:{}", crate::servers::closed_port());
    kubeconfig["clusters"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "gone", "cluster": {"server": closed}}));
    let mut context = kubeconfig["contexts"][0].clone();
    context["name"] = json!("gone");
    context["context"]["cluster"] = json!("gone");
    kubeconfig["contexts"].as_array_mut().unwrap().push(context);
    place.log_in(&kubeconfig.to_string());

    let run = scene.run("status").fails(8);
    run.stdout_has("environment dev: not looked at")
        .stdout_has(&format!(
            "  kubernetes gone/{}: not looked at",
            place.namespace.name
        ))
        .stdout_has(&format!(
            "  kubernetes test/{}: 3 of 4 in sync",
            place.namespace.name
        ))
        .stdout_has("    behind     tiingo  api-key")
        .stdout_lacks("0 of");
    let status = scene.run("status --json").fails(8).json();
    assert_eq!(status["environments"][0]["targets"][0]["looked_at"], false);
    assert_eq!(status["environments"][0]["targets"][1]["looked_at"], true);
}

#[test]
fn left_over_keys_of_what_is_in_sync_are_shown() {
    let mut place = Place::new();
    place.world.apply();
    place.world.set("user_password", None);
    let run = place.world.scene.run("status").succeeds();
    run.stdout_has("4 of 4 in sync")
        .stdout_has("    left over  api-secrets  .api");
}

#[test]
fn the_last_sync_is_that_of_this_repository() {
    let place = Place::new();
    place.world.apply();
    let scene = &place.world.scene;
    scene
        .run("status")
        .succeeds()
        .stdout_has("last sync from here");
    // Another repository of the same name, on the same machine.
    place.world.identify(Some("othertestothertest"));
    scene
        .run("status")
        .succeeds()
        .stdout_lacks("last sync from here");
}

#[test]
fn the_worst_comes_first_below_a_line_that_counts() {
    let place = Place::new();
    place.world.apply();
    let scene = &place.world.scene;
    let whole = scene.read("clsecrets.yaml");
    let broken = "
  late:
    profile: trackit
    sealed: absent.yaml
    targets:
      - { kind: directory, path: out }
";
    scene.write("clsecrets.yaml", whole.trim_end().to_owned() + broken);
    let out = scene.run("status").fails(1).out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "2 environments: 1 not opened, 1 in sync");
    let at = |text: &str| {
        lines
            .iter()
            .position(|line| line.starts_with(text))
            .unwrap()
    };
    assert!(at("environment late: not opened") < at("environment dev: in sync"));
    assert!(
        lines[at("  ! cannot read absent.yaml")..]
            .contains(&"  hint: clsecrets encrypt --env late")
    );
    assert!(out.contains("opens for age1") && out.contains('…'));
}

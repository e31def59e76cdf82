//! Many secrets: how many requests a run makes, how long it takes beside others, how much memory it
//! needs. Ratios within one run, because machines differ.
//!
//! `make bench` runs them; they take minutes, and so no place among the other tests.

mod kubectl;

use std::process::Command;
use std::time::{Duration, Instant};

use clsecrets::Settings;
use clsecrets::chainlink::{Desired, Entry, Form, Projection, WHOLE};
use clsecrets::secret::SecretBytes;
use clsecrets::sync::{
    self, Assignment, KubernetesConfig, Mode, Options, Owner, Previous, Report,
    SecretsManagerConfig, Survey, TargetConfig, Wallet,
};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::kubernetes::Place;
use super::secrets_manager::REGION;
use crate::servers::{Moto, Proxy, cluster};
use crate::support::Scene;

fn name(number: usize) -> String {
    format!("adapter-{number:04}")
}

fn value(number: usize) -> String {
    format!("value-of-{number:04}-0123456789abcdef")
}

fn objects(count: usize, form: Form) -> Projection {
    let key = if form == Form::Data { "api-key" } else { WHOLE };
    let objects = (0..count).map(|number| {
        Desired::new(
            &name(number),
            form,
            vec![Entry::of(
                key,
                &SecretBytes::copy_of(value(number).as_bytes()),
                "k",
            )],
        )
    });
    Projection {
        objects: objects.collect(),
        ..Projection::default()
    }
}

fn in_namespace(namespace: &str, count: usize) -> Assignment {
    Assignment {
        config: TargetConfig::Kubernetes(KubernetesConfig {
            context: "test".to_owned(),
            namespace: namespace.to_owned(),
            owner: Owner::new("chainlink", None, "dev", []),
            ..KubernetesConfig::default()
        }),
        projection: objects(count, Form::Data),
        is_selected: true,
    }
}

fn settings(kubeconfig: &std::path::Path) -> Settings {
    let kubeconfig = kubeconfig.display().to_string();
    Settings::new([("KUBECONFIG".to_owned(), kubeconfig)], "/".into(), 0)
}

/// Looks and applies; how long each took.
fn run(assignments: Vec<Assignment>, settings: &Settings) -> (Survey, Duration, Duration) {
    let wallet = Wallet {
        node: String::new(),
        desired: None,
        previous: Previous::Absent,
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let begin = Instant::now();
        let mut survey = sync::survey(assignments, &[wallet], Options::default(), settings).await;
        let looked = begin.elapsed();
        assert!(survey.failures().is_empty(), "{:?}", survey.failures());
        let begin = Instant::now();
        survey.apply().await;
        (survey, looked, begin.elapsed())
    })
}

fn report(survey: &Survey) -> Report {
    survey.report("dev", Mode::Apply, Vec::new())
}

#[test]
#[ignore = "figures: make bench"]
fn applies_take_no_longer_than_the_same_applies_bare() {
    const COUNT: usize = 500;
    let place = Place::new();
    let kubeconfig = place.world.scene.home("kubeconfig");
    let settings = settings(&kubeconfig);
    // The first requests of a new server are slow, whoever makes them.
    run(vec![in_namespace(&place.namespace.name, 20)], &settings);

    let ours = cluster().namespace();
    let (survey, looked, applied) = run(vec![in_namespace(&ours.name, COUNT)], &settings);
    assert_eq!(
        (survey.status(Mode::Apply), report(&survey).summary.create),
        (0, COUNT)
    );
    let bare = bare(&place, &cluster().namespace().name, COUNT);
    println!(
        "{COUNT} created: looked {looked:?}, applied {applied:?}, bare {bare:?}: {:.2} times the bare \
         applies",
        applied.as_secs_f64() / bare.as_secs_f64(),
    );
    assert!(applied.as_secs_f64() <= 1.5 * bare.as_secs_f64());
}

/// The same applies with nothing around them: what the client library and the server need.
fn bare(place: &Place, namespace: &str, count: usize) -> Duration {
    let kubeconfig = place.namespace.admin().kubeconfig();
    let kubeconfig: kube::config::Kubeconfig = serde_json::from_str(&kubeconfig).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .unwrap();
        let client = kube::Client::try_from(config).unwrap();
        let begin = Instant::now();
        let applies: Vec<_> = (0..count)
            .map(|number| {
                let body = json!({
                    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name(number)},
                    "stringData": {"api-key": value(number)},
                });
                let path = format!("/api/v1/namespaces/{namespace}/secrets/{}", name(number));
                let request = http::Request::patch(format!("{path}?fieldManager=bare"))
                    .header("content-type", "application/apply-patch+yaml")
                    .header(
                        "accept",
                        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
                    )
                    .body(kube::client::Body::from(body.to_string().into_bytes()))
                    .unwrap();
                let client = client.clone();
                async move {
                    let answer = client.send(request).await.unwrap();
                    assert!(answer.status().is_success());
                    answer.into_body().collect_bytes().await.unwrap();
                }
            })
            .collect();
        stream::iter(applies).buffered(16).collect::<Vec<_>>().await;
        begin.elapsed()
    })
}

#[test]
#[ignore = "figures: make bench"]
fn a_thousand_and_a_thousand_in_sync_cost_few_reads_and_no_write() {
    const COUNT: usize = 1000;
    let place = Place::new();
    let kubeconfig = place.world.scene.home("kubeconfig");
    let settings = settings(&kubeconfig);
    let namespace = &place.namespace.name;
    run(vec![in_namespace(namespace, COUNT)], &settings);
    let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
    place.log_in(&place.namespace.admin().at(&proxy.url()).kubeconfig());
    let (survey, looked, _) = run(vec![in_namespace(namespace, COUNT)], &settings);
    assert_eq!(report(&survey).summary.in_sync, COUNT);
    let calls = proxy.calls();
    let reads = calls.iter().filter(|call| call.starts_with("GET ")).count();
    let writes = calls
        .iter()
        .filter(|call| call.starts_with("PATCH ") || call.starts_with("DELETE "));
    println!("{COUNT} Kubernetes secrets in sync: {reads} reads in {looked:?}");
    assert_eq!((writes.count(), reads <= 20), (0, true), "{calls:?}");
    assert!(calls.len() - reads <= 2, "{calls:?}");
}

#[test]
#[ignore = "figures: make bench"]
fn a_thousand_texts_in_sync_cost_fifty_reads_and_no_write() {
    // The client for AWS reads the process environment itself, so that a process of its own runs it.
    const COUNT: usize = 1000;
    if let Ok(url) = std::env::var("SCALE_OF_TEXTS") {
        return look_at_texts(COUNT, &url);
    }
    let moto = Moto::without_quotas();
    for number in 0..COUNT {
        let body = json!({"Name": name(number), "SecretString": value(number)});
        moto.call(REGION, "secretsmanager.CreateSecret", &body);
    }
    let proxy = Proxy::to(moto.port());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("sync::scale::a_thousand_texts_in_sync_cost_fifty_reads_and_no_write")
        .envs(moto.env())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .env("SCALE_OF_TEXTS", proxy.url())
        .status()
        .unwrap();
    assert!(status.success());
    let calls = proxy.calls();
    let reads = calls
        .iter()
        .filter(|call| call.contains(".BatchGet"))
        .count();
    println!(
        "{COUNT} secrets of Secrets Manager in sync: {reads} reads, {} calls",
        calls.len()
    );
    assert_eq!(
        (reads, calls.len()),
        (COUNT / 20, COUNT / 20 + 1),
        "and one to STS"
    );
}

fn look_at_texts(count: usize, _url: &str) {
    let assignment = Assignment {
        config: TargetConfig::SecretsManager(SecretsManagerConfig {
            region: REGION.to_owned(),
            ..SecretsManagerConfig::default()
        }),
        projection: objects(count, Form::Text),
        is_selected: true,
    };
    let settings = Settings::new([], "/".into(), 0);
    let (survey, looked, _) = run(vec![assignment], &settings);
    assert_eq!(report(&survey).summary.in_sync, count);
    println!("looked in {looked:?}");
}

#[test]
#[ignore = "figures: make bench"]
fn a_thousand_secrets_fit_into_sixty_megabytes() {
    let mut place = Place::new();
    for number in 0..1000 {
        place
            .world
            .secrets
            .push((format!("a{number:04}_api_key"), value(number)));
    }
    place.world.set("tiingo_api_key", Some("the-last-key"));
    let peak = |scene: &Scene, words: &[&str]| {
        let mut run = scene
            .cmd(["sync", "--env", "dev"].iter().chain(words))
            .start();
        let status = format!("/proc/{}/status", run.id());
        let mut peak = 0;
        while run.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let now = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
            peak = peak.max(now.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(run.wait().unwrap().success());
        peak / 1024
    };
    let scene = &place.world.scene;
    let (creating, looking) = (peak(scene, &["-y"]), peak(scene, &["--check"]));
    println!("1004 secrets: {creating} MiB to create, {looking} MiB to look");
    assert!(creating < 57 && looking < 57);
}

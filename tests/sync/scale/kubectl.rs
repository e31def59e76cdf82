//! 500 creations beside `kubectl apply --server-side` of the same secrets in one file: by turns, each in
//! a namespace of its own, over ways of several lengths, with the server's own count of the requests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::{name, value};
use crate::servers::{Cluster, far};
use crate::support::{RECIPIENT, Run, Scene, peer, target};

const COUNT: usize = 500;
/// Rounds over each way; the middle one counts.
const ROUNDS: usize = 3;

/// What a run took: in all, and of the processor.
#[derive(Debug, Clone, Copy)]
struct Took {
    wall: f64,
    cpu: f64,
}

/// The program to measure: as it is delivered, where `make bench` has built that.
fn ours() -> PathBuf {
    let release = target().join("release/clsecrets");
    if release.exists() {
        release
    } else {
        env!("CARGO_BIN_EXE_clsecrets").into()
    }
}

/// Runs a program, which must succeed, and takes its time as bash does.
fn timed(scene: &Scene, program: &Path, words: &[&str]) -> Took {
    let script = "TIMEFORMAT='took %R %U %S'; time \"$0\" \"$@\" >/dev/null";
    let program = program.display().to_string();
    let mut line = vec!["-c", script, program.as_str()];
    line.extend(words);
    let run: Run = scene.other("bash", line).run().succeeds();
    let said = run.err();
    let times = said.lines().find_map(|line| line.strip_prefix("took "));
    let times: Vec<f64> = times
        .unwrap()
        .split(' ')
        .map(|time| time.parse().unwrap())
        .collect();
    Took {
        wall: times[0],
        cpu: times[1] + times[2],
    }
}

fn middle(mut all: Vec<Took>) -> Took {
    all.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    all[all.len() / 2]
}

/// Requests about secrets that the server has counted: dry runs, others that write.
fn counted(cluster: &Cluster) -> (u64, u64) {
    let (_, text) = cluster.admin().request("GET", "/metrics", None);
    let text = text.as_str().unwrap();
    let lines = text.lines().filter(|line| {
        line.starts_with("apiserver_request_total{") && line.contains("resource=\"secrets\"")
    });
    let writes =
        lines.filter(|line| !line.contains("verb=\"GET\"") && !line.contains("verb=\"LIST\""));
    let (mut dry, mut wet) = (0, 0);
    for line in writes {
        let count: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        let count = format!("{count:.0}").parse::<u64>().unwrap();
        if line.contains("dry_run=\"All\"") {
            dry += count;
        } else {
            wet += count;
        }
    }
    (dry, wet)
}

/// A scene with the secrets sealed, and as manifests.
fn scene() -> Scene {
    let scene = Scene::with_age();
    let kubeconfig = scene.home("kubeconfig").display().to_string();
    let scene = scene.env("KUBECONFIG", kubeconfig);
    let (mut clear, mut objects, mut manifests) = (String::new(), String::new(), String::new());
    for number in 0..COUNT {
        let (name, value) = (name(number), value(number));
        writeln!(clear, "k{number:04}: {value}").unwrap();
        writeln!(
            objects,
            "      - {{ name: {name}, keys: {{ api-key: {{ key: k{number:04} }} }} }}"
        )
        .unwrap();
        let manifest = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"api-key": value},
        });
        writeln!(manifests, "---\n{manifest}").unwrap();
    }
    scene.write("clear.yaml", clear);
    let line = format!("encrypt --age {RECIPIENT} clear.yaml");
    scene.write("sealed.yaml", &scene.sops(&line).succeeds().stdout);
    scene.write("manifests.yaml", manifests);
    scene.write("objects", objects);
    scene
}

fn into_namespace(scene: &Scene, namespace: &str) {
    let objects = scene.read("objects");
    let text = format!(
        "version: 1\nname: chainlink\nenvironments:\n  dev:\n    profile: custom\n    sealed: sealed.yaml\n    \
         targets:\n      - {{ kind: kubernetes, context: test, namespace: {namespace} }}\n    objects:\n{objects}"
    );
    scene.write("clsecrets.yaml", text);
}

#[test]
#[ignore = "figures: make bench"]
fn five_hundred_secrets_are_created_beside_kubectl() {
    let cluster = Cluster::start();
    let scene = scene();
    let server = cluster.admin().server().trim_end_matches('/');
    let port: u16 = server.rsplit(':').next().unwrap().parse().unwrap();
    let log_in = |port: u16| {
        let text = cluster.admin().kubeconfig();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        let server = &mut config["clusters"][0]["cluster"]["server"];
        *server = json!(format!("https://127.0.0.1:{port}"));
        std::fs::write(scene.home("kubeconfig"), config.to_string()).unwrap();
    };
    let kubectl = || {
        let namespace = cluster.namespace().name;
        let words = [
            "apply",
            "--server-side",
            "-n",
            &namespace,
            "-f",
            "manifests.yaml",
        ];
        timed(&scene, &peer("kubectl"), &words)
    };
    let sync = || {
        into_namespace(&scene, &cluster.namespace().name);
        let run = timed(&scene, &ours(), &["sync", "--env", "dev", "-y"]);
        into_namespace(&scene, "nowhere");
        run
    };
    // The first requests of a new server are slow, whoever makes them, and kubectl keeps what it learns.
    log_in(port);
    kubectl();
    sync();
    let before = counted(&cluster);
    kubectl();
    let between = counted(&cluster);
    sync();
    let after = counted(&cluster);
    let requests = |from: (u64, u64), to: (u64, u64)| (to.0 - from.0, to.1 - from.1);
    let (theirs, own) = (requests(before, between), requests(between, after));
    println!("requests (dry runs, writes): kubectl {theirs:?}, clsecrets {own:?}");
    assert_eq!((theirs, own), ((0, 500), (500, 500)));
    let mut ratios = Vec::new();
    for round_trip in [0, 10, 50] {
        let way = match round_trip {
            0 => port,
            _ => far(port, Duration::from_millis(round_trip / 2)),
        };
        log_in(way);
        // Caches are by address.
        kubectl();
        let rounds: Vec<(Took, Took)> = (0..ROUNDS).map(|_| (kubectl(), sync())).collect();
        let theirs = middle(rounds.iter().map(|round| round.0).collect());
        let own = middle(rounds.iter().map(|round| round.1).collect());
        let ratio = theirs.wall / own.wall;
        println!(
            "{COUNT} created, {round_trip} ms away: kubectl {:.2} s ({:.2} s of the processor), clsecrets \
             {:.2} s ({:.2} s): {ratio:.1} times as fast",
            theirs.wall, theirs.cpu, own.wall, own.cpu
        );
        ratios.push(ratio);
    }
    assert!(ratios[0] > 0.3, "{ratios:?}");
    assert!(ratios[2] > 2.0, "{ratios:?}");
}

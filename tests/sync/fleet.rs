//! Many environments are one run: what is known of an account, a cluster or a wrapped key is asked for
//! once, reads go in full batches, and open files do not grow with the environments.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use super::kubernetes::Place;
use super::secrets_manager::REGION;
use super::{SECRETS, text};
use crate::servers::{Moto, Proxy, cluster};
use crate::support::{RECIPIENT, Run, Scene};

/// `clsecrets.yaml` with so many environments, each with a sealed file and a target.
fn environments(count: usize, each: impl Fn(usize) -> (String, String)) -> String {
    let mut text = "version: 1\nname: chainlink\nenvironments:\n".to_owned();
    for number in 0..count {
        let (sealed, target) = each(number);
        write!(
            text,
            "  e{number:03}:
    profile: trackit
    sealed: {sealed}
    node: {{ user_email: ops@example.com }}
    database: {{ user: chainlink, host: db.example.net, name: chainlink, sslmode: require }}
    targets: [{target}]
"
        )
        .unwrap();
    }
    text
}

fn clear() -> String {
    let lines = SECRETS.map(|(key, value)| format!("{key}: {}\n", json!(value)));
    lines.concat()
}

/// Runs `sync` with at most 128 open files; the most memory that it had, in KiB.
fn frugal(scene: &Scene, words: &str) -> (Run, usize) {
    let program = env!("CARGO_BIN_EXE_clsecrets");
    let script = format!(
        "ulimit -n 128; \"$0\" sync {words} & pid=$!; peak=0; \
         while kill -0 $pid 2>/dev/null; do \
         now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$pid/status 2>/dev/null); \
         [ -n \"$now\" ] && peak=$now; sleep 0.02; done; wait $pid; code=$?; \
         echo $peak >peak; exit $code"
    );
    let run = scene.other("sh", ["-c", &script, program]).run();
    let peak: usize = scene.read("peak").trim().parse().unwrap();
    (run, peak)
}

/// What one more environment may take, in KiB: its file, its values, and its work under way.
const EACH: usize = 60;

#[test]
fn two_hundred_environments_of_an_account_are_one_run() {
    const COUNT: usize = 200;
    const FILES: usize = 4;
    let moto = Moto::start();
    let proxy = Proxy::to(moto.port());
    let scene = Scene::new().envs(moto.env());
    let scene = scene.env("AWS_ENDPOINT_URL", proxy.url());
    scene.write("clear.yaml", clear());
    let key = moto.key(REGION);
    let sealed: Vec<Vec<u8>> = (0..FILES)
        .map(|_| {
            let line = format!("encrypt --kms {key} clear.yaml");
            scene.sops(&line).succeeds().stdout
        })
        .collect();
    let target = |number: usize| {
        // A quarter of the environments shares a wrapped key, as copies do.
        let file = format!("sealed-{number:03}.yaml");
        scene.write(&file, &sealed[number % FILES]);
        let target = format!("{{ kind: secretsmanager, region: {REGION}, prefix: e{number:03}- }}");
        (file, target)
    };
    scene.write("clsecrets.yaml", environments(COUNT, target));
    let counted = |run: &Run| {
        let calls = proxy.calls();
        let of = |name: &str| calls.iter().filter(|call| call.contains(name)).count();
        let known =
            of("Decrypt") + of("sts") + of("BatchGet") + of("CreateSecret") + of("Describe");
        assert_eq!(known, calls.len(), "{calls:?}\n{run}");
        (of("Decrypt"), of("sts"), of("BatchGet"), of("CreateSecret"))
    };

    let some_count = 20;
    let some: Vec<String> = (0..some_count)
        .map(|number| format!("--env e{number:03}"))
        .collect();
    let some = some.join(" ");
    let (run, few) = frugal(&scene, &format!("{some} --check"));
    run.fails(2);
    proxy.calls();
    let (run, peak) = frugal(&scene, "--all --check");
    let run = run.fails(2);
    let each = peak.saturating_sub(few) / (COUNT - some_count);
    println!(
        "{COUNT} environments looked at in {:?}, {peak} KiB, {some_count} in {few} KiB: {each} KiB for \
         each more",
        run.took
    );
    assert!(each < EACH, "{each} KiB for each environment");
    let names = COUNT * 3;
    assert_eq!(counted(&run), (FILES, 1, names / 20, 0));
    proxy.calls();
    let (run, _) = frugal(&scene, &format!("{some} -y"));
    let run = run.succeeds();
    // Looked at, written, and read back.
    let (opened, identified, read, written) = counted(&run);
    assert_eq!((opened, identified, written), (FILES, 1, 60));
    assert_eq!(read, 3 + 3);
    frugal(&scene, &format!("{some} --check")).0.succeeds();
    assert_eq!(counted(&run), (FILES, 1, 3, 0));
}

#[test]
fn environments_of_a_cluster_share_its_connections() {
    const COUNT: usize = 40;
    let place = Place::new();
    let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
    let user = place.namespace.admin().at(&proxy.url());
    place.log_in(&user.kubeconfig());
    let scene = &place.world.scene;
    let sealed = scene.bytes("sealed.yaml");
    let namespaces: Vec<_> = (0..COUNT).map(|_| cluster().namespace()).collect();
    let target = |number: usize| {
        let name = &namespaces[number].name;
        let target = format!("{{ kind: kubernetes, context: test, namespace: {name} }}");
        let file = format!("sealed-{number:03}.yaml");
        scene.write(&file, &sealed);
        (file, target)
    };
    scene.write("clsecrets.yaml", environments(COUNT, target));
    proxy.calls();
    let (run, peak) = frugal(scene, "--all -y");
    let run = run.succeeds();
    println!(
        "{COUNT} environments of a cluster in {:?}, {peak} KiB",
        run.took
    );
    let calls = proxy.calls();
    let of = |name: &str| calls.iter().filter(|call| call.contains(name)).count();
    assert_eq!(of("selfsubjectreviews"), 1, "{calls:?}");
    assert_eq!(of("PATCH secrets dry"), 4 * COUNT);
    let last = namespaces.last().unwrap().secret("tiingo").unwrap();
    assert_eq!(text(&last["type"]), "Opaque");
    assert!(peak < 100 << 10, "{peak} KiB");
    assert!(run.took < Duration::from_mins(2));
    frugal(scene, "--all --check").0.succeeds();
}

/// An environment with so many adapters, whose target is a directory.
fn folder_of(count: usize) -> Scene {
    let scene = Scene::with_age();
    let mut clear = clear();
    for number in 0..count {
        writeln!(
            clear,
            "a{number:05}_api_key: value-of-{number:05}-0123456789"
        )
        .unwrap();
    }
    scene.write("clear.yaml", clear);
    let line = format!("encrypt --age {RECIPIENT} clear.yaml");
    scene.write("sealed.yaml", &scene.sops(&line).succeeds().stdout);
    let target = |_| {
        (
            "sealed.yaml".to_owned(),
            "{ kind: directory, path: out }".to_owned(),
        )
    };
    scene.write("clsecrets.yaml", environments(1, target));
    scene
}

#[test]
fn many_objects_take_a_time_in_proportion_to_them() {
    // Ten times as many; what grows with the square would take a hundred times as long.
    let is_linear = |what: &str, few: Duration, many: Duration| {
        println!("{what}: {few:?}, ten times as many {many:?}");
        let bound = few.max(Duration::from_millis(50)) * 30;
        assert!(many < bound, "{what}: {few:?}, ten times as many {many:?}");
    };
    let render = |count| folder_of(count).run("render --env e000").succeeds().took;
    is_linear("render of 500", render(500), render(5000));
    let sync = |count| {
        let scene = folder_of(count);
        let write = scene.run("sync --env e000 -y").succeeds().took;
        (write, scene.run("sync --env e000 --check").succeeds().took)
    };
    let (few, many) = (sync(100), sync(1000));
    is_linear("writing 100", few.0, many.0);
    is_linear("looking at 100", few.1, many.1);
}

//! Whatever happened before: after a sync that succeeds the targets are as desired, what others have
//! there is untouched, and one more sync writes nothing.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::faults::behind_a_proxy;
use super::kubernetes::Place;
use super::secrets_manager::{REGION, Store};
use super::{World, text};
use crate::servers::{Fault, Proxy, moto};

/// One thing that happens between two runs.
#[derive(Debug, Clone)]
enum Event {
    /// The sealed file gets another value, or loses it.
    Seal(usize, Option<u8>),
    /// Somebody else writes a key of ours.
    Overwrite(usize, u8),
    /// Somebody else writes a key of theirs.
    Beside(usize, u8),
    /// Somebody else deletes an object.
    Delete(usize),
    /// Somebody else writes a whole text of their own: each bit a field that is spelled in its own way.
    Spelled(usize, u16),
    /// Another repository of the same name syncs to the same place, and prunes there.
    Neighbour(u8),
    /// We sync, and the answers to our writes are lost, and what comes after them.
    Lost,
    /// A setting changes between a plan and its execution.
    Replan,
    /// We sync, with or without pruning, and taking over what differs.
    Sync(bool),
}

/// Keys of the sealed file, and the secret and the data key that each becomes.
const KEYS: [(&str, &str, &str); 3] = [
    ("tiingo_api_key", "tiingo", "api-key"),
    ("cryptocompare_api_key", "cryptocompare", "api-key"),
    ("user_password", "api-secrets", ".api"),
];

/// Fields of others, of every type that JSON has, and spelled as somebody may.
const SPELLED: [&str; 12] = [
    r#""port":5432"#,
    r#""big":123456789012345678901234567890"#,
    r#""small":-0.0"#,
    r#""float":1.50E+02"#,
    r#""none":null"#,
    r#""flag" :  true"#,
    r#""nested":{"b":[1,2.0,{"a":null,"a":1}],"a":{}}"#,
    r#""list":[ 1 , "two",[] ]"#,
    r#""esc\u0061pe":"\u00e9\/é\ud83d\ude00""#,
    r#""twice":1,"twice":2"#,
    r#""tiingo":"no key of ours""#,
    r#""":"a name of nothing""#,
];

/// A text of those whose bits are set.
fn spelled(bits: u16) -> Vec<&'static str> {
    let chosen = SPELLED.iter().enumerate();
    let chosen = chosen.filter(|(at, _)| bits >> at & 1 == 1);
    chosen.map(|(_, field)| *field).collect()
}

/// Whether all of these stand in a text, as they are spelled and in their order.
fn has_all(text: &str, fields: &[&str]) -> bool {
    let mut rest = text;
    fields.iter().all(|field| match rest.split_once(field) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let key = 0..KEYS.len();
    prop_oneof![
        (
            key.clone(),
            prop_oneof![Just(None), (0_u8..3).prop_map(Some)]
        )
            .prop_map(|(key, value)| Event::Seal(key, value)),
        (key.clone(), 0_u8..3).prop_map(|(key, value)| Event::Overwrite(key, value)),
        (key.clone(), 0_u8..3).prop_map(|(key, value)| Event::Beside(key, value)),
        key.clone().prop_map(Event::Delete),
        (key, proptest::num::u16::ANY).prop_map(|(key, bits)| Event::Spelled(key, bits)),
        (0_u8..3).prop_map(Event::Neighbour),
        Just(Event::Lost),
        Just(Event::Replan),
        proptest::bool::ANY.prop_map(Event::Sync),
    ]
}

fn value(number: u8) -> String {
    format!("value-{number}-0123456789")
}

/// The same histories in every run.
fn histories(cases: u32, try_one: impl Fn(Vec<Event>)) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let all = proptest::collection::vec(event(), 4..12);
    runner
        .run(&all, |events| {
            try_one(events);
            Ok(())
        })
        .unwrap();
}

/// Runs until it succeeds; what others wrote is taken over, object by object.
fn converge(world: &World, objects: &[String], prune: bool) {
    let mut line = "-y --max-deletes 99".to_owned();
    for object in objects {
        line.push_str(" --adopt ");
        line.push_str(object);
    }
    if prune {
        line.push_str(" --prune");
    }
    world.sync(&line).succeeds();
    let again = world.sync("--check --json");
    let report = again.succeeds().json();
    assert_eq!(report["status"], 0, "{report}");
}

/// A run whose answers were lost says nothing that is not true.
fn lose(world: &World, proxy: &Proxy, reads: &str, writes: &[&str], versions: &dyn Fn() -> String) {
    for write in writes {
        proxy.on(write, Fault::LoseAnswer);
    }
    proxy.after(reads, 1, usize::MAX, Fault::Drop);
    let before = versions();
    let run = world.sync("-y");
    proxy.heal();
    if versions() != before {
        run.fails(3).stderr_lacks("nothing was written");
    }
}

/// What was planned under another setting is not carried out.
fn replan(world: &World, versions: &dyn Fn() -> String) {
    let planned = world.sync("--out plan");
    if planned.status != 2 {
        return;
    }
    let before = versions();
    world.rewrite("db.example.net", "db.evil.example.net");
    let run = world.scene.run("sync --plan plan").fails(7);
    run.stderr_has("database.host in clsecrets.yaml is not as it was");
    world.rewrite("db.evil.example.net", "db.example.net");
    assert_eq!(versions(), before);
}

#[test]
fn a_cluster_is_as_desired_after_any_history() {
    histories(5, |events| {
        let (mut place, proxy) = behind_a_proxy();
        let mut neighbour = place.neighbour(Some("othertestothertest"), &["bea_api_key"]);
        let mut beside = None;
        let mut desired: BTreeMap<usize, Option<String>> = BTreeMap::new();
        let mut theirs: BTreeMap<usize, String> = BTreeMap::new();
        place.world.apply();
        let events = events
            .into_iter()
            .chain([Event::Sync(false), Event::Sync(true)]);
        for event in events {
            match event {
                Event::Seal(key, number) => {
                    let number = number.map(value);
                    place.world.set(KEYS[key].0, number.as_deref());
                    desired.insert(key, number);
                }
                Event::Overwrite(key, number) => {
                    let data = json!({KEYS[key].2: value(number)});
                    place.patch_as("somebody", KEYS[key].1, &data);
                }
                Event::Beside(key, number) => {
                    let data = json!({"theirs": value(number)});
                    place.patch_as("another", KEYS[key].1, &data);
                    theirs.insert(key, value(number));
                }
                Event::Delete(key) => {
                    let path = place.namespace.secret_path(KEYS[key].1);
                    place.namespace.admin().request("DELETE", &path, None);
                    theirs.remove(&key);
                }
                Event::Neighbour(number) => {
                    neighbour.set("bea_api_key", Some(&value(number)));
                    neighbour.sync("-y --prune").succeeds();
                    beside = Some(value(number));
                }
                // A cluster holds no texts.
                Event::Spelled(..) => {}
                Event::Lost => {
                    let versions = || place.versions().join(" ");
                    let (reads, writes) = ("GET secrets", ["PATCH secrets"]);
                    lose(&place.world, &proxy, reads, &writes, &versions);
                }
                Event::Replan => replan(&place.world, &|| place.versions().join(" ")),
                Event::Sync(prune) => {
                    let names = place.world.scene.run("render --env dev --json").json();
                    let objects = names["targets"][0]["objects"].as_array().unwrap().iter();
                    let objects: Vec<String> = objects
                        .map(|object| text(&object["name"]).to_owned())
                        .collect();
                    converge(&place.world, &objects, prune);
                    let before = place.versions();
                    place
                        .world
                        .sync(if prune { "-y --prune" } else { "-y" })
                        .succeeds();
                    assert_eq!(place.versions(), before, "one more sync writes nothing");
                    for (key, value) in desired.iter().filter_map(|(k, v)| Some((k, v.as_ref()?))) {
                        let (_, object, data_key) = KEYS[*key];
                        let seen = place.value(object, data_key);
                        assert!(seen.ends_with(value.as_str()), "{object}");
                    }
                    for (key, value) in &theirs {
                        assert_eq!(place.value(KEYS[*key].1, "theirs"), *value);
                    }
                    if let Some(value) = &beside {
                        assert_eq!(place.value("bea", "api-key"), *value);
                    }
                }
            }
        }
    });
}

impl Place {
    /// Applies data of a secret as this field manager.
    pub(super) fn patch_as(&self, manager: &str, name: &str, data: &Value) {
        let data = data.as_object().unwrap().iter();
        let data: serde_json::Map<String, Value> = data
            .map(|(key, value)| (key.clone(), json!(STANDARD.encode(text(value)))))
            .collect();
        let body =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data});
        let path = self.namespace.secret_path(name);
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.namespace.admin().must("PATCH", &path, Some(&body));
    }
}

#[test]
fn a_store_is_as_desired_after_any_history() {
    histories(5, |events| {
        let mut store = Store::new();
        let mut desired: BTreeMap<usize, Option<String>> = BTreeMap::new();
        let mut theirs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        store.world.apply();
        let object = |key: usize| {
            if key == 2 {
                "node-credentials"
            } else {
                "api-keys"
            }
        };
        let events = events
            .into_iter()
            .chain([Event::Sync(false), Event::Sync(true)]);
        for event in events {
            let ask = |action: &str, body: &Value| {
                moto()
                    .ask(REGION, &format!("secretsmanager.{action}"), body)
                    .0
            };
            match event {
                Event::Seal(key, number) => {
                    let number = number.map(value);
                    store.world.set(KEYS[key].0, number.as_deref());
                    desired.insert(key, number);
                }
                Event::Overwrite(key, number) | Event::Beside(key, number) => {
                    let id = store.id(object(key));
                    let value = json!({"theirs": value(number)}).to_string();
                    let body = json!({"SecretId": id, "SecretString": value});
                    if ask("PutSecretValue", &body) == 200 {
                        theirs.insert(object(key), vec!["\"theirs\":\"value-"]);
                    }
                }
                Event::Spelled(key, bits) => {
                    let id = store.id(object(key));
                    let fields = spelled(bits);
                    let value = format!("{{\n {}\t}}", fields.join(" ,"));
                    let body = json!({"SecretId": id, "SecretString": value});
                    if ask("PutSecretValue", &body) == 200 {
                        theirs.insert(object(key), fields);
                    }
                }
                Event::Delete(key) => {
                    ask("DeleteSecret", &json!({"SecretId": store.id(object(key))}));
                }
                // A closed set of names has room for one repository only.
                Event::Neighbour(_) => {}
                Event::Lost => {
                    let versions = || known(&store);
                    let reads = "secretsmanager.BatchGetSecretValue";
                    let writes = [
                        "secretsmanager.CreateSecret",
                        "secretsmanager.PutSecretValue",
                    ];
                    store.proxy.on("secretsmanager.GetSecretValue", Fault::Drop);
                    lose(&store.world, &store.proxy, reads, &writes, &versions);
                }
                Event::Replan => replan(&store.world, &|| known(&store)),
                Event::Sync(prune) => {
                    let names = store.world.scene.run("render --env dev --json").json();
                    let objects = names["targets"][0]["objects"].as_array().unwrap().iter();
                    let objects: Vec<String> = objects
                        .map(|object| text(&object["name"]).to_owned())
                        .collect();
                    // The wallet password that an overwritten secret has lost is no other one.
                    converge(&store.world, &objects, prune);
                    let names = ["api-keys", "node-credentials"];
                    let ids = || {
                        names.map(|name| {
                            moto()
                                .secret(REGION, &store.id(name))
                                .map(|s| s["VersionId"].clone())
                        })
                    };
                    let before = ids_of(&ids);
                    store
                        .world
                        .sync(if prune { "-y --prune" } else { "-y" })
                        .succeeds();
                    assert_eq!(ids_of(&ids), before, "one more sync writes nothing");
                    for (key, value) in desired.iter().filter_map(|(k, v)| Some((k, v.as_ref()?))) {
                        assert!(
                            store
                                .get(object(*key), "SecretString")
                                .contains(value.as_str())
                        );
                    }
                    for (name, fields) in &theirs {
                        // One of whose fields none is desired stays scheduled for deletion.
                        if let Some(secret) = moto().secret(REGION, &store.id(name)) {
                            let held = text(&secret["SecretString"]);
                            assert!(has_all(held, fields), "{fields:?} in {held}");
                        }
                    }
                }
            }
        }
    });
}

/// The current versions of what is there.
fn known(store: &Store) -> String {
    let names = ["api-keys", "node-credentials", "psql-url"];
    let ids = names.map(|name| {
        let body = json!({"SecretId": store.id(name)});
        // One that is scheduled for deletion has none.
        let (_, answer) = moto().ask(REGION, "secretsmanager.GetSecretValue", &body);
        answer["VersionId"].to_string()
    });
    ids.join(" ")
}

fn ids_of<const N: usize>(ids: &dyn Fn() -> [Option<Value>; N]) -> Vec<Option<Value>> {
    ids().into()
}

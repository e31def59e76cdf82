//! The keystore password in TOML, in every spelling and in any order of events: another one is never
//! overwritten, the same one is no reason to refuse, and what others keep beside it stays.

use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use super::kubernetes::Place;
use super::wallet::{SPELLINGS, spelled};

/// What happens between two runs.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody spells the file in another way, with the password in use or with another one.
    Spell(usize, bool),
    /// Somebody leaves something that is no TOML.
    Break,
    /// Somebody keeps a key of theirs beside it.
    Beside(u8),
    /// We sync, and take over what differs.
    Sync,
}

const WALLET: &str = "a-long-wallet-passphrase-2";
const OBJECT: &str = "n1-secrets";
const FILE: &str = "secrets.toml";

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..SPELLINGS.len(), proptest::bool::ANY).prop_map(|(at, same)| Event::Spell(at, same)),
        1 => Just(Event::Break),
        1 => (0_u8..3).prop_map(Event::Beside),
        4 => Just(Event::Sync),
    ]
}

#[test]
fn a_node_keeps_its_keystore_password_after_any_history() {
    let config = Config {
        cases: 4,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let all = proptest::collection::vec(event(), 8..16);
    runner
        .run(&all, |events| {
            happen(events);
            Ok(())
        })
        .unwrap();
}

fn happen(events: Vec<Event>) {
    let place = Place::new();
    let node = "node-v2\n    nodes: { n1: { user_email: ops@example.com, version: \"2.26\" } }\n";
    place.world.rewrite("trackit\n", node);
    place.world.apply();
    let written = place.value(OBJECT, FILE);
    let put = |manager: &str, key: &str, value: &str| {
        place.patch_as(manager, OBJECT, &json!({key: value}));
    };
    let (mut is_other, mut theirs) = (false, None);
    let line = format!("-y --adopt {OBJECT}");
    for event in events.into_iter().chain([Event::Sync]) {
        match event {
            Event::Spell(at, is_same) => {
                let password = if is_same {
                    WALLET
                } else {
                    "the-password-of-another-ring"
                };
                put("somebody", FILE, &spelled(SPELLINGS[at], password));
                is_other = !is_same;
            }
            Event::Break => {
                put("somebody", FILE, "[Password\nKeystore = 'x'\n");
                is_other = true;
            }
            Event::Beside(number) => {
                let value = format!("value-{number}");
                put("another", "theirs", &value);
                theirs = Some(value);
            }
            Event::Sync if is_other => {
                let before = place.versions();
                let run = place.world.sync(&line).fails(4);
                run.stderr_has("--replace-wallet-password");
                assert_eq!(place.versions(), before);
                // Somebody puts it right.
                put("somebody", FILE, &spelled(SPELLINGS[0], WALLET));
                is_other = false;
            }
            Event::Sync => {
                place.world.sync(&line).succeeds();
                assert_eq!(place.value(OBJECT, FILE), written);
                let before = place.versions();
                let run = place.world.sync("-y").succeeds();
                run.stdout_has("nothing to do");
                assert_eq!(place.versions(), before);
            }
        }
        if let Some(value) = &theirs {
            assert_eq!(place.value(OBJECT, "theirs"), *value);
        }
    }
}

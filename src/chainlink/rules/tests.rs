use super::*;
use crate::chainlink::composition::{Composition, ObjectSpec};
use crate::chainlink::database::Database;
use crate::chainlink::desired::Form;
use crate::chainlink::environment::{NodeSettings, Profile};
use crate::chainlink::keystore::tests::{EXAMPLE, PASSWORD, WRAPPER};
use crate::chainlink::version::Version;
use crate::format;

/// An environment that every rule is content with.
fn sound(profile: Profile) -> Environment {
    let is_new = profile != Profile::Trackit;
    let node = NodeSettings {
        name: if is_new { "chainlink" } else { "" }.to_owned(),
        version: Version::parse(if is_new { "2.26" } else { "1.8" }),
        user_email: Some("ops@example.com".to_owned()),
        database: Some(Database {
            user: "chainlink".to_owned(),
            host: "db.example.net".to_owned(),
            port: None,
            name: "chainlink".to_owned(),
            sslmode: Some("verify-full".to_owned()),
            backup_host: None,
        }),
        ..NodeSettings::default()
    };
    Environment {
        name: "dev".to_owned(),
        prefix: "chainlink".to_owned(),
        profile,
        node,
        ..Environment::default()
    }
}

/// Credentials that every rule is content with.
const SOUND: &str = "\
user_password: 'Correct-horse-battery-1'
wallet_password: 'a-long-Wallet-passphrase-2'
tiingo_api_key: 'tg_0123456789abcdef'
database_password: 'Quite-another-secret-3'
";

fn findings(environment: &Environment, clear: &str, is_deep: bool) -> Vec<Finding> {
    let yaml = format::by_name("yaml").unwrap();
    let text = zeroize::Zeroizing::new(clear.as_bytes().to_vec());
    let tree = yaml.parse_clear(text).unwrap().tree;
    let (credentials, mut findings) = Credentials::read(&[("clear.yaml", &tree)]);
    let objects = Objects::new(environment, &credentials, &mut findings);
    findings.extend(judge(&Subject {
        environment,
        credentials: &credentials,
        objects: &objects,
        is_deep,
    }));
    for found in &findings {
        for value in credentials.all().map(|(_, slot)| slot.value.expose()) {
            let value = String::from_utf8_lossy(value);
            // A short value is a part of many words.
            assert!(
                value.len() < 6 || !found.message.contains(&*value),
                "{found:?}"
            );
        }
    }
    findings
}

/// `V010 error` of each.
fn ids(environment: &Environment, clear: &str) -> Vec<String> {
    let found = findings(environment, clear, false);
    let mut ids: Vec<String> = found
        .iter()
        .map(|found| format!("{} {}", found.rule, found.severity.name()))
        .collect();
    ids.dedup();
    ids
}

fn trackit() -> Environment {
    sound(Profile::Trackit)
}

fn node_v2() -> Environment {
    sound(Profile::NodeV2)
}

/// The sound credentials with one of them changed, or with more of them.
fn with(key: &str, value: &str) -> String {
    let line = format!("{key}: {value}\n");
    let start = format!("{key}:");
    if !SOUND.contains(&start) {
        return format!("{SOUND}{line}");
    }
    let lines = SOUND.lines().map(|old| {
        if old.starts_with(&start) {
            line.clone()
        } else {
            format!("{old}\n")
        }
    });
    lines.collect()
}

#[track_caller]
fn finds(environment: &Environment, clear: &str, expected: &[&str]) {
    assert_eq!(ids(environment, clear), expected, "{clear}");
}

#[test]
fn ids_are_in_order_and_those_that_cannot_be_skipped_exist() {
    assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
    for id in NEEDED {
        assert_eq!(rule(id).id, *id);
    }
}

#[test]
fn sound_environments_have_no_findings() {
    for profile in [Profile::Trackit, Profile::NodeV2, Profile::CllCluster] {
        finds(&sound(profile), SOUND, &[]);
    }
}

#[test]
fn v004_and_v006_are_about_the_shape_of_the_file() {
    finds(
        &trackit(),
        &with("tiingo_api_key", "0123456"),
        &["V004 error"],
    );
    finds(&trackit(), &with("tiingo_api_key", "'0123456'"), &[]);
    finds(
        &trackit(),
        &with("adapters", "{ tiingo: { API_KEY: other } }"),
        &["V006 error"],
    );
    finds(
        &trackit(),
        &with("adapters", "{ tiingo: { API_KEY: 'tg_0123456789abcdef' } }"),
        &[],
    );
    finds(
        &trackit(),
        &with(
            "database_url",
            "'postgres://u:Quite-another-secret-4@h/d?sslmode=require'",
        ),
        &["V006 error"],
    );
}

#[test]
fn v005_is_about_what_yaml_has_written_anew() {
    for value in [
        "'1.2345678901234568e+29'",
        "'1.2e+06'",
        "'2023-03-09T00:00:00Z'",
    ] {
        finds(
            &trackit(),
            &with("tiingo_api_key", value),
            &["V005 warning"],
        );
    }
    for value in ["'e+9'", "'abc-e-12'", "'12e5'", "'2023-03-09'"] {
        finds(&trackit(), &with("tiingo_api_key", value), &[]);
    }
}

#[test]
fn v007_is_about_placeholders() {
    for value in [
        "fake",
        "ChangeMe",
        "xxxxxx",
        "'<your key>'",
        "my_tiingo_api_key",
    ] {
        finds(
            &trackit(),
            &with("tiingo_api_key", value),
            &["V007 warning"],
        );
        let protected = Environment {
            is_protected: true,
            ..trackit()
        };
        finds(&protected, &with("tiingo_api_key", value), &["V007 error"]);
    }
    finds(&trackit(), &with("tiingo_api_key", "xyz_fake_123"), &[]);
}

#[test]
fn v008_is_about_what_nothing_is_made_of() {
    let found = findings(&trackit(), &with("walet_password", "x"), false);
    assert_eq!(found.first().unwrap().fix, "did you mean wallet_password?");
    finds(&trackit(), &with("walet_password", "x"), &["V008 warning"]);
    finds(
        &trackit(),
        &with(
            "nodes",
            "{ a: { vrf_password: 'A-long-Vrf-passphrase-5' } }",
        ),
        &["V008 warning"],
    );
    let mut nodes = node_v2();
    nodes.nodes = vec![NodeSettings {
        name: "a".to_owned(),
        ..nodes.node.clone()
    }];
    finds(
        &nodes,
        &with(
            "nodes",
            "{ b: { vrf_password: 'A-long-Vrf-passphrase-5' } }",
        ),
        &["V008 warning"],
    );
    finds(
        &nodes,
        &with(
            "nodes",
            "{ a: { vrf_password: 'A-long-Vrf-passphrase-5' } }",
        ),
        &[],
    );
    finds(&trackit(), &with("note_unencrypted", "x"), &[]);
    // Profile trackit mounts API keys only.
    let two = with(
        "adapters",
        "{ cryptocompare: { API_KEY: abcdef01, WS_API_KEY: abcdef02 } }",
    );
    finds(&trackit(), &two, &["V008 warning"]);
    finds(&node_v2(), &two, &[]);
}

#[test]
fn v009_is_about_one_value_in_two_places() {
    finds(
        &trackit(),
        &with("user_password", "'a-long-Wallet-passphrase-2'"),
        &["V009 warning"],
    );
    let read = |clear: &str| {
        let yaml = format::by_name("yaml").unwrap();
        let text = zeroize::Zeroizing::new(clear.as_bytes().to_vec());
        let tree = yaml.parse_clear(text).unwrap().tree;
        Credentials::read(&[("clear.yaml", &tree)]).0
    };
    let other = with("user_password", "'Something-else-entirely-9'").replace("Quite", "Other");
    let found = judge_two(&read(SOUND), &read(&other), "prod");
    let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        messages,
        ["wallet_password has the same value as wallet_password of prod"]
    );
}

#[test]
fn v010_v011_and_v012_are_about_characters() {
    finds(
        &trackit(),
        &with("tiingo_api_key", "' abc'"),
        &["V010 error"],
    );
    finds(
        &trackit(),
        &with("tiingo_api_key", "\"abc\\t\""),
        &["V010 error"],
    );
    for value in ["\"abc\\n\"", "\"a\\0bc\"", "\"a\\rbc\""] {
        finds(&trackit(), &with("tiingo_api_key", value), &["V011 error"]);
    }
    let pem = "{ bank-frick: { API_KEY: abcdef01, PRIVATE_KEY: \"-----BEGIN\\nKEY\\n\" } }";
    finds(&node_v2(), &with("adapters", pem), &[]);
    finds(
        &trackit(),
        &with("user_password", "'Córrect-horse-battery-1'"),
        &["V012 warning"],
    );
    let sealed = "'ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]'";
    finds(&trackit(), &with("tiingo_api_key", sealed), &["V013 error"]);
}

#[test]
fn v020_to_v025_are_about_passwords() {
    finds(
        &trackit(),
        &with("wallet_password", "'Fifteen-bytes-1'"),
        &["V020 error"],
    );
    finds(
        &trackit(),
        &with("wallet_password", "'Sixteen-bytes-12'"),
        &[],
    );
    let mut legacy = trackit();
    legacy.node.has_legacy_keystore = true;
    finds(
        &legacy,
        &with("wallet_password", "'Fifteen-bytes-1'"),
        &["V020 warning"],
    );
    finds(
        &trackit(),
        &with("vrf_password", "'Fifteen-bytes-1'"),
        &["V020 error"],
    );
    finds(
        &trackit(),
        &with("user_password", "'Fifteen-bytes-2'"),
        &["V021 error"],
    );
    let long = "abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ";
    finds(&trackit(), &with("user_password", long), &[]);
    finds(
        &trackit(),
        &with("user_password", &format!("{long}1")),
        &["V021 error"],
    );
    finds(
        &trackit(),
        &with("wallet_password", &format!("{long}1")),
        &["V024 warning"],
    );
    finds(
        &trackit(),
        &with("user_password", "'x1OPS@example.com2yz'"),
        &["V022 error"],
    );
    for value in [
        "'aaaabbbbccccdddd'",
        "'ab12ab12ab12ab12'",
        "'Correct-hhhhorse-battery'",
    ] {
        finds(&trackit(), &with("user_password", value), &["V025 warning"]);
    }
}

#[test]
fn v023_is_about_the_email_address() {
    for email in [None, Some("nobody"), Some("a@b\nc"), Some("@b")] {
        let mut environment = trackit();
        environment.node.user_email = email.map(str::to_owned);
        finds(&environment, SOUND, &["V023 error"]);
    }
    let mut environment = trackit();
    environment.node.user_email = None;
    finds(
        &environment,
        "wallet_password: 'a-long-Wallet-passphrase-2'\n",
        &[],
    );
}

#[test]
fn v030_to_v035_are_about_the_database_url() {
    let url = |text: &str| {
        let text = format!("database_url: '{text}'");
        SOUND.replace("database_password: 'Quite-another-secret-3'", &text)
    };
    finds(
        &trackit(),
        &url("postgres://u@h/d?sslmode=require"),
        &["V030 error"],
    );
    finds(&trackit(), &url("mysql://u:p@h/d"), &["V030 error"]);
    let mut no_host = trackit();
    no_host.node.database.as_mut().unwrap().host = String::new();
    finds(&no_host, SOUND, &["V030 error"]);
    finds(
        &trackit(),
        &url("postgres://u:Quite#another-secret@h/d"),
        &["V032 error"],
    );
    finds(
        &trackit(),
        &url("postgres://u:Quite%23another-secret@h/d?sslmode=require"),
        &[],
    );

    // A password of 15 bytes: a node from 2.6 on does not start.
    let short = with("database_password", "'Fifteen-bytes-3'");
    finds(&trackit(), &short, &["V031 warning"]);
    finds(&node_v2(), &short, &["V031 error"]);
    let mut older = node_v2();
    older.node.version = Version::parse("2.5");
    finds(&older, &short, &["V031 warning"]);
    finds(
        &node_v2(),
        &url("postgres://u:%20Quite-another-secret@h/d?sslmode=require"),
        &["V031 error"],
    );

    let mut open = node_v2();
    open.node.database.as_mut().unwrap().sslmode = Some("disable".to_owned());
    finds(&open, SOUND, &["V033 warning"]);
    open.is_protected = true;
    finds(&open, SOUND, &["V033 error"]);
    let mut open = trackit();
    open.is_protected = true;
    open.node.database.as_mut().unwrap().sslmode = None;
    finds(&open, SOUND, &["V033 warning"]);

    finds(
        &trackit(),
        &url("postgres://u:x@h/d?sslmode=require&password=Quite-another-secret"),
        &["V034 warning"],
    );
    let mut test = node_v2();
    test.node.database.as_mut().unwrap().name = "chainlink_test".to_owned();
    finds(&test, &short, &["V035 warning"]);
}

#[test]
fn v036_is_about_two_nodes_with_one_database() {
    let mut environment = node_v2();
    let node = |name: &str| NodeSettings {
        name: name.to_owned(),
        ..node_v2().node
    };
    environment.nodes = vec![node("a"), node("b")];
    finds(&environment, SOUND, &["V036 error"]);
    environment.nodes[1].failover_of = Some("a".to_owned());
    finds(&environment, SOUND, &[]);
    environment.nodes[1].failover_of = None;
    environment.nodes[1].database.as_mut().unwrap().name = "other".to_owned();
    finds(&environment, SOUND, &[]);
}

#[test]
fn v040_to_v044_are_about_adapters() {
    let adapters = |text: &str| with("adapters", &format!("{{ {text} }}"));
    let v2 = node_v2();
    finds(
        &v2,
        &adapters("cfbenchmarks: { API_USERNAME: somebody }"),
        &["V040 error"],
    );
    finds(
        &v2,
        &adapters("cfbenchmarks: { API_USERNAME: somebody, API_PASSWORD: something }"),
        &[],
    );
    let mut listed = node_v2();
    listed.adapters = Some(vec!["tiingo".to_owned(), "bea".to_owned()]);
    finds(&listed, SOUND, &["V040 warning"]);
    finds(
        &v2,
        &adapters("nomics: { API_KEY: something }"),
        &["V041 warning"],
    );
    finds(
        &v2,
        &adapters("bea: { API_KEY: something, APIKEY: something }"),
        &["V041 warning"],
    );
    finds(
        &v2,
        &adapters("bea: { API_KEY: something, ETHEREUM_RPC_URL: 'https://x' }"),
        &[],
    );
    finds(
        &v2,
        &adapters("unheard-of: { api-key: something }"),
        &["V041 warning", "V042 error"],
    );
    finds(
        &v2,
        &adapters("coingecko: { API_KEY: '' }"),
        &["V043 warning"],
    );
    finds(
        &v2,
        &adapters("bea: { API_KEY: '' }"),
        &["V043 warning", "V040 error"],
    );
    finds(
        &v2,
        &adapters("harmony: { PRIVATE_KEY: 0xabcdef }"),
        &["V004 error"],
    );
    finds(
        &v2,
        &adapters("harmony: { PRIVATE_KEY: '0xabcdef' }"),
        &["V044 note"],
    );
}

#[test]
fn v045_v054_and_v062_are_about_custom_objects() {
    let custom = |entries: Vec<(&str, Composition)>| Environment {
        objects: vec![ObjectSpec {
            name: "object".to_owned(),
            targets: Vec::new(),
            form: Form::Json,
            entries: entries
                .into_iter()
                .map(|(key, how)| (key.to_owned(), how))
                .collect(),
            marks: crate::chainlink::Marks::new(),
        }],
        ..sound(Profile::Custom)
    };
    let key = |name: &str, is_optional| Composition::Key {
        key: name.to_owned(),
        is_optional,
    };
    let literal = |text: &str| Composition::Literal(text.to_owned());
    finds(
        &custom(vec![("k", key("wallet_password", false))]),
        SOUND,
        &[],
    );
    finds(
        &custom(vec![("k", key("not.there", false))]),
        SOUND,
        &["V045 error"],
    );
    finds(&custom(vec![("k", key("not.there", true))]), SOUND, &[]);
    let backup = with(
        "backup",
        &format!("{{ old: {{ json: '{EXAMPLE}', password: {PASSWORD} }} }}"),
    );
    finds(
        &custom(vec![("k", key("backup.old.password", false))]),
        &backup,
        &["V054 error"],
    );
    let (one, two) = (
        "[Password]\nKeystore = 'x'\n",
        "[Password]\nVRF = 'x'\nKeystore = 'x'\n",
    );
    let both = custom(vec![("a.toml", literal(one)), ("b.toml", literal(two))]);
    finds(&both, SOUND, &["V062 error"]);
    let both = custom(vec![
        ("a.toml", literal(one)),
        ("b.toml", literal("[Database]\nURL = 'x'\n")),
    ]);
    finds(&both, SOUND, &[]);
    // What an object uses is known to it.
    finds(
        &custom(vec![("k", key("own.name", false))]),
        &with("own", "{ name: x }"),
        &[],
    );
    finds(
        &custom(vec![("k", key("other", true))]),
        &with("own", "{ name: x }"),
        &["V008 warning"],
    );
}

#[test]
fn v050_to_v053_are_about_exported_keys() {
    let keys = |fields: &str| with("keys", &format!("{{ evm: [{{ {fields} }}] }}"));
    let v2 = node_v2();
    let good = format!("chain_id: '1', json: '{EXAMPLE}', password: {PASSWORD}");
    finds(&v2, &keys(&good), &[]);
    finds(
        &v2,
        &keys(&good.replace("\"version\":3", "\"version\":4")),
        &["V050 error"],
    );
    finds(
        &v2,
        &keys(&good.replace("\"mac\"", "\"mca\"")),
        &["V050 error"],
    );
    let address = |text: &str| format!("{good}, address: '{text}'");
    finds(
        &v2,
        &keys(&address("0x008AEEDA4D805471df9b2a5b0f38a0c3bcba786b")),
        &[],
    );
    finds(
        &v2,
        &keys(&address("0x108aeeda4d805471df9b2a5b0f38a0c3bcba786b")),
        &["V050 error"],
    );
    let p2p = |json: &str| {
        with(
            "keys",
            &format!("{{ p2p: {{ json: '{json}', password: {PASSWORD} }} }}"),
        )
    };
    finds(&v2, &p2p(WRAPPER), &[]);
    finds(&v2, &p2p(EXAMPLE), &["V050 error"]);

    let deep = |clear: &str| {
        let found = findings(&v2, clear, true);
        found
            .into_iter()
            .map(|found| found.rule)
            .collect::<Vec<_>>()
    };
    assert_eq!(deep(&keys(&good)), [""; 0]);
    assert_eq!(
        deep(&keys(&good.replace(PASSWORD, "Another-export-pass-1"))),
        ["V051"]
    );
    assert_eq!(deep(&p2p(WRAPPER)), [""; 0]);
    let backup = |password: &str| {
        with(
            "backup",
            &format!("{{ old: {{ json: '{WRAPPER}', password: {password} }} }}"),
        )
    };
    assert_eq!(deep(&backup("Another-export-pass-1")), ["V051"]);

    finds(
        &v2,
        &keys("chain_id: '1', password: Another-export-pass-1"),
        &["V052 error"],
    );
    finds(
        &v2,
        &keys(&good.replace("chain_id: '1', ", "")),
        &["V052 error"],
    );
    finds(&v2, &keys(&good.replace("'1'", "'x1'")), &["V052 error"]);
    let same = with("wallet_password", PASSWORD) + &format!("keys: {{ evm: [{{ {good} }}] }}\n");
    finds(&v2, &same, &["V053 warning"]);
}

#[test]
fn v060_and_v061_are_about_versions() {
    let mut new = trackit();
    new.node.version = Version::parse("2.0");
    finds(&new, SOUND, &["V060 error"]);
    let mut old = node_v2();
    old.node.version = Version::parse("1.13");
    finds(&old, SOUND, &["V060 error"]);
    let explorer = with("explorer_secret", "something");
    finds(&node_v2(), &explorer, &["V061 error"]);
    finds(&trackit(), &explorer, &[]);
    let mut older = node_v2();
    older.node.version = Version::parse("2.5");
    finds(&older, &explorer, &[]);
}

#[test]
fn v070_is_about_names_that_are_taken() {
    for name in ["api-secrets", "chainlink"] {
        let mut environment = trackit();
        environment.adapters = Some(vec![name.to_owned()]);
        let ids = ids(&environment, SOUND);
        assert!(ids.contains(&"V070 error".to_owned()), "{ids:?}");
    }
}

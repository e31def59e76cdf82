use super::*;
use crate::format;

fn tree(text: &str) -> Tree {
    let yaml = format::by_name("yaml").unwrap();
    let text = zeroize::Zeroizing::new(text.as_bytes().to_vec());
    yaml.parse_clear(text).unwrap().tree
}

fn read(text: &str) -> (Credentials, Vec<String>) {
    let tree = tree(text);
    let (credentials, findings) = Credentials::read(&[("a.yaml", &tree)]);
    let lines = findings.into_iter();
    let lines = lines.map(|found| format!("{} {}; {}", found.rule, found.message, found.fix));
    (credentials, lines.collect())
}

fn paths(credentials: &Credentials) -> Vec<String> {
    let all = credentials.all();
    all.map(|(path, slot)| format!("{path} < {}", slot.key))
        .collect()
}

#[test]
fn the_short_and_the_long_form_have_the_same_paths() {
    let (credentials, findings) = read(
        "user_password: u\nwallet_password: w\ndatabase_password: d\ncoinbase_prime_api_key: c\n\
         schema_unencrypted: '1'\n\
         nodes:\n  node-a:\n    wallet_password: a\n    keys:\n      evm:\n        - { json: x, password: y }\n\
         adapters:\n  crypto-compare: { WS_API_KEY: z }\n",
    );
    assert_eq!(findings, [""; 0]);
    assert_eq!(
        paths(&credentials),
        [
            "adapters/coinbase_prime/API_KEY < coinbase_prime_api_key",
            "adapters/crypto_compare/WS_API_KEY < adapters.crypto-compare.WS_API_KEY",
            "database/password < database_password",
            "nodes/node-a/keys/evm/0000/json < nodes.node-a.keys.evm[0].json",
            "nodes/node-a/keys/evm/0000/password < nodes.node-a.keys.evm[0].password",
            "nodes/node-a/wallet_password < nodes.node-a.wallet_password",
            "user_password < user_password",
            "wallet_password < wallet_password",
        ]
    );
    assert_eq!(credentials.adapters(), ["coinbase-prime", "crypto-compare"]);
    let wallet = |node| credentials.of_node(node, "wallet_password").unwrap();
    assert_eq!(wallet("node-a").key, "nodes.node-a.wallet_password");
    assert_eq!(wallet("node-b").key, "wallet_password");
    assert_eq!(
        credentials.place_of_node("node-a", "keys").as_deref(),
        Some("nodes/node-a/keys")
    );
    assert_eq!(credentials.place_of_node("node-b", "keys"), None);
    assert_eq!(credentials.variables("crypto_compare").len(), 1);
}

#[test]
fn what_has_another_type_is_refused_with_the_quoted_form() {
    let (credentials, findings) = read(
        "tiingo_api_key: 0123\nwallet_password: [a]\nuser_password: true\nnodes: x\n\
         adapters:\n  tiingo: { OTHER: 1 }\n",
    );
    assert_eq!(credentials.all().count(), 0);
    assert_eq!(
        findings,
        [
            "V004 tiingo_api_key is no string but an integer; quote it: tiingo_api_key: '…'",
            "V004 wallet_password is no string but a list; give it one text",
            "V004 user_password is no string but a boolean; quote it: user_password: '…'",
            "V004 nodes is no map but a string; write its keys below it",
            "V004 adapters.tiingo.OTHER is no string but an integer; quote it: OTHER: '…'",
        ]
    );
}

#[test]
fn one_credential_given_twice_has_to_be_equal() {
    let (_, findings) = read(
        "tiingo_api_key: same\nadapters:\n  tiingo: { API_KEY: same }\n\
         database_password: one\ndatabase: { password: other }\n",
    );
    assert_eq!(
        findings,
        ["V006 database_password and database.password are the same, but differ; keep one of them"]
    );
    let (_, findings) = read("adapters:\n  a-b: { K: x }\n  a_b: { K: y }\n");
    assert_eq!(
        findings,
        ["V006 adapters.a_b is there twice; keep one of them"]
    );
}

#[test]
fn one_key_in_two_files_is_refused_even_if_it_is_equal() {
    let one = tree("wallet_password: w\n");
    let two = tree("wallet_password: w\n");
    let (_, findings) = Credentials::read(&[("a.yaml", &one), ("b.yaml", &two)]);
    let messages: Vec<&str> = findings
        .iter()
        .map(|found| found.message.as_str())
        .collect();
    assert_eq!(messages, ["wallet_password is in a.yaml and in b.yaml"]);
}

#[test]
fn a_key_that_is_not_known_is_named_with_what_was_meant() {
    let (credentials, findings) =
        read("walet_password: x\nnote: { deep: y }\ndatabase: { pasword: z }\nempty:\n");
    assert_eq!(findings, [""; 0]);
    let unknown = credentials.unknown().iter();
    let unknown: Vec<_> = unknown
        .map(|one| (one.key.as_str(), one.meant.as_deref()))
        .collect();
    assert_eq!(
        unknown,
        [
            ("walet_password", Some("did you mean wallet_password?")),
            ("note", None),
            (
                "database.pasword",
                Some("one of password, url, backup_password, backup_url")
            ),
            ("empty", None),
        ]
    );
    assert!(credentials.by_key("note.deep").is_some());
    assert!(credentials.by_key("note").is_none());
}

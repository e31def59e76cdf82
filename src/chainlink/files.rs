//! The files that a node from version 2 on reads: `secrets.toml`, in one piece or in several, and a
//! configuration with RPC URLs.
//!
//! A node refuses a field that two of its secrets files have, so each field has one place here. Lists
//! of keys have to stand in one file altogether.

use super::credentials::{Credentials, Slot};
use super::node::{Made, Node};
use super::toml::{Toml, quoted};

/// Kinds of chains that keys are imported for: the section of the clear file, the table of the
/// node, and whether the chain's id is a number.
const CHAINS: [(&str, &str, bool); 4] = [
    ("evm", "EVM", true),
    ("solana", "Solana", false),
    ("aptos", "Aptos", true),
    ("stellar", "Stellar", false),
];

/// Keys that a node has one of.
const SINGLE: [(&str, &str); 2] = [("p2p", "P2PKey"), ("dkg_recipient", "DKGRecipientKey")];

/// Everything that the node reads of its secrets, but for keys and Mercury.
fn base(node: &Node<'_>, toml: &mut Toml) {
    toml.table(&["Database"]);
    toml.made("URL", node.database_url.as_ref());
    toml.made("BackupURL", node.backup_url.as_ref());
    toml.table(&["Password"]);
    toml.credential("Keystore", node.get("wallet_password"));
    toml.credential("VRF", node.get("vrf_password"));
    toml.table(&["WebServer", "LDAP"]);
    toml.credential("ServerAddress", node.get("ldap/server_address"));
    toml.credential("ReadOnlyUserLogin", node.get("ldap/user"));
    toml.credential("ReadOnlyUserPass", node.get("ldap/password"));
    toml.table(&["WebServer", "OIDC"]);
    toml.credential("ClientSecret", node.get("oidc_client_secret"));
    toml.table(&["Pyroscope"]);
    toml.credential("AuthToken", node.get("pyroscope_auth_token"));
    toml.table(&["Prometheus"]);
    toml.credential("AuthToken", node.get("prometheus_auth_token"));
    toml.table(&["Threshold"]);
    toml.credential("ThresholdKeyShare", node.get("threshold_key_share"));
    toml.table(&["CRE", "Streams"]);
    toml.credential("ApiKey", node.get("streams/api_key"));
    toml.credential("ApiSecret", node.get("streams/api_secret"));
    toml.table(&["Explorer"]);
    toml.credential("AccessKey", node.get("explorer_access_key"));
    toml.credential("Secret", node.get("explorer_secret"));
}

fn mercury(node: &Node<'_>, credentials: &Credentials, toml: &mut Toml) {
    let Some(place) = node.place("mercury") else {
        return;
    };
    for name in credentials.below(&place) {
        let get = |field: &str| credentials.get(&format!("{place}/{name}/{field}"));
        toml.table(&["Mercury", "Credentials", name]);
        toml.credential("URL", get("url"));
        toml.credential("LegacyURL", get("legacy_url"));
        toml.credential("Username", get("username"));
        toml.credential("Password", get("password"));
    }
}

fn keys(node: &Node<'_>, credentials: &Credentials, toml: &mut Toml) {
    for (section, table, is_number) in CHAINS {
        let Some(place) = node.place(&format!("keys/{section}")) else {
            continue;
        };
        for at in credentials.below(&place) {
            let get = |field: &str| credentials.get(&format!("{place}/{at}/{field}"));
            toml.element(&[table, "Keys"]);
            if let Some(id) = get("chain_id") {
                toml.plain("ID", &chain_id(id, is_number));
                toml.source(&id.key);
            }
            toml.credential("JSON", get("json"));
            toml.credential("Password", get("password"));
            if let Some(address) = get("address") {
                toml.source(&address.key);
            }
        }
    }
    for (section, table) in SINGLE {
        let Some(place) = node.place(&format!("keys/{section}")) else {
            continue;
        };
        let get = |field: &str| credentials.get(&format!("{place}/{field}"));
        toml.table(&[table]);
        toml.credential("JSON", get("json"));
        toml.credential("Password", get("password"));
    }
}

/// All secrets in one file.
pub(super) fn secrets(node: &Node<'_>, credentials: &Credentials) -> Option<Made> {
    let mut toml = Toml::with_room(room(node, credentials));
    base(node, &mut toml);
    mercury(node, credentials, &mut toml);
    keys(node, credentials, &mut toml);
    toml.finish()
}

/// The same in several files: their names and contents. Together they have each field once.
pub(super) fn secrets_in_parts(
    node: &Node<'_>,
    credentials: &Credentials,
) -> Vec<(&'static str, Option<Made>)> {
    let begin = || Toml::with_room(room(node, credentials));
    let (mut first, mut second, mut third) = (begin(), begin(), begin());
    base(node, &mut first);
    keys(node, credentials, &mut second);
    mercury(node, credentials, &mut third);
    vec![
        ("secret.toml", first.finish()),
        ("keys.toml", second.finish()),
        ("mercury.toml", third.finish()),
    ]
}

/// RPC URLs, as a configuration that the node reads beside its own: nodes of a chain are merged by
/// their names.
pub(super) fn rpc(node: &Node<'_>, credentials: &Credentials) -> Option<Made> {
    let place = node.place("rpc")?;
    let mut toml = Toml::with_room(room(node, credentials));
    for chain in credentials.below(&place) {
        toml.element(&["EVM"]);
        toml.plain("ChainID", &quoted(chain));
        for name in credentials.below(&format!("{place}/{chain}")) {
            let get = |field: &str| credentials.get(&format!("{place}/{chain}/{name}/{field}"));
            toml.element(&["EVM", "Nodes"]);
            toml.plain("Name", &quoted(name));
            toml.credential("WSURL", get("ws_url"));
            toml.credential("HTTPURL", get("http_url"));
            toml.credential("HTTPURLExtraWrite", get("http_url_extra_write"));
        }
    }
    toml.finish()
}

/// The id of a chain as TOML writes it; a rule has seen to it that it is a number where it has to be.
fn chain_id(slot: &Slot, is_number: bool) -> String {
    let text = String::from_utf8_lossy(slot.value.expose());
    match text.parse::<u64>() {
        Ok(id) if is_number => id.to_string(),
        _ => quoted(&text),
    }
}

/// The most bytes that a file of a node can have: no value is in one twice.
fn room(node: &Node<'_>, credentials: &Credentials) -> usize {
    let own = format!("nodes/{}/", node.name());
    let may_be_in = |path: &str| {
        path.starts_with(&own) || !path.starts_with("nodes/") && !path.starts_with("adapters/")
    };
    let all = credentials.all().filter(|(path, _)| may_be_in(path));
    // A URL is made of a password, each byte of which takes three at most.
    all.map(|(_, slot)| 3 * slot.value.len() + 64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chainlink::database::Database;
    use crate::chainlink::environment::{Environment, NodeSettings};

    fn read(text: &str) -> Credentials {
        let yaml = crate::format::by_name("yaml").unwrap();
        let text = zeroize::Zeroizing::new(text.as_bytes().to_vec());
        let tree = yaml.parse_clear(text).unwrap().tree;
        let (credentials, findings) = Credentials::read(&[("a.yaml", &tree)]);
        assert!(findings.is_empty(), "{findings:?}");
        credentials
    }

    fn text(made: Option<Made>) -> String {
        String::from_utf8(made.unwrap().0.expose().to_vec()).unwrap()
    }

    fn settings() -> NodeSettings {
        NodeSettings {
            name: "node-a".to_owned(),
            user_email: Some("a@example.com".to_owned()),
            database: Some(Database {
                user: "cl_a".to_owned(),
                host: "db.prod".to_owned(),
                port: Some(5432),
                name: "cl_a".to_owned(),
                sslmode: Some("verify-full".to_owned()),
                backup_host: None,
            }),
            ..NodeSettings::default()
        }
    }

    const CLEAR: &str = r#"
database: { password: 'p4ss#with/odd%chars@16' }
nodes:
  node-a:
    wallet_password: 'node-a-keystore-pass-01'
    vrf_password: 'node-a-vrf-passphrase-01'
    prometheus_auth_token: 'prom-token-node-a'
    threshold_key_share: 'base64-or-json-share'
    mercury:
      streams-prod: { url: 'https://streams.example.net', username: 'op-1', password: 'mercury-pass' }
    rpc:
      "11155111":
        primary: { ws_url: 'wss://rpc.example.net/ws/TOKEN', http_url: 'https://rpc.example.net/TOKEN' }
    keys:
      evm:
        - { chain_id: "11155111", json: '{"version":3}', password: 'export-pass-1' }
        - { chain_id: "1", json: '{"version":3}', password: 'export-pass-2' }
      solana:
        - { chain_id: mainnet, json: '{}', password: 'export-pass-3' }
      p2p: { json: '{"keyType":"P2P"}', password: 'export-pass-p2p-0001' }
    backup:
      old: { json: '{"never":1}', password: 'never-delivered' }
"#;

    #[test]
    fn secrets_and_rpc_urls_are_written_as_the_node_reads_them() {
        let (credentials, settings) = (read(CLEAR), settings());
        let environment = Environment::default();
        let mut findings = Vec::new();
        let node = Node::new(
            &settings,
            &environment,
            &credentials,
            "postgresql",
            &mut findings,
        );
        let written = text(secrets(&node, &credentials));
        assert_eq!(findings, []);
        assert_eq!(
            written,
            r#"[Database]
URL = "postgresql://cl_a:p4ss%23with%2Fodd%25chars%4016@db.prod:5432/cl_a?sslmode=verify-full"
[Password]
Keystore = "node-a-keystore-pass-01"
VRF = "node-a-vrf-passphrase-01"
[Prometheus]
AuthToken = "prom-token-node-a"
[Threshold]
ThresholdKeyShare = "base64-or-json-share"
[Mercury.Credentials.streams-prod]
URL = "https://streams.example.net"
Username = "op-1"
Password = "mercury-pass"
[[EVM.Keys]]
ID = 11155111
JSON = "{\"version\":3}"
Password = "export-pass-1"
[[EVM.Keys]]
ID = 1
JSON = "{\"version\":3}"
Password = "export-pass-2"
[[Solana.Keys]]
ID = "mainnet"
JSON = "{}"
Password = "export-pass-3"
[P2PKey]
JSON = "{\"keyType\":\"P2P\"}"
Password = "export-pass-p2p-0001"
"#
        );
        assert!(!written.contains("never"));
        let rpc = text(rpc(&node, &credentials));
        assert_eq!(
            rpc,
            r#"[[EVM]]
ChainID = "11155111"
[[EVM.Nodes]]
Name = "primary"
WSURL = "wss://rpc.example.net/ws/TOKEN"
HTTPURL = "https://rpc.example.net/TOKEN"
"#
        );
        for text in [&written, &rpc] {
            assert!(text.parse::<toml::Table>().is_ok());
        }
    }

    #[test]
    fn the_parts_have_together_what_the_whole_has() {
        fn paths(table: &toml::Table, above: &str, found: &mut Vec<String>) {
            for (key, value) in table {
                let path = format!("{above}.{key}");
                match value {
                    toml::Value::Table(table) => paths(table, &path, found),
                    value => found.push(format!("{path} = {value}")),
                }
            }
        }
        let (credentials, settings) = (read(CLEAR), settings());
        let environment = Environment::default();
        let mut findings = Vec::new();
        let node = Node::new(
            &settings,
            &environment,
            &credentials,
            "postgresql",
            &mut findings,
        );
        let mut whole = Vec::new();
        let one = text(secrets(&node, &credentials));
        paths(&one.parse().unwrap(), "", &mut whole);
        let mut parts = Vec::new();
        for (_, part) in secrets_in_parts(&node, &credentials) {
            paths(&text(part).parse().unwrap(), "", &mut parts);
        }
        whole.sort();
        parts.sort();
        assert_eq!(whole, parts);
    }
}

//! The words of a clear-secrets file: one table that the reader, the rules and the JSON Schema
//! share, so that none of them can know more than the others.

use Kind::{
    Address, ApiPassword, Bearer, ChainId, DatabasePassword, DatabaseUrl, Json, KeyPassword, Name,
    Url, Variable, VrfPassword, WalletPassword,
};
use Shape::{Fields, List, Named, Text};

/// What may stand at a place.
#[derive(Debug)]
pub enum Shape {
    /// One text.
    Text(Kind),
    /// A map with these keys.
    Fields(&'static [Field]),
    /// A map whose keys are names; what they name, for people.
    Named(&'static str, &'static Shape),
    /// A list.
    List(&'static Shape),
}

/// A key and what may stand there.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// What it is, for people.
    pub about: &'static str,
}

/// What a text is used as; the rules differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of the node's API user.
    ApiPassword,
    /// Opens the key ring.
    WalletPassword,
    /// Opens the VRF keys.
    VrfPassword,
    /// Goes into a URL that is built.
    DatabasePassword,
    /// Passed through after checks.
    DatabaseUrl,
    /// A variable of an external adapter.
    Variable,
    /// A token or password that is sent as it is.
    Bearer,
    /// A name that somebody logs in with.
    Name,
    /// A URL, which can hold a token.
    Url,
    /// An exported key.
    Json,
    /// Opens an exported key.
    KeyPassword,
    /// The number of a chain.
    ChainId,
    /// The address that an exported key is meant to have.
    Address,
}

/// An exported key and its password.
const KEY: &[Field] = &[
    text("json", Json, "the exported key, as the node wrote it"),
    text(
        "password",
        KeyPassword,
        "opens the exported key; never the keystore password",
    ),
];

/// The same for a key of a chain.
const CHAIN_KEY: Shape = Fields(&[
    text("chain_id", ChainId, "the chain that it is used on"),
    text("json", Json, "the exported key, as the node wrote it"),
    text(
        "password",
        KeyPassword,
        "opens the exported key; never the keystore password",
    ),
    text(
        "address",
        Address,
        "the address that it is meant to have; only compared",
    ),
]);

const DATABASE: Shape = Fields(&[
    text(
        "password",
        DatabasePassword,
        "goes into the URL that is built from clsecrets.yaml",
    ),
    text("url", DatabaseUrl, "the whole URL, in place of a password"),
    text(
        "backup_password",
        DatabasePassword,
        "of the same role at database.backup_host, a replica that backups are made of",
    ),
    text(
        "backup_url",
        DatabaseUrl,
        "the whole URL of that replica, in place of a password",
    ),
]);

const MERCURY: Shape = Fields(&[
    text("url", Url, "the server"),
    text("legacy_url", Url, "the server of earlier versions"),
    text("username", Name, "the user"),
    text("password", Bearer, "the password"),
]);

const LDAP: Shape = Fields(&[
    text("server_address", Url, "the server"),
    text("user", Name, "the user that only reads"),
    text("password", Bearer, "the password of that user"),
]);

const STREAMS: Shape = Fields(&[
    text("api_key", Bearer, "the API key"),
    text("api_secret", Bearer, "the API secret"),
]);

const RPC: Shape = Named(
    "name of an RPC node",
    &Fields(&[
        text("ws_url", Url, "the WebSocket URL"),
        text("http_url", Url, "the HTTP URL"),
        text(
            "http_url_extra_write",
            Url,
            "a second HTTP URL that transactions are sent to",
        ),
    ]),
);

const KEYS: Shape = Fields(&[
    field("evm", List(&CHAIN_KEY), "exported keys of EVM chains"),
    field("solana", List(&CHAIN_KEY), "exported keys of Solana"),
    field("aptos", List(&CHAIN_KEY), "exported keys of Aptos"),
    field("stellar", List(&CHAIN_KEY), "exported keys of Stellar"),
    field("p2p", Fields(KEY), "the exported peer-to-peer key"),
    field("dkg_recipient", Fields(KEY), "the exported recipient key"),
]);

/// What a node has; at the top level it holds for every node that does not say otherwise.
pub const NODE: &[Field] = &[
    text("user_password", ApiPassword, "of the node's API user"),
    text(
        "wallet_password",
        WalletPassword,
        "opens the node's key ring; without it the keys are lost",
    ),
    text("vrf_password", VrfPassword, "opens the node's VRF keys"),
    field("database", DATABASE, "the node's database"),
    text(
        "prometheus_auth_token",
        Bearer,
        "protects the node's metrics",
    ),
    text(
        "pyroscope_auth_token",
        Bearer,
        "sends profiles to Pyroscope",
    ),
    text(
        "threshold_key_share",
        Bearer,
        "the node's share of a threshold key; it cannot be made again",
    ),
    field(
        "mercury",
        Named("name of the credentials", &MERCURY),
        "Data Streams servers, by the names in job specs",
    ),
    field("streams", STREAMS, "the Data Streams SDK"),
    field("ldap", LDAP, "the LDAP server that users log in with"),
    text(
        "oidc_client_secret",
        Bearer,
        "of the node as a client of an identity provider",
    ),
    field(
        "rpc",
        Named("chain id", &RPC),
        "RPC URLs, by chain and by the names in the node's config.toml",
    ),
    field(
        "keys",
        KEYS,
        "exported keys that the node imports when it starts",
    ),
    field(
        "backup",
        Named("name of the key", &Fields(KEY)),
        "exported keys that are kept here and never delivered",
    ),
    text(
        "explorer_access_key",
        Bearer,
        "of the explorer; nodes from 2.6 refuse it",
    ),
    text(
        "explorer_secret",
        Bearer,
        "of the explorer; nodes from 2.6 refuse it",
    ),
];

/// What only the top level has.
pub const TOP: &[Field] = &[
    text(
        "database_password",
        DatabasePassword,
        "the same as database.password",
    ),
    text("database_url", DatabaseUrl, "the same as database.url"),
    field(
        "nodes",
        Named("name of a node", &Fields(NODE)),
        "what one node has for itself",
    ),
    field(
        "adapters",
        Named(
            "name of an adapter",
            &Named("environment variable", &Text(Variable)),
        ),
        "external adapters, with the exact names of their variables",
    ),
];

/// Short names at the top level and the paths that they stand for.
pub const ALIASES: &[(&str, &str)] = &[
    ("database_password", "database/password"),
    ("database_url", "database/url"),
];

/// The end of the key of an adapter at the top level: `tiingo_api_key`.
pub const API_KEY: &str = "_api_key";

/// The end of a key that is clear by its name: it is no credential.
pub const CLEAR: &str = "_unencrypted";

const fn text(name: &'static str, kind: Kind, about: &'static str) -> Field {
    field(name, Text(kind), about)
}

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, about }
}

/// The key at the top level that a mistyped one was probably meant to be.
pub fn nearest(key: &str) -> Option<String> {
    let names = NODE.iter().chain(TOP).map(|field| field.name);
    crate::error::nearest(key, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_finds_the_one_that_was_meant() {
        assert_eq!(
            nearest("wallet_pasword").as_deref(),
            Some("wallet_password")
        );
        assert_eq!(nearest("adaptors").as_deref(), Some("adapters"));
        assert_eq!(nearest("note"), None);
    }
}

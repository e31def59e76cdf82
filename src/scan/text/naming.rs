//! Whether a name says that what it names is secret.
//!
//! Names are split into words, whatever the convention; the *last* words decide: `api_key` is one,
//! `api_key_path` is none.

use crate::chainlink::catalogue;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) enum Kind {
    /// A password or a passphrase, which a person may have chosen.
    Password,
    /// A key or a token, which a machine has made.
    Key,
    /// The private key of a wallet or a signer.
    PrivateKey,
    /// The words of a wallet.
    Mnemonic,
}

/// Words that say how a value is written, or where it counts; they change nothing.
const BESIDE: &[&str] = &[
    "value",
    "plain",
    "plaintext",
    "string",
    "base64",
    "b64",
    "hex",
    "raw",
    "encoded",
    "prod",
    "dev",
    "staging",
    "stage",
    "production",
    "unencrypted",
    "clear",
    "cleartext",
    "default",
    "new",
    "old",
    "current",
    "main",
    "primary",
    "secondary",
    "mainnet",
    "testnet",
    "sepolia",
    "live",
    "override",
    "literal",
    "txt",
    "data",
];

/// Words of names that belong to a node, so that any value of theirs counts.
const NODE: &[&str] = &[
    "wallet",
    "keystore",
    "vrf",
    "node",
    "chainlink",
    "mercury",
    "pyroscope",
    "threshold",
    "operator",
    "database",
    "db",
    "postgres",
    "pg",
    "psql",
    "api",
    "user",
    "backup",
    "ldap",
    "oidc",
    "prometheus",
    "explorer",
    "mysql",
    "redis",
    "rds",
    "aurora",
    "master",
];

/// The words of a name, in lower case.
pub(in crate::scan) fn words(name: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous = b' ';
    for (at, byte) in name.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            previous = b' ';
            continue;
        }
        let begins = byte.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_ascii_uppercase()
                    && name.get(at + 1).is_some_and(u8::is_ascii_lowercase)));
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(char::from(byte.to_ascii_lowercase()));
        previous = *byte;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What a name promises; `None` if it names no secret.
pub(in crate::scan) fn kind(name: &[u8]) -> Option<Kind> {
    let words = words(name);
    kind_of(&words).or_else(|| {
        // `apiKeys.tiingo`: one of a collection.
        let dot = name.iter().rposition(|byte| *byte == b'.')?;
        is_collection(name.get(..dot)?).then_some(Kind::Key)
    })
}

/// Whether a name is one of many secrets that stand below it.
pub(in crate::scan) fn is_collection(name: &[u8]) -> bool {
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    let before = words.iter().rev().nth(1).map_or("", String::as_str);
    matches!(
        last,
        "apikeys" | "passwords" | "credentials" | "apisecrets" | "apitokens"
    ) || matches!(
        (before, last),
        ("api" | "adapter", "keys" | "secrets" | "tokens")
    )
}

fn kind_of(words: &[String]) -> Option<Kind> {
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut count = words.len();
    while count > 1
        && words
            .get(count - 1)
            .is_some_and(|word| BESIDE.contains(&word.as_str()) || is_number(word))
    {
        count -= 1;
    }
    let last = words.get(count.checked_sub(1)?)?.as_str();
    // `privateKey2` is one of several.
    let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let before = count
        .checked_sub(2)
        .and_then(|at| words.get(at))
        .map_or("", String::as_str);
    single(last).or_else(|| pair(before, last)).filter(|_| {
        // Who resets, hides or shows a password tells none; a public one is none.
        let first = words.first().map_or("", String::as_str);
        let asks = [
            "is", "has", "use", "show", "hide", "forgot", "reset", "enable", "disable", "allow",
            "require", "needs", "no", "get", "set", "validate", "verify", "check", "fetch",
            "generate", "random", "existing", "num", "max", "min", "csrf", "xsrf",
        ];
        (count <= 1 || !asks.contains(&first)) && !words.iter().any(|word| word == "public")
    })
}

fn single(word: &str) -> Option<Kind> {
    Some(match word {
        "password" | "passwd" | "pwd" | "passphrase" | "passw" | "pass" | "userpass"
        | "pgpassword" | "requirepass" | "masterauth" | "dbpassword" | "dbpass"
        | "rootpassword" | "sshpass" | "userpassword" | "adminpassword" => Kind::Password,
        "secret" | "secrets" | "token" | "apikey" | "apisecret" | "apitoken" | "authtoken"
        | "accesstoken" | "accesskey" | "secretkey" | "signingkey" | "socketkey"
        | "clientsecret" | "accountkey" | "encryptionkey" | "masterkey" | "datakey"
        | "keyshare" | "authkey" | "credential" | "credentials" | "creds" | "sharedsecret"
        | "webhooksecret" | "jwtsecret" | "bearer" | "hmackey" | "sessionkey" | "refreshtoken"
        | "bottoken" | "psk" => Kind::Key,
        "privatekey" | "privkey" | "privkeys" | "privatekeys" | "pk" | "deployerkey" | "sk" => {
            Kind::PrivateKey
        }
        "mnemonic" | "mnemonics" | "seedphrase" => Kind::Mnemonic,
        _ => return None,
    })
}

fn pair(before: &str, last: &str) -> Option<Kind> {
    Some(match (before, last) {
        ("password", "keystore" | "vrf") => Kind::Password,
        (
            "private" | "priv" | "deployer" | "wallet" | "owner" | "signer" | "transmitter"
            | "account" | "eth" | "evm",
            "key" | "keys" | "pk",
        ) => Kind::PrivateKey,
        (
            "api" | "access" | "secret" | "signing" | "socket" | "encryption" | "master" | "auth"
            | "data" | "shared" | "license" | "hmac" | "session" | "cookie" | "client" | "app"
            | "storage" | "ingest" | "service" | "routing" | "integration" | "webhook"
            | "subscription" | "sas",
            "key" | "keys",
        )
        | ("auth" | "authorization", "header")
        | ("key", "share")
        | ("api", "pass") => Kind::Key,
        ("seed" | "recovery" | "mnemonic", "phrase" | "words") | ("wallet", "seed") => {
            Kind::Mnemonic
        }
        _ => return None,
    })
}

/// Whether a name is one of the node's own credentials: `wallet_password`, `Password.Keystore`.
pub(in crate::scan) fn is_of_node(name: &[u8]) -> bool {
    let words = words(name);
    match kind_of(&words) {
        Some(Kind::Password) => words.iter().any(|word| {
            NODE.contains(&word.as_str())
                || ["dbpassword", "dbpass", "userpassword", "pgpassword"].contains(&word.as_str())
        }),
        Some(Kind::Key) => {
            let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
            has(&[
                "pyroscope",
                "prometheus",
                "threshold",
                "mercury",
                "oidc",
                "explorer",
                "keyshare",
            ])
        }
        _ => false,
    }
}

/// Whether a name is a variable of an external adapter, or an adapter's key: `tiingo_api_key`.
pub(in crate::scan) fn is_of_adapter(name: &[u8]) -> bool {
    let words = words(name);
    let ends = |ending: &[&str]| {
        words.len() >= ending.len()
            && words
                .iter()
                .rev()
                .zip(ending.iter().rev())
                .all(|(word, end)| word == end)
    };
    let joined = words.concat();
    let is_key = ends(&["api", "key"])
        || ends(&["apikey"])
        || ends(&["api", "secret"])
        || ends(&["api", "password"])
        || ends(&["socket", "key"])
        || ends(&["signing", "key"])
        || ends(&["access", "key"])
        || ends(&["client", "secret"])
        || ends(&["auth", "header"]);
    is_key
        || catalogue::all()
            .iter()
            .flat_map(|adapter| adapter.required.iter().chain(&adapter.optional))
            .filter(|variable| {
                !variable.ends_with("PRIVATE_KEY") && kind(variable.as_bytes()).is_some()
            })
            .any(|variable| variable.replace('_', "").eq_ignore_ascii_case(&joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_decide() {
        for (name, expected) in [
            ("wallet_password", Some(Kind::Password)),
            ("TIINGO_API_KEY", Some(Kind::Key)),
            ("apiKey", Some(Kind::Key)),
            ("config.database.password", Some(Kind::Password)),
            ("DEPLOYER_PRIVATE_KEY", Some(Kind::PrivateKey)),
            ("privateKey2", Some(Kind::PrivateKey)),
            ("clientSecretValue", Some(Kind::Key)),
            ("password_unencrypted", Some(Kind::Password)),
            ("secretName", None),
            ("api_key_path", None),
            ("passwordLength", None),
            ("existingSecret", None),
            ("token_url", None),
            ("public_key", None),
            ("author", None),
            ("use_password", None),
        ] {
            assert_eq!(kind(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn the_node_and_the_adapters_have_names_of_their_own() {
        assert!(is_of_node(b"Password.Keystore.password"));
        assert!(is_of_node(b"user_password"));
        assert!(!is_of_node(b"password"));
        assert!(is_of_adapter(b"NETDANIA_PASSWORD"));
        assert!(is_of_adapter(b"cryptocompare_api_key"));
        assert!(!is_of_adapter(b"password"));
    }
}

//! External adapters that are known to take credentials, from `catalogue.tsv`: data of one release
//! of the adapters, which ages with each of theirs. What is not in it is a warning, never an error.

use std::sync::OnceLock;

/// The release that the catalogue is from.
pub const RELEASE: &str = "1.215.0";

const TEXT: &str = include_str!("catalogue.tsv");

/// Variables that the framework of the adapters knows, whatever the adapter.
const OF_ALL: &[&str] = &[
    "CACHE_REDIS_PASSWORD",
    "CACHE_REDIS_URL",
    "TLS_PRIVATE_KEY",
    "TLS_PASSPHRASE",
    "TLS_CA",
];

/// Variables with an RPC URL, which many adapters take.
const URLS: &[&str] = &["RPC_URL", "RPC_ENDPOINT", "ADAPTER_URL"];

/// One adapter.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name: `coinbase-prime`.
    pub name: &'static str,
    /// Variables that it does not start without.
    pub required: Vec<&'static str>,
    /// Variables that it can have besides.
    pub optional: Vec<&'static str>,
    note: &'static str,
}

/// All adapters, by ascending name.
pub fn all() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(known).collect()
    })
}

/// The adapter of this name; `-`, `.` and `_` count as the same letter, as in a key at the top level.
pub fn find(name: &str) -> Option<&'static Known> {
    let plain = plain(name);
    all().iter().find(|known| self::plain(known.name) == plain)
}

/// A name in the letters of a key at the top level.
pub fn plain(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

fn known(line: &'static str) -> Option<Known> {
    let mut columns = line.split('\t');
    let name = columns.next()?;
    let mut list = || -> Vec<&'static str> {
        let names = columns.next().unwrap_or_default().split([',', ' ']);
        names.filter(|name| !name.is_empty()).collect()
    };
    let (required, optional) = (list(), list());
    Some(Known {
        name,
        required,
        optional,
        note: columns.next().unwrap_or_default(),
    })
}

impl Known {
    /// Whether it signs or moves money: its credentials are a wallet.
    pub fn is_wallet(&self) -> bool {
        self.note.contains("wallet-grade")
    }

    /// Whether it takes this variable.
    pub fn takes(&self, variable: &str) -> bool {
        self.required.contains(&variable)
            || self.optional.contains(&variable)
            || OF_ALL.contains(&variable)
            || URLS.iter().any(|end| variable.ends_with(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_read_whole_and_in_order() {
        assert_eq!(all().len(), 110);
        assert!(all().is_sorted_by(|a, b| a.name < b.name));
        assert!(TEXT.contains(RELEASE));
        for known in all() {
            let variables = known.required.iter().chain(&known.optional);
            for name in variables {
                let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                assert!(name.chars().all(is_plain), "{}: {name}", known.name);
            }
        }
    }

    #[test]
    fn an_adapter_is_found_under_the_name_of_its_key() {
        let prime = find("coinbase_prime").unwrap();
        assert_eq!(prime.name, "coinbase-prime");
        assert_eq!(prime.required, ["ACCESS_KEY", "PASSPHRASE", "SIGNING_KEY"]);
        assert_eq!(find("blockchain_com").unwrap().name, "blockchain.com");
        let compare = find("cryptocompare").unwrap();
        assert_eq!(compare.optional, ["WS_API_KEY"]);
        assert!(compare.takes("API_KEY") && compare.takes("ETHEREUM_RPC_URL"));
        assert!(!compare.takes("APIKEY"));
        assert!(find("harmony").unwrap().is_wallet() && !prime.is_wallet());
        assert!(find("nomics").is_none());
    }
}

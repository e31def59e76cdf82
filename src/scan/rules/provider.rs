//! H061: keys of data providers and of RPC endpoints, which cost money or open a node's view.

use std::ops::Range;

use super::super::text::{Mark, Text, chance, harmless};
use super::super::{Finding, Rule, Subject};
use super::claim::{self, Claim};
use super::value;

/// H061.
#[derive(Debug)]
pub(super) struct Provider;

/// Parts of the hosts of those who sell access to chains.
const HOSTS: &[&str] = &[
    "alchemy",
    "infura",
    "quiknode",
    "quicknode",
    "ankr",
    "chainstack",
    "getblock",
    "blastapi",
    "blockpi",
    "nodereal",
    "moralis",
    "pokt",
    "drpc",
    "tenderly",
    "blockdaemon",
    "figment",
    "nownodes",
    "allthatnode",
    "onfinality",
    "chainnodes",
    "unifra",
    "validationcloud",
    "rpcfast",
    "syndica",
    "helius",
    "rpcpool",
    "dwellir",
    "thirdweb",
    "simplyvc",
    "fiews",
    "linkpool",
    "blxrbdn",
    "bloxroute",
    "zmok",
    "rivet",
    "gateway.fm",
    "p2pify",
    "cloudflare-eth",
    "tatum",
    "grove",
    "lava",
    "merkle",
    "1rpc",
    "omniatech",
    "instanodes",
    "nodies",
    "zan.top",
    "core.chainstack",
];

/// What stands before the URL of an endpoint.
const CONTEXTS: &[&str] = &[
    "rpc",
    "ws_url",
    "wsurl",
    "ws-url",
    "http_url",
    "httpurl",
    "http-url",
    "eth_url",
    "eth-url",
    "ethurl",
    "node_url",
    "nodeurl",
    "provider",
    "endpoint",
    "websocket",
    "wss_url",
];

const FIELDS: &[&str] = &[
    "key",
    "apikey",
    "api_key",
    "api-key",
    "token",
    "access_token",
    "auth",
    "auth_token",
    "appid",
    "app_id",
    "secret",
    "private_token",
    "subscription-key",
    "access_key",
    "x-api-key",
    "authkey",
    "dkey",
    "project_id",
];

/// What stands behind these in a path is the public name of something.
const NAMING: &[&[u8]] = &[
    b"commit", b"commits", b"tree", b"blob", b"raw", b"compare", b"tx", b"block", b"address",
    b"ipfs",
];

const HINT: &str = "seal it, and let the node or the adapter read it from a mounted secret; then have the provider replace it";

impl Rule for Provider {
    fn id(&self) -> &'static str {
        "H061"
    }

    fn summary(&self) -> &'static str {
        "An adapter's variable or the URL of an endpoint holds the key of a provider."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        for at in text.marks(Mark::Url) {
            if let Some(span) = key_of(text, at) {
                let message = "the URL of this endpoint holds the key that opens it".to_owned();
                found.push(value(self, subject, span, message, HINT));
            }
        }
        for (span, name) in claim::of(subject, Claim::Provider) {
            let message = format!("{name} is the key of a provider, and is in clear");
            found.push(value(self, subject, span, message, HINT));
        }
    }
}

/// The piece of a URL that opens it.
fn key_of(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let rest = text.slice(start..start + 512);
    let end = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || b"\"'`<>|\\)],;".contains(byte))
        .unwrap_or(rest.len());
    let url = rest.get(..end)?;
    let scheme = text.slice(at.saturating_sub(5)..at).to_ascii_lowercase();
    if ![&b"http"[..], b"https", b"ws", b"wss"]
        .iter()
        .any(|own| scheme.ends_with(own))
    {
        return None;
    }
    let host_end = url
        .iter()
        .position(|byte| b"/?#".contains(byte))
        .unwrap_or(url.len());
    let host = url.get(..host_end)?.to_ascii_lowercase();
    let host = String::from_utf8_lossy(&host).into_owned();
    let line = text.line(text.line_at(at));
    let before = text
        .slice(line.start.max(at.saturating_sub(120))..at)
        .to_ascii_lowercase();
    let is_provider = HOSTS.iter().any(|part| host.contains(part));
    let is_endpoint = is_provider
        || scheme.ends_with(b"wss")
        || scheme.ends_with(b"ws")
        || CONTEXTS
            .iter()
            .any(|part| harmless::contains(&before, part.as_bytes()))
        || host.split(['.', '-', ':']).any(|part| part == "rpc");
    let query = url
        .iter()
        .position(|byte| *byte == b'?')
        .unwrap_or(url.len());
    // A field of the query that names a key counts anywhere.
    let mut offset = query + 1;
    for field in url
        .get(query + 1..)
        .unwrap_or_default()
        .split(|byte| *byte == b'&')
    {
        if let Some(equals) = field.iter().position(|byte| *byte == b'=') {
            let name = field.get(..equals).unwrap_or_default().to_ascii_lowercase();
            let key = field.get(equals + 1..).unwrap_or_default();
            let is_named = FIELDS.iter().any(|own| name == own.as_bytes());
            if is_named && is_key(key, 16) {
                return Some(start + offset + equals + 1..start + offset + field.len());
            }
        }
        offset += field.len() + 1;
    }
    if !is_endpoint {
        return None;
    }
    let mut offset = host_end + 1;
    let path = url.get(host_end + 1..query).unwrap_or_default();
    let mut last: &[u8] = b"";
    for part in path.split(|byte| *byte == b'/') {
        let is_public = part.starts_with(b"0x") || NAMING.contains(&last);
        last = part;
        if !is_public && is_key(part, if is_provider { 16 } else { 20 }) {
            return Some(start + offset..start + offset + part.len());
        }
        offset += part.len() + 1;
    }
    // `KEY.rpc.provider.com`, `user:KEY@` is told as a password.
    let first = host.split('.').next().unwrap_or_default();
    let is_sub =
        is_provider && host.matches('.').count() >= 2 && chance::looks_random(first.as_bytes(), 20);
    is_sub.then_some(start..start + first.len())
}

fn is_key(part: &[u8], shortest: usize) -> bool {
    chance::looks_random(part, shortest) && !harmless::is_harmless(part, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let text = Text::new("a.toml", text.as_bytes());
        let at = text.marks(Mark::Url).next()?;
        let span = key_of(&text, at)?;
        Some(String::from_utf8_lossy(text.slice(span)).into_owned())
    }

    #[test]
    fn keys_of_endpoints_are_found_in_paths_hosts_and_queries() {
        for (text, key) in [
            (
                "https://eth-mainnet.g.alchemy.com/v2/kX3vQ9pLm2ZtR7wB8nYc4HdF6gJs",
                "kX3vQ9pLm2ZtR7wB8nYc4HdF6gJs",
            ),
            (
                "wss://mainnet.infura.io/ws/v3/9f3a7c1e5b2d4f8a6c0e9d7b3a1f5c2e",
                "9f3a7c1e5b2d4f8a6c0e9d7b3a1f5c2e",
            ),
            (
                "https://a-b-c.quiknode.pro/7c1e9f3a5b2d4f8a6c0e9d7b3a1f5c2e9f3a7c1e/",
                "7c1e9f3a5b2d4f8a6c0e9d7b3a1f5c2e9f3a7c1e",
            ),
            (
                "HTTPURL = 'https://node.corp.internal/q7Gz2mWx9Lp4Rt8Vb1Nc'",
                "q7Gz2mWx9Lp4Rt8Vb1Nc",
            ),
            (
                "https://min-api.cryptocompare.com/data?fsym=ETH&api_key=9f3a7c1e5b2d4f8a6c0e9d7b3a1f5c2e",
                "9f3a7c1e5b2d4f8a6c0e9d7b3a1f5c2e",
            ),
        ] {
            assert_eq!(found(text).as_deref(), Some(key), "{text}");
        }
        for text in [
            "https://eth-mainnet.g.alchemy.com/v2/YOUR_API_KEY",
            "https://mainnet.infura.io/v3/${INFURA_KEY}",
            "PowerPC: https://github.com/a/b/commit/9f3a7c1e5b2d4f8a6c0e9d7b3a1f5c2e9f3a7c1e",
            "https://etherscan.io/address/0x5FbDB2315678afecb367f032d93F642f64180aa3",
            "wss://rpc.example.net/ws/TOKEN",
            "https://docs.alchemy.com/reference/eth-getblockbynumber",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}

//! RPC URLs with tokens that stand in clear beside `clsecrets.yaml`: in the node's configuration, in
//! Terraform variables, in values of charts.

use std::path::Path;

use clsecrets::chainlink::{At, Finding};
use clsecrets::fs;
use ignore::WalkBuilder;
use regex::bytes::Regex;

use super::told::Told;

/// Files that configurations are in.
const ENDINGS: &[&str] = &["toml", "tfvars", "tf", "yaml", "yml", "json", "env"];
/// A larger file is no configuration.
const MOST: u64 = 1 << 20;

/// Looks through what Git would take.
pub(super) fn judge(top: &Path, told: &mut Told) {
    // A part of a path or of a query that nobody would choose as a name, or a password.
    let token = r#"(?:wss?|https?)://(?:[^\s"'@/]+:[^\s"'@/]+@|[^\s"']*[/=?&-][A-Za-z0-9_-]{20,}(?:["'\s/?&]|$))"#;
    let Ok(token) = Regex::new(token) else {
        return;
    };
    let words = [
        "rpc", "eth_url", "wsurl", "httpurl", "ws_url", "http_url", "infura", "alchemy",
    ];
    for entry in WalkBuilder::new(top).build().flatten() {
        let path = entry.path();
        let is_kind = path.extension().is_some_and(|ending| {
            ENDINGS
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        });
        let is_small = entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MOST);
        if !is_kind || !is_small {
            continue;
        }
        let Ok(content) = fs::read(path) else {
            continue;
        };
        for (at, line) in content.bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.windows(4).any(|part| part == b"ENC[") || !token.is_match(line) {
                continue;
            }
            let lower = String::from_utf8_lossy(line).to_ascii_lowercase();
            if words.iter().any(|word| lower.contains(word)) {
                let shown = path.strip_prefix(top).unwrap_or(path).display().to_string();
                let message = "an RPC URL with a token stands in clear";
                told.push(Finding::new("V064", At::whole(0), message), shown, at + 1);
            }
        }
    }
}

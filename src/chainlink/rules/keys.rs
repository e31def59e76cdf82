//! Rules about exported keys, those that are imported and those that are only kept.

use std::collections::{BTreeMap, BTreeSet};

use super::super::credentials::Slot;
use super::super::environment::Profile;
use super::super::finding::{At, Finding};
use super::super::keystore::{Exported, MOST_WORK, Opens};
use super::super::model::Kind;
use super::super::profiles::Objects;
use super::Subject;

pub(super) fn judge(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for place in places(subject) {
        key(&place, subject, findings);
    }
    // The other profiles write each field once.
    if subject.environment.profile == Profile::Custom {
        twice(subject.objects, findings);
    }
}

/// The paths of all exported keys: `nodes/a/keys/evm/0000`, `backup/old`.
fn places(subject: &Subject<'_>) -> BTreeSet<String> {
    let all = subject.credentials.all().filter_map(|(path, _)| {
        let (place, field) = path.rsplit_once('/')?;
        let is_key = is_below(path, "keys") || is_below(path, "backup");
        let is_field = ["chain_id", "json", "password", "address"].contains(&field);
        (is_key && is_field).then(|| place.to_owned())
    });
    all.collect()
}

fn is_below(path: &str, section: &str) -> bool {
    path.starts_with(&format!("{section}/")) || path.contains(&format!("/{section}/"))
}

fn key(place: &str, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let get = |field: &str| subject.credentials.get(&format!("{place}/{field}"));
    let fields = [
        get("json"),
        get("password"),
        get("chain_id"),
        get("address"),
    ];
    let Some(first) = fields.into_iter().flatten().next() else {
        return;
    };
    let name = first.key.rsplit_once('.').map_or("", |(name, _)| name);
    let chain = ["evm", "solana", "aptos", "stellar"]
        .into_iter()
        .find(|chain| is_below(place, &format!("keys/{chain}")));
    let mut lacking = Vec::new();
    for field in ["json", "password"] {
        lacking.extend(get(field).is_none().then_some(field));
    }
    lacking.extend((chain.is_some() && get("chain_id").is_none()).then_some("chain_id"));
    if !lacking.is_empty() {
        let message = format!("{name} lacks {}", lacking.join(" and "));
        findings.push(Finding::new("V052", first.at(), message));
    }
    if let (Some("evm" | "aptos"), Some(id)) = (chain, get("chain_id")) {
        let text = std::str::from_utf8(id.value.expose()).unwrap_or_default();
        if text.parse::<u64>().is_err() {
            let message = format!("{} is no number of a chain", id.key);
            findings.push(Finding::new("V052", id.at(), message));
        }
    }
    if let Some(json) = get("json") {
        exported(place, json, chain, subject, findings);
    }
    if let Some(password) = get("password") {
        let wallets = subject.credentials.all();
        let mut wallets = wallets.filter(|(_, slot)| slot.kind == Kind::WalletPassword);
        let is_same = |slot: &Slot| !slot.value.is_empty() && slot.value.ct_eq(&password.value);
        if let Some((_, wallet)) = wallets.find(|(_, slot)| is_same(slot)) {
            let message = format!("{} is the same as {}", password.key, wallet.key);
            findings.push(Finding::new("V053", password.at(), message));
        }
    }
}

fn exported(
    place: &str,
    json: &Slot,
    chain: Option<&str>,
    subject: &Subject<'_>,
    findings: &mut Vec<Finding>,
) {
    let get = |field: &str| subject.credentials.get(&format!("{place}/{field}"));
    let key = match Exported::parse(&json.value) {
        Ok(key) => key,
        Err(reason) => {
            let message = format!("{} {reason}", json.key);
            findings.push(Finding::new("V050", json.at(), message));
            return;
        }
    };
    let shape = match chain {
        Some("evm") => key.is_evm(),
        Some(other) => key.is_wrapper(other),
        None if place.ends_with("keys/p2p") => key.is_wrapper("P2P"),
        None => key.is_any(),
    };
    if let Err(reason) = shape {
        let message = format!("{} {reason}", json.key);
        findings.push(Finding::new("V050", json.at(), message));
    }
    if let Some(address) = get("address") {
        let text = std::str::from_utf8(address.value.expose()).unwrap_or_default();
        if !key.has_address(text) {
            let message = format!("{} has another address than {}", json.key, address.key);
            findings.push(Finding::new("V050", address.at(), message));
        }
    }
    if let Some(password) = get("password").filter(|_| subject.is_deep) {
        let message = match key.opens(&password.value) {
            Opens::Yes | Opens::Unknown => return,
            Opens::No => format!("{} does not open with {}", json.key, password.key),
            Opens::TooMuchWork => format!(
                "{} was not opened: its kdfparams ask for more than is allowed, n·r·p of scrypt is at \
                 most {MOST_WORK}",
                json.key
            ),
        };
        findings.push(Finding::new("V051", password.at(), message));
    }
}

/// A field that two TOML files of one object have: the node refuses to start.
fn twice(objects: &Objects<'_>, findings: &mut Vec<Finding>) {
    for (at, object) in objects.data("kubernetes").objects.iter().enumerate() {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for entry in &object.entries {
            // A configuration may repeat itself; secrets may not.
            let is_toml = entry.key.rsplit('.').next() == Some("toml");
            if !is_toml || entry.key.contains("rpc") {
                continue;
            }
            for field in fields(entry.value.expose()).unwrap_or_default() {
                match seen.get(&field) {
                    Some(key) if *key == entry.key => {}
                    Some(key) => {
                        let message = format!(
                            "{field} is in {key} and in {} of {}",
                            entry.key, object.name
                        );
                        let at = At::setting(&format!("objects.{at}"));
                        findings.push(Finding::new("V062", at, message));
                    }
                    None => drop(seen.insert(field, &entry.key)),
                }
            }
        }
    }
}

/// The paths of all fields of a TOML text; without their values.
fn fields(text: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut table = String::new();
    let mut fields = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("[[")
            .and_then(|rest| rest.strip_suffix("]]"))
        {
            // Lists of several files are compared by their ids.
            table = format!("{name}[]");
            fields.push(table.clone());
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.clone_into(&mut table);
        } else if let Some((name, _)) = line.split_once('=')
            && !table.ends_with("[]")
            && !line.starts_with('#')
        {
            fields.push(format!("{table}.{}", name.trim()));
        }
    }
    fields.sort();
    fields.dedup();
    Some(fields)
}

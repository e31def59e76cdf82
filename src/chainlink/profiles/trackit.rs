//! Profile `trackit`: the objects that the `TrackIt` layout's charts mount, with the same names and
//! the same bytes.
//!
//! No labels, annotations or tags belong to it, so that Terraform sees no drift. What has no
//! source is left out and named.

use super::super::catalogue::{self, plain};
use super::super::desired::{Entry, Form, Place, Possible, Projection, WHOLE};
use super::super::model::API_KEY;
use super::super::node::Node;
use super::{Objects, again, entry, literal};

const API_SECRETS: &str = "api-secrets";
const NODE_CREDENTIALS: &str = "node-credentials";
/// Adapters that the charts know and the catalogue no longer does.
const GONE: &[&str] = &["nomics"];

/// The key of an adapter in the short form.
fn short(adapter: &str) -> String {
    format!("{}{API_KEY}", plain(adapter))
}

pub(super) fn data(objects: &Objects<'_>) -> Projection {
    let mut projection = Projection::default();
    let prefix = objects.environment.prefix.as_str();
    if let Some(node) = objects.nodes.first() {
        let mut entries = Vec::new();
        match entry(".api", node.api_file()) {
            Some(entry) => entries.push(entry),
            None => projection.skip(API_SECRETS, Some(".api"), "no user_password"),
        }
        match node.get("wallet_password") {
            Some(slot) => entries.push(Entry::of(".password", &slot.value, &slot.key)),
            None => projection.skip(API_SECRETS, Some(".password"), "no wallet_password"),
        }
        projection
            .wallet
            .push(Place::whole("", API_SECRETS, ".password"));
        projection.add(API_SECRETS, Form::Data, entries);
    }
    for name in &objects.adapters {
        match objects.api_key(name) {
            Some(slot) => {
                let entry = Entry::of("api-key", &slot.value, &slot.key);
                projection.add(name, Form::Data, vec![entry]);
            }
            None => projection.skip(name, None, &format!("no {}", short(name))),
        }
    }
    if let Some(node) = objects.nodes.first() {
        let mut entries = Vec::new();
        match entry("db-url", again(node.database_url.as_ref())) {
            Some(entry) => entries.push(entry),
            None => projection.skip(prefix, Some("db-url"), node.no_database),
        }
        for (key, path) in [
            ("explorer-access-key", "explorer_access_key"),
            ("explorer-secret", "explorer_secret"),
        ] {
            let slot = node.get(path);
            entries.extend(slot.map(|slot| Entry::of(key, &slot.value, &slot.key)));
        }
        projection.add(prefix, Form::Data, entries);
    }
    let fixed = [API_SECRETS, prefix]
        .into_iter()
        .chain(GONE.iter().copied());
    let known = catalogue::all().iter().map(|known| known.name);
    let names = fixed.chain(known).map(str::to_owned);
    projection.possible = Possible::Names(names.chain(objects.adapters.clone()).collect());
    projection
}

pub(super) fn texts(objects: &Objects<'_>, prefix: &str) -> Projection {
    let mut projection = Projection::default();
    let api_keys = format!("{prefix}api-keys");
    let delivered = objects.adapters.iter();
    let entries: Vec<Entry> = delivered
        .filter(|name| !catalogue::find(name).is_some_and(catalogue::Known::is_wallet))
        .filter_map(|name| Some((name, objects.api_key(name)?)))
        .map(|(name, slot)| Entry::of(&short(name), &slot.value, &slot.key))
        .collect();
    if entries.is_empty() {
        projection.skip(&api_keys, None, "no <adapter>_api_key of a listed adapter");
    }
    projection.add(&api_keys, Form::Json, entries);

    let credentials = format!("{prefix}{NODE_CREDENTIALS}");
    let url = format!("{prefix}psql-url");
    if let Some(node) = objects.nodes.first() {
        let entries = node_credentials(node, &credentials, &mut projection);
        projection.add(&credentials, Form::Json, entries);
        match entry(WHOLE, again(node.database_url.as_ref())) {
            Some(entry) => projection.add(&url, Form::Text, vec![entry]),
            None => projection.skip(&url, None, node.no_database),
        }
    }
    projection
        .wallet
        .push(Place::whole("", &credentials, "wallet_password"));
    projection.possible = Possible::Names(vec![api_keys, credentials, url]);
    projection
}

/// What logs in to a node and what opens its key ring.
pub(super) fn node_credentials(
    node: &Node<'_>,
    object: &str,
    projection: &mut Projection,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    match (node.get("user_password"), &node.settings.user_email) {
        (Some(slot), Some(email)) => {
            entries.push(literal("user_email", email));
            entries.push(Entry::of("user_password", &slot.value, &slot.key));
        }
        _ => projection.skip(object, Some("user_password"), "no user_password"),
    }
    match node.get("wallet_password") {
        Some(slot) => entries.push(Entry::of("wallet_password", &slot.value, &slot.key)),
        None => projection.skip(object, Some("wallet_password"), "no wallet_password"),
    }
    entries
}

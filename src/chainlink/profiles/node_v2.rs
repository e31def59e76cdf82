//! Profile `node-v2`: files that a node from version 2 on is started with, one object of variables
//! for each adapter, and the same credentials as JSON for Secrets Manager.

use super::super::desired::{Entry, Form, Place, Projection};
use super::super::files;
use super::super::part::Part;
use super::trackit::node_credentials;
use super::{OURS, Objects, again, entry, literal};

pub(super) fn data(objects: &Objects<'_>) -> Projection {
    let mut projection = Projection {
        possible: OURS,
        ..Projection::default()
    };
    for node in &objects.nodes {
        let secrets = format!("{}-secrets", node.name());
        let mut entries = Vec::new();
        let toml = files::secrets(node, objects.credentials);
        entries.extend(entry("secrets.toml", toml));
        entries.extend(entry(".api", node.api_file()));
        for (key, path) in [(".password", "wallet_password"), (".vrf", "vrf_password")] {
            let slot = node.get(path);
            entries.extend(slot.map(|slot| Entry::of(key, &slot.value, &slot.key)));
        }
        missing(node, &secrets, &mut projection);
        projection
            .wallet
            .push(Place::whole(node.name(), &secrets, ".password"));
        projection.wallet.push(Place {
            parts: vec![Part::Toml],
            ..Place::whole(node.name(), &secrets, "secrets.toml")
        });
        projection.add(&secrets, Form::Data, entries);
        rpc(node, objects, &mut projection);
    }
    objects.adapters_data(&mut projection);
    projection
}

/// What a node does not start without.
pub(super) fn missing(node: &super::Node<'_>, object: &str, projection: &mut Projection) {
    if node.database_url.is_none() {
        projection.skip(object, Some("Database.URL"), node.no_database);
    }
    for (path, key) in [
        ("user_password", ".api"),
        ("wallet_password", "Password.Keystore"),
    ] {
        if node.get(path).is_none() {
            projection.skip(object, Some(key), &format!("no {path}"));
        }
    }
}

/// A configuration with RPC URLs, which the node is started with beside its own.
pub(super) fn rpc(node: &super::Node<'_>, objects: &Objects<'_>, projection: &mut Projection) {
    let name = format!("{}-config-rpc", node.name());
    let rpc = entry("rpc.toml", files::rpc(node, objects.credentials));
    projection.add(&name, Form::Data, rpc.into_iter().collect());
}

pub(super) fn texts(objects: &Objects<'_>, prefix: &str) -> Projection {
    let mut projection = Projection {
        possible: OURS,
        ..Projection::default()
    };
    for node in &objects.nodes {
        let name = format!("{prefix}{}/database", node.name());
        let mut entries = Vec::new();
        match entry("url", again(node.database_url.as_ref())) {
            Some(url) => entries.push(url),
            None => projection.skip(&name, None, node.no_database),
        }
        // Beside a URL given whole the parts would be another source of the same.
        let password = node.get("database/password");
        if let (Some(slot), Some(database), false) =
            (password, &node.settings.database, entries.is_empty())
        {
            entries.push(literal("engine", "postgres"));
            entries.push(literal("username", &database.user));
            entries.push(literal("host", &database.host));
            entries.push(literal("dbname", &database.name));
            let port = database.port.unwrap_or(5432);
            entries.push(literal("port", &port.to_string()));
            entries.push(Entry::of("password", &slot.value, &slot.key));
        }
        projection.add(&name, Form::Json, entries);

        let name = format!("{prefix}{}/credentials", node.name());
        let mut entries = node_credentials(node, &name, &mut projection);
        let vrf = node.get("vrf_password");
        entries.extend(vrf.map(|slot| Entry::of("vrf_password", &slot.value, &slot.key)));
        projection.add(&name, Form::Json, entries);
        projection
            .wallet
            .push(Place::whole(node.name(), &name, "wallet_password"));
    }
    for name in &objects.adapters {
        let object = format!("{prefix}adapters/{}", text_name(name));
        let entries = objects.variables(name);
        if entries.is_empty() {
            projection.skip(&object, None, &format!("no adapters.{name}"));
        }
        projection.add(&object, Form::Json, entries);
    }
    projection
}

/// Secrets Manager takes a hyphen and six characters for the end of an ARN (`data-engine`).
fn text_name(adapter: &str) -> String {
    match adapter.rsplit_once('-') {
        Some((stem, tail)) if tail.len() == 6 => format!("{stem}_{tail}"),
        _ => adapter.to_owned(),
    }
}

//! Profile `cll-cluster`: the objects that Chainlink Labs' cluster chart mounts for each node.
//!
//! `N-v2` holds `secret.toml` and `.api`; of `N-usr-v2` every data key is one more secrets file, so
//! none repeats a field; `N-db` are variables without a password.

use super::super::desired::{Form, Place, Projection};
use super::super::files;
use super::super::part::Part;
use super::node_v2::{missing, rpc};
use super::{OURS, Objects, entry, literal};

pub(super) fn data(objects: &Objects<'_>) -> Projection {
    let mut projection = Projection {
        possible: OURS,
        ..Projection::default()
    };
    for node in &objects.nodes {
        let first = format!("{}-v2", node.name());
        let second = format!("{}-usr-v2", node.name());
        let (mut main, mut more) = (Vec::new(), Vec::new());
        for (key, made) in files::secrets_in_parts(node, objects.credentials) {
            let list = if key == "secret.toml" {
                &mut main
            } else {
                &mut more
            };
            list.extend(entry(key, made));
        }
        main.extend(entry(".api", node.api_file()));
        missing(node, &first, &mut projection);
        projection.wallet.push(Place {
            parts: vec![Part::Toml],
            ..Place::whole(node.name(), &first, "secret.toml")
        });
        projection.add(&first, Form::Data, main);
        projection.add(&second, Form::Data, more);
        if let Some(database) = &node.settings.database {
            let port = database.port.unwrap_or(5432);
            let entries = vec![
                literal("POSTGRES_DB", &database.name),
                literal("POSTGRES_HOST", &database.host),
                literal("POSTGRES_PORT", &port.to_string()),
                literal("POSTGRES_USER", &database.user),
            ];
            projection.add(&format!("{}-db", node.name()), Form::Data, entries);
        }
        rpc(node, objects, &mut projection);
    }
    objects.adapters_data(&mut projection);
    projection
}

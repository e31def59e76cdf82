//! Where a setting stands in `clsecrets.yaml`, for messages about it.

use std::sync::Arc;

use clsecrets::config::Environments;
use clsecrets::config::environments::Lines;
use clsecrets::tree::{Map, Node};

/// The places of one environment's settings.
#[derive(Debug)]
pub(crate) struct Places {
    lines: Arc<Lines>,
    environment: String,
}

impl Places {
    /// Those of one of the file's environments.
    pub(crate) fn new(environments: &Environments, environment: &str) -> Self {
        Self {
            lines: Arc::clone(environments.lines()),
            environment: environment.to_owned(),
        }
    }

    /// The file and the line of a field below the environment, or of what it would stand below.
    pub(crate) fn of(&self, path: &[String]) -> (String, usize) {
        let Some(document) = self.lines.document() else {
            return (self.lines.name(), 1);
        };
        let mut line = 1;
        let mut node: Option<&Node> = None;
        let top = document.tree.documents.first();
        let above = ["environments", self.environment.as_str()];
        let names = above.into_iter().chain(path.iter().map(String::as_str));
        for name in names {
            let next = match node {
                None => top.and_then(|map: &Map| map.get(name)),
                Some(Node::Map(map)) => map.get(name),
                Some(Node::List(list)) => name
                    .parse::<usize>()
                    .ok()
                    .and_then(|at| list.nodes().nth(at)),
                Some(Node::Leaf(_)) => None,
            };
            let Some(found) = next else {
                break;
            };
            let site = match found {
                Node::Leaf(leaf) => leaf.site,
                Node::Map(map) => map.site,
                Node::List(list) => list.site,
            };
            line = document.position(site).0;
            node = next;
        }
        (self.lines.name(), line)
    }
}

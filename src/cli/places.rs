//! Where a setting stands in `clsecrets.yaml`, for messages about it.

use std::path::Path;

use clsecrets::format::{self, Document};
use clsecrets::fs;
use clsecrets::tree::{Map, Node};

/// The places of one environment's settings.
#[derive(Debug)]
pub(crate) struct Places {
    /// The file's name, for messages.
    file: String,
    environment: String,
    document: Option<Document>,
}

impl Places {
    /// Looks into the file once more: who read it into types knows no lines. A file that cannot be
    /// read again has no lines.
    pub(crate) fn new(path: &Path, environment: &str) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let document = fs::read(path)
            .ok()
            .and_then(|content| format::by_extension(&name)?.parse_clear(content.bytes).ok());
        Self {
            file: name.into_owned(),
            environment: environment.to_owned(),
            document,
        }
    }

    /// The file and the line of a field below the environment, or of what it would stand below.
    pub(crate) fn of(&self, path: &[String]) -> (String, usize) {
        let Some(document) = &self.document else {
            return (self.file.clone(), 1);
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
        (self.file.clone(), line)
    }
}

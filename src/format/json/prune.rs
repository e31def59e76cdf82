//! An entry is taken out of an object or a list, with one comma.
//!
//! The surprise: a list may hold sealed comments between its items, and the top level its metadata;
//! both are neighbours that stay.

use std::ops::Range;

use zeroize::Zeroizing;

use super::super::{Document, FormatError, unrepresentable};
use super::layout::Layout;
use super::manner::past_blanks;
use crate::tree::{Item, Node, Path, Site};

/// Takes out what stands at a path of the document.
pub(super) fn take_out(
    document: &Document,
    layout: &Layout,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, FormatError> {
    let missing = || unrepresentable("there is nothing at this path");
    let top = document.tree.documents.first().ok_or_else(missing)?;
    let node = top.at(path).ok_or_else(missing)?;
    let above = path.elements().split_last().map(|(_, above)| above);
    let (container, neighbours) = match above {
        None | Some([]) => (top.site, sites(top.pairs().map(|pair| &pair.value))),
        Some(above) => {
            let mut parent = Path::root();
            for element in above {
                parent.push(element.clone());
            }
            match top.at(&parent).ok_or_else(missing)? {
                Node::Map(map) => (map.site, sites(map.pairs().map(|pair| &pair.value))),
                Node::List(list) => {
                    let items = list.items.iter().map(|item| match item {
                        Item::Node(node) => site(node),
                        Item::Comment(comment) => comment.site,
                    });
                    (list.site, items.collect())
                }
                Node::Leaf(_) => return Err(missing()),
            }
        }
    };
    let span = |site: Site| layout.place(site).ok_or_else(missing);
    let (container, value) = (span(container)?, span(site(node))?);
    let mut ends = Vec::new();
    for neighbour in neighbours {
        ends.push(span(neighbour)?.end);
    }
    if container == layout.top {
        ends.extend(layout.entry.as_ref().map(|entry| entry.value.end));
    }
    let source = document.source();
    let before = ends.iter().filter(|end| **end <= value.start).max();
    let is_alone = ends.len() == 1;
    let cut: Range<usize> = match before {
        _ if is_alone => container.start + 1..container.end.saturating_sub(1),
        // From behind the entry before it, so that its comma goes.
        Some(before) => *before..value.end,
        None => {
            let start = past_blanks(source, container.start + 1);
            let comma = past_blanks(source, value.end);
            start..past_blanks(source, comma + 1)
        }
    };
    let (head, tail) = (source.get(..cut.start), source.get(cut.end..));
    let mut text = Zeroizing::new(Vec::with_capacity(source.len()));
    text.extend_from_slice(head.unwrap_or_default());
    text.extend_from_slice(tail.unwrap_or_default());
    Ok(text)
}

fn sites<'n>(nodes: impl Iterator<Item = &'n Node>) -> Vec<Site> {
    nodes.map(site).collect()
}

fn site(node: &Node) -> Site {
    match node {
        Node::Leaf(leaf) => leaf.site,
        Node::Map(map) => map.site,
        Node::List(list) => list.site,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::format::json::Json;

    fn without(text: &str, path: &str) -> String {
        let document = Json
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap();
        let text = Json
            .take_out(&document, &Path::parse(path).unwrap())
            .unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn an_entry_goes_with_its_comma() {
        let text = "{\n\t\"a\": 1,\n\t\"b\": [1, 2, 3],\n\t\"c\": {\"d\": null}\n}\n";
        for (path, expected) in [
            (
                "['a']",
                "{\n\t\"b\": [1, 2, 3],\n\t\"c\": {\"d\": null}\n}\n",
            ),
            ("['b']", "{\n\t\"a\": 1,\n\t\"c\": {\"d\": null}\n}\n"),
            ("['c']", "{\n\t\"a\": 1,\n\t\"b\": [1, 2, 3]\n}\n"),
            (
                "['b'][0]",
                "{\n\t\"a\": 1,\n\t\"b\": [2, 3],\n\t\"c\": {\"d\": null}\n}\n",
            ),
            (
                "['b'][2]",
                "{\n\t\"a\": 1,\n\t\"b\": [1, 2],\n\t\"c\": {\"d\": null}\n}\n",
            ),
            (
                "['c']['d']",
                "{\n\t\"a\": 1,\n\t\"b\": [1, 2, 3],\n\t\"c\": {}\n}\n",
            ),
        ] {
            assert_eq!(without(text, path), expected, "{path}");
        }
        assert_eq!(without("{\"a\": 1}", "['a']"), "{}");
        assert_eq!(
            without("{ \"sops\": {\"x\": 1}, \"a\": 1 }", "['a']"),
            "{ \"sops\": {\"x\": 1} }"
        );
        assert_eq!(
            without("{ \"a\": 1, \"sops\": {\"x\": 1} }", "['a']"),
            "{ \"sops\": {\"x\": 1} }"
        );
    }
}

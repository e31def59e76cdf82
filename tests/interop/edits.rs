//! Values of every shape put anywhere into generated documents with comments in every position: the
//! sealed text holds exactly what was meant, no comment is lost, and the reference sees the same
//! containers, so that it opens every comment.

use std::fmt::Write as _;

use clsecrets::format::{Format, yaml::Yaml};
use clsecrets::tree::{Element, Item, List, Map, Node, Path, Value};
use zeroize::Zeroizing;

use super::documents::Generator;
use super::walk::{number, seen_by_the_reference, seen_by_us};
use crate::emission::{clear, put, try_sealed};

#[test]
fn a_value_goes_anywhere_and_the_reference_sees_the_same_places() {
    let mut texts = Vec::new();
    let mut refused = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let first = number("CLSECRETS_SEED").unwrap_or_default();
    let count = number("CLSECRETS_WALK_COUNT").unwrap_or(300);
    for seed in first..first + count {
        let mut choice = Generator::new(seed * 7_919 + 5);
        let document = choice.document();
        let Some(sealed) = try_sealed(&document) else {
            continue;
        };
        let (path, is_new) = place(&mut choice, &document);
        let node = shape(&mut choice);
        let what = format!("{path}\n{document}");
        let edited = match put(&sealed, &path, node) {
            Ok(edited) => edited,
            Err(error) => {
                refused.push(format!("{error}: {what}"));
                continue;
            }
        };
        if is_new {
            assert_eq!(
                comments(&clear(&edited)),
                comments(&document),
                "{what}\n{}",
                clear(&edited)
            );
        }
        let file = folder.path().join(format!("{seed}.yaml"));
        std::fs::write(&file, &edited).unwrap();
        files.push(file);
        texts.push((what, edited));
    }
    let taken = texts.len() as u64;
    assert!(taken > count / 3, "only {taken} documents were taken");
    // What the reference could not read is refused, and a comment that would be lost.
    let is_meant = |error: &String| {
        let words = ["would be lost", "merge key", "repeats this value"];
        words.iter().any(|words| error.contains(words))
    };
    assert!(refused.iter().all(is_meant), "{refused:#?}");
    // Documents with such a comment could not be sealed at all before there were layouts.
    let (of_layouts, others): (Vec<&String>, Vec<&String>) = refused
        .iter()
        .partition(|error| error.contains("only its layout keeps"));
    assert!(others.len() as u64 * 20 <= taken, "{others:#?}");
    assert!(of_layouts.len() as u64 * 10 <= taken, "{of_layouts:#?}");
    println!("{taken} of {count} documents were taken");

    let mut differences = String::new();
    for ((what, text), theirs) in texts.iter().zip(seen_by_the_reference(&files)) {
        let theirs: String = theirs
            .unwrap()
            .lines()
            .filter(|line| !line.contains(" sops:"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let ours = seen_by_us(text).unwrap_or_else(|error| format!("{error}\n"));
        let ours: String = ours
            .lines()
            .filter(|line| !is_in_braces(line, text))
            .flat_map(|line| [line, "\n"])
            .collect();
        if ours != theirs {
            let _ = writeln!(
                differences,
                "--- {what}\n{text}--- ours\n{ours}--- theirs\n{theirs}"
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// Whether this is the comment of an empty map, which the reference does not see.
fn is_in_braces(seen: &str, text: &str) -> bool {
    let comment = seen.split_once(" comment ").map(|(_, comment)| comment);
    let comment = comment.map(|comment| format!("#{}", comment.trim_matches('"')));
    comment.is_some_and(|comment| {
        let mut heads = text.lines().filter_map(|line| line.strip_suffix(&comment));
        heads.any(|head| head.trim_end().ends_with(" {"))
    })
}

fn comments(text: &str) -> usize {
    text.matches("# ").count()
}

/// A place of the first document, and whether it is a new one.
fn place(choice: &mut Generator, document: &str) -> (String, bool) {
    let bytes = Zeroizing::new(document.as_bytes().to_vec());
    let tree = Yaml.parse(bytes).unwrap().tree;
    let mut paths = Vec::new();
    collect(&tree.documents[0], &Path::root(), &mut paths);
    let at = usize::try_from(choice.below(paths.len() as u64)).unwrap();
    let (path, is_new) = &paths[at];
    (path.to_string(), *is_new)
}

fn collect(map: &Map, path: &Path, paths: &mut Vec<(Path, bool)>) {
    paths.push((path.key("new"), true));
    for pair in map.pairs() {
        node(&pair.value, &path.key(&pair.key), paths);
    }
}

fn node(node_: &Node, path: &Path, paths: &mut Vec<(Path, bool)>) {
    paths.push((path.clone(), false));
    match node_ {
        Node::Map(map) => collect(map, path, paths),
        Node::List(list) => {
            for at in 0..=list.nodes().count() {
                let mut item = path.clone();
                item.push(Element::Index(at));
                match list.nodes().nth(at) {
                    Some(inner) => node(inner, &item, paths),
                    None => paths.push((item, true)),
                }
            }
        }
        Node::Leaf(_) => {}
    }
}

fn shape(choice: &mut Generator) -> Node {
    let mut map = Map::default();
    match choice.below(9) {
        0 => Node::text("put"),
        1 => Node::text("two\nlines\n"),
        2 => Node::text("lines and more\n\n"),
        3 => Node::new_leaf(Value::Int(7)),
        4 => Node::new_leaf(Value::Null),
        5 => Node::Map(map),
        6 => Node::List(List::default()),
        7 => {
            map.push("p", shape(choice));
            map.push("q", Node::text("r: s"));
            Node::Map(map)
        }
        _ => Node::List(List {
            items: vec![Item::Node(shape(choice)), Item::Node(Node::text("t"))],
            ..List::default()
        }),
    }
}

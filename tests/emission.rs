//! Every scalar that is written is read again as the same type and value: by us, by the reference's
//! own reader, and by a reader of YAML 1.1.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use clsecrets::cipher::with_plain;
use clsecrets::envelope::{Draft, Edit, OpenOptions, Opened, Sealed, Tokens};
use clsecrets::format::{Format, yaml::Yaml};
use clsecrets::metadata::Rule;
use clsecrets::secret::SecretBytes;
use clsecrets::tree::{Item, List, Map, Node, Path, Value};
use zeroize::Zeroizing;

use crate::support::sealing::{Counted, NOW, key, metadata};
use crate::support::{peer, project, python};

pub(crate) fn sealed(text: &str) -> String {
    try_sealed(text).unwrap()
}

pub(crate) fn try_sealed(text: &str) -> Option<String> {
    let draft = Draft::parse(&Yaml, Zeroizing::new(text.as_bytes().to_vec())).ok()?;
    let metadata = metadata(Rule::default(), false);
    let nonces = &mut Counted(0);
    let text = draft.seal(metadata, &key(), nonces, NOW, false, &Tokens::default());
    Some(String::from_utf8(text.ok()?.bytes.to_vec()).unwrap())
}

pub(crate) fn opened(text: &str) -> Opened {
    let sealed = Sealed::parse(&Yaml, Zeroizing::new(text.as_bytes().to_vec())).unwrap();
    sealed.open(&key(), OpenOptions::default()).unwrap()
}

pub(crate) fn put(text: &str, path: &str, node: Node) -> Result<String, String> {
    let mut opened = opened(text);
    let path = Path::parse(path).unwrap();
    match opened.set(&path, node) {
        Ok(Edit::Changed) => {}
        Ok(Edit::Unchanged) => return Ok(text.to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    let text = opened
        .seal(&key(), &mut Counted(1 << 32), NOW + 1, false)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(text.bytes.to_vec()).unwrap())
}

pub(crate) fn clear(text: &str) -> String {
    String::from_utf8(opened(text).clear_text().unwrap().to_vec()).unwrap()
}

/// What YAML makes hard, as bytes.
fn strings() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = HARD.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(("long ".repeat(60) + "end").into_bytes());
    all.extend([
        vec![0xFF],
        vec![b'a', 0x80, b'\n'],
        vec![0xC3, 0x28],
        vec![0; 40],
    ]);
    all
}

#[rustfmt::skip]
const HARD: &[&str] = &[
    "", " ", "a", "two words", " lead", "trail ", "\ttab", "tab\t", "a\tb", "yes", "No", "on",
    "y", "n", "true", "True", "null", "~", "Null", "nUll", "12", "-5", "+5", "0x1F", "0o17",
    "012", "08", "0b1", "1_000", "1.5", ".5", "5.", "1e3", "1e400", "-.inf", ".nan", ".NaN",
    "12:30:45", "1:60", "190:20:30.15", "2024-01-02", "2024-01-02 03:04:05Z",
    "2024-01-02T03:04:05Z", "2024-1-2 3:4:5", "=", "<<", "-", "- a", "--- a", "---", "...", "? a",
    "?", ":", ": a", "a: b", "a:b", "a:", "a #b", "a#b", "#", "# a", "[a", "{a", "]", "}", "a, b",
    "a,b", "&a", "*a", "!a", "|", "|-", ">", "%a", "@a", "`a", "'", "''", "\"", "it's",
    "say \"hi\"", "\\", "\\n", "a\\", "a\nb", "a\n", "\na", "\n", "\n\n", "a\n\n", "a\n\nb\n",
    " a\nb", "a \nb", "a\n b\n", "\ta\nb", "a\n\tb", "a\r\nb", "a\r", "\r", "a\u{85}b",
    "a\u{2028}b", "a\u{2029}", "\u{A0}", "\u{FEFF}", "a\u{FEFF}", "\u{1F600}", "é", "日本",
    "\u{7F}", "\u{1}", "\0", "\u{1B}[0m", "\u{FFFD}", "\u{FFFE}", "\u{D7FF}", "\u{10FFFF}",
    "ENC[AES256_GCM]", "#ENC[", "a\n# b\nc", "a\n---\nb", "a\n...\n", "key: |",
    "-----BEGIN KEY-----\nabc\n-----END KEY-----\n", "0", "-0", "1.2.3.4", "1.", "_", "1__0",
    "0x", "0xFFFFFFFFFFFFFFFFFF", "9223372036854775808", "18446744073709551616", "a\n ", "\n ",
];

/// Strings of letters that matter, from a seed.
fn generated(count: usize) -> Vec<Vec<u8>> {
    const LETTERS: [&str; 24] = [
        "a",
        "0",
        "1",
        ":",
        " ",
        "\n",
        "#",
        "-",
        "'",
        "\"",
        "\\",
        ",",
        "[",
        "}",
        "\t",
        ".",
        "e",
        "_",
        "?",
        "é",
        "\u{1F600}",
        "\u{85}",
        "&",
        "|",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap() % limit
    };
    let mut word = || -> String {
        let length = 1 + below(6);
        (0..length).map(|_| LETTERS[below(LETTERS.len())]).collect()
    };
    (0..count).map(|_| word().into_bytes()).collect()
}

fn leaf(bytes: &[u8]) -> Node {
    Node::new_leaf(Value::Str(SecretBytes::copy_of(bytes)))
}

fn map_of<'a>(values: impl Iterator<Item = (String, &'a Vec<u8>)>) -> Node {
    let mut map = Map::default();
    for (key, value) in values {
        map.push(key, leaf(value));
    }
    Node::Map(map)
}

fn list_of(values: &[Vec<u8>]) -> Node {
    Node::List(List {
        items: values.iter().map(|value| Item::Node(leaf(value))).collect(),
        ..List::default()
    })
}

/// All strings in every context of a document in some layout.
fn document(layout: &str, values: &[Vec<u8>]) -> String {
    let mut text = sealed(layout);
    let numbered = || {
        values
            .iter()
            .enumerate()
            .map(|(at, value)| (format!("k{at}"), value))
    };
    // The reference cannot hold these as keys.
    let names = values.iter().filter_map(|value| {
        let name = String::from_utf8(value.clone()).ok()?;
        (name != "<<" && !name.is_empty()).then_some(name)
    });
    let mut keys = Map::default();
    for name in names {
        if keys.get(&name).is_none() {
            keys.push(name, Node::text("v"));
        }
    }
    for (path, node) in [
        ("['block']", map_of(numbered())),
        ("['list']", list_of(values)),
        ("['flow']['in']", map_of(numbered())),
        ("['flow']['list']", list_of(values)),
        ("['keys']", Node::Map(keys)),
    ] {
        text = put(&text, path, node).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    clear(&text)
}

const LAYOUTS: [&str; 4] = [
    "flow: {a: b}\n",
    "a:\n  b: c\n  d:\n  - e\nflow: {a: b}\n",
    "a:\n   b: c\nl:\n  - 'x'\nflow: {\n  'a': 'b'\n}\nz: 'last'\n",
    "a:\r\n    - b\r\nflow: {\"a\": \"b\"}\r\nz: \"last\"\r\n",
];

#[test]
fn strings_are_read_again_as_those_strings_by_three_readers() {
    let mut values = strings();
    values.extend(generated(250));
    let folder = tempfile::tempdir().unwrap();
    for (number, layout) in LAYOUTS.iter().enumerate() {
        let text = document(layout, &values);
        let tree = Yaml
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap()
            .tree;
        let path = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&path, &text).unwrap();
        let theirs = read_by_the_reference(&path);
        let python = read_by_yaml_1_1(&text);
        for place in ["block", "list", "flow"] {
            let expected: Vec<&Vec<u8>> = match place {
                "flow" => values.iter().chain(&values).collect(),
                _ => values.iter().collect(),
            };
            let ours = leaves(tree.documents[0].get(place).unwrap());
            // The flow map begins with what stood there.
            let skipped = usize::from(place == "flow");
            let python = &python[place].as_array().unwrap()[skipped..];
            let theirs = &theirs[place][skipped..];
            let ours = &ours[skipped..];
            assert_eq!(
                [ours.len(), theirs.len(), python.len()],
                [expected.len(); 3],
                "{layout:?} {place}"
            );
            for (at, value) in expected.iter().enumerate() {
                let what = format!(
                    "{layout:?} {place} {at} {:?}",
                    String::from_utf8_lossy(value)
                );
                assert_eq!(&ours[at], &("string", (*value).clone()), "ours: {what}");
                let shown = String::from_utf8_lossy(value).into_owned();
                assert_eq!(
                    theirs[at],
                    ("string".to_owned(), shown),
                    "reference: {what}"
                );
                assert_eq!(python[at], as_python(value), "YAML 1.1: {what}");
            }
        }
        let names: Vec<&str> = tree.documents[0]
            .get("keys")
            .and_then(Node::as_map)
            .unwrap()
            .pairs()
            .map(|pair| pair.key.as_str())
            .collect();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(
                python["keys"][at],
                as_python(name.as_bytes()),
                "key {name:?}"
            );
        }
        assert_eq!(names.len(), theirs["keys"].len());
    }
}

fn as_python(value: &[u8]) -> serde_json::Value {
    if let Ok(text) = std::str::from_utf8(value) {
        return serde_json::json!(["str", text]);
    }
    let mut hex = String::new();
    for byte in value {
        let _ = write!(hex, "{byte:02x}");
    }
    serde_json::json!(["bytes", hex])
}

fn leaves(node: &Node) -> Vec<(&'static str, Vec<u8>)> {
    match node {
        Node::Leaf(leaf) => vec![with_plain(&leaf.value, |plain| {
            (leaf.value.type_name(), plain.to_vec())
        })],
        Node::Map(map) => map.pairs().flat_map(|pair| leaves(&pair.value)).collect(),
        Node::List(list) => list.nodes().flat_map(leaves).collect(),
    }
}

/// Types and texts below each key of the first map.
fn read_by_the_reference(file: &std::path::Path) -> HashMap<String, Vec<(String, String)>> {
    let output = Command::new(peer("oracle")).arg(file).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["err"].is_null(), "{}", json["err"]);
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for item in json["docs"][0].as_array().unwrap() {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        let top = text("p").split(':').next().unwrap().to_owned();
        found.entry(top).or_default().push((text("t"), text("v")));
    }
    found
}

fn read_by_yaml_1_1(text: &str) -> serde_json::Value {
    use std::io::Write as _;
    let mut child = Command::new(python())
        .arg(project("tests/interop/strings.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn other_types_stay_those_types() {
    for (value, shown) in [
        (Value::Int(i64::MIN), "-9223372036854775808"),
        (Value::Float(2.0), "2.0"),
        (Value::Float(1e21), "1e+21"),
        (Value::Float(f64::NEG_INFINITY), "-.inf"),
        (Value::Bool(false), "false"),
        (Value::Null, "null"),
        (
            Value::Time("2024-01-02T03:04:05.12+02:00".to_owned()),
            "2024-01-02T03:04:05.12+02:00",
        ),
    ] {
        let mut text = sealed("a: {x: 'y'}\nb:\n  - \"z\"\nc: 'old'\n");
        for path in ["['a']['n']", "['b'][5]", "['c']", "['d']['e']"] {
            text = put(&text, path, Node::new_leaf(value.duplicate())).unwrap();
        }
        assert_eq!(
            clear(&text),
            format!("a: {{x: 'y', n: {shown}}}\nb:\n  - \"z\"\n  - {shown}\nc: {shown}\nd:\n  e: {shown}\n")
                .replace(", n:", ", \"n\":"),
        );
    }
}

//! JSON and binary files: what is sealed and opened is what it was, in every layout; what is hostile
//! is refused with its line.

use clsecrets::envelope::EnvelopeError;
use clsecrets::format::{Fault, Format, binary::Binary, json::Json, yaml::Yaml};
use clsecrets::metadata::{Rule, RuleKind};
use clsecrets::tree::{Node, Path, Value};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::properties::{open_as, seal_as};
use crate::support::fixture;

const BOM: &str = "\u{FEFF}";

/// Every layout that a value may be in; spelling is that of the reference.
const LAYOUTS: &[&str] = &[
    "{}",
    "{ }",
    "{\n}\n",
    "{\"a\":\"x\"}",
    "{\"a\": \"x\", \"b\": [1, true, null, 1.5]}\n",
    " \n {\"a\" : \"x\" , \"b\":{ }\n}\n\n",
    "{\n  \"a\": \"x\",\n  \"b\": {\n    \"c\": [\n      \"d\",\n      {}\n    ]\n  }\n}\n",
    "{\r\n\t\"a\": \"x\",\r\n\t\"b\": []\r\n}\r\n",
    "{\n\"a\":\"x\"}",
    "  {\n    \"a\": \"x\"\n  }",
    "{\"a\": \"first\", \"a\": \"second\", \"\\u0061\": \"third\"}",
    "{\"\": \"x\", \"a:b\": \"y\", \"k<\\/\": \"<b>&'\u{7F}\u{2028}é😀\\\"\\\\\\n\\t\\b\\u0001\"}",
    "{\"clear_unencrypted\": [1.50, 1E3, -0, \"\\u00e9\\/\", \"\\ud83d\\ude00\"], \"b\": \"x\"}",
    "{\"a\": 2.0, \"b\": -0.0, \"c\": 1e+21, \"d\": 1e-7, \"e\": -9223372036854775808}",
];

#[test]
fn what_is_sealed_and_opened_is_what_it_was() {
    for text in LAYOUTS {
        let sealed = seal_as(&Json, text.as_bytes(), Rule::default()).unwrap();
        let opened = open_as(&Json, &sealed).unwrap();
        assert_eq!(String::from_utf8(opened).unwrap(), *text);
        let sealed = String::from_utf8(sealed).unwrap();
        assert_eq!(sealed.contains('\n'), text.contains('\n'));
        assert_eq!(sealed.contains("\r\n"), text.contains("\r\n"));
        assert!(!sealed.contains("\"x\""), "{sealed}");
    }
}

#[test]
fn the_metadata_is_indented_as_the_file_is() {
    let seal = |text: &str| {
        let sealed = seal_as(&Json, text.as_bytes(), Rule::default()).unwrap();
        let sealed = String::from_utf8(sealed).unwrap();
        let at = sealed.find("\"sops\"").unwrap();
        (
            sealed[..at].chars().rev().take(4).collect::<String>(),
            sealed[at..].to_owned(),
        )
    };
    let (before, block) = seal("{\n  \"a\": \"\"\n}\n");
    assert_eq!(before, "  \n,");
    assert!(
        block.starts_with("\"sops\": {\n    \"age\": [\n      {\n        \"enc\": "),
        "{block}"
    );
    assert!(
        block.ends_with("\n    \"version\": \"3.13.3\"\n  }\n}\n"),
        "{block}"
    );
    let (_, block) = seal("{\"a\":\"\"}");
    assert!(block.starts_with("\"sops\":{\"age\":[{\"enc\":"), "{block}");
    let (before, block) = seal("{\"a\": \"\"}");
    assert_eq!(before, " ,\"\"");
    assert!(
        block.starts_with("\"sops\": {\"age\": [{\"enc\": "),
        "{block}"
    );
}

#[test]
fn spelling_of_a_sealed_value_and_a_byte_order_mark_stand_in_the_layout() {
    for text in [
        "{\"a\": 1.50}",
        "{\"a\": 1E3}",
        "{\"a\": -0}",
        "{\"a\": 12345678901234567890}",
        "{\"a\": \"\\u00e9\\/\"}",
        "\u{FEFF}{\"a\": \"x\"}",
    ] {
        let sealed = seal_as(&Json, text.as_bytes(), Rule::default()).unwrap();
        assert!(!sealed.starts_with(BOM.as_bytes()));
        let opened = open_as(&Json, &sealed).unwrap();
        assert_eq!(String::from_utf8(opened).unwrap(), text);
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    Json.parse(Zeroizing::new(deep(899).into_bytes())).unwrap();
    for (text, line, column) in [
        ("", 1, 1),
        ("[1]", 1, 1),
        ("\"x\"", 1, 1),
        ("{\"a\": 1}\n{\"b\": 2}", 2, 1),
        ("{\"a\": 1}x", 1, 9),
        ("{\"a\": 1,}", 1, 9),
        ("{\"a\": [1,]}", 1, 10),
        ("{\"a\" 1}", 1, 6),
        ("{a: 1}", 1, 2),
        ("{'a': 1}", 1, 2),
        ("{\"a\": 01}", 1, 7),
        ("{\n  \"a\": 1e400\n}", 2, 8),
        ("{\"a\": NaN}", 1, 7),
        ("{\"a\": tru}", 1, 7),
        ("{\"a\": truex}", 1, 11),
        ("{\"a\": \"\t\"}", 1, 8),
        ("{\"a\": \"\0\"}", 1, 8),
        ("{\"a\": \"é\\q\"}", 1, 9),
        ("{\"a\": \"\\ud800\"}", 1, 8),
        ("{\"\\udc00\": 1}", 1, 3),
        ("{\"a\": 1 // no\n}", 1, 9),
        ("{\"sops\": {}, \"sops\": {}}", 1, 14),
        (&deep(900), 1, 905),
        (&deep(1_000_000), 1, 905),
    ] {
        let error = Json
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap_err();
        let shown: String = text.chars().take(40).collect();
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{shown}: {error}"
        );
        assert_eq!(error.fault, Fault::Syntax, "{shown}");
    }
    let invalid = Json.parse(Zeroizing::new(b"{\n\"a\": \"\xFF\"}".to_vec()));
    assert_eq!(invalid.unwrap_err().line, 2);
}

#[test]
fn a_text_that_is_cut_anywhere_is_refused() {
    for file in ["json/plain.json", "json/sealed.json", "binary/sealed.bin"] {
        let whole = std::fs::read(fixture("formats").join(file)).unwrap();
        let end = whole.trim_ascii_end().len();
        for length in 0..end {
            let cut = Zeroizing::new(whole[..length].to_vec());
            assert!(Json.parse(cut.clone()).is_err(), "{file} at {length}");
            let sealed = Binary.parse(cut);
            assert!(sealed.is_err() || length == 0, "{file} at {length}");
        }
        Json.parse(Zeroizing::new(whole[..end].to_vec())).unwrap();
    }
}

#[test]
fn a_value_of_ten_megabytes_is_sealed_and_opened() {
    let text = format!(
        "{{\"a\": \"{}\\n\"}}",
        "é\u{1F600}abcdefghij ".repeat(600_000)
    );
    let sealed = seal_as(&Json, text.as_bytes(), Rule::default()).unwrap();
    assert!(open_as(&Json, &sealed).unwrap() == text.as_bytes());
}

#[test]
fn a_value_that_json_cannot_hold_is_refused_when_it_is_opened() {
    // Bytes that came from a binary file.
    let sealed = seal_as(&Binary, b"\xFF\x00", Rule::default()).unwrap();
    let Err(EnvelopeError::Format(error)) = open_as(&Json, &sealed) else {
        panic!("bytes became text");
    };
    assert_eq!((error.fault, error.line), (Fault::Unrepresentable, 2));
}

#[test]
fn sealed_comments_of_a_list_leave_with_their_commas() {
    let yaml = seal_as(&Yaml, b"l:\n  # one\n  - x\n", Rule::default()).unwrap();
    let yaml = String::from_utf8(yaml).unwrap();
    let (token, _) = yaml.split_once('#').unwrap().1.split_once('\n').unwrap();
    let open = |clear: &str, list: &str| {
        let sealed = seal_as(&Json, clear.as_bytes(), Rule::default()).unwrap();
        let sealed = String::from_utf8(sealed).unwrap();
        let (items, rest) = sealed.split_once('[').unwrap().1.split_once("],").unwrap();
        let mut values = items.split(", ");
        let list = list.replace('#', &format!("\"{token}\""));
        let list = list.split('x').collect::<Vec<_>>();
        let mut text = "{\"l\": [".to_owned();
        for (number, part) in list.iter().enumerate() {
            if number > 0 {
                text.push_str(values.next().unwrap());
            }
            text.push_str(part);
        }
        let text = format!("{text}],{rest}");
        String::from_utf8(open_as(&Json, text.as_bytes()).unwrap()).unwrap()
    };
    for (list, expected) in [
        ("#, x, x", "\"a\", \"b\""),
        ("#, #, x, x", "\"a\", \"b\""),
        ("x, #, x", "\"a\", \"b\""),
        ("#,#, x, #, #, x,#, #", "\"a\", \"b\""),
    ] {
        let opened = open("{\"l\": [\"a\", \"b\"]}", list);
        assert_eq!(opened, format!("{{\"l\": [{expected}]}}"), "{list}");
    }
    assert_eq!(open("{\"l\": []}", "#"), "{\"l\": []}");
    assert_eq!(open("{\"l\": []}", "#, #"), "{\"l\": []}");
}

#[test]
fn the_mac_does_not_agree_with_a_list_in_another_order() {
    let sealed = seal_as(&Json, b"{\"a\":[\"x\",\"y\"]}", Rule::default()).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    let items = &sealed[sealed.find('[').unwrap() + 1..=sealed.find("\"]").unwrap()];
    let (one, two) = items.split_once("\",\"").unwrap();
    let changed = sealed.replace(items, &format!("\"{two},{one}\""));
    assert_eq!(changed.len(), sealed.len());
    let refused = open_as(&Json, changed.as_bytes());
    assert!(matches!(refused, Err(EnvelopeError::Mac(_))), "{refused:?}");
}

#[test]
fn any_bytes_are_sealed_whole_and_opened() {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let like_an_envelope = br#"{"data": "x", "sops": {"version": "1"}}"#;
    for bytes in [
        &b""[..],
        b"x",
        b"{",
        b"{}",
        b"\xEF\xBB\xBF{\"a\":1}\n",
        &every,
        like_an_envelope,
    ] {
        let sealed = seal_as(&Binary, bytes, Rule::default()).unwrap();
        assert!(sealed.starts_with(b"{\n\t\"data\": \""));
        assert!(!String::from_utf8_lossy(&sealed).contains("_unencrypted"));
        assert_eq!(open_as(&Binary, &sealed).unwrap(), bytes);
    }
}

#[test]
fn what_is_sealed_is_not_sealed_again_and_no_rule_leaves_it_in_clear() {
    let sealed = seal_as(&Binary, b"x", Rule::default()).unwrap();
    let again = seal_as(&Binary, &sealed, Rule::default());
    assert!(
        matches!(again, Err(EnvelopeError::AlreadySealed)),
        "{again:?}"
    );
    let rule = Rule::new(RuleKind::UnencryptedRegex, "data").unwrap();
    assert!(seal_as(&Binary, b"x", rule).is_err());
}

#[test]
fn an_envelope_that_holds_more_than_its_data_is_not_opened_as_binary() {
    let sealed = seal_as(
        &Json,
        b"{\"data\": \"x\", \"more\": \"y\"}",
        Rule::default(),
    )
    .unwrap();
    let Err(EnvelopeError::Format(error)) = open_as(&Binary, &sealed) else {
        panic!("a part was lost");
    };
    assert_eq!(error.fault, Fault::Unrepresentable);
}

#[test]
fn a_node_is_put_where_its_path_leads_and_all_else_stays() {
    let put = |text: &str, path: &str, node: Node| {
        let document = Json
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap();
        let path = Path::parse(path).unwrap();
        let text = Json.put(&document, &path, node).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    };
    for (text, path, expected) in [
        ("{}", "['a']", "{\"a\": \"v\"}"),
        ("{\n}\n", "['a']", "{\n\t\"a\": \"v\"\n}\n"),
        ("{\"a\":1}", "['b']", "{\"a\":1,\"b\":\"v\"}"),
        ("{\"a\": 1 }", "['b']", "{\"a\": 1, \"b\": \"v\" }"),
        ("{\"a\": 1}", "['a']", "{\"a\": \"v\"}"),
        (
            "{\n  \"a\": 1\n}",
            "['b']['c'][0]",
            "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": [\n      \"v\"\n    ]\n  }\n}",
        ),
        (
            "{\n  \"a\": {}\n}",
            "['a']['b']",
            "{\n  \"a\": {\n    \"b\": \"v\"\n  }\n}",
        ),
        (
            "{\n  \"a\": {\"x\": 1}\n}",
            "['a']['b']",
            "{\n  \"a\": {\"x\": 1, \"b\": \"v\"}\n}",
        ),
        ("{\"a\": []}", "['a']['b']", "{\"a\": {\"b\": \"v\"}}"),
        ("{\"a\": [1, 2]}", "['a'][1]", "{\"a\": [1, \"v\"]}"),
        ("{\"a\": [1, 2]}", "['a'][9]", "{\"a\": [1, 2, \"v\"]}"),
        (
            "{\n  \"a\": [\n    1\n  ]\n}",
            "['a'][1]",
            "{\n  \"a\": [\n    1,\n    \"v\"\n  ]\n}",
        ),
        (
            "{\n  \"a\": 1\n}",
            "['a']['b']",
            "{\n  \"a\": {\n    \"b\": \"v\"\n  }\n}",
        ),
        (
            "{\"a\": 1, \"sops\": {}}",
            "['b']",
            "{\"a\": 1, \"b\": \"v\", \"sops\": {}}",
        ),
        ("{\"sops\": {}}", "['b']", "{\"b\": \"v\", \"sops\": {}}"),
        (
            "{\"sops\": {}, \"a\": 1}",
            "['b']",
            "{\"sops\": {}, \"a\": 1, \"b\": \"v\"}",
        ),
    ] {
        assert_eq!(put(text, path, Node::text("v")), expected, "{text} {path}");
    }
    let float = Node::new_leaf(Value::Float(2.0));
    assert_eq!(put("{\"a\":1}", "['a']", float), "{\"a\":2.0}");
}

/// A JSON text of one value, in a layout of its own.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        Just("null".to_owned()),
        (-1000..1000_i32).prop_map(|number| format!("{number}.5")),
        ".{0,12}".prop_map(|text: String| serde_json::to_string(&text).unwrap()),
    ];
    let blank = || prop::sample::select(vec!["", "", " ", "\n", "\r\n\t", "  "]);
    scalar.prop_recursive(4, 40, 6, move |inner| {
        let parts = prop::collection::vec((blank(), inner.clone(), blank()), 0..6);
        let list = parts.prop_map(|parts| {
            let parts = parts
                .iter()
                .map(|(before, item, behind)| format!("{before}{item}{behind}"));
            format!("[{}]", parts.collect::<Vec<_>>().join(","))
        });
        prop_oneof![list, object(inner)]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(vec!["", "", " ", "\n  ", "\r\n\t", "  "]);
    let key = "[a-c]{0,2}(_unencrypted)?".prop_map(|key| format!("\"{key}\""));
    let pair = (blank(), key, blank(), blank(), inner, blank());
    prop::collection::vec(pair, 0..6).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_json_comes_back(text in object(value())) {
        let sealed = seal_as(&Json, text.as_bytes(), Rule::default()).unwrap();
        let opened = open_as(&Json, &sealed).unwrap();
        prop_assert_eq!(String::from_utf8(opened).unwrap(), text);
    }

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let sealed = seal_as(&Binary, &bytes, Rule::default()).unwrap();
        prop_assert_eq!(open_as(&Binary, &sealed).unwrap(), bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(bytes in "[\\[\\]{}\",:0-9eE.\\\\u\\-+tn a-f\n]{0,60}") {
        let _ = Json.parse(Zeroizing::new(bytes.clone().into_bytes()));
        let like_ours = serde_json::from_str::<serde_json::Value>(&bytes);
        let ours = Json.parse(Zeroizing::new(bytes.into_bytes()));
        // One reader's map is another's map.
        prop_assert_eq!(ours.is_ok(), like_ours.is_ok_and(|value| value.is_object()));
    }
}

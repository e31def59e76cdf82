//! Sealing and opening give back any document, with every style, comment, rule and form of the MAC at
//! once.

use std::fmt::Write as _;

use clsecrets::envelope::{Draft, EnvelopeError, OpenOptions, Sealed, Tokens};
use clsecrets::format::{Format, dotenv::Dotenv, ini::Ini, json::Json, yaml::Yaml};
use clsecrets::metadata::{Rule, RuleKind};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::support::sealing::{Counted, NOW, key, metadata};

/// The text sealed and opened again; `None` where there is nothing to seal, or not safely.
fn round_trip(
    format: &'static dyn Format,
    text: &str,
    rule: Rule,
    only_encrypted: bool,
) -> Option<String> {
    let key = key();
    let draft = Draft::parse(format, Zeroizing::new(text.as_bytes().to_vec()));
    let draft = draft.unwrap_or_else(|error| panic!("{error} in {text:?}"));
    let metadata = metadata(rule, only_encrypted);
    let tokens = Tokens::default();
    let sealed = match draft.seal(metadata, &key, &mut Counted(0), NOW, false, &tokens) {
        Err(
            EnvelopeError::NothingSelected { .. }
            | EnvelopeError::StrayComment(_)
            | EnvelopeError::MisleadingComment(_),
        ) => return None,
        sealed => sealed.unwrap_or_else(|error| panic!("{error} in {text:?}")),
    };
    let sealed = Sealed::parse(format, sealed.bytes).unwrap();
    let opened = sealed.open(&key, OpenOptions::default()).unwrap();
    let opened = opened.clear_text().unwrap();
    Some(String::from_utf8(opened.to_vec()).unwrap())
}

fn rule() -> impl Strategy<Value = Rule> {
    let rules = [
        (RuleKind::UnencryptedSuffix, "_unencrypted"),
        (RuleKind::EncryptedSuffix, "b"),
        (RuleKind::UnencryptedRegex, "^a"),
        (RuleKind::EncryptedRegex, "a|b"),
        (RuleKind::UnencryptedCommentRegex, "x"),
        (RuleKind::EncryptedCommentRegex, "x|y"),
    ];
    prop::sample::select(rules.to_vec()).prop_map(|(kind, words)| Rule::new(kind, words).unwrap())
}

#[derive(Debug, Clone)]
enum Node {
    Scalar(String),
    Block(&'static str, Vec<String>),
    Map(Vec<Pair>),
    List(bool, Vec<Node>),
}

#[derive(Debug, Clone)]
struct Pair {
    above: Vec<String>,
    key: String,
    value: Node,
    behind: Option<String>,
    is_spaced: bool,
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-zA-Z0-9/+=_.@-]{0,20}",
        "[a-z]{1,5}( [a-zé€]{1,5}){1,3}",
        "'[a-z #:{}%\"]{0,12}'",
        "\"[a-z #:{}%']{0,8}(\\\\\\\\|\\\\n|\\\\\")?[a-z]{0,3}\"",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        prop::sample::select(vec![
            "~",
            "null",
            "''",
            "yes",
            "1.5",
            "2024-01-02T03:04:05Z",
            "x0123",
            "1e3x"
        ])
        .prop_map(str::to_owned),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let line = "[a-z][a-z #:\"']{0,12}[a-z]";
    let leaf = prop_oneof![
        6 => scalar().prop_map(Node::Scalar),
        1 => (
            prop::sample::select(vec!["|", "|-", ">-"]),
            prop::collection::vec(line, 1..3),
        )
            .prop_map(|(header, mut lines)| {
                // Folded lines come back as one.
                if header == ">-" {
                    lines.truncate(1);
                }
                Node::Block(header, lines)
            }),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            2 => map(inner.clone()),
            1 => (any::<bool>(), prop::collection::vec(inner, 1..4))
                .prop_map(|(is_indented, items)| Node::List(is_indented, items)),
        ]
    })
}

fn map(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    let comment = "# [x-z]( [a-z]{1,6}){0,2}";
    let pair = (
        prop::collection::vec(comment, 0..2),
        "[ab][a-c]{0,2}(_unencrypted)?",
        inner,
        prop::option::weighted(0.2, comment),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(above, key, value, behind, is_spaced)| Pair {
            above,
            key,
            value,
            behind,
            is_spaced,
        });
    prop::collection::vec(pair, 1..5).prop_map(Node::Map)
}

/// What stands behind a `:` or `-` at a column, with the line end.
fn write(node: &Node, column: usize, behind: Option<&String>, text: &mut String) {
    let pad = " ".repeat(column + 2);
    match node {
        Node::Scalar(scalar) => {
            let behind = behind.map(|comment| format!("  {comment}"));
            writeln!(text, " {scalar}{}", behind.unwrap_or_default()).unwrap();
        }
        Node::Block(header, lines) => {
            writeln!(text, " {header}").unwrap();
            for line in lines {
                writeln!(text, "{pad}{line}").unwrap();
            }
        }
        Node::Map(pairs) => {
            text.push('\n');
            write_pairs(pairs, column + 2, text);
        }
        Node::List(is_indented, items) => {
            text.push('\n');
            let column = if *is_indented { column + 2 } else { column };
            for item in items {
                write!(text, "{}-", " ".repeat(column)).unwrap();
                // An indentless list in a list would be the same list.
                match item {
                    Node::List(_, items) => {
                        write(&Node::List(true, items.clone()), column, None, text);
                    }
                    item => write(item, column, None, text),
                }
            }
        }
    }
}

fn write_pairs(pairs: &[Pair], column: usize, text: &mut String) {
    for (number, pair) in pairs.iter().enumerate() {
        let pad = " ".repeat(column);
        if pair.is_spaced {
            text.push('\n');
        }
        for comment in &pair.above {
            writeln!(text, "{pad}{comment}").unwrap();
        }
        // Keys are different by their number, in the middle so that suffixes stay.
        let (head, tail) = pair.key.split_at(1);
        write!(text, "{pad}{head}{number}{tail}:").unwrap();
        write(&pair.value, column, pair.behind.as_ref(), text);
    }
}

fn yaml() -> impl Strategy<Value = String> {
    prop::collection::vec(map(node()), 1..3).prop_map(|documents| {
        let texts = documents.iter().map(|document| {
            let mut text = String::new();
            if let Node::Map(pairs) = document {
                write_pairs(pairs, 0, &mut text);
            }
            text
        });
        texts.collect::<Vec<_>>().join("---\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_yaml_comes_back_under_any_rule(
        text in yaml(),
        rule in rule(),
        only_encrypted in any::<bool>(),
    ) {
        if let Some(opened) = round_trip(&Yaml, &text, rule, only_encrypted) {
            prop_assert_eq!(opened, text);
        }
    }

    #[test]
    fn each_format_comes_back_under_any_rule(
        values in prop::collection::vec("[a-zA-Z0-9/+=%:@ ]{0,10}[a-z]", 3),
        rule in rule(),
        only_encrypted in any::<bool>(),
    ) {
        let [one, two, three] = [&values[0], &values[1], &values[2]].map(|value| value.trim_start());
        let json = format!(
            "{{ \"a_unencrypted\" : \"{one}\",\r\n\t\"b\": [1, \"{two}\", {{\"ab\": null}}, []],\n\"c\": {{\"b\": \"{three}\", \"a\": 2.5}} }}\n\n"
        );
        let dotenv = format!("# x {one}\na_unencrypted={one}\n\nb = {two}\n#y\nac={three} \n");
        let ini = format!("; x {one}\na_unencrypted = {one}\n\n[b]\nab   = `{two};#`\nc: {three}\n");
        for (format, text) in [(&Json as &dyn Format, json), (&Dotenv, dotenv), (&Ini, ini)] {
            if let Some(opened) = round_trip(format, &text, rule.clone(), only_encrypted) {
                prop_assert_eq!(opened, text);
            }
        }
    }
}

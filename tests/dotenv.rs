//! dotenv files: what is sealed and opened is what it was, to the byte; what is hostile is refused
//! with its line.

use std::time::{Duration, Instant};

use clsecrets::envelope::EnvelopeError;
use clsecrets::format::{Format, Metadata, dotenv::Dotenv, yaml::Yaml};
use clsecrets::metadata::{Rule, RuleKind};
use clsecrets::tree::{Field, Node, Path, Tree, Value};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::properties::{open_as, seal_as};
use crate::support::fixture;

/// Whatever a line may be; each comes back byte for byte.
const TEXTS: &[&[u8]] = &[
    b"",
    b"\n",
    b"A=1",
    b"A=1\n",
    b"\n\nA=1\n\n\nB=2\n\n",
    b"# c\nA=1\n#\n#ENC\n# end",
    b"A=\"q\" # no comment\nexport B='c'\n  C = d \nA=again\n",
    b"=x\nE=\nG=a=b\n",
    b"F=a\\nb\\\\n\\\nH=\xC3\xA9\xF0\x9F\x98\x80\n",
    b"A=\xFF\xFE\n#\xFF\nB=\0\n",
    b"A=1\r\nB=\r\n\r\n# c\r\n\r\n\r\nC=3\r\n",
    b"\r\nA=1\r\n\r\n",
    b"A=1\rB=2\n",
    b"\xEF\xBB\xBFA=1\nB=2\n",
    b"\xEF\xBB\xBF# c\n\nA=1\n",
    b"\xEF\xBB\xBF\nA=1\n",
    b"A_unencrypted=1\r\n\r\nB=2\r\n",
];

#[test]
fn what_is_sealed_and_opened_is_what_it_was() {
    for text in TEXTS {
        let sealed = seal_as(&Dotenv, text, Rule::default()).unwrap();
        let opened = open_as(&Dotenv, &sealed).unwrap();
        let shown = String::from_utf8_lossy(text);
        assert!(
            opened == *text,
            "{shown:?} became {:?}",
            String::from_utf8_lossy(&opened)
        );
        // A line that the reference takes: empty, a comment, or with '='.
        for line in sealed.split(|byte| *byte == b'\n') {
            let is_read = line.is_empty() || line[0] == b'#' || line.contains(&b'=');
            assert!(is_read, "{shown:?}: {:?}", String::from_utf8_lossy(line));
        }
    }
}

proptest! {
    #[test]
    fn generated_texts_come_back(
        lines in prop::collection::vec(
            prop_oneof![
                "[A-Za-z_ .-]{0,6}=[ -~éß\\t]{0,20}",
                "#[ -~é]{0,12}",
                Just(String::new()),
            ],
            0..12,
        ),
        end in prop_oneof![Just("\n"), Just("\r\n")],
        is_open_ended in any::<bool>(),
        has_mark in any::<bool>(),
    ) {
        let mut text = lines.join(end);
        if !(lines.is_empty() || is_open_ended && end == "\n") {
            text.push_str(end);
        }
        // A mark, or a last carriage return, has to have a key or a line end that it goes with.
let has_key = lines.iter().any(|line| !line.is_empty() && !line.starts_with('#'));
        if has_mark && has_key && !text.starts_with('#') {
            text.insert(0, '\u{FEFF}');
        }
        prop_assume!(lines.iter().any(|line| !line.is_empty()) || end == "\n");
        prop_assume!(!text.contains("sops_"));
        let sealed = seal_as(&Dotenv, text.as_bytes(), Rule::default()).unwrap();
        let opened = open_as(&Dotenv, &sealed).unwrap();
        prop_assert_eq!(String::from_utf8(opened).unwrap(), text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(sealed) = seal_as(&Dotenv, &text, Rule::default()) {
            open_as(&Dotenv, &sealed).unwrap();
        }
    }
}

#[test]
fn a_line_that_is_neither_key_nor_comment_is_refused_with_its_place() {
    for (text, line) in [
        (&b"A=1\nnoequals\n"[..], 2),
        (b" # indented\n", 1),
        (b"A=1\n\n   \n", 3),
        (b"A=1\n\xFF=1\n", 2),
        (b"A=1\nsops_mac", 2),
    ] {
        let error = Dotenv
            .parse_clear(Zeroizing::new(text.to_vec()))
            .unwrap_err();
        assert_eq!((error.line, error.column), (line, 1), "{error}");
        assert!(!error.reason.contains("noequals"));
    }
}

#[test]
fn a_name_of_the_metadata_is_sealed_already() {
    for text in [
        "sops_x=1\n",
        "A=1\nsops_age__list_7=x\n",
        "sops_\n=",
        "sops_=1",
    ] {
        let refused = seal_as(&Dotenv, text.as_bytes(), Rule::default());
        let is_meant = matches!(
            refused,
            Err(EnvelopeError::AlreadySealed | EnvelopeError::Format(_))
        );
        assert!(is_meant, "{text}: {refused:?}");
    }
    seal_as(&Dotenv, b"sops=1\nSOPS_AGE_KEY=2\n", Rule::default()).unwrap();
}

#[test]
fn a_sealed_file_that_got_other_line_ends_on_its_way_opens_and_is_written_as_it_was() {
    let text = b"# c\nA=1\n\nB_unencrypted=2\n";
    let sealed = seal_as(&Dotenv, text, Rule::default()).unwrap();
    let crlf = String::from_utf8(sealed.clone())
        .unwrap()
        .replace('\n', "\r\n");
    assert_eq!(open_as(&Dotenv, crlf.as_bytes()).unwrap(), text);
    let marked = format!("\u{FEFF}{}", String::from_utf8(sealed).unwrap());
    assert_eq!(open_as(&Dotenv, marked.as_bytes()).unwrap(), text);
    // Before a key the mark is a part of it, for the reference too.
    let sealed = seal_as(&Dotenv, b"A=1\n", Rule::default()).unwrap();
    let marked = format!("\u{FEFF}{}", String::from_utf8(sealed).unwrap());
    let refused = open_as(&Dotenv, marked.as_bytes());
    assert!(matches!(refused, Err(EnvelopeError::Value { .. })));
}

#[test]
fn metadata_that_makes_no_tree_is_refused() {
    let sealed = seal_as(&Dotenv, b"A=1\n", Rule::default()).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    for (from, to) in [
        ("age__list_0", "age__list_1"),
        ("sops_version=", "sops_mac=x\nsops_version="),
        ("sops_version=", "sops_age=x\nsops_version="),
        ("sops_lastmodified=", "sops_last="),
    ] {
        let broken = sealed.replace(from, to);
        assert_ne!(broken, sealed);
        let refused = open_as(&Dotenv, broken.as_bytes());
        let is_meant = matches!(
            refused,
            Err(EnvelopeError::Format(_) | EnvelopeError::Metadata(_))
        );
        assert!(is_meant, "{from}: {refused:?}");
    }
}

#[test]
fn unknown_metadata_stays() {
    let sealed = seal_as(&Dotenv, b"A=1\n", Rule::default()).unwrap();
    let sealed = String::from_utf8(sealed).unwrap() + "sops_later__map_x__list_0=y\\nz\n";
    let document = Dotenv.parse(Zeroizing::new(sealed.into_bytes())).unwrap();
    let Some(Metadata::Branch(fields)) = document.metadata else {
        panic!("no metadata");
    };
    let Some(Field::Map(later)) = fields.get("later") else {
        panic!("{fields:?}");
    };
    assert_eq!(
        later.get("x"),
        Some(&Field::List(vec![Field::Text("y\nz".to_owned())]))
    );
    let metadata = clsecrets::metadata::Metadata::parse(fields).unwrap();
    let written = Dotenv
        .write(&document.tree, Some(&metadata.render()))
        .unwrap();
    let written = String::from_utf8(written.to_vec()).unwrap();
    assert!(
        written.contains("sops_later__map_x__list_0=y\\nz\n"),
        "{written}"
    );
}

#[test]
fn a_mark_that_hides_a_key_from_the_rule_is_refused() {
    let rule = || Rule::new(RuleKind::EncryptedRegex, "^A$").unwrap();
    let refused = seal_as(&Dotenv, "\u{FEFF}A=1\nB=2\n".as_bytes(), rule());
    assert!(
        matches!(refused, Err(EnvelopeError::NotWritable { line: 1, .. })),
        "{refused:?}"
    );
    seal_as(&Dotenv, "\u{FEFF}B=2\nA=1\n".as_bytes(), rule()).unwrap();
}

#[test]
fn a_tree_of_another_format_is_written_if_it_fits() {
    let tree = |text: &str| -> Tree {
        Yaml.parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap()
            .tree
    };
    let write = |text: &str| Dotenv.write(&tree(text), None);
    let text = write("# c\na: x\nb: 5\nc: true\nd: \"l\\nm\"\ne: 1.0\nf: ''\n").unwrap();
    assert_eq!(
        String::from_utf8(text.to_vec()).unwrap(),
        "# c\na=x\nb=5\nc=true\nd=l\\nm\ne=1.0\nf=\n"
    );
    for text in [
        "a: null\n",
        "a: {b: c}\n",
        "a: [1]\n",
        "a=b: c\n",
        "'#a': b\n",
        "sops_a: b\n",
        "a: b\n---\nc: d\n",
    ] {
        assert!(write(text).is_err(), "{text}");
    }
}

#[test]
fn a_value_that_is_put_is_a_line_of_its_own() {
    let document = |text: &str| {
        Dotenv
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap()
    };
    let put = |text: &str, path: &str, value: Value| {
        let path = Path::parse(path).unwrap();
        let node = Dotenv.fit(&path, Node::new_leaf(value)).ok()?;
        let text = Dotenv.put(&document(text), &path, node).ok()?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    };
    let new = |text| put(text, "['N']", Value::text("a\nb")).unwrap();
    assert_eq!(new("A=1\n\n"), "A=1\nN=a\\nb\n\n");
    assert_eq!(new("A=1"), "A=1\nN=a\\nb");
    assert_eq!(new(""), "N=a\\nb\n");
    assert_eq!(put("E=\n", "['E']", Value::Bool(true)).unwrap(), "E=true\n");
    for path in ["['a']['b']", "['a=b']", "['#a']", "['sops_a']", "['a'][0]"] {
        assert!(put("A=1\n", path, Value::text("x")).is_none(), "{path}");
    }
    assert!(put("A=1\n", "['B']", Value::Null).is_none());
}

#[test]
fn a_text_that_is_cut_anywhere_never_opens_as_something_else() {
    let whole = std::fs::read(fixture("formats/dotenv/sealed.env")).unwrap();
    for length in 0..whole.len() {
        let cut = Zeroizing::new(whole[..length].to_vec());
        let _ = clsecrets::envelope::Sealed::parse(&Dotenv, cut);
    }
}

#[test]
fn large_texts_take_linear_time() {
    let value = format!("A={}\n", "é\\n\u{1F600}abcdefghij ".repeat(500_000));
    let sealed = seal_as(&Dotenv, value.as_bytes(), Rule::default()).unwrap();
    assert!(open_as(&Dotenv, &sealed).unwrap() == value.as_bytes());

    let begun = Instant::now();
    let lines = "KEY=\r\n\r\n".repeat(500_000);
    let rule = Rule::new(RuleKind::EncryptedSuffix, "_none").unwrap();
    let document = Dotenv
        .parse(Zeroizing::new(lines.clone().into_bytes()))
        .unwrap();
    assert_eq!(document.tree.documents[0].entries.len(), 500_000);
    let refused = seal_as(&Dotenv, lines.as_bytes(), rule);
    assert!(matches!(
        refused,
        Err(EnvelopeError::NothingSelected { .. })
    ));
    assert!(begun.elapsed() < Duration::from_secs(30));
}
